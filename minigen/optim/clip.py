"""Gradient clipping: no step larger than the model can bear.

Idea: one bad batch can have a gradient a thousand times the usual. Call one of these between
`backward` and `step`, with the parameters, or with one. All replace `p.grad` by a new tensor:
whoever held the old one keeps it.
Source: Pascanu, Mikolov & Bengio, On the difficulty of training recurrent networks, ICML 2013.
"""

from numbers import Real

from minigen.autograd import no_grad
from minigen.backend.device import optimizer as device
from minigen.ops import clamp, minimum, sqrt, square, stack, zeros
from minigen.tensor import Tensor, wrap


@no_grad()
def clip_grad_norm_(parameters, max_norm):
    """Scale all gradients by one factor, so that their norm as one long vector is at most max_norm.

    -> that norm before the scaling, a Tensor of one number (0 if there is no gradient). Parameters
    without a gradient are skipped. Exact equality is missed by 1e-6, PyTorch's guard against 0/0.
    """
    having = _having("clip_grad_norm_", parameters, max_norm)
    gradients = [p.grad.data for p in having]
    if having and isinstance(max_norm, Real) and device.takes(*gradients):
        total, clipped = device.clipped(device.batch_of(having[0]), gradients, max_norm)
        for p, g in zip(having, clipped, strict=True):
            p.grad = wrap(g).to(p.dtype)
        return wrap(total)
    squares = [square(p.grad.float()).sum() for p in having]
    total = sqrt(sum(squares[1:], start=squares[0])) if squares else zeros(())
    scale = minimum(max_norm / (total + 1e-6), 1.0)
    for p in having:
        p.grad = (p.grad * scale).to(p.dtype)
    return total


@no_grad()
def clip_each_grad_norm_(parameters, max_norm):
    """Scale the gradient of every parameter by itself, so that its norm is at most max_norm.

    -> the norms before the scaling, of the P parameters that have a gradient: (P,). Layers of very
    different gradients do not share one limit. Source: Caron et al., DINO, ICCV 2021.
    """
    having = _having("clip_each_grad_norm_", parameters, max_norm)
    norms = [clip_grad_norm_([p], max_norm) for p in having]
    return stack(norms) if norms else zeros(0)


@no_grad()
def clip_grad_value_(parameters, clip_value):
    """Limit every element of every gradient to [-clip_value, clip_value]."""
    for p in _having("clip_grad_value_", parameters, clip_value):
        p.grad = clamp(p.grad, -clip_value, clip_value)


def _having(function, parameters, limit):
    """[the parameters, or the one, that have a gradient]. ValueError for a limit below 0."""
    if hasattr(parameters, "parameters"):
        raise TypeError(f"{function}: expected parameters; did you mean .parameters()?")
    if isinstance(limit, Real) and not limit >= 0:
        raise ValueError(f"{function}: the limit must be at least 0, not {limit}")
    parameters = [parameters] if isinstance(parameters, Tensor) else parameters
    return [p for p in parameters if p.grad is not None]

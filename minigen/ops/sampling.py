"""Chance in a network: dropout, and draws from probabilities that were computed.

Idea: what is drawn (a mask, noise) is a constant; gradients flow through what it is applied to. All
draw from `rng`, or the default generator of the tensor's device.
Read next: random.py (generators), attention.py (which has a dropout of its own).
"""

from minigen.backend import array_module
from minigen.errors import check_dim
from minigen.ops._define import composite, primitive
from minigen.ops.random import _generator, _probability
from minigen.ops.softmax import softmax
from minigen.tensor import wrap


def _floats(function, x):
    if x.dtype.kind not in "fV":
        raise TypeError(f"{function}: x is {x.dtype}; only floats, such as x.float()")


# ---- dropout


@primitive(lambda g, kept, scale: _drop(g, kept, scale))
def _drop(x, kept, scale):
    """x·kept·scale."""
    y = x * kept
    y *= scale
    return y


def _dropped(function, x, p, training, rng, shape):
    """x with what a mask of the shape does not keep set to zero."""
    _probability(function, "p", p)
    _floats(function, x)
    if not training or p == 0:
        return x
    if p == 1:
        return x * 0
    kept = _generator(function, rng, x.device).keep_mask(shape, p).to(x.device)
    return _drop(x, kept, 1 / (1 - p))


@composite
def dropout(x, p=0.5, training=True, *, rng=None):
    """Each element zero with probability p, else divided by 1 - p; x itself if not training.

    ValueError unless 0 <= p <= 1. Source: Srivastava et al., JMLR 2014.
    """
    return _dropped("dropout", x, p, training, rng, x.shape)


@composite
def dropout2d(x, p=0.5, training=True, *, rng=None):
    """Each channel of each sample zero with probability p, else divided by 1 - p.

    x (N, C, ...): neighbours in a picture tell the same, so single elements would not be missed.
    ValueError unless 0 <= p <= 1. Source: Tompson et al., CVPR 2015.
    """
    if x.ndim < 3:
        raise ValueError(
            f"dropout2d: x {tuple(x.shape)} must be (N, C, ...) with at least 3 dimensions; "
            "dropout() drops single elements"
        )
    shape = (*x.shape[:2], *[1] * (x.ndim - 2))
    return _dropped("dropout2d", x, p, training, rng, shape)

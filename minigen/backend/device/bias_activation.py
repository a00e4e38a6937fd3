"""Activations on a device; see kernels/bias_activation.cu.

Idea: what is elementwise is visited in the order of memory, whatever that is, as rows of the last
dimension there. Backward works the derivative out from x again: nothing is kept but what was there.
Read next: ../../ops/activations.py.
"""

import math

from minigen.backend.kernels import launch


def _elementwise(kernel, name, slope, x, *arrays):
    """What a kernel makes of arrays like x; the result has x's order of memory. None stays None."""
    if x.flags.c_contiguous and x.ndim:
        rows = (-1, x.shape[-1]) if x.size else (0, 1)
        laid = [None if a is None else a.reshape(rows) for a in arrays]
        return launch(kernel, *laid, activation=f"mg_{name}", slope=slope).reshape(x.shape)
    order = sorted(range(x.ndim), key=lambda a: -x.strides[a])
    shape = [x.shape[a] for a in order] or [1]
    rows = (math.prod(shape[:-1]), shape[-1])
    laid = [None if a is None else a.transpose(order).reshape(rows) for a in arrays]
    y = launch(kernel, *laid, activation=f"mg_{name}", slope=slope).reshape(shape[: x.ndim])
    return y.transpose([order.index(a) for a in range(x.ndim)])


def activation(name, x, slope=0.0):
    """f(x), for a name of mg_activation.cuh without its mg_; slope: of leaky_relu."""
    return _elementwise("bias_activation_forward", name, slope, x, x, None)


def activation_backward(name, g, x, slope=0.0):
    """g·f'(x); g and x of one shape and dtype."""
    return _elementwise("activation_backward", name, slope, x, g, x)


def activated(name, x):
    """(f(x), backward) of a fused op."""
    return activation(name, x), lambda g, needs: (
        activation_backward(name, g.astype(x.dtype, copy=False), x),
    )

"""Blending on a device; see ../blend.py for what the functions mean, and kernels/blend.cu.

Read next: ../blend.py.
"""

from minigen.backend import array_module
from minigen.backend.kernels import launch


def blend(x, weight, index):
    """blend.blend."""
    return launch("blend_forward", x, weight, index, count=len(index) * x.shape[1])


def blend_adjoint(g, weight, index, rows):
    """blend.blend_adjoint."""
    xp = array_module(g)
    flat = index.reshape(-1)
    pairs = xp.argsort(flat, kind="stable")
    start = xp.searchsorted(flat[pairs], xp.arange(rows + 1))
    count = rows * g.shape[1]
    return launch(
        "blend_adjoint", g, weight, start, pairs, rows=rows, neighbours=index.shape[1], count=count
    )


def blend_weight_grad(g, x, index):
    """blend.blend_weight_grad."""
    return launch("blend_weight_grad", g, x, index, pairs=index.size)

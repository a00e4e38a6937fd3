"""One step of a gated recurrent unit, as slot attention uses it to update its slots.

    (a_r, a_z, a_n) = x W,    (b_r, b_z, b_n) = h U,
    r = σ(a_r + b_r),    z = σ(a_z + b_z),    n = tanh(a_n + r b_n),    h' = (1 - z) n + z h

The reset gate r acts after the product with U ("reset after"); there are no biases here.

Shapes: x (N, D), h (N, M), W (D, 3M), U (M, 3M), h' (N, M).

Derive: dx, dh, dw, du from dout (N, M). From h' to n, z and h; from n to a_n, b_n and r; from the
gates to their arguments. Then the two products: the gradients of x W and of h U differ in one part
of three, and only one.
Think of: h is used twice, as what is kept (z h) and in h U.

Course item: T-03 (slot attention).
Source: Cho et al., "Learning phrase representations using RNN encoder-decoder for statistical
machine translation", EMNLP 2014; Locatello et al., "Object-centric learning with slot attention",
NeurIPS 2020.

Fill in gru_cell_backward, then: minigen gradcheck --exercise gru_cell
"""

import numpy as np

POINTS = 5
WRT = ("x", "h", "w", "u")


def gru_cell_forward(x, h, w, u):
    """x (N, D), h (N, M), w (D, 3M), u (M, 3M) -> h' (N, M). The cache also has r, z, n, b_n."""
    a_r, a_z, a_n = np.split(x @ w, 3, axis=1)
    b_r, b_z, b_n = np.split(h @ u, 3, axis=1)
    r, z = 1 / (1 + np.exp(-a_r - b_r)), 1 / (1 + np.exp(-a_z - b_z))
    n = np.tanh(a_n + r * b_n)
    return (1 - z) * n + z * h, (x, h, w, u, r, z, n, b_n)


def gru_cell_backward(dout, cache):
    """dout (N, M) -> dx (N, D), dh (N, M), dw (D, 3M), du (M, 3M)."""
    raise NotImplementedError


def gru_cell_inputs(seed):
    """x, h, w, u of a small case."""
    rng = np.random.default_rng(seed)
    shapes = (2, 4), (2, 3), (4, 9), (3, 9)
    return tuple(rng.normal(0, 0.7, size=shape) for shape in shapes)

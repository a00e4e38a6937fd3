"""One step of a long short-term memory.

    (a_i, a_f, a_o, a_g) = x W + h U + b,    i = σ(a_i), f = σ(a_f), o = σ(a_o), g = tanh(a_g),
    c' = f c + i g,    h' = o tanh(c')

The four parts of a row of x W + h U + b are the input, forget and output gate and the candidate.

Shapes: x (N, D), h and c (N, M), W (D, 4M), U (M, 4M), b (4M,); two outputs h' and c' (N, M).

Derive: dx, dh, dc, dw, du, db from the upstream gradients dh_new and dc_new of both outputs. First
the whole gradient of c': what comes directly (dc_new) *and* what comes through h'. Then the four
gates, then their arguments, joined to one (N, 4M) array; the rest is the exercise linear, twice.
Think of: the way from c' to c is a mere product with f: this is the path on which a gradient
survives many steps.

Course item: none (W-06 replaced it).
Source: Hochreiter, Schmidhuber, "Long short-term memory", 1997; Gers, Schmidhuber, Cummins,
"Learning to forget", 2000.

Fill in lstm_cell_backward, then: minigen gradcheck --exercise lstm_cell
"""

import numpy as np

POINTS = 5
WRT = ("x", "h", "c", "w", "u", "b")


def lstm_cell_forward(x, h, c, w, u, b):
    """x (N, D), h, c (N, M), w (D, 4M), u (M, 4M), b (4M,) -> (h', c'), each (N, M)."""
    m = h.shape[1]
    a = x @ w + h @ u + b
    i, f, o = (1 / (1 + np.exp(-a[:, k * m : (k + 1) * m])) for k in range(3))
    g = np.tanh(a[:, 3 * m :])
    c_new = f * c + i * g
    t = np.tanh(c_new)
    return (o * t, c_new), (x, h, c, w, u, i, f, o, g, t)


def lstm_cell_backward(dh_new, dc_new, cache):
    """dh_new, dc_new (N, M) -> dx, dh, dc, dw, du, db, each of its argument's shape."""
    raise NotImplementedError


def lstm_cell_inputs(seed):
    """x, h, c, w, u, b of a small case."""
    rng = np.random.default_rng(seed)
    shapes = (2, 4), (2, 3), (2, 3), (4, 12), (3, 12), (12,)
    return tuple(rng.normal(0, 0.7, size=shape) for shape in shapes)

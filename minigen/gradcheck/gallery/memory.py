"""The code takes too much memory

What it is

The homework asked for more memory than it was given (--mem, 1 GB if nothing else is said; only
Linux holds it to that). Either a list or an array grows in a loop that does not end, or an
array has one axis too many. The classic is a Jacobian: a layer with n inputs and n outputs has
n^2 derivatives, and for n = 12,000 that is more than 1 GB. Backward never needs them all; it
needs one product with dout.

How to find it by hand

Print the shape of every array that backward makes, and multiply it out: 8 bytes for each
float64. np.diag, np.eye, np.outer, np.einsum, broadcasting a (N, 1) with a (1, N), and x[:,
None] - x[None] are where it happens. Then derive the product with dout on paper, and write
that: for a function that works entry by entry it is a product of entries.

The formula

y_i = tanh(x_i). The Jacobian is diagonal:

    J_ij = dy_j/dx_i = 1 - y_i^2 where i = j, else 0

    dx_i = sum over j of J_ij dout_j = (1 - y_i^2) * dout_i

The left sum has n^2 terms, all but n of them 0; the right side has n.
"""

import numpy as np


def right_forward(x):
    """x (B, D) -> tanh(x)."""
    y = np.tanh(x)
    return y, y


def right_backward(dout, cache):
    """dout (B, D) -> dx (B, D)."""
    y = cache
    return (1 - y**2) * dout


def right_inputs(seed):
    """x (120, 100): its Jacobian has 12,000 rows and columns."""
    return (np.random.default_rng(seed).normal(size=(120, 100)),)


wrong_forward = right_forward
wrong_inputs = right_inputs


def wrong_backward(dout, cache):
    """The whole Jacobian, more than 1 GB."""
    y = cache
    jacobian = np.diag(1 - y.ravel() ** 2)
    return (jacobian @ dout.ravel()).reshape(y.shape)

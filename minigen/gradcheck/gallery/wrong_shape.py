"""A gradient has another shape than its argument

What it is

The gradient of an array has one number for each entry of the array, so it has the array's
shape, exactly. (1, D) or (D, 1) in place of (D,) looks the same when it is printed, and NumPy
broadcasts it in the comparison with the right one, so that a careless test passes. The update b
-= lr * db then fails or, written b = b - lr * db, makes b a (1, D) array from then on: the
mistake travels.

The cause is mostly keepdims=True too much or too little, a sum over a batch that is missing, a
reshape to (-1, 1), or a gradient left in the flattened form of an intermediate step.

How to find it by hand

Write an assertion for every gradient: assert db.shape == b.shape. Do not compare shapes by way
of np.allclose, which broadcasts. On paper, write the shape beside every factor of a product and
every sum; an axis that was broadcast in forward has to be summed over in backward, and without
keepdims if forward's argument did not have that axis.

The formula

A linear layer y = x w + b, for a batch of B rows. b_k is added to every row, so

    db_k = sum over i of dL/dy_ik        shape (K,), that of b

    dx = dout w^T    (B, K) (K, D) -> (B, D)
    dw = x^T dout    (D, B) (B, K) -> (D, K)
"""

import numpy as np


def right_forward(x, w, b):
    """x (B, D), w (D, K), b (K,) -> (B, K)."""
    return x @ w + b, (x, w)


def right_backward(dout, cache):
    """dout (B, K) -> dx (B, D), dw (D, K), db (K,)."""
    x, w = cache
    dx = dout @ w.T
    dw = x.T @ dout
    db = dout.sum(axis=0)
    return dx, dw, db


def right_inputs(seed):
    """x (4, 5), w (5, 3), b (3,)."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(4, 5)), rng.normal(size=(5, 3)), rng.normal(size=3)


wrong_forward = right_forward
wrong_inputs = right_inputs


def wrong_backward(dout, cache):
    """The bias gets a row, (1, K)."""
    x, w = cache
    dx = dout @ w.T
    dw = x.T @ dout
    db = dout.sum(axis=0, keepdims=True)
    return dx, dw, db

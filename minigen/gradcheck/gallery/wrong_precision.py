"""Something is rounded to float32 or float16 on the way

What it is

The arguments are float64 and so is the gradient, but somewhere between them stood a number with
fewer digits. What is rounded once stays so: turning it back into float64 adds zeros, not digits.
- an array is cached in half precision, to save memory, as in the example;
- a buffer is made by np.zeros(shape, dtype=np.float32). What is written into it is rounded without
  a word;
- an astype(np.float32) that a data loader needed was copied into a layer;
- a table of constants is read from a file of float32.
In a network that trains in float32 this does no harm. In one that trains in float16 it does: small
gradients become 0. And a gradient check to many digits is no longer possible.

What looks like it:
- a wrong dtype: if what is returned is itself float32, the checker says wrong_dtype;
- a small error: an eps or a constant. It goes one way, and follows a formula. Rounding goes up and
  down, by chance;
- an unlucky numeric gradient: the report prints its error after the +-.

How to find it by hand

Print the dtype of everything on the way: [z.dtype for z in cache], then each array that backward
makes. The first that is not float64 is it. If all are, look whether the values were rounded before:
(z == z.astype(np.float32)).all() is True for an array that was float32 before.

The size tells which it was. Print abs(yours - numeric).max() / abs(numeric).max(): about 1e-8 to
1e-7 is float32, 1e-4 to 1e-3 is float16.

If the rounding is wanted, make the dtype an argument of the layer, check it with float64 and train
with the other.

On paper: float16 has 11 binary digits. 1/3 in binary is 0.010101..., of which eleven digits from
the first 1 on are kept: 0.33325. That is off by 8e-5, a relative error of 1/4096. So three keys
with the same score have the weights 1/3, and with dout = (1, 0, 0) it is dv = (1/3, 1/3, 1/3), but
from the cache in half precision (0.33325, 0.33325, 0.33325).

The formula

A number z becomes z (1 + d), with a d that is different for each and as good as random:

    abs(d) <= 2^-11 = 5e-4 in float16,    2^-24 = 6e-8 in float32,    2^-53 = 1e-16 in float64

For attention, with S = Q K^T / sqrt(D), W = softmax(S) along the keys, Y = W V:

    dV = W^T dY                          dW = dY V^T
    dS = W * (dW - row sums of dW * W)
    dQ = dS K / sqrt(D)                  dK = dS^T Q / sqrt(D)

W is in all three. Rounded weights W (1 + d) make in dV, for instance, an error of

    sum over queries t of d_ts W_ts dY_t        a sum of random signs: up here, down there
"""

import numpy as np


def right_forward(q, k, v):
    """q, k, v (T, D) -> y (T, D), the attention of each query to all keys."""
    scores = q @ k.T / np.sqrt(q.shape[1])
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    weights = e / e.sum(axis=1, keepdims=True)
    return weights @ v, (q, k, v, weights)


def right_backward(dout, cache):
    """dout (T, D) -> dq, dk, dv (T, D)."""
    q, k, v, weights = cache
    dweights = dout @ v.T
    dscores = weights * (dweights - (dweights * weights).sum(axis=1, keepdims=True))
    dscores = dscores / np.sqrt(q.shape[1])
    return dscores @ k, dscores.T @ q, weights.T @ dout


def right_inputs(seed):
    """q, k, v (5, 3)."""
    rng = np.random.default_rng(seed)
    return tuple(rng.normal(size=(5, 3)) for _ in "qkv")


def wrong_forward(q, k, v):
    """The weights, the largest array of the layer, are kept in half precision."""
    scores = q @ k.T / np.sqrt(q.shape[1])
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    weights = e / e.sum(axis=1, keepdims=True)
    return weights @ v, (q, k, v, weights.astype(np.float16))


wrong_backward = right_backward
wrong_inputs = right_inputs

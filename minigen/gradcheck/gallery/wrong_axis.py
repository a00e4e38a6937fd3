"""The sum runs over another axis

What it is

Forward takes a softmax, a mean or a norm along one axis, and backward sums along another. With
keepdims=True the result broadcasts in both cases, so no shape objects. It happens when a layer
moves: axis=1 is right for the scores of a classifier (N, C), and wrong for the attention of several
heads (heads, T, T), where the softmax goes along the last axis; axis 0 belongs to a batch norm,
axis 1 to a layer norm; the axes of images are (0, 2, 3) with the channels second, and (0, 1, 2)
with the channels last.

What looks like it:
- a missing term: there the sum is not in the gradient at all;
- a missing sum: the term is there, entry by entry, and nobody summed it;
- a transpose: the same numbers at other places. Here the numbers themselves are wrong.

How to find it by hand

Use what does not change. Adding a constant to a row of scores leaves its softmax as it is, so each
row of the gradient must sum to 0. Print yours.sum(axis=k) for each k: the zeros must be along the
axis along which the weights sum to 1. With the wrong axis they are along none.

Or use what must not mix. Let dout be 0 but in one row. Another row of scores does not enter into
this row of the output, so its gradient must be 0. Where it is not 0 shows along which axis the sum
ran. And test with axes of different lengths, since sums without keepdims then raise an error.

On paper: one head, two queries, two keys, all scores 0, so all weights are 1/2. With
dout = [[1, 0], [0, 0]] the sum of dout * weights along the first row is 1/2, and

    dscores = [[1/4, -1/4], [0, 0]]       along axis 0 instead: [[1/4, 0], [-1/4, 0]]

The second query gets a gradient there, though it has nothing to do with the first.

The formula

For one row, with w_i = exp(s_i) / sum over k of exp(s_k):

    dw_i/ds_j = w_i (1 - w_i) where i = j, -w_i w_j elsewhere

    ds_j = sum over i of dout_i dw_i/ds_j = w_j dout_j - w_j * sum over i of dout_i w_i

The i of the sum counts the entries that share a denominator, so it runs along the axis of the
softmax, the last:

    dscores = weights * (dout - (dout * weights).sum(axis=-1, keepdims=True))

Summed over j this is 0, for the w_j sum to 1.
"""

import numpy as np


def right_forward(scores):
    """scores (heads, queries, keys) -> weights of the same shape; along the keys they sum to 1."""
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = e / e.sum(axis=-1, keepdims=True)
    return weights, weights


def right_backward(dout, weights):
    """dout (heads, queries, keys) -> dscores."""
    shared = (dout * weights).sum(axis=-1, keepdims=True)
    return weights * (dout - shared)


def right_inputs(seed):
    """scores (2, 4, 4)."""
    return (np.random.default_rng(seed).normal(size=(2, 4, 4)),)


wrong_forward = right_forward
wrong_inputs = right_inputs


def wrong_backward(dout, weights):
    """Axis 1 was the last one, as long as there was one head."""
    shared = (dout * weights).sum(axis=1, keepdims=True)
    return weights * (dout - shared)

"""The sum over the copies is missing

What it is

Where forward uses one number at several places, its gradient is the sum of what comes back from all
of them. NumPy makes such copies without a word, by broadcasting: a bias (D,) added to (N, D) is
used N times, a positional embedding (T, D) once for each sentence, a temperature () everywhere.
Backward has to sum over the axes along which forward copied.

If it does not, the shape mostly says so: dposition has (N, T, D) where position has (T, D). Whoever
then makes the shape fit with dout[0] or a reshape has silenced the message and kept the mistake. In
a softmax there is no message at all: p * (dout - p * dout) has the right shape. It is the
derivative p (1 - p) of the diagonal alone, without the sum over the other entries of the row.

What looks like it:
- a factor: dout.mean(axis=0) is the sum, divided by N. Then the ratio is N everywhere;
- a missing term: the sum is not there at all. If it is there, but without .sum, it is this kind;
- a wrong axis: a sum is there, over another axis.

How to find it by hand

Write the shapes under each line of forward. An axis that an operand lacks, or has with length 1,
and that the result has with more, is an axis to sum over in the backward of this operand.

Then check with a batch of one. If the mistake is gone for N = 1 and there for N = 2, a sum over the
batch is missing. And print numeric - yours: it should be what the other samples send back, here
dout[1:].sum(axis=0).

On paper: T = D = 1 and two sentences, y_0 = x_0 + p, y_1 = x_1 + p, dout = (3, 4). If p grows by h,
both outputs grow by h, and the loss by 3 h + 4 h. So dp = 7. dout[0] is 3.

The formula

    y_ntd = x_ntd + position_td

dy_ntd / dposition_td = 1 for each n. The chain rule sums over all outputs that depend on it:

    dposition_td = sum over n of dout_ntd            dposition = dout.sum(axis=0)

In general, for an axis that broadcasting made: grad.sum(axis). For one that had length 1:
grad.sum(axis, keepdims=True). Products are the same with a factor: of y = x * gamma it is
dgamma = (dout * x).sum(axis=0), multiplied first and summed then.
"""

import numpy as np


def right_forward(x, position):
    """x (N, T, D), position (T, D) -> y (N, T, D)."""
    return x + position, None


def right_backward(dout, cache):
    """dout (N, T, D) -> dx (N, T, D), dposition (T, D)."""
    dposition = dout.sum(axis=0)
    return dout, dposition


def right_inputs(seed):
    """x (3, 4, 2), position (4, 2)."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(3, 4, 2)), rng.normal(size=(4, 2))


wrong_forward = right_forward
wrong_inputs = right_inputs


def wrong_backward(dout, cache):
    """The shape is right now, and the other sentences are lost."""
    dposition = dout[0]
    return dout, dposition

"""A number is missing, or there once too often

What it is

Every entry is the right one times the same number. The gradient points the right way and has the
wrong length, so training works, with another learning rate. That is why it is found late: when two
losses are added, when weight decay comes in, or when the batch size changes and everything with it.
Inside a network a factor in one layer multiplies the gradients of all layers before it.

The number is a constant of forward that backward forgot, or has twice:
- 1/N, the batch of a loss that is a mean; or N * C, if np.mean goes over all entries;
- the 2 of a square, or the 1/2 before it that cancels the 2;
- 1/sqrt(d) of attention, 1/tau of NT-Xent, 1/(1 - p) of dropout, the weight beta of a KL term;
- an array in place of a number: gamma of a norm. Then the ratio is the same along an axis only. If
  it is an array of the full shape, such as p of a softmax, no two ratios are the same, and only the
  search for an edit that makes every check pass can find it.

What looks like it:
- a contribution counted twice: if all of them are, it is the same as the factor 2. If one of
  several is, the ratios differ from entry to entry;
- a mean where a sum is needed (or the reverse): it is the factor N, but the cure is .sum;
- a small error: a ratio such as 1.00001 is no forgotten constant, but an eps.

How to find it by hand

Print yours / numeric, the last column of the report. If it is one number, read it: is it the batch
size, another length of an axis, a product of two, a square root of one, 2, or one of the arguments?
If several fit, change one size at a time (N = 4, then N = 6) and see which one the ratio follows.
Then go through forward, not through backward: each constant in it must come back once.

On paper: N = 2 and K = 1, mu = (1, 3), logvar = (0, 0). The loss is (1/2 + 9/2) / 2 = 2.5. With
mu = (1.1, 3) it is (0.605 + 4.5) / 2 = 2.5525. The slope is about 0.0525 / 0.1, near to
mu / N = 1/2. Without the 1/N one gets 1, twice as much.

The formula

The KL divergence of a normal distribution (mean mu, variance exp(logvar)) to the standard one is,
for each number of the code,

    kl = (mu^2 + exp(logvar) - logvar - 1) / 2

    dkl/dmu = 2 mu / 2 = mu            dkl/dlogvar = (exp(logvar) - 1) / 2

The loss is its sum over the K numbers of a code, and the mean over the N codes of the batch:

    loss = 1/N * sum over n and k of kl_nk,       so dloss/dkl_nk = 1/N

    dmu = dout / N * mu                dlogvar = dout / N * (exp(logvar) - 1) / 2
"""

import numpy as np


def right_forward(mu, logvar):
    """mu, logvar (N, K) -> the KL divergence to the standard normal, a mean over N, ()."""
    kl = 0.5 * (mu**2 + np.exp(logvar) - logvar - 1)
    return kl.sum() / len(mu), (mu, logvar)


def right_backward(dout, cache):
    """dout () -> dmu, dlogvar (N, K)."""
    mu, logvar = cache
    dkl = dout / len(mu)
    return dkl * mu, dkl * 0.5 * (np.exp(logvar) - 1)


def right_inputs(seed):
    """mu (5, 3), logvar (5, 3)."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(5, 3)), rng.normal(size=(5, 3))


wrong_forward = right_forward
wrong_inputs = right_inputs


def wrong_backward(dout, cache):
    """The batch is forgotten."""
    mu, logvar = cache
    dkl = dout
    return dkl * mu, dkl * 0.5 * (np.exp(logvar) - 1)

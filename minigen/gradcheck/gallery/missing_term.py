"""A term of the sum is left out

What it is

If x reaches the output along several ways, its gradient has a term for each. One is forgotten when
something that was computed from x is taken for a constant:
- the mean or the variance of a batch norm or layer norm;
- the length in a cosine similarity, or where NT-Xent normalises its vectors;
- the denominator of a softmax;
- the second use of an array: z in z @ z.T, a weight that encoder and decoder share, the state of a
  recurrent network that goes into the output and into the next step;
- the skip connection of a residual block.
Training goes on, slower and to a worse end, since what is left mostly points roughly downhill.

What looks like it:
- a factor: there yours / numeric is one number. Here the ratios differ, and some are negative;
- a wrong sign of one term: then numeric - yours is twice a term of your backward. If the term is
  missing it is one that you do not have;
- a missing sum, or a wrong axis: the term is there, and made wrongly.

How to find it by hand

Take the numeric gradient of all entries, with h = 1e-5:

    x[i, d] += h;      up = (forward(x) * dout).sum()
    x[i, d] -= 2 * h;  down = (forward(x) * dout).sum()
    x[i, d] += h;      numeric[i, d] = (up - down) / (2 * h)

and print numeric - yours: it is the missing term itself. Look at what it is. The same number along
an axis: a mean. A multiple of x_hat along an axis: a variance or a norm. A multiple of the output:
a softmax. Then count, in forward, how often x and everything made from it is used: so many terms.

Use what does not change. A batch norm gives the same for x + c and for c * x (but for eps), so each
column of dx must be at right angles to 1 and to x_hat: print dx.sum(axis=0) and
(dx * x_hat).sum(axis=0). If the first is not 0, the term of the mean is missing; if the second is
not, that of the variance.

On paper: N = 2, gamma = 1, eps = 0. Two numbers always become (-1, 1), or (1, -1): dx is 0 for
every dout. For x = (1, 3) and dout = (1, 0) the inverse deviation is 1 and
dout - mean = (1/2, -1/2). The mean of dout * x_hat is -1/2, so the last term takes off just that:
x_hat * -1/2 = (1/2, -1/2).

The formula

For one column, with m the mean, v the variance, r = 1 / sqrt(v + eps), x_hat_i = (x_i - m) r:

    dm/dx_j = 1 / N        dv/dx_j = 2 (x_j - m) / N    (deviations sum to 0, so m adds nothing)

    dr/dx_j = -1/2 r^3 dv/dx_j = -r^3 (x_j - m) / N = -r^2 x_hat_j / N

    dx_hat_i/dx_j = r [i = j]  -  r / N  +  (x_i - m) dr/dx_j
                    directly      mean      variance: -r x_hat_i x_hat_j / N

where [i = j] is 1 if i = j, else 0. With g = dout * gamma, the gradient by x_hat, the sum over i is

    dx_j = r (g_j - mean of g - x_hat_j * mean of g x_hat)
"""

import numpy as np


def right_forward(x, gamma, beta):
    """x (N, D), gamma (D,), beta (D,) -> y (N, D)."""
    inverse_deviation = 1 / np.sqrt(x.var(axis=0) + 1e-5)
    x_hat = (x - x.mean(axis=0)) * inverse_deviation
    return gamma * x_hat + beta, (x_hat, gamma, inverse_deviation)


def right_backward(dout, cache):
    """dout (N, D) -> dx (N, D), dgamma (D,), dbeta (D,)."""
    x_hat, gamma, inverse_deviation = cache
    g = dout * gamma
    dx = inverse_deviation * (g - g.mean(axis=0) - x_hat * (g * x_hat).mean(axis=0))
    return dx, (dout * x_hat).sum(axis=0), dout.sum(axis=0)


def right_inputs(seed):
    """x (6, 3), gamma (3,), beta (3,)."""
    rng = np.random.default_rng(seed)
    return rng.normal(1, 2, size=(6, 3)), rng.normal(1, 0.3, size=3), rng.normal(size=3)


wrong_forward = right_forward
wrong_inputs = right_inputs


def wrong_backward(dout, cache):
    """The variance taken for a constant."""
    x_hat, gamma, inverse_deviation = cache
    g = dout * gamma
    dx = inverse_deviation * (g - g.mean(axis=0))
    return dx, (dout * x_hat).sum(axis=0), dout.sum(axis=0)

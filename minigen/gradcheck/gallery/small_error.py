"""Nearly right: an eps or a rounded constant

What it is

Every entry is off by a little, 1 part in a thousand or in a million, and always in the same way.
Forward and backward do not belong to exactly the same function:
- eps stands under the root in forward and beside it in backward, or there are two eps;
- log(p + eps) in forward, and 1 / p in backward;
- a constant is rounded: 0.8 for sqrt(2 / pi) in a GELU, which is 0.79788;
- forward has the tanh formula of the GELU and backward the slope of the exact one;
- a variance is divided by N in the one and by N - 1 in the other, with a large N.
Training does not mind, mostly. But where the variance is near 0 (a dead channel, a black patch) eps
decides everything, and there the two functions have nothing to do with each other.

What looks like it:
- wrong precision: then the errors are of one size and go up and down by chance, and the largest is
  about 1e-7 or 1e-4 of the largest entry. Here they follow a formula;
- an error of the numeric gradient: the report prints it after the +-. What is many times larger
  than that is not numeric. (A step of 1e-5 and central differences are good to about 1e-10.)

How to find it by hand

Print yours / numeric - 1. It is one number, or it follows the data: here each row has its own mean
square, and so its own error. Then make eps large in both functions, 1e-6 to 1e-3: if the error
grows a thousandfold, it is the eps, and you find the line where it stands if you compare forward
and backward letter by letter. If it does not move, look for constants with few digits, and give
them all of theirs.

Better: compute the root once, in forward, and keep it in the cache. What is not written twice
cannot differ.

On paper: one number, D = 1, gamma = 1. At x = 1 the two roots are sqrt(1 + eps) = 1 + eps / 2,
nearly, and 1 + eps: they differ by eps / 2. At x = 0 the slope of y is 1 / root: 1 / sqrt(eps),
which is 1000 for eps = 1e-6, against 1 / eps, which is a million.

The formula

With q the mean of x_i^2 over the D entries of a row and root = sqrt(q + eps)

    x_hat_i = x_i / root        y_i = gamma_i x_hat_i

    droot/dx_j = 1 / (2 root) * 2 x_j / D = x_j / (D root)

    dx_hat_i/dx_j = [i = j] / root - x_i / root^2 * droot/dx_j
                  = ([i = j] - x_hat_i x_hat_j / D) / root

where [i = j] is 1 if i = j, else 0. With g = dout * gamma the sum over i is

    dx_j = (g_j - x_hat_j * mean of g x_hat) / root

with the root of forward. eps is nowhere else in it.
"""

import numpy as np

EPS = 1e-6


def right_forward(x, gamma):
    """x (N, D), gamma (D,) -> y (N, D), each row of x divided by its root mean square."""
    root = np.sqrt((x**2).mean(axis=1, keepdims=True) + EPS)
    return gamma * x / root, (x, gamma)


def right_backward(dout, cache):
    """dout (N, D) -> dx (N, D), dgamma (D,)."""
    x, gamma = cache
    root = np.sqrt((x**2).mean(axis=1, keepdims=True) + EPS)
    g, x_hat = dout * gamma, x / root
    dx = (g - x_hat * (g * x_hat).mean(axis=1, keepdims=True)) / root
    return dx, (dout * x_hat).sum(axis=0)


def right_inputs(seed):
    """x (3, 4), gamma (4,)."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(3, 4)), rng.normal(1, 0.3, size=4)


wrong_forward = right_forward
wrong_inputs = right_inputs


def wrong_backward(dout, cache):
    """EPS beside the root."""
    x, gamma = cache
    root = np.sqrt((x**2).mean(axis=1, keepdims=True)) + EPS
    g, x_hat = dout * gamma, x / root
    dx = (g - x_hat * (g * x_hat).mean(axis=1, keepdims=True)) / root
    return dx, (dout * x_hat).sum(axis=0)

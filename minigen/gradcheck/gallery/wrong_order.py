"""The gradients come in the wrong order

What it is

A backward returns several gradients, and they are in another order than the arguments of
forward. Each of them is right, and each is given to the wrong parameter. Where the shapes
differ, the next line fails and the mistake is found at once. Where they are the same (gamma and
beta of a norm, the gates of an LSTM, query, key and value), nothing fails: both parameters
train, towards nonsense.

How to find it by hand

Write the signature of forward and the return of backward under each other, and compare name by
name: def forward(x, gamma, beta), return dx, dgamma, dbeta. Name gradients after their
arguments, with a d in front; an array called grad1 hides this mistake. In a numeric check
compare each gradient with the numeric ones of all arguments of its shape, not only with its
own.

The formula

Scale and shift, for B rows of D entries:

    y_bd = gamma_d * x_bd + beta_d

    dx_bd    = dout_bd * gamma_d
    dgamma_d = sum over b of dout_bd * x_bd
    dbeta_d  = sum over b of dout_bd

The last two have the same shape, (D,).
"""

import numpy as np


def right_forward(x, gamma, beta):
    """x (B, D), gamma (D,), beta (D,) -> (B, D)."""
    return x * gamma + beta, (x, gamma)


def right_backward(dout, cache):
    """dout (B, D) -> dx (B, D), dgamma (D,), dbeta (D,)."""
    x, gamma = cache
    dx = dout * gamma
    dgamma = (dout * x).sum(axis=0)
    dbeta = dout.sum(axis=0)
    return dx, dgamma, dbeta


def right_inputs(seed):
    """x (5, 3), gamma (3,), beta (3,)."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(5, 3)), rng.normal(size=3), rng.normal(size=3)


wrong_forward = right_forward
wrong_inputs = right_inputs


def wrong_backward(dout, cache):
    """The shift comes first in what is returned."""
    x, gamma = cache
    dx = dout * gamma
    dgamma = (dout * x).sum(axis=0)
    dbeta = dout.sum(axis=0)
    return dx, dbeta, dgamma

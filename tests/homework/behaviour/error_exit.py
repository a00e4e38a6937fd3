"""Leaves Python in the middle."""

import sys

import numpy as np


def double_inputs(seed):
    return np.random.default_rng(seed).normal(size=3)


def double_forward(x):
    return 2 * x


def double_backward(dout, x):
    sys.exit("done")

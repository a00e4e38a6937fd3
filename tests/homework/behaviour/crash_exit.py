"""Ends the process, with success."""

import os

import numpy as np


def exit_inputs(seed):
    return np.random.default_rng(seed).normal(size=3)


def exit_forward(x):
    return 2 * x


def exit_backward(dout, x):
    os._exit(0)

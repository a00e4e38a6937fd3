"""Reads where nothing is."""

import ctypes

import numpy as np


def fault_inputs(seed):
    return np.random.default_rng(seed).normal(size=3)


def fault_forward(x):
    return 2 * x


def fault_backward(dout, x):
    ctypes.string_at(0)
    return 2 * dout

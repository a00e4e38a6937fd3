"""Kills its own process."""

import os
import signal

import numpy as np


def kill_inputs(seed):
    return np.random.default_rng(seed).normal(size=3)


def kill_forward(x):
    os.kill(os.getpid(), signal.SIGKILL)
    return 2 * x


def kill_backward(dout, x):
    return 2 * dout

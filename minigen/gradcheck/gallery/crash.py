"""The process ends without an answer

What it is

The process in which the homework runs was gone before it had answered, without an error of
Python: a segmentation fault in compiled code (as_strided with wrong strides, ctypes with a
wrong pointer, an extension of your own), os.abort, os._exit, or a kill from outside, as when
the machine runs out of memory. Whatever exit code it had, nothing was computed, so nothing is
right.

How to find it by hand

Run the two functions without the checker, with `python -X faulthandler`: on a segmentation
fault it prints the Python line that was being run. Print the shapes, strides and itemsize
beside each as_strided: strides count bytes, not entries, and NumPy does not check them;
np.lib.stride_tricks.sliding_window_view does the same and cannot leave the array. And search
for what ends a process: a line that was once there to stop while debugging.

The formula

An entry of an array lies at

    address(i, j) = start + i * strides[0] + j * strides[1]        in bytes

and is inside while i * strides[0] + j * strides[1] is less than the array has bytes, x.nbytes.
For a view of windows of a float64 row, strides are (8, 8), not (1, 1), and the last window
begins at N - width, not at N - 1.
"""

import os

import numpy as np

WIDTH = 3


def right_forward(x):
    """x (N,) -> the mean of each window of three, (N - 2,)."""
    windows = np.lib.stride_tricks.sliding_window_view(x, WIDTH)
    return windows.mean(axis=1), x.shape


def right_backward(dout, cache):
    """dout (N - 2,) -> dx (N,): each entry lies in up to three windows."""
    dx = np.zeros(cache)
    for k in range(WIDTH):
        dx[k : k + len(dout)] += dout / WIDTH
    return dx


def right_inputs(seed):
    """x (7,)."""
    return (np.random.default_rng(seed).normal(size=7),)


wrong_forward = right_forward
wrong_inputs = right_inputs


def wrong_backward(dout, cache):
    """A stop from debugging, which ends the process with the exit code of success."""
    dx = np.zeros(cache)
    for k in range(WIDTH):
        dx[k : k + len(dout)] += dout / WIDTH
        os._exit(0)
    return dx

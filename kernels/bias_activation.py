"""Entries of bias_activation.cu, and the activations of mg_activation.cuh in NumPy.

Read next: bias_activation.cu, entry.py.
"""

import math

import numpy as np
from minigen.kernels.entry import In, Kernel, Out, Scalar, ceil_div

# ---- references

_erfc = np.vectorize(math.erfc, otypes=[float])
_K = math.sqrt(2 / math.pi)


def _phi(x):
    return 0.5 * _erfc(-x / math.sqrt(2))


def _sigmoid(x):
    return 0.5 * (1 + np.tanh(0.5 * x))


def _gelu_tanh(x):
    return 0.5 * x * (1 + np.tanh(_K * (x + 0.044715 * x**3)))


def _gelu_tanh_slope(x):
    t = np.tanh(_K * (x + 0.044715 * x**3))
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * _K * (1 + 3 * 0.044715 * x**2)


# Name in C++: the function, and its derivative, of x and the slope of leaky_relu.
ACTIVATIONS = {
    "mg_relu": (lambda x, slope: np.maximum(x, 0), lambda x, slope: x > 0),
    "mg_leaky_relu": (
        lambda x, slope: np.where(x > 0, x, slope * x),
        lambda x, slope: np.where(x > 0, 1, slope),
    ),
    "mg_gelu": (
        lambda x, slope: x * _phi(x),
        lambda x, slope: _phi(x) + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi),
    ),
    "mg_gelu_tanh": (lambda x, slope: _gelu_tanh(x), lambda x, slope: _gelu_tanh_slope(x)),
    "mg_silu": (
        lambda x, slope: x * _sigmoid(x),
        lambda x, slope: _sigmoid(x) * (1 + x * (1 - _sigmoid(x))),
    ),
}


def _forward(x, bias, activation, slope):
    return ACTIVATIONS[activation][0](x if bias is None else x + bias, slope)


def _backward(g, x, activation, slope):
    return g * ACTIVATIONS[activation][1](x, slope)


def _bias_backward(g, x, bias, activation, slope, band_rows):
    dx = g * ACTIVATIONS[activation][1](x + bias, slope)
    return dx, np.add.reduceat(dx, np.arange(0, len(dx), band_rows))


# ---- entries

BAND = 128  # rows whose sum of columns is one partial sum
_BENCH = {"rows": 8192, "columns": 4096, "activation": "mg_gelu", "slope": 0.0}
_SHAPE = "rows columns"


def _drawn_input(rng, s):
    """Among them zeros, where some derivatives jump."""
    x = rng.normal(0, 2, (s.rows, s.columns))
    x.flat[::7] = 0
    return x


def _each(rows_columns, activations=tuple(ACTIVATIONS), **more):
    """A sample of every activation for these sizes."""
    return tuple(
        {"rows": rows, "columns": columns, "activation": activation, "slope": 0.2, **more}
        for rows, columns in rows_columns
        for activation in activations
    )


def _few(rows_columns, **more):
    """Samples of one activation: of the others, only the formula differs."""
    return _each(rows_columns, ("mg_leaky_relu",), **more)


def _packs(s):
    """16 bytes to a thread, 256 threads to a block."""
    return (ceil_div(s.rows * s.columns * s.itemsize, 16 * 256),)


def _bands(s):
    """32 packs of columns to a block, and a band of rows."""
    return (ceil_div(s.columns * s.itemsize, 16 * 32), s.bands)


KERNELS = (
    Kernel(
        "bias_activation_forward",
        "bias_activation.cu",
        (
            In("x", "T", _SHAPE, draw=_drawn_input),
            In("bias", "T", "columns", optional=True),
            Out("y", "T", _SHAPE),
            Scalar("rows"),
            Scalar("columns"),
            Scalar("slope", "A"),
        ),
        grid=_packs,
        block=(256,),
        reference=_forward,
        samples=_each([(9, 136)]) + _few([(7, 93)]) + _few([(1, 2053), (3, 1)], bias=None),
        bench=_BENCH,
        bytes=lambda s: (2 * s.rows + 1) * s.columns * s.itemsize,
        flops=lambda s: 10 * s.rows * s.columns,
        registers=48,
        variants={"activation": tuple(ACTIVATIONS)},
        template="{T}, {activation}",
    ),
    Kernel(
        "activation_backward",
        "bias_activation.cu",
        (
            In("g", "T", _SHAPE),
            In("x", "T", _SHAPE, draw=_drawn_input),
            Out("dx", "T", _SHAPE),
            Scalar("rows"),
            Scalar("columns"),
            Scalar("slope", "A"),
        ),
        grid=_packs,
        block=(256,),
        reference=_backward,
        samples=_each([(9, 136)]) + _few([(1, 2053), (3, 1)]),
        bench=_BENCH,
        bytes=lambda s: 3 * s.rows * s.columns * s.itemsize,
        flops=lambda s: 20 * s.rows * s.columns,
        registers=72,
        variants={"activation": tuple(ACTIVATIONS)},
        template="{T}, {activation}",
    ),
    Kernel(
        "bias_activation_backward",
        "bias_activation.cu",
        (
            In("g", "T", _SHAPE),
            In("x", "T", _SHAPE, draw=_drawn_input),
            In("bias", "T", "columns"),
            Out("dx", "T", _SHAPE),
            Out("partial", "A", "bands columns"),
            Scalar("rows"),
            Scalar("columns"),
            Scalar("band_rows"),
            Scalar("slope", "A"),
        ),
        grid=_bands,
        block=(256,),
        reference=_bias_backward,
        samples=_each([(21, 136)], bands=2, band_rows=12)
        + _few([(17, 93), (24, 8)], bands=2, band_rows=12),
        bench={**_BENCH, "bands": 8192 // BAND, "band_rows": BAND},
        bytes=lambda s: (3 * s.rows + 1) * s.columns * s.itemsize,
        flops=lambda s: 20 * s.rows * s.columns,
        registers=72,
        tolerance=2.0,  # partial sums what a GPU's __expf may be off by: CUDA's bound gives 1.5
        variants={"activation": tuple(ACTIVATIONS)},
        template="{T}, {activation}",
    ),
)

"""Positional encoding of coordinates, as NeRF uses it.

    γ(p) = (p, sin p, cos p, sin 2p, cos 2p, sin 4p, cos 4p)

for each coordinate: frequencies 2^k for k = 0, 1, 2. A net that gets p alone learns only smooth
functions of it; with γ(p) fine detail, too.

Shapes: p (N, D), γ (N, 7D): first p, then sin p of all D coordinates, then cos p, and so on.

Derive: dp (N, D) from dout (N, 7D). One coordinate goes into seven outputs: seven terms.
Think of: the inner derivative 2^k. High frequencies give large gradients: what does that mean for
learning p itself, a camera's position, say?

Course item: T-01.
Source: Mildenhall et al., "NeRF", ECCV 2020; Tancik et al., "Fourier features let networks learn
high frequency functions in low dimensional domains", NeurIPS 2020.

Fill in positional_encoding_backward, then: minigen gradcheck --exercise positional_encoding
"""

import numpy as np

POINTS = 2
WRT = ("p",)
FREQUENCIES = 1.0, 2.0, 4.0


def positional_encoding_forward(p):
    """p (N, D) -> (N, 7D). The cache is p."""
    parts = [p]
    for frequency in FREQUENCIES:
        parts += [np.sin(frequency * p), np.cos(frequency * p)]
    return np.concatenate(parts, axis=1), p


def positional_encoding_backward(dout, cache):
    """dout (N, 7D) -> dp (N, D)."""
    raise NotImplementedError


def positional_encoding_inputs(seed):
    """p of a small case."""
    return (np.random.default_rng(seed).normal(size=(3, 2)),)

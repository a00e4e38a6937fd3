"""Rows of ops/sampling.py.

A random op is written twice here: `our_...` with a generator of a fixed seed, and what it must make
of the draws, which are read off a call whose result tells them. The generator is the CPU's for
tensors of every device; what a GPU's draws is in test_device_random.py.
Read next: cases_row.py (the words used here), test_random.py (distributions).
"""

import numpy as np
from cases_row import Drawn, at, case, run

from minigen import Generator, ops


def our_dropout(x, p=0.5, training=True):
    return ops.dropout(x, p, training, rng=Generator(4))


def our_dropout2d(x, p=0.5, training=True):
    return ops.dropout2d(x, p, training, rng=Generator(4))


def dropping(ours):
    """The same elements kept as those of ones: which, is chance; how many, test_random counts."""

    def dropped(x, p=0.5, training=True):
        if not training:
            return x
        kept = ours(ops.ones(x.shape), p).numpy() != 0
        return np.where(kept, x / (1 - p) if p < 1 else 0, 0)

    return dropped


def our_gumbel(logits, tau=1, hard=False, dim=-1):
    return ops.gumbel_softmax(logits, tau, hard, dim, rng=Generator(4))


def gumbel(logits, tau=1, hard=False, dim=-1):
    """The noise is the logarithm of what comes of equal logits, up to a constant."""
    equal = ops.zeros(logits.shape, dtype="float64")
    noise = np.log(ops.gumbel_softmax(equal, dim=dim, rng=Generator(4)).numpy())
    scores = (logits + noise) / tau
    if hard:
        return (scores == scores.max(dim, keepdims=True)).astype(logits.dtype)
    return np.exp(scores) / np.exp(scores).sum(dim, keepdims=True)


def our_bernoulli(x):
    return ops.bernoulli(x, rng=Generator(4))


def our_multinomial(x, num_samples, replacement=False):
    return ops.multinomial(x, num_samples, replacement, rng=Generator(4))


SAMPLING = [
    case(
        "dropout", our_dropout, dropping(our_dropout),
        [
            run((4, 3)),
            run((2, 3), p=0.2),
            run((6,), p=0.5, training=False),
            run((6,), p=1.0),
            run((3,), p=0),
            run(()),
            run((0, 2)),
        ],
        linear=(0,),
    ),
    case(
        "dropout2d", our_dropout2d, dropping(our_dropout2d),
        [
            run((2, 3, 2, 2)),
            run((3, 3, 4), p=0.2),
            run((2, 3, 1, 2), p=0.5, training=False),
            run((2, 1, 2), p=1),
            run((0, 2, 3, 1)),
        ],
        linear=(0,),
    ),
    case(
        "gumbel_softmax", our_gumbel, gumbel,
        [run((2, 3)), run((3, 2), tau=0.7, dim=0), run((2, 2, 2), dim=1), run((0, 3))],
        kinks=[at([1e4, -1e4], y=[1, 0], grads=([0, 0],), second=[0, 0])],
    ),
]

def bernoulli_of(p, shape, *, rng=None):
    return ops.bernoulli(ops.full(shape, p, device=rng.device if rng else "cpu"), rng=rng)


def multinomial_of(weights, rows, *args, rng=None):
    x = ops.tensor([weights] * rows, device=rng.device if rng else "cpu")
    return ops.multinomial(x, *args, rng=rng)


DRAWS = [
    Drawn("bernoulli", bernoulli_of, (0.3, (50, 400)), "float32",
          mean=0.3, std=0.21**0.5, low=0, high=2),
    Drawn("multinomial", multinomial_of, ([1.0, 0.0, 0.5, 0.5, 0.0], 50, 400, True), "int64",
          mean=1.25, std=1.6875**0.5, low=0, high=4),
    Drawn("multinomial", multinomial_of, ([0.5] * 400, 50, 400), "int64",
          mean=199.5, std=400 * 12**-0.5, low=0, high=400),
]  # fmt: skip

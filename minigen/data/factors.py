"""What varies in made-up data: drawn by seed, or given.

Idea: a generator draws every factor of n examples, then puts those that the caller gave in their
places. So giving one factor moves no other, and all are known, whoever chose them.
Invariant: row i of a draw is example i's: it depends on the seed and on i, not on n.
Read next: toy2d.py, digits.py.
"""

from numbers import Integral

import numpy as np


def check_count(name, n, seed):
    """ValueError, naming the generator, unless n is whole and at least 1, and seed at least 0."""
    for what, value, least in (("n", n, 1), ("seed", seed, 0)):
        if not isinstance(value, Integral) or value < least:
            raise ValueError(
                f"{name}: {what} is {value!r}; it must be a whole number, {least} or more"
            )


def streams(name, n, seed, count):
    """`count` independent generators of one seed, for n examples; see check_count.

    Every example takes equally many numbers from each, of one kind: hence the invariant.
    """
    check_count(name, n, seed)
    return np.random.Generator(np.random.PCG64(seed)).spawn(count)


def settle(name, drawn, given, bounds):
    """The factors drawn, with those given in their place.   -> dict of arrays

    drawn: name -> (n, ...) array. given: one value for all examples or one each. bounds: name ->
    (least, largest) of a given value; none where it is not named.
    Raises ValueError, naming the generator, for a factor unknown, mis-shaped or out of bounds.
    """
    factors = dict(drawn)
    for factor, value in given.items():
        if factor not in drawn:
            raise ValueError(f"{name}: no factor {factor!r}; the factors are {', '.join(drawn)}")
        value, like = np.asarray(value), drawn[factor]
        if value.shape not in ((), like.shape[1:], like.shape):
            raise ValueError(f"{name}: {factor} has shape {value.shape}, not () or {like.shape}")
        low, high = bounds.get(factor, (-np.inf, np.inf))
        if not np.all((low <= value) & (value <= high) & (value == value.astype(like.dtype))):
            raise ValueError(
                f"{name}: {factor} is {value}; it must be {like.dtype}, {low} to {high}"
            )
        factors[factor] = np.broadcast_to(value, like.shape).astype(like.dtype)
    return factors


def pick(number, options):
    """The option that a number, uniform in [0, 1), falls on; all are equally likely."""
    return options[int(number * len(options))]

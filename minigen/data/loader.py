"""The order in which an epoch visits the data.

Idea: the order is a function of (seed, epoch), not a state that advances. A run resumed at batch b
of epoch e sees the very batches that it would have seen, and nothing but e and b was stored.
"""

import numpy as np


def epoch_order(n, seed, epoch):
    """A permutation of 0 ... n-1, int64, independent for each (seed, epoch); both at least 0."""
    # spawn_key keeps these streams apart from those that the seed alone starts
    sequence = np.random.SeedSequence(seed, spawn_key=(epoch,))
    return np.random.Generator(np.random.PCG64(sequence)).permutation(n)

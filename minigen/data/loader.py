"""The order in which an epoch visits the data, and batches made ahead in that order.

Idea: the order is a function of (seed, epoch), not a state that advances, and so is whatever a
transform draws: of (seed, epoch, batch). A run resumed at batch b of epoch e sees the very batches
that it would have seen, and nothing but e and b was stored. For the same reason batches can be made
by several threads at once, which NumPy and Pillow let run side by side, and come out the same.
Read next: ../train/run.py (`Run.batches`, the loop of the demos), augment.py (transforms).
"""

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from numbers import Integral

import numpy as np


def epoch_order(n, seed, epoch):
    """A permutation of 0 ... n-1, int64, independent for each (seed, epoch); both at least 0."""
    # spawn_key keeps these streams apart from those that the seed alone starts
    return _stream(seed, epoch).permutation(n)


class DataLoader:
    """Batches of a data set, epoch after epoch.

    data: an array (N, ...), or a tuple of arrays of one length N, from which a batch is a tuple; or
    any object with len() whose data[indices], indices (B,) int64, gives one or the other.
    shuffle: another order in each epoch; else from first to last. drop_last: leave out a last batch
    that has fewer than batch_size. seed: of the orders and of what transforms draw.
    transform: called as transform(*arrays of the batch, rng), rng a numpy.random.Generator; the
    loader yields what it returns. prefetch: how many batches are made ahead, each in a thread of
    its own, so that a transform must not change anything shared; 0 makes each when it is asked for.

    A loop over the loader is the rest of the epoch at hand: after it, or after a batch taken in it,
    `epoch` and `batch` say what comes next, and `state_dict` is just that. len() is the number of
    batches in a whole epoch.
    Raises ValueError for arrays of different lengths, and where an epoch would hold no batch,
    TypeError for data that cannot be indexed so, as lists and whole draws of a generator.
    """

    def __init__(self, data, batch_size=1, shuffle=False, drop_last=False, *, seed=0,
                 transform=None, prefetch=2):
        for part in data if isinstance(data, tuple) else (data,):
            if isinstance(part, list) or not hasattr(part, "__getitem__"):
                raise TypeError(
                    f"DataLoader: data is an array or a tuple of arrays, not {type(part).__name__};"
                    " np.array(...) makes one of a list, and a data set has some, as .images"
                )
        lengths = {len(part) for part in data} if isinstance(data, tuple) else {len(data)}
        if len(lengths) != 1:
            raise ValueError(f"DataLoader: arrays of different lengths, {sorted(lengths)}")
        (self.samples,) = lengths
        whole = all(isinstance(n, Integral) for n in (batch_size, seed, prefetch))
        if not whole or batch_size < 1 or seed < 0 or prefetch < 0:
            raise ValueError(
                "DataLoader: batch_size must be a whole number of at least 1, seed and prefetch of "
                f"at least 0; they are {batch_size}, {seed} and {prefetch}"
            )
        self.data, self.batch_size, self.shuffle, self.seed = data, batch_size, shuffle, seed
        self.transform, self.prefetch = transform, prefetch
        self.epoch = self.batch = 0
        self._batches = (self.samples + (0 if drop_last else batch_size - 1)) // batch_size
        if self._batches == 0:
            fewer = f", fewer than a batch of {batch_size}; drop_last leaves none" * drop_last
            raise ValueError(f"DataLoader: the data have {self.samples} samples{fewer}")

    def __len__(self):
        return self._batches

    def __iter__(self):
        epoch, start = self.epoch, self.batch
        order = np.arange(self.samples)
        if self.shuffle:
            order = epoch_order(self.samples, self.seed, epoch)
        for batch, made in enumerate(self._ahead(order, epoch, start), start):
            # before the batch is used: a checkpoint taken while it is counts it as seen
            self.epoch, self.batch = divmod(epoch * len(self) + batch + 1, len(self))
            yield made

    def state_dict(self):
        """What comes next, and what has to be the same for that to mean the same."""
        return {"epoch": self.epoch, "batch": self.batch, "seed": self.seed,
                "samples": self.samples, "batch_size": self.batch_size}

    def load_state_dict(self, state):
        """Go to where the state was taken.

        Raises ValueError if that was with another seed, batch size, or number of samples.
        """
        own = self.state_dict()
        differ = [f"{name} was {state.get(name)} and is {own[name]}"
                  for name in ("seed", "samples", "batch_size") if state.get(name) != own[name]]
        if differ:
            raise ValueError(f"DataLoader: cannot continue: {', '.join(differ)}")
        self.epoch, self.batch = int(state["epoch"]), int(state["batch"])

    def _ahead(self, order, epoch, start):
        """Batches start, start + 1, ... of an epoch, `prefetch` of them in the making."""
        batches = range(start, len(self))
        if not self.prefetch:
            for batch in batches:
                yield self._make(order, epoch, batch)
            return
        pool = ThreadPoolExecutor(self.prefetch, thread_name_prefix="DataLoader")
        try:
            pending = deque()
            for batch in batches:
                pending.append(pool.submit(self._make, order, epoch, batch))
                if len(pending) > self.prefetch:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:        # also when the loop is left early, or a transform fails
            pool.shutdown(cancel_futures=True)

    def _make(self, order, epoch, batch):
        """One batch, transformed."""
        indices = order[batch * self.batch_size : (batch + 1) * self.batch_size]
        data = self.data
        made = tuple(part[indices] for part in data) if isinstance(data, tuple) else data[indices]
        if self.transform is None:
            return made
        arrays = made if isinstance(made, tuple) else (made,)
        return self.transform(*arrays, _stream(self.seed, epoch, batch))


def _stream(seed, *place):
    """Random numbers that depend on the seed and the place only."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=place)))

"""Steps of optimizers on a device, of many parameters in one launch; see kernels/optimizer.cu.

Idea: the host knows what there is to know (step counts, settings, where the arrays lie) and the
device follows: what a kernel reads of it is written only when it changed. A step in which nothing
moved copies nothing from the host, so it can be captured and replayed.
Read next: ../../optim/optimizer.py.
"""

import functools

import numpy as np

from minigen.backend import array_module, device_of, to_device
from minigen.backend.kernels import active, launch, table_of
from minigen.kernels.optimizer import chunks_of


def takes(*arrays):
    """Whether the kernels take these together: all float32 or all float64, on one device."""
    if not active(*arrays) or arrays[0].dtype.char not in "fd":
        return False
    return len({(x.dtype, device_of(x)) for x in arrays}) == 1


class Following:
    """Numbers in a device's memory that are what the host's were when it was last asked."""

    def __init__(self, dtype):
        self._dtype, self._there, self.host = dtype, None, None

    def there(self, numbers, device):
        """The array with these numbers (a list), always the same unless their count changes."""
        if self.host != numbers:
            new = to_device(np.array(numbers, self._dtype), device)
            if self._there is None or len(self._there) != len(new):
                self._there = new
            else:  # captured launches know this memory
                self._there[...] = new
            self.host = numbers
        return self._there


class Batch:
    """What a device keeps of parameters that step together: step counts and settings."""

    def __init__(self):
        self.steps, self.settings = Following("int64"), Following("float64")


def sgd(batch, rows, steps, lr, momentum, dampening, weight_decay, nesterov):
    """One step.   rows: parameters, (momenta,) gradients; steps: how many each has made, before"""
    cut, device = _cut(rows), device_of(rows[0][0])
    numbers = [lr, weight_decay, momentum, dampening, float(nesterov)]
    settings, counts = batch.settings.there(numbers, device), batch.steps.there(steps, device)
    _ticked(batch, "sgd_tick", counts)
    if momentum:
        _run("momentum_step", rows, *cut, counts, settings)
    else:
        _run("sgd_step", rows, *cut, settings)


def adam(batch, rows, steps, lr, betas, eps, weight_decay, decoupled):
    """One step.   rows: parameters, averages of gradients, of squares, gradients"""
    cut, device = _cut(rows), device_of(rows[0][0])
    decays = [0.0, weight_decay] if decoupled else [weight_decay, 0.0]
    settings = batch.settings.there([lr, *betas, eps, *decays], device)
    corrections = _ticked(batch, "adam_tick", batch.steps.there(steps, device), settings)
    _run("adam_step", rows, *cut, corrections, settings)


def clipped(gradients, largest):
    """(their norm as one vector, 0-d float32; all, scaled by one factor if it exceeds largest)."""
    xp, cut = array_module(*gradients), _cut([gradients])
    made = [xp.empty(g.shape, g.dtype) for g in gradients]
    gradients = [xp.ascontiguousarray(g) for g in gradients]  # of 0 dimensions gets one
    norm = launch("gradient_norm", _run("gradient_squares", [gradients], *cut))
    _run("gradient_clip", [made, gradients], *cut, norm, largest=largest)
    return norm.reshape(()), made


def _run(name, rows, *arrays, **scalars):
    also = [x for row in rows for x in row]
    T = rows[0][0].dtype.name
    return launch(name, table_of(rows), *arrays, T=T, also=also, **scalars)


def _ticked(batch, name, counts, *arrays):
    """The counts, counted on, as the host's will be."""
    made = launch(name, counts, *arrays)
    batch.steps.host = [count + 1 for count in batch.steps.host]
    return made


def _cut(rows):
    """Sizes and chunks of the arrays of any row, as all kernels here take them."""
    return _cut_of(tuple(x.size for x in rows[0]), device_of(rows[0][0]))


@functools.lru_cache(64)
def _cut_of(lengths, device):
    return tuple(to_device(x, device) for x in (np.array(lengths, "int64"), chunks_of(lengths)))

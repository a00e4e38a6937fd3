"""Steps of optimizers on a device, of many parameters in one launch; see kernels/optimizer.cu.

Idea: the host knows what there is to know (step counts, settings, where the arrays lie) and the
device follows: what a kernel reads of it is written only when it changed. A step in which nothing
moved copies nothing from the host, so it can be captured and replayed.
Read next: ../../optim/optimizer.py.
"""

import weakref

import numpy as np

from minigen.backend import array_module, device_of, to_device
from minigen.backend.kernels import active, address_of, launch, table_of
from minigen.kernels.optimizer import chunks_of

TABLES = 16  # that a batch keeps: gradients come back to the same few places


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
    """What a device keeps of parameters that step, or are clipped, together."""

    def __init__(self):
        self.steps, self.settings = Following("int64"), Following("float64")
        self._copied = {}  # arrays on the device by what they were made of, latest use last

    def _kept(self, key, make):
        self._copied[key] = self._copied.pop(key, None) or make()
        if len(self._copied) > TABLES:
            del self._copied[next(iter(self._copied))]
        return self._copied[key]

    def run(self, name, rows, *arrays, **scalars):
        """Launch a kernel that goes over all chunks of a table of arrays."""
        device, also = device_of(rows[0][0]), [x for row in rows for x in row]
        places = tuple(tuple(map(address_of, row)) for row in rows)
        lengths = device, *(x.size for x in rows[0])

        def cut():
            made = np.array(lengths[1:], np.int64), chunks_of(lengths[1:])
            return [to_device(x, device) for x in made]

        read = *self._kept(places, lambda: [table_of(rows)]), *self._kept(lengths, cut), *arrays
        return launch(name, *read, T=rows[0][0].dtype.name, also=also, **scalars)

    def ticked(self, name, steps, device, *arrays):
        """Count the steps on, on the device as the host will; returns what the kernel makes."""
        made = launch(name, self.steps.there(steps, device), *arrays)
        self.steps.host = [step + 1 for step in steps]
        return made


def sgd(batch, rows, steps, lr, momentum, dampening, weight_decay, nesterov):
    """One step.   rows: parameters, (momenta,) gradients; steps: how many each has made, before"""
    device = device_of(rows[0][0])
    numbers = [lr, weight_decay, momentum, dampening, float(nesterov)]
    settings = batch.settings.there(numbers, device)
    batch.ticked("sgd_tick", steps, device)
    if momentum:
        batch.run("momentum_step", rows, batch.steps.there(batch.steps.host, device), settings)
    else:
        batch.run("sgd_step", rows, settings)


def adam(batch, rows, steps, lr, betas, eps, weight_decay, decoupled):
    """One step.   rows: parameters, averages of gradients, of squares, gradients"""
    device = device_of(rows[0][0])
    decays = [0.0, weight_decay] if decoupled else [weight_decay, 0.0]
    settings = batch.settings.there([lr, *betas, eps, *decays], device)
    corrections = batch.ticked("adam_tick", steps, device, settings)
    batch.run("adam_step", rows, corrections, settings)


def average(batch, rows, decay):
    """Averages keep `decay` of themselves.   rows: averages, parameters"""
    batch.run("average_step", rows, batch.settings.there([decay], device_of(rows[0][0])))


# ---- clipping has no optimizer that could keep a batch: the first parameter's life decides

_clipped = {}  # id of a parameter -> Batch


def batch_of(parameter):
    """The Batch of clipping these parameters, of which this is the first."""
    if id(parameter) not in _clipped:
        _clipped[id(parameter)] = Batch()
        weakref.finalize(parameter, _clipped.pop, id(parameter))
    return _clipped[id(parameter)]


def clipped(batch, gradients, largest):
    """(their norm as one vector, 0-d float32; all, scaled by one factor if it exceeds largest)."""
    xp = array_module(*gradients)
    made = [xp.empty(g.shape, g.dtype) for g in gradients]
    gradients = [xp.ascontiguousarray(g) for g in gradients]  # of 0 dimensions gets one
    norm = launch("gradient_norm", batch.run("gradient_squares", [gradients]))
    batch.run("gradient_clip", [made, gradients], norm, largest=largest)
    return norm.reshape(()), made

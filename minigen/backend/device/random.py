"""Random numbers drawn on a device; see kernels/random.cu.

Idea: a stream is its seed and how many draws were made of it, both in the device's memory. A draw
starts with a launch that copies them and counts on; the next reads the copy. So nothing about a
draw is known to the host: replayed, the same launches give the next numbers.
Read next: ../../ops/random.py.
"""

import math

import numpy as np

from minigen.backend import array_module, to_device
from minigen.backend.kernels import address_of, launch

ALIGNED = 16  # bytes; what x of dropout starts at a multiple of


class Philox:
    """A stream of random numbers on a device.   device: "gpu", "gpu:1" ("cpu": to be emulated)

    seed: of which the lowest 64 bits count. Two streams are independent unless these are equal.
    """

    def __init__(self, seed, device):
        self._device, self._state = device, None
        self.restart(seed)

    def restart(self, seed, calls=0):
        """Go to where the stream of a seed is after a number of draws."""
        self._start = np.array([seed % 2**64, calls], np.uint64)
        if self._state is not None:  # in place: captured launches know this memory
            array_module(self._state)
            self._state[...] = to_device(self._start, self._device)

    def calls(self):
        """How many draws were made; reads the device's memory."""
        return int((self._start if self._state is None else self._state)[1])

    def take(self):
        """The next draw, for the functions below: (seed, number), uint64 on the device."""
        if self._state is None:  # memory on a GPU is taken on first need
            self._state = to_device(self._start.copy(), self._device)
        array_module(self._state)
        return launch("philox_take", self._state)


def normal(draw, shape, dtype, mean, std):
    """Numbers from N(mean, std²); float64 and 16 bits are float32's numbers."""
    return _filled("philox_normal", draw, shape, dtype, mean=float(mean), std=float(std))


def uniform(draw, shape, dtype, low, high):
    """Numbers in [low, high) of 24 random bits, float64 of 53; low itself if nothing is between."""
    kind = np.dtype(dtype).type
    largest = np.nextafter(kind(high), kind(low)) if high > low else math.inf
    numbers = dict(low=float(low), width=float(high) - float(low), largest=float(largest))
    return _filled("philox_uniform", draw, shape, dtype, **numbers)


def randint(draw, shape, low, high):
    """Whole numbers in [low, high), int64."""
    numbers = dict(low=int(low), width=int(high) - int(low))
    return launch("philox_randint", draw, count=math.prod(shape), **numbers).reshape(shape)


def _filled(name, draw, shape, dtype, **numbers):
    y = launch(name, draw, T=np.dtype(dtype).name, count=math.prod(shape), **numbers)
    return y.reshape(shape)


def dropout(x, draw, p):
    """x / (1 - p) where the draw's uniform numbers are at least p, else x·0; 0 <= p < 1."""
    xp = array_module(x)
    flat = xp.ascontiguousarray(x).reshape(-1)
    if address_of(flat) % ALIGNED:
        flat = flat.copy()
    return launch("philox_dropout", flat, draw, p=p, scale=1 / (1 - p)).reshape(x.shape)

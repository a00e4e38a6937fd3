"""Random numbers: explicit generators.

Idea: randomness is an argument. A `Generator` belongs to a device, starts at a seed, and its state
can be saved and restored; `spawn` derives independent streams by name, so that a change in one part
of a program does not shift the numbers of another. Functions take `rng=`; without it they draw from
the one default generator of the device, which `manual_seed` restarts.

The CPU's numbers come from NumPy's SFC64, a GPU's from our Philox kernels, which make them where
they are needed. They are other numbers of the same distributions: what shall be the same on every
device (initial weights, data) is drawn by a generator of the CPU, and moved.
Read next: sampling.py (dropout, draws from given probabilities), nn/init.py (initial weights).
"""

import hashlib
import math
from numbers import Integral, Real

import numpy

from minigen import backend
from minigen.backend.device import random as kernels
from minigen.backend.device.random import Philox
from minigen.ops.creation import FLOAT
from minigen.tensor import wrap


class Generator:
    """A stream of random numbers for tensors on a device: same seed, same numbers, bit for bit.

    seed: int >= 0. device: "cpu", "gpu" or "gpu:1". Methods return Tensors on the device.

    Of the CPU, NumPy's SFC64 draws everything, also where kernels are emulated: that is a way to
    compute, and changes no number. Of a GPU, our Philox kernels draw `normal`, `uniform`, `randint`
    and dropout's masks, the same on every GPU and on the emulator (of the seed, the lowest 64 bits
    count); `permutation` and `fresh_seed` are SFC64's. float64 gets 53 random bits from `uniform`,
    float32's numbers from `normal`; 16-bit numbers are float32's, rounded.
    """

    def __init__(self, seed=0, device="cpu"):
        backend.on(device)  # RuntimeError if it is not there
        self.device = device
        self._philox = None if device == "cpu" else Philox(0, device)
        self.manual_seed(seed)

    def manual_seed(self, seed):
        """Start again from a seed; returns the generator. ValueError if it is not an int >= 0."""
        if not isinstance(seed, (int, numpy.integer)) or seed < 0:
            raise ValueError(f"Generator: the seed must be a whole number >= 0, not {seed!r}")
        self.seed = int(seed)
        self._rng = numpy.random.Generator(numpy.random.SFC64(self.seed))
        if self._philox:
            self._philox.restart(self.seed)
        return self

    def spawn(self, name):
        """An independent generator derived from this one's seed (not its state) and a name."""
        digest = hashlib.sha256(f"{self.seed}/{name}".encode()).digest()
        return Generator(int.from_bytes(digest[:8], "little"), self.device)

    def normal(self, shape, mean=0.0, std=1.0, dtype=None):
        """Gaussian numbers.   shape: tuple or int -> Tensor"""
        shape, dtype = _shape("normal", shape), _float("normal", dtype)
        if self._philox:
            return self._by_kernel(kernels.normal, shape, dtype, mean, std)
        return self._floats(self._rng.standard_normal, shape, dtype, std, mean)

    def uniform(self, shape, low=0.0, high=1.0, dtype=None):
        """Numbers in [low, high), all equally likely.   shape: tuple or int -> Tensor"""
        shape, dtype = _shape("uniform", shape), _float("uniform", dtype)
        if self._philox:
            return self._by_kernel(kernels.uniform, shape, dtype, low, high)
        x = self._floats(self._rng.random, shape, dtype, high - low, low)
        kind = x.dtype.type  # rounding may reach high: the last number below it stands for that
        return x.clamp(max=numpy.nextafter(kind(high), kind(low))) if high > low else x

    def _by_kernel(self, draw, *args):
        with backend.on(self.device):
            return wrap(draw(self._philox.take(), *args))

    def _floats(self, draw, shape, dtype, scale, shift):
        """draw's numbers times scale plus shift; NumPy draws float32 and float64, no others."""
        drawn = dtype if dtype == numpy.float64 else FLOAT
        x = numpy.asarray(draw(shape, dtype=drawn))
        if scale != 1:
            x *= x.dtype.type(scale)
        if shift != 0:
            x += x.dtype.type(shift)
        return self._placed(x.astype(dtype, copy=False))

    def randint(self, low, high, shape):
        """Whole numbers in [low, high), int64.   ValueError if the range is empty"""
        if not (isinstance(low, Integral) and isinstance(high, Integral)):
            raise TypeError(
                f"randint: low and high must be whole numbers, not {low!r} and {high!r} (the order "
                "is low, high, shape)"
            )
        if high <= low:
            raise ValueError(f"randint: [{low}, {high}) is empty")
        if low < -(2**63) or high > 2**63:
            raise ValueError(f"randint: [{low}, {high}) has numbers that int64 does not have")
        shape = _shape("randint", shape)
        if self._philox:
            return self._by_kernel(kernels.randint, shape, low, high)
        return self._placed(self._rng.integers(low, high, shape))

    def permutation(self, n):
        """0 ... n-1 in random order, int64."""
        if not _is_size(n):
            raise ValueError(f"permutation: n must be a whole number >= 0, not {n!r}")
        return self._placed(self._rng.permutation(n))

    def keep_mask(self, shape, p):
        """Booleans that are true with probability 1 - p, to 1/65536: 16 random bits an element.

        A GPU's are uniform(shape) >= p.
        """
        if self._philox:
            return self.uniform(shape) >= p
        kept, least = numpy.empty(math.prod(shape), bool), round(p * 65536)
        for start in range(0, kept.size, 1 << 16):  # the bits stay in the cache
            part = kept[start : start + (1 << 16)]
            raw = self._rng.bit_generator.random_raw(-(-part.size // 4)).view(numpy.uint16)
            numpy.greater_equal(raw[: part.size], least, out=part)
        return self._placed(kept.reshape(shape))

    def draw_for(self, x):
        """The next draw, for a kernel that runs where x is; None if this generator is elsewhere."""
        here = self._philox and backend.parse_device(self.device) == backend.parse_device(x.device)
        return self._philox.take() if here else None

    def fresh_seed(self):
        """A whole number in [0, 2⁶⁴), to seed a stream that can be drawn again."""
        return int(self._rng.bit_generator.random_raw())

    def _placed(self, x):
        return wrap(backend.to_device(numpy.asarray(x), self.device))

    def state_dict(self):
        """Everything that decides the numbers to come, as JSON-able values."""
        state = self._rng.bit_generator.state
        saved = {
            "seed": self.seed,
            "words": [str(word) for word in state["state"]["state"]],
            "has_uint32": int(state["has_uint32"]),
            "uinteger": int(state["uinteger"]),
        }
        return {**saved, "calls": self._philox.calls()} if self._philox else saved

    def load_state_dict(self, state):
        """Continue where the generator that gave this state stood. ValueError for another dict."""
        if lacking := {"seed", "words", "has_uint32", "uinteger"} - {*state}:
            raise ValueError(
                "Generator.load_state_dict: expected what state_dict() gives; "
                f"{', '.join(sorted(lacking))} missing"
            )
        self.manual_seed(state["seed"])
        self._rng.bit_generator.state = {
            "bit_generator": "SFC64",
            "state": {"state": numpy.array([int(w) for w in state["words"]], numpy.uint64)},
            "has_uint32": state["has_uint32"],
            "uinteger": state["uinteger"],
        }
        if self._philox:  # what the CPU saved has no draws of a GPU
            self._philox.restart(self.seed, state.get("calls", 0))

    def __repr__(self):
        return f"Generator(seed={self.seed}, device={self.device!r})"


_defaults = {}  # device -> the generator used where none is passed
_default_seed = 0


def default_generator(device="cpu"):
    """The generator used on a device where rng is None; seeded 0 until `manual_seed`."""
    device = "gpu" if device == "gpu:0" else device
    if device not in _defaults:
        _defaults[device] = Generator(_default_seed, device)
    return _defaults[device]


def manual_seed(seed):
    """Restart the default generator of every device from a seed; returns the CPU's."""
    global _default_seed
    Generator(seed)  # checks the seed before anything changes
    _default_seed = int(seed)
    for generator in _defaults.values():
        generator.manual_seed(seed)
    return default_generator()


def _is_size(n):
    return isinstance(n, Integral) and not isinstance(n, bool) and n >= 0


def _shape(function, shape):
    """A shape, given as a tuple or one number, as a tuple."""
    sizes = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    if not all(map(_is_size, sizes)):
        raise ValueError(
            f"{function}: shape must be a whole number >= 0 or a tuple of them, not {shape!r}"
        )
    return sizes


def _float(function, dtype):
    dtype = numpy.dtype(dtype or FLOAT)
    if dtype.kind not in "fV":
        raise TypeError(f"{function}: dtype must be floating, not {dtype}; randint draws int64")
    return dtype


def _generator(function, rng, device):
    """rng, or the device's default generator. TypeError for a seed in its place."""
    if rng is None:
        return default_generator(device)
    if not isinstance(rng, Generator):
        raise TypeError(
            f"{function}: rng must be a generator, such as minigen.Generator(0), not {rng!r}"
        )
    return rng


def _probability(function, name, p):
    """p. TypeError for what is no number, ValueError unless 0 <= p <= 1."""
    if not isinstance(p, Real):
        raise TypeError(f"{function}: {name} is a probability, a number in [0, 1], not {p!r}")
    if not 0 <= p <= 1:
        raise ValueError(f"{function}: {name} is a probability, {p} is not in [0, 1]")
    return p


def normal(shape, mean=0.0, std=1.0, *, rng=None, dtype=None, device="cpu"):
    """Gaussian numbers of a shape, from rng (which then decides the device)."""
    return _generator("normal", rng, device).normal(shape, mean, std, dtype)


def uniform(shape, low=0.0, high=1.0, *, rng=None, dtype=None, device="cpu"):
    """Numbers in [low, high) of a shape, all equally likely."""
    return _generator("uniform", rng, device).uniform(shape, low, high, dtype)


def randint(low, high, shape, *, rng=None, device="cpu"):
    """Whole numbers in [low, high) of a shape, int64."""
    return _generator("randint", rng, device).randint(low, high, shape)


def permutation(n, *, rng=None, device="cpu"):
    """0 ... n-1 in random order, int64."""
    return _generator("permutation", rng, device).permutation(n)

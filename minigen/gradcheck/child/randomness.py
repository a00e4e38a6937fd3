"""Random state, pinned: dropout must draw the same mask in every call of a forward.

Idea: before each call, NumPy's and Python's global generators are seeded, and the generators that
the homework holds in variables get back the state that they had when it was loaded. Afterwards
everything is as before, for the homework may live in somebody's notebook.
Read next: session.py, which pins it before each call.
"""

import collections
import contextlib
import inspect
import itertools
import random
import sys

import numpy as np

# Bound here, so that homework which replaces them does not replace them for us.
SEED, GET, SET = np.random.seed, np.random.get_state, np.random.set_state
PYTHON_SEED, PYTHON_GET, PYTHON_SET = random.seed, random.getstate, random.setstate
GENERATORS = np.random.Generator, np.random.RandomState, random.Random
MOST = 3000             # objects that are looked at for a generator


def generators_in(values):
    """The random generators that values hold: themselves, or in containers, attributes, functions.

    values: an iterable; of functions, what they enclose and their defaults. At most MOST objects
    are looked at, the nearest first.
    """
    found, seen, queue = [], set(), collections.deque(values)
    while queue and len(seen) < MOST:
        one = queue.popleft()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, GENERATORS):
            found += [one] * (not isinstance(one, random.SystemRandom))
        else:
            queue += itertools.islice(_inside(one), MOST)
    return found


def _inside(one):
    """What a container, a function or an object holds."""
    if isinstance(one, (list, tuple)):
        yield from one
    elif isinstance(one, dict):
        yield from one.values()
    elif inspect.isfunction(one):
        yield from one.__defaults__ or ()
        yield from (one.__kwdefaults__ or {}).values()
        for cell in one.__closure__ or ():
            with contextlib.suppress(ValueError):       # not filled yet
                yield cell.cell_contents
    elif not (inspect.ismodule(one) or inspect.isclass(one)):
        yield from getattr(one, "__dict__", {}).values()


def variables_of(functions):
    """Those functions, and the variables of the modules that they stand in."""
    for function in functions:
        function = getattr(function, "__func__", function)
        yield function
        yield from getattr(function, "__globals__", {}).copy().values()


class Randomness:
    """Global generators and those of `variables`: pinned for a call, restored after it."""

    def __init__(self, variables=()):
        generators = generators_in(variables)
        if "torch" in sys.modules:
            generators.append(sys.modules["torch"].default_generator)
        self.states = [(g, _state(g)) for g in generators]

    def pin(self, seed=0, turn=0):
        """Put every generator into a fixed state.

        seed: of the global ones; turn: a number, for other states than those at turn 0.
        """
        number = (seed + 1009 * turn) % 2**32
        SEED(number)
        PYTHON_SEED(number)
        for generator, state in self.states:
            _put(generator, state)
            if turn and hasattr(generator, "random"):
                for _ in range(1 + 7 * turn % 97):
                    generator.random()

    @contextlib.contextmanager
    def borrowed(self):
        """Whatever happens inside, the generators' states are as before afterwards."""
        before = GET(), PYTHON_GET(), [(g, _state(g)) for g, _ in self.states]
        try:
            yield self
        finally:
            SET(before[0])
            PYTHON_SET(before[1])
            for generator, state in before[2]:
                _put(generator, state)


def _state(generator):
    if isinstance(generator, np.random.Generator):
        return generator.bit_generator.state
    return generator.getstate() if isinstance(generator, random.Random) else generator.get_state()


def _put(generator, state):
    if isinstance(generator, np.random.Generator):
        generator.bit_generator.state = state
    elif isinstance(generator, random.Random):
        generator.setstate(state)
    else:
        generator.set_state(state)

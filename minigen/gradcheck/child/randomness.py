"""Random state, pinned: dropout must draw the same mask in every call of a forward.

Idea: before each call, NumPy's and Python's global generators are seeded, and the generators that
the homework holds in variables get back the state that they had when it was loaded. Afterwards
everything is as before, for the homework may live in somebody's notebook.
"""

import contextlib
import random
import sys

import numpy as np

# Bound here, so that homework which replaces them does not replace them for us.
SEED, GET, SET = np.random.seed, np.random.get_state, np.random.set_state
PYTHON_SEED, PYTHON_GET, PYTHON_SET = random.seed, random.getstate, random.setstate
GENERATORS = np.random.Generator, np.random.RandomState, random.Random


def generators_in(values):
    """The random generators among some values, each once."""
    found = {id(v): v for v in values if isinstance(v, GENERATORS)}
    return [g for g in found.values() if not isinstance(g, random.SystemRandom)]


def variables_of(functions):
    """Values that functions see: module variables, enclosing ones, defaults."""
    for function in functions:
        function = getattr(function, "__func__", function)
        yield from getattr(function, "__globals__", {}).copy().values()
        yield from getattr(function, "__defaults__", None) or ()
        yield from (getattr(function, "__kwdefaults__", None) or {}).values()
        for cell in getattr(function, "__closure__", None) or ():
            with contextlib.suppress(ValueError):       # not filled yet
                yield cell.cell_contents


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
        SEED(seed + 1009 * turn)
        PYTHON_SEED(seed + 1009 * turn)
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

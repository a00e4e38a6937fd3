"""What can be asked of a homework: its pairs, inputs, forward, backward, and a look at what it holds.

Idea: one object answers, in a child process over a channel (main.py) or right here (a `Session` made
from functions); the checker cannot tell which. Answers are values of trees.py, never verdicts.

Every forward gets fresh copies of its inputs and the same random state (NumPy's and Python's global
generators, and generators among the module's variables), so that dropout draws the same mask again.
A forward that is to be followed by a backward is kept as a numbered run, with its inputs, outputs
and cache as the student's code left them: `look` shows them, to find out who overwrote what.
"""

import random
import traceback

import numpy as np

from . import trees


class StudentError(Exception):
    """The homework's own code did not run to its end.

    kind: error (it raised), memory, timeout or crash; where: "backward, line 14: dx = dout @ w".
    """

    def __init__(self, kind, message, where=""):
        super().__init__(message)
        self.kind, self.message, self.where = kind, message, where


class Session:
    """Answers for pairs that live in this process.

    pairs: dict name -> Pair (pairs.py); file: the homework's path, for line numbers in errors.
    """

    def __init__(self, pairs, file=None, variables=()):
        self.pairs, self.file = pairs, file
        self.runs, self.places, self.count = {}, {}, 0
        generators = [v for v in variables if isinstance(v, np.random.Generator)]
        self.generators = [(g.bit_generator, g.bit_generator.state) for g in generators]

    def describe(self):
        """What each pair is: a list of dicts with name, arguments, wrt, points, line ..."""
        return [pair.describe() for pair in self.pairs.values()]

    def inputs(self, name, seed):
        """The inputs that the homework itself makes for a seed: a tuple; None if it makes none."""
        return self._run("inputs", lambda: self.pairs[name].inputs(seed))

    def forward(self, name, inputs, keep=False, readonly=False):
        """{"outputs": a tree, "run": its number, or None unless it is kept}

        readonly: give arrays that refuse to be written to, so that the line that does is named.
        """
        pair, inputs = self.pairs[name], trees.fresh(inputs)
        if readonly:
            for _, array in trees.arrays_inside(inputs):
                array.flags.writeable = False
        self._pin()
        outputs, context = self._run("forward", lambda: pair.forward(inputs))
        if not keep:
            return {"outputs": outputs, "run": None}
        self.count += 1
        self.runs[self.count] = [pair, inputs, outputs, context, None]
        return {"outputs": outputs, "run": self.count}

    def place(self, name, inputs):
        """Keep these inputs here for `probe`: a number."""
        self.count += 1
        self.places[self.count] = (name, inputs)
        return self.count

    def probe(self, place, moves):
        """Outputs of forward at many points near a place: one answer for many calls.

        moves: a list of points, each a list of (path, index, value): the leaf at path is replaced
        by value, or, with an index, has value at that flat index. None where forward raises.
        """
        name, inputs = self.places[place]
        return [self._outputs(name, _moved(inputs, point)) for point in moves]

    def _outputs(self, name, inputs):
        try:
            return self.forward(name, inputs)["outputs"]
        except StudentError as error:
            if error.kind != "error":
                raise
            return None

    def backward(self, run, upstream, readonly=False):
        """{"gradients": a tree, "shares": pairs of labels that are one memory}

        readonly: give an upstream gradient, inputs, outputs and cache that refuse to be written to.
        """
        pair, inputs, outputs, context, _ = self.runs[run]
        upstream = trees.fresh(upstream)
        self.runs[run][4] = upstream
        if readonly:
            cache = pair.cache(context)
            for _, array in trees.arrays_inside([inputs, outputs, cache, upstream]):
                array.flags.writeable = False
        gradients = self._run("backward", lambda: pair.backward(upstream, context))
        return {"gradients": gradients, "shares": _shares(gradients, upstream)}

    def look(self, run):
        """The run's inputs, outputs, upstream and cache as they are now; of the cache its arrays,
        {label: array}."""
        pair, inputs, outputs, context, upstream = self.runs[run]
        cache = {trees.label(("cache", *path)): a for path, a in
                 trees.arrays_inside(pair.cache(context)) if a.dtype != object}
        return {"inputs": inputs, "outputs": outputs, "upstream": upstream, "cache": cache}

    def forget(self, number):
        """The run, or place, is not needed any more."""
        self.runs.pop(number, None)
        self.places.pop(number, None)

    def _pin(self):
        np.random.seed(0)
        random.seed(0)
        for bits, state in self.generators:
            bits.state = state

    def _run(self, part, call):
        """call(), with whatever goes wrong in it as a StudentError that names the line."""
        try:
            with np.errstate(all="ignore"):
                return call()
        except MemoryError as error:
            raise StudentError("memory", _said(error), self._where(part, error)) from error
        except (KeyboardInterrupt, StudentError):
            raise
        except BaseException as error:      # SystemExit, too: homework does not end the checker
            raise StudentError("error", _said(error), self._where(part, error)) from error

    def _where(self, part, error):
        frames = traceback.extract_tb(error.__traceback__)
        theirs = [f for f in frames if self.file and f.filename == str(self.file)] or frames[-1:]
        return f"{part}, line {theirs[-1].lineno}: {theirs[-1].line}" if theirs else part


def _moved(inputs, point):
    changes = {tuple(path): (index, value) for path, index, value in point}

    def moved(path, leaf):
        if path not in changes:
            return leaf
        index, value = changes[path]
        if index is None:
            return value
        leaf = np.array(leaf)
        leaf.flat[index] = value
        return leaf

    return trees.rebuilt(inputs, moved)


def _said(error):
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _shares(gradients, upstream):
    """Pairs of gradients, or of a gradient and the upstream, that are one memory."""
    named = [(trees.label(("gradient", *path)), leaf) for path, leaf in trees.leaves(gradients)]
    named += [(trees.label(("dout", *path)), leaf) for path, leaf in trees.leaves(upstream)]
    arrays = [(name, leaf) for name, leaf in named if isinstance(leaf, np.ndarray) and leaf.size]
    return [
        [name, other]
        for i, (name, array) in enumerate(arrays)
        for other, second in arrays[i + 1 :]
        if np.may_share_memory(array, second)
    ]

"""What can be asked of a homework: its pairs, inputs, forward, backward, a look at what it holds.

Idea: one object answers, in a child process over a channel (main.py) or right here (a `Session`
made from functions); the checker cannot tell which. Answers are values of trees.py, no verdicts.

Every forward gets fresh copies of its inputs and the same random state (randomness.py), so that
dropout draws the same mask again; a backward gets another state each time, so that one that draws
its mask anew is seen. A forward that is to be followed by a backward is kept as a numbered run,
with its inputs, outputs and cache as the student's code left them: `look` shows them, to find out
who overwrote what.
Read next: pairs.py (calling conventions).
"""

import contextlib
import inspect
import linecache
import sys
import sysconfig
import traceback
import warnings
from pathlib import Path

import numpy

# Bound here, so that homework which replaces np.array does not replace ours.
from numpy import array, errstate, may_share_memory, ndarray

from . import trees
from .randomness import Randomness, variables_of

HERE = Path(__file__).parent
INSTALLED = str(HERE), sysconfig.get_path("stdlib"), str(Path(numpy.__file__).parents[1]), "<frozen"
LONGEST = 500               # characters of a message


ENDS = "timeout", "memory", "crash", "error"        # of code; error: it raised


class StudentError(Exception):
    """The homework's own code did not run to its end.

    kind: one of ENDS; where: "backward, line 14: dx = dout @ w".
    """

    def __init__(self, kind, message, where=""):
        super().__init__(message)
        self.kind, self.message, self.where = kind, message, where

    @classmethod
    def of(cls, error, where=""):
        """What the homework raised, as a StudentError."""
        return cls("memory" if isinstance(error, MemoryError) else "error", said(error), where)

    @property
    def sentence(self):
        """Where, and what: "forward, line 3: while True: did not finish within 2 s"."""
        return f"{self.where.removesuffix(':')}: {self.message}" if self.where else self.message


class Session:
    """Answers for pairs that live in this process.

    pairs: dict name -> Pair (pairs.py) or what answers like one; source: where the homework's code
    stands (load.py), for line numbers; variables: values that may be random generators, beside
    those that the pairs' functions see; remarks: sentences on what was found but is no pair.
    """

    def __init__(self, pairs, source=None, variables=(), remarks=()):
        self.pairs, self.source = pairs, source
        self.near_misses = list(remarks)
        self.runs, self.places, self.count, self.backwards = {}, {}, 0, 0
        self.watched = set()        # pairs whose backward was watched for calls of forward
        functions = [f for pair in pairs.values() for f in pair.functions()]
        self.randomness = Randomness([*variables, *variables_of(functions)])

    # A session in this process is held to nothing, and prints where everything prints; what a
    # Process (../process.py) can do about that, it must let itself be asked, too.
    limits = ()
    shared = False

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def within(self, seconds):
        """Nobody can stop what runs in this process."""
        return contextlib.nullcontext(self)

    def printed(self):
        """What the homework printed stands where it was printed."""
        return ""

    def describe(self):
        """What each pair is: a list of dicts with name, arguments, wrt, points, line ..."""
        with self.randomness.borrowed():
            self.randomness.pin()       # a layer's constructor may draw its weights
            return [self._run("init", pair.describe) for pair in self.pairs.values()]

    def remarks(self):
        """Sentences on near misses: a forward without its backward, a name misspelt."""
        return self.near_misses

    def configure(self, name, options):
        """Set options of a pair (init: a layer's constructor arguments): its new description."""
        pair = self.pairs[name]
        pair.configure(options)
        return next(d for d in self.describe() if d["name"] == name)

    def inputs(self, name, seed):
        """The inputs that the homework itself makes for a seed: a tuple; None if it makes none."""
        with self.randomness.borrowed():
            self.randomness.pin(seed)
            return self._run("inputs", lambda: self.pairs[name].inputs(seed))

    def forward(self, name, inputs, keep=False, readonly=False):
        """{"outputs": a tree, "run": its number, or None unless it is kept}

        readonly: give arrays that refuse to be written to, so that the line that does is named.
        """
        pair, inputs = self.pairs[name], trees.fresh(inputs)
        if readonly:
            _lock(inputs)
        with self.randomness.borrowed(), _quiet(inputs):
            outputs, context = self._forward(pair, inputs)
        if not keep:
            return {"outputs": outputs, "run": None}
        self.count += 1
        self.runs[self.count] = [pair, inputs, outputs, context, None]
        return {"outputs": outputs, "run": self.count}

    def _forward(self, pair, inputs):
        self.randomness.pin()
        return self._run("forward", lambda: pair.forward(inputs))

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
        pair = self.pairs[name]
        with self.randomness.borrowed():
            return [self._outputs(pair, trees.fresh(_moved(inputs, point))) for point in moves]

    def _outputs(self, pair, inputs):
        try:
            return self._forward(pair, inputs)[0]
        except StudentError as error:
            if error.kind != "error":
                raise
            return None

    def backward(self, run, upstream, readonly=False):
        """{"gradients": a tree, "shares": pairs of labels that are one memory, "forward_calls"}

        readonly: give an upstream gradient, inputs, outputs and cache that refuse to be written to.
        forward_calls: how often backward called the pair's forward, counted in a pair's first
        backward, None later: many calls are numerical differentiation.
        """
        pair, inputs, outputs, context, _ = self.runs[run]
        upstream = trees.fresh(upstream)
        self.runs[run][4] = upstream
        if readonly:
            _lock([inputs, outputs, pair.cache(context), upstream])
        self.backwards += 1
        calls = None if pair.name in self.watched else Calls(pair.functions()[0])
        with self.randomness.borrowed():
            self.randomness.pin(turn=self.backwards)
            with calls or contextlib.nullcontext():
                gradients = self._run("backward", lambda: pair.backward(upstream, context))
        self.watched.add(pair.name)
        return {
            "gradients": gradients,
            "shares": _shares(gradients, upstream),
            "forward_calls": calls.count if calls else None,
        }

    def look(self, run):
        """The run's inputs, outputs, upstream and cache as they are now; of the cache its arrays,
        {label: array}."""
        pair, inputs, outputs, context, upstream = self.runs[run]
        cache = {pair.label(path): a for path, a in
                 trees.arrays_inside(pair.cache(context)) if a.dtype != object}
        return {"inputs": inputs, "outputs": outputs, "upstream": upstream, "cache": cache}

    def forget(self, number):
        """The run, or place, is not needed any more."""
        self.runs.pop(number, None)
        self.places.pop(number, None)

    def _run(self, part, call):
        """call(), with whatever goes wrong in it as a StudentError that names the line."""
        try:
            with errstate(all="ignore"):
                return call()
        except (KeyboardInterrupt, StudentError):
            raise
        except BaseException as error:      # SystemExit, too: homework does not end the checker
            raise StudentError.of(error, where(part, error, self.source)) from error


class Calls:
    """Counts the calls of one function inside a `with`; nothing if a profiler is at work."""

    def __init__(self, function):
        self.code = getattr(inspect.unwrap(function), "__code__", None)
        self.count = 0

    def __enter__(self):
        if sys.getprofile() is None:
            sys.setprofile(self._watch)

    def __exit__(self, *error):
        if sys.getprofile() == self._watch:
            sys.setprofile(None)

    def _watch(self, frame, event, _):
        if event == "call" and frame.f_code is self.code:
            self.count += 1


def said(error):
    """What an exception says, in at most 500 characters."""
    name = type(error).__name__
    try:
        text = str(error)
    except Exception:       # a homework's own exception, whose __str__ fails
        text = ""
    if isinstance(error, NotImplementedError) and not text:
        return "this is yet to be written"
    return f"{name}: {text}"[:LONGEST] if text else name


def where(part, error, source=None):
    """The homework's last line on the way to the error: "backward, line 14: dx = dout @ w"."""
    own = str(source.path) if source else None
    if isinstance(error, SyntaxError) and error.filename == own and error.lineno:
        return f"{part}, {source.place(error.lineno)}: {source.line(error.lineno)}"
    frames = [(f.f_code.co_filename, line) for f, line in traceback.walk_tb(error.__traceback__)]
    theirs = [f for f in frames if f[0] == own]
    theirs = theirs or [f for f in frames if not f[0].startswith(INSTALLED)]
    if not theirs:
        return part
    file, number = theirs[-1]
    if file == own:
        return f"{part}, {source.place(number)}: {source.line(number)}"
    text = linecache.getline(file, number).strip()
    return f"{part}, {Path(file).name}, line {number}: {text}"


@contextlib.contextmanager
def _quiet(inputs):
    """No warnings where inputs are complex: that is the checker's doing, not the homework's."""
    kinds = [getattr(leaf, "dtype", None) for _, leaf in trees.leaves(inputs)]
    if all(dtype is None or dtype.kind != "c" for dtype in kinds):
        yield
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _lock(tree):
    for _, one in trees.arrays_inside(tree):
        one.flags.writeable = False


def _moved(inputs, point):
    changes = {tuple(path): (index, value) for path, index, value in point}

    def moved(path, leaf):
        if path not in changes:
            return leaf
        index, value = changes[path]
        if index is None:
            return value
        leaf = array(leaf)
        leaf.flat[index] = value
        return leaf

    return trees.rebuilt(inputs, moved)


def _shares(gradients, upstream):
    """Pairs of gradients, or of a gradient and the upstream, that are one memory."""
    named = [(trees.label(("gradient", *path)), leaf) for path, leaf in trees.leaves(gradients)]
    named += [(trees.label(("dout", *path)), leaf) for path, leaf in trees.leaves(upstream)]
    arrays = [(name, leaf) for name, leaf in named if isinstance(leaf, ndarray) and leaf.size]
    return [
        [name, other]
        for i, (name, one) in enumerate(arrays)
        for other, second in arrays[i + 1 :]
        if may_share_memory(one, second)
    ]

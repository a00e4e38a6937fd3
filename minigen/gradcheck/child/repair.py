"""Search for one edit of a homework's backward that gives the right gradients.

Idea: most wrong backwards are one slip away from a right one, so every single edit (edits.py) of
the functions that backward runs is tried on a forward that was kept, and its gradients compared
with numeric ones that the checker sends. Only the function's code is exchanged, in the module as it
stands: the file is neither written nor run again, and every reference to the function, a method
or a decorated one, sees the edit.

Functions that forward runs, too, are left alone: to edit them would change what is differentiated.
An edit that loops is interrupted, one that writes to what the forward left is stopped, for the
next one needs it; a crash ends this process, and the search.
Invariant: between two edits the functions are as the student wrote them, but for one adopted.
Read next: edits.py; ../repair.py, which asks, and believes nothing that it has not checked.
"""

import contextlib
import inspect
import signal
import sys
import time

import numpy as np

from . import trees
from .edits import edits
from .load import lines_of
from .session import StudentError

SLOWER = 20             # times what the student's own backward takes: an edit that loops
LEAST = 0.05            # seconds that an edit may take


class Interrupted(BaseException):
    """An edit took too long; no homework's `except Exception` keeps it."""


class Repair:
    """The search for one pair of a session at one kept run.

    run: number of a forward; upstream: as backward takes it; targets: a list of dicts with place
    (path in what backward returns), shape, index (flat), value and tolerance (arrays).
    """

    def __init__(self, session, run, upstream, targets):
        self.session, self.run, self.upstream = session, run, upstream
        self.targets = targets
        self.found, self.tried, self.edited = [], 0, None
        self.readonly = self._runs_readonly()
        started = time.monotonic()
        functions = self._functions()
        self.before = self._fitting() or set()
        self.seconds = max(LEAST, SLOWER * (time.monotonic() - started))
        met = len(self.before) == len(targets)
        self.candidates = iter(()) if met else self._candidates(functions)

    def search(self, seconds):
        """Try edits for so long: {"found": those that fit, as dicts, "tried": in all, "done"}.

        Of each: number (for `adopt`), function, label, line, before, after, and fits, the numbers
        of the targets that are met: all that were met before, and more.
        """
        until, new = time.monotonic() + seconds, []
        done = True
        for function, edit, code in self.candidates:
            self.tried += 1
            fits = self._with(function, code)
            if fits is not None and fits > self.before:
                self.found.append((function, code))
                new.append({
                    "number": len(self.found) - 1, "function": function.__qualname__,
                    "label": slip(edit, function), "line": edit.line, "before": edit.before,
                    "after": edit.after, "fits": sorted(fits),
                })  # fmt: skip
            if time.monotonic() > until:
                done = False
                break
        return {"found": new, "tried": self.tried, "done": done}

    def adopt(self, number):
        """Leave an edit that was found in place, instead of one that was adopted before; None: go
        back to what the student wrote."""
        if self.edited:
            function, code = self.edited
            function.__code__, self.edited = code, None
        if number is None:
            return
        function, code = self.found[number]
        self.edited = function, function.__code__
        function.__code__ = code

    def _candidates(self, functions):
        """(function, edit, the code with it), the pair's own backward first."""
        source = "\n".join(self.session.source.lines) + "\n"
        for function in functions:
            own, first = inspect.getsourcelines(function)
            rest = len(self.session.source.lines) - (first - 1 + len(own))
            with contextlib.suppress(ValueError, SyntaxError):     # it stands inside another
                for edit in edits(source, function.__qualname__, inserting=True):
                    lines = lines_of(edit.source)
                    code = compiled(lines[: len(lines) - rest], first, function)
                    if code is not None:
                        yield function, edit, code

    def _functions(self):
        """The file's functions that backward runs and forward does not, the pair's own first."""
        pair, inputs = self.session.pairs[self.name], self.session.runs[self.run][1]
        own = str(self.session.source.path)
        with _Watch(own) as forward:
            self.session.forward(pair.name, inputs)
        with _Watch(own) as backward:
            self._gradients()
        known = {f.__code__: f for f in functions_of(pair)}
        codes = [code for code in backward.codes if code not in forward.codes and code in known]
        return [known[code] for code in codes]

    @property
    def name(self):
        """Of the pair."""
        return self.session.runs[self.run][0].name

    def _runs_readonly(self):
        """Whether the student's backward runs with all that it is given locked."""
        try:
            self.session.backward(self.run, self.upstream, readonly=True)
        except StudentError:
            return False
        return True

    def _gradients(self):
        """What backward returns now; of a new forward if it writes to what the first one left."""
        session, run = self.session, self.run
        if not self.readonly:
            run = session.forward(self.name, session.runs[run][1], keep=True)["run"]
        try:
            return session.backward(run, self.upstream, self.readonly)["gradients"]
        finally:
            if run != self.run:
                session.forget(run)

    def _with(self, function, code):
        """The targets that are met with another code of a function; None if it does not run."""
        former = function.__code__
        try:
            with _interrupted_after(self.seconds):
                function.__code__ = code
                return self._fitting()
        except Interrupted:
            return None
        finally:
            function.__code__ = former

    def _fitting(self):
        """Numbers of the targets that the gradients meet; None if backward does not run."""
        try:
            gradients = self._gradients()
        except StudentError:
            return None
        return {i for i, target in enumerate(self.targets) if _meets(gradients, **target)}


def _meets(gradients, place, shape, index, value, tolerance):
    try:
        gradient = np.asarray(trees.at(gradients, place))
        if gradient.shape != tuple(shape) or gradient.dtype.kind != "f":
            return False
        yours = gradient.reshape(-1)[index].astype(float)
    except (LookupError, TypeError, ValueError):
        return False
    return bool(np.isfinite(yours).all() and (np.abs(yours - value) <= tolerance).all())


def functions_of(pair):
    """Every function and method in the modules that a pair's functions stand in."""
    for function in pair.functions():
        for value in list(getattr(inspect.unwrap(function), "__globals__", {}).values()):
            held = list(vars(value).values()) if inspect.isclass(value) else [value]
            for one in held:
                one = inspect.unwrap(getattr(one, "__func__", one))
                if inspect.isfunction(one):
                    yield one


def slip(edit, function):
    """The label of the slip that an edit undoes: of the edit that leads back from it, if there is
    one, for `=` made `+=` undoes another slip than `+=` made `=`."""
    if edit.after == "pass":
        return "double_count"
    back = (
        other.label for other in edits(edit.source, function.__qualname__)
        if other.line == edit.line and other.after == edit.before
    )  # fmt: skip
    return next(back, edit.label)


def compiled(lines, first, function):
    """The code of a function from the lines of a file up to its last, of which `first` is its
    first; None if it cannot stand for the function's own code.
    """
    owner = function.__qualname__.rpartition(".")[0]
    above = [""] * (first - 2) + [f"class {owner}:" if owner else ""] if first > 1 else []
    former = function.__code__
    try:
        text = "\n".join([*above, *lines[first - 1 :]])
        code = compile(text, former.co_filename, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError):
        return None
    for part in function.__qualname__.split("."):
        code = next((c for c in code.co_consts if getattr(c, "co_name", None) == part), None)
        if code is None:
            return None
    return code if code.co_freevars == former.co_freevars else None


class _Watch:
    """The code objects of a file that run inside a `with`, in the order of their first call."""

    def __init__(self, path):
        self.path, self.codes = path, {}

    def __enter__(self):
        self.former = sys.getprofile()
        sys.setprofile(self._see)
        return self

    def __exit__(self, *error):
        sys.setprofile(self.former)

    def _see(self, frame, event, _):
        if event == "call" and frame.f_code.co_filename == self.path:
            self.codes.setdefault(frame.f_code)


@contextlib.contextmanager
def _interrupted_after(seconds):
    """Raise Interrupted inside after some time, and again if it was caught; not on Windows, where
    the checker's clock alone ends it."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def interrupt(*_):
        raise Interrupted

    former = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds, seconds)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)

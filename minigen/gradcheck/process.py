"""A homework's own process, seen from here: the methods of `Session`, with limits.

Idea: one child per file, started fresh (never forked), in a process group of its own, with no
input, an empty folder to live in and a few environment variables. It answers with arrays over a
private socket; every wait for it ends with the time of the pair, and then the whole group is
killed. A child that died, or whose answer makes no sense, is a `StudentError` of the pair at hand;
the next request gets a new child.

Invariant: nothing that arrives is believed beyond being arrays: verdicts are made on this side.
Read next: spawn.py, child/main.py (the other side), child/limits.py; docs/gradcheck-isolation.md.
"""

import contextlib
import time
from pathlib import Path

from minigen.gradcheck.child.session import Session, StudentError
from minigen.gradcheck.child.wire import Garbled
from minigen.gradcheck.output import Output
from minigen.gradcheck.spawn import Child, TimeIsOver

PARTS = {"load": "import", "probe": "forward", "place": "forward"}    # as StudentError.where says
ABOUT_A_RUN = ("backward", "look", "probe", "forget", "repair")
GENERATION = 1 << 32    # more than the runs and places of one child
START_UP = 60.0         # seconds that Python and NumPy may take to start
PROCESSOR = 60          # times the time of a pair: processor seconds of a child
INTRUSION = "wrote on the checker's channel"


def _asks(method, keys=()):
    """A method that asks the child to call the session's; keys: of the dict that it answers."""

    def ask(self, *arguments, **options):
        value = self._ask(method, arguments, options)
        if keys and not (isinstance(value, dict) and value.keys() == set(keys)):
            raise self._ended("crash", INTRUSION, PARTS.get(method, method))
        return value

    ask.__doc__ = getattr(Session, method).__doc__
    return ask


class Process:
    """The homework in `path`, evaluated in a child. Answers like a Session.

    memory: bytes beyond what Python and NumPy take; timeout: seconds for loading the file, and for
    every request outside of `within`. Use it in a `with`, which leaves no process behind, and in
    one thread: on Linux a child ends with the thread that started it.
    """

    def __init__(self, path, memory=1 << 30, timeout=60.0):
        self.path, self.memory, self.timeout = Path(path).resolve(), memory, timeout
        self.child = self.failure = self.description = None
        self.generation, self.seconds, self.left = 0, timeout, None
        self.output, self._limits, self.configured = Output(), [], {}
        self.shared = False     # whether the child of the last `within` had served an earlier one

    inputs = _asks("inputs")
    forward = _asks("forward", ("outputs", "run"))
    place = _asks("place")
    probe = _asks("probe")
    backward = _asks("backward", ("gradients", "shares", "forward_calls"))
    look = _asks("look", ("inputs", "outputs", "upstream", "cache"))
    forget = _asks("forget")
    remarks = _asks("remarks")

    def configure(self, name, options):
        """Set options of a pair (init: a layer's constructor arguments): its new description."""
        description = self._ask("configure", [name, options], {})
        self.configured[name] = options
        return description

    def repair(self, run, upstream, targets):
        """Begin a search for an edit that repairs a backward: see Repair in child/repair.py."""
        self._ask("repair", [run, upstream, targets], {})

    def search(self, seconds):
        """Go on with the search for so long: see Repair.search."""
        return self._ask("search", [seconds], {})

    def adopt(self, number):
        """Put an edit that the search found in place, in this process alone; None: none."""
        self._ask("adopt", [number], {})

    def describe(self):
        """What each pair is: a list of dicts with name, arguments, wrt, points, line ..."""
        self._start()
        return self.description

    @property
    def limits(self):
        """Sentences for the report: what the homework is held to here."""
        if not self._limits:
            self._spawn()
        return self._limits

    @contextlib.contextmanager
    def within(self, seconds):
        """Give everything inside so many seconds of the child's time in all: one pair, say.

        The checker's own time does not count. What the pair started and left ends with it.
        """
        self.left = self.seconds = seconds
        self.shared = self.child is not None and self.child.used
        self.output.mark()
        try:
            yield self
        finally:
            self.seconds, self.left = self.timeout, None
            if self.child:
                self.child.used = True
                if self.child.has_offspring():
                    self.close()

    def printed(self):
        """What the homework printed since the last `within` began."""
        return self.output.recent()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def close(self):
        """End the child and all that it started."""
        if self.child:
            self.child.kill()
        self.child = None

    def _spawn(self):
        """A child that has set its limits and not yet seen the homework."""
        self.child = Child(self.path, self.memory, self.output)
        self.generation += 1
        settings = [self.memory, PROCESSOR * self.timeout]
        try:
            _, kind, limits, *said = self.child.ask("limit", settings, {}, START_UP)
            if kind == "raised":
                raise EOFError(*said)
        except (OSError, EOFError, Garbled, TimeIsOver) as error:
            self.close()
            text = f"{error} {self.output.recent()[-2000:]}".strip()
            raise RuntimeError(f"the homework's process does not start: {text}") from error
        self._limits = [f"time: {self.timeout:g} s", *limits]

    def _start(self):
        """A child that has loaded the homework; a file that failed to load is not tried again."""
        if self.failure:
            raise self.failure
        if self.child and self.child.loaded:
            return
        if not self.child:
            self._spawn()
        try:
            description = self._timed("load", [self.generation * GENERATION], {})
        except StudentError as failure:
            self.failure = failure
            raise
        self.child.loaded, self.description = True, description
        if self.generation > 1:     # as its predecessor was; and this is heard for the second time
            for name, options in self.configured.items():
                self._timed("configure", [name, options], {})
            self.output.mark()

    def _ask(self, method, arguments, options):
        if method in ABOUT_A_RUN and arguments[0] // GENERATION != self.generation:
            if method == "forget":
                return None
            raise StudentError("crash", "its process ended, and what it kept is lost", method)
        self._start()
        return self._timed(method, arguments, options)

    def _timed(self, method, arguments, options):
        """A request within the time that is left, which it shortens."""
        if self.left is None:
            return self._request(method, arguments, options, self.timeout)
        started = time.monotonic()
        try:
            return self._request(method, arguments, options, self.left)
        finally:
            self.left = max(0.0, self.left - (time.monotonic() - started))

    def _request(self, method, arguments, options, seconds):
        part = PARTS.get(method, method)
        try:
            answer = self.child.ask(method, arguments, options, seconds)
        except TimeIsOver:
            message, where = f"did not finish within {self.seconds:g} s", self.child.interrupt(part)
            raise self._ended("timeout", message, where) from None
        except (EOFError, OSError):
            raise self._ended(*self.child.cause_of_death(part)) from None
        except Garbled:
            raise self._ended("crash", INTRUSION, part) from None
        except BaseException:       # Ctrl-C: an answer may still be on its way
            self.close()
            raise
        if answer[1] == "value":
            return answer[2]
        if answer[2] == "memory":
            raise self._ended(*answer[2:])
        raise StudentError(*answer[2:])

    def _ended(self, kind, message, where):
        """The StudentError of a child that is not used any more."""
        self.close()
        return StudentError(kind, message, where)

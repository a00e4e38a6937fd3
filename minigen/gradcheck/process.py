"""A homework's own process, seen from here: the methods of `Session`, with limits.

Idea: one child per file, started fresh (never forked), in its own process group, with no input, an
empty folder to live in and a few environment variables. It answers with arrays; a watchdog kills the
group when the time of a pair is over. A child that died, or whose answer makes no sense, is a
`StudentError` of the pair at hand; the next pair gets a new child.
"""

import contextlib
import os
import subprocess
import sys
import threading
from pathlib import Path

from minigen.gradcheck.child.session import StudentError
from minigen.gradcheck.child.wire import Codec, Garbled

START = "import sys; sys.path.insert(0, {place!r}); from child.main import serve; sys.path.pop(0); serve({path!r})"


class Process:
    """The homework in `path`, evaluated in a child. Answers like a Session."""

    def __init__(self, path, memory=1 << 30, timeout=60.0):
        self.path, self.memory, self.timeout = Path(path).resolve(), memory, timeout
        self.child, self.codec, self.count = None, Codec(), 0

    def start(self):
        place = str(Path(__file__).parent)
        code = START.format(place=place, path=str(self.path))
        self.child = subprocess.Popen(
            [sys.executable, "-I", "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        return self._ask("load", {})

    def _ask(self, method, arguments):
        self.count += 1
        for part in self.codec.pack([self.count, method, arguments]):
            self.child.stdin.write(part)
        self.child.stdin.flush()
        number, kind, *rest = self.codec.unpack(self._read)
        if kind == "raised":
            raise StudentError(*rest)
        return rest[0]

    def _read(self, n):
        data = self.child.stdout.read(n)
        if len(data) < n:
            raise EOFError
        return bytearray(data)

    def describe(self):
        return self.start()

    def inputs(self, name, seed):
        return self._ask("inputs", dict(name=name, seed=seed))

    def forward(self, name, inputs, keep=False, readonly=False):
        return self._ask("forward", dict(name=name, inputs=inputs, keep=keep, readonly=readonly))

    def backward(self, run, upstream, readonly=False):
        return self._ask("backward", dict(run=run, upstream=upstream, readonly=readonly))

    def look(self, run):
        return self._ask("look", dict(run=run))

    def place(self, name, inputs):
        return self._ask("place", dict(name=name, inputs=inputs))

    def probe(self, place, moves):
        return self._ask("probe", dict(place=place, moves=moves))

    def forget(self, number):
        return self._ask("forget", dict(number=number))

    def close(self):
        if self.child:
            self.child.kill()
            self.child.wait()

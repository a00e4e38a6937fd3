"""Start a homework's process, ask it, find out why it died, and end all that it started.

Idea: the child gets a fresh interpreter, a socket that nothing it starts inherits, and nothing else
of this process: no input, no variables but a few, an empty folder as its home. Waiting for it is
bounded by a clock on this side, whatever the child does with its signals and its threads.
Read next: process.py, which makes a `Session` of it.
"""

import contextlib
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from minigen.gradcheck.child.load import lines_of
from minigen.gradcheck.child.session import ENDS
from minigen.gradcheck.child.wire import CHANNEL_CLOSED, Channel, Codec, Garbled

# The folder `child` becomes a package without any change of sys.path. NumPy may live where only
# this process looks (a user's site-packages, PYTHONPATH): its folder comes last.
START = """
import sys, types
package = sys.modules["gradcheck_child"] = types.ModuleType("gradcheck_child")
package.__path__ = [sys.argv[1]]
if sys.argv[2] not in sys.path: sys.path.append(sys.argv[2])
from gradcheck_child.main import serve
serve(*sys.argv[3:])
"""
# Like -I, except that our own PYTHONHASHSEED counts: sets have one order in every child. And -u:
# what was printed before a crash is there.
OPTIONS = ["-s", "-P", "-B", "-u", "-X", "utf8"]
INHERITED = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "WINDIR", "COMSPEC")
POSIX = os.name == "posix"
LOOK_UP = 0.1           # seconds of waiting, after which the child is looked at
LAST_WORDS = 0.5        # seconds that a dying child may take


class TimeIsOver(Exception):
    """The child did not answer in time."""


class Child:
    """One running process for the homework in path; see process.py for its limits.

    memory: the most bytes that an answer may have; output: an Output that follows what it prints.
    """

    def __init__(self, path, memory, output):
        self.path, self.output, self.loaded, self.used = path, output, False, False
        self.folder = tempfile.TemporaryDirectory(prefix="minigen-", ignore_cleanup_errors=True)
        ours, theirs = socket.socketpair()
        self.last_words = tempfile.TemporaryFile()      # noqa: SIM115 - closed by kill()
        reader, writer = os.pipe()
        descriptors = [theirs.fileno(), self.last_words.fileno()] if POSIX else []
        places = Path(__file__).parent / "child", Path(np.__file__).parents[1], path
        arguments = [*map(str, places), str(os.getpid()), *map(str, descriptors)]
        try:
            self.process = subprocess.Popen(
                [sys.executable, *OPTIONS, "-c", START, *arguments],
                stdin=subprocess.DEVNULL if POSIX else subprocess.PIPE,
                stdout=writer,
                stderr=writer,
                cwd=self.folder.name,
                env=_environment(self.folder.name),
                start_new_session=True,
                pass_fds=descriptors,
            )
        finally:
            os.close(writer)
            output.follow(reader)
        if not POSIX:       # a socket is no file there: a description of it is sent
            with self.process.stdin as pipe:
                pipe.write(theirs.share(self.process.pid))
        theirs.close()
        ours.settimeout(LOOK_UP)
        self.socket, self.codec = ours, Codec(limit=memory)
        self.channel = Channel(ours, self._patience)

    def ask(self, method, arguments, options, seconds):
        """The answer: [id, "value", value] or [id, "raised", kind, message, where].

        Raises TimeIsOver; EOFError or OSError if the child is gone; Garbled if it is no answer.
        """
        number = secrets.randbits(62)
        request = self.codec.pack([number, method, list(arguments), options])
        now = time.monotonic()
        self.deadline, self.look_up = now + seconds, now + LOOK_UP
        self.channel.send(request)
        match self.codec.unpack(self.channel.read):
            case [int(n), "value", _] as answer if n == number:
                return answer
            case [int(n), "raised", str(kind), str(), str()] as answer if n == number:
                if kind in ENDS:
                    return answer
        raise Garbled("no answer to what was asked")

    def _patience(self):
        """Raise when there is nothing more to wait for."""
        now = time.monotonic()
        if now > self.deadline:
            raise TimeIsOver
        if now > self.look_up:
            self.look_up = now + LOOK_UP
            if self.process.poll() is not None:
                raise EOFError      # something that it started keeps the channel open

    def interrupt(self, part):
        """Stop a child that takes too long: where it was, "backward, line 14: while True:"."""
        if POSIX:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.send_signal(signal.SIGABRT)    # faulthandler writes the line
                self.process.wait(LAST_WORDS)
        return self._where(part)

    def cause_of_death(self, part):
        """(kind, message, where) for a child that left the channel, by dying or otherwise."""
        try:
            code = self.process.wait(LAST_WORDS)
        except subprocess.TimeoutExpired:
            code = CHANNEL_CLOSED
        if code == CHANNEL_CLOSED:
            return "crash", "closed the checker's channel", part
        if code >= 0:
            return "crash", f"ended by itself with exit code {code}", part
        name = {s.value: s.name for s in signal.Signals}.get(-code, f"signal {-code}")
        if name == "SIGKILL":
            text = "killed by the system (SIGKILL): out of memory, most likely"
            return "memory", text, part
        if name == "SIGXCPU":
            return "timeout", "used up its processor time", part
        text = f"ended by a signal: {signal.strsignal(-code)} ({name})"
        return "crash", text, self._where(part)

    def _where(self, part):
        """part with the homework's line, if faulthandler wrote one."""
        self.last_words.seek(0)
        words = self.last_words.read(1 << 20).decode("ascii", "replace")
        *_, dump = words.rpartition("Current thread")
        written = str(self.path).encode("ascii", "backslashreplace").decode()
        found = re.search(rf'File "{re.escape(written)}", line (\d+) in', dump)
        with contextlib.suppress(OSError, IndexError):
            if found:
                lines = lines_of(self.path.read_bytes().decode("utf-8-sig", "replace"))
                return f"{part}, line {found[1]}: {lines[int(found[1]) - 1].strip()}"
        return part

    def has_offspring(self):
        """Whether it started processes that still run, or that nobody waited for (on Linux)."""
        pid = self.process.pid
        try:
            return bool(Path(f"/proc/{pid}/task/{pid}/children").read_text())
        except OSError:
            return False

    def kill(self):
        """End the child, all that it started, and the traces of both."""
        if POSIX:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        else:
            tree = ["taskkill", "/T", "/F", "/PID", str(self.process.pid)]
            subprocess.run(tree, capture_output=True, check=False)
        self.process.kill()
        self.process.wait()
        if sys.platform == "linux":
            _kill_stragglers(self.folder.name)
        self.socket.close()
        self.last_words.close()
        self.output.leave()
        with contextlib.suppress(RecursionError):       # a thousand folders deep
            self.folder.cleanup()


def _environment(folder):
    """The variables of a child whose home is folder."""
    kept = {name: os.environ[name] for name in INHERITED if name in os.environ}
    one = ("OPENBLAS", "OMP", "MKL", "BLIS", "VECLIB_MAXIMUM", "NUMEXPR")
    return {
        **kept,
        "HOME": folder,
        **dict.fromkeys(("TMPDIR", "TEMP", "TMP", "USERPROFILE"), folder),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        **{f"{library}_NUM_THREADS": "1" for library in one},
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _kill_stragglers(folder):
    """Kill what left the child's process group: it still has the child's HOME."""
    mark = f"HOME={folder}\0".encode()
    looks, until = 2, time.monotonic() + LAST_WORDS
    while looks and time.monotonic() < until:   # one may start another, and end, while we look
        looks -= 1
        for name in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                if mark in Path(f"/proc/{name}/environ").read_bytes():
                    os.kill(int(name), signal.SIGKILL)
                    looks = 2

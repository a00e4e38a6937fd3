"""What a homework prints: drained by a thread, its beginning and its end kept.

Idea: a process whose output nobody reads stops in the middle of a print, so somebody always reads;
and a homework that prints for ever must not fill the memory, so the middle is thrown away.
Read next: process.py.
"""

import os
import select
import threading

HALF = 32 << 10         # bytes kept of the beginning, and of the end
PIPE = 1 << 16          # bytes that a pipe holds
POSIX = os.name == "posix"


class Output:
    """What one process after the other printed: all of it, and what came since the last `mark`."""

    def __init__(self):
        self.lock, self.whole, self.part = threading.Lock(), _Kept(), _Kept()
        self.descriptor = None

    def follow(self, descriptor):
        """Read this pipe to its end, which closes it."""
        if POSIX:
            os.set_blocking(descriptor, False)
        self.descriptor = descriptor
        threading.Thread(target=self._drain, args=(descriptor,), daemon=True).start()

    def leave(self):
        """Take what is in the pipe, and read no more of it."""
        self.settle()
        self.descriptor = None

    def mark(self):
        """From here on it is `recent`."""
        self.settle()
        with self.lock:
            self.part = _Kept()

    def recent(self):
        """The text since the last mark."""
        self.settle()
        return self.part.text()

    def text(self):
        """All of the text."""
        self.settle()
        return self.whole.text()

    def settle(self):
        """Wait for what was printed up to now (on Windows it may come later)."""
        with self.lock:
            # a pipe that is filled all the time is not emptied: twice its size is enough
            for _ in range(2 if POSIX and self.descriptor is not None else 0):
                self._take(self.descriptor)

    def _drain(self, descriptor):
        try:
            while self.descriptor == descriptor:
                if not POSIX:
                    chunk = os.read(descriptor, PIPE)
                    with self.lock:
                        self._keep(chunk)
                    if not chunk:
                        return
                elif _readable(descriptor):
                    with self.lock:
                        if self.descriptor == descriptor and not self._take(descriptor):
                            return
        finally:
            with self.lock:
                os.close(descriptor)
                if self.descriptor == descriptor:
                    self.descriptor = None

    def _take(self, descriptor):
        """Keep what is there to be read; False at the end of the pipe."""
        try:
            chunk = os.read(descriptor, PIPE)
        except BlockingIOError:
            return True
        self._keep(chunk)
        return bool(chunk)

    def _keep(self, chunk):
        self.whole.add(chunk)
        self.part.add(chunk)


class _Kept:
    """The first and the last bytes of a stream."""

    def __init__(self):
        self.first, self.last, self.count = b"", b"", 0

    def add(self, chunk):
        self.count += len(chunk)
        room = HALF - len(self.first)
        self.first += chunk[:room]
        self.last = (self.last + chunk[room:])[-HALF:]

    def text(self):
        lost = self.count - len(self.first) - len(self.last)
        gap = f"\n[... {lost} bytes left out ...]\n".encode() if lost else b""
        return (self.first + gap + self.last).decode("utf-8", "replace")


def _readable(descriptor):
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    return waiting.poll(200)    # ms; it also ends when the pipe does

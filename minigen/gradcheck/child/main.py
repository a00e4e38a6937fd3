"""The child process: answers requests about one homework file until the channel closes.

Idea: the first thing done is to move the channel away from standard input and output, so that what
the homework prints, or reads, is not the channel. A request is [id, method, arguments], an answer
[id, "value", value] or [id, "raised", kind, message, where].
"""

import faulthandler
import os
import sys

from .discover import load
from .session import StudentError
from .wire import Codec


def serve(path):
    """Load the homework and answer; returns when the checker closes the channel."""
    receive, send = os.dup(0), os.dup(1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    faulthandler.enable(2)
    codec, session = Codec(), None

    def read(n):
        data = bytearray(n)
        view, done = memoryview(data), 0
        while done < n:
            got = os.readv(receive, [view[done:]])
            if not got:
                raise EOFError
            done += got
        return data

    while True:
        try:
            number, method, arguments = codec.unpack(read)
        except EOFError:
            return
        try:
            if method == "load":
                session = load(path)
                value = session.describe()
            else:
                value = getattr(session, method)(**arguments)
            answer = [number, "value", value]
        except StudentError as error:
            answer = [number, "raised", error.kind, error.message, error.where]
        sys.stdout.flush()
        for part in codec.pack(answer):
            view = memoryview(part)
            while view:
                view = view[os.write(send, view):]

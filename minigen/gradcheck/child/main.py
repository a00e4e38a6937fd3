"""The child process: answers requests about one homework file until the channel closes.

Idea: a request is [id, method, arguments, options], an answer [id, "value", value] or
[id, "raised", kind, message, where]. The channel is a socket of its own, closed for whatever the
homework starts; standard input is empty, and standard output and error lead elsewhere, so what the
homework prints or reads is not the channel. The id is random: an answer to nothing shows.

Whatever goes wrong here is an answer, too, or the end of this process: the checker sees both.
Read next: limits.py; ../process.py, the other side.
"""

import contextlib
import faulthandler
import os
import socket
import sys

from . import limits
from .discover import load
from .session import StudentError
from .wire import CHANNEL_CLOSED, Channel, Codec

LONGEST = 4000          # characters of a message
OURS = ("limit", "load", "repair", "search", "adopt")       # the others are the session's methods


def serve(path, checker, *descriptors):
    """Answer about the homework in path; returns when the checker closes the channel.

    checker: the process id of the checker; descriptors: the channel, and a file for the last words
    of a crash; none on Windows, where the channel comes through standard input. All texts.
    """
    sys.argv[:] = [path]
    limits.die_with(int(checker))
    if descriptors:
        channel, last_words = map(int, descriptors)
        connection = socket.socket(fileno=channel)
        os.set_inheritable(channel, False)
        os.set_inheritable(last_words, False)
    else:
        connection = socket.fromshare(sys.stdin.buffer.read())
    channel, responder, us = Channel(connection), _Responder(path), os.getpid()
    try:
        while True:
            request = responder.codec.unpack(channel.read)
            if descriptors:     # a crash writes the line it happened on, and not where it prints
                faulthandler.enable(last_words)
            parts = responder.answer(*request)
            if os.getpid() != us:       # a process that the homework forked came back to here
                os._exit(0)
            channel.send(parts)
    except EOFError:
        return
    except OSError:
        os._exit(CHANNEL_CLOSED)


class _Responder:
    def __init__(self, path):
        self.path, self.codec, self.session = path, Codec(), None

    def limit(self, memory, seconds):
        return limits.apply(memory, seconds)

    def load(self, count):
        """Load the homework; its runs are numbered from count on."""
        self.session = load(self.path)
        self.session.count = count
        # each call starts from a fixed random state, and here nobody misses the former one
        self.session.randomness.borrowed = contextlib.nullcontext
        return self.session.describe()

    def repair(self, run, upstream, targets):
        """Begin a search for an edit: see Repair."""
        from .repair import Repair  # what is right does not load it

        self.repairs = Repair(self.session, run, upstream, targets)

    def search(self, seconds):
        """Go on with it."""
        return self.repairs.search(seconds)

    def adopt(self, number):
        """Leave an edit that it found in place; None: none."""
        self.repairs.adopt(number)

    def answer(self, number, method, arguments, options):
        """The answer to a request, packed."""
        try:
            asked = self if method in OURS else self.session
            value = getattr(asked, method)(*arguments, **options)
            keep = method in ("load", "configure", "inputs")    # what they give may come back
            return self.codec.pack([number, "value", value], keep=keep)
        except StudentError as student_error:
            error = student_error
        except BaseException as raised:     # of an object that the homework made, most likely
            error = StudentError.of(raised, method)
        message, where = str(error.message)[:LONGEST], str(error.where)[:LONGEST]
        return self.codec.pack([number, "raised", error.kind, message, where])

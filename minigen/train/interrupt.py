"""Ctrl-C that waits for the end of the step.

Idea: an exception thrown into the middle of an optimizer's step would leave half of the weights
updated. So a signal only leaves a wish, which the training loop looks at between two steps.
"""

import os
import signal
import threading


class Interrupt:
    """Context in which SIGINT and SIGTERM set `asked`; the second one raises KeyboardInterrupt.

    speaks: whether to say so; of several processes that get the signal, one is enough.
    """

    def __init__(self, speaks=True):
        self.asked, self.speaks = False, speaks
        self._previous = {}

    def __enter__(self):
        # only the main thread may set handlers; elsewhere Ctrl-C is not ours to handle
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_):
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _handle(self, number, frame):
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        if self.speaks:     # not by print: the handler may run in the middle of one
            os.write(2, b"\nfinishing this step; once more to stop at once\n")

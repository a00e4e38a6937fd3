"""metrics.jsonl: what was logged in each step, one JSON object a line.

Idea: logged tensors are kept as they are and read some steps later, together: on a GPU, reading
each at once would make the host wait for the device in every step. The file holds no times, so that
a resumed run writes the same bytes.
Read next: run.py, ../draw/plots.py (which draws the file).
"""

import json
import math
import os

from minigen import Tensor
from minigen.backend import to_numpy
from minigen.train.demo import UsageError


class DivergenceError(ArithmeticError):
    """A logged term or a weight is NaN or infinite: going on would train nothing."""


class History:
    """The open metrics.jsonl of a run.

    keep: bytes of an earlier start to keep, what follows them is cut off; 0 starts anew.
    """

    def __init__(self, path, keep=0):
        if keep and (not path.exists() or path.stat().st_size < keep):
            raise UsageError(f"{path}: lines are missing that the checkpoint counts on")
        self.path = path
        self._file = open(path, "r+b" if keep else "wb")  # noqa: SIM115  the run closes it
        if keep:
            self._file.truncate(keep)
            self._file.seek(keep)
        self._unread = []       # [(step, {name: number or 0-d array})]
        self._last = {}         # the terms last read, as floats

    def add(self, step, terms):
        """Note the terms of a step.   {name: scalar Tensor or number}"""
        # the array of a tensor, not the tensor: that would keep the step's graph alive
        data = {k: v.data if isinstance(v, Tensor) else v for k, v in terms.items()}
        self._unread.append((step, data))

    def read(self):
        """Write what is unread; the last terms as {name: float}.

        Raises DivergenceError if one is not finite.
        """
        unread, self._unread = self._unread, []
        for step, terms in unread:
            self._last = {name: float(to_numpy(value)) for name, value in terms.items()}
            for name, value in self._last.items():
                if not math.isfinite(value):
                    raise DivergenceError(f"{name} is {value} at step {step}")
            line = {"step": step, **self._last}
            self._file.write(json.dumps(line).encode() + b"\n")
        self._file.flush()
        return self._last

    def commit(self):
        """Bring everything to the disk.   -> the file's size in bytes"""
        self.read()
        os.fsync(self._file.fileno())
        return self._file.tell()

    def close(self):
        """Close the file; terms not yet read are dropped."""
        self._file.close()

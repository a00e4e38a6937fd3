"""A report for programs: one JSON document of strict JSON, described in docs/gradcheck-json.md.

Idea: every value goes through `plain`, so that neither a NumPy number nor a NaN can slip in: JSON
has no NaN, and readers differ on what to make of one. It is the string "NaN" here.
Read next: docs/gradcheck-json.md, every field; report.py.
"""

import contextlib
import copy
import json
import math
import os
import platform
from dataclasses import asdict
from pathlib import Path

import numpy as np

import minigen

SCHEMA = 1
LARGEST = 100           # entries of an array that stands in the evidence; larger ones by shape


def document(files, seed, complete=True, conditions=""):
    """The document for FileReports; complete: False as long as some of the work is not done;
    conditions: see resume.py."""
    return {
        "schema": SCHEMA,
        "complete": complete,
        "files": [file(one) for one in files],
        "versions": versions(),
        "seed": seed,
        "conditions": conditions,
    }


def versions():
    """Of what results may depend on."""
    return {
        "minigen": minigen.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
    }


def file(one):
    """A FileReport as plain values; of one that was taken over, what stood there before."""
    return one.stored or plain({
        "file": str(one.file),
        "status": one.status,
        "message": one.message,
        "found": one.found,
        "notes": one.notes,
        "pairs": [pair(report) for report in one.pairs],
        "output": one.output,
        "limits": one.limits,
        "internal": one.internal,
        "sha256": one.sha256,
    })


def pair(report):
    """A Report as plain values."""
    names = ("name", "verdict", "points", "max_points")
    last = (
        "notes", "points_checked", "forward_calls", "seconds", "seed", "reproduce", "output",
        "pictures", "hints",
    )
    return plain({
        **{name: getattr(report, name) for name in names},
        "arguments": [_argument(one) for one in report.arguments],
        "structure": [_with_level(one) for one in report.structure],
        "diagnosis": [_with_level(one) for one in report.diagnosis],
        **{name: getattr(report, name) for name in last},
    })


def _with_level(one):
    """A Finding or Diagnosis, and from which hint level on it is in a document."""
    return {**asdict(one), "hint_level": one.hint_level}


def _argument(one):
    """kinks is a number here; the kinks' slopes stand in at_kinks. What pictures are drawn from is
    left out."""
    bare = copy.copy(one)
    bare.map = None
    found = {**asdict(bare), "kinks": len(one.kinks)}
    del found["map"]
    return found


def plain(value):
    """value in the words of JSON: NumPy's numbers as Python's, NaN and infinities as strings."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, np.ndarray):
        if value.size > LARGEST:
            return f"array {value.shape} {value.dtype}"
        return plain(value.tolist())
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        number = float(value)
        return number if math.isfinite(number) else _NAMES.get(number, "NaN")
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(one) for one in value]
    return str(value)


_NAMES = {math.inf: "Infinity", -math.inf: "-Infinity"}


def dumps(value):
    """Plain values as JSON text, in ASCII, so that any stream can take it."""
    return json.dumps(value, indent=2, allow_nan=False)


def write(path, value):
    """value as a JSON file, by `replace`."""
    replace(path, dumps(value) + "\n")


def replace(path, content, encoding="ascii"):
    """content, text or bytes, as a file: the old one or the new one, whole, whenever the process is
    killed.

    Raises OSError where that file cannot be made.
    """
    path = Path(path).resolve()     # what a link leads to is replaced, not the link
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        temporary.write_bytes(content.encode(encoding) if isinstance(content, str) else content)
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)

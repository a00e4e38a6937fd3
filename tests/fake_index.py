"""Indices as CuPy reads them: out of range is wrapped around, in silence.

Idea: the integers of an array that is an index count modulo the size of their dimension. Numbers,
slices and masks are looked at by CuPy as by NumPy.
Read next: fake_cupy.py.
"""

import numpy


def wrapped(parts, sizes):
    """The parts of an index (with an ellipsis) into an array of these sizes, wrapped."""
    for i, part in enumerate(parts):
        n = len(sizes) - sum(map(_taken, parts[i:])) if part is Ellipsis else _taken(part)
        here, sizes = sizes[:n], sizes[n:]
        integers = isinstance(part, numpy.ndarray) and part.dtype.kind in "iu"
        if integers and here and here[0]:
            part = numpy.asarray(part.astype("int64") % here[0])
        yield part


def _taken(part):
    """How many dimensions a part of an index takes."""
    if part is None or part is Ellipsis:
        return 0
    return part.ndim if getattr(part, "dtype", None) == numpy.bool_ else 1

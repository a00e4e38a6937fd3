"""Weights in files: safetensors, the format that PyTorch's libraries read and write as well.

Idea: names and layouts are PyTorch's already, so a file of weights is a state dict, and nothing is
translated. The format is a table of names, shapes and places, then the numbers: opening a
stranger's file runs no code, which a pickled .pt or .pth file does.
Source: the safetensors format, https://huggingface.co/docs/safetensors
Read next: module.py (state_dict, load_state_dict).
"""

import os
from pathlib import Path

import numpy
import safetensors
from safetensors.numpy import save

from minigen.backend import to_numpy

_DTYPES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BOOL": "bool", "U8": "uint8",
    "I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8",
}  # fmt: skip


def save_weights(module, path):
    """Write the module's state_dict to a safetensors file; bfloat16 as float32.

    The file takes its place as a whole: a process that dies on the way leaves the old one.
    """
    path = Path(path)
    arrays = {name: _plain(to_numpy(t.data)) for name, t in module.state_dict().items()}
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(save(arrays, {"format": "pt"}))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def load_weights(module, path, strict=True):
    """Copy the values of a safetensors file into the module. -> (missing_keys, unexpected_keys)

    ValueError, and nothing is changed, unless all names and shapes fit; see Module.load_state_dict.
    """
    return module.load_state_dict(read_weights(path), strict)


def read_weights(path):
    """{name: array} of a safetensors file, bfloat16 as float32: to look at, or to rename.

    ValueError, naming the file, for another format or a damaged file.
    """
    try:
        entries = safetensors.deserialize(Path(path).read_bytes())
    except safetensors.SafetensorError as error:
        raise ValueError(
            f"{path}: not a whole safetensors file ({error}). A .pt or .pth file is pickled code, "
            "which minigen does not run: in PyTorch, safetensors.torch.save_file(state_dict, "
            '"weights.safetensors") makes one that it reads'
        ) from error
    return {name: _array(path, name, entry) for name, entry in entries}


def _plain(x):
    """In one piece of memory, in a dtype that every reader knows."""
    return numpy.array(x, "float32" if x.dtype.kind == "V" else None, order="C", copy=None)


def _array(path, name, entry):
    """The array of an entry {"dtype", "shape", "data"}."""
    kind, shape = entry["dtype"], entry["shape"]
    if kind == "BF16":  # the upper half of a float32
        wide = numpy.frombuffer(entry["data"], "uint16").astype("uint32") << 16
        return wide.view("float32").reshape(shape)
    if kind not in _DTYPES:
        known = ", ".join(["BF16", *_DTYPES])
        raise ValueError(f"{path}: {name} has dtype {kind}, which is not read; {known} are")
    return numpy.frombuffer(entry["data"], _DTYPES[kind]).reshape(shape)

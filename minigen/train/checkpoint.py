"""Everything a run needs to go on, in one safetensors file.

Idea: a state_dict is a flat dict of tensors and of small values that JSON can hold. Arrays go into
the file as "part.name", the rest into its metadata as JSON; nothing is pickled, so that opening a
stranger's checkpoint runs no code. The file is replaced as a whole (files.py): whenever the process
dies, the last complete checkpoint is there.
Source: the safetensors format, https://huggingface.co/docs/safetensors
"""

import json

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from minigen import Tensor
from minigen.backend import is_array, to_numpy
from minigen.train.demo import UsageError
from minigen.train.files import replacing


def save(path, states):
    """Write {part: state_dict}; values are Tensors, arrays, or what JSON can hold."""
    arrays, rest = {}, {}
    for part, state in states.items():
        rest[part] = {}
        for name, value in state.items():
            if isinstance(value, Tensor):
                value = value.data
            if is_array(value):
                arrays[f"{part}.{name}"] = np.array(to_numpy(value), order="C", copy=None)
            else:
                rest[part][name] = value
    with replacing(path) as temporary:
        temporary.write_bytes(to_bytes(arrays, {"minigen": json.dumps(rest)}))


def load(path):
    """The {part: state_dict} that was saved, tensors as NumPy arrays.

    Raises UsageError, naming the file, if it is missing or is not a checkpoint of ours.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            states = json.loads((file.metadata() or {})["minigen"])
            for key in file.keys():  # noqa: SIM118  the handle is no dict
                part, _, name = key.partition(".")
                states[part][name] = file.get_tensor(key)
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file, so there is nothing to resume from") from None
    except (SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise UsageError(f"{path}: not a checkpoint of minigen ({error})") from error
    return states

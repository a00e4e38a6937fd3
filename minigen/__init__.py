"""minigen: a from-scratch NumPy/CuPy engine for learning generative and self-supervised models.

Idea: a `Tensor` is an array that remembers how it was made; `ops` makes tensors from tensors;
`backward` walks the memory back and leaves gradients. Everything else (`nn`, `optim`, `data`,
`train`, `models`, the demos) is built from these three.
Read next: tensor.py, autograd.py, ops/elementwise.py.
"""

import importlib
from pathlib import Path

from minigen.environment import prepare

prepare()

_root = Path(__file__).resolve().parent.parent
if (_root / "setup.py").exists() and (_root / "kernels" / "manifest.py").exists():
    __path__.append(str(_root))  # a bare clone: minigen.kernels is ../kernels, so are the demos

import minigen.tensor  # first: ops needs Tensor, and Tensor's methods need ops

# isort: split
from minigen import nn, ops, optim
from minigen.autograd import assign, enable_grad, grad, is_grad_enabled, no_grad
from minigen.backend.kernels import emulated_kernels
from minigen.derivatives import checkpoint, hessian, hvp, jacobian, jvp, vjp
from minigen.op import fused, primitive
from minigen.ops.creation import (
    arange,
    empty_like,
    eye,
    from_numpy,
    full,
    full_like,
    linspace,
    meshgrid,
    ones,
    ones_like,
    tensor,
    zeros,
    zeros_like,
)
from minigen.ops.random import Generator, manual_seed
from minigen.tensor import Tensor
from minigen.watch import anomaly, op_hook, profile

__version__ = "0.1.0"

_LAZY = (
    "backend",
    "cli",
    "data",
    "demos",
    "draw",
    "gradcheck",
    "kernels",
    "metrics",
    "models",
    "train",
)

__all__ = [
    "Generator",
    "Tensor",
    "anomaly",
    "arange",
    "assign",
    "checkpoint",
    "empty_like",
    "emulated_kernels",
    "enable_grad",
    "eye",
    "from_numpy",
    "full",
    "full_like",
    "fused",
    "grad",
    "hessian",
    "hvp",
    "is_grad_enabled",
    "jacobian",
    "jvp",
    "linspace",
    "manual_seed",
    "meshgrid",
    "nn",
    "no_grad",
    "ones",
    "ones_like",
    "op_hook",
    "ops",
    "optim",
    "primitive",
    "profile",
    "tensor",
    "vjp",
    "zeros",
    "zeros_like",
]


def __dir__():
    """Everything, with what is not loaded yet."""
    return sorted({*globals(), *_LAZY})


def __getattr__(name):
    """Load a subpackage on first use: `minigen.data` needs Pillow, `minigen.draw` matplotlib."""
    if name in _LAZY:
        return importlib.import_module(f"minigen.{name}")
    raise AttributeError(f"module 'minigen' has no attribute {name!r}")

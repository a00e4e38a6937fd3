"""What `minigen bench` times, on either library; small ops first.

Idea: minigen has PyTorch's names, so one source serves both. A case is a function of a `Side` (the
two libraries' modules under one name) that returns a function to time; `batch` makes it smaller.
Read next: bench_ops.py, bench_models.py, bench.py (how they are timed).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from minigen.backend import synchronize

CHAIN = 50  # ops in one chain of the cost cases


@dataclass
class Side:
    """One library. F: functions · nn, optim: modules · tensor: makes one from an array.

    image: the same for feature maps (N, C, ...), in the order of memory that the library's own
    convolutions leave them in. normal: Gaussian numbers of a shape. All are made on `device`, under
    the library's own name for it; wait: until that has done all it was asked for.
    """

    name: str
    F: Any
    nn: Any
    optim: Any
    tensor: Any
    image: Any
    normal: Any
    device: str
    wait: Any

    def leaf(self, array):
        """A tensor that requires grad."""
        return self.tensor(array).requires_grad_()


def minigen_side(threads=1, device="cpu"):
    """minigen, with every function under one name. RuntimeError if the device is missing."""
    import scipy.sparse  # noqa: F401  lazy in minigen; its import is no memory of a case

    import minigen
    from minigen import nn, ops, optim

    def tensor(array):
        return minigen.tensor(array).to(device)

    def image(array):
        channels_last = np.ascontiguousarray(np.moveaxis(array, 1, -1))
        return minigen.from_numpy(np.moveaxis(channels_last, -1, 1))

    def normal(shape):
        return ops.normal(shape, device=device)

    tensor(np.zeros(1))  # a device that is missing is said now
    wait = synchronize if device != "cpu" else _nothing
    image = image if device == "cpu" else tensor
    return Side("minigen", ops, nn, optim, tensor, image, normal, device, wait)


def _nothing():
    """The CPU has done its work when a call returns."""


def torch_side(threads, device="cpu"):
    """PyTorch, where it is installed. ImportError where not."""
    import torch

    torch.set_num_threads(threads)
    device = device.replace("gpu", "cuda")
    torch.set_default_device(device)

    class F:
        """torch and torch.nn.functional as one."""

        def __getattr__(self, name):
            return getattr(torch.nn.functional, name, None) or getattr(torch, name)

    make, wait = torch.tensor, torch.cuda.synchronize if device != "cpu" else _nothing
    return Side("torch", F(), torch.nn, torch.optim, make, make, torch.randn, device, wait)


SIDES = {"minigen": minigen_side, "torch": torch_side}


def numbers(*shape, seed=0):
    """Uniform numbers in [0, 1), float32."""
    return np.asarray(np.random.default_rng(seed).random(shape, dtype=np.float32))


# ---- cost: what Python adds to an op, on 10 elements

_STEPS = {
    "add": lambda F, h, c, w: h + c,
    "add_number": lambda F, h, c, w: h + 1.0,
    "mul": lambda F, h, c, w: h * c,
    "div": lambda F, h, c, w: h / c,
    "tanh": lambda F, h, c, w: F.tanh(h),
    "sin": lambda F, h, c, w: F.sin(h),
    "exp": lambda F, h, c, w: F.exp(-h),
    "sqrt_square": lambda F, h, c, w: F.sqrt(F.square(h)),
    "relu": lambda F, h, c, w: F.relu(h),
    "sigmoid": lambda F, h, c, w: F.sigmoid(h),
    "silu": lambda F, h, c, w: F.silu(h),
    "where": lambda F, h, c, w: F.where(h > 0.05, h, c),
    "reshape": lambda F, h, c, w: h.reshape(2, 5).reshape(10),
    "split_cat": lambda F, h, c, w: F.cat(h.split(5)[::-1]),
    "mean_expand": lambda F, h, c, w: h.mean(0, True).expand(10),
    "matmul": lambda F, h, c, w: F.matmul(w, h),
    "linear": lambda F, h, c, w: F.linear(h.reshape(1, 10), w, c).reshape(10),
    "softmax": lambda F, h, c, w: F.softmax(h, 0),
    "layer_norm": lambda F, h, c, w: F.layer_norm(h, (10,), c, c),
}


def _cost(step):
    def build(side):
        h0, c = side.leaf(numbers(10) * 0.1), side.leaf(numbers(10, seed=1) * 0.1 + 1)
        w = side.leaf(numbers(10, 10, seed=2) * 0.2)

        def run():
            h = h0
            for _ in range(CHAIN):
                h = step(side.F, h, c, w)
            h.sum().backward()

        return run

    return build


COST = {name: _cost(step) for name, step in _STEPS.items()}

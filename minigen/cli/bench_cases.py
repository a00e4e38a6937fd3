"""What `minigen bench` times: small ops, and whole training steps, on either library.

Idea: minigen has PyTorch's names, so one source serves both. A case is a function of a `Side` (the
two libraries' modules under one name) that returns a function to time.
Read next: bench.py (how they are timed).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

CHAIN = 50  # ops in one chain of the cost cases


@dataclass
class Side:
    """One library. F: functions · nn, optim: modules · tensor: makes one from an array."""

    name: str
    F: Any
    nn: Any
    optim: Any
    tensor: Any

    def leaf(self, array):
        """A tensor that requires grad."""
        return self.tensor(array).requires_grad_()


def minigen_side():
    """minigen, with every function under one name."""
    import minigen
    from minigen import nn, ops, optim

    return Side("minigen", ops, nn, optim, minigen.tensor)


def torch_side(threads):
    """PyTorch, where it is installed. ImportError where not."""
    import torch

    torch.set_num_threads(threads)

    class F:
        """torch and torch.nn.functional as one."""

        def __getattr__(self, name):
            return getattr(torch.nn.functional, name, None) or getattr(torch, name)

    return Side("torch", F(), torch.nn, torch.optim, torch.tensor)


def _numbers(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


# ---- cost: what Python adds to an op, on 10 elements

_STEPS = {
    "add": lambda F, h, c, w: h + c,
    "add_number": lambda F, h, c, w: h + 1.0,
    "mul": lambda F, h, c, w: h * c,
    "div": lambda F, h, c, w: h / c,
    "tanh": lambda F, h, c, w: F.tanh(h),
    "sin": lambda F, h, c, w: F.sin(h),
    "relu": lambda F, h, c, w: F.relu(h),
    "sigmoid": lambda F, h, c, w: F.sigmoid(h),
    "reshape": lambda F, h, c, w: h.reshape(2, 5).reshape(10),
    "mean_expand": lambda F, h, c, w: h.mean(0, True).expand(10),
    "matmul": lambda F, h, c, w: F.matmul(w, h),
    "linear": lambda F, h, c, w: F.linear(h.reshape(1, 10), w, c).reshape(10),
    "softmax": lambda F, h, c, w: F.softmax(h, 0),
}


def _cost(step):
    def build(side):
        h0, c = side.leaf(_numbers(10) * 0.1), side.leaf(_numbers(10, seed=1) * 0.1 + 1)
        w = side.leaf(_numbers(10, 10, seed=2) * 0.2)

        def run():
            h = h0
            for _ in range(CHAIN):
                h = step(side.F, h, c, w)
            h.sum().backward()

        return run

    return build


# ---- models: a training step of the two auto-encoders


def _autoencoder(hidden, code):
    def network(nn):
        return nn.Sequential(
            nn.Linear(784, hidden), nn.ReLU(),
            nn.Linear(hidden, code), nn.ReLU(),
            nn.Linear(code, hidden), nn.ReLU(),
            nn.Linear(hidden, 784),
        )  # fmt: skip

    return network, (784,)


def _conv_autoencoder(narrow, wide, code=32):
    def network(nn):
        return nn.Sequential(
            nn.Conv2d(1, narrow, 3, 2, 1), nn.ReLU(),
            nn.Conv2d(narrow, wide, 3, 2, 1), nn.ReLU(),
            nn.Flatten(), nn.Linear(wide * 49, code),
            nn.Linear(code, wide * 49), nn.ReLU(), nn.Unflatten(1, (wide, 7, 7)),
            nn.ConvTranspose2d(wide, narrow, 4, 2, 1), nn.ReLU(),
            nn.ConvTranspose2d(narrow, 1, 4, 2, 1),
        )  # fmt: skip

    return network, (1, 28, 28)


def _training_step(architecture, batch):
    network, shape = architecture

    def build(side, batch=batch):
        model = network(side.nn)
        optimizer = side.optim.Adam(list(model.parameters()), lr=1e-3)
        x = side.tensor(_numbers(batch, *shape))

        def run():
            optimizer.zero_grad()
            loss = side.F.mse_loss(model(x), x)
            loss.backward()
            optimizer.step()

        return run

    return build


CASES = {
    "cost": {name: _cost(step) for name, step in _STEPS.items()},
    "models": {
        "autoencoder (A-01, batch 128)": _training_step(_autoencoder(128, 32), 128),
        "autoencoder 784-256-32, batch 128": _training_step(_autoencoder(256, 32), 128),
        "conv-autoencoder (A-07, batch 64)": _training_step(_conv_autoencoder(16, 32), 64),
        "conv-autoencoder 32-64, batch 128": _training_step(_conv_autoencoder(32, 64), 128),
    },
}

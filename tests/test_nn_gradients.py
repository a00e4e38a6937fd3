"""The gradient of every module of nn, in float64: along random directions here, entry by entry
with `-m slow`.

Idea: the derivative of <w, module(x)> along a random direction of all inputs and parameters at once
is one number that every gradient is part of. Central differences give it from two calls.
Read next: test_gradcheck_modules.py (the checker on some of them, at both orders).
"""

import copy

import numpy as np
import pytest
from cases_modules import MODULES, drawn

import minigen as mg
from minigen.gradcheck import gradcheck

each_module = pytest.mark.parametrize(
    ("module", "shapes"), MODULES, ids=lambda value: str(value)[:40].split("(")[0]
)


def flat(tensors):
    return np.concatenate([t.detach().numpy().reshape(-1) for t in tensors])


def moved(leaves, direction, by):
    """Each leaf moved along its part of a direction."""
    start = 0
    for leaf in leaves:
        part = direction[start : start + leaf.numel()].reshape(leaf.shape)
        mg.assign(leaf, leaf.data + by * part)
        start += leaf.numel()


def loss_after(module, xs, direction, by):
    """(a weighted sum of the outputs, the leaves); the module itself stays as it is."""
    module = copy.deepcopy(module)  # generators too: every call drops the same
    xs = [x.detach().double().requires_grad_() for x in xs]
    leaves = [*xs, *module.parameters()]
    moved(leaves, direction, by)
    y = module(*xs)
    ys = y if isinstance(y, tuple) else (y,)
    weighted = [(y * drawn(*y.shape, seed=7).double()).sum() for y in ys]
    return sum(weighted[1:], start=weighted[0]), leaves


@each_module
def test_the_gradient_along_random_directions_is_the_slope(module, shapes):
    module = copy.deepcopy(module).to("float64")
    xs = [drawn(*shape, seed=i) for i, shape in enumerate(shapes)]
    size = sum(t.numel() for t in (*xs, *module.parameters()))
    for seed in range(2):
        direction = np.random.default_rng(seed).standard_normal(size)
        direction /= np.linalg.norm(direction)
        loss, leaves = loss_after(module, xs, direction, 0.0)
        loss.backward()
        assert all(leaf.grad is not None for leaf in leaves)
        slope = flat([leaf.grad for leaf in leaves]) @ direction
        h = 1e-5
        ahead, behind = (loss_after(module, xs, direction, by)[0].item() for by in (h, -h))
        np.testing.assert_allclose((ahead - behind) / (2 * h), slope, rtol=1e-6, atol=1e-8)


@pytest.mark.slow
@each_module
def test_every_entry_of_every_gradient_is_right(module, shapes):
    xs = tuple(drawn(*shape, seed=i).double() for i, shape in enumerate(shapes))
    report = gradcheck(module, inputs=xs, budget=200)
    assert report.passed, str(report)

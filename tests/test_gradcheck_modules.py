"""The checker on modules: every parameter is an argument, and the module stays as it was.

Read next: test_gradcheck_engine.py (functions), minigen/gradcheck/engine.py.
"""

import threading

import numpy as np
import pytest

import minigen
from minigen import nn, ops
from minigen.gradcheck import gradcheck
from minigen.gradcheck.checker import Settings
from minigen.gradcheck.engine import as_pair, check_engine
from minigen.op import primitive
from minigen.ops.random import default_generator


def drawn(*shape, seed=0):
    return np.random.default_rng([12, seed]).standard_normal(shape)


def verdicts(report):
    return {argument.name: argument.verdict for argument in report.arguments}


def first_order(report):
    return [argument.name for argument in report.arguments if "second" not in argument.name]


def autoencoder():
    return nn.Sequential(
        nn.Linear(5, 3), nn.Tanh(), nn.Dropout(0.3), nn.Linear(3, 2), nn.GELU(), nn.Linear(2, 5)
    )


MODULES = {         # name -> module, its input
    "Linear": lambda: (nn.Linear(4, 3), drawn(2, 4)),
    "Conv2d": lambda: (nn.Conv2d(2, 2, 2, stride=2, groups=2), drawn(1, 2, 4, 3)),
    "ConvTranspose2d": lambda: (nn.ConvTranspose2d(1, 2, 2), drawn(1, 1, 2, 2)),
    "BatchNorm1d": lambda: (nn.BatchNorm1d(3), drawn(4, 3)),
    "BatchNorm2d": lambda: (nn.BatchNorm2d(2, momentum=None), drawn(2, 2, 2, 1)),
    "LayerNorm": lambda: (nn.LayerNorm(4), drawn(2, 4)),
    "GroupNorm": lambda: (nn.GroupNorm(2, 4), drawn(2, 4, 2)),
    "RMSNorm": lambda: (nn.RMSNorm(4), drawn(2, 4)),
    "InstanceNorm1d": lambda: (nn.InstanceNorm1d(2, affine=True), drawn(2, 2, 3)),
    "Embedding": lambda: (nn.Embedding(5, 3), np.array([[1, 1], [4, 0]])),
    "Dropout": lambda: (nn.Dropout(0.5), drawn(3, 4)),
    "DropPath": lambda: (nn.DropPath(0.5), drawn(4, 2)),
    "GRUCell": lambda: (nn.GRUCell(2, 2), drawn(2, 2)),
    "weight_norm": lambda: (nn.weight_norm(nn.Linear(3, 2)), drawn(2, 3)),
    "MaxPool2d": lambda: (nn.MaxPool2d(2), drawn(1, 1, 4, 4)),
    "Sequential": lambda: (autoencoder(), drawn(3, 5)),
}


@pytest.mark.parametrize("name", MODULES)
def test_a_module_passes_at_both_orders(name):
    module, x = MODULES[name]()
    report = gradcheck(module, inputs=x, order=2)
    assert report.passed, str(report)
    parameters = [n for n, _ in module.named_parameters()]
    arguments = parameters if x.dtype.kind == "i" else ["x", *parameters]
    assert first_order(report) == arguments
    assert {f.verdict for f in report.structure if f.check == "forward_mode"} == {"pass"}


@pytest.mark.parametrize(
    ("name", "count"), [("BatchNorm1d", 2), ("Sequential", 2), ("Linear", 1), ("InstanceNorm1d", 1)]
)
def test_both_modes_are_checked_where_they_differ(name, count):
    module, x = MODULES[name]()
    labels = gradcheck(module, inputs=x).points_checked
    both = ["seed 0, training=True", "seed 0, training=False"]
    assert labels == (both if count == 2 else ["seed 0"])
    labels = gradcheck(module.eval(), inputs=x).points_checked
    assert labels == (both[::-1] if count == 2 else ["seed 0"])


class Block(nn.Module):
    """A module with a little of everything."""

    def __init__(self, p=0.4):
        super().__init__()
        self.linear = nn.Linear(3, 3)
        self.norm = nn.BatchNorm1d(3)
        self.drop = nn.Dropout(p, rng=minigen.Generator(7))
        self.more = nn.Dropout(p)
        self.scale = nn.Parameter(minigen.tensor([1.0, -2.0, 0.5]))
        self.fixed = nn.Parameter(minigen.tensor([1.0, 1.0, 3.0]), requires_grad=False)
        self.calls, self.fails = 0, False

    def forward(self, x):
        self.calls += 1
        if self.fails:
            raise RuntimeError("as was to be tried")
        return self.more(self.drop(self.norm(self.linear(x)))) * self.scale + self.fixed

    def loss(self, x, beta):
        penalty = sum(ops.square(p).sum() for p in self.parameters())
        return (self(x) ** 2).mean() + beta * penalty


def snapshot(module):
    """Everything of a module that a check could disturb, and the objects it is made of."""
    tensors = [*module.parameters(), *module.buffers()]
    return (
        [(id(t), id(t.data), t.data.tobytes(), t.data.dtype, t.requires_grad) for t in tensors],
        [None if t.grad is None else t.grad.data.tobytes() for t in tensors],
        [m.training for m in module.modules()],
        module.drop.rng.state_dict(),
        module.calls,
        default_generator().state_dict(),
    )


def used_block(norm_trains):
    block = Block()
    block.loss(minigen.tensor(drawn(4, 3)).float(), 0.1).backward()
    block.norm.train(norm_trains)       # a part may be in another mode than the whole
    return block


@pytest.mark.parametrize("norm_trains", [True, False])
def test_nothing_of_the_module_changes(norm_trains):
    block = used_block(norm_trains)
    before = snapshot(block)
    report = gradcheck(block, inputs=drawn(4, 3), order=2)
    assert report.passed, str(report)
    assert first_order(report) == [
        "x", "scale", "linear.weight", "linear.bias", "norm.weight", "norm.bias"
    ]     # fmt: skip
    assert snapshot(block) == before
    block.fails = True
    assert gradcheck(block, inputs=drawn(4, 3)).verdict == "error"
    block.fails = False
    assert snapshot(block) == before


def test_a_part_in_another_mode_stays_in_it():
    block = used_block(norm_trains=False)
    pair = as_pair(block, drawn(4, 3))
    (*inputs, training) = pair.inputs(0)
    assert training is True
    mixed, _ = pair.forward((*inputs, True))
    block.norm.train()
    wholly, _ = as_pair(block, drawn(4, 3)).forward((*inputs, True))
    assert not np.array_equal(mixed, wholly)


def test_a_method_of_a_module_sees_the_parameters_that_are_checked():
    block = used_block(norm_trains=True)
    before = snapshot(block)
    report = gradcheck(block.loss, inputs=dict(x=drawn(4, 3), beta=0.1), order=2)
    assert report.passed, str(report)
    assert "norm.bias (second order)" in verdicts(report)
    assert snapshot(block) == before
    assert gradcheck(block.loss, inputs=(drawn(4, 3), 0.1), wrt=["scale"]).passed


def test_a_method_computes_what_the_module_computes():
    """Parameters are found by their class: the penalty must not miss those that are checked."""
    block, x = Block(p=0.0).eval(), drawn(4, 3)
    pair = as_pair(block.loss, (x, 0.1))
    value, _ = pair.forward(pair.inputs(0))
    np.testing.assert_allclose(value, block.loss(minigen.from_numpy(x), 0.1).item(), rtol=1e-6)


@primitive(lambda g, x, w: g @ w, lambda g, x, w: g.T @ x * 2.0)
def linear_with_doubled_weight_gradient(x, w):
    return x @ w.T


class Wrong(nn.Module):
    """Its second layer's weight gets twice its gradient."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 2, bias=False)

    def forward(self, x):
        return linear_with_doubled_weight_gradient(ops.tanh(self.first(x)), self.second.weight)


def test_the_wrong_parameter_is_named():
    found = verdicts(gradcheck(Wrong(), inputs=drawn(2, 3)))
    assert found == {
        "x": "pass", "first.weight": "pass", "first.bias": "pass", "second.weight": "fail"
    }     # fmt: skip


def test_a_parameter_whose_gradient_gets_lost():
    class Lossy(nn.Linear):
        def forward(self, x):
            return x @ self.weight.T + self.bias.detach()

    report = gradcheck(Lossy(3, 2), inputs=drawn(2, 3))
    assert report.verdict == "undecided" and verdicts(report) == {"x": "pass", "weight": "pass"}
    (lost,) = [f for f in report.structure if f.verdict == "undecided"]
    assert lost.argument == "bias" and "wrt=['x', 'weight']" in lost.message


def test_shared_parameters_are_one_and_names_do_not_clash():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Linear(3, 3, bias=False)
            self.b = nn.Linear(3, 3, bias=False)
            self.b.weight = self.a.weight
            self.x = nn.Parameter(minigen.tensor([1.0, 2.0, 3.0]))

        def forward(self, x):
            return self.b(ops.tanh(self.a(x))) * self.x

    report = gradcheck(Tied(), inputs=drawn(2, 3))
    assert report.passed, str(report)
    assert [*verdicts(report)] == ["x", "self.x", "a.weight"]


def test_state_that_a_forward_leaves_does_not_reach_the_next():
    class Remembers(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("mean", minigen.zeros(3))
            self.weight = nn.Parameter(minigen.ones(3))

        def forward(self, x):
            y = x * self.weight + self.mean
            self.mean = x.detach().mean(0)
            return y

    assert gradcheck(Remembers(), inputs=drawn(2, 3), order=2).passed


def test_a_mode_that_cannot_run_is_not_held_against_the_module():
    report = gradcheck(nn.BatchNorm1d(3).eval(), inputs=drawn(1, 3))
    assert report.passed and len(report.points_checked) == 1


def test_a_module_that_cannot_be_copied_is_told():
    linear = nn.Linear(3, 2)
    linear.lock = threading.Lock()
    report = gradcheck(linear, inputs=drawn(2, 3))
    assert report.verdict == "error" and "cannot be copied" in report.structure[0].message


def test_several_seeds_share_the_parameters():
    report = check_engine(nn.Linear(3, 2), lambda seed: drawn(2, 3, seed=seed), Settings())
    assert report.passed and len(report.points_checked) == 3

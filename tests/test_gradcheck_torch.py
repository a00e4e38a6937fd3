"""A torch.autograd.Function, checked through `apply` and `torch.autograd.grad`.

Idea: most tests need PyTorch and are skipped without it. A stand-in of forty lines, whose tensors
record one function, shows everywhere that nothing is imported and what is called.
"""

import sys
import types

import numpy as np
import pytest

from minigen.gradcheck.child.session import StudentError

FUNCTIONS = """
import torch

class Power(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w, n=2):
        y = w * x ** n
        ctx.save_for_backward(x, w)
        ctx.n = n
        return y
    @staticmethod
    def backward(ctx, g):
        x, w = ctx.saved_tensors
        return g * w * ctx.n * x ** (ctx.n - 1), g * x ** ctx.n, None
"""

MORE = """
class Gather(torch.autograd.Function):
    @staticmethod
    def forward(x, index):
        return 2 * x, x[index], index + 1
    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.size, ctx.index = inputs[0].shape, inputs[1]
        ctx.mark_non_differentiable(output[2])
    @staticmethod
    def backward(ctx, twice, picked, _):
        gradient = torch.zeros(ctx.size, dtype=twice.dtype)
        gradient[ctx.index] = picked
        return 2 * twice + gradient, None

class TooMany(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x): return 2 * x
    @staticmethod
    def backward(ctx, g): return g, g

class Dropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        mask = torch.rand(x.shape) < 0.5
        ctx.save_for_backward(mask)
        return x * mask
    @staticmethod
    def backward(ctx, g): return g * ctx.saved_tensors[0]
"""


@pytest.fixture
def functions(homework):
    """The functions above in a file, if PyTorch is installed."""
    pytest.importorskip("torch", reason="needs PyTorch")
    return homework(FUNCTIONS + MORE)


def check_power(session):
    (power, *_) = session.describe()
    assert (power["name"], power["arguments"]) == ("Power", ["x", "w", "n"])
    assert session.pairs["Power"].titles == ("Power.forward", "Power.backward")
    x, w, v = np.array([1.0, 2.0]), np.array([3.0, 5.0]), np.array([7.0, 11.0])
    run = session.forward("Power", (x, w), keep=True)
    assert run["outputs"].tolist() == [3, 20]
    got = session.backward(run["run"], v)["gradients"]
    assert got[0].tolist() == [42, 220]
    assert got[1].tolist() == [7, 44]
    return session.look(run["run"])


def test_gradients(functions):
    looked = check_power(functions)
    assert [a.tolist() for a in looked["cache"].values()] == [[1, 2], [3, 5]]


def test_float32_stays(functions):
    x = np.ones(2, np.float32)
    run = functions.forward("Power", (x, x, 3), keep=True)
    got = functions.backward(run["run"], x)["gradients"]
    assert [run["outputs"].dtype, got[0].dtype, got[1].dtype] == [np.float32] * 3
    assert got[2] is None


def test_context_set_up_apart_and_several_outputs(functions):
    gather = functions.describe()[1]
    assert gather["arguments"] == ["x", "index"]
    run = functions.forward("Gather", (np.arange(3.0), np.array([0, 2])), keep=True)
    assert [y.tolist() for y in run["outputs"]] == [[0, 2, 4], [0, 2], [1, 3]]
    upstream = np.ones(3), np.full(2, 5.0), np.zeros(2)
    for _ in range(2):
        got = functions.backward(run["run"], upstream)["gradients"]
        assert got[0].tolist() == [7, 2, 7]
        assert got[1] is None


def test_what_pytorch_refuses_is_said(functions):
    run = functions.forward("TooMany", (np.ones(3),), keep=True)
    with pytest.raises(StudentError, match="incorrect number of gradients"):
        functions.backward(run["run"], np.ones(3))


def test_the_same_mask_again(functions):
    x = np.ones(64)
    first, second = (functions.forward("Dropout", (x,))["outputs"] for _ in range(2))
    assert np.array_equal(first, second)
    assert 0 < first.sum() < 64


class Tensor:
    """A stand-in for torch's: an array, and the function that made it."""

    def __init__(self, array, made_by=None):
        self.array, self.made_by, self.requires_grad = array, made_by, made_by is not None

    def requires_grad_(self):
        self.requires_grad = True
        return self

    def detach(self):
        return self

    def numpy(self):
        return self.array


@pytest.fixture
def stand_in(monkeypatch):
    """A module called torch that has no more than is needed."""

    class Function:
        @classmethod
        def apply(cls, *inputs):
            ctx = types.SimpleNamespace()
            ctx.save_for_backward = lambda *tensors: setattr(ctx, "saved_tensors", tensors)
            plain = [x.array if isinstance(x, Tensor) else x for x in inputs]
            return Tensor(cls.forward(ctx, *plain), lambda g: cls.backward(ctx, g))

    def grad(outputs, inputs, upstream, retain_graph, allow_unused):
        assert retain_graph
        assert allow_unused
        return [Tensor(g) for g in outputs[0].made_by(upstream[0].array) if g is not None]

    Function.__module__ = "torch.autograd.function"
    torch = types.ModuleType("torch")
    torch.autograd = types.SimpleNamespace(Function=Function, grad=grad)
    torch.from_numpy, torch.tensor = Tensor, Tensor
    torch.default_generator = np.random.RandomState(0)
    monkeypatch.setitem(sys.modules, "torch", torch)
    return torch


def test_nothing_but_apply_and_grad_is_used(stand_in, homework):
    check_power(homework(FUNCTIONS))

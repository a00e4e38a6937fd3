"""What minigen says of a mistake: one row per promise, with the text that must be said. Rows of
the ops stand in mistakes_*.py, a file a family.

Each row is a call, the exception, and a part of its message. Mistakes in defining an op stand in
test_user_ops.py, writing over saved memory in test_memory.py.
"""

import inspect
import re
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from mistakes_arguments import DIMENSIONS, KEYWORDS
from mistakes_attention import ATTENTION
from mistakes_conv import CONVOLUTION
from mistakes_distance import DISTANCES
from mistakes_elementwise import ELEMENTWISE
from mistakes_gather import INDEXING
from mistakes_linalg import DECOMPOSITIONS, EINSUM, MATMUL, SPECTRA
from mistakes_loss import CLASSES, LOSSES
from mistakes_norm import NORMALISATION
from mistakes_pool import POOLING
from mistakes_random import RANDOM
from mistakes_reduce import REDUCTIONS, SCANS, SORTING
from mistakes_shape import SHAPES

import minigen as mg
from minigen import errors, nn, op, ops
from minigen.backend import cupy

one, T = mg.ones, mg.tensor


def leaf(*shape):
    return mg.ones(*shape, requires_grad=True)


def backward_twice():
    loss = (leaf(2) * 2).sum()
    loss.backward()
    loss.backward()


GRADIENTS = [
    (backward_twice, RuntimeError,
     "backward: the graph through sum was freed by an earlier backward; pass retain_graph=True "
     "there if you need it twice"),
    (lambda: leaf(3).backward(), RuntimeError,
     "backward: the output has shape (3,); only a single number has a gradient without an upstream "
     "one. Reduce it (.sum(), .mean()) or pass gradient="),
    (lambda: one(1).backward(), RuntimeError,
     "backward: the output of shape (1,) does not require grad: it was computed under no_grad, "
     "from detached tensors, or from no parameter at all"),
    (lambda: leaf(3).backward(one(2)), ValueError,
     "backward: gradient of shape (2,) for an output of (3,)"),
    (lambda: mg.grad([leaf(1), leaf(1)], leaf(1), [one(1)]), ValueError,
     "grad: 2 outputs but 1 gradients"),
    (lambda: mg.grad(leaf(1).sum(), one(2)), RuntimeError,
     "grad: input 0 of shape (2,) does not require grad"),
    (lambda: mg.grad(leaf(1).sum(), leaf(2)), RuntimeError,
     "grad: the outputs do not depend on input 0 of shape (2,); pass allow_unused=True to get"),
    (lambda: one(2).register_hook(print), RuntimeError,
     "register_hook: this tensor does not require grad"),
    (lambda: leaf(2).numpy(), RuntimeError,
     "numpy(): this tensor requires grad; use .detach().numpy()"),
    (lambda: np.asarray(leaf(2)), RuntimeError, "use .detach().numpy()"),
    (lambda: T([1, 2], requires_grad=True), TypeError,
     "a tensor of dtype int64 cannot require grad: only floats have gradients; use .float() first"),
    (lambda: mg.assign(leaf(2), one(3)), ValueError, "assign: (3,) does not broadcast to (2,)"),
    (lambda: mg.vjp(lambda x: x, T([1])), TypeError,
     "vjp: input 0 must be a float tensor, got a tensor of int64"),
    (lambda: mg.jacobian(lambda x: x, 3.0), TypeError,
     "jacobian: input 0 must be a float tensor, got float"),
    (lambda: mg.jvp(lambda x: x, one(2), one(3)), ValueError,
     "jvp: vectors [(3,)] must have the inputs' shapes [(2,)]"),
    (lambda: mg.hvp(lambda x: x, one(2), one(2)), ValueError,
     "hvp: f must return one number, got shape (2,)"),
    (lambda: mg.hessian(lambda x: x, one(2)), ValueError,
     "hessian: f must return one number, got shape (2,)"),
    (lambda: mg.checkpoint(lambda x: (x, x), leaf(2)), TypeError,
     "checkpoint: f must return one tensor, got tuple"),
]  # fmt: skip

MAKING = [
    (lambda: mg.Tensor([1.0]), TypeError,
     "Tensor: expected an array, got list; minigen.tensor() makes tensors from numbers and lists"),
    (lambda: T([[1], [1, 2]]), ValueError, "tensor: the nested lists do not form a box"),
    (lambda: T(1j), TypeError, "tensor: complex is not supported; keep real and imaginary part"),
    (lambda: T("text"), TypeError, "tensor: <U4 elements are not numbers"),
    (lambda: mg.from_numpy([1]), TypeError, "from_numpy: expected a NumPy array, got list"),
    (lambda: mg.arange(3, step=0), ValueError, "arange: step must not be 0"),
    (lambda: one(2).item(), ValueError, "item(): a tensor of shape (2,) is not a single number"),
    (lambda: float(one(2)), ValueError, "item(): a tensor of shape (2,) is not a single number"),
    (lambda: bool(one(2) == 1), ValueError, "the truth of a tensor of shape (2,) is ambiguous"),
    (lambda: mg.Generator(-1), ValueError,
     "Generator: the seed must be a whole number >= 0, not -1"),
    (lambda: mg.manual_seed(1.5), ValueError, "the seed must be a whole number >= 0, not 1.5"),
    (lambda: ops.randint(3, 3, (2,)), ValueError, "randint: [3, 3) is empty"),
    (lambda: ops.randint(0, 2**64, (2,)), ValueError, "has numbers that int64 does not have"),
]  # fmt: skip

DEVICES = [
    (lambda: one(2, device="cuda"), ValueError,
     'device \'cuda\' is not known: use "cpu", "gpu" or "gpu:1"'),
    (lambda: mg.Generator(device="tpu"), ValueError, "device 'tpu' is not known"),
    (lambda: one(2).to("gpu:x"), ValueError, "device 'gpu:x' is not known"),
    (lambda: one(2).to("cuda"), TypeError,
     'to: \'cuda\' is neither a device ("cpu", "gpu", "gpu:1") nor a dtype'),
]  # fmt: skip

TABLE = [
    *KEYWORDS,
    *DIMENSIONS,
    *ELEMENTWISE,
    *SHAPES,
    *REDUCTIONS,
    *SCANS,
    *SORTING,
    *INDEXING,
    *MATMUL,
    *EINSUM,
    *DECOMPOSITIONS,
    *SPECTRA,
    *CONVOLUTION,
    *POOLING,
    *NORMALISATION,
    *LOSSES,
    *CLASSES,
    *DISTANCES,
    *ATTENTION,
    *RANDOM,
    *GRADIENTS,
    *MAKING,
    *DEVICES,
]


@pytest.mark.parametrize(("call", "error", "text"), TABLE, ids=[text[:60] for *_, text in TABLE])
def test_the_message(call, error, text):
    with pytest.raises(error, match=re.escape(text)) as caught:
        call()
    assert type(caught.value) is error


def test_each_function_of_ops_names_itself_where_a_list_is_no_tensor():
    answers = []
    for name in set(ops.__all__) - {"view"}:  # which is reshape
        fn = getattr(ops, name)
        if fn.__module__.endswith(("creation", "random")):
            continue  # of a shape or numbers
        needed = [p for p in inspect.signature(fn).parameters.values() if p.default is p.empty]
        args = [one(2, 3) for p in needed if p.kind is p.POSITIONAL_OR_KEYWORD][1:]
        try:  # NumPy takes lists in some of its functions, as elementwise ops do then
            fn([0.5, 0.5], *args, **{p.name: True for p in needed if p.kind is p.KEYWORD_ONLY})
        except (TypeError, ValueError, IndexError, AttributeError) as error:
            answers += [(name, str(error))]
    assert [a for a in answers if not a[1].startswith(a[0] + ":")] == []
    assert len(answers) > 150


def test_an_error_within_a_function_of_ops_is_not_disguised():
    @op.composite
    def broken(x, other="text"):
        return other.shape if x is None else x.shpe

    for x, text in [(one(2), "shpe"), (np.ones(2), "shpe")]:
        with pytest.raises(AttributeError, match=text):
            broken(x)
    with pytest.raises(AttributeError, match="str"):
        broken(None)  # the default was asked, not what was passed


# ---- devices that are not here


def mixing(monkeypatch, call):
    """The error of call() where two devices meet: arrays of even size are said to be on the GPU."""
    monkeypatch.setattr(errors, "device_of", lambda x: "gpu" if x.size % 2 == 0 else "cpu")
    with pytest.raises(RuntimeError) as caught:
        call()
    return str(caught.value)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: one(3) + one(2), "add"),
        (lambda: ops.where(one(3) > 0, one(3), one(2)), "where"),
        (lambda: ops.gather(one(3), 0, T([1, 9])), "index"),
        (lambda: one(3)[T([5, 6])], "index"),
    ],
)
def test_mixing_devices_names_both_and_the_fix(monkeypatch, call, name):
    first, second = mixing(monkeypatch, call).split("; ")
    assert re.fullmatch(rf"{name}: one argument is on (cpu|gpu), another on (gpu|cpu)", first)
    assert re.fullmatch(r'move one of them, for example with \.to\("(cpu|gpu)"\)', second)


@pytest.fixture
def without_cupy(monkeypatch):
    """Importing CuPy fails, as where it is not installed."""
    monkeypatch.setitem(sys.modules, "cupy", None)
    cupy.module.cache_clear()
    yield
    cupy.module.cache_clear()


@pytest.mark.parametrize(
    "call",
    [lambda: one(2, device="gpu"), lambda: one(2).to("gpu:1"), lambda: T([1], device="gpu"),
     lambda: ops.normal((2,), device="gpu"), lambda: nn.Linear(2, 2).to("gpu"),
     lambda: mg.Generator(0, "gpu").uniform(3)],
)  # fmt: skip
def test_a_missing_gpu_is_an_error_with_the_fix(without_cupy, call):
    text = 'device "gpu": CuPy is not installed. Install the extra of your driver, gpu12 or gpu13'
    with pytest.raises(RuntimeError, match=re.escape(text)) as caught:
        call()
    assert "`minigen doctor` says which" in str(caught.value)


def test_cupy_without_a_gpu_is_another_error(monkeypatch):
    blind = SimpleNamespace(cuda=SimpleNamespace(is_available=lambda: False), ndarray=type(None))
    monkeypatch.setitem(sys.modules, "cupy", blind)
    cupy.module.cache_clear()
    with pytest.raises(RuntimeError, match=r'CuPy is installed but sees no GPU .* device="cpu"'):
        cupy.module()
    cupy.module.cache_clear()


def test_a_gpu_that_does_not_exist_is_named(monkeypatch):
    runtime = SimpleNamespace(getDeviceCount=lambda: 2)
    fake = SimpleNamespace(cuda=SimpleNamespace(runtime=runtime))
    monkeypatch.setattr(cupy, "module", lambda: fake)
    with pytest.raises(RuntimeError, match='"gpu:2": this machine has 2, numbered from 0'):
        cupy.use(2)


def test_the_cause_is_kept():
    with pytest.raises(ValueError, match="do not broadcast") as caught:
        one(3) + one(2)
    assert isinstance(caught.value.__cause__, ValueError)


def test_an_error_of_an_op_within_an_op_keeps_its_own_name():
    with pytest.raises(ValueError, match=r"^conv2d: ") as caught:
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())(one(1, 1, 8, 8))
    assert "x (1, 1, 8, 8) has 1 channels, weight (4, 3, 3, 3)" in str(caught.value)

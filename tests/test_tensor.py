"""The Tensor itself: dtypes, numbers, repr, indexing, what leaves the engine."""

import math
import warnings

import numpy as np
import pytest
from cases import CASES

import minigen as mg
from minigen import ops
from minigen.tensor import Tensor

F16, F32, F64 = np.float16, np.float32, np.float64


def of(dtype, *values):
    return mg.tensor(np.array(values or (1, 2), dtype))


# ---- the table of dtypes in tensor.py's docstring, row by row


@pytest.mark.parametrize("op", [ops.add, ops.sub, ops.mul, ops.pow, ops.maximum, ops.minimum])
@pytest.mark.parametrize("number", [2, 2.5, True, np.float64(2.5), np.int64(2), np.float32(2.5)])
@pytest.mark.parametrize("dtype", [F16, F32, F64])
def test_a_float_and_a_python_number_give_the_floats_dtype(op, number, dtype):
    if dtype is F16 and isinstance(number, F32):
        dtype = F32  # the one exception, on the CPU: a float32 result is never looked at again
    assert op(of(dtype), number).dtype == op(number, of(dtype)).dtype == dtype


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.int64, np.uint8])
def test_an_int_and_a_python_int_give_the_ints_dtype(dtype):
    x = of(dtype)
    assert (x + 1).dtype == (1 + x).dtype == (x * 2).dtype == (-x).dtype == dtype
    assert (x - 1).dtype == (x**2).dtype == ops.clamp(x, 0, 1).dtype == dtype


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.int64, np.uint8, np.bool_])
def test_an_int_and_a_python_float_give_float32(dtype):
    x = of(dtype)
    assert (x + 1.5).dtype == (1.5 * x).dtype == ops.maximum(x, 0.5).dtype == F32
    assert ops.where(x > 0, x, 0.5).dtype == ops.clamp(x, 0.5, 1.5).dtype == F32


@pytest.mark.parametrize("integer", [np.int8, np.int32, np.int64, np.bool_])
@pytest.mark.parametrize("dtype", [F16, F32, F64])
def test_int_and_float_tensors_give_the_floats_dtype(integer, dtype):
    x, n = of(dtype), of(integer)
    assert (x + n).dtype == (n * x).dtype == (x / n).dtype == (n / x).dtype == dtype
    assert ops.maximum(x, n).dtype == ops.where(x > 0, n, x).dtype == dtype


def test_two_float_dtypes_give_the_wider_one():
    assert (of(F16) + of(F32)).dtype == (of(F32) * of(F16)).dtype == F32
    assert (of(F32) + of(F64)).dtype == ops.maximum(of(F64), of(F16)).dtype == F64
    assert (of(F32) + mg.tensor(np.float64(1))).dtype == F64  # a tensor of no dimensions is one too
    assert ops.linear(mg.ones(2, 3, dtype=F64), mg.ones(4, 3)).dtype == F64
    assert ops.cat([of(F32), of(F64)]).dtype == F64


@pytest.mark.parametrize(
    "f", [ops.exp, ops.log, ops.sqrt, ops.tanh, ops.sigmoid, ops.gelu, ops.mean, ops.var, ops.std,
          ops.rsqrt, ops.sin, ops.erf, ops.silu, ops.softplus, ops.logsumexp,
          lambda x: ops.softmax(x, 0), lambda x: x / x, lambda x: x / 2, lambda x: 2 / x],
)  # fmt: skip
@pytest.mark.parametrize("dtype", [np.int8, np.int64])
def test_a_float_function_of_ints_gives_float32(f, dtype):
    assert f(of(dtype)).dtype == F32
    for kept in (F16, F32, F64):
        assert f(of(kept)).dtype == kept


def test_new_tensors():
    assert mg.tensor([1.5, 2]).dtype == mg.tensor(1.5).dtype == F32
    assert mg.tensor([1, 2]).dtype == mg.tensor(3).dtype == np.int64
    assert mg.tensor([True]).dtype == mg.tensor(False).dtype == np.bool_
    assert mg.tensor(np.ones(2)).dtype == mg.tensor(np.float64(1)).dtype == F64
    assert mg.tensor([1, 2], dtype="float16").dtype == F16
    assert mg.zeros(2).dtype == mg.ones(2).dtype == mg.eye(2).dtype == mg.linspace(0, 1, 3).dtype
    assert mg.zeros(2).dtype == mg.full((2,), 1.0).dtype == mg.arange(3.0).dtype == F32
    assert mg.full((2,), 1).dtype == mg.arange(3).dtype == np.int64


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.bool_])
def test_sums_of_integers_are_int64(dtype):
    assert of(dtype).sum().dtype == of(dtype).sum(0).dtype == np.int64
    assert of(dtype, *[100] * 100).sum().item() == (100 if dtype is np.bool_ else 10_000)


def test_float16_stays_float16():
    x = mg.ones(2, 2, dtype=F16, requires_grad=True)
    y = ops.softmax(ops.gelu(x @ x + 1), 1).mean()
    y.backward()
    assert y.dtype == x.grad.dtype == F16


# ---- out of the engine


def test_numpy_and_data_share_memory_but_np_array_copies():
    x = mg.zeros(3)
    x.numpy()[0] = 1
    x.data[1] = 2
    assert x.tolist() == [1, 2, 0]
    assert np.shares_memory(np.asarray(x), x.data)
    copied = np.array(x)
    copied[0] = 99
    assert x.tolist() == [1, 2, 0]
    assert np.asarray(x, dtype="int64").tolist() == [1, 2, 0]
    with pytest.raises(ValueError, match="copy"):
        np.asarray(x, dtype="int64", copy=False)


def test_setting_data_writes_in_place():
    x = mg.zeros(3, requires_grad=True)
    array = x.data
    x.data = [1, 2, 3]
    x.data = mg.tensor([4, 5, 6])
    assert array.tolist() == [4, 5, 6] and x.data is array and x.requires_grad


def test_tensor_copies_and_from_numpy_shares():
    array = np.zeros(2)
    copied, shared = mg.tensor(array), mg.from_numpy(array)
    array[0] = 1
    assert copied.tolist() == [0, 0] and shared.tolist() == [1, 0]
    source = mg.ones(2, requires_grad=True)
    again = mg.tensor(source)
    assert not again.requires_grad and not np.shares_memory(again.data, source.data)
    assert mg.tensor([mg.tensor(1.0), 2]).tolist() == [1, 2]


def test_numbers():
    x = mg.tensor([[2.5]], requires_grad=True)
    assert (x.item(), float(x), int(x), bool(x), x.tolist()) == (2.5, 2.5, 2, True, [[2.5]])
    assert range(5)[mg.tensor(3)] == 3 and [0, 1, 2][mg.tensor(1)] == 1
    assert not bool(mg.tensor(0)) and isinstance(mg.tensor(3).item(), int)


def test_numpy_arrays_and_scalars_meet_tensors():
    x, array = mg.ones(2, requires_grad=True), np.array([1, 2], "float32")
    for y in (array + x, x + array, array * x, np.float32(2) * x, np.float64(2) - x, 2 - x):
        assert isinstance(y, Tensor) and y.requires_grad and y.dtype == F32
    assert (array - x).tolist() == [0, 1] and (array / x).tolist() == [1, 2]
    assert isinstance(array == x, Tensor) and (array > x).tolist() == [False, True]
    assert (np.ones((2, 2), "float32") @ x).tolist() == [2, 2]


def test_augmented_assignment_makes_a_new_tensor():
    leaf = mg.ones(2, requires_grad=True)
    x = kept = leaf * 1
    x += 2
    x *= 4
    x -= 2
    x /= 5
    assert x.tolist() == [2, 2] and kept.tolist() == [1, 1] and x.requires_grad


@pytest.mark.parametrize("operator", ["+=", "-=", "*=", "/="])
def test_augmented_assignment_of_a_parameter_is_refused(operator):
    """It would train nothing: the loop's variable is a new tensor, the parameter stays."""
    names = {"p": mg.ones(2, requires_grad=True)}
    with mg.no_grad(), pytest.raises(TypeError, match=r"minigen\.assign\(x, x . y\)"):
        exec(f"p {operator} 0.1", names)


# ---- shape, length, iteration, indexing


def test_sizes():
    x = mg.zeros(2, 3, 4)
    assert x.shape == x.size() == (2, 3, 4) and x.size(-1) == 4 and x.size(dim=1) == 3
    assert (x.ndim, x.dim(), x.numel(), len(x)) == (3, 3, 24, 2)
    assert (x.T.shape, x.mT.shape, x.device) == ((4, 3, 2), (2, 4, 3), "cpu")
    assert mg.tensor(1.0).shape == () and mg.tensor(1.0).T.shape == ()


def test_iteration_goes_over_the_first_dimension_and_is_recorded():
    x = mg.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    first, second = x
    (first * second).sum().backward()
    assert x.grad.tolist() == [[3, 4], [1, 2]]
    assert [row.tolist() for row in x] == [[1, 2], [3, 4]] and list(mg.zeros(0, 2)) == []
    assert 3.0 in mg.tensor([1.0, 3.0]) and 5.0 not in mg.tensor([1.0, 3.0])


@pytest.mark.parametrize(
    "key",
    [1, -1, slice(None), slice(0, 2), slice(None, None, -1), ..., None, (1, 2), (..., 0), (0, None),
     [0, 2, 0], ([0, 1], [1, 2]), (slice(1, 3), [0, 0]), np.array([True, False, True]),
     (np.int64(1), slice(None)), (slice(None), np.array([1, 3]))],
    ids=str,
)  # fmt: skip
def test_indexing_is_numpys(key):
    array = np.arange(12.0, dtype="float32").reshape(3, 4)
    x = mg.tensor(array, requires_grad=True)
    y = x[key]
    assert np.array_equal(y.detach().numpy(), array[key]) and y.shape == array[key].shape
    (y * y).sum().backward()
    count = np.zeros_like(array)
    np.add.at(count, key, 1)
    assert np.array_equal(x.grad.numpy(), 2 * array * count)


def test_tensors_are_indices_too():
    x = mg.arange(5.0)
    assert x[mg.tensor([3, 0])].tolist() == [3, 0] and x[mg.tensor(2)].item() == 2
    assert x[x > 2].tolist() == [3, 4] and x[mg.tensor(1) : mg.tensor(3)].tolist() == [1, 2]
    grid = x.reshape(5, 1) + x
    assert grid[mg.tensor([0, 1]), mg.tensor([1, 4])].tolist() == [1, 5]


def test_tensors_are_hashed_by_identity():
    x, y = mg.ones(2), mg.ones(2)
    assert len({x, y, x}) == 2 and {x: 1}[x] == 1


def test_comparisons_and_logic():
    x = mg.tensor([1.0, 2.0, 3.0])
    assert (x == 2).tolist() == [False, True, False] and (x != 2).tolist() == [True, False, True]
    assert ((x > 1) & (x < 3)).tolist() == [False, True, False]
    assert ((x < 2) | ~(x < 3)).tolist() == [True, False, True]
    assert (x >= 2).tolist() == (x > 1).tolist() == [False, True, True]
    assert (x <= 2).tolist() == (x < 3).tolist() == [True, True, False]


def test_to_changes_dtype_or_device_or_nothing():
    x = mg.tensor([1.5, 0.0], requires_grad=True)
    assert x.to("float32") is x and x.to("cpu") is x and x.float() is x
    assert x.double().dtype == F64 and x.long().tolist() == [1, 0]
    assert x.bool().tolist() == [True, False] and x.to(np.int8).dtype == np.int8
    (x.double() * 2).sum().backward()
    assert x.grad.dtype == F32 and x.grad.tolist() == [2, 2]


# ---- what print shows

REPRS = [
    (lambda: mg.tensor(1.5), "tensor(1.5)"),
    (lambda: mg.tensor([1, 2]), "tensor([1, 2])"),
    (lambda: mg.tensor([True]), "tensor([ True])"),
    (lambda: mg.tensor([]), "tensor([])"),
    (lambda: mg.tensor([1.0, 2.5], requires_grad=True), "tensor([1. , 2.5], requires_grad=True)"),
    (lambda: mg.tensor([1.0], requires_grad=True) * 2, "tensor([2.], op=mul)"),
    (lambda: mg.ones(2, dtype="float64"), "tensor([1., 1.], dtype=float64)"),
    (lambda: mg.tensor([[1], [3]]).to("int8"), "tensor([[1],\n        [3]], dtype=int8)"),
    (lambda: mg.tensor([1 / 3, 1e-9]), "tensor([3.3333e-01, 1.0000e-09])"),
    (lambda: mg.tensor([float("nan"), float("-inf")]), "tensor([ nan, -inf])"),
    (lambda: mg.zeros(2, 1, 2), "tensor([[[0., 0.]],\n\n        [[0., 0.]]])"),
    (lambda: mg.zeros(1000), "tensor([0., 0., 0., ..., 0., 0., 0.])"),
]


@pytest.mark.parametrize(("make", "text"), REPRS, ids=[text[:30] for _, text in REPRS])
def test_repr(make, text):
    assert repr(make()) == str(make()) == text


def test_format():
    x = mg.tensor(2.0 / 3, requires_grad=True)
    assert f"{x:.3f} {mg.tensor(7):4d}" == "0.667    7"
    assert f"{x}" == str(x)
    with pytest.raises(ValueError, match=r"item\(\): a tensor of shape \(2,\) is not a single"):
        f"{mg.zeros(2):.2f}"


# ---- as in PyTorch


def test_integers_have_bitwise_operators():
    a, b = mg.tensor([6, 3]), mg.tensor([2, 1])
    assert (a & b).tolist() == [2, 1] and (a | b).tolist() == [6, 3]
    assert (a ^ b).tolist() == [4, 2] and (~a).tolist() == [-7, -4]
    with pytest.raises(TypeError, match="bitwise_and: "):
        mg.tensor([1.0]) & mg.tensor([2.0])


def test_dims_of_a_number_and_of_nothing():
    x = mg.tensor(2.0)
    assert x.sum(0).item() == x.sum(-1).item() == 2
    with pytest.raises(IndexError, match="sum: dim 5 is out of range for a tensor of 0 dimensions"):
        x.sum(5)
    y = mg.tensor([[1.0, 2.0], [3.0, 6.0]], requires_grad=True)
    for name in ("sum", "mean", "amax", "var", "logsumexp"):
        assert getattr(y, name)(()).item() == getattr(y, name)().item()
    y.mean(()).backward()
    assert y.grad.tolist() == [[0.25, 0.25], [0.25, 0.25]]


def test_an_empty_list_picks_nothing():
    assert mg.ones(3, 2)[[]].shape == (0, 2)


def test_evaluation_needs_running_statistics():
    with pytest.raises(ValueError, match="batch_norm: without running statistics there is only"):
        mg.ops.batch_norm(mg.ones(4, 2), None, None)


def test_statistics_of_nothing_are_nan_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        x = mg.zeros(2, 0, requires_grad=True)
        for y in (x.mean(), x.var(), x.std(), mg.ops.mse_loss(x, x.detach())):
            assert math.isnan(y.item())
        assert x.var(0).shape == (0,)


# ---- methods

METHODS = [
    c for c in CASES
    if c.fn is getattr(ops, c.name) and hasattr(Tensor, c.name) and c.name != "where"
]  # fmt: skip


@pytest.mark.parametrize("case", METHODS, ids=lambda case: case.name)
def test_a_method_is_the_op_of_its_name(case):
    for run in case.runs:
        x, *others = [Tensor(a) for a in case.arrays(run)]
        found = getattr(x, case.name)(*others, **run.options)
        expected = case.fn(x, *others, **run.options)
        both = [y if isinstance(y, tuple) else (y,) for y in (found, expected)]
        for a, b in zip(*both, strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_methods_whose_arguments_are_not_the_ops():
    x = mg.tensor([[4.0, 1.0], [1.0, 2.0]])
    assert x.where(x > 1, 0).tolist() == [[4, 0], [0, 2]]
    for y in (x.flip(0, 1), x.flip((0, 1)), x.flip([0]).flip(1), x.flip(dims=(0, 1))):
        assert y.tolist() == [[2, 1], [1, 4]]
    assert x.inverse().tolist() == ops.inv(x).tolist()
    assert x.cholesky(True).tolist() == x.cholesky(upper=True).tolist() == x.cholesky().T.tolist()
    wave = mg.arange(12.0)
    spectrum = wave.stft(4, 2, onesided=False)
    assert spectrum.tolist() == ops.stft(wave, 4, 2, onesided=False).tolist()
    again = spectrum.istft(4, 2, onesided=False)
    np.testing.assert_allclose(again.numpy(), wave.numpy(), atol=1e-5)
    half, rng = mg.full((9,), 0.5), mg.Generator
    assert half.bernoulli(rng=rng(1)).tolist() == ops.bernoulli(half, rng=rng(1)).tolist()
    drawn = half.multinomial(20, True, rng=rng(1))
    assert drawn.tolist() == ops.multinomial(half, 20, True, rng=rng(1)).tolist()
    assert half.prelu(mg.tensor(2.0)).tolist() == half.tolist()

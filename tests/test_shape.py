"""Shapes, borders, positions, windows: what the rows of the table cannot say.

Idea: most of these ops are linear, so a value and an adjoint prove one: the forward against its
definition (the loops of cases_*.py), and <A x, v> = <x, Aᵀ v> for what backward computes, on
options that Hypothesis draws. Then the fast paths, which only large inputs take, and memory order.
Read next: test_properties.py, backend/scatter.py.
"""

import math

import numpy as np
import pytest
from cases_padding import bordered
from cases_shape import rolled
from cases_unfold import folded, unfolded
from hypothesis import given, settings
from hypothesis import strategies as st
from test_properties import SEEDS, assert_adjoint, assert_close, normal

import minigen as mg
from minigen import ops
from minigen.backend import scatter
from minigen.tensor import Tensor

SHAPES = st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple)


def assert_linear(fn, definition, shape, seed):
    """fn is the definition, backward its adjoint, and the gradient of backward is fn again."""
    x, u = normal(seed, shape, shape)
    leaf = Tensor(x).requires_grad_()
    y = fn(leaf)
    np.testing.assert_array_equal(y.detach().numpy(), definition(x))
    v = Tensor(normal(seed + 1, y.shape)[0]).requires_grad_()
    (g,) = mg.grad(y, leaf, v, create_graph=True)
    assert_adjoint(definition, g.detach().numpy(), shape, v.detach().numpy(), seed)
    (again,) = mg.grad(g, v, Tensor(u))
    np.testing.assert_array_equal(again.numpy(), definition(u))


# ---- options that Hypothesis draws


@given(SHAPES, st.sampled_from(["reflect", "replicate", "circular"]), st.data(), SEEDS)
@settings(max_examples=60)
def test_a_border_of_elements(shape, mode, data, seed):
    widths = []
    for size in shape[: -1 - data.draw(st.integers(1, min(3, len(shape)))) : -1]:
        most = {"reflect": size - 1, "replicate": 5, "circular": size}[mode]
        widths += [data.draw(st.integers(0, most)) for _ in range(2)]
    assert_linear(
        lambda x: ops.pad(x, widths, mode), lambda x: bordered(x, widths, mode), shape, seed
    )


@st.composite
def windows(draw):
    """The shape of some images, and options of windows that fit into them."""
    pair = st.tuples(st.integers(1, 3), st.integers(1, 3))
    kernel, dilation, stride = draw(pair), draw(pair), draw(pair)
    padding = draw(st.tuples(st.integers(0, 3), st.integers(0, 3)))
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    size = [
        max(1, r - 2 * p) + draw(st.integers(0, 3)) for r, p in zip(reach, padding, strict=True)
    ]
    shape = (draw(st.integers(1, 2)), draw(st.integers(1, 2)), *size)
    return shape, dict(kernel_size=kernel, dilation=dilation, padding=padding, stride=stride)


@given(windows(), SEEDS)
@settings(max_examples=40)
def test_unfold_and_fold_are_adjoint(drawn, seed):
    shape, options = drawn
    assert_linear(lambda x: ops.unfold(x, **options), lambda x: unfolded(x, **options), shape, seed)
    x, v = normal(seed, shape, unfolded(np.zeros(shape), **options).shape)
    back = ops.fold(Tensor(v), shape[2:], **options).numpy()
    assert_close(back, folded(v, shape[2:], **options))
    assert_close(np.vdot(back, x), np.vdot(v, unfolded(x, **options)))


@given(SHAPES, st.data(), SEEDS)
@settings(max_examples=40)
def test_rolling(shape, data, seed):
    dims = data.draw(st.lists(st.integers(-len(shape), len(shape) - 1), min_size=1, max_size=3))
    shifts = [data.draw(st.integers(-9, 9)) for _ in dims]
    assert_linear(
        lambda x: ops.roll(x, shifts, dims), lambda x: rolled(x, shifts, dims), shape, seed
    )


@given(SHAPES, st.data(), SEEDS)
@settings(max_examples=40)
def test_repeating_each(shape, data, seed):
    dim = data.draw(st.none() | st.integers(-len(shape), len(shape) - 1))
    size = math.prod(shape) if dim is None else shape[dim]
    each = st.integers(0, 3)
    repeats = data.draw(each | st.lists(each, min_size=size, max_size=size))
    given_as = repeats if isinstance(repeats, int) else mg.tensor(repeats, dtype="int64")
    assert_linear(
        lambda x: ops.repeat_interleave(x, given_as, dim),
        lambda x: np.repeat(x, repeats, dim), shape, seed,
    )  # fmt: skip


@given(st.lists(st.integers(1, 4), min_size=2, max_size=4).map(tuple), st.data(), SEEDS)
@settings(max_examples=40)
def test_diagonals_of_any_two_dims(shape, data, seed):
    dims = data.draw(st.permutations(range(len(shape))))[:2]
    dims = [d - data.draw(st.sampled_from([0, len(shape)])) for d in dims]
    offset = data.draw(st.integers(-5, 5))

    def read(x):
        """Element by element: [..., i, i + offset] where both exist."""
        x = np.moveaxis(x, dims, (0, 1))
        both = [(i, i + offset) for i in range(x.shape[0]) if 0 <= i + offset < x.shape[1]]
        y = np.empty((len(both), *x.shape[2:]))
        for k, (i, j) in enumerate(both):
            y[k] = x[i, j]
        return np.moveaxis(y, 0, -1)

    assert_linear(lambda x: ops.diagonal(x, offset, *dims), read, shape, seed)


# ---- adding at positions, the fast paths

BIG = (70, 6, 40)  # 16,800 elements: more than scatter.ROWS
KEYS = [
    lambda rng: rng.integers(0, 70, 90),
    lambda rng: rng.integers(-70, 70, (9, 10)).astype("int32"),
    lambda rng: rng.integers(0, 70, 90).astype("uint8"),
    lambda rng: (slice(None), rng.integers(-6, 6, 9)),
    lambda rng: (slice(None), slice(None), rng.integers(0, 40, (5, 9))),
    lambda rng: (np.arange(70)[:, None], rng.integers(0, 6, (70, 3))),
    lambda rng: (rng.integers(0, 70, 9000), rng.integers(0, 6, 9000), rng.integers(0, 40, 9000)),
    lambda rng: (slice(None), rng.integers(0, 6, (9, 1)), rng.integers(-40, 40, 10)),
    lambda rng: (rng.integers(0, 70, 90), slice(None), rng.integers(0, 40, 90)),
    lambda rng: (3, rng.integers(0, 6, 90)),
    lambda rng: (rng.integers(0, 70, 90), slice(1, 5)),
]


@pytest.mark.parametrize("make", KEYS)
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int64"])
def test_adding_at_many_positions(make, dtype):
    rng = np.random.default_rng(0)
    key = make(rng)
    # small whole numbers: their sums are exact in every dtype and order
    values = rng.integers(-3, 4, np.empty(BIG)[key].shape).astype(dtype)
    expected = np.zeros(BIG, dtype)
    np.add.at(expected, key, values)
    found = scatter.scattered(values, key, BIG)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, expected)
    few = scatter.scattered(values.reshape(-1)[:1], np.array([3]), (5,))
    np.testing.assert_array_equal(few, np.eye(5)[3] * values.reshape(-1)[0])


@pytest.mark.parametrize("width", [1, 20, 200])
def test_a_position_out_of_range_is_noticed_where_numpy_would_not(width):
    index = mg.tensor(np.r_[np.zeros(1999, "int64"), [7]])
    for wrong in (index, -1 - index):
        place = ops.expand(ops.unsqueeze(wrong, 1), -1, width)
        with pytest.raises(IndexError, match=r"^scatter_add: the index must lie in \[-7, 7\)"):
            ops.scatter_add(mg.zeros(7, width), 0, place, mg.ones(2000, width))


def test_float16_is_summed_in_float32():
    ids, weight = mg.zeros(5000, dtype="int64"), mg.zeros(2, 3, dtype="float16")
    weight.requires_grad_()
    for y in (ops.embedding(ids, weight), weight[ids], ops.index_select(weight, 0, ids)):
        (g,) = mg.grad(y, weight, mg.ones(5000, 3, dtype="float16"))
        assert g.dtype == "float16" and g.tolist() == [[5000] * 3, [0] * 3]  # 1 + 2048 is 2048


@pytest.mark.parametrize("shape", [(4, 3), (400, 30)])
def test_embedding_is_a_product_with_one_hot_rows(shape):
    """Values, gradients, and their gradients, for few ids and for many."""
    rng = np.random.default_rng(0)
    ids, weight = Tensor(rng.integers(0, 9, shape)), Tensor(normal(1, (9, 5))[0])
    (u,) = normal(2, (9, 5))

    def derivatives(look_up):
        """y, and those of Σ y³ of orders 1 and 2."""
        leaf = Tensor(weight.numpy()).requires_grad_()
        (g,) = mg.grad((look_up(leaf) ** 3).sum(), leaf)
        _, (h,) = mg.hvp(lambda w: (look_up(w) ** 3).sum(), weight, Tensor(u))
        return look_up(weight).numpy(), g.numpy(), h.numpy()

    expected = derivatives(lambda w: ops.one_hot(ids, 9).double() @ w)
    for look_up in (lambda w: ops.embedding(ids, w), lambda w: w[ids]):
        for a, b in zip(derivatives(look_up), expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("padding_idx", [2, -1])
def test_the_row_of_padding_gets_nothing_at_any_order(padding_idx):
    ids = mg.tensor([[0, 2], [2, 1]])
    weight = mg.tensor([[1.0], [2.0], [3.0]], requires_grad=True)
    v = mg.tensor([[[1.0], [math.inf]], [[math.nan], [5.0]]], requires_grad=True)
    (g,) = mg.grad(ops.embedding(ids, weight, padding_idx), weight, v, create_graph=True)
    assert g.tolist() == [[1], [5], [0]]
    (again,) = mg.grad(g, v, mg.tensor([[7.0], [8.0], [math.nan]]))
    assert again.tolist() == [[[7], [0]], [[0], [8]]]


def test_a_number_is_a_vector_of_one():
    """Where picking and adding along dim 0 asks for a vector."""
    x, zero, two = mg.tensor(1.0, requires_grad=True), mg.tensor(0), mg.tensor([0, -1])
    for y, value, slope in [
        (ops.gather(x, 0, zero), 1, 1), (ops.gather(x, -1, two), [1, 1], 2),
        (ops.take_along_dim(x, zero, 0), 1, 1), (ops.scatter_add(x, 0, zero, x), 2, 2),
        (ops.scatter_add(x, 0, two, mg.tensor([2.0, 3.0])), 6, 1),
    ]:  # fmt: skip
        assert y.tolist() == value
        assert mg.grad(y.sum(), x)[0].tolist() == slope


def test_arrays_are_changed_at_a_key_as_tensors_are():
    x = np.ones(3, "float32")
    for value in (2, np.float32(2), np.full(1, 2, "float32")):
        y = ops.put(x, [0, 0], value, accumulate=True)
        assert isinstance(y, np.ndarray) and y.dtype == "float32" and y.tolist() == [5, 1, 1]


def test_sizes_may_be_numbers_of_numpy():
    x, six = mg.ones(2, 3), np.int64(6)
    assert ops.reshape(x, six).shape == ops.reshape(x, np.array([6])).shape == (6,)
    assert ops.expand(mg.ones(1), six).shape == (6,)


# ---- many elements at a time


@pytest.mark.parametrize("shape", [(9, 4, 50, 51), (9, 2, 40, 41)])
def test_windows_of_many_images(shape):
    """Blocks of samples, in two halves or in one thread: more elements than one block holds."""
    x = normal(0, shape)[0].astype("float32")
    leaf = Tensor(x).requires_grad_()
    y = ops.unfold(leaf, 3, padding=1, stride=(1, 2))
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    view = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (2, 3))[:, :, :, ::2]
    expected = view.transpose(0, 1, 4, 5, 2, 3).reshape(*y.shape)
    np.testing.assert_array_equal(y.detach().numpy(), expected)
    (g,) = mg.grad(y, leaf, y.detach())
    ones = ops.unfold(mg.ones(1, 1, *shape[2:]), 3, padding=1, stride=(1, 2))
    counts = ops.fold(ones, shape[2:], 3, padding=1, stride=(1, 2))
    np.testing.assert_allclose(g.numpy(), x * counts.numpy(), rtol=1e-6)


def test_convolution_is_unfold_and_a_product():
    x, w = (Tensor(a) for a in normal(0, (2, 3, 5, 6), (4, 3, 2, 3)))
    options = dict(stride=(2, 1), padding=(1, 2), dilation=(2, 1))
    y = ops.conv2d(x, w, **options)
    columns = ops.unfold(x, (2, 3), **options)
    assert_close((w.reshape(4, -1) @ columns).reshape(y.shape).numpy(), y.numpy())


@given(st.integers(1, 4), st.integers(1, 3), st.booleans(), SEEDS)
@settings(max_examples=20)
def test_pixels_to_channels_and_back(r, channels, last, seed):
    (x,) = normal(seed, (2, channels, 2 * r, 3 * r))
    x = channels_last(x) if last else x
    down = ops.pixel_unshuffle(Tensor(x), r)
    assert down.shape == (2, channels * r * r, 2, 3)
    np.testing.assert_array_equal(ops.pixel_shuffle(down, r).numpy(), x)


# ---- memory


def channels_last(x):
    return np.ascontiguousarray(np.moveaxis(x, 1, -1)).transpose(0, 3, 1, 2)


def is_channels_last(x):
    strides = x.numpy().strides
    return strides[1] < strides[3] < strides[2] < strides[0]


IMAGES = [channels_last(x) for x in normal(0, (2, 8, 6, 6), (2, 8, 6, 6))]
KEEPING = {
    "cat": lambda x: ops.cat([x, Tensor(IMAGES[1])], 1),
    "split": lambda x: ops.split(x, 2, 1)[1],
    "pad": lambda x: ops.pad(x, (1, 2, 0, 1)),
    "pad a value": lambda x: ops.pad(x, (1, 2, 0, 1), value=1.5),
    "crop": lambda x: ops.pad(x, (-1, -1)),
    "reflect": lambda x: ops.pad(x, (1, 2), "reflect"),
    "roll": lambda x: ops.roll(x, (1, 2), (2, 3)),
    "masked_fill": lambda x: ops.masked_fill(x, x > 0, 0.0),
    "tril": ops.tril,
    "pixel_shuffle": lambda x: ops.pixel_shuffle(x, 2),
    "pixel_unshuffle": lambda x: ops.pixel_unshuffle(x, 2),
}


@pytest.mark.parametrize("name", KEEPING)
def test_channels_last_memory_stays_so(name):
    """In the result, and in the gradient that goes on to what made x."""
    x = Tensor(IMAGES[0]).requires_grad_()
    seen = []
    before = x * 1
    before.register_hook(lambda g: seen.append(g))
    y = KEEPING[name](before)
    assert is_channels_last(y.detach())
    y.backward(Tensor(channels_last(np.ones(y.shape))))
    assert is_channels_last(seen[0])


def test_views_share_memory():
    x = np.arange(24.0).reshape(2, 3, 4)
    for view in (ops.movedim, lambda x, *_: ops.pad(x, (-1, 0)), lambda x, *_: ops.unbind(x)[1],
                 lambda x, *_: ops.diagonal(x, dim1=-2, dim2=-1)):  # fmt: skip
        assert np.shares_memory(view(Tensor(x), 0, -1).numpy(), x)


def test_what_is_infinite_stays_where_it_is():
    """A product with a mask of zeros would make nan of it."""
    bad = mg.full((3, 3), -math.inf)
    causal = [[0, -math.inf, -math.inf], [0, 0, -math.inf], [0, 0, 0]]
    assert ops.triu(bad, 1).tolist() == causal
    x = bad.requires_grad_()
    y = ops.masked_fill(x, ops.tril(mg.ones(3, 3)) > 0, 0.0)
    assert y.tolist() == causal
    (g,) = mg.grad(y, x, mg.full((3, 3), math.nan))
    assert np.isnan(g.numpy()).sum() == 3


def test_a_number_is_filled_where_its_gradient_is_a_numpy_scalar():
    """Products make NumPy scalars of arrays without dimensions."""
    for filled, slope in ((False, 6.0), (True, 0.0)):
        x = Tensor(np.array(3.0)).requires_grad_()
        y = ops.masked_fill(x, Tensor(np.array(filled)), 1.5)
        (g,) = mg.grad(y * y, x)
        assert g.item() == slope

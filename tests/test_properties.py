"""Properties that hold for every shape, option and graph, on examples that Hypothesis draws.

Idea: a linear op is checked without any tolerance for truncation: <A x, v> = <x, Aᵀ v> for the Aᵀ
that backward computes, with A written from the definition (loops, NumPy). What is not linear is
checked in random graphs, against NumPy and differences. Read next: test_ops.py, cases_conv.py.
"""

import math

import numpy as np
import pytest
from cases import CASES
from cases_conv import (
    conv_by_loops,
    conv_transpose_by_loops,
    each,
    pairs,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import minigen
from minigen import ops
from minigen.autograd import grad
from minigen.gradcheck import check, upstream_like
from minigen.tensor import Tensor

SEEDS = st.integers(0, 2**32)


def normal(seed, *shapes):
    """An array of standard normal numbers for each shape."""
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.standard_normal(shape)) for shape in shapes]


def assert_close(a, b):
    np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-11)


def assert_adjoint(linear, backward, shape, v, seed):
    """<A x, v> = <x, backward> at a random x of the shape; A maps arrays, by the definition."""
    assert backward.shape == shape
    (x,) = normal([seed, 77], shape)
    assert_close(np.vdot(linear(x), v), np.vdot(x, backward))


# ---- every linear op of the table

LINEAR = [
    (case, run, k)
    for case in CASES
    for run in case.runs
    for k in case.linear
    if k < len(run.shapes)
]


@pytest.mark.parametrize(
    ("case", "run", "k"), LINEAR, ids=[f"{case.name}[{run}]-{k}" for case, run, k in LINEAR]
)
def test_backward_of_a_linear_op_is_its_adjoint(case, run, k):
    """In input k, the others held; linear but for a constant, which A(x) - A(0) takes away."""
    inputs = case.arrays(run)

    def f(x):
        y = case.fn(*[Tensor(a) if i != k else x for i, a in enumerate(inputs)], **run.options)
        return ops.cat([part.flatten() for part in y]) if isinstance(y, tuple) else y

    def linear(x):
        x = np.asarray(x)
        return f(Tensor(x)).numpy() - f(Tensor(np.zeros_like(x))).numpy()

    x, z = normal(1, run.shapes[k], run.shapes[k])
    assert_close(linear(2 * x - z), 2 * linear(x) - linear(z))
    y, pull = minigen.vjp(f, Tensor(x))
    (v,) = normal(2, y.shape)
    assert_adjoint(linear, pull(Tensor(v))[0].numpy(), x.shape, v, 3)


# ---- bilinear ops of any shape: convolution against loops, products

SIZES = st.integers(1, 3)


def assert_bilinear(f, definition, x, w, seed):
    """f is the definition, its VJPs are adjoints, and so are the VJPs of these."""
    X, W = (Tensor(a).requires_grad_() for a in (x, w))
    y = f(X, W)
    assert_close(y.detach().numpy(), definition(x, w))
    v, ux, uw = normal(seed, y.shape, x.shape, w.shape)
    V = Tensor(v).requires_grad_()
    gx, gw = grad(y, (X, W), V, create_graph=True)
    assert_adjoint(lambda x: definition(x, w), gx.detach().numpy(), x.shape, v, seed)
    assert_adjoint(lambda w: definition(x, w), gw.detach().numpy(), w.shape, v, seed)
    # order 2: <ux, gx> + <uw, gw> = <v, f(ux, w) + f(x, uw)>
    along = (gx * Tensor(ux)).sum() + (gw * Tensor(uw)).sum()
    hx, hw, hv = (h.numpy() for h in grad(along, (X, W, V)))
    assert_close(hv, definition(ux, w) + definition(x, uw))
    assert_adjoint(lambda x: definition(x, uw), hx, x.shape, v, seed)
    assert_adjoint(lambda w: definition(ux, w), hw, w.shape, v, seed)


@st.composite
def geometries(draw):
    """Shapes of x and weight of a convolution in 1 to 3 dimensions, and its options."""
    n = draw(st.integers(1, 3))

    def many(numbers):
        return draw(st.tuples(*[numbers] * n))

    groups, most = draw(SIZES), 3 if n < 3 else 2
    kernel, dilation = many(st.integers(1, most)), many(st.integers(1, most))
    padding = draw(
        st.sampled_from(["same", "valid"])
        | st.integers(0, 2)
        | st.tuples(*[st.tuples(st.integers(0, 2), st.integers(0, 2))] * n)
    )
    stride = 1 if padding == "same" else draw(SIZES) if n == 1 else many(SIZES)
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    around = [low + high for low, high in pairs(padding, kernel, dilation)]
    more = many(st.integers(0, 3 if n < 3 else 1))
    size = [max(r - a, 1) + m for r, a, m in zip(reach, around, more, strict=True)]
    x = (draw(st.integers(1, 2)), groups * draw(SIZES), *size)
    weight = (groups * draw(SIZES), x[1] // groups, *kernel)
    return x, weight, dict(stride=stride, padding=padding, dilation=dilation, groups=groups)


def named(name, n, generic):
    return getattr(ops, name if generic else f"{name}{n}d")


@given(geometries(), st.booleans(), SEEDS)
@settings(max_examples=200)
def test_conv_is_its_definition(geometry, generic, seed):
    shape, weight_shape, options = geometry
    conv = named("conv", len(shape) - 2, generic)
    x, w, b = normal(seed, shape, weight_shape, weight_shape[:1])
    assert_bilinear(
        lambda x, w: conv(x, w, **options), lambda x, w: conv_by_loops(x, w, **options), x, w, seed
    )
    assert_bias(conv, conv_by_loops, x, w, b, options)


@given(geometries(), st.booleans(), SEEDS)
@settings(max_examples=200)
def test_conv_transpose_is_its_definition(geometry, generic, seed):
    """On what conv makes of the drawn shapes, back to the size of x."""
    shape, weight_shape, options = geometry
    kernel, dilation = weight_shape[2:], options["dilation"]
    n, size = len(kernel), shape[2:]
    windows = conv_by_loops(np.zeros((1, *shape[1:])), np.zeros(weight_shape), **options).shape[2:]
    around, stride = pairs(options["padding"], kernel, dilation), each(options["stride"], n)
    extra = tuple(
        s + sum(p) - d * (k - 1) - 1 - (u - 1) * t
        for s, p, d, k, u, t in zip(size, around, dilation, kernel, windows, stride, strict=True)
    )
    options = {**options, "padding": tuple(around), "output_padding": extra}
    fn = named("conv_transpose", n, generic)
    channels = weight_shape[1] * options["groups"]
    x, w, b = normal(seed, (shape[0], weight_shape[0], *windows), weight_shape, channels)
    assert_bilinear(
        lambda x, w: fn(x, w, **options),
        lambda x, w: conv_transpose_by_loops(x, w, **options),
        x, w, seed,
    )
    assert conv_transpose_by_loops(x, w, **options).shape[2:] == size
    assert_bias(fn, conv_transpose_by_loops, x, w, b, options)


def assert_bias(fn, definition, x, w, b, options):
    B = Tensor(b).requires_grad_()
    y = fn(Tensor(x), Tensor(w), B, **options)
    assert_close(y.detach().numpy(), definition(x, w, b, **options))
    (v,) = normal(9, y.shape)
    assert_close(grad(y, B, Tensor(v))[0].numpy(), v.sum((0, *range(2, v.ndim))))


@given(arrays.mutually_broadcastable_shapes(signature="(n,k),(k,m)->(n,m)", max_side=3), SEEDS)
def test_matmul_is_numpys(shapes, seed):
    assert_bilinear(ops.matmul, np.matmul, *normal(seed, *shapes.input_shapes), seed)


@given(arrays.mutually_broadcastable_shapes(num_shapes=2, max_side=3, min_side=0), SEEDS)
def test_gradients_are_summed_to_the_shapes_that_were_broadcast(shapes, seed):
    assert_bilinear(ops.mul, np.multiply, *normal(seed, *shapes.input_shapes), seed)


# ---- reading and writing at positions

SHAPES = arrays.array_shapes(max_dims=3, max_side=4)


@st.composite
def keys(draw):
    """A shape and something that indexes it: numbers, slices, ..., None, arrays, a mask."""
    shape = draw(SHAPES)
    basic = arrays.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True)
    whole = arrays.integer_array_indices(shape)  # repeats elements now and then
    return shape, draw(basic | whole | arrays.arrays(bool, shape))


@given(keys(), SEEDS)
def test_index_and_put_are_numpys(shape_and_key, seed):
    shape, key = shape_and_key
    (x,) = normal(seed, shape)
    y, pull = minigen.vjp(lambda x: ops.index(x, key), Tensor(x))
    np.testing.assert_array_equal(y.numpy(), x[key])
    (v,) = normal(seed + 1, y.shape)
    added = np.zeros(shape)
    np.add.at(added, key, v)
    assert_close(pull(Tensor(v))[0].numpy(), added)

    y, pull = minigen.vjp(lambda x, v: ops.put(x, key, v, accumulate=True), Tensor(x), Tensor(v))
    assert_close(y.numpy(), x + added)
    dx, dv = pull(Tensor(x))
    np.testing.assert_array_equal(dx.numpy(), x)
    np.testing.assert_array_equal(dv.numpy(), x[key])

    y, pull = minigen.vjp(lambda x, v: ops.put(x, key, v), Tensor(x), Tensor(np.asarray(2.5)))
    expected, kept = x.copy(), np.ones(shape)
    expected[key], kept[key] = 2.5, 0
    np.testing.assert_array_equal(y.numpy(), expected)
    np.testing.assert_array_equal(pull(Tensor(x))[0].numpy(), x * kept)


# ---- reductions over any dims


@given(SHAPES, st.data(), st.booleans(), SEEDS)
def test_reductions_are_numpys(shape, data, keepdim, seed):
    axes = data.draw(arrays.valid_tuple_axes(len(shape), min_size=1))
    (x,) = normal(seed, shape)
    weights = np.exp(x) / np.exp(x).sum(axes, keepdims=True)
    count = math.prod(shape[a] for a in axes)
    for op, numpy, slope in [  # slope: dy/dx of every element
        (ops.sum, np.sum, np.ones(shape)),
        (ops.mean, np.mean, np.ones(shape) / count),
        (ops.amax, np.max, x == x.max(axes, keepdims=True)),
        (ops.amin, np.min, x == x.min(axes, keepdims=True)),
        (ops.logsumexp, lambda x, axes, keepdims: np.log(np.exp(x).sum(axes, keepdims=keepdims)),
         weights),
    ]:
        y, pull = minigen.vjp(lambda x, op=op: op(x, axes, keepdim), Tensor(x))
        assert_close(y.numpy(), numpy(x, axes, keepdims=keepdim))
        (v,) = normal(seed + 1, y.shape)
        spread = v if keepdim else np.expand_dims(v, tuple(a % len(shape) for a in axes))
        assert_close(pull(Tensor(v))[0].numpy(), slope * spread)


# ---- random graphs

BOX = (2, 3)


def full(x):
    """x in the shape that matrix products and indices here need."""
    return ops.broadcast_to(x, BOX) if isinstance(x, Tensor) else np.broadcast_to(x, BOX)


def both(ours, numpy):
    """One function of tensors and of arrays."""
    return lambda *xs: (ours if isinstance(xs[0], Tensor) else numpy)(*xs)


def last(function, **options):
    """function over the last dimension, which stays; a number is its own."""
    return lambda x, _: function(x, **options) if x.ndim else x


# a node reads two values; most need one. All are smooth, and tame at |x| <= 3.
NODES = [
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: a * b,
    lambda a, b: a * a / (2 + b * b),
    lambda a, b: (a + a) * 0.5 - b,
    lambda a, _: -a,
    lambda a, _: 1.5 - a**2,
    lambda a, b: both(ops.maximum, np.maximum)(a, b),
    lambda a, b: both(ops.where, np.where)(a > b, a, b * 0.5),
    lambda a, _: both(ops.sin, np.sin)(a),
    lambda a, _: both(ops.exp, np.exp)(-a * a),
    lambda a, _: both(ops.sigmoid, lambda x: 1 / (1 + np.exp(-x)))(a),
    lambda a, _: both(ops.silu, lambda x: x / (1 + np.exp(-x)))(a),
    lambda a, _: both(ops.softplus, lambda x: np.log1p(np.exp(x)))(a),
    both(last(ops.mean, dim=-1, keepdim=True), last(np.mean, axis=-1, keepdims=True)),
    both(last(ops.sum, dim=-1, keepdim=True), last(np.sum, axis=-1, keepdims=True)),
    lambda a, _: both(
        lambda x: ops.softmax(full(x), 0),
        lambda x: np.exp(full(x)) / np.exp(full(x)).sum(0, keepdims=True),
    )(a),
    lambda a, b: full(a) @ full(b).T @ full(a),
    lambda a, b: both(lambda *xs: ops.cat(xs, 1), lambda *xs: np.concatenate(xs, 1))(
        full(a), full(b)
    )[:, 1:4],
    lambda a, _: full(a)[:, [2, 0, 0]],
    lambda a, _: both(lambda x: ops.flip(x, (0, 1)), lambda x: x[::-1, ::-1])(full(a)),
    lambda a, _: full(a).reshape(3, 2).T,
]
TAME = both(ops.tanh, np.tanh)


def evaluate(nodes, leaves):
    """The values that no node reads, after the leaves and then every node (function, i, j)."""
    values, unread = list(leaves), set(range(len(leaves)))
    for function, i, j in nodes:
        unread -= {i, j}
        unread.add(len(values))
        values.append(function(values[i], values[j]))
    return tuple(values[k] for k in sorted(unread) if k >= len(leaves))


@st.composite
def graphs(draw):
    """Leaves, and 5 to 60 nodes that read them and one another in any way."""
    shapes = draw(st.lists(st.sampled_from([(), (3,), (2, 1), BOX]), min_size=1, max_size=3))
    leaves = normal(draw(SEEDS), *shapes)
    picks = st.tuples(st.sampled_from(NODES), st.integers(0, 59), st.integers(0, 59))
    nodes, values = [], list(leaves)
    count = draw(st.integers(5, 60))
    for function, i, j in draw(st.lists(picks, min_size=count, max_size=count)):
        if len(nodes) >= count:
            break
        i, j = (len(values) - 1 - k % len(values) for k in (i, j))  # 0: the newest
        nodes.append((function, i, j))
        values.append(np.asarray(function(values[i], values[j])))
        if np.abs(values[-1]).max() > 3:
            nodes.append((lambda a, _: TAME(a), len(values) - 1, len(values) - 1))
            values.append(TAME(values[-1]))
    # each leaf's square is an output too: no gradient is small enough to be rounding noise alone
    return leaves, nodes + [(lambda a, b: a * b, k, k) for k in range(len(leaves))]


def pull(nodes, leaves, vs, us=None):
    """Gradients of Σ <v, output> in the leaves, arrays; with us, those of Σ <u, gradient>."""
    xs = [Tensor(x).requires_grad_() for x in leaves]
    gs = gradients(evaluate(nodes, xs), xs, vs, create_graph=us is not None)
    if us is not None:
        curved = [(g, u) for g, u in zip(gs, us, strict=True) if g.requires_grad]
        gs = gradients([g for g, _ in curved], xs, [u for _, u in curved])
    return tuple(g.numpy() for g in gs)


def gradients(ys, xs, vs, create_graph=False):
    """Of Σ <v, y>; zeros where there is none."""
    found = grad(ys, xs, [Tensor(v) for v in vs], create_graph=create_graph, allow_unused=True)
    return [ops.zeros_like(x) if g is None else g for g, x in zip(found, xs, strict=True)]


@given(graphs())
@settings(max_examples=80)
def test_gradients_of_random_graphs(graph):
    """Values against NumPy's; gradients of order 1 against differences of NumPy, of order 2
    against differences of those."""
    leaves, nodes = graph
    expected = evaluate(nodes, leaves)
    actual = evaluate(nodes, [Tensor(x) for x in leaves])
    for y, e in zip(actual, expected, strict=True):
        np.testing.assert_allclose(y.numpy(), e, rtol=1e-9, atol=1e-9)
    vs = upstream_like(expected)
    first = pull(nodes, leaves, vs)
    us = upstream_like(first, seed=1)
    second = pull(nodes, leaves, vs, us)
    agree(lambda *xs: evaluate(nodes, xs), leaves, first, vs)
    agree(lambda *xs: pull(nodes, xs, vs), leaves, second, us)


def agree(f, leaves, claimed, upstream):
    """No gradient is wrong. Where values of a deep graph cancel, differences have a wide error bar
    and the verdict is "undecided": then their best estimate has to agree."""
    for result in check(f, leaves, claimed, upstream):
        assert result.verdict != "fail", result
        assert result.verdict == "pass" or result.relative_error < 1e-6, result

"""Every op against NumPy and against differences of itself, from the table in cases.py.

Idea: one test per promise, over all rows: values, gradients of order 1 and 2, memory layouts,
nothing mutated, dtypes, ties and edges, fused ops against their references. Inputs are read-only
arrays, so that an op which writes into them fails wherever it is called.
Read next: cases.py (the table), test_properties.py (random shapes and graphs).
"""

from itertools import combinations

import numpy as np
import pytest
from cases import CASES, CREATION, RANDOM
from cases_row import frozen

import minigen
from minigen import ops
from minigen.autograd import grad
from minigen.gradcheck import assert_gradients, upstream_like
from minigen.tensor import Tensor

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # log(0), 1/0: NumPy tells, once

PAIRS = [(case, run) for case in CASES for run in case.runs]
DIFFERENTIABLE = [(case, run) for case, run in PAIRS if case.differentiable]
FIRST = [(case, case.runs[0]) for case in CASES if case.differentiable]
KINKS = [(case, kink) for case in CASES for kink in case.kinks]


def rows(pairs, second="run"):
    """Parametrise a test by rows and their runs (or kinks), named after them."""
    names = [f"{case.name}[{run}]" if second == "run" else case.name for case, run in pairs]
    return pytest.mark.parametrize(("case", second), pairs, ids=names)


# ---- a call, as a function of arrays


def outputs(case, options, xs):
    """What the op gives for tensors, as a tuple."""
    y = case.fn(*xs, **options)
    return y if isinstance(y, tuple) else (y,)


def leaves(arrays, device="cpu"):
    """A tensor around each array; floats require grad."""
    xs = [Tensor(x).to(device) for x in arrays]
    return [x.requires_grad_() if x.dtype.kind == "f" else x for x in xs]


def value(case, options, arrays):
    """The differentiable outputs, as arrays."""
    ys = outputs(case, options, [Tensor(x) for x in arrays])
    return tuple(y.numpy() for y in ys if y.dtype.kind == "f")


def pull(case, options, arrays, upstream, wanted=None):
    """The gradients of the float inputs (or of those at the positions wanted), as arrays."""
    xs = leaves(arrays)
    for i, x in enumerate(xs):
        x.requires_grad = x.requires_grad and (wanted is None or i in wanted)
    ys = [y for y in outputs(case, options, xs) if y.dtype.kind == "f"]
    both = [(y, Tensor(v)) for y, v in zip(ys, upstream, strict=True) if y.requires_grad]
    return [g.numpy() for g in gradients([y for y, _ in both], xs, [v for _, v in both])]


def gradients(ys, xs, vs, create_graph=False):
    """Gradients of Σ <v, y> in the tensors that require grad; zeros where there is none."""
    xs = [x for x in xs if x.requires_grad]
    how = dict(create_graph=create_graph, allow_unused=True)
    found = grad(ys, xs, vs, **how) if ys else [None] * len(xs)
    return [ops.zeros_like(x) if g is None else g for g, x in zip(found, xs, strict=True)]


def upstream_of(case, run, arrays):
    return tuple(map(frozen, upstream_like(value(case, run.options, arrays))))


def second(case, options, arrays, vs, us):
    """(first, second): gradients g of Σ <v, y>, and those of Σ <u, g> in the inputs and in v."""
    xs, vs = leaves(arrays), leaves(vs)
    ys = [y for y in outputs(case, options, xs) if y.requires_grad]
    gs = gradients(ys, xs, vs, create_graph=True)
    recorded = [(g, Tensor(u)) for g, u in zip(gs, us, strict=True) if g.requires_grad]
    both = gradients([g for g, _ in recorded], [*xs, *vs], [u for _, u in recorded])
    return [g.detach().numpy() for g in gs], [g.numpy() for g in both]


def close(actual, expected, dtype="float64", scale=1):
    """Equal up to the rounding of some operations in the dtype."""
    eps = float(np.finfo(dtype).eps)
    expected = np.asarray(expected)
    size = np.abs(expected[np.isfinite(expected)]).max(initial=1.0)
    np.testing.assert_allclose(actual, expected, rtol=32 * eps * scale, atol=8 * eps * size * scale)


# ---- the table


def test_every_public_op_has_a_row():
    public = {name for name in ops.__all__ if callable(getattr(ops, name))}
    assert public == {row.name for row in [*CASES, *CREATION, *RANDOM]}


@rows(PAIRS)
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_forward_is_what_numpy_says(case, run, dtype):
    arrays = case.arrays(run, dtype)
    # computed in float64 from the same, rounded, numbers
    expected = case.numpy(
        *[x.astype("float64") if x.dtype.kind == "f" else x for x in arrays], **run.options
    )
    expected = expected if isinstance(expected, (tuple, list)) else (expected,)
    ys = outputs(case, run.options, [Tensor(x) for x in arrays])
    assert len(ys) == len(expected)
    for y, e in zip(ys, expected, strict=True):
        assert y.shape == np.shape(e)
        if y.dtype.kind == "f":
            assert y.dtype == run.options.get("dtype", dtype)
            close(y.numpy(), e, dtype)
        else:
            assert not y.requires_grad
            np.testing.assert_array_equal(y.numpy(), e)


# ---- gradients


@rows(DIFFERENTIABLE)
def test_gradient_is_that_of_differences(case, run):
    arrays = case.arrays(run)
    vs = upstream_of(case, run, arrays)
    claimed = pull(case, run.options, arrays, vs)
    assert_gradients(lambda *xs: value(case, run.options, xs), arrays, claimed, vs)


@rows(DIFFERENTIABLE)
def test_second_gradient_is_that_of_differences(case, run):
    """The gradient of a weighted gradient, in the inputs and in the upstream."""
    arrays = case.arrays(run)
    vs = upstream_of(case, run, arrays)
    n = len(arrays)

    def first(*both):
        return tuple(pull(case, run.options, both[:n], both[n:]))

    plain = first(*arrays, *vs)
    us = upstream_like(plain, seed=1)
    recorded, claimed = second(case, run.options, arrays, vs, us)
    for a, b in zip(recorded, plain, strict=True):
        close(a, b, scale=16)  # not the same formula where the op is fused
    assert_gradients(first, [*arrays, *vs], claimed, us)


@rows([(c, r) for c, r in DIFFERENTIABLE if c.inputs > 1])
def test_gradient_does_not_depend_on_who_else_wants_one(case, run):
    arrays = case.arrays(run)
    vs = upstream_of(case, run, arrays)
    floats = [i for i, x in enumerate(arrays) if x.dtype.kind == "f"]
    every = dict(zip(floats, pull(case, run.options, arrays, vs), strict=True))
    for count in range(1, len(floats)):
        for wanted in combinations(floats, count):
            some = pull(case, run.options, arrays, vs, wanted)
            for i, g in zip(wanted, some, strict=True):
                close(g, every[i])


@rows(DIFFERENTIABLE)
def test_gradients_in_float32_are_those_in_float64(case, run):
    """The default dtype has paths of its own. From the same, rounded, numbers."""
    arrays = case.arrays(run, "float32")
    wide = [x.astype("float64") if x.dtype.kind == "f" else x for x in arrays]
    vs = [v.astype("float32") for v in upstream_of(case, run, wide)]
    found = []
    for xs, dtype in ((arrays, "float32"), (wide, "float64")):
        v = [v.astype(run.options.get("dtype", dtype)) for v in vs]
        us = upstream_like([x for x in xs if x.dtype.kind == "f"], seed=1)
        first, again = second(case, run.options, xs, v, us)
        found.append([*first, *again])
    for a, b in zip(*found, strict=True):
        close(a, b, "float32", scale=8)


# ---- memory


def transposed(x):
    """The dimensions last to first in memory."""
    return x.T.copy().T


def strided(x):
    """Every second element of a larger array, in each dimension."""
    big = np.full([2 * n for n in x.shape], 7, x.dtype)
    view = big[(..., *[slice(None, None, 2)] * x.ndim)]
    view[...] = x
    return view


def reversed_(x):
    """Running backwards through memory."""
    turn = (..., *[slice(None, None, -1)] * x.ndim)
    return x[turn].copy()[turn]


def channels_last(x):
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1) if x.ndim > 2 else x


@rows(PAIRS)
def test_layout_in_memory_makes_no_difference(case, run):
    """Of the inputs, and of the upstream gradient."""

    def everything(layout):
        xs = [frozen(layout(x)) for x in arrays]
        ys = [y.numpy() for y in outputs(case, run.options, [Tensor(x) for x in xs])]
        if case.differentiable:
            ys += pull(case, run.options, xs, [frozen(layout(v)) for v in vs])
        return ys

    arrays = case.arrays(run)
    vs = upstream_of(case, run, arrays) if case.differentiable else ()
    expected = everything(np.array)
    for layout in (transposed, strided, reversed_, channels_last):
        for a, b in zip(everything(layout), expected, strict=True):
            close(a, b)


@rows(FIRST)
def test_upstream_gradient_may_be_a_broadcast_number(case, run):
    """What comes from sum(): one number in memory for all elements."""
    arrays = case.arrays(run)
    ys = value(case, run.options, arrays)
    expected = pull(case, run.options, arrays, [np.full(y.shape, 1.5) for y in ys])
    actual = pull(case, run.options, arrays, [np.broadcast_to(1.5, y.shape) for y in ys])
    for a, b in zip(actual, expected, strict=True):
        close(a, b)


@rows(PAIRS)
def test_nothing_is_mutated(case, run):
    """Inputs, outputs, upstream and gradients keep their bytes through three backwards, and the
    second finds what the first did."""
    xs = leaves([x.copy() for x in case.arrays(run)])
    ys = outputs(case, run.options, xs)
    recorded = [y for y in ys if y.requires_grad]
    vs = [Tensor(upstream_like(y.detach().numpy())) for y in recorded]
    watched = [*xs, *ys, *vs]
    before = [x._data.tobytes() for x in watched]
    if recorded:
        how = dict(retain_graph=True, allow_unused=True)
        wanted = [x for x in xs if x.requires_grad]
        once = [g for g in grad(recorded, wanted, vs, **how) if g is not None]
        watched += once
        before += [g._data.tobytes() for g in once]
        twice = [g for g in grad(recorded, wanted, vs, **how) if g is not None]
        assert [g._data.tobytes() for g in twice] == before[len(before) - len(once) :]
        gradients(recorded, xs, vs, create_graph=True)
    assert [x._data.tobytes() for x in watched] == before


# ---- dtypes, by the table in tensor.py

FLOATS_ONLY = ("conv", "avg_pool", "max_pool", "linear", "batch_norm", "dropout", "cast")
FLOATS_ONLY += ("adaptive_", "affine_grid", "grid_sample", "interpolate")
FLOATS_ONLY += ("bincount", "local_response_norm")
FLOATS_ONLY += ("inv", "solve", "det", "slogdet", "cholesky", "eigh", "svd", "qr", "stft", "istft")
FLOATS_ONLY += ("scaled_dot_product_attention", "gumbel_softmax")
ANY_DTYPE = [c for c in CASES if not c.name.startswith(FLOATS_ONLY) and "entropy" not in c.name]
BARE = [c for c in ANY_DTYPE if c.fn is getattr(ops, c.name) or not c.elementwise]
INTEGERS = [(c, dtype) for c in BARE for dtype in ("int64", "int32")]
BOOLEAN = ("mul", "maximum", "where", "eq", "exp", "alias")  # and all that is not elementwise
NOT_BOOLEAN = ("softmax", "_loss", "pairwise_distance")  # parts of their names
TOTALS = ("sum", "prod", "cumsum", "cumprod")  # of int32 and booleans: int64
INTEGERS += [
    (c, "bool") for c in BARE
    if c.name in BOOLEAN or not (c.elementwise or any(part in c.name for part in NOT_BOOLEAN))
]


@pytest.mark.parametrize(("case", "dtype"), INTEGERS, ids=lambda v: getattr(v, "name", v))
def test_what_integers_give(case, dtype):
    run = case.runs[0]
    arrays = [np.ones_like(x, dtype) if x.dtype.kind == "f" else x for x in case.arrays(run)]
    y = outputs(case, run.options, [Tensor(x) for x in arrays])[0]
    expected = {"float": "float32", "bool": "bool", "int": "int64", "same": dtype}[case.gives]
    assert y.dtype == ("int64" if case.name in TOTALS else expected)
    assert not y.requires_grad


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div", "pow", "maximum", "minimum"])
@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (np.float32, np.float64, "float64"),
        (np.float16, np.float32, "float32"),
        (np.int64, np.float16, "float16"),
        (np.bool_, np.float32, "float32"),
        (np.int64, np.float32, "float32"),
        (np.float32, 2, "float32"),
        (np.float16, 2.5, "float16"),
        (np.float64, 2.5, "float64"),
        (np.float32, np.float64(2.5), "float32"),  # a NumPy scalar is a number
        (np.int64, 2, "int64"),
        (np.int64, 2.5, "float32"),
        (np.int32, np.int64, "int64"),
    ],
    ids=str,
)
def test_which_dtype_two_arguments_give(name, a, b, expected):
    fn = getattr(ops, name)
    a, b = (Tensor(np.ones(2, v)) if isinstance(v, type) else v for v in (a, b))
    if name == "div" and expected == "int64":
        expected = "float32"
    assert fn(a, b).dtype == fn(b, a).dtype == expected


def test_each_gradient_has_the_dtype_of_its_input():
    a = Tensor(np.ones((2, 3), "float32"), requires_grad=True)
    b = Tensor(np.ones(3, "float64"), requires_grad=True)
    c = Tensor(np.ones((2, 1), "float16"), requires_grad=True)
    y = (a * b + ops.where(a > 0, c, b)).exp().sum()
    assert y.dtype == "float64"
    assert [g.dtype.name for g in grad(y, [a, b, c])] == ["float32", "float64", "float16"]


# ---- ties and edges


@rows(KINKS, "kink")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_values_at_ties_and_edges_are_the_documented_ones(case, kink, dtype):
    xs = leaves([x.astype(dtype) if x.dtype.kind == "f" else x for x in kink.inputs])
    for recording in (False, True):  # a fused op has a formula for each
        ys = outputs(case, kink.options, xs)
        expected = kink.y if isinstance(kink.y, tuple) else (kink.y,)
        for y, e in zip(ys, expected, strict=True):
            assert y.shape == np.shape(e)
            close(y.detach().numpy(), e, dtype)
        if kink.grads is None:
            return
        ys = [y for y in ys if y.requires_grad]
        gs = gradients(ys, xs, [ops.ones_like(y) for y in ys], create_graph=recording)
        for g, e in zip(gs, kink.grads, strict=True):
            assert g.shape == np.shape(e)
            close(g.detach().numpy(), e, dtype)
    if kink.second is not None:
        again = gradients([g for g in gs[:1] if g.requires_grad], xs, [ops.ones_like(gs[0])])
        close(again[0].numpy(), kink.second, dtype)


# ---- what a row cannot say


def test_max_over_a_dim_names_its_results():
    x = Tensor(np.array([[1.0, 5.0], [7.0, 3.0]]))
    assert ops.max(x, 1).values.tolist() == [5, 7] and ops.max(x, 1).indices.tolist() == [1, 0]
    assert ops.min(x, 1).values.tolist() == [1, 3] and ops.min(x, 1).indices.tolist() == [0, 1]


@pytest.mark.parametrize("shape", [(4, 2), (2, 2, 3), (1, 2, 3, 2)])
def test_batch_norm_moves_the_running_statistics_in_training_only(shape):
    x = np.random.default_rng(0).normal(3, 2, shape)
    axes = (0, *range(2, x.ndim))
    mean, var = (Tensor(np.full(2, v)) for v in (1.0, 4.0))
    ops.batch_norm(Tensor(x), mean, var, training=False)
    assert mean.tolist() == [1, 1] and var.tolist() == [4, 4]
    ops.batch_norm(Tensor(x), mean, var, training=True, momentum=0.3)
    close(mean.numpy(), 0.7 + 0.3 * x.mean(axes))
    close(var.numpy(), 0.7 * 4 + 0.3 * x.var(axes, ddof=1))  # the unbiased variance


# ---- on a GPU


@pytest.mark.gpu
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_gpu_gives_what_the_cpu_gives(case):
    """Values and gradients of both orders, all of them on the device of the inputs."""
    for run in case.runs:
        results = []
        for device in ("cpu", "gpu"):
            xs = leaves(case.arrays(run), device)
            found = list(outputs(case, run.options, xs))
            ys = [y for y in found if y.requires_grad]
            for seed in (0, 1) if ys else ():
                vs = [Tensor(upstream_like(np.zeros(y.shape), seed)).to(y.device) for y in ys]
                ys = gradients(ys, xs, vs, create_graph=True)
                found += ys
                ys = [g for g in ys if g.requires_grad]
            assert {y.device for y in found} <= {device, run.options.get("device", device)}
            results.append([y.detach().to("cpu").numpy() for y in found])
        for a, b in zip(*results, strict=True):
            close(b, a, scale=4)


def test_float16_means_do_not_overflow():
    """70,000 elements: neither their sum nor their count is a float16."""
    x = minigen.ones(70_000, dtype="float16").requires_grad_()
    loss = ops.mean(x) + ops.mse_loss(x, 3 * minigen.ones_like(x))
    assert loss.item() == 5 and loss.dtype == "float16"
    loss.backward()
    np.testing.assert_allclose(x.grad.numpy(), (1 - 4) / 70_000, rtol=5e-3)

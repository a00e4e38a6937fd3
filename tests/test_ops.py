"""Every op against NumPy and against differences of itself, from the table in cases.py.

Idea: one test per promise, over all rows: values, gradients of order 1 and 2, layouts, sizes,
dtypes, edges, nothing mutated. All inputs are read-only arrays, so that an op which writes into
them fails wherever it is called. Read next: cases.py, test_properties.py (random shapes and graphs).
"""

import inspect
from itertools import combinations
from types import ModuleType

import numpy as np
import pytest
from cases import CASES, CREATION, RANDOM
from cases_row import frozen

import minigen
from minigen import ops
from minigen.autograd import grad
from minigen.gradcheck import assert_gradients, upstream_like
from minigen.op import Fused
from minigen.tensor import Tensor

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # log(0), 1/0: NumPy tells, once

PAIRS = [(case, run) for case in CASES for run in case.runs]
DIFFERENTIABLE = [(case, run) for case, run in PAIRS if case.differentiable]
SMALL = [(case, case.runs[0]) for case in CASES]
KINKS = [(case, kink) for case in CASES for kink in case.kinks]


def rows(pairs):
    """Parametrise a test by rows and runs, named after them."""
    names = [f"{case.name}[{run}]" if hasattr(run, "shapes") else case.name for case, run in pairs]
    return pytest.mark.parametrize(("case", "run"), pairs, ids=names)


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
    if wanted is not None:
        for i, x in enumerate(xs):
            x.requires_grad = i in wanted
    ys = [y for y in outputs(case, options, xs) if y.requires_grad]
    return [np.asarray(g) for g in gradients(ys, xs, [Tensor(v) for v in upstream])]


def gradients(ys, xs, vs, create_graph=False):
    """Gradients of Σ <v, y> in the tensors that require grad; zeros where there is none."""
    xs = [x for x in xs if x.requires_grad]
    found = grad(ys, xs, vs, create_graph=create_graph, allow_unused=True) if ys else [None] * len(xs)
    return [ops.zeros_like(x) if g is None else g for g, x in zip(found, xs, strict=True)]


def upstream_of(case, run, arrays, seed=0):
    return tuple(map(frozen, upstream_like(value(case, run.options, arrays), seed)))


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
    public = {
        name
        for name in ops.__all__
        if callable(getattr(ops, name)) and not isinstance(getattr(ops, name), ModuleType)
    }
    assert public == {row.name for row in [*CASES, *CREATION, *RANDOM]}


def test_a_row_calls_its_op():
    """Each row's first run calls the public function of the row's name."""
    for case, run in SMALL:
        called = []
        before = getattr(ops, case.name)
        code = {inspect.unwrap(before).__code__}

        def watch(frame, event, _, code=code, called=called):
            called.append(frame.f_code in code)

        import sys

        sys.setprofile(watch)
        try:
            outputs(case, run.options, [Tensor(x) for x in case.arrays(run)])
        finally:
            sys.setprofile(None)
        assert any(called), case.name


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
        close(a, b)
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


# ---- memory


def transposed(x):
    """The dimensions last to first in memory."""
    return np.asfortranarray(x)


def strided(x):
    """Every second element of a larger array, in each dimension."""
    big = np.full([2 * n for n in x.shape], 7, x.dtype)
    view = big[(slice(None, None, 2),) * x.ndim]
    view[...] = x
    return view


def reversed_(x):
    """Running backwards through memory."""
    turn = (slice(None, None, -1),) * x.ndim
    return x[turn].copy()[turn]


def channels_last(x):
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1) if x.ndim > 2 else x


LAYOUTS = [transposed, strided, reversed_, channels_last]


@rows(PAIRS)
def test_layout_in_memory_makes_no_difference(case, run):
    arrays = case.arrays(run)
    expected = value(case, run.options, arrays)
    vs = upstream_of(case, run, arrays) if case.differentiable else None
    gs = pull(case, run.options, arrays, vs) if case.differentiable else ()
    for layout in LAYOUTS:
        other = [frozen(layout(x)) for x in arrays]
        for a, b in zip(value(case, run.options, other), expected, strict=True):
            close(a, b)
        if case.differentiable:
            bent = [frozen(layout(v)) for v in vs]
            for a, b in zip(pull(case, run.options, other, bent), gs, strict=True):
                close(a, b)


@rows(SMALL)
def test_upstream_gradient_may_be_a_broadcast_number(case, run):
    """What comes from sum(): one number in memory for all elements."""
    if not case.differentiable:
        return
    arrays = case.arrays(run)
    ys = value(case, run.options, arrays)
    expected = pull(case, run.options, arrays, [np.full(y.shape, 1.5) for y in ys])
    actual = pull(case, run.options, arrays, [np.broadcast_to(1.5, y.shape) for y in ys])
    for a, b in zip(actual, expected, strict=True):
        close(a, b)


@rows(PAIRS)
def test_nothing_is_mutated(case, run):
    """Inputs, outputs and upstream keep their bytes; a second backward finds what the first did."""
    arrays = [x.copy() for x in case.arrays(run)]
    xs = leaves(arrays)
    ys = outputs(case, run.options, xs)
    vs = [np.random.default_rng(5).standard_normal(y.shape) for y in ys if y.requires_grad]
    tensors = [Tensor(v) for v in vs]
    mine = [*arrays, *vs, *[y._data for y in ys]]
    before = [x.tobytes() for x in mine]
    recorded = [y for y in ys if y.requires_grad]
    if recorded:
        wanted = [x for x in xs if x.requires_grad]
        how = dict(retain_graph=True, allow_unused=True)
        once = grad(recorded, wanted, tensors, **how)
        first = [g if g is None else g.numpy().copy() for g in once]
        twice = grad(recorded, wanted, tensors, **how)
        gradients(recorded, xs, tensors, create_graph=True)
        for a, b, c in zip(first, once, twice, strict=True):
            assert (a is None) == (c is None)
            if a is not None:
                np.testing.assert_array_equal(a, b.numpy())
                np.testing.assert_array_equal(a, c.numpy())
    assert [x.tobytes() for x in mine] == before


# ---- dtypes, by the table in tensor.py


def gives(case, dtypes):
    """The dtype that the table promises for inputs of these dtypes."""
    if case.gives in ("bool", "int"):
        return {"bool": "bool", "int": "int64"}[case.gives]
    floats = [d for d in dtypes if "float" in d]
    if floats:
        return np.result_type(*floats).name
    return "float32" if case.gives == "float" else "int64"


UNARY = [c for c in CASES if c.inputs == 1 and (c.elementwise or c.runs[0].options == {})]
BINARY = [c for c in CASES if c.inputs == 2 and c.elementwise and c.name not in ("where",)]


@pytest.mark.parametrize("case", UNARY, ids=lambda case: case.name)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64"])
def test_dtype_of_functions_of_one_tensor(case, dtype):
    run = case.runs[0]
    x = Tensor(np.ones(run.shapes[0], dtype))
    for y in outputs(case, run.options, [x]):
        print(case.name, case.gives, y.dtype)

"""The launch call: what it refuses, in which words, and what it makes of arrays that it takes.

Idea: a raw kernel would take anything and compute wrong bits of it, so every mistake must be an
error that says what, which dtypes or shapes, and the rule.
Read next: ../minigen/backend/kernels.py, test_kernels.py (what kernels compute).
"""


import fake_cupy
import numpy as np
import pytest
from needs import needs

import minigen as mg
from minigen.backend import cupy, emulator, kernels
from minigen.backend.kernels import launch

runs = needs(emulator)

ROWS = {"log": False, "team": "a_warp"}
NORM = {"eps": 0.1, "centre": 1, "held": 0, "wide": False}


def zeros(*shape, dtype="float32"):
    return np.zeros(shape, dtype)


def softmax(x, **changes):
    return launch("softmax_forward", x, **ROWS | changes)


def norm(x, weight=None, **changes):
    return launch("layer_norm_forward", x, weight, None, **NORM | changes)


MISTAKES = [
    # arrays
    (lambda: launch("softmax_backward", zeros(2, 3, 1), **ROWS), TypeError,
     "softmax_backward: takes the arrays g, y; got 1 of them"),
    (lambda: launch("softmax_forward", zeros(2, 3, 1), zeros(2, 3, 1), **ROWS), TypeError,
     "softmax_forward: takes the arrays x; got 2 of them"),
    (lambda: softmax(None), TypeError,
     "softmax_forward: x is missing; only optional arrays may be None"),
    # dtypes
    (lambda: softmax(zeros(2, 3, 1, dtype="int32")), TypeError,
     "softmax_forward: exists for float32, float64, float16, bfloat16, not for int32"),
    (lambda: launch("column_sum", zeros(2, 3, dtype="float16")), TypeError,
     "column_sum: exists for float32, float64, not for float16"),
    (lambda: launch("softmax_backward", zeros(2, 3, 1), zeros(2, 3, 1, dtype="float64"), **ROWS),
     TypeError, "softmax_backward: y is float64, expected float32; cast it first"),
    (lambda: norm(zeros(2, 3, dtype="float16"), zeros(3, dtype="float16")), TypeError,
     "layer_norm_forward: weight is float16, expected float32; cast it first"),
    (lambda: launch("philox_take", zeros(2, dtype="int64")), TypeError,
     "philox_take: state is int64, expected uint64; cast it first"),
    # shapes
    (lambda: softmax(zeros(2, 3)), ValueError,
     "softmax_forward: x (2, 3) must have the shape (outer columns inner)"),
    (lambda: launch("softmax_backward", zeros(2, 3, 1), zeros(2, 4, 1), **ROWS), ValueError,
     "softmax_backward: y (2, 4, 1) must have the shape (outer columns inner) with outer=2, "
     "columns=3, inner=1"),
    (lambda: norm(zeros(2, 3), zeros(2)), ValueError,
     "layer_norm_forward: weight (2,) must have the shape (columns) with columns=3"),
    (lambda: softmax(zeros(2, 3, 1), columns=4), ValueError,
     "softmax_forward: x (2, 3, 1) must have the shape (outer columns inner) with outer=2, "
     "columns=4, inner=1"),
    (lambda: launch("philox_take", zeros(3, dtype="uint64")), ValueError,
     "philox_take: state (3,) must have the shape (2)"),
    # numbers and variants
    (lambda: softmax(zeros(2, 3, 1), axis=1), TypeError, "softmax_forward: takes no axis"),
    (lambda: softmax(zeros(2, 3, 1), y=1), TypeError, "softmax_forward: takes no y"),
    (lambda: launch("layer_norm_forward", zeros(2, 3), None, None, centre=1, held=0, wide=False),
     TypeError, "layer_norm_forward: eps is missing"),
    (lambda: norm(zeros(2, 3), centre=2**31), ValueError,
     "layer_norm_forward: centre=2147483648 does not fit into int32"),
    (lambda: norm(zeros(2, 3), centre=0.5), ValueError,
     "layer_norm_forward: centre=0.5 is not a number of type int32"),
    (lambda: launch("philox_randint", zeros(2, dtype="uint64"), count=1, low=0, width=-1),
     ValueError, "philox_randint: width=-1 does not fit into uint64"),
    (lambda: softmax(zeros(2, 3, 1), team="a_crowd"), ValueError,
     "softmax_forward: team='a_crowd' must be one of a_warp, a_block, a_thread"),
    (lambda: launch("softmax_forward", zeros(2, 3, 1), log=True), ValueError,
     "softmax_forward: team=None must be one of a_warp, a_block, a_thread"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "message"), MISTAKES)
def test_a_mistake_is_said_in_one_line(call, kind, message):
    with pytest.raises(kind) as caught:
        call()
    assert str(caught.value) == message


@runs
def test_what_is_changed_in_place_must_lie_in_c_order():
    state = np.zeros(4, "uint64")[::2]
    with pytest.raises(ValueError, match="philox_take: state is changed in place, but its memory"):
        launch("philox_take", state)


def test_arrays_of_the_cpu_and_of_a_gpu_do_not_mix(monkeypatch):
    fake_cupy.install(monkeypatch)
    cupy.module.cache_clear()
    there = mg.zeros(2, 3, 1).to("gpu").data
    with pytest.raises(TypeError, match="softmax_backward: its arrays are partly on the CPU, part"):
        launch("softmax_backward", zeros(2, 3, 1), there, **ROWS)
    cupy.module.cache_clear()


def test_emulating_where_that_cannot_be_says_why(monkeypatch):
    monkeypatch.setattr(emulator, "unavailable", lambda: "no g++: install it")
    for call in (lambda: softmax(zeros(2, 3, 1)), lambda: mg.emulated_kernels().__enter__()):
        with pytest.raises(RuntimeError, match="emulated kernels: no g\\+\\+: install it"):
            call()


@runs
def test_inputs_in_any_order_of_memory_give_new_outputs_in_c_order():
    x = np.random.default_rng(0).standard_normal((1, 5, 3)).astype("float32").transpose(2, 1, 0)
    before = x.copy()
    y, again = softmax(x), softmax(np.ascontiguousarray(x))
    assert not x.flags.c_contiguous and y.flags.c_contiguous and y.shape == x.shape
    assert not np.shares_memory(y, again)
    np.testing.assert_array_equal(y, again)
    np.testing.assert_array_equal(x, before)


@runs
def test_numbers_have_exactly_the_type_of_the_parameter(monkeypatch):
    """CuPy and the emulator pass the bytes of what they are given: a float32 is four of them."""
    seen = []
    monkeypatch.setattr(kernels, "_emulated", lambda plan, values, also: seen.append(values))
    for dtype, kind in (("float32", np.float32), ("float64", np.float64), ("float16", np.float32)):
        norm(zeros(2, 3, dtype=dtype))
        assert [type(v) for v in seen.pop()[7:]] == [np.int32, np.int32, kind, np.int32, np.int32]


@runs
def test_nothing_to_do_is_no_launch(monkeypatch):
    monkeypatch.setattr(kernels, "_emulated", None)
    assert softmax(zeros(0, 3, 1)).shape == (0, 3, 1)
    y, mean, *_ = norm(zeros(0, 3))
    assert y.shape == (0, 3) and mean.shape == (0,)


@runs
def test_the_type_is_told_where_no_array_has_it():
    draw, numbers = np.zeros(2, "uint64"), {"count": 5, "mean": 0.0, "std": 1.0}
    assert launch("philox_normal", draw, T="float16", **numbers).dtype == "float16"
    with pytest.raises(TypeError, match=r"philox_normal: exists for .*, not for None"):
        launch("philox_normal", draw, **numbers)

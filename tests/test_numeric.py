"""What the numeric gradient check catches, and what it must not call wrong.

Right gradients pass and wrong ones fail over scales, offsets, dtypes, kinks and edges of domains;
where f is too noisy the answer is "undecided". The oracles are derivatives written by hand, in
numeric_functions.py.
"""

import time

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numeric_functions import (
    CASES,
    LAYERS,
    MUTANTS,
    TANH,
    batch_norm,
    batch_norm_backward,
    composition,
    max_backward,
    rng,
    softmax,
    softmax_backward,
    two_layers,
    two_layers_backward,
    verdicts,
)

from minigen.gradcheck import (
    UndecidedGradient,
    assert_gradients,
    check,
    derivative,
    upstream_like,
)


@pytest.mark.parametrize("name", CASES)
def test_right_gradients_pass(name):
    function, backward, draw = CASES[name]
    for seed in range(4):
        inputs = draw(rng(seed))
        assert set(verdicts(function, inputs, backward, seed)) == {"pass"}


@pytest.mark.parametrize("mutant", MUTANTS)
@pytest.mark.parametrize("name", CASES)
def test_wrong_gradients_fail(name, mutant):
    function, backward, draw = CASES[name]
    inputs = draw(rng())
    upstream = upstream_like(function(*inputs))
    for k, g in enumerate(backward(*inputs, upstream)):
        if g.any():
            (result,) = check(function, inputs, [MUTANTS[mutant](g)], upstream, wrt=[k])
            assert result.verdict == "fail", result


def test_other_wrong_gradients_fail():
    x, w = rng().normal(size=(4, 4)), rng(1).normal(size=(4, 4))
    assert verdicts(np.matmul, [x, w], lambda x, w, v: (v @ w, x.T @ v)) == ["fail", "pass"]
    # the variance's own gradient is forgotten
    inputs = [rng().normal(size=(8, 3)), np.ones(3), np.zeros(3)]
    for term, expected in ((1.0, "pass"), (0.0, "fail"), (1 + 1e-6, "fail")):
        found = verdicts(batch_norm, inputs, lambda *a, t=term: batch_norm_backward(*a, t))
        assert found == [expected, "pass", "pass"]
    # the upstream gradient is ignored
    assert verdicts(np.sin, [x], lambda x, v: (np.cos(x),)) == ["fail"]
    # not a number, infinite
    assert verdicts(np.sin, [x], lambda x, v: (v * np.cos(x) * np.nan,)) == ["fail"]
    assert verdicts(np.sin, [x], lambda x, v: (v * np.inf,)) == ["fail"]


# Noise ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e5, 1e8])
def test_batch_norm_far_from_zero(offset):
    for seed in range(2):
        r = rng(seed)
        inputs = [offset + r.normal(size=(8, 3)), r.normal(size=3), r.normal(size=3)]
        assert verdicts(batch_norm, inputs, batch_norm_backward, seed) == ["pass"] * 3
        wrong = verdicts(batch_norm, inputs, lambda *a: batch_norm_backward(*a, 0.99), seed)
        assert wrong == ["fail", "pass", "pass"]


@pytest.mark.parametrize("name", ["tanh", "tanh with zeros", "matmul", "softmax", "0-d"])
def test_float32(name):
    function, backward, draw = CASES[name]
    for seed in range(4):
        inputs = [x.astype(np.float32) for x in draw(rng(seed))]
        assert function(*inputs).dtype == np.float32
        assert set(verdicts(function, inputs, backward, seed)) == {"pass"}
        found = verdicts(function, inputs, lambda *a: [1.02 * g for g in backward(*a)], seed)
        assert set(found) == {"fail"}


def test_float32_hidden_inside():
    def f(x):
        return np.tanh(x.astype(np.float32)).astype(np.float64)

    for seed in range(10):
        x = rng(seed).normal(size=(3, 4))
        assert verdicts(f, [x], TANH[1], seed) == ["pass"]
        assert verdicts(f, [x], lambda x, v: (1.05 * TANH[1](x, v)[0],), seed) == ["fail"]


def test_zero_against_rounding():
    """Gradients that vanish identically are rounding in the claim and noise in the difference."""
    x = rng().normal(size=(4, 6))

    def one(x):
        return softmax(x).sum(-1)

    def backward(x, v):
        return softmax_backward(x, np.broadcast_to(v[:, None], x.shape))

    assert verdicts(one, [x], backward) == ["pass"]
    assert verdicts(one, [x], lambda x, v: (0 * x,)) == ["pass"]
    assert verdicts(one, [x], lambda x, v: (0 * x + 1e-9,)) == ["fail"]
    for constant in (np.zeros(3), np.ones(3), np.full(3, 1e8)):
        for wrong, expected in ((0.0, "pass"), (1e-3, "fail")):
            found = verdicts(lambda x, c=constant: c, [x], lambda x, v, w=wrong: (0 * x + w,))
            assert found == [expected]


@pytest.mark.parametrize("level", [1e-12, 1e-9, 1e-6, 1e-3])
def test_jitter_is_never_a_failure(level):
    r = rng()

    def f(x):
        return np.tanh(x) + level * r.normal(size=x.shape)

    for seed in range(20):
        (found,) = verdicts(f, [rng(seed).normal(size=(3, 4))], TANH[1], seed)
        assert found == "pass" if level < 1e-7 else found in ("pass", "undecided")


def test_noise_of_the_gradient_widens_the_tolerance():
    x, r = rng().normal(size=(3, 4)), rng(1)
    upstream = upstream_like(x)

    def noisy(x, v):
        return (v * (1 - np.tanh(x) ** 2) * (1 + 1e-7 * r.normal(size=x.shape)),)

    claim = noisy(x, upstream)
    assert check(np.tanh, [x], claim, upstream)[0].verdict == "fail"
    assert check(np.tanh, [x], claim, upstream, gradient=noisy)[0].verdict == "pass"
    wrong = [1.01 * g for g in claim]
    assert check(np.tanh, [x], wrong, upstream, gradient=noisy)[0].verdict == "fail"


def test_undecided_is_said():
    x, r = rng().normal(size=(3, 4)), rng(1)
    upstream = upstream_like(x)

    def f(x):
        return np.tanh(x) + 0.1 * r.normal(size=x.shape)

    claim = TANH[1](x, upstream)
    assert check(f, [x], claim, upstream)[0].verdict == "undecided"
    with pytest.raises(UndecidedGradient, match=r"(?s)undecided: .*argument 0 \(3, 4\): UNDECIDED"):
        assert_gradients(f, [x], claim, upstream)


# Kinks, jumps, edges ----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    ("function", "low", "high"),
    [
        (lambda x: np.maximum(x, 0), 0.0, 1.0),
        (np.abs, -1.0, 1.0),
        (lambda x: np.where(x > 0, x, 0.01 * x), 0.01, 1.0),
        (lambda x: np.clip(x, 0, 1), 0.0, 1.0),
        (lambda x: np.exp(np.abs(x)), -1.0, 1.0),
    ],
    ids=["relu", "abs", "leaky relu", "clamp", "exp(abs)"],
)
def test_every_value_between_the_slopes_of_a_kink_passes(function, low, high, dtype):
    x = np.array([0.0, 0.5, -0.5, 0.0], dtype)
    upstream = np.array([1.0, 1.0, 1.0, -2.0], dtype)
    beside = dtype(2.0**-10)
    smooth = (function(x + beside) - function(x - beside)) / (2 * beside)   # linear beside 0
    if function(dtype(0.0)):                                                # but for exp(abs)
        smooth = np.sign(x) * np.exp(np.abs(x))
    for share in np.linspace(0, 1, 5):
        at_kink = low + share * (high - low)
        claim = np.where(x == 0, at_kink, smooth) * upstream
        (result,) = check(function, [x], [claim], upstream)
        assert result.verdict == "pass", result
        assert result.kinks == [(0,), (3,)]
    margin = 0.02 if dtype == np.float64 else 0.2
    for outside in (low - margin, high + margin):
        claim = np.where(x == 0, outside, smooth) * upstream
        assert check(function, [x], [claim], upstream)[0].verdict == "fail"


def test_ties_of_max():
    def largest(x):
        return x.max(1)

    def first(x, v):
        return (np.eye(6)[x.argmax(1)] * v[:, None],)

    def too_much(x, v):
        return (v[:, None] * (x == x.max(1, keepdims=True)) * 1.5,)

    for seed in range(5):
        x = rng(seed).integers(0, 3, (5, 6)).astype(float)
        assert verdicts(largest, [x], max_backward, seed) == ["pass"]
        assert verdicts(largest, [x], first, seed) == ["pass"]
        assert verdicts(largest, [x], too_much, seed) == ["fail"]


@pytest.mark.parametrize("distance", [1e-1, 1e-3, 1e-5, 1e-7])
def test_a_kink_beside_x_is_no_kink(distance):
    x = np.array([1 - distance, 1 + distance])

    def verdict(claim):
        return check(lambda x: np.minimum(x, 1), [x], [np.array(claim)], np.ones(2))[0].verdict

    assert verdict([1.0, 0.0]) == "pass"
    for wrong in ([0.5, 0.0], [1.0, 0.5], [0.0, 1.0], [1.0, 1e-5]):
        assert verdict(wrong) == "fail"


def test_hidden_kinks():
    for seed in range(5):
        r = rng(seed)
        inputs = [r.normal(size=s) for s in ((4, 5), (5, 16), (16, 3))]
        assert verdicts(two_layers, inputs, two_layers_backward, seed) == ["pass"] * 3


def test_jumps_are_reported():
    ones = np.ones(3)
    for f in (np.sign, lambda x: (x >= 0) * 1.0, lambda x: np.sqrt(np.abs(x)) * np.sign(x)):
        (result,) = check(f, [np.zeros(3)], [np.zeros(3)], ones)
        assert result.verdict == "undecided"
        assert "f jumps" in str(result)
    # beside the jump there is a derivative
    for x in (1e-3, 0.3, 2.001):
        x = np.array([x, -x, x + 1])
        assert check(np.sign, [x], [0 * x], ones)[0].verdict == "pass"
        assert check(np.floor, [x], [0 * x], ones)[0].verdict == "pass"
        assert check(np.floor, [x], [0 * x + 1], ones)[0].verdict == "fail"


def test_a_vertical_edge_is_undecided():
    for claim in (0.0, 1.0, np.inf):
        (result,) = check(np.sqrt, [np.zeros(1)], [np.array([claim])], np.ones(1))
        assert result.verdict == "undecided"


# Shapes, sizes, mistakes ------------------------------------------------------------------------


def test_empty_inputs_and_outputs():
    assert verdicts(np.sin, [np.zeros((0, 3))], lambda x, v: (v,)) == ["pass"]
    assert verdicts(lambda x: x[:0], [np.ones(3)], lambda x, v: (0 * x,)) == ["pass"]
    assert verdicts(lambda x: x[:0], [np.ones(3)], lambda x, v: (x,)) == ["fail"]


def test_integers_are_not_differentiated():
    def take(x, index):
        return x[index]

    def backward(x, index, v):
        g = np.zeros_like(x)
        np.add.at(g, index, v)
        return (g,)

    inputs = [rng().normal(size=(5, 2)), np.array([0, 3, 3, 1])]
    assert verdicts(take, inputs, backward) == ["pass"]
    upstream = upstream_like(take(*inputs))
    with pytest.raises(ValueError, match=r"argument 1, int64 \(4,\), has no gradient"):
        check(take, inputs, [np.zeros(4)], upstream, wrt=[1])


def test_outputs_with_upstream_zero_have_no_say():
    x = np.array([0.0, 1.0])
    upstream = np.zeros(2), np.ones(2)
    results = check(lambda x: (np.sign(x), x * x), [x], [2 * x], upstream)
    assert results[0].verdict == "pass"


@pytest.mark.parametrize(
    ("gradients", "upstream", "message"),
    [
        ([np.ones(3)], np.ones((3, 1)), r"argument 0 has shape \(3, 1\), its gradient \(3,\)"),
        ([np.ones((3, 1))] * 2, np.ones((3, 1)), r"2 gradients claimed for 1 arguments: \[0\]"),
        ([np.ones((3, 1))], np.ones(3), r"upstream has shapes \[\(3,\)\], the outputs .*\(3, 1\)"),
    ],
)
def test_mistakes_of_the_caller(gradients, upstream, message):
    with pytest.raises(ValueError, match=message):
        check(np.sin, [np.ones((3, 1))], gradients, upstream)


def test_f_has_to_be_finite_and_floating():
    with pytest.raises(ValueError, match=r"output 0 of f, \(1,\), is not finite at the inputs"):
        check(lambda x: x / 0 * np.inf, [np.ones(1)], [np.ones(1)], np.ones(1))
    with pytest.raises(ValueError, match=r"output 1 of f, int64 \(2,\), is not floating"):
        check(lambda x: (x, np.argsort(x)), [np.ones(2)], [np.ones(2)], (np.ones(2),) * 2)


def test_the_message_is_a_table():
    x = rng().normal(size=(2, 3))
    upstream = upstream_like(x)
    claim = upstream * np.cos(x)
    assert_gradients(np.sin, [x], [claim], upstream)
    claim[1, 2] *= -1
    with pytest.raises(AssertionError) as error:
        assert_gradients(np.sin, [x], [claim], upstream)
    text = str(error.value)
    assert "argument 0 (2, 3): FAIL; 6 of 6 entries checked one by one" in text
    worst = next(line for line in text.splitlines() if line.endswith("fail"))
    assert "[1, 2]" in worst and f"{claim[1, 2]:.9e}" in worst and "±" in worst
    claim = upstream * np.cos(x) * (1 + 1e-8)
    assert "slightly wrong" in str(check(np.sin, [x], [claim], upstream)[0])


def test_upstream_has_a_stream_of_its_own():
    y = np.zeros((50, 4)), np.float32(0.0)
    v = upstream_like(y, seed=3)
    assert v[0].shape == (50, 4) and v[1].shape == () and v[1].dtype == np.float32
    assert np.array_equal(v[0], upstream_like(y, seed=3)[0])
    assert not np.array_equal(v[0], upstream_like(y, seed=4)[0])
    assert abs(np.corrcoef(v[0].ravel(), np.random.default_rng(3).normal(size=200))[0, 1]) < 0.3


def test_derivative_along_a_direction():
    x, u = rng().normal(size=(3, 4)), rng(1).normal(size=(3, 4))
    for scale in (1e-8, 1.0, 1e8):
        v = upstream_like(x)
        slope = derivative(lambda x: np.tanh(x / scale), scale * x, u, v)   # noqa: B023
        exact = (v * (1 - np.tanh(x) ** 2) * u / scale).sum()
        assert abs(slope.value - exact) <= slope.tolerance <= 1e-7 * abs(exact)
    assert derivative(np.tanh, x, 0 * x, v).value == 0
    with pytest.raises(ValueError, match=r"direction \(4,\) must have x's shape \(3, 4\)"):
        derivative(np.tanh, x, np.ones(4), v)


# Many entries -----------------------------------------------------------------------------------


def test_many_entries_are_checked_along_directions():
    x = rng().normal(size=(50, 100))
    upstream = upstream_like(x)
    claim = TANH[1](x, upstream)[0]
    (result,) = check(np.tanh, [x], [claim], upstream)
    assert result.verdict == "pass" and result.checked == 50 and result.skipped == 0
    # one wrong entry of 5000 is found, and named
    wrong = claim.copy()
    wrong[17, 3] *= 1.001
    (result,) = check(np.tanh, [x], [wrong], upstream)
    assert result.verdict == "fail"
    assert result.worst[0].index == (17, 3)
    assert check(np.tanh, [x], [(1 + 1e-6) * claim], upstream)[0].verdict == "fail"


def test_a_check_is_cheap():
    """30 entries of a smooth function: 6 calls an entry and a few for the noise."""
    calls = 0

    def f(x):
        nonlocal calls
        calls += 1
        return np.tanh(x)

    x = rng().normal(size=(5, 6))
    upstream = upstream_like(x)
    claim = TANH[1](x, upstream)
    check(f, [x], claim, upstream)
    assert calls <= 30 * 6 + 40


# Random compositions ----------------------------------------------------------------------------

@settings(max_examples=60, deadline=None)
@given(
    names=st.lists(st.sampled_from(sorted(LAYERS)), min_size=1, max_size=5),
    exponent=st.integers(-8, 8),
    seed=st.integers(0, 2**32 - 1),
    zeros=st.booleans(),
)
def test_random_compositions(names, exponent, seed, zeros):
    r = rng(seed)
    x = 10.0**exponent * r.normal(size=(3, 4))
    if zeros:
        x[r.random(x.shape) < 0.3] = 0
    f, backward = composition(names, 10.0**exponent, r.normal(size=(4, 4)))
    upstream = upstream_like(f(x), seed)
    (claim,) = backward(x, upstream)
    (right,) = check(f, [x], [claim], upstream, seed=seed, gradient=backward)
    assert right.verdict == "pass", right
    # a saturated softmax can have a gradient of 1e-49, which rounding hides
    assume(np.abs(claim).max() * 10.0**exponent > 1e-4)
    (wrong,) = check(f, [x], [claim * (1 + 1e-5)], upstream, seed=seed)
    assert wrong.verdict == "fail", wrong


@pytest.mark.parametrize("calls", range(10, 60, 10))
def test_what_time_was_too_short_for_is_not_right(calls, monkeypatch):
    clock = [0.0]

    def f(x):
        clock[0] += 1.0
        return np.sin(x)

    monkeypatch.setattr(time, "monotonic", lambda: clock[0])        # time is counted in calls
    x = np.random.default_rng(0).normal(size=(40, 50))
    upstream = np.random.default_rng(1).normal(size=x.shape)
    wrong = upstream * np.cos(x)
    wrong[13, :10] *= 1.5
    (result,) = check(f, [x], [wrong], upstream, deadline=calls, entries=8)
    assert result.verdict != "pass"


def test_thousands_of_wrong_entries_among_a_million_are_found():
    x = np.random.default_rng(0).normal(size=(1000, 1000))
    upstream = np.random.default_rng(1).normal(size=x.shape)
    wrong = upstream * 2 * x
    wrong[300:420, 200:800] *= 0.9
    (result,) = check(lambda x: x * x, [x], [wrong], upstream)
    assert result.verdict == "fail" and result.wrong >= 1
    assert all(300 <= e.index[0] < 420 for e in result.worst if e.verdict == "fail")

"""How far the numeric gradient check reaches: many entries, little time, other processes, float32.

A million entries are only more of what is tried here on some thousands: what is counted is calls,
never seconds. The oracles are derivatives written by hand, in numeric_functions.py.
"""

import time

import numpy as np
import pytest
from numeric_functions import (
    RELU,
    TANH,
    batch_norm,
    batch_norm_backward,
    elementwise,
    rng,
    softmax,
    softmax_backward,
    two_layers,
    two_layers_backward,
)

from minigen.gradcheck import check, upstream_like
from minigen.gradcheck import point as point_module
from minigen.gradcheck.beside import nudged


class Counted:
    """f with its calls counted."""

    def __init__(self, f):
        self.f, self.calls = f, 0

    def __call__(self, *arrays):
        self.calls += 1
        return self.f(*arrays)


class Distant(Counted):
    """f as if in another process: many moves in one request."""

    def __init__(self, f):
        super().__init__(f)
        self.requests = []

    def moves(self, arrays, k, moves):
        self.requests.append(len(moves))
        answers = []
        for index, value in moves:
            if k is None:
                answers.append(self.f(*value))
                continue
            x = arrays[k].copy()
            if index is None:
                x[...] = value
            else:
                x.flat[index] = value
            answers.append(self.f(*arrays[:k], x, *arrays[k + 1 :]))
        return answers


def checked(function, x, claim, upstream=None, **options):
    """The result for one argument."""
    upstream = upstream_like(function(x)) if upstream is None else upstream
    return check(function, [x], [claim], upstream, **options)[0]


# Many entries -----------------------------------------------------------------------------------


@pytest.mark.parametrize("places", [[12345], [0, 19999], [7, 8, 9]])
def test_wrong_entries_among_many_are_found_in_few_calls(places):
    x = rng().normal(size=20_000)
    upstream = upstream_like(x)
    claim = TANH[1](x, upstream)[0]
    for factor in (-1, 1.001):
        wrong = claim.copy()
        wrong[places] *= factor
        f = Counted(np.tanh)
        result = checked(f, x, wrong, upstream)
        assert result.verdict == "fail"
        assert {e.index for e in result.worst if e.verdict == "fail"} == {(i,) for i in places}
        assert f.calls < 1300


def test_a_wrong_gradient_costs_little_more_than_a_right_one():
    """Three entries are proved wrong with every ladder; for the others a few steps will do."""
    x = rng().normal(size=(8, 10))
    upstream = upstream_like(x)
    claim = TANH[1](x, upstream)[0]
    f = Counted(np.tanh)
    result = checked(f, x, 2 * claim, upstream)
    assert result.verdict == "fail" and result.wrong == result.checked == 80
    assert f.calls < 80 * 6 + 500
    assert all(e.slope.error < 1e-9 and np.isclose(e.claimed / e.slope.value, 2)
               for e in result.worst)
    # entries that are right are not called wrong because others are
    wrong = np.where(x > 0.5, 2 * claim, claim)
    result = checked(np.tanh, x, wrong, upstream)
    assert result.wrong == (x > 0.5).sum()


def test_kinks_among_wrong_entries_are_not_called_wrong():
    x = rng().normal(size=60)
    x[::3] = 0
    upstream = upstream_like(x)
    claim = np.where(x == 0, 0.25 * upstream, 2 * RELU[1](x, upstream)[0])
    result = checked(RELU[0], x, claim, upstream)
    assert result.verdict == "fail" and result.wrong == (x > 0).sum()


def test_a_claim_that_is_no_number_is_found_among_many():
    x = rng().normal(size=(100, 50))
    upstream = upstream_like(x)
    claim = TANH[1](x, upstream)[0]
    claim[3, 7] = np.nan
    result = checked(np.tanh, x, claim, upstream)
    assert result.verdict == "fail" and result.worst[0].index == (3, 7)


def test_many_entries_wrong_together():
    x = rng().normal(size=20_000)
    upstream = upstream_like(x)
    claim = TANH[1](x, upstream)[0]
    wrong = np.where(x > 1.5, 0, claim)
    assert checked(np.tanh, x, wrong, upstream).verdict == "fail"
    assert checked(np.tanh, x, np.roll(claim, 1), upstream).verdict == "fail"


def test_many_smooth_entries_and_many_kinks():
    """Half of the entries are 0, where relu has a kink: the others are checked along directions."""
    x = np.maximum(rng().normal(size=20_000), 0)
    upstream = upstream_like(x)
    claim = RELU[1](x, upstream)[0]
    f = Counted(RELU[0])
    result = checked(f, x, claim, upstream)
    assert result.verdict == "pass" and result.sampled and result.skipped > 9_000
    assert result.left == 0 and len(result.kinks) + result.skipped >= (x == 0).sum() - 1
    assert f.calls < 2500
    claim[x.argmax()] *= -1
    result = checked(RELU[0], x, claim, upstream)
    assert result.verdict == "fail" and result.worst[0].index == (x.argmax(),)


def test_hidden_kinks_along_directions():
    for seed in range(4):
        r = rng(seed)
        inputs = [r.normal(size=s) for s in ((30, 20), (20, 40), (40, 3))]
        upstream = upstream_like(two_layers(*inputs), seed)
        claims = two_layers_backward(*inputs, upstream)
        results = check(two_layers, inputs, claims, upstream, seed=seed, entries=20)
        assert [r.verdict for r in results] == ["pass"] * 3
        claims[1][3, 4] += 0.01
        results = check(two_layers, inputs, claims, upstream, seed=seed, entries=20)
        assert [r.verdict for r in results] == ["pass", "fail", "pass"]
        assert results[1].worst[0].index == (3, 4)


def test_one_entry_of_many_outputs():
    """With many outputs only those that an entry moves are looked at; the answer is the same."""
    x = rng().normal(size=3)

    def f(x):
        return np.concatenate([np.tanh(x), 1e9 + np.zeros(20_000), np.sin(x)])

    def backward(x, v):
        return v[:3] * (1 - np.tanh(x) ** 2) + v[-3:] * np.cos(x)

    upstream = upstream_like(f(x))
    claim = backward(x, upstream)
    assert checked(f, x, claim, upstream).verdict == "pass"
    assert checked(f, x, claim * (1 + 1e-8), upstream).slight
    assert checked(f, x, 0 * claim, upstream).verdict == "fail"


# Little time ------------------------------------------------------------------------------------


def test_what_there_is_no_time_for_is_said():
    x = rng().normal(size=300)
    upstream = upstream_like(x)
    claim = TANH[1](x, upstream)[0]
    result = checked(np.tanh, x, claim, upstream, entries=None, deadline=time.monotonic() - 1)
    assert result.verdict == "undecided" and result.left == 300
    assert "300 not looked at: time was up" in str(result)
    result = checked(np.tanh, x, claim, upstream, deadline=time.monotonic() + 600)
    assert result.verdict == "pass" and result.left == 0
    result = checked(np.tanh, x, 2 * claim, upstream, entries=None, deadline=time.monotonic() - 1)
    assert result.verdict == "fail"     # the one entry that was looked at is wrong


def test_arguments_share_the_time(monkeypatch):
    """A clock that ticks with every call of f: none of three arguments takes all the time."""
    ticks = iter(range(10**6))
    now = [0]

    def f(*arrays):
        now[0] = next(ticks)
        return sum(np.tanh(a) for a in arrays)

    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    inputs = [rng(k).normal(size=100) for k in range(3)]
    upstream = upstream_like(f(*inputs))
    claims = [TANH[1](x, upstream)[0] for x in inputs]
    results = check(f, inputs, claims, upstream, entries=None, deadline=900)
    assert all(r.verdict == "pass" and 5 < r.checked < 100 and r.sampled for r in results)
    assert now[0] < 1100


# Other processes --------------------------------------------------------------------------------


def test_moves_are_asked_for_together():
    x = rng().normal(size=(5, 6))
    upstream = upstream_like(x)
    claim = TANH[1](x, upstream)[0]
    far, near = Distant(np.tanh), Counted(np.tanh)
    one, other = (checked(f, x, claim, upstream, entries=20) for f in (far, near))
    assert str(one) == str(other)
    # noise; then 5 entries and 3 directions, a ladder of 6 steps each
    assert far.requests == [9] + [6] * 8 and far.calls + sum(far.requests) == near.calls
    assert checked(Distant(np.tanh), x, 2 * claim, upstream).verdict == "fail"


def test_requests_stay_small(monkeypatch):
    x = rng().normal(size=1000)
    upstream = upstream_like(x)
    monkeypatch.setattr(point_module, "BATCH", 3 * 8 * 2001)
    far = Distant(np.tanh)
    assert checked(far, x, TANH[1](x, upstream)[0], upstream).verdict == "pass"
    assert max(far.requests) == 3


# Edges of domains -------------------------------------------------------------------------------


def test_outputs_that_change_their_shape_end_a_domain():
    x = np.array([1.0, 1e-4, -2.0, -1e-4])

    def positive(x):
        return np.log(x[x > 0])

    upstream = upstream_like(positive(x))
    claim = np.zeros(4)
    claim[:2] = upstream / x[:2]
    assert checked(positive, x, claim, upstream).verdict == "pass"
    assert checked(positive, x, 1.01 * claim, upstream).verdict == "fail"


def test_a_function_of_one_place_only_is_undecided():
    x = rng().normal(size=3)
    for nowhere in (np.nan, np.inf):
        f = lambda y, n=nowhere: np.where((x == y).all(), y, n)     # noqa: E731
        for claim in (x, 0 * x, 1e9 * x):
            assert checked(f, x, claim, np.ones(3)).verdict == "undecided"


def test_no_outputs_at_all():
    x = rng().normal(size=3)
    assert check(lambda x: (), [x], [0 * x], ())[0].verdict == "pass"
    assert check(lambda x: (), [x], [x], ())[0].verdict == "fail"


# The complex step -------------------------------------------------------------------------------


def test_the_complex_step_knows_more_than_noise():
    x = rng().normal(size=6)
    upstream = upstream_like(x)

    def f(x):
        return np.tanh(x) + 1e13

    claim = TANH[1](x, upstream)[0]
    result = checked(f, x, claim, upstream)
    assert result.verdict == "pass"
    assert checked(f, x, 3 * claim, upstream).verdict == "fail"
    # the same function for real numbers only: it refuses complex ones
    assert checked(lambda x: f(np.fmod(x, 100)), x, claim, upstream).verdict != "fail"


@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
@pytest.mark.parametrize("offset", [1e11, 1e12, 1e13, 1e14])
@pytest.mark.parametrize(
    ("function", "slope"),
    [
        (lambda x: x * np.abs(x), lambda x: 2 * np.abs(x)),
        (lambda x: x * np.maximum(x.real, 0), lambda x: 2 * np.maximum(x, 0)),
        (lambda x: x + np.real(x), lambda x: 2 + 0 * x),
        (lambda x: x * np.conj(x), lambda x: 2 * x),
    ],
    ids=["x abs(x)", "x max(x.real, 0)", "x + real(x)", "x conj(x)"],
)
def test_the_complex_step_is_never_the_only_witness(function, slope, offset):
    """Complex numbers go through, the imaginary part is wrong, and differences see only noise."""
    f, backward = elementwise(lambda x: function(x) + offset, slope)
    for seed in range(5):
        x = rng(seed).normal(size=6)
        upstream = upstream_like(x, seed)
        assert checked(f, x, backward(x, upstream)[0], upstream, seed=seed).verdict != "fail"


# Kinks, composed --------------------------------------------------------------------------------


def test_where_kinks_meet_the_gradient_is_judged_beside():
    """Units that are all exactly 0: relu'(0) = 0 in each gives a value that is no slope of f."""
    x, w, u = rng().normal(size=(4, 5)), rng(1).normal(size=(5, 16)), rng(2).normal(size=(16, 3))
    x[1] = 0

    def verdicts(backward):
        inputs = [x, w, u]
        upstream = upstream_like(two_layers(*inputs))
        claims = backward(*inputs, upstream)
        results = check(two_layers, inputs, claims, upstream, gradient=backward)
        assert len(results[0].kinks) == 5
        return [r.verdict for r in results]

    assert verdicts(two_layers_backward) == ["pass"] * 3

    def wrong_row(*arrays):
        dx, dw, du = two_layers_backward(*arrays)
        dx[1] += 1
        return dx, dw, du

    assert verdicts(wrong_row) == ["fail", "pass", "pass"]


def test_a_kink_of_one_entry_has_no_excuse():
    x = np.array([0.0, 1.0, -1.0, 0.0])

    def wrong(x, v):
        return (v * np.where(x == 0, 1.5, x > 0),)

    upstream = upstream_like(x)
    result = checked(RELU[0], x, wrong(x, upstream)[0], upstream, gradient=wrong)
    assert result.verdict == "fail"


def test_nudged():
    x = np.array([[0.0, 1.0, 0.3], [2.5, 2.5, -1.7]])
    moved = nudged(x, rng())
    same = np.array([[False, False, True], [False, False, True]])
    assert np.array_equal(moved == x, same)
    assert (np.abs(moved - x) <= 3e-3 * np.maximum(np.abs(x), 1)).all()
    assert np.unique(moved).size == 6 and np.array_equal(moved, nudged(x, rng()))
    assert nudged(x.astype(np.float32), rng()).dtype == np.float32
    assert nudged(np.zeros((0, 3)), rng()).shape == (0, 3) and nudged(np.zeros(()), rng()) != 0


# Precision --------------------------------------------------------------------------------------

SINGLE = {
    "tanh": (*TANH, lambda r: [r.normal(size=(3, 4))]),
    "saturated tanh": (*TANH, lambda r: [4 * r.normal(size=(3, 4))]),
    "softmax": (softmax, softmax_backward, lambda r: [3 * r.normal(size=(3, 5))]),
    "batch norm": (
        batch_norm,
        batch_norm_backward,
        lambda r: [10 + r.normal(size=(8, 3)), r.normal(size=3), r.normal(size=3)],
    ),
    "two layers": (
        two_layers,
        two_layers_backward,
        lambda r: [r.normal(size=s) for s in ((4, 5), (5, 16), (16, 3))],
    ),
    "relu of zeros": (*RELU, lambda r: [np.maximum(r.normal(size=(3, 4)), 0)]),
}


@pytest.mark.parametrize("name", SINGLE)
def test_claims_in_float32_against_differences_in_float64(name):
    function, backward, draw = SINGLE[name]
    for seed in range(4):
        inputs = [x.astype(np.float32) for x in draw(rng(seed))]
        upstream = upstream_like(function(*inputs), seed)
        assert upstream.dtype == np.float32

        def verdicts(gradient, inputs=inputs, upstream=upstream):
            wide = [x.astype(np.float64) for x in inputs]
            claims = gradient(*inputs, upstream)
            assert all(g.dtype == np.float32 for g in claims)
            results = check(
                function,
                wide,
                claims,
                upstream.astype(np.float64),
                gradient=gradient,
                precision=np.float32,
            )
            return {r.verdict for r in results}

        assert verdicts(backward) == {"pass"}
        if seed < 2:
            assert verdicts(lambda *a: [np.float32(1.001) * g for g in backward(*a)]) == {"fail"}


def test_a_slight_error_is_marked():
    x = rng().normal(size=(3, 4))
    upstream = upstream_like(x)
    claim = TANH[1](x, upstream)[0]
    assert not checked(np.tanh, x, claim, upstream).slight
    for relative, slight in ((1e-8, True), (1e-7, True), (1e-5, False), (-1.0, False)):
        result = checked(np.tanh, x, (1 + relative) * claim, upstream)
        assert result.verdict == "fail" and result.slight == slight
    claim[0, 0] = 0         # one entry that is wrong altogether
    assert not checked(np.tanh, x, (1 + 1e-8) * claim, upstream).slight

"""L-BFGS against the dense BFGS matrix and problems of known minima; the line search by itself."""

import math

import numpy as np
import pytest

import minigen as mg
from minigen import nn, optim
from minigen.optim.line_search import ENOUGH, FLAT, Point, strong_wolfe

MATRIX = np.diag([1.0, 10.0, 100.0]) + 0.5
TARGET = np.array([3.0, -2.0, 0.5])


def quadratic(x):
    """½ (x - target)ᵀ A (x - target), on the device of x."""
    difference = x - mg.tensor(TARGET, device=x.device)
    return (difference * (mg.tensor(MATRIX, device=x.device) @ difference)).sum() / 2


def rosenbrock(x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def closure_of(opt, function, x, calls=None):
    def closure():
        opt.zero_grad()
        loss = function(x)
        loss.backward()
        if calls is not None:
            calls.append(loss.item())
        return loss

    return closure


# ---- the line search


FUNCTIONS = {  # φ, φ'; each of negative slope at 0
    "quadratic": (lambda t: (t - 3) ** 2, lambda t: 2 * (t - 3)),
    "quartic, flat at its minimum": (lambda t: (t - 2) ** 4, lambda t: 4 * (t - 2) ** 3),
    "rational": (lambda t: -t / (t * t + 2), lambda t: (t * t - 2) / (t * t + 2) ** 2),
    "waves": (lambda t: math.sin(5 * t) - 6 * t + t * t, lambda t: 5 * math.cos(5 * t) - 6 + 2 * t),
    "barrier": (
        lambda t: -math.log(1 - t) - 3 * t if t < 1 else math.nan,
        lambda t: 1 / (1 - t) - 3 if t < 1 else math.nan,
    ),
}


@pytest.mark.parametrize("first", [1e-3, 0.1, 1.0, 10.0, 1e3])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_line_search_meets_both_conditions_wherever_it_starts(name, first):
    value, slope = FUNCTIONS[name]
    start = Point(0.0, value(0.0), slope(0.0), None)
    tried = []

    def evaluate(t):
        tried.append(t)
        return Point(t, value(t), slope(t), t)

    found = strong_wolfe(evaluate, start, first, trials=25)
    assert found.t > 0
    assert found.gradient == found.t  # handed on
    assert found.value <= start.value + ENOUGH * found.t * start.slope
    assert abs(found.slope) <= FLAT * abs(start.slope)
    assert len(tried) <= 15


@pytest.mark.parametrize("first", [0.1, 1.0, 2.5, 10.0])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_search_without_trials_left_gives_the_lowest_that_falls_in_earnest(name, first):
    value, slope = FUNCTIONS[name]
    start = Point(0.0, value(0.0), slope(0.0), None)
    for trials in range(1, 5):
        points = [start]

        def evaluate(t, points=points):
            points.append(Point(t, value(t), slope(t), None))
            return points[-1]

        found = strong_wolfe(evaluate, start, first, trials)
        good = [p for p in points if p.value <= start.value + ENOUGH * p.t * start.slope]
        if abs(found.slope) > FLAT * abs(start.slope):
            assert found.value == min(p.value for p in good)


def test_a_higher_point_does_not_replace_a_lower_one():
    # from 0 down to 1, then somewhere a minimum, a hill, and behind 5 down again, but higher
    tried = []

    def evaluate(t):
        tried.append(t)
        return Point(t, *((-1.0, -1.0) if t == 1 else (-0.9, -1.0) if t > 5 else (-2.0, 0.0)), None)

    found = strong_wolfe(evaluate, Point(0.0, 0.0, -1.0, None), 1.0, trials=9)
    assert tried[1] > 5
    assert 1 < found.t < 5


def test_the_line_search_stays_where_nothing_is_lower_and_stops_in_a_narrow_interval():
    def evaluate(t):
        tried.append(t)
        return Point(t, 1.0, 1.0, None)

    tried = []
    start = Point(0.0, 0.0, -1.0, None)
    assert strong_wolfe(evaluate, start, 1.0, trials=5) is start
    assert len(tried) == 5
    tried.clear()
    assert strong_wolfe(evaluate, start, 1.0, trials=50, narrow=0.1) is start
    assert len(tried) < 10
    assert min(tried) > 0


# ---- the optimizer


def test_the_direction_is_that_of_the_dense_bfgs_matrix():
    rng = np.random.default_rng(0)
    opt = optim.LBFGS([nn.Parameter(np.zeros(4))])
    hessian = np.diag([1.0, 2.0, 5.0, 9.0])
    for s in rng.standard_normal((3, 4)):
        opt._pairs.append((s, hessian @ s))
    s, y = opt._pairs[-1]
    inverse = np.eye(4) * (s @ y) / (y @ y)
    for s, y in opt._pairs:
        rho = 1 / (s @ y)
        left = np.eye(4) - rho * np.outer(s, y)
        inverse = left @ inverse @ left.T + rho * np.outer(s, s)
    g = rng.standard_normal(4)
    np.testing.assert_allclose(opt._direction(g), -inverse @ g, rtol=1e-12)


@pytest.mark.parametrize("lr", [0.01, 1.0, 100.0])
def test_a_quadratic_is_solved_in_one_call(lr):
    x, calls = nn.Parameter(np.zeros(3)), []
    opt = optim.LBFGS([x], lr=lr, max_iter=50)
    loss = opt.step(closure_of(opt, quadratic, x, calls))
    np.testing.assert_allclose(x.detach().numpy(), TARGET, atol=1e-6)
    assert loss.item() == calls[0] == pytest.approx(TARGET @ MATRIX @ TARGET / 2)
    assert len(calls) < 40


@pytest.mark.parametrize(("dtype", "lowest"), [("float64", 1e-8), ("float32", 1e-6)])
def test_rosenbrocks_valley(dtype, lowest):
    x, calls = nn.Parameter(np.full(10, -1.2, dtype)), []
    opt = optim.LBFGS([x], max_iter=200)
    opt.step(closure_of(opt, rosenbrock, x, calls))
    assert rosenbrock(x).item() < lowest
    assert len(calls) < 120
    assert x.dtype == dtype


def test_linear_regression_is_the_normal_equations_solution():
    rng = np.random.default_rng(1)
    inputs, targets = rng.standard_normal((50, 3)), rng.standard_normal((50, 2))
    layer, unused = nn.Linear(3, 2, rng=mg.Generator(0)), nn.Parameter(np.ones(2))
    layer.to("float64")
    opt = optim.LBFGS([*layer.parameters(), unused], max_iter=60, tolerance_change=0.0)

    def loss(_):
        return (layer(mg.tensor(inputs)) - mg.tensor(targets)).square().mean()

    opt.step(closure_of(opt, loss, None))
    solution = np.linalg.lstsq(np.c_[inputs, np.ones(50)], targets, rcond=None)[0]
    np.testing.assert_allclose(layer.weight.detach().numpy(), solution[:3].T, atol=1e-6)
    np.testing.assert_allclose(layer.bias.detach().numpy(), solution[3], atol=1e-6)
    assert unused.tolist() == [1, 1]


def test_it_keeps_its_limits_and_ends_at_a_minimum():
    x, calls = nn.Parameter(np.zeros(3)), []
    opt = optim.LBFGS([x], max_iter=4, max_eval=3)
    opt.step(closure_of(opt, quadratic, x, calls))
    assert len(calls) == 3
    mg.assign(x, TARGET)
    calls.clear()
    opt.step(closure_of(opt, quadratic, x, calls))
    assert len(calls) == 1
    assert x.tolist() == TARGET.tolist()
    opt = optim.LBFGS([x], history_size=2)
    mg.assign(x, np.zeros(3))
    opt.step(closure_of(opt, quadratic, x))
    assert opt.state_dict()["pairs"].shape == (2, 2, 3)


@pytest.mark.parametrize("max_eval", range(2, 30))
def test_it_ends_at_the_lowest_point_that_it_saw(max_eval):
    x, calls = nn.Parameter(np.array([-1.2, 1.0])), []
    opt = optim.LBFGS([x], lr=3.0, max_iter=50, max_eval=max_eval)
    opt.step(closure_of(opt, rosenbrock, x, calls))
    assert rosenbrock(x).item() == min(calls)


def test_pairs_that_mislead_are_forgotten_without_a_search():
    x, calls = nn.Parameter(np.zeros(3)), []
    opt = optim.LBFGS([x], max_iter=1, max_eval=20)
    uphill = {"pairs": np.stack([np.ones((1, 3)), -np.ones((1, 3))], axis=1)}
    opt.load_state_dict({**opt.state_dict(), **uphill})
    opt.step(closure_of(opt, quadratic, x, calls))
    assert len(calls) == 1
    assert "pairs" not in opt.state_dict()
    opt.step(closure_of(opt, quadratic, x, calls))
    assert quadratic(x).item() < calls[0]


def test_a_loss_that_is_nan_moves_nothing():
    x = nn.Parameter(np.array([-1.0, 2.0]))
    opt = optim.LBFGS([x])
    assert math.isnan(opt.step(closure_of(opt, lambda x: (x * math.nan).sum(), x)).item())
    assert x.tolist() == [-1, 2]


def four_calls_are_two_and_a_checkpoint_and_two(device):
    def run(calls, state=None, start=None):
        x = nn.Parameter(mg.tensor(np.full(6, -1.2) if start is None else start, device=device))
        opt = optim.LBFGS([x], max_iter=3)
        if state is not None:
            opt.load_state_dict(state)
        for _ in range(calls):
            opt.step(closure_of(opt, rosenbrock, x))
        return opt.state_dict(), x.detach().to("cpu").numpy().copy()

    straight, x = run(4)
    state, middle = run(2)
    _, y = run(2, state, middle)
    assert x.tobytes() == y.tobytes()
    assert list(straight) == ["groups", "pairs"]
    assert straight["pairs"].shape[1:] == (2, 6)


def test_four_calls_are_two_and_a_checkpoint_and_two_bit_for_bit():
    four_calls_are_two_and_a_checkpoint_and_two("cpu")


@pytest.mark.gpu
def test_a_minimum_and_a_checkpoint_on_the_gpu():
    four_calls_are_two_and_a_checkpoint_and_two("gpu")
    x = nn.Parameter(mg.tensor(np.zeros(3), device="gpu"))
    opt = optim.LBFGS([x], max_iter=50)
    opt.step(closure_of(opt, quadratic, x))
    np.testing.assert_allclose(x.detach().to("cpu").numpy(), TARGET, atol=1e-6)


def test_what_is_refused():
    a, b = nn.Parameter(np.ones(2)), nn.Parameter(np.ones(3))
    with pytest.raises(ValueError, match="LBFGS: takes one group"):
        optim.LBFGS([{"params": a}, {"params": b}])
    for settings in ({"lr": 0.0}, {"history_size": 0}, {"max_iter": 0}, {"tolerance_grad": -1.0}):
        (name,) = settings
        with pytest.raises(ValueError, match=f"LBFGS: {name} must be"):
            optim.LBFGS([a], **settings)
    opt = optim.LBFGS([a, b])
    with pytest.raises(TypeError, match="the closure returned None; it must return the loss"):
        opt.step(lambda: None)
    state = opt.state_dict()
    assert "pairs" not in state
    opt.load_state_dict(state)
    with pytest.raises(ValueError, match=r"pairs \(1, 2, 4\), expected \(k, 2, 5\)"):
        opt.load_state_dict({**state, "pairs": np.ones((1, 2, 4))})
    with pytest.raises(ValueError, match="more is unexpected"):
        opt.load_state_dict({**state, "more": 1})

"""Guesses: from names of arguments to inputs that forward and backward can use.

Idea: guess_rows.py holds forwards as courses write them; here each gets the inputs it means.
"""

import numpy as np
import pytest
from guess_rows import ROWS, softmax

from minigen.gradcheck.checker import Settings, check_file
from minigen.gradcheck.child.discover import load
from minigen.gradcheck.child.pairs import Pair
from minigen.gradcheck.child.session import Session, StudentError
from minigen.gradcheck.guess import guess
from minigen.gradcheck.inputs import SpecError, uneven
from minigen.gradcheck.spec import load_spec, template
from minigen.gradcheck.worlds import WORLDS


def not_written_yet(dout, cache):
    """A backward that never works: forward alone decides."""
    raise ValueError("not written yet")


def asked(forward, backward=not_written_yet, **more):
    """(plan, description) of a pair."""
    name = forward.__name__
    session = Session({name: Pair(name, forward, backward)})
    description = {**session.describe()[0], **more}
    return guess(session, description), description


def seen(value):
    """An input as guess_rows.py writes it."""
    if isinstance(value, dict) and any(isinstance(v, np.ndarray) for v in value.values()):
        return {key: seen(v) for key, v in value.items()}
    if not isinstance(value, np.ndarray):
        return value
    if value.dtype.kind != "f":
        return value.shape, str(value.dtype)
    if value.ndim == 2 and set(value.ravel()) <= {0, 1}:
        way = "row" if (value.sum(1) == 1).all() else "column"
        return value.shape, f"one in each {way}"
    return value.shape


@pytest.mark.parametrize(("forward", "expected"), ROWS, ids=[f.__name__ for f, _ in ROWS])
def test_arguments_named_as_in_courses(forward, expected, tmp_path):
    plan, description = asked(forward)
    inputs = plan.inputs(description, 0)
    assert dict(zip(description["arguments"], map(seen, inputs), strict=False)) == expected
    path = tmp_path / "spec.toml"
    path.write_text(template([description], {forward.__name__: plan}), encoding="utf-8")
    again = load_spec(path).plans[forward.__name__]
    np.testing.assert_equal(again.inputs(description, 1), plan.inputs(description, 1))


def test_the_rows_are_many_and_differ():
    assert len(ROWS) >= 50 and len({f.__name__ for f, _ in ROWS}) == len(ROWS)


def guessed(forward, backward=not_written_yet, **more):
    """The inputs guessed for a pair."""
    plan, description = asked(forward, backward, **more)
    return plan.inputs(description, 0)


def test_backward_settles_what_forward_leaves_open():
    def dot(a, b):
        return a.dot(b), (a, b)

    vectors = guessed(dot, lambda dout, cache: (dout * cache[1], dout * cache[0]))
    assert [x.shape for x in vectors] == [(5,), (5,)]
    matrices = guessed(dot, lambda dout, cache: (dout @ cache[1].T, cache[0].T @ dout))
    assert [x.shape for x in matrices] == [(4, 5), (5, 3)]


def test_a_backward_that_is_wrong_everywhere_does_not_matter():
    assert [x.shape for x in guessed(lambda x, w: (x @ w, None))] == [(4, 5), (5, 3)]
    (x,) = guessed(lambda x: (x * 1.0, None), lambda dout, cache: np.zeros(77))
    assert x.shape == (4, 5)


def test_an_optional_bias_is_given_where_forward_takes_it():
    def linear(x, w, b=None):
        return (x @ w if b is None else x @ w + b), None

    assert [np.shape(v) for v in guessed(linear)] == [(4, 5), (5, 3), (3,)]

    def no_bias(x, w, b=None):
        if b is not None:
            raise TypeError("no bias here")
        return x @ w, None

    assert [np.shape(v) for v in guessed(no_bias)] == [(4, 5), (5, 3)]


def test_labels_are_in_range_at_every_seed():
    def nll(scores, y):
        return -np.log(softmax(scores, 0)[y, np.arange(len(y))]).sum()

    plan, description = asked(nll)
    for seed in range(30):
        assert np.isfinite(nll(*plan.inputs(description, seed)))


def test_nothing_fits():
    def strange(foo, bar):
        raise ValueError(f"never {np.shape(foo)}")

    def whole(x):
        return x.astype(int)

    def never_finite(x):
        return x * np.nan

    assert [asked(f)[0] for f in (strange, whole, never_finite)] == [None] * 3


def test_a_forward_that_fails_in_the_same_way_always_says_so_itself():
    def misspelt(x, w):
        return x @ weights      # noqa: F821

    with pytest.raises(StudentError, match="name 'weights' is not defined"):
        asked(misspelt)


@pytest.mark.parametrize("part", ["forward", "backward"])
def test_what_hangs_is_not_tried_again(monkeypatch, part):
    asked = []

    def hangs(*arguments, **more):
        asked.append(arguments)
        raise StudentError("timeout", "60 s")

    session = Session({"f": Pair("f", softmax, not_written_yet)})
    monkeypatch.setattr(session, part, hangs)
    with pytest.raises(StudentError, match="60 s"):
        guess(session, session.describe()[0])
    assert len(asked) == 1


def test_names_unknown_to_every_world_are_read_as_data():
    def mix(left_hand, right_hand):
        return left_hand * right_hand

    assert [x.shape for x in guessed(mix)] == [(4, 5), (4, 5)]

    def scaled(signal, gain_db: float, flip_it: bool, times: "int"):
        return signal * gain_db * (-1 if flip_it is True else 1) + range(times)[1] * gain_db

    x, gain, flip, times = guessed(scaled)
    assert x.shape == (4, 5) and isinstance(gain, float) and flip is True and times == 2


HOMEWORK = """
import numpy as np

class Affine:
    def __init__(self, W, b):
        self.W, self.b = W, b
    def forward(self, x):
        self.x = x
        return x @ self.W + self.b
    def backward(self, dout):
        self.dW, self.db = self.x.T @ dout, dout.sum(0)
        return dout @ self.W.T

class Linear(Affine):
    def __init__(self, in_features, out_features):
        self.W, self.b = np.random.randn(in_features, out_features), np.zeros(out_features)

class Pixels(Linear):
    def __init__(self, n_in=784, n_out=10):
        super().__init__(n_in, n_out)

class Norm:
    def __init__(self, dim):
        self.gamma, self.beta = np.ones(dim), np.zeros(dim)
    def forward(self, x):
        self.h = (x - x.mean(0)) / x.std(0)
        return self.gamma * self.h + self.beta
    def backward(self, dout):
        self.dgamma, self.dbeta = (dout * self.h).sum(0), dout.sum(0)
        return dout
"""


@pytest.fixture
def layers(tmp_path):
    """A function from the name of a class to (plan, description, inputs at seed 0)."""
    (tmp_path / "layers.py").write_text(HOMEWORK, encoding="utf-8")
    session = load(tmp_path / "layers.py")
    described = {d["name"]: d for d in session.describe()}

    def guessed(name):
        plan = guess(session, described[name])
        return plan, *plan.prepared(session, described[name], 0)

    return guessed


@pytest.mark.parametrize("name", ["Affine", "Linear"])
def test_a_class_is_made_with_arguments_of_the_same_world(layers, name):
    plan, description, inputs = layers(name)
    assert description["arguments"] == ["x", "W", "b"]
    assert [x.shape for x in inputs] == [(4, 5), (5, 3), (3,)]
    assert f"[{name}.init]" in template([description], {name: plan})


def test_arguments_fit_the_parameters_of_a_layer(layers):
    _, _, inputs = layers("Pixels")
    assert [x.shape for x in inputs] == [(4, 784), (784, 10), (10,)]


def test_parameters_that_are_all_equal_are_moved(layers):
    _, _, (x, gamma, beta) = layers("Norm")
    assert x.shape == (4, 5)
    assert np.unique(gamma).size == np.unique(beta).size == 5
    assert (gamma > 0.5).all() and (np.abs(beta) < 0.5).all()


def test_parameters_that_differ_or_are_given_stay(layers):
    description = {"name": "f", "arguments": ["x", "w", "b"], "parameters": ["w", "b"]}
    ones, w = np.ones(3), np.arange(3.0)
    x, kept, given = uneven(description, (ones, w, ones), 0, given=["b"])
    assert x is ones and kept is w and given is ones
    assert (uneven(description, (ones, w, ones), 0)[2] != 1).all()


DOUBTFUL = """
import numpy as np

def film_forward(x, gamma, beta):                   # of pictures, which the names do not say
    return x * gamma[..., None, None] + beta[..., None, None], (x, gamma)
def film_backward(dout, cache):
    x, gamma = cache
    return dout * gamma[..., None, None], (dout * x).sum((2, 3)), dout.sum((2, 3))

def longest_forward(x):                             # over time, (N, T, D)
    where = x.argmax(2)
    return np.take_along_axis(x, where[..., None], 2)[..., 0], (where, x.shape)
def longest_backward(dout, cache):
    where, shape = cache
    dx = np.zeros(shape)
    np.put_along_axis(dx, where[..., None], dout[..., None], 2)
    return dx

def linear_forward(x, w, b):
    return x @ w + b, (x, w)
def linear_backward(dout, cache):
    x, w = cache
    return dout @ w.T, 2 * x.T @ dout, dout.sum(0)

def linear_row_forward(x, w, b):
    return x @ w + b, (x, w)
def linear_row_backward(dout, cache):
    x, w = cache
    return dout @ w.T, x.T @ dout, dout.sum(0, keepdims=True)

def unfinished_forward(x):
    return x * x, x
def unfinished_backward(dout, cache):
    dx = 2 * cache * dout

def linear_scalar_bias_forward(x, w, b):
    return x @ w + b, (x, w)
def linear_scalar_bias_backward(dout, cache):
    x, w = cache
    return dout @ w.T, x.T @ dout, dout.sum()
"""


@pytest.mark.parametrize(("name", "verdict", "words"), [
    ("film", "undecided", "have no guess's shapes"),
    ("longest", "undecided", "right with other shapes: x (2, 4, 6)"),
    ("linear", "fail", ""),
    ("linear_scalar_bias", "fail", ""),
    ("unfinished", "fail", ""),
    ("linear_row", "pass", "b is taken to be (1, 3), as its gradient is; if b is (3,), its gra"),
])
def test_a_wrong_gradient_is_undecided_where_the_guess_may_be_the_mistake(
    tmp_path, name, verdict, words
):
    (tmp_path / "doubtful.py").write_text(DOUBTFUL, encoding="utf-8")
    settings = Settings(only=(name,), isolate=False, seeds=1, budget=2.0)
    (report,) = check_file(tmp_path / "doubtful.py", settings).pairs
    assert report.verdict == verdict
    assert words in " ".join(report.notes)
    assert any("may be the mistake" in note for note in report.notes) == (verdict == "undecided")
    assert "too few of its entries" not in str(report)


def test_worlds_know_the_sizes_they_use():
    for world in WORLDS:
        used = {name for recipe in world.arguments.values() for name in recipe.names()}
        assert used <= set(world.sizes), world


def test_a_plan_says_which_argument_is_missing():
    plan, _ = asked(softmax)
    with pytest.raises(SpecError, match="argument extra of softmax has no default"):
        plan.inputs({"name": "softmax", "arguments": ["x", "extra"], "defaults": {}}, 0)


def test_a_backward_that_is_not_made_for_test_mode_is_no_error(tmp_path):
    (tmp_path / "norm.py").write_text("""
import numpy as np

def norm_forward(x, gamma, beta, bn_param):
    if bn_param["mode"] == "test":
        return gamma * x + beta, None
    h = (x - x.mean(0)) / x.std(0)
    return gamma * h + beta, (h, gamma, x.std(0))

def norm_backward(dout, cache):
    h, gamma, std = cache
    g = dout * gamma
    return (g - g.mean(0) - h * (g * h).mean(0)) / std, (dout * h).sum(0), dout.sum(0)
""", encoding="utf-8")
    (report,) = check_file(tmp_path / "norm.py", Settings(isolate=False, seeds=1)).pairs
    assert report.verdict == "pass"
    assert any("not checked with bn_param['mode']='test'" in note for note in report.notes)

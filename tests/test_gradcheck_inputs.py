"""Guesses: from names of arguments to inputs that forward and backward can use.

Idea: guess_rows.py holds forwards as courses write them; here each gets the inputs it means.
"""

import inspect

import numpy as np
import pytest
from guess_rows import ROWS, softmax

from minigen.gradcheck.child.pairs import Pair
from minigen.gradcheck.child.session import Session, StudentError
from minigen.gradcheck.guess import guess, runner
from minigen.gradcheck.inputs import SpecError
from minigen.gradcheck.spec import load_spec, template
from minigen.gradcheck.worlds import WORLDS


def described(function, **more):
    parameters = inspect.signature(function).parameters
    defaults = {k: p.default for k, p in parameters.items() if p.default is not p.empty}
    return {
        "name": function.__name__, "arguments": [*parameters], "defaults": defaults, **more
    }


def forward_alone(forward):
    """A run whose backward never works."""

    def run(inputs, constructor):
        try:
            with np.errstate(all="ignore"):
                return forward(*inputs), None
        except Exception as error:
            raise StudentError("error", str(error)) from error

    return run


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
    description = described(forward)
    plan = guess(description, forward_alone(forward))
    inputs = plan.inputs(description, 0)
    assert dict(zip(description["arguments"], map(seen, inputs), strict=False)) == expected
    path = tmp_path / "spec.toml"
    path.write_text(template([description], {forward.__name__: plan}), encoding="utf-8")
    np.testing.assert_equal(load_spec(path).inputs(description, 1), plan.inputs(description, 1))


def test_the_rows_are_many_and_differ():
    assert len(ROWS) >= 50 and len({f.__name__ for f, _ in ROWS}) == len(ROWS)


def guessed(forward, backward):
    session = Session({"f": Pair("f", forward, backward)})
    (description,) = session.describe()
    plan = guess(description, runner(session, description))
    return plan and plan.inputs(description, 0)


def test_backward_settles_what_forward_leaves_open():
    shapes = [x.shape for x in guessed(lambda a, b: (a.dot(b), (a, b)),
                                       lambda dout, cache: (dout * cache[1], dout * cache[0]))]
    assert shapes == [(5,), (5,)]
    shapes = [x.shape for x in guessed(lambda a, b: (a.dot(b), (a, b)),
                                       lambda dout, cache: (dout @ cache[1].T, cache[0].T @ dout))]
    assert shapes == [(4, 5), (5, 3)]


def test_a_backward_that_is_wrong_everywhere_does_not_matter():
    def backward(dout, cache):
        raise ValueError("not written yet")

    assert [x.shape for x in guessed(lambda x, w: (x @ w, None), backward)] == [(4, 5), (5, 3)]
    shapes = guessed(lambda x: (x * 1.0, None), lambda dout, cache: np.zeros(77))
    assert [x.shape for x in shapes] == [(4, 5)]


def test_an_optional_bias_is_given_where_forward_takes_it():
    with_bias = guessed(lambda x, w, b=None: (x @ w + (0 if b is None else b), None),
                        lambda dout, cache: None)
    assert [np.shape(v) for v in with_bias] == [(4, 5), (5, 3), (3,)]


def refuse(x, w, b=None):
    if b is not None:
        raise TypeError("no bias here")
    return x @ w


def test_an_optional_bias_that_is_refused_stays_away():
    plan = guess(described(refuse), forward_alone(refuse))
    assert list(plan.arguments) == ["x", "w"]


def test_labels_are_in_range_at_every_seed():
    def nll(scores, y):
        return -np.log(softmax(scores, 0)[y, np.arange(len(y))]).sum()

    plan = guess(described(nll), forward_alone(nll))
    for seed in range(30):
        nll(*plan.inputs(described(nll), seed))


def test_nothing_fits():
    def strange(foo, bar):
        raise ValueError("never")

    assert guess(described(strange), forward_alone(strange)) is None
    assert guess(described(lambda x: x.astype(int)), forward_alone(lambda x: x.astype(int))) is None
    assert guess(described(np.log), forward_alone(lambda x: x * np.nan)) is None


def test_a_forward_that_hangs_is_not_tried_again():
    calls = []

    def run(inputs, constructor):
        calls.append(inputs)
        raise StudentError("timeout", "60 s")

    assert guess(described(lambda x: x), run) is None and len(calls) == 1


def test_names_unknown_to_every_world_are_read_as_data():
    def mix(left_hand, right_hand):
        return left_hand * right_hand

    plan = guess(described(mix), forward_alone(mix))
    assert [x.shape for x in plan.inputs(described(mix), 0)] == [(4, 5), (4, 5)]

    def scaled(signal_in, gain_db, flip):
        return signal_in * gain_db * (-1 if flip is True else 1) + 0 * range(3)[2] * gain_db

    notes = {"gain_db": "float", "flip": "bool"}
    plan = guess(described(scaled, annotations=notes), forward_alone(scaled))
    x, gain, flip = plan.inputs(described(scaled), 0)
    assert x.shape == (4, 5) and isinstance(gain, float) and flip is True


def test_worlds_know_the_sizes_they_use():
    for world in WORLDS:
        used = {name for recipe in world.arguments.values() for name in recipe.names()}
        assert used <= set(world.sizes), world


def test_a_plan_says_which_argument_is_missing():
    plan = guess(described(softmax_of), forward_alone(softmax_of))
    with pytest.raises(SpecError, match="argument extra of softmax_of has no default"):
        plan.inputs({"name": "softmax_of", "arguments": ["x", "extra"], "defaults": {}}, 0)


def softmax_of(x):
    return softmax(x)

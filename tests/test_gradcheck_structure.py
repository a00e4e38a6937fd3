"""The structure checks: what misbehaves is named by kind and in one sentence, and nothing else is.

Idea: four homework files (homework_calls_wrong.py and so on) are examined pair by pair; in two of
them the names say what must be found, in the others nothing may be.
"""

import re
from pathlib import Path

import numpy as np
import pytest

from minigen.gradcheck import experiments, structure
from minigen.gradcheck.child.classes import FLAGS
from minigen.gradcheck.child.discover import load
from minigen.gradcheck.child.pairs import Pair
from minigen.gradcheck.child.session import Session, StudentError
from minigen.gradcheck.differences import changes, largest_change, not_finite
from minigen.gradcheck.process import Process
from minigen.gradcheck.subject import Subject, weights_of
from minigen.gradcheck.variations import modes, others

HERE = Path(__file__).parent
FILES = [HERE / f"homework_{name}.py" for name in (
    "calls_wrong", "returns_wrong", "calls_right", "returns_right")]
SESSIONS = [load(file) for file in FILES]
LATER = ("wrong_order__product", "wrong_order__twice")      # seen only when values were compared
INFINITE = ("infinite_slope", "entropy_at_zero", "cube_root")


def names(session):
    return [described["name"] for described in session.describe()]


WRONG = {name: session for session in SESSIONS[:2] for name in names(session)}
RIGHT = {name: session for session in SESSIONS[2:] for name in names(session)}


def subject_of(session, name, seed=0):
    (described,) = [d for d in session.describe() if d["name"] == name]
    return Subject(session, name, described["arguments"], session.inputs(name, seed))


def examined(forward, backward, inputs, **options):
    """The examination of two functions."""
    session = Session({"p": Pair("p", forward, backward)})
    arguments = session.describe()[0]["arguments"]
    return structure.examine(Subject(session, "p", arguments, inputs), **options)


def said(findings, *verdicts):
    return [(f.check, f.message) for f in findings if f.verdict in verdicts]


def failure(examination):
    (found,) = [f for f in examination.findings if f.verdict == "fail"]
    return found


def numbers(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).normal(size=shape)


# What misbehaves is found, and said -------------------------------------------------------------


@pytest.mark.parametrize("name", WRONG)
def test_what_misbehaves_is_named(name):
    subject = subject_of(WRONG[name], name)
    examination = structure.examine(subject)
    failed = said(examination.findings, "fail")
    if name in LATER:
        assert not failed and not examination.stopped
        found = structure.misplaced(subject, examination.claims, examination.upstream)
        failed = [(found.check, found.message)]
    else:
        assert examination.stopped
    assert [kind for kind, _ in failed] == [name.split("__")[0]]
    assert "\n" not in failed[0][1]


def test_every_kind_is_tried_three_times_at_least():
    kinds = [name.split("__")[0] for name in WRONG]
    assert all(kinds.count(kind) >= 3 for kind in structure.KINDS)


@pytest.mark.parametrize("name", RIGHT)
def test_what_only_looks_like_it_is_not_reported(name):
    for seed in range(2):
        subject = subject_of(RIGHT[name], name, seed)
        examination = structure.examine(subject, seed=seed)
        assert said(examination.findings, "fail", "error") == []
        if name not in INFINITE:
            assert said(examination.findings, "undecided") == []
            assert subject.calls <= 6
        assert not examination.stopped
        assert structure.misplaced(subject, examination.claims, examination.upstream) is None


@pytest.mark.parametrize("name", INFINITE)
def test_an_infinite_slope_is_undecided(name):
    examination = structure.examine(subject_of(RIGHT[name], name))
    ((kind, message),) = said(examination.findings, "undecided")
    assert kind == "nan_at_edge"
    assert "dx[1, 2] is -inf where x[1, 2] = 0.0" in message or "inf where" in message


SENTENCES = [
    ("mutates_input__softmax", "forward overwrites its argument x[0, 0] (forward, line N: x -= "),
    ("mutates_input__relu", "backward overwrites dout[0, 1] (backward, line N: dout[x < 0] = 0): "
     "work on a copy, dout.copy()"),
    ("mutates_cache__tanh", "backward overwrites cache['y'][0, 0], which is out (backward, line "),
    ("stale_cache__global", "after a forward on other inputs, the backward of the first one gives "
     "another dx[1, 0]: what backward needs belongs in the cache"),
    ("stale_cache__buffer", "forward returns an array that its next call overwrites"),
    ("nondeterministic__counter", "a second backward with the same cache gives another dx["),
    ("ignores_upstream__square", "dx does not change when dout changes: multiply by dout"),
    ("ignores_upstream__penalty", "dw[0, 0] is not 0 when dout is 0: some term of it lacks dout"),
    ("ignores_upstream__clipped", "dx[0, 0] is not linear in dout"),
    ("wrong_order__affine", "gradients 1 and 2 are swapped: backward returns dw, dx, db; return "
     "dx, dw, db"),
    ("wrong_order__rotated", "the gradients are in the wrong order: backward returns db, dx, dw"),
    ("wrong_order__by_name", "what backward returns as dw is the gradient of x; "),
    ("wrong_shape__keepdims", "db has shape (1, 5), b has (5,): db.sum(axis=0), or keepdims=False"),
    ("wrong_shape__no_sum", "db has shape (4, 5), b has (5,): db.sum(axis=0) is right"),
    ("wrong_shape__transposed", "dw has shape (5, 3), w has (3, 5): dw.T is right"),
    ("wrong_shape__one_number", "dx has shape (), x has (4, 3): one number for many entries"),
    ("wrong_shape__too_many", "backward returns 3 gradients for the 2 floating arguments x, w"),
    ("wrong_shape__nothing", "backward returns None: is its `return` missing?"),
    ("wrong_dtype__float64", "dx is float64, x is float32: np.zeros(shape)"),
    ("wrong_dtype__complex", "dx is complex128, x is float64: the gradient of a real function"),
    ("wrong_dtype__text", "dx is a str: return an array of numbers"),
    ("nan_at_edge__sign", "dx[1, 2] is nan where x[1, 2] = 0.0; the numeric derivative there is "
     "anything from -"),
    ("nan_at_edge__logistic", "dx[0, 1] is nan where x[0, 1] = -1000.0; the numeric derivative"),
]


@pytest.mark.parametrize(("name", "sentence"), SENTENCES)
def test_the_sentence_names_entry_and_remedy(name, sentence):
    found = failure(structure.examine(subject_of(WRONG[name], name)))
    assert re.sub(r"line \d+", "line N", found.message).startswith(sentence)


@pytest.mark.parametrize("name", [n for n in WRONG if n.startswith("mutates")])
def test_the_line_that_writes_is_named(name):
    found = failure(structure.examine(subject_of(WRONG[name], name)))
    number, text = re.search(r"ward, line (\d+): (.*?)\)?\): ", found.message).groups()
    assert FILES[0].read_text().splitlines()[int(number) - 1].strip().startswith(text)


def test_the_same_is_found_in_a_process_of_its_own():
    for file, session in zip(FILES, SESSIONS, strict=True):
        with Process(file) as process, process.within(60):
            for name in names(process):
                here = structure.examine(subject_of(session, name))
                there = structure.examine(subject_of(process, name))
                assert [f.check for f in here.findings] == [f.check for f in there.findings], name
                if not name.startswith("nondeterministic"):
                    assert said(here.findings, "fail") == said(there.findings, "fail"), name


# Forward ----------------------------------------------------------------------------------------


def test_a_forward_that_cannot_be_pinned_is_not_checkable():
    examination = examined(
        lambda x: (x * np.random.default_rng().random(x.shape), x), lambda dout, cache: dout,
        (numbers(3),),
    )
    ((kind, message),) = said(examination.findings, "undecided")
    assert examination.stopped and kind == "nondeterministic"
    assert "pass the mask, the state or a seed as an argument" in message


def test_a_forward_that_is_not_finite_is_undecided_with_the_inputs():
    examination = examined(
        lambda x: (np.log(x), x), lambda dout, cache: dout / cache, (np.array([1.0, 0.0, 2.0]),)
    )
    ((kind, message),) = said(examination.findings, "undecided")
    assert examination.stopped and kind == "nan_at_edge"
    assert "out[1] is -inf (x[1] = 0.0)" in message


def test_a_forward_without_a_floating_result_has_nothing_to_check():
    nothing = examined(lambda x: None, lambda dout, x: dout, (numbers(3),))
    assert said(nothing.findings, "error") == [
        ("error", "forward returns None: is its `return` missing?")
    ]
    index = examined(lambda x: x.argmax(), lambda dout, x: dout, (numbers(3),))
    assert "no floating number" in said(index.findings, "undecided")[0][1]


def test_errors_of_the_homework_are_the_callers():
    def forward(x):
        return x + undefined        # noqa: F821

    with pytest.raises(StudentError, match="undefined"):
        examined(forward, lambda dout, x: dout, (numbers(3),))
    with pytest.raises(StudentError, match="division"):
        examined(lambda x: 2 * x, lambda dout, x: 1 / 0, (numbers(3),))


# Shapes, dtypes, order --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "change", "sentence"),
    [
        ((4, 3), lambda g: g.T, "dx.T is right"),
        ((2, 3, 4), lambda g: g.transpose(1, 2, 0), "dx.transpose(2, 0, 1) is right"),
        ((4, 3), lambda g: g.ravel(), "dx.reshape(4, 3) is right"),
        ((3,), lambda g: g[:, None], "dx.sum(axis=1), or keepdims=False"),
        ((1, 3), lambda g: np.stack([g[0], 2 * g[0]]) / 3, "dx.sum(axis=0, keepdims=True) is"),
        ((3,), lambda g: np.stack([g, g]), "dx.mean(axis=0) is right"),
    ],
)
def test_what_would_make_the_shape_right_is_found_by_experiment(shape, change, sentence):
    x = numbers(*shape)
    found = failure(examined(lambda x: x * x, lambda dout, x: change(2 * x * dout), (x,)))
    assert found.check == "wrong_shape"
    assert sentence in found.message
    assert found.evidence["expected"] == list(shape)


def test_a_wrong_value_of_the_wrong_shape_gets_no_advice():
    x = numbers(4, 3)
    found = failure(examined(lambda x: x**3, lambda dout, x: (2 * x * dout).T, (x,)))
    assert found.message == "dx has shape (3, 4), x has (4, 3)"


def test_dtypes_of_argument_and_upstream_are_both_right():
    x, w = numbers(4, 3).astype(np.float32), numbers(3, 2)
    assert not examined(
        lambda x, w: x @ w, lambda dout, x, w: (dout @ w.T, x.T @ dout), (x, w)
    ).stopped
    wide = examined(
        lambda x: 2 * x, lambda dout, x: 2.0 * dout.astype(np.float64), (x,)
    )
    assert failure(wide).evidence == {"dtype": "float64", "expected": "float32"}


def test_lists_of_numbers_are_taken_with_a_remark():
    examination = examined(
        lambda x: 2 * x, lambda dout, x: [2 * v for v in dout.tolist()], (numbers(3),)
    )
    assert not examination.stopped
    assert ("wrong_dtype", "dx is a list of 3 numbers: return an array") in said(
        examination.findings, "remark"
    )


def test_gradients_that_fit_two_ways_are_tried_with_their_values():
    def forward(a, b, c):
        return a * b + 2 * c

    x, y, z = numbers(3), numbers(3, seed=1), numbers(3, seed=2)
    examination = examined(forward, lambda dout, a, b, c: (dout * a, 2 * dout), (x, y, z))
    assert [claim.label for claim in examination.claims] == ["db", "dc"]
    assert not examination.stopped
    ((kind, message),) = said(examination.findings, "undecided")
    assert kind == "wrong_shape"
    assert "2 gradients for the 3 floating arguments a, b, c" in message


def test_equal_gradients_are_in_no_wrong_order():
    x, y = numbers(3), numbers(3, seed=1)
    subject = Subject(
        Session({"p": Pair("p", lambda x, y: x + y, lambda dout, x, y: (dout, dout))}), "p",
        ["x", "y"], (x, y),
    )
    examination = structure.examine(subject)
    assert structure.misplaced(subject, examination.claims, examination.upstream) is None


def test_a_zero_gradient_confirms_nothing():
    x, y = numbers(3), numbers(3, seed=1)
    subject = Subject(
        Session({"p": Pair("p", lambda x, y: x * x + 0 * y, lambda dout, x, y: (0 * x, dout))}),
        "p", ["x", "y"], (x, y),
    )
    examination = structure.examine(subject)
    assert structure.misplaced(subject, examination.claims, examination.upstream) is None


@pytest.mark.parametrize(("arguments", "none", "suggested"), [
    (("x", "w"), "w", '("x",)'), (("x", "w"), "x", '("w",)'), (("gamma", "x"), "gamma", '("x",)'),
    (("x", "target"), "target", None), (("x_hat", "x"), "x", None), (("mu", "noise"), "mu", None),
])
def test_none_is_taken_at_its_word_but_not_for_what_is_learnt(arguments, none, suggested):
    values = numbers(4, 3), numbers(4, 3, seed=1)
    pair = Pair("p", lambda a, b: (a * b, (b, a)), lambda dout, cache: tuple(
        None if name == none else dout * other for name, other in zip(arguments, cache, strict=True)
    ))
    subject = Subject(Session({"p": pair}), "p", arguments, values)
    examination = structure.examine(subject)
    assert not examination.stopped and not said(examination.findings, "fail")
    (left,) = examination.unclaimed
    assert left[1] == f"not checked: {none}, for which backward returns None"
    sentence = f"d{none} is None, but the output depends on {none}: return its gradient, or say "
    assert said(examination.findings, "undecided") == ([] if not suggested else [
        ("wrong_shape", f"{sentence}that it has none with WRT = {suggested}")])
    named = failure(structure.examine(subject, wrt=arguments))
    assert named.message == f"d{none} is None, but WRT names {none}: return its gradient"


def test_none_of_what_the_output_does_not_depend_on_is_right():
    examination = examined(
        lambda x, w: (x * x, x), lambda dout, cache: (2 * cache * dout, None),
        (numbers(3), numbers(2)),
    )
    assert said(examination.findings, "undecided", "fail") == []
    assert [sentence for _, sentence in examination.unclaimed] == [
        "not checked: w, for which backward returns None; the output does not depend on it"]


# Behaviour --------------------------------------------------------------------------------------


def test_what_shares_memory_is_a_remark():
    examination = examined(
        lambda x, y: x + y, lambda dout, x, y: (dout, dout), (numbers(3), numbers(3, seed=1))
    )
    assert ("mutates_input", "dx, dy and dout share memory: whoever changes one in place changes "
            "the other") in said(examination.findings, "remark")


def test_a_backward_that_works_once_is_still_followed():
    def backward(dout, cache):
        cache.pop()
        return np.ones_like(dout)

    examination = examined(lambda x: (x * 1.0, [0]), backward, (numbers(3),))
    assert failure(examination).check == "ignores_upstream"


def test_runs_are_freed():
    session = Session({"p": Pair("p", lambda x: (x * x, x), lambda dout, cache: 2 * cache * dout)})
    structure.examine(Subject(session, "p", ["x"], (numbers(3),)))
    assert not session.runs


def test_nan_from_the_first_call_is_no_change():
    def backward(dout, cache):
        return np.where(cache == 0, np.nan, 2 * cache) * dout

    examination = examined(lambda x: (x * x, x), backward, (np.array([0.0, 1.0]),))
    assert failure(examination).check == "nan_at_edge"
    assert failure(examination).evidence == {"index": [0], "input": "x[0] = 0.0"}


# Parts ------------------------------------------------------------------------------------------


def test_slopes_fit_the_gradient_and_nothing_near_it():
    x = numbers(4, 3)
    subject = Subject(
        Session({"p": Pair("p", lambda x: np.sin(x), lambda dout, x: dout)}), "p", ["x"], (x,)
    )
    (leaf,) = subject.floats()
    outputs = subject.run().outputs
    upstream = subject.upstream(outputs, 0)
    slopes = experiments.Slopes(subject, weights_of(outputs, upstream))
    right = np.cos(x) * upstream
    assert slopes.fits(leaf, right)
    wrong = right.copy()
    wrong[2, 1] *= 1 + 1e-5
    assert not slopes.fits(leaf, wrong)
    assert not slopes.fits(leaf, right.T)
    assert not slopes.fits(leaf, np.full(x.shape, np.nan))


def test_experiments_of_a_slow_forward_are_left_out(monkeypatch):
    monkeypatch.setattr(experiments, "SECONDS", 0.0)
    x = numbers(4, 3)
    found = failure(examined(lambda x: x * x, lambda dout, x: (2 * x * dout).T, (x,)))
    assert found.message == "dx has shape (3, 4), x has (4, 3)"


def test_the_largest_change_is_relative_to_its_array():
    before = (np.array([1e8, 1.0]), {"b": np.array([1e-8, 2e-8])})
    after = (np.array([1e8, 2.0]), {"b": np.array([1e-8, 3e-8])})
    change = largest_change(before, after)
    assert change.path == (1, "b") and change.index == [1]
    assert change.size == pytest.approx(0.5)
    assert largest_change(before, before).size == 0
    assert largest_change((1.0,), (1.0, 2.0)).size == np.inf
    assert largest_change(np.array([np.nan]), np.array([np.nan])).size == 0
    assert largest_change(np.array([np.nan, 1.0]), np.array([0.0, 1.0])).size == np.inf


def test_changes_know_nan_new_shapes_and_numbers():
    before = {"a": np.array([np.nan, 1.0]), "b": 3, "c": np.zeros(2), "d": "text"}
    assert changes(before, dict(before, a=before["a"].copy())) == []
    found = changes(before, {"a": np.array([np.nan, 2.0]), "b": 4, "c": np.zeros(3), "d": "other"})
    assert [(path, index) for path, index, _ in found] == [
        (("a",), [1]), (("b",), []), (("c",), None)
    ]
    assert not_finite(np.array([[1.0, np.inf], [np.nan, 0.0]])) == [[0, 1], [1, 0]]


def test_modes_are_found_by_name():
    x = numbers(3)
    assert modes(["x"], (x,)) == [("", (x,))]
    found = modes(["x", "training"], (x, True))
    assert [label for label, _ in found] == ["training=True", "training=False"]
    assert [inputs[1] for _, inputs in found] == [True, False]
    found = modes(["x", "bn_param"], (x, {"mode": "test", "eps": 1e-5}))
    assert [inputs[1]["mode"] for _, inputs in found] == ["test", "train"]
    assert found[1][0] == "bn_param['mode']='train'"
    assert all(len(modes(["x", flag], (x, True))) == 2 for flag in FLAGS)
    assert modes(["x", "mode"], (x, "reflect")) == [("", (x, "reflect"))]


def test_a_mode_left_at_its_default_is_found():
    x = numbers(3)
    found = modes(["x", "p", "training"], (x,), {"p": 0.5, "training": True})
    assert [inputs[1:] for _, inputs in found] == [(0.5, True), (0.5, False)]
    assert modes(["x", "y", "training"], (x,), {"training": True}) == [("", (x,))]


def test_other_inputs_differ_but_stay_possible():
    x, labels = np.array([1.0, -2.0, 3.0], dtype=np.float32), np.array([0, 1, 2])
    tried = list(others((x, labels, 3, "mean")))
    assert all((inputs[0] != x).all() and inputs[0].dtype == x.dtype for inputs in tried)
    assert (np.sign(tried[0][0]) == -np.sign(x)).all()
    assert list(tried[0][1]) == [2, 1, 0] and list(tried[1][1]) == [0, 1, 2]
    assert all(inputs[2:] == (3, "mean") for inputs in tried)


@pytest.mark.parametrize("size", [1e-8, 1.0, 1e8])
def test_other_inputs_keep_the_sign_of_arrays_with_one(size):
    p, negative, zeros = np.array([0.0, 0.5, 1.0]), -np.array([0.5, 1.0, 2.0]), np.zeros(3)
    for positive, below, other in others((size * p, size * negative, zeros)):
        assert (positive > 0).all() and (positive < size).all() and (positive != size * p).any()
        assert (below < 0).all() and (below != size * negative).any()
        assert (other != 0).all()


def test_the_order_of_bytes_is_no_other_dtype():
    x = numbers(3).astype(">f8")
    found = examined(lambda x: (2 * x, None), lambda dout, _: 2 * dout.astype(">f8"), (x,))
    assert not found.stopped
    native = examined(lambda x: (2 * x, None), lambda dout, _: 2 * dout, (x,))
    assert not native.stopped

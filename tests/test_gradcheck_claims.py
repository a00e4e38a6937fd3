"""Which argument a returned gradient belongs to, for every way in which homework returns them."""

import numpy as np
import pytest

from minigen.gradcheck import gradcheck
from minigen.gradcheck.claims import match, read
from minigen.gradcheck.names import always, is_gradient, is_state, never
from minigen.gradcheck.nesting import as_array, kind, named
from minigen.gradcheck.subject import Subject
from minigen.gradcheck.variations import completed

X, W, B = np.ones((4, 3)), np.ones((3, 5)), np.ones(5)
DX, DW, DB = X.copy(), W.copy(), B.copy()
LABELS = np.array([0, 1, 2, 0])
LINEAR = {"x": X, "w": W, "b": B}


def matched(inputs, gradients, wrt=None, loss=False, arguments=None):
    """inputs: {name: value}; arguments: names, if there are more than are given."""
    subject = Subject(None, "p", arguments or inputs, tuple(inputs.values()))
    return match(subject, gradients, wrt, loss)


def labels(found):
    return [claim.label for claim in found.claims]


def verdicts(found):
    return [finding.verdict for finding in found.findings]


def message(found):
    (finding,) = found.findings
    assert finding.check == "wrong_shape" and "\n" not in finding.message
    return finding.message


READINGS = [  # name, inputs, gradients, labels of the claims
    ("in order", LINEAR, (DX, DW, DB), ["dx", "dw", "db"]),
    ("as a list", LINEAR, [DX, DW, DB], ["dx", "dw", "db"]),
    ("one array", {"x": X}, DX, ["dx"]),
    ("a tuple of one", {"x": X}, (DX,), ["dx"]),
    ("a number", {"x": np.array(2.0)}, 1.0, ["dx"]),
    ("by name", LINEAR, {"b": DB, "x": DX, "w": DW}, ["db", "dx", "dw"]),
    ("by the gradient's name", LINEAR, {"dx": DX, "grad_w": DW, "b_grad": DB}, ["dx", "dw", "db"]),
    ("one for each", {"x": X, "n": 2, "w": W}, (DX, None, DW), ["dx", "dw"]),
    ("for floats alone", {"x": X, "n": 2, "w": W}, (DX, DW), ["dx", "dw"]),
    ("labels", {"x": X, "y": LABELS}, DX, ["dx"]),
    ("labels with None", {"x": X, "y": LABELS}, (DX, None), ["dx"]),
    ("a float that counts", {"x": X, "s": 2.5}, (DX, 7.0), ["dx", "ds"]),
    ("a float with None", {"x": X, "s": 2.5}, (DX, None), ["dx"]),
    ("a float that does not", {"x": X, "s": 2.5, "w": W}, (DX, DW), ["dx", "dw"]),
    ("an eps answered by 0", {"x": X, "eps": 1e-5}, (DX, 0.0), ["dx"]),
    ("a target", {"x": X, "target": X, "w": W}, (DX, DW), ["dx", "dw"]),
    ("a target's own", {"x": X, "target": X}, (DX, -DX), ["dx", "dtarget"]),
    ("a mask of zeros", {"x": X, "mask": X}, (DX, 0 * X), ["dx"]),
    ("a missing bias", {"x": X, "w": W, "b": None}, (DX, DW, None), ["dx", "dw"]),
    ("a missing bias's own", {"x": X, "w": W, "b": None}, (DX, DW, DB), ["dx", "dw"]),
    ("a state", {"x": X, "g": B, "p": {"running_mean": B, "eps": 1.0}}, (DX, DB), ["dx", "dg"]),
    ("a dict", {"x": X, "p": {"W": W, "b": B}}, (DX, {"b": DB, "W": DW}),
     ["dx", "dp['b']", "dp['W']"]),
    ("a dict alone", {"p": {"W": W, "b": B}}, {"dW": DW, "db": DB}, ["dp['W']", "dp['b']"]),
    ("a dict unfolded", {"x": X, "p": {"W": W}}, {"dx": DX, "dW": DW}, ["dx", "dp['W']"]),
    ("a list", {"xs": [X, X]}, [DX, DX], ["dxs[0]", "dxs[1]"]),
    ("a list and an axis", {"xs": [X, X], "axis": 1}, [DX, DX], ["dxs[0]", "dxs[1]"]),
    ("a list in a tuple", {"xs": [X, X], "w": W}, ((DX, DX), DW), ["dxs[0]", "dxs[1]", "dw"]),
    ("lists in a dict", {"p": {"Ws": [W, W]}}, {"Ws": [DW, DW]}, ["dp['Ws'][0]", "dp['Ws'][1]"]),
    ("numbers in a list", {"x": B}, [1.0, 2.0, 3.0, 4.0, 5.0], ["dx"]),
]


@pytest.mark.parametrize(("inputs", "gradients", "expected"), [r[1:] for r in READINGS],
                         ids=[r[0] for r in READINGS])
def test_a_reading(inputs, gradients, expected):
    found = matched(inputs, gradients)
    assert labels(found) == expected
    assert verdicts(found) == []
    values = read(found.claims, gradients)
    for claim, value in zip(found.claims, values, strict=True):
        assert np.shape(value) == np.shape(claim.leaf.value)


def test_gradients_read_again_are_copies():
    found = matched(LINEAR, (DX, DW, DB))
    (value, *_) = read(found.claims, (2 * DX, DW, DB))
    assert (value == 2).all()
    for other in ((DX, DW), None):
        with pytest.raises(LookupError):
            read(found.claims, other)


WRONG = [  # name, inputs, gradients, verdict, words of the sentence
    ("nothing", LINEAR, None, "fail", "backward returns None: is its `return` missing?"),
    ("too many", {"x": X, "w": W}, (DX, DW, DB), "fail",
     "backward returns 3 gradients for the 2 floating arguments x, w"),
    ("two for one", {"x": X}, (DX, DX), "fail", "2 gradients for the 1 floating argument x"),
    ("too few", LINEAR, (DX, DW), "undecided", "backward returns 2 gradients for the 3 floating "
     'arguments x, w, b: say which, such as WRT = ("x", "w")'),
    ("one of two", {"x": X, "w": W}, DX, "undecided", 'such as WRT = ("x",)'),
    ("a name too few", LINEAR, {"dx": DX, "dw": DW}, "undecided",
     'no gradient for b: if there is none to return, say so with WRT = ("x", "w")'),
    ("no name known", LINEAR, {"one": DX}, "undecided", "name the gradients like the arguments"),
    ("a key too few", {"x": X, "p": {"W": W, "b": B}}, (DX, {"W": DW}), "undecided",
     "no gradient for p['b']"),
    ("an array for a dict", {"p": {"W": W, "b": B}}, DW, "fail",
     "dp is a float64 array, p is a dict of 2: return a dict with the keys 'W', 'b'"),
    ("an array for a list", {"x": X, "ws": [W, W]}, (DX, DW), "fail",
     "dws is a float64 array, ws is a list of 2: return a list of 2 gradients"),
    ("a shorter list", {"p": {"Ws": [W, W]}}, {"Ws": [DW]}, "fail", "return a list of 2"),
    ("an array for a number", {"x": X, "n": 2}, (DX, DB), "fail",
     "a gradient of shape (5,) for n, which is an int: return None there"),
    ("no floats", {"x": LABELS, "n": 2}, (DX, DX, DX), "undecided",
     "no argument is a floating array (x is an int64 array, n is an int)"),
]


@pytest.mark.parametrize(("inputs", "gradients", "verdict", "words"), [w[1:] for w in WRONG],
                         ids=[w[0] for w in WRONG])
def test_what_does_not_fit_is_said(inputs, gradients, verdict, words):
    found = matched(inputs, gradients)
    assert verdicts(found) == [verdict]
    assert words in message(found)


def test_fewer_gradients_are_claimed_by_their_shapes():
    found = matched(LINEAR, (DX, DB))
    assert labels(found) == ["dx", "db"] and found.others == []
    assert [leaf.label for leaf, _ in found.unclaimed] == ["w"]
    assert message(found).endswith('WRT = ("x", "b")')
    found = matched({"a": X, "b": X, "c": W}, (DX, DW))
    assert labels(found) == ["da", "dc"]
    assert [[claim.label for claim in other] for other in found.others] == [["db", "dc"]]
    assert labels(matched(LINEAR, (np.ones(7), np.ones(8)))) == []


def test_labels_of_a_loss_need_no_gradient():
    pair = {"x": X, "y": X}
    assert verdicts(matched(pair, DX, loss=True)) == []
    assert verdicts(matched(pair, DX, loss=False)) == ["undecided"]
    assert verdicts(matched(pair, (DX, None), loss=False)) == []


def test_what_the_output_does_not_depend_on_needs_no_gradient():
    subject = Subject(None, "p", ["x", "params"], (X, {"W": W, "V": W}))
    for depends, verdict in ((True, ["undecided"]), (False, [])):
        found = match(subject, {"dx": DX, "dW": DW}, depends=lambda leaf, d=depends: d)
        assert verdicts(found) == verdict
        assert [leaf.label for leaf, _ in found.unclaimed] == ["params['V']"]


def test_a_network_returns_the_gradients_of_its_parameters_alone():
    network = {"X": X, "params": {"W": W, "b": B}}
    found = matched(network, {"dW": DW, "db": DB})
    assert verdicts(found) == [] and labels(found) == ["dparams['W']", "dparams['b']"]
    assert [sentence for _, sentence in found.unclaimed] == [
        "not checked: X, for which backward returns no gradient"]
    found = matched(network, {"dW": DW})        # part of it: the student forgot one, perhaps
    assert 'no gradient for X, params[\'b\']: ' in message(found)
    assert message(found).endswith("""WRT = ("params['W']",)""")
    found = matched({**network, "g": B}, {"dW": DW, "db": DB})
    assert message(found).endswith('WRT = ("params",)')
    assert found.findings[0].evidence == {"missing": ["X", "g"]}
    assert verdicts(matched(network, (DX, None))) == []


def test_integers_are_noted_with_what_would_check_them():
    found = matched({"x": LABELS}, np.ones(4))
    assert labels(found) == []
    assert found.notes == [
        "not checked: the gradient of x, an int64 array; pass floats to have it checked"
    ]


def test_gradients_of_arguments_left_at_their_defaults_are_noted():
    found = matched({"x": X, "w": W}, (DX, DW, DB), arguments=["x", "w", "b"])
    assert labels(found) == ["dx", "dw"] and verdicts(found) == []
    assert found.notes == ["not checked: the gradient of b, which was not given"]


def test_wrt_says_what_belongs_to_what():
    assert labels(matched(LINEAR, (DX, DW), wrt=("x", "w"))) == ["dx", "dw"]
    assert labels(matched(LINEAR, (DW, DX), wrt=("w", "x"))) == ["dw", "dx"]
    assert labels(matched(LINEAR, DW, wrt="w")) == ["dw"]
    assert labels(matched(LINEAR, (DX, None, None), wrt=["x"])) == ["dx"]
    assert labels(matched(LINEAR, (DX, DW, DB), wrt=["x"])) == ["dx"]
    assert labels(matched(LINEAR, {"w": DW, "x": DX}, wrt=["x"])) == ["dx"]
    assert labels(matched({"x": X, "s": 2.5}, (DX, 1.0), wrt=["x", "s"])) == ["dx", "ds"]
    nested = {"x": X, "p": {"W": W, "b": B}}
    assert labels(matched(nested, DW, wrt=["p['W']"])) == ["dp['W']"]
    assert labels(matched(nested, {"W": DW, "b": DB}, wrt=["p"])) == ["dp['W']", "dp['b']"]
    held = matched({"x": X, "mask": X}, (DX, None), wrt=["x", "mask"])
    assert [claim.returned is None for claim in held.claims] == [False, True]


@pytest.mark.parametrize(
    ("wrt", "gradients", "verdict", "words"),
    [
        (("x", "w"), (DX,), "fail", "backward returns 1 gradient, but WRT names 2: x, w"),
        (("x", "w"), {"x": DX}, "fail", "backward returns no gradient for w, which WRT names"),
        (("x", "q"), (DX, DW), "undecided", "WRT names q; forward's arguments are x, w, b, n"),
        (("x", "n"), (DX, DW), "undecided", "WRT names n, which is an int: only floating"),
    ],
)
def test_wrt_that_does_not_fit_is_said(wrt, gradients, verdict, words):
    found = matched({**LINEAR, "n": 3}, gradients, wrt=wrt)
    assert verdicts(found) == [verdict]
    assert words in message(found)


def test_what_wrt_leaves_out_is_said():
    found = matched(LINEAR, DX, wrt=["x"])
    assert [sentence for _, sentence in found.unclaimed] == [
        "not checked: w, which WRT does not name", "not checked: b, which WRT does not name"
    ]


def test_names_are_weak_evidence():
    assert all(never(name) for name in ("target", "attention_mask", "running_var", "eps", "y_true"))
    assert not any(never(name) for name in ("x", "weight", "y", "steps"))
    assert never("y", labels=True)
    assert all(always(name) for name in ("W1", "b", "gamma", "Wx"))
    assert all(always(name, first=True) for name in ("x", "x_0", "logits", "w"))
    assert not any(always(name) for name in ("teacher", "old", "mask", "t", "y", "x"))
    assert is_state("moving_mean") and not is_state("x")
    assert all(map(is_gradient, ["self.dW", "cache['dx']", "self.grads['W']", "self.grad_b"]))
    assert not any(map(is_gradient, ["cache['data']", "self.W", "cache[0]", "self.dilation"]))
    assert named("dx", ["x", "dx"]) == ["dx"] and named("z", ["x"]) == []


def test_what_is_an_array_of_numbers():
    assert as_array([[1, 2], [3, 4]]).shape == (2, 2)
    assert as_array(2.0).shape == ()
    assert as_array("text") is None and as_array([[1], [2, 3]]) is None
    assert as_array(np.array([None, 1], dtype=object)) is None
    assert [kind(v) for v in (2, "s", None, [1], LABELS)] == [
        "an int", "a str", "None", "a list of 1", "an int64 array"
    ]


def test_arrays_that_are_defaults_are_checked_if_they_have_a_gradient():
    def forward(x, w=np.array([2.0, 3.0])):  # noqa: B008
        return x * w, (x, w)

    def right(dout, cache):
        return dout * cache[1], dout * cache[0]

    def wrong(dout, cache):
        return dout * cache[1], dout

    def fixed(dout, cache):
        return dout * cache[1]

    reports = [gradcheck(forward, b, inputs=(np.arange(2.0),)) for b in (right, wrong, fixed)]
    assert [report.verdict for report in reports] == ["pass", "fail", "pass"]
    assert [len(report.arguments) for report in reports] == [2, 2, 1]
    assert len(completed(["x", "eps", "out"], (1,), {"eps": 1e-5, "out": np.zeros(2)})) == 1

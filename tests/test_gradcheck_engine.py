"""The checker on minigen's own functions: what is right passes, what is wrong is named.

Idea: rows of the op table go through `gradcheck` at both orders; primitives and fused ops with a
mistake in them must be found out, with the argument's name; and whoever hands over a function gets
his arrays, tensors and generators back as they were.
Read next: test_gradcheck_modules.py.
"""

import json

import fake_cupy
import numpy as np
import pytest
from cases import CASES
from needs import needs

import minigen
from minigen import nn, ops
from minigen.backend import cupy, emulator
from minigen.gradcheck import check, gradcheck
from minigen.gradcheck.engine import as_pair
from minigen.op import fused, primitive
from minigen.ops.random import default_generator
from minigen.tensor import Tensor

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

EVERY = 12      # a row in so many goes through both orders: a sample of every family
SAMPLE = [case for case in CASES if case.differentiable][::EVERY]


def drawn(*shape, seed=0):
    return np.random.default_rng([11, seed]).standard_normal(shape)


def verdicts(report):
    return {argument.name: argument.verdict for argument in report.arguments}


def finding(report, check, verdict):
    """The only finding of this check and verdict."""
    (found,) = [f for f in report.structure if (f.check, f.verdict) == (check, verdict)]
    return found


# ---- what is right


@pytest.mark.parametrize("case", SAMPLE, ids=[case.name for case in SAMPLE])
def test_an_op_passes_at_both_orders(case):
    run, arrays = case.runs[0], case.arrays(case.runs[0])
    report = gradcheck(lambda *xs: case.fn(*xs, **run.options), inputs=tuple(arrays), order=2)
    assert report.passed, str(report)
    floats = [f"xs[{i}]" for i, x in enumerate(arrays) if x.dtype.kind == "f"]
    names = [*verdicts(report)]
    assert [name for name in names if "second" not in name] == floats
    assert names[len(floats) : 2 * len(floats)] == [f"{name} (second order)" for name in floats]
    assert names[2 * len(floats)].startswith("dout")
    assert finding(report, "forward_mode", "pass")


def test_nested_arguments_and_outputs_numbers_and_integers():
    def f(parameters, ids, scale, mode="sum"):
        rows = ops.embedding(ids, parameters["table"]) * scale
        total = ops.tanh(rows @ parameters["more"][0])
        return {"rows": rows, "loss": [getattr(total, mode)(), ids], "text": mode}

    inputs = ({"table": drawn(5, 3), "more": [drawn(3, 2)]}, np.array([1, 1, 4]), 0.5)
    report = gradcheck(f, inputs=inputs, order=2)
    assert report.passed, str(report)
    assert [*verdicts(report)] == [
        "parameters['table']",
        "parameters['more'][0]",
        "parameters['table'] (second order)",
        "parameters['more'][0] (second order)",
        "dout['rows'] (second order)",
        "dout['loss'][0] (second order)",
    ]


def test_arguments_by_name_and_a_point_for_every_seed():
    def make(seed):
        return {"x": drawn(2, 3, seed=seed), "dim": seed % 2}

    report = gradcheck(ops.softmax, inputs=make, wrt="x")
    assert report.passed and [*verdicts(report)] == ["x"]
    assert report.points_checked == ["seed 0", "seed 1", "seed 2"]


def test_float32_is_checked_in_float64_and_nothing_given_is_touched():
    x = minigen.tensor([[0.3, -1.2, 2.0]]).requires_grad_()
    x.grad = minigen.ones(1, 3)
    frozen = drawn(3, 2)
    frozen.flags.writeable = False
    before = x.data.copy()
    report = gradcheck(lambda x, w: ops.exp(x) @ w, inputs=(x, frozen))
    assert report.passed, str(report)
    assert "checked in float64" in report.notes[0] and "float32" in report.notes[0]
    assert report.arguments[0].max_rel_error < 1e-8
    assert x.data.dtype == "float32" and (x.data == before).all() and (x.grad.data == 1).all()


def test_the_same_array_twice_is_two_arguments():
    x = drawn(2, 3)
    report = gradcheck(lambda a, b: a * ops.sin(b), inputs=(x, x), order=2)
    assert report.passed and [*verdicts(report)][:2] == ["a", "b"]


def test_a_check_inside_no_grad():
    with minigen.no_grad():
        assert gradcheck(ops.tanh, inputs=drawn(3))


def test_the_report_is_json():
    document = json.loads(gradcheck(ops.tanh, inputs=drawn(3), order=2).to_json())
    assert document["verdict"] == "pass" and document["arguments"][1]["name"].startswith("x (sec")


# ---- kinks


@pytest.mark.parametrize("op", [ops.relu, ops.abs, lambda x: ops.clamp(x, min=0.0)])
def test_no_second_derivative_is_wrong_at_a_kink(op):
    x = drawn(4, 3)
    x[1] = 0
    report = gradcheck(op, inputs=x, order=2)
    assert report.passed, str(report)
    first, second, _ = report.arguments
    assert sorted(first.kinks) == sorted(second.kinks) == [[1, 0], [1, 1], [1, 2]]


def test_a_jump_leaves_a_first_gradient_undecided_but_may_be_expected():
    x, v = np.array([0.0, 1.0]), np.ones(2)
    slope = np.zeros(2)
    assert check(np.sign, [x], slope, v)[0].verdict == "undecided"
    (result,) = check(np.sign, [x], slope, v, jumps=True)
    assert result.verdict == "pass" and result.kinks == [(0,)]
    wrong = np.array([0.0, 1.0])
    assert check(np.sign, [x], wrong, v, jumps=True)[0].verdict == "fail"


def test_many_kinks_are_no_alarm_at_order_two():
    x = drawn(130) * (np.arange(130) % 2)
    report = gradcheck(ops.relu, inputs=x, order=2, mode="fast")
    assert report.passed, str(report)


def test_a_vertical_slope_is_never_called_wrong():
    x = np.array([0.0, 1.0, 2.0])
    assert gradcheck(ops.sqrt, inputs=x, order=2).verdict == "undecided"
    steep = gradcheck(lambda x: ops.where(x > 0, x**1.5, 0 * x), inputs=x, order=2)
    assert verdicts(steep)["x"] == "pass" and steep.verdict in ("pass", "undecided")


# ---- what is wrong


@primitive(lambda g, x: g * ops.cos(x) * 1.001)
def slightly_wrong_sin(x):
    return np.sin(x)


@primitive(lambda g, x: ops.cos(x))
def sin_without_upstream(x):
    return np.sin(x)


@primitive(lambda g, x: ops.sum(g * ops.cos(x), 0))
def sin_with_summed_gradient(x):
    return np.sin(x)


@primitive(lambda g, x, w: g * w, lambda g, x, w: g * ops.mean(x, 0, keepdim=True))
def wrong_under_broadcasting(x, w):
    return x * w


@primitive(lambda g, x: g * ops.cos(x))
def sin_that_writes_into_its_input(x):
    x *= 1.0 + 1e-12
    return np.sin(x)


@fused("x", reference=lambda x: ops.sin(x))
def sin_that_writes_into_its_upstream(x):
    def backward(g, needs):
        g *= np.cos(x)
        return (g,)

    return np.sin(x), backward


X, W = drawn(3, 4), drawn(4, seed=1)

WRONG = [       # function, inputs, the check that fails (None: values), the argument's name
    (slightly_wrong_sin, (X,), None, "x"),
    (wrong_under_broadcasting, (X, W), None, "w"),
    (sin_without_upstream, (X,), "ignores_upstream", "x"),
    (sin_that_writes_into_its_input, (X,), "mutates_input", "x"),
    (sin_that_writes_into_its_upstream, (X,), "mutates_input", "dout"),
]


@pytest.mark.parametrize(("function", "inputs", "kind", "name"), WRONG)
def test_a_wrong_op_is_named(function, inputs, kind, name):
    report = gradcheck(function, inputs=inputs, order=2)
    assert report.verdict == "fail", str(report)
    assert any("second derivatives" in note for note in report.notes)
    if kind is None:
        assert verdicts(report) == {n: "fail" if n == name else "pass" for n in verdicts(report)}
        assert name in verdicts(report)
    else:
        assert finding(report, kind, "fail").argument == name


def test_what_is_wrong_is_said_once():
    ignoring = primitive(lambda g, x: g * 0 + 2.0)(lambda x: x * 2)
    report = gradcheck(ignoring, inputs=np.linspace(1, 2, 4))
    assert [d.kind for d in report.diagnosis] == ["ignores_upstream"]


def test_a_gradient_of_another_shape_is_an_error_that_says_so():
    report = gradcheck(sin_with_summed_gradient, inputs=X)
    message = finding(report, "error", "error").message
    assert report.verdict == "error" and "(4,)" in message and "(3, 4)" in message


@primitive(lambda g, x: g * Tensor(np.cos(x.detach().numpy())))
def sin_with_one_derivative(x):
    return np.sin(x)


@fused("x", reference=lambda x: 1.01 * ops.sin(x))
def sin_with_another_reference(x):
    return np.sin(x), lambda g, needs: (g * np.cos(x),)


def test_a_gradient_that_forgets_its_own_graph_is_wrong_at_order_two_only():
    assert gradcheck(sin_with_one_derivative, inputs=X).passed
    found = verdicts(gradcheck(sin_with_one_derivative, inputs=X, order=2))
    assert found == {"x": "pass", "x (second order)": "fail", "dout (second order)": "pass"}


def test_a_fused_op_whose_reference_is_another_function():
    first = gradcheck(sin_with_another_reference, inputs=X)
    assert first.passed and "create_graph" in finding(first, "forward_mode", "remark").message
    second = gradcheck(sin_with_another_reference, inputs=X, order=2)
    assert finding(second, "forward_mode", "fail")
    assert verdicts(second)["x"] == "pass" and verdicts(second)["dout (second order)"] == "fail"


# ---- gradients that get lost


def test_a_gradient_lost_on_the_way_is_undecided_until_wrt_says_more():
    def f(x, y):
        return x * ops.exp(y.detach())

    report = gradcheck(f, inputs=(X, X))
    assert report.verdict == "undecided" and verdicts(report) == {"x": "pass"}
    assert finding(report, "wrong_shape", "undecided").argument == "y"
    assert gradcheck(f, inputs=(X, X), wrt="x").passed
    wrong = gradcheck(f, inputs=(X, X), wrt=["y", "x"])
    assert verdicts(wrong) == {"y": "fail", "x": "pass"}


def test_an_argument_that_nothing_depends_on_is_no_loss():
    report = gradcheck(lambda x, unused: ops.exp(x), inputs=(X, X))
    assert report.passed and [*verdicts(report)] == ["x"]


def test_outputs_without_a_gradient_are_left_out():
    report = gradcheck(lambda x: (ops.exp(x), (x * x).detach(), ops.argmax(x)), inputs=X, order=2)
    assert report.passed, str(report)
    assert gradcheck(lambda x: ops.max(x, 1), inputs=X, order=2).passed


# ---- random numbers


def test_the_default_generator_is_pinned_and_comes_back():
    generator = default_generator()
    before = generator.state_dict()
    np.random.seed(3)
    numpys = np.random.get_state()[1].copy()
    assert gradcheck(lambda x: ops.dropout(x * x, 0.5), inputs=drawn(40), order=2)
    assert not gradcheck(lambda x: ops.dropout(x, 0.5) + x.no_such_method(), inputs=drawn(4))
    assert generator.state_dict() == before
    assert (np.random.get_state()[1] == numpys).all()


def test_a_generator_among_the_arguments_starts_anew_every_time():
    rng = minigen.Generator(5)
    before = rng.state_dict()
    report = gradcheck(
        lambda x, rng: x * ops.normal(x.shape, rng=rng, dtype="float64"), inputs=(X, rng)
    )
    assert report.passed and rng.state_dict() == before


def test_a_generator_that_a_function_closes_over_starts_anew_and_comes_back():
    rng = minigen.Generator(5)
    before = rng.state_dict()
    assert gradcheck(lambda x: ops.dropout(x * x, 0.5, rng=rng), inputs=drawn(20), order=2)
    assert rng.state_dict() == before


@pytest.mark.parametrize("rng", [None, minigen.Generator(3)], ids=["default", "its own"])
def test_a_gradient_that_draws_its_mask_anew_is_wrong(rng):
    def mask(shape):
        return ops.uniform(shape, rng=rng).data > 0.5

    @primitive(lambda g, x: g * Tensor(mask(g.shape)).to(g.dtype))
    def forgetful_dropout(x):
        return x * mask(x.shape)

    assert gradcheck(forgetful_dropout, inputs=drawn(30)).verdict == "fail"


# ---- errors that teach


def refusal(f, *inputs):
    return finding(gradcheck(f, inputs=inputs), "error", "error").message


def test_the_users_line_is_named():
    def f(x):
        return ops.exp(x) @ x.reshape(-1)

    message = refusal(f, X)
    assert "forward, line" in message and "return ops.exp(x) @ x.reshape(-1)" in message


def test_what_is_no_tensor_is_refused():
    assert "must return a tensor" in refusal(lambda x: x.detach().numpy() * 2, X)
    assert "not float" in refusal(lambda x: [x.sum().item()], X)
    assert "no output requires grad" in refusal(lambda x: x.detach() * 2, X)
    assert "no output requires grad" in refusal(lambda i: i * 2, np.arange(3))
    assert "missing 1 required" in refusal(lambda x, y: x * y, X)


def test_an_input_overwritten_by_hand_is_told():
    def f(x):
        y = x * x
        minigen.assign(x, 0.0)
        return y

    report = gradcheck(f, inputs=X)
    assert report.verdict == "fail" and finding(report, "mutates_input", "fail").argument == "x"


def test_what_cannot_be_checked_at_all_raises():
    with pytest.raises(TypeError, match="expected a function of tensors or a module, got str"):
        gradcheck("tanh", inputs=X)
    with pytest.raises(TypeError, match=r"Linear is a class; give it a module, such as Linear"):
        gradcheck(nn.Linear, inputs=X)
    with pytest.raises(ValueError, match="order must be 1 or 2, not 3"):
        gradcheck(ops.exp, inputs=X, order=3)


# ---- as a pair, and on a GPU


def test_a_function_as_a_pair_of_arrays():
    pair = as_pair(ops.mul, (X, minigen.tensor(W)))
    assert pair.describe()["arguments"] == ["a", "b"] and pair.wrt == ["a", "b"]
    x, w = pair.inputs(0)
    assert isinstance(w, np.ndarray) and w.dtype == np.float64
    y, call = pair.forward((x, w))
    for _ in range(2):
        dx, dw = pair.backward(np.ones((3, 4)), call)
        np.testing.assert_array_equal(y, X * w)
        np.testing.assert_array_equal(dx, np.broadcast_to(w, (3, 4)))
        np.testing.assert_allclose(dw, X.sum(0))


@needs(emulator)
def test_tensors_of_a_gpu_are_checked_there(monkeypatch):
    fake_cupy.install(monkeypatch)
    cupy.module.cache_clear()
    devices = set()

    def f(x, w):
        devices.update({x.device, w.device})
        return ops.tanh(x @ w)

    try:
        x, w = (Tensor(a).to("gpu:1") for a in (drawn(2, 3), drawn(3, 2)))
        report = gradcheck(f, inputs=(x, w), order=2)
    finally:
        cupy.module.cache_clear()
    assert report.passed, str(report)
    assert devices == {"gpu:1"}

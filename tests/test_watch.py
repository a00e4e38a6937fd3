"""Watching ops: what anomaly mode says, what a profile counts, what an op hook is told."""

import inspect
import re
import warnings

import numpy as np
import pytest

import minigen as mg
from minigen import nn, ops
from minigen.autograd import mode

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # log(0) is what this is about


def log_of(x):
    return ops.log(x)  # this line is named


def root_of(x):
    return x.sqrt()


def line_of(function):
    """file:line: code of the function's first line, as anomaly mode writes it."""
    lines, start = inspect.getsourcelines(function)
    return f"{__file__}:{start + 1}: {lines[1].strip()}"


def anomaly_in(work):
    """The text of the error that work() raises in anomaly mode."""
    with pytest.raises(FloatingPointError) as caught, mg.anomaly():
        work()
    return str(caught.value)


# ---- anomaly mode


def test_forward_names_the_op_the_line_and_the_ranges():
    x = mg.tensor([[2.0, 0.0], [1.0, 5.0]])
    expected = f"log made inf at {line_of(log_of)}\n  x: shape (2, 2), from 0 to 5"
    assert anomaly_in(lambda: log_of(x + 0)) == expected


def test_every_tensor_among_the_arguments_has_its_range():
    a, b = mg.tensor([0.0, 1.0]), mg.tensor([[-2.5, 3.0], [0.0, 1e9]])
    lines = anomaly_in(lambda: a / b).splitlines()
    assert lines[0].startswith(f"div made nan at {__file__}:") and "a / b" in lines[0]
    assert lines[1:] == ["  a: shape (2,), from 0 to 1", "  b: shape (2, 2), from -2.5 to 1e+09"]


def test_backward_names_the_line_that_called_the_op():
    x = mg.tensor([0.0, 4.0], requires_grad=True)
    assert anomaly_in(lambda: (root_of(x) * 3).sum().backward()) == (
        f"the gradient of sqrt is inf for its input x; the op was called at {line_of(root_of)}\n"
        "  upstream gradient: shape (2,), from 3 to 3"
    )


def test_backward_names_the_argument_even_if_others_need_no_gradient():
    # startswith: the code of the line, and so the expected text, stands in the message too
    x = mg.tensor([0.0], requires_grad=True)
    text = anomaly_in(lambda: (x**0.5).sum().backward())
    assert text.startswith("the gradient of pow is inf for its input a;")
    c, w = mg.tensor([1e30]), mg.tensor([1e3], requires_grad=True)
    text = anomaly_in(lambda: (c * w).backward(c))
    assert text.startswith("the gradient of mul is inf for its input b;")


def test_a_forward_outside_of_anomaly_mode_leaves_no_line():
    x = mg.tensor([0.0], requires_grad=True)
    y = x.sqrt()
    text = anomaly_in(lambda: y.sum().backward())
    assert "called at a line unknown: run the forward pass in anomaly mode too" in text


def test_the_line_is_the_users_also_below_modules_and_composites():
    net = nn.Sequential(nn.Linear(2, 2), nn.Softplus())
    mg.assign(net[0].weight, float("inf"))
    text = anomaly_in(lambda: net(mg.ones(1, 2)))
    assert text.startswith(f"linear made inf at {__file__}:") and "net(mg.ones(1, 2))" in text
    target = mg.tensor([float("nan")])
    text = anomaly_in(lambda: ops.mse_loss(mg.ones(1), target))
    assert text.startswith(f"mse made nan at {__file__}:") and "ops.mse_loss(mg.ones" in text


def test_fused_ops_and_recorded_gradients_are_watched_too():
    x = mg.tensor([2.4], requires_grad=True)  # where the slope of silu is 1.1
    text = anomaly_in(lambda: ops.silu(x).backward(mg.tensor([3.3e38])))
    assert text.startswith("the gradient of silu is inf for its input x")
    y = mg.tensor([1e-30], requires_grad=True)

    def twice():
        (g,) = mg.grad(ops.log(y).sum(), y, create_graph=True)
        mg.grad(g.sum(), y)

    assert re.match(r"the gradient of \w+ is inf", anomaly_in(twice))


def test_arrays_and_integers_are_no_anomaly():
    with mg.anomaly():
        assert ops.exp(np.zeros(2)).tolist() == [1, 1]
        assert mg.tensor([1, 2]).sum().item() == 3
        assert ops.zeros(0).sum().item() == 0
    assert anomaly_in(lambda: ops.exp(mg.tensor([1000.0]))).startswith("exp made inf")


def test_off_it_costs_nothing():
    assert mode.get().watchers == ()
    with mg.anomaly(), mg.profile():
        assert len(mode.get().watchers) == 2
    assert mode.get().watchers == ()
    x = mg.tensor([0.0], requires_grad=True)
    y = x.log()
    assert y.node.where is None and np.isneginf(y.item())
    assert anomaly_in(x.log).startswith("log made inf")
    assert mode.get().watchers == ()


def test_overflow_in_backward_is_silent_when_off():
    x = mg.tensor([0.0, 1e-38], requires_grad=True)
    y = x.sqrt()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (y * 3e38).sum().backward()
    assert np.isinf(x.grad.numpy()).all()


# ---- profile and op_hook


def test_a_profile_counts_calls_and_bytes_forward_and_backward():
    x = mg.ones(10, 10, requires_grad=True)
    with mg.profile() as p:
        for _ in range(3):
            x.grad = None
            (x * x).exp().sum().backward()
    calls = {name: (row[0], row[3]) for name, row in p.rows.items()}
    assert calls == {"mul": (3, 3), "exp": (3, 3), "sum": (3, 3)}
    made = {name: (row[2], row[5]) for name, row in p.rows.items()}
    assert made["mul"] == (3 * 400, 3 * 800) and made["exp"] == (3 * 400, 3 * 400)
    assert made["sum"] == (3 * 4, 3 * 400)
    assert all(row[1] > 0 and row[4] > 0 for row in p.rows.values())


def test_a_profile_prints_a_table_with_the_slowest_first():
    x = mg.ones(300, 300, requires_grad=True)
    with mg.profile() as p:
        ((x @ x).relu() + 1).sum().backward()
    lines = str(p).splitlines()
    head = "op                         calls        ms       MB   backward        ms       MB"
    assert lines[0] == head and {line.split()[0] for line in lines[1:]} == set(p.rows)
    assert len({len(line) for line in lines}) == 1
    order = [line.split()[0] for line in lines[1:]]
    assert order == sorted(order, key=lambda name: -p.rows[name][1] - p.rows[name][4])


def test_an_op_hook_is_told_names_arguments_and_results():
    told = []
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    with mg.op_hook(
        forward=lambda op, args, y, seconds: told.append((op.name, args, y.tolist(), seconds > 0)),
        backward=lambda node, g, gradients, seconds: told.append((node.op.name, len(gradients))),
    ):
        ops.sum(x * 3, keepdim=True).backward()
    assert [entry[0] for entry in told] == ["mul", "sum", "sum", "mul"]
    assert told[0][1][0] is x and told[0][1][1:] == (3,) and told[0][2:] == ([3, 6], True)
    assert told[1][1][1:] == (None, True) and told[3][1] == 1


def test_hooks_nest_and_what_a_hook_does_is_not_reported():
    outer, inner = [], []
    x = mg.ones(2)

    def record(into):
        def forward(op, args, y, seconds):
            into.append(op.name)
            (y + 1).exp()  # the work of a watcher is its own

        return mg.op_hook(forward=forward)

    with record(outer):
        x * 2
        with record(inner):
            x - 2
        x / 2
    assert inner == ["sub"] and outer == ["mul", "sub", "div"]

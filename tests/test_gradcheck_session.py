"""What can be asked of a homework: repeatable forwards, fresh copies, errors that name the line.

Idea: sessions in this process, of functions and classes written as text into real files.
"""

import random
import sys

import numpy as np
import pytest

from minigen.gradcheck.child.discover import make_pair
from minigen.gradcheck.child.session import Session, StudentError


@pytest.fixture
def homework(homework):
    """homework(text), with NumPy imported in its first line."""
    return lambda text: homework("import numpy as np\n" + text)


def outputs(session, *inputs):
    return session.forward("f", inputs)["outputs"]


def gradients(session, inputs, upstream, name="f", **options):
    run = session.forward(name, inputs, keep=True)
    return session.backward(run["run"], upstream, **options)["gradients"]


BACKWARD = "def f_backward(dout, cache): return dout\n"

# Random state ------------------------------------------------------------------------------------

DRAWS = {
    "NumPy's global one": "np.random.rand(3)",
    "Python's global one": "random.random()",
    "a module's Generator": "rng.random(3)",
    "a module's RandomState": "old.rand(3)",
    "a module's Random": "mine.random()",
    "a default": "hidden.random(3)",
    "an enclosing variable": "closed()",
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_forward_draws_the_same_again(homework, draw):
    session = homework("import random\n" + BACKWARD + f"""
rng, old, mine = np.random.default_rng(3), np.random.RandomState(3), random.Random(3)
def enclosed():
    inner = np.random.default_rng(4)
    return lambda: inner.random(3)
closed = enclosed()
def f_forward(x, hidden=np.random.default_rng(5)): return x * {draw}
""")
    first = outputs(session, np.ones(3))
    np.random.rand(5), random.random()
    assert np.array_equal(outputs(session, np.ones(3)), first)
    place = session.place("f", (np.zeros(3),))
    moved = session.probe(place, [[((0,), None, np.ones(3))]] * 2)
    assert all(np.array_equal(one, first) for one in moved)


def test_a_generator_among_the_arguments_draws_the_same_again(homework):
    session = homework("def f_forward(x, rng): return x * rng.random(3)\n" + BACKWARD
                       + "def make_inputs(seed): return np.ones(3), np.random.default_rng(seed)\n")
    inputs = session.inputs("f", 3)
    assert np.array_equal(outputs(session, *inputs), outputs(session, *inputs))


def test_inputs_follow_the_seed(homework):
    session = homework("def f_forward(x): return x\n" + BACKWARD
                       + "def make_inputs(): return (np.random.rand(),)\n")
    assert session.inputs("f", 1) == session.inputs("f", 1) != session.inputs("f", 2)


def test_a_backward_that_draws_its_mask_anew_is_seen(homework):
    for draw in ("np.random.rand(50)", "rng.random(50)"):
        session = homework(f"""
rng = np.random.default_rng(0)
def f_forward(x): return x * {draw}
def f_backward(dout, cache): return dout * {draw}
""")
        mask = outputs(session, np.ones(50))
        first, second = (gradients(session, (np.ones(50),), np.ones(50)) for _ in range(2))
        assert not np.isin(first, mask).all()
        assert not np.isin(second, first).all()


def test_the_callers_random_state_stays(homework):
    rng = np.random.default_rng(1)

    def f_forward(x):
        return x * rng.random() * np.random.rand() * random.random()

    session = Session({"f": make_pair("f", f_forward, lambda dout, cache: dout)})
    states = np.random.get_state()[1].tolist(), random.getstate(), rng.bit_generator.state
    gradients(session, (1.0,), 1.0)
    session.probe(session.place("f", (1.0,)), [[]])
    assert np.random.get_state()[1].tolist() == states[0]
    assert (random.getstate(), rng.bit_generator.state) == states[1:]


# Copies ------------------------------------------------------------------------------------------


def test_every_forward_meets_fresh_arguments(homework):
    session = homework("""
def f_forward(x, state):
    state["count"] = state.get("count", 0) + 1
    x *= 2
    return x * state["count"]
""" + BACKWARD)
    x, state = np.ones(2), {}
    assert [outputs(session, x, state).tolist() for _ in range(2)] == [[2.0, 2.0]] * 2
    assert (x.tolist(), state) == ([1, 1], {})
    run = session.forward("f", (x, state), keep=True)["run"]
    assert session.look(run)["inputs"][0].tolist() == [2, 2]
    assert session.look(run)["inputs"][1] == {"count": 1}


@pytest.mark.parametrize(("part", "text"), [
    ("forward", "def f_forward(x):\n    x += 1\n    return x, x\n" + BACKWARD),
    ("backward", "def f_forward(x): return x, [x * 2]\n"
                 "def f_backward(dout, cache):\n    cache[0] += 1\n    return dout"),
    ("backward", "def f_forward(x): return x, None\n"
                 "def f_backward(dout, cache):\n    dout += 1\n    return dout"),
])
def test_readonly_names_the_line_that_writes(homework, part, text):
    session = homework(text)
    if part == "backward":
        run = session.forward("f", (np.ones(2),), keep=True)["run"]
        with pytest.raises(StudentError, match="read-only") as caught:
            session.backward(run, np.ones(2), readonly=True)
    else:
        with pytest.raises(StudentError, match="read-only") as caught:
            session.forward("f", (np.ones(2),), readonly=True)
    assert caught.value.where.startswith(f"{part}, line ")
    assert caught.value.where.endswith("+= 1")


def test_shared_memory_is_told(homework):
    session = homework("def f_forward(x, w): return x + w\n"
                       "def f_backward(dout, x, w): return dout, dout")
    run = session.forward("f", (np.ones(2), np.ones(2)), keep=True)["run"]
    shares = session.backward(run, np.ones(2))["shares"]
    assert ["gradient[0]", "gradient[1]"] in shares


# Errors ------------------------------------------------------------------------------------------

FAILURES = {
    "x[7]": ("error", "IndexError: index 7 is out of bounds for axis 0 with size 2"),
    "exit(3)": ("error", "SystemExit: 3"),
    "f_forward(x)": ("error", "RecursionError: maximum recursion depth exceeded"),
    "np.zeros(1 << 50)": ("memory", "Unable to allocate"),
    "np.linalg.inv(np.ones((2, 3)))": ("error", "LinAlgError"),
    "fail(Weird())": ("error", "Weird"),
    "fail(ValueError('x' * 10_000))": ("error", "ValueError: xxx"),
}


@pytest.mark.parametrize("line", FAILURES)
def test_errors_name_line_and_text(homework, line):
    session = homework(f"""
from sys import exit
class Weird(Exception):
    def __str__(self): raise RuntimeError
def fail(error): raise error
def f_forward(x):
    y = {line}
    return y
""" + BACKWARD)
    kind, message = FAILURES[line]
    with pytest.raises(StudentError) as caught:
        outputs(session, np.ones(2))
    assert caught.value.kind == kind
    assert message in caught.value.message
    assert len(caught.value.message) <= 500
    own = "line 6: def fail" if line.startswith("fail") else f"line 8: y = {line}"
    assert caught.value.where.startswith(f"forward, {own}")


def test_errors_of_functions_without_a_file():
    def f_forward(x):
        return x.nothing

    session = Session({"f": make_pair("f", f_forward, lambda dout, cache: dout)})
    with pytest.raises(StudentError) as caught:
        outputs(session, 1.0)
    assert caught.value.where.startswith("forward, test_gradcheck_session.py, line ")
    assert caught.value.where.endswith(": return x.nothing")


def test_too_few_inputs(homework):
    session = homework("def f_forward(x, w): return x * w\n" + BACKWARD)
    with pytest.raises(StudentError, match="missing 1 required positional argument: 'w'") as caught:
        outputs(session, 1.0)
    assert caught.value.where == "forward"


def test_the_callers_interrupt_goes_through():
    def f_forward(x):
        raise KeyboardInterrupt

    session = Session({"f": make_pair("f", f_forward, lambda dout, cache: dout)})
    with pytest.raises(KeyboardInterrupt):
        outputs(session, 1.0)


@pytest.mark.parametrize("value", ["None", "'text'", "[1.0, 2.0]", "(1.0,)", "np.float32(1.0)"])
def test_outputs_of_any_kind_come_back(homework, value):
    session = homework(f"def f_forward(x): return {value}\n" + BACKWARD)
    expected = eval(value, {"np": np})
    expected = expected[0] if isinstance(expected, tuple) else expected
    assert repr(outputs(session, 1.0)) == repr(expected)


def test_a_homework_that_replaces_numpys_functions(homework, monkeypatch):
    names = ("array", "asarray", "errstate", "may_share_memory", "ndarray", "size")
    for name in names:      # so that they come back after the test
        monkeypatch.setattr(np, name, getattr(np, name))
    replaced = "".join(f"np.{name} = None\n" for name in names)
    replaced += "".join(f"np.random.{n} = None\n" for n in ("seed", "get_state", "set_state"))
    for name in ("seed", "get_state", "set_state"):
        monkeypatch.setattr(np.random, name, getattr(np.random, name))
    session = homework(replaced + "def f_forward(x): return 3 * x, x\n"
                       "def f_backward(dout, cache): return 3 * dout\n")
    x = np.ones(2)
    assert gradients(session, (x,), x).tolist() == [3, 3]
    place = session.place("f", (x,))
    assert session.probe(place, [[((0,), 1, 5.0)]])[0].tolist() == [3, 15]


# Numerical differentiation -----------------------------------------------------------------------


@pytest.mark.parametrize(("body", "calls"), [
    ("return 2 * dout", 0),
    ("return dout * f_forward(cache)[0] / cache", 1),
    ("return sum(dout * (f_forward(cache + h)[0] - f_forward(cache)[0]) / h for h in [1e-6])", 2),
])
def test_calls_of_forward_from_backward_are_counted_once(homework, body, calls):
    session = homework("def f_forward(x): return 2 * x, x\n"
                       f"def f_backward(dout, cache): {body}\n")
    run = session.forward("f", (np.ones(2),), keep=True)["run"]
    answers = [session.backward(run, np.ones(2)) for _ in range(2)]
    assert [a["forward_calls"] for a in answers] == [calls, None]
    assert sys.getprofile() is None

"""no_grad and enable_grad per thread and per task, what requires grad, and repeatability."""

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import minigen as mg
from minigen import nn, ops

ROOT = Path(__file__).parent.parent


def records(x):
    return (x * 2).requires_grad


@pytest.fixture
def x():
    return mg.ones(2, requires_grad=True)


# ---- recording on and off


def test_no_grad_and_enable_grad_nest(x):
    assert records(x) and mg.is_grad_enabled()
    with mg.no_grad():
        assert not records(x) and not mg.is_grad_enabled()
        with mg.enable_grad():
            assert records(x)
            with mg.no_grad():
                assert not records(x)
            assert records(x)
        assert not records(x)
    assert records(x)


def test_an_exception_ends_no_grad(x):
    with pytest.raises(KeyError), mg.no_grad():
        raise KeyError
    assert records(x)


def test_one_context_object_can_be_entered_twice(x):
    off = mg.no_grad()
    with off, off:
        assert not records(x)
    assert records(x)


def test_as_a_decorator_also_for_recursive_functions(x):
    @mg.no_grad()
    def depth(n):
        """Its docstring."""
        inner = depth(n - 1) if n else []
        return [*inner, records(x)]

    @mg.enable_grad()
    def recorded():
        return records(x)

    assert depth(3) == [False] * 4 and records(x)
    assert depth.__name__ == "depth" and depth.__doc__ == "Its docstring."
    with mg.no_grad():
        assert recorded() and not records(x)


def test_as_a_decorator_where_it_would_do_nothing_it_is_refused():
    def batches():
        yield 1

    async def work():
        pass

    for function in (batches, work):
        with pytest.raises(TypeError, match=f"no_grad above {function.__name__} would end before"):
            mg.no_grad()(function)
    with pytest.raises(TypeError, match=r"above a function, write @enable_grad\(\)"):
        mg.enable_grad(records)


def test_what_is_made_under_no_grad_is_a_leaf_without_grad(x):
    with mg.no_grad():
        y = x * 2
        p = mg.ones(2, requires_grad=True)
    assert y.is_leaf and not y.requires_grad and p.requires_grad
    (y * x).sum().backward()
    assert x.grad.tolist() == [2, 2] and y.grad is None


def test_backward_works_under_no_grad(x):
    loss = (x * x).sum()
    with mg.no_grad():
        loss.backward()
        assert not mg.is_grad_enabled()
    assert x.grad.tolist() == [2, 2]


def test_threads_have_modes_of_their_own(x):
    inside, tested, seen = threading.Event(), threading.Event(), {}

    def off():
        with mg.no_grad():
            inside.set()
            tested.wait(10)
            seen["off"] = records(x)

    thread = threading.Thread(target=off)
    thread.start()
    assert inside.wait(10)
    seen["main"] = records(x)
    with mg.no_grad():
        other = threading.Thread(target=lambda: seen.update(fresh=records(x)))
        other.start()
        other.join()
    tested.set()
    thread.join()
    assert seen == {"off": False, "main": True, "fresh": True}


def test_a_decorated_function_may_run_in_many_threads_at_once(x):
    inside, ended = [threading.Event() for _ in "ab"], [threading.Event() for _ in "ab"]

    @mg.no_grad()
    def work(i):
        inside[i].set()
        inside[1 - i].wait(10)
        if i == 1:
            ended[0].wait(10)  # who entered first leaves first

    results, errors = {}, []

    def run(i):
        if i == 1:
            inside[0].wait(10)
        try:
            work(i)
            results[i] = records(x)
        except ValueError as error:
            errors.append(error)
        ended[i].set()

    threads = [threading.Thread(target=run, args=(i,)) for i in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == [] and results == {0: True, 1: True}


def test_tasks_have_modes_of_their_own(x):
    async def off(inside, tested):
        with mg.no_grad():
            inside.set()
            await tested.wait()
            return records(x)

    async def main():
        inside, tested = asyncio.Event(), asyncio.Event()
        task = asyncio.create_task(off(inside, tested))
        await inside.wait()
        here = records(x)
        tested.set()
        return here, await task

    assert asyncio.run(main()) == (True, False) and records(x)


def test_threads_may_differentiate_at_the_same_time():
    def gradient(k, out):
        w = mg.full((50,), float(k), requires_grad=True)
        for _ in range(30):
            w.grad = None
            h = w
            for _ in range(10):
                h = h * 1.0 + w
            h.sum().backward()
        out[k] = w.grad.tolist()

    out = {}
    threads = [threading.Thread(target=gradient, args=(k, out)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert out == {k: [11.0] * 50 for k in range(4)}


# ---- requires_grad


def test_results_require_grad_if_an_input_does(x):
    c = mg.ones(2)
    assert (x + c).requires_grad and not (c + c).requires_grad
    assert not (x.detach() + c).requires_grad
    assert (x + c).is_leaf is False and c.is_leaf and x.is_leaf


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x > 0,
        lambda x: x.argmax(),
        lambda x: x.max(0).indices,
        lambda x: ops.isnan(x),
        lambda x: ~(x == x),
        lambda x: x.long(),
        lambda x: x.bool(),
        lambda x: x.to("int8"),
        lambda x: ops.cast(x, "uint8"),
        lambda x: ops.zeros_like(x),
    ],
)
def test_integers_and_booleans_never_require_grad(x, f):
    y = f(x)
    assert not y.requires_grad and y.is_leaf


def test_requires_grad_is_for_float_leaves(x):
    c = mg.ones(3)
    assert c.requires_grad_() is c and c.requires_grad
    c.requires_grad = False
    assert not c.requires_grad
    for made in (lambda: mg.tensor([1], requires_grad=True), lambda: mg.eye(2) > 0):
        with pytest.raises(TypeError, match="cannot require grad: only floats have gradients"):
            made().requires_grad_()
    with pytest.raises(RuntimeError, match=r"requires_grad can only be set on a leaf; .* of mul"):
        (x * 2).requires_grad = False


def test_freezing_a_leaf_stops_later_graphs(x):
    x.requires_grad = False
    assert not records(x)
    x.requires_grad = True
    (x * 3).sum().backward()
    assert x.grad.tolist() == [3, 3]


def test_detach_shares_memory_and_stops_gradients(x):
    d = x.detach()
    assert np.shares_memory(d.data, x.data) and not d.requires_grad
    (x * d).sum().backward()
    assert x.grad.tolist() == [1, 1]


# ---- same seed, same bits

TRAINING = """
import hashlib
import minigen as mg
from minigen import nn, ops

def fingerprint():
    rng = mg.manual_seed(3)
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.GELU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Dropout(0.3), nn.Linear(64, 10),
    )
    optimizer = mg.optim.AdamW(net.parameters(), lr=1e-2)
    x, target = rng.normal((64, 1, 8, 8)), rng.randint(0, 10, (64,))
    for _ in range(5):
        optimizer.zero_grad()
        loss = ops.cross_entropy(net(x[rng.permutation(64)[:32]]), target[:32])
        loss.backward()
        optimizer.step()
    state = hashlib.sha256(loss.detach().numpy().tobytes())
    for p in net.parameters():
        state.update(p.detach().numpy().tobytes())
    return state.hexdigest()
"""


def test_same_seed_same_bits_twice_and_in_another_process():
    here = {}
    exec(TRAINING, here)
    first, second = here["fingerprint"](), here["fingerprint"]()
    done = subprocess.run(
        [sys.executable, "-c", TRAINING + "\nprint(fingerprint())"],
        capture_output=True, text=True, cwd=ROOT, timeout=60, check=True,
    )
    assert first == second == done.stdout.strip()


def test_another_seed_gives_another_result():
    def weights(seed):
        mg.manual_seed(seed)
        return nn.Linear(3, 3).weight.tolist()

    assert weights(1) == weights(1) != weights(2)

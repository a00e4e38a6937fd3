"""The homework's own process answers as a session here would, within limits, and leaves nothing.

What hostile files do to it stands in test_gradcheck_hostile.py.
"""

import _thread
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import minigen
from minigen.gradcheck.child import discover
from minigen.gradcheck.child.session import StudentError
from minigen.gradcheck.output import HALF, Output
from minigen.gradcheck.process import Process

linux = pytest.mark.skipif(sys.platform != "linux", reason="limits are kept by Linux only")
ROOT = Path(minigen.__file__).resolve().parents[1]

LINEAR = """
import os, sys, time
import numpy as np

def linear_forward(x, w):
    return x @ w, (x, w)

def linear_backward(dout, cache):
    x, w = cache
    return dout @ w.T, x.T @ dout

def linear_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((2, 3)), rng.standard_normal((3, 4))

def say_forward(x):
    print("forward")
    return x, x

def say_backward(dout, cache):
    print("backward")
    time.sleep(float(cache))
    return dout
"""


@pytest.fixture
def linear(tmp_path):
    path = tmp_path / "homework.py"
    path.write_text(LINEAR, encoding="utf-8")
    with Process(path) as process:
        yield process


def with_code(tmp_path, source):
    path = tmp_path / "homework.py"
    path.write_text(LINEAR + source, encoding="utf-8")
    return path


def asked(session):
    """Answers of every kind, without the numbers of runs."""
    inputs = session.inputs("linear", 3)
    run = session.forward("linear", inputs, keep=True)
    upstream = np.ones((2, 4))
    place = session.place("linear", inputs)
    answers = [
        session.describe(),
        inputs,
        run["outputs"],
        session.backward(run["run"], upstream, readonly=True),
        session.look(run["run"]),
        session.probe(place, [[((0,), 1, 0.5)], [((1,), None, np.ones((3, 4)))]]),
    ]
    session.forget(run["run"])
    session.forget(place)
    return answers


def test_it_answers_as_a_session_here_does(linear):
    here = discover.load(linear.path)
    for there, expected in zip(asked(linear), asked(here), strict=True):
        np.testing.assert_equal(there, expected)


def test_errors_name_the_line(linear):
    with pytest.raises(StudentError) as caught:
        linear.forward("linear", (np.ones((2, 3)), np.ones((4, 4))))
    assert caught.value.kind == "error"
    assert caught.value.where == "forward, line 6: return x @ w, (x, w)"
    assert caught.value.message.startswith("ValueError: matmul")
    assert linear.generation == 1       # it goes on in the same process


def test_runs_of_a_dead_process_are_not_mistaken_for_new_ones(linear):
    inputs = linear.inputs("linear", 0)
    old = linear.forward("linear", inputs, keep=True)["run"]
    os.kill(linear.child.process.pid, signal.SIGTERM)
    with pytest.raises(StudentError) as caught:
        linear.forward("linear", inputs)
    assert (caught.value.kind, caught.value.where) == ("crash", "forward")
    assert "SIGTERM" in caught.value.message
    new = linear.forward("linear", inputs, keep=True)["run"]
    assert new != old
    with pytest.raises(StudentError, match="is lost"):
        linear.backward(old, np.ones((2, 4)))
    linear.forget(old)
    assert len(linear.backward(new, np.ones((2, 4)))["gradients"]) == 2


# Time ---------------------------------------------------------------------------------------------


def test_the_time_of_a_pair_is_shared_by_its_requests(linear):
    short, long = (linear.forward("say", (np.array(t),), keep=True)["run"] for t in (0.2, 60.0))
    with linear.within(1.0):
        linear.backward(short, np.array(1.0))
        assert 0 < linear.left <= 0.8
        before = linear.left
        time.sleep(0.5)         # the checker's own time does not count
        assert linear.left == before
        with pytest.raises(StudentError) as caught:
            linear.backward(long, np.array(1.0))
    assert (caught.value.kind, caught.value.message) == ("timeout", "did not finish within 1 s")
    assert caught.value.where.startswith("backward, line ")
    assert "time.sleep" in caught.value.where


def test_loading_the_file_counts_too(tmp_path):
    path = tmp_path / "slow.py"
    path.write_text("import time\ntime.sleep(0.2)\n" + LINEAR, encoding="utf-8")
    with Process(path) as process, process.within(60.0):
        process.describe()
        assert process.left <= 59.8


@linux
def test_a_process_that_does_not_read_is_not_waited_for(linear):
    linear.describe()
    os.kill(linear.child.process.pid, signal.SIGSTOP)
    with linear.within(0.3), pytest.raises(StudentError) as caught:
        linear.forward("linear", (np.ones((1000, 3000)), np.ones((3000, 1))))
    assert caught.value.kind == "timeout"


def test_ctrl_c_leaves_no_process(linear):
    run = linear.forward("say", (np.array(60.0),), keep=True)["run"]
    process = linear.child.process
    threading.Timer(0.2, _thread.interrupt_main).start()
    with pytest.raises(KeyboardInterrupt):
        linear.backward(run, np.array(1.0))
    assert process.returncode is not None
    assert linear.inputs("linear", 0)[0].shape == (2, 3)    # and the next request has a new one


# What it has and what it leaves -------------------------------------------------------------------

LOOK_AROUND = """
print(sorted(os.environ), sys.argv, sys.stdin.read(), os.listdir("."), os.getcwd())
print(sys.flags.no_user_site, sys.flags.safe_path, hash("a"), "minigen" in sys.modules)
print(os.environ["HOME"] == os.getcwd(), os.getpgrp() == os.getpid(), os.listdir("/proc/self/fd"))
open("left", "w").write("behind"); os.mkdir("locked"); open("locked/a", "w"); os.chmod("locked", 0)
"""


@linux
def test_the_homework_sees_an_empty_world(tmp_path):
    path = with_code(tmp_path, LOOK_AROUND)
    with Process(path) as process:
        process.describe()
        first, second, third = process.output.text().splitlines()
        home = process.child.folder.name
        assert str([str(path)]) + "  [] " + home in first
        assert "PYTHONPATH" not in first and "'OPENBLAS_NUM_THREADS', 'PATH'" in first
        hashed = second.split()[2]
        assert second == f"1 True {hashed} False"
        assert third.startswith("True True")
        assert third.count(",") == 5    # open: 0, 1, 2, channel, last words, and /proc itself
    assert not os.path.exists(home)
    with Process(path) as process:
        process.describe()
        assert process.output.text().splitlines()[1].split()[2] == hashed


LIMITS = """
import resource
for name in ("AS", "FSIZE", "CORE", "NOFILE", "CPU"):
    print(*resource.getrlimit(getattr(resource, "RLIMIT_" + name)))
x = np.ones((1500, 1500)); x @ x; np.linalg.inv(x + np.eye(1500))     # BLAS has room
"""


@linux
def test_limits_are_set_before_the_homework_runs_and_told(tmp_path):
    with Process(with_code(tmp_path, LIMITS), memory=256 << 20, timeout=30) as process:
        told = process.limits
        assert process.output.text() == ""      # nothing of it has run yet
        process.describe()
        space, size, core, files, seconds = (
            [int(n) for n in line.split()] for line in process.output.text().splitlines()
        )
    assert 256 << 20 < space[0] == space[1] < 1 << 30
    assert [size, core, files] == [[16 << 20] * 2, [0, 0], [256, 256]]
    assert seconds == [1800, 1805]
    assert told[:2] == ["time: 30 s", "memory: 256 MB beyond Python and NumPy"]
    assert told[-1].startswith("processes: ")


PARENT = """
import os, sys
sys.path.insert(0, {root!r})
from minigen.gradcheck.process import Process
process = Process({path!r})
process.describe()
print(process.child.process.pid, flush=True)
os.kill(os.getpid(), 9)
"""


@linux
def test_it_ends_with_the_checker(tmp_path):
    code = PARENT.format(root=str(ROOT), path=str(with_code(tmp_path, "")))
    there = {**os.environ, "TMPDIR": str(tmp_path)}     # a killed checker leaves its folder
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=there, capture_output=True, text=True, check=False)
    assert done.returncode == -9
    for _ in range(100):
        state = Path(f"/proc/{done.stdout.strip()}/stat")
        if not state.exists() or state.read_text().split()[2] == "Z":
            return
        time.sleep(0.02)
    pytest.fail("the homework outlives its checker")


# Where it runs ------------------------------------------------------------------------------------


def test_any_path_and_any_folder(tmp_path, monkeypatch):
    folder = tmp_path / "a folder, with 'quotes' and é 漢"
    folder.mkdir()
    gone = tmp_path / "gone"
    gone.mkdir()
    path = with_code(folder, "\ndef bad_forward(x): os.abort()\ndef bad_backward(d, c): return d\n")
    monkeypatch.chdir(gone)
    gone.rmdir()
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    monkeypatch.setenv("PYTHONHOME", "")
    with Process(path) as process:
        assert process.forward("linear", process.inputs("linear", 0))["outputs"].shape == (2, 4)
        with pytest.raises(StudentError) as caught:
            process.forward("bad", (np.ones(2),))
        assert caught.value.where == "forward, line 25: def bad_forward(x): os.abort()"


def test_the_child_needs_no_minigen(tmp_path):
    code = "print([name for name in sys.modules if name.split('.')[0] == 'minigen'])"
    with Process(with_code(tmp_path, code)) as process:
        process.describe()
        assert process.output.text() == "[]\n"


def test_a_process_that_cannot_start_says_why(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", shutil.which("false") or "/bin/false")
    process = Process(tmp_path / "homework.py")
    with pytest.raises(RuntimeError, match="does not start"):
        process.describe()


# What it prints -----------------------------------------------------------------------------------


def test_output_is_kept_per_pair_and_whole(linear):
    with linear.within(20):
        run = linear.forward("say", (np.array(0.0),), keep=True)["run"]
        assert linear.printed() == "forward\n"
    with linear.within(20):
        linear.backward(run, np.array(1.0))
    assert linear.printed() == "backward\n"
    assert linear.output.text() == "forward\nbackward\n"


def test_of_much_output_the_beginning_and_the_end_are_kept():
    output = Output()
    reader, writer = os.pipe()
    output.follow(reader)
    with os.fdopen(writer, "wb") as file:
        file.write(b"first " + bytes(200_000) + b" last")
    for _ in range(500):
        text = output.text()
        if text.endswith(" last"):
            break
        time.sleep(0.01)
    assert text.startswith("first \0") and text.endswith("\0 last")
    assert f"[... {200_011 - 2 * HALF} bytes left out ...]" in text
    assert len(text) < 2 * HALF + 100


@linux
def test_limits_beyond_what_the_kernel_counts(tmp_path):
    path = tmp_path / "homework.py"
    path.write_text(LINEAR, encoding="utf-8")
    with Process(path, memory=1 << 80, timeout=1e30) as process:
        assert [d["name"] for d in process.describe()] == ["linear", "say"]
        assert process.forward("say", (np.ones(2),))["outputs"].tolist() == [1, 1]


def test_a_folder_too_deep_to_be_cleared_away_is_no_error(tmp_path):
    path = tmp_path / "homework.py"
    deep = "for _ in range(1500):\n    os.mkdir('d')\n    os.chdir('d')\n"
    path.write_text(LINEAR + deep, encoding="utf-8")
    with Process(path) as process:
        assert len(process.describe()) == 2
    assert process.child is None

"""Homework that breaks, cheats or attacks: each file ends in the right kind of result, and its
other pairs keep theirs.

Every file here holds a right pair `square` and, written out per case, a pair `bad`. The verdict on
numbers is made on this side; so a cheat has failed when the arrays that arrive are those that the
homework's own formulas give.
"""

import os
import sys
import time

import numpy as np
import pytest

from minigen.gradcheck.child.session import StudentError
from minigen.gradcheck.process import Process

linux = pytest.mark.skipif(sys.platform != "linux", reason="limits are kept by Linux only")

SQUARE = """
import atexit, ctypes, gc, os, random, signal, sys, threading, time
import numpy as np

def square_forward(x):
    return x * x, x

def square_backward(dout, cache):
    return 2 * dout * cache

def bad_forward(x):
    return 3 * x, x
"""

WRONG = """
def bad_backward(dout, cache):
    return 4 * dout                 # 3 is right
"""


def homework(tmp_path, source):
    path = tmp_path / "homework.py"
    source += "" if "bad_backward" in source else WRONG
    path.write_text(SQUARE + source, encoding="utf-8")
    return path


def gradient(process, name, x):
    """(output, gradient) for an upstream of ones."""
    answer = process.forward(name, (x,), keep=True)
    return answer["outputs"], process.backward(answer["run"], np.ones_like(x))["gradients"]


def square_is_right(process):
    x = np.array([1.0, -2.0, 3.0])
    with process.within(20):
        output, slope = gradient(process, "square", x)
    return np.array_equal(output, x * x) and np.array_equal(slope, 2 * x)


def result_of_bad(process, seconds=20):
    """What arrives of `bad` at 1, 2: (output, gradient); or its StudentError."""
    try:
        with process.within(seconds):
            return gradient(process, "bad", np.array([1.0, 2.0]))
    except StudentError as error:
        return error


CHEATS = {
    "patched comparisons": """
np.allclose = np.isclose = np.array_equal = lambda *a, **k: True
np.testing.assert_allclose = np.testing.assert_array_equal = lambda *a, **k: None
np.linalg.norm = lambda *a, **k: 0.0
""",
    "patched conversions": """
zeros = np.zeros(2)
np.ravel = np.asarray = np.copy = np.ascontiguousarray = lambda *a, **k: zeros
np.frombuffer = np.empty_like = np.zeros_like = lambda *a, **k: zeros
""",
    "patched json": """
import json
json.dumps = json.loads = lambda *a, **k: {"verdict": "pass"}
json.JSONEncoder.encode = lambda *a: "{}"
json.JSONDecoder.decode = json.JSONDecoder.raw_decode = lambda *a: {}
""",
    "fake report": """
import builtins
print('{"schema": 1, "files": [{"pairs": [{"name": "bad", "verdict": "pass"}]}]}')
os.write(1, b'[1, "value", 0]'); os.write(2, bytes(64)); sys.stdout.buffer.write(bytes(100))
""",
    "reseeded": """
np.random.seed(7); random.seed(7)
np.random.seed = random.seed = lambda *a: None
""",
    "moved and deleted": """
os.chdir("/"); os.environ.clear(); sys.path.clear()
for name in ["numpy", "json", "traceback", "gradcheck_child", "gradcheck_child.wire"]:
    sys.modules.pop(name, None)
""",
    "standard output replaced": """
class Broken:
    def write(self, text): return len(text)
    def flush(self): raise RuntimeError("no")
sys.stdout = sys.stderr = Broken()
""",
    "deaf to signals": """
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
    signal.signal(number, signal.SIG_IGN)
""",
    "hooks": """
gc.callbacks.append(lambda *a: None)
sys.setprofile(lambda *a: None); sys.excepthook = lambda *a: os._exit(0)
threading.excepthook = sys.unraisablehook = sys.excepthook
""",
    "threads left running": """
for _ in range(4):
    threading.Thread(target=time.sleep, args=(600,)).start()
""",
    "a subclass that lies": """
class Liar(np.ndarray):
    dtype = shape = size = None
    def ravel(self, *a): return np.zeros(2)
    view = astype = copy = tobytes = reshape = __array__ = ravel
def bad_forward(x):
    return np.ndarray.view(3 * x, Liar), x
""",
}


@pytest.mark.parametrize("case", CHEATS)
def test_cheat_changes_no_number(tmp_path, case):
    with Process(homework(tmp_path, CHEATS[case])) as process:
        output, claimed = result_of_bad(process)
        assert output.tolist() == [3.0, 6.0]
        assert claimed.tolist() == [4.0, 4.0]
        assert square_is_right(process)


# kind, part of the message, part of the place, source; seconds of the pair are 20
DEATHS = {
    "exit in forward": ("crash", "exit code 0", "forward", "def bad_forward(x): os._exit(0)"),
    "exit in backward": (
        "crash", "exit code 0", "backward",
        "atexit.register(os._exit, 0)\ndef bad_backward(dout, cache): os._exit(0)",
    ),
    "sys.exit": ("error", "SystemExit", "backward", "def bad_backward(dout, cache): sys.exit(0)"),
    "interrupt": (
        "error", "KeyboardInterrupt", "backward",
        "def bad_backward(dout, cache): raise KeyboardInterrupt",
    ),
    "evil exception": (
        "error", "", "backward",
        "class Evil(Exception):\n    def __str__(self): raise Evil\n"
        "def bad_backward(dout, cache): raise Evil",
    ),
    "unbounded recursion": (
        "error", "RecursionError", "backward",
        "def bad_backward(dout, cache): return bad_backward(dout, cache)",
    ),
    "stack overflow": (
        "crash", "SIGSEGV", "backward",
        "sys.setrecursionlimit(10**9)\nclass C:\n    def __repr__(self): return repr(self)\n"
        "def bad_backward(dout, cache): repr(C())\n",
    ),
    "nested without end": (
        "error", "RecursionError", "backward",
        "def bad_backward(dout, cache):\n    g = []\n    g.append(g)\n    return g",
    ),
    "segmentation fault": (
        "crash", "SIGSEGV", "backward, line 14: ctypes.string_at(0)",
        "def bad_backward(dout, cache):\n    ctypes.string_at(0)",
    ),
    "abort": (
        "crash", "SIGABRT", "backward, line 13: ", "def bad_backward(dout, cache): os.abort()",
    ),
    "killed": (
        "memory", "SIGKILL", "backward",
        "def bad_backward(dout, cache): os.kill(os.getpid(), signal.SIGKILL)",
    ),
    "closed descriptors": (
        "crash", "channel", "backward", "def bad_backward(dout, cache): os.closerange(0, 256)",
    ),
    "garbage everywhere": (
        "crash", "channel", "backward",
        "def bad_backward(dout, cache):\n    for n in range(256):\n"
        "        try: os.write(n, b'x' * 999)\n        except OSError: pass\n",
    ),
    "forged answer": (
        "crash", "channel", "backward",
        "def bad_backward(dout, cache):\n    import struct\n"
        "    head = b'[{\"l\":[1,\"value\",{\"d\":[]}]},[]]'\n    for n in range(256):\n"
        "        try: os.write(n, struct.pack('<Q', len(head)) + head)\n"
        "        except OSError: pass\n    return 3 * dout",
    ),
    "endless objects": (
        "error", "", "backward",
        "def bad_backward(dout, cache): return {'text': 'x' * (1 << 25)}",
    ),
}


@linux
@pytest.mark.parametrize("case", DEATHS)
def test_death_is_a_result(tmp_path, case):
    kind, message, where, source = DEATHS[case]
    with Process(homework(tmp_path, source)) as process:
        assert square_is_right(process)
        error = result_of_bad(process)
        assert (error.kind, where in error.where, message in error.message) == (kind, True, True), (
            error.kind, error.where, error.message)
        assert square_is_right(process)


@linux
@pytest.mark.parametrize("ignored", ["", "signal.signal(signal.SIGABRT, signal.SIG_IGN)\n"])
def test_endless_loop_is_stopped_where_it_is(tmp_path, ignored):
    source = ignored + "def bad_backward(dout, cache):\n    while True: pass\n"
    with Process(homework(tmp_path, source)) as process:
        assert square_is_right(process)
        started = time.monotonic()
        error = result_of_bad(process, seconds=0.5)
        assert time.monotonic() - started < 15
        assert (error.kind, error.message) == ("timeout", "did not finish within 0.5 s")
        assert error.where == ("backward" if ignored else "backward, line 14: while True: pass")
        assert square_is_right(process)


@linux
def test_three_gigabytes_are_too_many(tmp_path):
    source = "def bad_backward(dout, cache):\n    return np.ones(3 << 27)\n"
    with Process(homework(tmp_path, source)) as process:
        error = result_of_bad(process)
        assert error.kind == "memory"
        assert error.where == "backward, line 14: return np.ones(3 << 27)"
        assert square_is_right(process)


@linux
def test_a_large_file_is_refused(tmp_path):
    source = "def bad_backward(dout, cache): open('big', 'wb').write(bytes(17 << 20))"
    with Process(homework(tmp_path, source)) as process:
        error = result_of_bad(process)
        assert error.kind == "error"
        assert "File too large" in error.message


FORKS = {
    "child": "os.fork() or time.sleep(600)",
    "daemon": "os.fork() or (os.setsid(), os.fork() or time.sleep(600), os._exit(0))",
    "both return": "os.fork()",
    "both return, parent first": "os.fork() or time.sleep(0.3)",
}


@linux
@pytest.mark.parametrize("case", FORKS)
def test_forks_are_gone_afterwards(tmp_path, case):
    source = f"def bad_backward(dout, cache):\n    {FORKS[case]}\n    return 3 * dout\n"
    with Process(homework(tmp_path, source)) as process:
        assert result_of_bad(process)[1].tolist() == [3.0, 3.0]
        assert square_is_right(process)
        home = process.child.folder.name
    time.sleep(0.05)
    assert not [pid for pid in os.listdir("/proc") if pid.isdigit() and lives_in(home, pid)]


def lives_in(home, pid):
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return f"HOME={home}".encode() in file.read()
    except OSError:
        return False


@linux
def test_death_shows_while_a_grandchild_holds_the_channel(tmp_path):
    source = "def bad_backward(dout, cache):\n    if os.fork(): os._exit(5)\n    time.sleep(600)\n"
    with Process(homework(tmp_path, source)) as process:
        error = result_of_bad(process)
        assert (error.kind, error.message) == ("crash", "ended by itself with exit code 5")
        assert square_is_right(process)


def test_a_hundred_megabytes_of_output_are_drained(tmp_path):
    source = "def bad_backward(dout, cache):\n    for _ in range(100): print('y' * (1 << 20))\n"
    source += "    print('the end')\n    return 3 * dout\n"
    with Process(homework(tmp_path, source)) as process:
        assert result_of_bad(process)[1].tolist() == [3.0, 3.0]
        text = process.printed()
        assert len(text) < 70_000
        assert text.startswith("yyy") and text.endswith("the end\n") and "left out" in text


IMPORTS = {
    "exit": ("crash", "os._exit(0)", "exit code 0"),
    "sys.exit": ("error", "sys.exit(0)", "SystemExit"),
    "raise": ("error", "raise ValueError('here')", "ValueError: here"),
    "syntax": ("error", "def f(:", "SyntaxError"),
    "crash": ("crash", "ctypes.string_at(0)", "SIGSEGV"),
}


@linux
@pytest.mark.parametrize("case", IMPORTS)
def test_a_file_that_does_not_load_is_tried_once(tmp_path, case):
    kind, source, message = IMPORTS[case]
    with Process(homework(tmp_path, source)) as process:
        for _ in range(2):
            with pytest.raises(StudentError) as caught:
                process.describe()
            assert caught.value.kind == kind
            assert caught.value.where.startswith("import")
            assert message in caught.value.message
        assert process.generation == 1


@linux
def test_a_file_that_hangs_on_import_is_the_file_s_fault(tmp_path):
    path = homework(tmp_path, "while True: pass\n")
    with Process(path, timeout=0.5) as process:
        with pytest.raises(StudentError) as caught:
            process.forward("square", (np.ones(2),))
        assert (caught.value.kind, caught.value.where) == (
            "timeout", "import, line 13: while True: pass")
        assert process.generation == 1

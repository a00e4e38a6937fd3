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

from minigen.gradcheck.checker import Settings, check_file
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


def result_of(process, name, seconds=20):
    """What arrives of a pair at 1, 2: (output, gradient); or its StudentError."""
    try:
        with process.within(seconds):
            return gradient(process, name, np.array([1.0, 2.0]))
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
        output, claimed = result_of(process, "bad")
        assert output.tolist() == [3.0, 6.0]
        assert claimed.tolist() == [4.0, 4.0]
        assert square_is_right(process)


# Body of a backward; then the kind, part of the message and of the place.
DEATHS = {
    "exit": ("os._exit(0)", "crash", "exit code 0", "backward"),
    "exit_at_exit": ("atexit.register(os._exit, 0); sys.exit(3)", "error", "SystemExit: 3", ""),
    "interrupt": ("raise KeyboardInterrupt", "error", "KeyboardInterrupt", "backward"),
    "unprintable": ("raise Unprintable", "error", "", "backward"),
    "recursion": ("return recursion_backward(dout, cache)", "error", "RecursionError", "backward"),
    "overflow": (
        "sys.setrecursionlimit(10**9); repr(Overflow())", "crash", "SIGSEGV", "return repr(self)",
    ),
    "loop_of_lists": ("g = []; g.append(g); return g", "error", "RecursionError", "backward"),
    "long_text": ("return {'text': 'x' * (1 << 25)}", "error", "use arrays", "backward"),
    "segmentation": ("ctypes.string_at(0)", "crash", "SIGSEGV", "ctypes.string_at(0)"),
    "abort": ("os.abort()", "crash", "SIGABRT", "os.abort()"),
    "killed": ("os.kill(os.getpid(), signal.SIGKILL)", "memory", "SIGKILL", "backward"),
    "unnamed": ("os.kill(os.getpid(), 40)", "crash", "signal 40", "backward"),
    "closed": ("os.closerange(0, 256)", "crash", "closed the checker's channel", "backward"),
    "garbage": ("write_everywhere(b'x' * 999)", "crash", "wrote on the checker's", "backward"),
    "forged": ("write_everywhere(FORGED); return dout", "crash", "wrote on the checker's", ""),
    "memory": ("return np.ones(3 << 27)", "memory", "", "return np.ones(3 << 27)"),
    "large_file": ("open('f', 'wb').write(bytes(17 << 20))", "error", "File too large", "open("),
    "orphan": ("os.fork() and os._exit(5); time.sleep(600)", "crash", "exit code 5", "backward"),
}

HELPERS = """
class Unprintable(Exception):
    def __str__(self): raise Unprintable

class Overflow:
    def __repr__(self): return repr(self)

HEAD = b'[{"l":[1,"value",{"d":[]}]},[]]'
FORGED = len(HEAD).to_bytes(8, "little") + HEAD

def write_everywhere(data):
    for n in range(256):
        try: os.write(n, data)
        except OSError: pass
"""


@pytest.fixture(scope="module")
def dying(tmp_path_factory):
    """One process for all deaths: what one pair does to it, the others do not notice."""
    source = HELPERS
    for name, (body, *_) in DEATHS.items():
        source += f"\ndef {name}_forward(x): return 3 * x, x\n"
        source += f"def {name}_backward(dout, cache): {body}\n"
    with Process(homework(tmp_path_factory.mktemp("dying"), source)) as process:
        yield process


@linux
@pytest.mark.parametrize("case", DEATHS)
def test_death_is_a_result(dying, case):
    _, kind, message, where = DEATHS[case]
    error = result_of(dying, case)
    assert isinstance(error, StudentError)
    assert (kind, True, True) == (
        error.kind, message in error.message, where in error.where
    ), f"{error.kind}: {error.message} ({error.where})"
    assert square_is_right(dying)


@linux
@pytest.mark.parametrize(("before", "line"), [
    ("", 14),
    ("import faulthandler; faulthandler.enable()\n", 15),
    ("signal.signal(signal.SIGABRT, signal.SIG_IGN)\n", None),
])
def test_endless_loop_is_stopped_where_it_is(tmp_path, before, line):
    source = f"{before}def bad_backward(dout, cache):\n    while True: pass\n"
    with Process(homework(tmp_path, source)) as process:
        assert square_is_right(process)
        started = time.monotonic()
        error = result_of(process, "bad", seconds=0.5)
        assert time.monotonic() - started < 15
        assert (error.kind, error.message) == ("timeout", "did not finish within 0.5 s")
        assert error.where == (f"backward, line {line}: while True: pass" if line else "backward")
        assert process.printed() == ""
        assert square_is_right(process)


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
        assert result_of(process, "bad")[1].tolist() == [3.0, 3.0]
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


def test_a_hundred_megabytes_of_output_are_drained(tmp_path):
    source = "def bad_backward(dout, cache):\n    for _ in range(100): print('y' * (1 << 20))\n"
    source += "    print('the end')\n    return 3 * dout\n"
    with Process(homework(tmp_path, source)) as process:
        assert result_of(process, "bad")[1].tolist() == [3.0, 3.0]
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


# What the checker says of it ----------------------------------------------------------------------

FILE = """
np.allclose = np.array_equal = np.testing.assert_allclose = lambda *a, **k: True
print('{"schema": 1, "files": [], "verdict": "pass"}')

def make_inputs(seed): return np.random.default_rng(seed).standard_normal((2, 3))

def grudge_forward(x): return 2 * x, x
def grudge_backward(dout, cache):
    threading.Thread(target=lambda: victim.wait() and os._exit(0), daemon=True).start()
    return 2 * dout

victim = threading.Event()
def victim_forward(x):
    victim.set()
    time.sleep(0.001)
    return 2 * x, x
def victim_backward(dout, cache): return 2 * dout

def late_forward(x): return x + x, x
def late_backward(dout, cache): return 2 * dout

def exits_forward(x): return 2 * x, x
def exits_backward(dout, cache): os._exit(0)

def hangs_forward(x): return 2 * x, x
def hangs_backward(dout, cache):
    while True: pass

def crashes_forward(x): ctypes.string_at(0)
def crashes_backward(dout, cache): return dout

def last_forward(x): return -x, x
def last_backward(dout, cache): return -dout
"""


@linux
def test_a_hostile_file_keeps_its_other_results(tmp_path):
    settings = Settings(seeds=1, timeout=2.0)
    seen = []
    file = check_file(homework(tmp_path, WRONG + FILE), settings, on_report=seen.append)
    reports = {report.name: report for report in file.pairs}
    assert {name: report.verdict for name, report in reports.items()} == {
        "square": "pass", "bad": "fail", "grudge": "pass", "victim": "pass", "late": "pass",
        "exits": "error", "hangs": "error", "crashes": "error", "last": "pass",
    }
    assert seen == file.pairs and file.status == "error"
    for name, kind in (("exits", "crash"), ("hangs", "timeout"), ("crashes", "crash")):
        assert reports[name].structure[-1].check == kind
    assert "while True: pass" in reports["hangs"].structure[-1].message
    assert "schema" in file.output and reports["last"].output == ""

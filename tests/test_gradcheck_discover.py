"""Pairs in homework files: which are found, under which names, with which inputs; how files run.

Idea: real files in a temporary folder, loaded as the child process loads them.
"""

import json
import sys

import numpy as np
import pytest

from minigen.gradcheck.child.discover import load, snake_case
from minigen.gradcheck.child.session import StudentError


def pair_of(forward, backward):
    return f"def {forward}(x): return 2 * x, x\ndef {backward}(dout, cache): return 2 * dout\n"


# Names -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("forward", "backward", "name"), [
    ("linear_forward", "linear_backward", "linear"),
    ("conv_forward_naive", "conv_backward_naive", "conv_naive"),
    ("affine_relu_forward", "affine_relu_backward", "affine_relu"),
    ("batchnorm_forward", "batchnorm_backward_alt", "batchnorm_alt"),
    ("conv_forward_im2col", "conv_backward", "conv_im2col"),
    ("forward_relu", "backward_relu", "relu"),
    ("linearForward", "linearBackward", "linear"),
    ("forwardRelu", "backwardRelu", "Relu"),
    ("feedforward_forward", "feedforward_backward", "feedforward"),
    ("relu", "relu_backward", "relu"),
    ("forward", "backward", "hw"),
])
def test_names(homework, forward, backward, name):
    session = homework(pair_of(forward, backward))
    (described,) = session.describe()
    assert described["name"] == name
    assert session.pairs[name].titles == (forward, backward)
    assert described["line"] == 1
    assert session.remarks() == []


def test_a_second_backward_of_one_forward(homework):
    text = pair_of("bn_forward", "bn_backward") + "def bn_backward_alt(dout, cache): return dout\n"
    session = homework(text)
    assert list(session.pairs) == ["bn", "bn_alt"]
    assert session.pairs["bn_alt"].titles == ("bn_forward", "bn_backward_alt")


def test_private_names_do_not_count(homework):
    text = pair_of("_linear_forward", "_linear_backward") + pair_of("_forward", "_backward")
    assert homework(text).describe() == []


def test_imported_pairs_count_only_in_a_file_without_its_own(homework, tmp_path):
    (tmp_path / "neighbour_layers.py").write_text(pair_of("relu_forward", "relu_backward"))
    imports = "from neighbour_layers import *\n"
    assert list(homework(imports).pairs) == ["relu"]
    own = pair_of("tanh_forward", "tanh_backward")
    assert list(homework(imports + own, "two.py").pairs) == ["tanh"]
    half = "def relu_backward(dout, cache): return 2 * dout\n"      # the forward was given
    assert list(homework(imports + half, "three.py").pairs) == ["relu"]


@pytest.mark.parametrize(("text", "remark"), [
    ("def linear_forward(x): return x\ndef linera_backward(dout, cache): return dout",
     "linear_forward has no linear_backward; nearest: linera_backward"),
    ("def linear_forward(x): return x", "linear_forward has no linear_backward"),
    ("def relu_backward(dout, cache): return dout", "relu_backward has no relu_forward"),
    ("def f(x): return x\nf.__gradcheck__ = {'points': 3}",
     "f is marked by @pair, and has no backward: write @pair(backward=...)"),
    ("def feedforward(x): return x\ndef linear_forward(x): return x",
     "linear_forward has no linear_backward"),
    ("class Linear:\n  def forward(self, x): return x\n  def bakward(self, dout): return dout",
     "Linear has no backward; nearest: bakward"),
    ("def svm_loss(x, y):\n  dx = x * y\n  return x.sum(), dx / 2\n"
     "def hinge_loss_naive(W, X):\n  loss, dW = X.sum(), W\n  return loss, dW",
     "hinge_loss_naive returns a loss and its gradient at once: to have it checked, write "
     "hinge_loss_naive_forward and hinge_loss_naive_backward"),
])
def test_near_misses(homework, text, remark):
    session = homework(text)
    assert session.pairs == {}
    assert remark in session.remarks()


# What the file says about its pairs --------------------------------------------------------------


def test_inputs_of_one_pair_go_before_those_of_the_file(homework):
    text = pair_of("a_forward", "a_backward") + pair_of("b_forward", "b_backward")
    text += "def make_inputs(seed, name): return (name,)\ndef b_inputs(): return ('own',)\n"
    session = homework(text)
    assert [session.inputs(name, 0) for name in ("a", "b")] == [("a",), ("own",)]


def test_inputs_of_a_name_without_its_ending(homework):
    text = "def conv_inputs(seed): return 5\n"
    text += pair_of("conv_forward_naive", "conv_backward_naive")
    assert homework(text).inputs("conv_naive", 0) == (5,)


def test_options_of_the_file(homework):
    text = pair_of("a_forward", "a_backward") + pair_of("b_forward", "b_backward")
    text += "def b_forward(z): return z, z\nPOINTS = {'b': 7}\n"
    a, b = homework(text + "WRT = ('x',)\n").describe()
    assert (a["wrt"], b["wrt"], a.get("points"), b["points"]) == (("x",), None, None, 7)
    a, b = homework(text + "WRT = {'b': ('z',)}\n").describe()
    assert (a.get("wrt"), b["wrt"]) == (None, ("z",))


def test_a_wrong_name_for_the_only_pair_stays(homework):
    (a,) = homework(pair_of("a_forward", "a_backward") + "WRT = ('w',)\n").describe()
    assert a["wrt"] == ("w",)


def test_marked_functions(homework):
    text = """
def twice(x): return 2 * x, None
def twice_grad(dout, cache): return 2 * dout
twice.__gradcheck__ = {"backward": twice_grad, "inputs": lambda seed: (seed,), "points": 3,
                       "wrt": None, "seeds": 2, "name": None}
def relu_forward(x): return x, x
def relu_slope(dout, cache): return dout
relu_forward.__gradcheck__ = {"backward": relu_slope, "name": "rectifier", "points": 0}
def f_forward(x): return x, x
def f_backward(dout, cache): return dout
f_forward.__gradcheck__ = {"points": 5}
POINTS = {"f": 4}
"""
    session = homework(text)
    twice, relu, f = session.describe()
    assert (f["name"], f["points"], session.pairs["f"].titles[1]) == ("f", 5, "f_backward")
    assert (twice["name"], twice["points"], twice["seeds"]) == ("twice", 3, 2)
    assert "wrt" not in twice
    assert (relu["name"], relu["points"]) == ("rectifier", 0)
    assert session.inputs("twice", 5) == (5,)
    assert session.remarks() == []
    run = session.forward("twice", (4.0,), keep=True)
    assert run["outputs"] == 8.0
    assert session.backward(run["run"], 1.0)["gradients"] == 2.0


# Classes -----------------------------------------------------------------------------------------

LINEAR = """
import numpy as np
class Linear:
    def __init__(self, n_in, n_out):
        self.W, self.b = np.ones((n_in, n_out)), np.zeros(n_out)
    def forward(self, x):
        self.x = x
        return x @ self.W + self.b
    def backward(self, dout):
        self.dW, self.db = self.x.T @ dout, dout.sum(0)
        return dout @ self.W.T
"""


def test_classes(homework):
    session = homework(LINEAR + "def linear_init(seed): return 3, 2\n")
    (described,) = session.describe()
    assert described["name"] == "Linear"
    assert described["arguments"] == ["x", "W", "b"]
    assert described["line"] == 3


def test_an_unfinished_base_class_is_no_layer(homework):
    base = "class Layer:\n  def forward(self, x): raise NotImplementedError\n" \
           "  def backward(self, dout): raise NotImplementedError\n"
    heir = "class Twice(Layer):\n  def forward(self, x): return 2 * x\n" \
           "  def backward(self, dout): return 2 * dout\n"
    assert list(homework(base + heir).pairs) == ["Twice"]
    assert list(homework(base, "other.py").pairs) == ["Layer"]      # to be written by the student
    identity = base.replace("raise NotImplementedError", "return dout").replace(
        "x): return dout", "x): return x")
    assert list(homework(identity + heir, "third.py").pairs) == ["Layer", "Twice"]


def test_static_methods_are_functions(homework):
    text = """
class Twice:
    @staticmethod
    def forward(x, w): return 2 * x * w, (x, w)
    @staticmethod
    def backward(dout, cache): return 2 * dout * cache[1], 2 * dout * cache[0]
"""
    session = homework(text)
    run = session.forward("Twice", (3.0, 5.0), keep=True)
    assert session.backward(run["run"], 1.0)["gradients"] == (10.0, 6.0)


@pytest.mark.parametrize(("name", "snake"), [
    ("Linear", "linear"), ("BatchNorm1d", "batch_norm1d"), ("ReLU", "re_lu"), ("conv", "conv"),
])
def test_snake_case(name, snake):
    assert snake_case(name) == snake


# How a file is run -------------------------------------------------------------------------------


def test_a_file_runs_as_a_module(homework, tmp_path):
    (tmp_path / "neighbour_utils.py").write_text("FACTOR = 2\n")
    text = """
from dataclasses import dataclass
import neighbour_utils
@dataclass
class Config:
    size: "int" = 3
def make_inputs(seed): return (Config().size * neighbour_utils.FACTOR,)
if __name__ == "__main__":
    raise SystemExit("ran as a script")
"""
    session = homework(text + pair_of("f_forward", "f_backward"))
    assert session.inputs("f", 0) == (6,)


@pytest.mark.parametrize(
    "name", ["random.py", "numpy.py", "tokenize.py", "week 3-b.py", "os.v2.py"]
)
def test_a_file_may_have_any_name(homework, name):
    text = "import random\nimport numpy as np\ndef make_inputs(seed): return (random.random(),)\n"
    session = homework(text + pair_of("f_forward", "f_backward"), name)
    assert 0 <= session.inputs("f", 0)[0] < 1
    assert sys.modules["numpy"] is np


def test_neighbours_of_another_folder_are_not_taken(homework, tmp_path):
    found = []
    for student in ("alice", "bob"):
        folder = tmp_path / student
        folder.mkdir()
        (folder / "helpers_of_mine.py").write_text(f"WHO = {student!r}\n")
        (folder / "hw.py").write_text(
            "from helpers_of_mine import WHO\ndef make_inputs(seed): return (WHO,)\n"
            + pair_of("f_forward", "f_backward"))
        found.append(load(folder / "hw.py").inputs("f", 0))
    assert found == [("alice",), ("bob",)]


@pytest.mark.parametrize(("text", "message", "place"), [
    ("x = 1\ndef f(:\n", "SyntaxError", "import, line 2: def f(:"),
    ("def f():\nreturn 1\n", "IndentationError", "import, line 2: return 1"),
    ("x = 1\n\nraise ValueError('no data')\n", "ValueError: no data",
     "import, line 3: raise ValueError('no data')"),
    ("import sys\nsys.exit(0)\n", "SystemExit: 0", "import, line 2: sys.exit(0)"),
    ("import nowhere_to_be_found\n", "ModuleNotFoundError",
     "import, line 1: import nowhere_to_be_found"),
    ("x = '\0'\n", "", "import"),
])
def test_a_file_that_does_not_run(homework, text, message, place):
    with pytest.raises(StudentError) as caught:
        homework(text)
    assert caught.value.kind == "error"
    assert message in caught.value.message
    assert caught.value.where.startswith(place)


def test_a_neighbour_that_does_not_run(homework, tmp_path):
    (tmp_path / "neighbour_broken.py").write_text("\n\n1 / 0\n")
    with pytest.raises(StudentError) as caught:
        homework("import neighbour_broken\n")
    assert caught.value.where == "import, line 1: import neighbour_broken"


def test_where_and_what_make_one_sentence():
    slow = StudentError("timeout", "did not finish within 2 s", "forward, line 3: while True:")
    assert slow.sentence == "forward, line 3: while True: did not finish within 2 s"
    assert StudentError("error", "no such pair").sentence == "no such pair"


# Notebooks ---------------------------------------------------------------------------------------


def notebook(*cells):
    code = [{"cell_type": "code", "source": text.splitlines(keepends=True)} for text in cells]
    return json.dumps({"cells": [{"cell_type": "markdown", "source": ["# one"]}, *code]})


def test_a_notebook(homework):
    cells = ("%matplotlib inline\n!ls\n?np\nnp.sum?\nimport numpy as np\nx = (7\n% 2\n!= 3)",
             "%%bash\necho 1\nls",
             "def f_forward(x):\n    y = x[5]\n    return y, x",
             "def f_backward(dout, cache):\n    %time\n    return 2 * dout")
    session = homework(notebook(*cells), "hw.ipynb")
    with pytest.raises(StudentError) as caught:
        session.forward("f", (np.ones(2),))
    assert caught.value.where == "forward, cell 3, line 2: y = x[5]"


def test_a_notebook_that_does_not_run(homework):
    with pytest.raises(StudentError) as caught:
        homework(notebook("x = 1", "y = 2\nz ="), "hw.ipynb")
    assert caught.value.where == "import, cell 2, line 2: z ="
    with pytest.raises(StudentError, match="JSON"):
        homework("no notebook", "other.ipynb")
    with pytest.raises(StudentError, match="nbformat 4"):
        homework("[1]", "another.ipynb")

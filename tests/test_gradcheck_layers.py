"""Layers with forward and backward: their parameters, constructors, training flags.

Idea: one linear layer, its gradients left or returned in every usual way; the same numbers must
come out.
"""

import numpy as np
import pytest

from minigen.gradcheck.child.discover import make_pair
from minigen.gradcheck.child.session import Session, StudentError


@pytest.fixture
def homework(homework):
    """homework(text), with NumPy imported in its first line."""
    return lambda text: homework("import numpy as np\n" + text)


def gradients(session, inputs, upstream, name="f"):
    run = session.forward(name, inputs, keep=True)
    return session.backward(run["run"], upstream)["gradients"]


INIT = """
def __init__(self, n_in=2, n_out=2):
    self.W, self.b = np.eye(n_in, n_out) * 3, np.ones(n_out)"""
FORWARD = "def forward(self, x):\n    self.x = x\n    return x @ self.W + self.b"
STORING = {
    "attributes": """
    self.dW, self.db = self.x.T @ dout, dout.sum(0)
    return dout @ self.W.T""",
    "other spellings": """
    self.grad_W, self.b_grad = self.x.T @ dout, dout.sum(0)
    return dout @ self.W.T""",
    "returned": """
    dW, db = self.x.T @ dout, dout.sum(0)
    return dout @ self.W.T, dW, db""",
    "returned in another order": """
    dx, dW, db = dout @ self.W.T, self.x.T @ dout, dout.sum(0)
    return dW, db, dx""",
    "returned and kept": """
    self.dW, self.db = self.x.T @ dout, dout.sum(0)
    return dout @ self.W.T, self.dW, self.db""",
    "a dict of gradients": """
    self.grads = {"W": self.x.T @ dout, "b": dout.sum(0)}
    return dout @ self.W.T""",
    "all in one dict": """
    return {"dx": dout @ self.W.T, "dW": self.x.T @ dout, "db": dout.sum(0)}""",
    "none returned": """
    self.dW, self.db, self.dx = self.x.T @ dout, dout.sum(0), dout @ self.W.T""",
    "accumulated": """
    self.dW = getattr(self, "dW", 0) + self.x.T @ dout
    self.db = getattr(self, "db", 0) + dout.sum(0)
    return dout @ self.W.T""",
    "what is no longer needed is freed": """
    x, self.x = self.x, None
    self.dW, self.db = x.T @ dout, dout.sum(0)
    return dout @ self.W.T""",
}


def indented(*methods):
    return "".join(f"    {line}\n" for m in methods for line in m.strip("\n").splitlines())


def layer(*methods):
    return "class Linear:\n" + indented(*methods)


def check_linear(session, name="Linear", labels=("W", "b")):
    """The gradients of x W + b at fresh values, twice in one run."""
    rng = np.random.default_rng(0)
    x, W, b, v = (rng.standard_normal(s) for s in ((4, 2), (2, 2), 2, (4, 2)))
    assert session.describe()[0]["arguments"] == ["x", *labels]
    run = session.forward(name, (x, W, b), keep=True)
    np.testing.assert_allclose(run["outputs"], x @ W + b)
    for _ in range(2):
        got = session.backward(run["run"], v)["gradients"]
        got = [got[k] for k in ("dx", "dW", "db")] if isinstance(got, dict) else got
        for g, expected in zip(got, (v @ W.T, x.T @ v, v.sum(0)), strict=True):
            np.testing.assert_allclose(g, expected)


@pytest.mark.parametrize("body", STORING.values(), ids=STORING)
def test_parameters_of_a_layer(homework, body):
    check_linear(homework(layer(INIT, FORWARD, "def backward(self, dout):" + body)))


CONTAINERS = {
    "objects": (["W", "b"], """
class Parameter:
    def __init__(self, data): self.data, self.grad = data, np.zeros_like(data)
def __init__(self): self.W, self.b = self.Parameter(np.eye(2)), self.Parameter(np.ones(2))
def forward(self, x):
    self.x = x
    return x @ self.W.data + self.b.data
def backward(self, dout):
    self.W.grad += self.x.T @ dout
    self.b.grad += dout.sum(0)
    return dout @ self.W.data.T"""),
    "everything in attributes": (["W", "b"], """
def __init__(self): self.W, self.b = np.eye(2), np.ones(2)
def forward(self, x): self.x, self.output = x, x @ self.W + self.b
def backward(self, dout):
    self.dW, self.db, self.dx = self.x.T @ dout, dout.sum(0), dout @ self.W.T"""),
    "dicts": (["W", "b"], """
def __init__(self):
    self.params, self.grads = {"W": np.eye(2), "b": np.ones(2)}, {}
def forward(self, x):
    self.x = x
    return x @ self.params["W"] + self.params["b"]
def backward(self, dout):
    self.grads["W"], self.grads["b"] = self.x.T @ dout, dout.sum(0)
    return dout @ self.params["W"].T"""),
    "lists": (["params[0]", "params[1]"], """
def __init__(self):
    self.params = [np.eye(2), np.ones(2)]
    self.grads = [np.zeros_like(p) for p in self.params]
def forward(self, x):
    self.x = x
    return x @ self.params[0] + self.params[1]
def backward(self, dout):
    self.grads[0][...], self.grads[1][...] = self.x.T @ dout, dout.sum(0)
    return dout @ self.params[0].T"""),
    "attributes that are in a dict too": (["W", "b"], """
def __init__(self):
    self.W, self.b = np.eye(2), np.ones(2)
    self.params = {"W": self.W, "b": self.b}
def forward(self, x):
    self.x = x
    return x @ self.params["W"] + self.b
def backward(self, dout):
    self.grads = {"dW": self.x.T @ dout, "db": dout.sum(0)}
    return dout @ self.W.T"""),
}


@pytest.mark.parametrize(("labels", "text"), CONTAINERS.values(), ids=CONTAINERS)
def test_parameters_in_containers(homework, labels, text):
    check_linear(homework(layer(text)), labels=labels)


def test_parameters_of_layers_inside_layers(homework):
    backward = "def backward(self, dout):" + STORING["attributes"]
    text = layer(INIT, FORWARD, backward).replace("Linear", "_Inner") + """
class Network:
    def __init__(self): self.layers = [_Inner()]
    def forward(self, x): return self.layers[0].forward(x)
    def backward(self, dout): return self.layers[0].backward(dout)
"""
    check_linear(homework(text), "Network", ["layers[0].W", "layers[0].b"])


def test_no_parameter_without_a_gradient(homework):
    init = "def __init__(self): self.running_mean, self.x, self.n = np.zeros(2), np.zeros(2), 3.0"
    forward = "def forward(self, x):\n    self.x = x - self.running_mean\n    return self.x"
    backward = "def backward(self, dout):\n    dx = dout\n    return dx"
    session = homework(layer(init, forward, backward))
    (described,) = session.describe()
    assert described["arguments"] == ["x"]
    assert "notes" not in described
    assert gradients(session, (np.ones(2),), np.ones(2), "Linear").tolist() == [1, 1]


def test_what_looks_like_a_parameter_is_mentioned(homework):
    learning = """
def backward(self, dout, learning_rate):
    self.W -= learning_rate * self.x.T @ dout
    return dout @ self.W.T"""
    session = homework(layer(INIT, FORWARD, learning))
    (note,) = session.describe()[0]["notes"]
    assert note == ("not checked: W, b: Linear.backward neither returns the gradient nor leaves it "
                    "in self.dW")
    x = np.ones((1, 2))
    assert gradients(session, (x,), x, "Linear").tolist() == [[3, 3]]


@pytest.mark.parametrize("init", [
    "def linear_init(seed): return 3, 1", "def Linear_init(): return {'n_in': 3, 'n_out': 1}",
    "def linear_init(seed): return Linear(3, 1)", "",
])
def test_constructor_arguments(homework, init):
    body = "def backward(self, dout):" + STORING["attributes"]
    text = layer(INIT.replace("=2", ""), FORWARD, body)
    session = homework(text + init + "\ndef make_inputs(seed): return (np.ones((4, 3)),)\n")
    if not init:
        assert session.describe()[0]["arguments"] == ["x"]
        with pytest.raises(StudentError, match=r"write linear_init\(seed\) that returns"):
            session.inputs("Linear", 0)
        session.configure("Linear", {"init": {"n_in": 3, "n_out": 1}})
    (described,) = session.describe()
    assert described["arguments"] == ["x", "W", "b"]
    assert "init" not in described
    inputs = session.inputs("Linear", 0)
    assert [np.shape(value) for value in inputs] == [(4, 3), (3, 1), (1,)]
    assert session.forward("Linear", inputs)["outputs"].tolist() == [[4.0]] * 4


def test_a_constructor_that_raises(homework):
    session = homework(layer("def __init__(self):\n    self.W = np.ones(2)[5]", FORWARD,
                             "def backward(self, dout): return dout"))
    assert session.describe()[0]["parameters"] == []
    with pytest.raises(StudentError, match="IndexError") as caught:
        session.forward("Linear", (np.ones(2),))
    assert caught.value.where == "forward, line 4: self.W = np.ones(2)[5]"


def test_a_gradient_without_a_name_is_that_of_the_only_parameter(homework):
    code = layer("def __init__(self): self.table = np.ones((3, 2))",
                 "def forward(self, ids):\n    self.ids = ids\n    return self.table[ids]")
    text = code + """
    def backward(self, dout):
        self.grad = np.zeros_like(self.table)
        np.add.at(self.grad, self.ids, dout)
"""
    session, ids = homework(text), np.array([0, 2, 0])
    (described,) = session.describe()
    assert described["arguments"] == ["ids", "table"] and "notes" not in described
    got = gradients(session, (ids, np.ones((3, 2))), np.ones((3, 2)), "Linear")
    assert got["table"].tolist() == [[2, 2], [0, 0], [1, 1]]


def test_a_gradient_that_is_returned_is_that_of_the_input(homework):
    code = layer("def __init__(self): self.table = np.ones(2)",
                 "def forward(self, x): return x * self.table")
    text = code + "    def backward(self, dout):\n        self.grad = dout * self.table\n"
    (described,) = homework(text + "        return self.grad").describe()
    assert described["arguments"] == ["x"]
    assert "not checked: table" in described["notes"][0]


CONTAINER = """
    def forward(self, x):
        for layer in self.layers: x = layer.forward(x)
        return x
    def backward(self, dout):
        for layer in reversed(self.layers): dout = layer.backward(dout)
        return dout
class Twice:
    def forward(self, x): return 2 * x
    def backward(self, dout): return 2 * dout
"""


@pytest.mark.parametrize(("constructor", "made"), [
    ("def __init__(self, *layers): self.layers = layers", "Chain(Twice())"),
    ("def __init__(self, layers=()): self.layers = list(layers)", "([Twice()],)"),
])
def test_a_container_without_layers_is_no_pair(homework, constructor, made):
    text = f"class Chain:\n    {constructor}{CONTAINER}"
    session = homework(text)
    assert list(session.pairs) == ["Twice"]
    assert session.remarks() == [
        "Chain is not checked: made without layers, it only hands on its input; write "
        "chain_init(seed) that returns some, or one that holds them"]
    session = homework(f"{text}def chain_init(seed): return {made}\n")
    assert session.remarks() == []
    assert gradients(session, (np.ones(2),), np.ones(2), "Chain").tolist() == [2, 2]


@pytest.mark.parametrize("methods", [
    "def __init__(self): self.training = True",
    "def train(self): self.on = True\ndef eval(self): self.on = False",
    "def __init__(self): self.mode = 'train'",
])
def test_the_training_flag_is_an_argument(homework, methods):
    test = {"self.training": "self.training", "self.on": "self.on"}
    flag = next((v for k, v in test.items() if k in methods), "self.mode == 'train'")
    session = homework(layer(methods, f"def forward(self, x): return x * (2 if {flag} else 1)",
                             "def backward(self, dout): return dout"))
    (described,) = session.describe()
    name, values = ("mode", ("train", "test")) if "mode" in methods else ("training", (True, False))
    assert described["arguments"] == ["x", name]
    got = [session.forward("Linear", (3.0, value))["outputs"] for value in values]
    assert got == [6, 3]


def test_an_instance_is_a_layer_and_stays_as_it_is():
    class Counter:
        def __init__(self, W):
            self.W, self.calls, self.np = W, 0, np       # a module cannot be copied

        def __call__(self, x):
            self.x, self.calls = x, self.calls + 1
            return x * self.W * self.calls

        def backward(self, dout):
            self.dW = dout * self.x
            return dout * self.W

    counter = Counter(np.full(2, 3.0))
    session = Session({"f": make_pair("f", counter)})
    assert session.describe()[0]["arguments"] == ["x", "W"]
    for _ in range(2):
        got = gradients(session, (np.ones(2), np.full(2, 5.0)), np.ones(2))
        np.testing.assert_allclose(got, [np.full(2, 5.0), np.ones(2)])
    assert counter.calls == 0
    assert counter.W.tolist() == [3, 3]


def test_bound_methods_are_their_layer():
    class Twice:
        def forward(self, x):
            self.x = x
            return x * x

        def backward(self, dout):
            return 2 * self.x * dout

    layer = Twice()
    session = Session({"f": make_pair("f", layer.forward, layer.backward)})
    first = session.forward("f", (3.0,), keep=True)["run"]
    session.forward("f", (5.0,))
    assert session.backward(first, 1.0)["gradients"] == 6
    assert not hasattr(layer, "x")


def test_a_loss_layer_and_one_of_several_outputs(homework):
    session = homework("""
class Loss:
    def forward(self, x, target):
        self.d = x - target
        return (self.d ** 2).sum()
    def backward(self): return 2 * self.d
class Split:
    def forward(self, x): return 2 * x, 3 * x
    def backward(self, dout): return 2 * dout[0] + 3 * dout[1]
""")
    assert gradients(session, (np.array([3.0]), np.array([1.0])), 10.0, "Loss").tolist() == [40]
    assert gradients(session, (np.ones(1),), (np.ones(1), np.ones(1)), "Split").tolist() == [5]


def test_a_loss_without_upstream_scales_what_it_leaves_behind(homework):
    one = homework("""
class F:
    def __init__(self): self.w = np.array([2.0, 3.0])
    def forward(self, x, y):
        self.x, self.r = x, x @ self.w - y
        return (self.r ** 2).sum()
    def backward(self): self.dw = 2 * self.x.T @ self.r
class G:
    def forward(self, y_pred): self.r = y_pred; return (y_pred ** 2).sum()
    def backward(self): self.dinputs = 2 * self.r""")
    got = gradients(one, (np.eye(2), np.zeros(2), np.array([2.0, 3.0])), 10.0, "F")
    assert list(got) == ["w"]
    np.testing.assert_allclose(got["w"], [40, 60])
    np.testing.assert_allclose(gradients(one, (np.ones(2),), 10.0, "G"), [[20, 20]])


def test_a_network_that_takes_labels_is_no_pair_of_ours(homework):
    session = homework(layer("def forward(self, x): return x",
                             "def backward(self, y_true): return y_true"))
    with pytest.raises(StudentError, match=r"y_true is no argument of Linear.forward"):
        session.forward("Linear", (1.0,))

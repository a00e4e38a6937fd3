"""Calling conventions: however forward and backward are written, they are called as meant.

Idea: each row is a homework text and the gradients that must come out for given inputs and upstream
gradient. All rows compute products, so a wrong binding gives a wrong number.
"""

import numpy as np
import pytest

from minigen.gradcheck.child import trees
from minigen.gradcheck.child.discover import make_pair
from minigen.gradcheck.child.session import Session, StudentError

X, W, V = np.array([1.0, 2.0]), np.array([3.0, 5.0]), np.array([7.0, 11.0])
PRODUCT = V * W, V * X      # gradients of x * w


def defined(text):
    """The functions and classes that a text defines."""
    names = {"np": np}
    exec(text, names)
    return names


def session(text, **options):
    names = defined(text)
    pair = make_pair("f", names["f_forward"], names.get("f_backward"), options=options)
    return Session({"f": pair})


def gradients(text, inputs, upstream):
    """What backward returns after forward, and the outputs."""
    one = session(text)
    run = one.forward("f", inputs, keep=True)
    return one.backward(run["run"], upstream)["gradients"], run["outputs"]


def same(got, expected):
    assert [p for p, _ in trees.leaves(got)] == [p for p, _ in trees.leaves(expected)]
    for (_, a), (_, b) in zip(trees.leaves(got), trees.leaves(expected), strict=True):
        check = np.testing.assert_allclose if isinstance(b, np.ndarray) else np.testing.assert_equal
        check(a, b)


ONE_OUTPUT = {
    "a cache": """
def f_forward(x, w): return x * w, (x, w)
def f_backward(dout, cache): x, w = cache; return dout * w, dout * x""",
    "no cache: all inputs": """
def f_forward(x, w): return x * w
def f_backward(dout, cache): x, w = cache; return dout * w, dout * x""",
    "by name": """
def f_forward(x, w): return x * w
def f_backward(dout, w, x): return dout * w, dout * x""",
    "by name, a cache that nobody reads": """
def f_forward(x, w): return x * w, (x, w)
def f_backward(dout, x, w): return dout * w, dout * x""",
    "by name, an input returned": """
def f_forward(x, w): return x * w, x
def f_backward(dout, x, w): return dout * w, dout * x""",
    "some by name, some in the cache": """
def f_forward(x, w): return x * w, w * 1
def f_backward(dout, x, saved_w): return dout * saved_w, dout * x""",
    "several caches": """
def f_forward(x, w): return x * w, x, w
def f_backward(dout, a, b): return dout * b, dout * a""",
    "several caches in one tuple": """
def f_forward(x, w): return x * w, (x, w)
def f_backward(dout, a, b): return dout * b, dout * a""",
    "several caches in a starred parameter": """
def f_forward(x, w): return x * w, (x, w)
def f_backward(dout, *cache): return dout * cache[1], dout * cache[0]""",
    "values returned side by side, taken as one cache": """
def f_forward(x, w): return x * w, x, w
def f_backward(dout, cache): x, w = cache; return dout * w, dout * x""",
    "the upstream gradient last": """
def f_forward(x, w): return x * w
def f_backward(x, w, grad_out): return grad_out * w, grad_out * x""",
    "an upstream gradient with any name, first": """
def f_forward(x, w): return x * w, (x, w)
def f_backward(chain, cache): return chain * cache[1], chain * cache[0]""",
    "the output by name": """
def f_forward(x, w): return x * w
def f_backward(dout, out, x, w): return dout * out / x, dout * out / w""",
    "the output as y": """
def f_forward(x, w): return x * w
def f_backward(dy, y, x, w): return dy * y / x, dy * y / w""",
    "a cache called y": """
def f_forward(x, w): return x * w, np.stack([x, w])
def f_backward(dout, y): return dout * y[1], dout * y[0]""",
    "names that begin with d": """
def f_forward(x, w): return x * w, (x, w)
def f_backward(dout, data): x, w = data; return dout * w, dout * x""",
    "a parameter that only looks like a gradient": """
def f_forward(x, w): return x * w, (x, w)
def f_backward(dout, duo): x, w = duo; return dout * w, dout * x""",
    "arguments by keyword": """
def f_forward(x, *, w): return x * w, (x, w)
def f_backward(dout, *, cache): x, w = cache; return dout * w, dout * x""",
    "defaults": """
def f_forward(x, w, power=1): return x * w ** power, (x, w)
def f_backward(dout, cache, scale=1, power=3): return dout * cache[1] ** power, dout * cache[0]""",
    "*args": """
def f_forward(*factors): return factors[0] * factors[1]
def f_backward(dout, *factors): return dout * factors[1], dout * factors[0]""",
    "*args by name": """
def f_forward(*factors): return factors[0] * factors[1]
def f_backward(dout, factors): return dout * factors[1], dout * factors[0]""",
    "module-level state": """
kept = []
def f_forward(x, w): kept[:] = [x, w]; return x * w
def f_backward(dout): x, w = kept; return dout * w, dout * x""",
    "a list": """
def f_forward(x, w): return [x * w, (x, w)]
def f_backward(dout, cache): return dout * cache[1], dout * cache[0]""",
    "a dict": """
def f_forward(x, w): return {"out": x * w, "cache": (x, w)}
def f_backward(dout, cache): return dout * cache[1], dout * cache[0]""",
    "a learning rate": """
def f_forward(x, w): return x * w
def f_backward(output_gradient, x, w, learning_rate, lr=9):
    g = output_gradient + learning_rate + lr
    return g * w, g * x""",
    "names but for their case": """
def f_forward(X, W): return X * W
def f_backward(dout, x, w): return dout * w, dout * x""",
}


@pytest.mark.parametrize("text", ONE_OUTPUT.values(), ids=ONE_OUTPUT)
def test_one_output(text):
    got, outputs = gradients(text, (X, W), V)
    same(outputs, X * W)
    same(got, PRODUCT)


SUM_AND_PRODUCT = V * X + 2 * V * 3     # of s = 3 x, p = x²/2, with upstream gradients 2 V and V

TWO_OUTPUTS = {
    "nested": """
def f_forward(x): return (3 * x, x * x / 2), x
def f_backward(dout, cache): ds, dp = dout; return 3 * ds + dp * cache""",
    "flat": """
def f_forward(x): return 3 * x, x * x / 2, (x,)
def f_backward(dout, cache): ds, dp = dout; return 3 * ds + dp * cache[0]""",
    "flat, with an array as cache": """
def f_forward(x): return 3 * x, x * x / 2, x
def f_backward(dout, cache): ds, dp = dout; return 3 * ds + dp * cache""",
    "spread": """
def f_forward(x): return 3 * x, x * x / 2, (x,)
def f_backward(ds, dp, cache): return 3 * ds + dp * cache[0]""",
    "spread, from a nested return": """
def f_forward(x): return (3 * x, x * x / 2), x
def f_backward(ds, dp, cache): return 3 * ds + dp * cache""",
    "spread, by name": """
def f_forward(x): return 3 * x, x * x / 2
def f_backward(ds, dp, x): return 3 * ds + dp * x""",
    "spread, a cache that nobody reads": """
def f_forward(x): return 3 * x, x * x / 2, x
def f_backward(ds, dp, x): return 3 * ds + dp * x""",
    "spread, cache is the input": """
def f_forward(x): return 3 * x, x * x / 2
def f_backward(ds, dp, cache): return 3 * ds + dp * cache""",
    "an optional third one": """
def f_forward(x): return 3 * x, x * x / 2, x
def f_backward(ds, dp, cache, dlast=0): return 3 * ds + dp * cache + dlast""",
    "said to be several": """
def f_forward(x): return 3 * x, x * x / 2
def f_backward(douts, x): return 3 * douts[0] + douts[1] * x""",
    "a list": """
def f_forward(x): return [3 * x, x * x / 2], x
def f_backward(ds, dp, cache): return 3 * ds + dp * cache""",
}


@pytest.mark.parametrize("text", TWO_OUTPUTS.values(), ids=TWO_OUTPUTS)
def test_two_outputs(text):
    one = session(text)
    run = one.forward("f", (X,), keep=True)
    assert len(run["outputs"]) == 2
    np.testing.assert_allclose(run["outputs"][1], X * X / 2)
    upstream = type(run["outputs"])((2 * V, V))
    same(one.backward(run["run"], upstream)["gradients"], SUM_AND_PRODUCT)


@pytest.mark.parametrize("backward", [
    "f_backward(dout, cache): return 3 * dout['s'] + dout['p'] * cache",
    "f_backward(dp, ds, cache): return 3 * ds + dp * cache",
    "f_backward(first, grad_second, cache): return 3 * grad_second['s'] + first",
    "f_backward(dout, p, x): return 3 * dout['s'] + dout['p'] * 2 * p / x",
])
def test_a_dict_of_outputs(backward):
    text = f"def f_forward(x): return {{'s': 3 * x, 'p': x * x / 2}}, x\ndef {backward}"
    if "second" in backward:        # names that do not fit: the first upstream is all there is
        with pytest.raises(StudentError, match="dy1, dy2, cache"):
            gradients(text.replace("first,", "dfirst, dthird,"), (X,), {"s": 2 * V, "p": V})
        return
    got, _ = gradients(text, (X,), {"s": 2 * V, "p": V})
    same(got, SUM_AND_PRODUCT)


NAMED = {   # what `return` calls things decides: the text, inputs, outputs, upstream, gradients
    "the output": ("""
def f_forward(z):
    a = z * z
    return a
def f_backward(da, a): return 2 * da * np.sqrt(a)""", X * X, V, 2 * V * X),
    "one output of two": ("""
def f_forward(x):
    h, c = x * x, 3 * x
    return h, c, (x,)
def f_backward(dh, cache): return 2 * dh * cache[0]""", X * X, V, 2 * V * X),
    "two outputs of three": ("""
def f_forward(x):
    h, c, y_pred = x * x, 3 * x, x
    return h, c, y_pred, (x,)
def f_backward(dh, dc, cache): return 2 * dh * cache[0] + 3 * dc""",
        (X * X, 3 * X), (V, V), 2 * V * X + 3 * V),
    "outputs in another order": ("""
def f_forward(x):
    h, c = x * x, 3 * x
    return h, c
def f_backward(dc, dh, x): return 2 * dh * x + 3 * dc""",
        (3 * X, X * X), (V, V), 2 * V * X + 3 * V),
    "an array that is no output": ("""
def f_forward(x):
    out, root = x * x, x + 0
    return out, root
def f_backward(dout, x): return 2 * dout * x""", X * X, V, 2 * V * X),
    "a cache by its name": ("""
def f_forward(x):
    out, twice, thrice = x * x, 2 * x, 3 * x
    return out, twice, thrice
def f_backward(dout, twice): return dout * twice""", X * X, V, 2 * V * X),
    "a return inside": ("""
def f_forward(x):
    def square(v):
        h, out = v, v * v
        return h, out
    h, out = square(x)
    return out, h
def f_backward(dout, cache): return 2 * dout * cache""", X * X, V, 2 * V * X),
}


@pytest.mark.parametrize(("text", "outputs", "upstream", "expected"), NAMED.values(), ids=NAMED)
def test_names_of_what_is_returned(homework, text, outputs, upstream, expected):
    one = homework("import numpy as np\n" + text)
    run = one.forward("f", (X,), keep=True)
    same(run["outputs"], outputs)
    same(one.backward(run["run"], upstream)["gradients"], expected)


BESIDE_THE_OUTPUT = {   # what forward returns beside its output, how backward uses dout: outputs
    "an integer": ("x.argmax(), (x,)", "dout", X * X),
    "a truth value, apart": ("x > 0, (x,)", "dout[0]", (X * X, X > 0)),
    "an array that has no gradient": ("x + 1, (x,)", "dout * 1", X * X),
    "a second output": ("x + 1, (x,)", "dout[0]", (X * X, X + 1)),
}


@pytest.mark.parametrize(
    ("more", "use", "outputs"), BESIDE_THE_OUTPUT.values(), ids=BESIDE_THE_OUTPUT
)
def test_what_is_returned_beside_the_output(homework, more, use, outputs):
    one = homework(f"""
def f_forward(x): return x * x, {more}
def f_backward(dout, cache):
    d = {use}
    return 2 * d * cache[0]""")
    run = one.forward("f", (X,), keep=True)
    same(run["outputs"], outputs)
    upstream = (V, 0 * V) if isinstance(outputs, tuple) else V
    same(one.backward(run["run"], upstream)["gradients"], 2 * V * X)


CONTEXTS = {    # what is there for ctx: how forward keeps, what backward reads
    "ours": ("", "ctx.save_for_backward(x)", "ctx.saved_tensors[0]"),
    "an attribute": ("", "ctx.x = x", "ctx.x"),
    "the file's own": ("class Context:\n    box = ()", "ctx.box = (x,)", "ctx.box[0]"),
}


@pytest.mark.parametrize(("own", "keep", "read"), CONTEXTS.values(), ids=CONTEXTS)
def test_static_methods_with_a_context(homework, own, keep, read):
    one = homework(f"""
{own}
class F:
    @staticmethod
    def forward(ctx, x):
        {keep}
        return x * x, 3 * x
    @staticmethod
    def backward(ctx, g1, g2): return 2 * g1 * {read} + 3 * g2""")
    (found,) = one.describe()
    assert found["arguments"] == ["x"]
    run = one.forward("F", (X,), keep=True)
    one.forward("F", (W,), keep=True)
    same(run["outputs"], (X * X, 3 * X))
    same(one.backward(run["run"], (V, W))["gradients"], 2 * V * X + 3 * W)


def test_numbered_upstream_gradients():
    text = """
def f_forward(x): return 2 * x, 3 * x
def f_backward(d1, d2): return 2 * d1 + 3 * d2"""
    same(gradients(text, (X,), (V, W))[0], 2 * V + 3 * W)


LOSS_AND_GRADIENT = {
    "as forward calls it": ("loss, dx", "dout, dx"),
    "by no name in forward": ("loss, dx + 0", "dout, grad"),
    "of an argument": ("loss, dx + 0", "dloss, dx"),
}


@pytest.mark.parametrize(("left", "taken"), LOSS_AND_GRADIENT.values(), ids=LOSS_AND_GRADIENT)
def test_a_loss_that_keeps_its_gradient(left, taken):
    upstream, kept = taken.split(", ")
    got, loss = gradients(f"""
def f_forward(x):
    loss, dx = (x * x).sum(), 2 * x
    return {left}
def f_backward({taken}): return {upstream} * {kept}""", (X,), 10.0)
    assert loss == (X * X).sum()
    same(got, 20 * X)


def test_a_number_that_is_kept():
    text = """
def f_forward(x): return x * x, x
def f_backward(dout, x): return 2 * dout * x"""
    assert gradients(text, (3.0,), 1.0) == (6.0, 9.0)


def test_backward_gets_an_input_as_forward_returns_it(homework):
    one = homework("""
import numpy as np
def f_forward(x):
    x = x.astype(np.float32)
    return x * x, x
def f_backward(dout, x):
    assert x.dtype == np.float32
    return 2 * x * dout""")
    run = one.forward("f", (X / 3,), keep=True)["run"]
    same(one.backward(run, V)["gradients"], 2 * (X / 3).astype(np.float32) * V)
    (kept,) = one.look(run)["cache"].values()
    assert kept.dtype == np.float32


def test_several_inputs_that_forward_returns_are_no_outputs(homework):
    one = homework("""
def f_forward(x, w):
    w = w + 0.0
    return x * w, x, w
def f_backward(dout, x, w): return dout * w, dout * x""")
    run = one.forward("f", (X, W), keep=True)
    same(run["outputs"], X * W)
    same(one.backward(run["run"], V)["gradients"], PRODUCT)


def test_a_new_state_under_an_argument_s_name_is_not_guessed_to_be_a_cache(homework):
    one = homework("""
def f_forward(x, h):
    h = h + x
    return 2 * h, h
def f_backward(dout, x, h): return dout""")
    with pytest.raises(StudentError, match="f_forward returns 2 values"):
        one.forward("f", (X, X))


def test_a_loss_without_an_upstream_gradient():
    text = """
def f_forward(x, target): return ((x - target) ** 2).sum()
def f_backward(x, target): return 2 * (x - target), None"""
    got, loss = gradients(text, (X, W), 10.0)
    assert loss == 13
    same(got, (20 * (X - W), None))


@pytest.mark.parametrize(("text", "says"), [
    ("def f_forward(x): return x * 2, x * 3\ndef f_backward(dout, x): return dout",
     r"f_forward returns 2 values, and f_backward\(dout, x\) does not tell .*\(dout, cache\)"),
    ("def f_forward(X): return X * 2\ndef f_backward(t): return t",
     r"f_backward: t is no argument of f_forward"),
    ("def f_forward(x): return x * 2\ndef f_backward(x): return x",
     r"f_backward takes no upstream gradient, yet .* not one number: call .* dout"),
    ("def f_forward(x): return x * 2\ndef f_backward(y_true): return x",
     r"y_true is no argument of f_forward"),
    ("def f_forward(x): return x * 2\ndef f_backward(dout, a, b): return x",
     r"f_forward returns one value, and f_backward\(dout, a, b\) does not tell"),
    ("def f_forward(x): return np.tanh(x)\ndef f_backward(dout, s): return dout * (1 - s * s)",
     r"f_forward returns one value, and f_backward\(dout, s\) does not tell"),
])
def test_what_cannot_be_decided_says_what_to_write(text, says):
    with pytest.raises(StudentError, match=says):
        session(text).forward("f", (X,))


def test_the_cache_is_what_is_no_output():
    one = session(ONE_OUTPUT["a cache"])
    run = one.forward("f", (X, W), keep=True)["run"]
    assert list(one.look(run)["cache"]) == ["cache[0]", "cache[1]"]
    assert one.look(run)["inputs"][0] is one.look(run)["cache"]["cache[0]"]


# Inputs ------------------------------------------------------------------------------------------

FORWARD = "def f_forward(x, w=None, scale=2.0): return x * scale, x\n"
BACKWARD = "def f_backward(dout, cache): return dout\n"


@pytest.mark.parametrize(("make", "shared", "expected"), [
    ("def make(seed): return np.full(2, seed)", False, (np.full(2, 4),)),
    ("def make(): return (np.ones(2),)", False, (np.ones(2),)),
    ("def make(seed, name): return [seed, name]", False, (4, "f")),
    ("def make(seed): return {'x': 1.0, 'scale': 5.0}", False, (1.0, None, 5.0)),
    ("def make(seed): return {'f': (1.0, 2.0), 'g': (3.0,)}", True, (1.0, 2.0)),
    ("def make(seed): return 1, 2, 3, 4", True, None),
    ("def make(seed): return {'w': 1}", True, None),
    ("def make(seed, name='f'): return {'x': name}", True, ("f",)),
    ("def make(seed): return np.random.rand(2)", False, (np.random.RandomState(4).rand(2),)),
])
def test_inputs_from_the_file(make, shared, expected):
    names = defined(FORWARD + BACKWARD + make)
    pair = make_pair("f", names["f_forward"], names["f_backward"], names["make"], shared=shared)
    got = Session({"f": pair}).inputs("f", 4)
    assert (got is None) == (expected is None)
    if expected is not None:
        same(got, expected)


@pytest.mark.parametrize(("make", "says"), [
    ("def make(seed): return 1, 2, 3, 4", r"make gives 4 values; .* return \(x, w, scale\)"),
    ("def make(seed): return {'w': 1}", "make leaves out x, which f_forward needs"),
])
def test_inputs_that_do_not_fit(make, says):
    names = defined(FORWARD + BACKWARD + make)
    pair = make_pair("f", names["f_forward"], names["f_backward"], names["make"])
    with pytest.raises(StudentError, match=says):
        Session({"f": pair}).inputs("f", 0)


def test_description():
    text = "def f_forward(x, training, eps=1e-5): return x, x\n" + BACKWARD
    assert session(text, points=10, wrt=("x",)).describe() == [{
        "name": "f", "arguments": ["x", "training", "eps"], "defaults": {"eps": 1e-5},
        "annotations": {}, "makes_inputs": False,
        "points": 10, "wrt": ("x",),
    }]

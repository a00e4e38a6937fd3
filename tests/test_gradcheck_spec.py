"""A teacher's spec: what it gives, what it refuses, and the documentation's example.

Idea: a spec is text, so a test is text in and arrays, or one line of advice, out.
"""

import re
from pathlib import Path

import numpy as np
import pytest

from minigen.gradcheck.checker import Settings, check_file
from minigen.gradcheck.child.discover import load
from minigen.gradcheck.inputs import Fixed, Plan, Random, Several, Size, SpecError
from minigen.gradcheck.spec import load_spec, template

PAGE = Path(__file__).resolve().parents[1] / "docs" / "gradcheck-spec.md"


@pytest.fixture
def spec(tmp_path):
    """A function from the text of a spec to the Spec."""

    def loaded(text):
        path = tmp_path / "spec.toml"
        path.write_text(text, encoding="utf-8")
        return load_spec(path)

    return loaded


def described(name, *arguments, **defaults):
    return {"name": name, "arguments": [*arguments, *defaults], "defaults": defaults}


def one(spec, line, seed=0, sizes="{}"):
    """The value of a single argument x that a line describes."""
    text = f"[f]\nsizes = {sizes}\n[f.inputs]\nx = {line}\n"
    (value,) = inputs(spec(text), described("f", "x"), seed)
    return value


def inputs(spec, description, seed):
    """What a spec says of a pair that no session holds."""
    return spec.plans[description["name"]].inputs(description, seed)


class Layers:
    """In place of a session: keeps the constructor arguments that it is given."""

    def configure(self, name, options):
        self.made = name, options
        return {"arguments": ["x", "W"], "defaults": {"W": np.ones((5, 3)), "training": True}}


# What lines give --------------------------------------------------------------------------------


def test_normal_numbers_have_the_shape_dtype_mean_and_spread(spec):
    x = one(spec, "{shape = [400, 50], mean = 100, std = 0.5}")
    assert x.shape == (400, 50) and x.dtype == np.float64
    assert abs(x.mean() - 100) < 0.05 and abs(x.std() - 0.5) < 0.05
    assert one(spec, "{shape = [3], dtype = 'float32'}").dtype == np.float32
    assert one(spec, "{shape = []}").shape == ()
    assert one(spec, "{shape = [0, 3]}").shape == (0, 3)


def test_ranges(spec):
    x = one(spec, "{shape = [2000], low = 2, high = 3}")
    assert 2 <= x.min() < 2.01 and 2.99 < x.max() < 3
    y = one(spec, "{shape = [200], dtype = 'int64', low = -1, high = 3}")
    assert y.dtype == np.int64 and set(y) == {-1, 0, 1, 2}
    assert set(one(spec, "{shape = [200], dtype = 'int32', high = 2}")) == {0, 1}
    mask = one(spec, "{shape = [1000], dtype = 'bool'}")
    assert mask.dtype == bool and 400 < mask.sum() < 600


def test_distinct_numbers_keep_a_distance(spec):
    x = one(spec, "{shape = [3, 7], distinct = true}")
    assert np.diff(np.sort(x.ravel())).min() > 0.18 and (x != 0).all() and x.std() > 1
    assert (np.diff(x.ravel()) < 0).any()           # and are in no order
    y = one(spec, "{shape = [5], distinct = true, low = 10, high = 11}")
    assert (y >= 10).all() and (y < 11).all()
    assert sorted(one(spec, "{shape = [4], dtype = 'int64', high = 4, distinct = true}")) == [
        0, 1, 2, 3
    ]


def test_rows_and_columns_of_targets(spec):
    rows = one(spec, "{shape = [40, 3], one_hot = 1}")
    assert set(rows.ravel()) == {0, 1} and (rows.sum(1) == 1).all() and (rows.sum(0) > 1).all()
    columns = one(spec, "{shape = [3, 40], one_hot = 0, dtype = 'int64'}")
    assert columns.dtype == np.int64 and (columns.sum(0) == 1).all()
    p = one(spec, "{shape = [4, 3, 5], sums_to_one = -1}")
    assert p.min() > 0 and np.allclose(p.sum(-1), 1) and p.std() > 0.01


def test_fixed_values(spec):
    assert one(spec, "2") == 2 and one(spec, "true") is True and one(spec, '"max"') == "max"
    assert one(spec, "[0, 2]") == [0, 2]
    assert one(spec, "{value = {mode = 'train', eps = 1e-5}}") == {"mode": "train", "eps": 1e-5}
    x = one(spec, "{values = [[1, 2], [3, 4]], dtype = 'float32'}")
    assert x.dtype == np.float32 and x.tolist() == [[1, 2], [3, 4]]
    assert one(spec, "{values = [1, 2]}").dtype.kind == "i"


def test_nested_values(spec):
    params = one(spec, "{dict = {W = {shape = [5, 3]}, b = {shape = [3]}, n = 2}}")
    assert params["W"].shape == (5, 3) and params["b"].shape == (3,) and params["n"] == 2
    state = one(spec, "{tuple = [{shape = [2]}, {list = [{shape = [3]}, 1]}]}")
    assert isinstance(state, tuple) and state[0].shape == (2,)
    assert isinstance(state[1], list) and state[1][0].shape == (3,) and state[1][1] == 1


def test_sizes_go_round_with_the_seeds(spec):
    shapes = [one(spec, '{shape = ["N", "D", 2]}', k, "{N = [4, 1, 7], D = 5}").shape
              for k in range(4)]
    assert shapes == [(4, 5, 2), (1, 5, 2), (7, 5, 2), (4, 5, 2)]
    assert one(spec, '{size = "C"}', 1, "{C = [3, 10]}") == 10
    labels = one(spec, '{shape = [500], dtype = "int64", high = "C"}', 1, "{C = [3, 10]}")
    assert labels.max() == 9


def test_defaults_hold_for_every_pair_that_does_not_say(spec):
    found = spec("""
        [defaults]
        points = 5
        dtype = "float32"
        sizes = {N = 4, D = 2}
        [f]
        [f.inputs]
        x = {shape = ["N", "D"]}
        [g]
        points = 2.5
        seeds = 7
        wrt = ["x"]
        sizes = {D = 9}
        [g.inputs]
        x = {shape = ["N", "D"]}
        y = {shape = [1], dtype = "float64"}
    """)
    assert found.names == ("f", "g")
    assert found.options("f") == {"points": 5, "seeds": None, "wrt": None}
    assert found.options("g") == {"points": 2.5, "seeds": 7, "wrt": ["x"]}
    assert found.options("h") == {"points": 0, "hints": 3} and not found.has_inputs("h")
    (x,) = inputs(found, described("f", "x"), 0)
    assert x.shape == (4, 2) and x.dtype == np.float32
    x, y = inputs(found, described("g", "x", "y"), 0)
    assert x.shape == (4, 9) and x.dtype == np.float32 and y.dtype == np.float64


def test_arguments_come_in_the_order_of_forward_with_defaults_between(spec):
    found = spec("[f.inputs]\nw = {shape = [2]}\nx = {shape = [3]}\n[g]\npoints = 3\n")
    description = described("f", "x", stride=1, w=None, pad=0)
    x, stride, w = inputs(found, description, 0)         # pad keeps its default
    assert x.shape == (3,) and stride == 1 and w.shape == (2,)
    assert found.has_inputs("f") and not found.has_inputs("g")


def test_inputs_depend_on_seed_and_name_alone(spec):
    text = "[f.inputs]\nx = {shape = [3]}\ny = {shape = [3]}\n"
    turned = "[g]\nseeds = 2\n[f.inputs]\ny = {shape = [3]}\nx = {shape = [3]}\n"
    description = described("f", "x", "y")
    first = np.array(inputs(spec(text), description, 5))
    assert (first == inputs(spec(turned), description, 5)).all()
    assert (first != inputs(spec(text), description, 6)).all()
    assert (first != inputs(spec(text.replace("f.", "g.")), {**description, "name": "g"}, 5)).all()
    assert (first[0] != np.random.default_rng(5).standard_normal(3)).all()


def test_a_class_is_made_before_its_parameters_are_known(spec):
    found = spec("""
        [Affine.init]
        n_in = 5
        W = {shape = [5, 3]}
        [Affine.inputs]
        x = {shape = [4, 5]}
    """)
    layers = Layers()
    description, given = found.plans["Affine"].prepared(layers, described("Affine", "x"), 1)
    name, options = layers.made
    assert name == "Affine" and options["init"]["n_in"] == 5
    assert options["init"]["W"].shape == (5, 3)
    assert description["arguments"] == ["x", "W"]
    assert [v.shape for v in given] == [(4, 5), (5, 3)]         # the parameter, but not the flag


# What is refused, and how -----------------------------------------------------------------------

WRONG = [       # text of a spec, what the error says: every part of it
    ("points = 3", ["points stands outside of any table", "[defaults]"]),
    ("[f]\npoint = 3", ["[f]", "no key point", "did you mean points?"]),
    ("[f]\npoints = -1", ["[f], points", "-1"]),
    ("[f]\nseeds = 0", ["[f], seeds", "0"]),
    ("[f]\nseeds = true", ["[f], seeds"]),
    ("[f]\nwrt = 'x'", ["[f], wrt", '["x", "w"]']),
    ("[f]\nwrt = []", ["[f], wrt"]),
    ("[f]\nsizes = {N = 'four'}", ["[f], sizes, N", "four"]),
    ("[f]\nsizes = {N = []}", ["[f], sizes, N"]),
    ("[f]\nsizes = 4", ["[f], sizes", "not a table"]),
    ("[f]\ninputs = 4", ["[f.inputs]", "not a table"]),
    ("[defaults]\nwrt = ['x']", ["[defaults]", "no key wrt"]),
    ("[f.inputs]\nx = {shpe = [4]}", ["[f.inputs], x", "no key shpe", "did you mean shape?"]),
    ("[f.inputs]\nx = {mode = 'train'}", ["[f.inputs], x", "{value = {...}}"]),
    ("[f.inputs]\nx = {}", ["[f.inputs], x", "no key at all"]),
    ("[f.inputs]\nx = {shape = [4], hihg = 3}", ["no key hihg", "did you mean high?"]),
    ("[f.inputs]\nx = {shape = 4}", ["x, shape", "[5]"]),
    ("[f.inputs]\nx = {shape = [-4]}", ["x, shape", "-4"]),
    ("[f.inputs]\nx = {shape = [4.0]}", ["x, shape", "4.0"]),
    ("[f]\nsizes = {N = 1}\n[f.inputs]\nx = {shape = ['n']}", ["x, shape", "no size n", "N"]),
    ("[f.inputs]\nx = {shape = ['N']}", ["no size N", "sizes = {N = 4}"]),
    ("[f.inputs]\nx = {shape = [4], dtype = 'float46'}", ["no dtype 'float46'", "float64"]),
    ("[f.inputs]\nx = {shape = [4], dtype = 'object'}", ["no dtype 'object'"]),
    ("[f.inputs]\nx = {shape = [4], dtype = 64}", ["no dtype 64"]),
    ("[f]\ndtype = 'floot32'\n[f.inputs]\nx = {shape = [4]}", ["did you mean float32?"]),
    ("[f.inputs]\nx = {shape = [4], low = 1}", ["low and high go together"]),
    ("[f.inputs]\nx = {shape = [4], low = 1, high = 1}", ["low must be below high"]),
    ("[f.inputs]\nx = {shape = [4], low = 'a', high = 1}", ["x, low", "'a'"]),
    ("[f.inputs]\nx = {shape = [4], low = 0, high = 1, std = 2}", ["either low and high"]),
    ("[f.inputs]\nx = {shape = [4], dtype = 'int64'}", ["whole numbers need high"]),
    ("[f.inputs]\nx = {shape = [4], dtype = 'int64', std = 2}", ["not mean and std"]),
    ("[f.inputs]\nx = {shape = [4], dtype = 'int64', high = 'C'}", ["x, high", "no size C"]),
    ("[f.inputs]\nx = {shape = [4], dtype = 'bool', high = 2}", ["truth values have no range"]),
    ("[f.inputs]\nx = {shape = [4], one_hot = 1}", ["x, one_hot", "1 is no axis"]),
    ("[f.inputs]\nx = {shape = [4], one_hot = 0, low = 0, high = 1}", ["exclude each other"]),
    ("[f.inputs]\nx = {shape = [4], sums_to_one = 0, dtype = 'int64', high = 3}",
     ["only floating"]),
    ("[f.inputs]\nx = {shape = [4], distinct = 1}", ["x, distinct"]),
    ("[f.inputs]\nx = {values = [[1], [2, 3]]}", ["rows of different lengths"]),
    ("[f.inputs]\nx = {values = ['a']}", ["not all of them are numbers"]),
    ("[f.inputs]\nx = {size = 3}", ["[f.inputs], x", "3"]),
    ("[f.inputs]\nx = {dict = 3}", ["x, dict", "3"]),
    ("[f.inputs]\nx = {dict = {W = {shap = [3]}}}", ["x, W", "did you mean shape?"]),
    ("[f.inputs]\nx = {tuple = [{shap = [3]}]}", ["x, tuple 0", "did you mean shape?"]),
    ("[f.inputs]\nx = {list = 3}", ["x, list"]),
    ("[f.inputs]\nx = (4, 5)", ["line 2", "x = (4, 5)", "lists as [4, 5]"]),
    ("[f.inputs]\nx = True", ["line 2", "true and false"]),
    ("[f.inputs]\nx = {shape = [4],\nlow = 0}", ["line 2", "on one line"]),
    ("[f.inputs\n", ["line 1", "[f.inputs"]),
]


@pytest.mark.parametrize(("text", "parts"), WRONG, ids=[text[:40] for text, _ in WRONG])
def test_what_is_not_understood_is_explained(spec, text, parts):
    with pytest.raises(SpecError) as error:
        spec(text)
    said = str(error.value)
    assert "spec.toml" in said and "\n" not in said
    for part in parts:
        assert part in said


def test_arguments_that_do_not_fit_the_pair(spec):
    found = spec("[f.inputs]\nwieght = {shape = [2]}\n")
    with pytest.raises(SpecError, match=r"f has no argument wieght; did you mean weight\?"):
        inputs(found, described("f", "x", "weight"), 0)
    found = spec("[f.inputs]\nX = {shape = [2]}\n")
    with pytest.raises(SpecError, match=r"f has no argument X; did you mean x\?"):
        inputs(found, described("f", "x"), 0)
    found = spec("[f.inputs]\nx = {shape = [2]}\n")
    with pytest.raises(SpecError, match=r"argument w of f has no default and is not given; .*w ="):
        inputs(found, described("f", "x", "w"), 0)
    found = spec("[f.inputs]\nx = {shape = [9], dtype = 'int64', high = 3, distinct = true}\n")
    with pytest.raises(SpecError, match=r"x, seed 2: 9 distinct whole numbers .* only 3"):
        inputs(found, described("f", "x"), 2)


def test_a_file_that_is_none(tmp_path):
    with pytest.raises(SpecError, match=r"missing\.toml: No such file"):
        load_spec(tmp_path / "missing.toml")
    (tmp_path / "latin.toml").write_bytes(b"# \xe9\n")
    with pytest.raises(SpecError, match="UTF-8"):
        load_spec(tmp_path / "latin.toml")


# The template -----------------------------------------------------------------------------------


def test_a_template_reads_back_to_the_same_inputs(tmp_path):
    triangle = np.tril(np.ones((2, 2), dtype=bool))
    plan = Plan(
        "odd.name",
        {
            "x": Random(("N", 3), low=0.1, high=0.9),
            "y": Random(("N",), dtype="int64", high="C"),
            "t": Random(("N", "C"), one_hot=1),
            "mask": Fixed(triangle),
            "weights": Several("dict", {"W": Random((3, "C"), std=0.4), "b é": Random((1,))}),
            "state": Several("tuple", [Random((2,)), Fixed(1.5)]),
            "param": Fixed({"mode": "train", "eps": 1e-5, "axes": [0, 2], "on": True}),
            "classes": Size("C"),
        },
        init={"units": Size("N")},
        sizes={"N": [4, 2], "C": 5},
    )
    description = described(plan.name, *plan.arguments)
    path = tmp_path / "spec.toml"
    path.write_text(template([description], {plan.name: plan}), encoding="utf-8")
    read = load_spec(path)
    assert read.names == ("odd.name",)
    for seed in (0, 1):
        mine, theirs = plan.inputs(description, seed), inputs(read, description, seed)
        np.testing.assert_equal(theirs, mine)
        assert [type(a) for a in theirs] == [type(a) for a in mine]
    assert read.plans[plan.name].init == plan.init


def test_a_pair_without_a_guess_is_a_skeleton_to_be_filled_in(tmp_path):
    text = template([described("strange", "foo", "bar", pad=0)], {"strange": None})
    path = tmp_path / "spec.toml"
    path.write_text(text, encoding="utf-8")
    assert load_spec(path).names == ()              # it is comments only ...
    head, skeleton = text.split("# No guess fits strange")
    path.write_text(head + "#" + re.sub("(?m)^# ", "", skeleton), encoding="utf-8")
    foo, bar = inputs(load_spec(path), described("strange", "foo", "bar", pad=0), 0)
    assert foo.shape == bar.shape == (4, 5)         # ... and a spec without the signs


# The documentation ------------------------------------------------------------------------------


@pytest.fixture
def example(tmp_path):
    """The page's homework, loaded, and its spec."""
    text = PAGE.read_text(encoding="utf-8")
    for name, language in (("homework.py", "python"), ("homework.toml", "toml")):
        block = re.search(f"```{language}\n(.*?)```", text, re.DOTALL)[1]
        (tmp_path / name).write_text(block, encoding="utf-8")
    return load(tmp_path / "homework.py"), load_spec(tmp_path / "homework.toml")


def test_the_example_of_the_page_runs(example):
    session, spec = example
    descriptions = {d["name"]: d for d in session.describe()}
    assert spec.names == tuple(descriptions)
    for name, description in descriptions.items():
        for seed in range(3):
            _, given = spec.plans[name].prepared(session, description, seed)
            assert len(given[0]) == [4, 1, 7][seed]
            answer = session.forward(name, given, keep=True)
            upstream = np.ones(np.shape(answer["outputs"]))
            gradients = session.backward(answer["run"], upstream)["gradients"]
            first = gradients[0] if isinstance(gradients, tuple) else gradients
            assert first.shape == given[0].shape
    assert spec.options("linear") == {"points": 10, "seeds": 3, "wrt": ["x", "w", "b"]}
    assert spec.options("max_pool") == {"points": 5, "seeds": 3, "wrt": None}


LINES = re.findall(r"\| `([a-z]\w* = \{.*?\})` \|", PAGE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("line", LINES)
def test_every_line_of_the_page_is_one(spec, line):
    sizes = "sizes = {C = 3}" if '"C"' in line else ""
    name = line.split(" = ")[0]
    (value,) = inputs(spec(f"[f]\n{sizes}\n[f.inputs]\n{line}\n"), described("f", name), 0)
    assert value is not None


def test_a_homework_that_a_spec_does_not_fit_costs_its_pairs_alone(spec, tmp_path):
    path = tmp_path / "homework.py"
    pair = "def {0}_forward(x): return 2.0 * x\ndef {0}_backward(dout): return 2.0 * dout\n"
    path.write_text("".join(map(pair.format, "fgh")), encoding="utf-8")
    text = "[{0}]\npoints = 3\n[{0}.inputs]\n{1} = {{shape = [2]}}\n"
    found = spec(text.format("f", "x") + text.format("g", "X") + text.format("missing", "x"))
    f, g, h, missing = check_file(path, Settings(isolate=False), found).pairs
    assert (f.verdict, f.points, f.max_points) == ("pass", 3, 3)
    assert (g.verdict, g.points, g.max_points) == ("error", 0, 3)
    assert "[g]: g has no argument X; did you mean x?" in g.structure[0].message
    assert (h.verdict, h.points, h.max_points) == ("pass", 0, 0)     # guessed, worth nothing
    assert (missing.name, missing.verdict, missing.max_points) == ("missing", "error", 3)

"""Edits that insert: each rule's own, their order, and that they undo the edits of edits_rules.py.

Idea: an edit makes a right backward wrong; among the inserting edits of the wrong one must be the
right one again, under the label of the slip. Texts are compared up to the order of factors and
terms, for `a * b` is as right as `b * a`.
Read next: minigen/gradcheck/child/edits_insert.py.
"""

import ast
import itertools
import random

import pytest

from minigen.cli.bench_gradcheck import files
from minigen.cli.bench_gradcheck_mutants import backwards
from minigen.gradcheck.child.edits import MOST, edits
from minigen.gradcheck.child.edits_insert import INSERTING, INSERTING_STATEMENTS, RANKS, SAID
from minigen.gradcheck.child.edits_rules import RULES, STATEMENT_RULES

FILE = """
import numpy as np
def layer_forward(x, w, scale, idx):
    N, D = x.shape
    s = 1 / (1 + np.exp(-x))
    y = (x - x.mean(axis=1, keepdims=True)) / np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)
    return x @ w * scale, (x, w, y, s, p, scale, norm, reg, idx)
def layer_backward(dout, cache):
    x, w, y, s, p, scale, norm, reg, idx = cache
    N, D = x.shape
    dh = dout
    {}
    return dx, dw
"""
EXAMPLES = [        # label, a wrong line, the right one
    ("factor", "dx = dout @ w.T", "dx = dout @ w.T * scale"),
    ("factor", "dw = x.T @ dout", "dw = x.T @ dout / N"),
    ("factor", "dw = x.T @ dout", "dw = x.T @ dout / x.shape[0]"),
    ("factor", "dw = x.T @ dout", "dw = x.T @ (dout * y)"),
    ("factor", "dw = dout.sum(axis=0)", "dw = (dout * x).sum(axis=0)"),
    ("factor", "dx = dout * s", "dx = dout * s * (1 - s)"),
    ("factor", "dx = dout", "dx = dout * (1 - y ** 2)"),
    ("wrong_mask", "dx = dout @ w.T", "dx = dout @ w.T * (x > 0)"),
    ("wrong_mask", "dx[x > 1] = 0", "dx[np.abs(x) > 1] = 0"),
    ("missing_term", "dx = dout @ w.T", "dx = dout @ w.T + dh"),
    ("missing_term", "dw = x.T @ dout", "dw = x.T @ dout + reg * w"),
    ("missing_term", "dx = dout * s", "dx = dout * (1 - s)"),
    ("missing_term", "dx = dout * y / norm",
     "dx = dout * (y - y.mean(axis=1, keepdims=True)) / norm"),
    ("missing_term", "dx = p * dout",
     "dx = p * (dout - (dout * p).sum(axis=-1, keepdims=True))"),
    ("missing_term", "dx = dout * p * (1 - p)",
     "dx = p * (dout - (dout * p).sum(axis=-1, keepdims=True))"),
    ("missing_term", "dx = dout / norm",
     "dx = (dout - x * (dout * x).sum(axis=1, keepdims=True) / norm ** 2) / norm"),
    ("sign", "dx = dout * np.exp(x)", "dx = dout * np.exp(-x)"),
    ("sign", "dx, dw = dout * s - y, dout * y + s", "dx, dw = (dout * s + y, dout * y - s)"),
    ("wrong_variable", "dw = x[1:].T @ dout", "dw = p.T @ dout"),
    ("power", "dx = dout * (1 - y)", "dx = dout * (1 - y ** 2)"),
    ("power", "dx = dout / D", "dx = dout / np.sqrt(D)"),
    ("small_error", "dx = dout / np.sqrt(norm)", "dx = dout / np.sqrt(norm + 1e-05)"),
    ("small_error", "dx = 0.5005 * dout", "dx = 0.5 * dout"),
    ("wrong_precision", "dx = (dout * y).astype('f')", "dx = dout * y"),
    ("missing_broadcast_sum", "dw = dout * x", "dw = (dout * x).sum(axis=0)"),
    ("missing_broadcast_sum", "dw = x.sum(axis=0)", "dw = x.sum(axis=(0, 1))"),
    ("missing_broadcast_sum", "dx = dout - p * dout",
     "dx = dout - p * dout.sum(axis=1, keepdims=True)"),
    ("missing_broadcast_sum", "dw = dout[0]", "dw = dout.sum(axis=0)"),
    ("factor", "dx = dout / x.shape[1]", "dx = dout / norm"),
    ("flip", "dx = layer(dout, w)", "dx = layer(dout, w[..., ::-1, ::-1])"),
    ("function", "dx = dout * (x - y)", "dx = dout * np.sign(x - y)"),
    ("wrong_axis", "dw = dout.sum()", "dw = dout.sum(axis=0)"),
    ("wrong_axis", "dx = y - y.mean(axis=0)", "dx = y - y.mean(axis=0, keepdims=True)"),
    ("wrong_axis", "dx = y - dout.mean(0) - y * x.mean(0)",
     "dx = y - dout.mean(axis=1, keepdims=True) - y * x.mean(axis=1, keepdims=True)"),
    ("wrong_axis", "axes = (2, 3)", "axes = (0, 2, 3)"),
    ("transpose", "dw = np.dot(x, dout)", "dw = np.dot(x.T, dout)"),
    ("transpose", "dx = dout.dot(w)", "dx = dout.dot(w.T)"),
    ("transpose", "dx = dout @ w", "dx = (dout @ w).reshape(x.shape)"),
    ("function", "dx = dout * x", "dx = dout * np.exp(x)"),
    ("overwrites", "dx = x", "dx = x.copy()"),
    ("overwrites", "dh[0] = x", "dh[0] += x"),
    ("overwrites", "dh[idx] += x", "np.add.at(dh, idx, x)"),
    ("double_count", "dh += x; dh += x", "pass"),
    ("wrong_variable", "x, w = cache", "w, x = cache"),
    ("input_vs_output", "dx = dout * x * (1 - x)",
     "dx = dout * (x @ w * scale) * (1 - x @ w * scale)"),
    ("boundary", "dh[:, :N] += x", "dh[:, 1:N] += x"),
    ("off_by_one", "dh[:, :N] += x", "dh[:, 0 + 1:N + 1] += x"),
    ("flip", "dx = dout[:, :]", "dx = dout[:, ::-1]"),
    ("extra_term", "dx = dout * y + x", "dx = dout * y"),
]       # fmt: skip


@pytest.mark.parametrize(("label", "line", "after"), EXAMPLES)
def test_an_insertion_of_each_rule(label, line, after):
    found = edits(FILE.format(line), "layer_backward", inserting=True)
    edit = next((e for e in found if e.line == 12 and e.after == after), None)
    assert edit is not None
    assert edit.label == label


def test_every_rule_that_is_ranked_or_renamed_exists():
    own = {rule.__name__ for rule in (*RULES, *STATEMENT_RULES)}
    inserting = {rule.__name__ for rule in (*INSERTING, *INSERTING_STATEMENTS)}
    assert inserting | own >= set(RANKS)
    assert own >= {rule for rule, _ in SAID} and not own & inserting


def test_other_uses_are_products_with_a_gradient():
    source = FILE.format("dx = dout @ w.T; dw = x.T @ dout; da = dx * s")
    found = [e.after for e in edits(source, "layer_backward", inserting=True)]
    assert "return (dx, dw + x.T @ da)" in found


def test_they_come_once_each_and_the_file_stays_whole():
    source = FILE.format("dx = dout * s; dw = x.T @ dout")
    found = list(edits(source, "layer_backward", inserting=True))
    assert len({(e.line, e.before, e.after) for e in found}) == len(found)
    counts = [sum(e.before == before for e in found) for before in {e.before for e in found}]
    assert 200 < len(found) < 1500 and max(counts) <= MOST
    for edit in found[::7]:
        ast.parse(edit.source)
        changed = [i for i, (a, b) in enumerate(
            zip(source.splitlines(), edit.source.splitlines(), strict=True), 1) if a != b]
        assert changed == [edit.line]       # fmt: skip


def test_what_is_never_read_comes_first():
    """scale was cached for something."""
    source = FILE.format("dx = (dout * reg) @ (w * p).T; dw = (x * s * y / norm).T @ dout")
    found = [e.after for e in edits(source, "layer_backward", inserting=True)]
    line = "dx = dout * reg @ (w * p).T * "
    scaled, other = found.index(line + "scale"), found.index(line + "y")
    assert scaled < other


def test_nothing_is_offered_that_has_no_value():
    source = FILE.format("dx = dout * x; dw = late * dx; late = dx")
    found = [e.after for e in edits(source, "layer_backward", inserting=True)]
    assert "dx = dout * x * scale" in found
    assert not any(after.startswith("dx") and "late" in after for after in found)
    assert not any("cache" in after for after in found if after.startswith("dx"))


# Undoing ------------------------------------------------------------------------------------------


def in_order(node):
    """A text of a tree that is the same for a * b and b * a, and for a + b - c and a - c + b."""
    if isinstance(node, list):
        return "[" + ",".join(map(in_order, node)) + "]"
    if not isinstance(node, ast.AST):
        return repr(float(node)) if type(node) in (int, float) else repr(node)
    for kinds, name in (((ast.Mult, ast.Div), "product"), ((ast.Add, ast.Sub), "sum")):
        if isinstance(node, ast.BinOp) and isinstance(node.op, kinds):
            return name + str(sorted(_operands(node, kinds, False)))
    fields = (in_order(value) for name, value in ast.iter_fields(node) if name != "ctx")
    return type(node).__name__ + "(" + ",".join(fields) + ")"


def _operands(node, kinds, inverse):
    if isinstance(node, ast.BinOp) and isinstance(node.op, kinds):
        yield from _operands(node.left, kinds, inverse)
        yield from _operands(node.right, kinds, inverse ^ isinstance(node.op, kinds[1]))
    else:
        yield ("/" if inverse else "") + in_order(node)


def undone(wrong, function):
    """The inserting edit that undoes an edit, or None."""
    right = in_order(ast.parse(wrong.before))
    found = edits(wrong.source, function, inserting=True)
    for edit in itertools.islice(found, 500):
        if edit.line == wrong.line and in_order(ast.parse(edit.after)) == right:
            return edit
    return None


SHARES = {      # label: share that must be undone by one of the first 500
    "sign": 0.9, "factor": 0.8, "transpose": 0.9, "wrong_axis": 0.9, "wrong_mask": 0.8,
    "wrong_order": 0.9, "off_by_one": 0.8, "power": 0.8, "small_error": 0.9,
    "wrong_precision": 0.9, "overwrites": 0.8, "wrong_variable": 0.3, "input_vs_output": 0.3,
    "missing_broadcast_sum": 0.5, "missing_term": 0.25,
}       # fmt: skip
UNDONE = ["affine", "batch_norm", "softmax", "relus", "linear_class", "embedding", "rnn_step"]


@pytest.fixture(scope="module")
def made():
    """{label: [(function, edit)]} of some right homework, the same at every run."""
    groups = {}
    for path in files("correct"):
        if path.stem in UNDONE:
            source = path.read_text()
            for function in backwards(source):
                for edit in edits(source, function):
                    groups.setdefault(edit.label, []).append((function, edit))
    return groups


@pytest.mark.parametrize("label", SHARES)
def test_edits_are_undone_under_their_own_label(made, label):
    few = random.Random(1).sample(made[label], min(6, len(made[label])))
    found = [undone(edit, function) for function, edit in few]
    labels = [edit.label for edit in found if edit is not None]
    assert len(labels) >= SHARES[label] * len(few)
    assert labels.count(label) >= 0.8 * len(labels)


def test_an_output_that_forward_gave_a_name_is_its_expression():
    source = (
        "import numpy as np\ndef f_forward(x):\n    out = np.tanh(x)\n    return out, x\n"
        "def f_backward(dout, x):\n    return dout * (1 - x ** 2)\n"
    )
    found = [edit.after for edit in edits(source, "f_backward", inserting=True)]
    assert "return dout * (1 - np.tanh(x) ** 2)" in found


def test_a_term_is_not_added_to_itself_and_the_last_definition_counts():
    source = (
        "def f_backward(dout, x):\n    return 0\n"
        "def f_backward(dout, x):\n    return dout * x\n"
    )
    found = [(edit.line, edit.after) for edit in edits(source, "f_backward", inserting=True)]
    assert {line for line, _ in found} == {4}
    assert (4, "return dout * x * 2") in found
    assert (4, "return dout * x + dout * x") not in found

"""Edits of a whole statement: `+=` for `=`, np.add.at, and one slip that was made all along a line.

Idea: who takes the wrong axis for one mean of a line takes it for the other one, too, and who
writes x where y belongs writes it twice. Both at once are one edit. A rule is a generator from a
statement and a Scope to (label, the statements in its place, one or more).
Read next: edits_insert.py.
"""

import ast
import copy

from .edits_insert_shapes import expression
from .edits_rules import OUTPUTS
from .edits_scope import REDUCTIONS, called, is_gradient, is_value, stored

COMMON_AXES = ("axis=1, keepdims=True", "axis=-1, keepdims=True", "axis=0", "axis=1")


def repeated(statement, scope):
    """A statement that stands twice: once."""
    if ast.unparse(statement) in scope.repeated:
        yield "double_count", ast.Pass()


def added(statement, scope):
    """a = b: a += b, a -= b, a *= b, where a has a value."""
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        return
    target, value = statement.targets[0], statement.value
    before = isinstance(target, ast.Name) and target.id in scope.names
    if before or isinstance(target, ast.Subscript | ast.Attribute):
        for operator in (ast.Add(), ast.Sub(), ast.Mult()):
            yield "overwrites", ast.AugAssign(target, operator, value)


def scattered(statement, scope):
    """a[i] += b, a[i] = b: np.add.at(a, i, b), for indices that repeat."""
    target = getattr(statement, "target", None) or getattr(statement, "targets", [None])[0]
    if not isinstance(target, ast.Subscript) or isinstance(target.slice, ast.Slice | ast.Constant):
        return
    value = statement.value
    if isinstance(getattr(statement, "op", None), ast.Sub):
        value = ast.UnaryOp(ast.USub(), value)
    if not any(isinstance(n, ast.Slice) for n in ast.walk(target.slice)):
        call = ast.Call(expression("np.add.at"), [target.value, target.slice, value], [])
        yield "overwrites", ast.Expr(call)


def unpacked(statement, scope):
    """x, w, b = cache: two neighbours the other way round."""
    target = statement.targets[0] if isinstance(statement, ast.Assign) else None
    if isinstance(target, ast.Tuple) and not isinstance(statement.value, ast.Tuple):
        names = target.elts
        for i in range(len(names) - 1):
            new = ast.Tuple([*names[:i], names[i + 1], names[i], *names[i + 2 :]], ast.Store())
            yield "wrong_variable", ast.Assign([new], statement.value, lineno=0)


def other_axes(statement, scope):
    """Every sum and mean of the line over another axis, with or without keepdims."""
    if not _reductions(statement):
        return
    for axis in dict.fromkeys([*scope.axes, *COMMON_AXES]):
        new = copy.deepcopy(statement)
        for call in _reductions(new):
            _, owner = called(call)
            call.args = [owner] if any(a is owner for a in call.args) else []
            call.keywords = expression(f"_({axis})").keywords
        yield "wrong_axis", new


def _reductions(statement):
    return [n for n in ast.walk(statement) if called(n)[0] in REDUCTIONS]


def more_axes(statement, scope):
    """axes = (2, 3): an axis more."""
    if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Tuple):
        taken = [getattr(e, "value", None) for e in statement.value.elts]
        if all(type(value) is int for value in taken):
            for axis in {*range(5)} - {*taken}:
                values = [ast.Constant(value) for value in sorted([*taken, axis])]
                tuples = ast.Tuple(values, ast.Load())
                yield "wrong_axis", ast.Assign(statement.targets, tuples, lineno=0)


def renamed(statement, scope):
    """A variable, wherever it is read on a line: another, what forward computes of it, minus it."""
    if not isinstance(statement, ast.Assign | ast.AugAssign | ast.Return):
        return
    names = [n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and not stored(n)]
    for name in dict.fromkeys(names):
        if name not in scope.arrays:
            continue
        others = [v for v in scope.arrays if v != name and is_gradient(v) == is_gradient(name)]
        computed = [text for text in scope.outputs if name in text]
        for other in [*computed, *(others if names.count(name) > 1 else [])]:
            mixed = other in computed or (other in OUTPUTS) != (name in OUTPUTS)
            label = "input_vs_output" if mixed else "wrong_variable"
            yield label, _Renamer(name, expression(other)).visit(copy.deepcopy(statement))
        if names.count(name) > 1:
            minus = _Renamer(name, ast.UnaryOp(ast.USub(), ast.Name(name, ast.Load())))
            yield "sign", minus.visit(copy.deepcopy(statement))


class _Renamer(ast.NodeTransformer):
    def __init__(self, name, other):
        self.name, self.other = name, other

    def visit_Name(self, node):     # ast's name for it
        return self.other if node.id == self.name and not stored(node) else node


def other_signs(statement, scope):
    """Every sum of the line a difference, and the reverse."""
    new = copy.deepcopy(statement)
    sums = [n for n in ast.walk(new) if isinstance(n, ast.BinOp)
            and isinstance(n.op, ast.Add | ast.Sub) and not scope.is_size(n)]      # fmt: skip
    for node in sums:
        node.op = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
    if len(sums) > 1:
        yield "sign", new


def other_uses(statement, scope):
    """A returned gradient: with the part that came another way, by a product of matrices."""
    if not isinstance(statement, ast.Return) or not scope.has_matmul:
        return
    value = statement.value
    returned = value.elts if isinstance(value, ast.Tuple) else [value]
    flows = [v for v in scope.arrays if is_gradient(v)]
    states = [v for v in scope.arrays if not is_gradient(v)]
    for i, old in enumerate(returned):
        if not is_value(old):
            continue
        for g in (v for v in flows if v != ast.unparse(old)):
            for y in states:
                for text in (f"{y}.T @ {g}", f"{g}.T @ {y}", f"{g} @ {y}", f"{g} @ {y}.T"):
                    new = [*returned]
                    new[i] = ast.BinOp(old, ast.Add(), expression(text))
                    whole = ast.Tuple(new, ast.Load()) if len(new) > 1 else new[0]
                    yield "missing_term", ast.Return(whole)

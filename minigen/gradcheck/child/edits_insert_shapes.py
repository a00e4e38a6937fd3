"""Edits that put in a sum, an axis, a transpose, a shape or a bound.

Idea: rules in the form of edits_insert.py, for what changes where numbers stand and which of them
are added, not what is computed of each. The axes and shapes are those of other lines of the file.
Read next: edits_insert.py.
"""

import ast
from functools import cache

from .edits_rules import _number
from .edits_scope import REDUCTIONS, called, is_gradient, is_product, stored

BIAS_AXES = ("axis=(0, 2, 3)", "axis=(0, 1)")       # of images and of sequences


@cache
def expression(text):
    """The node of a text. It is shared: never changed."""
    return ast.parse(text, mode="eval").body


def behind(node, text):
    """A node with something written behind it: .T, .sum(axis=0)."""
    call = expression("_" + text)
    if isinstance(call, ast.Attribute):
        return ast.Attribute(node, call.attr, ast.Load())
    return ast.Call(ast.Attribute(node, call.func.attr, ast.Load()), call.args, call.keywords)


def reductions(node, parent, field, scope):
    """A sum over a broadcast axis, or a mean: a: a.sum(axis=0)."""
    place = scope.place(node, parent, field)
    second = place == "factor" and field == "right"
    beside = second and (is_product(node) or is_gradient(ast.unparse(node)))
    if (place not in ("whole", "term") and not beside) or called(node)[0] in REDUCTIONS:
        return
    kept = [axis for axis in scope.axes if "keepdims" in axis]
    axes = kept if beside else [axis for axis in scope.axes if axis not in kept] + kept
    for method in REDUCTIONS:
        for axis in axes:
            yield "missing_broadcast_sum", behind(node, f".{method}({axis})")
        if place == "whole" and method == "sum":
            yield from (("missing_broadcast_sum", behind(node, f".sum({a})")) for a in BIAS_AXES)
    yield "missing_broadcast_sum", behind(node, ".sum()")


def firsts(node, parent, field, scope):
    """a[0], one of a batch: a.sum(axis=0)."""
    first = isinstance(node, ast.Subscript) and not stored(node) and _number(node.slice) == 0
    if first and not ast.unparse(node.value).endswith(".shape"):
        yield "missing_broadcast_sum", behind(node.value, ".sum(axis=0)")


def named_axes(node, parent, field, scope):
    """a.sum(): a.sum(axis=0). a.sum(axis=0): with keepdims, or over one axis more."""
    if isinstance(node, ast.keyword):
        yield from _of_keyword(node)
        return
    name, owner = called(node)
    if name not in (*REDUCTIONS, "max", "argmax", "cumsum") or owner is None:
        return
    given = [a for a in node.args if a is not owner]
    keys = [k.arg for k in node.keywords]
    if given or "axis" in keys:
        if "keepdims" not in keys and name != "cumsum":
            keep = ast.keyword("keepdims", ast.Constant(True))
            yield "wrong_axis", ast.Call(node.func, node.args, [*node.keywords, keep])
        return
    for axis in scope.axes:
        new = expression(f"_({axis})").keywords
        yield "wrong_axis", ast.Call(node.func, node.args, [*node.keywords, *new])


def _of_keyword(node):
    if node.arg == "keepdims" and not getattr(node.value, "value", True):
        yield "wrong_axis", ast.keyword("keepdims", ast.Constant(True))
    elements = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
    taken = [_number(e) for e in elements]
    if node.arg != "axis" or None in taken:
        return
    for axis in (0, 1, 2, 3, 4, 5) if len(taken) > 1 else (0, 1, 2):
        if axis not in taken:
            numbers = [ast.Constant(a) for a in sorted([*taken, axis])]
            yield "missing_broadcast_sum", ast.keyword("axis", ast.Tuple(numbers, ast.Load()))


def shapes(node, parent, field, scope):
    """.transpose(...) and .reshape(...) as on other lines, .reshape(x.shape), .T."""
    place = scope.place(node, parent, field)
    if place not in ("whole", "operand", "shaped"):
        return
    for text in scope.shaped:
        yield "transpose", behind(node, text)
    if place == "whole":
        yield "transpose", behind(node, ".T")
        for value in scope.arrays:
            if not is_gradient(value):
                yield "transpose", behind(node, f".reshape({value}.shape)")


def dots(node, parent, field, scope):
    """np.dot(a, b), a.dot(b): an operand transposed, or the two the other way round."""
    name, owner = called(node)
    of_module = owner is not None and owner in node.args
    if name not in ("dot", "matmul") or len(node.args) != 1 + of_module:
        return
    a, b = node.args if of_module else (owner, *node.args)
    a_t, b_t = (_transposed(operand) for operand in (a, b))
    for left, right in ((a, b_t), (a_t, b), (b, a), (a_t, b_t), (b_t, a), (b, a_t)):
        function = node.func if of_module else ast.Attribute(left, name, ast.Load())
        yield "transpose", ast.Call(function, [left, right] if of_module else [right], [])


def _transposed(node):
    plain = isinstance(node, ast.Attribute) and node.attr == "T"
    return node.value if plain else behind(node, ".T")


def backwards(node, parent, field, scope):
    """a[:]: a[::-1]. w: w[..., ::-1, ::-1], for a kernel."""
    if isinstance(node, ast.Slice) and node.step is None:
        yield "flip", ast.Slice(node.lower, node.upper, expression("-1"))
    place = scope.place(node, parent, field)
    if place in ("operand", "argument", "shaped", "whole") and isinstance(node, ast.Name):
        for text in ("..., ::-1, ::-1", "..., ::-1", "::-1"):
            yield "flip", ast.Subscript(node, expression(f"_[{text}]").slice, ast.Load())


def bounds(node, parent, field, scope):
    """a[i:n]: a[i : i + n], a[i + 1 : n + 1]. a[:]: a[1:], a[:-1], bounds of other slices."""
    if not isinstance(node, ast.Slice):
        return
    if node.upper is not None:
        for operator in (ast.Add(), ast.Sub()):
            lower, upper = (ast.BinOp(bound or ast.Constant(0), operator, ast.Constant(1))
                            for bound in (node.lower, node.upper))      # fmt: skip
            yield "off_by_one", ast.Slice(lower, upper, node.step)
        if node.lower is not None:
            both = ast.BinOp(node.lower, ast.Add(), node.upper)
            yield "boundary", ast.Slice(node.lower, both, node.step)
    for name, first in (("lower", "1"), ("upper", "-1")):
        if getattr(node, name) is None:
            parts = {"lower": node.lower, "upper": node.upper, "step": node.step}
            for text in (first, *scope.bounds):
                yield "boundary", ast.Slice(**(parts | {name: expression(text)}))

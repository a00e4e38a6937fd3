"""Edits that put in what is missing: a factor, a term, a sum, a transpose, a bound ... one at a time.

Idea: most slips leave something out, and putting it back is the repair. A rule here is as in
edits_rules.py, a generator from a node to (label, new node), but takes a Scope: what the line
could have used. Its candidates come the likeliest first. The label is the slip that is undone.

START says how soon a rule is tried: its k-th candidate at a place has the rank START + k, and
all edits of a function come in the order of their ranks, so that a search can stop at any time.
Read next: edits_scope.py (what is offered), edits.py (which applies the rules).
"""

import ast
from functools import lru_cache

from .edits_rules import DROPS, SWAPS, _number
from .edits_scope import REDUCTIONS, called, is_value

MAKERS = ("zeros", "zeros_like", "ones", "ones_like", "empty_like", "empty", "array", "arange",
          "pad", "argmax", "argsort", "split")      # fmt: skip
EDGES = (1.001, 1.00001)        # factors of small errors
STATES = "sigpy"                # first letters of outputs that 1 - y stands beside


@lru_cache(maxsize=None)
def _node(text):
    return ast.parse(text, mode="eval").body


def _times(node, text):
    return ast.BinOp(node, ast.Mult(), _node(text))


def _over(node, text):
    return ast.BinOp(node, ast.Div(), _node(text))


def _plus(node, text):
    return ast.BinOp(node, ast.Add(), _node(text))


def _minus(node, text):
    return ast.BinOp(node, ast.Sub(), _node(text))


def _after(node, text):
    """A node with something written behind it: .T, .sum(axis=0)."""
    call = _node("_" + text)
    if isinstance(call, ast.Attribute):
        return ast.Attribute(node, call.attr, ast.Load())
    return ast.Call(ast.Attribute(node, call.func.attr, ast.Load()), call.args, call.keywords)


def _place(node, parent, field, scope):
    """Where a value stands: whole, term, operand (of @), reduced, factor, or None: no value.

    whole: a right-hand side or a returned value. Sizes, indices and caches are no values.
    """
    kinds = ast.Name | ast.BinOp | ast.Call | ast.Subscript | ast.UnaryOp | ast.Attribute
    if not isinstance(node, kinds | ast.Compare) or isinstance(
        getattr(node, "ctx", None), ast.Store
    ):
        return None
    name, _ = called(node)
    if name in MAKERS or scope.is_size(node):
        return None
    if isinstance(parent, ast.Assign | ast.AugAssign) and field == "value":
        targets = parent.targets if isinstance(parent, ast.Assign) else [parent.target]
        return None if isinstance(targets[0], ast.Tuple) else "whole"
    if isinstance(parent, ast.Return):
        return None if isinstance(node, ast.Tuple) else "whole"
    if isinstance(parent, ast.Tuple | ast.List) and field == "elts":
        return "whole"
    if isinstance(parent, ast.BinOp) and field in ("left", "right"):
        kinds = {ast.Add: "term", ast.Sub: "term", ast.MatMult: "operand",
                 ast.Mult: "factor", ast.Div: "factor"}     # fmt: skip
        return kinds.get(type(parent.op))
    name, owner = called(parent)
    if name in REDUCTIONS and owner is node:
        return "reduced"
    if isinstance(parent, ast.Attribute) and parent.attr in REDUCTIONS:
        return "reduced"
    if name in ("dot", "matmul", "einsum", "where") and field == "args":
        return "operand"
    return None


def _mentions(node):
    return {ast.unparse(n) for n in ast.walk(node) if is_value(n)}


def factors(node, parent, field, scope):
    """A factor or divisor that is missing: a size, a cached value, a factor of other lines."""
    place = _place(node, parent, field, scope)
    if place in (None, "factor") or (isinstance(node, ast.UnaryOp) and place == "term"):
        return
    inside = _mentions(node)
    counted = place in ("whole", "term")
    last = []
    if counted:
        for size in [s for s in scope.sizes if s in scope.unused]:
            yield "factor", _over(node, size)
    for value in scope.arrays:
        if value in inside:
            last.append(("factor", _times(node, value)))
        else:
            yield "factor", _times(node, value)
    for text in scope.factors:
        if not set(_mentions(_node(text))) <= inside or "-" in text or ">" in text:
            yield "factor", _times(node, text)
    for value in scope.arrays:
        if not _is_gradient(value):
            yield "factor", _times(node, f"(1 - {value})")
            yield "factor", _times(node, f"(1 - {value} ** 2)")
            yield "wrong_mask", _times(node, f"({value} > 0)")
    if counted:
        for number in (2, 0.5):
            yield "factor", _times(node, str(number))
        yield from _divisors(node, scope)
    yield from last


def _divisors(node, scope):
    for size in scope.sizes:
        yield "factor", _over(node, size)
    for value in scope.arrays:
        if "[" not in value:
            yield "factor", _over(node, f"{value}.shape[0]")
    for text in scope.factors:
        yield "factor", _over(node, text)
    for value in scope.arrays:
        if not _is_gradient(value):
            yield "factor", _over(node, value)
            yield "factor", _over(node, f"(1 - {value})")
            yield "factor", _over(node, f"{value}.size")
            yield "factor", _over(node, f"np.sqrt({value}.shape[-1])")
    for size in scope.sizes:
        yield "factor", _times(node, size)
        yield "factor", _over(node, f"np.sqrt({size})")


def _is_gradient(text):
    """Whether a name is one of a gradient: dout, dx, grad_output, upstream."""
    name = text.split(".")[-1].split('"')[-1].split("'")[-1]
    return name.startswith(("d", "g_", "grad", "upstream"))


def complements(node, parent, field, scope):
    """y: 1 - y. -y: 1 - y. 1: 1 - y, 1 - y ** 2, 1 + y."""
    place = _place(node, parent, field, scope)
    beside = isinstance(parent, ast.BinOp) and not isinstance(parent.op, ast.MatMult)
    if beside and _number(node) == 1 and not isinstance(parent.op, ast.Pow):
        for value in scope.arrays:
            if not _is_gradient(value):
                yield "missing_term", ast.BinOp(node, ast.Sub(), _node(value))
                yield "missing_term", ast.BinOp(node, ast.Sub(), _node(f"{value} ** 2"))
                yield "missing_term", ast.BinOp(node, ast.Add(), _node(value))
    if place == "factor" and not _is_gradient(ast.unparse(node)):
        inner = node.operand if isinstance(node, ast.UnaryOp) else node
        for operator in (ast.Sub(), ast.Add()):
            yield "missing_term", ast.BinOp(ast.Constant(1), operator, inner)
        yield "missing_term", ast.BinOp(inner, ast.Sub(), ast.Constant(1))


def terms(node, parent, field, scope):
    """A term of a sum: a gradient that comes another way, a term of other lines."""
    place = _place(node, parent, field, scope)
    if place not in ("whole", "factor") or isinstance(node, ast.Constant):
        return
    inside = _mentions(node)
    whole = place == "whole"
    if whole:
        for value in scope.arrays:
            if _is_gradient(value) and value not in inside:
                yield "missing_term", _plus(node, value)
    for text in scope.terms:
        yield "missing_term", _minus(node, text)
        yield "missing_term", _plus(node, text)
    if whole:
        for value in scope.arrays:
            if _is_gradient(value) and value not in inside:
                yield "missing_term", _minus(node, value)


def centred(node, parent, field, scope):
    """The terms of norms and softmax: g - g.mean(axis), g - y * (g * y).sum(axis)."""
    place = _place(node, parent, field, scope)
    gradient = isinstance(node, ast.Name | ast.BinOp) and any(map(_is_gradient, _mentions(node)))
    if place not in ("whole", "factor", "term") or not gradient or _has_matmul(node):
        return
    g = ast.unparse(node)
    g = g if isinstance(node, ast.Name) else f"({g})"
    others = [v for v in scope.arrays if not _is_gradient(v)]
    for axis in scope.axes:
        yield "missing_term", _minus(node, f"{g}.mean({axis})")
        yield "missing_term", _minus(node, f"{g}.sum({axis})")
        for y in others:
            yield "missing_term", _minus(node, f"({g} * {y}).sum({axis})")
            yield "missing_term", _minus(node, f"{y} * ({g} * {y}).mean({axis})")
            yield "missing_term", _minus(node, f"{y} * {g}.sum({axis})")
            yield "missing_term", _minus(node, f"{y} * ({g} * {y}).sum({axis})")


def _has_matmul(node):
    return any(isinstance(n, ast.MatMult) for n in ast.walk(node))


def minuses(node, parent, field, scope):
    """A minus before a term, an argument or an exponent."""
    name, _ = called(parent)
    first = isinstance(parent, ast.BinOp) and field == "left" and isinstance(
        parent.op, ast.Add | ast.Sub)       # fmt: skip
    argument = name in ("exp", "log", "where", "maximum") and field == "args"
    exponent = isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Pow) and field == "right"
    if (first or argument or exponent) and not isinstance(node, ast.UnaryOp | ast.Compare):
        yield "sign", ast.UnaryOp(ast.USub(), node)


def squares(node, parent, field, scope):
    """y: y ** 2."""
    place = _place(node, parent, field, scope)
    if place in ("factor", "term", "reduced") and is_value(node):
        yield "power", ast.BinOp(node, ast.Pow(), ast.Constant(2))


def reductions(node, parent, field, scope):
    """A sum over a broadcast axis, or a mean: a: a.sum(axis=0)."""
    place = _place(node, parent, field, scope)
    if place not in ("whole", "term") or called(node)[0] in REDUCTIONS:
        return
    for axis in scope.axes:
        yield "missing_broadcast_sum", _after(node, f".sum({axis})")
    for axis in scope.axes:
        yield "missing_broadcast_sum", _after(node, f".mean({axis})")
    yield "missing_broadcast_sum", _after(node, ".sum()")


def named_axes(node, parent, field, scope):
    """a.sum(): a.sum(axis=0). axis=0: axis=(0, 2); keepdims where there is none."""
    name, owner = called(node)
    if name in (*REDUCTIONS, "max", "argmax", "cumsum") and owner is not None:
        given = [a for a in node.args if a is not owner]
        keys = {k.arg: k for k in node.keywords}
        if not given and "axis" not in keys:
            for axis in scope.axes:
                new = [*node.keywords, *_node(f"_({axis})").keywords]
                yield "wrong_axis", ast.Call(node.func, node.args, new)
        elif "keepdims" not in keys:
            keep = ast.keyword("keepdims", ast.Constant(True))
            yield "wrong_axis", ast.Call(node.func, node.args, [*node.keywords, keep])
    if isinstance(node, ast.keyword) and node.arg == "keepdims":
        yield "wrong_axis", ast.keyword("keepdims", ast.Constant(True))
    if isinstance(node, ast.keyword) and node.arg == "axis":
        elements = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
        taken = [_number(e) for e in elements]
        for axis in (0, 1, 2, 3):
            if axis not in taken and None not in taken:
                tuples = ast.Tuple(
                    [ast.Constant(a) for a in sorted([*taken, axis])], ast.Load())      # fmt: skip
                yield "missing_broadcast_sum", ast.keyword("axis", tuples)


def shapes(node, parent, field, scope):
    """.T where there is none, .reshape(x.shape), .transpose(...) as on other lines."""
    place = _place(node, parent, field, scope)
    if place not in ("whole", "operand"):
        return
    if place == "whole":
        yield "transpose", _after(node, ".T")
    for text in scope.shaped:
        yield "transpose", _after(node, text)
    if place == "whole":
        for value in scope.arrays:
            if "[" not in value and not _is_gradient(value):
                yield "transpose", _after(node, f".reshape({value}.shape)")


def dots(node, parent, field, scope):
    """np.dot(a, b), a.dot(b): an operand transposed, or the two the other way round."""
    name, owner = called(node)
    if name not in ("dot", "matmul") or len(node.args) not in (1, 2):
        return
    a, b = node.args if owner in node.args else (owner, node.args[0])

    def call(a, b):
        if owner in node.args:
            return ast.Call(node.func, [a, b], node.keywords)
        return ast.Call(ast.Attribute(a, name, ast.Load()), [b], [])

    yield "transpose", call(a, _after(b, ".T"))
    yield "transpose", call(_after(a, ".T"), b)
    yield "transpose", call(b, a)


def functions(node, parent, field, scope):
    """y: np.sqrt(y), np.exp(y) ... and the neighbours of a function, from the other side."""
    place = _place(node, parent, field, scope)
    if place in ("factor", "term") and not _is_gradient(ast.unparse(node)):
        for name in ("sqrt", "exp", "log", "tanh", "abs", "sign"):
            call = ast.Call(_node(f"np.{name}"), [node], [])
            yield DROPS[name], call
    name, owner = called(node)
    for right, others in SWAPS.items():
        for wrong, label in others:
            if name == wrong and name not in SWAPS:
                function = ast.Attribute(node.func.value, right, ast.Load())
                yield label, ast.Call(function, node.args, node.keywords)
    if place == "whole" and isinstance(node, ast.Name):
        yield "overwrites", _after(node, ".copy()")


def flips(node, parent, field, scope):
    """a[:]: a[::-1]."""
    if isinstance(node, ast.Slice) and node.step is None:
        yield "flip", ast.Slice(node.lower, node.upper, _node("-1"))


def bounds(node, parent, field, scope):
    """a[:]: a[1:], a[:-1], a[:n]; a[i : i + n] with the bounds of other slices."""
    if not isinstance(node, ast.Slice):
        return
    for name, others in (("lower", ("1",)), ("upper", ("-1",))):
        if getattr(node, name) is None:
            both = {"lower": node.lower, "upper": node.upper, "step": node.step}
            for text in (*others, *scope.bounds):
                yield "boundary", ast.Slice(**(both | {name: _node(text)}))


def rounded(node, parent, field, scope):
    """1.00001 * a: a. 0.5005: 0.5. np.float64(np.float16(a)), a.astype(...): a."""
    value = _number(node) if isinstance(node, ast.Constant) else None
    if isinstance(value, float):
        for edge in EDGES:
            for new in (value / edge, value * edge):
                short = float(f"{new:.6g}")
                if len(repr(short)) < len(repr(value)):
                    yield "small_error", ast.Constant(short)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        for number, other in ((node.left, node.right), (node.right, node.left)):
            if _number(number) is not None and 0 < abs(_number(number) - 1) < 0.1:
                yield "small_error", other
    if isinstance(node, ast.Call):
        text = ast.unparse(node.func)
        if text in ("np.float16", "np.float32", "np.float64", "np.single", "np.half"):
            inner = node.args[0]
            while isinstance(inner, ast.Call) and "np.float" in ast.unparse(inner.func):
                inner = inner.args[0]
            yield "wrong_precision", inner
        if text.endswith(".astype"):
            yield "wrong_precision", node.func.value


def added(statement, scope):
    """a = b: a += b, where a has a value. a[i] += b: np.add.at(a, i, b)."""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
        before = isinstance(target, ast.Name) and target.id in scope.names
        if before or isinstance(target, ast.Subscript | ast.Attribute):
            yield "overwrites", ast.AugAssign(target, ast.Add(), statement.value)
    if isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Subscript):
        target, value = statement.target, statement.value
        if isinstance(statement.op, ast.Sub):
            value = ast.UnaryOp(ast.USub(), value)
        if not any(isinstance(n, ast.Slice) for n in ast.walk(target.slice)):
            function = _node("np.add.at")
            call = ast.Call(function, [target.value, target.slice, value], [])
            yield "overwrites", ast.Expr(call)


INSERTING = [
    minuses, rounded, dots, shapes, factors, complements, terms, centred, squares, reductions,
    named_axes, functions, flips, bounds,
]       # fmt: skip
INSERTING_STATEMENTS = [added]
START = {       # rank of a rule's first candidate; 0 for those not named
    "factors": 2,
    "terms": 2,
    "complements": 2,
    "centred": 2,
    "reductions": 3,
    "shapes": 3,
    "squares": 3,
    "functions": 5,
    "bounds": 5,
    "flips": 6,
    "variables": 1,
}
SAID = {        # (rule of edits_rules.py, its label): the slip that it undoes; None: makes no sense
    ("whole_values", "small_error"): None,
    ("whole_values", "wrong_precision"): None,
    ("numbers", "small_error"): None,
    ("calls", "overwrites"): None,
    ("calls", "missing_broadcast_sum"): "wrong_axis",
    ("axes", "missing_broadcast_sum"): "wrong_axis",
    ("sums", "missing_term"): "extra_term",
    ("accumulations", "overwrites"): "double_count",
    ("accumulations", "double_count"): None,
    ("accumulations", "missing_term"): "extra_term",
    ("scattered_sums", "overwrites"): None,
    ("scattered_sums", "double_count"): None,
    ("scattered_sums", "missing_term"): "extra_term",
}

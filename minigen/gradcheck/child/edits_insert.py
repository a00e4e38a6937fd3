"""Edits that put in what is missing: a factor, a term, a function, a sum, a bound: one at a time.

Idea: most slips leave something out, and putting it back is the repair. A rule here is as in
edits_rules.py, a generator from a node to (label, new node), but takes a Scope: what the line
could have used. Its candidates come the likeliest first. The label is the slip that is undone.

RANKS says how soon a rule is tried: its k-th candidate at a place has the rank of the rule + k, and
all edits of a function come in the order of their ranks, so that a search can stop at any time.
Read next: edits_scope.py (what is offered), edits.py (which applies the rules).
"""

import ast
import difflib
import itertools

from .edits_insert_shapes import (
    backwards,
    behind,
    bounds,
    dots,
    expression,
    firsts,
    named_axes,
    reductions,
    shapes,
)
from .edits_insert_statements import (
    added,
    more_axes,
    other_axes,
    other_signs,
    other_uses,
    renamed,
    repeated,
    scattered,
    unpacked,
)
from .edits_rules import DROPS, OUTPUTS, SWAPS, _number, variables
from .edits_scope import REDUCTIONS, called, is_gradient, is_product, is_value, stored

EDGES = (1.001, 1.00001)        # factors of small errors
PENALTIES = ("reg", "lam", "l2", "decay", "weight_decay", "wd")
HALF = ("np.float16", "np.float32", "np.float64", "np.half", "np.single")


def _times(node, text):
    return ast.BinOp(node, ast.Mult(), expression(text))


def _over(node, text):
    return ast.BinOp(node, ast.Div(), expression(text))


def _plus(node, text):
    return ast.BinOp(node, ast.Add(), expression(text))


def _minus(node, text):
    return ast.BinOp(node, ast.Sub(), expression(text))


def _values(node):
    """Texts of the values in an expression."""
    return {ast.unparse(n) for n in ast.walk(node) if is_value(n)}


def factors(node, parent, field, scope):
    """A factor that is missing: a value, a mask, a factor of other lines, 1 - y; or a divisor.

    A product is extended once, not at each of its factors.
    """
    place = scope.place(node, parent, field)
    if place not in ("whole", "term", "operand", "reduced") or isinstance(node, ast.UnaryOp):
        return
    inside = _values(node)
    counted = place in ("whole", "term")
    states = _states(scope, inside)
    divisors = [v for v in scope.sizes if v in scope.unused] + scope.divisors
    for text in divisors:
        if (counted or not scope.is_size(expression(text))) and text not in inside:
            yield "factor", _over(node, text)
    yield from (("factor", _times(node, v)) for v in scope.arrays if v not in inside)
    for text in (*scope.factors, *scope.divisors):
        if counted or not scope.is_size(expression(text)):
            yield ("wrong_mask" if ">" in text or "<" in text else "factor"), _times(node, text)
    if counted:
        yield from (("factor", _over(node, size)) for size in _counts(scope, inside))
    for value in states:
        yield "factor", _times(node, f"(1 - {value})")
        yield "wrong_mask", _times(node, f"({value} > 0)")
        yield "factor", _times(node, f"(1 - {value} ** 2)")
    yield from (("factor", _over(node, value)) for value in states)
    if counted:
        yield from _rare_factors(node, scope)
    yield from (("factor", _times(node, v)) for v in states if v in inside)


def _states(scope, near):
    """Values that are no gradients, those first that stand beside."""
    return sorted((v for v in scope.arrays if not is_gradient(v)), key=lambda v: v not in near)


def _counts(scope, near):
    """What a mean divides by."""
    arrays = [v for v in scope.arrays if is_gradient(v)][:1] + _states(scope, near)[:2]
    parts = [f"{v}.{part}" for part in ("shape[0]", "size", "shape[1]") for v in arrays]
    return [*scope.sizes, *parts]


def _rare_factors(node, scope):
    for value in scope.arrays:
        if not is_gradient(value):
            yield "factor", _over(node, f"(1 - {value})")
            yield "factor", _times(node, f"np.sign({value})")
            yield "factor", _over(node, f"np.sqrt({value}.shape[-1])")
            yield "power", _over(node, f"{value} ** 2")
    for text in scope.factors:
        yield "factor", _over(node, text)
    for size in scope.sizes:
        yield "factor", _over(node, f"np.sqrt({size})")
        yield "factor", _times(node, size)


def other_divisors(node, parent, field, scope):
    """a / n: divided by something else."""
    below = isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Div) and field == "right"
    if below and isinstance(node, ast.expr):
        unused = [v for v in scope.arrays if v in scope.unused]
        counts = _counts(scope, _values(parent))
        for text in dict.fromkeys([*scope.divisors, *unused, *counts]):
            if text != ast.unparse(node):
                yield "factor", expression(text)


def complements(node, parent, field, scope):
    """y: 1 - y, y - 1. -y: 1 - y. 1: 1 - y, 1 - y ** 2."""
    states = [v for v in scope.arrays if not is_gradient(v)]
    if is_product(parent) and _number(node) == 1:
        for value in states:
            yield "missing_term", ast.BinOp(node, ast.Sub(), expression(value))
            yield "missing_term", ast.BinOp(node, ast.Sub(), expression(f"{value} ** 2"))
    place = scope.place(node, parent, field)
    if place != "factor" or is_product(node) or is_gradient(ast.unparse(node)):
        return
    inner = node.operand if isinstance(node, ast.UnaryOp) else node
    yield "missing_term", ast.BinOp(ast.Constant(1), ast.Sub(), inner)
    yield "missing_term", ast.BinOp(inner, ast.Sub(), ast.Constant(1))
    yield "missing_term", ast.BinOp(ast.Constant(1), ast.Add(), inner)


def terms(node, parent, field, scope):
    """A term of a sum: a gradient that comes another way, a term of other lines, a value."""
    place = scope.place(node, parent, field)
    if place in ("whole", "argument"):
        own = ast.unparse(node)         # twice the same is no other term
        ways = _ways(node, parent, scope)
        yield from ((label, new) for label, new in ways if ast.unparse(new.right) != own)
    elif place == "compared" or (place == "factor" and not is_product(node)):
        others = [t for t in scope.terms if not scope.is_size(expression(t))]
        inside = _values(node)
        states = [v for v in scope.arrays if not is_gradient(v) and v not in inside]
        if isinstance(node, ast.UnaryOp):
            for value in scope.arrays:
                yield "missing_term", ast.BinOp(expression(value), ast.Sub(), node.operand)
        for sign in (_plus, _minus):
            yield from (("missing_term", sign(node, text)) for text in others)
        for sign in (_minus, _plus):
            yield from (("missing_term", sign(node, value)) for value in states)
    elif place == "operand" and isinstance(node, ast.Name) and is_gradient(node.id):
        yield "missing_term", _plus(node, f"{node.id}.T")


def _ways(node, parent, scope):
    """Terms of a whole right-hand side."""
    inside = _values(node)
    flows = [v for v in scope.arrays if is_gradient(v)]
    unused = [v for v in flows if v in scope.unused]
    for value in unused:
        yield "missing_term", _plus(node, value)
        for size in _counts(scope, inside)[:4]:
            yield "missing_term", _plus(node, f"{value} / {size}")
    yield from _penalties(node, parent, scope)
    ways = [v for v in flows if v not in inside and v not in unused]
    yield from (("missing_term", _plus(node, v)) for v in ways)
    others = [t for t in scope.terms if not scope.is_size(expression(t))]
    for sign in (_plus, _minus):
        yield from (("missing_term", sign(node, text)) for text in others)
    states = [v for v in scope.arrays if not is_gradient(v)]
    for g in flows[:1]:
        for sign in (_plus, _minus):
            yield from (("missing_term", sign(node, f"{g} * {y}")) for y in states)
    yield from (("missing_term", _minus(node, v)) for v in ways)
    for size in _counts(scope, inside)[:2]:
        yield from (("missing_term", _plus(node, f"{v} / {size}")) for v in ways)


def _penalties(node, parent, scope):
    """dW: dW + reg * W."""
    target = ast.unparse(parent.targets[0]) if isinstance(parent, ast.Assign) else ""
    for rate in scope.names:
        if rate.startswith(PENALTIES):
            for value in scope.arrays:
                if not is_gradient(value) and value.strip("'\"]").endswith(target[1:2]) and target:
                    yield "missing_term", _plus(node, f"{rate} * {value}")
                    yield "missing_term", _plus(node, f"2 * {rate} * {value}")


def centred(node, parent, field, scope):
    """The terms of norms and softmax: g - g.mean(axis), g - y * (g * y).mean(axis), with sum."""
    place = scope.place(node, parent, field)
    plain = isinstance(node, ast.Name) or (isinstance(node, ast.BinOp) and not isinstance(
        parent, ast.BinOp | ast.Attribute))      # fmt: skip
    if place not in ("whole", "factor", "term") or not plain or _has_matmul(node):
        return
    gradients = [v for v in _values(node) if is_gradient(v)]
    beside = isinstance(parent, ast.BinOp) and field == "right"
    if not gradients and not beside:
        return
    g = f"({ast.unparse(node)})" if isinstance(node, ast.BinOp) else ast.unparse(node)
    states = _states(scope, _values(parent) if beside or place == "factor" else _values(node))
    for axis in scope.axes:
        yield "missing_term", _minus(node, f"{g}.mean({axis})")
        yield "missing_term", _minus(node, f"{g}.sum({axis})")
    for y in states:
        for axis in scope.axes:
            yield "missing_term", _minus(node, f"({g} * {y}).sum({axis})")
            yield "missing_term", _minus(node, f"{y} * ({g} * {y}).mean({axis})")
            yield "missing_term", _minus(node, f"{y} * ({g} * {y}).sum({axis})")
            yield "missing_term", _minus(node, f"{y} * {g}.sum({axis})")


def norms(node, parent, field, scope):
    """g, the gradient of y / n: g - y * (g * y).sum(axis) / n ** 2, where n depends on y."""
    place = scope.place(node, parent, field)
    plain = isinstance(node, ast.Name) and is_gradient(node.id)
    if (place != "whole" and not (plain and place in ("factor", "term"))) or _has_matmul(node):
        return
    g = ast.unparse(node) if isinstance(node, ast.Name) else f"({ast.unparse(node)})"
    known = [v for v in scope.arrays if not is_gradient(v)]
    lengths = [v for v in known if v in scope.divisors]
    axes = [axis for axis in scope.axes if "keepdims" in axis or axis == "axis=0"]
    for axis, n, y in itertools.product(axes, lengths, known):
        for method in REDUCTIONS if y != n else ():
            part = f"{y} * ({g} * {y}).{method}({axis}) / {n} ** 2"
            yield "missing_term", _minus(node, part)


def softmaxes(node, parent, field, scope):
    """g * p * (1 - p), as for a sigmoid: p * (g - (g * p).sum(axis)), for a softmax."""
    if not is_product(node) or is_product(parent):
        return
    parts = _factors_of(node)
    for part in parts:
        minus = isinstance(part, ast.BinOp) and isinstance(part.op, ast.Sub)
        if minus and _number(part.left) == 1:
            p = ast.unparse(part.right)
            rest = [ast.unparse(f) for f in parts if f is not part and ast.unparse(f) != p]
            if len(rest) == len(parts) - 2 and rest:
                g = " * ".join(rest)
                for axis in dict.fromkeys(["axis=-1, keepdims=True", *scope.axes]):
                    new = f"{p} * ({g} - ({g} * {p}).sum({axis}))"
                    yield "missing_term", expression(new)


def _factors_of(node):
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return [*_factors_of(node.left), *_factors_of(node.right)]
    return [node]


def epsilons(node, parent, field, scope):
    """var: var + 1e-5, under a root or a fraction, as forward has it."""
    root = called(parent)[0] == "sqrt"
    power = isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Pow) and field == "left"
    below = isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Div) and field == "right"
    if isinstance(node, ast.expr) and (root or power or below) and not scope.is_size(node):
        for text in [*scope.small, *(name for name in scope.names if name.startswith("eps"))]:
            yield "small_error", _plus(node, text)


def _has_matmul(node):
    return any(isinstance(n, ast.MatMult) for n in ast.walk(node))


def minuses(node, parent, field, scope):
    """A minus before a first term, an argument or an exponent."""
    operator = getattr(parent, "op", None) if isinstance(parent, ast.BinOp) else None
    first = field == "left" and scope.place(node, parent, field) == "term"
    argument = called(parent)[0] in ("exp", "log", "where", "maximum") and field == "args"
    exponent = isinstance(operator, ast.Pow) and field == "right"
    if (first or argument or exponent) and not isinstance(node, ast.UnaryOp | ast.Compare):
        yield "sign", ast.UnaryOp(ast.USub(), node)


def powers_of(node, parent, field, scope):
    """y: y ** 2. d: np.sqrt(d), in a product."""
    beside = field in ("left", "right") and is_product(parent)
    if beside and scope.is_size(node) and _number(node) is None:
        yield "power", ast.Call(expression("np.sqrt"), [node], [])
    place = scope.place(node, parent, field)
    single = place in ("term", "reduced", "compared") and is_value(node)
    inner = place == "factor" and not is_product(node)
    if (single or inner) and not is_gradient(ast.unparse(node)):
        yield "power", ast.BinOp(node, ast.Pow(), ast.Constant(2))
        if inner:
            yield "power", ast.Call(expression("np.sqrt"), [node], [])
        yield "power", ast.BinOp(node, ast.Pow(), ast.Constant(3))


def sizes_of_masks(node, parent, field, scope):
    """x > 1: np.abs(x) > 1."""
    if scope.place(node, parent, field) == "compared":
        yield "wrong_mask", ast.Call(expression("np.abs"), [node], [])


def functions(node, parent, field, scope):
    """y: np.exp(y), np.log(y) ...; a function's neighbour, from the other side; a: a.copy()."""
    place = scope.place(node, parent, field)
    value = node.operand if isinstance(node, ast.UnaryOp) else node
    fits = place in ("whole", "factor", "term", "reduced") and is_value(value)
    fits = fits or (place == "factor" and isinstance(node, ast.BinOp) and not is_product(node))
    if fits and not is_gradient(ast.unparse(value)):
        for name in ("exp", "log", "tanh", "abs", "sign"):
            yield DROPS[name], ast.Call(expression(f"np.{name}"), [node], [])
    if place == "whole" and isinstance(node, ast.Name | ast.Subscript):
        yield "overwrites", behind(node, ".copy()")
    name, _ = called(node)
    for right, others in SWAPS.items():
        for wrong, label in others:
            if name == wrong and name not in SWAPS:
                function = ast.Attribute(node.func.value, right, ast.Load())
                yield label, ast.Call(function, node.args, node.keywords)


def rounded(node, parent, field, scope):
    """1.00001 * a: a. 0.5005: 0.5. np.float64(np.float16(a)), a.astype(...): a."""
    value = _number(node) if isinstance(node, ast.Constant) else None
    if isinstance(value, float):
        for new in (value / edge for edge in (*EDGES, *(1 / edge for edge in EDGES))):
            short = float(f"{new:.6g}")
            if len(repr(short)) < len(repr(value)):
                yield "small_error", ast.Constant(short)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        for number, other in ((node.left, node.right), (node.right, node.left)):
            if _number(number) not in (None, 1) and abs(_number(number) - 1) < 0.1:
                yield "small_error", other
    if isinstance(node, ast.Call):
        inner = node
        while isinstance(inner, ast.Call) and ast.unparse(inner.func) in HALF and inner.args:
            inner = inner.args[0]
        if called(inner)[0] == "astype":
            inner = inner.func.value
        yield "wrong_precision", inner


def likely_variables(node, parent, field, scope):
    """A variable: another one of its kind, the most similar name first."""
    if not isinstance(node, ast.Name) or stored(node) or node.id not in scope.names:
        return
    if node.id not in scope.arrays + scope.sizes:
        return                      # a cache

    def unlikeness(name):
        kinds = [(is_gradient(n), n in OUTPUTS, n in scope.sizes) for n in (name, node.id)]
        alike = difflib.SequenceMatcher(None, name, node.id).ratio()
        other = sum(a != b for a, b in zip(*kinds, strict=True))
        return (kinds[0][2] != kinds[1][2], name not in scope.unused, other - alike)

    others = [name for name in scope.names if name in scope.arrays or name in scope.sizes]
    yield from variables(node, parent, field, [node.id, *sorted(others, key=unlikeness)])


def forgotten(node, parent, field, scope):
    """hs[:, t], a * b: a variable in its place that has a value and is never read."""
    part = isinstance(node, ast.Subscript | ast.BinOp) and not stored(node)
    if part and not scope.is_size(node):
        gradient = is_gradient(ast.unparse(node))
        for name in scope.arrays:
            if name in scope.unused and is_gradient(name) == gradient:
                yield "wrong_variable", expression(name)


def extra_terms(node, parent, field, scope):
    """a + b: a, where b is too much; twice too much where both are the same."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        same = ast.unparse(node.left) == ast.unparse(node.right)
        label = "double_count" if same else "extra_term"
        if isinstance(parent, ast.Slice):
            label = "off_by_one" if _number(node.right) is not None else "boundary"
        yield label, node.left
        plus = isinstance(node.op, ast.Add)
        yield label, node.right if plus else ast.UnaryOp(ast.USub(), node.right)


INSERTING = [
    minuses, rounded, epsilons, dots, extra_terms, named_axes, likely_variables, forgotten,
    factors, complements, terms, softmaxes, centred, norms, powers_of, reductions, shapes,
    functions, bounds, sizes_of_masks, backwards, firsts, other_divisors,
]       # fmt: skip
INSERTING_STATEMENTS = [
    repeated, added, scattered, unpacked, other_signs, other_axes, more_axes, renamed, other_uses,
]       # fmt: skip
RANKS = {       # of a rule's first candidate at a place; 0 for those not named
    "rounded": -1,
    "repeated": -1,
    "other_signs": 2,
    "other_axes": 2,
    "more_axes": 2,
    "renamed": 2,
    "other_uses": 4,
    "norms": 2,
    "epsilons": 1,
    "extra_terms": 1,
    "likely_variables": 1,
    "forgotten": 2,
    "factors": 1,
    "terms": 2,
    "complements": 2,
    "centred": 2,
    "powers_of": 2,
    "reductions": 3,
    "shapes": 3,
    "scattered": 1,
    "unpacked": 2,
    "functions": 5,
    "bounds": 4,
    "backwards": 5,
    "firsts": 2,
    "other_divisors": 2,
    "numbers": 1,
}
SAID = {        # (rule of edits_rules.py, its label): the slip that it undoes; None: no repair
    ("whole_values", "small_error"): None,
    ("whole_values", "wrong_precision"): None,
    ("numbers", "small_error"): None,
    ("calls", "overwrites"): None,
    ("calls", "missing_broadcast_sum"): "wrong_axis",
    ("axes", "missing_broadcast_sum"): "wrong_axis",
    ("sums", "missing_term"): None,                         # extra_terms
    ("variables", "wrong_variable"): None,                  # likely_variables
    ("variables", "input_vs_output"): None,
    ("variables", "wrong_mask"): None,
    ("sums", "off_by_one"): None,
    ("accumulations", "overwrites"): "double_count",
    ("accumulations", "double_count"): None,                # added, repeated
    ("accumulations", "missing_term"): "extra_term",
    ("scattered_sums", "overwrites"): None,
    ("scattered_sums", "double_count"): None,
    ("scattered_sums", "missing_term"): "extra_term",
}

"""What single edits there are: rules from a node of a syntax tree to what may stand in its place.

Idea: a rule is a generator, rule(node, parent, field, names) -> (label, new node), that knows
one kind of slip and says nothing of other nodes. `names`: variables with a value at this line.
A rule of statements takes one and gives (label, the statements in its place, one or more).
Read next: edits.py, which applies them.
"""

import ast

OUTPUTS = {"out", "y", "p", "h", "s", "t", "next_h", "output", "probs", "xhat"}
SWAPS = {  # a function or method, another, the kind of slip
    "sum": [("mean", "factor")],
    "mean": [("sum", "factor")],
    "sin": [("cos", "function")],
    "cos": [("sin", "function")],
    "exp": [("log", "function")],
    "log": [("exp", "function")],
    "tanh": [("sinh", "function")],
    "maximum": [("minimum", "wrong_mask")],
    "minimum": [("maximum", "wrong_mask")],
    "argmax": [("argmin", "wrong_mask")],
    "max": [("min", "wrong_mask")],
    "zeros_like": [("ones_like", "double_count")],
    "zeros": [("ones", "double_count")],
    "var": [("std", "power")],
}
REDUCTIONS = ("sum", "mean", "max", "cumsum")
DROPS = {  # calls that may be left out: f(x) -> x, and the kind of slip
    "sqrt": "power",
    "square": "power",
    "exp": "function",
    "log": "function",
    "sign": "function",
    "tanh": "function",
    "abs": "function",
    "sum": "missing_broadcast_sum",
    "mean": "missing_broadcast_sum",
    "transpose": "transpose",
    "swapaxes": "transpose",
    "copy": "overwrites",
}


def _number(node):
    """The number that a node is, or None."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = _number(node.operand)
        return None if value is None else -value
    plain = isinstance(node, ast.Constant) and type(node.value) in (int, float)
    return node.value if plain else None


def _scaled(node, factor):
    return ast.BinOp(node, ast.Mult(), ast.Constant(factor))


def _is_load(node):
    return isinstance(getattr(node, "ctx", None), ast.Load)


def _called(node):
    """(name of a called function or method, what it is applied to) or (None, None)."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return None, None
    owner = node.func.value
    of_module = isinstance(owner, ast.Name) and owner.id in ("np", "numpy", "math")
    if of_module:
        return node.func.attr, node.args[0] if node.args else None
    return node.func.attr, owner


def sums(node, parent, field, names):
    """a + b: the other sign, or only one of the terms."""
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Add | ast.Sub):
        return
    plus = isinstance(node.op, ast.Add)
    if not (isinstance(parent, ast.Slice) or _number(node.right) is not None):
        yield "sign", ast.BinOp(node.left, ast.Sub() if plus else ast.Add(), node.right)
    moved = isinstance(parent, ast.Slice) and _number(node.right) is not None
    yield "off_by_one" if moved else "missing_term", node.left
    yield "missing_term", node.right if plus else ast.UnaryOp(ast.USub(), node.right)
    if not plus:
        yield "sign", ast.BinOp(node.right, ast.Sub(), node.left)


def products(node, parent, field, names):
    """a * b, a / b: one factor left out, or the other way up."""
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Mult | ast.Div):
        return
    yield "factor", node.left
    if isinstance(node.op, ast.Mult):
        yield "factor", node.right
        yield "factor", ast.BinOp(node.left, ast.Div(), node.right)
    else:
        yield "factor", ast.BinOp(node.left, ast.Mult(), node.right)


def signs(node, parent, field, names):
    """-a: a; of an axis, another axis; of a step, the other way."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and field != "op":
        axis = isinstance(parent, ast.keyword) and parent.arg == "axis"
        axis = axis or (_called(parent)[0] in REDUCTIONS and field == "args")
        step = isinstance(parent, ast.Slice) and field == "step"
        yield "wrong_axis" if axis else "flip" if step else "sign", node.operand


def whole_values(node, parent, field, names):
    """The right-hand side of an assignment, or a returned value: its sign, a factor, rounding."""
    returned = isinstance(parent, ast.Return | ast.Assign | ast.AugAssign) and field == "value"
    listed = isinstance(parent, ast.Tuple | ast.List) and field == "elts" and _is_load(parent)
    plain = isinstance(node, ast.Name | ast.BinOp | ast.Call | ast.Subscript | ast.UnaryOp)
    if not (returned or listed) or not plain or not _is_load_or_value(node):
        return
    yield "sign", ast.UnaryOp(ast.USub(), node)
    for factor in (2, 0.5):
        yield "factor", _scaled(node, factor)
    yield "small_error", _scaled(node, 1.00001)
    half = ast.Attribute(ast.Name("np", ast.Load()), "float16", ast.Load())
    double = ast.Attribute(ast.Name("np", ast.Load()), "float64", ast.Load())
    yield "wrong_precision", ast.Call(double, [ast.Call(half, [node], [])], [])


def _is_load_or_value(node):
    return not hasattr(node, "ctx") or _is_load(node)


def matrix_products(node, parent, field, names):
    """a @ b: an operand transposed, or the two the other way round."""
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.MatMult):
        return
    for left, right in ((True, False), (False, True)):
        a = ast.Attribute(node.left, "T", ast.Load()) if left else node.left
        b = ast.Attribute(node.right, "T", ast.Load()) if right else node.right
        yield "transpose", ast.BinOp(a, ast.MatMult(), b)
    yield "transpose", ast.BinOp(node.right, ast.MatMult(), node.left)


def transposes(node, parent, field, names):
    """a.T: a. a.transpose(0, 2, 1): two axes the other way round."""
    if isinstance(node, ast.Attribute) and node.attr == "T" and _is_load(node):
        yield "transpose", node.value
    name, _ = _called(node)
    if name == "transpose" and node.args:
        axes = node.args[-1].elts if isinstance(node.args[-1], ast.Tuple) else node.args
        for i in range(len(axes) - 1):
            swapped = [*axes[:i], axes[i + 1], axes[i], *axes[i + 2 :]]
            if isinstance(node.args[-1], ast.Tuple):
                swapped = [*node.args[:-1], ast.Tuple(swapped, ast.Load())]
            yield "transpose", ast.Call(node.func, swapped, node.keywords)


def flips(node, parent, field, names):
    """a[::-1]: a. With more axes, the step alone is left out."""
    if isinstance(node, ast.Slice) and node.step is not None:
        yield "flip", ast.Slice(node.lower, node.upper, None)


def einsums(node, parent, field, names):
    """einsum's letters: two neighbours of one operand the other way round."""
    name, _ = _called(node)
    text = node.args[0].value if name == "einsum" and isinstance(node.args[0], ast.Constant) else ""
    for i in range(len(text) - 1):
        if text[i].isalpha() and text[i + 1].isalpha():
            new = text[:i] + text[i + 1] + text[i] + text[i + 2 :]
            yield "transpose", ast.Call(node.func, [ast.Constant(new), *node.args[1:]], [])


def axes(node, parent, field, names):
    """axis=k: k - 1, k + 1; axis=(0, 2): one of them left out. keepdims the other way."""
    if isinstance(node, ast.keyword) and node.arg == "axis":
        value = _number(node.value)
        for new in () if value is None else (value + 1, value - 1):
            yield "wrong_axis", ast.keyword("axis", ast.Constant(new))
        elements = node.value.elts if isinstance(node.value, ast.Tuple) else []
        for i in range(len(elements)):
            rest = ast.Tuple([*elements[:i], *elements[i + 1 :]], ast.Load())
            yield "missing_broadcast_sum", ast.keyword("axis", rest)
    if isinstance(node, ast.keyword) and node.arg == "keepdims":
        yield "wrong_axis", ast.keyword("keepdims", ast.Constant(False))
    name, owner = _called(node)
    if name in REDUCTIONS and node.args and owner is not node.args[0]:
        value = _number(node.args[0])
        for new in () if value is None else (value + 1, value - 1):
            yield "wrong_axis", ast.Call(node.func, [ast.Constant(new)], node.keywords)


def numbers(node, parent, field, names):
    """A number: one more or less as an index, twice or half of it as a factor."""
    value = _number(node) if isinstance(node, ast.Constant) else None
    if value is None or (isinstance(parent, ast.keyword) and parent.arg == "axis"):
        return
    power = isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Pow) and field == "right"
    factor = isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Mult | ast.Div)
    if power:
        for new in (value + 1, value - 1):
            yield "power", ast.Constant(new)
        return
    if isinstance(value, int):
        for new in (value + 1, value - 1):
            yield "factor" if factor else "off_by_one", ast.Constant(new)
    if factor or isinstance(value, float):
        for new in (2 * value, value / 2):
            yield "factor", ast.Constant(new)
    if isinstance(value, float) and value:
        yield "small_error", ast.Constant(1.001 * value)


def powers(node, parent, field, names):
    """a ** 2: a."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        yield "power", node.left


def slices(node, parent, field, names):
    """a[i:j]: one further, or to the end."""
    if not isinstance(node, ast.Slice):
        return
    for name in ("lower", "upper"):
        bound = getattr(node, name)
        if bound is None:
            continue
        both = {"lower": node.lower, "upper": node.upper, "step": node.step}
        yield "boundary", ast.Slice(**(both | {name: None}))
        if _number(bound) is None:
            for operator in (ast.Add(), ast.Sub()):
                moved = ast.BinOp(bound, operator, ast.Constant(1))
                yield "off_by_one", ast.Slice(**(both | {name: moved}))


def variables(node, parent, field, names):
    """A variable: another one."""
    if not isinstance(node, ast.Name) or not _is_load(node) or node.id not in names:
        return
    if isinstance(parent, ast.Subscript) and not _is_load(parent):
        return                      # what is written to
    if isinstance(parent, ast.Call) and field == "func":
        return
    for name in names:
        if name != node.id:
            mixed = (name in OUTPUTS) != (node.id in OUTPUTS)
            label = "input_vs_output" if mixed else "wrong_variable"
            label = "wrong_mask" if isinstance(parent, ast.Compare) else label
            yield label, ast.Name(name, ast.Load())


def comparisons(node, parent, field, names):
    """a > b: the other way, or with the equality in or out; a & b: a | b."""
    opposite = {ast.Gt: ast.Lt, ast.Lt: ast.Gt, ast.GtE: ast.LtE, ast.LtE: ast.GtE}
    opposite |= {ast.Eq: ast.NotEq, ast.NotEq: ast.Eq}
    edge = {ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Lt: ast.LtE, ast.LtE: ast.Lt}
    if isinstance(node, ast.Compare) and type(node.ops[0]) in opposite:
        operator = type(node.ops[0])
        new = opposite[operator]()
        yield "wrong_mask", ast.Compare(node.left, [new], node.comparators)
        if operator in edge:
            yield "boundary", ast.Compare(node.left, [edge[operator]()], node.comparators)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitAnd | ast.BitOr):
        both = isinstance(node.op, ast.BitAnd)
        new = ast.BitOr() if both else ast.BitAnd()
        yield "wrong_mask", ast.BinOp(node.left, new, node.right)
    name, _ = _called(node)
    if name == "where" and len(node.args) == 3:
        condition, a, b = node.args
        yield "wrong_mask", ast.Call(node.func, [condition, b, a], node.keywords)


def calls(node, parent, field, names):
    """A function: its neighbour, or nothing in its place."""
    name, owner = _called(node)
    for other, label in SWAPS.get(name, ()):
        function = ast.Attribute(node.func.value, other, ast.Load())
        yield label, ast.Call(function, node.args, node.keywords)
    if name in DROPS and owner is not None:
        yield DROPS[name], owner


def orders(node, parent, field, names):
    """(a, b, c): two neighbours the other way round."""
    if isinstance(node, ast.Tuple | ast.List) and _is_load(node):
        for i in range(len(node.elts) - 1):
            swapped = [*node.elts[:i], node.elts[i + 1], node.elts[i], *node.elts[i + 2 :]]
            yield "wrong_order", type(node)(swapped, ast.Load())


def accumulations(statement, names):
    """a += b: a = b, or a -= b, or not at all, or twice; a[i] = b: a[i] += b, or not at all."""
    nothing = ast.Pass()
    if isinstance(statement, ast.AugAssign):
        target, value = statement.target, statement.value
        yield "overwrites", ast.Assign([target], value, lineno=0)
        if isinstance(statement.op, ast.Add | ast.Sub):
            other = ast.Sub() if isinstance(statement.op, ast.Add) else ast.Add()
            yield "sign", ast.AugAssign(target, other, value)
            yield "double_count", statement, statement
        yield "missing_term", nothing
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Subscript):
        yield "double_count", ast.AugAssign(statement.targets[0], ast.Add(), statement.value)
        yield "missing_term", nothing


def scattered_sums(statement, names):
    """np.add.at(a, i, b): a[i] += b, which forgets repeated indices; or not at all."""
    if not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Call):
        return
    call = statement.value
    if ast.unparse(call.func) in ("np.add.at", "numpy.add.at"):
        array, index, value = call.args
        place = ast.Subscript(array, index, ast.Store())
        yield "overwrites", ast.AugAssign(place, ast.Add(), value)
        yield "double_count", statement, statement
    yield "missing_term", ast.Pass()


STATEMENT_RULES = [accumulations, scattered_sums]
RULES = [
    sums,
    products,
    signs,
    whole_values,
    matrix_products,
    transposes,
    flips,
    einsums,
    axes,
    numbers,
    powers,
    slices,
    variables,
    comparisons,
    calls,
    orders,
]
LABELS = (
    "sign", "factor", "transpose", "flip", "missing_broadcast_sum", "missing_term",
    "input_vs_output", "wrong_variable", "wrong_axis", "wrong_mask", "wrong_order", "off_by_one",
    "boundary", "overwrites", "double_count", "power", "function", "small_error",
    "wrong_precision",
)

"""What a line of a backward could have used: its values, its sizes, and what stands elsewhere.

Idea: what a student left out is seldom far away. A missing factor is a value that was cached, or an
expression that the forward or another line already has; a missing sum runs over an axis that other
sums run over. A value that is never read is the likeliest of all. So insertions are made of the
words of the file, and stay few and likely.

Invariant: an expression is offered only where every name in it has a value.
Read next: edits_insert.py, which inserts them.
"""

import ast
import builtins
from dataclasses import dataclass, field

NODES = 10              # an expression of more is not offered elsewhere
REDUCTIONS = ("sum", "mean")        # methods, or functions of NumPy
SHAPED = ("transpose", "swapaxes", "reshape", "moveaxis")
AXES = ("axis=0", "axis=-1, keepdims=True")     # where no reduction says another
MOST_AXES = 3
MODULES = ("np", "numpy", "math", "self")
PROPERTIES = ("T", "mT", "shape", "size", "ndim", "dtype")
MAKERS = (
    "zeros", "zeros_like", "ones", "ones_like", "empty", "empty_like", "array", "arange", "pad",
    "argmax", "argsort", "split", "unravel_index",
)       # fmt: skip
PLACES = {ast.Add: "term", ast.Sub: "term", ast.MatMult: "operand", ast.Mult: "factor",
          ast.Div: "factor"}        # fmt: skip


@dataclass
class Scope:
    """What has a value at one line; texts, the likeliest first."""

    names: list                                     # variables, as edits_rules.py takes them
    arrays: list                                    # x, self.x, cache["x"]: not known to be sizes
    sizes: list                                     # N, i: counts and places
    unused: set                                     # of both: read nowhere in the function
    wholes: set                                     # ids of tuples that are returned or assigned
    settled: set                                    # names that are assigned as a whole, once
    repeated: set                                   # statements that stand twice
    has_matmul: bool                                # whether the function multiplies matrices
    small: list                                     # numbers like 1e-5 of the file: texts
    factors: list = field(default_factory=list)     # of products elsewhere: (1 - y)
    divisors: list = field(default_factory=list)    # of quotients elsewhere: N, np.sqrt(d)
    terms: list = field(default_factory=list)       # of sums elsewhere
    axes: list = field(default_factory=list)        # of reductions elsewhere: "axis=0"
    shaped: list = field(default_factory=list)      # methods: ".transpose(0, 2, 1)"
    bounds: list = field(default_factory=list)      # of slices elsewhere
    outputs: list = field(default_factory=list)     # what forward and helpers return

    def is_size(self, node):
        """Whether an expression is made of numbers and sizes only: no array, as far as is seen."""
        if isinstance(node, ast.Attribute) and node.attr in ("shape", "size", "ndim"):
            return True
        if ast.unparse(getattr(node, "func", node)) == "len":
            return True
        if is_value(node):
            return ast.unparse(node) in self.sizes
        inner = [n for n in ast.iter_child_nodes(node) if isinstance(n, ast.expr)]
        return all(map(self.is_size, inner)) and not isinstance(node, ast.Attribute)

    def place(self, node, parent, field):
        """Where a value stands, or None: no value, or one that is edited elsewhere.

        whole: a right-hand side or a returned value. term, factor, operand (of @, dot, where):
        a part. reduced: what is summed. shaped: what is reshaped. compared: of a mask. argument:
        what a function of the file is given.
        """
        kinds = ast.Name | ast.BinOp | ast.Call | ast.Subscript | ast.UnaryOp | ast.Attribute
        plain = isinstance(node, kinds | ast.Compare) and not stored(node)
        if not plain or called(node)[0] in MAKERS or self.is_size(node):
            return None
        if isinstance(parent, ast.Assign | ast.AugAssign) and field == "value":
            targets = parent.targets if isinstance(parent, ast.Assign) else [parent.target]
            return None if isinstance(targets[0], ast.Tuple) else "whole"
        if isinstance(parent, ast.Return) or id(parent) in self.wholes:
            return None if ast.unparse(node) in self.settled else "whole"
        if isinstance(parent, ast.Dict):
            return "whole" if field == "values" else None
        if isinstance(parent, ast.BinOp):
            return PLACES.get(type(parent.op))
        if isinstance(parent, ast.Compare):
            return "compared" if field == "left" else None
        return self._place_in_call(node, parent, field)

    def _place_in_call(self, node, parent, field):
        name, owner = called(parent)
        if name in REDUCTIONS and owner is node:
            return "reduced"
        if isinstance(parent, ast.Attribute) and parent.attr in (*REDUCTIONS, *SHAPED):
            return "reduced" if parent.attr in REDUCTIONS else "shaped"
        if name in ("dot", "matmul", "einsum", "where") and field == "args":
            return "operand"
        if isinstance(parent, ast.Call) and isinstance(parent.func, ast.Name) and field == "args":
            return "argument"
        return None


class Surroundings:
    """A function and what its file says elsewhere; `at(names)` is what one line can use."""

    def __init__(self, tree, function, path):
        self.near = [function, *_relatives(tree, function, path)]
        self.globals = _globals(tree)
        self.arguments = [a.arg for a in function.args.args]
        self.sizes = _sizes(self.near)
        self.caches = _caches(function)
        self.reads = {ast.unparse(n) for n in _walk(function) if is_value(n) and not stored(n)}
        self.words = _words(self.near)
        self.kept = _kept(self.near)
        self.of_function = _of_function(function) | {"small": _small(self.near)}

    def at(self, names):
        """The Scope of a line before which `names` have got values."""
        known = {*names, *self.arguments[:1]} if "self" in self.arguments else set(names)
        kept = [text for text in self.kept if _root(text) in known]
        values = [v for v in (*names, *kept) if v not in self.caches]
        unused = {v for v in values if v not in self.reads}
        local = {v for v in values if is_gradient(v) and v not in self.arguments}
        values.sort(key=lambda v: (v not in unused, v in local))
        arrays, sizes = ([v for v in values if (v in self.sizes) is size] for size in (False, True))
        scope = Scope(names, arrays, sizes, unused, **self.of_function)
        allowed = known | self.globals
        for kind, words in self.words.items():
            texts = [text for text, used in words.items() if used <= allowed]
            getattr(scope, kind).extend(texts)
        scope.axes = list(dict.fromkeys([*scope.axes[:MOST_AXES], *AXES]))
        return scope


def is_value(node):
    """A variable, an attribute, or an entry of a dict: x, self.x, c.x, cache["x"]."""
    if isinstance(node, ast.Subscript):
        key = node.slice.value if isinstance(node.slice, ast.Constant) else None
        return isinstance(key, str) and is_value(node.value)
    if isinstance(node, ast.Attribute):
        root = node.value.id if isinstance(node.value, ast.Name) else None
        return root not in (None, *MODULES[:-1]) and node.attr not in PROPERTIES
    return isinstance(node, ast.Name) and node.id not in MODULES


def is_gradient(text):
    """Whether a name is one of a gradient: dout, self.dw, grads["x"], upstream."""
    name = text.replace("]", "").replace('"', "").replace("'", "").split(".")[-1].split("[")[-1]
    other = name.startswith(("delta", "depth", "dim", "data", "denom", "diff", "dist", "decay"))
    return text.startswith("grad") or (name.startswith(("d", "g_", "grad", "up")) and not other)


def called(node):
    """(name of a called function or method, what it is applied to) or (None, None)."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return None, None
    owner = node.func.value
    if isinstance(owner, ast.Name) and owner.id in MODULES[:-1]:
        return node.func.attr, node.args[0] if node.args else None
    return node.func.attr, owner


def stored(node):
    """Whether a node is assigned to."""
    return isinstance(getattr(node, "ctx", None), ast.Store)


def _root(text):
    return text.split("[")[0].split(".")[0]


def _walk(function):
    """Every node of a function's body in the order of the text."""
    stack = list(reversed(function.body))
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(list(ast.iter_child_nodes(node))))


def _globals(tree):
    """Names that a file has outside of its functions, and the builtins."""
    found = set(dir(builtins)) | {n.name for n in tree.body if hasattr(n, "name")}
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(a.asname or a.name).split(".")[0] for a in node.names}
        if isinstance(node, ast.Assign):
            found |= {t.id for t in node.targets if isinstance(t, ast.Name)}
    return found


def _relatives(tree, function, path):
    """Other functions with the same words: the forward, helpers, methods of the class."""
    stem = path[-1].split("_backward")[0]
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == path[0]:
            methods = (m for m in node.body if isinstance(m, ast.FunctionDef))
            yield from (m for m in methods if m is not function)
        if isinstance(node, ast.FunctionDef) and node is not function:
            of_pair = any(word in node.name for word in ("forward", "backward", "inputs"))
            if not of_pair or node.name.startswith(stem + "_forward"):
                yield node


def _sizes(functions):
    """Values that count or point: parts of shapes, of ranges, of the bounds of slices."""
    found = set()
    for node in (n for function in functions for n in _walk(function)):
        if isinstance(node, ast.Assign):
            value = ast.unparse(node.value)
            counts = value.endswith(".shape") or ".shape[" in value or value.startswith("len(")
            if counts or type(getattr(node.value, "value", None)) is int:
                parts = [n for t in node.targets for n in getattr(t, "elts", [t])]
                found |= {n.id for n in parts if isinstance(n, ast.Name)}
        if isinstance(node, ast.For) and "range(" in ast.unparse(node.iter):
            found |= {n.id for n in ast.walk(node.target) if isinstance(n, ast.Name)}
        if isinstance(node, ast.Slice) or ast.unparse(getattr(node, "func", node)) == "range":
            found |= {ast.unparse(n) for n in ast.walk(node) if is_value(n)}
    return found


def _caches(function):
    """Values that are only taken apart: x, w = cache; cache["x"]; c.x."""
    taken, methods = set(), _methods(function)
    for node in _walk(function):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple):
            taken.add(ast.unparse(node.value))
        if not isinstance(node, ast.Name) and is_value(node) and node not in methods:
            taken.add(ast.unparse(node.value))
    return taken


def _kept(functions):
    """Attributes and entries that the functions write or read, not methods that they call."""
    methods = {node for function in functions for node in _methods(function)}
    nodes = [n for function in functions for n in _walk(function) if n not in methods]
    found = [ast.unparse(n) for n in nodes if is_value(n) and not isinstance(n, ast.Name)]
    return list(dict.fromkeys(found))


def _methods(function):
    """Nodes that are called: the f of f(x)."""
    return {node.func for node in _walk(function) if isinstance(node, ast.Call)}


def _of_function(function):
    """Fields of Scope that are the same at every line: wholes, settled, repeated."""
    nodes = list(_walk(function))
    given = [n.value for n in nodes if isinstance(n, ast.Return | ast.Assign)]
    texts = [ast.unparse(n) for n in nodes if isinstance(n, ast.AugAssign | ast.Expr)]
    once = {n.targets[0].id for n in nodes
            if isinstance(n, ast.Assign) and isinstance(n.targets[0], ast.Name)}        # fmt: skip
    for node in nodes:
        target = getattr(node, "target", None) or getattr(node, "targets", [None])[0]
        changed = isinstance(node, ast.AugAssign) or isinstance(target, ast.Subscript)
        if changed or called(node)[0] == "at":
            once -= {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    return {
        "has_matmul": any(isinstance(n, ast.MatMult) for n in nodes),
        "wholes": {id(n) for n in given if isinstance(n, ast.Tuple | ast.List)},
        "settled": once,
        "repeated": {text for text in texts if texts.count(text) > 1},
    }


def _words(functions):
    """{field of Scope: {text: names in it}} of what the functions use."""
    kinds = ("factors", "divisors", "terms", "axes", "shaped", "bounds", "outputs")
    found = {kind: {} for kind in kinds}
    for function in functions:
        outputs = (("outputs", ast.unparse(value), [value]) for value in _returned(function))
        for kind, text, parts in (*(p for n in _walk(function) for p in _parts(n)), *outputs):
            inside = [n for part in parts for n in ast.walk(part)]
            if sum(isinstance(n, ast.expr) for n in inside) <= NODES:
                names = {n.id for n in inside if isinstance(n, ast.Name)}
                found[kind].setdefault(text, names)
    return found


def _returned(function):
    """The expressions that a function's outputs are, also where they were given names first."""
    named = {}
    for node in _walk(function):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            named[node.targets[0].id] = node.value
    for node in _walk(function):
        if isinstance(node, ast.Return) and node.value is not None:
            value = node.value.elts[0] if isinstance(node.value, ast.Tuple) else node.value
            value = named.get(getattr(value, "id", None), value)
            if isinstance(value, ast.BinOp | ast.Call):
                yield value


def _parts(node):
    """(field of Scope, text, nodes whose names it needs) of what a node holds."""
    if isinstance(node, ast.BinOp):
        yield from _operands(node)
    if isinstance(node, ast.Slice):
        for bound in (node.lower, node.upper):
            if bound is not None:
                yield "bounds", ast.unparse(bound), [bound]
    name, owner = called(node)
    if owner is None:
        return
    given = node.args[1:] if owner in node.args else node.args
    if name in (*REDUCTIONS, "max", "var", "std", "norm"):
        axis = [f"axis={ast.unparse(a)}" for a in given[:1] if name in REDUCTIONS]
        text = ", ".join([*axis, *(ast.unparse(k) for k in node.keywords if k.arg != "ddof")])
        if "axis" in text:
            yield "axes", text, [*given, *(k.value for k in node.keywords)]
    if name in SHAPED and given:
        yield "shaped", f".{name}({', '.join(map(ast.unparse, given))})", given
        places = [getattr(a, "value", None) for a in given]
        if name == "transpose" and sorted(map(str, places)) == list(map(str, range(len(given)))):
            back = (str(places.index(i)) for i in range(len(places)))
            yield "shaped", f".transpose({', '.join(back)})", []


def _operands(node):
    place = PLACES.get(type(node.op))
    for side in ("left", "right"):
        part = getattr(node, side)
        if isinstance(node.op, ast.Div) and side == "right":
            if not isinstance(part, ast.Constant):
                yield "divisors", ast.unparse(part), [part]
        elif isinstance(part, ast.Constant | ast.Name):
            continue
        elif place == "term" or (place == "factor" and not is_product(part)):
            yield f"{place}s", ast.unparse(part), [part]


def _small(functions):
    """Numbers that a file adds lest it divides by zero, and eps."""
    parts = [n for function in functions for n in ast.walk(function)]
    numbers = [n.value for n in parts if isinstance(n, ast.Constant) and type(n.value) is float]
    return list(dict.fromkeys(repr(number) for number in numbers if 0 < number < 0.01))


def is_product(node):
    """Whether a node is a * b or a / b."""
    return isinstance(node, ast.BinOp) and PLACES.get(type(node.op)) == "factor"

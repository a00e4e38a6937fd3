"""What a line of a backward could have used: its values, its sizes, and what stands elsewhere.

Idea: what a student left out is seldom far away. A missing factor is a value that was cached, or an
expression that the forward or another line already has; a missing sum runs over an axis that other
sums run over. So insertions are made of the words of the file, and stay few and likely.

Invariant: an expression is offered only where every name in it has a value.
Read next: edits_insert.py, which inserts them.
"""

import ast
import builtins
from dataclasses import dataclass, field

NODES = 12              # an expression of more is not offered elsewhere
REDUCTIONS = ("sum", "mean")
SHAPED = ("transpose", "swapaxes", "reshape", "moveaxis")
AXES = ("axis=0", "axis=1", "axis=-1, keepdims=True", "axis=0, keepdims=True")
MOST_AXES = 4


@dataclass
class Scope:
    """What has a value at one line; texts, the likeliest first."""

    names: list                                     # variables, as edits_rules takes them
    arrays: list                                    # x, self.x, cache["x"]: not known to be sizes
    sizes: list                                     # N, i: counts and places
    unused: set                                     # of both: read nowhere in the function
    factors: list = field(default_factory=list)     # of products elsewhere: (1 - y), np.sqrt(d)
    terms: list = field(default_factory=list)       # of sums elsewhere
    axes: list = field(default_factory=list)        # of reductions elsewhere: "axis=0"
    shaped: list = field(default_factory=list)      # methods: ".transpose(0, 2, 1)"
    bounds: list = field(default_factory=list)      # of slices elsewhere

    def is_size(self, node):
        """Whether an expression is a number or made of sizes: no array, as far as can be seen."""
        texts = {ast.unparse(part) for part in ast.walk(node) if is_value(part)}
        return all(text in self.sizes for text in texts) or ".shape" in ast.unparse(node)


class Surroundings:
    """A function and what its file says elsewhere; `at(line)` is what one line can use."""

    def __init__(self, tree, function, path):
        self.function = function
        self.near = [function, *_relatives(tree, function, path)]
        self.globals = {n.name for n in tree.body if hasattr(n, "name")} | set(dir(builtins))
        for node in tree.body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                self.globals |= {(a.asname or a.name).split(".")[0] for a in node.names}
            if isinstance(node, ast.Assign):
                self.globals |= {t.id for t in node.targets if isinstance(t, ast.Name)}
        self.sizes = _sizes(self.near)
        self.caches = _caches(function)
        self.reads = [ast.unparse(n) for n in _walk(function) if is_value(n) and _is_load(n)]
        self.words = _words(self.near)
        self.kept = _kept(self.near)

    def at(self, names, line):
        """The Scope of a line, before which `names` have got values."""
        self_too = {a.arg for a in self.function.args.args[:1]} & {"self"}
        known = set(names) | self_too
        values = [*names, *(text for text in self.kept if text.split("[")[0] in known or self_too)]
        values = [v for v in values if v not in self.caches]
        unused = {v for v in values if v not in self.reads}
        values.sort(key=lambda v: v not in unused)
        scope = Scope(
            names=names,
            arrays=[v for v in values if v not in self.sizes],
            sizes=[v for v in values if v in self.sizes],
            unused=unused,
        )
        allowed = known | self.globals
        for kind, nodes in self.words.items():
            texts = [t for t, used in nodes.items() if used <= allowed]
            getattr(scope, kind).extend(texts)
        scope.axes = list(dict.fromkeys([*scope.axes[:MOST_AXES], *AXES[:2]]))
        return scope


def is_value(node):
    """A variable, an attribute of self, or an entry of a dict: x, self.x, cache["x"]."""
    if isinstance(node, ast.Subscript):
        return isinstance(node.value, ast.Name) and isinstance(node.slice, ast.Constant) and (
            isinstance(node.slice.value, str))      # fmt: skip
    if isinstance(node, ast.Attribute):
        return isinstance(node.value, ast.Name) and node.value.id == "self"
    return isinstance(node, ast.Name) and node.id not in ("np", "numpy", "math", "self")


def called(node):
    """(name of a called function or method, what it is applied to) or (None, None)."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return None, None
    owner = node.func.value
    if isinstance(owner, ast.Name) and owner.id in ("np", "numpy", "math"):
        return node.func.attr, node.args[0] if node.args else None
    return node.func.attr, owner


def _is_load(node):
    return isinstance(getattr(node, "ctx", None), ast.Load)


def _walk(function):
    """Every node of a function's body in the order of the text."""
    stack = list(reversed(function.body))
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(list(ast.iter_child_nodes(node))))


def _relatives(tree, function, path):
    """Other functions with the same words: the forward, helpers, methods of the class."""
    stem = path[-1].split("_backward")[0].removesuffix("backward").strip("_")
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == path[0]:
            yield from (m for m in node.body if isinstance(m, ast.FunctionDef) and m is not function)
        if not isinstance(node, ast.FunctionDef) or node is function:
            continue
        of_pair = any(word in node.name for word in ("forward", "backward", "inputs"))
        if not of_pair or (node.name.startswith(stem + "_forward") and len(path) == 1):
            yield node


def _sizes(functions):
    """Texts of values that count or point: of shapes, len and range, bounds of slices."""
    found = set()
    for node in (n for function in functions for n in _walk(function)):
        if isinstance(node, ast.Assign):
            value = ast.unparse(node.value)
            whole = value.endswith(".shape") or ".shape[" in value or value.startswith("len(")
            if whole or isinstance(getattr(node.value, "value", None), int):
                found |= {n.id for t in node.targets for n in ast.walk(t) if isinstance(n, ast.Name)}
        if isinstance(node, ast.For) and "range(" in ast.unparse(node.iter):
            found |= {n.id for n in ast.walk(node.target) if isinstance(n, ast.Name)}
        if isinstance(node, ast.Slice) or ast.unparse(getattr(node, "func", node)) == "range":
            found |= {ast.unparse(n) for n in ast.walk(node) if is_value(n)}
    return found - {"range"}


def _caches(function):
    """Names that are only taken apart: x, w = cache."""
    taken = set()
    for node in _walk(function):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple):
            taken.add(ast.unparse(node.value))
        if isinstance(node, ast.Subscript) and is_value(node):
            taken.add(node.value.id)
    return taken


def _kept(functions):
    """self.x and cache["x"] as the functions write them, not methods that they call."""
    found = []
    for node in (n for function in functions for n in _walk(function)):
        if is_value(node) and not isinstance(node, ast.Name):
            found.append(ast.unparse(node))
    methods = {ast.unparse(n.func) for f in functions for n in _walk(f) if isinstance(n, ast.Call)}
    return [text for text in dict.fromkeys(found) if text not in methods]


def _words(functions):
    """{field of Scope: {text: names in it}} of what the functions use."""
    found = {kind: {} for kind in ("factors", "terms", "axes", "shaped", "bounds")}
    for node in (n for function in functions for n in _walk(function)):
        for kind, text, parts in _parts(node):
            inside = [n for part in parts for n in ast.walk(part)]
            if sum(isinstance(n, ast.expr) for n in inside) <= NODES:
                names = {n.id for n in inside if isinstance(n, ast.Name)}
                found[kind].setdefault(text, names)
    return found


def _parts(node):
    """(field of Scope, text, nodes whose names it needs) of what a node holds."""
    if isinstance(node, ast.BinOp):
        kind = {ast.Mult: "factors", ast.Div: "factors", ast.Add: "terms", ast.Sub: "terms"}
        kind = kind.get(type(node.op))
        for part in (node.left, node.right) if kind else ():
            plain = isinstance(part, ast.Constant | ast.Name)
            if not plain and not (kind == "factors" and _is_product(part)):
                yield kind, ast.unparse(part), [part]
    if isinstance(node, ast.Slice):
        for bound in (node.lower, node.upper):
            if bound is not None:
                yield "bounds", ast.unparse(bound), [bound]
    name, owner = called(node)
    if owner is None:
        return
    given = node.args[1:] if owner in node.args else node.args
    if name in REDUCTIONS:
        axis = [f"axis={ast.unparse(a)}" for a in given[:1]]
        text = ", ".join([*axis, *map(ast.unparse, node.keywords)])
        if "axis" in text:
            yield "axes", text, given
    if name in SHAPED and given:
        yield "shaped", f".{name}({', '.join(map(ast.unparse, given))})", given


def _is_product(node):
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div)

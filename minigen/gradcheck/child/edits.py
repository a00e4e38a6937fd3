"""Single edits of a function: one sign, one axis, one transpose, one name ... put differently.

Idea: the slips of a hand-written backward are small, so one small change of its syntax tree makes a
right one wrong, and a wrong one right. Both directions are of use: the wrong ones measure a checker
of gradients, the right ones tell a student which line to look at.

An edit changes one simple statement (or the head of a loop or condition) and leaves the other
lines, and their numbers, as they are. Its label is the kind of slip that it is, or undoes. Rules
are generators from a node of the tree to (label, node in its place); edits_rules.py holds them.

Invariant: the tree is put back after every edit, so that each is one change of the source.
Read next: edits_rules.py.
"""

import ast
import io
from collections import Counter
from dataclasses import dataclass
from functools import partial

from .edits_insert import INSERTING, INSERTING_STATEMENTS, RANKS, SAID
from .edits_rules import RULES, STATEMENT_RULES
from .edits_scope import Surroundings

MOST = 400      # insertions of one statement; what is less likely is not tried
SIMPLE = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Return, ast.Expr)


@dataclass(frozen=True)
class Edit:
    """One change of one line."""

    label: str      # the kind of slip: sign, factor, transpose ...
    line: int       # where the statement begins, 1 for the first line of the file
    before: str     # the statement, or head of one, as ast.unparse writes it
    after: str
    source: str     # the whole file with the change made


def edits(source, function_name, inserting=False):
    """Every single edit of a function (or "Class.method") in a file's text: an iterator of Edit.

    Each result is different from the source and parses. `inserting`: edits that repair, the
    likeliest first, with those that insert something; their label is the slip that they undo.
    ValueError if there is no such function.
    """
    tree = ast.parse(source)
    function = _find(tree, function_name.split("."))
    if function is None:
        raise ValueError(f"no function {function_name} in the source")
    lines = io.StringIO(source, newline="").readlines()     # as Python counts them
    seen = set()
    found = _changes(function)
    if inserting:
        found = _likeliest_first(tree, function, function_name.split("."))
    for label, anchor, place, after in found:
        before = ast.unparse(anchor)
        after = after()
        if after == before or (place.lineno, after) in seen:
            continue
        seen.add((place.lineno, after))
        if _parses(after):
            yield Edit(label, place.lineno, before, after, _with(lines, place, after))


def _changes(function):
    """(label, anchor, place, function that writes the anchor changed), from the first line on."""
    for anchor, place in _anchors(function.body):
        known = _names_before(function, place.lineno)
        for _, label, after in _variants(anchor, known, RULES, anchor is place and STATEMENT_RULES):
            yield label, anchor, place, after


def _likeliest_first(tree, function, path):
    """The same with the rules that insert, in the order of their ranks."""
    surroundings = Surroundings(tree, function, path)
    found = []
    for anchor, place in _anchors(function.body):
        known = _names_before(function, place.lineno)
        scope = surroundings.at(known)
        own = _variants(anchor, known, RULES, anchor is place and STATEMENT_RULES)
        new = _variants(anchor, scope, INSERTING, anchor is place and INSERTING_STATEMENTS)
        ranks = Counter()
        for (rule, where), label, after in (*own, *new):
            label = SAID.get((rule, label), label)
            if label is not None:
                rank = RANKS.get(rule, 0) + ranks[rule, where]
                ranks[rule, where] += 1
                found.append((rank, label, anchor, place, after))
    found.sort(key=lambda change: change[0])
    of_line = Counter()
    for _, label, anchor, place, after in found:
        of_line[place] += 1
        if of_line[place] <= MOST:
            yield label, anchor, place, after


def _find(tree, path):
    """The function at a path of names, like ["Linear", "backward"]; of several the last counts."""
    for node in reversed(tree.body):
        if getattr(node, "name", None) == path[0]:
            return node if len(path) == 1 else _find(node, path[1:])
    return None


def _anchors(body):
    """(what is edited as a whole, the node that has its place): statements, heads of the others."""
    for statement in body:
        if isinstance(statement, SIMPLE):
            text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
            if not text:
                yield statement, statement
            continue
        for name in ("test", "iter"):
            head = getattr(statement, name, None)
            if head is not None:
                yield ast.Expr(head), head
        for name in ("body", "orelse", "finalbody"):
            yield from _anchors(getattr(statement, name, []))


def _names_before(function, line):
    """Names that have a value before a line: parameters, and what earlier lines assign."""
    arguments = function.args
    names = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.lineno < line:
            names.append(node.id)
    return [name for name in dict.fromkeys(names) if name not in ("self", "_")]


def _variants(anchor, scope, rules, statement_rules):
    """((rule's name, number of the place), label, function that writes the anchor changed)"""
    for rule in statement_rules or ():
        for label, *new in rule(anchor, scope):
            yield (rule.__name__, -1), label, partial(_text, new)
    for number, (parent, field, index, node) in enumerate(list(_slots(anchor))):
        for rule in rules:
            for label, new in rule(node, parent, field, scope):
                swap = partial(_swapped, anchor, parent, field, index, new)
                yield (rule.__name__, number), label, swap


def _text(statements):
    return "\n".join(map(ast.unparse, statements))


def _slots(parent):
    """Every place in the anchor that holds a node: (parent, field, index or None, node)."""
    for field, value in ast.iter_fields(parent):
        parts = enumerate(value) if isinstance(value, list) else [(None, value)]
        for index, node in parts:
            if isinstance(node, ast.AST) and not isinstance(node, ast.expr_context):
                yield parent, field, index, node
                yield from _slots(node)


def _swapped(anchor, parent, field, index, new):
    """The anchor's text with another node in one place; the tree is as before afterwards."""
    holder, key = (parent.__dict__, field) if index is None else (getattr(parent, field), index)
    old = holder[key]
    holder[key] = new
    try:
        return ast.unparse(anchor)
    finally:
        holder[key] = old


def _parses(text):
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def _with(lines, place, after):
    """The source with a text at a node's place, and as many lines as before."""
    first, last = place.lineno - 1, place.end_lineno - 1
    # columns of the tree count bytes
    head = lines[first].encode()[: place.col_offset].decode()
    tail = lines[last].encode()[place.end_col_offset :].decode()
    text = after.replace("\n", "\n" + head if not head.strip() else "; ")
    blank = "\n" * max(0, last - first - text.count("\n"))
    return "".join([*lines[:first], head, text, tail, blank, *lines[last + 1 :]])

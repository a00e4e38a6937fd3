"""A page of the gallery: what it says, its code right and wrong, and what the checker makes of it.

Idea: a page is a homework file, so it cannot be out of date: what is shown of it is cut from the
file, and what the checker says of the wrong pair is said anew, by the check that homework gets.

    page(kind)          a Page: text and code
    checked(kind)       the FileReport of its two pairs
    outcome(kind)       what became of both, and of the promise that the kind is named: an Outcome

Read next: gallery/__init__.py, the format; ../cli/gradcheck_explain.py, how it is shown.
"""

import ast
import difflib
import importlib
import itertools
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from minigen.gradcheck import gallery
from minigen.gradcheck.checker import Settings, check_file
from minigen.gradcheck.exercise import Reference

RIGHT, WRONG = "right", "wrong"
PATIENCE = 3.0          # seconds for what never ends
LIMITED = sys.platform == "linux"       # elsewhere a homework may take all memory (child/limits.py)
USUAL = Settings()
DIFFERS, SAME = "> ", "  "


@dataclass
class Page:
    """One kind of mistake. shared, wrong, right: code, the last two with the differences marked."""

    kind: str
    path: Path
    title: str
    text: str           # without the title
    shared: str
    wrong: str
    right: str


def page(kind):
    """The page of a kind, one of gallery.KINDS."""
    path = path_of(kind)
    source = path.read_text(encoding="utf-8")
    title, text = (part.strip() for part in _docstring(source).split("\n", 1))
    shared, wrong, right = _code(source)
    return Page(kind, path, title, text, shared, wrong, right)


def path_of(kind):
    """The file of a kind."""
    return Path(gallery.__file__).with_name(f"{kind}.py")


def title(kind):
    """The first line of a kind's page."""
    return _docstring(path_of(kind).read_text(encoding="utf-8")).partition("\n")[0]


def nearest(name):
    """The kind that is probably meant by a name, None if there is none like it."""
    near = difflib.get_close_matches(name, gallery.KINDS, n=1, cutoff=0.5)
    return near[0] if near else None


def _docstring(source):
    return ast.get_docstring(ast.parse(source))


# ---- the code


def _code(source):
    """(shared, wrong, right): what both pairs have, and the functions that differ."""
    parts = _parts(source)
    ours = [name for name in parts if name.startswith(f"{WRONG}_")]
    theirs = [name.replace(WRONG, RIGHT, 1) for name in ours]
    shared = [part for name, part in parts.items() if name not in (*ours, *theirs)]
    wrong, right = [], []
    for name, counterpart in zip(ours, theirs, strict=True):
        if not isinstance(parts[name].node, ast.FunctionDef):      # wrong_forward = right_forward
            shared.append(parts[counterpart])
            continue
        marked = _marked(parts[name], parts[counterpart])
        wrong.append(marked[0])
        right.append(marked[1])
    shared.sort(key=lambda part: part.node.lineno)
    return "\n".join(part.text for part in shared), "\n\n\n".join(wrong), "\n\n\n".join(right)


@dataclass
class _Part:
    """A statement of a file, with the empty lines and comments before it."""

    node: ast.stmt
    text: str

    def lines(self):
        return self.text.strip("\n").split("\n")

    def compared(self):
        """Its lines without what always differs: its name, and the sentence that describes it."""
        lines = self.lines()
        left_out = {self.node.lineno}
        if ast.get_docstring(self.node):
            sentence = self.node.body[0]
            left_out.update(range(sentence.lineno, sentence.end_lineno + 1))
        first = self.node.end_lineno - len(lines) + 1
        return ["" if n in left_out else line for n, line in enumerate(lines, first)]


def _parts(source):
    """{name: _Part} of the statements after the docstring, in order."""
    lines, statements = source.split("\n"), ast.parse(source).body
    parts = {}
    for before, node in itertools.pairwise(statements):
        text = "\n".join(lines[before.end_lineno : node.end_lineno])
        parts[_name(node)] = _Part(node, text)
    return parts


def _name(node):
    if isinstance(node, ast.Assign):
        return ast.unparse(node.targets[0])
    return getattr(node, "name", f"line {node.lineno}")


def _marked(one, other):
    """Both functions as text, the lines of each that the other lacks marked."""
    texts = one.lines(), other.lines()
    marks = [SAME] * len(texts[0]), [SAME] * len(texts[1])
    matcher = difflib.SequenceMatcher(None, one.compared(), other.compared(), autojunk=False)
    for what, start, end, start_other, end_other in matcher.get_opcodes():
        if what != "equal":
            marks[0][start:end] = [DIFFERS] * (end - start)
            marks[1][start_other:end_other] = [DIFFERS] * (end_other - start_other)
    return [
        "\n".join(f"{m}{line}".rstrip() for m, line in zip(*pair, strict=True))
        for pair in zip(marks, texts, strict=True)
    ]


# ---- what the checker says


@dataclass
class Outcome:
    """One row of the self-test: the verdicts of both pairs, and the kind said first of the wrong
    one; skipped: why it was not run, "" if it was."""

    kind: str
    right: str = ""
    wrong: str = ""
    named: str = ""
    seconds: float = 0.0
    skipped: str = ""

    @property
    def passed(self):
        """Whether it came out as the gallery promises."""
        return bool(self.skipped) or (self.right == "pass" and self.named == self.kind)


def checked(kind, settings=USUAL):
    """The FileReport of a kind's file, checked as homework is."""
    if kind == "timeout":
        settings = replace(settings, timeout=PATIENCE)
    spec = None
    if kind == "wrong_forward":     # which only an exercise knows
        module = importlib.import_module(f"{gallery.__name__}.{kind}")
        spec = Reference({}, module.right_forward)
    return check_file(str(path_of(kind)), settings, spec)


def outcome(kind, settings=USUAL):
    """Check a kind's file: an Outcome."""
    if kind == "memory" and not LIMITED:
        return Outcome(kind, skipped="this platform does not limit memory")
    started = time.monotonic()
    pairs = checked(kind, settings).pairs
    verdicts = {report.name: report.verdict for report in pairs}
    said = [found.kind for report in pairs if report.name == WRONG for found in report.diagnosis]
    return Outcome(
        kind,
        right=verdicts.get(RIGHT, "absent"),
        wrong=verdicts.get(WRONG, "absent"),
        named=said[0] if said else "nothing",
        seconds=time.monotonic() - started,
    )

"""The rules of the house, checked on the source itself: floors, sizes, docstrings, packaging.

Idea: a rule is a generator from a repository's root to its violations, each "file:line: rule". The
same generators run on this repository, which must obey, and on small planted ones, where they must
speak: a rule that cannot fail is none.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]

# Top to bottom; a module may import its own floor and those below it. The façade, which is
# minigen/__init__.py, gathers names of all floors and stands on none.
COMMANDS = ("minigen.cli", "minigen.__main__")  # may find minigen.demos by name, as plug-ins
FLOORS = [
    ("minigen.demos",),
    COMMANDS,
    ("minigen.models",),
    ("minigen.train", "minigen.data", "minigen.metrics", "minigen.draw"),
    ("minigen.nn", "minigen.optim"),
    ("minigen.gradcheck",),
    (
        "minigen.autograd",
        "minigen.derivatives",
        "minigen.errors",
        "minigen.methods",
        "minigen.op",
        "minigen.ops",
        "minigen.tensor",
        "minigen.watch",
    ),
    ("minigen.backend",),
    ("minigen.kernels", "minigen.environment"),
]
ENGINE = 6  # the floor of what `from minigen import name` gives if name is no module: Tensor, grad

NUMERIC_CORE = ("numeric", "argument", "beside", "complex_step", "point", "slopes")

FILE_LINES, FUNCTION_LINES, COLUMNS = 450, 40, 100

PACKAGES = {"minigen": "minigen", "demos": "minigen.demos", "kernels": "minigen.kernels"}
SHIPPED_AS = {"minigen.gradcheck.minigen_pytest": "minigen_pytest"}  # setup.py says why
FRAMEWORKS = ("torch", "torchvision", "tensorflow", "jax", "keras", "sklearn")
CODE = {".py", ".cu", ".cuh", ".h", ".cpp"}
TEXT = CODE | {".md", ".toml", ".cff", ".html"}


# Reading the repository -------------------------------------------------------------------------


def python_files(root: Path, *folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((root / folder).rglob("*.py"))


def text_files(root: Path) -> Iterator[Path]:
    """What people read: the files at the top, and all of our folders."""
    places = [*root.iterdir(), root / ".ci" / "run"]
    for folder in (*PACKAGES, "tests", "docs"):
        places += (root / folder).rglob("*")
    yield from sorted(p for p in places if p.is_file() and (p.suffix in TEXT or p.name == "run"))


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def module_name(root: Path, path: Path) -> str:
    """demos/gan/dcgan.py -> minigen.demos.gan.dcgan; a package's __init__.py -> the package."""
    top, *rest = path.relative_to(root).with_suffix("").parts
    return ".".join(part for part in (PACKAGES.get(top, top), *rest) if part != "__init__")


class Import(NamedTuple):
    """One imported thing: `from minigen.nn import Linear` has target "minigen.nn.Linear"."""

    line: int
    target: str
    by_name: bool = False  # importlib.import_module("..."), not an import statement


def imports(root: Path, path: Path) -> Iterator[Import]:
    """Everything that the file imports, at the top or inside functions, by any spelling."""
    package = module_name(root, path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    tree = parse(path)
    bare = False
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                bare |= alias.name == "minigen"
                yield Import(node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            base = [*start, *([node.module] if node.module else [])]
            for alias in node.names:
                yield Import(node.lineno, ".".join([*base, alias.name]))
        elif isinstance(node, ast.Call) and called(node) in ("import_module", "__import__"):
            first = node.args[0] if node.args else None
            if isinstance(first, ast.Constant):
                yield Import(node.lineno, str(first.value), by_name=True)
    for node in ast.walk(tree) if bare else ():  # import minigen; ... minigen.train.Run
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "minigen":
            yield Import(node.lineno, f"minigen.{node.attr}")


def called(node: ast.Call) -> str:
    """The last name of what is called: importlib.import_module(...) -> "import_module"."""
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


def at(root: Path, path: Path, line: int, rule: str) -> str:
    return f"{path.relative_to(root).as_posix()}:{line}: {rule}"


def top_name(target: str) -> str:
    return target.split(".")[0]


# The rules --------------------------------------------------------------------------------------


def floor(root: Path, module: str) -> int | None:
    """The floor's index from the top; None for the façade and for what is not ours."""
    parts = module.split(".")
    if parts[0] != "minigen" or len(parts) == 1:
        return None
    for i, names in enumerate(FLOORS):
        if ".".join(parts[:2]) in names:
            return i
    place = root / "minigen" / parts[1]
    if place.exists() or place.with_suffix(".py").exists():
        return -1  # a module that the drawing lacks
    return ENGINE


def no_arrow_points_up(root: Path) -> Iterator[str]:
    for path in python_files(root, *PACKAGES):
        here = floor(root, module_name(root, path))
        if here is None:
            continue
        if here == -1:
            yield at(root, path, 1, "stands on no floor: draw it in FLOORS and in the design")
            continue
        for line, target, by_name in imports(root, path):
            there = floor(root, target)
            plugin = by_name and FLOORS[here] is COMMANDS and target == "minigen.demos"
            if there is not None and there < here and not plugin:
                yield at(root, path, line, f"imports {target} from a floor above its own")


def one_name_everywhere(root: Path) -> Iterator[str]:
    for path in python_files(root, *PACKAGES, "tests"):
        for line, target, _ in imports(root, path):
            if top_name(target) in ("kernels", "demos"):
                yield at(root, path, line, f"imports {target}: its name is minigen.{target}")


def the_checkers_rooms_are_apart(root: Path) -> Iterator[str]:
    """The numeric core serves the engine's tests, the child has no minigen beside it."""
    package = "minigen.gradcheck"
    core = [f"{package}.{name}" for name in NUMERIC_CORE]
    for path in python_files(root, "minigen/gradcheck"):
        name = module_name(root, path)
        in_child = name.startswith(f"{package}.child")
        room = [f"{package}.child."] if in_child else core
        for line, target, _ in imports(root, path) if in_child or name in core else ():
            if top_name(target) == "minigen" and not target.startswith(tuple(room)):
                yield at(root, path, line, f"imports {target}: its room stands alone")


def demos_use_public_names(root: Path) -> Iterator[str]:
    for path in python_files(root, "demos"):
        for line, target, _ in imports(root, path):
            if top_name(target) == "minigen" and re.search(r"\._(?!_)", target):
                yield at(root, path, line, f"a demo imports the private name {target}")


def frameworks_stay_outside(root: Path) -> Iterator[str]:
    bench = root / "minigen" / "cli"
    gpu = root / "minigen" / "backend" / "cupy.py"
    for path in python_files(root, *PACKAGES, "tests"):
        for line, target, _ in imports(root, path):
            name = top_name(target)
            timing = path.is_relative_to(bench) and str(path.relative_to(bench)).startswith("bench")
            if name in FRAMEWORKS and not timing:
                yield at(root, path, line, f"imports {name}: only minigen/cli/bench*.py may")
            if name in ("cupy", "cupyx") and path != gpu:
                yield at(root, path, line, f"imports {name}: only minigen/backend/cupy.py may")


def nothing_is_pickled(root: Path) -> Iterator[str]:
    for path in python_files(root, *PACKAGES):
        for line, target, _ in imports(root, path):
            if top_name(target) in ("pickle", "cPickle", "dill", "joblib", "marshal", "shelve"):
                yield at(root, path, line, f"imports {target}: loading it runs a stranger's code")
        for node in ast.walk(parse(path)):
            if not isinstance(node, ast.keyword) or node.arg != "allow_pickle":
                continue
            if ast.unparse(node.value) != "False":
                yield at(root, path, node.value.lineno, "allow_pickle runs a stranger's code")


def sizes(root: Path) -> Iterator[str]:
    for path in text_files(root):
        if path.suffix not in CODE:
            continue
        lines = path.read_text(encoding="utf-8").splitlines()
        if len(lines) > FILE_LINES:
            yield at(root, path, len(lines), f"{len(lines)} lines; a file has at most {FILE_LINES}")
        for number, line in enumerate(lines, 1):
            if len(line) > COLUMNS:
                yield at(root, path, number, f"{len(line)} columns; at most {COLUMNS}")
        for node in ast.walk(parse(path)) if path.suffix == ".py" else ():
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = node.end_lineno - node.lineno + 1
                if length > FUNCTION_LINES:
                    rule = f"{node.name} has {length} lines; a function at most {FUNCTION_LINES}"
                    yield at(root, path, node.lineno, rule)


def public_means_documented(root: Path) -> Iterator[str]:
    for path in python_files(root, "minigen"):
        tree = parse(path)
        if not ast.get_docstring(tree):
            yield at(root, path, 1, "the module has no docstring")
        for node in tree.body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                continue
            if node.name == "Config" and path.is_relative_to(root / "minigen" / "models"):
                continue  # its fields' comments say everything
            if not node.name.startswith("_") and not ast.get_docstring(node):
                yield at(root, path, node.lineno, f"{node.name} has no docstring")


def import_is_silent(root: Path) -> Iterator[str]:
    for path in python_files(root, *PACKAGES):
        todo = list(parse(path).body)
        while todo:  # what runs on import: not functions, nor the part for `python -m`
            node = todo.pop()
            if isinstance(node, ast.If) and "__main__" in ast.unparse(node.test):
                continue
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                continue
            if isinstance(node, ast.Call) and called(node) in ("print", "warn"):
                yield at(root, path, node.lineno, f"{called(node)} on import")
            todo += ast.iter_child_nodes(node)


UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX)\b")
STRANGER = re.compile(r"pip3? install(\s+-\S+)*\s+[\"'`]?mini" r"gen(?![-\w])")


def words(root: Path) -> Iterator[str]:
    for path in text_files(root):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if UNFINISHED.search(line):
                yield at(root, path, number, "unfinished: do it, or open an issue")
            if STRANGER.search(line):
                yield at(root, path, number, "installs a stranger's package: ours is minigen-dl")


def packages_are_listed(root: Path) -> Iterator[str]:
    setup = root / "setup.py"
    listed, line = set(), 1
    for node in parse(setup).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "PACKAGES":
            listed, line = set(ast.literal_eval(node.value)), node.lineno
    folders = {path.parent for path in python_files(root, *PACKAGES)}
    names = {module_name(root, folder / "__init__.py") for folder in folders}
    on_disk = {SHIPPED_AS.get(name, name) for name in names}
    for name in sorted(on_disk - listed):
        yield at(root, setup, line, f"PACKAGES lacks {name}")
    for name in sorted(listed - on_disk):
        yield at(root, setup, line, f"PACKAGES has {name}, which is not on disk")
    for folder in sorted(folders):
        if not (folder / "__init__.py").exists():
            yield at(root, folder, 1, "a package without __init__.py")


def versions_agree(root: Path) -> Iterator[str]:
    source = (root / "minigen" / "__init__.py").read_text(encoding="utf-8")
    version = re.search(r'^__version__ = "(.+)"', source, re.MULTILINE)[1]
    for name, line in (("CITATION.cff", f"version: {version}"), ("CHANGELOG.md", f"## {version}")):
        text = (root / name).read_text(encoding="utf-8")
        if not re.search(rf"^{re.escape(line)}\b", text, re.MULTILINE):
            yield at(root, root / name, 1, f"does not say {line!r}")


RULES = [
    no_arrow_points_up,
    one_name_everywhere,
    the_checkers_rooms_are_apart,
    demos_use_public_names,
    frameworks_stay_outside,
    nothing_is_pickled,
    sizes,
    public_means_documented,
    import_is_silent,
    words,
    packages_are_listed,
    versions_agree,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_this_house_obeys(rule):
    violations = list(rule(ROOT))
    assert not violations, "\n" + "\n".join(violations)


# The rules catch what they are for --------------------------------------------------------------

DOC = '"""Doc."""\n'

PLANTED = [  # rule, file, its text, where the violation is (None: there is none)
    (no_arrow_points_up, "minigen/nn/linear.py", "from minigen.train import Run", 1),
    (no_arrow_points_up, "minigen/nn/linear.py", "def f():\n    from ..draw import grid", 2),
    (no_arrow_points_up, "minigen/nn/linear.py", "from minigen import data", 1),
    (no_arrow_points_up, "minigen/nn/linear.py", "import minigen\nminigen.models.vae", 2),
    (no_arrow_points_up, "minigen/nn/linear.py", "import_module('minigen.cli')", 1),
    (no_arrow_points_up, "minigen/nn/linear.py", "from minigen import Tensor, optim", None),
    (no_arrow_points_up, "minigen/nn/linear.py", "from . import functional", None),
    (no_arrow_points_up, "minigen/backend/numpy.py", "from minigen import Tensor", 1),
    (no_arrow_points_up, "kernels/manifest.py", "import minigen.backend", 1),
    (no_arrow_points_up, "minigen/models/gan.py", "from minigen.demos.gan import dcgan", 1),
    (no_arrow_points_up, "minigen/utils/misc.py", "", 1),
    (no_arrow_points_up, "minigen/cli/demo.py", "from minigen import demos", 1),
    (no_arrow_points_up, "minigen/cli/demo.py", "import_module('minigen.demos')", None),
    (no_arrow_points_up, "minigen/nn/linear.py", "import_module('minigen.demos')", 1),
    (one_name_everywhere, "tests/test_x.py", "import kernels.manifest", 1),
    (one_name_everywhere, "tests/test_x.py", "from minigen.kernels import manifest", None),
    (the_checkers_rooms_are_apart, "minigen/gradcheck/child/a.py", "from .. import slopes", 1),
    (the_checkers_rooms_are_apart, "minigen/gradcheck/child/a.py", "from . import b", None),
    (the_checkers_rooms_are_apart, "minigen/gradcheck/point.py", "import minigen.ops", 1),
    (the_checkers_rooms_are_apart, "minigen/gradcheck/values.py", "import minigen.ops", None),
    (demos_use_public_names, "demos/gan/dcgan.py", "from minigen.train.run import _helper", 1),
    (demos_use_public_names, "demos/gan/dcgan.py", "from minigen.train._run import Run", 1),
    (demos_use_public_names, "demos/gan/dcgan.py", "from minigen.train import Run", None),
    (frameworks_stay_outside, "tests/test_x.py", "import torch.nn", 1),
    (frameworks_stay_outside, "minigen/cli/bench.py", "import torch", None),
    (frameworks_stay_outside, "minigen/cli/bench_steps.py", "import torch", None),
    (frameworks_stay_outside, "minigen/ops/conv.py", "def f():\n    import cupy as cp", 2),
    (frameworks_stay_outside, "minigen/backend/cupy.py", "import cupy", None),
    (nothing_is_pickled, "minigen/data/x.py", "from pickle import load", 1),
    (nothing_is_pickled, "minigen/data/x.py", "load(f, allow_pickle=True)", 1),
    (nothing_is_pickled, "minigen/data/x.py", "load(f, allow_pickle=False)", None),
    (sizes, "minigen/x.py", "x = 1\n" * 451, 451),
    (sizes, "minigen/x.py", "x = 1\n" * 450, None),
    (sizes, "kernels/x.cu", "// " + "é" * 98, 1),
    (sizes, "kernels/x.cu", "// " + "é" * 97, None),
    (sizes, "tests/x.py", "\ndef f():\n" + "    x = 1\n" * 40, 2),
    (sizes, "tests/x.py", "\ndef f():\n" + "    x = 1\n" * 39, None),
    (public_means_documented, "minigen/x.py", "x = 1", 1),
    (public_means_documented, "minigen/x.py", DOC + "def f(): pass", 2),
    (public_means_documented, "minigen/x.py", DOC + "class C: pass", 2),
    (public_means_documented, "minigen/x.py", DOC + "class Config: pass", 2),
    (public_means_documented, "minigen/x.py", DOC + "def _f(): pass", None),
    (public_means_documented, "minigen/models/x.py", DOC + "class Config: pass", None),
    (import_is_silent, "minigen/x.py", "if True:\n    print('hello')", 2),
    (import_is_silent, "minigen/x.py", "class C:\n    x = print('hello')", 2),
    (import_is_silent, "minigen/x.py", "def f():\n    print('hello')", None),
    (import_is_silent, "minigen/x.py", "if __name__ == '__main__':\n    print(1)", None),
    (words, "docs/x.md", "fine\nTO" "DO: more", 2),
    (words, "README.md", "pip install mini" "gen", 1),
    (words, "README.md", "pip install --upgrade 'mini" "gen[gpu13]'", 1),
    (words, "README.md", "pip install minigen-dl", None),
    (words, "README.md", 'pip install -e ".[test]" && .venv/bin/minigen demo', None),
    (packages_are_listed, "minigen/nn/linear.py", "", "setup.py:1: PACKAGES lacks minigen.nn"),
    (packages_are_listed, "minigen/nn/linear.py", "", "minigen/nn:1: a package without"),
    (packages_are_listed, "minigen/gradcheck/minigen_pytest/x.py", "", "lacks minigen_pytest"),
    (packages_are_listed, "kernels/x.py", "", "PACKAGES has minigen.models, which is not"),
    (versions_agree, "CITATION.cff", "version: 0.2.0", 1),
    (versions_agree, "CHANGELOG.md", "## 0.10.0", 1),
]


@pytest.mark.parametrize(("rule", "name", "text", "where"), PLANTED)
def test_rule_catches_what_is_planted(tmp_path, rule, name, text, where):
    files = {
        "setup.py": 'PACKAGES = ["minigen", "minigen.models"]',
        "minigen/__init__.py": DOC + '__version__ = "0.1.0"',
        "CITATION.cff": "version: 0.1.0",
        "CHANGELOG.md": "## 0.1.0 (unreleased)",
        name: text,
    }
    for path, content in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(content, encoding="utf-8")
    violations = list(rule(tmp_path))
    if where is None:
        assert violations == []
    elif isinstance(where, int):
        assert len(violations) == 1
        assert violations[0].startswith(f"{name}:{where}: ")
    else:
        assert any(where in violation for violation in violations)

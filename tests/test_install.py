"""The three ways to have minigen: a wheel, an editable install, a bare clone.

Idea: each way is tried in processes of its own, from elsewhere and standing in the clone, and says
where `minigen`, `minigen.kernels` and `minigen.demos` came from: all three from the same place.
Nothing is downloaded: the new environments see the packages of the one that runs the tests. What is
installed is a copy of the tree, so that the clone stays clean.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from minigen.cli import COMMANDS

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("pip") is None, reason="this environment has no pip to install with"
)

ROOT = Path(__file__).resolve().parents[1]

# Nothing of the running environment may help the new ones find minigen.
ENVIRON = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}

# What a run of pytest that is not about gradients has loaded, and one that is.
PLUGIN = """
import sys

def test_light(pytestconfig):
    assert pytestconfig.pluginmanager.has_plugin("minigen")
    assert "minigen_pytest" in sys.modules
    assert not {"minigen", "numpy"} & sys.modules.keys()

def test_fixture(gradcheck):
    assert gradcheck(lambda x: (x * x, x), lambda dout, x: 2 * x * dout, inputs=3.0).passed
"""

WHERE = """
import minigen.kernels.manifest, minigen.demos
for module in (minigen, minigen.kernels.manifest, minigen.demos):
    print(module.__file__)
"""


def output(*command, cwd):
    """What the command prints. On failure, the assertion shows it with the error output."""
    words = [str(word) for word in command]
    answer = subprocess.run(words, cwd=cwd, env=ENVIRON, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


def pip(python, verb, *words, cwd):
    """Run the running environment's pip for another Python, without the network."""
    if verb == "install":  # whether or not the running environment, which it sees, has minigen-dl
        words = ("--ignore-installed", *words)
    offline = ("--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check")
    output(sys.executable, "-m", "pip", "--python", python, verb, *offline, *words, cwd=cwd)


def environment(folder):
    """Make an environment in the folder that sees this one's packages; return its programs' folder.

    A .pth file adds folders without obeying the .pth files inside them: an editable minigen of the
    running environment stays out of sight.
    """
    venv.create(folder)
    there = {"base": str(folder), "platbase": str(folder)}
    borrowed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    packages = Path(sysconfig.get_path("purelib", "venv", there))
    (packages / "borrowed.pth").write_text("\n".join(sorted(borrowed)) + "\n")
    return Path(sysconfig.get_path("scripts", "venv", there))


def home(*python, cwd):
    """The folder that minigen, its kernels and its demos were all imported from."""
    files = [Path(line).resolve() for line in output(*python, "-c", WHERE, cwd=cwd).splitlines()]
    above = files[0].parents[1]
    # a clone has kernels/ beside minigen/, a wheel inside it
    parts = above if (above / "setup.py").exists() else above / "minigen"
    assert files[1:] == [parts / "kernels/manifest.py", parts / "demos/__init__.py"]
    return above


def lists_the_commands(*minigen, cwd):
    return set(COMMANDS) <= set(output(*minigen, "--help", cwd=cwd).split())


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A copy of what installing needs."""
    copy = tmp_path_factory.mktemp("clone").resolve()
    for name in ("minigen", "kernels", "demos"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    return copy


@pytest.fixture(scope="module")
def wheel(clone, tmp_path_factory):
    """The wheel, built from a second copy, because building leaves folders behind."""
    source = tmp_path_factory.mktemp("build") / "source"
    shutil.copytree(clone, source)
    pip(sys.executable, "wheel", "--wheel-dir", "dist", ".", cwd=source)
    (built,) = (source / "dist").iterdir()
    return built


@pytest.fixture(scope="module")
def with_wheel(wheel, tmp_path_factory):
    programs = environment(tmp_path_factory.mktemp("wheel").resolve() / "venv")
    pip(programs / "python", "install", wheel, cwd=wheel.parent)
    return programs


def test_wheel_holds_all_parts_and_nothing_else(wheel):
    assert wheel.name.startswith("minigen_dl-")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "minigen/py.typed",
        "minigen/kernels/manifest.py",
        "minigen/demos/__init__.py",
        "minigen/cli/doctor.py",
    } <= names
    tops = {name.split("/")[0].split("-")[0] for name in names}
    assert tops == {"minigen", "minigen_dl", "minigen_pytest"}
    plugin = "minigen/gradcheck/minigen_pytest"
    on_disk = {
        path.relative_to(ROOT).as_posix().replace(f"{folder}/", f"{prefix}/", 1)
        for folder, prefix in (
            ("minigen", "minigen"),
            ("kernels", "minigen/kernels"),
            ("demos", "minigen/demos"),
            (plugin, "minigen_pytest"),
        )
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".md"
        if folder == plugin or not path.is_relative_to(ROOT / plugin)
    }
    assert on_disk == {n for n in names if n.startswith(("minigen/", "minigen_pytest/"))}


def test_wheel_elsewhere(with_wheel, tmp_path):
    python = with_wheel / "python"
    assert home(python, cwd=tmp_path).is_relative_to(with_wheel.parent)
    assert lists_the_commands(with_wheel / "minigen", cwd=tmp_path)
    assert lists_the_commands(python, "-m", "minigen", cwd=tmp_path)


def test_wheel_standing_in_the_clone(with_wheel, clone):
    python = with_wheel / "python"
    # `python -c` and `-m` look into the current folder first
    assert home(python, cwd=clone) == clone
    assert lists_the_commands(python, "-m", "minigen", cwd=clone)
    # the installed command does not; -P is how it looks
    assert home(python, "-P", cwd=clone).is_relative_to(with_wheel.parent)
    assert lists_the_commands(with_wheel / "minigen", cwd=clone)


def runs_the_plugin(python, folder):
    """Whether pytest, in the folder, finds the plugin by itself, and it works."""
    (folder / "test_plugin.py").write_text(PLUGIN)
    said = output(python, "-m", "pytest", "-p", "no:cacheprovider", "test_plugin.py", cwd=folder)
    return "2 passed" in said


def test_wheel_brings_the_pytest_plugin(with_wheel, tmp_path):
    assert runs_the_plugin(with_wheel / "python", tmp_path)


def test_editable_install(clone, tmp_path):
    programs = environment(tmp_path.resolve() / "venv")
    pip(programs / "python", "install", "--editable", ".", cwd=clone)
    for cwd in (tmp_path, clone):
        assert home(programs / "python", cwd=cwd) == clone
        assert home(programs / "python", "-P", cwd=cwd) == clone
        assert lists_the_commands(programs / "minigen", cwd=cwd)
    assert runs_the_plugin(programs / "python", tmp_path)


def test_bare_clone(clone, tmp_path):
    python = environment(tmp_path / "venv") / "python"
    assert home(python, cwd=clone) == clone
    assert lists_the_commands(python, "-m", "minigen", cwd=clone)

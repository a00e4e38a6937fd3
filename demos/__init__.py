"""One short script per figure of the course, by chapter.

Each runs as `minigen demo NAME` and as `python -m minigen.demos.<chapter>.<name>`; `minigen list`
shows them all. A demo uses only public names of minigen: what it does, a reader can do.

A demo is a file of a chapter's folder that defines ABOUT (a train.About), Config (a train.Demo),
PRESETS and main(config) -> exit code; the file is all it takes, there is no list to add it to.
recorded.json holds what `minigen bars` measured: {demo: {preset: result}}.
"""

import importlib
import json
import pkgutil
import sys
from pathlib import Path

from minigen.cli import main as command_line

RECORDED = Path(__file__).parent / "recorded.json"


def names():
    """{demo: its module's name} of all demos; conv_autoencoder.py is conv-autoencoder."""
    found = {}
    for chapter in pkgutil.iter_modules(__path__, f"{__name__}."):
        if chapter.ispkg:
            folder = importlib.import_module(chapter.name).__path__
            for module in pkgutil.iter_modules(folder, f"{chapter.name}."):
                found[module.name.rpartition(".")[2].replace("_", "-")] = module.name
    return found


def recorded(name):
    """{preset: result} that `minigen bars` recorded for the demo; {} before."""
    return json.loads(RECORDED.read_text(encoding="utf-8")).get(name, {})


def start(file):
    """Run the demo of this file with the process's arguments, and exit: for `python -m`."""
    name = Path(file).stem.replace("_", "-")
    sys.exit(command_line(["demo", name, *sys.argv[1:]]))

"""`minigen gradcheck --exercise`: the list of exercises, and their files.

Idea: a student gets a file with a forward to read and a backward to write, and checks it with the
same option. A file that exists is never overwritten, for it may hold the work of an evening.
Read next: ../gradcheck/exercise.py.
"""

import difflib
import os
import re
import shlex
from pathlib import Path

from minigen.cli.table import table
from minigen.gradcheck.exercise import Exercise
from minigen.gradcheck.exercises import NAMES
from minigen.gradcheck.inputs import SpecError

ALL = "list"        # the name that stands for all of them


def listing():
    """All exercises as a table, in an order in which they can be learnt."""
    rows = [["exercise", "points", "course", "what"]]
    for name in NAMES:
        one = Exercise(name)
        item = re.sub(r" \(.*?\)|\.$", "", one.item)
        rows.append([name, f"{one.points:g}", item, re.split(r"[:,.]", one.title)[0]])
    how = "minigen gradcheck --exercise NAME --init writes NAME.py, with a backward to fill in"
    return "\n".join([*table(rows), "", how])


def exercise(name):
    """The exercise of that name; SpecError names the nearest."""
    if name in NAMES:
        return Exercise(name)
    near = difflib.get_close_matches(name.lower().removesuffix(".py"), NAMES, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}? " if near else ""
    raise SpecError(f"no exercise {name}: {hint}--exercise {ALL} shows all {len(NAMES)}")


def write(chosen, places):
    """Write the exercise's file into a folder, this one if none is given; what to say about it."""
    if len(places) > 1 or not all(os.path.isdir(place) for place in places):
        raise SpecError("--exercise NAME --init writes NAME.py: name a folder for it, or nothing")
    target = Path(*places) / f"{chosen.name}.py"
    try:
        with open(target, "x", encoding="utf-8") as file:
            file.write(chosen.text())
    except FileExistsError:
        raise SpecError(
            f"{target} exists and is left as it is; move it away for a new one"
        ) from None
    except OSError as error:
        raise SpecError(f"{target}: {error.strerror}") from error
    words = ["minigen", "gradcheck", str(target), "--exercise", chosen.name]
    return (
        f"{target} is written: {chosen.title}\n"
        f"Read its first lines, fill in {chosen.name}_backward, then\n  {shlex.join(words)}"
    )


def handed_in(chosen, files):
    """The files to check: those given, or NAME.py in this folder."""
    usual = f"{chosen.name}.py"
    if not files and not os.path.isfile(usual):
        raise SpecError(f"no FILE, and no {usual} here: --init writes one to fill in")
    return files or [usual]

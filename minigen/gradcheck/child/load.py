"""Run a homework file and keep its variables, without letting it disturb the rest.

Idea: the file runs as a module of its own name, so `if __name__ == "__main__"` parts do not run and
dataclasses work. Its folder stands last on the search path: neighbours can be imported, and a
homework called random.py hides nobody's `random`. A notebook is its code cells, one after the
other, and errors name cell and line.
Read next: discover.py (which of the variables are pairs).
"""

import importlib.util
import io
import json
import linecache
import re
import sys
import types
from pathlib import Path

FOLDERS = []                # of homework loaded before in this process
# Lines for IPython: %time f(), !ls, ?np.sum, np.sum?; but not the rest of an expression: % 2, != x
MAGIC = re.compile(r"\s*(%%?[a-zA-Z]|!(?!=)|\?|[\w.]+\?\??\s*$)")


class Source:
    """The text of a homework file, and what its lines are called."""

    def __init__(self, path):
        self.path = Path(path)
        self.data = self.path.read_bytes()
        self.cells = None               # of a notebook: (cell, line) of each line, from 1
        if self.path.suffix == ".ipynb":
            self._join_cells()
        self.lines = lines_of(self.data.decode("utf-8-sig", "replace"))

    def _join_cells(self):
        self.cells, lines = [], []
        try:
            cells = json.loads(self.data)["cells"]
            code = [cell for cell in cells if cell["cell_type"] == "code"]
        except (ValueError, LookupError, TypeError) as error:
            raise ValueError("no notebook (JSON with cells, nbformat 4)") from error
        for number, cell in enumerate(code, 1):
            text = lines_of("".join(cell.get("source", "")))
            dropped = bool(text) and text[0].startswith("%%")       # a cell in another language
            for place, line in enumerate(text, 1):
                magic = dropped or MAGIC.match(line)
                lines.append(re.sub(r"\S.*", "pass", line) if magic else line)
                self.cells.append((number, place))
        self.data = "\n".join(lines).encode()
        text = [line + "\n" for line in lines]
        linecache.cache[str(self.path)] = (len(self.data), None, text, str(self.path))

    def place(self, number):
        """"line 14"; in a notebook "cell 3, line 2"."""
        if self.cells and number <= len(self.cells):
            return "cell {}, line {}".format(*self.cells[number - 1])
        return f"line {number}"

    def line(self, number):
        """The text of a line, counted from 1."""
        return self.lines[number - 1].strip() if number <= len(self.lines) else ""

    def run(self):
        """Run the file; its module. Raises whatever the file raises."""
        name = self._name()
        _forget_neighbours(str(self.path.resolve().parent))
        module = types.ModuleType(name)
        module.__file__ = str(self.path)
        sys.modules[name] = module
        exec(compile(self.data, str(self.path), "exec", dont_inherit=True), vars(module))
        return module

    def _name(self):
        """The file's stem, unless there is another module of that name."""
        stem = re.sub(r"\W", "_", self.path.stem)
        known = sys.modules.get(stem)
        if known is not None and getattr(known, "__file__", None) == str(self.path):
            return stem
        taken = known is not None or importlib.util.find_spec(stem) is not None
        return f"homework_{stem}" if taken else stem


def lines_of(text):
    """The lines of a source as Python counts them: a form feed, which splitlines() takes for the
    end of one, is not."""
    return [line.rstrip("\n") for line in io.StringIO(text, newline=None)]


def _forget_neighbours(folder):
    """Two students' folders may both have a utils.py: what came from another folder goes."""
    for other in [f for f in FOLDERS if f != folder]:
        sys.path[:] = [p for p in sys.path if p != other]
        FOLDERS.remove(other)
        for name, module in list(sys.modules.items()):
            if str(Path(getattr(module, "__file__", None) or "/").parent) == other:
                del sys.modules[name]
    if folder not in sys.path:
        sys.path.append(folder)
        FOLDERS.append(folder)

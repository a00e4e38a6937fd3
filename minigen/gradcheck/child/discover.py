"""Find the pairs of a homework file.

Idea: names say it. `<name>_forward` with `<name>_backward`, endings included
(`conv_forward_naive`, `conv_backward_naive`); classes with both methods; functions marked by
`@pair`. Inputs come from `<name>_inputs(seed)` or `make_inputs(seed)` in the file.
"""

import runpy  # noqa: F401
import sys
import types
from pathlib import Path

from .pairs import Pair
from .session import Session


def load(path):
    """Run the homework file and return a Session with its pairs."""
    path = Path(path)
    module = types.ModuleType(path.stem)
    module.__file__ = str(path)
    sys.modules[path.stem] = module
    session = Session({}, file=path)
    source = path.read_bytes()
    session._run("import", lambda: exec(compile(source, str(path), "exec"), vars(module)))
    names = vars(module)
    for name, forward in names.items():
        if name.endswith("_forward") and callable(names.get(name[:-8] + "_backward")):
            short = name[:-8]
            inputs = names.get(short + "_inputs", names.get("make_inputs"))
            session.pairs[short] = Pair(short, forward, names[short + "_backward"], inputs)
    return session

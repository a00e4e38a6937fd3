"""The two names for Python code: `gradcheck` checks a gradient, `pair` marks one for the command.

    from minigen.gradcheck import gradcheck, pair

    assert gradcheck(linear_forward, linear_backward, inputs=(x, w, b))
    print(gradcheck(minigen_function_or_module, inputs=(x,)))

Read next: checker.py.
"""

from minigen.gradcheck.checker import Settings, check_pair
from minigen.gradcheck.child.pairs import Pair
from minigen.gradcheck.child.session import Session


def gradcheck(forward, backward=None, *, inputs, wrt=None, name=None, seeds=None, **settings):
    """Is this gradient right? A Report: printable, true if it passed.

    forward     callable(*inputs) -> out or (out, cache)
    backward    callable(dout, cache) -> gradients
    inputs      tuple of arguments, dict of them by name, or callable(seed) -> one of these
    wrt         names of the arguments that have a gradient (default: floating arrays)
    seeds       points to check at (default: 3 if inputs is callable, else 1)
    settings    of Settings (checker.py): seed, mode, budget, strict, nudge
    """
    make = inputs if callable(inputs) else lambda seed: inputs
    subject = Pair(name or forward.__name__, forward, backward, make, {"wrt": wrt})
    chosen = Settings(seeds=seeds or (3 if callable(inputs) else 1), isolate=False, **settings)
    session = Session({subject.name: subject})
    return check_pair(session, subject.describe(), chosen)


def pair(*, backward=None, inputs=None, wrt=None, points=1, seeds=None, name=None):
    """Mark a forward for `minigen gradcheck FILE`, whatever the names are.

    backward: its backward; inputs(seed) -> arguments; points: what it is worth; see `gradcheck`.
    """

    def mark(forward):
        forward.__gradcheck__ = dict(
            backward=backward, inputs=inputs, wrt=wrt, points=points, seeds=seeds, name=name
        )
        return forward

    return mark

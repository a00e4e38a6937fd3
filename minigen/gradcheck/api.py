"""The two names for Python code: `gradcheck` checks a gradient, `pair` marks one for the command.

    from minigen.gradcheck import gradcheck, pair

    assert gradcheck(linear_forward, linear_backward, inputs=(x, w, b))     # NumPy
    print(gradcheck(Linear(5, 3), inputs=x))                                # a class of one's own
    gradcheck(ops.softmax, inputs=(x, -1), order=2)                         # minigen
    gradcheck(MyFunction, inputs=x)                                 # torch.autograd.Function

    @pair(backward=my_backward, inputs=make, points=10)
    def my_forward(x): ...

Read next: checker.py.
"""

import dataclasses

from minigen.gradcheck.checker import Settings, check_pair
from minigen.gradcheck.child.discover import make_pair
from minigen.gradcheck.child.session import Session
from minigen.gradcheck.hints import USUAL, limited

OF_FILES = ("only", "seeds", "isolate", "repair", "memory", "timeout")
CHOICES = [f.name for f in dataclasses.fields(Settings) if f.name not in OF_FILES]


def gradcheck(
    forward, backward=None, *, inputs, wrt=None, name=None, order=1, seeds=None, **settings
):
    """Is this gradient right? A Report: printable, and true if it passed.

    forward     callable(*inputs) -> out or (out, cache); with `backward` left out: a class or
                object with both methods, a torch.autograd.Function, or a function or module of
                minigen
    backward    callable(dout, cache) -> gradients
    inputs      tuple of arguments, dict of them by name, a single one, or callable(seed) -> one of
                these
    wrt         names of the arguments that have a gradient (default: floating arrays)
    order       2: the gradient's gradient, too (minigen functions and modules only)
    seeds       points to check at (default: 3 if inputs is callable, else 1)
    settings    seed, mode ("auto", "fast", "full"), budget (seconds), strict, nudge; see Settings.
                pictures=False keeps nothing for the picture that a notebook shows of a failure;
                hints=0: the verdict alone, 1: arguments and entries, 2: what is wrong (default)

    float32 inputs reach homework as float32, functions of minigen as float64. Raises TypeError for
    what is no pair.
    """
    unknown = [key for key in settings if key not in CHOICES]
    if unknown:
        raise TypeError(f"gradcheck: no setting {unknown[0]!r}; there are {', '.join(CHOICES)}")
    chosen = Settings(seeds=seeds or (3 if callable(inputs) else 1), isolate=False,
                      **{"pictures": True, "hints": USUAL, **settings})
    return limited(_checked(forward, backward, inputs, chosen, wrt, name, order), chosen.hints)


def _checked(forward, backward, inputs, chosen, wrt, name, order):
    """`gradcheck`'s Report, with all that was found."""
    if backward is None and not callable(getattr(forward, "backward", None)):
        from minigen.gradcheck.engine import check_engine  # the rest needs no tensors

        return check_engine(forward, inputs, chosen, wrt=wrt, order=order, name=name)
    if order != 1:
        raise ValueError("gradcheck: order=2 is for functions and modules of minigen")
    make = inputs if callable(inputs) else lambda seed: inputs
    name = name or getattr(forward, "__name__", type(forward).__name__).removesuffix("_forward")
    homework = make_pair(name, forward, backward, make, {"wrt": wrt})
    session = Session({name: homework})
    (description,) = session.describe()
    return check_pair(session, description, chosen)


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

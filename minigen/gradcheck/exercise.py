"""An exercise as a teacher's spec: it knows the inputs, the points, and the right forward.

Idea: what a student handed in may differ from what was handed out, so nothing is taken from there
but the two functions. Inputs, points and arguments come from the exercise, and before a gradient is
looked at forward's outputs are compared with the reference's: a right gradient of a wrong forward
would say nothing.
Read next: exercises/__init__.py (their files), checker.py (which asks a Spec).
"""

import importlib
import importlib.resources
import inspect
import re

import numpy as np

from minigen.gradcheck import exercises
from minigen.gradcheck.child import trees
from minigen.gradcheck.inputs import Plan, SpecError
from minigen.gradcheck.report import Finding
from minigen.gradcheck.spec import Spec

# Of an output's largest entry: forward may be written in another way, and in less precision.
TOLERANCE = {"float64": 1e-5, "float32": 1e-3, "float16": 2e-2}


class Reference(Spec):
    """A spec that knows the right forward. forward: inputs -> (outputs, cache)."""

    called = "the exercise"

    def __init__(self, plans, forward):
        super().__init__(plans)
        self.forward = forward

    def wrong_forward(self, subject):
        """A Finding if the subject's forward returns something else than the reference, else None.

        The same count and shapes of outputs, and entries within TOLERANCE of the largest, are the
        same; a finding's evidence holds the worst entry of the first output that differs.
        """
        expected = leaves_of(self.forward(*trees.fresh(subject.inputs))[0])
        run = subject.run()
        subject.forget(run)
        found = leaves_of(run.outputs)
        if len(found) != len(expected):
            return _finding(f"forward returns {len(found)} outputs, the exercise {len(expected)}")
        for i, (y, wanted) in enumerate(zip(found, expected, strict=True)):
            which = "forward" if len(expected) == 1 else f"forward's output {i}"
            fault = _difference(which, y, wanted)
            if fault:
                return fault
        return None


class Exercise(Reference):
    """The exercise of a name, one of exercises.NAMES.

    title, item, points: for a list; text(): the file to hand out.
    """

    def __init__(self, name):
        module = importlib.import_module(f"{exercises.__name__}.{name}")
        self.name, self.points = name, module.POINTS
        self.title = module.__doc__.partition("\n")[0]
        self.item = " ".join(re.search(r"Course item: (.+)", module.__doc__)[1].split())
        super().__init__({name: _Plan(module, name)}, getattr(module, f"{name}_forward"))

    def text(self):
        """The file that a student fills in."""
        folder = importlib.resources.files(exercises)
        return (folder / f"{self.name}.py").read_text(encoding="utf-8")


class _Plan(Plan):
    """Makes the inputs that the exercise makes."""

    def __init__(self, module, name):
        super().__init__(name, source=f"exercise {name}", options={"wrt": module.WRT})
        self.options["points"] = module.POINTS
        parameters = inspect.signature(getattr(module, f"{name}_forward")).parameters
        self.arguments = dict.fromkeys(parameters)      # no recipes: all are made at once
        self.make = getattr(module, f"{name}_inputs")

    def inputs(self, description, seed):
        """The exercise's inputs for a seed; SpecError where the pair takes other arguments."""
        theirs, ours = list(description["arguments"]), list(self.arguments)
        if theirs != ours:
            raise SpecError(
                f"the forward takes ({', '.join(theirs)}), that of the exercise ({', '.join(ours)})"
                ": keep the arguments as they were given"
            )
        return self.make(seed)


def leaves_of(outputs):
    """The outputs as a flat list of arrays."""
    return [np.asarray(leaf) for _, leaf in trees.leaves(outputs)]


def _difference(which, y, wanted):
    """A Finding on the first way in which an output is not what it should be, or None."""
    if y.dtype.kind not in "fiub":
        return _finding(f"{which} has dtype {y.dtype}, in the exercise {wanted.dtype}")
    if y.shape != wanted.shape:
        return _finding(f"{which} has shape {y.shape}, in the exercise {wanted.shape}")
    tolerance = TOLERANCE.get(str(y.dtype), 1e-5) * np.abs(wanted).max(initial=0)
    apart = np.abs(y - wanted)
    apart = np.where(np.isfinite(y), apart, np.inf)
    if np.all(apart <= tolerance):
        return None
    index = tuple(int(i) for i in np.unravel_index(np.argmax(apart), y.shape))
    yours, right = float(y[index]), float(wanted[index])
    at = f" at {list(index)}" if index else ""
    return _finding(
        f"{which} returns {yours:.6g}{at}, where the exercise's forward returns {right:.6g}",
        {"index": list(index), "yours": yours, "reference": right},
    )


def _finding(what, evidence=None):
    advice = "put the given forward back (--init writes it), for the gradient is judged after it"
    return Finding("wrong_forward", "fail", f"{what}: {advice}", evidence=evidence or {})

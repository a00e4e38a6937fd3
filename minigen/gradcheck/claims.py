"""Which argument does each returned gradient belong to?

Idea: homework returns gradients in many ways: a tuple in the order of the arguments, with None for
those that have none, or without them; one array; a dict by name; nested like a dict of parameters.
Each way is a *reading*. The first reading whose count and nesting fit is taken; shapes and dtypes
are looked at later (structure.py), when it is known what belongs to what.

    matched = match(subject, gradients, wrt=None)   -> Match: claims, unclaimed, findings, notes

Read next: structure.py.
"""

from dataclasses import dataclass, field


@dataclass
class Claim:
    """A gradient that the student returned, and what it belongs to."""

    leaf: object            # Leaf of subject.py
    gradient: object        # as returned: an array, a number, None ...

    @property
    def label(self):
        """The gradient as a student would call it: dx, dparams['W']."""
        return "d" + self.leaf.label


@dataclass
class Match:
    """What the returned gradients belong to."""

    claims: list = field(default_factory=list)      # Claim, in the order of the arguments
    unclaimed: list = field(default_factory=list)   # (Leaf, sentence): no gradient is returned
    findings: list = field(default_factory=list)    # Finding: wrong_shape, fail or undecided
    notes: list = field(default_factory=list)       # sentences worth knowing


def match(subject, gradients, wrt=None):
    """Find out what the returned gradients belong to.

    subject: a Subject; gradients: as returned, nested; wrt: names of the arguments that must have
    one, if the homework or the teacher says so. A failed finding means that nothing can be checked.
    """
    raise NotImplementedError

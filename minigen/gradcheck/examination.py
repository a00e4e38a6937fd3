"""What the structure checks share: the runs of one pair at one point, and what was found.

Idea: every check is a function of a `Case`. It says what it found, and `stop`s the examination if
nothing after it would tell more.
Read next: structure.py (the checks and their order), behaviour.py.
"""

from dataclasses import dataclass, field

from minigen.gradcheck.child import trees
from minigen.gradcheck.child.session import StudentError
from minigen.gradcheck.names import is_state
from minigen.gradcheck.report import Finding


@dataclass
class Examination:
    """What was found, and what the numeric check goes on with."""

    findings: list = field(default_factory=list)    # Finding, in the order of the checks
    claims: list = field(default_factory=list)      # Claim, gradients as arrays like their leaf
    unclaimed: list = field(default_factory=list)   # (Leaf, sentence)
    notes: list = field(default_factory=list)       # sentences: what was not checked, and why
    outputs: object = None                          # of forward, nested
    upstream: object = None                         # what backward was given, nested like outputs
    stopped: bool = False                           # nothing is left to compare


class Stop(Exception):
    """A check failed: the later ones have nothing to say."""


class Case:
    """One pair at one point under examination.

    subject: a Subject; wrt: list of names that must have a gradient, or empty; seed: of the
    upstream gradient. The checks fill in, in this order: first and second (runs of forward),
    second_outputs, before (a look at the first run before its backward), weights (upstream of the
    floating outputs), gradients and shares (of the first backward).
    """

    def __init__(self, subject, wrt, seed):
        self.subject, self.seed, self.found = subject, seed, Examination()
        self.wrt = [wrt] if isinstance(wrt, str) else list(wrt or ())
        self.runs = []          # of forward, which the session keeps
        self.once = False       # whether backward can be called only once after each forward

    def run(self, inputs=None, readonly=False):
        """A forward that is kept until the examination ends."""
        self.runs.append(self.subject.run(inputs, readonly))
        return self.runs[-1]

    def say(self, check, verdict, message, argument=None, **evidence):
        """Add a finding."""
        self.found.findings.append(Finding(check, verdict, message, argument, evidence))

    def stop(self, check, verdict, message, argument=None, **evidence):
        """Add the finding that ends the examination."""
        self.say(check, verdict, message, argument, **evidence)
        raise Stop

    def label(self, path):
        """An argument, or a part of one, as a student writes it."""
        return trees.label(path, self.subject.arguments)

    def is_state(self, path):
        """Whether a part of the inputs may be updated, by its name: running_mean."""
        return is_state(str(path[-1]) if len(path) > 1 else self.label(path))

    def line(self, backward):
        """Where the code writes to an array that it was given: " (backward, line 3: x *= 2)"."""

        def locked():
            run = self.run(readonly=not backward)
            if backward:
                self.subject.backward(run, self.found.upstream, readonly=True)

        _, error = attempt(locked)
        return f" ({error.where})" if error and error.where and "read-only" in error.message else ""


def attempt(call):
    """(call(), None), or (None, error) if the homework raised; whatever is worse is raised here."""
    try:
        return call(), None
    except StudentError as error:
        if error.kind != "error":
            raise
        return None, error

"""What a check found, as data: for people (str), for programs (JSON), for notebooks (HTML).

Idea: one `Report` per pair, made of plain values, so that it can be printed, stored and compared.
Verdicts: "pass", "fail", "undecided" (the numbers cannot tell), "error" (the code did not run).
"""

from dataclasses import dataclass, field

VERDICTS = ("error", "fail", "undecided", "pass")       # the worst first


@dataclass
class Entry:
    """One entry of a gradient, claimed and measured."""

    index: list             # [] for a 0-d argument; or, for a random direction, a description
    yours: float
    numeric: float
    error: float            # of the numeric value, estimated
    ratio: float            # yours / numeric
    verdict: str
    low: float | None = None    # one-sided slopes at a kink
    high: float | None = None


@dataclass
class ArgumentReport:
    """The verdict on the gradient of one differentiable argument."""

    name: str
    shape: tuple
    verdict: str
    max_rel_error: float = 0.0      # max |a - n| / (|a| + |n|): printed, never a criterion
    error_estimate: float = 0.0     # largest estimated error of the numeric values
    tolerance: float = 0.0
    worst: list = field(default_factory=list)       # Entry, the worst first, at most 5
    kinks: list = field(default_factory=list)       # indices
    checked: int = 0                # entries looked at one by one
    sampled: bool = False           # the others along random directions only
    notes: list = field(default_factory=list)       # sentences: what was not checked


@dataclass
class Finding:
    """The result of one structure check. check: one of KINDS (structure.py)."""

    check: str
    verdict: str            # pass, fail, undecided, error, or remark: worth knowing, not wrong
    message: str = ""
    argument: str | None = None
    evidence: dict = field(default_factory=dict)    # plain values


@dataclass
class Diagnosis:
    """What is probably wrong; the first of a list is the most probable."""

    kind: str
    argument: str | None
    confidence: str         # confirmed, likely
    message: str
    evidence: dict = field(default_factory=dict)


@dataclass
class Report:
    """All that is known about one pair."""

    name: str
    verdict: str = "pass"
    arguments: list = field(default_factory=list)
    structure: list = field(default_factory=list)
    diagnosis: list = field(default_factory=list)
    notes: list = field(default_factory=list)       # sentences: what was not checked, and why
    points: float = 0.0
    max_points: float = 1.0
    points_checked: list = field(default_factory=list)      # labels: seed 0, seed 0, eval ...
    forward_calls: int = 0
    seconds: float = 0.0
    seed: int = 0
    reproduce: str = ""     # the command or call that gives this report again
    output: str = ""        # what the homework printed

    @property
    def passed(self):
        """Whether every gradient was found right."""
        return self.verdict == "pass"

    def __bool__(self):
        return self.passed


@dataclass
class FileReport:
    """All that is known about one homework file."""

    file: str
    pairs: list = field(default_factory=list)       # Report
    message: str = ""       # why the file could not be loaded, or that nothing was found
    status: str = "empty"   # pass, fail, undecided, error; empty: no pair found
    output: str = ""        # what the homework printed while it was loaded
    limits: list = field(default_factory=list)      # sentences: what its process is held to

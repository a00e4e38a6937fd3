"""What a check found, as data: for people (str), for programs (JSON), for notebooks (HTML).

Idea: one `Report` per pair, made of plain values, so that it can be printed, stored and compared.
Verdicts: "pass", "fail", "undecided" (the numbers cannot tell), "error" (the code did not run).
Read next: report_text.py, report_json.py, report_html.py.
"""

from dataclasses import dataclass, field

from minigen.gradcheck import report_html, report_json, report_text
from minigen.gradcheck.child.session import ENDS
from minigen.gradcheck.picture_data import Map

VERDICTS = ("error", "fail", "undecided", "pass")       # the worst first

UNNAMED = "structure"       # the check of a fault whose name is above the hint level (hints.py)
STRUCTURE_SHARE = 0.3       # of a pair's points, unless a spec says otherwise (structure_share)


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
    jump: bool = False          # forward jumps here, or is vertical: no number is right


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
    at_kinks: list = field(default_factory=list)    # Entry with slopes: a few of the kinks
    checked: int = 0                # entries looked at one by one
    wrong: int = 0                  # of those
    sampled: bool = False           # the others along random directions only
    notes: list = field(default_factory=list)       # sentences: what was not checked
    map: Map | None = field(default=None, repr=False, compare=False)    # of pictures, not in JSON


@dataclass
class Finding:
    """The result of one check other than of values.

    check: one of KINDS (structure.py) or ENDS (child/session.py); of minigen's functions also
    forward_mode and second_order (second_order.py), of exercises wrong_forward (exercise.py); or
    UNNAMED.
    """

    check: str
    verdict: str            # pass, fail, undecided, error, or remark: worth knowing, not wrong
    message: str = ""
    argument: str | None = None
    evidence: dict = field(default_factory=dict)    # plain values

    @property
    def hint_level(self):
        """From which level on it is shown: hints.py."""
        if self.verdict == "error":
            return 0
        return 1 if self.check == UNNAMED else 2


@dataclass
class Fix:
    """One edit of the homework that makes the gradient right."""

    line: int               # of the file, from 1
    before: str             # the statement, or the head of one
    after: str


@dataclass
class Diagnosis:
    """What is probably wrong; the first of a list is the most probable."""

    kind: str
    argument: str | None
    confidence: str         # confirmed, likely
    message: str
    evidence: dict = field(default_factory=dict)
    fix: Fix | None = None      # where the repair search found one

    @property
    def hint_level(self):
        """From which level on all of it is shown: hints.py."""
        if self.kind in ENDS:
            return 0
        return 2 if self.fix is None else 3


@dataclass
class Report:
    """All that is known about one pair.

    print(report) shows at most 25 lines. `assert report.passed, str(report)` shows them when a
    test fails; a bare `assert report` leaves it to the test runner how much of them it shows.
    """

    name: str
    verdict: str = "pass"
    arguments: list = field(default_factory=list)
    structure: list = field(default_factory=list)
    diagnosis: list = field(default_factory=list)
    notes: list = field(default_factory=list)       # sentences: what was not checked, and why
    points: float = 0.0
    max_points: float = 1.0
    structure_share: float = STRUCTURE_SHARE    # of max_points
    points_checked: list = field(default_factory=list)      # labels: seed 0, seed 0, eval ...
    forward_calls: int = 0
    seconds: float = 0.0
    diagnosis_seconds: float = 0.0      # of these, experiments on what is wrong
    repair_seconds: float = 0.0         # and the search for an edit that makes it right
    seed: int = 0
    reproduce: str = ""     # the command or call that gives this report again
    output: str = ""        # what the homework printed
    pictures: list = field(default_factory=list)    # paths of what was drawn of it
    hints: int = 3          # the level it is shown at: hints.py

    @property
    def passed(self):
        """Whether every gradient was found right."""
        return self.verdict == "pass"

    def __bool__(self):
        return self.passed

    def __str__(self):
        return report_text.printable(report_text.text(self))

    __repr__ = __str__

    def to_dict(self):
        """The report as plain values, strict JSON inside: docs/gradcheck-json.md, "pair"."""
        return report_json.pair(self)

    def to_json(self):
        """`to_dict` as JSON text."""
        return report_json.dumps(self.to_dict())

    def _repr_html_(self):
        return report_html.html(self)


@dataclass
class FileReport:
    """All that is known about one homework file."""

    file: str
    found: list = field(default_factory=list)       # names of all its pairs, checked or not
    pairs: list = field(default_factory=list)       # Report
    message: str = ""       # why the file could not be loaded, or that nothing was found
    notes: list = field(default_factory=list)       # near misses: a forward without a backward
    status: str = "empty"   # pass, fail, undecided, error; empty: no pair found
    output: str = ""        # what the homework printed while it was loaded
    limits: list = field(default_factory=list)      # sentences: what its process is held to
    internal: list = field(default_factory=list)    # tracebacks of errors of minigen itself
    sha256: str | None = None   # of its content, once it is checked to its end: resume.py
    stored: dict | None = None  # its part of an earlier document, if it was not checked again

    def total(self):
        """The points that its pairs earn, and the points that there are: two numbers."""
        earned = sum(report.points for report in self.pairs)
        return round(earned, 6), round(sum(report.max_points for report in self.pairs), 6)


def points_of(report):
    """The points that a report earns: all for a pass, else a part of max_points.

    structure_share of them, 30 %, for a structure without fault, the rest in equal shares for the
    arguments that are right.
    What was not looked at earns nothing: a fault in the structure that ends the check leaves 0, and
    an argument whose gradient is missing is one more that is not right.
    """
    if report.passed:
        return report.max_points
    share = 0.0
    if report.arguments:
        missing = {name for finding in report.structure if finding.verdict == "undecided"
                   for name in finding.evidence.get("missing", ())}
        right = sum(argument.verdict == "pass" for argument in report.arguments)
        share = (1 - report.structure_share) * right / (len(report.arguments) + len(missing))
        if all(finding.verdict not in ("fail", "error") for finding in report.structure):
            share += report.structure_share
    return round(share * report.max_points, 2)

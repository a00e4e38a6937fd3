"""The order of a check: inputs, structure, values, and what follows from them.

Idea: a pair is checked at several points: some seeds, and at the first of them every mode, such as
train and eval. At each point the structure comes first (structure.py), for a gradient of the wrong
shape, or one that changes from call to call, has no value to compare; then the claimed values
(values.py). The first point that is wrong ends it; the report of a pair holds the worst of all.

Student code that raises, hangs or dies ends the check of its pair, never that of the file.
Read next: structure.py, values.py; report.py for what comes out.
"""

import time
import traceback
from dataclasses import dataclass, field, replace

import numpy as np

from minigen.gradcheck import structure, values
from minigen.gradcheck.child.discover import load
from minigen.gradcheck.child.session import StudentError
from minigen.gradcheck.guess import doubt, guess
from minigen.gradcheck.hints import EDIT, KIND, VERDICT, Note, limited
from minigen.gradcheck.inputs import SpecError, uneven
from minigen.gradcheck.options import level, options_of
from minigen.gradcheck.process import Process
from minigen.gradcheck.report import (
    VERDICTS,
    Diagnosis,
    FileReport,
    Finding,
    Report,
    points_of,
)
from minigen.gradcheck.subject import Subject
from minigen.gradcheck.variations import completed, modes

FEW = 3                 # calls of forward in a backward that are no numerical differentiation
MANY = 100_000          # entries of a pair that make further seeds superfluous
NO_INPUTS = (
    "no inputs: write {}_inputs(seed) or make_inputs(seed) into the file, or a spec (--init writes "
    "one to fill in)"
)
OURS = "an error of minigen itself, not of the homework: this pair is not checked"
VALUES = "ignores_upstream", "wrong_shape", "wrong_order"   # structure that other values make right
GUESSED = Note(
    "the inputs were guessed from the names of the arguments: --init shows them", VERDICT
)


@dataclass
class Settings:
    """What the command line and the API can choose."""

    only: tuple = ()            # names of pairs; empty: all
    seed: int = 0
    seeds: int = 3              # points: seed, seed + 1, ...
    mode: str = "auto"          # entry by entry as far as time allows; "fast": directions; "full"
    budget: float = 20.0        # seconds that the check of a pair should take
    strict: bool = True         # relative errors below 1e-6 are wrong, too
    nudge: bool = False         # move inputs off kinks
    isolate: bool = True        # a process of its own for every file
    memory: int = 1 << 30       # bytes of that process
    timeout: float = 60.0       # seconds of a pair in that process
    repair: bool = True         # search for an edit that makes a wrong gradient right
    pictures: bool = False      # keep what they are drawn from; a dozen calls of forward more
    hints: int = EDIT           # the most that is shown, if neither spec nor file allows less


def check_file(path, settings, spec=None, on_report=None, command=None):
    """Check every pair of a homework file: a FileReport.

    spec: a teacher's Spec; on_report(report): called after each pair; command(name): what gives a
    report again. Reports hold what their hint level allows (hints.py).
    """
    file = FileReport(file=str(path))

    def done(report, description):
        report.reproduce = command(report.name) if command else ""
        file.pairs.append(limited(report, settings.hints, options_of(description, spec)["hints"]))
        if on_report and file.status != "error":        # it is loaded
            on_report(file.pairs[-1])

    try:
        session = opened(path, settings)
    except StudentError as error:
        return _not_loaded(file, error, settings, spec, done)
    with session:
        file.limits = session.limits
        try:
            with session.within(settings.timeout):
                described = {d["name"]: d for d in session.describe()}
                file.notes = session.remarks()
        except StudentError as error:
            return _not_loaded(file, error, settings, spec, done)
        finally:
            file.output = session.printed()
        file.found = list(described)
        for name, description in described.items():
            if settings.only and name not in settings.only:
                continue
            report = _guarded(file, session, description, settings, spec)
            report.output = session.printed()
            done(report, description)
        for name in _asked(settings, spec):
            if name not in described:
                done(_missing(name, settings, spec), {"name": name})
    file.status = worst([report.verdict for report in file.pairs], "empty")
    return file


def opened(path, settings):
    """A session of a homework file, in a process of its own or here; to be used in a `with`."""
    if settings.isolate:
        return Process(path, settings.memory, settings.timeout)
    return load(path)


def _asked(settings, spec):
    """The names of the pairs that the spec asks for, among those to be checked."""
    return [name for name in (spec.names if spec else ()) if name in (settings.only or [name])]


def _not_loaded(file, error, settings, spec, done):
    """The report on a file without a session: what the spec asks for is there, with 0 points."""
    file.status, file.message = "error", error.sentence
    for name in _asked(settings, spec):
        points = options_of({"name": name}, spec)["points"]
        done(_unchecked(name, settings.seed, points, file.message, error.kind), {"name": name})
    return file


def _guarded(file, session, description, settings, spec):
    """check_pair; an error of our own is noted in the file's report and costs this pair alone."""
    try:
        return check_pair(session, description, settings, spec)
    except Exception:
        file.internal.append(traceback.format_exc())
        points = options_of(description, spec)["points"]
        return _unchecked(description["name"], settings.seed, points, OURS)


def _missing(name, settings, spec):
    """The report on a pair that the spec asks for and the file does not have."""
    points = options_of({"name": name}, spec)["points"]
    message = (
        f"{spec.called} asks for {name}, and the file has no pair of that name (--list shows all)"
    )
    return _unchecked(name, settings.seed, points, message)


def _unchecked(name, seed, points, message, check="error"):
    report = Report(name, seed=seed, max_points=points)
    report.structure.append(Finding(check, "error", message))
    conclude(report)
    return report


def check_pair(session, description, settings, spec=None):
    """Check one pair of a session at every point: a Report.

    description: one of session.describe(); spec: see check_file.
    """
    started = time.monotonic()
    name = description["name"]
    options = options_of(description, spec)
    report = Report(name, seed=settings.seed, max_points=options["points"])
    report.structure_share = options["structure_share"]
    try:
        if options["fault"]:
            raise StudentError("error", options["fault"])
        with session.within(settings.timeout):
            failed = _check_points(report, session, options, settings, spec)
        wrong = failed and report.verdict == "fail" and failed.of_values
        allowed = settings.repair and level(options, settings) >= KIND
        if wrong and allowed and isinstance(session, Process):
            _repair(report, failed, session, options, settings, spec)
    except StudentError as error:
        if error.kind in ("memory", "crash") and session.shared:
            # an earlier pair may have left that behind: once more, in a new process
            return check_pair(session, description, settings, spec)
        report.structure.append(Finding(error.kind, "error", error.sentence))
    except SpecError as error:      # another student's forward may have the spec's arguments
        report.structure.append(Finding("error", "error", str(error)))
    conclude(report)
    report.seconds = time.monotonic() - started
    return report


def _check_points(report, session, options, settings, spec):
    """Fill the report from point after point, up to the first that is wrong: that PointReport."""
    seeds = range(settings.seed, settings.seed + (options.get("seeds") or settings.seeds))
    made, guessed = _source(report, session, options, spec)
    for seed in seeds if made else ():
        described, inputs = made(seed)
        inputs = _completed(session, described, inputs, seed)
        report.notes += [n for n in described.get("notes", ()) if n not in report.notes]
        variants = modes(described["arguments"], inputs, described["defaults"])
        for label, changed in variants if seed == seeds[0] else variants[:1]:
            subject = Subject(session, report.name, described["arguments"], changed)
            subject = subject.nudged(seed) if settings.nudge else subject
            report.points_checked.append(f"seed {seed}" + (f", {label}" if label else ""))
            try:
                fault = spec.wrong_forward(subject) if spec else None
                seconds = settings.budget / len(seeds)
                point = (
                    PointReport([fault], []) if fault
                    else _check_point(subject, options, settings, seed, seconds)
                )
            except StudentError as error:
                if label == variants[0][0] or error.kind != "error":
                    raise
                # backward may not be meant for it: in test mode many a norm keeps nothing
                report.notes.append(f"not checked with {label}: {error.sentence}")
                continue
            finally:
                report.forward_calls += subject.calls
            add(report, point)
            if report.verdict in ("error", "fail"):
                if report.verdict == "fail" and guessed:
                    _doubt(report, session, options, settings, guessed)
                return point
        entries = sum(np.size(leaf.value) for leaf in subject.floats())
        if entries > MANY and len(seeds) > 1:
            report.notes.append(f"one seed only: {entries:,} entries say as much")
            return None
    return None


def _repair(report, point, session, options, settings, spec):
    """Add what a search for an edit that makes the gradient right says, to the report's diagnosis.

    An edit is believed if the whole check passes with it, at every seed.
    """
    from minigen.gradcheck.repair import repaired

    def passes(edited, seconds):
        again = Report(report.name, seed=settings.seed)
        # of an edit that fails nothing is said
        less = replace(settings, budget=min(settings.budget, seconds), hints=VERDICT)
        _check_points(again, edited, options, less, spec)
        return again.verdict == "pass"

    started = time.monotonic()
    report.diagnosis = repaired(session, point, report.diagnosis, passes)
    report.repair_seconds = time.monotonic() - started


def _completed(session, described, inputs, seed):
    """The inputs, with arrays that are defaults if backward returns gradients for them, too."""
    more = completed(described["arguments"], inputs, described["defaults"])
    if len(more) == len(inputs):
        return inputs
    subject = Subject(session, described["name"], described["arguments"], more)
    run = subject.run()
    gradients, _ = subject.backward(run, subject.upstream(run.outputs, seed))
    subject.forget(run)
    several = isinstance(gradients, (tuple, list, dict)) and len(gradients) > len(inputs)
    return more if several else inputs


def _doubt(report, session, options, settings, plan):
    """A gradient that is wrong at guessed inputs is undecided where these may be the mistake."""

    def passes(other):
        described, inputs = other.prepared(session, options, settings.seed)
        subject = Subject(session, report.name, described["arguments"], inputs)
        try:
            point = _check_point(subject, options, settings, settings.seed, settings.budget / 10)
        except StudentError:
            return False
        return worst([x.verdict for x in (*point.findings, *point.arguments)]) == "pass"

    why = doubt(session, options, plan, passes)
    if not why:
        return
    for found in (*report.structure, *report.arguments):
        if found.verdict == "fail":
            found.verdict = "undecided"
    advice = f"write {report.name}_inputs(seed)"
    said = f"the inputs are guesses, and may be the mistake: {why}; {advice}"
    report.notes.append(Note(said, VERDICT))


@dataclass
class PointReport:
    """What was found at one point."""

    findings: list
    arguments: list
    notes: list = field(default_factory=list)
    diagnosis: list = field(default_factory=list)       # Diagnosis of the values
    diagnosis_seconds: float = 0.0
    subject: object = None
    examination: object = None                          # of structure.py
    evidence: list = field(default_factory=list)        # Evidence on arguments that are wrong

    @property
    def of_values(self):
        """Whether other values of gradients would make it right."""
        wrong = [x for x in (*self.findings, *self.arguments) if x.verdict == "fail"]
        return any(getattr(x, "check", VALUES[0]) in VALUES for x in wrong)


def _check_point(subject, options, settings, seed, seconds):
    examination = structure.examine(subject, wrt=options.get("wrt"), seed=seed)
    point = PointReport(examination.findings, [], examination.notes)
    point.subject, point.examination = subject, examination
    point.notes += [sentence for _, sentence in examination.unclaimed]
    if subject.inner_calls > FEW:
        point.notes.append(
            f"backward calls forward {subject.inner_calls} times: does it take differences?"
        )
    if not examination.stopped:
        point.arguments = values.compare(
            subject,
            examination,
            mode=settings.mode,
            seconds=seconds,
            seed=seed,
            strict=settings.strict,
            pictures=settings.pictures,
        )
        if any(argument.verdict == "fail" for argument in point.arguments):
            swapped = structure.misplaced(
                subject, examination.claims, examination.upstream, seed
            )
            point.findings += [swapped] if swapped else []
            if level(options, settings) >= KIND:
                _diagnose(point, subject, examination)
    return point


def _diagnose(point, subject, examination):
    """Experiments on the values that are wrong."""
    from minigen.gradcheck.diagnosis import diagnose  # what is right does not load it

    started = time.monotonic()
    point.diagnosis, point.evidence = diagnose(subject, examination, point.arguments)
    point.diagnosis_seconds = time.monotonic() - started


def _source(report, session, options, spec):
    """What makes the inputs, the teacher, the file or guesses: callable(seed) -> (options, inputs);
    options know the parameters of a class only once it is made. And the guess, if it is one.
    (None, None) if nothing does."""
    name = report.name
    plan = spec.plans.get(name) if spec else None
    if plan and plan.arguments:
        return lambda seed: plan.prepared(session, options, seed), None
    if plan:
        options = plan.configured(session, options, report.seed)
    if options["makes_inputs"] and session.inputs(name, report.seed) is not None:
        return lambda seed: (options, uneven(options, session.inputs(name, seed), seed)), None
    failures = []
    guessed = guess(session, options, failures)
    if guessed is None:
        said = "; ".join([NO_INPUTS.format(name), *(f"at a guess, {f}" for f in failures[:1])])
        report.structure.append(Finding("error", "error", said))
        return None, None
    report.notes += [GUESSED, *([guessed.remark] if guessed.remark else [])]
    return lambda seed: guessed.prepared(session, options, seed), guessed


def add(report, point):
    """Take a PointReport into the report: of every finding and argument the worst."""
    report.notes += [note for note in point.notes if note not in report.notes]
    report.structure = _worst_of(report.structure, point.findings, lambda f: (f.check, f.message))
    report.arguments = _worst_of(report.arguments, point.arguments, lambda a: a.name)
    report.diagnosis += point.diagnosis
    report.diagnosis_seconds += point.diagnosis_seconds
    report.verdict = worst([x.verdict for x in (*report.structure, *report.arguments)])


def _worst_of(old, new, key):
    """Both lists with one element a key, the worse one."""
    chosen = {key(x): x for x in old}
    for x in new:
        before = chosen.get(key(x))
        if before is None or _rank(x.verdict) < _rank(before.verdict):
            chosen[key(x)] = x
    return list(chosen.values())


def conclude(report):
    """Verdict, points and diagnosis from what was found; the same again if nothing was added."""
    report.verdict = worst([x.verdict for x in (*report.structure, *report.arguments)])
    report.points = points_of(report)
    found = [
        Diagnosis(f.check, f.argument, "confirmed", f.message, f.evidence)
        for f in report.structure
        if f.verdict in ("fail", "error")
    ]
    if found:
        from minigen.gradcheck.diagnosis import of_shape, of_start

        found = [*filter(None, map(of_start, report.structure)), *found]
        found += filter(None, map(of_shape, report.structure))
    of_values = report.diagnosis if report.verdict == "fail" else []
    report.diagnosis = _in_order(found, [one for one in of_values if one not in found])


def _in_order(found, of_values):
    """The list of Diagnosis: of the structure, then of the values, as they come; but a fix stands
    with what was found of the same kind, and a backward that does not follow the upstream gradient
    may have something else wrong, which the repair names."""
    fixed = next((one for one in of_values if one.fix), None)
    if not fixed or not found:
        return [*found, *of_values]
    same = next((one for one in found if one.kind == fixed.kind), None)
    others = [one for one in of_values if one is not fixed]
    if same:
        same.fix = fixed.fix
        return [*found, *others]
    unfollowed = found[0].kind == "ignores_upstream"
    if unfollowed and fixed.kind not in ("factor", "wrong_formula"):
        return [fixed, *found, *others]
    return [*found, *of_values]


def worst(verdicts, otherwise="pass"):
    """The worst of some verdicts; remarks do not count; `otherwise` if there are none."""
    return min((v for v in verdicts if v in VERDICTS), key=_rank, default=otherwise)


def _rank(verdict):
    return VERDICTS.index(verdict) if verdict in VERDICTS else len(VERDICTS)

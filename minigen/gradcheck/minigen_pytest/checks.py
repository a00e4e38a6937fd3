"""What the pytest plugin does with minigen: the function behind the fixture, homework as tests.

Idea: a homework file is a collector, each of its pairs a test that has minigen's own checker check
this one pair. A failure is the report, as the command prints it.
Invariant: no line of a homework runs in pytest's process; and no file stops the run: one that does
not load is a test that fails.
Read next: ../checker.py.
"""

import shlex

import pytest

from minigen.gradcheck import UndecidedGradient, gradcheck, hints, report_text
from minigen.gradcheck.checker import Settings, check_file, opened
from minigen.gradcheck.child.session import StudentError
from minigen.gradcheck.inputs import SpecError
from minigen.gradcheck.options import options_of
from minigen.gradcheck.report import FileReport
from minigen.gradcheck.spec import load_spec

ENDINGS = (".py", ".ipynb")
USUAL = Settings()
NO_PAIR = "no pair of a forward and a backward found; `minigen gradcheck --help` says what one is"


def passing(ceiling):
    """The function of the fixture, which shows hints of level `ceiling` at most."""

    def assert_passed(*arguments, **options):
        """minigen.gradcheck.gradcheck, of the same arguments: the Report, if all is right.

        Else an AssertionError with the whole report; UndecidedGradient, which is one, if the
        numbers cannot tell.
        """
        __tracebackhide__ = True
        options["hints"] = min(options.get("hints", ceiling), ceiling)
        report = gradcheck(*arguments, **options)
        if report.passed:
            return report
        raise (UndecidedGradient if report.verdict == "undecided" else AssertionError)(str(report))

    return assert_passed


def homework(session):
    """The homework files that the options name, each once: collectors.

    Raises UsageError for what is no such file, or a spec that cannot be read.
    """
    option = session.config.option
    folder = session.config.invocation_params.dir
    spec_path = option.minigen_gradcheck_spec and folder / option.minigen_gradcheck_spec
    try:
        spec = load_spec(spec_path) if spec_path else None
    except SpecError as error:
        raise pytest.UsageError(f"--minigen-gradcheck-spec: {error}") from None
    files = []
    for path in dict.fromkeys(folder / name for name in option.minigen_gradcheck):
        if not path.is_file() or path.suffix not in ENDINGS:
            raise pytest.UsageError(
                f"--minigen-gradcheck: {path} is no .py or .ipynb file; the files of a folder are "
                "named one by one"
            )
        files.append(HomeworkFile.from_parent(session, path=path))
        files[-1].spec, files[-1].spec_path = spec, spec_path
    return files


class HomeworkFile(pytest.File):
    """A file; its tests are its pairs, and those that the spec asks for and it does not have."""

    spec = spec_path = None

    def collect(self):
        """Ask the file, in its own process, what pairs it has."""
        file, described = FileReport(self.path.name, message=NO_PAIR), {}
        with opened(self.path, USUAL) as session:
            try:
                described = {d["name"]: d for d in session.describe()}
                file.notes = session.remarks()
            except StudentError as error:
                file.status, file.message = "error", error.sentence
            file.output = session.printed()
        wanted = {n: {"name": n} for n in (self.spec.names if self.spec else ())}
        if file.status == "error" or not (wanted or described):
            return [self._unchecked(file)]
        return [self._pair(d) for d in {**wanted, **described}.values()]

    def _pair(self, description):
        name = description["name"]
        test = Pair.from_parent(self, name=report_text.clean(name))
        test.pair, test.line = name, description.get("line")
        test.add_marker(pytest.mark.gradcheck(points=self._points(description)))
        return test

    def _unchecked(self, file):
        """A test that fails; it is worth what the spec says of all pairs, else as much as one."""
        test = Unchecked.from_parent(self, name="(file)")
        test.file = file
        names = self.spec.names if self.spec else [""]
        points = sum(self._points({"name": name}) for name in names)
        test.add_marker(pytest.mark.gradcheck(points=points))
        return test

    def _points(self, description):
        return options_of(description, self.spec)["points"]


class NotRight(AssertionError):
    """A homework did not pass; its text is all there is to say."""


class Homework(pytest.Item):
    """A test of a homework file. part_of_points: what it earns though it fails."""

    line, part_of_points = None, 0.0

    def reportinfo(self):
        """Where it stands, and its heading."""
        return self.path, self.line and self.line - 1, f"{self.path.name}: {self.name}"

    def repr_failure(self, excinfo):
        """The report alone: the way there, through minigen's files, says nothing of a homework."""
        if isinstance(excinfo.value, (NotRight, SpecError)):
            return str(excinfo.value)
        return super().repr_failure(excinfo)


class Pair(Homework):
    """The check of one pair."""

    def runtest(self):
        """Check it in a new process, with the settings that the command has by itself."""
        file = self.parent
        level = self.config.option.minigen_gradcheck_hints
        words = ["minigen", "gradcheck", str(self.path), "--only", self.pair]
        words += ["--hints", str(level)] if level != hints.USUAL else []
        words += ["--spec", str(file.spec_path)] if file.spec else []
        done = check_file(self.path, Settings(only=(self.pair,), hints=level), file.spec,
                          command=lambda name: shlex.join(words))
        if done.internal:
            raise RuntimeError("an error of minigen itself:\n" + "\n".join(done.internal))
        if not done.pairs:      # it had this pair when it was collected
            raise NotRight(_text(done) or f"{self.pair} is not in the file any more")
        (report,) = done.pairs
        if not report.passed:
            self.part_of_points = report.points
            raise NotRight(str(report))


class Unchecked(Homework):
    """A file without anything to check."""

    def runtest(self):
        """Say why."""
        raise NotRight(_text(self.file))


def _text(file):
    return report_text.printable(report_text.file_text(file))

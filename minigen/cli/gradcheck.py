"""`minigen gradcheck`: are the gradients of a homework right, and if not, where?

Idea: files in, reports out. The checking is done by minigen/gradcheck/checker.py; here are the
command line, what is printed when, and the exit code.
Invariants: what a homework does or prints changes neither the rest of the run nor, with `--json -`,
standard output; the JSON document is written anew after each pair, so that a run that is killed
leaves what was done.
Read next: gradcheck_options.py (files, durations, sizes), ../gradcheck/checker.py.
"""

import argparse
import contextlib
import difflib
import os
import shlex
import signal
import sys
import traceback

import minigen
from minigen.cli import drop_output
from minigen.cli import gradcheck_options as options
from minigen.cli.gradcheck_files import Files
from minigen.cli.table import table
from minigen.gradcheck import report_json, report_text
from minigen.gradcheck.checker import check_file, opened
from minigen.gradcheck.child.session import StudentError
from minigen.gradcheck.guess import guess
from minigen.gradcheck.options import options_of
from minigen.gradcheck.report import FileReport
from minigen.gradcheck.spec import SpecError, load_spec, template

HELP = """Check the gradients of homework: a <name>_forward and its <name>_backward, a class with
both methods, or functions marked with @pair (from minigen.gradcheck import pair). Each file runs in
a process of its own, with limits.

  minigen gradcheck conv.py                   every pair of a file, in words
  minigen gradcheck handed_in/ --csv out.csv  every file of a folder, as a table
  minigen gradcheck --exercise                exercises of the course, to be solved
  minigen gradcheck --explain sign            a page on a kind of mistake, with an example

Inputs come from make_inputs(seed) or <name>_inputs(seed) in the file, or from a spec (--spec), or
they are guessed from the names of the arguments; --init writes the guesses as a spec to fill in.

A wrong gradient is experimented with: where a sign, a factor, a transpose, an axis, a term ... is
found to be what is wrong, the report says so. Then single edits of backward are tried, and the kind
of one with which every check passes is named (docs/gradcheck-diagnosis.md)."""

EXIT_CODES = """exit code, the first that holds:
  5  an error of minigen itself, not of the homework
  1  at least one gradient is wrong
  4  a homework raised, hung or was killed; no gradient that was checked is wrong
  3  a gradient is undecided, none is wrong
  2  usage, or nothing found: no pair, no such file, a name in --only that is not there;
     or a file of results, a picture or standard output cannot be written
  0  all passed
  130  stopped by Ctrl-C or SIGTERM; finished pairs are reported, and in the JSON "complete" is
       false; 141: nobody reads standard output any more (| head), and no file is written
A file without a pair counts if it was named itself; in a folder it is only mentioned.

docs/gradcheck-grading.md is about a class: points, --csv, --gradescope, --resume;
docs/gradcheck-json.md describes the JSON document field by field; docs/gradcheck-pytest.md how to
have the same from pytest: --minigen-gradcheck=FILE, and a fixture gradcheck."""

NO_PAIR = (
    "no pair found: write <name>_forward and <name>_backward, a class with both methods, or mark "
    "functions with @pair (from minigen.gradcheck import pair)"
)
STOPPED = "not checked to its end"
DONE = "done"       # nothing is left to be checked
UNREAD = 141        # as of a process that SIGPIPE ended


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `minigen gradcheck`."""
    options.add(parser)
    parser.epilog = EXIT_CODES


def run(args: argparse.Namespace) -> int:
    """Check, list or write templates, as the options say; the exit code."""
    settings = options.settings(args)
    try:
        clash = options.conflict(args)
        if clash:
            return _refuse(clash)
        if args.explain or args.self_test:
            return _gallery(args)
        spec = _spec(args)
        return 0 if spec == DONE else _homework(args, settings, spec)
    except SpecError as error:
        return _refuse(str(error))
    except PermissionError as error:        # a folder that may not be looked into
        return _refuse(f"{error.filename}: {error.strerror}")
    except _Unwritten as error:
        drop_output()
        if isinstance(error.__cause__, BrokenPipeError):
            return UNREAD
        return _refuse(f"standard output: {error}")


def _homework(args, settings, spec):
    """Check the files, list their pairs or write specs for them; the exit code."""
    files = options.homework(args.files)
    written = Files(args, settings, spec)
    if not files:
        words = f"no .py or .ipynb file in {', '.join(args.files)}"
        written.nothing(words)
        return _refuse(words)
    if args.list or args.init:
        return max([_list(f, settings, spec) if args.list else _init(f, settings) for f in files])
    try:
        earlier = written.earlier(files)
    except ValueError as error:
        return _refuse(str(error))
    check = Check(args, settings, spec, written, earlier)
    with _stopped_by_sigterm():
        with _for_json_alone() if args.json == "-" else contextlib.nullcontext():
            code = check.all(files)
        if args.json == "-":
            _print(report_json.dumps(check.document()), sys.stdout)
    return code


def _spec(args):
    """The spec or exercise that says what is checked, None without; DONE if that was all."""
    if not args.exercise:
        if not args.files:
            raise SpecError("no FILE: name homework, or a folder; --exercise lists exercises")
        return load_spec(args.spec) if args.spec else None
    from minigen.cli import gradcheck_exercise as exercises  # not needed else

    if args.exercise == exercises.ALL:
        return _done(exercises.listing())
    if args.spec:
        raise SpecError("--exercise has inputs and points of its own: leave out --spec")
    chosen = exercises.exercise(args.exercise)
    if args.init:
        return _done(exercises.write(chosen, args.files))
    args.files = exercises.handed_in(chosen, args.files)
    return chosen


def _gallery(args):
    """Show a page of the gallery of mistakes, or check them all; the exit code."""
    from minigen.cli import gradcheck_explain as pages  # not needed else

    def say(words):
        _print(report_text.printable(words), sys.stdout)

    return pages.run(args, say, report_text.painter(sys.stdout))


def _done(words):
    _print(report_text.printable(words), sys.stdout)
    return DONE


class Check:
    """One run of the command: the files that are done, and the one at hand.

    written: the Files to write; earlier: results of another run that still hold, by file.
    """

    def __init__(self, args, settings, spec, written, earlier):
        self.args, self.settings, self.spec = args, settings, spec
        self.written, self.paths = written, []
        self.done, self.current, self.complete = dict(earlier), None, False
        self.undrawn = []       # tracebacks of pictures of the file at hand
        self.paint = report_text.painter(sys.stdout)

    def all(self, files):
        """Check every file; the exit code."""
        self.paths = files
        self._say(self.written.remark, sys.stderr)
        try:
            self._write()
            for path in files:
                if path in self.done:
                    self._say(self.written.unchanged(self.done[path]))
                else:
                    self._file(path, heading=len(files) > 1)
        except KeyboardInterrupt:
            self._write()
            self._say(f"stopped: {len(self.files)} of {len(files)} files are done", sys.stderr)
            return 130
        self.complete = True
        self._write()
        self._summary()
        return self._code()

    def _file(self, path, heading):
        """Check one file, and print and write each report as soon as it is there."""
        self.current = FileReport(file=path, status="error", message=STOPPED)
        sha256 = self.written.digest(path)      # as it is now: it may change meanwhile
        if heading:
            self._say(report_text.clean(path))
        try:
            done = check_file(path, self.settings, self.spec, self._report, self._command)
        except (SpecError, _Unwritten):     # nothing of this file's
            raise
        except Exception:
            done = self.current
            done.internal.append(traceback.format_exc())
            done.message = "an error of minigen itself, not of this file; see standard error"
        if not done.found and done.status == "empty":
            done.message = done.message or NO_PAIR
        done.internal += self.undrawn
        self.undrawn = []
        done.sha256 = None if done.internal else sha256
        self.done[path], self.current = done, None
        self._say(report_text.file_text(done))
        self._excuse(done)
        self._write()

    def _report(self, report):
        self.current.pairs.append(report)
        self._say(report_text.text(report, self.paint))
        self._draw(report)
        self._write()

    def _draw(self, report):
        """Draw the report, and say where; what goes wrong costs the picture alone."""
        try:
            self._say(self.written.draw(report, self.current.file), sys.stderr)
        except Exception:
            self.undrawn.append(traceback.format_exc())
        for path in report.pictures:
            self._say(f"  picture: {report_text.clean(path)}")

    def _command(self, name):
        """The command that gives a pair's report again."""
        words = ["minigen", "gradcheck", self.current.file, "--only", name]
        return shlex.join([*words, *options.again(self.args)])

    def _say(self, words, stream=None):
        """Print text, unless standard output is the document's."""
        stream = stream or (None if self.args.json == "-" else sys.stdout)
        try:
            if stream and words:
                _print(report_text.printable(words, stream), stream)
        except _Unwritten:
            if not self.written:
                raise
            drop_output()       # the document goes on

    def _excuse(self, file):
        """What to report of our own errors, if there are any."""
        if file.internal:
            where = f"minigen {minigen.__version__}, seed {self.args.seed}, {file.file}"
            excuse = (
                "This is an error of minigen itself, not of the homework. Please report it with "
                f"the lines above, the homework and this: {where}"
            )
            self._say("\n".join([*file.internal, excuse]), sys.stderr)

    @property
    def files(self):
        """The reports on the files that are done, and on no others, in order."""
        return [self.done[path] for path in self.paths if path in self.done]

    def _so_far(self):
        """The reports on the files that are done and on the one at hand, in order."""
        known = {**self.done, **({self.current.file: self.current} if self.current else {})}
        return [known[path] for path in self.paths if path in known]

    def document(self):
        """The JSON document of what is done so far."""
        return self.written.document(self._so_far(), self.complete)

    def _write(self):
        for words in self.written.write(self._so_far(), self.complete):
            self._say(words, sys.stderr)

    def _summary(self):
        """What the processes were held to, counts, names of --only that are not there."""
        for limits in dict.fromkeys("; ".join(file.limits) for file in self.files if file.limits):
            lines = report_text.wrapped(f"Limits of a file's process: {limits}.", 4)
            self._say("\n".join(lines).strip())
        pairs = [report for file in self.files for report in file.pairs]
        if len(pairs) > 1 or len(self.files) > 1:
            counts = {v: sum(r.verdict == v for r in pairs) for v in report_text.WORDS}
            said = [f"{n} {report_text.WORDS[v]}" for v, n in counts.items() if n]
            points = sum(r.points for r in pairs), sum(r.max_points for r in pairs)
            files = f"{len(self.files)} file{'s' * (len(self.files) != 1)}"
            count = f"{len(pairs)} pair{'s' * (len(pairs) != 1)}"
            self._say(f"{files}, {count}: " + ", ".join(said or ["none checked"]))
            self._say("points: {:g} of {:g}".format(*points))
        for name in self._absent():
            self._say(self._not_there(name), sys.stderr)

    def _absent(self):
        """Names of --only that no file has; none as long as a file could not be looked into."""
        found = {name for file in self.files for name in file.found}
        if any(file.status == "error" and not file.found for file in self.files):
            return []
        return [name for name in self.args.only if name not in found]

    def _not_there(self, name):
        found = sorted({name for file in self.files for name in file.found})
        near = difflib.get_close_matches(name, found, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(found) or 'none'}"
        return f"--only {name}: no pair of that name; {hint}"

    def _code(self):
        """The exit code of a run that came to its end: the first that holds."""
        verdicts = {report.verdict for file in self.files for report in file.pairs}
        verdicts |= {file.status for file in self.files}
        if any(file.internal for file in self.files):
            return 5
        for verdict, code in (("fail", 1), ("error", 4), ("undecided", 3)):
            if verdict in verdicts:
                return code
        missed = [file for file in self.files if not file.found and file.file in self.args.files]
        lacking = missed or self._absent() or self.written.failed
        return 0 if "pass" in verdicts and not lacking else 2


class _Unwritten(Exception):
    """Standard output or error takes nothing any more: `| head`, or a full disk."""


def _print(words, stream):
    try:
        print(words, file=stream, flush=True)
    except OSError as error:
        raise _Unwritten(error.strerror) from error


@contextlib.contextmanager
def _stopped_by_sigterm():
    """SIGTERM stops a run as Ctrl-C does: processes and folders are cleared away."""
    former = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)


@contextlib.contextmanager
def _for_json_alone():
    """Standard output belongs to the document: what is printed meanwhile goes to standard error,
    written by Python or by anything else in this process or its children."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 1)
        os.close(kept)


# ---- --list, --init


def _list(path, settings, spec):
    """Print the pairs of a file: arguments, where inputs come from, points; nothing is checked."""
    print(report_text.clean(path))
    try:
        with opened(path, settings) as session:
            described = session.describe()
    except StudentError as error:
        return _refuse(f"{path}: {error.sentence}", 4)
    if not described:
        return _refuse(f"{path}: {NO_PAIR}")
    rows = [["pair", "arguments", "inputs", "points"]]
    for one in described:
        name = one["name"]
        source = "the file" if one["makes_inputs"] else "guessed"
        if spec and spec.has_inputs(name):
            source = spec.called
        chosen = options_of(one, spec)
        points = "?" if chosen["fault"] else f"{chosen['points']:g}"
        cells = name, ", ".join(one["arguments"]), source, points
        rows.append([*map(report_text.clean, cells)])
    print(report_text.printable("\n".join(table(rows))))
    return 0


def _init(path, settings):
    """Write a spec with guessed inputs next to the file, unless there is one."""
    target = os.path.splitext(path)[0] + ".toml"
    guesses = {}
    try:
        with opened(path, settings) as session:
            described = session.describe()
            for one in described:
                with session.within(settings.timeout):
                    guesses[one["name"]] = _guessed(session, one)
    except StudentError as error:
        return _refuse(f"{path}: {error.sentence}", 4)
    if not described:
        return _refuse(f"{path}: {NO_PAIR}")
    try:
        with open(target, "x", encoding="utf-8") as file:
            file.write(template(described, guesses))
    except FileExistsError:
        return _refuse(f"{target} exists and is left as it is; move it away for a new one")
    except OSError as error:
        return _refuse(f"{target}: {error.strerror}")
    print(f"{target} is written: look at it, change it, then")
    print("  " + shlex.join(["minigen", "gradcheck", path, "--spec", target]))
    return 0


def _guessed(session, description):
    try:
        return guess(session, description)
    except StudentError:        # its own code stops it, whatever the inputs are
        return None


def _refuse(words, code=2):
    words = report_text.clean(f"minigen gradcheck: {words}")
    print(report_text.printable(words, sys.stderr), file=sys.stderr)
    return code

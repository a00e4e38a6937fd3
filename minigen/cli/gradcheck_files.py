"""The files that `minigen gradcheck` writes: --json, --csv, --gradescope, --pictures; and reads:
--resume.

Idea: all but pictures are made anew from the reports after each pair, and replaced whole, so that a
run that is killed leaves what was done. One that cannot be written is said once and given up; the
run goes on.
Read next: gradcheck.py; ../gradcheck/resume.py, when an earlier result still holds.
"""

from pathlib import Path

from minigen.cli import gradcheck_options as options
from minigen.gradcheck import (
    picture,
    report_csv,
    report_gradescope,
    report_json,
    report_text,
    resume,
)
from minigen.gradcheck.report import FileReport

OTHER = (
    "--resume: {} is of another seed, spec, version or other options; every file is checked again"
)


class Files:
    """The files of results of one run. True if there is any.

    failed: those that could not be written; remark: why nothing is taken over, if it could be.
    """

    def __init__(self, args, settings, spec):
        self.args, self.failed, self.remark = args, set(), ""
        self.drawn = set()      # names of pictures that are taken
        self.names = spec.names if spec else None
        self.conditions = ""
        if args.json:
            self.conditions = resume.conditions(settings, args.spec, options.again(args))
        self.targets = {
            self._json: args.json if args.json != "-" else None,
            self._csv: args.csv,
            self._gradescope: args.gradescope,
        }

    def __bool__(self):
        return any(self.targets.values())

    def document(self, files, complete):
        """The JSON document for FileReports."""
        return report_json.document(files, self.args.seed, complete, self.conditions)

    def write(self, files, complete):
        """Write all of them; sentences on those that cannot be written."""
        said = []
        for write, path in self.targets.items():
            if not path or path in self.failed:
                continue
            try:
                write(path, files, complete)
            except OSError as error:
                self.failed.add(path)
                said.append(f"{path} cannot be written: {error.strerror}")
        return said

    def draw(self, report, file):
        """Draw a report on a pair of `file` if that is asked for, and forget what it was drawn
        from, which a folder of files would fill the memory with. A sentence if that failed."""
        folder = self.args.pictures
        if not folder:
            return ""
        try:
            name = picture.file_name(file, report.name, self.drawn)
            path = picture.write(report, folder, name)
            report.pictures += [path] if path else []
        except OSError as error:
            self.failed.add(folder)
            return f"no picture in {folder}: {error.strerror or error}"
        finally:
            for argument in report.arguments:
                argument.map = None
        return ""

    def nothing(self, words):
        """Gradescope's file for a submission without homework; it would show an error of ours."""
        if self.args.gradescope:
            empty = FileReport(self.args.files[0], message=words)
            self._gradescope(self.args.gradescope, [empty], True)

    def _json(self, path, files, complete):
        report_json.write(path, self.document(files, complete))

    def _csv(self, path, files, complete):
        report_json.replace(path, report_csv.table(files, self.names), report_csv.ENCODING)

    def _gradescope(self, path, files, complete):
        report_json.write(path, report_gradescope.results(files, complete))

    # ---- --resume

    def digest(self, path):
        """What says that a file has not changed; None if nobody asks."""
        return resume.digest(path) if self.args.json else None

    def earlier(self, paths):
        """The results that --resume takes over: path -> FileReport.

        Raises ValueError, with the sentence to show, if the JSON file is something else.
        """
        if not self.args.resume:
            return {}
        found = resume.earlier(self.args.json, self.conditions)
        if found is None:
            self.remark = OTHER.format(self.args.json)
            return {}
        holds = {p: found[p] for p in paths if p in found and found[p].sha256 == self.digest(p)}
        pairs = [pair for file in holds.values() for pair in file.stored["pairs"]]
        self.drawn |= {Path(p).name.casefold() for pair in pairs for p in pair["pictures"]}
        return holds

    def unchanged(self, file):
        """The line on a file that is not checked again."""
        points = "{:g} of {:g} points".format(*file.total())
        return f"{report_text.clean(file.file)}: unchanged since it was checked, {points}"

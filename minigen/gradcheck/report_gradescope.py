"""Reports as the results.json of a Gradescope autograder.

Idea: one test per pair, with partial credit and the report's text as its output; what is to be said
of a file as a whole stands above them. Everything is plain text, so that nothing a homework prints
becomes HTML on a teacher's screen. The format:
https://gradescope-autograders.readthedocs.io/en/latest/specs/
Read next: docs/gradcheck-grading.md, how an autograder calls it.
"""

from minigen.gradcheck import report_json, report_text

UNFINISHED = "The check was not finished: the score counts what was checked so far."


def results(files, complete=True):
    """The document for the FileReports of one submission.

    complete: False as long as some of the work is not done. A submission that cannot be loaded has
    the score 0, and the reason as its output.
    """
    tests = [_test(report, file, len(files) > 1) for file in files for report in file.pairs]
    said = [] if complete else [UNFINISHED]
    said += [words for words in map(report_text.file_text, files) if words]
    seconds = sum(report.seconds for file in files for report in file.pairs)
    return report_json.plain({
        "score": round(sum(file.total()[0] for file in files), 6),
        "execution_time": round(seconds, 3),
        "output": "\n\n".join(said),
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "tests": tests,
    })


def _test(report, file, several):
    """One pair; its name says the file, too, if there are several."""
    name = f"{file.file}: {report.name}" if several else report.name
    return {
        "name": report_text.clean(name),
        "score": report.points,
        "max_score": report.max_points,
        "status": "passed" if report.passed else "failed",
        "output": report_text.text(report),
        "output_format": "text",
        "visibility": "visible",
    }

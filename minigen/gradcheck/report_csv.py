"""Reports of a class as a table for spreadsheets: a row per file, three columns per pair.

Idea: RFC 4180, in UTF-8 with a byte order mark, without which Excel takes names for another
encoding. All text stands in quotes.
Invariant: no cell is a formula. Spreadsheets run what begins with = + - or @, and names of files,
names of pairs and messages are a student's words: an apostrophe before them makes them text.
Read next: docs/gradcheck-grading.md.
"""

import csv
import io
import itertools

from minigen.gradcheck import report_text

ENCODING = "utf-8-sig"
HEAD = ("file", "status", "points", "max_points", "message")
FORMULA = tuple("=+-@＝＋－＠")      # the wide ones count in East Asian settings


def table(files, names=None):
    """The text of the table for FileReports.

    names: of the pairs that have columns, such as those of a spec; None: all that occur, as they
    come. A pair has its verdict under its name, then its points and its first diagnosis; a file
    that does not have it, empty cells.
    """
    if names is None:
        names = dict.fromkeys(report.name for file in files for report in file.pairs)
    text = io.StringIO()
    write = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC).writerow
    columns = [f"{name}{what}" for name in names for what in ("", " points", " diagnosis")]
    write([*map(cell, (*HEAD, *columns))])
    for file in files:
        reports = {report.name: report for report in file.pairs}
        row = [file.file, file.status, *file.total(), file.message]
        row += itertools.chain.from_iterable(_pair(reports.get(name)) for name in names)
        write([*map(cell, row)])
    return text.getvalue()


def _pair(report):
    """The three cells of a pair."""
    if report is None:
        return "", "", ""
    return report.verdict, report.points, report.diagnosis[0].kind if report.diagnosis else ""


def cell(value):
    """A number as it is; text in one line that no spreadsheet takes for a formula."""
    if isinstance(value, float | int):
        return value
    words = report_text.clean(value)
    return "'" + words if words.lstrip().startswith(FORMULA) else words

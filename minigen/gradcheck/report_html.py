"""A report for notebooks: a verdict, a sentence, two tables, a picture of what is wrong.

Invariant: every word goes through `_tag`, which escapes it; what a homework calls things, or
raises, cannot become markup. No script, no style sheet, no file beside it (the picture is in the
text): it looks the same wherever it is shown.
Read next: report_text.py, whose words these are.
"""

from html import escape

from minigen.gradcheck import picture
from minigen.gradcheck import report_text as words

COLOURS = {"pass": "#1a7f37", "fail": "#cf222e", "undecided": "#9a6700", "error": "#cf222e"}
LEFT, RIGHT = "text-align:left;padding:2px 10px", "text-align:right;padding:2px 10px"


def html(report):
    """The report as HTML, complete in itself."""
    head = f"{words.SYMBOLS[report.verdict]} {report.name}: {words.said(report)}"
    parts = [_tag("div", head, f"font-weight:bold;color:{COLOURS[report.verdict]}")]
    said = words.sentence(report)
    if said:
        parts.append(_tag("div", said))
    parts += [_tag("div", said) for said in (words.edit(report), words.level(report)) if said]
    parts += _table(("gradient", "shape", "verdict", "max rel error", "looked at"), [
        (
            (words.gradient_of(a.name), LEFT),
            (tuple(a.shape), LEFT),
            (words.WORDS[a.verdict], f"{LEFT};color:{COLOURS[a.verdict]}"),
            (words.about(a.max_rel_error), RIGHT),
            (words.looked_at(a), LEFT),
        )
        for a in report.arguments
    ])
    parts += _table(("entry", "yours", "numeric ± error", "yours/numeric"), [
        tuple(
            (cell, RIGHT)
            for cell in (
                words.element(words.gradient_of(a.name), entry.index), *words.numbers(entry)
            )
        )
        for a, entry in words.entries_of(report)
    ])
    parts += [_tag("div", f"– {note}") for note in words.notes_of(report)]
    if report.verdict == "fail":
        parts.append(picture.inline(report))
    if report.reproduce:
        parts.append(_tag("code", report.reproduce))
    return f'<div style="font-family:sans-serif">{"".join(parts)}</div>'


def _table(titles, rows):
    """A table as a list of one string; of none if there is no row."""
    if not rows:
        return []
    head = "".join(_tag("th", title, LEFT) for title in titles)
    body = "".join(f"<tr>{''.join(_tag('td', *cell) for cell in row)}</tr>" for row in rows)
    return [f'<table style="margin:6px 0"><tr>{head}</tr>{body}</table>']


def _tag(name, content, style=""):
    return f'<{name} style="{style}">{escape(words.clean(content))}</{name}>'

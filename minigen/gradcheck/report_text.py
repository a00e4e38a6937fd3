"""A report for people: at most 25 lines a pair, the verdict first, never a whole array.

Idea: each part of the text (sentence, arguments, worst entries, what was not checked, what the
homework printed) has its share of the lines, and what does not fit is counted, not shown.
Invariant: nothing that comes from a homework reaches a terminal as a control character, so that
no homework can paint a verdict of its own.
Read next: report.py, the data; report_html.py, the same words in tables.
"""

import itertools
import math
import os
import sys
import textwrap

from minigen.gradcheck import differences, gallery

LINES, WIDTH = 25, 96
SENTENCE_LINES, ARGUMENT_LINES, ENTRIES, OUTPUT_LINES = 3, 6, 5, 3
EDIT_LINES = 2          # at the expense of those of output
LONG_EDIT = 140         # characters of a statement before and after: more do not fit these lines
BESIDE = 15             # of what is the same, on both sides of what is not, at least
FILE_LINES = 6          # of a message on a file
NAMES = 4               # of gradients in the first line

SYMBOLS = {"pass": "✓", "fail": "✗", "undecided": "?", "error": "!"}
WORDS = {"pass": "right", "fail": "wrong", "undecided": "undecided", "error": "stopped"}
COLOURS = {"pass": "32", "fail": "31", "undecided": "33", "error": "31"}    # green, red, yellow
ASCII = {"✓": "+", "✗": "x", "±": "+-", "…": "...", "×": "x", "−": "-", "–": "-", "→": "->"}

# What the first line says of a fault, by its check; {} is the gradient that it was found at, or the
# array that is overwritten.
FAULTS = {
    "wrong_forward": "forward is not that of the exercise",
    "ignores_upstream": "the upstream gradient is not multiplied in",
    "wrong_order": "the gradients come in the wrong order",
    "wrong_shape": "{} has the wrong shape",
    "wrong_dtype": "{} has the wrong dtype",
    "mutates_input": "{} is overwritten",
    "mutates_cache": "the cache is overwritten",
    "stale_cache": "backward uses what another call left behind",
    "nondeterministic": "equal calls give different results",
    "nan_at_edge": "{} is not finite where it should be",
    "forward_mode": "forward mode gives another derivative",
    "second_order": "the gradient has no derivatives to compare",
    "timeout": "ran out of time",
    "memory": "ran out of memory",
    "crash": "crashed",
    "error": "raised an error",
    "structure": "something about {} is wrong",     # its name is above the hint level
}
OF_ARGUMENTS = {"mutates_input": "an input", "structure": "the pair"}       # not of their gradients


def text(report, paint=None, more=True):
    """The report in at most 25 lines. paint(word, verdict): colours a word; None: no colours.

    more: name the page that says more of the mistake.
    """
    paint = paint or (lambda word, verdict: word)
    symbol = paint(SYMBOLS[report.verdict], report.verdict)
    lines = [f"{symbol} {clean(report.name)}: {said(report)}"]
    lines += wrapped(sentence(report), SENTENCE_LINES)
    repair = wrapped(edit(report), EDIT_LINES)
    lines += repair + _arguments(report.arguments, paint)
    lines += _table(report)
    output = _output(report.output, OUTPUT_LINES - len(repair))
    last = [*output, *_again(report), *wrapped(level(report), 1)]
    last += _more(report) if more else []
    notes = _notes(notes_of(report), LINES - len(lines) - len(last))
    return "\n".join([*lines, *notes, *last])


def file_text(file):
    """What there is to say of a homework file besides its pairs and limits; "" if nothing."""
    lines = []
    if file.message:
        symbol = "?" if file.status == "empty" else SYMBOLS[file.status]
        first, *rest = wrapped(f"{symbol} {clean(file.file)}: {file.message}", FILE_LINES)
        lines += [first.strip(), *rest]
    lines += _notes(file.notes, FILE_LINES)
    lines += _output(file.output)
    return "\n".join(lines)


# ---- the sentences, which HTML shows too


def said(report):
    """The verdict in a few words: "dw is wrong", "dx, dw right"."""
    fault = first_fault(report)
    if fault and report.verdict == "undecided":
        return WORDS["undecided"]
    if fault:
        where = gradient_of(fault.argument) if fault.argument else "a gradient"
        if fault.check in OF_ARGUMENTS:
            where = clean(fault.argument or OF_ARGUMENTS[fault.check])
        return FAULTS.get(fault.check, clean(fault.check).replace("_", " ")).format(where)
    names = [gradient_of(a.name) for a in report.arguments if a.verdict == report.verdict]
    shown = ", ".join(names[:NAMES])
    if len(names) > NAMES:
        shown += f" and {len(names) - NAMES} more"
    if report.verdict == "fail" and names:
        return f"{shown} {'are' if len(names) > 1 else 'is'} wrong"
    return f"{shown} {WORDS[report.verdict]}".strip()


def sentence(report):
    """What is wrong, in one sentence: the most probable diagnosis, else the fault, else numbers."""
    if report.diagnosis:
        return report.diagnosis[0].message
    fault = first_fault(report)
    if fault:
        return fault.message
    worst = [a for a in report.arguments if a.verdict == report.verdict]
    if report.verdict not in ("fail", "undecided") or not worst:
        return ""
    argument = worst[0]
    name, error = gradient_of(argument.name), about(argument.max_rel_error)
    if report.verdict == "undecided":
        return f"{name} cannot be judged: {_why_undecided(argument)}."
    if not argument.wrong:
        return f"{name} is wrong along a random direction through many entries."
    counts = f"{name} is wrong in {argument.wrong:,} of {argument.checked:,} entries looked at"
    return counts + (f"; largest relative error {error}." if argument.max_rel_error else ".")


def _why_undecided(argument):
    undecided = [entry for entry in argument.worst if entry.verdict == "undecided"]
    if any(entry.jump for entry in undecided):
        return "forward jumps at the inputs, or is vertical there"
    if argument.wrong:
        return "it does not fit at these inputs, which are guesses and may be the mistake"
    if not undecided:
        return "too few of its entries could be looked at"
    off = about(max(entry.error for entry in undecided))
    return f"forward is too noisy or too steep, its slopes may be off by {off}"


def edit(report):
    """The edit that makes it right, "line 14: write `dout @ w.T`, not `dout @ w`"; "" if none."""
    fix = next((d.fix for d in report.diagnosis if d.fix), None)
    if not fix:
        return ""
    before, after = fix.before, fix.after
    if len(before) + len(after) > LONG_EDIT:
        before, after = _apart(before, after)
    return f"line {fix.line}: write `{after}`, not `{before}`"


def _apart(one, other):
    """Two texts without most of what both begin and end with, cut between words."""
    same = _alike(one, other)
    ends = _alike(one[same:][::-1], other[same:][::-1])
    start = one.rfind(" ", 0, max(0, same - BESIDE)) + 1
    end = len(one) - ends + BESIDE
    end = len(one) - one.find(" ", end) if " " in one[end:] else 0
    return [
        "… " * (start > 0) + text[start : len(text) - end] + " …" * (end > 0)
        for text in (one, other)
    ]


def _alike(one, other):
    """How many characters both begin with."""
    pairs = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    return len(list(pairs))


def level(report):
    """What is not shown, where it is less than a student has without further ado."""
    if report.hints == 0:
        return f"{report.points:g} of {report.max_points:g} points (hint level 0: no more is shown)"
    if report.hints == 1 and report.verdict in ("fail", "undecided"):
        return "(hint level 1: which argument and entries, not what is wrong)"
    return ""


def first_fault(report):
    """The structure check that made the verdict; None if the values did, or none is wrong."""
    if report.verdict == "pass":
        return None
    return next((f for f in report.structure if f.verdict == report.verdict), None)


def gradient_of(name):
    """What a student calls the gradient of an argument: x -> dx, params['W'] -> dparams['W']."""
    return f"d{clean(name)}"


def entries_of(report):
    """[(argument, entry)]: the worst entries of the arguments that made the verdict, at most 5.

    Those of several arguments take turns, so that none is left out.
    """
    chosen = [a for a in report.arguments if a.verdict == report.verdict != "pass"]
    turns = [
        (turn, argument, entry)
        for argument in chosen
        for turn, entry in enumerate(e for e in argument.worst if e.verdict != "pass")
    ]
    turns.sort(key=lambda row: row[0])
    return [(argument, entry) for _, argument, entry in turns[:ENTRIES]]


def notes_of(report):
    """Sentences on what was not checked, kinks included, and remarks on the structure; each once.
    """
    notes = list(report.notes)
    for argument in report.arguments:
        notes += argument.notes
    notes += [said for argument in report.arguments for said in _kinks(argument)]
    notes += [f.message for f in report.structure if f.verdict == "remark"]
    return list(dict.fromkeys(notes))


def _kinks(argument):
    """One sentence on the entries at kinks where the student's choice was accepted."""
    right = [e for e in argument.at_kinks if e.verdict == "pass"]
    if not argument.kinks or (argument.at_kinks and not right):
        return []
    first = right[0] if right else None
    where = element(argument.name, first.index if first else argument.kinks[0])
    others = len(argument.kinks) - 1
    where += f" and {others:,} more sit on kinks" if others else " sits on a kink"
    if first is None or first.low is None:
        return [f"{where}: there is no slope to compare with."]
    low, high, yours = (f"{z:.4g}" for z in (first.low, first.high, first.yours))
    return [
        f"{where} (slopes {low} and {high}{' at the first' * bool(others)}); your {yours} is a "
        "valid choice."
    ]


def element(name, index):
    """An entry as a student writes it: x[0, 3]; x for a 0-d one; words for a random direction."""
    return clean(f"{name}: {index}" if isinstance(index, str) else differences.entry(name, index))


def looked_at(argument):
    """How many entries were looked at: "12 wrong in 54 of 108 entries"."""
    counts = f"{argument.checked:,} of {math.prod(argument.shape):,} entries"
    if argument.wrong:
        counts = f"{argument.wrong:,} wrong in {counts}"
    return counts + ", the others along random directions" * bool(argument.sampled)


def about(number):
    """An error in one digit: 3e-09."""
    return f"{number:.0e}" if number else "0"


def numbers(entry):
    """(yours, numeric ± error, ratio) as text, with as many digits as it takes to tell them apart.
    """
    apart = abs(entry.yours - entry.numeric) / max(abs(entry.numeric), 1e-300)
    digits = 6
    if math.isfinite(apart) and 0 < apart < 1:
        digits = min(max(6, 3 - math.floor(math.log10(apart))), 15)
    yours = f"{entry.yours:.{digits}g}"
    if entry.jump:
        return yours, "none: forward jumps", ""
    if entry.low is not None and entry.low != entry.high:
        return yours, f"{entry.low:.6g} to {entry.high:.6g} (kink)", ""
    numeric = f"{entry.numeric:.{digits}g} ± {about(entry.error)}"
    if not math.isfinite(entry.ratio):
        return yours, numeric, ""
    near = 0 < abs(entry.ratio - 1) < 1e-4
    return yours, numeric, f"1 {entry.ratio - 1:+.1e}" if near else f"{entry.ratio:.6g}"


# ---- the parts of the text


def _arguments(arguments, paint):
    """One line per argument: gradient, shape, verdict, relative error, entries looked at."""
    order = list(SYMBOLS)
    rest = []
    if len(arguments) > ARGUMENT_LINES:
        by_verdict = sorted(arguments, key=lambda a: (a.verdict == "pass", -order.index(a.verdict)))
        arguments, rest = by_verdict[: ARGUMENT_LINES - 1], by_verdict[ARGUMENT_LINES - 1 :]
    rows = [
        (gradient_of(a.name), str(tuple(map(int, a.shape))), WORDS[a.verdict]) for a in arguments
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for argument, row in zip(arguments, rows, strict=True):
        name, shape, word = (f"{cell:{width}}" for cell, width in zip(row, widths, strict=True))
        error = f"max rel error {about(argument.max_rel_error)}"
        painted = paint(word, argument.verdict)
        lines.append(f"  {name}  {shape}  {painted}  {error}  {looked_at(argument)}")
    if rest:
        counts = [(WORDS[v], sum(a.verdict == v for a in rest)) for v in order]
        lines.append("  and " + ", ".join(f"{n} more {word}" for word, n in counts if n))
    return lines


def _table(report):
    """The worst entries: index, yours, numeric, ratio."""
    found = entries_of(report)
    if not found:
        return []
    rows = [("entry", "yours", "numeric ± error", "yours/numeric")]
    for argument, entry in found:
        rows.append((element(gradient_of(argument.name), entry.index), *numbers(entry)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "    " + "  ".join(f"{cell:>{w}}" for cell, w in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _notes(notes, room):
    """The sentences in at most `room` lines; those that do not fit are counted."""
    lines = []
    for i, note in enumerate(notes):
        left = len(notes) - i
        new = wrapped(note, max(1, room - len(lines) - (left > 1)), first="- ")
        if len(lines) + len(new) + (left > 1) > room:
            return [*lines, f"  - and {left} more remarks"]
        lines += new
    return lines


def _output(output, most=OUTPUT_LINES):
    """The first lines that the homework printed, each behind a bar; equal ones in a row once."""
    runs = [(line, len([*equal])) for line, equal in itertools.groupby(output.splitlines())]
    shown = []
    for line, times in runs[:most]:
        counted = f"   ({times:,} times)" if times > 1 else ""
        shown.append(f"  | {cut(clean(line), WIDTH - 4 - len(counted))}{counted}".rstrip())
    if len(runs) > most:
        more = sum(times for _, times in runs[most - 1 :])
        shown[-1] = f"  | … and {more:,} more lines"
    return ["  The homework printed:", *shown] if shown else []


def _again(report):
    """Where it was checked, what it took, and how to see the same again; an exam does not say."""
    if not report.hints:
        return []
    calls = f"{report.forward_calls:,} call{'s' * (report.forward_calls != 1)} of forward"
    work = f"{calls}, {report.seconds:.2f} s"
    points = _points(report.points_checked, WIDTH - len(f"  Checked at : {work}"))
    lines = ["  " + (f"Checked at {points}: " if points else "") + work]
    return lines + ([f"  Again: {clean(report.reproduce)}"] if report.reproduce else [])


def _more(report):
    """Where the gallery says more of what is said first; an error's own words say all there is."""
    kinds = [found.kind for found in report.diagnosis[:1]]
    shown = [kind for kind in kinds if kind in gallery.KINDS and kind != "error"]
    return [f"  More: minigen gradcheck --explain {kind}" for kind in shown]


def _points(labels, width):
    """The points of a check, "seed 0, train=True; seed 1, ...", or how many: "3 seeds, 2 modes"."""
    points = "; ".join(map(clean, labels))
    if len(points) > width and len(labels) > 1:
        seeds, modes = ({label.partition(", ")[k] for label in labels} for k in (0, 2))
        points = f"{len(seeds)} seed{'s' * (len(seeds) > 1)}"
        points += f", {len(modes)} modes" if len(modes) > 1 else ""
    return cut(points, width)


# ---- characters, colours


def clean(words):
    """words with every control or other unprintable character spelled out: \\x1b."""
    words = str(words).replace("\t", "    ")
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode() for c in words
    )


def cut(line, width):
    """The line, or its beginning with an ellipsis."""
    return line if len(line) <= width else line[: width - 1] + "…"


def wrapped(words, most, first=""):
    """A sentence as at most `most` indented lines; `first` stands before its first word."""
    words = clean(" ".join(str(words).split()))
    return textwrap.wrap(
        words,
        WIDTH,
        initial_indent="  " + first,
        subsequent_indent="  " + " " * len(first),
        max_lines=most,
        placeholder=" …",
    )


def printable(words, stream=None):
    """words as the stream (default: standard output) can show them: ASCII, if need be."""
    encoding = getattr(stream or sys.stdout, "encoding", None) or "utf-8"
    try:
        words.encode(encoding)
    except UnicodeEncodeError:
        for symbol, plain in ASCII.items():
            words = words.replace(symbol, plain)
        words = words.encode(encoding, "backslashreplace").decode(encoding)
    return words


def painter(stream):
    """How to colour on this stream: paint(word, verdict), or None where no colours belong.

    They belong on a terminal, unless NO_COLOR (https://no-color.org) is set.
    """
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not stream.isatty():
        return None
    return lambda word, verdict: f"\033[{COLOURS[verdict]}m{word}\033[0m"

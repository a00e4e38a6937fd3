"""Is a gradient right, and if not, where? Finite differences that know their own error.

    gradcheck(forward, backward, inputs=...)    a Report; `minigen gradcheck FILE` does files
    pair(...)                                   marks a forward for the command
    check, assert_gradients, derivative ...     the numeric core, on plain arrays

The files, by what they are about:

    api, checker                the order of a check: inputs, structure, values; then a Report
    engine, second_order        minigen's own functions and modules, as pairs
    inputs, spec, guess, worlds, options    where arguments come from: a teacher's file, their names
    structure, behaviour, examination       does backward behave like one?
    claims, nesting, names                  which gradient belongs to which argument
    experiments, differences, variations    what would be right, what has changed, other inputs
    values, subject             a pair as the function of arrays that the numeric core asks for
    numeric, argument, point, slopes, beside, complex_step      the numeric core, NumPy alone
    report, report_text, report_html, report_json               what was found, in words, as data
    hints                       how much of it is shown, from an exam to the edit that repairs it
    report_csv, report_gradescope, resume   a class: tables, and going on after an interruption
    diagnosis, evidence, patterns*          what is wrong with a gradient, by experiment
    repair                      which edit of backward makes it right: child/repair, child/edits*
    explain, gallery/           a page and an example of every kind of mistake
    exercise, exercises/        homework with a given forward, and what it is checked with
    process, spawn, output      a homework's own process, seen from here
    picture, picture_panels, picture_data   what was found, drawn: only then matplotlib is imported
    child/                      what runs in it; nothing of minigen beside it
    minigen_pytest/             the pytest plugin, which is imported by that name alone

Read next: numeric.py, the core; checker.py, what is asked of homework, in order.
"""

from minigen.gradcheck.api import gradcheck, pair
from minigen.gradcheck.numeric import (
    UndecidedGradient,
    assert_gradients,
    check,
    derivative,
    upstream_like,
)

__all__ = [
    "gradcheck",
    "pair",
    "UndecidedGradient",
    "assert_gradients",
    "check",
    "derivative",
    "upstream_like",
]

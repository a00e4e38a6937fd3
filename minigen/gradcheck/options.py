"""What a homework file and a teacher's spec say of a pair, put together.

Idea: the spec's word counts where it has one, and so does silence: a pair that it does not name is
worth nothing. Of the two ceilings of the hint level the lower one counts. A homework may say
anything, so what it says is looked at before it is used.
Read next: spec.py, child/discover.py (where they say it); checker.py.
"""

from numbers import Integral, Real

from minigen.gradcheck.hints import EDIT, VERDICT
from minigen.gradcheck.nesting import kind
from minigen.gradcheck.report import STRUCTURE_SHARE

MOST_POINTS = 1_000_000


def options_of(description, spec):
    """A pair's description with what the spec, if there is one, says of it.

    points: a float, 1 unless one of them says otherwise; structure_share: of these, as only a spec
    may say; hints: the lower ceiling of both; fault: what is wrong with what a file says of a pair,
    in a sentence, "" if nothing.
    """
    asked = spec.options(description["name"]) if spec else {}
    own = description.get("hints", EDIT)
    options = {**description, **asked, "hints": own}
    options["structure_share"] = asked.get("structure_share", STRUCTURE_SHARE)
    fault = _fault(options)
    points = 1 if fault or options.get("points") is None else options["points"]
    hints = min(asked.get("hints", EDIT), EDIT if fault else own)
    return {**options, "points": float(points), "hints": hints, "fault": fault}


def level(options, settings):
    """The hint level of a pair: what is asked for, or less."""
    return min(settings.hints, options["hints"])


def _fault(options):
    points, seeds, wrt, hints = (options.get(k) for k in ("points", "seeds", "wrt", "hints"))
    if not (isinstance(hints, Integral) and VERDICT <= hints <= EDIT):
        said = hints if isinstance(hints, Integral) else kind(hints)
        return f"HINTS is {said}: write 0, 1, 2 or 3"
    if points is not None and not (isinstance(points, Real) and 0 <= points <= MOST_POINTS):
        return f"POINTS is {kind(points)}: write a number from 0 to {MOST_POINTS:,}"
    if seeds is not None and not (isinstance(seeds, Integral) and seeds > 0):
        return f"seeds is {kind(seeds)}: write a whole number from 1"
    names = [wrt] if isinstance(wrt, str) else wrt
    if wrt is not None and not (
        isinstance(names, (tuple, list, set)) and all(isinstance(n, str) for n in names)
    ):
        return f"WRT is {kind(wrt)}: write the arguments' names in a tuple, such as ('x', 'w')"
    return ""

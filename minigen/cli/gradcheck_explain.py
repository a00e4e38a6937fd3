"""`minigen gradcheck --explain KIND` and `--self-test`: the gallery of mistakes, shown and checked.

Idea: who reads that the mask is wrong wants to know what that means. A page has the answer, an
example, and what the checker says of the example, run while it is read. The self-test runs all
examples: a teacher sees in a minute or two what the checker can name on this machine.
Read next: ../gradcheck/explain.py, ../gradcheck/gallery/__init__.py.
"""

from minigen.cli.table import table
from minigen.gradcheck import explain, report_text
from minigen.gradcheck.checker import Settings
from minigen.gradcheck.gallery import KINDS
from minigen.gradcheck.inputs import SpecError

ALL = "list"        # the name that stands for all kinds
WIDTH = max(map(len, KINDS))
ROW = f"{{:1}} {{:{WIDTH}}}  {{:9}}  {{:9}}  {{:{WIDTH}}}  {{:>7}}"


def run(args, say, paint):
    """What --explain or --self-test asks for; the exit code. say(words) prints.

    SpecError for what is no kind, after a list of all that are.
    """
    if args.self_test:
        return 0 if self_test(say) else 1
    if args.explain == ALL:
        say(listing())
        return 0
    kind = spelt(args.explain)
    if kind not in KINDS:
        say(listing())
        near = explain.nearest(kind)
        hint = f"did you mean {near}?" if near else "those above are the kinds"
        raise SpecError(f"--explain {args.explain}: no kind of mistake has that name; {hint}")
    for part in shown(kind, paint):
        say(part)
    return 0


def listing():
    """All kinds with their titles, in the order in which the checker asks."""
    rows = [["kind", "what"], *([kind, explain.title(kind)] for kind in KINDS)]
    return "\n".join([*table(rows), "", "minigen gradcheck --explain KIND shows a page"])


def spelt(name):
    """A kind as students write it, as one of KINDS: "wrong axis" -> wrong_axis."""
    return name.strip().lower().replace(" ", "_").replace("-", "_").removesuffix(".py")


def shown(kind, paint):
    """The page of a kind in parts, each as soon as it is there: text, code, what the checker says.
    """
    page = explain.page(kind)
    yield f"{page.title} ({kind})\n\n{page.text}\n"
    yield f"The example, {page.path.name}\n\n{_indented(page.shared)}\n"
    yield f"Wrong (> where it differs from the right one)\n\n{page.wrong}\n"
    yield f"Right\n\n{page.right}\n"
    yield "What the checker says of the wrong one\n"
    file = explain.checked(kind, Settings(only=(explain.WRONG,)))
    for report in file.pairs:
        yield report_text.text(report, paint, more=False)


def _indented(code):
    return "\n".join(f"  {line}".rstrip() for line in code.strip("\n").split("\n"))


def self_test(say):
    """Check every page, say(row) as soon as each is done; whether all came out as they should."""
    say(ROW.format("", "kind", "right", "wrong", "named", "seconds"))
    outcomes = []
    for kind in KINDS:
        outcomes.append(explain.outcome(kind))
        say(_row(outcomes[-1]))
    failed = [one.kind for one in outcomes if not one.passed]
    counted = f"{len(KINDS) - len(failed)} of {len(KINDS)} kinds come out as they should"
    counted += f", in {sum(one.seconds for one in outcomes):.0f} s"
    say(counted + (f"; not: {', '.join(failed)}" if failed else ""))
    return not failed


def _row(one):
    if one.skipped:
        return f"- {one.kind:{WIDTH}}  not run: {one.skipped}"
    symbol = report_text.SYMBOLS["pass" if one.passed else "fail"]
    verdicts = (report_text.WORDS.get(verdict, verdict) for verdict in (one.right, one.wrong))
    return ROW.format(symbol, one.kind, *verdicts, one.named, f"{one.seconds:.2f}")

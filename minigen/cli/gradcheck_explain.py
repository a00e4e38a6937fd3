"""`minigen gradcheck --explain KIND` and `--self-test`: the gallery of mistakes, shown and checked.

Idea: who reads that the mask is wrong wants to know what that means. A page has the answer, an
example, and what the checker says of the example, run while it is read. The self-test runs all
examples: a teacher sees in half a minute what the checker can name on this machine.
Read next: ../gradcheck/explain.py, ../gradcheck/gallery/__init__.py.
"""

from minigen.cli.table import table
from minigen.gradcheck import explain, report_text
from minigen.gradcheck.gallery import KINDS

ALL = "list"        # the name that stands for all kinds
VERDICTS = {**report_text.WORDS, "absent": "absent"}


def run(args, say, paint):
    """What --explain or --self-test asks for; the exit code. say(words) prints."""
    if args.self_test:
        return 0 if self_test(say) else 1
    if args.explain == ALL:
        say(listing())
        return 0
    kind = spelt(args.explain)
    if kind not in KINDS:
        say(f"{unknown(args.explain)}\n\n{listing()}")
        return 2
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


def unknown(name):
    """What to say where there is no such kind."""
    near = explain.nearest(spelt(name))
    hint = f"did you mean {near}? The kinds are:" if near else "the kinds are:"
    return report_text.clean(f"no kind {name}; {hint}")


def shown(kind, paint):
    """The page of a kind in parts, each as soon as it is there: text, code, what the checker says.
    """
    page = explain.page(kind)
    yield f"{page.title} ({kind})\n\n{page.text}\n"
    yield f"The example, {page.path.name}\n\n{_indented(page.shared)}\n"
    yield f"Wrong (> where it differs from the right one)\n\n{page.wrong}\n"
    yield f"Right\n\n{page.right}\n"
    yield "What the checker says of the wrong one\n"
    file = explain.checked(kind, only=(explain.WRONG,))
    for report in file.pairs:
        yield report_text.text(report, paint)


def _indented(code):
    return "\n".join(f"  {line}".rstrip() for line in code.strip("\n").split("\n"))


def self_test(say):
    """Check every page, say(row) as soon as each is done; whether all came out as promised."""
    width = max(map(len, KINDS))
    row = f"{{:1}} {{:{width}}}  {{:9}}  {{:9}}  {{:{width}}}  {{:>7}}"
    say(row.format("", "kind", "right", "wrong", "named", "seconds"))
    outcomes = []
    for kind in KINDS:
        one = explain.outcome(kind)
        outcomes.append(one)
        symbol = report_text.SYMBOLS["pass" if one.passed else "fail"]
        cells = kind, VERDICTS[one.right], VERDICTS[one.wrong], one.named
        say(row.format(symbol, *cells, f"{one.seconds:.2f}") if one.right else
            f"- {kind:{width}}  not run: {one.skipped}")
    failed = [one.kind for one in outcomes if not one.passed]
    seconds = sum(one.seconds for one in outcomes)
    say(f"{len(KINDS) - len(failed)} of {len(KINDS)} kinds come out as they should, in "
        f"{seconds:.0f} s" + (f"; not: {', '.join(failed)}" if failed else ""))
    return not failed

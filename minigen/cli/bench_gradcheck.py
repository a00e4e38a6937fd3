"""`minigen bench gradcheck`: how often is the gradient checker wrong, and how long does it take?

Idea: homework whose answer is known. Right pairs, ordinary and tricky ones, must pass at every
seed; their backwards with one edit that changes a value must fail; homework that misbehaves must be
reported by the name of what it does. The homework is in tests/homework of a clone.
Read next: bench_gradcheck_mutants.py and bench_gradcheck_bugs.py (the wrong ones),
../gradcheck/checker.py.
"""

import json
import os
import statistics
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from multiprocessing import get_context
from pathlib import Path

import numpy as np

import minigen
from minigen.cli import bench_gradcheck_bugs, bench_gradcheck_diagnosis, bench_report
from minigen.cli.bench_gradcheck_mutants import LARGEST, Oracle, mutants
from minigen.gradcheck import structure
from minigen.gradcheck.api import gradcheck
from minigen.gradcheck.checker import Settings, check_file
from minigen.gradcheck.child.session import ENDS

HOMEWORK = Path(minigen.__file__).resolve().parents[1] / "tests" / "homework"
SHORT = {"seeds": 1, "mutants": "100"}
FULL = {"seeds": 20, "mutants": "400"}
CAUGHT = 0.99           # of the mutants, at least
HERE = Settings(isolate=False)
BAD = ("fail", "undecided", "error")
WRONG = [700, 300]      # the one wrong entry among a million
MISTAKEN = ", BUT THE ANSWER IS WRONG"
BATCH = 32              # mutants that are tried before their labels are counted again
ORACLE = Oracle()       # one a process
KINDS = (*structure.KINDS, *ENDS)


def add_arguments(parser):
    """The options of `minigen bench gradcheck` alone."""
    group = parser.add_argument_group("gradcheck")
    group.add_argument("--seeds", type=int, help="seeds of the right homework (default 20)")
    group.add_argument("--mutants", metavar="N", help="edited backwards (default 400), or all")
    group.add_argument("--short", action="store_true", help="1 seed, 100 mutants, no more")


def run(args):
    """Measure the checker; 0, 1 if it misses what it has to reach, 2 without a clone."""
    if not HOMEWORK.is_dir():
        print(f"bench gradcheck needs a clone: there is no {HOMEWORK}")
        return 2
    if not all(map(bench_report.can_write, filter(None, (args.json, args.table)))):
        return 2
    defaults = SHORT if args.short else FULL
    seeds, wanted = args.seeds or defaults["seeds"], args.mutants or defaults["mutants"]
    limit = None if wanted == "all" else int(wanted)
    started = time.monotonic()
    report = {"command": _command(args), "seeds": seeds, "versions": _versions()}
    report |= {"hardware": bench_report.hardware(), "date": date.today().isoformat()}
    context, workers = get_context("spawn"), min(2, os.cpu_count() or 1)
    with ProcessPoolExecutor(workers, context, initializer=_quiet) as pool:
        parts = {
            "right": lambda: right(pool, seeds),
            "mutants": lambda: wrong(pool, limit),
            "behaviour": lambda: behaviour(pool),
        }
        if not args.short:
            parts["bugs"] = lambda: bench_gradcheck_bugs.measure(pool)
        for name, measure in parts.items():
            report[name] = measure()
            print(f"{name}: done after {time.monotonic() - started:.0f} s", flush=True)
    if not args.short:
        report["times"] = times()
    report["seconds"] = time.monotonic() - started
    text = table(report)
    print(text)
    if args.json:
        bench_report.write(Path(args.json), json.dumps(report, indent=2) + "\n")
    if args.table:
        bench_report.write(Path(args.table), page(report, text))
    return 0 if reached(report) else 1


def _command(args):
    """The command that measures this again."""
    words = ["minigen bench gradcheck"]
    words += [f"--seeds {args.seeds}"] if args.seeds else []
    words += [f"--mutants {args.mutants}"] if args.mutants else []
    words += ["--short"] if args.short else []
    return " ".join(words)


def _versions():
    return {"minigen": minigen.__version__, "numpy": np.__version__}


def _quiet():
    """Prints of homework go nowhere."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)


def files(folder):
    """The homework of a folder: correct, tricky or behaviour."""
    return sorted((HOMEWORK / folder).glob("*.py"))


# The three questions ----------------------------------------------------------------------------


def right(pool, seeds):
    """Right homework at every seed: of each folder files, pairs, verdicts, what did not pass."""
    found = {}
    for folder in ("correct", "tricky"):
        paths = files(folder)
        jobs = [(path, seed) for path in paths for seed in range(seeds)]
        rows = [row for many in pool.map(verdicts, *zip(*jobs, strict=True)) for row in many]
        found[folder] = {
            "files": len(paths),
            "pairs": len({name for name, *_ in rows}),
            "verdicts": Counter(verdict for _, _, verdict, _ in rows),
            "not passed": [row for row in rows if row[2] != "pass"],
        }
    return found


def verdicts(path, seed=0):
    """[(pair, seed, verdict, what the report complains of)] of a file at one seed."""
    file = check_file(path, Settings(isolate=False, seed=seed, seeds=1))
    if not file.pairs:
        return [(path.stem, seed, file.status, file.message)]
    return [(f"{path.stem}.{r.name}", seed, r.verdict, _why(r)) for r in file.pairs]


def _why(report):
    said = [f"{f.check}: {f.message}" for f in report.structure if f.verdict in BAD]
    said += [f"{a.name} {a.verdict}" for a in report.arguments if a.verdict in BAD]
    return "; ".join(said)


def wrong(pool, limit, seed=0):
    """Mutants until `limit` (None: all) are wrong in value: how many fail, and which do not.

    Each is of the label that has the fewest so far.
    """
    queues = mutants(files("correct"), seed)
    found = {"made": sum(map(len, queues.values())), "kinds": Counter(), "labels": Counter()}
    found |= {"verdicts": Counter(), "missed": []}
    said = []       # of the diagnosis
    while any(queues.values()) and (limit is None or found["kinds"]["value"] < limit):
        batch, expected = [], Counter(found["labels"])
        while len(batch) < BATCH and any(queues.values()):
            label = min((x for x in queues if queues[x]), key=lambda x: expected[x])
            expected[label] += 1
            batch.append(queues[label].pop())
        tried = pool.map(try_mutant, batch)
        for mutant, (kind, verdict, outcome) in zip(batch, tried, strict=True):
            found["kinds"][kind] += 1
            if kind == "value":
                found["labels"][mutant.edit.label] += 1
                found["verdicts"][verdict] += 1
                said.append((mutant.edit.label, outcome))
                if verdict != "fail":
                    found["missed"].append((mutant.name, verdict))
    return found | {"diagnosis": bench_gradcheck_diagnosis.tally(said)}


def try_mutant(mutant, repair=True):
    """(kind, verdict of the checker or None, outcomes of its diagnosis or None): see
    bench_gradcheck_mutants and bench_gradcheck_diagnosis. repair: search for one, too."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / Path(mutant.path).name
        path.write_text(mutant.edit.source, encoding="utf-8")
        kind, name = ORACLE.judge(mutant, path)
        if kind != "value":
            return kind, None, None
        alone = check_file(path, Settings(isolate=False, only=(name,)))
        both = check_file(path, Settings(only=(name,))) if repair else alone
        outcomes = bench_gradcheck_diagnosis.outcomes(mutant.edit.label, alone, both)
        return kind, alone.status, outcomes


def behaviour(pool):
    """Homework that misbehaves: [(file, kind, what was reported, whether that is right)]."""
    return list(pool.map(named, files("behaviour")))


def named(path, isolate=True, timeout=3.0):
    """(file, its kind, what the report says, whether that is right): see `behaviour`."""
    kind = next(kind for kind in KINDS if path.stem.startswith(kind))
    settings = Settings(isolate=isolate, repair=False, timeout=timeout, memory=1 << 29, seeds=1)
    file = check_file(path, settings)
    said = [f.check for r in file.pairs for f in r.structure if f.verdict in BAD]
    if not file.pairs and file.status == "error":
        said = ["error"]
    found = said[0] if said else file.status
    return path.name, kind, found, found == kind


# Times ------------------------------------------------------------------------------------------


def times():
    """Seconds: of files, of a slow forward, of a million entries; what the last one named."""
    found = {}
    paths = files("correct")
    for name, settings in (("this process", HERE), ("a process of its own", Settings())):
        seconds = [_seconds(check_file, path, settings) for path in paths]
        found[f"a file, in {name}: median"] = statistics.median(seconds)
    rng = np.random.default_rng(0)
    small, large = rng.normal(size=5000), rng.normal(size=(1000, 1000))
    for name, forward, backward, x, wrong in (
        ("5,000 entries, forward of 1 ms", _slow_sine, _right_cosine, small, []),
        ("1,000,000 entries, a pass", _sine, _right_cosine, large, []),
        ("1,000,000 entries, one of them wrong: found", _sine, _wrong_cosine, large, [WRONG]),
    ):
        start = time.perf_counter()
        report = gradcheck(forward, backward, inputs=(x,), name="sine")
        seconds = time.perf_counter() - start
        at = [e.index for a in report.arguments for e in a.worst if e.verdict == "fail"]
        right = at == wrong and report.passed != bool(wrong)
        found[name if right else name + MISTAKEN] = seconds
    return found


def _seconds(function, *arguments):
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def _sine(x):
    return np.sin(x), x


def _slow_sine(x):
    time.sleep(0.001)
    return np.sin(x), x


def _right_cosine(dout, cache):
    return dout * np.cos(cache)


def _wrong_cosine(dout, cache):
    dx = dout * np.cos(cache)
    dx[tuple(WRONG)] *= 1.01
    return dx


# The table --------------------------------------------------------------------------------------


def reached(report):
    """Whether nothing right failed, enough of what is wrong did, behaviour has its name, all that
    was written wrong by hand failed, and what was timed was the right answer."""
    odd = [x for part in report["right"].values() for x in part["not passed"]]
    verdicts = report["mutants"]["verdicts"]
    return (
        all(verdict == "undecided" for _, _, verdict, _ in odd)
        and verdicts["fail"] >= CAUGHT * sum(verdicts.values())
        and all(good for *_, good in report["behaviour"])
        and bench_gradcheck_bugs.all_caught(report.get("bugs", {}))
        and not any(name.endswith(MISTAKEN) for name in report.get("times", ()))
    )


def table(report):
    """Everything that was measured, as Markdown."""
    lines = ["| right homework | pairs | checks | passed | false alarms | undecided |",
             "| --- | --- | --- | --- | --- | --- |"]    # fmt: skip
    for folder, part in report["right"].items():
        v = part["verdicts"]
        alarms = v["fail"] + v["error"] + v["empty"]
        cells = [folder, part["pairs"], sum(v.values()), v["pass"], alarms, v["undecided"]]
        lines.append(_row(cells))
    made, v = report["mutants"], report["mutants"]["verdicts"]
    total = sum(v.values())
    lines += ["", "| mutants wrong in value | caught | undecided | missed | caught |",
              "| --- | --- | --- | --- | --- |"]        # fmt: skip
    rest = total - v["fail"] - v["undecided"]
    lines.append(_row([total, v["fail"], v["undecided"], rest, f"{v['fail'] / max(total, 1):.2%}"]))
    lines += ["", "| behaviour | files | named |", "| --- | --- | --- |"]
    kinds = dict.fromkeys(kind for _, kind, *_ in report["behaviour"])
    for kind in kinds:
        good = [g for _, k, _, g in report["behaviour"] if k == kind]
        lines.append(_row([f"`{kind}`", len(good), sum(good)]))
    lines += ["", *bench_gradcheck_diagnosis.table(made["diagnosis"])]
    if "bugs" in report:
        lines += ["", *bench_gradcheck_bugs.table(report["bugs"])]
    if "times" in report:
        lines += ["", "| time | seconds |", "| --- | --- |"]
        lines += [_row([name, f"{s:.2f}"]) for name, s in report["times"].items()]
    kinds = ", ".join(f"{n} {kind}" for kind, n in sorted(made["kinds"].items()))
    labels = ", ".join(f"{label} {n}" for label, n in sorted(made["labels"].items()))
    lines += ["", f"{made['made']:,} mutants can be made; of those that were tried: {kinds}.", ""]
    lines += [f"Wrong in value, by kind of edit: {labels}.", ""]
    return "\n".join([*lines, *_exceptions(report)])


def _row(cells):
    return "| " + " | ".join(map(str, cells)) + " |"


def _exceptions(report):
    """A line for everything that was not as it should be."""
    for part in report["right"].values():
        for name, seed, verdict, said in part["not passed"]:
            yield f"- {name}, seed {seed}: {verdict}: {said}"
    for name, verdict in report["mutants"]["missed"]:
        yield f"- {verdict}: {' '.join(name.split())}"
    for name, kind, found, good in report["behaviour"]:
        if not good:
            yield f"- {name}: {found}, not {kind}"


def page(report, text):
    """A whole page: the table, what it means, and where it is from."""
    machine, versions = report["hardware"], report["versions"]
    made = " and ".join(f"{name} {version}" for name, version in versions.items())
    return f"""# How often the gradient checker is wrong

Written by `{report["command"]} --table FILE` in a clone, not by hand.

- date: {report["date"]}; {report["seconds"] / 60:.0f} minutes
- machine: {machine["processor"]}, {machine["cores"]} cores, {machine["system"]}
- versions: {made}
- seeds: 0 to {report["seeds"] - 1} for right homework; mutants drawn with seed 0, three points each

*Right homework* is in `tests/homework/correct` and, with kinks, ties, extreme scales and other
traps, in `tests/homework/tricky`. A false alarm is a verdict of "fail" or "error". *Mutants* are
single edits of the correct backwards, taken in turn over kinds of edit and files; wrong in value
are those whose gradients have the right shapes and are off by more than {LARGEST:.0e} of the
largest entry, compared with the right backward; the others are counted below. *Behaviour*:
homework in `tests/homework/behaviour`, each file named after what the report has to say. A file has
about two pairs, each checked at three points. *Diagnosis*: the first name in the report on each
mutant that is wrong in value, compared with the label of its edit; another name may be as true. The
experiments alone, the repair search alone (of edits, not only of those that made the mutants), and
both together are counted, with the seconds that they took beside the check.
*Written by hand*: the wrong backwards of `tests/homework_bugs`, as people write them, compared with
the kind that a teacher would name; the open half may be used to improve the diagnosis, the held one
not.

{text}
"""

"""`minigen bench`: how fast minigen is, and how that compares to PyTorch on the same machine.

The classical methods are compared to scikit-learn.

Idea: never two libraries in one process (the idle threads of one slow the other). Each side has a
process of its own; rounds alternate, wait for a quiet machine, and the median of the rounds counts.
A ratio is minigen's time over the other's from one run; below 1 minigen is faster. Memory is the
peak above the loaded library, in a fresh process that runs three steps.
Read next: bench_cases.py, bench_classical.py (what is timed), bench_report.py (the table).
"""

import argparse
import gc
import json
import multiprocessing
import os
import statistics
import time
from contextlib import contextmanager, nullcontext, suppress
from datetime import date
from pathlib import Path

from minigen.cli import (
    bench_cases,
    bench_classical,
    bench_gradcheck,
    bench_kernels,
    bench_report,
)
from minigen.cli.bench_models import MODELS
from minigen.cli.bench_ops import OPS

HELP = """Time small ops (cost: what Python adds to an op of 10 elements), ops at the sizes of the
course's models (ops), both forward and backward, and training steps (models), on minigen alone or
against PyTorch on this machine. Prints a table; ratios are minigen's time over PyTorch's, below 1
minigen is faster. classical: PCA, clustering, densities, maps, alone or against scikit-learn.
kernels: each CUDA kernel on a GPU, beside what the hardware allows.
gradcheck: how often the gradient checker is wrong, and how long it takes (needs a clone)."""

CASES = {"cost": bench_cases.COST, "ops": OPS, "models": MODELS,
         "classical": bench_classical.CASES}
AGAINST = {"torch": ("cost", "ops", "models"), "sklearn": ("classical",)}   # who does the same
SIDES = {**bench_cases.SIDES, "sklearn": bench_classical.sklearn_side}
PACKAGES = {"minigen": "numpy", "torch": "torch", "sklearn": "scikit-learn"}
OTHERS = {"kernels": bench_kernels, "gradcheck": bench_gradcheck}  # measured in their own ways
GROUPS = [*CASES, *OTHERS]


def add_arguments(parser):
    """Options of `minigen bench`."""
    parser.add_argument("group", nargs="?", choices=GROUPS, help="only these cases")
    parser.add_argument(
        "--only", metavar="TEXT", default="", help="only cases with TEXT in the name"
    )
    parser.add_argument("--against", choices=list(AGAINST), help="compare; needs it installed")
    parser.add_argument("--device", default="cpu", help="cpu (default), gpu or gpu:1")
    parser.add_argument("--rounds", type=positive, default=9, help="rounds per case (default 9)")
    parser.add_argument("--json", metavar="FILE", help="write everything there as JSON")
    parser.add_argument("--table", metavar="FILE", help="write the table there, with the machine")
    bench_gradcheck.add_arguments(parser)


def positive(text):
    """An option that is a whole number, at least 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return value


def run(args):
    """Time the chosen cases; 0, or 2 if none fits, PyTorch, a device or a folder is missing."""
    refused = _refused(args)
    if args.group in OTHERS and not refused:
        return OTHERS[args.group].run(args)
    sides = ["minigen"] + ([args.against] if args.against else [])
    threads = os.cpu_count() or 1
    chosen = [] if refused else _chosen(args)
    if not chosen:
        print(refused or f"no case has {args.only!r} in its name")
        return 2
    if not all(map(bench_report.can_write, filter(None, (args.json, args.table)))):
        return 2
    workers = {side: _Worker(side, threads, args.device) for side in sides}
    try:
        versions = {side: worker.ask("version") for side, worker in workers.items()}
        missing = [side for side, version in versions.items() if version is None]
        if missing:
            print(f"{missing[0]} is not installed here: pip install {PACKAGES[missing[0]]}, or "
                  "leave --against out")
            return 2
        rows = _measured(workers, chosen, args.rounds, threads)
    except RuntimeError as error:  # a worker's words: a device that is not there
        print(error)
        return 2
    finally:
        for worker in workers.values():
            worker.close()
    report = {"hardware": bench_report.hardware(args.device), "versions": versions}
    report |= {"group": args.group, "device": args.device, "threads": threads}
    report |= {"seed": 0, "date": date.today().isoformat(), "rounds": args.rounds, "cases": rows}
    if args.json:
        bench_report.write(Path(args.json), json.dumps(report, indent=2) + "\n")
    if args.table:
        bench_report.write(Path(args.table), bench_report.page(report))
    return 0


def _chosen(args):
    """The cases that the options ask for.   -> [(group, name)]"""
    groups = [args.group] if args.group else AGAINST[args.against or "torch"]
    return [(group, name) for group in groups for name in CASES[group] if args.only in name]


def _refused(args):
    """Why the options do not go together; None if they do."""
    theirs = args.group in AGAINST["sklearn"]
    if args.group and args.against and theirs != (args.against == "sklearn"):
        return f"{args.group} is not compared with {args.against}: leave --against out"
    if "classical" in (args.group, *AGAINST.get(args.against, ())) and args.device != "cpu":
        return f"--device {args.device}: the classical methods compute on the CPU"
    return None


def _measured(workers, chosen, rounds, threads):
    """A row for each of the chosen cases, printed as it is there: the whole takes minutes."""
    rows, other = [], next((side for side in workers if side != "minigen"), None)
    print(bench_report.head(other), flush=True)
    for i, (group, name) in enumerate(chosen, 1):
        rows.append(_measure(workers, group, name, rounds, threads))
        print(bench_report.line(rows[-1], other), flush=True)
        if other and (i == len(chosen) or chosen[i][0] != group):
            mine = [row for row in rows if row["group"] == group]
            print(bench_report.summary(group, mine, other), flush=True)
    return rows


def _measure(workers, group, name, rounds, threads):
    """One case on every side: median seconds and, but for cost, peak bytes."""
    row = {"group": group, "name": name, "seconds": {}, "peak_bytes": {}}
    able = {s: worker for s, worker in workers.items() if worker.ask("build", group, name)}
    times = {side: [] for side in able}
    for _ in range(rounds):
        for side, worker in able.items():
            _wait_for_quiet()
            times[side].append(worker.ask("time"))
    for worker in able.values():
        worker.ask("forget")
    row["seconds"] = {side: statistics.median(values) for side, values in times.items()}
    on_cpu = all(worker.device == "cpu" for worker in workers.values())
    if group != "cost" and on_cpu and Path("/proc/self/clear_refs").exists():
        for side in able:
            fresh = _Worker(side, threads)
            row["peak_bytes"][side] = fresh.ask("memory", group, name)
            fresh.close()
    return row


def _wait_for_quiet(tries=20):
    """Up to a second, until 50 ms pass in which nothing else used the processor (Linux only)."""
    with suppress(OSError):
        for _ in range(tries):
            before = _busy()
            time.sleep(0.05)
            if _busy() - before <= 1:
                return


def _busy():
    """Ticks that all processors spent working since boot."""
    values = [int(v) for v in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return sum(values) - values[3] - values[4]


@contextmanager
def _set(variable, value):
    """The environment that a process inherits, with one variable set."""
    before = os.environ.get(variable)
    os.environ[variable] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[variable]
        else:
            os.environ[variable] = before


class _Worker:
    """One side in a process of its own, answering questions over a pipe."""

    def __init__(self, side, threads, device="cpu"):
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self.device = device
        given = theirs, side, threads, device
        self._process = context.Process(target=_work, args=given, daemon=True)
        # the other library keeps the C library's own ways with memory: see environment.py
        with nullcontext() if side == "minigen" else _set("MINIGEN_KEEP_MEMORY", "0"):
            self._process.start()

    def ask(self, *question):
        """The answer to a question; RuntimeError with the worker's words if it failed."""
        self._pipe.send(question)
        kind, answer = self._pipe.recv()
        if kind == "error":
            raise RuntimeError(answer)
        return answer

    def close(self):
        """End the process."""
        self._pipe.send(("quit",))
        self._process.join(5)


def _work(pipe, side, threads, device):
    """The worker's loop."""
    library = run = trouble = None
    try:
        with suppress(ImportError):  # library stays None: it is not installed
            library = SIDES[side](threads, device)
    except Exception as error:  # told at the first question: the device is not there
        trouble = error
    while True:
        command, *rest = pipe.recv()
        if command == "quit":
            return
        try:
            if trouble:
                raise trouble
            if command == "version":
                answer = library and _version(side)
            elif command == "build":
                run = CASES[rest[0]][rest[1]](library)
                answer = run is not None        # None: the library has no such method
            elif command == "forget":
                answer = run = None             # its data would take room from the next one's
            elif command == "time":
                answer = _seconds(run, library.wait)
            else:
                steps = 1 if rest[0] == "classical" else 3      # to fit again takes no more
                answer = _peak(CASES[rest[0]][rest[1]], library, steps)
        except Exception as error:  # told to the parent, which raises it
            pipe.send(("error", f"{side}: {type(error).__name__}: {error}"))
        else:
            pipe.send(("answer", answer))


def _version(side):
    import importlib.metadata

    return f"{PACKAGES[side]} {importlib.metadata.version(PACKAGES[side])}"


def _seconds(run, wait, at_least=0.2, most=200):
    """Median time of a call and its work, over a fifth of a second or two hundred calls.

    The first call does not count, as it may load things, unless it takes over a second.
    """
    first = _once(run, wait)
    if first > 1:
        return first
    times, end = [], time.perf_counter() + at_least
    while len(times) < 3 or (time.perf_counter() < end and len(times) < most):
        times.append(_once(run, wait))
    return statistics.median(times)


def _once(run, wait):
    start = time.perf_counter()
    run()
    wait()
    return time.perf_counter() - start


def _peak(build, library, steps=3):
    """Bytes by which the process grew at most in so many steps.

    Counted from where it stands after a step on two samples: a library loads much at first use.
    """
    build(library, 2)()
    gc.collect()
    before = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from here
    run = build(library)
    for _ in range(steps):
        run()
    return _status("VmHWM") - before


def _status(field):
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status has no {field}")

"""`minigen kernels`: look at our CUDA kernels, and test their tests, on a machine without a GPU.

Idea: what CI holds, by hand and in words: the list of kernels, what the compiler says of each, how
each line uses memory, and whether a mistake would be noticed.
Read next: ../../kernels/README.md, ../backend/kernel_mutation.py.
"""

import argparse
import collections
import os
import random
from concurrent.futures import ThreadPoolExecutor

from minigen.backend import emulator, kernel_check, kernel_mutation, kernels, nvrtc
from minigen.cli.bench import positive
from minigen.cli.table import table

HELP = """Look at minigen's CUDA kernels; no GPU is needed.
  list       every kernel: file, types, what it reads and writes
  compile    compile them for sm_80 and sm_90: registers, shared memory, spills
  profile    run kernels on the emulator and count, line by line, transactions of memory
  mutate     make one mistake at a time and see whether it is noticed"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `minigen kernels`."""
    parser.add_argument("what", choices=["list", "compile", "profile", "mutate"])
    parser.add_argument(
        "--only", metavar="TEXT", default="", help="only names with TEXT in them (mutate: files')"
    )
    parser.add_argument(
        "--sample", metavar="N", type=positive, help="mutate: only N of all, drawn at random"
    )
    parser.add_argument("--seed", type=int, default=0, help="mutate: of that draw (default 0)")
    parser.add_argument(
        "--at-least", metavar="SHARE", type=float, default=0.95, dest="least",
        help="mutate: the share that must be noticed (default 0.95)",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Print what was asked for; 1 if the answer is bad, 2 if there is nothing to look at."""
    chosen = [k for k in kernels.manifest().values() if args.only in k.name + " " + k.source]
    missing = {"compile": nvrtc, "profile": emulator, "mutate": emulator}.get(args.what)
    if missing and (reason := missing.unavailable()):
        print(reason)
        return 2
    if args.what == "mutate":
        return _mutate(args)
    if not chosen:
        print(f"no kernel has {args.only!r} in its name; see minigen kernels list")
        return 2
    return {"list": _list, "compile": _compile, "profile": _profile}[args.what](chosen)


# ---- list


def _list(chosen):
    rows = [["kernel", "file", "types", "reads -> writes"]]
    for kernel in chosen:
        read = [a.name for a in kernel.arguments if a.role in ("in", "inout", "table")]
        written = [a.name for a in kernel.arguments if a.role in ("out", "inout", "table")]
        flow = f"{' '.join(read)} -> {' '.join(written)}"
        rows.append([kernel.name, kernel.source, " ".join(kernel.types), flow])
    print("\n".join(table(rows)))
    return 0


# ---- compile


def _compile(chosen):
    """A table of what each instantiation takes on both architectures."""
    rows, bad = [["kernel", "sm", "registers", "allowed", "shared", "spilled", "stack"]], []
    for source in dict.fromkeys(kernel.source for kernel in chosen):
        known = nvrtc.kernels_of(source)
        for architecture in nvrtc.ARCHITECTURES:
            found, problems = nvrtc.examined(source, architecture)
            bad += problems
            for name, usage in found.items():
                cells = (architecture, usage.registers, known[name][0].registers)
                cells += usage.shared, usage.spilled, usage.stack
                rows.append([name, *map(str, cells)])
    print("\n".join(table(rows)))
    print("\n".join(bad) or "no error, no spill, all within their entries")
    return 1 if bad else 0


# ---- profile


def _profile(chosen):
    """Transactions of memory by source line, of each kernel's first sample in float32."""
    rows = [["line", "memory", "access", "requests", "transactions each", "least", ""]]
    for kernel in chosen:
        T = "float32" if "float32" in kernel.types or not kernel.types else kernel.types[0]
        for (place, space, access), counts in sorted(kernel_check.profile(kernel, T).items()):
            requests, transactions, least, _ = counts
            waste = f"{transactions / least:.1f} x" if transactions > 1.2 * least else ""
            each = [f"{transactions / requests:.2f}", f"{least / requests:.2f}"]
            rows.append([f"{kernel.name} {place}", space, access, str(requests), *each, waste])
    print("\n".join(table(rows)))
    print(
        "A request is one instruction of a warp. A transaction is 32 bytes of global memory, or\n"
        "one pass over the banks of shared memory; the least is what these bytes could do with."
    )
    return 0


# ---- mutate


def _mutate(args):
    """Try mistakes, print those that nothing noticed, and the share that something did."""
    found = [
        mutant
        for path in kernel_mutation.sources()
        if args.only in path.name
        for mutant in kernel_mutation.mutants(path)
        if kernel_mutation.affected(mutant)
    ]
    if args.sample is not None and args.sample < len(found):
        found = random.Random(args.seed).sample(found, args.sample)
    if not found:
        print(f"no mistake to make in a file with {args.only!r} in its name")
        return 2
    ways, survivors = collections.Counter(), []
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for mutant, how in zip(found, pool.map(kernel_mutation.noticed, found), strict=True):
            ways[how or "not noticed"] += 1
            if not how:
                survivors.append(mutant)
                print(f"not noticed: {mutant}", flush=True)
    tried = len(found) - ways.pop("does not compile", 0)
    share = 1 - len(survivors) / max(tried, 1)
    rows = [["noticed by", "mistakes"], *([how, str(n)] for how, n in ways.most_common())]
    print("\n".join(table(rows)))
    print(f"{share:.1%} of {tried} mistakes were noticed; at least {args.least:.0%} must be")
    return 0 if share >= args.least else 1

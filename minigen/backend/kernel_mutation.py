"""Wrong kernels on purpose: does anything notice?

Idea: take a kernel's source, make one small mistake in it (a barrier gone, a bounds test gone or
one too generous, an index off by one), and run the kernel's samples: its numbers must be wrong, or
the checker must speak. A mistake that nothing notices is a hole in the tests: the share that is
noticed measures them, as `minigen kernels mutate` prints it.

Every mutant is compiled and run in a process of its own, which it may crash.
Read next: kernel_check.py (what notices), ../cli/kernels.py (the command).
"""

import multiprocessing
import os
import re
import shutil
import signal
import tempfile
from pathlib import Path
from typing import NamedTuple

from minigen.backend import emulator, kernel_check, kernels
from minigen.kernels.entry import FLOATS

TIMEOUT = 240  # seconds for one mutant: compiling, and running all samples several times
LIMIT = 20  # of them, for one launch: a mistake may make it endless


class Mutant(NamedTuple):
    """One mistake in one file."""

    path: Path
    line: int
    kind: str  # "barrier removed", "test removed", "bound off by one", "index shifted"
    before: str  # the source line
    after: str
    source: str  # the whole file with the mistake

    def __str__(self):
        return f"{self.path.name}:{self.line}: {self.kind}: {self.after.strip()}"


# ---- making mistakes

_BARRIER = re.compile(r"(__sync(?:threads|warp)|cp_async_wait(?:<\d+>)?)\([^;]*\);")
# a comparison of simple operands, as bounds tests are: `row + r < rows`, `c >= columns`
_OPERAND = r"[A-Za-z_][\w.\[\]]*(?:\([^()]*\))?(?:\s*[-+*/%]\s*[\w.\[\]]+(?:\([^()]*\))?)*"
_TEST = re.compile(rf"({_OPERAND})\s(<|<=|>|>=)\s({_OPERAND}|\d+)(?=\s*(?:[)&|?;]|$))")
_INDEX = re.compile(r"([A-Za-z_]\w*)\[([^\[\]]+)\]")
_ACCESS = re.compile(r"mg_(?:load|store)(?:_\w+)?\(([A-Za-z_]\w*), ([^,()]+(?:\([^()]*\))?[^,()]*)")


def mutants(path):
    """All mistakes that one file offers, in the order of its lines."""
    lines = path.read_text(encoding="utf-8").split("\n")
    for number, line in enumerate(lines):
        code = line.split("//")[0]
        if not code.strip() or code.lstrip().startswith(("#", "template", "constexpr", "using")):
            continue
        for kind, mistake in _mistakes(code):
            changed = [*lines[:number], mistake, *lines[number + 1 :]]
            yield Mutant(path, number + 1, kind, line, mistake, "\n".join(changed))


def _mistakes(code):
    """(kind, the line with it) for each mistake that can be made in a line."""
    for found in _BARRIER.finditer(code):
        yield "barrier removed", _replaced(code, found.span(), ";")
    loop = re.search(r"\bfor \(", code)
    for found in _TEST.finditer(code):
        if not _is_condition(code):
            continue
        generous = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}[found[2]]
        yield "bound off by one", _replaced(code, found.span(2), generous)
        if not loop:  # a loop without its test would only run for ever
            for value in ("true", "false"):
                yield f"test made {value}", _replaced(code, found.span(), value)
    for found in _INDEX.finditer(code):
        if not _is_declaration(code, found.start()):
            yield "index shifted", _replaced(code, found.span(2), f"({found[2]}) + 1")
    for found in _ACCESS.finditer(code):
        yield "index shifted", _replaced(code, found.span(2), f"({found[2]}) + 1")


def _replaced(text, span, by):
    return text[: span[0]] + by + text[span[1] :]


def _is_condition(code):
    """Whether a comparison in a line decides something: an if, a loop, `?` or a logical chain."""
    return bool(re.search(r"\b(if|for|while)\b|\?|&&|\|\||return|\bbool\b", code))


def _is_declaration(code, at):
    """Whether `name[...]` at a place declares an array: `__shared__ float a[32], b[32];`."""
    before = re.sub(r"\b\w+\[[^\]]*\],\s*$", "", code[:at])  # another one, declared before it
    return bool(re.search(r"([\w>\]]|\w[*&])\s+$", before)) and not re.search(
        r"\b(return|else)\s+$", before
    )


# ---- who would notice


def sources():
    """All files of kernels that can hold a mistake: sources and headers."""
    return sorted([*kernels.FOLDER.glob("*.cu"), *kernels.FOLDER.glob("*.cuh")])


def affected(mutant):
    """The kernels whose code a mistake is in: one, those of its file, or those of its users."""
    own = [k for k in kernels.manifest().values() if k.source == mutant.path.name]
    if own:
        inside = _kernel_around(mutant.path, mutant.line)
        return [k for k in own if inside in (None, k.name)]
    users = _including(mutant.path.name)
    return [k for k in kernels.manifest().values() if k.source in users]


def _kernel_around(path, line):
    """The name of the __global__ function that a line is in, or None."""
    text = path.read_text(encoding="utf-8")
    for found in re.finditer(r"__global__[^;{]*?\b(?!__launch_bounds__)(\w+)\(", text):
        first = text.count("\n", 0, found.start()) + 1
        body = re.search(r"^}", text[found.start() :], re.MULTILINE)
        last = text.count("\n", 0, found.start() + body.start()) + 1
        if first <= line <= last:
            return found[1]
    return None


def _including(header):
    """Names of the files that include a header, directly or not."""
    found, look = set(), {header}
    while look:
        name = look.pop()
        for path in sources():
            if f'#include "{name}"' in path.read_text() and path.name not in found:
                found.add(path.name)
                look.add(path.name)
    return found


# ---- trying one


def noticed(mutant):
    """What noticed the mistake, in a few words, or "" if nothing did.

    RuntimeError if the trying itself failed, which says nothing of the mistake.
    """
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    with tempfile.TemporaryDirectory() as folder:
        process = context.Process(target=_try, args=(theirs, mutant, Path(folder)))
        process.start()
        theirs.close()
        try:
            answer = ours.recv() if ours.poll(TIMEOUT) else "did not end"
        except EOFError:  # the process is gone
            answer = "crashed"
        process.kill()
        process.join()
    if isinstance(answer, Exception):
        raise RuntimeError(f"{mutant.path.name}:{mutant.line} could not be tried") from answer
    return answer


def _try(pipe, mutant, folder):
    """In a process of its own: answer through the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it without a word
    os.environ["MINIGEN_CACHE"] = str(folder)  # nobody will want these builds again
    for path in sources():
        shutil.copy(path, folder)
    (folder / mutant.path.name).write_text(mutant.source, encoding="utf-8")
    try:
        with emulator.time_limit(LIMIT):
            pipe.send(next(_complaints(mutant, folder), ""))
    except Exception as error:  # not the mistake's doing: it must not count as noticed
        pipe.send(error)


def _complaints(mutant, folder):
    """What the kernels' samples say; the likely ones to notice come first."""
    chosen = affected(mutant)
    rounds = [(T, True, 2) for T in ("float32", "float16", "float64", "bfloat16")]
    rounds += [("float32", False, 0), ("float32", False, 1), ("float16", False, 1)]
    for T, check, order in rounds:
        for kernel in chosen:
            if T != "float32" and T not in kernel.types:
                continue
            how = dict(check=check, order=order, seed=2, folder=folder, only=(kernel.name,))
            with kernels.emulation(**how):
                yield from _complaint(kernel, T if T in kernel.types else _other(kernel))


def _other(kernel):
    """A type of a kernel that has no float32."""
    return next((T for T in FLOATS if T in kernel.types), None)


def _complaint(kernel, T):
    for sample in kernel.samples:
        try:
            if not kernel_check.error(kernel, T, sample) <= 1:
                yield "wrong numbers"
        except emulator.EmulatorError as error:
            yield _words(str(error))


def _words(report):
    """An error of the emulator in short: "RACE read-after-write", "does not compile"."""
    found = re.search(r"\b[A-Z][A-Z-]{3,}(?: [a-z]+-after-[a-z]+)?", report)
    return found[0] if found and "error:" not in report else "does not compile"

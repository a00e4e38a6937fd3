"""`minigen bench kernels`: each CUDA kernel on a GPU: right? how long? how near to the limit?

Idea: a kernel cannot be faster than its bytes at the speed of a copy, nor than its operations at
the peak of the arithmetic units. The copy is measured in the same run, the peak follows from the
GPU's clock; the larger of the two times is the bound, and bound / time is the share of it that a
kernel reaches. Inputs rotate, so that small ones do not stay in the cache. PyTorch's function for
the same is timed beside it, on the same arrays, where PyTorch is installed.
Read next: ../../kernels/RESULTS.md (what was measured), bench.py.
"""

import importlib.metadata
import json
import statistics
from datetime import date
from pathlib import Path

from minigen.backend import gpu_properties, kernel_check, kernels, module_on, on
from minigen.cli.bench_report import can_write, write
from minigen.cli.bench_torch import TORCH
from minigen.kernels.entry import ITEM_SIZES, sizes_of

CACHE = 200e6  # bytes of inputs that no cache holds
TYPES = ("float32", "float16")  # to time, where a kernel has them; else its first

HEAD = """| kernel | type | error | µs | bound µs | of it | PyTorch µs | ratio |
| --- | --- | --- | --- | --- | --- | --- | --- |"""


def run(args):
    """Time the kernels with args.only in their names; 0, 1 if one is wrong, 2 without a GPU."""
    device = "gpu" if args.device == "cpu" else args.device
    chosen = [k for k in kernels.manifest().values() if args.only in k.name]
    if not chosen:
        print(f"no kernel has {args.only!r} in its name; see minigen kernels list")
        return 2
    if args.json and not can_write(args.json):
        return 2
    try:
        xp, machine = module_on(device), gpu_properties(device)
        torch = _torch(args.against)
    except RuntimeError as error:
        print(error)
        return 2
    with on(device):
        machine["copy"] = _copy_rate(xp)
        versions = {"cupy": xp.__version__} | ({"torch": torch.__version__} if torch else {})
        about = {"device": machine, "versions": versions, "date": date.today().isoformat()}
        print(f"{machine['name']}: copies {machine['copy'] / 1e12:.2f} TB/s, peak", end=" ")
        print(f"{machine['float32'] / 1e12:.1f} TFLOP/s in float32; {versions}, {about['date']}")
        print(HEAD, flush=True)
        rows = [row for kernel in chosen for row in _rows(xp, torch, machine, kernel, device)]
    wrong = [row for row in rows if not row["error"] <= 1]
    print(f"{len(rows)} kernels timed, {len(wrong)} wrong: error over 1 (of what is allowed)")
    if args.json:
        write(Path(args.json), json.dumps(about | {"kernels": rows}, indent=2) + "\n")
    return 1 if wrong else 0


def _torch(against):
    """PyTorch, if it is to be timed too. RuntimeError if it is not there."""
    if against is None:
        return None
    try:
        importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        raise RuntimeError(
            "torch is not installed here: pip install torch, or leave --against out"
        ) from None
    import torch

    return torch


def _rows(xp, torch, machine, kernel, device):
    """A row for each type worth timing, printed as it is there."""
    timed = [T for T in TYPES if T in kernel.types] or [*kernel.types[:1]] or [None]
    for T in timed:
        row = {"kernel": kernel.name, "type": T, "bench": _plain(kernel.bench)}
        row["error"] = max(kernel_check.error(kernel, T, s, device) for s in kernel.samples)
        calls, arrays = _calls(xp, kernel, T, device)
        row["seconds"] = _seconds(xp, calls)
        row["bound"] = bound(kernel, T, machine)
        if torch is not None and kernel.name in TORCH:
            theirs = [TORCH[kernel.name](torch, _lent(torch, a), kernel.bench) for a in arrays]
            row["torch"] = _seconds(xp, theirs, _torch_stream(xp, torch))
        print(line(row), flush=True)
        yield row


def _plain(sample):
    """A sample as JSON can hold it."""
    return {name: value if value is None else str(value) for name, value in sample.items()}


def bound(kernel, T, machine):
    """Seconds below which no kernel can be: bytes at the copy's rate, operations at the peak."""
    sizes = sizes_of(**kernel.bench, T=T, itemsize=ITEM_SIZES.get(T, 4))
    peak = machine["float64" if T == "float64" else "float32"]
    return max(kernel.bytes(sizes) / machine["copy"], kernel.flops(sizes) / peak)


def line(row):
    """A row of the table."""
    micro, share = row["seconds"] * 1e6, row["bound"] / row["seconds"]
    cells = [row["kernel"], row["type"] or "", f"{row['error']:.2f}", f"{micro:.1f}"]
    cells += [f"{row['bound'] * 1e6:.1f}", f"{share:.0%}"]
    theirs = row.get("torch")
    cells += [f"{theirs * 1e6:.1f}", f"{row['seconds'] / theirs:.2f}"] if theirs else ["", ""]
    return "| " + " | ".join(cells) + " |"


def _calls(xp, kernel, T, device):
    """Functions that each launch the kernel, on inputs of their own; and these inputs."""
    arrays, scalars = kernel_check.drawn(kernel, T, kernel.bench)
    size = sum(part.nbytes for x in arrays.values() for part in kernel_check.leaves(x))
    copies = min(16, max(2, -(-int(CACHE) // max(size, 1))))
    calls, inputs = [], []
    for _ in range(copies):
        there = {name: kernel_check.moved(x, device) for name, x in arrays.items()}
        calls.append(kernel_check.prepared(kernel, T, there, scalars)[0])
        inputs.append(there)
    return calls, inputs


def _seconds(xp, calls, stream=None):
    """Median seconds of a call, by the GPU's own clock, over at least 50 calls."""
    stream = stream or xp.cuda.get_current_stream()
    for call in calls:
        call()
    times = []
    for _ in range(7):
        start, stop = xp.cuda.Event(), xp.cuda.Event()
        start.record(stream)
        rounds = -(-50 // len(calls))
        for _ in range(rounds):
            for call in calls:
                call()
        stop.record(stream)
        stop.synchronize()
        elapsed = xp.cuda.get_elapsed_time(start, stop) / 1e3
        times.append(elapsed / (rounds * len(calls)))
    return statistics.median(times)


def _copy_rate(xp, size=1 << 29):
    """Bytes per second, read and written, of a copy of half a gigabyte."""
    a, b = xp.zeros(size, "uint8"), xp.empty(size, "uint8")
    return 2 * size / _seconds(xp, [lambda: xp.copyto(b, a)])


def _lent(torch, arrays):
    """The same memory as PyTorch's tensors, of what it has a type for."""
    known = {n: x for n, x in arrays.items() if getattr(x, "dtype", None) is not None}
    return {n: torch.from_dlpack(x) for n, x in known.items() if x.dtype.kind in "fi"}


def _torch_stream(xp, torch):
    """PyTorch's current stream, as CuPy's events know one."""
    return xp.cuda.ExternalStream(torch.cuda.current_stream().cuda_stream)

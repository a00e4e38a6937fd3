"""What `minigen bench` writes: a Markdown table, and a page around it that says where it is from.

Read next: bench.py.
"""

import math
import os
import platform
import statistics
from contextlib import suppress
from pathlib import Path

from minigen.backend import gpu_properties
from minigen.cli.bench_cases import CHAIN

HEAD = """| case | minigen | PyTorch | ratio | peak memory | ratio |
| --- | --- | --- | --- | --- | --- |"""
NOTHING = 2e6  # bytes: a smaller peak is the allocator's, not the case's


def hardware(device="cpu"):
    """Processor, cores and system of this machine, and the GPU if that is what was timed."""
    model = platform.processor() or platform.machine()
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    found = {"processor": model, "cores": os.cpu_count(), "system": platform.platform()}
    return found | ({} if device == "cpu" else {"gpu": gpu_properties(device)["name"]})


def table(rows, compared):
    """The rows as a Markdown table, with each group's geometric mean and largest ratio."""
    lines = [HEAD]
    for group in dict.fromkeys(row["group"] for row in rows):
        chosen = [row for row in rows if row["group"] == group]
        lines += [line(row, compared) for row in chosen]
        if compared:
            lines.append(summary(group, chosen))
    return "\n".join(lines)


def line(row, compared):
    """One case as a line of the table."""
    scale, unit = (1e6 / CHAIN, "µs an op") if row["group"] == "cost" else (1e3, "ms")
    seconds, peak = row["seconds"], row["peak_bytes"]
    times = [f"{seconds[side] * scale:.2f} {unit}" for side in seconds]
    cells = [row["name"], *times]
    cells += [f"{_ratio(seconds):.2f}"] if compared else ["", ""]
    cells.append(" / ".join(f"{value / 1e6:.0f} MB" for value in peak.values()))
    cells.append(f"{_ratio(peak):.2f}" if _counts(peak) else "")
    return "| " + " | ".join(cells) + " |"


def _ratio(values):
    return values["minigen"] / values["torch"]


def _counts(peak):
    """Whether the two peaks can be compared: both are the case's own."""
    return "torch" in peak and min(peak.values()) >= NOTHING


def summary(group, rows):
    """Geometric means of a group's ratios, and the largest."""
    times = [_ratio(row["seconds"]) for row in rows]
    peaks = [_ratio(row["peak_bytes"]) for row in rows if _counts(row["peak_bytes"])]
    mean = f"**{_mean(times):.2f}**, largest {max(times):.2f}"
    memory = f"**{_mean(peaks):.2f}**, largest {max(peaks):.2f}" if peaks else ""
    return f"| **{group}: geometric mean** | | | {mean} | | {memory} |"


def _mean(ratios):
    return math.exp(statistics.fmean(map(math.log, ratios)))


def page(report):
    """A whole Markdown page: the table, and the machine, versions and date that it holds for."""
    versions, machine = report["versions"], report["hardware"]
    compared = len(versions) > 1
    gpu = f"- GPU: {machine['gpu']}\n" if "gpu" in machine else ""
    command = "minigen bench" + " --against torch" * compared
    return f"""# Measured speed

Written by `{command} --table`, not by hand.

- date: {report["date"]}
- machine: {machine["processor"]}, {machine["cores"]} cores, {machine["system"]}
{gpu}- versions: {", ".join(versions.values())}; {report["threads"]} threads
- median of {report["rounds"]} rounds; the libraries in processes of their own, alternating

A ratio is minigen's over PyTorch's: below 1, minigen is faster or smaller. *cost*: what Python
adds, on chains of ops of 10 elements. *ops*: one op at the size it has in a model of the course.
*models*: whole training steps. All of them forward and backward. Peak memory is above the loaded
library; feature maps come in the order of memory that the library's own convolutions leave. Each
library has its own settings of threads and of the C library's memory.

{table(report["cases"], compared)}
"""


def write(path, text):
    """All or nothing: a reader never sees half a file."""
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)
    print(f"written: {path}")


def can_write(path):
    """Whether the folder of a report is there; else says so."""
    folder = Path(path).parent
    if not folder.is_dir():
        print(f"{path}: there is no folder {folder}")
    return folder.is_dir()

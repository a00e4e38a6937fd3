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
from minigen.cli.bench_classical import APART

NAMES = {"torch": "PyTorch", "sklearn": "scikit-learn"}
ABOUT = {
    "torch": """\
A ratio is minigen's over PyTorch's: below 1, minigen is faster or smaller. *cost*: what Python
adds, on chains of ops of 10 elements. *ops*: one op at the size it has in a model of the course.
*models*: whole training steps. All of them forward and backward. Peak memory is above the loaded
library; feature maps come in the order of memory that the library's own convolutions leave. Each
library has its own settings of threads and of the C library's memory.""",
    "sklearn": """\
A ratio is minigen's over scikit-learn's: below 1, minigen is faster or smaller. Both sides fit
the same data in float64, with as many turns, neighbours and components, and exact methods. Peak
memory is what fitting needs beside the data and the loaded library.""",
}
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


def head(other):
    """The first two lines of the table.   other: the side compared with, or None"""
    return f"""| case | minigen | {NAMES[other or "torch"]} | ratio | peak memory | ratio |
| --- | --- | --- | --- | --- | --- |"""


def table(rows, other):
    """The rows as a Markdown table, with each group's geometric mean and largest ratio."""
    lines = [head(other)]
    for group in dict.fromkeys(row["group"] for row in rows):
        chosen = [row for row in rows if row["group"] == group]
        lines += [line(row, other) for row in chosen]
        if other:
            lines.append(summary(group, chosen, other))
    return "\n".join(lines)


def line(row, other):
    """One case as a line of the table."""
    scale, unit = (1e6 / CHAIN, "µs an op") if row["group"] == "cost" else (1e3, "ms")
    seconds, peak = row["seconds"], row["peak_bytes"]
    times = [f"{seconds[side] * scale:.2f} {unit}" for side in seconds]
    cells = [row["name"], *times]
    cells += [f"{_ratio(seconds, other):.2f}"] if other in seconds else ["", ""]
    cells.append(" / ".join(f"{value / 1e6:.0f} MB" for value in peak.values()))
    cells.append(f"{_ratio(peak, other):.2f}" if _counts(peak, other) else "")
    return "| " + " | ".join(cells) + " |"


def _ratio(values, other):
    return values["minigen"] / values[other]


def _counts(peak, other):
    """Whether the two peaks can be compared: both are the case's own."""
    return other in peak and min(peak.values()) >= NOTHING


def summary(group, rows, other):
    """Geometric means of a group's ratios, and the largest; of those that count and both have."""
    apart = [row["name"] for row in rows if row["name"] in APART]
    rows = [row for row in rows if row["name"] not in apart and other in row["seconds"]]
    times = [_ratio(row["seconds"], other) for row in rows]
    peaks = [_ratio(row["peak_bytes"], other) for row in rows if _counts(row["peak_bytes"], other)]
    title = f"{group}: geometric mean" + f", {', '.join(apart)} apart" * bool(apart)
    return f"| **{title}** | | | {_means(times)} | | {_means(peaks)} |"


def _means(ratios):
    return f"**{_mean(ratios):.2f}**, largest {max(ratios):.2f}" if ratios else ""


def _mean(ratios):
    return math.exp(statistics.fmean(map(math.log, ratios)))


def page(report):
    """A whole Markdown page: the table, and the machine, versions and date that it holds for."""
    versions, machine = report["versions"], report["hardware"]
    other = next((side for side in versions if side != "minigen"), None)
    gpu = f"- GPU: {machine['gpu']}\n" if "gpu" in machine else ""
    words = ["minigen bench", report["group"], other and f"--against {other}", "--table"]
    about = ABOUT[other or ("sklearn" if report["group"] == "classical" else "torch")]
    return f"""# Measured speed

Written by `{" ".join(filter(None, words))}`, not by hand.

- date: {report["date"]}
- machine: {machine["processor"]}, {machine["cores"]} cores, {machine["system"]}
{gpu}- versions: {", ".join(versions.values())}; {report["threads"]} threads
- median of {report["rounds"]} rounds; the libraries in processes of their own, alternating

{about}

{table(report["cases"], other)}
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

"""`minigen bars`: run presets over several seeds, record what came out, print the table of bars.

Idea: a bar is a promise about a command, so it is measured by running that command, in a process of
its own, as a user would. What it writes, demos/recorded.json, is the only place where measured
results stand: the demos compare with it, `minigen list` and the README show it.
Read next: demo.py, ../train/run.py (report.json, which is read here).
"""

import argparse
import importlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from minigen.cli.demo import duration, load
from minigen.train import UsageError
from minigen.train.files import write_json
from minigen.train.settings import nearest

HELP = """Run presets for several seeds, record mean, deviation and time in demos/recorded.json, and
print the table of bars (Markdown). Exit code 1 if a run failed or a mean misses its bar."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `minigen bars`."""
    parser.add_argument("--seeds", type=int, default=3, metavar="N",
                        help="run seeds 0 to N-1 (default: 3)")
    parser.add_argument("--only", action="append", metavar="NAME",
                        help="this demo; can be repeated (default: all)")
    parser.add_argument("--preset", default="tiny", help="the preset to run (default: tiny)")


def run(args: argparse.Namespace) -> int:
    """Measure, record, and print the table."""
    demos = importlib.import_module("minigen.demos")
    try:
        names = args.only or list(demos.names())
        chosen = {name: load(name) for name in names}
        if args.seeds < 1:
            raise UsageError(f"--seeds {args.seeds}: it must be at least 1")
        presets = dict.fromkeys(p for module in chosen.values() for p in module.PRESETS)
        if args.preset not in presets:
            raise UsageError(f"--preset {args.preset}: there is no such preset"
                             f"{nearest(args.preset, presets)}")
    except UsageError as error:
        print(f"minigen bars: {error}", file=sys.stderr)
        return 2
    good = True
    for name, module in chosen.items():
        if args.preset in module.PRESETS:
            result = measure(name, module.ABOUT, args.preset, args.seeds)
            good &= result is not None and module.ABOUT.reached(result["value"], args.preset)
            if result is not None:
                record(demos.RECORDED, name, args.preset, result)
    print("\n" + markdown({name: load(name).ABOUT for name in demos.names()}, demos.recorded))
    return int(not good)


def measure(name, about, preset, seeds):
    """Run the preset with seeds 0, 1, ...   -> the result to record; None if a run failed"""
    values, seconds = [], []
    for seed in range(seeds):
        with tempfile.TemporaryDirectory() as out:
            command = [sys.executable, "-m", "minigen", "demo", name, "--preset", preset,
                       "--seed", str(seed), "--out", out]
            began = time.monotonic()
            done = subprocess.run(command, capture_output=True, text=True)
            seconds.append(time.monotonic() - began)
            found = list(Path(out).glob("*/report.json"))
            if not found:
                print(f"{' '.join(command)}\n{done.stdout}{done.stderr}", file=sys.stderr)
                return None
            report = json.loads(found[0].read_text(encoding="utf-8"))
        values.append(report["metrics"][about.metric])
        print(f"{name} {preset} seed {seed}: {about.metric} {values[-1]:.4g}, "
              f"{duration(seconds[-1])}", flush=True)
    return {
        "metric": about.metric,
        "value": statistics.mean(values),
        "sd": statistics.stdev(values) if seeds > 1 else 0.0,
        "bar": about.bars[preset],
        "seconds": round(statistics.mean(seconds), 1),
        "seeds": seeds,
        "device": report["hardware"],
        "date": date.today().isoformat(),
    }


def record(path, name, preset, result):
    """Put the result in its place of the file of results."""
    everything = json.loads(path.read_text(encoding="utf-8"))
    everything.setdefault(name, {})[preset] = result
    write_json(path, everything)


def markdown(abouts, recorded):
    """The table of bars.   abouts: {demo: About}; recorded: demo -> {preset: result}"""
    head = ["item", "demo", "preset", "metric", "bar", "measured (mean ± s.d.)", "seeds", "time",
            "on", "date"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for name, about in abouts.items():
        for preset, r in recorded(name).items():
            mark = "✓" if about.reached(r["value"], preset) else "✗"
            cells = [about.item, name, preset, r["metric"], about.bar(preset),
                     f"{mark} {r['value']:.4g} ± {r['sd']:.2g}", str(r["seeds"]),
                     duration(r["seconds"]), r["device"], r["date"]]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)

"""`minigen list`: every demo of the course, with what was measured.

Read next: demo.py, bars.py (which records the results).
"""

import argparse
import importlib
import json

from minigen.cli.demo import duration, load
from minigen.cli.table import table

HELP = """Show every demo: chapter, English and French name, presets, recorded result and time."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `minigen list`."""
    parser.add_argument("--json", action="store_true", help="print the catalogue as JSON")


def run(args: argparse.Namespace) -> int:
    """Print the catalogue."""
    entries = catalogue()
    print(json.dumps(entries, indent=2, ensure_ascii=False) if args.json else as_table(entries))
    return 0


def catalogue():
    """What is known of every demo, in the order of the course's rows, as JSON can hold it.

    Demos that have no row come last in their chapter.
    """
    demos = importlib.import_module("minigen.demos")
    entries = []
    for name, path in demos.names().items():
        module = load(name)
        about = module.ABOUT
        entries.append({
            "row": about.row if isinstance(about.row, int) else list(about.row),
            "item": about.item,
            "demo": name,
            "chapter": path.split(".")[-2],
            "fr": about.fr,
            "en": about.en,
            "module": about.module,
            "presets": list(module.PRESETS),
            "recorded": demos.recorded(name),
        })
    rows = {e["demo"]: [e["row"]] if isinstance(e["row"], int) else e["row"] for e in entries}
    last = {}
    for e in entries:
        last[e["chapter"]] = max([last.get(e["chapter"], 0), *rows[e["demo"]]])
    return sorted(entries, key=lambda e: min(rows[e["demo"]], default=last[e["chapter"]] + 0.5))


def as_table(entries):
    """The catalogue for people: a line a preset."""
    rows = [["chapter", "demo", "English", "français", "preset", "recorded", ""]]
    for entry in entries:
        about = [entry["chapter"], entry["demo"], entry["en"], entry["fr"]]
        for preset in entry["presets"]:
            result = entry["recorded"].get(preset)
            words, took = "-", ""
            if result:
                words = f"{result['metric']} {result['value']:.3g} ± {result['sd']:.2g}"
                words += f", bar {load(entry['demo']).ABOUT.bar(preset)}"
                took = duration(result["seconds"])
            rows.append([*about, preset, words, took])
            about = [""] * 4
    return "\n".join(table(rows))

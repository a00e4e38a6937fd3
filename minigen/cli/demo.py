"""`minigen demo NAME`: train a model of the course and draw its figures.

Idea: a demo module declares its settings; this file turns the command line into its config, tells
what is about to happen, and calls `main(config)`. All that can be wrong on a command line is found
before anything is written.
Read next: ../train/settings.py (fields as text), ../train/run.py (what happens then).
"""

import argparse
import importlib
import json
import os
import shlex
import shutil
import sys
from dataclasses import fields
from pathlib import Path

from minigen.cli.table import table
from minigen.data import DataError
from minigen.train import Demo, DivergenceError, Launch, UsageError
from minigen.train.demo import as_typed
from minigen.train.device import device_name
from minigen.train.parallel import world
from minigen.train.settings import field_comments, nearest, parse, restore, settings
from minigen.train.verdict import recorded_words

HELP = """Train a model of the course on this machine and draw its figures, into ./runs/NAME-1/,
where report.html shows it all. Under mpiexec -n K, K processes share each batch.
Without NAME, list the demos; minigen demo NAME --help explains the settings of one.
Exit code 0: the bar was reached, or there was none; 1: it was missed; 2: the command was wrong;
130: stopped by Ctrl-C, after saving."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `minigen demo`."""
    parser.add_argument("name", nargs="?", metavar="NAME", action=_Name, help="the demo")
    parser.add_argument("--preset", metavar="tiny|cpu|gpu", help="how large (default: tiny)")
    parser.add_argument("--device", metavar="D", help="cpu, gpu or gpu:1 (default: the preset's)")
    parser.add_argument("--seed", type=int, metavar="N", help="another seed (default: 0)")
    parser.add_argument("--set", action="append", default=[], metavar="name=value", dest="changes",
                        help="change a setting; can be repeated")
    parser.add_argument("--data", metavar="PATH",
                        help="your own pictures: a folder, an IDX file as MNIST's, .npz or .npy; "
                             "or mnist, fashion_mnist, kmnist, cifar10, cifar100, to be fetched")
    parser.add_argument("--out", metavar="DIR", help="make the run's folder in DIR (default: runs)")
    parser.add_argument("--resume", metavar="RUN", help="continue the run in the folder RUN")
    parser.add_argument("--show", action="store_true", help="open each figure as it is written")


class _Name(argparse.Action):
    """Stores NAME; a --help or a mistake behind it explains that demo."""

    def __call__(self, parser, namespace, name, option=None):
        setattr(namespace, self.dest, name)
        if name is None:
            return
        try:
            module = load(name)
        except UsageError as error:
            parser.exit(2, f"minigen demo: {error}\n")
        parser.format_help = lambda: f"{explain(name, module)}\n"
        parser.prog += f" {name}"               # the usage that a mistake shows is this demo's
        self.help = argparse.SUPPRESS           # and has no other NAME


def run(args: argparse.Namespace) -> int:
    """Run the demo and return its exit code, see HELP."""
    try:
        if args.name is None:
            print(overview())
            return 0
        module = load(args.name)
        config = resumed(args, module) if args.resume else fresh(args, module)
        config.show = args.show
        config.check()
        with world().speaking():        # under mpiexec one speaks for all
            _announce(args.name, config)
            return module.main(config)
    except (UsageError, DataError) as error:
        print(f"minigen demo: {error}", file=sys.stderr)
        return 2
    except DivergenceError as error:
        for line in (f"minigen demo: {error}", *getattr(error, "__notes__", [])):
            print(line, file=sys.stderr)
        return 1
    except KeyboardInterrupt:       # the run has said how to continue
        return 130


def load(name):
    """The module of a demo. UsageError, with the nearest name, if there is none."""
    # the demos stand above this floor: they are found by name, as plug-ins are
    demos = importlib.import_module("minigen.demos")
    known = demos.names()
    if name not in known:
        raise UsageError(f"no demo {name!r}{nearest(name, known)}")
    return importlib.import_module(known[name])


def fresh(args, module):
    """The config that the options ask for."""
    preset = args.preset or "tiny"
    if preset not in module.PRESETS:
        raise UsageError(f"--preset {preset}: {args.name} has no such preset"
                         f"{nearest(preset, module.PRESETS)}")
    values = dict(module.PRESETS[preset])
    changes = dict(parse(module.Config, text) for text in args.changes)
    config = module.Config(**{**values, **changes})
    before = module.Config(**values)
    config.device = args.device or ("gpu" if preset == "gpu" else "cpu")
    config.data = args.data
    if args.seed is not None:
        config.seed = args.seed
    if args.out is not None:
        config.out = args.out
    changed = tuple(k for k in changes if getattr(config, k) != getattr(before, k))
    config.launch = _launch(args.name, module, preset, changed)
    return config


def resumed(args, module):
    """The config of the run to continue, as its config.json tells it."""
    for option in ("preset", "device", "seed", "data", "out", "changes"):
        if getattr(args, option) not in (None, []):
            option = "set" if option == "changes" else option
            raise UsageError(f"--resume takes everything from the run; leave out --{option}")
    path = Path(args.resume) / "config.json"
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise UsageError(f"--resume {args.resume}: not the folder of a run ({error})") from error
    if not isinstance(saved, dict) or saved.get("preset") is None:
        raise UsageError(f"--resume {args.resume}: it is no run of minigen demo; continue it from "
                         "the script that made it")
    if saved["demo"] != args.name:
        raise UsageError(f"--resume {args.resume}: it is a run of {saved['demo']}, not {args.name}")
    config = module.Config(**restore(module.Config, saved["settings"]))
    config.seed, config.device, config.data = saved["seed"], saved["device"], saved["data"]
    config.resume = args.resume
    config.launch = _launch(args.name, module, saved["preset"], tuple(saved["changed"]))
    return config


def _launch(name, module, preset, changed):
    recorded = importlib.import_module("minigen.demos").recorded(name).get(preset)
    return Launch(module.ABOUT, preset, changed, recorded, f"{program()} demo {name}")


def program():
    """How this process's minigen is called in the user's shell."""
    called = Path(sys.argv[0])
    if called.stem == "minigen":
        found = shutil.which("minigen")
        same = found is not None and os.path.realpath(found) == os.path.realpath(called)
        return "minigen" if same else shlex.quote(str(called))
    found = shutil.which("python")
    same = found is not None and os.path.realpath(found) == os.path.realpath(sys.executable)
    return f"{'python' if same else shlex.quote(sys.executable)} -m minigen"


def _announce(name, config):
    """Say what is about to run, where, and how long it takes."""
    launch = config.launch
    print(f"{name}, preset {launch.preset}: {launch.about.en}, « {launch.about.fr} »")
    print(device_name(config.device))
    if launch.recorded is None:
        print("how long this takes was not recorded yet")
    else:
        took = f"{duration(launch.recorded['seconds'])} on {launch.recorded['device']}"
        print(f"the preset took {took}" if launch.changed or config.data else f"expect {took}")
    sys.stdout.flush()


def duration(seconds):
    """Seconds in words: "25 s", "4 min"."""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def overview():
    """What there is, for `minigen demo` alone."""
    abouts = {name: load(name).ABOUT for name in importlib.import_module("minigen.demos").names()}
    rows = [[name, about.en, about.fr] for name, about in abouts.items()]
    return "\n".join(["Demos:", *table(rows), "",
                      f"{program()} demo NAME runs one; with --help it explains its settings."])


def explain(name, module):
    """The help of one demo: what it is, its settings with each preset's values, its options."""
    about, presets = module.ABOUT, module.PRESETS
    configs = {preset: module.Config(**values) for preset, values in presets.items()}
    rows = [["setting", *configs, ""]]
    for setting in settings(module.Config).values():
        values = [as_typed(getattr(config, setting.name)) for config in configs.values()]
        rows.append([setting.name, *values, setting.comment])
    lines = [f"minigen demo {name}: {about.en}, « {about.fr} »", "", module.__doc__.strip(), "",
             "Settings, changed by --set name=value; what each preset has:", *table(rows), "",
             "Options:"]
    comments = field_comments(Demo)
    options = [[f"--preset {'|'.join(presets)}", "how large; default tiny"]]
    options += [[f"--{f.name}" if f.type is bool else f"--{f.name} {f.name.upper()}",
                 comments[f.name]] for f in fields(Demo) if f.name != "launch"]
    lines += [*table(options), "", f"Recorded, and bar, of {about.metric}:"]
    results = importlib.import_module("minigen.demos").recorded(name)
    lines += table([[preset, about.bar(preset), recorded_words(results.get(preset))]
                     for preset in presets])
    return "\n".join(lines)

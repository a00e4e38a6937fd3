"""The options of `minigen gradcheck`: what they are, and what their values mean.

Idea: each kind of value has a function from its text to what it means; what is wrong with it is an
error in one line that shows what would be right. argparse prints it and ends with exit code 2.
Read next: gradcheck.py.
"""

import argparse
import difflib
import os
import re
from pathlib import Path

from minigen.gradcheck import hints
from minigen.gradcheck.checker import Settings

ENDINGS = (".py", ".ipynb")
SECONDS = {"ms": 1e-3, "s": 1.0, "": 1.0, "m": 60.0, "h": 3600.0}
BYTES = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
LEAST_MEMORY = 1 << 24      # less starts nothing
USUAL = Settings()


def add(parser):
    """Add all options to the parser."""
    parser.add_argument(
        "files", nargs="*", metavar="FILE", type=existing,
        help="a homework file (.py, .ipynb), or a folder: all such files in it, or if there are "
        "none, those in its folders",
    )  # fmt: skip
    what = parser.add_argument_group("what is checked")
    what.add_argument(
        "--only", metavar="NAME,...", type=names, default=(), help="only the pairs of these names"
    )
    what.add_argument(
        "--spec", metavar="SPEC.toml", help="a teacher's file with inputs and points for each pair"
    )
    what.add_argument(
        "--exercise", metavar="NAME", nargs="?", const="list",
        help="the files are solutions of an exercise of the course, NAME.py if none is given; with "
        "--init write NAME.py, with a backward to fill in; without NAME list the exercises",
    )
    what.add_argument(
        "--seed", metavar="N", type=whole(0), default=USUAL.seed,
        help="of inputs and upstream gradients (default 0)",
    )
    what.add_argument(
        "--seeds", metavar="K", type=whole(1), default=USUAL.seeds,
        help="points to check at: seeds N, N + 1, ... (default 3)",
    )
    what.add_argument("--nudge", action="store_true", help="move inputs away from kinks")
    _add_how(parser.add_argument_group("how"))
    _add_output(parser.add_argument_group("what comes out"))


def _add_how(how):
    effort = how.add_mutually_exclusive_group()
    effort.add_argument(
        "--fast", action="store_true", help="along random directions, and a sample of entries"
    )
    effort.add_argument(
        "--full", action="store_true", help="every entry, whatever time it takes up to --timeout"
    )
    how.add_argument(
        "--budget", metavar="TIME", type=duration, default=USUAL.budget,
        help="time that a pair should take, such as 500ms, 20s, 2m (default 20s): beyond it, "
        "random directions instead of every entry",
    )
    how.add_argument(
        "--strict", choices=["on", "off"], default="on",
        help="off: a relative error below 1e-6 is a remark, not a failure (default on)",
    )
    how.add_argument(
        "--timeout", metavar="TIME", type=duration,
        help="after which a pair is killed (default 60s, or twice --budget if that is more)",
    )
    how.add_argument(
        "--mem", metavar="SIZE", type=size, default=USUAL.memory,
        help="memory that a homework may take, such as 512M or 2G (default 1G; Linux only)",
    )
    how.add_argument(
        "--repair", action=argparse.BooleanOptionalAction, default=USUAL.repair,
        help="search for an edit that makes a wrong gradient right, for at most 5s a pair (default "
        "yes; not with --no-isolate)",
    )
    how.add_argument(
        "--no-isolate", dest="isolate", action="store_false",
        help="run the homework in this process, without limits: for your own files, in a debugger",
    )


def _add_output(out):
    out.add_argument(
        "--hints", metavar="LEVEL", type=int, choices=range(len(hints.LEVELS)), default=hints.USUAL,
        help="how much is shown: "
        + ", ".join(f"{level} {what}" for level, what in enumerate(hints.LEVELS))
        + " that makes it right, if one is found (default 2); hints = LEVEL in the spec and HINTS "
        "= LEVEL in the file are ceilings",
    )
    instead = out.add_mutually_exclusive_group()
    instead.add_argument(
        "--json", metavar="FILE|-", type=json_target,
        help="write the results as JSON too, anew after each pair; -: to standard output, and "
        "nothing else",
    )
    out.add_argument(
        "--pictures", metavar="DIR", type=folder,
        help="draw a picture of each pair into this folder: where the error is, yours against "
        "numeric, Taylor remainder",
    )
    out.add_argument(
        "--csv", metavar="FILE", type=target,
        help="write a table for spreadsheets, too: a row per file, points and verdicts per pair",
    )
    out.add_argument(
        "--gradescope", metavar="FILE", type=target,
        help="write the results.json of a Gradescope autograder, too",
    )
    out.add_argument(
        "--resume", action="store_true",
        help="go on with the run that wrote the --json FILE: files that are in it and have not "
        "changed since are not checked again",
    )
    _add_instead(instead)


def _add_instead(instead):
    """What is done without a check of homework."""
    instead.add_argument(
        "--explain", metavar="KIND", nargs="?", const="list",
        help="show a page on a kind of mistake, such as sign: what it is, how to find "
        "it by hand, the formula, an example; without KIND list the kinds",
    )
    instead.add_argument(
        "--self-test", action="store_true",
        help="check the example of every kind: is the wrong one named, does the right one pass?",
    )
    instead.add_argument("--list", action="store_true", help="show the pairs found; check nothing")
    instead.add_argument(
        "--init", action="store_true",
        help="write a spec with guessed inputs next to each FILE, to be filled in; with --exercise "
        "the exercise's file",
    )


def settings(args):
    """The parsed options as the checker's Settings."""
    return Settings(
        only=args.only or ((args.exercise,) if args.exercise else ()),
        seed=args.seed,
        seeds=args.seeds,
        mode="fast" if args.fast else "full" if args.full else "auto",
        budget=args.budget,
        strict=args.strict == "on",
        nudge=args.nudge,
        isolate=args.isolate,
        repair=args.repair,
        memory=args.mem,
        timeout=args.timeout or max(USUAL.timeout, 2 * args.budget),
        pictures=bool(args.pictures),
        hints=args.hints,
    )


def again(args):
    """The words of the command line that make a check come out the same again."""
    words = ["--seed", str(args.seed)]
    words += [f"--{flag}" for flag in ("fast", "full", "nudge") if getattr(args, flag)]
    changed = {
        "--seeds": (args.seeds, USUAL.seeds, args.seeds),
        "--budget": (args.budget, USUAL.budget, f"{args.budget:g}s"),
        "--timeout": (args.timeout, None, f"{args.timeout or 0:g}s"),
        "--mem": (args.mem, USUAL.memory, f"{args.mem / BYTES['M']:g}M"),
        "--strict": (args.strict, "on", args.strict),
        "--hints": (args.hints, hints.USUAL, args.hints),
        "--spec": (args.spec, None, args.spec),
        "--exercise": (args.exercise, None, args.exercise),
    }
    for option, (value, usual, text) in changed.items():
        words += [option, str(text)] if value != usual else []
    return words + ["--no-repair"] * (not args.repair) + ["--no-isolate"] * (not args.isolate)


def homework(paths):
    """The files meant by paths, each once. A folder means those in it, or if there are none, those
    in the folders in it, one for each student."""
    found = []
    for path in paths:
        if os.path.isdir(path):
            within = _seen(path)
            folders = [p for p in within if p.is_dir() and not p.name.startswith("__")]
            found += _files(within) or [p for folder in folders for p in _files(_seen(folder))]
        else:
            found.append(path)
    return list(dict.fromkeys(map(str, found)))


def _seen(folder):
    """What lies in a folder, in order, without what is hidden."""
    return sorted(p for p in Path(folder).iterdir() if not p.name.startswith("."))


def _files(paths):
    return [p for p in paths if p.suffix in ENDINGS and p.is_file()]


def conflict(args):
    """What is wrong with the options together, in a sentence; "" if nothing."""
    if (args.explain or args.self_test) and args.files:
        return "--explain and --self-test are about examples of minigen: leave out FILE"
    written = [path for path in (args.json, args.csv, args.gradescope) if path and path != "-"]
    results = args.csv or args.gradescope or args.resume or args.pictures
    if results and (args.list or args.init):
        return (
            "--list and --init check nothing: leave out --csv, --gradescope, --pictures, --resume"
        )
    named = [os.path.realpath(path) for path in (*written, *filter(None, [args.spec]))]
    if len(set(named)) < len(named):
        return "--json, --csv, --gradescope and --spec: two of them name the same file"
    if args.resume and args.json in (None, "-"):
        return "--resume goes on with a run that wrote --json FILE: name that file"
    if args.resume and args.gradescope:
        return "--gradescope is about one submission, --resume about many: leave out one of them"
    return ""


# ---- values


def existing(text):
    """A file or folder that is there."""
    path = Path(text)
    if path.is_dir():
        return text
    if not path.is_file():
        folder = path.parent
        beside = [p.name for p in folder.iterdir()] if folder.is_dir() else []
        if path.name in beside:
            raise argparse.ArgumentTypeError(f"{text} is no ordinary file, or leads to none")
        near = difflib.get_close_matches(path.name, beside, n=1)
        hint = f"; did you mean {folder / near[0]}?" if near else ""
        raise argparse.ArgumentTypeError(f"no such file: {text}{hint}")
    if path.suffix not in ENDINGS:
        raise argparse.ArgumentTypeError(f"{text} is neither .py nor .ipynb")
    return text


def names(text):
    """Names between commas, as a tuple."""
    found = tuple(name.strip() for name in text.split(",") if name.strip())
    if not found:
        raise argparse.ArgumentTypeError("no name; --only conv,linear checks these two pairs")
    return found


def whole(least):
    """The kind of option that is a whole number, at least `least`."""

    def number(text):
        if not re.fullmatch(r"\d+", text) or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {least}")
        return int(text)

    return number


def duration(text):
    """Seconds: 20s, 2m, 500ms, 1h, or plain 20."""
    found = re.fullmatch(r"(\d+\.?\d*|\.\d+)\s*(ms|s|m|h|)", text)
    if not found or not 0 < float(found[1]) < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write 20s, 2m or 500ms")
    return float(found[1]) * SECONDS[found[2]]


def size(text):
    """Bytes: 1G, 512M."""
    found = re.fullmatch(r"(\d+\.?\d*|\.\d+)\s*([KMG])(i?B)?", text, re.IGNORECASE)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write 1G or 512M")
    number = int(float(found[1]) * BYTES[found[2].upper()])
    if number < LEAST_MEMORY:
        raise argparse.ArgumentTypeError(
            f"{text} is too little for any homework; the least is 16M"
        )
    return number


def json_target(text):
    """A file that may be written, or -."""
    return text if text == "-" else target(text)


def target(text):
    """A file that may be written."""
    path = Path(text)
    if path.suffix in ENDINGS:
        raise argparse.ArgumentTypeError(f"{text} looks like homework, and would be overwritten")
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is a folder; name a file in it")
    if path.exists() and not path.is_file():
        raise argparse.ArgumentTypeError(f"{text} is no ordinary file")
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"{text}: cannot write into {path.parent}")
    return text


def folder(text):
    """A folder to write into; it need not be there yet."""
    path = Path(text)
    above = next(p for p in (path, *path.absolute().parents) if p.exists())
    if not above.is_dir():
        raise argparse.ArgumentTypeError(f"{text}: {above} is a file; name a folder")
    if not os.access(above, os.W_OK):
        raise argparse.ArgumentTypeError(f"{text}: cannot write into {above}")
    return text

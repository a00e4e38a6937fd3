"""The command `minigen`: one module of this folder per subcommand.

Idea: the table below is all that `minigen --help` needs. A command's module is imported only when
it is chosen, so that help stays instant and a broken demo cannot break `doctor`. Each module has
    HELP                     what `minigen NAME --help` says above the options
    add_arguments(parser)    its options
    run(args) -> int         does it; the exit code: 0 good, 1 it ran and the answer is no
Exit code 2 is argparse's: the command line was not understood.
Read next: demo.py, doctor.py.
"""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

import minigen

COMMANDS = {
    "demo": "train a model of the course and draw its figures",
    "gradcheck": "check the gradients of homework: right, wrong, and where",
    "list": "show every demo: chapter, names, presets, recorded result",
    "bars": "measure presets over several seeds and record the results",
    "bench": "time ops and training steps, against PyTorch where it is installed",
    "kernels": "list, compile, profile and mutate the CUDA kernels; no GPU needed",
    "doctor": "check this machine and environment, and say how to fix what is wrong",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line argv (default: the process's own) and return its exit code."""
    argv = sys.argv[1:] if argv is None else [*argv]  # `list` is a module here
    _open_closed_streams()
    # No option before the command takes a value, so the first word is the command.
    chosen = next((word for word in argv if not word.startswith("-")), None)
    parser, command, run = _parser(chosen)
    args, unknown = parser.parse_known_args(argv)
    if unknown:  # the usage to show is the command's
        (command or parser).error(f"unrecognized arguments: {' '.join(unknown)}")
    if run is None:  # no command at all
        parser.print_help()
        return 2
    try:
        code = run(args)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader had enough: minigen list | head
        drop_output()
        return 141  # as of a process that SIGPIPE ended
    except KeyboardInterrupt:  # Ctrl-C
        print("stopped", file=sys.stderr)
        return 130
    return code


def drop_output() -> None:
    """From here on nobody reads standard output, or it is full: what is written to it is lost."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _open_closed_streams():
    """A stream that was closed (`>&-`) leads nowhere, and no other file gets its number."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            stream = open(os.devnull, "r" if name == "stdin" else "w")  # noqa: SIM115 - stays open
            setattr(sys, name, stream)


def _parser(chosen):
    """The parser with every command's name, the chosen command's own, and its run function."""
    parser = argparse.ArgumentParser(
        prog="minigen",
        description="Learn generative and self-supervised deep learning on an engine one can read.",
        epilog="minigen COMMAND --help explains a command.",
    )
    parser.add_argument("--version", action="version", version=f"minigen {minigen.__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND")
    command = run = None
    for name, line in COMMANDS.items():
        if name == chosen:
            module = importlib.import_module(f"minigen.cli.{name}")
            command = subparsers.add_parser(
                name,
                help=line,
                description=module.HELP,
                formatter_class=argparse.RawDescriptionHelpFormatter,
            )
            module.add_arguments(command)
            run = module.run
        else:
            subparsers.add_parser(name, help=line)
    return parser, command, run

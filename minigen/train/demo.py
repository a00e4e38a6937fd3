"""What a demo says about itself, and what all demos' configs share.

Idea: a demo module is three declarations and a function: `ABOUT`, its line in the catalogue; a
config dataclass with one comment per field; `PRESETS`, which fields each preset changes; and
`main(config)`. The command line reads them, fills a config in, and calls main.
Read next: settings.py (fields as text), run.py (what main does with the config).
"""

import os
import shlex
from dataclasses import dataclass, fields
from pathlib import Path

import minigen
from minigen import Generator
from minigen.backend import on
from minigen.data.images import NAMES
from minigen.train.viewer import viewer


class UsageError(ValueError):
    """A user's mistake; the message says what to change. Shown without a traceback."""


def as_typed(value):
    """A setting's value as one would type it: "3,4", "true"."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value).lower()


@dataclass(frozen=True)
class About:
    """A demo's line in the catalogue."""

    row: int | tuple[int, ...]      # rows of the course's table of systems, () if it has none
    item: str                       # the course's specification, "A-07"
    fr: str                         # the lecture's term
    en: str                         # the same in English
    module: str                     # the model, "minigen.models..."
    metric: str                     # the name in `run.report(name=...)` that decides
    bars: dict[str, float]          # what each preset must reach
    better: str = "lower"           # which way the metric improves: "lower" or "higher"

    def reached(self, value, preset):
        """Whether the metric's value meets the preset's bar."""
        bar = self.bars[preset]
        return value <= bar if self.better == "lower" else value >= bar

    def bar(self, preset):
        """The preset's bar as text, "≤ 1.1"."""
        return f"{'≤' if self.better == 'lower' else '≥'} {self.bars[preset]:g}"


@dataclass(frozen=True)
class Launch:
    """How the command line came to a config: what a run needs to compare and to be resumed."""

    about: About
    preset: str
    changed: tuple[str, ...]        # settings that differ from the preset's
    recorded: dict | None           # the preset's recorded result, None before `minigen bars`
    command: str                    # what to type in front of --resume RUN


@dataclass
class Demo:
    """Base of every demo's config: what the command line sets by options of their own."""

    seed: int = 0                   # decides the weights, the order of the data and every draw
    device: str = "cpu"             # where to compute: cpu, gpu, or gpu:1 for the second one
    data: str | None = None         # your own pictures, in place of the built-in data
    out: str = "runs"               # folder in which each run makes its own
    resume: str | None = None       # folder of the run to continue
    show: bool = False              # open each figure as it is first written; later ones replace it
    launch: Launch | None = None    # filled in by the command line

    def rng(self, name):
        """A stream of random numbers on the CPU that depends on the seed and the name only."""
        return Generator(self.seed).spawn(name)

    def description(self, name):
        """What was asked for, as JSON can hold it: enough to make the same config again."""
        common = {f.name for f in fields(Demo)}
        launch, data = self.launch, self.data
        path = data and data not in NAMES and os.path.exists(data)
        return {
            "demo": name,
            "preset": launch.preset if launch else None,
            "changed": list(launch.changed) if launch else [],
            "seed": self.seed,
            "device": self.device,
            # absolute: the run may be continued from another folder
            "data": os.path.abspath(data) if path else data,
            "settings": {f.name: getattr(self, f.name)
                         for f in fields(self) if f.name not in common},
            "minigen": minigen.__version__,
        }

    def command(self):
        """What to type to make the same run again; "" where no command line made this config."""
        if self.launch is None:
            return ""
        words = ["--preset", self.launch.preset, "--device", self.device, "--seed", str(self.seed)]
        for name in self.launch.changed:
            words += ["--set", f"{name}={as_typed(getattr(self, name))}"]
        words += ["--data", self.data] if self.data is not None else []
        return f"{self.launch.command} {shlex.join(words)}"

    def resume_command(self, folder):
        """What to type to continue the run in the folder."""
        if self.launch is None:
            return f"{type(self).__name__}(..., resume={str(folder)!r})"
        return f"{self.launch.command} --resume {shlex.quote(str(folder))}"

    def check(self):
        """Raise UsageError, with the fix, for a seed, device or folder that cannot be used."""
        if self.seed < 0:
            raise UsageError(f"--seed {self.seed}: it must be at least 0")
        try:
            with on(self.device):
                pass
        except (ValueError, RuntimeError) as error:
            raise UsageError(str(error)) from error
        if self.show:
            try:
                viewer()
            except RuntimeError as error:
                raise UsageError(f"--show: {error}; the figures are files in the run's folder "
                                 "without it too") from error
        folder = Path(self.out)
        existing = next(p for p in (folder, *folder.absolute().parents) if p.exists())
        if not existing.is_dir():
            raise UsageError(f"--out {self.out}: {existing} is a file; give a folder")
        if not os.access(existing, os.W_OK):
            raise UsageError(f"--out {self.out}: no permission to write in {existing}")

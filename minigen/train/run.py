"""A training run: the folder it lives in, and what every training loop needs around it.

Idea: the loop belongs to the demo; the run stands beside it. Between two steps, and only there, the
state is whole: weights, optimizer, random numbers, position. So a checkpoint is taken only there,
Ctrl-C waits for the end of the step, and a resumed run goes through the same numbers as one that
was never stopped.

    with Run(config, "vae", model=vae, optimizer=optimizer) as run:
        for x in run.batches(images.train, config.batch, config.epochs):
            ...                                     # loss, backward, step
            run.log(loss=loss)
            if run.every(0.1):
                run.figure("samples", draw.grid(vae.sample(64, rng=run.rng)))
        return run.report(elbo=...)

A run's folder: config.json (what was asked for), metrics.jsonl (a line a step), figures,
checkpoint.safetensors, and at the end report.json.
Read next: checkpoint.py, history.py, interrupt.py, progress.py, verdict.py.
"""

import itertools
import math
import time
from contextlib import contextmanager
from pathlib import Path

import minigen
from minigen import Generator, Tensor, backend, from_numpy, nn, no_grad
from minigen.data import epoch_order
from minigen.ops.random import default_generator
from minigen.train import checkpoint, verdict
from minigen.train.demo import UsageError
from minigen.train.device import device_name
from minigen.train.files import replacing, write_json
from minigen.train.history import DivergenceError, History
from minigen.train.interrupt import Interrupt
from minigen.train.progress import Progress
from minigen.train.viewer import show

SAVE_EVERY = 30.0       # seconds between checkpoints: what a crash may cost
READ_EVERY = 0.5        # seconds between looks at the logged terms: they wait for the device


class Run:
    """Companion of one training loop, as a context manager.

    config: a `Demo`. name: the demo's; the folder is `<config.out>/<name>-<number>`.
    parts: what the checkpoint holds, by name: models, optimizers, whatever has `state_dict` and
    `load_state_dict`. `evaluation` switches the modules among them.
    `rng` is the run's generator, on its device; `step` counts the finished steps of `total`.
    """

    def __init__(self, config, name, **parts):
        if "run" in parts:
            raise ValueError("Run: 'run' is the checkpoint's own part; give yours another name")
        config.check()
        self.config, self.name, self.parts = config, name, parts
        self.rng = Generator(config.seed, device=config.device).spawn("run")
        self.step = self.total = 0
        self._terms = {}                # what was logged in the current step
        self._shown = set()             # figures that --show has opened
        self._saved_step = None         # the step of the checkpoint on the disk
        self._history = self._progress = None
        minigen.manual_seed(config.seed)

    def __enter__(self):
        self._began = time.monotonic()
        if self.config.resume is None:
            self.folder = _new_folder(Path(self.config.out), self.name)
            write_json(self.folder / "config.json", self.config.description(self.name))
            print(f"run: {self.folder}", flush=True)
            return self
        self.folder = Path(self.config.resume)
        self._saved = checkpoint.load(self.folder / "checkpoint.safetensors")
        self._saved_step = self._saved["run"]["step"]
        expected, found = sorted([*self.parts, "run"]), sorted(self._saved)
        if expected != found:
            raise UsageError(f"{self.folder}: the checkpoint holds {found} and not {expected}")
        print(f"run: {self.folder}, continued after step {self._saved_step}", flush=True)
        return self

    def __exit__(self, kind, error, trace):
        if self._progress is not None:
            self._progress.close()
        if self._history is not None:
            self._history.close()
        if self._saved_step is None:
            return
        if kind is KeyboardInterrupt:
            print(f"\nstopped; saved after step {self._saved_step} of {self.total}. Continue with")
            print(f"  {self.config.resume_command(self.folder)}", flush=True)
        elif kind is DivergenceError:
            error.add_note(f"last good checkpoint: step {self._saved_step}, in {self.folder}; "
                           "a smaller learning rate is the usual cure")

    def batches(self, array, batch, epochs=None, *, steps=None):
        """The training loop: random batches of the array, as tensors on the run's device.

        array: (N, ...) NumPy. batch: how many in each; the last of an epoch may have fewer. epochs
        or steps, one of the two: when to stop. The order depends on the seed and the epoch only.
        Yields (B, ...). A run has one such loop.
        Raises KeyboardInterrupt, the state saved, after a step in which Ctrl-C or SIGTERM came;
        DivergenceError if a logged term or a weight is not finite.
        """
        self._begin(array, batch, epochs, steps)
        per_epoch, shuffled = math.ceil(len(array) / batch), None
        with Interrupt() as interrupt:
            while self.step < self.total:
                epoch, i = divmod(self.step, per_epoch)
                if epoch != shuffled:
                    order, shuffled = epoch_order(len(array), self.config.seed, epoch), epoch
                picked = array[order[i * batch : (i + 1) * batch]]
                yield from_numpy(picked).to(self.config.device)
                self._end_step()
                if interrupt.asked:
                    self._save()
                    raise KeyboardInterrupt
            self._save()
        self._progress.close()

    def log(self, **terms):
        """Note scalars of this step, Tensors or numbers, for metrics.jsonl and the progress bar."""
        self._terms |= terms

    def every(self, fraction):
        """True in the steps that complete a `fraction` of the training, twice the fraction, ...

        The first such step ends within the fraction, or is the first step of all.
        """
        interval, step = fraction * self.total, self.step + 1
        mark = math.ceil(step / interval - 1e-9) * interval     # the first one from this step on
        return mark < step + 1 - 1e-9

    def figure(self, name, figure):
        """Write a Figure as `<name>.png` into the run's folder, over the last one.

        An animation of minigen.draw becomes `<name>.gif`.
        """
        path = self.folder / f"{name}{getattr(figure, 'suffix', '.png')}"
        with replacing(path) as temporary:
            figure.savefig(temporary, format=path.suffix[1:])
        write = print if self._progress is None else self._progress.write
        write(f"figure: {path}")
        if self.config.show and path not in self._shown:
            self._shown.add(path)
            show(path)

    @contextmanager
    def evaluation(self):
        """Context without gradients, the run's modules in evaluation mode."""
        modules = [m for part in self.parts.values() if isinstance(part, nn.Module)
                   for m in part.modules()]
        modes = [m.training for m in modules]
        for m in modules:
            m.training = False
        try:
            with no_grad():
                yield
        finally:
            for m, mode in zip(modules, modes, strict=True):
                m.training = mode

    def mean(self, fn, array, batch=256):
        """The mean over the array of fn, itself a mean over the batch it is given.   -> float

        array: (N, ...) NumPy; fn: (B, ...) -> scalar, called in `evaluation`.
        """
        total = 0.0
        with self.evaluation():
            for i in range(0, len(array), batch):
                x = from_numpy(array[i : i + batch]).to(self.config.device)
                total += len(x) * fn(x).item()
        return total / len(array)

    @property
    def metrics(self):
        """The path of metrics.jsonl, complete up to the last finished step."""
        self._history.read()
        return self._history.path

    def report(self, **metrics):
        """Print the final metrics and compare them with the reference.   -> exit code, 0 or 1

        metrics: floats. The one that the demo's record names meets its bar or not; with other
        settings or own data there is nothing to meet, and the code is 0.
        """
        line, code = verdict.verdict(self.config, metrics)
        seconds = self._seconds()
        write_json(self.folder / "report.json", {
            **self.config.description(self.name),
            "metrics": {name: float(value) for name, value in metrics.items()},
            "seconds": round(seconds, 1),
            "hardware": device_name(self.config.device),
        })
        for name, value in metrics.items():
            print(f"{name:>16}  {value:.4g}")
        print(f"{line}\n{seconds:.0f} s; everything is in {self.folder}", flush=True)
        return code

    def _begin(self, array, batch, epochs, steps):
        """Settle the length of the loop, and go to where the checkpoint is if there is one."""
        if self._history is not None:
            raise RuntimeError("Run.batches: a run has one training loop")
        if (epochs is None) == (steps is None):
            raise TypeError("Run.batches: give epochs or steps, one of the two")
        for what, value in (("batch", batch), ("epochs", epochs), ("steps", steps)):
            if value is not None and value < 1:
                raise UsageError(f"{what} is {value}: it must be at least 1")
        self.total = steps or epochs * math.ceil(len(array) / batch)
        self._samples = len(array)
        keep = 0
        if self.config.resume is not None:
            keep = self._restore()
        self._history = History(self.folder / "metrics.jsonl", keep)
        self._progress = Progress(self.total, self.step)
        # due at once: the first step shows whether the disk takes a checkpoint
        self._next_read = self._next_save = time.monotonic()

    def _restore(self):
        """Put everything back where the checkpoint left it.   -> bytes of metrics.jsonl by then"""
        saved = self._saved["run"]
        if saved["samples"] != self._samples:
            raise UsageError(f"{self.folder}: it trained on {saved['samples']} samples, now there "
                             f"are {self._samples}; a run can only continue on its own data")
        for name, part in self.parts.items():
            part.load_state_dict(self._saved[name])
        self.rng.load_state_dict(saved["rng"])
        default_generator(self.config.device).load_state_dict(saved["default_rng"])
        self.step = saved["step"]
        self._began -= saved["seconds"]
        return saved["metrics_bytes"]

    def _end_step(self):
        """Count the step, then read, show and save what is due."""
        self.step += 1
        self._history.add(self.step, self._terms)
        self._terms = {}
        show = self._progress.advance()
        if show or time.monotonic() > self._next_read:
            terms = self._history.read()
            self._next_read = time.monotonic() + READ_EVERY
            if show:
                self._progress.show(terms)
        if time.monotonic() > self._next_save:
            self._save()

    def _seconds(self):
        """How long the run has taken, earlier starts included."""
        return time.monotonic() - self._began

    def _save(self):
        """Write the checkpoint."""
        began = time.monotonic()
        metrics_bytes = self._history.commit()      # first: it names the step of a NaN
        states = {name: part.state_dict() for name, part in self.parts.items()}
        _refuse_nan(states, self.step)
        states["run"] = {
            "step": self.step,
            "samples": self._samples,
            "seconds": self._seconds(),
            "metrics_bytes": metrics_bytes,
            "rng": self.rng.state_dict(),
            "default_rng": default_generator(self.config.device).state_dict(),
        }
        checkpoint.save(self.folder / "checkpoint.safetensors", states)
        self._saved_step, now = self.step, time.monotonic()
        self._next_save = now + max(SAVE_EVERY, 20 * (now - began))     # at most 5 % of the time


def _new_folder(out, name):
    """Make and return `<out>/<name>-<number>`, the first number that is free."""
    out.mkdir(parents=True, exist_ok=True)
    for number in itertools.count(1):
        folder = out / f"{name}-{number}"
        try:
            folder.mkdir()
        except FileExistsError:     # also if another run took it just now
            continue
        return folder


def _refuse_nan(states, step):
    """Raise DivergenceError if a state holds a NaN: a checkpoint of it would replace a good one."""
    for part, state in states.items():
        for name, value in state.items():
            array = value.data if isinstance(value, Tensor) else value
            if not backend.is_array(array) or array.dtype.kind != "f":
                continue
            if bool(backend.array_module(array).isnan(array).any()):
                raise DivergenceError(f"{name} of {part} is NaN after step {step}")

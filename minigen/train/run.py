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
checkpoint.safetensors, and at the end report.json and, for people, report.html.
Read next: checkpoint.py, history.py, interrupt.py, progress.py, verdict.py, report.py.
"""

import itertools
import math
import os
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np

import minigen
from minigen import Generator, Tensor, backend, from_numpy, nn, no_grad
from minigen.data import DataLoader
from minigen.ops.random import default_generator
from minigen.optim import EMA
from minigen.train import checkpoint, parallel, report, verdict
from minigen.train.demo import UsageError
from minigen.train.device import device_name
from minigen.train.files import replacing, write_json
from minigen.train.history import DivergenceError, History
from minigen.train.interrupt import Interrupt
from minigen.train.progress import Progress
from minigen.train.viewer import show

SAVE_EVERY = 30.0       # seconds between checkpoints: what a crash may cost
SAVE_SHARE = 0.05       # of the time at most goes into them
READ_EVERY = 0.5        # seconds between looks at the logged terms: they wait for the device


class Run:
    """Companion of one training loop, as a context manager.

    config: a `Demo`. name: the demo's; the folder is `<config.out>/<name>-<number>`.
    parts: what the checkpoint holds, by name: models, averages, optimizers, schedulers, whatever
    has `state_dict` and `load_state_dict`. `evaluation` switches the modules among them. The
    position in the data is saved too, and every generator: `rng`, the device's default one, and
    those that modules hold, as Dropout does. Under mpiexec the ranks share the work, see
    parallel.py: each makes the same calls, and rank 0 prints and writes.
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
        self._stopped = False           # whether all ranks know that they were asked to stop
        self._world = parallel.world()
        self._speaking = self._world.speaking()
        self._history = self._progress = None
        minigen.manual_seed(config.seed)

    def __enter__(self):
        self._began = time.monotonic()
        self._speaking.__enter__()
        if self.config.resume is None:
            self.folder = self._new_folder()
            print(f"run: {self.folder}", flush=True)
            return self
        self.folder = Path(self.config.resume)
        self._saved = checkpoint.load(self.folder / "checkpoint.safetensors")
        self._saved_step = self._saved["run"]["step"]
        expected, found = sorted(["run", *self._states()]), sorted(self._saved)
        if expected != found:
            raise UsageError(f"{self.folder}: the checkpoint holds {found} and not {expected}")
        for unfinished in self.folder.glob(".*.part") if self._world.rank == 0 else ():
            unfinished.unlink()         # what a killed process was writing
        print(f"run: {self.folder}, continued after step {self._saved_step}", flush=True)
        return self

    def __exit__(self, kind, error, trace):
        if self._progress is not None:
            self._progress.close()
        if self._history is not None:
            self._history.close()
        saved = self._saved_step
        if saved is not None and kind is KeyboardInterrupt:
            again = f"mpiexec -n {self._world.size} " if self._world.size > 1 else ""
            print(f"\nstopped; saved after step {saved} of {self.total}. Continue with")
            print(f"  {again}{self.config.resume_command(self.folder)}", flush=True)
        elif saved is not None and kind is DivergenceError:
            error.add_note(f"last good checkpoint: step {saved}, in {self.folder}; "
                           "a smaller learning rate is the usual cure")
        if kind is not None and not self._stopped and not issubclass(kind, UsageError):
            parallel.fail(self._world, error)
        self._speaking.__exit__(None, None, None)

    def batches(self, data, batch=None, epochs=None, *, steps=None):
        """The training loop: random batches of the data, as tensors on the run's device.

        data: NumPy array (N, ...), or a tuple of arrays of one N, and batch, how many of N in each;
        the last of an epoch may have fewer. The order depends on the seed and the epoch only. Or a
        `data.DataLoader`, which says all that itself. epochs or steps, one of the two: when to
        stop. Yields (B, ...) or a tuple of such, under mpiexec this rank's share of each. A run has
        one such loop.
        Raises KeyboardInterrupt, the state saved, after a step in which Ctrl-C or SIGTERM came;
        DivergenceError if a logged term is not finite, or a weight or what a part keeps is NaN.
        """
        self._begin(data, batch, epochs, steps)
        with Interrupt(speaks=self._world.rank == 0) as interrupt:
            while self.step < self.total:
                for made in self._loader:
                    yield self._placed(made)
                    if self._end_step(interrupt.asked):
                        raise KeyboardInterrupt
                    if self.step == self.total:
                        break
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
        if self._world.rank > 0:
            return
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
        modules = [m for _, part in self._modules() for m in part.modules()]
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
        total, world = 0.0, self._world
        with self.evaluation():
            for i in range(world.rank * batch, len(array), world.size * batch):
                x = from_numpy(array[i : i + batch]).to(self.config.device)
                total += len(x) * fn(x).item()
        return world.sum(np.array(total)).item() / len(array)

    def outputs(self, fn, *arrays, batch=256):
        """fn of the arrays, in parts that fit on the device, in `evaluation`.   -> NumPy (N, ...)

        arrays: (N, ...) NumPy each; fn: (B, ...) of each, on the device -> (B, ...).
        """
        with self.evaluation():
            parts = [fn(*(from_numpy(array[i : i + batch]).to(self.config.device)
                          for array in arrays)).to("cpu").numpy()
                     for i in range(0, len(arrays[0]), batch)]
        return np.concatenate(parts)

    @property
    def metrics(self):
        """The path of metrics.jsonl, complete up to the last finished step."""
        self._history.read()
        self._world.gather(None)        # nobody reads on before rank 0 has written
        return self.folder / "metrics.jsonl"

    def report(self, **metrics):
        """Print the final metrics, compare them with the reference, write report.json and .html.

        -> exit code, 0 or 1

        metrics: floats. The one that the demo's record names meets its bar or not; with other
        settings or own data there is nothing to meet, and the code is 0.
        """
        line, code = verdict.verdict(self.config, metrics)
        seconds = self._seconds()
        facts = {
            **self.config.description(self.name),
            "metrics": {name: float(value) for name, value in metrics.items()},
            "steps": self.step,
            "seconds": round(seconds, 1),
            "hardware": device_name(self.config.device),
            "processes": self._world.size,
        }
        if self._history is not None:
            self._history.read()        # the curves show it to its end
        if self._world.rank == 0:
            write_json(self.folder / "report.json", facts)
            report.write(self.folder, self.config, facts, line)
        for name, value in metrics.items():
            print(f"{name:>16}  {value:.4g}")
        print(f"{line}\n{seconds:.0f} s; everything is in {self.folder}, on one page: report.html",
              flush=True)
        return code

    def _begin(self, data, batch, epochs, steps):
        """Settle the length of the loop, and go to where the checkpoint is if there is one."""
        if self._history is not None:
            raise RuntimeError("Run.batches: a run has one training loop")
        if (epochs is None) == (steps is None):
            raise TypeError("Run.batches: give epochs or steps, one of the two")
        if (batch is None) != isinstance(data, DataLoader):
            raise TypeError("Run.batches: give arrays and a batch size, or a DataLoader alone")
        for what, value in (("batch", batch), ("epochs", epochs), ("steps", steps)):
            if value is not None and value < 1:
                raise UsageError(f"{what} is {value}: it must be at least 1")
        self._loader = data
        if batch is not None:       # indexing arrays is too quick for threads to be worth it
            seed = self.config.seed
            self._loader = DataLoader(data, batch, shuffle=True, seed=seed, prefetch=0)
        self.total = steps or epochs * len(self._loader)
        self._together = parallel.Together(self._world, [m for _, m in self._modules()])
        if self._world.rank > 0:
            for generator in self._generators().values():
                generator.manual_seed(generator.spawn(f"rank {self._world.rank}").seed)
        keep = self._restore() if self.config.resume is not None else 0
        path = self.folder / "metrics.jsonl"
        first = self._world.rank == 0
        self._history = History(path, keep) if first else History(Path(os.devnull))
        self._progress = Progress(self.total, self.step)
        # due at once: the first step shows whether the disk takes a checkpoint
        self._next_read = self._next_save = time.monotonic()

    def _placed(self, made):
        """This rank's share of a batch on its device: arrays as tensors, also within tuples."""
        if isinstance(made, (tuple, list)):
            return tuple(self._placed(part) for part in made)
        share, self._together.weight = self._world.share(len(made))
        return from_numpy(made[share]).to(self.config.device)

    def _restore(self):
        """Put everything back where the checkpoint left it.   -> bytes of metrics.jsonl by then"""
        saved, generators = self._saved["run"], self._generators()
        if len(saved["generators"]) != self._world.size:
            raise UsageError(f"{self.folder}: {len(saved['generators'])} processes trained it, now "
                             f"there are {self._world.size}; mpiexec -n sets their number")
        states = saved["generators"][self._world.rank]
        if generators.keys() != states.keys():
            raise UsageError(f"{self.folder}: the run has random numbers for "
                             f"{sorted(generators)}, the checkpoint for {sorted(states)}")
        try:
            self._loader.load_state_dict(saved["data"])
        except ValueError as error:
            raise UsageError(f"{self.folder}: {error}; a run can only continue on its own "
                             "data") from error
        for name in self._states():
            self.parts[name].load_state_dict(self._saved[name])
        for name, generator in generators.items():
            generator.load_state_dict(states[name])
        self.step = saved["step"]
        self._began -= saved["seconds"]
        return saved["metrics_bytes"]

    def _generators(self):
        """{name: Generator} of all that the loop may draw from, each once."""
        found = {n: part for n, part in self.parts.items() if isinstance(part, Generator)}
        found |= {"run.rng": self.rng, "run.default": default_generator(self.config.device)}
        for part, module in self._modules():
            for path, m in module.named_modules():
                found.update((".".join(filter(None, (part, path, attribute))), value)
                             for attribute, value in vars(m).items()
                             if isinstance(value, Generator))
        once = {id(g): name for name, g in reversed(found.items())}
        return {name: g for name, g in found.items() if once[id(g)] == name}

    def _states(self):
        """{name: state} of the parts, generators apart: each rank has its own."""
        return {name: part.state_dict() for name, part in self.parts.items()
                if not isinstance(part, Generator)}

    def _modules(self):
        """[(name, part)] of the parts that are modules."""
        return [(n, part) for n, part in self.parts.items() if isinstance(part, nn.Module)]

    def _end_step(self, asked):
        """Count the step, then read, show and save what is due.   -> whether to stop here

        asked: whether this rank was asked to stop.
        """
        self.step += 1
        due = time.monotonic() > self._next_save
        if self._world.size > 1:
            asked, due = self._agree(asked, due)
        self._history.add(self.step, self._terms)
        self._terms = {}
        show = self._progress.advance()
        if show or time.monotonic() > self._next_read:
            terms = self._history.read()
            self._next_read = time.monotonic() + READ_EVERY
            if show:
                self._progress.show(terms)
        if asked or due:
            self._save()
        self._stopped = asked
        return asked

    def _agree(self, asked, due):
        """What all ranks do next, and have: logged means, buffers.   -> (asked, due) for all"""
        names = [name for name, value in self._terms.items() if isinstance(value, Tensor)]
        numbers = [self._terms[name].item() * self._together.weight for name in names]
        numbers += [asked, due and self._world.rank == 0]
        *means, asked, due = self._world.sum(np.array(numbers, np.float64)).tolist()
        self._terms |= zip(names, means, strict=True)
        for _, module in self._modules():
            if not isinstance(module, EMA):     # the same on all ranks, since what it follows is
                self._together.follow(module.buffers())
        return asked > 0, due > 0

    def _seconds(self):
        """How long the run has taken, earlier starts included."""
        return time.monotonic() - self._began

    def _save(self):
        """Write the checkpoint."""
        began = time.monotonic()
        generators = {name: g.state_dict() for name, g in self._generators().items()}
        generators = self._world.gather(generators)
        if self._world.rank == 0:
            self._write(generators)
        self._saved_step, now = self.step, time.monotonic()
        self._next_save = now + max(SAVE_EVERY, (now - began) / SAVE_SHARE)

    def _write(self, generators):
        metrics_bytes = self._history.commit()      # first: it names the step of a NaN
        states = self._states()
        _refuse_nan(states, self.step)
        states["run"] = {
            "step": self.step,
            "data": self._loader.state_dict(),
            "seconds": self._seconds(),
            "metrics_bytes": metrics_bytes,
            "generators": generators,
        }
        checkpoint.save(self.folder / "checkpoint.safetensors", states)

    def _new_folder(self):
        """Make `<out>/<name>-<number>`, the first number that is free, with its config.json."""
        if self._world.rank == 0:
            folder = _free_folder(Path(self.config.out), self.name)
            write_json(folder / "config.json", self.config.description(self.name))
        return Path(self._world.gather(str(folder) if self._world.rank == 0 else None)[0])


def _free_folder(out, name):
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

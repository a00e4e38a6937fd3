"""A small run that uses all that has a state, for tests of train: its config, parts and loop.

A network with batch norm, dropout, noise, an average of its weights and a schedule, so that all
those, the optimizer, the order of the data and four streams of random numbers have to come back.
"""

import os
import signal
from dataclasses import dataclass

import numpy as np

from minigen import draw, nn, optim
from minigen.optim import schedules
from minigen.train import Demo, Run

DATA = np.random.default_rng(0).random((30, 6), dtype=np.float32)


@dataclass
class Config(Demo):
    batch: int = 8                      # samples a step
    lr: float = 0.01                    # step size
    sizes: tuple[int, ...] = (6, 5)     # of the layers; a comment with a # in it
    label: str | None = None            # a text, or none
    warmup: int = 0                     # steps
    fast: bool = False                  # yes or no


def parts_of(config):
    model = nn.Sequential(
        nn.Linear(6, 16, rng=config.rng("weights")), nn.BatchNorm1d(16), nn.Dropout(0.1),
        nn.Dropout(0.3, rng=config.rng("dropout")),
        nn.Linear(16, 6, rng=config.rng("more weights")))
    optimizer = optim.Adam(model.parameters(), lr=config.lr)
    rate = schedules.warmup(3, then=schedules.cosine(1, 0.1, 9))
    return {"model": model, "optimizer": optimizer, "average": optim.EMA(model),
            "scheduler": optim.Scheduler(optimizer, lr=rate),
            "noise": config.rng("noise")}       # a generator that is a part of the run


def train(config, epochs=3, at_step=None, do=None):
    """Train the small network; `do(run)` happens in the body of step `at_step`. -> its weights"""
    parts = parts_of(config)
    model, optimizer, average, scheduler, noise = parts.values()
    with Run(config, "small", **parts) as run:
        run.rng.normal(3)               # drawn before the loop: drawn again when resumed
        for x in run.batches(DATA, config.batch, epochs):
            noisy = x + run.rng.normal(x.shape, std=0.1) + noise.normal(x.shape, std=0.1)
            loss = ((model(noisy) - x) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            average.update(model, 0.9)
            run.log(loss=loss, lr=optimizer.param_groups[0]["lr"])
            if run.every(0.25):
                run.figure("codes", draw.scatter(model(x)[:, :2].detach()))
            if run.step + 1 == at_step:
                do(run)
    return [p.detach().numpy().copy() for part in (model, average)
            for p in [*part.parameters(), *part.buffers()]]


def interrupt(run, number=signal.SIGINT):
    os.kill(os.getpid(), number)


def folder_bytes(folder):
    """{file: bytes} of what must not depend on whether a run was interrupted."""
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.suffix in (".jsonl", ".png")}

"""A training run that several processes share, for test_parallel.py; a script for mpiexec too.

    mpiexec -n 2 python tests/parallel_run.py FOLDER KIND [STOP | RESUME]
"""

import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from minigen import nn, optim
from minigen.ops import cross_entropy
from minigen.train import Demo, Run, parallel

DATA = np.random.default_rng(0).normal(size=(25, 6)).astype(np.float32)
LABELS = np.random.default_rng(1).integers(0, 4, 25)


@dataclass
class Config(Demo):
    kind: str = "exact"     # exact: nothing is drawn; noisy: dropout, batch norm; broken: a rank is


def network(config, rank):
    """Made with other weights on each rank, but for the first."""
    layers = [nn.Linear(6, 16, rng=config.rng(f"weights {rank}")), nn.Tanh()]
    if config.kind == "noisy":
        layers += [nn.BatchNorm1d(16), nn.Dropout(0.3), nn.Dropout(0.3, rng=config.rng("own"))]
    return nn.Sequential(*layers, nn.Linear(16, 4, rng=config.rng(f"more {rank}")))


def train(out, kind="exact", stop=None, resume=None):
    """Train in batches of 7, 7, 7 and 1 or 4; write each rank's numbers as FOLDER/rank.npz."""
    size = 22 if kind == "exact" else 25        # a single sample: a rank has none of its own
    world = parallel.world()
    config = Config(out=str(out), kind=kind, resume=resume)
    model = network(config, world.rank)
    average = optim.EMA(model)
    optimizer = optim.SGD(model.parameters(), lr=0.3, momentum=0.9)
    draws = []
    with Run(config, "shared", model=model, average=average, optimizer=optimizer) as run:
        for x, y in run.batches((DATA[:size], LABELS[:size]), 7, 3):
            loss = cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optim.clip_grad_norm_(model.parameters(), 0.2)
            optimizer.step()
            average.update(model, 0.9)
            run.log(loss=loss, step_size=0.3)
            draws.append(run.rng.uniform(1).item())
            if world.rank == 1 and run.step + 1 == stop:    # one of them is asked, all stop
                if kind == "broken":
                    raise ArithmeticError("rank 1 broke")
                os.kill(os.getpid(), signal.SIGINT)
        mean = run.mean(lambda x: model(x).mean(), DATA, batch=5)
        run.report(mean=mean)
    tensors = {**model.state_dict(), "average": average.module[0].weight, "mean": np.array(mean)}
    arrays = {name: np.asarray(t.data if hasattr(t, "node") else t) for name, t in tensors.items()}
    np.savez(Path(out) / f"{world.rank}.npz", draws=draws, **arrays)


def numbers():
    """Sums and first ranks' values of odd dtypes, shapes and layouts; assertions end the process.

    Not in train: weights and gradients of these come only on a GPU.
    """
    world = parallel.world()
    ranks = range(world.size)
    for dtype in ("f2", "f4", "f8", "i8"):
        for shape in ((3, 2), (), (0, 3), (100_003,)):
            array = np.full(shape, world.rank + 1, dtype).T
            before = array.copy()
            for found, expected in ((world.sum(array), sum(r + 1 for r in ranks)),
                                    (world.first(array), 1)):
                assert (found.dtype, found.shape) == (array.dtype, array.shape)
                np.testing.assert_array_equal(found, np.full_like(array, expected))
            np.testing.assert_array_equal(array, before)
    np.testing.assert_array_equal(world.first(np.array([world.rank == 0, True])), [True, True])
    assert world.gather({"é": "x" * world.rank}) == [{"é": "x" * r} for r in ranks]


if __name__ == "__main__":
    folder, kind, *more = sys.argv[1:]
    if kind == "numbers":
        numbers()
        sys.exit()
    stop = int(more[0]) if more and more[0].isdigit() else None
    train(folder, kind, stop, more[0] if more and stop is None else None)

"""Diminishing returns: how much compute the next halving of the error costs.

Classifiers of digits, from 2 units wide to 128, see the same batches; the error of each is measured
four times on the way. All that was spent and reached is put on one sheet, logarithmic both ways,
and a line is drawn through it, and beyond.
Course: deck A, « rendements décroissants »; row 21.
"""

import json
from dataclasses import dataclass

import numpy as np

from minigen import data, demos, draw, from_numpy, optim
from minigen.models.classical.power_law import PowerLaw
from minigen.models.classical.supervised import Classifier
from minigen.models.classical.supervised import Config as Model
from minigen.train import About, Demo, Run, UsageError

ABOUT = About(
    row=21,
    item="C-15",
    fr="loi de puissance, rendements décroissants",
    en="power law, diminishing returns",
    module="minigen.models.classical.power_law",
    metric="r2",                            # of the line, in logarithms
    bars={"tiny": 0.8},
    better="higher",
)


@dataclass
class Config(Demo):
    size: int | None = 14                   # pixels a side; none: what your pictures have
    widths: tuple[int, ...] = (2, 4, 8, 16, 32, 64, 128)    # hidden units, one model each
    batch: int = 128                        # pictures per step
    steps: int = 760                        # training steps
    test: int = 4000                        # pictures on which errors are counted
    lr: float = 3e-3                        # Adam's step size


PRESETS = {"tiny": {}}


def main(config: Config) -> int:
    images = data.load(config.data or "digits", size=config.size, seed=config.seed,
                       test=config.test)
    if len(images.classes) < 2:
        raise UsageError(f"--data {images.name}: without classes there is no error to count; put "
                         "the pictures of each class into a folder of its own")
    rng = config.rng("weights")
    models = {f"width_{width}": Classifier(Model(images.pixels, (width,), len(images.classes)),
                                           rng=rng).to(config.device) for width in config.widths}
    optimizer = optim.Adam([p for m in models.values() for p in m.parameters()], lr=config.lr)
    pictures, labels = (from_numpy(part).to(config.device)
                        for part in (images.train, images.train_labels))
    looks = {max(1, config.steps // part) for part in (8, 4, 2, 1)}

    with Run(config, "power-law", optimizer=optimizer, **models) as run:
        for rows in run.batches(np.arange(len(images.train)), config.batch, steps=config.steps):
            x, y = pictures[rows].flatten(1), labels[rows]              # (B, D), (B,)
            loss = sum(model.loss(x, y) for model in models.values())   # no weights are shared
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.log(loss=loss)
            if run.step + 1 in looks:
                run.log(**{name: wrong(run, model, images) for name, model in models.items()})

        weights = {name: sum(p.numel() for p in m.parameters()) for name, m in models.items()}
        points = spent_and_reached(run.metrics, weights, config.batch)  # {name: (compute, error)}
        compute, error = np.concatenate([np.array(p) for p in points.values()], 1)
        law = PowerLaw().fit(compute, error)
        run.figure("power-law", sheet(law, points, compute))
        return run.report(r2=law.score(compute, error), exponent=law.exponent_,
                          cost_of_half_the_error=2 ** (1 / law.exponent_))


def wrong(run, model, images):
    """Share of test pictures that the model is wrong about; half a picture where it never is."""
    with run.evaluation():
        x = from_numpy(images.test).flatten(1).to(run.config.device)
        found = model.predict(x).to("cpu").numpy()
    return max((found != images.test_labels).mean(), 0.5 / len(found))  # 0 has no logarithm


def spent_and_reached(path, weights, batch):
    """What each model had cost, and its error, whenever that was measured.

    path: the run's metrics.jsonl, which a resumed run has whole.   -> {name: ((k,), (k,))}
    """
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    seen = [line for line in lines if set(weights) <= set(line)]
    return {name: (np.array([6 * weights[name] * batch * line["step"] for line in seen], float),
                   np.array([line[name] for line in seen])) for name in weights}


def sheet(law, points, compute):
    """Error against compute, the line through it, and where it leads."""
    shown = {name.replace("_", " "): curve for name, curve in points.items()}
    figure = draw.lines(shown, "error of classifiers against what was spent on them",
                        ("training compute, operations", "share of test pictures read wrong"),
                        log="xy")
    (axes,) = figure.axes
    axes.set(xscale="log", yscale="log")    # anew: ticks for what is added too
    inside = np.array([compute.min(), compute.max()])
    beyond = inside[1] * np.array([1, 30])
    axes.plot(inside, law.predict(inside), color="#1f2430", linewidth=1.5, zorder=4,
              label=f"error ∝ compute$^{{-{law.exponent_:.2f}}}$")
    axes.plot(beyond, law.predict(beyond), color="#1f2430", linewidth=1.5, linestyle="--",
              label="if this goes on")
    axes.legend(frameon=False, fontsize=9)
    return figure


if __name__ == "__main__":
    demos.start(__file__)

"""Supervised learning: digits classified by a linear model, an MLP and a small convolutional net.

Three networks of growing freedom see the same batches. Two small pictures beside it show what the
freedom is: a line between two classes that may bend, and a curve through noisy points.
Course: deck A, « Apprentissage supervisé (classification, régression) »; deck B, « p(y|x) »; row 1.
"""

from dataclasses import dataclass

import numpy as np

from minigen import data, demos, draw, from_numpy, no_grad, optim
from minigen.models.classical.supervised import (
    Classifier,
    ConvClassifier,
    ConvConfig,
    LinearRegression,
)
from minigen.models.classical.supervised import Config as Model
from minigen.train import About, Demo, Run, UsageError

ABOUT = About(
    row=1,
    item="C-01",
    fr="apprentissage supervisé (classification, régression)",
    en="supervised learning (classification, regression)",
    module="minigen.models.classical.supervised",
    metric="accuracy",                  # of the MLP, on test pictures
    bars={"tiny": 0.99},
    better="higher",
)


@dataclass
class Config(Demo):
    size: int | None = None             # pixels a side; none: 28, or what your pictures have
    hidden: tuple[int, ...] = (256,)    # widths of the MLP's layers
    widths: tuple[int, ...] = (8, 16)   # channels of the convolutional network's levels
    batch: int = 128                    # pictures per step
    epochs: int = 8                     # passes over the pictures
    lr: float = 2e-3                    # Adam's step size
    steps: int = 600                    # of the two small networks in the plane


PRESETS = {"tiny": {}}


def main(config: Config) -> int:
    images = data.load(config.data or "digits", size=config.size, seed=config.seed)
    if len(images.classes) < 2:
        raise UsageError(f"--data {images.name}: without classes there is nothing to predict; put "
                         "the pictures of each class into a folder of its own")
    print(images.describe())
    rng, classes = config.rng("weights"), len(images.classes)
    models = {
        "linear": Classifier(Model(images.pixels, (), classes), rng=rng),
        "mlp": Classifier(Model(images.pixels, config.hidden, classes), rng=rng),
        "convolutional": ConvClassifier(
            ConvConfig(images.channels, images.size, config.widths, classes), rng=rng),
    }
    for model in models.values():
        model.to(config.device)
    optimizer = optim.Adam([p for m in models.values() for p in m.parameters()], lr=config.lr)
    pictures, labels = (from_numpy(part).to(config.device)
                        for part in (images.train, images.train_labels))

    with Run(config, "supervised", optimizer=optimizer, **models) as run:
        run.figure("boundary", boundary(config))
        run.figure("curve", curve(config))
        for rows in run.batches(np.arange(len(images.train)), config.batch, config.epochs):  # (B,)
            x, y = pictures[rows], labels[rows]                         # (B, C, H, W), (B,)
            losses = {name: model.loss(x if name == "convolutional" else x.flatten(1), y)
                      for name, model in models.items()}
            optimizer.zero_grad()
            sum(losses.values()).backward()                             # no weights are shared
            optimizer.step()
            run.log(**losses)

        with run.evaluation():
            x = from_numpy(images.test).to(config.device)
            found = {name: model.predict(x if name == "convolutional" else x.flatten(1))
                     .to("cpu").numpy() for name, model in models.items()}
        run.figure("mistakes", mistakes(images, found["linear"], found["mlp"]))
        run.figure("training", draw.curves(run.metrics, "-log p(y|x), while training"))
        right = {name: (y == images.test_labels).mean() for name, y in found.items()}
        return run.report(accuracy=right["mlp"], linear_accuracy=right["linear"],
                          convolutional_accuracy=right["convolutional"])


def mistakes(images, linear, mlp):
    """Test pictures that the linear model is wrong about, or the first where it never is."""
    wrong = np.flatnonzero(linear != images.test_labels)
    shown = wrong[:18] if len(wrong) else np.arange(min(18, len(linear)))
    name = images.classes.__getitem__
    words = [f"linear {name(linear[i])}, MLP {name(mlp[i])}" for i in shown]
    return draw.grid(images.test[shown], 6, words)


def boundary(config):
    """Two classes of the plane, and what a linear model and an MLP make of the rest of it."""
    moons = data.toy2d.moons(400, config.seed, noise=0.15)
    x, y = from_numpy(moons.points.astype(np.float32)), from_numpy(moons.labels)
    figure, panels = draw.panels(2, width=460, height=420)
    for axes, name, hidden in zip(panels, ("linear", "MLP"), ((), (32, 32)), strict=True):
        model = Classifier(Model(2, hidden, 2), rng=config.rng(name))
        descend(model, lambda m=model: m.loss(x, y), config.steps)
        with no_grad():
            right = (model.predict(x).numpy() == moons.labels).mean()
            draw.regions(lambda p, m=model: m.predict(from_numpy(p.astype(np.float32))),
                         (-1.6, 2.6, -1.4, 1.9), moons.points, moons.labels,
                         f"{name}: {right:.1%} right", axes=axes)
    return figure


def curve(config):
    """Noisy points of a curve, and three models that were fitted to them."""
    rng = np.random.default_rng(config.seed)
    x = np.sort(rng.uniform(-3, 3, (60, 1)), 0)                         # (60, 1)
    y = np.sin(1.5 * x) + 0.3 * x + 0.2 * rng.normal(size=x.shape)      # (60, 1)
    fine = np.linspace(-3, 3, 200)[:, None]
    line = LinearRegression().fit(x, y).predict(fine)
    powers = LinearRegression().fit(x ** np.arange(1, 8), y).predict(fine ** np.arange(1, 8))
    model = Classifier(Model(1, (32, 32), 1), rng=config.rng("curve"))  # its logit is ŷ
    samples, target = from_numpy(x.astype(np.float32)), from_numpy(y.astype(np.float32))
    descend(model, lambda: ((model(samples) - target) ** 2).mean(), config.steps)
    with no_grad():
        network = model(from_numpy(fine.astype(np.float32))).numpy()
    fits = {"line": line, "polynomial of degree 7": powers, "MLP": network}
    figure = draw.lines({name: (fine[:, 0], fit[:, 0]) for name, fit in fits.items()},
                        "regression: E[y|x] from noisy points", ("x", "y"))
    figure.axes[0].scatter(x, y, s=14, color="#7a808c", zorder=1)
    return figure


def descend(model, loss, steps):
    """Adam on all samples at once."""
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    for _ in range(steps):
        value = loss()
        optimizer.zero_grad()
        value.backward()
        optimizer.step()


if __name__ == "__main__":
    demos.start(__file__)

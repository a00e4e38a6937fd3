"""Kernel density estimation: a bump on every sample, and how wide it should be.

Too narrow, and each sample is a peak; too wide, and two hills become one. The width under which
samples left out are likeliest needs no truth to compare with, and comes near it.
Course: deck B, « estimation par noyau (KDE) »; row 11.
"""

from dataclasses import dataclass

import numpy as np

from minigen import demos, draw
from minigen.data import toy2d
from minigen.models.classical.kde import KernelDensity
from minigen.train import About, Demo, Run

ABOUT = About(
    row=11,
    item="C-06",
    fr="estimation de densité par noyau (KDE)",
    en="kernel density estimation (KDE)",
    module="minigen.models.classical.kde",
    metric="squared_error",             # ∫ (estimate - truth)² dx, bandwidth by cross-validation
    bars={"tiny": 0.005},
)
GRID = np.linspace(-8, 8, 1601)


@dataclass
class Config(Demo):
    samples: int = 2000                 # numbers from the two bells
    few: int = 9                        # samples of the figure that shows every kernel
    wrong: float = 5.0                  # the other two bandwidths: so many times less, and more


PRESETS = {"tiny": {}}


def main(config: Config) -> int:
    demos.classical.check(config)
    with Run(config, "kde") as run:
        run.figure("kernels", kernels(toy2d.two_gauss_1d(config.few, config.seed).points))

        truth = toy2d.two_gauss_1d(config.samples, config.seed)
        model = KernelDensity("cv").fit(truth.points)
        h, p = model.bandwidth_, truth.density(GRID[:, None])
        estimates = {f"h = {width:.2g}, {name}": density(KernelDensity(width).fit(truth.points))
                     for name, width in (("cross-validated", h), ("too small", h / config.wrong),
                                         ("too large", h * config.wrong))}
        error, narrow, wide = (np.trapezoid((q - p) ** 2, GRID) for q in estimates.values())
        run.figure("bandwidths", bandwidths(model, estimates | {"truth": p}, truth.points))
        return run.report(squared_error=error, bandwidth=h, error_if_too_small=narrow,
                          error_if_too_large=wide, mass=np.trapezoid(density(model), GRID))


def density(model):
    """The estimate on the grid."""
    return np.exp(model.score_samples(GRID[:, None]))


def kernels(X):
    """Each sample's bump, and their sum, for the three kernels."""
    names = ("gaussian", "epanechnikov", "box")
    figure, axes = draw.panels(3, title=f"one bump on each of {len(X)} samples, and their sum")
    for panel, name in zip(axes, names, strict=True):
        model = KernelDensity(0.6, name).fit(X)
        draw.lines({"sum": (GRID, density(model))}, f"{name}, h = 0.6", ("x", "density"),
                   axes=panel)
        for x in X:
            panel.plot(GRID, density(KernelDensity(0.6, name).fit([x])) / len(X),
                       color=draw.COLOURS[3], linewidth=1)
        panel.plot(X[:, 0], np.zeros(len(X)), "|", color="black", markersize=12)
        panel.set(xlim=(-4.5, 4.5))
    return figure


def bandwidths(model, curves, X):
    """Estimates with three bandwidths, and what cross-validation says of more."""
    figure, (left, right) = draw.panels(2, width=520, height=400)
    draw.density(GRID, curves, X[:, 0], "too narrow, too wide, and right", ("x", "density"),
                 axes=left)
    left.set(xlim=(-5, 6), ylim=(0, 0.62))
    draw.lines({"a sample left out": (model.bandwidths_, model.scores_)},
               "how likely is a sample under all others?", ("bandwidth h", "log-likelihood"),
               log="x", axes=right)
    right.axvline(model.bandwidth_, color="black", linewidth=1, linestyle=":")
    return figure


if __name__ == "__main__":
    demos.start(__file__)

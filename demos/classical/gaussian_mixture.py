"""A mixture of two Gaussians, found by EM from samples alone; and EM at work in the plane.

Nobody says which samples belong to which bell: EM finds weights, means and widths all the same, and
the criterion BIC finds that there are two.
Course: deck B, « mélange de deux gaussiennes »; row 10.
"""

from dataclasses import dataclass

import numpy as np

from minigen import demos, draw
from minigen.data import toy2d
from minigen.models.classical.mixture import GaussianMixture
from minigen.train import About, Demo, Run

ABOUT = About(
    row=10,
    item="C-05",
    fr="mélange de gaussiennes, algorithme EM",
    en="Gaussian mixture, EM",
    module="minigen.models.classical.mixture",
    metric="error",                     # the largest of a parameter, in units of what is allowed
    bars={"tiny": 1.0},
)
ALLOWED = {"mean": 0.1, "deviation": 0.1, "weight": 0.05}
SHOWN = (0, 1, 2, 5, 10, 60)            # turns of EM in the plane
EXTENT = (-5, 5, -5, 5)


@dataclass
class Config(Demo):
    samples: int = 5000                 # numbers from the two bells
    most: int = 5                       # components that BIC chooses from: 1 to so many
    plane: int = 1500                   # points of the plane, around five curved arms


PRESETS = {"tiny": {}}


def main(config: Config) -> int:
    demos.classical.check(config)
    with Run(config, "gaussian-mixture") as run:
        truth = toy2d.two_gauss_1d(config.samples, config.seed)
        models = {k: GaussianMixture(k, seed=config.seed).fit(truth.points)
                  for k in range(1, config.most + 1)}
        bic = {k: model.bic(truth.points) for k, model in models.items()}
        two, chosen = models[2], min(bic, key=bic.get)
        run.figure("density", density(two, truth, bic))
        run.figure("turns", turns(toy2d.pinwheel(config.plane, config.seed).points, config.seed))

        order = np.argsort(two.means_[:, 0])            # components come in any order
        means, weights = two.means_[order, 0], two.weights_[order]
        deviations = np.sqrt(two.covariances_[order, 0, 0])
        errors = {"mean": abs(means - truth.means[:, 0]).max(),
                  "deviation": abs(deviations - truth.std).max(),
                  "weight": abs(weights - 0.5).max()}
        # a wrong number of components is a miss, whatever the parameters of two
        worst = max(2.0 * (chosen != 2), *(errors[name] / ALLOWED[name] for name in ALLOWED))
        return run.report(error=worst, **{f"{name}_error": e for name, e in errors.items()},
                          components_by_bic=chosen)


def density(model, truth, bic):
    """The mixture and its parts over a histogram of the samples; BIC beside it."""
    x = np.linspace(-4.5, 4.5, 500)
    parts = model.predict_proba(x[:, None]).T * np.exp(model.score_samples(x[:, None]))
    figure, (left, right) = draw.panels(2, width=480)
    curves = {"mixture by EM": parts.sum(0), "truth": truth.density(x[:, None])}
    curves |= {f"component of weight {w:.2f}": p
               for w, p in zip(model.weights_, parts, strict=True)}
    draw.density(x, curves, truth.points[:, 0], "two Gaussians and their sum", ("x", "density"),
                 axes=left)
    left.set_ylim(0, 0.68)                              # room for the names of the lines
    least = min(bic.values())
    draw.lines({"BIC": (list(bic), [value - least for value in bic.values()])},
               "how many components? the least BIC", ("components", "BIC above the least"),
               axes=right)
    right.set_yscale("symlog", linthresh=10)
    right.set_xticks(list(bic))
    return figure


def turns(points, seed):
    """Components of the plane after some turns of EM, from means drawn among the points."""
    start = np.random.default_rng(seed).choice(points, 5, replace=False)
    figure, axes = draw.panels(len(SHOWN), columns=3, height=380,
                               title="EM: each ellipse holds two standard deviations; "
                                     "colours: the likeliest component")
    for panel, turn in zip(axes, SHOWN, strict=True):
        model = GaussianMixture(5, init=start, max_iter=max(turn, 1), tol=-np.inf).fit(points)
        means, covariances = model.means_, model.covariances_
        if turn == 0:                                   # what EM starts from
            means, covariances = start, [np.cov(points.T)] * 5
        labels = model.predict(points) if turn else None
        draw.scatter(points, labels, axes=panel,
                     title=f"turn {turn}: log-likelihood {model.history_[turn]:.3f}")
        panel.set(xlim=EXTENT[:2], ylim=EXTENT[2:], aspect="equal")
        for mean, covariance in zip(means, covariances, strict=True):
            panel.plot(*ellipse(mean, covariance), color="black", linewidth=1.5)
            panel.plot(*mean, "o", color="white", markeredgecolor="black", markersize=5)
    return figure


def ellipse(mean, covariance):
    """Two standard deviations around a mean, in every direction.   (2,), (2, 2) -> (2, 200)"""
    angle = np.linspace(0, 2 * np.pi, 200)
    return mean[:, None] + 2 * np.linalg.cholesky(covariance) @ [np.cos(angle), np.sin(angle)]


if __name__ == "__main__":
    demos.start(__file__)

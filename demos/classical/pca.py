"""Principal components: the axes of a cloud, a plane through space, whitening, how many to keep.

The same axes are computed in two ways, from the covariance and by the SVD, and must agree; white
samples must have covariance I. That is what is measured.
Course: decks A and B, « Analyse en Composantes Principales (ACP) », « données normalisées »; rows
3 and 4.
"""

from dataclasses import dataclass

import numpy as np

from minigen import data, demos, draw
from minigen.models.classical.pca import PCA, Whitening, elbow, kaiser
from minigen.train import About, Demo, Run

ABOUT = About(
    row=(3, 4),
    item="C-03",
    fr="analyse en composantes principales (ACP), blanchiment",
    en="principal component analysis (PCA), whitening",
    module="minigen.models.classical.pca",
    metric="deviation",                 # from what algebra says, the largest of three
    bars={"tiny": 1e-8},
)


@dataclass
class Config(Demo):
    points: int = 1000                  # points of the clouds
    faces: int = 600                    # pictures of the scree plot
    correlation: float = 0.8            # of the two features of the flat cloud


PRESETS = {"tiny": {}}


def main(config: Config) -> int:
    demos.classical.check(config)
    rng = np.random.default_rng(config.seed)
    z = rng.normal(size=(config.points, 2))                                     # (N, 2), white
    other = config.correlation * z[:, 0] + (1 - config.correlation**2) ** 0.5 * z[:, 1]
    flat = np.stack([170 + 10 * z[:, 0], 70 + 12 * other], 1)                   # (N, 2)
    images = data.faces(config.faces, config.seed, noise=0.05).images
    images = images.reshape(len(images), -1)                                    # (M, 1024)

    with Run(config, "pca") as run:
        axes, white, zca = PCA(standardize=False).fit(flat), Whitening(eps=0), Whitening("zca")
        run.figure("cloud", cloud(flat, axes, white.fit_transform(flat), zca.fit_transform(flat)))
        run.figure("projection", projection(config.points, rng))

        by_eigen = PCA(20, standardize=False).fit(images)
        by_svd = PCA(20, standardize=False, solver="svd").fit(images)
        run.figure("scree", scree(by_eigen.variances_[:80], by_eigen.variances_))

        variances = PCA().fit(flat).variances_                      # of correlations: 1 ± ρ
        rho = abs(np.corrcoef(flat.T)[0, 1])
        return run.report(deviation=max(
            abs(by_eigen.components_ - by_svd.components_).max(),
            abs(np.cov(white.transform(flat).T) - np.eye(2)).max(),
            abs(variances - [1 + rho, 1 - rho]).max(),
        ))


def cloud(points, model, white, zca):
    """A cloud with its axes, two standard deviations long, and after each way of whitening."""
    figure, (left, middle, right) = draw.panels(3, title="What is a principal axis?")
    draw.scatter(points, title="principal axes", axes_names=("size, cm", "weight, kg"), equal=True,
                 axes=left)
    for k, variance in enumerate(model.explained_variance_):
        tip = model.mean_ + 2 * variance**0.5 * model.components_[k]
        left.annotate("", tip, model.mean_, arrowprops={"arrowstyle": "-|>", "linewidth": 2.5})
        left.annotate(f"$v_{k + 1}$", tip, (6, 2), textcoords="offset points", fontsize=13)
    size = points[:, 0]                                             # who is who, in all three
    for axes, name, places in ((middle, "PCA: turned", white), (right, "ZCA: not turned", zca)):
        draw.scatter(places, values=size, title=f"white, {name}; colour: size", equal=True,
                     axes=axes)
    return figure


def projection(count, rng):
    """A flat cloud in space, and the same seen from above its plane."""
    plane = rng.normal(size=(count, 2)) * [3, 1.5]                              # (N, 2)
    axes, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    points = plane @ axes[:2] + 0.3 * rng.normal(size=(count, 3))               # (N, 3)
    sector = ((np.arctan2(plane[:, 1], plane[:, 0]) / np.pi + 1) * 3).astype(int) % 6   # (N,)
    model = PCA(2, standardize=False).fit(points)
    share = model.explained_variance_ratio_.sum()
    figure, (left, right) = draw.panels(2, width=480, height=420)
    draw.scatter(points, sector, title="three features; colour: sector of the plane",
                 axes_names=("$x_1$", "$x_2$", "$x_3$"), equal=True, axes=left)
    draw.scatter(model.transform(points), sector, equal=True,
                 title=f"two principal components: {share:.1%} of the variance",
                 axes_names=("$t_1$", "$t_2$"), axes=right)
    return figure


def scree(shown, variances):
    """The variances in falling order, with two rules for how many axes to keep."""
    number = np.arange(1, len(shown) + 1)
    figure = draw.lines({"": (number, shown)}, "variances of noisy faces: scree plot",
                        ("axis", "variance λ"), log="y")
    (axes,) = figure.axes
    rules = ("elbow", elbow(variances), ":"), ("Kaiser", kaiser(variances), "--")
    for name, count, style in rules:
        axes.axvline(count + 0.5, color=draw.COLOURS[2], linestyle=style,
                     label=f"{name}: keep {count}")
    axes.legend(frameon=False)
    return figure


if __name__ == "__main__":
    demos.start(__file__)

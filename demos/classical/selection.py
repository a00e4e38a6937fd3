"""Feature selection: five columns of fifty tell something about y; which ones?

Two searches that know nothing of each other must find the same five: forward selection, column by
column, and the LASSO, whose falling penalty lets weights in one after another. Beside them is what
extraction (PCA) does: it mixes all columns.
Course: deck A, « Réduction de dimension : sélection / extraction de caractéristiques »; row 2.
"""

from dataclasses import dataclass

import numpy as np

from minigen import demos, draw
from minigen.models.classical.lasso import lasso_path
from minigen.models.classical.pca import PCA
from minigen.models.classical.selection import ForwardSelection, MutualInformation
from minigen.train import About, Demo, Run

ABOUT = About(
    row=2,
    item="C-02",
    fr="sélection et extraction de caractéristiques",
    en="feature selection, feature extraction",
    module="minigen.models.classical.selection",
    metric="recovered",                 # of the five, by the search that finds fewer
    bars={"tiny": 5},
    better="higher",
)
WEIGHTS = (3.0, -2.0, 1.5, -1.0, 0.8)   # of the informative columns, in falling size


@dataclass
class Config(Demo):
    samples: int = 300                  # rows of X
    nuisance: int = 45                  # columns that are noise
    noise: float = 1.0                  # standard deviation of what is added to y
    penalties: int = 60                 # of the LASSO's path


PRESETS = {"tiny": {}}


def main(config: Config) -> int:
    demos.classical.check(config)
    rng = np.random.default_rng(config.seed)
    columns = len(WEIGHTS) + config.nuisance
    X = rng.normal(size=(config.samples, columns))                      # (N, 50)
    informative = rng.permutation(columns)[: len(WEIGHTS)]              # hidden among the others
    y = X[:, informative] @ np.array(WEIGHTS) + config.noise * rng.normal(size=config.samples)

    with Run(config, "selection") as run:
        forward = ForwardSelection(2 * len(WEIGHTS)).fit(X, y)
        penalties, path = lasso_path(X, y, count=config.penalties)      # (P,), (P, 50)
        entered = np.argsort((path != 0).argmax(0) + len(path) * (path == 0).all(0),
                             kind="stable")                             # columns as they came in
        scores = MutualInformation(len(WEIGHTS), bins=5).fit(X, y)
        components = PCA(len(WEIGHTS)).fit(X).components_               # (5, 50)

        run.figure("schema", schema(np.sort(forward.order_[: len(WEIGHTS)]), components))
        run.figure("lasso-path", paths(penalties, path, informative))
        run.figure("searches", searches(forward, scores.scores_, informative))
        found = {
            "forward": np.isin(informative, forward.order_[: len(WEIGHTS)]).sum(),
            "lasso": np.isin(informative, entered[: len(WEIGHTS)]).sum(),
        }
        return run.report(recovered=min(found.values()), **found,
                          mutual_information=scores.support_[informative].sum())


def schema(kept, components):
    """Each new feature as a row of weights of the old ones: picked, and mixed."""
    picked = np.zeros_like(components)
    picked[np.arange(len(kept)), kept] = 1
    figure, panels = draw.panels(2, columns=1, width=900, height=170)
    names = ("selection: each new feature is one old one",
             "extraction (PCA): each new feature mixes all old ones")
    for axes, name, rows in zip(panels, names, (picked, components), strict=True):
        reach = abs(rows).max()
        axes.imshow(rows, cmap="RdBu_r", vmin=-reach, vmax=reach, aspect="auto")
        axes.set(title=name, xlabel="old feature", ylabel="new one", yticks=range(len(rows)),
                 yticklabels=range(1, len(rows) + 1))
    return figure


def paths(penalties, path, informative):
    """Weights against the penalty, which falls to the right."""
    shown = {f"column {j}, w = {w:g}": (penalties, path[:, j])
             for j, w in zip(informative, WEIGHTS, strict=True)}
    figure = draw.lines(shown, "LASSO path: weights as the penalty falls; grey: columns of noise",
                        ("penalty λ", "weight"), log="x")
    (axes,) = figure.axes
    axes.get_legend().remove()                      # the names stand on the lines
    for k, (name, (_, weights)) in enumerate(shown.items()):
        axes.text(penalties[-1], weights[-1] + 0.08, name, ha="right", color=draw.COLOURS[k])
    axes.plot(penalties, np.delete(path, informative, 1), color="#7a808c", linewidth=0.6, zorder=1)
    axes.invert_xaxis()
    return figure


def searches(forward, scores, informative):
    """The error after each column that came in, and what each column by itself tells of y."""
    figure, (left, right) = draw.panels(2, width=480, height=380)
    number = np.arange(1, len(forward.errors_) + 1)
    draw.lines({"": (number, forward.errors_)}, "forward selection",
               ("columns chosen", "squared error of samples held out"), axes=left)
    for k, j in enumerate(forward.order_):
        colour = draw.COLOURS[2] if j in informative else "#7a808c"
        left.annotate(str(j), (number[k], forward.errors_[k]), (3, 5), color=colour,
                      textcoords="offset points", fontsize=9)
    right.bar(np.arange(len(scores)), scores, color=[
        draw.COLOURS[2] if j in informative else "#7a808c" for j in range(len(scores))])
    right.set(title="mutual information with y; red: informative", xlabel="column",
              ylabel="nats")
    return figure


if __name__ == "__main__":
    demos.start(__file__)

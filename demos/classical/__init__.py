"""Demos of classical unsupervised learning: decks A and B, their first parts."""

from scipy.stats import spearmanr

from minigen import draw
from minigen.train import UsageError


def check(config, *, pictures=False):
    """Refuse options that a demo of this chapter has no use for: silence would be a lie.

    All compute on the CPU. pictures: whether the demo takes a user's own by --data.
    """
    if config.device != "cpu":
        raise UsageError(f"--device {config.device}: this demo computes on the CPU, with NumPy; "
                         "leave --device out")
    if config.data is not None and not pictures:
        raise UsageError(f"--data {config.data}: this demo shows what holds for its own made-up "
                         "data; leave --data out")


def agreement(embedding, coordinate):
    """Does a map show a coordinate? The best |Spearman| of one of its axes.   (N, K), (N,)"""
    return max(abs(spearmanr(axis, coordinate)[0]) for axis in embedding.T)


def unrolled(roll, pca, embedding, method):
    """A roll in space, its principal components, and what a method made of it.   -> Figure"""
    figure, (left, middle, right) = draw.panels(
        3, width=420, height=400, title="A sheet in space; colour: length along it")
    draw.scatter(roll.points, values=roll.s, title="the data, 3-D", equal=True, axes=left)
    for axes, name, places in ((middle, "PCA", pca), (right, method, embedding)):
        draw.scatter(places, values=roll.s, axes=axes,
                     title=f"{name}, 2-D: |Spearman| {agreement(places, roll.s):.4f}")
    return figure

"""Clustering of codes: k-means finds more of the digits' classes in codes than in pixels.

No label is used, neither to learn the codes nor to group them; labels only judge, by the adjusted
Rand index (ARI: 1 for the classes themselves, 0 for chance). Two pictures of a digit that lie
apart share few pixels; in a code of about as many numbers as a digit has ways to vary they are
near. A code of 2 has no room for ten classes, and one of 32 keeps more of what pixels show. The
code has to be learned well: 1000 steps of 64 pictures left the gain at 0.12 ± 0.05 (3 seeds, codes
of 10, whitened).
Course: decks A and B, « Clustering (Partitionnement) », « métriques induites »; row 40.
"""

from dataclasses import dataclass

import numpy as np

from minigen import data, demos, draw, from_numpy, metrics, nn, optim
from minigen.models.autoencoders.conv import Config as Model
from minigen.models.autoencoders.conv import ConvAutoEncoder
from minigen.models.classical.kmeans import KMeans
from minigen.models.classical.pca import PCA
from minigen.train import About, Demo, Run, UsageError

ABOUT = About(
    row=40,
    item="A-18",
    fr="clustering (partitionnement) des codes",
    en="clustering of codes",
    module="minigen.models.classical.kmeans",
    metric="ari_gain",                  # ARI of the clusters of codes, less that of pixels
    bars={"tiny": 0.1, "gpu": 0.1},
    better="higher",
)


@dataclass
class Config(Demo):
    size: int | None = None             # pixels a side; none: 28, or what your pictures have
    pictures: int = 8000                # to learn from, and to group
    widths: tuple[int, ...] = (16, 32)  # channels of each level; each halves the picture
    latents: tuple[int, ...] = (8, 2, 32)   # numbers in codes; the first decides
    starts: int = 5                     # of k-means, of which the best is kept
    batch: int = 32                     # pictures per step
    steps: int = 2400                   # training steps
    lr: float = 2e-3                    # Adam's step size at the start; it falls to 0


PRESETS = {
    "tiny": {},
    "gpu": {"pictures": 12_000, "widths": (64, 128), "batch": 512, "steps": 2400},
}


def main(config: Config) -> int:
    images = data.load(config.data or "digits", size=config.size, seed=config.seed,
                       train=config.pictures, test=1000)
    print(images.describe())
    check(images)
    models = nn.ModuleList([
        ConvAutoEncoder(Model(images.channels, images.size, config.widths, k),
                        rng=config.rng(f"weights {k}"))
        for k in config.latents]).to(config.device)
    optimizer = optim.Adam(models.parameters(), lr=config.lr)
    decay = optim.Scheduler(optimizer, lr=optim.schedules.linear(1.0, 0.0, config.steps))

    with Run(config, "code-clustering", models=models, optimizer=optimizer, decay=decay) as run:
        for x in run.batches(images.train, config.batch, steps=config.steps):   # (B, C, S, S)
            losses = [model.loss(x) for model in models]
            optimizer.zero_grad()
            sum(losses).backward()
            optimizer.step()
            decay.step()
            run.log(**{f"mse_{k}": loss for k, loss in zip(config.latents, losses, strict=True)})
            if run.every(0.1):
                run.figure("reconstructions", reconstructions(run, models, images.test[:10]))
        run.figure("training", draw.curves(run.metrics, "error of an image, while training"))

        spaces = {f"code_{k}": run.outputs(model.encode, images.train)
                  for k, model in zip(config.latents, models, strict=True)}     # each (N, K)
        spaces |= plain(images.train, config.latents[0])
        found = {name: KMeans(len(images.classes), n_init=config.starts, seed=config.seed).fit(z)
                 for name, z in spaces.items()}
        labels = images.train_labels
        ari = {name: metrics.adjusted_rand_score(labels, k.labels_) for name, k in found.items()}
        best = next(iter(ari))                          # the first code's
        run.figure("clusters", clusters(images, spaces, found, ari, (best, "pixels")))
        run.figure("tables", tables(images, found, ari, (best, "pixels")))
        run.figure("ari", bars(ari))
        accuracy = metrics.clustering_accuracy(labels, found[best].labels_)
        return run.report(ari_gain=ari[best] - ari["pixels"], accuracy=accuracy,
                          **{f"ari_{name}": value for name, value in ari.items()})


def check(images):
    """Refuse pictures whose clusters could not be judged."""
    if len(images.classes) < 2:
        raise UsageError(f"{images.name}: clusters are judged by classes; put the pictures of each "
                         "class into a folder of its own")
    if len(images.train) < len(images.classes):
        raise UsageError(f"{images.name}: {len(images.train)} pictures cannot make a cluster for "
                         f"each of {len(images.classes)} classes; it takes more of them")


def reconstructions(run, models, images):
    """Pictures and their copies by each auto-encoder.   images (10, C, S, S) -> Figure"""
    x = from_numpy(images).to(run.config.device)
    with run.evaluation():
        copies = {f"{k} numbers": m(x) for k, m in zip(run.config.latents, models, strict=True)}
    return draw.rows(input=x, **copies)


def plain(images, k):
    """What no network has made: k principal components, and the pixels.   -> {name: (N, ...)}"""
    flat = images.reshape(len(images), -1)                                      # (N, D)
    k = min(k, *(n - 1 for n in flat.shape))
    return {f"pca_{k}": PCA(k, standardize=False).fit_transform(flat), "pixels": flat}


def clusters(images, spaces, found, ari, names, shown=12):
    """A row of pictures for each cluster, those nearest to its centre first; two partitions."""
    figure, axes = draw.panels(len(names), width=480, height=460)
    for panel, name in zip(axes, names, strict=True):
        nearest = found[name].transform(spaces[name])                                 # (N, k)
        label, rows = found[name].labels_, []
        for j in cluster_order(images.train_labels, label):
            mine = np.flatnonzero(label == j)
            # evenly from the nearest to the farthest: what the cluster really holds
            far = mine[np.argsort(nearest[mine, j])]
            rows.append(images.train[far[np.linspace(0, len(far) - 1, shown).astype(int)]])
        mosaic = np.concatenate([np.concatenate([*row], -1) for row in rows], -2)       # (C, H, W)
        panel.imshow(mosaic.transpose(1, 2, 0).squeeze(), cmap="gray", vmin=0, vmax=1)
        panel.set(title=titled(name, ari), xticks=[], yticks=[],
                  xlabel="from the centre of a cluster to its rim")
    return figure


def cluster_order(labels, clusters):
    """Clusters in the order of the classes that most of their pictures are of."""
    table = metrics.contingency_matrix(labels, clusters)                        # (classes, k)
    return np.unique(clusters)[np.argsort(table.argmax(0), kind="stable")]


def tables(images, found, ari, names):
    """How many pictures of each class are in each cluster, for two partitions."""
    figure, axes = draw.panels(len(names), width=480, height=460)
    for panel, name in zip(axes, names, strict=True):
        label = found[name].labels_
        table = metrics.contingency_matrix(images.train_labels, label)
        order = np.argsort(table.argmax(0), kind="stable")
        share = (table / table.sum(1, keepdims=True))[:, order]
        panel.imshow(share, cmap="Blues", vmin=0, vmax=1)
        panel.set(title=titled(name, ari), xlabel="cluster", ylabel="class", xticks=[],
                  yticks=range(len(images.classes)), yticklabels=images.classes)
        for (row, column), value in np.ndenumerate(share):
            if value >= 0.05:
                panel.text(column, row, f"{value:.0%}", ha="center", va="center", fontsize=7,
                           color="white" if value > 0.5 else "black")
    return figure


def titled(name, ari):
    """A space's name and what was found in it."""
    return f"{name.replace('_', ' ')}: ARI {ari[name]:.2f}"


def bars(ari):
    """The ARI of each kind of features."""
    figure, (axes,) = draw.panels(1, width=640, height=340)
    drawn = axes.bar([name.replace("_", " ") for name in ari], [*ari.values()],
                     color=draw.COLOURS[: len(ari)])
    axes.bar_label(drawn, fmt="{:.2f}")
    axes.set(title="what k-means finds of the classes", ylabel="adjusted Rand index",
             ylim=(0, 1.12 * max(ari.values())))
    return figure


if __name__ == "__main__":
    demos.start(__file__)

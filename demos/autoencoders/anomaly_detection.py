"""Anomaly detection: a copier of normal pictures fails where a picture is not normal.

Auto-encoders learn from blue shapes, one class of them held out. Then they see that class, and
shapes with a scratch, a hole or the wrong colour: the error of the copy is a heat map, its hottest
place the picture's score. Beside a small code stands one that is too large: it copies anomalies as
well, and tells less. PCA with as many numbers and the distance to the nearest normal picture are
to be beaten.
Holes are the hardest: a shape with a bite is not far from a crescent, one with a hole from a ring,
and these are normal, though the worst copied. In front of clouds of colours (--set backdrop=none)
a code has to hold the clouds first, and then holds anomalies too: with 24 numbers, AUROC is 0.98
for scratches, 0.79 for colours, 0.57 for holes and 0.64 for the class held out (seed 0).
Course: deck A, « Détection d'anomalies (Caltech-101) »; row 37.
"""

from dataclasses import dataclass

import matplotlib
import numpy as np

from minigen import data, demos, draw, from_numpy, metrics, optim
from minigen.data.shapes import SHAPES
from minigen.models.autoencoders.anomaly_detection import AnomalyDetector, heat_map, score
from minigen.models.autoencoders.anomaly_detection import Config as Model
from minigen.models.classical.high_dimension import nearest_distance
from minigen.models.classical.pca import PCA
from minigen.train import About, Demo, Run, UsageError

ABOUT = About(
    row=37,
    item="A-15",
    fr="détection d'anomalies",
    en="anomaly detection",
    module="minigen.models.autoencoders.anomaly_detection",
    metric="auroc_defects",             # the mean over scratches, holes and wrong colours
    bars={"tiny": 0.9, "gpu": 0.9},
    better="higher",
)
DEFECTS = ("scratch", "hole", "colour")
GREY = "#7a808c"
APART = 10_000                          # between the seeds of training and test pictures
LEAST = 20                              # normal pictures: fewer could teach nothing
FEW = 2000                              # normal pictures that PCA and the nearest one are from


@dataclass
class Config(Demo):
    size: int | None = None             # pixels a side; none: 24, or what your pictures have
    held_out: str | None = None         # the class never seen in training; none: the last one
    backdrop: float | None = 0.5        # grey behind the shapes, 0 to 1; none: clouds of colours
    pictures: int = 8000                # normal ones, of which a tenth sets the threshold
    tests: int = 1000                   # pictures of each kind of test, half of them anomalies
    widths: tuple[int, ...] = (16, 32)  # channels of each level; each halves the picture
    latent: int = 8                     # numbers in the small code
    too_many: int = 256                 # numbers in the code that is too large
    window: int = 5                     # side of the window that errors are averaged over, odd
    share: float = 0.95                 # of normal pictures, that raise no alarm
    batch: int = 32                     # pictures per step; 64 and fewer steps do worse
    steps: int = 3000                   # training steps
    lr: float = 3e-3                    # Adam's step size; it falls in the second half


PRESETS = {
    "tiny": {},
    "gpu": {"size": 32, "widths": (64, 128), "pictures": 40_000, "batch": 512, "steps": 3000},
}


@dataclass(frozen=True)
class Trial:
    """Test pictures of which some are anomalous in one way."""

    images: np.ndarray                  # (M, C, S, S)
    labels: np.ndarray                  # (M,) 1 for an anomaly, 0 for a normal picture
    defects: np.ndarray | None          # (M, 1, S, S) how much of a pixel is; None: not known


def main(config: Config) -> int:
    check(config)
    normal, trials = (own_pictures if config.data else made_pictures)(config)
    fresh, normal = np.split(normal, [max(1, len(normal) // 10)])
    small, large = (detector(config, normal, latent) for latent in (config.latent, config.too_many))
    optimizer = optim.Adam([*small.parameters(), *large.parameters()], lr=config.lr)
    decay = optim.Scheduler(optimizer, lr=late(config.steps))

    with Run(config, "anomaly-detection", small=small, large=large, optimizer=optimizer,
             decay=decay) as run:
        for x in run.batches(normal, config.batch, steps=config.steps):         # (B, C, S, S)
            loss, loss_large = small.loss(x), large.loss(x)
            optimizer.zero_grad()
            (loss + loss_large).backward()
            optimizer.step()
            decay.step()
            run.log(mse=loss, mse_large_code=loss_large)
            if run.every(0.1):
                small.set_threshold(from_numpy(run.outputs(small, fresh)), config.share)
                run.figure("heat-maps", heat_maps(run, small, large, trials))
        run.figure("training", draw.curves(run.metrics, "error of an image, while training"))

        judges = {f"auto-encoder, {config.latent} numbers": lambda x: run.outputs(small, x),
                  f"auto-encoder, {config.too_many}": lambda x: run.outputs(large, x),
                  **baselines(normal[:FEW], config)}
        found = {kind: {name: judge(t.images) for name, judge in judges.items()}
                 for kind, t in trials.items()}                                 # each (M,)
        auroc = {kind: [metrics.roc_auc_score(trials[kind].labels, s) for s in by.values()]
                 for kind, by in found.items()}                                 # each (4,)
        first = {kind: next(iter(by.values())) for kind, by in found.items()}
        threshold = small.threshold.item()
        run.figure("roc", curves(trials, first, threshold))
        run.figure("methods", methods(auroc, list(judges)))
        run.figure("extremes", extremes(trials, first))
        return run.report(**summary(auroc), **alarms(trials, first, threshold),
                          **where(run, small, trials))


def check(config):
    """Refuse settings of which nothing could be learned or judged."""
    if config.window % 2 == 0:
        raise UsageError(f"--set window={config.window}: it must be odd, to have a middle")
    if config.share > 1:
        raise UsageError(f"--set share={config.share:g}: it is a part of 1, 0.95 for 95 %")
    if config.pictures < LEAST:
        raise UsageError(f"--set pictures={config.pictures}: it takes {LEAST}, to learn from and "
                         "to set the threshold")
    if config.tests < 2:
        raise UsageError("--set tests=1: it takes two, a normal picture and an anomaly")


def made_pictures(config):
    """Blue shapes without one class, and a trial of each kind.   -> (N, 3, S, S), {kind: Trial}"""
    name = config.held_out or SHAPES[-1]
    if name not in SHAPES:
        raise UsageError(f"--set held_out={name}: no such class ({', '.join(SHAPES)})")
    given = {"held_out": SHAPES.index(name), "size": config.size or 24}
    if config.backdrop is not None:
        if config.backdrop > 1:
            raise UsageError(f"--set backdrop={config.backdrop:g}: a grey is 0 to 1, or none")
        given["backdrop"] = config.backdrop
    normal = data.anomaly(config.pictures, config.seed, share=0, **given).images
    trials = {}
    for kind in ("class", *DEFECTS):
        made = data.anomaly(config.tests, config.seed + APART, kind=kind, **given)
        trials[kind] = Trial(made.images, made.labels, made.defects)
    return normal, trials


def own_pictures(config):
    """A user's pictures, one class of them held out.   -> (N, C, S, S), {class: Trial}"""
    images = data.load(config.data, size=config.size, seed=config.seed, train=config.pictures,
                       test=config.tests)
    print(images.describe())
    if len(images.classes) < 2:
        raise UsageError(f"--data {config.data}: one class of pictures has to be held out as the "
                         "anomalies; put pictures of each class into a folder of their own, as "
                         "good/ and broken/")
    name = config.held_out or images.classes[-1]
    if name not in images.classes:
        raise UsageError(f"--set held_out={name}: no such class ({', '.join(images.classes)})")
    odd, odd_too = (labels == images.classes.index(name)
                    for labels in (images.train_labels, images.test_labels))
    normal, good = images.train[~odd], images.test[~odd_too]
    bad = np.concatenate([images.test[odd_too], images.train[odd]])[: config.tests]
    if len(normal) < LEAST or not len(good) or not len(bad):
        raise UsageError(f"--data {config.data}: {len(normal)} normal pictures to learn from, "
                         f"{len(good)} and {len(bad)} of {name} to test; it takes {LEAST}, 1 and 1")
    labels = np.repeat([0, 1], [len(good), len(bad)])
    return normal, {name: Trial(np.concatenate([good, bad]), labels, None)}


def detector(config, normal, latent):
    """A detector for pictures like these, with a code of so many numbers."""
    _, channels, size, _ = normal.shape
    model = Model(channels, size, config.widths, latent, config.window)
    return AnomalyDetector(model, rng=config.rng("weights")).to(config.device)


def late(steps):
    """The step size over its first value: 1 in the first half of the training, then down to 0."""
    half = max(1, steps // 2)
    then = optim.schedules.linear(1.0, 0.0, max(1, steps - half))
    return optim.schedules.chain(optim.schedules.constant(), half, then)


def baselines(normal, config):
    """Scores without training: what PCA leaves, judged alike, and the nearest normal picture."""
    flat = normal.reshape(len(normal), -1)
    pca = PCA(min(config.latent, *(n - 1 for n in flat.shape)), standardize=False).fit(flat)

    def by_pca(x):
        copies = pca.inverse_transform(pca.transform(x.reshape(len(x), -1))).reshape(x.shape)
        return score(heat_map(from_numpy(x), from_numpy(copies.astype(np.float32)),
                              config.window)).numpy()

    return {f"PCA, {pca.n_components_} numbers": by_pca,
            "nearest normal picture": lambda x: nearest_distance(x.reshape(len(x), -1), flat)}


def summary(auroc):
    """The small code's AUROC of each kind and of all defects, then that of the others."""
    ours, large, pca, nearest = np.array([*auroc.values()]).T                   # each (kinds,)
    found = {f"auroc_{kind}": value for kind, value in zip(auroc, ours, strict=True)}
    if set(DEFECTS) <= set(auroc):
        found = {"auroc_defects": np.mean([found[f"auroc_{kind}"] for kind in DEFECTS])} | found
    return found | {"large_code": large.mean(), "pca": pca.mean(), "nearest": nearest.mean(),
                    "ahead_of_pca": (ours - pca).min()}


def alarms(trials, found, threshold):
    """What the threshold gives: the share of normal pictures, and of anomalies, that it calls."""
    labels = np.concatenate([t.labels for t in trials.values()])
    called = np.concatenate([*found.values()]) > threshold
    return {"false_alarms": called[labels == 0].mean(), "found": called[labels == 1].mean(),
            "fpr_at_95_found": metrics.fpr_at_tpr(labels, np.concatenate([*found.values()]))}


def where(run, model, trials):
    """AUROC of pixels: does the map of an anomaly tell its defect from the rest of it?"""
    found = []
    for kind, trial in trials.items():
        if kind in DEFECTS and trial.defects is not None:       # not a user's class of that name
            odd = trial.labels == 1
            heat = run.outputs(model.heat_map, trial.images[odd])               # (M, 1, S, S)
            found.append(metrics.roc_auc_score((trial.defects[odd] > 0.5).ravel(), heat.ravel()))
    return {"auroc_of_pixels": np.mean(found)} if found else {}


def heat_maps(run, small, large, trials):
    """Anomalies of each kind and normal pictures: copies and maps of both codes.

    Colours run from no error to three times the threshold.
    """
    each = 12 // (len(trials) + 1)
    usual = next(iter(trials.values()))
    chosen = [(t, np.flatnonzero(t.labels)[:each]) for t in trials.values()]
    chosen.append((usual, np.flatnonzero(usual.labels == 0)[:each]))
    x = np.concatenate([t.images[i] for t, i in chosen])                        # (12, C, S, S)
    rows, inputs = {"picture": x}, from_numpy(x).to(run.config.device)
    for name, model in (("small", small), ("large", large)):
        with run.evaluation():
            rows[f"{name} code"] = model.copier(inputs)
            heat = model.heat_map(inputs).to("cpu").numpy()                     # (12, 1, S, S)
        rows[f"heat of {name}"] = coloured(heat / (3 * small.threshold.item()))
    if all(t.defects is not None for t, _ in chosen):
        rows["anomaly"] = np.concatenate([t.defects[i] for t, i in chosen])
    return draw.rows(**rows)


def coloured(heat):
    """Heat in [0, 1] as colours.   (M, 1, S, S) -> (M, 3, S, S)"""
    return matplotlib.colormaps["inferno"](np.clip(heat[:, 0], 0, 1))[..., :3].transpose(0, 3, 1, 2)


def curves(trials, found, threshold):
    """ROC of each kind, and where scores lie on either side of the threshold."""
    figure, (left, right) = draw.panels(2, width=480, height=400)
    kind, trial = next(iter(trials.items()))
    roc, groups = {}, {"normal": found[kind][trial.labels == 0]}
    for kind, values in found.items():
        labels = trials[kind].labels
        false, true, _ = metrics.roc_curve(labels, values)
        roc[f"{kind}: {metrics.roc_auc_score(labels, values):.3f}"] = false, true
        groups[kind] = values[labels == 1]
    draw.lines(roc, "ROC, and the area under it",
               ("false alarms, of normal pictures", "found, of anomalies"), axes=left)
    left.plot([0, 1], [0, 1], ":", color=GREY, linewidth=1)
    rng = np.random.default_rng(0)
    for i, values in enumerate(groups.values()):        # spread in height to be told apart
        colour = GREY if i == 0 else draw.COLOURS[i - 1]
        right.plot(values, i + rng.uniform(-0.3, 0.3, len(values)), ".", color=colour, alpha=0.6)
    right.axvline(threshold, color="black", linestyle=":")
    right.set(title="scores of test pictures; dotted: the threshold", xlabel="score",
              yticks=range(len(groups)), yticklabels=[*groups])
    return figure


def methods(auroc, names):
    """AUROC of each kind of anomaly as groups of bars, one bar for each method."""
    figure, (axes,) = draw.panels(1, width=900, height=360)
    values = np.array([*auroc.values()])                                        # (kinds, methods)
    width = 0.8 / len(names)
    for i, name in enumerate(names):
        bars = axes.bar(np.arange(len(values)) + (i - (len(names) - 1) / 2) * width,
                        values[:, i], 0.92 * width, color=draw.COLOURS[i], label=name)
        axes.bar_label(bars, fmt="{:.2f}", fontsize=8)
    axes.axhline(0.5, color=GREY, linewidth=1, linestyle=":")
    axes.set(title="AUROC; dotted: chance", xticks=range(len(values)), xticklabels=[*auroc],
             ylim=(0.4, 1.15))
    axes.legend(frameon=False, ncols=len(names), loc="upper center", fontsize=9)
    return figure


def extremes(trials, found, shown=10):
    """The highest and lowest scores of all, the highest of normal pictures and lowest of others."""
    images = np.concatenate([t.images for t in trials.values()])
    labels = np.concatenate([t.labels for t in trials.values()])
    # normal pictures are the same in each kind of trial: the first kind's are enough
    once = np.arange(len(labels)) < len(next(iter(trials.values())).labels)
    order = np.argsort(-np.concatenate([*found.values()]))
    order = order[(labels[order] == 1) | once[order]]
    usual, odd = order[labels[order] == 0], order[labels[order] == 1]
    shown = min(shown, len(usual), len(odd))
    return draw.rows(**{name: images[i] for name, i in {
        "highest scores": order[:shown], "highest normal": usual[:shown],
        "lowest odd": odd[::-1][:shown], "lowest scores": order[::-1][:shown]}.items()})


if __name__ == "__main__":
    demos.start(__file__)

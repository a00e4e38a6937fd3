"""Over-complete auto-encoders on white patches of digits: noise goes in, noise comes out.

Five networks see the same patches. Two have room for the whole input and no reason to leave
anything out: they copy noise too. A bottleneck cannot. Two more have the room, but pay for a copy,
by noise to remove or by the size of the code: their codes tell the digits apart.
Course: deck A, « auto-encodeurs surconditionnés »; row 26.
"""

from dataclasses import dataclass

import numpy as np

from minigen import data, demos, draw, from_numpy, metrics, optim
from minigen.models.autoencoders.overcomplete import Config as Model
from minigen.models.autoencoders.overcomplete import OvercompleteAutoEncoder
from minigen.models.classical.pca import Whitening
from minigen.train import About, Demo, Run, UsageError

ABOUT = About(
    row=26,
    item="A-04",
    fr="auto-encodeurs surconditionnés",
    en="over-complete auto-encoders",
    module="minigen.models.autoencoders.overcomplete",
    metric="worst_of_allowed",          # the worst of three parts, over what each may be
    bars={"tiny": 1, "gpu": 1},
)


@dataclass
class Config(Demo):
    size: int | None = None             # pixels a side; none: 28, or what your pictures have
    patch: int = 8                      # pixels a side of a patch
    code: int = 96                      # numbers in an over-complete code
    bottleneck: int = 16                # numbers in the code that is too small
    noise: float = 1.0                  # standard deviation of the denoising network's noise
    sparsity: float = 1.0               # price of the sparse network's code
    labels: int = 200                   # pictures with their class, to learn a classifier from
    batch: int = 256                    # patches per step
    steps: int = 1500                   # training steps
    lr: float = 2e-3                    # Adam's step size


PRESETS = {
    "tiny": {},
    "gpu": {"code": 384, "batch": 512, "steps": 5000},
}


def main(config: Config) -> int:
    images = data.load(config.data or "digits", size=config.size, channels=1, seed=config.seed,
                       train=2000, test=1000)
    print(images.describe())
    white, x, x_test = white_patches(images, config.patch)                      # (N, D), (M, D)
    models = networks(config, x.shape[1])
    optimizer = optim.Adam([p for m in models.values() for p in m.parameters()], lr=config.lr)
    noise = config.rng("noise").normal(x_test.shape).numpy()                    # as white as x is

    with Run(config, "overcomplete", optimizer=optimizer, **models) as run:
        for batch in run.batches(x, config.batch, steps=config.steps):          # (B, D)
            losses = {name: model.loss(batch, rng=run.rng) for name, model in models.items()}
            optimizer.zero_grad()
            sum(losses.values()).backward()
            optimizer.step()
            run.log(**losses)
            if run.every(0.1):
                run.figure("noise", copies(run, models, noise[:12], config.patch))
        run.figure("patches", copies(run, models, x_test[:12], config.patch))
        run.figure("atoms", atoms(models, config.patch))
        run.figure("training", draw.curves(run.metrics, "loss of a patch, while training"))

        found = {f"noise_error_{name}": lost(run, model, noise) for name, model in models.items()}
        if len(images.classes) > 1:
            found |= probes(run, models, images, white, config)
        return run.report(worst_of_allowed=worst(found), **found)


def networks(config, inputs):
    """The five networks, by name."""
    rng = config.rng("weights")
    wide, narrow = (inputs, config.code), (inputs, config.bottleneck)
    kinds = {
        "linear": Model(*wide, relu=False),
        "relu": Model(*wide),
        "bottleneck": Model(*narrow, relu=False),
        "denoising": Model(*wide, noise=config.noise),
        "sparse": Model(*wide, sparsity=config.sparsity),
    }
    return {name: OvercompleteAutoEncoder(c, rng=rng).to(config.device)
            for name, c in kinds.items()}


def patches(pictures, side, step):
    """All squares of a side, a step apart.   (N, 1, S, S) -> (N, P, P, side²)"""
    windows = np.lib.stride_tricks.sliding_window_view(pictures[:, 0], (side, side), (1, 2))
    windows = windows[:, ::step, ::step]                                # (N, P, P, side, side)
    return windows.reshape(*windows.shape[:3], side * side)


def white_patches(images, side):
    """A map that makes patches white, and white ones to train and to test.   (N, D), (M, D)

    White: of mean 0 and covariance I, the same in all directions. Then noise of covariance I is no
    stranger to a network because of its size or its directions.
    """
    if images.size < side:
        raise UsageError(f"--set patch={side}: {images.name} has pictures of {images.size} pixels "
                         f"a side; take a patch of {images.size} at most")
    step = max(1, (images.size - side) // 5)                            # up to 6 × 6 of a picture
    train, test = (patches(part, side, step).reshape(-1, side * side)
                   for part in (images.train, images.test))
    white = Whitening("zca", eps=0)                                     # z = C^(-1/2) (x - mean)
    try:
        white.fit(train)
    except ValueError as error:
        raise UsageError(
            f"--set patch={side}: patches of {images.name} vary in fewer than {side * side} "
            "directions and cannot be made white; take a smaller patch, or more pictures"
        ) from error
    return white, *(white.transform(x).astype(np.float32) for x in (train, test))


def lost(run, model, x):
    """The share of x that a copy lacks, |x - x̂|² / |x|².   (N, D) -> float"""
    return run.mean(lambda a: ((a - model(a)) ** 2).sum(-1).mean(), x) / (x**2).sum(-1).mean()


def probes(run, models, images, white, config):
    """Accuracies of linear classifiers on codes, learned from few labels, and their figure.

    -> {"probe_" and the network's name: accuracy}
    A picture's features: the mean codes of the patches of each of its quarters (Coates, Lee & Ng,
    An Analysis of Single-Layer Networks in Unsupervised Feature Learning, AISTATS 2011).
    """
    most = len(images.train)
    counts = sorted({min(most, config.labels * k) for k in (1, 2, 5)})
    curves, found = {}, {}
    for name, model in models.items():
        train, test = (features(run, model, part, white, config.patch)
                       for part in (images.train[: counts[-1]], images.test))
        scores = [metrics.LinearProbe().fit(train[:n], images.train_labels[:n])
                  .score(test, images.test_labels) for n in counts]
        curves[name], found[f"probe_{name}"] = (np.array(counts), np.array(scores)), scores[0]
    run.figure("probe", draw.lines(curves, "what a linear classifier reads off the codes",
                                   ("pictures with their class", "accuracy"), log="x"))
    return found


def features(run, model, pictures, white, side):
    """Mean codes of the patches in each quarter of a picture.   (N, 1, S, S) -> (N, 4 K)"""
    made = []
    for start in range(0, len(pictures), 100):
        x = patches(pictures[start : start + 100], side, 2)             # (n, P, P, D)
        x = white.transform(x.reshape(-1, x.shape[-1])).astype(np.float32).reshape(x.shape)
        with run.evaluation():
            z = model.encode(from_numpy(x).to(run.config.device)).to("cpu").numpy()
        half = (z.shape[1] + 1) // 2
        made.append(np.concatenate([z[:, rows, columns].mean((1, 2))
                                    for rows in (slice(half), slice(-half, None))
                                    for columns in (slice(half), slice(-half, None))], 1))
    return np.concatenate(made)


def worst(found):
    """The worst part of the bar, over what it may be; the classes' only where there are any.

    With room for the input, networks copy noise to .1 of its variance; the bottleneck loses .5;
    either price gives 3 points of accuracy to the network that is otherwise the same.
    """
    parts = [found["noise_error_linear"] / 0.1, found["noise_error_relu"] / 0.1,
             0.5 / found["noise_error_bottleneck"]]
    if "probe_sparse" in found:
        gain = min(found["probe_sparse"], found["probe_denoising"]) - found["probe_relu"]
        parts.append(0.03 / max(gain, 1e-3))
    return max(parts)


def copies(run, models, x, side):
    """White patches and what each network makes of them, grey where 0."""
    with run.evaluation():
        made = {name: model(from_numpy(x).to(run.config.device)).to("cpu").numpy()
                for name, model in models.items()}
    return draw.rows(**{name: as_pictures(rows, side, 3)
                        for name, rows in {"input": x, **made}.items()})


def atoms(models, side, count=12):
    """Some of what the numbers of a code stand for, the columns of the decoder's weights."""
    columns = {name: model.atoms().detach().to("cpu").numpy().T         # (K, D)
               for name, model in models.items()}
    count = min(count, *map(len, columns.values()))
    return draw.rows(**{
        name: as_pictures(rows[:count], side, np.abs(rows[:count]).max(1, keepdims=True))
        for name, rows in columns.items()})


def as_pictures(rows, side, reach):
    """White patches as grey pictures, from -reach (black) to reach (white).   -> (N, 1, s, s)"""
    return (0.5 + 0.5 * rows / reach).reshape(-1, 1, side, side)


if __name__ == "__main__":
    demos.start(__file__)

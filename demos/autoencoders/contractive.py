"""Contractive auto-encoder on digits: the few directions in which a code still listens.

Two auto-encoders are trained side by side, with a penalty on the code's derivative and without. The
penalty cannot be paid in all directions, so the code goes on following those in which digits
differ, and stands still in the others. A small shift of a digit has to be followed: measured is how
much of it lies in the six directions that a code follows most. The price is a coarser copy.
Course: deck A, regularised auto-encoders; item A-19.
"""

from dataclasses import dataclass

import numpy as np

from minigen import data, demos, draw, from_numpy, optim
from minigen.models.autoencoders.contractive import Config as Model
from minigen.models.autoencoders.contractive import ContractiveAutoEncoder
from minigen.models.classical.pca import PCA
from minigen.train import About, Demo, Run, UsageError

FEW = 6                                 # directions that are looked at
LOOKED_AT = 100                         # test pictures whose directions are computed

ABOUT = About(
    row=(),                             # an option of the course: its table has no row for it
    item="A-19",
    fr="auto-encodeur contractant",
    en="contractive auto-encoder",
    module="minigen.models.autoencoders.contractive",
    metric="shift_vs_plain",            # share of a shift in FEW directions, over the plain one's
    bars={"tiny": 2, "gpu": 2},
    better="higher",
)


@dataclass
class Config(Demo):
    size: int = 16                      # pixels a side, of your pictures too
    pictures: int = 3000                # to train on
    hidden: int = 128                   # numbers in a code
    penalty: float = 50.0               # what a unit of squared slope costs; pixels have variance 1
    batch: int = 128                    # pictures per step
    steps: int = 1500                   # training steps
    lr: float = 3e-3                    # Adam's step size


PRESETS = {
    "tiny": {},
    "gpu": {"size": 28, "pictures": 12_000, "hidden": 512, "penalty": 75.0, "batch": 512,
            "lr": 1e-3, "steps": 3000},
}


def main(config: Config) -> int:
    images = enough_pictures(config)
    print(images.describe())
    mean, scale = images.train.mean(0), images.train.var(0).mean() ** 0.5
    train, test = (((x - mean) / scale).reshape(len(x), -1) for x in (images.train, images.test))
    plain, contractive = (
        ContractiveAutoEncoder(Model(images.pixels, config.hidden, penalty),
                               rng=config.rng("weights")).to(config.device)
        for penalty in (0.0, config.penalty)
    )
    optimizer = optim.Adam([*plain.parameters(), *contractive.parameters()], lr=config.lr)
    models = {"plain": plain, "contractive": contractive}

    with Run(config, "contractive", optimizer=optimizer, **models) as run:
        for x in run.batches(train, config.batch, steps=config.steps):          # (B, D)
            error, slope = plain.errors(x)
            error_c, slope_c = contractive.errors(x)
            optimizer.zero_grad()
            (error + error_c + config.penalty * slope_c).backward()
            optimizer.step()
            run.log(error=error, slope=slope, error_contractive=error_c,
                    slope_contractive=slope_c)
            if run.every(0.1):
                with run.evaluation():
                    x = from_numpy(test[:10]).to(config.device)
                    copies = {name: m(x).to("cpu").numpy() for name, m in models.items()}
                run.figure("reconstructions", reconstructions(images, copies, mean, scale))

        some = from_numpy(test[:LOOKED_AT]).to(config.device)
        with run.evaluation():
            found = {name: directions(m.jacobian(some)) for name, m in models.items()}
        run.figure("shifts", follow(images, found))
        run.figure("spectrum", spectrum(found))
        run.figure("training", draw.curves(run.metrics, "error, and squared slope of the code"))

        errors = [run.mean(lambda x, m=m: m.errors(x)[0], test) for m in models.values()]
        return run.report(error_vs_plain=errors[1] / errors[0], **shares(images, train, found))


def shares(images, train, found):
    """How much of small shifts codes follow, and how much PCA's FEW first axes hold.   -> {name: }

    train: (N, D), as the networks see them; found: of the test pictures, see `directions`.
    """
    pca = PCA(FEW, standardize=False).fit(train).components_[None]              # (1, 6, D)
    plain, contractive = (shift_share(images.test, axes) for _, axes in found.values())
    return {"shift_share_pca": shift_share(images.test, pca), "shift_share_plain": plain,
            "shift_share": contractive, "shift_vs_plain": contractive / plain}


def enough_pictures(config):
    """The pictures, of which FEW directions can be found.   -> data.Images

    UsageError if there are too few, or if so many directions hold all that varies.
    """
    images = data.load(config.data or "digits", size=config.size, seed=config.seed,
                       train=config.pictures, test=1000)
    demos.autoencoders.pca_to_beat(images, FEW, fixed=True)
    if len(images.train) < FEW + 2:
        raise UsageError(f"{images.name}: too few pictures have no {FEW} directions; to train on "
                         f"there are {len(images.train)} and have to be {FEW + 2}; give more")
    return images


def directions(jacobians):
    """By how much codes change most, and where to.   (N, K, D) -> (N, R), (N, R, D), R ≤ K, D"""
    _, lengths, axes = np.linalg.svd(jacobians.to("cpu").numpy(), full_matrices=False)
    return lengths, axes


def shift_share(pictures, axes):
    """How much of a small shift of each picture lies in its FEW first directions, from 0 to 1.

    pictures: (M, C, S, S); axes: (N, R, D), of the N first pictures, or (1, R, D), of all.
    """
    shifts = np.gradient(pictures[:LOOKED_AT], axis=(2, 3))                     # down, right
    seen = [inside(shift, axes) for shift in shifts]
    return sum((x**2).sum() for x in seen) / sum((x**2).sum() for x in shifts)


def inside(changes, axes):
    """The part of each change that lies in its FEW first directions.   (N, C, S, S) -> the same"""
    axes = axes[: len(changes), :FEW]                                           # (N, 6, D)
    flat = changes.reshape(len(changes), 1, -1)                                 # (N, 1, D)
    return (flat @ axes.transpose(0, 2, 1) @ axes).reshape(changes.shape)


def reconstructions(images, copies, mean, scale):
    """Test pictures and their copies.   copies: {name: (10, D)}, as the networks see -> Figure"""
    shape = (-1, *images.test.shape[1:])
    return draw.rows(input=images.test[:10],
                     **{name: x.reshape(shape) * scale + mean for name, x in copies.items()})


def follow(images, found):
    """What is left of a shift to the right in the directions that codes follow.   -> Figure"""
    pictures = images.test[:10]
    shift = np.gradient(pictures, axis=3)
    most = np.maximum(abs(shift).max((1, 2, 3), keepdims=True), 1e-6)
    seen = {"shifted": shift} | {name: inside(shift, axes) for name, (_, axes) in found.items()}
    return draw.rows(input=pictures, **{name: 0.5 + 0.5 * change / most     # grey: no change
                                        for name, change in seen.items()})


def spectrum(found):
    """Lengths of a code's change in its directions, mean over pictures.   -> Figure"""
    means = {name: lengths.mean(0) / lengths.mean(0)[0] for name, (lengths, _) in found.items()}
    return draw.lines({name: (np.arange(1, len(m) + 1), m) for name, m in means.items()},
                      "how much a code follows, direction by direction",
                      ("direction, the most followed first", "change, relative to the first"))


if __name__ == "__main__":
    demos.start(__file__)

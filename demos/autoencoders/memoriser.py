"""The memoriser: one number for a code, no error on what it knows, and none the wiser.

A network made by hand gives each training picture a number, and finds it again by that number: its
training error is 0. New pictures come out as mixtures of two others. A trained network with as many
weights and ten numbers copies new ones; trained with one number, it finds no such list by itself.
Course: deck A, « cas dégénéré ... associer à chaque x⁽ⁱ⁾ son indice i »; row 27.
"""

from dataclasses import dataclass

import numpy as np

from minigen import data, demos, draw, from_numpy, optim
from minigen.models.autoencoders.memoriser import Memoriser
from minigen.models.autoencoders.mlp import AutoEncoder
from minigen.models.autoencoders.mlp import Config as Model
from minigen.train import About, Demo, Run, UsageError

ABOUT = About(
    row=27,
    item="A-05",
    fr="cas dégénéré : associer à chaque x⁽ⁱ⁾ son indice i",
    en="the memoriser of one number",
    module="minigen.models.autoencoders.memoriser",
    metric="worst_of_allowed",          # the worst of three errors, over what each may be
    bars={"tiny": 1, "gpu": 1},
)


@dataclass
class Config(Demo):
    size: int | None = None             # pixels a side; none: 28, or what your pictures have
    count: int = 200                    # training pictures, to be known by heart
    latent: int = 10                    # numbers in the code of the network beside it
    batch: int = 64                     # pictures per step
    steps: int = 600                    # training steps of that network
    lr: float = 1e-3                    # Adam's step size


PRESETS = {
    "tiny": {},
    "gpu": {"count": 500, "batch": 512, "steps": 2000},     # of 2000, float64 is 1e-8 off
}


def main(config: Config) -> int:
    images = data.load(config.data or "digits", size=config.size, seed=config.seed,
                       train=config.count, test=1000)
    print(images.describe())
    train, test = distinct(images), images.test.reshape(len(images.test), -1)   # (n, D), (M, D)
    known = from_numpy(train.astype(np.float64)).to(config.device)              # (n, D)
    a = config.rng("projection").normal((images.pixels,), dtype="float64").to(config.device)
    memoriser = Memoriser(known, a)
    rng = config.rng("weights")
    one, several = (AutoEncoder(as_large(memoriser, k), rng=rng).to(config.device)
                    for k in (1, config.latent))
    optimizer = optim.Adam([*one.parameters(), *several.parameters()], lr=config.lr)

    with Run(config, "memoriser", one=one, several=several, optimizer=optimizer) as run:
        for x in run.batches(train, config.batch, steps=config.steps):          # (B, D)
            losses = {"one_number": one.loss(x), "several_numbers": several.loss(x)}
            optimizer.zero_grad()
            sum(losses.values()).backward()
            optimizer.step()
            run.log(**losses)
            if run.every(0.1):
                run.figure("copies", copies(run, memoriser, one, several, train, images))
        run.figure("path", path(run, memoriser, images))
        run.figure("training", draw.curves(run.metrics, "error of an image, while training"))

        variance = ((test - train.mean(0)) ** 2).sum(1).mean()
        wide = known.to("cpu").numpy(), test.astype(np.float64)         # float64, as the memoriser
        by_heart, on_new = (run.mean(memoriser.loss, x) for x in wide)
        shares = {name: run.mean(model.loss, test) / variance
                  for name, model in (("one", one), ("several", several))}
        run.figure("capacity", capacity(run, known, a, test, variance, shares, config.latent))
        return run.report(
            worst_of_allowed=max(by_heart / 1e-10, 0.8 * variance / on_new,
                                 shares["several"] / 0.4),
            error_by_heart=by_heart, memoriser_on_new=on_new / variance,
            one_number_on_new=shares["one"], several_numbers_on_new=shares["several"],
            weights=size(memoriser), weights_of_several=size(several),
        )


def distinct(images):
    """The training pictures, flat, each once: equal ones have one number.   -> (n, D)"""
    flat = images.train.reshape(len(images.train), -1)
    first = np.sort(np.unique(flat, axis=0, return_index=True)[1])
    if len(first) < 2:
        raise UsageError(f"{images.name} has one training picture; a list to know by heart takes "
                         "two: give more pictures")
    return flat[first]


def size(model):
    """How many weights a network has."""
    return sum(p.numel() for p in model.parameters())


def as_large(memoriser, latent):
    """An auto-encoder D-H-latent-H-D with as many weights as the memoriser has, or a few fewer.

    H (D + 1 + K) in the encoder's weights, as many in the decoder's, and the biases of z and x̂.
    """
    pixels = len(memoriser.a)
    hidden = (size(memoriser) - latent - pixels) // (2 * (pixels + latent + 1))
    return Model(pixels, (max(hidden, 1),), latent)


def copies(run, memoriser, one, several, train, images, count=6):
    """What each network makes of pictures it knows, on the left, and of new ones."""
    new = images.test[:count].reshape(-1, images.pixels)
    x = from_numpy(np.concatenate([train[:count], new])).to(run.config.device)  # (12, D)
    with run.evaluation():
        rows = {
            f"{len(x) - len(new)}_known,_{len(new)}_new": x,
            "memoriser": memoriser(x.double()),
            "1_number": one(x),
            f"{run.config.latent}_numbers": several(x),
        }
    pictures = {}
    for name, made in rows.items():
        known, others = np.split(made.to("cpu").numpy(), [len(x) - len(new)])
        parted = np.concatenate([known, np.ones_like(known[:1]), others])       # white between
        pictures[name] = parted.reshape(-1, *images.test.shape[1:])
    return draw.rows(**pictures)


def path(run, memoriser, images):
    """The decoder's way through the known pictures, in quarters of a step."""
    z = np.arange(4, 4 * min(3, len(memoriser.knots)) + 1) / 4          # 1, 1.25, ... 3
    with run.evaluation():
        pictures = memoriser.decode(from_numpy(z).to(run.config.device)).to("cpu").numpy()
    return draw.grid(pictures.reshape(-1, *images.test.shape[1:]), len(z),
                     [f"z = {value:g}" for value in z])


def capacity(run, known, a, test, variance, shares, latent):
    """Errors of memorisers that know the first m pictures; the trained networks' for comparison.

    Errors are over the variance of new pictures, what always answering the mean would cost.
    """
    counts = np.unique(np.geomspace(2, len(known), 12).astype(int))
    errors = []
    for m in counts:
        model = Memoriser(known[: int(m)], a)
        errors.append([run.mean(model.loss, x) / variance
                       for x in (known.to("cpu").numpy(), test.astype(np.float64))])
    on_all, on_new = np.array(errors).T
    ends = np.array([counts[0], counts[-1]])
    figure = draw.lines({
        "memoriser, new pictures": (counts, on_new),
        "memoriser, training pictures": (counts, on_all),
        "trained, 1 number, new pictures": (ends, np.full(2, shares["one"])),
        f"trained, {latent} numbers, new pictures": (ends, np.full(2, shares["several"])),
    }, "one number is enough to know the training pictures by heart",
        ("training pictures that the memoriser knows", "error / variance"))
    (axes,) = figure.axes
    axes.set_ylim(-0.1, 1.5 * on_new.max())                             # room for the names
    axes.legend(frameon=False, loc="upper center", ncols=2)
    return figure


if __name__ == "__main__":
    demos.start(__file__)

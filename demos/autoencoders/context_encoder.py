"""Context encoder on landscapes: the hidden middle, filled in, and what a network learns by that.

Three networks train side by side. The first fills the middle by squared error alone, and blurs; the
second has to mislead a discriminator too. The third fills random blocks: each part of a picture is
missing at times, so its features know all parts, such as the kind of tree beside the house.
Course: deck A, « Auto-codeurs contextuels ou Context autoencoders »; row 36.
"""

from dataclasses import dataclass, replace

from minigen import data, demos, draw, from_numpy, metrics, optim
from minigen.models.autoencoders.context_encoder import Config as Model
from minigen.models.autoencoders.context_encoder import (
    ContextEncoder,
    Discriminator,
    masked_error,
    middle,
    random_masks,
)
from minigen.train import About, Demo, Run, UsageError

ABOUT = About(
    row=36,
    item="A-14",
    fr="auto-codeur contextuel",
    en="context encoder",
    module="minigen.models.autoencoders.context_encoder",
    # decibels over the mean of the training pictures' middles; the course's other bar, 8 points of
    # a linear probe over the untrained encoder, is `probe_gain` below
    metric="psnr_gain",
    bars={"tiny": 4, "gpu": 4},
    better="higher",
)


@dataclass
class Config(Demo):
    widths: tuple[int, ...] = (16, 32, 64)  # channels of each level; each halves, down to 4 x 4
    code: int = 64                          # numbers in a code
    batch: int = 64                         # pictures per step
    steps: int = 400                        # training steps
    lr: float = 2e-4                        # the discriminator's step size; the others' is 10 x it
    adversarial: float = 0.001              # the adversarial term's share of the second's loss
    labels: int = 200                       # pictures with labels that the probe learns from


PRESETS = {
    "tiny": {},
    "gpu": {"widths": (64, 128, 256, 512), "code": 512, "batch": 128, "steps": 4000},
}


def main(config: Config) -> int:
    images = load(config)
    train, test = 2 * images.train - 1, 2 * images.test - 1             # (N, C, S, S) in [-1, 1]
    networks, optimizers = build(config, train)
    l2, sharp, anywhere, D = networks.values()
    hole, share = l2.hole, config.adversarial
    # batch norm needs more than one picture: an incomplete batch is left out
    batches = data.DataLoader(train, min(config.batch, len(train)), shuffle=True, drop_last=True,
                              seed=config.seed, prefetch=0)

    with Run(config, "context-encoder", **networks, **optimizers) as run:
        for x in run.batches(batches, steps=config.steps):              # (B, C, S, S)
            error = masked_error(x, l2(x, hole), hole)
            descend(optimizers["opt_l2"], error)

            filled = sharp(x, hole)
            loss_d = D.loss(middle(x), middle(filled.detach()))
            descend(optimizers["opt_D"], loss_d)
            adversarial = D.adversarial(middle(filled))
            error_sharp = masked_error(x, filled, hole)
            descend(optimizers["opt_sharp"], (1 - share) * error_sharp + share * adversarial)

            mask = random_masks(len(x), images.size, rng=run.rng)
            error_blocks = masked_error(x, anywhere(x, mask), mask)
            descend(optimizers["opt_anywhere"], error_blocks)
            run.log(squared_error=error, with_adversary=error_sharp, random_blocks=error_blocks,
                    discriminator=loss_d)
            if run.every(0.1):
                show(run, l2, sharp, anywhere, test[:8])

        run.figure("training", draw.curves(run.metrics, "terms of the losses, while training"))
        results = fidelity(run, l2, sharp, train, test)
        if len(images.classes) > 1:
            untrained = build(config, train)[0]["anywhere"].eval()
            results |= probe(run, images, untrained=untrained, middle=l2, random_blocks=anywhere)
        return run.report(**results)


def load(config):
    """Pictures of the one size that the encoder takes."""
    if len(config.widths) < 2:
        raise UsageError(f"--set widths={config.widths[0]}: the decoder has one level less than "
                         "the encoder; give two widths at least, as widths=16,32")
    for name, why in (("labels", "a probe compares classes"),
                      ("batch", "batch norm compares pictures")):
        if getattr(config, name) < 2:
            raise UsageError(f"--set {name}={getattr(config, name)}: {why}; give 2 or more")
    if config.adversarial > 1:
        raise UsageError(f"--set adversarial={config.adversarial:g}: it is a share of the loss; "
                         "give 1 at most")
    images = data.load(config.data or "landscapes", size=4 * 2 ** len(config.widths),
                       seed=config.seed, test=1000)
    if len(images.train) < 2:
        raise UsageError(f"--data {config.data}: batch norm needs two pictures to train on; give "
                         "three or more")
    print(images.describe())
    return images


def build(config, train):
    """The networks and their optimizers, two dicts.   train: (N, C, S, S) in [-1, 1]"""
    colour = tuple(train.mean((0, 2, 3)).tolist())
    c = Model(train.shape[1], config.widths, config.code, fill=colour)
    networks = {
        "l2": ContextEncoder(c, rng=config.rng("weights")),
        "sharp": ContextEncoder(c, rng=config.rng("weights")),          # the same start
        "anywhere": ContextEncoder(replace(c, whole=True), rng=config.rng("weights")),
        "D": Discriminator(c, rng=config.rng("discriminator")),
    }
    optimizers = {
        f"opt_{name}": optim.Adam(network.to(config.device).parameters(), betas=(0.5, 0.999),
                                  lr=config.lr if name == "D" else 10 * config.lr)
        for name, network in networks.items()
    }
    return networks, optimizers


def descend(optimizer, loss):
    """One step down the loss's gradient."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def show(run, l2, sharp, anywhere, pictures):
    """Both figures of filled pictures.   pictures (N, C, S, S) in [-1, 1]"""
    x = from_numpy(pictures).to(run.config.device)
    blocks = random_masks(len(x), x.shape[-1], rng=run.config.rng("blocks")).to(run.config.device)
    with run.evaluation():
        figures = {
            "fillings": {"input": l2.hide(x, l2.hole), "squared_error": l2(x, l2.hole),
                         "+_adversarial": sharp(x, l2.hole), "truth": x},
            "blocks": {"input": anywhere.hide(x, blocks), "filled": anywhere(x, blocks),
                       "truth": x},
        }
    for name, rows in figures.items():
        run.figure(name, draw.rows(**{row: (seen + 1) / 2 for row, seen in rows.items()}))


def fidelity(run, l2, sharp, train, test):
    """How close the fillings of the middle are, in decibels, and how varied.   -> dict

    variety: how far fillings go from the mean middle, as a share of how far the truth goes, in
    squares. What the squared error asks for, the mean of all that is possible, goes less far.
    """
    hole, mean = l2.hole, from_numpy(train.mean(0, keepdims=True)).to(run.config.device)

    def apart(one, other):
        """Squared distance of two fillings, functions of the pictures, in the hole."""
        return run.mean(lambda x: masked_error(one(x), other(x), hole), test)

    by_l2, by_sharp = (lambda x: l2(x, hole)), (lambda x: sharp(x, hole))
    truth, middling = (lambda x: x), (lambda x: mean + 0 * x)
    psnr, psnr_sharp, psnr_mean = (metrics.psnr(apart(truth, filling), 1, peak=2)
                                   for filling in (by_l2, by_sharp, middling))
    return {
        "psnr_mean_fill": psnr_mean,
        "psnr": psnr,
        "psnr_adversarial": psnr_sharp,
        "psnr_gain": psnr - psnr_mean,
        "variety": apart(by_l2, middling) / apart(truth, middling),
        "variety_adversarial": apart(by_sharp, middling) / apart(truth, middling),
    }


def probe(run, images, **encoders):
    """How well a linear classifier of a few labelled pictures does on each encoder's maps. -> dict

    The last of the encoders is compared with the first. Draws the accuracy over how many labels.
    """
    most = min(run.config.labels, len(images.train))
    counts = [n for n in (most // 8, most // 4, most // 2, most) if n > 1]
    accuracy = {}
    for name, encoder in encoders.items():
        train, test = (features(run, encoder, x) for x in (images.train[:most], images.test))
        accuracy[name] = [
            metrics.LinearProbe().fit(train[:n], images.train_labels[:n])
            .score(test, images.test_labels) for n in counts]
    run.figure("probe", draw.lines(
        {name.replace("_", " "): (counts, curve) for name, curve in accuracy.items()},
        "which class? a linear probe on the encoder's maps",
        ("labelled pictures", "test accuracy"), log="x"))
    first, *_, best = accuracy.values()
    return {**{f"probe_{name}": curve[-1] for name, curve in accuracy.items()},
            "probe_gain": 100 * (best[-1] - first[-1])}


def features(run, encoder, pictures):
    """The encoder's last maps.   (N, C, S, S) in [0, 1] -> (N, D) array"""
    return run.outputs(lambda x: encoder.features(2 * x - 1).flatten(1), pictures)


if __name__ == "__main__":
    demos.start(__file__)

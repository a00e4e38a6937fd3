"""Inpainting: writing over landscapes, taken off by a stacked sparse auto-encoder.

Two networks train side by side on small patches. One is told where the ink is and makes up what is
below; the other is blind, and has to find the ink by itself. Layers are trained one by one, then
all together.
Course: deck A, « Inpainting »; row 35.
"""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.ndimage import uniform_filter

from minigen import data, demos, draw, metrics, optim
from minigen.models.autoencoders.inpainting import Config as Model
from minigen.models.autoencoders.inpainting import Inpainter
from minigen.train import About, Demo, Run, UsageError

ABOUT = About(
    row=35,
    item="A-13",
    fr="inpainting, effacement de texte",
    en="inpainting, text removal",
    module="minigen.models.autoencoders.inpainting",
    # Decibels, told the mask, above the mean of what is kept in the patch around. The blind network
    # holds the course's other bar, 6 dB above the overwritten pictures: `gain_blind`
    metric="gain_over_mean",
    bars={"tiny": 2, "gpu": 2},
    better="higher",
)


@dataclass
class Config(Demo):
    size: int | None = None                 # pixels a side; none: 48, or what your pictures have
    lines: int = 3                          # lines of words over each picture
    zoom: int = 1                           # pixels of the picture a pixel of the letters
    patch: int = 8                          # pixels a side of what the networks see at a time
    hidden: tuple[int, ...] = (256, 256)    # units of each code
    beta: float = 1e-2                      # weight of the sparsity
    decay: float = 1e-5                     # weight of the squared weights
    batch: int = 256                        # patches per step
    pretraining: int = 300                  # steps for each layer alone
    steps: int = 2400                       # training steps in all
    lr: float = 1e-2                        # Adam's step size, at the start of the fine-tuning


PRESETS = {
    "tiny": {},
    "gpu": {"size": 64, "lines": 5, "patch": 12, "hidden": (1024, 1024), "batch": 2048,
            "pretraining": 2000, "steps": 20_000, "lr": 3e-3},
}


def main(config: Config) -> int:
    train, test = overwritten(config)
    colour = tuple(train.clean.mean((0, 2, 3)).tolist())
    told, blind = (
        Inpainter(Model(train.clean.shape[1], config.patch, config.hidden, told=told, mean=colour,
                        beta=config.beta, decay=config.decay),
                  rng=config.rng("weights")).to(config.device)
        for told in (True, False))
    optimizer = optim.Adam([*told.parameters(), *blind.parameters()], lr=config.lr)
    rate = optim.Scheduler(optimizer, lr=optim.schedules.cosine(1.0, 0.0, config.steps))
    patches = data.DataLoader(Patches(train, config.patch), config.batch, shuffle=True,
                              seed=config.seed, prefetch=0)

    with Run(config, "inpainting", told=told, blind=blind, optimizer=optimizer, rate=rate) as run:
        for x, mask, y in run.batches(patches, steps=config.steps):     # (B, D), (B, p p), (B, D)
            layer = run.step // config.pretraining
            if layer < len(config.hidden):
                losses = [model.pretraining_loss(x, mask, y, layer) for model in (told, blind)]
            else:
                losses = [model.loss(x, mask, y) for model in (told, blind)]
            loss = losses[0] + losses[1]            # of no weight in common
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            rate.step()
            run.log(told=losses[0], blind=losses[1])
            if run.every(0.1):
                run.figure("text", draw.rows(**restored(run, told, blind, test, slice(5))))

        run.figure("training", draw.curves(run.metrics, "loss of a patch, while training"))
        pictures = restored(run, told, blind, test)
        pictures["kept_mean"] = mean_filled(test, config.patch)
        psnr = {name: metrics.psnr(((made - test.clean) ** 2).mean(), 1)
                for name, made in pictures.items() if name != "before"}
        return run.report(
            **{f"psnr_{name}": value for name, value in psnr.items()},
            gain=psnr["told_the_mask"] - psnr["overwritten"],
            gain_blind=psnr["blind"] - psnr["overwritten"],
            gain_over_mean=psnr["told_the_mask"] - psnr["kept_mean"],
        )


def overwritten(config):
    """Pictures with words over them, to train on and to test.   -> two of `data.Overlaid`"""
    if config.pretraining * len(config.hidden) >= config.steps:
        raise UsageError(f"--set steps={config.steps}: pre-training takes {config.pretraining} for "
                         f"each of {len(config.hidden)} layers and leaves none to train them all; "
                         "take more steps, or fewer pretraining")
    images = data.load(config.data or "landscapes", size=config.size, seed=config.seed, train=2000,
                       test=100)
    print(images.describe())
    if config.patch > images.size:
        raise UsageError(f"--set patch={config.patch}: the pictures have {images.size} pixels a "
                         "side; take a smaller patch")
    return (data.text_overlay(len(x), config.seed + apart, images=x, lines=config.lines,
                              zoom=config.zoom)
            for x, apart in ((images.train, 0), (images.test, 10_000)))


class Patches:
    """Every patch of every picture, cut out only when asked for."""

    def __init__(self, made, p):
        self.cut = [sliding_window_view(pictures, (p, p), (2, 3))       # (N, C, across, down, p, p)
                    for pictures in (made.corrupted, made.mask, made.clean)]
        self.places = len(made.clean), *self.cut[0].shape[2:4]

    def __len__(self):
        return int(np.prod(self.places))

    def __getitem__(self, indices):
        """Patches overwritten, their masks, and clean.   (B,) -> (B, D), (B, p p), (B, D)"""
        i, row, column = np.unravel_index(indices, self.places)
        return tuple(cut[i, :, row, column].reshape(len(indices), -1) for cut in self.cut)


def restored(run, told, blind, made, which=slice(None)):
    """What both networks make of pictures, beside them.   -> {name: (N, C, H, W) array}"""
    pictures, masks = made.corrupted[which], made.mask[which]
    results = {"overwritten": pictures}
    for name, model in (("blind", blind), ("told_the_mask", told)):
        results[name] = run.outputs(model.restore, pictures, masks, batch=20)
    return {**results, "before": made.clean[which]}


def mean_filled(made, p):
    """Ink replaced by the mean of the kept pixels of the patch around it.   -> (N, C, H, W)"""
    kept = 1 - made.mask
    total, count = (uniform_filter(x, (0, 0, p, p)) for x in (kept * made.clean, kept))
    return np.where(made.mask == 1, total / np.maximum(count, 1 / p**2), made.clean)


if __name__ == "__main__":
    demos.start(__file__)

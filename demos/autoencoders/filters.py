"""The filters of a small AlexNet: from noise to edges and gratings, and what its units look for.

A network learns to tell shapes apart, whatever their colour, place, size and angle. Its first
filters start as noise and come out as edges and spots of opposed colours; deeper units are shown by
what they answer to most, and by pictures made to please them. Grey squares over a picture tell
where the network looks.
Course: deck A, « Filtres appris par le réseau AlexNet »; row 39.
"""

from dataclasses import dataclass

import matplotlib
import numpy as np
from minigen.demos.autoencoders import transfer

from minigen import data, demos, draw, from_numpy, optim
from minigen.draw.images import paste
from minigen.models.backbones import visualise
from minigen.models.backbones.alexnet import AlexNet, tiny
from minigen.train import About, Demo, Run

ABOUT = About(
    row=39,
    item="A-17",
    fr="filtres appris par le réseau AlexNet",
    en="learned filters, feature visualisation",
    module="minigen.models.backbones.alexnet",
    metric="margin",                # of the two bars below, how far the worse one is passed
    bars={"tiny": 1.0, "gpu": 1.0},
    better="higher",
)
ROUGHNESS = 0.6                     # bar of tv_ratio, at most: total variation, to the start's
TUNED = 1 / 3                       # bar of tuned, at least: filters that one frequency dominates


@dataclass
class Config(Demo):
    size: int | None = None         # pixels a side; none: 32, or what your pictures have
    widths: tuple[int, ...] = (24, 32, 48, 64)  # filters of each convolution
    train: int = 10_000             # pictures to learn from
    batch: int = 64                 # pictures per step
    steps: int = 600                # training steps
    lr: float = 4e-3                # AdamW's step size at the start; it falls to 0 as a cosine
    weight_decay: float = 0.3       # what is not used of the weights at the start fades


PRESETS = {
    "tiny": {},
    "gpu": {"size": 64, "widths": (96, 128, 192, 256), "train": 50_000, "batch": 512,
            "steps": 4000},
}


def main(config: Config) -> int:
    images = data.load(config.data or "shapes", size=config.size, channels=3, seed=config.seed,
                       train=config.train, test=1000)
    print(images.describe())
    transfer.check_classes(images, least=12)
    model = AlexNet(tiny(config.widths, classes=len(images.classes)), rng=config.rng("weights"))
    before = model.features[0].weight.detach().numpy().copy()           # (U, 3, 7, 7)
    model.to(config.device)
    optimizer = optim.AdamW(model.parameters(), lr=config.lr, weight_decay=config.weight_decay)
    schedule = optim.Scheduler(optimizer, lr=optim.schedules.cosine(1.0, 0.0, config.steps))

    with Run(config, "filters", model=model, optimizer=optimizer, schedule=schedule) as run:
        pictures = (images.train, images.train_labels)
        for x, y in run.batches(pictures, config.batch, steps=config.steps):    # (B, 3, S, S), (B,)
            loss = model.loss(x, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            run.log(loss=loss)
            if run.every(0.1):
                run.figure("filters", mosaics(before, weights(model)))

        after = weights(model)
        with run.evaluation():
            test = from_numpy(images.test).to(config.device)
            found = model(test).argmax(1).to("cpu").numpy()             # (M,)
            run.figure("occlusion", looked_at(model, test, found, images))
            for layer in range(2, len(config.widths) + 1):
                run.figure(f"units-{layer}", units(model, layer, images.test, config))
        run.figure("training", draw.curves(run.metrics, "-log p(y|x), while training"))

        smoother = roughness(after) / roughness(before)
        tuned = visualise.has_frequency(after).mean()
        return run.report(accuracy=(found == images.test_labels).mean(), tv_ratio=smoother,
                          tuned=tuned, margin=min(ROUGHNESS / smoother, tuned / TUNED))


def weights(model):
    """The filters of the first layer.   -> array (U, 3, 7, 7)"""
    return model.features[0].weight.detach().to("cpu").numpy().copy()


def roughness(w):
    """Mean total variation of filters of unit norm.   (U, C, k, k) -> float"""
    return visualise.total_variation(w).mean()


def mosaics(before, after):
    """The filters at the start and now, each scaled to its largest weight; grey is 0."""
    figure, panels = draw.panels(2, width=450, height=320)
    for axes, name, w in zip(panels, ("at the start", "trained"), (before, after), strict=True):
        shown = 0.5 + 0.5 * w / np.abs(w).max((1, 2, 3), keepdims=True)         # in [0, 1]
        axes.imshow(paste(shown.transpose(0, 2, 3, 1), 6 if len(w) <= 24 else 12))
        axes.set_title(f"{name}: roughness {roughness(w) / roughness(before):.2f}, "
                       f"{visualise.has_frequency(w).mean():.0%} tuned")
        axes.axis("off")
    return figure


def units(model, layer, pictures, config, count=8):
    """Some units of a layer, a row each: a picture made for the unit, then what it answers to most.

    Where a unit sees more than the picture has, its field is cut to the picture's size.
    """
    size = pictures.shape[-1]
    patches = visualise.strongest_patches(model, layer, pictures, device=config.device)[:count]
    made = visualise.climb(model, layer, size, rng=config.rng(f"layer {layer}"))[:count]
    side = min(model.fields[f"conv{layer}"].size, size)
    made = data.augment.center_crop(made.to("cpu").numpy(), side)               # (8, 3, s, s)
    cut = (patches.shape[-1] - side + 1) // 2
    patches = patches[..., cut : cut + side, cut : cut + side]                  # (8, 9, 3, s, s)
    shown = np.concatenate([made[:, None], patches], 1)                         # (8, 10, 3, s, s)
    return draw.grid(shown.reshape(-1, *made.shape[1:]), shown.shape[1])


def looked_at(model, test, found, images):
    """Pictures, and where the probability of their class falls when a square hides the place."""
    chosen = [np.flatnonzero((images.test_labels == k) & (found == k)) for k in np.unique(found)]
    chosen = [rows[0] for rows in chosen if len(rows)][:10] or [0]
    step, heats = max(2, images.size // 16), []     # about 16 × 16 places, a picture each
    for i in chosen:
        p = visualise.occlusion(model, test[i], int(found[i]), images.size // 4, step)  # (n, n)
        heat = matplotlib.colormaps["magma"](1 - p)[..., :3].transpose(2, 0, 1)
        heats.append(heat.repeat(step, 1).repeat(step, 2)[:, : images.size, : images.size])
    return draw.rows(picture=images.test[chosen], where_it_looked=np.stack(heats))


if __name__ == "__main__":
    demos.start(__file__)

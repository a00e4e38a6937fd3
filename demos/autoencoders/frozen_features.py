"""Frozen feature maps: which shapes are where, and how large? Heads of 1 × 1 convolutions tell.

A network has learned to tell apart shapes that lie one to a picture. It is frozen, and its maps are
read by a small head that has to name each pixel of pictures with several sprites (segmentation) and
to find their middles and sizes (detection). A second head reads the maps of a network that was
never trained: what it cannot do, the first network has learned.
Course: deck B, « la notion de transfer learning », feature maps reused; row 38.
"""

from dataclasses import dataclass

import numpy as np

from minigen import data, demos, draw, from_numpy, metrics, nn, no_grad, ops, optim
from minigen.draw.images import GAP
from minigen.models.autoencoders import transfer
from minigen.models.backbones.alexnet import AlexNet, tiny
from minigen.train import About, Demo, Run, UsageError

ABOUT = About(
    row=38,
    item="A-16",
    fr="réutilisation de cartes de caractéristiques (segmentation, détection)",
    en="reuse of frozen feature maps (segmentation, detection)",
    module="minigen.models.autoencoders.transfer",
    metric="iou_gain",                  # points of mean IoU over the same head on random features
    bars={"tiny": 10.0, "gpu": 10.0},
    better="higher",
)
KINDS = ("disc", "square", "triangle")  # classes of pixels 1, 2 and 3; 0 is the background
COLOURS = np.array([(1, 1, 1), (0.25, 0.56, 0.85), (1, 0.66, 0.05), (0.74, 0.12, 0.0)])


@dataclass
class Config(Demo):
    size: int = 32                      # pixels a side
    widths: tuple[int, ...] = (24, 32, 48, 64)  # filters of each convolution
    train: int = 10_000                 # pictures of one shape, to train the network
    sprites: int = 2000                 # pictures of sprites, to train the heads
    batch: int = 64                     # pictures per step, of either kind
    steps: int = 700                    # training steps of the network
    lr: float = 4e-3                    # AdamW's step size at the start; it falls to 0 as a cosine
    weight_decay: float = 0.3           # AdamW's
    reading: int = 600                  # training steps of the heads
    reading_lr: float = 0.03            # Adam's step size for them; it falls to 0 as a cosine


PRESETS = {
    "tiny": {},
    "gpu": {"size": 64, "widths": (96, 128, 192, 256), "train": 50_000, "sprites": 10_000,
            "batch": 512, "steps": 3000, "reading": 2000},
}


def main(config: Config) -> int:
    check(config)
    images = data.load("shapes", size=config.size, seed=config.seed, train=config.train, test=1000)
    print(images.describe())
    shape = tiny(config.widths, classes=len(images.classes))
    trained, random = (AlexNet(shape, rng=config.rng(name)).to(config.device)
                       for name in ("weights", "random"))
    for module in random.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None      # the mean over all batches: it sees ten
    few, new = (sprites(n, config.seed + apart, config)
                for n, apart in ((config.sprites, 0), (400, 10_000)))
    optimizer = optim.AdamW(trained.parameters(), lr=config.lr, weight_decay=config.weight_decay)
    schedule = optim.Scheduler(optimizer, lr=optim.schedules.cosine(1.0, 0.0, config.steps))

    with Run(config, "frozen-features", trained=trained, random=random, optimizer=optimizer,
             schedule=schedule) as run:
        run.figure("segmentation", segmented(new, {}))
        pictures = (images.train, images.train_labels)
        for x, y in run.batches(pictures, config.batch, steps=config.steps):    # (B, 3, S, S), (B,)
            loss = trained.loss(x, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            run.log(loss=loss)
            if run.every(0.1):
                with no_grad():         # no weight of it moves, but its batch statistics settle
                    random(x)

        with run.evaluation():
            found = trained(from_numpy(images.test).to(config.device)).argmax(1).to("cpu").numpy()
        read = {name: answers(network, few, new, config)
                for name, network in (("trained", trained), ("random", random))}
        run.figure("segmentation", segmented(new, read))
        run.figure("detection", detected(new, read["trained"]))
        run.figure("training", draw.curves(run.metrics, "-log p(y|x), while training the network"))
        return run.report(accuracy=(found == images.test_labels).mean(), **scores(new, read))


def check(config):
    """Refuse pictures that nobody has painted over."""
    if config.data is not None:
        raise UsageError(f"--data {config.data}: this demo needs the class of each pixel, which "
                         "pictures do not come with; leave --data out, or see the demo transfer")


@dataclass(frozen=True)
class Scenes:
    """Pictures of sprites, and what the heads have to say about them."""

    images: np.ndarray      # (n, 3, S, S)
    kinds: np.ndarray       # (n, S, S) class of each pixel
    heat: np.ndarray        # (n, S, S) 1 at the middles
    sides: np.ndarray       # (n, 2, S, S) height and width of the boxes, at their middles
    boxes: list             # of each picture (k, 4)


def sprites(n, seed, config):
    """n pictures of sprites, as `Scenes`."""
    made = data.multi_sprites(n, seed, size=config.size)
    owner = made.masks.argmax(1)                                                # (n, S, S), 0 to 3
    of_sprite = np.pad(made.kinds + 1, [(0, 0), (1, 0)])                        # (n, 4)
    kinds = np.take_along_axis(of_sprite, owner.reshape(n, -1), 1).reshape(owner.shape)
    boxes = [transfer.boxes_of(masks[1:]) for masks in made.masks]
    heat, sides = zip(*(transfer.heat_targets(b, config.size) for b in boxes), strict=True)
    return Scenes(made.images, kinds, np.stack(heat), np.stack(sides), boxes)


def answers(network, few, new, config):
    """Train a head on a network's maps, and ask it.   -> kinds (n, S, S), [(scores, boxes)]"""
    head = transfer.PixelHead(config.widths, 1 + len(KINDS) + 3, rng=config.rng("head"))
    head.to(config.device)
    optimizer = optim.Adam(head.parameters(), lr=config.reading_lr)
    schedule = optim.Scheduler(optimizer, lr=optim.schedules.cosine(1.0, 0.0, config.reading))
    network.eval()

    def read(x):
        with no_grad():
            maps = network.maps(x)                              # [(B, 24, 16, 16), (B, 32, 8, 8)...
        return head(maps, config.size).split([1 + len(KINDS), 1, 2], 1)

    rng = np.random.default_rng(config.seed)
    for _ in range(config.reading):
        rows = rng.integers(len(few.images), size=config.batch)
        x, kinds, heat, sides = (from_numpy(part[rows]).to(config.device)
                                 for part in (few.images, few.kinds, few.heat, few.sides))
        o_kinds, o_heat, o_sides = read(x)          # (B, 4, S, S), (B, 1, S, S), (B, 2, S, S)
        middle = (heat == 1).to(x.dtype)[:, None]
        away = (middle * (o_sides - sides).abs()).sum() / middle.sum().clamp(min=1)
        loss = (ops.cross_entropy(o_kinds, kinds) + 0.1 * transfer.heat_loss(o_heat[:, 0], heat)
                + away)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    with no_grad():
        o_kinds, o_heat, o_sides = read(from_numpy(new.images).to(config.device))
        found = transfer.peaks(o_heat[:, 0].sigmoid(), o_sides)
        return o_kinds.argmax(1).to("cpu").numpy(), found


def scores(new, read):
    """Mean IoU of the kinds' pixels, average precision of the boxes, in per cent, and gains."""
    found, classes = {}, range(1, 1 + len(KINDS))
    for name, (kinds, boxes) in read.items():
        found[f"iou_{name}"] = 100 * metrics.mean_iou(new.kinds, kinds, classes)
        found[f"ap_{name}"] = 100 * metrics.box_average_precision(new.boxes, boxes)
    return found | {f"{what}_gain": found[f"{what}_trained"] - found[f"{what}_random"]
                    for what in ("ap", "iou")}


def segmented(new, read, count=10):
    """Pictures with sprites, and the kind of each pixel: true, and as both heads say."""
    shown = [i for i, boxes in enumerate(new.boxes) if len(boxes)][:count]

    def coloured(kinds):
        return COLOURS[kinds[shown]].transpose(0, 3, 1, 2)                      # (count, 3, S, S)

    return draw.rows(picture=new.images[shown], truth=coloured(new.kinds),
                     **{f"{name} maps": coloured(kinds) for name, (kinds, _) in read.items()})


def detected(new, read, columns=6, count=18, least=0.2):
    """Pictures with the boxes that are true, in white, and within them those found, in orange."""
    figure = draw.grid(new.images[:count], columns)
    (axes,) = figure.axes
    axes.autoscale(False)
    step = new.images.shape[-1] + GAP
    for i, (scores, boxes) in enumerate(read[1][:count]):
        place = np.array(divmod(i, columns) * 2) * step + GAP - 0.5             # top, left, twice
        for group, look in ((new.boxes[i], {"color": "white", "linewidth": 2.5}),
                            (boxes[scores > least], {"color": draw.COLOURS[1], "linewidth": 1.2})):
            for top, left, bottom, right in group + place:
                axes.plot([left, right, right, left, left], [top, top, bottom, bottom, top], **look)
    return figure


if __name__ == "__main__":
    demos.start(__file__)

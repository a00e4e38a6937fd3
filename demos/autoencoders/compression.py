"""Compression: how few bits does a digit need? Rate and distortion of three ways to spend them.

Each way turns a picture into k numbers and rounds each to b bits: codes of auto-encoders, principal
components (PCA), slow cosine waves (DCT, as in JPEG). All three leave the mean picture out, which
the receiver has. For each budget of bits the best k and b are taken, as large as 16 numbers of
8 bits; a picture as it is takes 784 bytes. With 2 or 3 bits PCA is ahead (1.08, seed 0): a decoder
has never seen what one bit makes of a number. From 4 bits on codes are, and by more and more.
Course: deck A, « Compression »; row 40.
"""

from dataclasses import dataclass

import numpy as np

from minigen import data, demos, draw, metrics, nn, optim
from minigen.models.autoencoders.compression import DCT, Quantizer, entropy, lower_envelope
from minigen.models.autoencoders.mlp import AutoEncoder
from minigen.models.autoencoders.mlp import Config as Model
from minigen.models.classical.pca import PCA
from minigen.train import About, Demo, Run

ABOUT = About(
    row=40,
    item="A-18",
    fr="compression",
    en="compression by codes",
    module="minigen.models.autoencoders.compression",
    metric="worst_mse_vs_pca",          # at the budget, of a byte or more, where codes do worst
    bars={"tiny": 1.0, "gpu": 0.9},
)
BITS = range(1, 9)                      # of each number
FEW = 2000                              # training pictures whose numbers the levels are fitted to
BYTE = 8                                # bits
SHOWN = (8, 16, 32, 64)                 # budgets whose pictures are drawn, in bits


@dataclass
class Config(Demo):
    size: int | None = None             # pixels a side; none: 28, or what your pictures have
    hidden: tuple[int, ...] = (128,)    # widths of the encoders' layers; the decoders mirror them
    latents: tuple[int, ...] = (2, 4, 8, 12, 16)    # numbers in a code, one auto-encoder for each
    batch: int = 128                    # pictures per step
    steps: int = 900                    # training steps
    lr: float = 2e-3                    # Adam's step size at the start; it falls to 0


PRESETS = {
    "tiny": {},
    "gpu": {"hidden": (512, 256), "batch": 512, "steps": 1200},
}


@dataclass(frozen=True)
class Point:
    """One way to store pictures, and what it costs."""

    rate: int                           # k·b, bits a picture
    mse: float                          # squared error of a test picture
    entropy: float                      # bits that would do if levels were coded by their frequency
    pictures: np.ndarray                # (10, D) what comes out of the first ten


def main(config: Config) -> int:
    images = data.load(config.data or "digits", size=config.size, seed=config.seed)
    print(images.describe())
    train, test = (x.reshape(len(x), -1) for x in (images.train, images.test))  # (N, D)
    mean = train.mean(0)
    latents = [min(k, images.pixels) for k in config.latents]
    models = nn.ModuleList([
        AutoEncoder(Model(images.pixels, config.hidden, k), rng=config.rng(f"weights {k}"))
        for k in latents]).to(config.device)
    optimizer = optim.Adam(models.parameters(), lr=config.lr)
    decay = optim.Scheduler(optimizer, lr=optim.schedules.linear(1.0, 0.0, config.steps))

    with Run(config, "compression", models=models, optimizer=optimizer, decay=decay) as run:
        for x in run.batches(train - mean, config.batch, steps=config.steps):    # (B, D)
            losses = [model.loss(x) for model in models]
            optimizer.zero_grad()
            sum(losses).backward()
            optimizer.step()
            decay.step()
            run.log(**{f"mse_{k}": loss for k, loss in zip(latents, losses, strict=True)})
            if run.every(0.1):
                shown = {f"{k} numbers": run.outputs(m, test[:10] - mean) + mean
                         for k, m in zip(latents, models, strict=True)}
                run.figure("reconstructions", pictures(images, shown))
        run.figure("training", draw.curves(run.metrics, "error of an image, while training"))

        methods = transforms(run, models, latents, train - mean, images)
        points = {name: measured(codecs, train, test, mean) for name, codecs in methods.items()}
        budgets = np.arange(min(latents), max(latents) * max(BITS) + 1)                 # (R,)
        curves = {name: lower_envelope([p.rate for p in of], [p.mse for p in of], budgets)
                  for name, of in points.items()}
        variance = ((test - mean) ** 2).sum(1).mean()
        run.figure("rate-distortion", rate_distortion(points, curves, budgets, variance))
        run.figure("bits", bits(images, points))
        ratio = curves["auto-encoder"] / curves["PCA"]                                  # (R,)
        at = {f"mse_vs_pca_{r}_bits": ratio[budgets == r][0] for r in (2, *SHOWN) if r in budgets}
        best = min(points["auto-encoder"], key=lambda p: p.mse)
        return run.report(
            worst_mse_vs_pca=ratio[budgets >= BYTE].max(), **at, bits=best.rate,
            bits_by_entropy=best.entropy, psnr=metrics.psnr(best.mse, images.pixels))


def transforms(run, models, latents, train, images):
    """The three ways, for each number of numbers: {name: [(encode, decode)]}."""
    pca = PCA(min(max(latents), *(n - 1 for n in train.shape)), standardize=False).fit(train)
    V = pca.components_.astype(np.float32)                                      # (k, D)
    waves = [DCT(k, images.channels, images.size) for k in latents]
    return {
        "auto-encoder": [(lambda x, m=m: run.outputs(m.encode, x),
                          lambda z, m=m: run.outputs(m.decode, z.astype(np.float32)))
                         for m in models],
        "PCA": [(lambda x, k=k: x @ V[:k].T, lambda z, k=k: z @ V[:k]) for k in latents],
        "cosine waves": [(w.encode, w.decode) for w in waves],
    }


def measured(codecs, train, test, mean):
    """Each number of numbers with each number of bits.   -> list of Point"""
    points = []
    for encode, decode in codecs:
        seen, new = encode(train[:FEW] - mean), encode(test - mean)             # (N, k), (M, k)
        for b in BITS:
            quantizer = Quantizer(b).fit(seen)
            levels = quantizer.encode(new)
            copies = decode(quantizer.decode(levels)) + mean
            points.append(Point(levels.shape[1] * b, float(((test - copies) ** 2).sum(1).mean()),
                                entropy(levels), copies[:10]))
    return points


def pictures(images, flat):
    """Rows of pictures, the first ten of the test set on top.   flat: {name: (10, D)} -> Figure"""
    original = images.test[:10]
    return draw.rows(original=original, **{
        name: x.reshape(original.shape) for name, x in flat.items()})


def bits(images, points):
    """What ten pictures look like in so many bits, by codes and by PCA."""
    shown = {}
    for budget in SHOWN:
        for name in ("auto-encoder", "PCA"):
            able = [p for p in points[name] if p.rate <= budget]
            if able:
                short = "codes" if name == "auto-encoder" else name
                shown[f"{short}, {budget} bits"] = min(able, key=lambda p: p.mse).pictures
    return pictures(images, shown)


def rate_distortion(points, curves, budgets, variance):
    """Error against bits: every k and b as a dot, the best of each budget as a line."""
    figure = draw.lines({name: (budgets, curve / variance) for name, curve in curves.items()},
                        "the least error for a budget of bits; dots: all that was tried",
                        ("bits for a picture", "error, as a share of the variance"), log="xy")
    (axes,) = figure.axes
    for colour, of in zip(draw.COLOURS, points.values(), strict=False):
        axes.plot([p.rate for p in of], [p.mse / variance for p in of], ".", color=colour,
                  alpha=0.4, zorder=1)
    return figure


if __name__ == "__main__":
    demos.start(__file__)

"""Semantic hashing on digits: pictures found by comparing 32 bits, and why noise makes bits.

Three networks see the same batches: one with sigmoids in front of which noise grows, one without
the noise, and a plain auto-encoder, whose codes of real numbers are what bits have to match.
Course: deck A, « Auto-encodeur épars et Recherche d'information »; row 32.
"""

import time
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from minigen import data, demos, draw, from_numpy, metrics, nn, no_grad, optim
from minigen.models.autoencoders import mlp
from minigen.models.autoencoders.hashing import Config as Model
from minigen.models.autoencoders.hashing import HashingAutoEncoder, HashTable, hamming, pack
from minigen.train import About, Demo, Run, UsageError

ABOUT = About(
    row=32,
    item="A-10",
    fr="auto-encodeur épars et recherche d'information",
    en="semantic hashing, sparse binary codes",
    module="minigen.models.autoencoders.hashing",
    metric="least_share",               # the smaller of `saturated` and `precision_ratio`
    bars={"tiny": 0.9, "gpu": 0.9},
    better="higher",
)
FOUND = 10                              # pictures that a search gives
LIBRARIES = (10**3, 10**4, 10**5, 10**6)    # numbers of codes among which the speed is measured


@dataclass
class Config(Demo):
    size: int | None = None             # pixels a side; none: 28, or what your pictures have
    hidden: tuple[int, ...] = (256,)    # widths of the encoder's layers; the decoder mirrors them
    bits: int = 32                      # numbers in a code, at most 64
    noise: float = 6.0                  # its standard deviation at the end; it grows from 0
    share: float = 0.25                 # of the pictures in which a bit is to be 1
    batch: int = 128                    # pictures per step
    epochs: int = 15                    # passes over the pictures
    lr: float = 1e-3                    # Adam's step size


PRESETS = {
    "tiny": {},     # noise of 4 at the end saturates 0.906 (seed 0): too near to the bar of 0.9
    "gpu": {"hidden": (1024,), "batch": 512, "epochs": 50},
}


def main(config: Config) -> int:
    if config.bits > 64 or not 0 < config.share < 1:
        raise UsageError(f"--set bits={config.bits}, share={config.share:g}: at most 64 bits, of "
                         "which a share between 0 and 1 is on")
    images = data.load(config.data or "digits", size=config.size, seed=config.seed)
    if len(images.train) < FOUND:
        raise UsageError(f"--data {config.data}: {len(images.train)} pictures to train, and a "
                         f"search finds {FOUND}; take more pictures")
    print(images.describe())
    models = networks(config, images).to(config.device)
    noisy, quiet, plain = models
    optimizer = optim.Adam(models.parameters(), lr=config.lr)
    shown = from_numpy(images.test[:10]).to(config.device)                      # (10, C, H, W)

    with Run(config, "semantic-hashing", models=models, optimizer=optimizer) as run:
        for x in run.batches(images.train, config.batch, config.epochs):        # (B, C, H, W)
            x, noise = x.flatten(1), config.noise * run.step / run.total
            loss, terms = noisy.loss(x, noise, rng=run.rng)
            without, others = quiet.loss(x)
            optimizer.zero_grad()
            (loss + without + plain.loss(x)).backward()                 # no weights are shared
            optimizer.step()
            run.log(mse=terms["mse"], kl=terms["kl"], mse_without_noise=others["mse"])
            if run.every(0.1):
                with run.evaluation():
                    copies = [model.decode(model.bits(shown.flatten(1)).float())
                              .reshape(shown.shape) for model in (noisy, quiet)]
                run.figure("copies", draw.rows(input=shown, from_bits=copies[0],
                                               no_noise=copies[1]))

        known, asked = (encoded(models, part, config) for part in (images.train, images.test))
        run.figure("saturation", draw.histogram(
            {"noise in training": asked["noisy"], "no noise": asked["quiet"]},
            "sigmoids of the test pictures' codes", ("z", "density")))
        run.figure("codes", raster(asked, images))
        run.figure("retrieved", retrieved(known["bits"], asked["bits"], images))
        run.figure("speed", speed(known, config))
        run.figure("training", draw.curves(run.metrics, "while the noise grows"))
        return run.report(**summary(known, asked, images))


def networks(config, images):
    """The three that are compared: with noise, without, and without sigmoids."""
    bits = Model(images.pixels, config.hidden, config.bits, config.share)
    reals = mlp.Config(images.pixels, config.hidden, config.bits)
    return nn.ModuleList([HashingAutoEncoder(bits, rng=config.rng("weights")),
                          HashingAutoEncoder(bits, rng=config.rng("weights")),
                          mlp.AutoEncoder(reals, rng=config.rng("weights"))])


def encoded(models, pictures, config):
    """What the networks make of pictures (N, C, S, S).   -> {name: array (N, K)}"""
    noisy, quiet, plain = models
    with no_grad():
        x = from_numpy(pictures).to(config.device).flatten(1)
        made = {"noisy": noisy.encode(x), "quiet": quiet.encode(x), "bits": noisy.bits(x),
                "quiet_bits": quiet.bits(x), "plain": plain.encode(x)}
    return {name: codes.to("cpu").numpy() for name, codes in made.items()}


def summary(known, asked, images):
    """The metrics of the report; those of precision, where there are classes.

    saturated: share of sigmoids outside of [0.1, 0.9]; on: share of bits that are 1; precision:
    share of the right class among the ten found by bits; precision_ratio: over that of the plain
    auto-encoder's real numbers, by cosine; chance: what ten at random would reach.
    """
    values = {
        "saturated": (abs(asked["noisy"] - 0.5) > 0.4).mean(),
        "saturated_without_noise": (abs(asked["quiet"] - 0.5) > 0.4).mean(),
        "on": asked["bits"].mean(),
    }
    if len(images.classes) < 2:         # nothing says what belongs together
        return values
    labels, wanted = images.train_labels, images.test_labels

    def precision(name, metric):
        return metrics.precision_at_k(known[name], labels, asked[name], wanted, FOUND, metric)

    values["precision"], real = precision("bits", "euclidean"), precision("plain", "cosine")
    values["precision_without_noise"] = precision("quiet_bits", "euclidean")
    values["precision_of_reals"] = real
    values["chance"] = (np.bincount(labels, minlength=len(images.classes))[wanted]
                        / len(labels)).mean()
    values["precision_ratio"] = values["precision"] / real
    return {"least_share": min(values["saturated"], values["precision_ratio"]), **values}


def retrieved(gallery, queries, images, count=6):
    """Test pictures, each of another class, and the ten that differ from it in the fewest bits."""
    labels = np.arange(len(queries)) if images.test_labels is None else images.test_labels
    chosen = np.unique(labels, return_index=True)[1]                        # a picture of each
    chosen = chosen[np.linspace(0, len(chosen) - 1, min(count, len(chosen))).astype(int)]
    distance = hamming(pack(queries[chosen]), pack(gallery))                # (count, N)
    pictures, captions = [], []
    for query, row in zip(chosen, distance, strict=True):
        nearest = np.argsort(row, kind="stable")[:FOUND]
        pictures += [images.test[query], *images.train[nearest]]
        captions += ["asked for", *("1 bit" if d == 1 else f"{d} bits" for d in row[nearest])]
    return draw.grid(np.stack(pictures), FOUND + 1, captions)


def raster(asked, images, count=120):
    """Codes as rows of grey, sorted by class, without and with noise in training.   -> Figure"""
    labels = images.test_labels if images.test_labels is not None else np.zeros(len(images.test))
    rows = np.argsort(labels[:count], kind="stable")
    figure, panels = draw.panels(2, width=420, height=560, title="codes of test pictures, a row "
                                 "each: black 0, white 1")
    for axes, name, title in zip(panels, ("quiet", "noisy"), ("no noise", "noise in training"),
                                 strict=True):
        axes.imshow(asked[name][rows], cmap="gray", vmin=0, vmax=1, aspect="auto")
        axes.set(title=title, xlabel="unit", yticks=[])
        for c, of in enumerate(images.classes):
            places = np.flatnonzero(labels[rows] == c)
            if len(places):
                axes.axhline(places[-1] + 0.5, color=draw.COLOURS[1], linewidth=0.8)
                axes.text(-1.2, places.mean(), of, ha="right", va="center")
    return figure


def speed(known, config):
    """How long a search takes among more and more codes, in four ways.   -> Figure

    The codes are the training pictures', again and again, each time with some bits flipped.
    """
    rng, taken = np.random.default_rng(config.seed), {}
    for count in LIBRARIES:
        rows = rng.integers(len(known["bits"]), size=count)
        flips = rng.integers(20, size=(count, config.bits), dtype=np.uint8) == 0
        bits = known["bits"][rows] ^ flips
        for name, search in searches(bits, known["plain"][rows]).items():
            taken.setdefault(name, []).append(seconds(search))
    print(f"{'one search among':>40} " + " ".join(f"{count:>9,}" for count in LIBRARIES))
    for name, each in taken.items():
        print(f"{name:>40} " + " ".join(f"{1e6 * s:6.0f} µs" for s in each))
    curves = {name: (np.array(LIBRARIES), 1e6 * np.array(each)) for name, each in taken.items()}
    return draw.lines(curves, "how long one search takes", ("codes", "microseconds"), log="xy")


def searches(bits, reals):
    """{how: function that finds what is near to the first code}.   bits, reals (N, K)"""
    ones, packed, table = sparse.csr_array(bits.astype(np.uint8)), pack(bits), HashTable(bits)
    unit = reals / np.linalg.norm(reals, axis=1, keepdims=True)
    weight = bits.sum(1, dtype=np.int16)
    size = f"{bits.shape[1]}"
    return {
        f"{size} real numbers, cosine": lambda: unit @ unit[0],
        f"{size} bits, sparse scalar product":
            lambda: weight[0] + weight - 2 * (ones @ bits[0].astype(np.int16)),
        f"{size} bits, xor and popcount": lambda: hamming(packed[:1], packed),
        f"{size} bits, table, up to 2 differ": lambda: table.search(bits[0]),
    }


def seconds(call, repeats=5):
    """The shortest of some calls: what else the computer does only adds."""
    taken = []
    for _ in range(repeats):
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return min(taken)


if __name__ == "__main__":
    demos.start(__file__)

"""Sparse auto-encoders on digits: what a price on the code does to atoms, copies and labels needed.

Four networks of one size see the same batches; only the price λ of a code's ℓ1 norm differs. With
it, few numbers of a code are not 0, and their atoms become strokes and, as λ rises, whole shapes.
Course: deck A, « Auto-encodeurs épars »; row 31.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import kurtosis

from minigen import data, demos, draw, from_numpy, metrics, nn, no_grad, optim
from minigen.models.autoencoders.sparse import Config as Model
from minigen.models.autoencoders.sparse import SparseAutoEncoder, lasso
from minigen.train import About, Demo, Run, UsageError

ABOUT = About(
    row=31,
    item="A-09",
    fr="auto-encodeurs épars",
    en="sparse auto-encoder",
    module="minigen.models.autoencoders.sparse",
    metric="worst_share",               # the largest share of what LIMITS allow, of the four
    bars={"tiny": 1.0, "gpu": 1.0},
)
LIMITS = {
    "active": 0.10,                     # share of a code in use, of the highest price: at most
    "error": 0.20,                      # its copies' error over the pictures' variance: at most
    "kurtosis_ratio": 1.3,              # how much more local its atoms are, last but one: at least
    "probe_gain": 0.03,                 # accuracy of a linear probe over raw pixels': at least
}
LABELLED, DRAWS = 10, 5                 # pictures of a class for a probe; how often it is repeated


@dataclass
class Config(Demo):
    size: int | None = None             # pixels a side; none: 28, or what your pictures have
    atoms: int = 256                    # numbers in a code
    prices: tuple[float, ...] = (0, 0.1, 0.3, 0.7)  # λ of each network, rising from 0
    batch: int = 128                    # pictures per step
    epochs: int = 15                    # passes over the pictures
    lr: float = 1e-3                    # Adam's step size


PRESETS = {
    "tiny": {},
    # of 1024 atoms each is used more rarely, the more so the higher the price; at λ = 0.3, as in
    # tiny, a hundred labelled pictures show too little of them: the probe gains 2 points, not 3
    "gpu": {"atoms": 1024, "prices": (0, 0.03, 0.1, 0.7), "batch": 512, "epochs": 20},
}


def main(config: Config) -> int:
    if len(config.prices) < 3 or list(config.prices) != sorted({0.0, *config.prices}):
        raise UsageError(f"--set prices={','.join(map(str, config.prices))}: at least three, "
                         "rising from 0: the first network is the one to compare with")
    images = data.load(config.data or "digits", size=config.size, seed=config.seed)
    print(images.describe())
    mean = from_numpy(images.train.mean(0).ravel())                             # (D,)
    models = nn.ModuleList([
        SparseAutoEncoder(Model(images.pixels, config.atoms, price), mean,
                          rng=config.rng("weights"))
        for price in config.prices
    ]).to(config.device)
    optimizer = optim.Adam(models.parameters(), lr=config.lr)

    with Run(config, "sparse-autoencoder", models=models, optimizer=optimizer) as run:
        for x in run.batches(images.train, config.batch, config.epochs):        # (B, C, H, W)
            losses, terms = zip(*(model.loss(x.flatten(1)) for model in models), strict=True)
            optimizer.zero_grad()
            sum(losses).backward()                                  # no weights are shared
            optimizer.step()
            for model in models:
                model.normalise_atoms()
            run.log(**{f"mse_{model.price:g}": term["mse"]
                       for model, term in zip(models, terms, strict=True)})
            if run.every(0.1):
                run.figure("atoms", atoms(models, images))

        with run.evaluation():
            x = from_numpy(images.test).to(config.device).flatten(1)            # (M, D)
            codes = [model.encode(x) for model in models]                       # (M, K)
        run.figure("parts", parts(models, codes, images))
        run.figure("codes", activations(models, codes))
        run.figure("training", draw.curves(run.metrics, "error of an image, while training"))
        found, accuracy, raw = measure(run, models, codes, images), [], None
        if len(images.classes) > 1:
            accuracy = [probe(model.encode, images, config) for model in models]
            raw = probe(lambda x: x, images, config)
        run.figure("sparsity", sparsity(config.prices, found, accuracy, raw))
        return run.report(**summary(found, accuracy, raw), lasso_gap=lasso_gap(models[-2], x[:256]))


def measure(run, models, codes, images):
    """What each price does.   -> [{"active", "dead", "error", "kurtosis"}], one a network

    active: share of a code's numbers above a thousandth of the largest; dead: of those that no test
    picture uses; error: over the variance; kurtosis: mean over the atoms, 3 for noise, more where
    few pixels are large.
    """
    away = images.test - images.train.mean(0)                               # (M, C, S, S)
    variance, found = (away**2).sum() / len(away), []
    for model, code in zip(models, codes, strict=True):
        used = as_array(code) > 1e-3 * code.max().item()                    # (M, K)
        error = run.mean(lambda x, of=model: of.loss(x.flatten(1))[1]["mse"], images.test)
        found.append({
            "active": used.mean(), "dead": 1 - used.any(0).mean(), "error": error / variance,
            "kurtosis": kurtosis(as_array(model.decoder.weight), axis=0, fisher=False).mean()})
    return found


def probe(encode, images, config):
    """Accuracy of a linear classifier with few labels, the mean of some draws of them.

    encode: pictures (N, D) -> features (N, K), Tensors on the device
    """
    def features(pictures):
        with no_grad():
            return as_array(encode(from_numpy(pictures).to(config.device).flatten(1)))

    rng, scores, test = np.random.default_rng(config.seed), [], features(images.test)
    for _ in range(DRAWS):
        order = rng.permutation(len(images.train))
        few = np.concatenate([order[images.train_labels[order] == c][:LABELLED]
                              for c in range(len(images.classes))])
        fitted = metrics.LinearProbe().fit(features(images.train[few]), images.train_labels[few])
        scores.append(fitted.score(test, images.test_labels))
    return np.mean(scores)


def as_array(values):
    """A Tensor, on any device, as an array."""
    return values.detach().to("cpu").numpy()


def summary(found, accuracy, raw):
    """The metrics of the report; worst_share is at most 1 if all LIMITS are met.

    found: by `measure`; accuracy: of a probe on each network's codes, raw: on pixels, or none
    """
    plain, *_, middle, strong = found
    values = {"active": strong["active"], "error": strong["error"],
              "kurtosis_ratio": middle["kurtosis"] / plain["kurtosis"]}
    shares = [values["active"] / LIMITS["active"], values["error"] / LIMITS["error"],
              LIMITS["kurtosis_ratio"] / values["kurtosis_ratio"]]
    if accuracy:
        values["probe_gain"] = accuracy[-2] - raw
        shares.append(LIMITS["probe_gain"] / max(values["probe_gain"], 1e-9))
    return {"worst_share": max(shares), **values, "dead": strong["dead"],
            "plain_active": plain["active"], "plain_error": plain["error"]}


def lasso_gap(model, x):
    """J of the encoder's codes over J of the best codes for the same atoms.   x (M, D) -> float"""
    with no_grad():
        bias, D = model.decoder.bias, model.decoder.weight
        J = [(((x - model.decode(z)) ** 2).sum(-1) + model.price * z.abs().sum(-1)).mean().item()
             for z in (model.encode(x), lasso(x - bias, D, model.price))]
    return J[0] / J[1]


def atoms(models, images, side=6):
    """The atoms with the highest kurtosis of each network."""
    figure, panels = draw.panels(
        len(models), len(models), width=270, height=300,
        title="the most local atoms of each network: columns of the decoder, grey is 0")
    for i, (model, axes) in enumerate(zip(models, panels, strict=True)):
        columns = as_array(model.decoder.weight).T                          # (K, D)
        local = np.argsort(-kurtosis(columns, axis=1))[: side * side]
        axes.imshow(mosaic(as_pictures(columns[local], images), side))
        axes.set_title(f"λ = {model.price:g}")
        axes.set_position(((i + 0.03) / len(models), 0.02, 0.94 / len(models), 0.79))
        axes.axis("off")
    return figure


def as_pictures(atoms, images):
    """Numbers of either sign as grey and lighter or darker.   (N, D) -> (N, C, S, S)"""
    scaled = 0.5 + 0.5 * atoms / abs(atoms).max(1, keepdims=True)
    return scaled.reshape(len(atoms), *images.train.shape[1:])


def mosaic(pictures, side):
    """Pictures side by side, white between.   (N, C, S, S) -> (H, W, 3)"""
    padded = np.pad(pictures, ((0, side**2 - len(pictures)), (0, 0), (1, 1), (1, 1)),
                    constant_values=1)
    _, channels, high, wide = padded.shape
    tiles = padded.reshape(side, side, channels, high, wide).transpose(0, 3, 1, 4, 2)
    return np.broadcast_to(tiles.reshape(side * high, side * wide, channels),
                           (side * high, side * wide, 3))


def parts(models, codes, images, count=11):
    """A picture's largest atoms, and their sum so far, without a price and with the last but one.

    -> Figure
    """
    rows = {}
    for i in (0, -2):
        model, z = models[i], as_array(codes[i][0])                         # (K,)
        order = np.argsort(-z)[:count]
        columns = as_array(model.decoder.weight).T[order]                   # (count, D)
        sums = as_array(model.decoder.bias) + np.cumsum(z[order, None] * columns, 0)
        rows[f"λ = {model.price:g}: atoms"] = as_pictures(columns, images)
        rows[f"λ = {model.price:g}: sum"] = sums.reshape(-1, *images.train.shape[1:])
    return draw.rows(**rows)


def activations(models, codes):
    """Histograms of the codes' numbers, without a price and with the last but one."""
    figure = draw.histogram({f"λ = {models[i].price:g}": as_array(codes[i]) for i in (0, -2)},
                            "numbers of a code, all test pictures", ("z", "density"))
    figure.axes[0].set_yscale("log")                    # most are 0
    return figure


def sparsity(prices, found, accuracy, raw):
    """Error, and accuracy with few labels where there are some, against the share in use."""
    figure, panels = draw.panels(2 if accuracy else 1, width=480, height=400)
    active = np.array([row["active"] for row in found])
    error, used = np.array([row["error"] for row in found]), "share of a code in use"
    draw.lines({"": (active, error)}, "fewer numbers, larger error", (used, "error / variance"),
               log="x", axes=panels[0])
    label(panels[0], prices, active, error)
    if accuracy:
        accuracy = np.array(accuracy)
        draw.lines({"codes": (active, accuracy), "pixels": (active, np.full(len(active), raw))},
                   f"linear classifier, {LABELLED} labels a class", (used, "test accuracy"),
                   log="x", axes=panels[1])
        label(panels[1], prices, active, accuracy)
    return figure


def label(axes, prices, x, y):
    """Write each price above its point, where the line is not; x falls while prices rise."""
    axes.margins(0.22, 0.15)                            # room for them
    for i, price in enumerate(prices):
        rises = i > 0 and y[i - 1] > y[i]               # to the right, where the last one is
        axes.annotate(f"λ = {price:g}", (x[i], y[i]), (-6 if rises else 6, 6),
                      textcoords="offset points", ha="right" if rises else "left")


if __name__ == "__main__":
    demos.start(__file__)

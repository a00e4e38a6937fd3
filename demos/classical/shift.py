"""Distribution shift: classifiers of growing size on the digits they know, and on others.

Trained on setting A, tested on A and on B: the same digits, smaller and more blurred. Every model
loses, the better ones on A stay the better ones on B. And what wrong labels among those trained on
do to a small and to a large model.
Course: deck B, « généralisation sur ImageNet : ImageNet-v2 », « erreurs de labels »; row 20.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm, spearmanr

from minigen import data, demos, draw, from_numpy, nn, no_grad, ops, optim
from minigen.models.classical.shift import flip_labels, probit_line, shifted_digits
from minigen.train import About, Demo, Run

ABOUT = About(
    row=20,
    item="C-14",
    fr="changement de distribution (ImageNet-v2), erreurs de labels",
    en="distribution shift (ImageNet-v2), label noise",
    module="minigen.models.classical.shift",
    metric="rank_correlation",          # of the accuracies; -1 if a model is not better on A
    bars={"tiny": 0.5},
    better="higher",
)


@dataclass
class Config(Demo):
    widths: tuple[int, ...] = (2, 3, 4, 6, 8, 64)  # hidden units of the models
    samples: int = 2000                 # digits to train on
    test: int = 2000                    # digits of each setting to test on
    scale: float = 0.8                  # size of B's digits, relative to A's
    blur: float = 1.5                   # width of B's blur, relative to A's
    epochs: int = 20                    # passes over the digits
    batch: int = 100                    # digits per step
    lr: float = 3e-3                    # Adam's step size
    noise: tuple[float, ...] = (0.0, 0.1, 0.2, 0.4)  # shares of labels that are wrong
    noisy: tuple[int, ...] = (16, 128)  # hidden units of the models trained on wrong labels
    noisy_epochs: int = 25              # passes for these: time enough to learn what is wrong


PRESETS = {"tiny": {}}


def main(config: Config) -> int:
    demos.classical.check(config)
    seeds = np.random.default_rng(config.seed).integers(2**31, size=2).tolist()
    known = data.digits(config.samples, seeds[0])
    a = data.digits(config.test, seeds[1])
    b = shifted_digits(config.test, seeds[1], scale=config.scale, blur=config.blur)

    with Run(config, "shift") as run:
        run.figure("digits", draw.rows(A_known=a.images[:10], B_shifted=b.images[:10]))
        pairs = []                                      # accuracies on A and B
        for width in config.widths:
            model = train(config, known.images, known.labels, width, config.epochs)
            pairs.append((accuracy(model, a), accuracy(model, b)))
        on_a, on_b = np.array(pairs).T

        noisy = {}                                      # width -> accuracies on A, by noise
        for width in config.noisy:
            noisy[width] = []
            for share in config.noise:
                labels = flip_labels(known.labels, share, 10, config.seed)
                model = train(config, known.images, labels, width, config.noisy_epochs)
                noisy[width].append(accuracy(model, a))
        run.figure("accuracies", accuracies(config, on_a, on_b, noisy))

        below = (on_b < on_a).all()
        slope, _ = probit_line(on_a, on_b, config.test)
        return run.report(rank_correlation=spearmanr(on_a, on_b).statistic if below else -1,
                          best_on_A=on_a.max(), the_same_on_B=on_b[on_a.argmax()], slope=slope,
                          at_most_noise=noisy[config.noisy[-1]][-1])


def train(config, images, labels, width, epochs):
    """A network with one hidden layer, trained on the digits.   -> Module, (N, 784) -> (N, 10)"""
    rng = config.rng(f"weights {width}")
    # few units: one that never fires would be missed, so that none is ever silent
    model = nn.Sequential(nn.Linear(784, width, rng=rng), nn.LeakyReLU(0.1),
                          nn.Linear(width, 10, rng=rng))
    optimizer = optim.Adam(model.parameters(), lr=config.lr)
    images = images.reshape(len(images), -1)                                            # (N, 784)
    for epoch in range(epochs):
        order = data.epoch_order(len(images), config.seed, epoch)
        for start in range(0, len(order), config.batch):
            picked = order[start : start + config.batch]
            loss = ops.cross_entropy(model(from_numpy(images[picked])), from_numpy(labels[picked]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model


def accuracy(model, digits):
    """The share of digits that the model names rightly."""
    with no_grad():
        logits = model(from_numpy(digits.images).flatten(1)).numpy()                    # (N, 10)
    return float((logits.argmax(1) == digits.labels).mean())


def accuracies(config, on_a, on_b, noisy):
    """Accuracy on B against A with y = x and the line of probits; accuracy by label noise."""
    figure, (left, right) = draw.panels(2, width=480, height=440)
    x = np.linspace(0.02, 0.995, 300)
    slope, intercept = probit_line(on_a, on_b, config.test)
    draw.lines({"y = x": (x, x), "line of probits": (x, norm.cdf(slope * norm.ppf(x) + intercept))},
               "trained on A, tested on both", ("accuracy on A, known", "accuracy on B, shifted"),
               axes=left)
    left.plot(on_a, on_b, "o", color="black", markersize=6, zorder=4)
    for width, place in zip(config.widths, zip(on_a, on_b, strict=True), strict=True):
        left.annotate(f"{width}", place, (-6, 3), textcoords="offset points", fontsize=8,
                      ha="right")
    low = max(0.0, min(on_a.min(), on_b.min()) - 0.08)
    left.set(xlim=(low, 1.02), ylim=(low, 1.02), aspect="equal")
    draw.lines({f"{width} hidden units": (config.noise, values)
                for width, values in noisy.items()} |
               {"labels that are right": (config.noise, 1 - np.array(config.noise))},
               "wrong labels in training, right ones in the test",
               ("share of wrong labels", "accuracy on A"), axes=right)
    return figure


if __name__ == "__main__":
    demos.start(__file__)

"""Transfer: a network that can tell shapes apart learns houses and fish from a few pictures.

A supervised network learns eight shapes from 10 000 pictures (set A). Then it gets some pictures of
eight other things (set B), and its layers are kept as they are, tuned, or, to compare, started
anew. What A has taught of edges and corners need not be learned again. --data PATH is your set B.
Course: deck B, « la notion de transfer learning »; row 38.
"""

from dataclasses import dataclass

import numpy as np

from minigen import data, demos, draw, from_numpy, no_grad, optim
from minigen.models.autoencoders.transfer import Classifier
from minigen.models.backbones.alexnet import AlexNet, tiny
from minigen.train import About, Demo, Run, UsageError

ABOUT = About(
    row=38,
    item="A-16",
    fr="apprentissage par transfert",
    en="transfer learning",
    module="minigen.models.autoencoders.transfer",
    metric="gain",                      # points of accuracy over scratch, of the better other way
    bars={"tiny": 10.0, "gpu": 10.0},
    better="higher",
)
WAYS = ("fine-tuned", "frozen", "scratch")


@dataclass
class Config(Demo):
    size: int | None = None             # pixels a side; none: 32, or what your pictures have
    widths: tuple[int, ...] = (24, 32, 48, 64)  # filters of each convolution
    train: int = 10_000                 # pictures of set A
    batch: int = 64                     # pictures per step, of either set
    steps: int = 400                    # training steps on set A
    lr: float = 4e-3                    # AdamW's step size at the start; it falls to 0 as a cosine
    weight_decay: float = 0.3           # AdamW's, on set A
    few: int = 5                        # labelled pictures of each class of set B that gain is for
    labels: tuple[int, ...] = (10, 20, 50)  # other numbers of them in the figure
    draws: int = 2                      # how often labelled pictures are chosen anew
    tuning: int = 80                    # training steps of each classifier on set B
    tuning_lr: float = 1e-3             # Adam's step size for layers carried over
    scratch_lr: float = 4e-3            # for layers that start anew
    head_lr: float = 0.1                # for the heads; with 1e-2 frozen layers learn too little


PRESETS = {
    "tiny": {},
    "gpu": {"size": 64, "widths": (96, 128, 192, 256), "train": 50_000, "batch": 512,
            "steps": 3000, "draws": 5},
}


def main(config: Config) -> int:
    few = data.load(config.data or "shapes_upright", size=config.size, channels=3,
                    seed=config.seed, train=4000, test=800)
    check_classes(few, least=12)
    many = data.load("shapes", size=few.size, seed=config.seed, train=config.train, test=1000)
    print(f"A: {many.describe()}\nB: {few.describe()}")

    def backbone(name):
        shape = tiny(config.widths, classes=len(many.classes))
        return AlexNet(shape, rng=config.rng(name)).to(config.device)

    model = backbone("weights")
    optimizer = optim.AdamW(model.parameters(), lr=config.lr, weight_decay=config.weight_decay)
    schedule = optim.Scheduler(optimizer, lr=optim.schedules.cosine(1.0, 0.0, config.steps))

    with Run(config, "transfer", model=model, optimizer=optimizer, schedule=schedule) as run:
        shown = min(8, len(few.test))
        run.figure("sets", draw.rows(set_A=many.test[:shown], set_B=few.test[:shown]))
        pictures = (many.train, many.train_labels)
        for x, y in run.batches(pictures, config.batch, steps=config.steps):    # (B, 3, S, S), (B,)
            loss = model.loss(x, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            run.log(loss_A=loss)

        with run.evaluation():
            found = model(from_numpy(many.test).to(config.device)).argmax(1).to("cpu").numpy()
        right = compare(model, backbone, model.width, few, config)
        run.figure("accuracy", curves(right, config, f"test pictures of {few.name} told apart"))
        run.figure("training", draw.curves(run.metrics, "-log p(y|x) on set A, while training"))
        return run.report(accuracy_A=(found == many.test_labels).mean(), **summary(right, config))


def check_classes(images, least=1):
    """Refuse pictures that have no classes to learn, or fewer than `least` pixels a side."""
    if images.size < least:
        raise UsageError(f"{images.name}: pictures of {images.size} pixels a side are too small "
                         f"for the network's windows; --set size={least} enlarges them")
    if len(images.classes) < 2:
        raise UsageError(f"{images.name}: without classes there is nothing to predict; give "
                         "pictures of several classes, each in a folder of its own")


def compare(trained, anew, features, images, config):
    """Accuracy on the test pictures, by how many labels and by how the encoder starts.

    trained: the encoder carried over; anew: name -> one like it with new weights; features: how
    many numbers it gives.   -> {way: (numbers of labels, draws)}
    """
    state, counts = trained.state_dict(), numbers(config)
    right = {way: np.empty((len(counts), config.draws)) for way in WAYS}
    for i, drawn in np.ndindex(len(counts), config.draws):
        rng = np.random.default_rng((config.seed, drawn))
        rows = labelled(images.train_labels, counts[i], rng)            # (labels · classes,)
        for way in WAYS:
            encoder = anew(f"{way} {counts[i]} {drawn}")
            if way != "scratch":
                encoder.load_state_dict(state)
            model = Classifier(encoder, features, len(images.classes), frozen=way == "frozen",
                               rng=config.rng(f"head {drawn}")).to(config.device)
            lr = config.scratch_lr if way == "scratch" else config.tuning_lr
            optimizer = optim.Adam(model.groups(lr, config.head_lr))
            fine_tune(model, optimizer, images.train[rows], images.train_labels[rows], rng, config)
            right[way][i, drawn] = accuracy(model, images, config)
    return right


def numbers(config):
    """How many labels a class are tried, rising."""
    return sorted({config.few, *config.labels})


def labelled(labels, count, rng):
    """Indices of `count` random pictures of each class, all where it has fewer.   (N,) -> (n,)"""
    order = rng.permutation(len(labels))
    return np.concatenate([order[labels[order] == k][:count] for k in np.unique(labels)])


def fine_tune(model, optimizer, pictures, labels, rng, config):
    """Train a classifier on a few labelled pictures.   (n, ...), (n,)"""
    model.train()
    for _ in range(config.tuning):
        rows = rng.permutation(len(labels))[: config.batch]
        x, y = (from_numpy(part[rows]).to(config.device) for part in (pictures, labels))
        loss = model.loss(x, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def accuracy(model, images, config):
    """The share of test pictures whose class is found."""
    model.eval()
    with no_grad():
        found = model(from_numpy(images.test).to(config.device)).argmax(1).to("cpu").numpy()
    return (found == images.test_labels).mean()


def curves(right, config, title):
    """Accuracy against the number of labels; the bands are a standard deviation of the draws."""
    counts = np.array(numbers(config))
    lines = {way: (counts, 100 * a.mean(1), 100 * a.std(1)) for way, a in right.items()}
    return draw.lines(lines, title, ("labelled pictures of each class", "right, %"), log="x")


def summary(right, config):
    """Metrics: points by which the better way beats scratch, with few labels and where it is least.

    Accuracies are those with few labels, in per cent.
    """
    mean = {way: 100 * a.mean(1) for way, a in right.items()}           # (numbers of labels,)
    gains = np.maximum(mean["frozen"], mean["fine-tuned"]) - mean["scratch"]
    few = numbers(config).index(config.few)
    named = {way.replace("-", "_"): a[few] for way, a in mean.items()}
    return {**named, "least_gain": gains.min(), "gain": gains[few]}


if __name__ == "__main__":
    demos.start(__file__)

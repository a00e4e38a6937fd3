"""How many numbers should a code have? As many as it takes to say what differs between pictures.

A shape that moves right and down makes pictures of two numbers, whatever the count of their pixels:
they lie on a surface of dimension 2. A code of one number is too short, and a third brings next to
nothing. The dimension can be estimated without a network too, from distances between neighbours.
Cartoon faces have two numbers as well, orientation and emotion: a code of two finds both.
Course: deck A, « De la nécessité de bien choisir l'espace latent », « Variétés (différentielles) »,
« Deux dimensions de l'espace latent : orientation de la tête, émotions »; row 28.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from minigen import data, demos, draw, from_numpy, metrics, optim
from minigen.models.autoencoders.conv import Config as Model
from minigen.models.autoencoders.conv import ConvAutoEncoder
from minigen.optim import schedules
from minigen.train import About, Demo, Run, UsageError

NEIGHBOURS = (10, 20)   # whose distances tell the dimension: so few, so many, and all between

ABOUT = About(
    row=28,
    item="A-06",
    fr="choix de la dimension de l'espace latent, variétés",
    en="choice of the latent dimension, manifolds",
    module="minigen.metrics.dimension",
    metric="worst_of_allowed",          # the worst of four parts, over what each may be
    bars={"tiny": 1, "gpu": 1},
)


@dataclass
class Config(Demo):
    size: int | None = None             # pixels a side; none: 16, or what your pictures have
    count: int = 3000                   # training pictures
    turn: float = 0.4                   # largest yaw of the faces; 1 is 25 degrees
    codes: tuple[int, ...] = (1, 2, 3, 4)   # numbers in a code, a network each; at least 1, 2, 4
    widths: tuple[int, ...] = (8, 16)   # channels of each level; each halves the picture
    batch: int = 64                     # pictures per step
    steps: int = 800                    # training steps
    lr: float = 3e-3                    # Adam's step size, which falls to 0 as half a cosine


PRESETS = {
    "tiny": {},
    "gpu": {"size": 32, "count": 12_000, "widths": (32, 64), "batch": 512, "steps": 3000},
}


@dataclass
class Surface:
    """Pictures less their mean, and their factors, unless they are a user's own.

    Without the mean: what a code has to say is how a picture differs from it. With it, the code of
    faces collapsed to a point at this step size (seed 0).
    """

    train: np.ndarray                   # (N, C, S, S)
    test: np.ndarray                    # (M, C, S, S)
    mean: np.ndarray                    # (C, S, S) what to add to see a picture
    factors: np.ndarray | None = None   # (M, 2) of the test pictures
    names: tuple[str, ...] = ()         # of the factors


def main(config: Config) -> int:
    shape, faces = surfaces(config)
    estimate = dimension(shape.train)
    rng = config.rng("weights")
    models = {f"code_of_{k}": network(config, shape, k, rng) for k in config.codes}
    pair = network(config, faces, 2, rng)
    optimizer = optim.Adam([p for m in (*models.values(), pair) for p in m.parameters()],
                           lr=config.lr)
    plan = schedules.Scheduler(optimizer, lr=schedules.cosine(1.0, 0.0, config.steps))
    pictures = shape.train, faces.train                                 # of one N

    with Run(config, "latent-dimension", optimizer=optimizer, plan=plan, pair=pair,
             **models) as run:
        for x, face in run.batches(pictures, config.batch, steps=config.steps):
            losses = {name: model.loss(x) for name, model in models.items()}
            losses["pair"] = pair.loss(face)
            optimizer.zero_grad()
            sum(losses.values()).backward()
            optimizer.step()
            plan.step()
            run.log(**losses)
            if run.every(0.1):
                run.figure("reconstructions", copies(run, models, shape))

        errors = {k: run.mean(models[f"code_of_{k}"].loss, shape.test) for k in config.codes}
        run.figure("errors", error_curve(errors, shape))
        run.figure("training", draw.curves(run.metrics, "error of an image, while training"))
        codes = run.outputs(pair.encode, faces.test)                            # (M, 2)
        run.figure("grid", latent_grid(pair, codes, faces, config.device))
        if config.data:
            run.figure("codes", draw.scatter(codes, title="codes of two numbers",
                                             axes_names=("$z_1$", "$z_2$")))
        else:
            run.figure("manifold", manifold(run, models, shape))
            run.figure("faces", by_factor(codes, faces))

        found = {f"mse_{k}": error for k, error in errors.items()} | {"dimension": estimate}
        found |= {"mse_2_over_1": errors[2] / errors[1], "mse_4_over_2": errors[4] / errors[2]}
        found |= {} if config.data else truth(found, config, codes, faces)
        return run.report(**found)


def surfaces(config):
    """What the codes of each length see, and what the code of two numbers for the map sees."""
    if not {1, 2, 4} <= set(config.codes):
        raise UsageError("--set codes: 1, 2 and 4 must be among them, their errors are compared")
    if config.count <= NEIGHBOURS[1]:
        raise UsageError(f"--set count={config.count}: the dimension shows in the distances to "
                         f"{NEIGHBOURS[1]} neighbours of each picture; take more pictures")
    if not 0 < config.turn <= 1:
        raise UsageError(f"--set turn={config.turn:g}: faces turn by more than 0 and at most 1, "
                         "which is 25 degrees")
    return own(config) if config.data else (moved(config), turned(config))


def network(config, surface, latent, rng):
    """A convolutional auto-encoder for these pictures."""
    _, channels, size, _ = surface.train.shape
    return ConvAutoEncoder(Model(channels, size, config.widths, latent), rng=rng).to(config.device)


def masks(config, n, seed, **factors):
    """Blurred pictures of an L, white on black, whose places are random.   -> (N, 1, S, S), (N, 2)

    The blur is as wide as the stroke: then near places make near pictures, and the surface is as
    smooth as a network can follow.
    """
    size = config.size or 16
    made = data.shapes(n, seed, size, labels=7, hue=0.0, scale=0.6, **factors)
    blurred = gaussian_filter(made.masks, (0, 0, size / 8, size / 8))
    return blurred / blurred.max(), made.position


def moved(config):
    """An L that moves: right and down."""
    train, _ = masks(config, config.count, config.seed, rotation=0.0)
    test, places = masks(config, 500, config.seed + 10_000, rotation=0.0)
    mean = train.mean(0)
    return Surface(train - mean, test - mean, mean, places, ("right", "down"))


def turned(config):
    """Faces that turn a little and smile: orientation and emotion."""
    size, sets = 3 * (config.size or 16) // 2, []
    for n, seed in ((config.count, config.seed), (500, config.seed + 10_000)):
        yaw = config.turn * np.random.default_rng(seed).uniform(-1, 1, n)
        sets.append(data.faces(n, seed, size, yaw=yaw))
    train, test = sets
    mean, factors = train.images.mean(0), np.stack([test.yaw, test.smile], 1)
    return Surface(train.images - mean, test.images - mean, mean, factors, ("yaw", "smile"))


def own(config):
    """A user's pictures, in both places.   -> twice the same Surface"""
    images = data.load(config.data, size=config.size, seed=config.seed, train=config.count,
                       test=500)
    print(images.describe())
    distinct = len(np.unique(images.train.reshape(len(images.train), -1), axis=0))
    if distinct <= NEIGHBOURS[1]:
        raise UsageError(
            f"{images.name}: {distinct} different training pictures, and the dimension shows in "
            f"the distances to {NEIGHBOURS[1]} neighbours of each; give more pictures"
        )
    mean = images.train.mean(0)
    surface = Surface(images.train - mean, images.test - mean, mean)
    return surface, surface


def dimension(pictures):
    """The estimate from distances, of 2000 pictures at most: its time grows with their square.

    UsageError where a picture's neighbours are all at one distance.
    """
    try:
        return metrics.intrinsic_dimension(pictures[:2000], NEIGHBOURS)
    except ValueError as error:
        raise UsageError("the dimension shows in how much farther off each next neighbour is, and "
                         f"a picture has {NEIGHBOURS[0]} at one distance; give pictures that vary "
                         "by less than whole pixels") from error


def truth(found, config, codes, faces):
    """What can be compared with the factors.   -> {name: value}"""
    turning, _ = masks(config, min(config.count, 2000), config.seed)    # a third number: the angle
    three = dimension(turning)
    bent = quadratic(codes)
    left = faces.factors - bent @ np.linalg.lstsq(bent, faces.factors, rcond=None)[0]
    explained = 1 - left.var(0) / faces.factors.var(0)
    return {
        "dimension_with_angle": three,
        "dimension_of_faces": dimension(faces.train),
        **{f"{name}_in_code": share for name, share in zip(faces.names, explained, strict=True)},
        "worst_of_allowed": max(found["mse_2_over_1"] / 0.35, 0.5 / found["mse_4_over_2"],
                                abs(found["dimension"] - 2) / 0.5, abs(three - 3) / 0.5),
    }


def quadratic(points):
    """1, a, b, a², ab, b² of points of the plane.   (N, 2) -> (N, 6)"""
    a, b = np.asarray(points).T
    return np.stack([np.ones_like(a), a, b, a * a, a * b, b * b], 1)


def copies(run, models, surface):
    """Pictures, and their copies from codes of each length."""
    shown = from_numpy(surface.test[:10]).to(run.config.device)
    with run.evaluation():
        made = {"input": shown, **{name: model(shown) for name, model in models.items()}}
    return draw.rows(**{name: x.to("cpu").numpy() + surface.mean for name, x in made.items()})


def error_curve(errors, surface):
    """Test error against the length of the code, over the variance; PCA's beside it."""
    counts = np.array(sorted(errors))
    variance = metrics.pca_mse(surface.train, surface.test, 0)
    pca = np.array([metrics.pca_mse(surface.train, surface.test, k) for k in counts])
    figure = draw.lines({
        "auto-encoder": (counts, np.array([errors[k] for k in counts]) / variance),
        "PCA": (counts, pca / variance),
    }, "how many numbers does a picture take?", ("numbers in a code", "test error / variance"),
        log="y")
    (axes,) = figure.axes
    axes.set_xticks(counts)
    axes.yaxis.labelpad = 0                                             # its numbers are wide
    return figure


def manifold(run, models, surface):
    """The surface of all pictures, and what codes of two numbers and of one make of it."""
    flat = surface.test.reshape(len(surface.test), -1)
    flat = flat - flat.mean(0)
    space = flat @ np.linalg.svd(flat, full_matrices=False)[2][:3].T            # (M, 3)
    one, two = (run.outputs(models[f"code_of_{k}"].encode, surface.test) for k in (1, 2))
    right, down = surface.factors.T
    figure, (a, b, c, d) = draw.panels(4, 2, width=480, height=440)
    draw.scatter(space, values=right, title="pictures, three principal axes; colour: right",
                 axes=a)
    names = ("$z_1$", "$z_2$")
    draw.scatter(two, values=right, title="code of two numbers; colour: right", axes_names=names,
                 axes=b)
    draw.scatter(two, values=down, title="code of two numbers; colour: down", axes_names=names,
                 axes=c)
    draw.scatter(surface.factors, values=one[:, 0], title="places; colour: code of one number",
                 axes_names=surface.names, axes=d)
    d.invert_yaxis()                                                    # down is down
    return figure


def by_factor(codes, surface):
    """Codes of two numbers, coloured by each factor."""
    figure, panels = draw.panels(2, width=480, height=440)
    for axes, name, values in zip(panels, surface.names, surface.factors.T, strict=True):
        draw.scatter(codes, values=values, title=f"codes of faces; colour: {name}",
                     axes_names=("$z_1$", "$z_2$"), axes=axes)
        axes.yaxis.labelpad = 0                                     # its numbers are wide
    return figure


def latent_grid(model, codes, surface, device):
    """What the decoder makes of a grid in the plane of codes: by factor where these are known.

    The way from factors to codes is a fitted polynomial of degree 2; without factors, the grid has
    the axes in which codes spread most, to two standard deviations.
    """
    if surface.factors is not None:
        reach = abs(surface.factors).max(0)                                     # (2,)
        fit = np.linalg.lstsq(quadratic(surface.factors / reach), codes, rcond=None)[0]
        names = [name if r > 0.95 else f"{name} / {r:.2g}"
                 for name, r in zip(surface.names, reach, strict=True)]
    else:
        _, spread, axes = np.linalg.svd(codes - codes.mean(0), full_matrices=False)
        fit = np.zeros((6, 2))                                                  # 1, a, b, ...
        fit[0], fit[1:3] = codes.mean(0), 2 * spread[:, None] / len(codes) ** 0.5 * axes
        names = ["first axis of the codes", "second axis of the codes"]

    def decoded(places):
        z = quadratic(places.to("cpu").numpy()) @ fit
        return model.decode(from_numpy(z.astype(np.float32)).to(device)).to("cpu") \
            + from_numpy(surface.mean)

    return draw.latent_map(decoded, 1, 9, names)


if __name__ == "__main__":
    demos.start(__file__)

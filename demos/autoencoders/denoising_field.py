"""Denoising auto-encoder in the plane: the vector field that points to where the data are.

Points of a circle, and of a spiral of two arms, are moved by Gaussian noise; a network learns to
put them back. What it does to any point of the plane is an arrow, and the arrows point to the
curve: nobody told the network about a curve. Applied again and again, it takes points there.
Course: deck A, « Auto-encodeur débruiteur » (the vector field); row 33.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from minigen import data, demos, draw, from_numpy, no_grad, optim
from minigen.models.autoencoders.denoising import Config as Model
from minigen.models.autoencoders.denoising import Denoiser, gaussian, loss, posterior_mean
from minigen.train import About, Demo, Run, UsageError

ABOUT = About(
    row=33,
    item="A-11",
    fr="auto-encodeur débruiteur (champ de vecteurs)",
    en="denoising auto-encoder, vector field",
    module="minigen.models.autoencoders.denoising",
    metric="way_covered",       # to the nearest point of the circle: high if the arrows point there
    bars={"tiny": 0.8, "gpu": 0.8},         # (cosine 0.95) and are as long as the way (0.8 of it)
    better="higher",
)


@dataclass
class Config(Demo):
    points: int = 20_000                    # of each curve to train on
    sigma: float = 0.2                      # standard deviation of the noise, for a circle of 1
    hidden: tuple[int, ...] = (128, 128)    # widths of the network's layers
    batch: int = 256                        # points per step, of each curve
    steps: int = 3000                       # training steps
    lr: float = 3e-3                        # Adam's step size; for the last steps a fifth of it


PRESETS = {"tiny": {}, "gpu": {"hidden": (512, 512), "batch": 4096}}


def main(config: Config) -> int:
    if config.data is not None:
        raise UsageError(f"--data {config.data}: this demo shows curves in the plane; for your own "
                         "pictures take the demo denoising-autoencoder")
    if config.sigma == 0:
        raise UsageError("--set sigma=0: without noise there is nothing to put back")
    curves = {"circle": data.toy2d.circle(config.points, config.seed).points,
              "spiral": data.toy2d.spiral(config.points, config.seed, noise=0).points}
    curves = {name: points.astype(np.float32) for name, points in curves.items()}   # (N, 2)
    models = {name: Denoiser(Model(hidden=config.hidden), rng=config.rng(name)).to(config.device)
              for name in curves}
    optimizer = optim.Adam([p for m in models.values() for p in m.parameters()], lr=config.lr)
    late = optim.schedules.step_decay(0.2, [config.steps * 4 // 5])
    scheduler = optim.Scheduler(optimizer, lr=late)

    with Run(config, "denoising-field", **models, optimizer=optimizer, scheduler=scheduler) as run:
        for batch in run.batches(tuple(curves.values()), config.batch, steps=config.steps):
            terms = {}
            for (name, model), x in zip(models.items(), batch, strict=True):        # (B, 2)
                terms[name] = loss(model, x, gaussian(x, config.sigma, rng=run.rng))
            optimizer.zero_grad()
            sum(terms.values()).backward()
            optimizer.step()
            scheduler.step()
            run.log(**terms)
            if run.every(0.1):
                run.figure("field", fields(
                    "what the network does",
                    lambda name, points: put_back(models[name], points, config.device),
                    curves, config.sigma))

        run.figure("exact", fields(
            r"$\sigma^2\,\nabla \log p_\sigma$, exact",
            lambda name, points: exact(points, curves[name], config.sigma), curves, config.sigma))
        run.figure("iterated", iterated(models, curves, config))
        run.figure("training", draw.curves(run.metrics, "error of a point, while training"))
        return run.report(**judged(models["circle"], curves["circle"], config))


def put_back(model, points, device):
    """r of points, arrays.   (N, 2) -> (N, 2)"""
    with no_grad():
        return model(from_numpy(np.float32(points)).to(device)).to("cpu").numpy()


def judged(model, circle, config):
    """How well the circle's arrows point to it, and how far they go, from σ/2 to 2σ away."""
    rng = np.random.default_rng(config.seed)
    nearest = circle[:5000].astype(np.float64)                                      # radius 1
    away = config.sigma * rng.uniform(0.5, 2, len(nearest)) * rng.choice([-1, 1], len(nearest))
    start = nearest * (1 + away[:, None])                                           # (N, 2)
    end, best = put_back(model, start, config.device), exact(start, circle, config.sigma)
    arrow, way, distance = end - start, nearest - start, abs(away)
    cosine = (arrow * way).sum(1) / (np.linalg.norm(arrow, axis=1) * distance)
    left = abs(np.linalg.norm(end, axis=1) - 1)
    return {
        "way_covered": np.mean(1 - np.linalg.norm(end - nearest, axis=1) / distance),
        "cosine": cosine.mean(),
        "distance_cut": np.mean(1 - left / distance),
        "error_to_exact": np.linalg.norm(end - best, axis=1).mean(),
    }


def exact(points, curve, sigma):
    """The posterior mean, all of the curve's first 2000 points being as likely.   (N, 2)"""
    means = from_numpy(np.float64(curve[:2000]))
    return posterior_mean(from_numpy(np.float64(points)), means, 0.0, sigma).numpy()


def fields(what, put, curves, sigma):
    """Where a denoiser takes points as far from the curves as noise does.   -> Figure

    put: (name of the curve, points (N, 2)) -> (N, 2)
    """
    figure, panels = draw.panels(len(curves), width=540, height=470)
    for axes, (name, curve) in zip(panels, curves.items(), strict=True):
        side = abs(curve).max() + 3 * sigma
        extent = (-side, side, -side, side)
        lattice = draw.plane(extent, 27)                                            # (N, 2)
        lattice = lattice[cKDTree(curve).query(lattice)[0] < 3 * sigma]
        draw.quiver(lattice, put(name, lattice) - lattice, extent, f"{name}: {what}",
                    background=curve[:2000], axes=axes)
    return figure


def iterated(models, curves, config, times=6):
    """Where points of the plane go when the network is applied again and again.   -> Figure"""
    figure, panels = draw.panels(
        len(models), width=520, height=520,
        title=f"The network applied {times} times: from blue, along the lines, to red")
    rng = np.random.default_rng(config.seed)
    for axes, (name, curve) in zip(panels, curves.items(), strict=True):
        side = abs(curve).max() + 2 * config.sigma
        path = [rng.uniform(-side, side, (120, 2))]
        for _ in range(times):
            path.append(put_back(models[name], path[-1], config.device))
        path = np.array(path)                                                       # (T, N, 2)
        axes.scatter(*curve[:1500].T, s=7, color=draw.COLOURS[3], alpha=0.35, linewidths=0)
        axes.plot(*path.transpose(2, 0, 1), color=draw.COLOURS[0], linewidth=0.8)
        axes.scatter(*path[0].T, s=8, color=draw.COLOURS[0], zorder=3)
        axes.scatter(*path[-1].T, s=10, color=draw.COLOURS[2], zorder=3)
        axes.set(title=name, aspect="equal")
    return figure


if __name__ == "__main__":
    demos.start(__file__)

"""Identikit: faces as a mean face plus some of each eigenface, moved by sliders.

The principal axes of a set of faces are pictures too, the eigenfaces. A face is then a short list
of numbers, the settings of a few sliders. Nobody told PCA what yaw and smile are: here they are its
first two axes, as long as heads turn little. With --set turn=1 they are not: pictures of a head
that turns far lie on a bent surface, and a plane cannot follow it.
Course: deck B, « portrait-robot »; row 5.
"""

from dataclasses import dataclass

import numpy as np

from minigen import data, demos, draw, tensor
from minigen.models.classical.pca import PCA
from minigen.train import About, Demo, Run

ABOUT = About(
    row=5,
    item="C-03",
    fr="portrait-robot, visages propres",
    en="identikit, eigenfaces",
    module="minigen.models.classical.pca",
    metric="factor_share",              # of what yaw and smile each change, on two axes
    bars={"tiny": 0.8},
    better="higher",
)


@dataclass
class Config(Demo):
    count: int = 1000                   # faces
    turn: float = 0.25                  # largest yaw; 1 is 25 degrees
    noise: float = 0.05                 # standard deviation of the noise of a pixel
    sliders: int = 4                    # axes shown as sliders


PRESETS = {"tiny": {}}


def main(config: Config) -> int:
    demos.classical.check(config, pictures=True)
    made = None
    if config.data:
        images = data.load(config.data, seed=config.seed).train                 # (N, C, S, S)
    else:
        yaw = config.turn * np.random.default_rng(config.seed).uniform(-1, 1, config.count)
        made = data.faces(config.count, config.seed, noise=config.noise, yaw=yaw)
        images = made.images
    shape = images.shape[1:]

    with Run(config, "identikit") as run:
        model = PCA(min(20, len(images) - 1), standardize=False)
        scores = model.fit_transform(images.reshape(len(images), -1))           # (N, K)
        deviation = model.explained_variance_**0.5                              # (K,)

        def face(z):
            """Sliders, in standard deviations, to pictures.   (N, k) -> (N, C, S, S)"""
            t = np.pad(z * deviation[: z.shape[1]], ((0, 0), (0, len(deviation) - z.shape[1])))
            return model.inverse_transform(t).reshape(-1, *shape)

        reach = np.abs(model.components_).max(1, keepdims=True)
        eigenfaces = (0.5 + 0.5 * model.components_ / reach).reshape(-1, *shape)
        run.figure("eigenfaces", draw.grid(
            np.concatenate([model.mean_.reshape(1, *shape), eigenfaces[:11]]), 4,
            ["mean", *(f"{r:.1%}" for r in model.explained_variance_ratio_[:11])]))
        settings = np.linspace(-2, 2, 9)                                        # (9,)
        run.figure("sliders", draw.rows(**{
            f"slider_{k + 1}": face(settings[:, None] * np.eye(len(deviation))[k])
            for k in range(min(config.sliders, len(deviation)))}))
        run.figure("plane", draw.latent_map(lambda z: tensor(face(z.numpy())), span=2, side=9))
        copies = np.clip(face(scores[:9] / deviation), 0, 1)
        run.figure("copies", draw.rows(face=images[:9], twenty_sliders=copies))

        found = {"variance_share": model.explained_variance_ratio_[:2].sum()}
        if made is not None:
            found |= factors(made, model, scores)
        return run.report(**found)


def factors(made, model, scores):
    """How well two axes hold what yaw and smile do to a picture.   -> {name: value}

    A factor's effect is w, by which pixels change with it, by least squares; its share on the plane
    of the axes is |V_2ᵀ w|² / |w|². The lesser of both shares counts.
    """
    causes = np.stack([made.yaw, made.smile], 1)
    causes = causes - causes.mean(0)                                            # (N, 2)
    pixels = made.images.reshape(len(causes), -1) - model.mean_
    effects = np.linalg.lstsq(causes, pixels, rcond=None)[0]                    # (2, D)
    shares = ((effects @ model.components_[:2].T) ** 2).sum(1) / (effects**2).sum(1)
    return {
        "factor_share": shares.min(),
        "yaw_correlation": abs(np.corrcoef(scores[:, 0], made.yaw)[0, 1]),
        "smile_correlation": abs(np.corrcoef(scores[:, 1], made.smile)[0, 1]),
    }


if __name__ == "__main__":
    demos.start(__file__)

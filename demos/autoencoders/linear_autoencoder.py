"""Linear auto-encoder and PCA on faces: the same plane, other axes, the same reconstructions.

An auto-encoder without activations is trained on all pictures at once, by L-BFGS, which gets to the
very bottom. What is measured is the largest angle between the plane of its copies and the one of
the first principal components. Its axes are mixtures of theirs: only the plane is decided.
Course: deck A, « l'auto-encodeur est équivalent à l'ACP »; row 24.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import subspace_angles

from minigen import data, demos, draw, optim
from minigen.models.autoencoders.linear import Config as Model
from minigen.models.autoencoders.linear import LinearAutoEncoder
from minigen.models.classical.pca import PCA
from minigen.train import About, Demo, Run, UsageError

ABOUT = About(
    row=24,
    item="A-02",
    fr="auto-encodeur linéaire, équivalent à l'ACP",
    en="linear auto-encoder, equivalent to PCA",
    module="minigen.models.autoencoders.linear",
    metric="angle",                     # between the two planes, the largest, in degrees
    bars={"tiny": 1, "gpu": 1},
)


@dataclass
class Config(Demo):
    size: int | None = None             # pixels a side; none: 32, or what your pictures have
    pictures: int = 2000                # to train on, all in every step
    latent: int = 4                     # numbers in a code: dimensions of the plane
    steps: int = 60                     # of L-BFGS, each with a line search


PRESETS = {
    "tiny": {},
    "gpu": {"size": 64, "pictures": 8000, "latent": 12, "steps": 300},
}


def main(config: Config) -> int:
    images = data.load(config.data or "faces", size=config.size, seed=config.seed,
                       train=config.pictures, test=10)
    print(images.describe())
    pca = principal_axes(images, config.latent)
    centred = (images.train.reshape(-1, images.pixels) - pca.mean_).astype(np.float32)  # (N, D)
    least = pca.variances_[config.latent:].sum() * (1 - 1 / len(centred))   # Σ s²/N, i > K
    model = LinearAutoEncoder(
        Model(images.pixels, config.latent), rng=config.rng("weights")
    ).to(config.device)
    optimizer = optim.LBFGS(model.parameters(), max_iter=1, max_eval=10)

    with Run(config, "linear-autoencoder", model=model, optimizer=optimizer) as run:
        for x in run.batches(centred, len(centred), steps=config.steps):            # (N, D)
            def descend(x=x):
                loss = model.loss(x)
                optimizer.zero_grad()
                loss.backward()
                return loss

            loss = optimizer.step(descend)
            run.log(angle=angle(model, pca), error_vs_pca=loss / least)
            if run.every(0.1):
                run.figure("axes", axes(model, pca, centred, images))

        run.figure("reconstructions", reconstructions(model, pca, images))
        title = "angle to PCA's plane in degrees, error relative to PCA's"
        run.figure("training", draw.curves(run.metrics, title))

        plane = pca.components_.T @ pca.components_                                 # V Vᵀ (D, D)
        found = model.projector().detach().to("cpu").numpy()
        return run.report(
            angle=angle(model, pca),
            error_vs_pca=run.mean(model.loss, centred) / least,                     # from 1 on
            projector_error=np.linalg.norm(found - plane),                          # of norm √K
            rank=np.linalg.matrix_rank(found, 1e-3),
        )


def principal_axes(images, latent):
    """The first principal components of the pictures to train on.   -> PCA

    UsageError if they leave no error by which the network's could be divided.
    """
    demos.autoencoders.pca_to_beat(images, latent)
    most = min(len(images.train) - 1, images.pixels)
    if latent >= most:
        raise UsageError(f"--set latent={latent}: {len(images.train)} pictures of {images.pixels} "
                         f"numbers have {most} principal axes; take a smaller latent")
    return PCA(latent, standardize=False).fit(images.train.reshape(-1, images.pixels))


def angle(model, pca):
    """The largest angle between the plane of a model's copies and that of PCA.   -> degrees"""
    rows = model.decoder.detach().to("cpu").numpy()                                 # (K, D)
    return np.degrees(subspace_angles(rows.T.astype(np.float64), pca.components_.T)[0])


def axes(model, pca, centred, images):
    """Axes as pictures: PCA's, those the network learned, and these turned back.   -> Figure

    Turned back: the principal axes of its copies, which depend on the plane of the copies only.
    """
    learned = model.decoder.detach().to("cpu").numpy()                              # (K, D)
    codes = centred @ model.encoder.detach().to("cpu").numpy()                      # (N, K)
    turned = PCA(len(learned), standardize=False).fit(codes @ learned).components_

    def as_pictures(rows):
        rows = 0.5 + 0.5 * rows / abs(rows).max(1, keepdims=True)                   # grey is 0
        return rows.reshape(-1, *images.train.shape[1:])                            # (K, C, H, W)

    return draw.rows(**{"PCA": as_pictures(pca.components_),
                        "network": as_pictures(learned),
                        "turned back": as_pictures(turned)})


def reconstructions(model, pca, images):
    """Test pictures, and what PCA and the network make of them.   -> Figure"""
    flat = images.test.reshape(len(images.test), -1)                                # (M, D)
    weights = (w.detach().to("cpu").numpy() for w in (model.encoder, model.decoder))
    encoder, decoder = weights
    copies = {"input": flat, "PCA": pca.inverse_transform(pca.transform(flat)),
              "network": (flat - pca.mean_) @ encoder @ decoder + pca.mean_}
    return draw.rows(**{name: x.reshape(images.test.shape) for name, x in copies.items()})


if __name__ == "__main__":
    demos.start(__file__)

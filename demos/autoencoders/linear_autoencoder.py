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

        encoder, decoder = weights(model)
        away = singular_values(np.hstack([encoder, -pca.components_.T]),            # W_e W_d - V Vᵀ
                               np.vstack([decoder, pca.components_]))
        return run.report(
            angle=angle(model, pca),
            error_vs_pca=run.mean(model.loss, centred) / least,                     # from 1 on
            projector_error=np.linalg.norm(away),                                   # of norm √K
            rank=(singular_values(encoder, decoder) > 1e-3).sum(),
        )


def principal_axes(images, latent):
    """The first principal components of the pictures to train on.   -> PCA

    UsageError if they leave no error by which the network's could be divided.
    """
    demos.autoencoders.pca_to_beat(images, latent)
    most = min(len(images.train) - 1, images.pixels)
    if latent >= most:
        raise UsageError(f"--set latent={latent}: {len(images.train)} pictures of {images.pixels} "
                         f"numbers have {most} principal axes; take fewer, or more pictures")
    return PCA(latent, standardize=False).fit(images.train.reshape(-1, images.pixels))


def weights(model):
    """W_e and W_d as arrays.   -> (D, K), (K, D) float64"""
    return (w.detach().to("cpu").numpy().astype(np.float64) for w in (model.encoder, model.decoder))


def singular_values(left, right):
    """Those of a product that would be D × D, too large for the numbers of a picture in colour.

    (D, k), (k, D) -> (k,)
    """
    triangles = np.linalg.qr(left, "r"), np.linalg.qr(right.T, "r")                 # (k, k) each
    return np.linalg.svd(triangles[0] @ triangles[1].T, compute_uv=False)


def angle(model, pca):
    """The largest angle between the plane of a model's copies and that of PCA.   -> degrees"""
    _, decoder = weights(model)
    return np.degrees(subspace_angles(decoder.T, pca.components_.T)[0])


def axes(model, pca, centred, images):
    """Axes as pictures: PCA's, those the network learned, and these turned back.   -> Figure

    Turned back: the principal axes of its copies, which depend on the plane of the copies only.
    """
    encoder, learned = weights(model)
    turned = PCA(len(learned), standardize=False).fit(centred @ encoder @ learned).components_

    def as_pictures(rows):
        rows = 0.5 + 0.5 * rows / abs(rows).max(1, keepdims=True)                   # grey is 0
        return rows.reshape(-1, *images.train.shape[1:])                            # (K, C, H, W)

    return draw.rows(**{"PCA": as_pictures(pca.components_),
                        "network": as_pictures(learned),
                        "turned back": as_pictures(turned)})


def reconstructions(model, pca, images):
    """Test pictures, and what PCA and the network make of them.   -> Figure"""
    flat = images.test.reshape(len(images.test), -1)                                # (M, D)
    encoder, decoder = weights(model)
    copies = {"input": flat, "PCA": pca.inverse_transform(pca.transform(flat)),
              "network": (flat - pca.mean_) @ encoder @ decoder + pca.mean_}
    return draw.rows(**{name: x.reshape(images.test.shape) for name, x in copies.items()})


if __name__ == "__main__":
    demos.start(__file__)

"""Fully connected auto-encoder on digits: reconstructions, the map of its codes, its schema.

Each picture is squeezed into a code of 32 numbers and made again from it. Principal components
(PCA) do the same with planes instead of a trained network: their error is the one to beat.
Course: decks A and B, « Auto-codeur entièrement connecté (MLP) »; row 23.
"""

from dataclasses import dataclass

import numpy as np

from minigen import data, demos, draw, from_numpy, metrics, optim
from minigen.models.autoencoders.mlp import AutoEncoder
from minigen.models.autoencoders.mlp import Config as Model
from minigen.train import About, Demo, Run

ABOUT = About(
    row=23,
    item="A-01",
    fr="auto-codeur entièrement connecté (MLP)",
    en="fully connected auto-encoder",
    module="minigen.models.autoencoders.mlp",
    metric="mse_vs_pca",                # test error, relative to that of PCA with as many numbers
    bars={"tiny": 1.1, "gpu": 0.8},
)


@dataclass
class Config(Demo):
    size: int | None = None             # pixels a side; none: 28, or what your pictures have
    hidden: tuple[int, ...] = (128,)    # widths of the encoder's layers; the decoder mirrors them
    latent: int = 32                    # numbers in a code; with 2, the map shows the codes as such
    batch: int = 128                    # pictures per step
    epochs: int = 10                    # passes over the pictures
    lr: float = 1e-3                    # Adam's step size


PRESETS = {
    "tiny": {},
    "gpu": {"hidden": (1000, 500, 250), "latent": 30, "batch": 512, "epochs": 50},
}


def main(config: Config) -> int:
    images = data.load(config.data or "digits", size=config.size, seed=config.seed)
    print(images.describe())
    pca = demos.autoencoders.pca_to_beat(images, config.latent)
    model = AutoEncoder(
        Model(pixels=images.pixels, hidden=config.hidden, latent=config.latent),
        rng=config.rng("weights"),
    ).to(config.device)
    optimizer = optim.Adam(model.parameters(), lr=config.lr)
    shown = from_numpy(images.test[:10]).to(config.device)                      # (10, C, H, W)

    with Run(config, "autoencoder", model=model, optimizer=optimizer) as run:
        for x in run.batches(images.train, config.batch, config.epochs):        # (B, C, H, W)
            loss = model.loss(x.flatten(1))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.log(mse=loss)
            if run.every(0.1):
                with run.evaluation():
                    copies = model(shown.flatten(1)).reshape(shown.shape)
                run.figure("reconstructions", draw.rows(input=shown, reconstruction=copies))

        with run.evaluation():
            flat = from_numpy(images.train).flatten(1), from_numpy(images.test).flatten(1)
            train, test = (model.encode(x.to(config.device)).to("cpu") for x in flat)   # (N, K)
            code = model.encode(shown[:1].flatten(1))
            copy = model.decode(code).reshape(shown[0].shape)
        run.figure("codes", code_map(train.numpy(), test.numpy(), images))
        run.figure("schema", draw.schema(model.sizes, shown[0], code[0], copy))
        run.figure("training", draw.curves(run.metrics, "error of an image, while training"))

        mse = run.mean(lambda x: model.loss(x.flatten(1)), images.test)
        psnr = metrics.psnr(mse, images.pixels)
        return run.report(mse=mse, psnr=psnr, pca_mse=pca, mse_vs_pca=mse / pca)


def code_map(train, test, images):
    """The test pictures' codes as points of a plane, coloured by class.   codes (N, K) -> Figure

    A plane's codes are shown as they are. Others are projected onto the two directions that best
    tell the classes apart (Fisher's), or, without classes, in which they spread most (PCA).
    """
    title, names = "codes of test pictures", ("first number of the code", "second")
    if test.shape[1] > 2:
        if len(images.classes) > 2:
            directions = fisher_directions(train, images.train_labels)
            title += ", seen from where the classes differ most"
        else:
            directions = np.linalg.svd(train - train.mean(0), full_matrices=False)[2][:2].T
            title += ", seen from where they spread most"
        test = (test - train.mean(0)) @ directions                                      # (N, 2)
        names = ("first direction, in standard deviations of a class", "second direction")
    return draw.scatter(test, images.test_labels, images.classes, title, names)


def fisher_directions(codes, labels):
    """Two directions in which class means are far apart, for the spread within classes.   (K, 2)"""
    _, kinds = np.unique(labels, return_inverse=True)
    means = np.array([codes[kinds == k].mean(0) for k in range(kinds.max() + 1)])
    _, spread, axes = np.linalg.svd(codes - means[kinds], full_matrices=False)
    # in these coordinates classes spread by 1 in every direction: what is left is to tell the means
    even = axes.T * (len(codes) ** 0.5 / np.maximum(spread, 1e-6 * spread[0]))
    return even @ np.linalg.svd((means - means.mean(0)) @ even, full_matrices=False)[2][:2].T


if __name__ == "__main__":
    demos.start(__file__)

"""Convolutional auto-encoder on digits: feature maps, reconstructions, and checkerboards.

Windows with shared weights in place of a full matrix: with half of the parameters of the fully
connected auto-encoder, copies come closer. And why its decoder's kernels are 4 wide, not 3.
Course: deck A, « Auto-encodeur convolutionnel », « convolution transposée »; row 29.
"""

from dataclasses import dataclass

import numpy as np

from minigen import data, demos, draw, from_numpy, metrics, ones, ops, optim
from minigen.models.autoencoders.conv import Config as Model
from minigen.models.autoencoders.conv import ConvAutoEncoder
from minigen.train import About, Demo, Run

ABOUT = About(
    row=29,
    item="A-07",
    fr="auto-encodeur convolutionnel",
    en="convolutional auto-encoder",
    module="minigen.models.autoencoders.conv",
    metric="mse_vs_pca",                    # as the demo autoencoder's, to be compared with it
    bars={"tiny": 0.95, "gpu": 0.8},        # below what that one reaches, recorded.json
)


@dataclass
class Config(Demo):
    size: int | None = None                 # pixels a side; none: 28, or what your pictures have
    widths: tuple[int, ...] = (16, 32)      # channels of each level; each halves the picture
    latent: int = 32                        # numbers in a code
    batch: int = 64                         # pictures per step
    steps: int = 400                        # training steps
    lr: float = 1e-3                        # Adam's step size


PRESETS = {
    "tiny": {},
    "gpu": {"size": 64, "widths": (64, 128, 256), "batch": 512, "steps": 1200},
}


def main(config: Config) -> int:
    images = data.load(config.data or "digits", size=config.size, seed=config.seed)
    print(images.describe())
    pca = demos.autoencoders.pca_to_beat(images, config.latent)
    model = ConvAutoEncoder(
        Model(images.channels, images.size, config.widths, config.latent),
        rng=config.rng("weights"),
    ).to(config.device)
    optimizer = optim.Adam(model.parameters(), lr=config.lr)
    shown = from_numpy(images.test[:10]).to(config.device)                      # (10, C, H, W)

    with Run(config, "conv-autoencoder", model=model, optimizer=optimizer) as run:
        for x in run.batches(images.train, config.batch, steps=config.steps):   # (B, C, H, W)
            loss = model.loss(x)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.log(mse=loss)
            if run.every(0.1):
                with run.evaluation():
                    copies = model(shown)
                run.figure("reconstructions", draw.rows(input=shown, reconstruction=copies))

        with run.evaluation():
            maps = model.features(shown[:1])
        layers = {f"convolution {i}": level[0] for i, level in enumerate(maps, start=1)}
        run.figure("feature-maps", draw.feature_maps(shown[0], layers))
        run.figure("checkerboard", draw.counts(upsampled_ones(), "terms added in each pixel"))
        run.figure("training", draw.curves(run.metrics, "error of an image, while training"))

        mse = run.mean(model.loss, images.test)
        psnr = metrics.psnr(mse, images.pixels)
        return run.report(mse=mse, psnr=psnr, pca_mse=pca, mse_vs_pca=mse / pca)


def upsampled_ones(side=6):
    """A picture of ones doubled in three ways by kernels of ones: {way: (12, 12)}.

    Each pixel of the result counts the terms that were added there. A transposed convolution counts
    evenly only if its stride divides its kernel; repeating pixels before a convolution always does.
    """
    picture = ones(1, 1, side, side)
    repeated = from_numpy(np.ones((1, 1, 2 * side, 2 * side), np.float32))
    results = {
        "transposed convolution\nkernel 3, stride 2":
            ops.conv_transpose2d(picture, ones(1, 1, 3, 3), stride=2, padding=1, output_padding=1),
        "transposed convolution\nkernel 4, stride 2":
            ops.conv_transpose2d(picture, ones(1, 1, 4, 4), stride=2, padding=1),
        "each pixel repeated 2 × 2,\nthen convolution, kernel 3":
            ops.conv2d(repeated, ones(1, 1, 3, 3), padding=1),
    }
    return {way: result[0, 0] for way, result in results.items()}


if __name__ == "__main__":
    demos.start(__file__)

"""Denoising auto-encoder on digits: noise taken away, holes filled, specks removed.

Three networks of one kind learn side by side, each with pictures spoilt in its own way. The best
that any linear filter can do against Gaussian noise is the result to beat: it damps what noise has
more of than pictures have, and knows nothing else of digits.
Course: deck A, « Ajout de bruit aléatoire », « Auto-encodeur débruiteur »; row 33.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np

from minigen import Generator, data, demos, draw, from_numpy, metrics, optim
from minigen.models.autoencoders import denoising
from minigen.models.autoencoders.conv import Config as Model
from minigen.models.autoencoders.conv import ConvAutoEncoder
from minigen.train import About, Demo, Run, UsageError

ABOUT = About(
    row=33,
    item="A-11",
    fr="auto-encodeur débruiteur",
    en="denoising auto-encoder",
    module="minigen.models.autoencoders.denoising",
    # decibels above the best linear filter, which itself gains more than twice the 5 that the
    # course asks for: against the noisy picture, the bar would be met without learning
    metric="gain_over_linear",
    bars={"tiny": 1.0, "gpu": 1.0},
    better="higher",
)


@dataclass
class Config(Demo):
    size: int | None = None                 # pixels a side; none: 28, or what your pictures have
    sigma: float = 0.4                      # standard deviation of the Gaussian noise
    masked: float = 0.3                     # share of the pixels that masking blackens
    specks: float = 0.3                     # share that salt and pepper makes white or black
    widths: tuple[int, ...] = (16, 32)      # channels of each level; each halves the picture
    latent: int = 128                       # numbers in a code
    batch: int = 64                         # pictures per step
    steps: int = 500                        # training steps
    lr: float = 2e-3                        # Adam's step size


PRESETS = {
    "tiny": {},
    "gpu": {"widths": (64, 128, 256), "latent": 256, "batch": 512, "steps": 1200, "lr": 1e-3},
}


def main(config: Config) -> int:
    if config.sigma == 0:
        raise UsageError("--set sigma=0: without noise there is nothing to take away")
    for name, share in (("masked", config.masked), ("specks", config.specks)):
        if not 0 < share < 1:
            raise UsageError(f"--set {name}={share:g}: a share of the pixels, between 0 and 1")
    images = data.load(config.data or "digits", size=config.size, seed=config.seed)
    print(images.describe())
    spoil = {
        "gaussian": partial(denoising.gaussian, sigma=config.sigma),
        "masking": partial(denoising.masking, p=config.masked),
        "salt_pepper": partial(denoising.salt_and_pepper, p=config.specks),
    }
    network = Model(images.channels, images.size, config.widths, config.latent)
    models = {name: ConvAutoEncoder(network, rng=config.rng(name)).to(config.device)
              for name in spoil}
    optimizer = optim.Adam([p for m in models.values() for p in m.parameters()], lr=config.lr)
    clean = from_numpy(images.test).to(config.device)                           # (M, C, S, S)
    rng = Generator(config.seed, device=config.device).spawn("test")
    noisy = {name: spoilt(clean, rng=rng) for name, spoilt in spoil.items()}

    with Run(config, "denoising-autoencoder", **models, optimizer=optimizer) as run:
        for x in run.batches(images.train, config.batch, steps=config.steps):   # (B, C, S, S)
            terms = {name: denoising.loss(model, x, spoil[name](x, rng=run.rng))
                     for name, model in models.items()}
            optimizer.zero_grad()
            sum(terms.values()).backward()
            optimizer.step()
            run.log(**terms)
            if run.every(0.1):
                with run.evaluation():
                    shown = {"clean": clean[:10]}
                    for name, model in models.items():
                        shown[name] = noisy[name][:10]
                        # spaces tell the rows of one name apart
                        shown[" " * len(shown) + "→ denoised"] = model(noisy[name][:10])
                run.figure("denoised", draw.rows(**shown))

        run.figure("training", draw.curves(run.metrics, "error of a picture, while training"))
        return run.report(**judged(run, models, noisy, images))


def judged(run, models, noisy, images):
    """Decibels of each kind of noisy picture and of what its network makes, and of the filter's."""
    found = {}
    for name, model in models.items():
        spoilt = noisy[name].to("cpu").numpy()
        found[f"psnr_{name}_noisy"] = psnr(spoilt, images)
        found[f"psnr_{name}"] = psnr(run.outputs(model, spoilt), images)
    filtered = wiener(noisy["gaussian"].to("cpu").numpy(), images, run.config.sigma)
    linear = psnr(filtered, images)
    return {"gain_over_linear": found["psnr_gaussian"] - linear, "psnr_linear": linear, **found}


def psnr(pictures, images):
    """Peak signal-to-noise ratio in decibels, for copies of the test pictures."""
    mse = ((pictures - images.test) ** 2).sum((1, 2, 3), dtype=np.float64).mean()
    return metrics.psnr(mse, images.pixels)


def wiener(noisy, images, sigma):
    """The best linear filter against Gaussian noise (Wiener's), fitted to training pictures.

        x̂ = m + C (C + σ² I)⁻¹ (x̃ - m)      m, C: mean and covariance; along a principal direction
                                             of variance s², the gain is s² / (s² + σ²)
    """
    x = images.train[:4000].reshape(-1, images.pixels).astype(np.float64)               # (N, D)
    mean = x.mean(0)
    x = (x - mean) / np.sqrt(len(x))                                                    # C = xᵀ x
    away = noisy.reshape(len(noisy), -1) - mean                                         # (M, D)
    if images.pixels <= len(x):
        C = x.T @ x
        back = np.linalg.solve(C + sigma**2 * np.eye(len(C)), C @ away.T).T
    else:                               # C (C + σ² I)⁻¹ = xᵀ (x xᵀ + σ² I)⁻¹ x, the smaller matrix
        back = np.linalg.solve(x @ x.T + sigma**2 * np.eye(len(x)), x @ away.T).T @ x
    return (mean + back).reshape(noisy.shape)


if __name__ == "__main__":
    demos.start(__file__)

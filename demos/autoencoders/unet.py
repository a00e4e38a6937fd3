"""U-Net on digits, with and without skip connections: copies, and digits out of noise.

Four networks learn side by side: two to copy, two to remove noise, one of each with the bridges
between the arms of the U and one without. Then the code at the bottom is set to zero. With bridges
the copy hardly changes: the code was not used. Without them, it is all there is.
Course: deck A, « Le réseau U-Net ... omission des skip-connections »; row 30.
"""

from dataclasses import dataclass, replace

import numpy as np

from minigen import data, demos, draw, from_numpy, metrics, optim
from minigen.models.autoencoders.unet import PAPER, UNet, shapes
from minigen.models.autoencoders.unet import Config as Model
from minigen.train import About, Demo, Run, UsageError

ABOUT = About(
    row=30,
    item="A-08",
    fr="U-Net, omission des skip-connections",
    en="U-Net with and without skip connections",
    module="minigen.models.autoencoders.unet",
    metric="skips_gain_db",     # PSNR of denoised digits with skips, less that without
    # after as many steps: without skips one is slower to learn. The longer, the less is the gain:
    # in one run of the tiny preset, 3.4 dB after 100 steps, 2.3 after 200, 2.0 after 300
    bars={"tiny": 2.0, "gpu": 2.0},
    better="higher",
)


@dataclass
class Config(Demo):
    size: int | None = None                 # pixels a side; none: 28, or what your pictures have
    widths: tuple[int, ...] = (16, 32, 64)  # channels of each level; the last is the code
    noise: float = 0.2                      # standard deviation of what is added to a pixel
    batch: int = 32                         # pictures per step
    steps: int = 120                        # training steps
    lr: float = 1e-3                        # Adam's step size


PRESETS = {
    "tiny": {},
    "gpu": {"widths": (64, 128, 256), "noise": 0.1, "batch": 512, "steps": 470},
}


def main(config: Config) -> int:
    if config.noise <= 0:
        raise UsageError(f"--set noise={config.noise:g}: two of the networks have to remove it; "
                         "give more than 0")
    images = data.load(config.data or "digits", size=config.size, seed=config.seed,
                       train=min(12_000, config.batch * config.steps), test=500)
    print(images.describe())
    plan, rng = Model(images.channels, images.channels, config.widths), config.rng("weights")
    networks = {
        f"{task}_{which}_skips": UNet(replace(plan, skips=which == "with"), rng=rng)
        for task in ("copy", "clean") for which in ("with", "without")
    }
    for network in networks.values():
        network.to(config.device)
    optimizer = optim.Adam([p for n in networks.values() for p in n.parameters()], lr=config.lr)
    added = config.rng("test noise").normal(images.test.shape).numpy()
    noisy = images.test + config.noise * added                                  # (M, C, H, W)

    with Run(config, "unet", **networks, optimizer=optimizer) as run:
        for x in run.batches(images.train, config.batch, steps=config.steps):   # (B, C, H, W)
            given = {"copy": x, "clean": x + config.noise * run.rng.normal(x.shape)}
            errors = {name: network.loss(given[name.partition("_")[0]], x)
                      for name, network in networks.items()}
            optimizer.zero_grad()
            sum(errors.values()).backward()     # a network has a part in its own error only
            optimizer.step()
            run.log(**errors)
            if run.every(0.1):
                run.figure("copies", copies(run, networks, images.test[:10]))
                run.figure("denoised", denoised(run, networks, images.test[:10], noisy[:10]))

        run.figure("u", draw.u_schema(shapes(plan, images.size)))
        run.figure("u-paper", draw.u_schema(shapes(PAPER, 572)))
        run.figure("training", draw.curves(run.metrics, "error of an image, while training"))
        return run.report(**measured(run, networks, images.test, noisy))


def output(network, x, code=1.0):
    """What a network makes of pictures, its code multiplied by a number: 0 erases it."""
    maps, z = network.encode(x)
    return network.decode(maps, code * z)


def copies(run, networks, pictures):
    """Pictures, and their copies with and without skips, with the code and without.   -> Figure"""
    x = from_numpy(pictures).to(run.config.device)
    with run.evaluation():
        return draw.rows(
            input=x,
            with_skips=output(networks["copy_with_skips"], x),
            its_code_erased=output(networks["copy_with_skips"], x, code=0),
            without_skips=output(networks["copy_without_skips"], x),
            code_erased=output(networks["copy_without_skips"], x, code=0),
        )


def denoised(run, networks, pictures, noisy):
    """Pictures with noise, and what the networks took for the picture below it.   -> Figure"""
    x = from_numpy(noisy).to(run.config.device)
    with run.evaluation():
        return draw.rows(
            noisy=x,
            without_skips=networks["clean_without_skips"](x),
            with_skips=networks["clean_with_skips"](x),
            original=pictures,
        )


def measured(run, networks, pictures, noisy):
    """The metrics on test pictures: squared errors of a picture, ratios of them, decibels."""
    def error(name, x, code=1.0):
        def of(pair):                                                           # (B, 2, C, H, W)
            return ((pair[:, 1] - output(networks[name], pair[:, 0], code)) ** 2).sum((1, 2, 3))
        return run.mean(lambda pair: of(pair).mean(), np.stack([x, pictures], 1))

    found, psnr = {}, {}
    for name in ("with_skips", "without_skips"):
        mse = error(f"copy_{name}", pictures)
        found[f"copy_mse_{name}"] = mse
        found[f"erased_{name}"] = error(f"copy_{name}", pictures, code=0) / mse
        psnr[name] = metrics.psnr(error(f"clean_{name}", noisy), pictures[0].size)
        found[f"psnr_{name}"] = psnr[name]
    found["psnr_noisy"] = metrics.psnr(((noisy - pictures) ** 2).sum() / len(noisy),
                                       pictures[0].size)
    return found | {"skips_gain_db": psnr["with_skips"] - psnr["without_skips"]}


if __name__ == "__main__":
    demos.start(__file__)

"""Few labels, many pictures: a classifier that starts from an auto-encoder, or from nothing.

An auto-encoder learns to squeeze 10 000 digits, none of them labelled, into codes of 16 numbers.
Then a few are labelled, and its encoder with an affine head becomes a classifier: as it is, tuned,
or, to compare, started anew. The fewer the labels, the more the unlabelled pictures are worth.
Course: deck A, « Auto-encodeur et transfert d'apprentissage → classification »; row 38.
"""

from dataclasses import dataclass, replace

from minigen.demos.autoencoders import transfer

from minigen import data, demos, draw, from_numpy, optim
from minigen.models.autoencoders.mlp import AutoEncoder
from minigen.models.autoencoders.mlp import Config as Model
from minigen.train import About, Demo, Run

ABOUT = About(
    row=38,
    item="A-16",
    fr="apprentissage semi-supervisé",
    en="semi-supervised learning",
    module="minigen.models.autoencoders.transfer",
    metric="gain",                      # points of accuracy over scratch, of the better other way
    # seeds 0, 1 and 2 gave 7.6, 9.1 and 3.8, mean 6.8 ± 2.7: few labels are a matter of luck
    bars={"tiny": 4.0, "gpu": 4.0},
    better="higher",
)


@dataclass
class Config(Demo):
    size: int | None = None             # pixels a side; none: 28, or what your pictures have
    hidden: tuple[int, ...] = (256, 128, 64)    # widths of the encoder's layers; decoder mirrored
    latent: int = 16                    # numbers in a code
    unlabelled: int = 10_000            # pictures that the auto-encoder learns from
    batch: int = 128                    # pictures per step
    steps: int = 1500                   # training steps of the auto-encoder
    lr: float = 2e-3                    # Adam's step size at the start; it falls to 0 as a cosine
    few: int = 5                        # labelled pictures of each class that gain is for
    labels: tuple[int, ...] = (1, 10, 50, 100)  # other numbers of them in the figure
    draws: int = 3                      # how often labelled pictures are chosen anew
    tuning: int = 150                   # training steps of each classifier
    tuning_lr: float = 1e-3             # Adam's step size for encoders carried over
    scratch_lr: float = 1e-3            # for encoders that start anew: 3e-3 and 1e-2 are worse
    head_lr: float = 0.1                # for the heads; with 1e-2 frozen ones learn too little


PRESETS = {
    "tiny": {},
    "gpu": {"hidden": (1024, 512, 256), "batch": 512, "steps": 3000, "draws": 10},
}


def main(config: Config) -> int:
    images = data.load(config.data or "digits", size=config.size, seed=config.seed,
                       train=config.unlabelled)
    print(images.describe())
    transfer.check_classes(images)

    def encoder(name):
        sizes = Model(images.pixels, config.hidden, config.latent)
        return AutoEncoder(sizes, rng=config.rng(name)).to(config.device)

    model = encoder("weights")
    optimizer = optim.Adam(model.parameters(), lr=config.lr)
    schedule = optim.Scheduler(optimizer, lr=optim.schedules.cosine(1.0, 0.0, config.steps))
    shown = from_numpy(images.test[:10]).to(config.device)                      # (10, C, H, W)

    with Run(config, "semi-supervised", model=model, optimizer=optimizer,
             schedule=schedule) as run:
        for x in run.batches(images.train, config.batch, steps=config.steps):   # (B, C, H, W)
            loss = model.loss(x.flatten(1))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            run.log(mse=loss)
            if run.every(0.1):
                with run.evaluation():
                    copies = model(shown.flatten(1)).reshape(shown.shape)
                run.figure("reconstructions", draw.rows(input=shown, reconstruction=copies))

        flat = replace(images, train=images.train.reshape(len(images.train), -1),
                       test=images.test.reshape(len(images.test), -1))          # (N, D)
        right = transfer.compare(model, encoder, config.latent, flat, config)
        run.figure("accuracy", transfer.curves(right, config, "test pictures told apart"))
        run.figure("training", draw.curves(run.metrics, "error of an image, while training"))
        mse = run.mean(lambda x: model.loss(x.flatten(1)), images.test)
        return run.report(mse=mse, **transfer.summary(right, config))


if __name__ == "__main__":
    demos.start(__file__)

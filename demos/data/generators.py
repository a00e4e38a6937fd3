"""All made-up data at a glance: points, pictures, a scene, speech, texts.

Every other demo learns from these, so they must be the same on each day and for each process: each
set is made again by a new process, and its bytes, factors included, are compared.
Course: the data of decks A and B, none of which has to be downloaded; row 119.
"""

import hashlib
import multiprocessing
from dataclasses import dataclass

import numpy as np

from minigen import data, demos, draw
from minigen.data import toy2d
from minigen.data.grammar import entropy_rate
from minigen.data.speechlike import NOISES
from minigen.train import About, Demo, Run, UsageError

ABOUT = About(
    row=119,
    item="11-1",
    fr="données sans téléchargement",
    en="made-up data",
    module="minigen.data.generators",
    metric="same_bytes",                # share of the sets that a new process makes byte for byte
    bars={"tiny": 1.0},
    better="higher",
)

CLOUDS = ("ring8", "grid25", "moons", "circle", "spiral", "checkerboard", "pinwheel")
PICTURES = ("digits", "faces", "shapes", "shapes_upright", "landscapes", "multi_sprites")
KINDS = ("scratch", "hole", "colour", "class")      # of anomalies
MADE = {
    **{name: getattr(toy2d, name) for name in (*CLOUDS, "swiss_roll", "two_gauss_1d")},
    **{name: getattr(data, name) for name in (
        *PICTURES, "digits_binary", "anomaly", "text_overlay", "captions", "scene3d", "speechlike",
        "grammar_text", "char_corpus", "capitals", "sentiment", "instructions")},
}


@dataclass
class Config(Demo):
    size: int = 48                      # pixels a side of the pictures shown
    columns: int = 12                   # pictures in a row


PRESETS = {"tiny": {}}


def main(config: Config) -> int:
    if config.data:
        raise UsageError("generators shows what is made up, and has no use for --data")
    with Run(config, "generators") as run:
        run.figure("points", points(config.seed))
        run.figure("pictures", draw.rows(**pictures(config)))
        run.figure("defects", draw.rows(**defects(config)))
        run.figure("words", draw.rows(**words(config)))
        sprites = data.multi_sprites(4 * config.columns, config.seed, config.size)
        shown = np.argsort(-sprites.count, kind="stable")[: config.columns]     # three sprites each
        masks = sprites.masks.repeat(3, 1).reshape(-1, 4, 3, config.size, config.size)[shown]
        seen = {f"sprite {k}": masks[:, k] for k in (1, 2, 3)}
        run.figure("sprites", draw.rows(picture=sprites.images[shown], **seen))
        scene = data.scene3d(24, config.seed, 2 * config.size)
        run.figure("scene", draw.grid(scene.images, 8))
        captions = data.captions(72, config.seed, config.size // 2)
        run.figure("captions", draw.grid(captions.large[::13], 2, captions.texts[::13]))
        speech = data.speechlike(4, config.seed)
        run.figure("speech", draw.spectrograms(speech.rate, **sounds(speech)))
        say(config.seed)
        return run.report(same_bytes=same_bytes(config.seed))


def points(seed):
    """Clouds of the plane by class, the swiss roll by the length along it, and a true density."""
    figure, axes = draw.panels(len(CLOUDS) + 2, columns=3)
    for name, place in zip(CLOUDS, axes, strict=False):
        cloud = MADE[name](1000, seed)
        draw.scatter(cloud.points, cloud.labels, title=name, equal=True, axes=place)
    roll = toy2d.swiss_roll(1000, seed, dim=2)
    draw.scatter(roll.points, values=roll.s, title="swiss_roll", equal=True, axes=axes[-2])
    mixture, x = toy2d.two_gauss_1d(1000, seed), np.linspace(-4, 5, 400)
    truth = {"two_gauss_1d": mixture.density(x[:, None])}
    draw.density(x, truth, mixture.points[:, 0], title="two_gauss_1d", axes=axes[-1])
    return figure


def pictures(config):
    """A row of each kind of picture, in colour and of one size."""
    return {
        name: data.load(name, size=config.size, channels=3, seed=config.seed,
                        train=config.columns, test=1).train
        for name in PICTURES
    }


def defects(config):
    """Anomalies of each kind; every second picture is normal."""
    return {
        kind: data.anomaly(config.columns, config.seed, config.size, kind=kind).images
        for kind in KINDS
    }


def words(config):
    """Landscapes before and after words were written over them, and where."""
    made = data.text_overlay(config.columns, config.seed, size=config.size)
    return {"clean": made.clean, "words": made.corrupted, "mask": made.mask.repeat(3, 1)}


def sounds(speech):
    """The second clip clean, and a clip in each noise."""
    return {"clean": speech.clean[1]} | {
        f"{NOISES[kind]} noise, {snr:.0f} dB": clip
        for kind, snr, clip in zip(speech.noise, speech.snr, speech.noisy, strict=True)
    }


def say(seed):
    """Print a little of each text."""
    print(f"grammar, {entropy_rate():.3f} nats a word:", *data.grammar_text(3, seed).sentences)
    print("capitals:", "; ".join(data.capitals(20, seed).sentences))
    feelings = data.sentiment(2, seed)
    for sentence, label in zip(feelings.sentences, feelings.labels, strict=True):
        print(f"{'negative' if label == 0 else 'positive'}:", sentence)
    pairs = data.instructions(4, seed)
    print(*map(" -> ".join, zip(pairs.prompts, pairs.answers, strict=True)), sep="\n")
    print("caption:", data.captions(1, seed).texts[0])


def same_bytes(seed):
    """The share of the sets that are the same made here and by a new process."""
    here = [digest(name, seed) for name in MADE]
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        there = pool.starmap(digest, [(name, seed) for name in MADE])
    for name, one, other in zip(MADE, here, there, strict=True):
        if one != other:
            print(f"{name}: made again, it differs")
    return sum(map(str.__eq__, here, there)) / len(MADE)


def digest(name, seed):
    """A fingerprint of a set of 48, of all its factors too."""
    made = hashlib.sha256()
    for field, value in vars(MADE[name](48, seed)).items():
        made.update(field.encode())
        made.update(value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode())
    return made.hexdigest()


if __name__ == "__main__":
    demos.start(__file__)

"""All made-up data at a glance: points, pictures, a scene, speech, texts.

Every other demo learns from these, so they must be the same on each day and for each process: each
set is made again by a new process, and its bytes, factors included, are compared.
Course: the data of decks A and B, none of which has to be downloaded; row 119.
"""

import hashlib
import multiprocessing
from dataclasses import dataclass

import numpy as np
from scipy import signal

from minigen import data, demos, draw
from minigen.data import toy2d
from minigen.data.grammar import entropy_rate
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

CLOUDS = ("ring8", "grid25", "moons", "circle", "spiral", "checkerboard", "pinwheel", "swiss_roll")
PICTURES = ("digits", "faces", "shapes", "shapes_upright", "landscapes", "multi_sprites")
KINDS = ("scratch", "hole", "colour", "class")      # of anomalies
MADE = {
    **{name: getattr(toy2d, name) for name in (*CLOUDS, "two_gauss_1d")},
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
        run.figure("points", clouds(config.seed))
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
        run.figure("speech", draw.rows(**spectrograms(config.seed)))
        say(config.seed)
        return run.report(same_bytes=same_bytes(config.seed))


def clouds(seed):
    """Eight clouds of the plane, each scaled to a square of its own."""
    points, which = [], []
    for i, name in enumerate(CLOUDS):
        cloud = MADE[name](600, seed, **({"dim": 2} if name == "swiss_roll" else {})).points
        low, high = cloud.min(0), cloud.max(0)
        square = (cloud - (low + high) / 2) / (high - low).max()                # within ±1/2
        points.append(square + 1.3 * np.array([i % 3, -(i // 3)]))
        which.append(np.full(len(cloud), i))
    return draw.scatter(np.concatenate(points), np.concatenate(which), CLOUDS, "points")


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


def spectrograms(seed):
    """Four clips, each clean and in its noise: loudness by time (right) and pitch (up)."""
    made = data.speechlike(4, seed)

    def picture(clips):
        _, _, spectrum = signal.stft(clips, made.rate, nperseg=256)             # (4, 129, frames)
        decibels = 20 * np.log10(abs(spectrum[:, ::-1]) + 1e-9)
        return np.clip((decibels + 100) / 80, 0, 1)[:, None]

    return {"clean": picture(made.clean), "noisy": picture(made.noisy)}


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

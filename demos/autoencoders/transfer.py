"""Transfer: a network that has learned to tell shapes apart learns houses and fish from few.

A supervised network learns eight shapes from 10 000 pictures (set A). Then it gets some pictures of
eight other things (set B), and its layers are kept as they are, tuned, or, to compare, started
anew. What was learned of edges and corners on A need not be learned again.
Course: deck B, « la notion de transfer learning »; row 38.
"""

from dataclasses import dataclass

import numpy as np

from minigen import data, demos, draw, from_numpy, no_grad, optim
from minigen.models.autoencoders.transfer import Classifier
from minigen.models.backbones.alexnet import AlexNet, tiny
from minigen.train import About, Demo, Run, UsageError

ABOUT = About(
    row=38,
    item="A-16",
    fr="apprentissage par transfert",
    en="transfer learning",
    module="minigen.models.autoencoders.transfer",
    metric="gain",                      # points of accuracy of fine-tuning over scratch, few labels
    bars={"tiny": 10.0, "gpu": 10.0},
    better="higher",
)


@dataclass
class Config(Demo):
    size: int | None = None             # pixels a side; none: 32, or what your pictures have
    widths: tuple[int, ...] = (24, 32, 48, 64)  # filters of each convolution
    train: int = 10_000                 # pictures of set A
    batch: int = 64                     # pictures per step, of either set
    steps: int = 500                    # training steps on set A
    lr: float = 4e-3                    # AdamW's step size at the start; it falls to 0 as a cosine
    weight_decay: float = 0.3           # AdamW's, on set A
    labels: tuple[int, ...] = (5, 10, 20, 50)   # labelled pictures of each class of set B
    draws: int = 2                      # how often labelled pictures are chosen anew
    tuning: int = 100                   # training steps of each classifier on set B
    tuning_lr: float = 1e-3             # Adam's step size for the layers; heads have ten times it

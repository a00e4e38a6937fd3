r"""Denoising auto-encoder, and the vector field that it learns.

A copy of the input is spoilt, and the network has to give back the input as it was. To copy what
it sees is no longer enough, however wide its code is: it has to know which inputs there are. Far
from them, it says which way they lie.

$$ J = \sum_{i=1}^n \|x^{(i)} - r(\tilde x^{(i)})\|^2, \qquad r = g \circ f,
   \quad \tilde x \sim q(\tilde x | x) $$

Of all functions, the posterior mean has the least J; and if the noise is Gaussian, its step back
follows the gradient of the noisy data's density (Tweedie's formula, the root of diffusion models):

$$ r^*(\tilde x) = E[x | \tilde x], \qquad
   r^*(\tilde x) - \tilde x = \sigma^2 \nabla \log p_\sigma(\tilde x) $$

The noise is drawn afresh at every step: against noise that stays the same, the network would learn
by heart which noise belongs to which input. The target is the clean input. What is given to the
trained network is spoilt only where the noise is to be removed again.
Symbols: x, x̃, r(x̃) (B, D) or (B, C, H, W) · σ: the noise's standard deviation · p_σ: x̃'s density
`loss` is J/n: the squared error, summed over each input, mean over the batch. It takes any network
that makes a copy; `Denoiser` is the one for points of the plane, conv.py has one for pictures.
Course: deck A, « Ajout de bruit aléatoire », « Auto-encodeur débruiteur », denoising auto-encoder,
vector field; item A-11.
Source: Vincent et al., Extracting and Composing Robust Features with Denoising Autoencoders, ICML
2008, and Stacked Denoising Autoencoders, JMLR 2010; Alain & Bengio, What Regularized Auto-Encoders
Learn from the Data-Generating Distribution, JMLR 2014.
"""

from dataclasses import dataclass
from itertools import pairwise

from minigen import nn, ops


@dataclass
class Config:
    inputs: int = 2                         # D, coordinates of a point
    hidden: tuple[int, ...] = (128, 128)    # widths of the layers between; wider than the input


class Denoiser(nn.Module):
    """x̃ -> r(x̃), for points.   rng: the Generator that draws the initial weights.

    The layers make the step r(x̃) - x̃: to keep a point where it is then takes no skill. If they
    make r(x̃) itself, they are off a spiral's posterior mean twice as far (0.13 against 0.07).
    """

    def __init__(self, c: Config, *, rng):
        super().__init__()
        sizes = (c.inputs, *c.hidden, c.inputs)                         # (2, 128, 128, 2)
        layers = []
        for size_in, size_out in pairwise(sizes):
            layers += [nn.Linear(size_in, size_out, rng=rng), nn.ReLU()]
        self.layers = nn.Sequential(*layers[:-1])                       # none after the last

    def forward(self, noisy):
        """r(x̃).   (B, D) -> (B, D)"""
        return noisy + self.layers(noisy)


def loss(model, x, noisy):
    """J/n of a network r: ‖x - r(x̃)‖², mean over the batch.   x, x̃ (B, ...) -> scalar"""
    return ((x - model(noisy)) ** 2).flatten(1).sum(-1).mean()


# Corruptions q(x̃|x): each takes x of any shape and returns x̃ of the same


def gaussian(x, sigma, *, rng):
    """x̃ = x + σ ε, ε ~ N(0, I): every number moves a little."""
    return x + sigma * rng.normal(x.shape)


def masking(x, p, *, rng):
    """Each number becomes 0 with probability p: the others have to tell what it was."""
    return ops.where(rng.uniform(x.shape) < p, 0.0, x)


def salt_and_pepper(x, p, *, rng):
    """Each number becomes 0 or 1, as likely as each other, with probability p."""
    u = rng.uniform(x.shape)
    return ops.where(u < p / 2, 0.0, ops.where(u < p, 1.0, x))


# What the network aims at, where the data's density is known


def posterior_mean(noisy, means, std, sigma):
    r"""r*(x̃) = E[x | x̃], for K equally likely Gaussians N(μ_k, s² I) and noise N(0, σ² I).

    noisy (B, D), means (K, D) -> (B, D);   std: s, 0 for points; sigma: σ

        w_k = softmax_k(-‖x̃ - μ_k‖² / 2(s² + σ²))           which one it came from
        r*  = Σ_k w_k (μ_k + s² / (s² + σ²) (x̃ - μ_k))       and where in it
    """
    variance = std**2 + sigma**2
    square = ((noisy.unsqueeze(1) - means) ** 2).sum(-1)                # (B, K)
    weights = ops.softmax(-square / (2 * variance), -1)                 # (B, K)
    gain = std**2 / variance
    return gain * noisy + (1 - gain) * (weights @ means)                # (B, D)

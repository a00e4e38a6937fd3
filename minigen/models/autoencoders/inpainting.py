r"""Inpainting: writing taken off pictures, patch by patch, by a stacked sparse auto-encoder.

A denoising auto-encoder whose noise is ink: it sees a small patch of the overwritten picture and is
to give the patch that was there before. Told the mask, it makes up the ink's pixels from their
neighbours. Blind, it first has to find the ink, as what no patch of a picture would have.

$$ J = \frac1n \sum_{i=1}^n \tfrac12 \|y^{(i)} - \hat y^{(i)}\|^2
     + \beta \sum_j KL(\rho \,\|\, \hat\rho_j) + \tfrac\lambda2 \|W\|^2, \qquad
   KL(\rho \| r) = \rho \ln\frac\rho r + (1-\rho) \ln\frac{1-\rho}{1-r} $$

ρ̂_j is the mean activity of unit j, and KL pulls it to a small ρ: few units describe a patch.
Layers are trained one by one first (pre-training): each learns to turn its code of an overwritten
patch into that of the clean one. Then all are trained together, without KL (fine-tuning).

Symbols: x, y, ŷ (B, D), overwritten, clean and restored patches, D = C p p
mask (B, p p), 1 is ink · h (B, K), a layer's code, in (0, 1) · W: all weights, without the biases
A picture is restored from its patches, a few pixels apart: where they overlap, their mean counts.
Course: deck A, « Inpainting », text removal; item A-13.
Source: Xie, Xu & Chen, Image Denoising and Inpainting with Deep Neural Networks, NIPS 2012. Output
units without sigmoid are ours, and so are the numbers. Tried for the demo's blind network at seed
0: λ = 1e-4 costs 0.6 dB; β = 0.1 brings units from 39 % active to 25 % and costs 0.8 dB; without
pre-training, 1600 steps in all end 1.4 dB lower.
Read next: context_encoder.py (one large hole), mlp.py (the plain auto-encoder).
"""

from dataclasses import dataclass
from itertools import pairwise

from minigen import nn, ones_like, ops, tensor


@dataclass
class Config:
    channels: int = 3                       # C, 1 grey or 3 colours
    patch: int = 8                          # p, pixels a side
    hidden: tuple[int, ...] = (256, 256)    # units of each code, one after the other
    told: bool = False                      # whether the network is told the mask; else it is blind
    mean: tuple[float, ...] = (0.0,)        # the pictures' mean colour: one number, or C
    sparsity: float = 0.05                  # rho, how active a unit should be on average
    beta: float = 1e-2                      # weight of the sparsity
    decay: float = 1e-5                     # lambda, weight of the squared weights


class Inpainter(nn.Module):
    """(x, mask) -> ŷ.   rng: the Generator that draws the initial weights."""

    def __init__(self, c: Config, *, rng):
        super().__init__()
        self.c, area = c, c.patch**2
        codes = c.hidden
        seen = (c.channels + c.told) * area                             # told: the mask as well
        self.encoders = nn.ModuleList([
            nn.Linear(a, b, rng=rng) for a, b in pairwise((seen, *codes))])
        self.decoders = nn.ModuleList([
            nn.Linear(b, a, rng=rng) for a, b in pairwise((c.channels * area, *codes))])
        for p in self.parameters():
            nn.init.zeros_(p) if p.ndim == 1 else nn.init.xavier_uniform_(p, 1.5, rng=rng)
        # every pixel's mean: patches are seen and made as what differs from it
        self.register_buffer("mean", (tensor(c.mean).reshape(-1, 1)
                                      + ops.zeros(c.channels, area)).flatten())

    def see(self, x, mask):
        """What the first layer gets; told, the ink is blotted out.   -> (B, D) or (B, D + p p)"""
        x = x - self.mean
        if not self.c.told:
            return x
        ink = ops.cat([mask] * self.c.channels, 1)                      # (B, D)
        return ops.cat([x * (1 - ink), mask], 1)

    def encode(self, x, mask, depth):
        """The code of layer `depth`; of 0, what the first one gets.   -> (B, K)"""
        h = self.see(x, mask)
        for layer in list(self.encoders)[:depth]:
            h = ops.sigmoid(layer(h))
        return h

    def decode(self, h, depth):
        """A patch from the code of layer `depth`.   (B, K) -> (B, D)"""
        for k in reversed(range(depth)):
            h = self.back(h, k)
        return h

    def back(self, h, k):
        """From a code to the one before, or to a patch: pixels are no probabilities."""
        h = self.decoders[k](h)
        return ops.sigmoid(h) if k > 0 else h + self.mean

    def forward(self, x, mask):
        """ŷ.   (B, D), (B, p p) -> (B, D)"""
        depth = len(self.encoders)
        return self.decode(self.encode(x, mask, depth), depth)

    def pretraining_loss(self, x, mask, y, k):
        """J of layer k alone: its code of an overwritten patch, turned into a clean one's."""
        below = self.encode(x, mask, k).detach()                        # (B, K_k)
        clean = self.encode(y, 0 * mask, k).detach() if k > 0 else y
        code = ops.sigmoid(self.encoders[k](below))                     # (B, K_k+1)
        error = 0.5 * ((clean - self.back(code, k)) ** 2).sum(1).mean()
        rho = code.mean(0)                                              # (K_k+1,)
        weights = [self.encoders[k].weight, self.decoders[k].weight]
        return (error + self.c.beta * sparsity_penalty(self.c.sparsity, rho)
                + self.c.decay / 2 * squares(weights))

    def loss(self, x, mask, y):
        """J of all layers together, without the sparsity.   -> scalar"""
        error = 0.5 * ((y - self(x, mask)) ** 2).sum(1).mean()
        return error + self.c.decay / 2 * squares(p for p in self.parameters() if p.ndim > 1)

    def restore(self, picture, mask, step=2):
        """Whole pictures without their ink.   (B, C, H, W), (B, 1, H, W) -> (B, C, H, W)

        step: pixels from a patch to the next. Told the mask, only ink is replaced.
        """
        (height, width), p = picture.shape[2:], self.c.patch
        step = min(step, p)             # no pixel may lie between patches
        # patches have to reach the last row and column
        border = (0, (p - width) % step, 0, (p - height) % step)
        x, m = (ops.pad(t, border, "replicate") for t in (picture, mask))
        size = x.shape[2:]
        patches = self(columns(x, p, step), columns(m, p, step))        # (B L, D)
        patches = patches.reshape(len(x), -1, patches.shape[1]).transpose(1, 2)     # (B, D, L)
        count = ops.fold(ones_like(patches), size, p, stride=step)
        made = (ops.fold(patches, size, p, stride=step) / count)[..., :height, :width]
        return ops.where(mask == 1, made, picture) if self.c.told else made


def columns(x, p, step):
    """The patches of pictures, a row each.   (B, C, H, W) -> (B L, C p p)"""
    return ops.unfold(x, p, stride=step).transpose(1, 2).flatten(0, 1)


def sparsity_penalty(rho, active):
    """Σ_j KL(ρ‖ρ̂_j): 0 where each unit is active to the share rho.   active (K,) -> scalar"""
    return (rho * ops.log(rho / active) + (1 - rho) * ops.log((1 - rho) / (1 - active))).sum()


def squares(weights):
    """‖W‖².   -> scalar"""
    return sum((w**2).sum() for w in weights)

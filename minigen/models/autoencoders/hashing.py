r"""Semantic hashing: an auto-encoder whose code is bits.

The code is an address. Pictures that resemble each other get addresses that differ in few bits, so
a search compares words of bits instead of pictures, or just looks at the addresses near its own.
A code of bits has no slope to learn by. So sigmoids are trained, and driven to their ends: noise is
added in front of each, and grows while training goes on. What passes through noise of σ = 6 is only
the sign of a large number, so the encoder learns to make large numbers, and the sigmoid saturates:

$$ z = \sigma(a + \sigma_n \epsilon), \quad \epsilon \sim N(0, I), \quad a = f(x), \qquad
   b = [z > 1/2] \;\text{without noise} $$

$$ J = \sum_i \|x^{(i)} - g(z^{(i)})\|^2 + n \beta \sum_k KL(\rho \,\|\, \hat\rho_k), \qquad
   \hat\rho_k = \tfrac1n \sum_i z^{(i)}_k $$

The second term makes the code sparse: each bit is to be 1 in a share ρ of the pictures. KL is zero
at ρ̂ = ρ and rises steeply towards 0 and 1, so no bit is idle either.
The number of bits in which two codes differ, Hamming's distance, is a scalar product, the cheaper
the sparser, and on packed bits the number of ones in an exclusive or:

$$ H(a, b) = |a|_1 + |b|_1 - 2\,a \cdot b = \mathrm{popcount}(a \oplus b) $$

Symbols: x, x̂ (B, D), D pixels · a, z (B, K), K bits · f, g: affine layers with ReLU between
`loss` is J/n: the sum over the pixels, the mean over the images, ρ̂ over the batch.
Course: deck A, « Auto-encodeur épars et Recherche d'information », semantic hashing, sparse binary
code, scalar product; item A-10.
Source: Salakhutdinov & Hinton, Semantic Hashing, IJAR 2009; Ng, Sparse Autoencoder, CS294A lecture
notes, 2011 (the term that makes it sparse).
Read next: mlp.py (the same without sigmoids and noise), sparse.py (numbers of which most are 0).
"""

from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np

from minigen import nn, ops


@dataclass
class Config:
    pixels: int = 784                   # D, numbers in an image
    hidden: tuple[int, ...] = (256,)    # widths of the encoder's layers; the decoder mirrors them
    bits: int = 32                      # K, numbers in a code
    share: float = 0.25                 # ρ, of the pictures in which a bit is to be 1
    sparsity: float = 1.0               # β, what a deviation from it costs


class HashingAutoEncoder(nn.Module):
    """x -> x̂.   rng: the Generator that draws the initial weights."""

    def __init__(self, c: Config, *, rng):
        super().__init__()
        self.share, self.sparsity = c.share, c.sparsity
        sizes = (c.pixels, *c.hidden, c.bits)                           # (784, 256, 32)
        self.encoder = stack(sizes, rng)
        self.decoder = stack(sizes[::-1], rng)
        for p in self.parameters():     # as in mlp.py
            nn.init.zeros_(p) if p.ndim == 1 else nn.init.orthogonal_(p, rng=rng)

    def encode(self, x):
        """z = σ(f(x)), without noise.   (B, D) -> (B, K) in (0, 1)"""
        return ops.sigmoid(self.encoder(x))

    def bits(self, x):
        """[z > ½].   (B, D) -> (B, K), bool"""
        return self.encoder(x) > 0

    def decode(self, z):
        """x̂ = g(z).   (B, K) -> (B, D)"""
        return self.decoder(z)

    def loss(self, x, noise=0.0, *, rng=None):
        """J/n with noise of standard deviation σ_n.   (B, D) -> scalar, {"mse", "kl"}"""
        a = self.encoder(x)                                             # (B, K)
        if noise > 0:
            a = a + noise * ops.normal(a.shape, rng=rng, device=a.device)
        z = ops.sigmoid(a)
        mse = ((x - self.decode(z)) ** 2).sum(-1).mean()
        kl = kl_divergence(self.share, z.mean(0)).sum()
        return mse + self.sparsity * kl, {"mse": mse, "kl": kl}


def stack(sizes, rng):
    """Affine layers from size to size with ReLU between them, none after the last."""
    layers = []
    for size_in, size_out in pairwise(sizes):
        layers += [nn.Linear(size_in, size_out, rng=rng), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def kl_divergence(p, q):
    """KL(p ‖ q) in nats of coins that show 1 with probability p and q.   p a number, q (K,)"""
    q = q.clamp(1e-6, 1 - 1e-6)         # of a batch, all may be on: the price is high, not infinite
    return p * ops.log(p / q) + (1 - p) * ops.log((1 - p) / (1 - q))


# Search: codes lie in the computer's memory, as NumPy arrays --------------------------------------


def pack(bits):
    """Codes as words of 64 bits, the last filled up with 0.   (N, K) -> (N, ⌈K/64⌉) uint64"""
    padded = np.pad(np.asarray(bits, bool), ((0, 0), (0, -bits.shape[1] % 64)))
    return np.packbits(padded, axis=1).view(np.uint64)


def hamming(queries, gallery):
    """H = popcount(a xor b) of packed codes, each with each.   (M, W), (N, W) -> (M, N)"""
    distance = np.zeros((len(queries), len(gallery)), np.uint16)
    for a, b in zip(queries.T, gallery.T, strict=True):                 # word by word
        distance += np.bitwise_count(a[:, None] ^ b)
    return distance


class HashTable:
    """Finds codes within `radius` bits by looking at addresses: however many codes lie elsewhere.

    codes: (N, K) of 0 and 1, K at most 64. The addresses are 1 + K + K(K - 1)/2 for a radius of 2,
    and more by a factor of about K for each bit beyond.
    """

    def __init__(self, codes, radius=2):
        bits = codes.shape[1]
        if bits > 64:
            raise ValueError(f"HashTable: codes of {bits} bits; an address has at most 64")
        near = [flipped for r in range(radius + 1) for flipped in combinations(range(bits), r)]
        flips = np.zeros((len(near), bits), bool)
        for row, flipped in zip(flips, near, strict=True):
            row[list(flipped)] = True
        self.flips = pack(flips)[:, 0].tolist()                         # nearest first
        self.places = defaultdict(list)                                 # address -> [i, ...]
        for i, address in enumerate(pack(codes)[:, 0].tolist()):
            self.places[address].append(i)

    def search(self, code):
        """Indices of the codes within the radius, nearest first.   (K,) -> list"""
        address = int(pack(code[None])[0, 0])
        return [i for flip in self.flips for i in self.places.get(address ^ flip, ())]

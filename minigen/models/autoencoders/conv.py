r"""Convolutional auto-encoder.

In an image, near pixels belong together and a stroke is a stroke wherever it lies. So the encoder
looks through small windows, with the same weights everywhere: convolutions of stride 2, each of
which halves the picture. An affine layer at the bottleneck makes the code. The decoder goes back
with transposed convolutions, each of which doubles the picture.

$$ H_{conv} = \lfloor (H + 2p - k) / s \rfloor + 1, \qquad H_{convT} = (H - 1) s - 2p + k $$

The transposed convolution is the adjoint of a convolution, ⟨conv(x), y⟩ = ⟨x, convT(y)⟩: it sends
each number of y back to the window that it came from, and windows add where they overlap. If the
kernel k is no multiple of the stride s, some pixels get more terms than their neighbours, which
shows as a checkerboard; here k = 4 and s = 2, so that every pixel inside gets 4 terms.

Symbols: x, x̂ (B, C, H, W) · z (B, K) · level l has widths[l] channels and size ⌈H / 2^(l+1)⌉
Sizes that are no multiple of 2^levels work too: halving rounds up, doubling then overshoots by a
few rows and columns, and `decode` cuts them off at the bottom and the right.
`loss` is J/n: the squared error, the sum over the pixels, the mean over the images.
Course: deck A, « Auto-encodeur convolutionnel », « convolution transposée (ou déconvolution) »,
convolutional auto-encoder, transposed convolution; item A-07.
Source: Masci, Meier, Cireşan & Schmidhuber, Stacked Convolutional Auto-Encoders, ICANN 2011;
Dumoulin & Visin, A Guide to Convolution Arithmetic for Deep Learning, 2016.
Read next: mlp.py (the same without convolutions).
"""

from dataclasses import dataclass
from itertools import pairwise

from minigen import nn, ops


@dataclass
class Config:
    channels: int = 1                   # C, 1 grey or 3 colours
    size: int = 28                      # H = W, pixels a side
    widths: tuple[int, ...] = (16, 32)  # channels of each level; each halves the picture
    latent: int = 32                    # K, numbers in a code


class ConvAutoEncoder(nn.Module):
    """x -> x̂.   rng: the Generator that draws the initial weights."""

    def __init__(self, c: Config, *, rng):
        super().__init__()
        channels = (c.channels, *c.widths)                              # (1, 16, 32)
        self.size = c.size
        small = c.size
        for _ in c.widths:
            small = (small + 1) // 2                                    # 28 -> 14 -> 7
        self.smallest = (c.widths[-1], small, small)
        flat = c.widths[-1] * small * small

        self.down = nn.ModuleList([
            nn.Conv2d(a, b, 3, stride=2, padding=1, rng=rng) for a, b in pairwise(channels)
        ])
        self.to_code = nn.Linear(flat, c.latent, rng=rng)
        self.from_code = nn.Linear(c.latent, flat, rng=rng)
        self.up = nn.ModuleList([
            nn.ConvTranspose2d(b, a, 4, stride=2, padding=1, rng=rng)
            for a, b in reversed(list(pairwise(channels)))
        ])
        # as in mlp.py; from the layers' own start the error after 400 steps is 78 % higher (seed 0)
        for p in self.parameters():
            nn.init.zeros_(p) if p.ndim == 1 else nn.init.orthogonal_(p, rng=rng)

    def features(self, x):
        """The maps of each level.   (B, C, H, W) -> [(B, 16, H/2, W/2), (B, 32, H/4, W/4)]"""
        maps = []
        for conv in self.down:
            x = ops.relu(conv(x))
            maps.append(x)
        return maps

    def encode(self, x):
        """z = f(x).   (B, C, H, W) -> (B, K)"""
        return self.to_code(self.features(x)[-1].flatten(1))

    def decode(self, z):
        """x̂ = g(z).   (B, K) -> (B, C, H, W)"""
        x = ops.relu(self.from_code(z))                                 # (B, 32·7·7)
        x = x.reshape(len(z), *self.smallest)                           # (B, 32, 7, 7)
        *inner, last = self.up
        for conv in inner:
            x = ops.relu(conv(x))                                       # (B, 16, 14, 14)
        return last(x)[..., : self.size, : self.size]                   # (B, 1, 28, 28)

    def forward(self, x):
        """x̂ = g(f(x)).   (B, C, H, W) -> (B, C, H, W)"""
        return self.decode(self.encode(x))

    def loss(self, x):
        """J/n: squared error, summed over pixels, mean over images.   (B, C, H, W) -> scalar"""
        return ((x - self(x)) ** 2).sum((1, 2, 3)).mean()

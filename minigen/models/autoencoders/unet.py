r"""U-Net, with and without its skip connections.

A convolutional auto-encoder with bridges. The left arm of the U halves the maps again and again, as
an encoder does: its windows see more and more of the picture, but where exactly, is lost. The right
arm doubles them again, as a decoder does. And each level hands its maps over to the other arm at
the same height (skip connections), so that what is fine need not pass through the bottom.

$$ u_l = \mathrm{up}_l(d_{l+1}), \qquad d_l = \mathrm{double}_l([\mathrm{crop}(h_l), u_l]) $$

Leave the bridges out, d_l = double_l(u_l), and what remains is a convolutional auto-encoder: all
has to go through the code at the bottom. With them the code is no bottleneck: asked to copy its
input, the network takes the bridge at the top, and the code may as well be zero. So a U-Net is for
tasks whose answer is not the input: segmentation, removing noise.

Symbols: x (B, C, H, W), y (B, O, H', W') · h_l (B, widths[l], H_l, W_l), the encoder's maps of
level l, at full size for l = 0 · z, the code: those of the last level · d_l, the decoder's maps
double: twice (convolution 3 × 3, ReLU). Without padding, as in the paper, each convolution takes a
pixel off each border, and the encoder's maps are cropped before they are joined; with padding 1
sizes stay, and y is as large as x.
Sizes that cannot be halved work too: halving rounds up, and doubling is cropped.
Course: deck A, « Le réseau U-Net peut, en altérant sa forme (omission des skip-connections), être
vu comme un auto-encodeur convolutionnel », U-Net, skip connections; item A-08.
Source: Ronneberger, Fischer & Brox, U-Net: Convolutional Networks for Biomedical Image
Segmentation, MICCAI 2015.
Read next: conv.py (an auto-encoder whose code is a vector), denoising.py.
"""

from dataclasses import dataclass
from itertools import pairwise

from minigen import nn, ops


@dataclass
class Config:
    channels: int = 1                       # C, of the input
    outputs: int = 1                        # O, of the output
    widths: tuple[int, ...] = (16, 32, 64)  # channels of each level, the last is the code
    padding: int = 1                        # of the convolutions: 1 keeps the size, 0 the paper's
    skips: bool = True                      # whether the decoder is given the encoder's maps


# the paper's network: 31 030 658 parameters; a picture of 572 × 572 gives 388 × 388 of 2 classes
PAPER = Config(channels=1, outputs=2, widths=(64, 128, 256, 512, 1024), padding=0)


class UNet(nn.Module):
    """x -> y.   rng: the Generator that draws the initial weights."""

    def __init__(self, c: Config, *, rng):
        super().__init__()
        self.skips = c.skips
        joined = 2 if c.skips else 1                    # the encoder's maps and the doubled ones
        steps = list(pairwise(c.widths[::-1]))                          # (64, 32), (32, 16)
        self.down = nn.ModuleList([
            double(a, b, c.padding, rng) for a, b in pairwise((c.channels, *c.widths))
        ])
        self.pool = nn.MaxPool2d(2, ceil_mode=True)
        self.up = nn.ModuleList([nn.ConvTranspose2d(a, b, 2, stride=2, rng=rng) for a, b in steps])
        self.merge = nn.ModuleList([double(joined * b, b, c.padding, rng) for _, b in steps])
        self.head = nn.Conv2d(c.widths[0], c.outputs, 1, rng=rng)
        # as the paper asks: each map starts with about unit variance (He et al., ICCV 2015)
        for p in self.parameters():
            nn.init.zeros_(p) if p.ndim == 1 else nn.init.kaiming_normal_(p, rng=rng)

    def encode(self, x):
        """The maps of each level but the last, and the code, which is the last.

        (B, C, H, W) -> [(B, 16, H, W), (B, 32, H/2, W/2)], (B, 64, H/4, W/4)
        """
        maps = []
        for level, convolutions in enumerate(self.down):
            x = convolutions(self.pool(x) if level else x)
            maps.append(x)
        return maps[:-1], maps[-1]

    def decode(self, maps, z):
        """y from the code and the encoder's maps; without skips only the maps' sizes are used.

        [(B, 16, H, W), (B, 32, H/2, W/2)], (B, 64, H/4, W/4) -> (B, O, H, W)
        """
        x = z
        for h, up, merge in zip(reversed(maps), self.up, self.merge, strict=True):
            x = crop(up(x), h)                          # halving had rounded up: too large by one
            x = merge(ops.cat([crop(h, x), x], 1) if self.skips else x)
        return self.head(x)

    def forward(self, x):
        """(B, C, H, W) -> (B, O, H', W')"""
        return self.decode(*self.encode(x))

    def loss(self, x, target):
        """Squared error, summed over the pixels, mean over the images.   both (B, C, H, W)"""
        return ((target - self(x)) ** 2).sum((1, 2, 3)).mean()


def double(size_in, size_out, padding, rng):
    """Twice (convolution 3 × 3, ReLU).   (B, size_in, H, W) -> (B, size_out, H', W')"""
    return nn.Sequential(
        nn.Conv2d(size_in, size_out, 3, padding=padding, rng=rng), nn.ReLU(),
        nn.Conv2d(size_out, size_out, 3, padding=padding, rng=rng), nn.ReLU(),
    )


def crop(x, like):
    """The middle of x, at most as large as `like`.   (B, C, H, W), (B, ., h, w) -> (B, C, h, w)"""
    (height, width), (h, w) = x.shape[2:], like.shape[2:]
    top, left = max(height - h, 0) // 2, max(width - w, 0) // 2
    return x[:, :, top : top + h, left : left + w]


def shapes(c, size):
    """(channels, side) of the maps in each level, down and up again, after each step in it.

    The paper's: [[(1, 572), (64, 570), (64, 568)], [(64, 284), (128, 282), (128, 280)], ...,
    [(128, 392), (64, 390), (64, 388), (2, 388)]].   ValueError if nothing is left of some map.
    """
    taken, joined = 2 - 2 * c.padding, 2 if c.skips else 1      # by a convolution, from the side
    levels = []
    for before, width in pairwise((c.channels, *c.widths)):
        side = (levels[-1][-1][1] + 1) // 2 if levels else size
        levels.append([(before, side), (width, side - taken), (width, side - 2 * taken)])
    for depth in reversed(range(len(c.widths) - 1)):
        width, largest = levels[depth][-1]
        side = min(2 * levels[-1][-1][1], largest)
        levels.append([(joined * width, side), (width, side - taken), (width, side - 2 * taken)])
    if any(side < 1 for level in levels for _, side in level):
        raise ValueError(f"shapes: a picture of {size} pixels a side is too small for "
                         f"{len(c.widths)} levels without padding")
    levels[-1].append((c.outputs, levels[-1][-1][1]))
    return levels


def receptive_field(c):
    """How many pixels of a row a number of the code depends on: the paper's, 140.   -> int

    A window of k widens the field by (k - 1) jumps; a jump, the distance of neighbours in pixels,
    doubles with every pool.
    """
    field, jump = 1, 1
    for level in range(len(c.widths)):
        if level > 0:
            field, jump = field + jump, 2 * jump        # pool: k = 2, stride 2
        field += 2 * (3 - 1) * jump                     # two convolutions of k = 3
    return field

r"""Context encoder: the middle of a picture, predicted from what is around it.

An auto-encoder whose target is not its input. The middle of the picture is hidden, and the network
says what was there. No label is needed (self-supervision), and copying does not help: to put half a
roof back, the encoder has to know what a house is. So its features serve other tasks too.

$$ L_{rec} = \|M \odot (x - F((1 - M) \odot x))\|^2, \qquad
   L_{adv} = -\log D(\hat x_M), \qquad L = 0.999 L_{rec} + 0.001 L_{adv} $$

The squared error alone asks for the mean of all fillings that are possible: it blurs. The
discriminator D (the critic of a GAN) learns to tell true middles from filled ones, and the second
term asks F to mislead it: a mean of sharp pictures is not sharp, so D would see through it.

Symbols: x, x̂ (B, C, S, S) in [-1, 1] · M (1 or B, 1, S, S), 1 where hidden · z (B, K, 1, 1)
x̂_M (B, C, S/2, S/2): the middle of x̂, all that D sees. L_rec is the mean over the hidden numbers.
Before F sees it, the hole is filled with the mean colour, so that nothing of what it hides is left.
With an overlap F also predicts a rim of pixels that it is shown; there M is 10, which makes the
filling join what is around it.
Always the same hole teaches what fits into that hole. For features of use elsewhere the paper drops
random blocks instead: F then predicts the whole picture, so that no part of it is beside the point.
Course: deck A, « Auto-codeurs contextuels », context encoder, self-supervision; item A-14.
Source: Pathak, Krähenbühl, Donahue, Darrell & Efros, Context Encoders: Feature Learning by
Inpainting, CVPR 2016; layers as in Radford, Metz & Chintala, DCGAN, ICLR 2016.
Read next: inpainting.py (small holes, patch by patch), conv.py (the plain auto-encoder).
"""

from dataclasses import dataclass
from itertools import pairwise

from minigen import arange, nn, ones, ops, tensor


@dataclass
class Config:
    channels: int = 3                       # C, 1 grey or 3 colours
    widths: tuple[int, ...] = (16, 32, 64)  # channels of each level; each halves, down to 4 x 4
    code: int = 64                          # K, numbers in a code
    whole: bool = False                     # predict the whole picture, not only its middle
    overlap: int = 0                        # pixels of the middle's rim that are shown too
    fill: tuple[float, ...] = (0.0,)        # the hole's colour: one number, or C


# The paper's: pictures of 128 pixels, a hole of 64, 7 221 231 parameters
PAPER = Config(
    widths=(64, 64, 128, 256, 512),
    code=100,
    overlap=4,
    fill=tuple(2 * mean / 255 - 1 for mean in (117, 104, 123)),
)


class ContextEncoder(nn.Module):
    """F.   rng: the Generator that draws the initial weights."""

    def __init__(self, c: Config, *, rng):
        super().__init__()
        self.size = 4 * 2 ** len(c.widths)                              # S: 32
        first, *inner = c.widths                                        # 16; 32, 64
        layers = [nn.Conv2d(c.channels, first, 4, 2, 1, rng=rng), nn.LeakyReLU(0.2)]
        for a, b in pairwise(c.widths):
            layers += [nn.Conv2d(a, b, 4, 2, 1, rng=rng), nn.BatchNorm2d(b), nn.LeakyReLU(0.2)]
        self.down = nn.Sequential(*layers)
        self.to_code = nn.Conv2d(c.widths[-1], c.code, 4, rng=rng)
        levels = (*reversed(c.widths if c.whole else inner), c.channels)
        layers = [nn.BatchNorm2d(c.code), nn.LeakyReLU(0.2)]
        layers += [nn.ConvTranspose2d(c.code, levels[0], 4, rng=rng)]
        for a, b in pairwise(levels):
            layers += [nn.BatchNorm2d(a), nn.ReLU(), nn.ConvTranspose2d(a, b, 4, 2, 1, rng=rng)]
        self.up = nn.Sequential(*layers, nn.Tanh())
        start_(self, rng)
        self.register_buffer("fill", tensor(c.fill).reshape(1, -1, 1, 1))
        self.register_buffer("hole", middle_mask(self.size, c.overlap))

    def hide(self, x, mask):
        """(1 - M) ⊙ x, and the mean colour in the hole.   (B, C, S, S) -> (B, C, S, S)"""
        return ops.where(mask == 1, self.fill, x)

    def features(self, x):
        """The encoder's last maps, of a picture with or without holes.   -> (B, 64, 4, 4)"""
        return self.down(x)

    def forward(self, x, mask):
        """x̂: x where M is 0, elsewhere what F makes of the rest.   (B, C, S, S) -> (B, C, S, S)

        mask: M, `hole` for the middle; a network for the middle can fill no other.
        """
        z = self.to_code(self.features(self.hide(x, mask)))             # (B, K, 1, 1)
        made = self.up(z)                                               # (B, C, 16, 16), or whole
        made = ops.pad(made, ((self.size - made.shape[-1]) // 2,) * 4)  # (B, C, 32, 32)
        return ops.where(mask > 0, made, x)


class Discriminator(nn.Module):
    """D: is this the middle of a true picture?   rng: the Generator that draws the weights.

    One level less than F: its pictures have half the size.
    """

    def __init__(self, c: Config, *, rng):
        super().__init__()
        first, *_ = widths = c.widths[1:]                               # (32, 64)
        layers = [nn.Conv2d(c.channels, first, 4, 2, 1, rng=rng), nn.LeakyReLU(0.2)]
        for a, b in pairwise(widths):
            layers += [nn.Conv2d(a, b, 4, 2, 1, rng=rng), nn.BatchNorm2d(b), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 4, rng=rng))
        start_(self, rng)

    def forward(self, x):
        """Logits: above 0, more likely true than filled.   (B, C, S/2, S/2) -> (B,)"""
        return self.layers(x).flatten()                                 # S/2: 16 -> 8 -> 4 -> 1

    def loss(self, true, filled):
        """-log D(true) - log(1 - D(filled)), halved: ln 2 where D knows nothing.   -> scalar"""
        true, filled = self(true), self(filled)
        return 0.5 * (ops.softplus(-true).mean() + ops.softplus(filled).mean())

    def adversarial(self, filled):
        """L_adv = -log D(filled), small where D is misled.   (B, C, S/2, S/2) -> scalar"""
        return ops.softplus(-self(filled)).mean()


def masked_error(x, filled, mask):
    """L_rec: M (x - x̂)², the mean over the numbers where M is not 0.   -> scalar

    x, filled (B, C, S, S); mask (1 or B, 1, S, S). The kept pixels of x̂ get no gradient.
    ValueError for a mask of zeros: nothing is hidden, so nothing would be learned.
    """
    numbers = (mask > 0).sum().item() * (len(x) // len(mask)) * x.shape[1]
    if numbers == 0:
        raise ValueError("masked_error: the mask is 0 everywhere: no pixel is hidden")
    return (mask * (x - filled) ** 2).sum() / numbers


def middle(x):
    """What D sees of a picture.   (B, C, S, S) -> (B, C, S/2, S/2)"""
    edge = x.shape[-1] // 4
    return x[..., edge:-edge, edge:-edge]


def middle_mask(size, overlap=0):
    """M of a hole of S/2 pixels a side: 1, and 10 on its rim, which is shown.   -> (1, 1, S, S)"""
    side, around = size // 2 - 2 * overlap, size // 4 + overlap
    inside = ops.pad(ones(1, 1, side, side), (overlap,) * 4, value=10.0)
    return ops.pad(inside, (around - overlap,) * 4)


def random_masks(count, size, *, rng):
    """M of two random blocks in each picture.   -> (count, 1, S, S)

    Blocks are S/4 to S/2 pixels a side; their centres lie anywhere, the picture's edge cuts them.
    """
    length = size * rng.uniform((2, 2, count, 1), 0.25, 0.5)            # block, axis, picture
    start = size * rng.uniform((2, 2, count, 1)) - length / 2
    place = arange(size, device=rng.device) + 0.5                       # middles of the pixels
    inside = (place > start) & (place < start + length)                 # (2, 2, count, S)
    blocks = inside[:, 0, :, :, None] & inside[:, 1, :, None, :]        # (2, count, S, S)
    return blocks.any(0)[:, None].to("float32")


def start_(module, rng):
    """DCGAN's start: weights N(0, 0.02²), scales of batch norm N(1, 0.02²), shifts and biases 0."""
    for name, p in module.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(p)
        else:
            nn.init.normal_(p, 1.0 if p.ndim == 1 else 0.0, 0.02, rng=rng)

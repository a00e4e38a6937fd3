r"""AlexNet: the convolutional network whose filters became an emblem.

Five layers of convolutions, three affine ones, trained on 1.2 million labelled photographs. Its
first filters were not designed: edges of all directions, gratings, spots of opposed colours came
out of training, and they look the same whatever the labels were. So they can be carried over to
other tasks (../autoencoders/transfer.py).

$$ a^{(l)} = \mathrm{pool}\,\mathrm{LRN}\,\max(0,\, W^{(l)} * a^{(l-1)} + b^{(l)}) $$

LRN, the local response normalisation, divides each answer by those of the 5 nearest filters; only
some layers have it, and only some are pooled. What a unit can see of the picture, its receptive
field, grows by (k - 1)·j with a window of k, where j, the jump, is how many pixels lie between two
neighbours; a stride s makes the jump s times as large.

$$ r_l = r_{l-1} + (k_l - 1)\, j_{l-1}, \qquad j_l = s_l\, j_{l-1}, \qquad r_0 = j_0 = 1 $$

Symbols: x (B, C, H, W) · logits (B, K) · maps of layer l (B, widths[l], H_l, W_l)
ORIGINAL ran on two GPUs of 3 GB: filters of conv2, conv4 and conv5 see half of the maps, in two
groups. SINGLE is the same on one, without groups and normalisation, as later code has it; weights
of PyTorch's load into it, by name. tiny() has a first layer of 7 × 7 and three more for pictures of
32 × 32, a mean over places in place of two affine layers, and batch normalisation.
The first filters start as N(0, 0.01²), the paper's choice: what is seen in them after training was
put there by training. Other layers start as He et al. (ICCV 2015) found better for ReLU.
Course: deck A, « Filtres appris par le réseau AlexNet », learned filters; item A-17.
Source: Krizhevsky, Sutskever & Hinton, ImageNet Classification with Deep Convolutional Neural
Networks, NIPS 2012; Krizhevsky, One Weird Trick for Parallelizing Convolutional Neural Networks,
2014 (single).
Read next: visualise.py (what the filters see).
"""

from dataclasses import dataclass
from typing import NamedTuple

from minigen import nn, ops


class Layer(NamedTuple):
    """A convolution, its ReLU, and what stands beside them."""

    width: int              # filters
    kernel: int             # pixels a side of a filter
    stride: int = 1         # pixels from one place to the next
    padding: int = 0        # zeros put around
    groups: int = 1         # 2: half of the filters see half of the maps
    norm: str = ""          # "local" behind the ReLU, or "batch" before it
    pool: int = 0           # side of the windows of the max-pooling behind, of stride 2; 0: none


@dataclass
class Config:
    layers: tuple[Layer, ...]               # the convolutions
    channels: int = 3                       # C, 3 colours or 1 grey
    grid: int = 6                           # places a side that the affine layers see
    hidden: tuple[int, ...] = (4096, 4096)  # widths of the affine layers, the last apart
    dropout: float = 0.5                    # share of their inputs left out in training
    classes: int = 1000                     # K
    surround: int = 0                       # side of the squares whose mean colour is taken from
                                            # the pixel in their middle first; 0: it is not


ORIGINAL = Config((
    Layer(96, 11, stride=4, padding=2, norm="local", pool=3),               # 224 -> 55 -> 27
    Layer(256, 5, padding=2, groups=2, norm="local", pool=3),               # 27 -> 13
    Layer(384, 3, padding=1),
    Layer(384, 3, padding=1, groups=2),
    Layer(256, 3, padding=1, groups=2, pool=3),                             # 13 -> 6
))
SINGLE = Config((
    Layer(64, 11, stride=4, padding=2, pool=3),
    Layer(192, 5, padding=2, pool=3),
    Layer(384, 3, padding=1),
    Layer(256, 3, padding=1),
    Layer(256, 3, padding=1, pool=3),
))


def tiny(widths=(24, 32, 48, 64), channels=3, classes=8):
    """The Config of the network for pictures of about 32 × 32: 32 -> 16 -> 8 -> 4.

    The surround is a compromise (demo filters, seed 0): with the mean of the whole picture taken
    away, 25 % of the first filters become edges and gratings, the others spots of one colour; with
    9 × 9 pixels 96 %, but fine and rough ones, total variation 0.67 of the start's; here 0.54.
    """
    first, *others = widths
    return Config(
        (Layer(first, 7, stride=2, padding=3, norm="batch", pool=2),
         *(Layer(width, 3, padding=1, norm="batch", pool=0 if i else 2)
           for i, width in enumerate(others))),
        channels, grid=1, hidden=(), classes=classes, surround=19,
    )


class AlexNet(nn.Module):
    """x -> logits.   rng: the Generator that draws the initial weights."""

    def __init__(self, c: Config, *, rng):
        super().__init__()
        channels, layers = c.channels, list[nn.Module]()
        for layer in c.layers:
            layers += [nn.Conv2d(channels, layer.width, layer.kernel, layer.stride,
                                 layer.padding, groups=layer.groups, rng=rng)]
            layers += [nn.BatchNorm2d(layer.width)] if layer.norm == "batch" else []
            layers += [nn.ReLU()]
            if layer.norm == "local":       # the paper's α = 1e-4 is not divided by the 5
                layers += [nn.LocalResponseNorm(5, alpha=5e-4, k=2.0)]
            layers += [nn.MaxPool2d(layer.pool, stride=2)] if layer.pool else []
            channels = layer.width
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(c.grid)
        self.width, self.surround = channels * c.grid**2, c.surround
        self.fields = receptive_fields(c)
        affine, width = [], self.width
        for wider in c.hidden:
            affine += [nn.Dropout(c.dropout), nn.Linear(width, wider, rng=rng), nn.ReLU()]
            width = wider
        self.classifier = nn.Sequential(*affine, nn.Linear(width, c.classes, rng=rng))
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu", rng=rng)
                nn.init.zeros_(module.bias)
        nn.init.normal_(layers[0].weight, std=0.01, rng=rng)

    def maps(self, x):
        """What each convolution's filters answer, before ReLU.   (B, C, H, W) -> [(B, w, h, h)]"""
        found = []
        x = self.prepared(x)
        for module in self.features:
            if isinstance(module, nn.ReLU):
                found.append(x)                                 # (B, 24, 16, 16), (B, 32, 8, 8) ...
            x = module(x)
        return found

    def encode(self, x):
        """The features that the affine layers see.   (B, C, H, W) -> (B, width)"""
        return self.avgpool(self.features(self.prepared(x))).flatten(1)

    def prepared(self, x):
        """The picture as the first filters get it.   (B, C, H, W)"""
        if not self.surround:
            return x
        return x - ops.avg_pool2d(x, self.surround, stride=1, padding=self.surround // 2,
                                  count_include_pad=False)

    def forward(self, x):
        """(B, C, H, W) -> (B, K)"""
        return self.classifier(self.encode(x))

    def loss(self, x, y):
        """Mean of -log p(y|x).   (B, C, H, W), (B,) whole numbers -> scalar"""
        return ops.cross_entropy(self(x), y)


class Field(NamedTuple):
    """Unit i of a row sees pixels start + i·jump to start + i·jump + size - 1."""

    size: int
    jump: int
    start: int              # below 0: in the padding


def receptive_fields(c):
    """What one unit of each layer sees of the picture.   Config -> {"conv1": Field, "pool1": ...}

    Source: Dumoulin & Visin, A Guide to Convolution Arithmetic for Deep Learning, 2016.
    """
    fields, size, jump, start = {}, 1, 1, 0
    for number, layer in enumerate(c.layers, start=1):
        windows = {"conv": (layer.kernel, layer.stride, layer.padding), "pool": (layer.pool, 2, 0)}
        for kind, (kernel, stride, padding) in windows.items():
            if kernel:
                start -= padding * jump
                size += (kernel - 1) * jump                     # r += (k - 1) j
                jump *= stride                                  # j *= s
                fields[f"{kind}{number}"] = Field(size, jump, start)
    return fields

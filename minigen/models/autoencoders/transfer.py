r"""Transfer: what one task has taught a network, put to use in another that has few labels.

An encoder f with weights θ was trained where there is much to learn from: to copy pictures that
have no labels (auto-encoder), or to tell other classes apart (supervised). A new task puts a head
on its features, and is left with one of three choices:

$$ o = W f_\theta(x) + b $$

    scratch      θ starts at random; θ, W, b are trained: no transfer, what the others have to beat
    frozen       θ stays as it was; W, b are trained: a few numbers, that few labels suffice for
    fine-tuned   θ starts as it was; θ, W, b are trained, θ at a smaller rate, not to be forgotten

The features need not be one vector a picture: those of convolutions are maps, and tell what is
where. A 1 × 1 convolution on the maps of all layers, made equally large, says something about each
pixel: which class it is of (segmentation), or how likely the middle of an object is there and how
large that is (detection: the peaks of this heat map are boxes).

$$ o = \sum_l \mathrm{resize}(W_l * a_l) + b, \qquad
   \ell_{seg} = -\frac{1}{HW}\sum_{ij} \log p(y_{ij}|x) $$
$$ \ell_{heat} = -\frac{1}{N}\sum_{ij} \begin{cases} (1-p_{ij})^2 \log p_{ij} & Y_{ij} = 1 \\
   (1-Y_{ij})^4\, p_{ij}^2 \log(1-p_{ij}) & \text{else} \end{cases}, \qquad p = \sigma(o_{heat}) $$

Symbols: x (B, C, H, W) · f(x) (B, F) · o (B, K) · a_l (B, w_l, h_l, h_l), maps of layer l · Y
(B, H, W), 1 at the N middles and a Gaussian around each, so that near misses cost less
Course: deck A, « Auto-encodeur et transfert d'apprentissage → classification »; deck B, « la notion
de transfer learning », transfer learning, semi-supervised learning, fine-tuning; item A-16.
Source: Hinton & Salakhutdinov, Science 2006 (pre-training); Yosinski et al., How Transferable Are
Features in Deep Neural Networks?, NIPS 2014; Hariharan et al., Hypercolumns, CVPR 2015; Zhou, Wang
& Krähenbühl, Objects as Points, 2019 (heat map).
Read next: mlp.py, ../backbones/alexnet.py (encoders); ../../metrics/overlap.py (boxes and pixels).
"""

import numpy as np

from minigen import nn, no_grad, ops

SPREAD = 1.5        # pixels: standard deviation of the Gaussian around a middle


class Classifier(nn.Module):
    """x -> logits: an encoder's features, then an affine head.

    encoder: a module with encode: (B, ...) -> (B, features). frozen: it is not trained. rng draws
    the head's weights.
    """

    def __init__(self, encoder, features, classes, *, frozen=False, rng):
        super().__init__()
        self.encoder, self.frozen = encoder, frozen
        self.head = nn.Linear(features, classes, rng=rng)

    def train(self, mode=True):
        """As ever, but what is frozen stays in evaluation: its batch statistics must not move."""
        super().train(mode)
        if self.frozen:
            self.encoder.eval()
        return self

    def forward(self, x):
        """o = W f(x) + b.   (B, ...) -> (B, K)"""
        if not self.frozen:
            return self.head(self.encoder.encode(x))
        with no_grad():
            z = self.encoder.encode(x)
        return self.head(z)

    def loss(self, x, y):
        """Mean of -log p(y|x).   (B, ...), (B,) whole numbers -> scalar"""
        return ops.cross_entropy(self(x), y)

    def groups(self, lr, head_lr):
        """For an optimizer: the head, and at its own rate the encoder, unless it is frozen."""
        groups = [{"params": list(self.head.parameters()), "lr": head_lr}]
        if not self.frozen:
            groups.append({"params": list(self.encoder.parameters()), "lr": lr})
        return groups


class PixelHead(nn.Module):
    """Maps of several layers -> numbers for each pixel, by 1 × 1 convolutions.

    Resizing the maps first and weighing them then gives the same, as both are linear; but weighed
    maps are few. widths: w_l; outputs: numbers for each pixel.
    """

    def __init__(self, widths, outputs, *, rng):
        super().__init__()
        self.weigh = nn.ModuleList([nn.Conv2d(w, outputs, 1, rng=rng) for w in widths])

    def forward(self, maps, size):
        """[(B, w_l, h_l, h_l)] -> (B, outputs, size, size)"""
        weighed = [conv(ops.relu(a)) for conv, a in zip(self.weigh, maps, strict=True)]
        return sum(ops.interpolate(w, (size, size), mode="bilinear") for w in weighed)


def heat_loss(logits, target):
    """The focal loss of a heat map, 0 where all middles are found.   (B, H, W) each -> scalar

    target: Y, exactly 1 at the middles.
    """
    p = logits.sigmoid()
    middle = (target == 1).to(logits.dtype)
    found = (1 - p) ** 2 * ops.softplus(-logits)                    # -log p = softplus(-o)
    elsewhere = (1 - target) ** 4 * p**2 * ops.softplus(logits)     # -log(1 - p) = softplus(o)
    return (middle * found + (1 - middle) * elsewhere).sum() / middle.sum().clamp(min=1)


def boxes_of(masks, least=12):
    """The box around each object of which enough pixels are seen.   (K, H, W) -> (n, 4)

    Rows are top, left, bottom, right, the last two excluded; a mask counts where it is above 0.5.
    """
    found = []
    for mask in masks > 0.5:
        if mask.sum() >= least:
            rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
            found.append((rows[0], columns[0], rows[-1] + 1, columns[-1] + 1))
    return np.array(found, np.float32).reshape(-1, 4)


def heat_targets(boxes, size):
    """What the detection head has to say.   boxes (n, 4) -> Y (size, size), sides (2, size, size)

    sides: height and width of the box, over size, at the pixel of its middle; 0 elsewhere.
    """
    y, sides = np.zeros((size, size), np.float32), np.zeros((2, size, size), np.float32)
    row, column = np.mgrid[:size, :size]
    for top, left, bottom, right in boxes:
        i, j = int((top + bottom) / 2), int((left + right) / 2)
        away = (row - i) ** 2 + (column - j) ** 2
        y = np.maximum(y, np.exp(-away / (2 * SPREAD**2)), dtype=np.float32)
        sides[:, i, j] = (bottom - top) / size, (right - left) / size
    return y, sides


def peaks(heat, sides, most=6):
    """The boxes that a heat map tells of.   (B, H, W), (B, 2, H, W) -> [(scores, boxes)]

    scores (n,), boxes (n, 4) for each picture. A peak is a pixel with no larger one beside it; the
    `most` highest of each picture are kept.
    """
    highest = ops.max_pool2d(heat[:, None], 3, stride=1, padding=1)[:, 0]
    heat, highest, sides = (x.to("cpu").numpy() for x in (heat, highest, sides))
    size, found = heat.shape[-1], []
    for h, top, side in zip(heat, highest, sides, strict=True):
        rows, columns = np.nonzero(h == top)
        chosen = np.argsort(-h[rows, columns], kind="stable")[:most]
        rows, columns = rows[chosen], columns[chosen]
        middle = np.stack([rows, columns], 1) + 0.5                     # (n, 2)
        half = side[:, rows, columns].T * size / 2                      # (n, 2)
        found.append((h[rows, columns], np.hstack([middle - half, middle + half])))
    return found

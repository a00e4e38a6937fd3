r"""Supervised baselines: regression and classification, linear and not.

With labels, learning is fitting: samples x come with targets y, and a model of p(y|x) is chosen for
which the given targets are likely. All that follows in this course does without y, or with few; how
well it does is told by comparison with these.

Regression, y a number with Gaussian noise: likely means a small squared error, and the best linear
model solves the normal equations.

$$ \min_{W,b} \|y - XW - b\|^2 \;\Rightarrow\; X_c^\top X_c W = X_c^\top y_c, \quad
   b = \bar y - \bar x^\top W $$

Classification, y one of K classes: the model gives logits o (K,), and the loss is -log p(y|x).

$$ p(y = k|x) = \frac{e^{o_k}}{\sum_j e^{o_j}}, \qquad
   \ell = -\log p(y|x) = \log \sum_j e^{o_j} - o_y $$

All logits 0 give ℓ = log K, 2.302585 for ten classes: what a network starts from. The sum is taken
relative to the largest logit, inside `cross_entropy`, so that e^o cannot overflow. The loss is the
mean over the samples: not over samples × classes.

Symbols: X (n, d) · y (n,) or (n, m) · W (d, m), b (m,) · o (B, K) · X_c, y_c: less their means
Course: deck A, « Apprentissage supervisé (classification, régression) », supervised learning; deck
B, « p(y|x) »; item C-01.
Source: Gauss, Theoria motus, 1809 (least squares); Cox, The regression analysis of binary
sequences, 1958; LeCun et al., Gradient-based learning applied to document recognition, 1998.
Read next: pca.py.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from minigen import nn, ops
from minigen.models.classical.inputs import as_samples, fitted, refuse_nan


class LinearRegression:
    """The linear model of least squared error.

    Features that depend on each other leave W open: the shortest one is taken.
    After fit: coef_ (d,) or (d, m), intercept_ a number or (m,).
    """

    def fit(self, X, y):
        """Solve the normal equations for X (n, d) and y (n,) or (n, m).   -> self"""
        X = as_samples(X, "LinearRegression").astype(np.float64)
        y = np.asarray(y, np.float64)
        if y.ndim not in (1, 2) or len(y) != len(X):
            raise ValueError(f"LinearRegression: y has shape {y.shape} for {len(X)} samples; it "
                             "must be (n,) or (n, targets)")
        refuse_nan(X, "LinearRegression")
        refuse_nan(y, "LinearRegression", "y")
        mean = X.mean(0)
        centred = X - mean                                              # (n, d)
        # lstsq of XᵀX, not its inverse: it also answers where XᵀX is singular
        self.coef_, *_ = np.linalg.lstsq(centred.T @ centred, centred.T @ (y - y.mean(0)))
        self.intercept_ = y.mean(0) - mean @ self.coef_
        return self

    def predict(self, X):
        """ŷ = X W + b.   (m, d) -> (m,) or (m, targets)"""
        coef = fitted(self, "coef_")
        return as_samples(X, "LinearRegression.predict", len(coef)) @ coef + self.intercept_

    def score(self, X, y):
        """R² = 1 - Σ(y - ŷ)² / Σ(y - ȳ)²: 1 is perfect, 0 what the mean of y reaches.   -> float"""
        y = np.asarray(y, np.float64)
        return float(1 - ((y - self.predict(X)) ** 2).sum() / ((y - y.mean(0)) ** 2).sum())


@dataclass
class Config:
    features: int = 784                 # d, numbers in a sample
    hidden: tuple[int, ...] = (256,)    # widths of the layers between; none: a linear model
    classes: int = 10                   # K


class Classifier(nn.Module):
    """x -> logits: affine layers with ReLU between, none in a linear model. rng draws weights."""

    def __init__(self, c: Config, *, rng):
        super().__init__()
        layers = []
        for size_in, size_out in pairwise((c.features, *c.hidden, c.classes)):
            layers += [nn.Linear(size_in, size_out, rng=rng), nn.ReLU()]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, x):
        """o = f(x).   (B, d) -> (B, K)"""
        return self.layers(x)

    def loss(self, x, y):
        """Mean of -log p(y|x), in nats.   (B, d), (B,) whole numbers -> scalar"""
        return ops.cross_entropy(self(x), y)

    def predict(self, x):
        """The most probable class.   (B, d) -> (B,)"""
        return self(x).argmax(1)


@dataclass
class ConvConfig:
    """The convolutional network's."""

    channels: int = 1                   # C of a picture
    size: int = 28                      # H = W
    widths: tuple[int, ...] = (8, 16)   # channels of each level, which halves the picture
    classes: int = 10                   # K


class ConvClassifier(Classifier):
    """The same for pictures: windows with shared weights, then one affine layer."""

    def __init__(self, c: ConvConfig, *, rng):
        nn.Module.__init__(self)
        layers, size = [], c.size
        for channels_in, channels_out in pairwise((c.channels, *c.widths)):
            layers += [nn.Conv2d(channels_in, channels_out, 3, stride=2, padding=1, rng=rng),
                       nn.ReLU()]                                       # (B, 8, 14, 14)
            size = (size + 1) // 2
        flat = c.widths[-1] * size * size                               # 16·7·7
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(flat, c.classes, rng=rng))

    def forward(self, x):
        """o = f(x).   (B, C, H, W) -> (B, K)"""
        return self.layers(x)

r"""Kernel density estimation (KDE): a small bump on every sample, and the density is their mean.

No shape is assumed. One number decides: the bandwidth h. Small, and every sample is a peak; large,
and all is one hill. What is estimated is the true density blurred by the kernel: with a Gaussian
one, the variance grows by h².

$$ \hat p(x) = \frac1{n h^d} \sum_i K\!\left(\frac{x - x_i}h\right), \qquad \int K = 1 $$

Kernels, of the length r = ‖u‖, with V_d the volume of the unit ball:

$$ K = (2\pi)^{-d/2} e^{-r^2/2} \;\text{(gaussian)}, \quad
   \frac{d+2}{2 V_d} (1 - r^2)_+ \;\text{(epanechnikov)}, \quad
   \frac1{V_d} [r \le 1] \;\text{(box)} $$

Bandwidths: rules that are best if the samples are Gaussian, σ² their mean variance,

$$ h = n^{-1/(d+4)} \sigma \;\text{(Scott)}, \qquad
   h = \left(\tfrac4{d+2}\right)^{1/(d+4)} n^{-1/(d+4)} \sigma \;\text{(Silverman)} $$

or the likelihood of each sample under all the others, which need not be told any shape:

$$ \max_h \sum_i \log \frac1{(n-1) h^d} \sum_{j \ne i} K\!\left(\frac{x_i - x_j}h\right)
   \;\text{(leave-one-out cross-validation, "cv")} $$

Symbols: X (n, d) samples · x (m, d) places · h a length in the units of the features
A new sample is a sample picked at random, plus h times noise with the kernel's density. Costs n
kernels a place, in blocks; many features need far too many samples (highdim.py).
Course: deck B, « estimation par noyau (KDE) »; item C-06.
Source: Rosenblatt, Remarks on some nonparametric estimates of a density function, 1956; Parzen,
On estimation of a probability density function and mode, 1962; Silverman, Density estimation for
statistics and data analysis, 1986.
Read next: mixture.py (few bells, each with its own width).
"""

import math

import numpy as np
from scipy.special import gammaln

from minigen.models.classical.inputs import as_samples, fitted, refuse_nan

RULES = ("scott", "silverman", "cv")
BLOCK = 1 << 18         # distances looked at together
GRID = np.geomspace(0.05, 2, 30)        # bandwidths tried by "cv", in units of Scott's


class KernelDensity:
    """A density from samples.

    bandwidth: h, or the rule that finds it: "scott", "silverman", "cv". kernel: "gaussian",
    "epanechnikov" or "box". After fit: bandwidth_, and for "cv" also bandwidths_ and scores_, what
    was tried and the mean log-likelihood of a sample left out.
    """

    def __init__(self, bandwidth="scott", kernel="gaussian"):
        if kernel not in KERNELS:
            raise ValueError(f"KernelDensity: kernel={kernel!r}; it must be one of "
                             f"{', '.join(KERNELS)}")
        if bandwidth not in RULES if isinstance(bandwidth, str) else not bandwidth > 0:
            raise ValueError(f"KernelDensity: bandwidth={bandwidth!r}; it must be positive, or one "
                             f"of {', '.join(RULES)}")
        self.bandwidth, self.kernel = bandwidth, kernel

    def fit(self, X):
        """Keep X (n, d), and find h; n at least 2 for a rule.   -> self"""
        least = 2 if isinstance(self.bandwidth, str) else 1
        X = as_samples(X, "KernelDensity", least=least).astype(np.float64, copy=False)
        refuse_nan(X, "KernelDensity")
        self.samples_ = X
        if not isinstance(self.bandwidth, str):
            self.bandwidth_ = float(self.bandwidth)
            return self
        sigma = math.sqrt(X.var(0, ddof=1).mean())
        if sigma == 0:
            raise ValueError("KernelDensity: all samples are the same; give a bandwidth")
        n, d = X.shape
        rule = "silverman" if self.bandwidth == "silverman" else "scott"
        self.bandwidth_ = factor(rule, n, d) * sigma
        if self.bandwidth == "cv":
            self._cross_validate()
        return self

    def score_samples(self, x):
        """log p(x) at each place.   (m, d) -> (m,)"""
        samples = fitted(self, "samples_")
        x = as_samples(x, "KernelDensity.score_samples", samples.shape[1])
        return np.concatenate([
            log_mean(KERNELS[self.kernel](square / self.bandwidth_**2, x.shape[1]))
            for _, square in _squares(x, samples)
        ]) - x.shape[1] * math.log(self.bandwidth_)

    def score(self, x):
        """The mean log-likelihood at the places.   (m, d) -> float"""
        return float(self.score_samples(x).mean())

    def sample(self, n, seed=0):
        """n new samples.   -> (n, d)"""
        samples, rng = fitted(self, "samples_"), np.random.default_rng(seed)
        picked = samples[rng.integers(len(samples), size=n)]
        return picked + self.bandwidth_ * _noise(self.kernel, *picked.shape, rng)

    def _cross_validate(self):
        """Put the h of GRID into bandwidth_ under which samples left out are likeliest."""
        n, d = self.samples_.shape
        self.bandwidths_ = self.bandwidth_ * GRID
        scores = np.zeros(len(GRID))
        for rows, square in _squares(self.samples_, self.samples_):
            for i, h in enumerate(self.bandwidths_):
                log_kernel = KERNELS[self.kernel](square / h**2, d)                 # (b, n)
                log_kernel[np.arange(len(square)), np.arange(n)[rows]] = -np.inf    # not itself
                scores[i] += log_mean(log_kernel).sum()
        # a mean over the n - 1 others
        self.scores_ = scores / n + math.log(n / (n - 1)) - d * np.log(self.bandwidths_)
        best = self.scores_.argmax()
        if self.scores_[best] == -np.inf:
            raise ValueError("KernelDensity: a sample is out of reach of all others under every "
                             'bandwidth tried; take kernel="gaussian"')
        self.bandwidth_ = self.bandwidths_[best]


def factor(rule, n, d):
    """h/σ of Scott's or Silverman's rule, for n samples of d features.   -> float"""
    constant = (4 / (d + 2)) ** (1 / (d + 4)) if rule == "silverman" else 1.0
    return constant * n ** (-1 / (d + 4))


def log_gaussian(square, d):
    """log K of the standard normal density, of squared lengths r²."""
    return -0.5 * square - 0.5 * d * math.log(2 * math.pi)


def log_epanechnikov(square, d):
    """log K of a parabola over the unit ball; -∞ outside."""
    with np.errstate(divide="ignore"):
        return np.log(np.maximum(1 - square, 0)) + math.log((d + 2) / 2) - log_volume(d)


def log_box(square, d):
    """log K of the unit ball, all places alike; -∞ outside."""
    return np.where(square <= 1, -log_volume(d), -np.inf)


KERNELS = {"gaussian": log_gaussian, "epanechnikov": log_epanechnikov, "box": log_box}


def log_volume(d):
    """log V_d, V_d = π^(d/2) / Γ(d/2 + 1), the volume of the unit ball."""
    return d / 2 * math.log(math.pi) - gammaln(d / 2 + 1)


def log_mean(values):
    """log of the mean of exp(values) of each row, which may overflow or be 0.   (b, n) -> (b,)"""
    top = values.max(1)
    top[top == -np.inf] = 0                             # all terms are 0, and stay 0
    with np.errstate(divide="ignore"):
        return np.log(np.exp(values - top[:, None]).mean(1)) + top


def _squares(x, samples):
    """Squared distances, some places at a time: slices and (b, n).   x (m, d), samples (n, d)

    From differences, feature after feature: no digit is lost where a place is near a sample.
    """
    step = max(1, BLOCK // len(samples))
    for start in range(0, len(x), step):
        rows = slice(start, start + step)
        square = np.zeros((len(x[rows]), len(samples)))
        for feature in range(samples.shape[1]):
            square += (x[rows, feature, None] - samples[:, feature]) ** 2
        yield rows, square


def _noise(kernel, n, d, rng):
    """n draws from the kernel.   -> (n, d)"""
    z = rng.standard_normal((n, d))
    if kernel == "gaussian":
        return z
    # a direction, and a length: in the ball r^d is uniform; under the parabola s = r² has a density
    # ∝ s^(d/2 - 1) (1 - s), which is Beta(d/2, 2)
    direction = z / np.linalg.norm(z, axis=1, keepdims=True)
    squared = rng.random(n) ** (2 / d) if kernel == "box" else rng.beta(d / 2, 2, n)
    return direction * np.sqrt(squared)[:, None]

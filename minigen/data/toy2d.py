r"""Point clouds of one to three dimensions, whose truth is known: mixtures, curves, boards.

Idea: a generator draws where on a shape each point lies (a component, an angle), maps that to the
plane by the shape's formula, and adds Gaussian noise. The density of a mixture, the arc length
along a curve and the points before the noise are known exactly: what a method finds is compared
with them.

    mixture    x = μ_k + σ_k z                         p(x) = 1/K Σ_k N(x; μ_k, σ_k² I)
    curve      x = c(t) + σ z                          s(t) = ∫ |c'(t)| dt

Labels go round, 0, 1, ..., K - 1, 0, 1, ...: classes are balanced exactly. Points are float64, as
chapter 01 computes; a network takes `points.astype(np.float32)`.
Invariant: point i depends on the seed, i and what is given, on nothing else.
Read next: factors.py.
"""

from dataclasses import dataclass

import numpy as np

from minigen.data.factors import settle, streams


@dataclass(frozen=True)
class Mixture:
    """n points of a mixture of K round Gaussians, equally likely."""

    points: np.ndarray          # (n, d) float64
    labels: np.ndarray          # (n,) int64: the component of each point
    means: np.ndarray           # (K, d)
    std: np.ndarray             # (K,) standard deviation along each axis

    def density(self, x):
        """p(x) = 1/K Σ_k N(x; μ_k, σ_k² I), the true density.   (m, d) -> (m,)"""
        square = ((x[:, None] - self.means) ** 2).sum(-1)                       # (m, K)
        variance = self.std**2
        peak = (2 * np.pi * variance) ** (-self.means.shape[1] / 2)
        return (peak * np.exp(-square / (2 * variance))).mean(1)


@dataclass(frozen=True)
class Cloud:
    """n points around a shape, and where on it each one is."""

    points: np.ndarray                  # (n, d) float64
    clean: np.ndarray                   # (n, d) the same points before the noise
    labels: np.ndarray                  # (n,) int64: the arm, moon or square; 0 where there is one
    t: np.ndarray | None = None         # (n,) the parameter of the curve
    s: np.ndarray | None = None         # (n,) the length of the curve up to t, where it is known
    height: np.ndarray | None = None    # (n,) the second coordinate of the roll in 3-D


def ring8(n, seed=0, *, std=0.05, **factors):
    """Eight Gaussians, their means evenly on the circle of radius 2, as `Mixture` in 2-D.

    factors: labels. std 0.02 is the strict version, of Metz et al., Unrolled generative adversarial
    networks, ICLR 2017.
    """
    angle = np.arange(8) * np.pi / 4
    return _mixture("ring8", n, seed, 2 * _polar(1, angle), std, factors)


def grid25(n, seed=0, *, std=0.05, **factors):
    """25 Gaussians on a grid of spacing 2, -4 to 4, as `Mixture` in 2-D. factors: labels."""
    axis = np.arange(-4.0, 5, 2)
    means = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(25, 2)
    return _mixture("grid25", n, seed, means, std, factors)


def two_gauss_1d(n, seed=0, **factors):
    """½ N(-2, 0.5²) + ½ N(1, 1²), as `Mixture` of points (n, 1). factors: labels."""
    return _mixture("two_gauss_1d", n, seed, np.array([[-2.0], [1.0]]), (0.5, 1.0), factors)


def swiss_roll(n, seed=0, *, dim=3, noise=0.0, **factors):
    """A sheet rolled up, as `Cloud`: (t cos t, height, t sin t), without the height if dim is 2.

    t is uniform in [1.5π, 4.5π], s = ½ (t √(1 + t²) + asinh t), height uniform in [0, 21]; both may
    be given: factors t, height.
    Source: Tenenbaum, de Silva & Langford, Science 2000.
    """
    if dim not in (2, 3):
        raise ValueError(f"swiss_roll: dim is {dim}; a roll has 2 dimensions or 3")
    place, z = streams("swiss_roll", n, seed, 2)
    unit = place.random((n, 2))
    drawn = {"t": 1.5 * np.pi * (1 + 2 * unit[:, 0]), "height": 21 * unit[:, 1]}
    made = settle("swiss_roll", drawn, factors, {"t": (0, np.inf)})
    t, height = made["t"], made["height"]
    clean = _polar(t, t)                                                        # (n, 2)
    if dim == 3:
        clean = np.insert(clean, 1, height, axis=1)                             # (n, 3)
    points = _noisy("swiss_roll", clean, noise, z)
    labels = np.zeros(n, np.int64)
    return Cloud(points, clean, labels, t, _spiral_length(t), height if dim == 3 else None)


def moons(n, seed=0, *, noise=0.05, **factors):
    """Two half circles of radius 1, each with an end inside the other, as `Cloud`; s = t.

    (cos t, sin t) and (1 - cos t, ½ - sin t), t uniform in [0, π]. factors: labels, t.
    """
    made, z = _on_arcs("moons", n, seed, 2, lambda unit: np.pi * unit, factors)
    t, labels = made["t"], made["labels"]
    clean = np.where(labels[:, None] == 0, _polar(1, t), (1, 0.5) - _polar(1, t))
    return Cloud(_noisy("moons", clean, noise, z), clean, labels, t, t)


def circle(n, seed=0, *, radius=1.0, noise=0.0, **factors):
    """A circle about 0, as `Cloud`: radius (cos t, sin t), t uniform in [0, 2π). factors: t."""
    made, z = _on_arcs("circle", n, seed, 1, lambda unit: 2 * np.pi * unit, factors)
    t = made["t"]
    clean = _polar(radius, t)
    return Cloud(_noisy("circle", clean, noise, z), clean, made["labels"], t, radius * t)


def spiral(n, seed=0, *, noise=0.1, **factors):
    """Two arms, one the other turned by π, as `Cloud`: ± t/3 (cos t, sin t). factors: labels, t.

    t = 3π √u, so that points are nearly even along an arm, s = (t √(1 + t²) + asinh t) / 6.
    """
    made, z = _on_arcs("spiral", n, seed, 2, lambda unit: 3 * np.pi * np.sqrt(unit), factors)
    t, labels = made["t"], made["labels"]
    clean = _polar((1 - 2 * labels) * t / 3, t)
    return Cloud(_noisy("spiral", clean, noise, z), clean, labels, t, _spiral_length(t) / 3)


def checkerboard(n, seed=0, *, noise=0.0, **factors):
    """Uniform on the eight dark squares of a 4 by 4 board over [-4, 4]², as `Cloud`.

    Square (0, 0), at the lower left, is dark. factors: labels, row by row from below.
    """
    place, z = streams("checkerboard", n, seed, 2)
    drawn = {"labels": np.arange(n) % 8}
    labels = settle("checkerboard", drawn, factors, {"labels": (0, 7)})["labels"]
    row = labels // 2
    corner = np.stack([2 * (labels % 2) + row % 2, row], 1)                     # (n, 2) 0 to 3
    clean = 2 * (corner + place.random((n, 2))) - 4
    return Cloud(_noisy("checkerboard", clean, noise, z), clean, labels)


def pinwheel(n, seed=0, *, arms=5, noise=0.1, **factors):
    """Curved arms around 0, as `Cloud`: a point (t, σz), turned by 2πk/arms + e^t / 4, times 2.

    t is N(1, 0.3²); the noise is across an arm, before it is bent. factors: labels, t.
    Source: Johnson et al., Composing graphical models with neural networks, NIPS 2016.
    """
    if arms < 1:
        raise ValueError(f"pinwheel: arms is {arms}; it must be 1 or more")
    place, z = streams("pinwheel", n, seed, 2)
    drawn = {"labels": np.arange(n) % arms, "t": 1 + 0.3 * place.standard_normal(n)}
    made = settle("pinwheel", drawn, factors, {"labels": (0, arms - 1)})
    t, labels = made["t"], made["labels"]
    across = _noisy("pinwheel", np.zeros(n), noise, z)
    angle = 2 * np.pi * labels / arms + np.exp(t) / 4
    clean = 2 * _polar(t, angle)
    return Cloud(clean + 2 * _polar(across, angle + np.pi / 2), clean, labels, t)


def _mixture(name, n, seed, means, std, factors):
    """n points of the components in turn.   means (K, d), std one value or (K,)"""
    (z,) = streams(name, n, seed, 1)
    components, dim = means.shape
    if np.any(np.asarray(std) < 0):
        raise ValueError(f"{name}: std is {std}; it must be 0 or more")
    std = np.broadcast_to(np.float64(std), components)
    drawn = {"labels": np.arange(n) % components}
    labels = settle(name, drawn, factors, {"labels": (0, components - 1)})["labels"]
    points = means[labels] + std[labels, None] * z.standard_normal((n, dim))
    return Mixture(points, labels, means, std)


def _on_arcs(name, n, seed, arcs, parameter, given):
    """Which arc each point is on, and where.   -> {labels, t}, the generator of its noise"""
    place, z = streams(name, n, seed, 2)
    drawn = {"labels": np.arange(n) % arcs, "t": parameter(place.random(n))}
    return settle(name, drawn, given, {"labels": (0, arcs - 1)}), z


def _noisy(name, clean, noise, rng):
    """clean + noise · z.   (n, ...) -> (n, ...)"""
    if noise < 0:
        raise ValueError(f"{name}: noise is {noise}, a standard deviation; it must be 0 or more")
    return clean + noise * rng.standard_normal(clean.shape)


def _polar(radius, angle):
    """radius (cos angle, sin angle).   (n,) -> (n, 2)"""
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)


def _spiral_length(t):
    """The length of (t cos t, t sin t) from 0 to t, t at least 0: ∫ √(1 + t²) dt."""
    return (t * np.sqrt(1 + t**2) + np.arcsinh(t)) / 2

"""What would be right? Trying a change of a returned gradient against the numeric derivative.

Idea: `db has shape (1, 3), b has (3,)` is true but no help. Summing, transposing or reordering what
was returned gives candidates, and two random directions tell which of them is the gradient: the
slope along each is measured once and then compared with any number of candidates for free. Only
what was confirmed in this way is said.

Read next: structure.py, which asks.
"""

import time
from itertools import combinations, permutations

import numpy as np

from minigen.gradcheck.numeric import derivative
from minigen.gradcheck.report import Finding
from minigen.gradcheck.slopes import scales, stream

DIRECTIONS = 2      # two directions that agree by chance are very rare
AXES = 5            # of a gradient: more are neither summed nor put in another order
GRADIENTS = 10      # with more of them, nobody looks which belongs where
SECONDS = 10.0      # for all experiments of one examination
CALLS = 20          # of forward, for one slope, about


class Slopes:
    """Numeric slopes of one pair along random directions through an argument.

    subject: a Subject; weights: the upstream of its floating outputs, a tuple of arrays. Where
    forward is too slow for them, nothing is confirmed.
    """

    def __init__(self, subject, weights, seed=0):
        self.subject, self.weights, self.seed = subject, weights, seed
        self.known, self.left = {}, SECONDS

    def of(self, leaf):
        """[(direction, Slope)] through the leaf, measured at the first call; or []."""
        if leaf.path not in self.known:
            rng = stream(self.seed, f"experiments {leaf.path}")
            x = np.asarray(leaf.value)
            directions = [
                scales(x) * rng.choice([-1.0, 1.0], x.shape) * rng.uniform(0.5, 1.0, x.shape)
                for _ in range(DIRECTIONS if x.size else 0)
            ]
            self.known[leaf.path] = self._measured(leaf, directions)
        return self.known[leaf.path]

    def _measured(self, leaf, directions):
        f, x, started = self.subject.function([leaf]), np.asarray(leaf.value), time.monotonic()
        f(x)
        if len(directions) * CALLS * (time.monotonic() - started) > self.left:
            return []
        found = [(u, derivative(f, x, u, self.weights, seed=self.seed)) for u in directions]
        self.left -= time.monotonic() - started
        return found

    def fits(self, leaf, gradient):
        """Whether the gradient is the leaf's, for all that the directions can tell."""
        gradient = np.asarray(gradient)
        x = np.asarray(leaf.value)
        if gradient.shape != x.shape or not np.isfinite(gradient).all() or not gradient.any():
            return False
        for u, slope in self.of(leaf):
            terms = gradient * u
            sharp = slope.tolerance < 0.05 * np.linalg.norm(terms)
            if slope.kind == "jump" or not sharp or slope.distance(terms.sum()) > slope.tolerance:
                return False
        return bool(self.of(leaf))

    def at_entry(self, leaf, index):
        """The slope at one entry of the leaf; None if forward is too slow."""
        x, index = np.asarray(leaf.value), tuple(index)
        direction = np.zeros(x.shape)
        direction[index] = size = scales(x)[index]
        measured = self._measured(leaf, [direction])
        return measured[0][1] / size if measured else None


def explain_shape(slopes, claim):
    """What would have to be done to a gradient of the wrong shape: half a sentence, or ""."""
    for said, gradient in _reshaped(claim.label, claim.gradient, np.shape(claim.leaf.value)):
        if slopes.fits(claim.leaf, gradient):
            return said
    return ""


def _reshaped(name, gradient, shape):
    """Gradients of the right shape made from one of another shape, each with what was done."""
    if not gradient.size:
        return
    axes = range(min(gradient.ndim, AXES))
    for order in permutations(axes) if gradient.ndim <= AXES else ():
        if [*order] != [*axes] and gradient.transpose(order).shape == shape:
            reversed_ = [*order] == [*axes][::-1]
            yield f"{name}{'.T' if reversed_ else f'.transpose{order}'} is right", (
                gradient.transpose(order)
            )
    if gradient.size == int(np.prod(shape)):
        yield _flatter(name, gradient, shape), gradient.reshape(shape)
    for count in range(1, len(axes) + 1):
        for chosen in combinations(axes, count):
            summed = gradient.sum(chosen)
            if summed.size != int(np.prod(shape)) or gradient.size == summed.size:
                continue
            where = chosen[0] if count == 1 else chosen
            kept = ", keepdims=True" if gradient.sum(chosen, keepdims=True).shape == shape else ""
            kept = "" if summed.shape == shape else kept
            yield (
                f"{name}.sum(axis={where}{kept}) is right: the sum over {_axes(chosen)} is missing"
            ), summed.reshape(shape)
            yield f"{name}.mean(axis={where}{kept}) is right", gradient.mean(chosen).reshape(shape)
    try:
        wide = np.broadcast_to(gradient, shape)
    except ValueError:
        return
    yield f"one number for many entries: spread it, {name} * np.ones({shape}), is right", wide
    share = wide.size // max(gradient.size, 1)
    yield f"spread over its {share} entries, {name} / {share} * np.ones({shape}) is right", (
        wide / share
    )


def _flatter(name, gradient, shape):
    extra = [i for i, n in enumerate(gradient.shape) if n == 1]
    if len(shape) < gradient.ndim and len(extra) == 1:
        return f"{name}.sum(axis={extra[0]}), or keepdims=False where it was made, is right"
    return f"{name}.reshape{shape} is right"


def _axes(chosen):
    return f"axis {chosen[0]}" if len(chosen) == 1 else f"axes {', '.join(map(str, chosen))}"


def explain_order(slopes, claims):
    """Whether the gradients are right but belong to other arguments: a Finding, or None."""
    if not 2 <= len(claims) <= GRADIENTS:
        return None
    belongs = {}            # what was returned for argument i is the gradient of argument j
    for i, claim in enumerate(claims):
        if slopes.fits(claim.leaf, claim.gradient):
            continue
        for j, other in enumerate(claims):
            if i != j and slopes.fits(other.leaf, claim.gradient):
                belongs[i] = j
                break
    if not belongs:
        return None
    labels = [c.label for c in claims]
    first, second = next(iter(belongs.items()))
    in_order = all(c.place and isinstance(c.place[0], int) for c in claims)
    actual = [labels[belongs.get(i, i)] for i in range(len(claims))]
    if in_order and sorted(belongs.values()) == sorted(belongs):
        said = f"gradients {first + 1} and {second + 1} are swapped"
        said = said if len(belongs) == 2 else "the gradients are in the wrong order"
        said += f": backward returns {', '.join(actual)}; return {', '.join(labels)}"
    else:
        said = "; ".join(
            f"what backward returns as {labels[i]} is the gradient of {claims[j].leaf.label}"
            for i, j in belongs.items()
        )
    evidence = {"returned_for": {labels[i]: labels[j] for i, j in belongs.items()}}
    return Finding("wrong_order", "fail", said, claims[first].leaf.label, evidence)

"""Experiments on normalisation: which sums does backward take, whatever comes from above?

Idea: the backward of a softmax, a norm or a unit length is a projection. With g from above and sums
S along its axes, p = softmax(x), y = x / |x|, h = (x - mean) / s,

    softmax    p (g - S(p g))           norm       (g - S(g) / D - h S(h g) / D) / s
    its log    g - p S(g)               length     (g - y S(y g)) / |x|

and g need not be known: the numeric gradient gives one such g, and the others differ from it by
what the projection takes away, a few numbers a line. So a wrong formula (a sum over another axis,
or none, or a term left out) is tried with these numbers free: if the claim is that formula of some
g whose right projection is the numeric gradient, that is what is wrong. That finds it below a loss
or another layer, too, where g is not dout.

Invariant: as in patterns.py; there are several entries more than free numbers. An eps in forward
is not known here, so that a relation may hold but nearly: then it is likely, and the share of the
error that it explains is said.
Read next: diagnosis.py; patterns_terms.py, which knows dout and therefore more.
"""

from dataclasses import dataclass
from itertools import combinations, product
from numbers import Integral, Real

import numpy as np

from minigen.gradcheck.patterns import diagnosis, listed

MOST = 256              # entries: the free numbers are found by least squares
SPARE = 4               # entries beyond the free numbers, at least
PROJECTED = 1e-3        # of its terms: what an invariant's sum may be off by, for an eps
EXPLAINED = 0.997       # of the largest error
MEAN = "the term through the mean"
KEPT = "keepdims=True"


@dataclass
class Layer:
    """scale * (g - sum of u * S(w * g) over terms), S a sum along `axes`."""

    name: str
    axes: tuple
    scale: np.ndarray
    terms: list             # of (what the term is, u, w, a g that the projection makes 0)

    def __call__(self, g, sums=(), factors=(), direct=1.0):
        """The formula at a stack of g (..., shape); sums, factors: {term: axes}, {term: number}
        that differ from the right ones; direct: of g itself."""
        total = direct * g
        ndim = self.scale.ndim
        for k, (_, u, w, _) in enumerate(self.terms):
            axes = dict(sums).get(k, self.axes)
            summed = (w * g).sum(tuple(axis - ndim for axis in axes), keepdims=True)
            total = total - dict(factors).get(k, 1.0) * u * summed
        return self.scale * total


def projected(evidence):
    """A sum over another axis, a sum left out, or a term of the backward of a normalisation."""
    if not evidence.whole or not evidence.x.ndim or evidence.x.size > MOST:
        return None
    beside = [0.0, *(evidence.alike()[1:] if evidence.alike() else ())]     # dout: a skip path
    for shape, past in product(_shapes(evidence), beside):
        both = evidence.numeric - past, evidence.claimed - past
        x, n, a = (z.reshape(shape) for z in (evidence.x, *both))
        if (np.abs(a) <= evidence.tolerance.reshape(shape)).all():
            continue                # 0 is a sum over any axis
        for layer in _layers(x, _numbers(evidence)):
            if not _belongs(layer, n):
                continue
            found = _wrong_formula(evidence, layer, n, a)
            if found:
                return found
    return None


def _shapes(evidence):
    """The argument's shape, and that of its channels in groups."""
    shape = evidence.x.shape
    yield shape
    channels = shape[1] if len(shape) > 2 else 0
    for groups in range(2, channels // 2 + 1):
        if channels % groups == 0:
            yield shape[0], groups, channels // groups, *shape[2:]


def _numbers(evidence):
    """What the argument may be divided by, or multiplied with, before a softmax."""
    given = [float(z) for z in evidence.inputs.values()
             if isinstance(z, Real) and not isinstance(z, Integral) and z > 0]     # fmt: skip
    return [1.0, *(power for z in given for power in (1 / z, z))]


def _layers(x, numbers):
    """Every Layer along every axis, or several, of x."""
    every = [axes for k in range(1, x.ndim + 1) for axes in combinations(range(x.ndim), k)]
    for axes in every:
        length = int(np.prod([x.shape[k] for k in axes]))
        one, mean = np.ones(x.shape), (MEAN, 1 / length, 1.0)
        if length < 3:
            continue
        centred = x - x.mean(axes, keepdims=True)
        std = np.sqrt((centred**2).mean(axes, keepdims=True))
        size = np.sqrt((x * x).sum(axes, keepdims=True))
        if not std.all():
            continue
        xhat, y = centred / std, x / size
        # summed over another axis it makes a difference what is divided before, and what after
        for u, w in ((xhat, xhat), (xhat / std, centred)):
            variance = "the term through the variance", u / length, w, xhat
            yield Layer("norm", axes, one / std, [(*mean, one), variance])
        for u, w in ((y, y), (y / size, x)):
            through = "the term through the norm", u, w, y
            yield Layer("length", axes, one / size, [through])
        for c in numbers:
            p = np.exp(c * (x - x.max(axes, keepdims=True)))
            p = p / p.sum(axes, keepdims=True)
            term = "the sum over p * dp of the softmax"
            yield Layer("softmax", axes, p, [(term, 1.0, p, one)])
            yield Layer("log-softmax", axes, one, [("the sum of the log-softmax", p, 1.0, p)])
        yield Layer("mean", axes, one, [(*mean, one)])


def _belongs(layer, n):
    """Whether n can be a gradient through the layer: what it takes away is 0."""
    g = n / layer.scale
    for _, _, w, _ in layer.terms:
        total, size = np.abs((w * g).sum(layer.axes)), np.abs(w * g).sum(layer.axes)
        if not (size.all() and (total <= PROJECTED * size).all()):
            return False
    return True


def _wrong_formula(evidence, layer, n, a):
    """The Diagnosis for the formula that explains the claim best, if one does."""
    free = _free(layer)
    if n.size < free.shape[0] + SPARE:
        return None
    off = np.abs(a - n).max()
    best = None
    for kind, message, changes in _formulas(layer):
        left = a - layer(n / layer.scale, **changes)
        columns = layer(free, **changes).reshape(len(free), -1).T
        c = np.linalg.lstsq(columns, left.ravel(), rcond=1e-10)[0]
        left = left - (columns @ c).reshape(n.shape)
        exact = bool((np.abs(left) <= evidence.tolerance.reshape(n.shape)).all())
        share = 1 - float(np.abs(left).max() / off)
        if exact or (share > EXPLAINED and (best is None or share > best[0])):
            best = share, kind, message, exact
        if exact:
            break
    return best and _said(evidence, layer, *best)


def _free(layer):
    """What g may have more, and its right projection not: an array (free numbers, *shape)."""
    shape = layer.scale.shape
    kept = [n if k not in layer.axes else 1 for k, n in enumerate(shape)]
    lines = np.broadcast_to(np.arange(np.prod(kept)).reshape(kept), shape)
    one = lines == np.arange(np.prod(kept)).reshape(-1, *(1,) * len(shape))
    return np.concatenate([one * lost for *_, lost in layer.terms])


def _formulas(layer):
    """(kind, sentence, what a call of the layer has in its place) of every formula tried."""
    where = _axes(layer.axes)
    terms = [name for name, *_ in layer.terms]
    for k, name in enumerate(terms):
        said = f"is right but for {name} ({where}), which is missing or has another size"
        yield "missing_term", said, {"factors": {k: 0.0}}
    if len(terms) > 1:
        said = f"is right but for {' and '.join(terms)} ({where}): both are missing or wrong"
        yield "missing_term", said, {"factors": dict.fromkeys(range(len(terms)), 0.0)}
    yield from _sums(layer, terms, where)
    said = f"lacks the part that comes directly from above; there is only {terms[-1]} ({where})"
    yield "missing_term", said, {"direct": 0.0}


def _sums(layer, terms, where):
    """Of `_formulas`: sums over other axes, of one term or of all, as sums and as means."""
    shape = layer.scale.shape
    length = np.prod([shape[k] for k in layer.axes])
    whole = [axes for k in range(len(shape) + 1) for axes in combinations(range(len(shape)), k)]
    sets = [(k,) for k in range(len(terms))] + ([tuple(range(len(terms)))] if terms[1:] else [])
    for chosen, axes in product(sets, whole):
        if axes == layer.axes:
            continue
        kind = "missing_broadcast_sum" if set(axes) < set(layer.axes) else "wrong_axis"
        said = f"has {' and '.join(terms[k] for k in chosen)} "
        said += f"{_instead(axes)} where it must be summed or averaged {where}"
        if len(axes) == 1 and len(shape) == 2 and shape[0] == shape[1]:
            said += f", or {where} but without {KEPT}, which a square array does not complain of"
        mean = float(length / np.prod([shape[k] for k in axes]))
        for factor in dict.fromkeys((1.0, mean)):
            also = ""
            if not axes and terms[chosen[0]] == MEAN and factor == mean:
                also = ": that cancels the part that comes directly from above"
            changes = {"sums": dict.fromkeys(chosen, axes)}
            yield kind, said + also, {**changes, "factors": dict.fromkeys(chosen, factor)}


def _axes(axes):
    return f"along {listed(axes)}"


def _instead(axes):
    return f"summed {_axes(axes)}" if axes else "without its sum"


def _said(evidence, layer, share, kind, message, exact):
    found = {"layer": layer.name, "axes": list(layer.axes), "explained": share}
    message = f"{evidence.gradient} {message}"
    if not exact:
        message += f"; that explains {min(share, 0.9999):.2%} of the error"
    # what cancels looks like what is left out; a term left out like one of another size; in a
    # square array a sum of columns like one of rows that is laid along the columns
    alike = kind == "missing_term" or "cancels" in message or KEPT in message
    sure = "likely" if alike or not exact else "confirmed"
    return diagnosis(evidence, kind, message, sure, **found)

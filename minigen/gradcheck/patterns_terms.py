"""Experiments on the formula: which terms is the numeric gradient made of, and which the claim?

Idea: along the axis of a softmax or a norm the right gradient is a sum of a few known arrays,

    softmax     c1 y v + c2 y               batch norm      c1 v + c2 + c3 (x - mean)
    log-softmax c1 v + c2 exp(y)            length 1        c1 v + c2 x

with numbers c that are the same along the axis. If one such line is the numeric gradient exactly,
the claim is written in the same terms: where one coefficient is 0, minus, or c times the right one,
that term is missing, has the wrong sign or a wrong factor. Elementwise functions are found by their
derivative, a / v; products of matrices by their factors.

Invariant: as in patterns.py; a line of terms counts only with more entries along the axis than
terms.
Read next: diagnosis.py.
"""

from itertools import combinations, product

import numpy as np

from minigen.gradcheck.evidence import floats_among
from minigen.gradcheck.patterns import diagnosis, listed

STEEP = 1e6             # condition number of a matrix that is too near to a singular one
SPARE = 1               # entries along the axis beyond the number of terms, at least
DERIVATIVES = {
    "1 - {0}**2": lambda z: 1 - z * z,
    "1 - tanh({0})**2": lambda z: 1 - np.tanh(z) ** 2,
    "{0} * (1 - {0})": lambda z: z * (1 - z),
    "exp({0})": np.exp,
    "{0}": lambda z: z,
    "2 * {0}": lambda z: 2 * z,
    "1 / {0}": lambda z: 1 / z,
    "cos({0})": np.cos,
    "1 / (1 + {0}**2)": lambda z: 1 / (1 + z * z),
    "1 / (2 * sqrt({0}))": lambda z: 0.5 / np.sqrt(z),
    "1 / (2 * {0})": lambda z: 0.5 / z,
    "1 / (1 + exp(-{0}))": lambda z: 1 / (1 + np.exp(-z)),
    "1 - exp(-{0})": lambda z: 1 - np.exp(-z),
}
LINES = {      # the short ones first: a long one would explain what they do
    "softmax": ("y * dout", "the -y * sum(y * dout) term of the softmax"),
    "log-softmax": ("dout", "the -exp(y) * sum(dout) term of the log-softmax"),
    "mean": ("dout", "the term through the mean (which depends on x, too)"),
    "length": ("dout", "the term through the norm (it is no constant)"),
    "mean and variance": ("dout", "the term through the mean",
                          "the term through the variance (which depends on x, too)"),
}


def elementwise(evidence):
    """1 - x**2 where 1 - y**2 is needed, and the like."""
    if not evidence.alike():
        return None
    (y, v), x = evidence.alike(), evidence.x
    for form, derivative in DERIVATIVES.items():
        of_x, of_y = derivative(x) * v, derivative(y) * v
        name = evidence.name
        for right, wrong, needs, has in ((of_y, of_x, "y", name), (of_x, of_y, name, "y")):
            if evidence.x.size < 3 or not np.isfinite(wrong[evidence.usable]).all():
                continue
            if evidence.fits(right) and evidence.explains(wrong):
                message = (
                    f"{evidence.gradient} has {form.format(has)} where {form.format(needs)} is "
                    "needed, y being the output of forward"
                )
                return diagnosis(evidence, "input_vs_output", message, needed=form.format(needs))
    return None


def lines_of_terms(evidence):
    """A term of a softmax or norm is missing, has a wrong sign or factor, or another axis."""
    if not evidence.alike() or not evidence.whole or not evidence.x.ndim:
        return None
    for name, axes, weight, terms in _lines(evidence, evidence.x):
        right = _coefficients(evidence, terms, axes, evidence.numeric)
        if right is None:
            continue
        mine = _coefficients(evidence, terms, axes, evidence.claimed)
        if mine is not None:
            found = _compared(evidence, name, axes, right, mine)
        else:
            found = _unsummed(evidence, name, axes, terms, weight)
            found = found or _other_axis(evidence, name, axes)
        if found:
            return found
    return None


def _lines(evidence, x, names=tuple(LINES)):
    """(name, axes, weight, terms): every line of terms, along every axis and over several."""
    y, v = evidence.alike()
    weights = [v, *(v * g for g in floats_among(evidence).values()
                    if g.ndim and _broadcasts(g.shape, v.shape))]    # fmt: skip
    # many axes first: numbers that are the same along all of them are so along fewer
    many = [axes for k in range(x.ndim, 0, -1) for axes in combinations(range(x.ndim), k)]
    one = np.ones(x.shape)
    for axes, w in product(many, weights):
        centred = x - x.mean(axes, keepdims=True)
        made = {
            "softmax": [y * w, y],
            "log-softmax": [w, np.exp(y)],
            "mean": [w, one],
            "length": [w, x],
            "mean and variance": [w, one, centred],
        }
        for name in names:
            yield name, axes, w, made[name]


def _broadcasts(shape, to):
    try:
        return np.broadcast_shapes(shape, to) == to
    except ValueError:
        return False


def _coefficients(evidence, terms, axes, gradient):
    """The coefficients (lines, terms) that give the gradient to the tolerance, or None."""
    length = int(np.prod([evidence.x.shape[k] for k in axes]))
    if length < len(terms) + SPARE:
        return None
    end = tuple(range(-len(axes), 0))

    def lined(z):
        return np.moveaxis(z, axes, end).reshape(-1, length)

    matrix = np.stack([lined(t) for t in terms], -1)
    sizes = np.linalg.norm(matrix, axis=1, keepdims=True)
    if not np.isfinite(sizes).all() or not sizes.all():
        return None
    inverse = np.linalg.pinv(matrix / sizes, rcond=1e-6)
    found = inverse @ lined(gradient)[..., None]
    if np.linalg.matrix_rank(matrix / sizes, tol=1e-6).min() < len(terms):
        return None
    left = (matrix / sizes @ found)[..., 0] - lined(gradient)
    if not (np.abs(left) <= lined(evidence.tolerance)).all():
        return None
    return found[..., 0] / sizes[:, 0]


def _compared(evidence, name, axes, right, mine):
    """What the claim's coefficients say, the numeric gradient's being `right`."""
    weight = np.abs(right).max(0)
    needed = weight > 1e-6 * weight.max()       # terms that the right gradient has
    if not needed.all():
        return None
    ratios = np.sum(mine * right, 0) / np.sum(right * right, 0)
    even = np.abs(mine - ratios * right).max(0) < 1e-6 * weight
    wrong = np.flatnonzero(np.abs(ratios - 1) > 1e-6)
    same = len(wrong) and np.ptp(ratios[wrong]) < 1e-6
    if not even.all() or not same or (len(wrong) > 1 and wrong[0] == 0):
        return None
    ratio, where = float(ratios[wrong[0]]), f"along {listed(axes)}"
    shown = [*LINES[name]]
    shown[0] = f"the part that comes directly from {shown[0]}"
    term = " and ".join(shown[k] for k in wrong)
    evidence_of = {"line": name, "axes": list(axes), "ratio": ratio}
    if abs(ratio) < 1e-6:
        return diagnosis(evidence, "missing_term", f"{evidence.gradient} lacks {term}, {where}",
                         **evidence_of)
    if abs(ratio + 1) < 1e-6:
        return diagnosis(evidence, "sign", f"{evidence.gradient} has {term}, {where}, with the "
                         "wrong sign", **evidence_of)
    message = f"{evidence.gradient} has {term}, {where}, {ratio:.6g} times as large as it must be"
    kind = "small_error" if abs(ratio - 1) < 0.02 else "factor"
    sure = "likely" if abs(ratio - 2) < 1e-6 else "confirmed"       # it may be added twice
    return diagnosis(evidence, kind, message, sure, **evidence_of)


def _unsummed(evidence, name, axes, terms, weight):
    """The claim has y * (y * dout) where y * sum(y * dout) is needed."""
    for k in range(1, len(terms)):
        local = [*terms[:k], terms[k] * terms[k] * weight, *terms[k + 1 :]]
        mine = _coefficients(evidence, local, axes, evidence.claimed)
        # a claim that lacks the term altogether is written so, too: with 0 of it
        if mine is not None and (np.abs(mine[:, k]) > 1e-6 * np.abs(mine).max()).all():
            message = (
                f"{evidence.gradient} has {LINES[name][k]} without its sum or mean over axis "
                f"{', '.join(map(str, axes))}"
            )
            return diagnosis(evidence, "missing_broadcast_sum", message, "likely",
                             axes=list(axes))      # or its other terms are left out
    return None


def _other_axis(evidence, name, axes):
    """The claim is the same line of terms, but along another axis."""
    for _, others, _, terms in _lines(evidence, evidence.x, (name,)):
        if others == axes or set(others) > set(axes):
            continue
        mine = _coefficients(evidence, terms, others, evidence.claimed)
        if mine is not None and (np.abs(mine).max(0) > 1e-6 * np.abs(mine).max()).all():
            message = (
                f"{evidence.gradient} is summed over {listed(others)} where it must be "
                f"{listed(axes)}"
            )
            return diagnosis(evidence, "wrong_axis", message, has=list(others), needed=list(axes))
    return None


def summed(evidence):
    """The gradient of a bias, or the like: dout summed over other axes, or one slice of it."""
    shape = evidence.x.shape
    for v in evidence.upstream:
        if not evidence.x.ndim or evidence.x.size < 2 or v.ndim <= evidence.x.ndim:
            continue
        many = v.ndim - evidence.x.ndim
        ways = {axes: v.sum(axes) for axes in combinations(range(v.ndim), many)}
        ways = {axes: s for axes, s in ways.items() if s.shape == shape}
        for axes in (axes for axes, s in ways.items() if evidence.fits(s)):
            for others, s in ways.items():
                if evidence.explains(s):
                    message = (
                        f"{evidence.gradient} is dout summed over {listed(others)} where it must "
                        f"be {listed(axes)}"
                    )
                    # an axis of a larger dout may as well be swapped with another
                    sure = "confirmed" if v.ndim == 2 else "likely"
                    return diagnosis(evidence, "wrong_axis", message, sure, has=list(others))
            for i, slab in enumerate(np.moveaxis(v, axes, range(many)).reshape(-1, *shape)):
                if evidence.explains(slab):
                    message = (
                        f"{evidence.gradient} is one slice of dout where it must be its sum over "
                        f"{listed(axes)}"
                    )
                    return diagnosis(evidence, "missing_broadcast_sum", message, slice=i)
    return None


def matrix_product(evidence):
    """n = p @ q, and the claim has one of them transposed, or q @ p."""
    if evidence.x.ndim != 2 or evidence.x.size < 4:
        return None
    named = {"dout": evidence.upstream, "the output": evidence.outputs}
    matrices = {k: z[0] for k, z in named.items() if len(z) == 1}
    matrices |= floats_among(evidence) | {evidence.name: evidence.x}
    matrices = {name: z for name, z in matrices.items() if z.ndim == 2}
    both = {(name, t): z.T if t else z for name, z in matrices.items() for t in (False, True)}
    made = {
        (p, q): both[p] @ both[q] for p, q in product(both, both)
        if both[p].shape[1] == both[q].shape[0] and p[0] != q[0]
    }  # fmt: skip
    for (p, q), right in made.items():
        if not evidence.fits(right):
            continue
        for (r, s), wrong in made.items():
            if {p[0], q[0]} == {r[0], s[0]} and evidence.explains(wrong):
                shown = [f"{z[0]}.T" if z[1] else z[0] for z in (r, s, p, q)]
                message = "{} is {} @ {} where it must be {} @ {}".format(
                    evidence.gradient, *shown
                )
                return diagnosis(evidence, "transpose", message)
    return None


def factor_transposed(evidence):
    """The last factor of a chain, a square matrix m, is transposed: g @ m for g @ m.T.

    g is not known, but g = n @ inv(m.T), and then g @ m is what is claimed.
    """
    if evidence.x.ndim < 2 or not evidence.whole:
        return None
    a = evidence.claimed
    named = floats_among(evidence)
    named |= {"the output": evidence.outputs[0]} if len(evidence.outputs) == 1 else {}
    for name, m in named.items():
        if m.ndim != 2 or m.shape[0] != m.shape[1] or not 1 < np.linalg.cond(m) < STEEP:
            continue
        for shown, needed, z in ((name, f"{name}.T", m), (f"{name}.T", name, m.T)):
            swap = np.linalg.solve(z, z.T)      # inv(z) @ z.T
            guesses = {}
            if len(m) == a.shape[-1]:
                guesses["right"] = a @ swap
            if len(m) == a.shape[-2]:
                guesses["left"] = swap.T @ a
            for side, guess in guesses.items():
                if evidence.fits(guess):
                    message = (
                        f"{evidence.gradient} is multiplied from the {side} by {shown} where it "
                        f"must be {needed}"
                    )
                    return diagnosis(evidence, "transpose", message, matrix=name, side=side)
    return None

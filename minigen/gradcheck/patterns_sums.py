"""Experiments on a formula without an axis: elementwise layers and losses, a sum of known arrays.

Idea: the gradient of a loss or an elementwise layer is often a sum of two or three arrays that are
at hand, c1 t1 + c2 t2 (+ c3 t3), with numbers c for the whole array: 1 * dout - 1 * dout * y**2 for
tanh, p / N - target / N for cross-entropy. A dictionary of such arrays is made from the arguments
and the output. If one sum is the numeric gradient exactly, the claim is written in the same arrays:
a coefficient 0, minus or c times the right one says what is wrong.

Invariant: as in patterns.py; a sum counts only with twice as many entries as coefficients.
Read next: diagnosis.py.
"""

from itertools import combinations, product

import numpy as np

from minigen.gradcheck.evidence import floats_among
from minigen.gradcheck.patterns import diagnosis

SPARE = 4               # entries per coefficient, at least
MOST = 48               # arrays in the dictionary
TERMS = 3               # of a sum, at most
CLOSEST = 8             # sums that are tried exactly, of those that a quick fit finds best


def sums(evidence):
    """One term of the sum is missing, or has a wrong sign or factor; or x stands where y must."""
    if not evidence.whole or evidence.x.size < 2 * SPARE:
        return None
    named = _dictionary(evidence)
    found = [_compared(evidence, named, *fit) for fit in _fits(evidence, named)]
    return next(filter(None, found), None)


def lacking(evidence):
    """The claim and the numeric gradient differ by one array that is at hand, times a number."""
    uneven = np.ptp(evidence.numeric) > 1e-3 * evidence.scale
    if not evidence.whole or evidence.x.size < SPARE or not uneven:
        return None
    off = evidence.numeric - evidence.claimed
    for name, term in (_dictionary(evidence) | _products(evidence)).items():
        c = float((off * term).sum() / (term * term).sum())
        if evidence.fits(evidence.claimed + c * term):
            message = (
                f"{evidence.gradient} is right but for {c:.4g} * {name.removeprefix('1 * ')}, "
                "which it lacks: is that term left out, or is its sign or factor another?"
            )
            return diagnosis(evidence, "missing_term", message, "likely", term=name, needed=c)
    return None


def _products(evidence):
    """{name: array like the argument}: products of matrices, and rows times a sum of dout."""
    if evidence.x.ndim < 2 or len(evidence.upstream) != 1:
        return {}
    v, (weight, times), made = evidence.upstream[0], _upstream(evidence), {}
    arrays = {"dout": v} | floats_among(evidence) | {evidence.name: evidence.x}
    both = {
        name + way: z.swapaxes(-1, -2) if way else z
        for name, z in arrays.items() if z.ndim >= 2 for way in ("", ".T")
    }  # fmt: skip
    for (one, p), (other, q) in product(both.items(), repeat=2):
        fit = p.shape[-1] == q.shape[-2] and p.shape[:-2] == q.shape[:-2]
        if fit and one.split(".")[0] != other.split(".")[0]:
            r = p @ q
            made[f"{one} @ {other}"] = r
            if times and r.shape == evidence.x.shape:
                made[f"({one} @ {other}){times}"] = r * weight
    for axis in range(v.ndim):
        for name, z in arrays.items():
            total = v.sum(axis)[..., None]
            if z.shape == evidence.x.shape and total.shape == (*z.shape[:-1], 1):
                made[f"dout.sum({axis})[..., None] * {name}"] = total * z
    return {
        name: z for name, z in made.items()
        if z.shape == evidence.x.shape and np.isfinite(z).all() and z.any()
    }  # fmt: skip


def _dictionary(evidence):
    """{name: array like the argument}: what a gradient may be a sum of, times dout."""
    shape = evidence.x.shape
    plain = {evidence.name: evidence.x}
    plain |= {name: z for name, z in floats_among(evidence).items() if z.shape == shape}
    weight, times = _upstream(evidence)
    made = {"1": np.ones(shape)}
    for name, z in plain.items():
        made |= {name: z, f"{name}**2": z * z, f"exp({name})": np.exp(z)}
        made[f"sigmoid({name})"] = s = 1 / (1 + np.exp(-z))
        made[f"{name} * exp(-{name}**2 / 2)"] = z * np.exp(-z * z / 2)
        made |= {f"{name} * sigmoid({name})": z * s, f"{name} * sigmoid({name})**2": z * s * s}
        if z.ndim:
            p = np.exp(z - z.max(-1, keepdims=True))
            made[f"softmax({name})"] = p / p.sum(-1, keepdims=True)
        for other, w in plain.items():
            if other != name:
                made[f"{name} * {other}"] = z * w
    if evidence.alike():
        y = evidence.alike()[0]
        made |= {"y": y, "y**2": y * y, "exp(y)": np.exp(y)}
    made |= _one_hot(evidence)
    terms = {f"{name}{times}": z * weight for name, z in made.items()}
    good = {name: z for name, z in terms.items() if np.isfinite(z).all() and z.any()}
    return dict(list(good.items())[:MOST])


def _upstream(evidence):
    """(array that broadcasts to the argument, " * dout") of the only output, if it has a say."""
    shape = evidence.x.shape
    if len(evidence.upstream) == 1:
        v = evidence.upstream[0]
        v = v.reshape(v.shape + (1,) * (len(shape) - v.ndim)) if v.ndim <= len(shape) else v
        if all(m in (1, n) for m, n in zip(v.shape, shape, strict=False)) and v.ndim == len(shape):
            return v, " * dout"
    return np.ones(shape), ""


def _one_hot(evidence):
    """Integer arguments that may be labels, as one-hot arrays."""
    made, shape = {}, evidence.x.shape
    for name, z in evidence.inputs.items():
        labels = isinstance(z, np.ndarray) and z.dtype.kind in "iu" and z.shape == shape[:-1]
        if labels and shape and z.size and z.min() >= 0 and z.max() < shape[-1]:
            made[f"one_hot({name})"] = np.eye(shape[-1])[z]
    return made


def _fits(evidence, named):
    """(names, coefficients of n): sums of two or three terms that are n exactly, the short first"""
    names = list(named)
    matrix = np.stack([z.ravel() for z in named.values()], 1)
    sizes = np.linalg.norm(matrix, axis=0)
    matrix = matrix / sizes
    n = evidence.numeric.ravel()
    gram, along, total = matrix.T @ matrix, matrix.T @ n, float(n @ n)
    for count in range(2, TERMS + 1):
        if n.size < SPARE * count or len(names) < count:
            return
        sets = np.array(list(combinations(range(len(names)), count)))
        blocks = gram[sets[:, :, None], sets[:, None, :]]
        independent = np.linalg.det(blocks) > 1e-6
        sets, blocks = sets[independent], blocks[independent]
        if not len(sets):
            continue
        right = along[sets]
        c = np.linalg.solve(blocks, right[..., None])[..., 0]
        left = total - (c * right).sum(1)
        exact = []
        for i in np.argsort(left)[:CLOSEST]:
            columns = sets[i]
            c = np.linalg.lstsq(matrix[:, columns], n, rcond=None)[0]
            guess = (matrix[:, columns] @ c).reshape(evidence.x.shape)
            # a term without weight is no part of the sum
            if evidence.fits(guess) and np.abs(c).min() > 1e-4 * np.abs(c).max():
                exact.append(([names[k] for k in columns], c / sizes[columns]))
        yield from exact
        if exact:
            return


def _compared(evidence, named, names, right):
    """What the claim's coefficients say, the numeric gradient's being `right`."""
    matrix = np.stack([named[name].ravel() for name in names], 1)
    mine = np.linalg.lstsq(matrix, evidence.claimed.ravel(), rcond=None)[0]
    if not evidence.explains((matrix @ mine).reshape(evidence.x.shape)):
        return _other_variable(evidence, named, names, right)
    ratios = mine / right
    wrong = np.flatnonzero(np.abs(ratios - 1) > 1e-6)
    if len(wrong) != 1:
        return None
    ratio, term = float(ratios[wrong[0]]), names[wrong[0]]
    found = {"terms": names, "needed": right.tolist(), "has": mine.tolist()}
    message = f"{evidence.gradient} must be {written(right, names)}"
    if abs(ratio) < 1e-6:
        return diagnosis(evidence, "missing_term", f"{message}; the term with {term} is missing",
                         **found)
    if abs(ratio + 1) < 1e-6:
        return diagnosis(evidence, "sign", f"{message}; yours has the wrong sign at {term}",
                         **found)
    message = f"{message}; yours has {mine[wrong[0]]:.6g} * {term}"
    return diagnosis(evidence, "small_error" if abs(ratio - 1) < 0.02 else "factor", message,
                     **found)


def written(numbers, terms):
    """A sum as one writes it: "dout - 2 * x * dout"."""
    whole = ""
    for number, term in zip(numbers, terms, strict=True):
        size = f"{abs(number):.4g}"
        whole += (" - " if number < 0 else " + ") + (term if size == "1" else f"{size} * {term}")
    return whole.removeprefix(" + ") if whole.startswith(" + ") else f"-{whole[3:]}"


def _other_variable(evidence, named, names, right):
    """The claim is the same sum with the argument where the output must be, or the reverse."""
    for old, new in (("y", evidence.name), (evidence.name, "y")):
        changed = [_renamed(name, old, new) for name in names]
        if changed != names and all(name in named for name in changed):
            wrong = sum(c * named[name] for c, name in zip(right, changed, strict=True))
            if evidence.explains(wrong):
                message = (
                    f"{evidence.gradient} has {', '.join(changed)} where it must be "
                    f"{', '.join(names)}, y being the output"
                )
                return diagnosis(evidence, "input_vs_output", message, needed=names)
    return None


def _renamed(term, old, new):
    """A term of the dictionary with another variable: y**2 * dout -> x**2 * dout."""
    head, star, rest = term.partition(" * dout")
    for form in ("{}", "{}**2", "exp({})"):
        if head == form.format(old):
            return form.format(new) + star + rest
    return term

"""The complex step: a second opinion where differences are too inexact to judge a claim.

Idea: if f is analytic, f(x + ih) = f(x) + ih f'(x) + O(h²), so the imaginary part over h is the
derivative: nothing is subtracted, so nothing is lost to rounding, whatever offset f has.

It is never the only witness. abs, max, where and comparisons accept complex numbers but are not
analytic, and what comes out is silently wrong. So it is believed only if f of the same inputs as
complex numbers is f, two step sizes agree, and the differences, which must know the slope to a
quarter themselves, have it within their error; and a claim that it calls wrong must be far from
the differences, too.

Source: Squire & Trapp, Using complex variables to estimate derivatives of real functions, 1998.
Read next: argument.py, which asks.
"""

from dataclasses import replace

import numpy as np

from minigen.gradcheck.slopes import as_tuple

STEPS = (2.0**-30, 2.0**-60)


def second_opinion(point, k, i, unit, entry, slack, scale):
    """A sharper `Slope` of f along entry i (a flat index) of x_k; or None, if it is not believed.

    entry: the claim with its slope from differences; unit: of the steps; slack: tolerance for the
    noise of the claim; scale: size of the gradients that this one belongs to.
    """
    slope, claimed = entry.slope, entry.claimed
    if not slope.error <= scale / 4:
        return None
    found = [_imaginary(point, k, i, h * unit) for h in (0.0, *STEPS)]
    if any(terms is None for terms in found) or found[0].any():
        return None
    values = [terms.sum() / (h * unit) for terms, h in zip(found[1:], STEPS, strict=True)]
    value, size = values[0], np.abs(found[1]).sum() / (STEPS[0] * unit)
    rounding = point.eps_claims * max(size, abs(claimed))
    error = abs(values[1] - value) + point.eps * size
    if not (error <= point.sharp * scale and abs(value - slope.value) <= 2 * slope.error):
        return None
    sharper = replace(
        slope,
        value=value,
        low=value,
        high=value,
        error=error,
        tolerance=20 * error + slack + 32 * rounding,
    )
    right = sharper.distance(claimed) <= sharper.tolerance
    return sharper if right or abs(claimed - slope.value) > 4 * slope.error else None


def _imaginary(point, k, i, h):
    """upstream * imaginary part of f, (m,), where ih was added to an entry; None if f refuses."""
    x = point.inputs[k].astype(np.complex128)
    x.flat[i] += 1j * h
    try:
        outputs = as_tuple(point.f(*point.inputs[:k], x, *point.inputs[k + 1 :]))
    except Exception:       # code for real numbers may fail in any way; then it has no opinion
        return None
    rows = [np.ravel(y) for y in outputs]
    if [np.shape(y) for y in outputs] != point.shapes or not all(map(np.iscomplexobj, rows)):
        return None
    row = np.concatenate(rows)[point.heard]
    same = np.abs(row.real - point.value) <= 8 * point.sigma
    return point.weights * row.imag if same.all() and np.isfinite(row).all() else None

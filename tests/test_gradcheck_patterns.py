"""Relations between a wrong gradient and the right one that take more than a table of entries.

Idea: as test_gradcheck_diagnosis.py, but for experiments that run forward elsewhere, solve for what
came from above, or compare parts: each once where it must speak, and beside it a backward that
looks alike and has something else wrong, where it must not.
Read next: minigen/gradcheck/patterns_layers.py, patterns_upstream.py, patterns_inputs.py.
"""

import numpy as np
import pytest

from minigen.gradcheck import gradcheck
from minigen.gradcheck.patterns import listed
from minigen.gradcheck.patterns_sums import written

RNG = np.random.default_rng(11)


def normal(*shape):
    return RNG.normal(size=shape)


X, W, LABELS = normal(5, 6), normal(6, 6), np.array([2, 0, 5, 2, 1])
MASK = np.where(RNG.random((5, 6)) < 0.5, 0.0, 2.0)
KERNEL, SIGNAL = normal(3), normal(2, 7)
WEIGHTS = RNG.uniform(0.5, 2.0, 5)


# forwards, with what their backwards need; a wrong backward is made by an option


def square(x):
    return x * x, x


def scaled(factor):
    return lambda d, x: 2 * x * d * factor


def part(factor, rows=slice(2, 4)):
    def backward(d, x):
        dx = 2 * x * d
        dx[:, rows] *= factor
        return dx

    return backward


def few_wrong(d, x):
    return 2 * x * d * np.where(np.arange(30).reshape(5, 6) % 7 == 0, 1 + x, 1)


def leaky(x):
    return np.where(x > 0, x, 0.25 * x), x


def hard_tanh(x):
    return np.clip(x, -1, 1), x


def dropout(x):
    return x * MASK, None


def cross_entropy(x, labels):
    p = np.exp(x - x.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    return -np.log(p[np.arange(5), labels]).mean(), (p, labels)


def at_labels(change):
    def backward(dout, cache):
        dx, rows = cache[0].copy(), (np.arange(5), cache[1])
        dx[rows] = change(dx[rows])
        return dout * dx / 5

    return backward


def unit(x):
    """The cosine of each row with a fixed one, as a loss."""
    size = np.sqrt((x * x).sum(1, keepdims=True))
    y = x / size
    return (np.sin(y) * X[::-1]).sum(), (y, size)


def unit_backward(axis=1, through=lambda s: s):
    def backward(dout, cache):
        y, size = cache
        g = dout * np.cos(y) * X[::-1]
        s = g * y if axis is None else (g * y).sum(axis, keepdims=True)
        return (g - y * through(s)) / size

    return backward


def skip(x):
    """x + its layer norm."""
    std = x.std(1, keepdims=True)
    h = (x - x.mean(1, keepdims=True)) / std
    return x + h, (h, std)


def skip_backward(axis, through=lambda s: s):
    def backward(d, cache):
        h, std = cache
        return d + (d - d.mean(1, keepdims=True)
                    - h * through((d * h).mean(axis, keepdims=True))) / std   # fmt: skip

    return backward


def full(x, w):
    """Convolution of each row, 1-d."""
    return np.stack([np.convolve(row, w) for row in x]), (x, w)


def full_backward(kernel):
    def backward(d, cache):
        x, w = cache
        dx = np.stack([np.convolve(row, kernel(w), "valid") for row in d])
        dw = sum(np.convolve(dr, xr[::-1], "valid") for dr, xr in zip(d, x, strict=True))
        return dx, dw

    return backward


def upsample(x):
    return np.repeat(x, 2, axis=1), None


def tanh_of(x, w):
    y = np.tanh(x @ w)
    return y, (x, w, y)


def tanh_backward(last, dw=1):
    def backward(d, cache):
        x, w, y = cache
        g = d * (1 - y * y)
        return last(g, w), x.T @ g * dw

    return backward


def weighted(x):
    return (WEIGHTS[:, None] * x * x).sum(), x


def gelu(x):
    from math import erf

    phi = 0.5 * (1 + np.vectorize(erf)(x / np.sqrt(2)))
    return x * phi, (x, phi)


def shuffled(x):
    """(3, 8) -> (3, 2, 2, 2) with its last axes in another order, flat again."""
    return x.reshape(3, 2, 2, 2).transpose(0, 3, 1, 2).reshape(3, 8) ** 3, x


def unshuffled(order):
    def backward(d, x):
        flat = x.reshape(3, 2, 2, 2).transpose(0, 3, 1, 2).reshape(3, 8)
        return (3 * flat**2 * d).reshape(3, 2, 2, 2).transpose(order).reshape(3, 8)

    return backward


def stacked(x):
    return np.concatenate([np.sin(x[:, :3]), x[:, 3:] ** 2], 1), x


def stacked_backward(order):
    def backward(d, x):
        halves = [d[:, :3] * np.cos(x[:, :3]), 2 * d[:, 3:] * x[:, 3:]]
        return np.concatenate([halves[k] for k in order], 1)

    return backward


def moments(x):
    std = np.sqrt(x.var(0) + 1e-2)
    return (x - x.mean(0)) / std, x


def moments_backward(eps=1e-2, dtype=float):
    def backward(d, x):
        std = np.sqrt(x.var(0) + eps)
        h, d = (x - x.mean(0)) / std, d.astype(dtype).astype(float)
        return (d - d.mean(0) - h * (d * h).mean(0)) / std

    return backward


def half_kept(d, x):
    """The normalised array was kept in half precision."""
    std = np.sqrt(x.var(0) + 1e-2)
    h = ((x - x.mean(0)) / std).astype(np.float16)
    return (d - d.mean(0) - h * (d * h).mean(0)) / std


def running(x):
    return np.cumsum(x * x, 1), x


def running_backward(read):
    return lambda d, x: 2 * x * np.cumsum(read(d)[:, ::-1], 1)[:, ::-1]


def cut(d, last=0):
    d = d.copy()
    d[-1] = last
    return d


Y = normal(3, 8)

# kind, forward, a backward where it is named, words of the sentence, one where it must not be
CASES = {
    "never written": ("missing_term", square, scaled(0), "0 everywhere", few_wrong, (X,)),
    "no mask": ("wrong_mask", dropout, lambda d, _: d * 1, "the mask is missing",
                lambda d, _: d * MASK * (1 + X), (X,)),
    "threshold": ("wrong_mask", leaky, lambda d, x: d * np.where(x > 0.7, 1, 0.25),
                  "is between", lambda d, x: d * np.where(x > 0, 1, 0.25) * np.where(MASK, 3, 1),
                  (X,)),
    "one side": ("wrong_mask", hard_tanh, lambda d, x: d * (x < 1), "too much through",
                 lambda d, x: d * (np.abs(x) < 1) + 0.1 * d, (X,)),
    "a part": ("sign", square, part(-1), "wrong sign at 10 entries, 2 to 3 along axis 1",
               part(-1.1), (X,)),
    "a part twice": ("double_count", square, part(2), "added there twice", part(2.1), (X,)),
    "per row": ("factor", weighted, lambda d, x: 2 * x * d, "along axis 0 alone",
                lambda d, x: 2 * x * d * (WEIGHTS[:, None] + x), (X,)),
    "label overwritten": ("overwrites", cross_entropy, at_labels(lambda p: 1), "picks: there",
                          at_labels(lambda p: p * p), (X, LABELS)),
    "label twice": ("double_count", cross_entropy, at_labels(lambda p: p - 2), "added twice",
                    at_labels(lambda p: 3 * p), (X, LABELS)),
    "below a loss": ("missing_broadcast_sum", unit, unit_backward(None), "without its sum",
                     unit_backward(None, np.sin), (X,)),
    "below a loss, axis": ("wrong_axis", unit, unit_backward(0), "axis 0 where it must be",
                           unit_backward(0, np.sin), (X,)),
    "term below a loss": ("missing_term", unit, unit_backward(1, lambda s: 0 * s),
                          "missing or has another size", unit_backward(None, np.exp), (X,)),
    "beside a skip": ("wrong_axis", skip, skip_backward(0), "through the variance",
                      skip_backward(1, np.sin), (X,)),
    "kernel": ("flip", full, full_backward(lambda w: w), "read backwards",
               full_backward(lambda w: w**2), (SIGNAL, KERNEL)),
    "one slice": ("missing_broadcast_sum", upsample, lambda d, _: d[:, ::2] * 1, "a sum is missing",
                  lambda d, _: d[:, ::2] * 1.5, (X,)),
    "last factor": ("transpose", tanh_of, tanh_backward(lambda g, w: g @ w), "where it must be w.T",
                    tanh_backward(lambda g, w: g @ w**2), (X, W)),
    "in wrong places": ("transpose", shuffled, unshuffled((0, 3, 1, 2)), "in the wrong places",
                        lambda d, x: unshuffled((0, 3, 1, 2))(d, x) ** 2, (Y,)),
    "lacks a term": ("missing_term", gelu, lambda d, c: d * c[1], "which it lacks",
                     lambda d, c: d * c[1] ** 2, (X,)),
    "twice": ("double_count", tanh_of, tanh_backward(lambda g, w: g @ w.T, 2), "added twice",
              tanh_backward(lambda g, w: g @ w.T, 2.2), (X, W)),
    "halves": ("wrong_order", stacked, stacked_backward((1, 0)), "in another order",
               stacked_backward((1, 1)), (X,)),
    "ones": ("double_count", square, lambda d, x: 1 + 2 * x * d, "is 1 everywhere when dout is 0",
             lambda d, x: x + 2 * x * d, (X,)),
    "eps": ("small_error", moments, moments_backward(1e-2 + 1e-5), "compare eps",
            moments_backward(0.5), (X,)),
    "rounded inside": ("wrong_precision", moments, moments_backward(dtype=np.float16), "rounded",
                       moments_backward(1e-2 + 1e-5), (X,)),
    "rounded cache": ("wrong_precision", moments, half_kept, "rounded to float16",
                      moments_backward(1e-2 + 1e-4), (X,)),
    "dout's last row": ("boundary", running, running_backward(cut), "without its last row",
                        running_backward(lambda d: cut(d, 1)), (X,)),
    "dout transposed": ("transpose", running, running_backward(lambda d: d.T), "another order",
                        running_backward(lambda d: d.T**2 / d), (normal(5, 5),)),
    "dout moved": ("off_by_one", running, running_backward(lambda d: np.roll(d, 1, (0, 1))),
                   "moved by 1 along axes 0 and 1", running_backward(lambda d: d + 1 / d), (X,)),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_relation_is_found_and_nothing_like_it(case):
    kind, forward, wrong, words, otherwise, inputs = CASES[case]
    report = gradcheck(forward, wrong, inputs=inputs)
    assert report.verdict == "fail" and report.diagnosis
    assert report.diagnosis[0].kind == kind, report.diagnosis
    assert words in report.diagnosis[0].message
    report = gradcheck(forward, otherwise, inputs=inputs)
    assert report.verdict == "fail"
    assert kind not in [found.kind for found in report.diagnosis], report.diagnosis


def nearly(x):
    std = np.sqrt(x.var(0) + 1e-5)
    h = (x - x.mean(0)) / std
    return h, (h, std)


def nearly_backward(d, cache):
    h, std = cache
    return (d - d.mean(0) - h * (d * h).mean(1, keepdims=True)) / std


def test_what_nearly_explains_says_how_much():
    """With an eps in forward the relation is not exact: likely, with its share."""
    report = gradcheck(nearly, nearly_backward, inputs=(X,))
    found = report.diagnosis[0]
    assert (found.kind, found.confidence) == ("wrong_axis", "likely")
    assert "% of the error" in found.message and 0.99 < found.evidence["explained"] < 1


def lines(x):
    std = x.std(1, keepdims=True)
    h = (x - x.mean(1, keepdims=True)) / std
    return h, (h, std)


def laid_along_columns(d, cache):
    h, std = cache
    return (d - d.mean(1, keepdims=True) - h * (d * h).mean(1)) / std


def test_in_a_square_array_a_lost_keepdims_is_not_said_to_be_another_axis():
    report = gradcheck(lines, laid_along_columns, inputs=(normal(5, 5),))
    found = report.diagnosis[0]
    assert (found.kind, found.confidence) == ("wrong_axis", "likely")
    assert "along axis 1 but without keepdims=True" in found.message


def test_how_axes_are_listed():
    said = [listed(axes) for axes in ((1,), (0, 2), (0, 2, 3))]
    assert said == ["axis 1", "axes 0 and 2", "axes 0, 2 and 3"]


def test_how_a_sum_is_written():
    assert written([1.0, 2.0, -1.0], ["dout", "x * dout", "y"]) == "dout + 2 * x * dout - y"
    assert written([-0.5, 1.0], ["a", "b"]) == "-0.5 * a + b"


def test_a_factor_of_two_may_be_a_number_that_was_given():
    def masked(x, p):
        return x * (x > 0) / p, x

    report = gradcheck(masked, lambda d, x: (d * (x > 0), None), inputs=(normal(3, 5), 0.5))
    said = report.diagnosis[0].message
    assert "2 is p, or 1 over it; or does a square bring a 2?" in said

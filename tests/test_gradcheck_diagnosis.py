"""What the gradient checker says is wrong: every kind where it must be, and where it must not be.

Idea: a table of wrong backwards, each with the kind that its report has to begin with. A second
table has backwards that look similar and have something else wrong; there the kind must not appear.
Read next: minigen/gradcheck/diagnosis.py.
"""

import numpy as np
import pytest

from minigen.gradcheck import gradcheck

RNG = np.random.default_rng(7)


def normal(*shape):
    return RNG.normal(size=shape)


def positive(*shape):
    return RNG.uniform(0.5, 2.0, shape)


# forwards, with what their backwards need


def linear(x, w):
    return x @ w, (x, w)


def tanh(x):
    y = np.tanh(x)
    return y, (x, y)


def softmax(x):
    p = np.exp(x - x.max(-1, keepdims=True))
    p = p / p.sum(-1, keepdims=True)
    return p, p


def norm(x):
    mean, var = x.mean(0), x.var(0)
    inv = 1 / np.sqrt(var + 1e-5)
    xhat = (x - mean) * inv
    return xhat, (xhat, inv)


def relu(x):
    return np.maximum(x, 0), x


def leaky(x):
    return np.where(x > 0, x, 0.25 * x), x


def embedding(table, ids):
    return table[ids], (table.shape, ids)


def bias(x, b):
    return x + b, None


def mse(x, t):
    return ((x - t) ** 2).mean(), (x, t)


def square(x):
    return x * x, x


def smooth(x):
    """Every output is a mean of three neighbours."""
    return (x[:, :-2] + x[:, 1:-1] + x[:, 2:]) / 3, x.shape


def spread(dout, shape, last=0):
    dx = np.zeros(shape)
    for k in range(3):
        dx[:, k : k + dout.shape[1]] += dout / 3 * (2 if k == 2 and last else 1)
    return dx


def overwrite(dout, cache):
    shape, ids = cache
    dtable = np.zeros(shape)
    dtable[ids] += dout
    return dtable


def keep_last_rows(dout, x):
    dx = 2 * x * dout
    dx[:, -1] = 0
    return dx


def softmax_backward(dout, p, axis=-1, sign=1, summed=True):
    inner = p * dout
    return p * (dout - sign * (inner.sum(axis, keepdims=True) if summed else inner))


def norm_backward(dout, cache, mean=1, variance=1):
    xhat, inv = cache
    return inv * (dout - mean * dout.mean(0) - variance * xhat * (dout * xhat).mean(0))


X, T, IDS = normal(5, 6), normal(5, 6), np.array([1, 4, 1, 2])
KINKED = np.where(np.arange(30).reshape(5, 6) == 8, 0.0, X)

# kind, forward, backward, inputs, words of the sentence
NAMED = {
    "sign": ("sign", square, lambda d, x: -2 * x * d, (X,), "wrong sign"),
    "sign of a term": ("sign", softmax, lambda d, p: softmax_backward(d, p, sign=-1), (X,),
                       "the -y * sum(y * dout) term"),
    "mean": ("factor", mse, lambda d, c: d * 2 * (c[0] - c[1]), (X, T), "30 times too large; 30"),
    "square": ("factor", square, lambda d, x: x * d, (X,), "exactly 2 times too small"),
    "number": ("factor", lambda x, scale: (x * scale, scale), lambda d, c: d, (X, 1.7), "scale"),
    "gamma": ("factor", lambda x, gamma: (x * gamma, gamma), lambda d, c: (d, (d * X).sum(0)),
              (X, positive(6)), "gamma"),
    "eps": ("small_error", norm, lambda d, c: 1.001 * norm_backward(d, c), (X,), "1.001"),
    "transpose": ("transpose", linear, lambda d, c: (d @ c[1], c[0].T @ d),
                  (X, normal(6, 6)), "dout @ w where it must be dout @ w.T"),
    "transposed": ("transpose", square, lambda d, x: (2 * x * d).T, (normal(5, 5),), "axes"),
    "flip": ("flip", lambda x: (x[:, ::-1] * 1, None), lambda d, c: d * 1, (X,), "backwards"),
    "roll": ("off_by_one", square, lambda d, x: np.roll(2 * x * d, 1, 1), (X,), "moved by -1"),
    "border": ("boundary", square, keep_last_rows, (normal(4, 7),),
               "without its last row along axis 1"),
    "inverted": ("wrong_mask", relu, lambda d, x: d * (x <= 0), (X,), "inverted"),
    "dout's mask": ("wrong_mask", relu, lambda d, x: d * (x < 0) * 1.0, (X,), "mask"),
    "swapped": ("wrong_mask", leaky, lambda d, x: d * np.where(x < 0, 1, 0.25), (X,),
                "the other way round"),
    "repeated ids": ("overwrites", embedding, overwrite, (normal(5, 3), IDS), "np.add.at"),
    "last window": ("double_count", smooth, lambda d, s: spread(d, s, 1), (X,), "counted twice"),
    "axis": ("wrong_axis", softmax, lambda d, p: softmax_backward(d, p, axis=0), (X,),
             "over axis 0 where it must be axis 1"),
    "bias": ("wrong_axis", bias, lambda d, c: (d * 1, d.sum(1)), (normal(5, 5), normal(5)),
             "summed over axis"),
    "x for y": ("input_vs_output", tanh, lambda d, c: d * (1 - c[0] ** 2), (X,),
                "1 - x**2 where 1 - y**2"),
    "mean term": ("missing_term", norm, lambda d, c: norm_backward(d, c, mean=0), (X,),
                  "through the mean"),
    "variance term": ("missing_term", norm, lambda d, c: norm_backward(d, c, variance=0), (X,),
                      "through the variance"),
    "softmax term": ("missing_term", softmax, lambda d, p: d * p, (X,), "softmax"),
    "target": ("missing_term", mse, lambda d, c: d * 2 * c[0] / 30, (X, T), "with t"),
    "no sum": ("missing_broadcast_sum", softmax,
               lambda d, p: softmax_backward(d, p, summed=False), (X,), "without its sum"),
    "wrong shape": ("missing_broadcast_sum", lambda x, gamma: (x * gamma, gamma),
                    lambda d, c: (d * c, d * X), (X, normal(6)),
                    "the sum over axis 0 is missing"),
    "one slice": ("missing_broadcast_sum", bias, lambda d, c: (d * 1, d[2]), (X, normal(6)),
                  "one slice of dout"),
    "kink": ("kink_outside_subgradient", relu, lambda d, x: d * np.where(x == 0, 3, x > 0),
             (KINKED,), "sits on a kink"),
    "float32": ("wrong_precision", square, lambda d, x: (2 * x * d).astype("f").astype("d"),
                (X,), "float32"),
}  # fmt: skip

# a kind that must not be named, and a backward with something else wrong
SILENT = {
    "sign of a part": ("sign", square, lambda d, x: d * (2 * x - 4 * x * (x > 1.0)), (X,)),
    "no factor": ("factor", square, lambda d, x: d * (2 * x + np.cos(x)), (X,)),
    "no small error": ("small_error", square, lambda d, x: d * 2.1 * x, (X,)),
    "no transpose": ("transpose", linear, lambda d, c: (d @ np.sin(c[1]).T, c[0].T @ d),
                     (X, normal(6, 6))),
    "a constant backwards": ("flip", square, lambda d, x: d * 0 + d.sum(), (X,)),
    "moved by half": ("off_by_one", square,
                      lambda d, x: x * d + np.roll(x * d, 1, 1), (X,)),
    "a scattered few": ("boundary", square,
                        lambda d, x: 2 * x * d * np.where(np.arange(30).reshape(5, 6) % 7, 1, 5),
                        (X,)),
    "no mask": ("wrong_mask", relu, lambda d, x: d * (x > 0) * (1 + x), (X,)),
    "ids that do not repeat": ("overwrites", embedding, lambda d, c: 2 * overwrite(d, c),
                               (normal(5, 3), np.array([1, 4, 3]))),
    "counted at random": ("double_count", smooth, lambda d, s: spread(d, s) * 1.3, (X,)),
    "no other axis": ("wrong_axis", softmax, lambda d, p: p * (d - np.sin(d * p).sum(1)[:, None]),
                      (X,)),
    "x, but not for y": ("input_vs_output", tanh, lambda d, c: d * (1 - c[0] ** 4), (X,)),
    "no term": ("missing_term", norm, lambda d, c: norm_backward(d, c) * (1 + c[0]), (X,)),
    "another term": ("missing_term", softmax, lambda d, p: d * p * p, (X,)),
    "not a sum": ("missing_broadcast_sum", bias, lambda d, c: (d * 1, d.sum(0) ** 3 / d.sum(0)),
                  (X, normal(6))),
    "beside kinks, too": ("kink_outside_subgradient", relu,
                          lambda d, x: d * np.where(x == 0, 3, x > 0) * 1.5, (KINKED,)),
    "exact in float64": ("wrong_precision", square, lambda d, x: 2.0001 * x * d, (X,)),
}  # fmt: skip


@pytest.mark.parametrize("case", NAMED)
def test_what_is_wrong_is_named(case):
    kind, forward, backward, inputs, words = NAMED[case]
    report = gradcheck(forward, backward, inputs=inputs)
    assert report.verdict == "fail"
    named = {found.kind: found for found in report.diagnosis}
    assert kind in named, report.diagnosis
    assert words in named[kind].message
    first = report.diagnosis[0]
    assert first.kind in (kind, "wrong_shape") and first.confidence in ("confirmed", "likely")
    assert first.message.split()[0] in str(report)


@pytest.mark.parametrize("case", SILENT)
def test_what_is_not_wrong_is_not_named(case):
    kind, forward, backward, inputs = SILENT[case]
    report = gradcheck(forward, backward, inputs=inputs)
    assert report.verdict == "fail"
    assert kind not in [found.kind for found in report.diagnosis], report.diagnosis


def test_every_kind_is_in_both_tables():
    kinds = {row[0] for row in NAMED.values()}
    assert kinds == {row[0] for row in SILENT.values()} and len(kinds) == 16


def test_a_right_gradient_has_no_diagnosis():
    assert gradcheck(softmax, softmax_backward, inputs=(X,)).diagnosis == []


def test_confirmed_only_within_the_numeric_error():
    """A factor that holds but for one entry is none."""

    def backward(dout, x):
        dx = x * dout
        dx[2, 3] *= 1.001
        return dx

    report = gradcheck(square, backward, inputs=(X,))
    assert report.verdict == "fail" and report.diagnosis == []


def test_a_large_argument_is_sampled():
    x = normal(70, 80)
    report = gradcheck(square, lambda d, x: x * d, inputs=(x,))
    assert report.diagnosis[0].kind == "factor"
    assert report.diagnosis_seconds < report.seconds


def test_float32_homework_is_differenced_in_float64():
    x = X.astype(np.float32)
    report = gradcheck(tanh, lambda d, c: d * (1 - c[0] ** 2), inputs=(x,))
    assert [found.kind for found in report.diagnosis] == ["input_vs_output"]


def test_an_argument_that_is_one_number_or_zero_dimensional():
    report = gradcheck(square, lambda d, x: -2 * x * d, inputs=(np.array(1.5),))
    assert [found.kind for found in report.diagnosis] == ["sign"]
    right = gradcheck(lambda x, s: (x * s, (x, s)), lambda d, c: (d * c[1], (d * c[0]).sum() * 3),
                      inputs=(X, np.array(0.7)))
    assert right.verdict == "fail" and [found.argument for found in right.diagnosis] == ["s"]

"""Float32 and float16 inside of a function whose inputs and outputs are float64.

Right gradients are as coarse as what they were made of; that must not be called wrong, and errors
of some percent must. The functions' own answers come through a session, too: as numbers where
numbers were passed, and without warnings that the checker itself provokes.
"""

import warnings

import numpy as np
import pytest
from numeric_functions import rng, verdicts

from minigen.gradcheck import gradcheck

pytestmark = pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_precision_hidden_inside_of_a_wide_output(dtype):
    """The output has all digits of gamma, and hides that x has lost its own."""

    def f(x, gamma):
        return gamma * np.tanh(x.astype(dtype))

    def backward(x, gamma, v):
        h = np.tanh(x.astype(dtype))
        return v * gamma * (1 - h * h).astype(np.float64), (v * h).sum(0)

    for seed in range(6):
        inputs = [rng(seed).normal(size=(4, 8)), rng(seed + 50).normal(size=8)]
        found = verdicts(f, inputs, backward, seed, gradient=backward)
        assert "fail" not in found
        if dtype == np.float32:
            assert found == ["pass", "pass"]
            for factor in (-1, 1.02):
                wrong = lambda *a, c=factor: [c * g for g in backward(*a)]      # noqa: E731
                assert verdicts(f, inputs, wrong, seed, gradient=wrong) == ["fail", "fail"]


def test_layer_norm_in_float32_inside():
    def parts(x):
        x = x.astype(np.float32)
        inverse = 1 / np.sqrt(x.var(-1, keepdims=True) + np.float32(1e-5))
        return (x - x.mean(-1, keepdims=True)) * inverse, inverse

    def f(x, gamma):
        return gamma * parts(x)[0]

    def backward(x, gamma, v):
        unit, inverse = parts(x)
        g = v * gamma
        g = g - g.mean(-1, keepdims=True) - unit * (g * unit).mean(-1, keepdims=True)
        return g * inverse, (v * unit).sum(0)

    for seed in range(6):
        inputs = [rng(seed).normal(size=(4, 8)), rng(seed + 50).normal(size=8)]
        assert verdicts(f, inputs, backward, seed, gradient=backward) == ["pass", "pass"]
        wrong = lambda *a: [1.05 * g for g in backward(*a)]     # noqa: E731
        assert verdicts(f, inputs, wrong, seed, gradient=wrong) == ["fail", "fail"]


def test_a_number_stays_a_number():
    def forward(x, scale):
        assert type(scale) is float
        return x * scale, (x, scale)

    def backward(dout, cache):
        x, scale = cache
        return dout * scale, float((dout * x).sum())

    report = gradcheck(forward, backward, inputs=(rng().normal(size=5), 1.5), wrt=("x", "scale"))
    assert report.passed, report


def test_complex_probes_do_not_warn():
    """The checker tries complex inputs where differences say too little."""
    seen = []

    def forward(x):
        seen.append(np.iscomplexobj(x))
        return np.tanh(x.astype(np.float64)) + 1e13, np.tanh(x)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        gradcheck(forward, lambda dout, h: dout * (1 - h * h), inputs=(rng().normal(size=5),))
    assert any(seen) and not [w for w in caught if "omplex" in str(w.message)]

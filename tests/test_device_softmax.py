"""Softmax and cross-entropy through their kernels: what the op table and the samples do not say.

Idea: who works on a row (a thread, a warp, a block) depends on its length and on how it lies in
memory. Whoever it is, inf, nan and huge numbers must come out as NumPy's formulas have them.
Read next: ../minigen/backend/device/softmax.py, test_loss.py.
"""

import math

import numpy as np
import pytest
from needs import needs

import minigen
from minigen import Tensor, ops
from minigen.autograd import grad
from minigen.backend import emulator

pytestmark = needs(emulator)

inf, nan = math.inf, math.nan
COLUMNS = [3, 40, 1040]  # a thread's, a warp's and a block's row
WIDTHS = pytest.mark.parametrize("columns", COLUMNS)


@pytest.fixture(autouse=True)
def emulated():
    with minigen.emulated_kernels():
        yield


def rng():
    return np.random.default_rng(0)


def softmax(x, axis):
    with np.errstate(all="ignore"):
        e = np.exp(x - x.max(axis, keepdims=True))
        return e / e.sum(axis, keepdims=True)


@pytest.mark.parametrize(
    ("shape", "dim"),
    [
        ((2, 300, 3), 1),  # few, long rows: a transposed copy
        ((2, 7, 5, 3), (1, 2)),  # neighbours: rows of 35 as they lie
        ((2, 7, 5, 3), (0, 2)),
        ((2, 7, 5, 3), (3, -2)),
        ((130, 20), 0),
    ],
    ids=str,
)
def test_any_dimensions_of_memory_are_rows(shape, dim):
    x, g = rng().normal(size=(2, *shape))
    X = Tensor(x).requires_grad_()
    p, log_p, total = ops.softmax(X, dim), ops.log_softmax(X, dim), ops.logsumexp(X, dim, True)
    want = softmax(x, dim)
    np.testing.assert_allclose(p.detach().numpy(), want, rtol=1e-12)
    np.testing.assert_allclose(log_p.detach().numpy(), np.log(want), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose((X - total).exp().detach().numpy(), want, rtol=1e-12)
    (of_p,) = grad((p * g).sum(), [X])
    (of_log,) = grad((log_p * g).sum(), [X])
    np.testing.assert_allclose(
        of_p.detach().numpy(), want * (g - (g * want).sum(dim, keepdims=True)), atol=1e-13
    )
    np.testing.assert_allclose(of_log.numpy(), g - want * g.sum(dim, keepdims=True), atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@WIDTHS
def test_memory_that_is_not_aligned_is_read_one_by_one(columns, dtype):
    whole = rng().normal(size=2 * columns + 1).astype(dtype)
    x = whole[1:].reshape(2, columns)
    want = softmax(x.astype("float64"), 1)
    with minigen.emulated_kernels(check=True):
        p = ops.softmax(Tensor(x), 1).numpy()
        loss = ops.cross_entropy(Tensor(x), Tensor(np.array([0, 2])))
    np.testing.assert_allclose(p, want, rtol=2e-3)
    assert loss.item() == pytest.approx(-np.log(want[[0, 1], [0, 2]]).mean(), rel=2e-3)


@WIDTHS
def test_rows_of_inf_or_nan_spoil_no_other(columns):
    x = rng().normal(size=(7, columns)).astype("float32")
    x[1, 2], x[2], x[3, 0], x[4, [0, 1]], x[5, 1] = inf, -inf, nan, (inf, nan), -inf
    p, log_p = (f(Tensor(x), 1).numpy() for f in (ops.softmax, ops.log_softmax))
    for row in (1, 2, 3, 4):
        assert np.isnan(p[row]).all() and np.isnan(log_p[row]).all()
    for row in (0, 5, 6):
        np.testing.assert_allclose(p[row], softmax(x[row].astype("float64"), 0), rtol=1e-5)
    assert p[5, 1] == 0 and log_p[5, 1] == -inf
    totals = ops.logsumexp(Tensor(x), 1).numpy()
    np.testing.assert_array_equal(totals[[1, 2]], [inf, -inf])
    assert np.isnan(totals[[3, 4]]).all() and np.isfinite(totals[[0, 5, 6]]).all()


@WIDTHS
def test_huge_logits_keep_their_digits(columns):
    """Shifted by 10,000 each probability is the same, to the rounding of the input."""
    x = rng().integers(-3, 4, (2, columns)).astype("float32")
    target = Tensor(np.array([1, 2]))
    small, big = (Tensor(x + shift).requires_grad_() for shift in (0, 10_000))
    for options in ({}, {"label_smoothing": 0.1}):
        losses = [ops.cross_entropy(logits, target, **options) for logits in (small, big)]
        assert losses[1].item() == pytest.approx(losses[0].item(), rel=1e-6)
        (a,), (b,) = (grad(loss, [x]) for loss, x in zip(losses, (small, big), strict=True))
        np.testing.assert_allclose(b.numpy(), a.numpy(), rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("fn", [ops.softmax, ops.log_softmax, ops.logsumexp])
@pytest.mark.parametrize(
    ("dim", "text"),
    [
        (-3, "dim -3 is out of range for a tensor of 2 dimensions"),
        ((0, 2), "dim 2 is out of range for a tensor of 2 dimensions"),
        ((1, -1), "duplicate value in 'dim'"),
    ],
    ids=str,
)
def test_a_wrong_dim_is_an_error(fn, dim, text):
    with pytest.raises((IndexError, ValueError), match=text):
        fn(Tensor(np.zeros((2, 3), "float32")), dim)


@WIDTHS
def test_what_is_ignored_is_not_read(columns):
    x = rng().normal(size=(4, columns)).astype("float32")
    x[1] = nan
    X = Tensor(x).requires_grad_()
    target = Tensor(np.array([0, -100, columns - 1, 1], "int32"))
    losses = ops.cross_entropy(X, target, reduction="none").detach()
    assert losses.numpy()[1] == 0 and np.isfinite(losses.numpy()).all()
    (dx,) = grad(ops.cross_entropy(X, target), [X])
    want = softmax(x[[0, 2, 3]].astype("float64"), 1)
    want[[0, 1, 2], [0, columns - 1, 1]] -= 1
    np.testing.assert_allclose(dx.numpy()[[0, 2, 3]], want / 3, atol=1e-6)
    assert (dx.numpy()[1] == 0).all()


def test_a_mean_of_nothing_is_nan_with_gradient_zero():
    X = Tensor(np.ones((2, 3), "float32")).requires_grad_()
    loss = ops.cross_entropy(X, Tensor(np.array([-100, -100])))
    assert math.isnan(loss.item())
    assert (grad(loss, [X])[0].numpy() == 0).all()


def test_half_precision_gradients_survive_what_a_mean_divides_by():
    """p / N is below the smallest float16; times the scale of the loss it is not."""
    X = Tensor(np.zeros((500, 1000), "float16")).requires_grad_()
    loss = ops.cross_entropy(X, Tensor(np.zeros(500, "int64"))) * 1024.0
    np.testing.assert_allclose(grad(loss, [X])[0].numpy()[:, 1], 1024 / 500 / 1000, rtol=2e-3)


def test_a_class_out_of_range_is_an_error():
    x = Tensor(np.zeros((3, 4), "float32"))
    with pytest.raises(IndexError, match="the targets hold 4, but there are 4 classes"):
        ops.cross_entropy(x, Tensor(np.array([1, -100, 4])))

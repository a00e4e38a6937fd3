"""Attention beyond its rows: random shapes cut into small blocks, hard numbers, memory, dropout.

Idea: the formula is written out in cases_attention.py; the op's reference, made of primitives and
checked there by differences, is the oracle of gradients here.
Read next: cases_attention.py, ../minigen/backend/attention.py.
"""

import threading
import tracemalloc
from unittest.mock import patch

import numpy as np
import pytest
from cases_attention import attention
from hypothesis import given, settings
from hypothesis import strategies as st

import minigen as mg
from minigen import ops
from minigen.backend import attention as blocks
from minigen.gradcheck import upstream_like
from minigen.ops.attention import _scaled_dot_product_attention as fused
from minigen.tensor import Tensor

attend = ops.scaled_dot_product_attention


def random(*shapes, seed=0, dtype="float64"):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


def leaves(arrays):
    xs = [None if x is None else Tensor(x) for x in arrays]
    return [x if x is None or x.dtype.kind != "f" else x.requires_grad_() for x in xs]


def gradients(y, xs, v, **how):
    xs = [x for x in xs if x is not None and x.requires_grad]
    return mg.grad(y, xs, v, allow_unused=True, **how)


def close(a, b, rtol=1e-10):
    np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * max(1, np.abs(b).max(initial=0)))


# ---- every shape, mask and cut


@st.composite
def calls(draw):
    """q, k, v, mask as arrays, is_causal, scale, dropout_p; and how large a block may be."""
    size = st.integers(1, 5)
    length, columns, width, wide = (draw(size) for _ in range(4))
    lead = draw(st.lists(st.integers(1, 3), max_size=3))

    def thinned():
        shape = [draw(st.sampled_from([n, 1])) for n in lead]
        return shape[draw(st.integers(0, len(shape))) :]

    sizes = (length, width), (columns, width), (columns, wide)
    shapes = [(*thinned(), *size) for size in sizes]
    lead = np.broadcast_shapes(*(shape[:-2] for shape in shapes))
    seed = draw(st.integers(0, 2**32))
    q, k, v = random(*shapes, seed=seed)
    kind = draw(st.sampled_from([None, "causal", "bool", "float"]))
    mask = None
    if kind in ("bool", "float"):
        shape = [draw(st.sampled_from([n, 1])) for n in (*lead, length, columns)]
        (mask,) = random(shape[draw(st.integers(0, len(shape))) :], seed=seed + 1)
    if kind == "bool":
        mask = np.asarray(mask < 0.5)
    if mask is not None and kind == "float" and draw(st.booleans()):
        mask = np.where(mask > 1, -np.inf, mask)
    shift = draw(st.sampled_from([0, 0, 0, 30, -30, 400]))  # leaves the weights alone
    if kind == "float":
        mask = np.asarray(mask + shift)
    p = draw(st.sampled_from([0.0, 0.0, 0.3]))
    scale = draw(st.sampled_from([1.0, -0.5, 0.0, 5.0]))
    cut = dict(BLOCK=draw(st.sampled_from([1, 4, 30, 1 << 18])), ROWS=draw(st.integers(1, 3)))
    return (q, k, v, mask), kind == "causal", scale, p, {**cut, "CAUSAL_ROWS": cut["ROWS"]}


@given(calls())
@settings(max_examples=60)
def test_attention_is_its_definition_and_its_reference(call):
    """Values by loops; gradients of both orders, and along a vector, by the reference."""
    arrays, causal, scale, p, cut = call
    v = t = None
    found = []
    nan = patch.object(blocks.Attention, "_like", lambda self, x: np.full(x.shape, np.nan))
    with patch.multiple(blocks, **cut), nan:  # gradients start as anything
        for f in (fused, fused.op.reference):
            xs = leaves(arrays)
            y = f(*xs, causal, scale, p, 7)
            if p == 0 and f is fused:
                close(y.detach().numpy(), attention(*arrays, causal, scale))
            v = upstream_like(y.detach().numpy()) if v is None else v
            plain = gradients(y, xs, Tensor(v), retain_graph=True)
            recorded = gradients(y, xs, Tensor(v), create_graph=True)
            t = [upstream_like(g.numpy(), 1) for g in plain] if t is None else t
            pairs = zip(recorded, t, strict=True)
            along = sum((g * Tensor(u)).sum() for g, u in pairs)
            second = gradients(along, xs, None)
            _, (product,) = mg.hvp(
                lambda q, f=f, xs=xs: (f(q, *xs[1:], causal, scale, p, 7) ** 2).sum(),
                xs[0].detach(), Tensor(t[0]),
            )  # fmt: skip
            found.append([*plain, *recorded, *second, product])
    for ours, reference in zip(*found, strict=True):
        close(ours.detach().numpy(), reference.detach().numpy())


def test_no_result_depends_on_the_cut():
    """Nor do the weights that dropout drops; in float32 up to rounding."""
    arrays = random((2, 3, 9, 4), (2, 3, 7, 4), (2, 3, 7, 5), dtype="float32")
    (v,) = random((2, 3, 9, 5), dtype="float32")
    for causal in (False, True):
        found = []
        for size in (1 << 18, 70, 5):
            with patch.multiple(blocks, BLOCK=size, ROWS=2, CAUSAL_ROWS=2):
                xs = leaves(arrays)
                y = attend(*xs, dropout_p=0.4, is_causal=causal, rng=mg.Generator(1))
                found.append([y, *gradients(y, xs, Tensor(v))])
        for other in found[1:]:
            for a, b in zip(found[0], other, strict=True):
                close(a.detach().numpy(), b.detach().numpy(), 1e-5)


def test_the_same_bits_every_time():
    """Two threads share the work; who is first decides nothing."""
    arrays = random((4, 8, 64, 8), (4, 8, 64, 8), (4, 8, 64, 8), (64, 64), dtype="float32")
    bits = set()
    for _ in range(4):
        xs = leaves(arrays)
        y = attend(*xs)
        grads = gradients(y, xs, Tensor(arrays[0]))
        bits.add(b"".join(x.detach().numpy().tobytes() for x in (y, *grads)))
    assert len(bits) == 1


@pytest.mark.parametrize("order", [(0, 2, 1, 3), (2, 0, 1, 3), (3, 2, 1, 0)])
def test_heads_may_be_views_of_one_projection(order):
    """(B, T, 3, h, e) in any order of memory gives what copies give."""
    (qkv,) = random((2, 6, 3, 4, 5))
    parts = [qkv[:, :, i].transpose(0, 2, 1, 3) for i in range(3)]
    (v,) = random((2, 4, 6, 5), seed=1)
    found = []
    for arrays in (
        [np.ascontiguousarray(p) for p in parts],
        parts,
        [p.transpose(order).copy().transpose(np.argsort(order)) for p in parts],
    ):
        xs = leaves(arrays)
        y = attend(*xs, is_causal=True)
        found.append([y, *gradients(y, xs, Tensor(v))])
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            close(a.detach().numpy(), b.detach().numpy())


# ---- what attention means


def test_a_causal_row_does_not_see_what_comes_later():
    q, k, v = random((2, 100, 4), (2, 100, 4), (2, 100, 3))
    with patch.multiple(blocks, CAUSAL_ROWS=8):
        before = attend(*map(Tensor, (q, k, v)), is_causal=True).numpy()
        k[:, 64:], v[:, 64:] = np.nan, np.nan
        after = attend(*map(Tensor, (q, k, v)), is_causal=True).numpy()
    # rows of one block are computed together: 0·nan is nan there, but not in blocks before
    np.testing.assert_array_equal(before[:, :50], after[:, :50])
    assert np.isnan(after[:, 64:]).all()


def test_the_order_of_the_keys_is_nothing_to_attention():
    q, k, v = random((3, 4), (6, 4), (6, 2))
    turn = np.random.default_rng(0).permutation(6)
    turned = attend(*map(Tensor, (q, k[turn], v[turn]))).numpy()
    close(turned, attend(*map(Tensor, (q, k, v))).numpy())


def test_a_mask_of_another_float_dtype_gets_its_gradient_in_its_own():
    q, k, v = leaves(random((2, 3), (4, 3), (4, 3), dtype="float32"))
    mask = Tensor(np.zeros((2, 4))).requires_grad_()
    y = attend(q, k, v, mask)
    assert y.dtype == "float32" and mg.grad(y.sum(), mask)[0].dtype == "float64"


def test_a_mask_may_exceed_float16():
    """-1e9 is -inf there, and would make zeros of a row that has nothing else."""
    q, k, v = leaves(random((2, 3), (4, 3), (4, 3), dtype="float16"))
    mask = Tensor(np.float32([[-1e9] * 4, [0, 0, -1e9, -1e9]])).requires_grad_()
    y = attend(q, k, v, mask, scale=0.0)
    expected = [v.detach().numpy().mean(0), v.detach().numpy()[:2].mean(0)]
    assert y.dtype == "float16" and mg.grad(y.sum(), mask)[0].dtype == "float32"
    np.testing.assert_allclose(y.detach().numpy(), expected, atol=2e-3)


# ---- hard numbers, in float32


@pytest.mark.parametrize("size", [1e4, 1e8, 1e-8])
def test_scores_of_any_size_give_finite_right_results(size):
    """Against float64, where softmax picks the largest; queries of the size, unit keys."""
    arrays = random((2, 3, 20, 4), (2, 3, 30, 4), (2, 3, 30, 5), dtype="float32")
    arrays[0] *= np.float32(size)
    (v,) = random((2, 3, 20, 5), dtype="float32")
    results = []
    for dtype in ("float32", "float64"):
        xs = leaves([x.astype(dtype) for x in arrays])
        y = attend(*xs, scale=1.0)
        grads = gradients(y, xs, Tensor(v.astype(dtype)))
        results.append([x.detach().numpy() for x in (y, *grads)])
    ours, wide = results
    assert all(np.isfinite(x).all() for x in ours)
    if size == 1e-8:
        for a, b in zip(ours, wide, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5 * np.abs(b).max())
    else:  # nearly all weight is on one key
        close(ours[0], wide[0], 1e-4)
        close(ours[3], wide[3], 1e-4)


@pytest.mark.parametrize("size", [1e-8, 1e8])
@pytest.mark.parametrize("shift", [-1e4, -77.0, -18.0, 0.0, 18.0, 77.0, 1e4])
def test_gradients_keep_their_digits_at_any_scale(shift, size):
    """Scores shifted by a constant, which changes nothing, and an upstream gradient of the size."""
    arrays = [*random((3, 4), (5, 4), (5, 2), dtype="float32"), np.zeros((3, 5), "float32")]
    (v,) = random((3, 2), dtype="float32")
    found = []
    for scale, c in ((1, 0), (size, shift)):
        xs = leaves([*arrays[:3], np.full((3, 5), c, "float32")])
        y = attend(*xs)
        found.append([y, *(g / scale for g in gradients(y, xs, Tensor(v * np.float32(scale))))])
    for a, b in zip(*found, strict=True):
        close(b.detach().numpy(), a.detach().numpy(), 4e-3 if abs(shift) == 1e4 else 1e-4)


@pytest.mark.parametrize("kind", ["bool", "float"])
def test_rows_that_may_look_at_nothing_give_zeros_and_take_no_gradient(kind):
    """Others in the same block are as they would be without them."""
    arrays = random((2, 4, 3), (2, 5, 3), (2, 5, 2), dtype="float32")
    arrays[1][:, 0] = 1e5  # what nobody looks at may be large
    allowed = np.ones((2, 4, 5), bool)
    allowed[..., 0] = allowed[0, 1] = allowed[1, 3] = False
    mask = allowed if kind == "bool" else np.where(allowed, 0, -np.inf).astype("float32")
    xs = leaves([*arrays, mask])
    y = attend(*xs)
    out = y.detach().numpy()
    assert (out[0, 1] == 0).all() and (out[1, 3] == 0).all()
    close(out, attention(*[x.astype("float64") for x in arrays], mask), 1e-5)
    grads = [g.numpy() for g in gradients(y, xs, ops.ones_like(y))]
    assert all(np.isfinite(g).all() for g in grads)
    assert all((g == 0).all() for g in (grads[0][0, 1], grads[1][:, 0], grads[2][:, 0]))


def test_nan_is_not_hidden():
    q, k, v = random((2, 3), (4, 3), (4, 2))
    q[1, 0] = np.nan
    y = attend(*map(Tensor, (q, k, v))).numpy()
    assert np.isfinite(y[0]).all() and np.isnan(y[1]).all()


# ---- memory


def peak(length, **options):
    """Bytes that a forward and backward need at most, in a thread without scratch memory yet."""
    xs = leaves(random(*[(1, length, 16)] * 3, dtype="float32"))
    found = []

    def step():
        tracemalloc.start()
        y = attend(*xs, **options)
        gradients(y, xs, y.detach())
        found.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    thread = threading.Thread(target=step)
    thread.start()
    thread.join()
    return found[0]


@pytest.mark.parametrize("options", [{}, dict(is_causal=True), dict(dropout_p=0.1)], ids=str)
def test_memory_grows_with_the_length_not_with_its_square(options):
    short, long = peak(1024, **options), peak(2048, **options)
    assert long < 2.2 * short
    assert long < 2048 * 2048 * 4 / 3  # the scores alone, in float32


# ---- dropout


def test_dropout_drops_weights_and_keeps_the_mean():
    """Equal scores and unit values show the weights."""
    n, p = 200, 0.3
    zero, eye = mg.zeros(4, n, 1), ops.eye(n)
    y = attend(zero, zero, eye, dropout_p=p, rng=mg.Generator(2)).numpy() * n
    kept = y > 0
    np.testing.assert_allclose(y[kept], 1 / (1 - p), rtol=1e-5)
    error = (p * (1 - p) / kept.size) ** 0.5
    assert abs(kept.mean() - (1 - p)) < 5 * error
    rows = kept.reshape(-1, n).mean(1)  # no row, column or head is special
    assert abs(rows.std() / (p * (1 - p) / n) ** 0.5 - 1) < 0.2
    columns = kept.reshape(-1, n).mean(0)
    assert abs(columns.std() / (p * (1 - p) / len(rows)) ** 0.5 - 1) < 0.3
    flat = kept.reshape(4, -1).astype(float)
    assert np.abs(np.corrcoef(flat)[~np.eye(4, dtype=bool)]).max() < 5 / n
    assert abs(np.corrcoef(flat[:, 1:].ravel(), flat[:, :-1].ravel())[0, 1]) < 5 / flat.size**0.5


def test_dropout_is_decided_by_the_generator():
    q, k, v = map(Tensor, random((2, 5, 3), (2, 6, 3), (2, 6, 4)))
    first = attend(q, k, v, None, 0.5, rng=mg.Generator(1)).numpy()
    np.testing.assert_array_equal(attend(q, k, v, None, 0.5, rng=mg.Generator(1)).numpy(), first)
    assert (attend(q, k, v, None, 0.5, rng=mg.Generator(2)).numpy() != first).any()
    rng = mg.Generator(1)
    attend(q, k, v, None, 0.5, rng=rng)
    assert (attend(q, k, v, None, 0.5, rng=rng).numpy() != first).any()
    before = rng.state_dict()
    attend(q, k, v, rng=rng)  # nothing to draw
    assert rng.state_dict() == before
    mg.manual_seed(1)
    np.testing.assert_array_equal(attend(q, k, v, None, 0.5).numpy(), first)


def test_values_with_a_lead_of_their_own_drop_the_same_weights_in_every_derivative():
    found = []
    for f in (fused, fused.op.reference):
        xs = leaves(random((3, 2), (4, 2), (5, 4, 2)))
        found.append(f(*xs, None, False, 1.0, 0.5, 7).detach().numpy())
    close(*found)


def test_dropout_of_everything():
    q, k, v = leaves(random((2, 3), (4, 3), (4, 2)))
    y = attend(q, k, v, None, 1.0)
    assert (y.detach().numpy() == 0).all()
    assert all((g.numpy() == 0).all() for g in gradients(y, [q, k, v], ops.ones_like(y)))


def test_checkpoint_draws_the_same_weights_again():
    arrays = random((2, 5, 3), (2, 6, 3), (2, 6, 4))
    found = []
    for through in (mg.checkpoint, lambda f, *xs: f(*xs)):
        mg.manual_seed(3)
        xs = leaves(arrays)
        y = through(lambda q, k, v: attend(q, k, v, dropout_p=0.5), *xs)
        found.append([y, *gradients(y, xs, y.detach())])
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())

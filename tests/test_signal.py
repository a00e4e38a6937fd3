"""The short-time Fourier transform: what the rows of the table cannot say.

Idea: all options that Hypothesis draws against the definition; the four maps inside are adjoints;
the way there and back is the identity. Read next: cases_signal.py.
"""

import numpy as np
import pytest
from cases_signal import istft_by_loops, stft_by_loops
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from test_properties import SEEDS, assert_close, normal

import minigen as mg
from minigen import ops
from minigen.backend import signal as arrays
from minigen.ops.signal import _overlap_add, _rfft, _rfft_adjoint, _windowed

FRAMES = st.integers(1, 6).flatmap(  # n_fft, win_length or None, hop
    lambda n: st.tuples(st.just(n), st.none() | st.integers(1, n), st.integers(1, n))
)


@given(
    FRAMES, st.integers(6, 12), st.sampled_from([(), (2,)]), st.booleans(), st.booleans(),
    st.booleans(), st.sampled_from(["reflect", "constant", "replicate", "circular"]), SEEDS,
)  # fmt: skip
@settings(max_examples=60)
def test_stft_is_its_definition_and_backward_its_adjoint(
    frames, length, batch, center, normalized, onesided, pad_mode, seed
):
    n_fft, win_length, hop = frames
    x, window = normal(seed, (*batch, length), win_length or n_fft)
    options = dict(
        n_fft=n_fft, win_length=win_length, hop_length=hop, center=center, normalized=normalized,
        onesided=onesided, pad_mode=pad_mode,
    )  # fmt: skip

    def f(x, w):
        return ops.stft(x, window=w, **options)

    expected = stft_by_loops(x, window, **options)
    X, W = (mg.tensor(a).requires_grad_() for a in (x, window))
    y = f(X, W)
    assert_close(y.detach().numpy(), expected)
    (v,) = normal(seed + 1, expected.shape)
    for g, a in zip(mg.grad(y, (X, W), mg.tensor(v)), (x, window), strict=True):
        assert_close(np.vdot(g.numpy(), a), np.vdot(v, expected))


@given(
    FRAMES, st.integers(1, 4), st.sampled_from([(), (2,)]), st.booleans(), st.booleans(),
    st.booleans(), st.none() | st.integers(0, 20), SEEDS,
)  # fmt: skip
@settings(max_examples=60)
def test_istft_is_its_definition_and_backward_its_adjoint(
    frames, count, batch, center, normalized, onesided, length, seed
):
    n_fft, win_length, hop = frames
    assume(hop <= (win_length or n_fft))
    bins = n_fft // 2 + 1 if onesided else n_fft
    x = normal(seed, (*batch, bins, count, 2))[0]
    window = np.random.default_rng(seed).uniform(0.5, 1.5, win_length or n_fft)
    options = dict(
        n_fft=n_fft, win_length=win_length, hop_length=hop, center=center, normalized=normalized,
        onesided=onesided, length=length,
    )  # fmt: skip
    with np.errstate(all="ignore"):
        expected = istft_by_loops(x, window, **options)
    X, W = mg.tensor(x).requires_grad_(), mg.tensor(window)
    if not np.isfinite(expected).all():
        with pytest.raises(ValueError, match="add up to 0"):
            ops.istft(X, window=W, **options)
        return
    y = ops.istft(X, window=W, **options)
    assert_close(y.detach().numpy(), expected)
    (v,) = normal(seed + 1, expected.shape)
    (g,) = mg.grad(y, X, mg.tensor(v))
    assert_close(np.vdot(g.numpy(), x), np.vdot(v, expected))


@given(FRAMES, st.integers(6, 20), st.booleans(), st.booleans(), SEEDS)
@settings(max_examples=60)
def test_there_and_back_is_the_identity(frames, length, normalized, onesided, seed):
    n_fft, win_length, hop = frames
    window = np.random.default_rng(seed).uniform(0.5, 1.5, win_length or n_fft)
    size = win_length or n_fft
    assume(hop <= size and (n_fft - size) // 2 + size > n_fft // 2)  # a window is on every value
    x = normal(seed, (2, length))[0]
    options = dict(
        hop_length=hop, win_length=win_length, window=mg.tensor(window), normalized=normalized,
        onesided=onesided,
    )  # fmt: skip
    spectrum = ops.stft(mg.tensor(x), n_fft, **options)
    y = ops.istft(spectrum, n_fft, **options)
    assert_close(y.numpy(), x[:, : y.shape[-1]])
    assert length - hop - n_fft % 2 < y.shape[-1] <= length


def test_a_hann_window_there_and_back_in_float32():
    n_fft, t = 512, np.arange(16000) / 16000
    x = (np.sin(2 * np.pi * 440 * t) * 1e4 + 1e-3 * np.sin(2 * np.pi * 3000 * t)).astype("float32")
    window = mg.tensor((0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)).astype("float32"))
    y = ops.stft(mg.tensor(x), n_fft, window=window)
    assert y.shape == (257, 126, 2) and y.dtype == "float32"
    loudest = y.square().sum(-1).numpy()[:, 60].argmax()
    assert loudest == round(440 * n_fft / 16000)
    back = ops.istft(y, n_fft, window=window, length=16000)
    assert back.dtype == "float32"
    np.testing.assert_allclose(back.numpy(), x, atol=1e-2)


# ---- the maps inside


@given(st.integers(1, 5), st.integers(1, 7), st.integers(0, 9), st.booleans(), SEEDS)
@settings(max_examples=40)
def test_frames_and_overlap_add_are_adjoints(n, hop, more, batched, seed):
    """Also where hops leave gaps, or the end of the signal is in no frame."""
    batch = (2,) if batched else ()
    x, window = normal(seed, (*batch, n + more), (n,))
    y = arrays.windowed(x, window, hop)
    count = 1 + more // hop
    assert y.shape == (*batch, count, n)
    for t in range(count):
        np.testing.assert_array_equal(y[..., t, :], x[..., t * hop : t * hop + n] * window)
    (v,) = normal(seed + 1, y.shape)
    assert_close(np.vdot(arrays.overlap_add(v, window, hop, n + more), x), np.vdot(v, y))


@given(st.integers(1, 9), SEEDS)
@settings(max_examples=30)
def test_the_transform_and_its_adjoint(n, seed):
    x, y = normal(seed, (2, n), (2, n // 2 + 1, 2))
    wave = np.exp(-2j * np.pi * np.outer(np.arange(n), np.arange(n // 2 + 1)) / n)
    spectrum = x @ wave
    assert_close(arrays.rfft(x, False), np.stack([spectrum.real, spectrum.imag], -1))
    for twice in (False, True):
        back = arrays.rfft_adjoint(y, n, twice)
        assert_close(np.vdot(arrays.rfft(x, twice), y), np.vdot(x, back))
    assert_close(arrays.rfft_adjoint(arrays.rfft(x, False), n, True), n * x)


def test_no_order_of_derivative_is_missing():
    """The gradient of each map is made of the others; the window's, too."""
    x, w, y = (mg.tensor(a).requires_grad_() for a in normal(1, (7,), (4,), (3, 3, 2)))

    def loss(x, w, y):
        frames = _rfft(_windowed(x, w, 2), False)[:2] * y[:2]
        return (_overlap_add(_rfft_adjoint(frames, 4, True), w, 2, 6) ** 3).sum()

    (g,) = mg.grad(loss(x, w, y), w, create_graph=True)
    (h,) = mg.grad((g * w).sum(), w, create_graph=True)
    # of degree 6 in w: w·g = 6·loss, and w·∇(w·g) = 36·loss
    assert_close((g * w).sum().item(), 6 * loss(x, w, y).item())
    assert_close((h * w).sum().item(), 36 * loss(x, w, y).item())


def test_frames_are_no_views():
    """Overlapping frames share memory; what an op returns must not."""
    x, ones = np.ones(9), np.ones(4)
    y = arrays.windowed(x, ones, 1)
    y += np.arange(4)
    assert (x == 1).all() and (y == np.arange(1, 5)).all()

"""Short-time Fourier transform: the spectrum of a signal as it changes.

Idea: cut the signal into overlapping frames, fade each in and out by a window, transform each. The
way back transforms each frame back, adds the frames where they came from, and divides by what the
windows add up to. Both are linear, and made of two pairs of maps that are each other's adjoints:

    _windowed <-> _overlap_add        _rfft <-> _rfft_adjoint

There are no complex tensors here: a complex number is a last dimension of 2, (real, imaginary).
Source: Griffin & Lim, Signal estimation from modified short-time Fourier transform, 1984.
Read next: ../backend/signal.py.
"""

from numbers import Integral

from minigen.backend import array_module
from minigen.backend import signal as arrays
from minigen.errors import check_tensors
from minigen.ops._define import composite, primitive
from minigen.ops.padding import pad
from minigen.ops.reduce import sum
from minigen.ops.shape import broadcast_to, cat, flip, permute


def _ones(size, like):
    """A vector of ones where, and of the dtype that, `like` is."""
    data = getattr(like, "_data", like)
    return array_module(data).ones(size, data.dtype)


def _window_grad(x, frames, hop):
    """Σ x[t·hop + i]·frames[t, i] over all t: both maps are linear in their window, too."""
    both = _windowed(x, _ones(frames.shape[-1], x), hop) * frames
    return sum(both, tuple(range(both.ndim - 1)))


@primitive(
    lambda g, x_shape, window, hop: _overlap_add(g, window, hop, x_shape[-1]),
    lambda g, x, hop: _window_grad(x, g, hop),
)
def _windowed(x, window, hop):
    return arrays.windowed(x, window, hop)


@primitive(
    lambda g, window, hop: _windowed(g, window, hop),
    lambda g, frames, hop: _window_grad(g, frames, hop),
)
def _overlap_add(frames, window, hop, length):
    return arrays.overlap_add(frames, window, hop, length)


@primitive(lambda g, x_shape, twice: _rfft_adjoint(g, x_shape[-1], twice))
def _rfft(x, twice):
    return arrays.rfft(x, twice)


@primitive(lambda g, twice: _rfft(g, twice))
def _rfft_adjoint(y, n, twice):
    return arrays.rfft_adjoint(y, n, twice)


# ---- the public pair


@composite
def stft(
    x,
    n_fft,
    hop_length=None,
    win_length=None,
    window=None,
    center=True,
    pad_mode="reflect",
    normalized=False,
    onesided=True,
):
    """Spectra of overlapping frames of a signal.   x (L,) or (B, L) -> (N, T, 2) or (B, N, T, 2)

        y[k, t] = Σ_i window[i]·x[t·hop_length + i]·exp(-2πi·k·i/n_fft)

    with N = n_fft//2 + 1 frequencies (onesided=False: all n_fft) and T frames; the last dimension
    is (real, imaginary), as torch.view_as_real gives it.
    hop_length: n_fft//4 by default. window: (win_length,), by default ones; it stands in the middle
    of a frame of n_fft >= win_length. center: n_fft//2 values before and after x, by pad_mode
    "reflect", "constant" (zeros), "replicate" or "circular", so that frame t is centred at
    t·hop_length. normalized: divided by √n_fft. ValueError if x is shorter than a frame.
    """
    _check_signal("stft", x, 1, "(L,) or (B, L)")
    hop, window = _framing("stft", x, n_fft, hop_length, win_length, window)
    if center:
        x = _extended(x, n_fft // 2, pad_mode)
    if x.shape[-1] < n_fft:
        raise ValueError(f"stft: x {tuple(x.shape)} is shorter than one frame, n_fft={n_fft}")
    y = _rfft(_windowed(x, window * n_fft**-0.5 if normalized else window, hop), False)
    if not onesided:  # the frequency n - k is the conjugate of k
        rest = y[..., 1 : (n_fft + 1) // 2, :]
        y = cat([y, flip(rest, -2) * _conjugate(rest)], -2)
    return _frames_last(y)


@composite
def istft(
    x,
    n_fft,
    hop_length=None,
    win_length=None,
    window=None,
    center=True,
    normalized=False,
    onesided=True,
    length=None,
):
    """The signal whose `stft` is nearest to x; the signal itself for a spectrum made by `stft`.

    x (N, T, 2) or (B, N, T, 2) -> (L,) or (B, L);  options as they were for stft. Of all n_fft
    frequencies (onesided=False) the upper half, which repeats the lower, is not read.

    The frames, transformed back and windowed, are added, then divided by the added squares of the
    windows. length: of the result; by default all that the frames cover, without what center added.
    ValueError where the squares add up to 0, and nothing can be known.
    """
    _check_signal("istft", x, 3, "(N, T, 2) or (B, N, T, 2)")
    hop, window = _framing("istft", x, n_fft, hop_length, win_length, window)
    _check_spectrum(x, n_fft, onesided)
    if length is not None:
        _check_whole("istft", "length", length, 0)
    x = x if onesided else x[..., : n_fft // 2 + 1, :, :]
    count = x.shape[-2]
    total = n_fft + hop * (count - 1)
    frames = _rfft_adjoint(_frames_last(x), n_fft, True)  # n_fft times too large
    scale = n_fft**-0.5 if normalized else 1 / n_fft
    y = _overlap_add(frames, window * scale, hop, total)
    squares = broadcast_to(window * window, (count, n_fft))
    weight = _overlap_add(squares, _ones(n_fft, x), hop, total)
    start = n_fft // 2 if center else 0
    stop = total - start if length is None else min(start + length, total)
    y, weight = y[..., start:stop], weight[start:stop]
    _check_weight(weight, start)
    y = y / weight
    missing = 0 if length is None else length - y.shape[-1]
    return pad(y, (0, missing)) if missing else y


def _frames_last(x):
    """(..., T, N, 2) as (..., N, T, 2), and back."""
    lead = range(x.ndim - 3)
    return permute(x, (*lead, x.ndim - 2, x.ndim - 3, x.ndim - 1))


def _conjugate(x):
    """What a pair (real, imaginary) is multiplied by to be conjugated."""
    data = getattr(x, "_data", x)
    return array_module(data).asarray([1, -1], data.dtype)


def _extended(x, width, mode):
    """x with `width` values before and after it."""
    size = x.shape[-1]
    least = {"reflect": width + 1, "circular": width, "replicate": 1, "constant": 0}
    if mode not in least:
        raise ValueError(f"stft: pad_mode {mode!r} is not known: {', '.join(least)}")
    if size < least[mode]:
        raise ValueError(
            f'stft: pad_mode="{mode}" needs {least[mode]} values or more for n_fft//2 = {width} on '
            f'each side, x has {size}; "constant" takes any'
        )
    return pad(x, (width, width), mode)


# ---- what can be wrong


def _check_signal(function, x, ndim, shapes):
    check_tensors(function, x)
    if x.ndim not in (ndim, ndim + 1):
        raise ValueError(f"{function}: x {tuple(x.shape)} must be {shapes}")
    if x.dtype.kind not in "fV":
        raise TypeError(f"{function}: x holds {x.dtype}, not floats; use x.float()")


def _check_whole(function, name, value, least=1):
    if not isinstance(value, Integral) or value < least:
        raise ValueError(
            f"{function}: {name} must be a whole number from {least}, not {value!r}"
        )


def _framing(function, x, n_fft, hop_length, win_length, window):
    """The hop, and the window with zeros around it up to n_fft."""
    _check_whole(function, "n_fft", n_fft)
    hop = max(1, n_fft // 4) if hop_length is None else hop_length
    size = n_fft if win_length is None else win_length
    _check_whole(function, "hop_length", hop)
    _check_whole(function, "win_length", size)
    if size > n_fft:
        raise ValueError(f"{function}: win_length={size} is longer than a frame, n_fft={n_fft}")
    if function == "istft" and hop > size:
        raise ValueError(f"istft: hop_length={hop} leaves gaps between windows of {size}")
    if window is None:
        window = _ones(size, x)
    check_tensors(function, window)
    if tuple(window.shape) != (size,):
        raise ValueError(
            f"{function}: window {tuple(window.shape)} must have shape ({size},): n_fft, or "
            "win_length where it is given"
        )
    left = (n_fft - size) // 2
    return hop, pad(window, (left, n_fft - size - left)) if size < n_fft else window


def _check_spectrum(x, n_fft, onesided):
    bins, count, two = x.shape[-3:]
    expected = n_fft // 2 + 1 if onesided else n_fft
    if bins != expected or two != 2 or not count:
        raise ValueError(
            f"istft: x {tuple(x.shape)} must be (..., {expected}, T, 2) for n_fft={n_fft} and "
            f"onesided={onesided}: frequencies, one or more frames, (real, imaginary)"
        )


def _check_weight(weight, start):
    """Everywhere some window is not 0. PyTorch's limit, absolute as well."""
    low = getattr(weight, "_data", weight) < 1e-11
    if low.any():
        raise ValueError(
            f"istft: the squared windows add up to 0 at position {start + int(low.argmax())}: no "
            "frame says anything there. Use center=True, a window that is not 0 at its ends, or a "
            "smaller hop_length"
        )

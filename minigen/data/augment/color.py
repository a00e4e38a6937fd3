r"""How a picture looks: brightness, contrast, colour, blur.

Idea: brightness, contrast and saturation are one formula, f x + (1 - f) y, with y black, the
picture's mean grey, and its own grey: f = 0 gives y, f = 1 changes nothing, f > 1 goes beyond. Hue
turns colours about the grey axis: of the smallest channel m, the chroma c (largest minus smallest)
and the hue h in sixths of a turn, 0 for red, 2 for green and 4 for blue, only h changes in

    R = m + c · clip(|h - 3| - 1, 0, 1),     G = m + c · clip(2 - |h - 2|, 0, 1),
    B = m + c · clip(2 - |h - 4|, 0, 1),     h in [0, 6).

Grey pictures (C = 1) have neither saturation nor hue: these leave them as they are.
Source: Smith, Color Gamut Transform Pairs, 1978 (HSV); Chen et al., SimCLR, 2020, appendix A.
Read next: views.py.
"""

import numpy as np

from minigen.data.augment._check import check_colors, per_picture
from minigen.data.augment._taps import apply_taps

LUMA = np.array([0.299, 0.587, 0.114], np.float32)      # ITU-R BT.601
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def adjust_brightness(x, factor):
    """factor · x, clipped.   x (N, C, H, W), factor a number or (N,)"""
    check_colors("adjust_brightness", x)
    return _clipped(x * per_picture("adjust_brightness", "factor", factor, x))


def adjust_contrast(x, factor):
    """Away from the picture's mean grey, or towards it, clipped.   factor a number or (N,)"""
    check_colors("adjust_contrast", x)
    factor = per_picture("adjust_contrast", "factor", factor, x)
    mean = _luma(x).mean((1, 2, 3), keepdims=True)                          # (N, 1, 1, 1)
    return _clipped(factor * x + (1 - factor) * mean)


def adjust_saturation(x, factor):
    """Away from each pixel's grey, or towards it, clipped.   factor a number or (N,)"""
    check_colors("adjust_saturation", x)
    factor = per_picture("adjust_saturation", "factor", factor, x)
    return x.copy() if x.shape[1] == 1 else _clipped(factor * x + (1 - factor) * _luma(x))


def adjust_hue(x, turns):
    """Colours turned about the grey axis: 1/3 makes red green.   turns a number or (N,)"""
    check_colors("adjust_hue", x)
    turns = per_picture("adjust_hue", "turns", turns, x)[:, 0]              # (N, 1, 1)
    return x.copy() if x.shape[1] == 1 else _turned(x, turns)


def grayscale(x):
    """The luma, 0.299 R + 0.587 G + 0.114 B, in every channel.   (N, C, H, W)"""
    check_colors("grayscale", x)
    return np.repeat(_luma(x), x.shape[1], 1)


def solarize(x, threshold=0.5):
    """1 - x from the threshold on, x below.   (N, C, H, W)"""
    check_colors("solarize", x)
    return np.where(x >= np.float32(threshold), 1 - x, x)


def gaussian_blur(x, sigma, size=None):
    """Blurred with a standard deviation of sigma pixels.   x (N, C, H, W), sigma a number or (N,)

    size: of the kernel, odd; None takes a tenth of the pictures' height, at least 3. Beyond the
    border the picture is mirrored.
    """
    check_colors("gaussian_blur", x)
    if size is None:
        size = max(3, x.shape[2] // 10 // 2 * 2 + 1)
    sigma = per_picture("gaussian_blur", "sigma", sigma, x)
    reach = size // 2
    if size % 2 == 0 or reach >= min(x.shape[2:]) or (sigma <= 0).any():
        raise ValueError(
            f"gaussian_blur: size {size} must be odd and less than twice the picture's side, sigma "
            "above 0"
        )
    taps = [_blur_taps(sigma[:, 0, 0, 0], reach, length) for length in x.shape[2:]]
    return _clipped(apply_taps(x, *taps))


def color_jitter(x, rng, brightness=0.0, contrast=0.0, saturation=0.0, hue=0.0):
    """All four at random, in an order that is random, too, for each picture.   (N, C, H, W)

    Factors are uniform in [1 - v, 1 + v], not below 0; the hue in [-hue, hue] turns, hue <= 0.5.
    """
    check_colors("color_jitter", x)
    if min(brightness, contrast, saturation, hue) < 0 or hue > 0.5:
        raise ValueError(
            "color_jitter: brightness, contrast and saturation must be at least 0, hue within "
            f"[0, 0.5]; they are {brightness}, {contrast}, {saturation} and {hue}"
        )
    spread = np.array([brightness, contrast, saturation, hue])
    lowest = np.maximum(np.array([1, 1, 1, 0]) - spread, [0, 0, 0, -hue])
    highest = np.array([1, 1, 1, 0]) + spread
    values = lowest + (highest - lowest) * rng.random((len(x), 4))
    order = rng.permuted(np.tile(np.arange(4), (len(x), 1)), axis=1)        # (N, 4)
    changes = (adjust_brightness, adjust_contrast, adjust_saturation, adjust_hue)
    new = x.copy()
    for turn in range(4):
        for which in np.flatnonzero(spread):
            mine = order[:, turn] == which
            new[mine] = changes[which](new[mine], values[mine, which])
    return new


def normalize(x, mean=IMAGENET_MEAN, std=IMAGENET_STD):
    """(x - mean) / std, channel by channel; the defaults are those of ImageNet.   (N, C, H, W)"""
    check_colors("normalize", x)
    mean, std = (np.asarray(v, np.float32).reshape(-1, 1, 1) for v in (mean, std))
    if {len(mean), len(std)} - {1, x.shape[1]} or (std <= 0).any():
        raise ValueError(
            f"normalize: {len(mean)} means and {len(std)} standard deviations, above 0, for "
            f"{x.shape[1]} channels"
        )
    return (x - mean) / std


def _clipped(new):
    return np.clip(new, 0, 1, out=new)


def _luma(x):
    """(N, C, H, W) -> (N, 1, H, W)"""
    return x if x.shape[1] == 1 else np.einsum("nchw,c->nhw", x, LUMA)[:, None]


def _turned(x, turns):
    """The hue h + 6 turns.   x (N, 3, H, W), turns (N, 1, 1) -> (N, 3, H, W)"""
    red, green, blue = x[:, 0], x[:, 1], x[:, 2]                            # (N, H, W) each
    most = np.maximum(np.maximum(red, green), blue)
    least = np.minimum(np.minimum(red, green), blue)
    chroma = most - least
    scale = 1 / np.where(chroma > 0, chroma, 1)                             # a grey has any hue
    hue = np.where(
        most == red, (green - blue) * scale,
        np.where(most == green, (blue - red) * scale + 2, (red - green) * scale + 4),
    )
    hue += 6 * turns
    hue -= 6 * np.floor(hue / 6)
    new = np.empty_like(x)
    for channel, share in enumerate((abs(hue - 3) - 1, 2 - abs(hue - 2), 2 - abs(hue - 4))):
        new[:, channel] = least + chroma * np.clip(share, 0, 1, out=share)
    return _clipped(new)


def _blur_taps(sigma, reach, length):
    """Gaussian weights, mirrored at the border.   sigma (N,) -> place, weight (N, length, taps)"""
    offset = np.arange(-reach, reach + 1)
    weight = np.exp(-0.5 * (offset / sigma[:, None].astype(np.float64)) ** 2)
    weight /= weight.sum(1, keepdims=True)                                  # (N, taps)
    place = np.arange(length)[:, None] + offset                             # (length, taps)
    mirrored = (length - 1) - abs((length - 1) - abs(place))
    shape = (len(sigma), length, len(offset))
    return np.broadcast_to(mirrored, shape), np.broadcast_to(weight[:, None], shape)

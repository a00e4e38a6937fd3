r"""Pictures with parts missing, or mixed with each other.

Idea: of two pictures with weights λ and 1 - λ the class is each of the two, with these weights. So
targets are mixed as the pictures are, whether by adding (mixup) or by pasting a box (CutMix).
Read next: views.py.
"""

import numpy as np

from minigen.data.augment._check import check_pictures


def cutout(x, rng, size, value=0.0):
    """A square of size pixels a side in each picture is set to value.   (N, C, H, W)

    Its middle is any pixel: at the border less is cut.
    Source: DeVries & Taylor, Improved Regularization of Convolutional Neural Networks with Cutout,
    2017.
    """
    check_pictures("cutout", x)
    if size < 0:
        raise ValueError(f"cutout: size must be at least 0, not {size}")
    side = np.full(len(x), size)
    return np.where(_random_box(x, rng, side, side), np.float32(value), x)


def mixup(x, targets, rng, alpha=0.8):
    """λ x + (1 - λ) of another picture of the batch, targets likewise.   x (N, C, H, W)

    targets: (N, K) floats, one-hot or already soft. λ is drawn from Beta(alpha, alpha) for each
    picture.   -> pictures, targets
    Source: Zhang et al., mixup: Beyond Empirical Risk Minimization, 2017, equation 1.
    """
    other, share = _partners("mixup", x, targets, rng, alpha)
    pictures = share[:, None, None, None]
    mixed = pictures * x + (1 - pictures) * x[other]
    return np.clip(mixed, 0, 1, out=mixed), _mixed_targets(targets, other, share)


def cutmix(x, targets, rng, alpha=1.0):
    """A box of another picture of the batch, pasted into each; targets mixed by area.

    targets: (N, K) floats. The box takes 1 - λ of the area, before it is cut at the border, with λ
    from Beta(alpha, alpha); targets are mixed by what it takes in the end.   -> pictures, targets
    Source: Yun et al., CutMix, 2019, equations 1 and 2.
    """
    other, share = _partners("cutmix", x, targets, rng, alpha)
    height, width = x.shape[2:]
    root = np.sqrt(1 - share)
    box = _random_box(x, rng, np.rint(root * height), np.rint(root * width))    # (N, 1, H, W)
    left = 1 - box.mean((1, 2, 3), dtype=np.float32)
    return np.where(box, x[other], x), _mixed_targets(targets, other, left)


def _partners(function, x, targets, rng, alpha):
    """Another picture for each, and the share that stays.   -> (N,) indices, (N,) float32"""
    check_pictures(function, x)
    kind = getattr(targets, "dtype", np.dtype(object)).kind
    if kind != "f" or targets.ndim != 2 or len(targets) != len(x) or alpha <= 0:
        raise ValueError(
            f"{function}: targets must be floats ({len(x)}, K), alpha above 0; they are "
            f"{getattr(targets, 'dtype', type(targets).__name__)} {getattr(targets, 'shape', '')} "
            f"and {alpha}; labels become np.eye(K, dtype=np.float32)[labels]"
        )
    share = rng.beta(alpha, alpha, len(x)).astype(np.float32)
    return rng.permutation(len(x)), share


def _mixed_targets(targets, other, share):
    share = share[:, None].astype(targets.dtype)
    return share * targets + (1 - share) * targets[other]


def _random_box(x, rng, tall, wide):
    """Which pixels lie in a box about a random one.   tall, wide (N,) -> (N, 1, H, W) bool"""
    height, width = x.shape[2:]
    top = rng.integers(0, height, len(x)) - tall // 2
    left = rng.integers(0, width, len(x)) - wide // 2
    row, column = np.arange(height), np.arange(width)
    rows = (top[:, None] <= row) & (row < (top + tall)[:, None])            # (N, H)
    columns = (left[:, None] <= column) & (column < (left + wide)[:, None])
    return (rows[:, :, None] & columns[:, None, :])[:, None]

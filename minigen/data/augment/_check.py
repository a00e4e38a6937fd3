"""What every augmentation asks of its input."""

import numpy as np


def check_pictures(function, x):
    """Raise TypeError or ValueError, naming the function, unless x is (N, C, H, W) float32."""
    if not isinstance(x, np.ndarray) or x.dtype != np.float32:
        kind = x.dtype if isinstance(x, np.ndarray) else type(x).__name__
        raise TypeError(f"{function}: pictures are float32 arrays in [0, 1], not {kind}")
    if x.ndim != 4 or x.shape[1] not in (1, 3) or 0 in x.shape[2:]:
        raise ValueError(
            f"{function}: pictures have shape (N, 1 or 3, H, W), not {x.shape}; one picture needs "
            "[None] in front"
        )


def check_colors(function, x):
    """check_pictures, and ValueError unless all values are in [0, 1], where colours are."""
    check_pictures(function, x)
    if x.size and not (x.min() >= -1e-3 and x.max() <= 1 + 1e-3):    # less is rounding
        raise ValueError(
            f"{function}: pictures are in [0, 1], these from {x.min():g} to {x.max():g}; divide by "
            "255 first, and normalize last"
        )


def per_picture(function, name, values, x):
    """A number for each picture, or one for all.   -> (N, 1, 1, 1) float32"""
    values = np.asarray(values, np.float32)
    if values.shape not in ((), (len(x),)):
        raise ValueError(f"{function}: {name} has shape {values.shape}, not () or ({len(x)},)")
    return np.broadcast_to(values, len(x)).reshape(-1, 1, 1, 1)

"""Augmentation: the same picture, seen differently, a batch at a time.

Idea: a self-supervised model learns what stays when a picture is cropped, recoloured or blurred, so
these changes say what it is to ignore. Each is a plain function of pictures (N, C, H, W), float32
in [0, 1], that returns new ones; what is random takes a numpy.random.Generator, and differs from
picture to picture. Names and meanings are torchvision's where it has them.
Invariant: the input is never written to, and the output stays in [0, 1].
Read next: crop.py, color.py, mix.py, views.py (SimCLR's, BYOL's and DINO's recipes).
"""

from minigen.data.augment.color import (
    adjust_brightness,
    adjust_contrast,
    adjust_hue,
    adjust_saturation,
    color_jitter,
    gaussian_blur,
    grayscale,
    normalize,
    solarize,
)
from minigen.data.augment.crop import (
    center_crop,
    crop_resize,
    patch_grid,
    random_crop,
    random_flip,
    random_resized_crop,
    resize,
    rotate90,
)
from minigen.data.augment.mix import cutmix, cutout, mixup
from minigen.data.augment.views import MultiView, View, byol, dino, simclr

__all__ = [
    "adjust_brightness", "adjust_contrast", "adjust_hue", "adjust_saturation", "byol",
    "center_crop", "color_jitter", "crop_resize", "cutmix", "cutout", "dino", "gaussian_blur",
    "grayscale", "mixup", "normalize", "patch_grid", "random_crop", "random_flip",
    "random_resized_crop", "resize", "rotate90", "simclr", "solarize", "MultiView", "View",
]

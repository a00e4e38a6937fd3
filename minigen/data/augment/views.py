"""Random views of a picture, as the self-supervised methods take them.

Idea: a view is one fixed sequence (crop, flip, colour jitter, grey, blur, solarise), and a method
is how likely each step is. A recipe is called with pictures and a generator, and gives several
views: `DataLoader(images.train, 128, shuffle=True, transform=simclr(32))`.
Source: Chen et al., SimCLR, 2020, appendix A; Grill et al., BYOL, 2020, appendix B; Caron et al.,
DINO, 2021, appendix, and the authors' code of each.
Read next: crop.py, color.py.
"""

from dataclasses import dataclass, replace

from minigen.data.augment._check import check_pictures
from minigen.data.augment.color import color_jitter, gaussian_blur, grayscale, solarize
from minigen.data.augment.crop import random_flip, random_resized_crop


@dataclass(frozen=True)
class View:
    """How to make one random view; the probabilities are per picture."""

    size: int                                           # pixels a side
    scale: tuple[float, float] = (0.08, 1.0)            # share of the area that is seen
    ratio: tuple[float, float] = (3 / 4, 4 / 3)         # its width / height
    flip: float = 0.5                                   # probability of left and right exchanged
    jitter: tuple[float, float, float, float] = (0.4, 0.4, 0.2, 0.1)    # see color_jitter
    jitter_p: float = 0.8                               # its probability
    gray: float = 0.2                                   # probability of no colour
    blur: float = 0.5                                   # probability of a blur
    sigma: tuple[float, float] = (0.1, 2.0)             # its standard deviation, in pixels
    solarize: float = 0.0                               # probability of bright parts inverted

    def __call__(self, x, rng):
        """Pictures (N, C, H, W) float32 in [0, 1] -> (N, C, size, size)."""
        check_pictures("View", x)
        x = random_resized_crop(x, rng, self.size, self.scale, self.ratio)
        x = random_flip(x, rng, self.flip)
        for probability, change in (
            (self.jitter_p, lambda part: color_jitter(part, rng, *self.jitter)),
            (self.gray, grayscale),
            (self.blur, lambda part: gaussian_blur(part, rng.uniform(*self.sigma, len(part)))),
            (self.solarize, solarize),
        ):
            chosen = rng.random(len(x)) < probability
            if chosen.any():
                x[chosen] = change(x[chosen])
        return x


@dataclass(frozen=True)
class MultiView:
    """Several views of the same pictures (multi-crop, where their sizes differ)."""

    views: tuple[View, ...]

    def __call__(self, x, rng):
        """Pictures (N, C, H, W) -> a tuple of (N, C, size, size), one of each view."""
        return tuple(view(x, rng) for view in self.views)


def simclr(size, strength=1.0, scale=(0.08, 1.0)):
    """Two views of one kind, with colour jitter of a given strength."""
    jitter = (0.8 * strength, 0.8 * strength, 0.8 * strength, 0.2 * strength)
    return MultiView((View(size, scale, jitter=jitter),) * 2)


def byol(size, scale=(0.08, 1.0)):
    """Two views that differ: the first is always blurred, the second seldom, but solarised.

    MoCo v3 and DINO take the same two.
    """
    first = View(size, scale, blur=1.0)
    return MultiView((first, replace(first, blur=0.1, solarize=0.2)))


def dino(size, local_size, local_views=8, scale=(0.4, 1.0), local_scale=(0.05, 0.4)):
    """Two large views, as BYOL's, then `local_views` small ones of small parts."""
    return MultiView((*byol(size, scale).views, *(View(local_size, local_scale),) * local_views))

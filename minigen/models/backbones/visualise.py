r"""What has a unit of a convolutional network learned to see? Four ways to ask.

1. Look at the weights: a filter of the first layer is a small picture. Noise has changes from each
   pixel to the next and all frequencies alike; an edge or a grating is smooth and has one.

$$ TV(w) = \frac{1}{\|w\|}\sum_{c,i,j} |w_{c,i+1,j} - w_{c,i,j}| + |w_{c,i,j+1} - w_{c,i,j}| $$

2. Look for what it likes: of all places in all pictures, those where the unit answers most.
3. Make what it likes: climb from noise to a picture for which the unit answers much.
4. Hide a part of the picture and see whether the class is still found: where its probability
   falls, there the network looked.

Symbols: w (U, C, k, k), U filters · pictures (N, C, S, S) in [0, 1] · answers of layer l (U, h, h)
Course: deck A, « Filtres appris par le réseau AlexNet », learned filters; item A-17.
Source: Zeiler & Fergus, Visualizing and Understanding Convolutional Networks, ECCV 2014 (2 and 4);
Erhan et al., Visualizing Higher-Layer Features of a Deep Network, 2009 (3).
Read next: alexnet.py (the network whose `maps` and `fields` are used here).
"""

import numpy as np

from minigen import enable_grad, from_numpy, grad, no_grad, ops

BLUR = 0.2      # share of its neighbours that a pixel takes in each step of a climb


def total_variation(w):
    """How rough filters are, each scaled to unit norm.   array (U, C, k, k) -> (U,)"""
    w = w / np.sqrt((w**2).sum((1, 2, 3), keepdims=True))
    return sum(np.abs(np.diff(w, axis=axis)).sum((1, 2, 3)) for axis in (2, 3))


def spectrum(w):
    """The power of each frequency, mean over the channels.   (U, C, k, k) -> (U, k, k)

    Frequency 0, the filter's mean colour, is at [0, 0].
    """
    return (np.abs(np.fft.fft2(w)) ** 2).mean(1)


def has_frequency(w, ratio=6):
    """Whether one frequency other than 0 dominates a filter.   (U, C, k, k) -> (U,) booleans

    It has more power than all others, frequency 0 too, and more than `ratio` times their median.
    """
    power = spectrum(w).reshape(len(w), -1)
    return (power.argmax(1) > 0) & (power.max(1) > ratio * np.median(power, 1))


def strongest_patches(model, layer, pictures, top=9, *, device="cpu", batch=256):
    """What makes each unit of a layer answer most: pieces of pictures as large as its field.

    model: with `maps` and `fields`, as AlexNet; layer: from 1. pictures: array (N, C, S, S), each
    counts with one place only. Beyond its edge a picture is grey.   -> (U, top, C, s, s)
    """
    best, place = [], []
    with no_grad():
        for i in range(0, len(pictures), batch):
            x = from_numpy(pictures[i : i + batch]).to(device)
            maps = model.maps(x)[layer - 1]                             # (B, U, h, h)
            side = maps.shape[-1]
            most = maps.flatten(2).max(2)
            best.append(most.values.to("cpu").numpy())                  # (B, U)
            place.append(most.indices.to("cpu").numpy())
    best, place = np.concatenate(best), np.concatenate(place)           # (N, U)
    chosen = np.argsort(-best, axis=0, kind="stable")[:top]             # (top, U)
    size, jump, start = model.fields[f"conv{layer}"]
    room = max(-start, start + (side - 1) * jump + size - pictures.shape[-1], 0)
    padded = np.pad(pictures[chosen], [(0, 0)] * 3 + [(room, room)] * 2, constant_values=0.5)
    rows, columns = np.divmod(np.take_along_axis(place, chosen, 0), side)
    patches = np.empty((best.shape[1], len(chosen), pictures.shape[1], size, size), np.float32)
    for rank, unit in np.ndindex(chosen.shape):
        y, x = (room + start + n[rank, unit] * jump for n in (rows, columns))
        patches[unit, rank] = padded[rank, unit, :, y : y + size, x : x + size]
    return patches


def climb(model, layer, size, *, rng, steps=60, rate=0.03):
    """Pictures that make each unit in the middle of a layer answer much.   -> (U, C, size, size)

        x ← clip(blur(x + rate · g / rms(g))),   g = ∂ answer / ∂x

    Without the blur, what is found are fine dots that no natural picture has. Each starts from grey
    with noise of rng, a Generator.
    """
    first = next(model.parameters())
    with no_grad():
        units = model.maps(_noise(1, first, size, rng))[layer - 1].shape[1]
    x = _noise(units, first, size, rng)                                 # (U, C, S, S)
    own = from_numpy(np.arange(units)).to(first.device)
    for _ in range(steps):
        with enable_grad():
            x = x.requires_grad_()
            maps = model.maps(x)[layer - 1]                             # (U, U, h, h)
            middle = maps.shape[-1] // 2
            (g,) = grad(maps[own, own, middle, middle].sum(), [x])      # (U, C, S, S)
        with no_grad():
            x = x + rate * g / ((g**2).mean((1, 2, 3), keepdim=True).sqrt() + 1e-12)
            around = ops.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)
            x = ((1 - BLUR) * x + BLUR * around).clamp(0, 1)
    return x


def _noise(count, first, size, rng):
    """Grey with noise, for a model with this first weight.   -> (count, C, size, size)"""
    return 0.5 + 0.15 * rng.normal((count, first.shape[1], size, size)).to(first.device)


def occlusion(model, x, label, side=8, step=2):
    """The probability of a class when a grey square hides a part of the picture, for each place.

    x: Tensor (C, S, S). The square's middle goes over the picture, to the middle of each cell of
    step × step pixels; the last cells may reach beyond it.   -> array (n, n)
    """
    middles = np.arange(0, x.shape[-1], step) + step // 2               # (n,)
    pixel = np.arange(x.shape[-1])
    inside = np.abs(pixel + 0.5 - middles[:, None]) <= side / 2         # (n, S)
    hidden = (inside[:, None, :, None] & inside[None, :, None, :]).reshape(-1, 1, *x.shape[1:])
    hidden = from_numpy(hidden.astype(np.float32)).to(x.device)         # (n², 1, S, S)
    with no_grad():
        seen = x * (1 - hidden) + 0.5 * hidden                          # (n², C, S, S)
        p = model(seen).softmax(1)[:, label]
    return p.to("cpu").numpy().reshape(len(middles), len(middles))

"""Spectrograms: which frequencies a sound has, and when.

Read next: style.py, ../ops/signal.py (the short-time Fourier transform).
"""

import numpy as np

from minigen import from_numpy, ops
from minigen.draw.plots import scale
from minigen.draw.style import as_array, panel, panels, styled

RANGE = 70      # decibels below the loudest that are told apart


@styled
def spectrograms(rate, window=256, /, **sounds):
    """Spectrograms below each other: spectrograms(8000, clean=x, noisy=y, enhanced=z).

        20·log10 |STFT|,   Hann windows, each a quarter further than the last

    Time goes right, frequency up, loudness by colour in decibels, 0 the loudest of all sounds; what
    is 70 dB below shows as silence. rate: samples a second. window: samples of a window; longer
    ones tell frequencies apart, shorter ones times. sounds: Tensors or arrays (L,), L at least a
    window; underscores in a name become spaces.   -> Figure
    """
    loudness = {}
    hann = from_numpy(np.hanning(window + 1)[:-1])                          # periodic
    for name, sound in sounds.items():
        sound = as_array(sound).astype(np.float64)
        if sound.ndim != 1 or len(sound) < window:
            raise ValueError(f"spectrograms: {name} has shape {sound.shape}, not (L,) with at "
                             f"least {window} samples")
        spectrum = ops.stft(from_numpy(sound), window, window=hann).data    # (N, T, 2)
        loudness[name] = np.hypot(*np.moveaxis(spectrum, -1, 0))            # (N, T)
    loudest = max(max(values.max() for values in loudness.values()), 1e-300)
    figure, axes = panels(len(sounds), columns=1, width=800, height=230)
    for place, (name, values) in zip(axes, loudness.items(), strict=True):
        panel(place, None, None, name.replace("_", " "), ("seconds", "kHz"))
        place.grid(visible=False)
        floor = 10 ** (-RANGE / 20)
        decibels = 20 * np.log10(np.maximum(values / loudest, floor))
        # a frame is centred on its time, a frequency on its own: half a cell more on each side
        hop, bin_width = window / 4 / rate, rate / window / 1000
        extent = (-hop / 2, (values.shape[1] - 0.5) * hop, -bin_width / 2,
                  (len(values) - 0.5) * bin_width)
        image = place.imshow(decibels, cmap="magma", vmin=-RANGE, vmax=0, origin="lower",
                             aspect="auto", extent=extent)
        scale(place, image, "dB")
    return figure

"""Figures one after the other, as an animated GIF: training, interpolations, trajectories.

Idea: frames are figures as all others are. A GIF has 256 colours, chosen for each frame anew, and
plays everywhere: browsers, notebooks, slides.
Read next: style.py, ../train/run.py (`run.figure` takes an animation too).
"""

import base64
import io

import numpy as np
from PIL import Image

HOLD = 1.0      # seconds that the last frame stays longer, before all starts again


class Animation:
    """Frames that have been drawn; `savefig(path)` writes them, a notebook plays them."""

    suffix = ".gif"

    def __init__(self, frames, seconds):
        self._frames, self._seconds = frames, seconds

    def savefig(self, path, format="gif"):
        """Write an animated GIF to a path or an open binary file, like a Figure's savefig."""
        if format != "gif":
            raise ValueError(f'animation: format={format!r}; an animation is written as "gif"')
        times = [round(1000 * self._seconds)] * len(self._frames)
        times[-1] += round(1000 * HOLD)
        self._frames[0].save(path, format="GIF", save_all=True, append_images=self._frames[1:],
                             duration=times, loop=0)

    def _repr_html_(self):
        file = io.BytesIO()
        self.savefig(file)
        return f'<img src="data:image/gif;base64,{base64.b64encode(file.getvalue()).decode()}">'


def animation(figures, seconds=0.1):
    """Figures as the frames of an animation: animation(draw.grid(x) for x in steps).

    figures: any iterable, each drawn as it comes; all of one size. seconds: that each is shown, at
    least 0.02, as players go no faster.   -> Animation
    """
    if seconds < 0.02:
        raise ValueError(f"animation: seconds={seconds}; players show a frame for 0.02 at least")
    frames = [_frame(figure) for figure in figures]
    if not frames:
        raise ValueError("animation: no figures")
    for i, frame in enumerate(frames):
        if frame.size != frames[0].size:
            raise ValueError(f"animation: figure {i} has {frame.size[0]} × {frame.size[1]} pixels, "
                             f"the first {frames[0].size[0]} × {frames[0].size[1]}")
    return Animation(frames, seconds)


def _frame(figure):
    """A figure with half of the pixels it would be written with, in 256 colours."""
    figure.canvas.draw()
    full = Image.fromarray(np.asarray(figure.canvas.buffer_rgba())).convert("RGB")
    return full.reduce(2).quantize(dither=Image.Dither.NONE)

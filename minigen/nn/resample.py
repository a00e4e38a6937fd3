"""Upsampling: more pixels from fewer.

Read next: ../ops/resample.py.
"""

from minigen import ops
from minigen.nn.module import Module
from minigen.ops.resample import MODES


class Upsample(Module):
    """x (N, C, *size) resampled to `size`, or to scale_factor times its own size.

    mode: "nearest", "linear", "bilinear", "trilinear", "bicubic"; align_corners: None, or for all
    but "nearest" whether the corner pixels' centres stay in place. recompute_scale_factor: take
    the ratio of the sizes for scale_factor. See ops.interpolate.
    """

    def __init__(
        self,
        size=None,
        scale_factor=None,
        mode="nearest",
        align_corners=None,
        recompute_scale_factor=None,
    ):
        super().__init__()
        if not isinstance(mode, str) or mode not in MODES:
            raise ValueError(
                f"Upsample: mode {mode!r} is not known: use one of {', '.join(MODES)}"
            )
        self.size = size
        self.scale_factor = scale_factor
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, x):
        """x (N, C, *size) -> (N, C, *out)"""
        return ops.interpolate(
            x,
            self.size,
            self.scale_factor,
            self.mode,
            self.align_corners,
            self.recompute_scale_factor,
        )

    def extra_repr(self):
        """The constructor's arguments."""
        given = (
            f"size={self.size}" if self.size is not None else f"scale_factor={self.scale_factor}"
        )
        return f"{given}, mode={self.mode!r}"

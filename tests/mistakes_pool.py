"""Wrong calls of ops (pool, resample, grid_sample) and what minigen says of them; see
test_errors.py."""

import minigen as mg
from minigen import nn, ops

one, T = mg.ones, mg.tensor


def image(*size):
    return one(1, 1, *size)


POOLING = [
    (lambda: ops.max_pool2d(one(3, 8, 8), 2), ValueError,
     "max_pool2d: x (3, 8, 8) must have 4 dimensions, (N, C, H, W); a single sample needs "
     "x.unsqueeze(0)"),
    (lambda: ops.avg_pool1d(one(8), 2), ValueError,
     "avg_pool1d: x (8,) must have 3 dimensions, (N, C, L)"),
    (lambda: ops.avg_pool2d(image(8, 8), 9), ValueError,
     "avg_pool2d: kernel (9, 9) is larger than x (1, 1, 8, 8) with padding (0, 0); use a smaller "
     "kernel, or pad more"),
    (lambda: ops.max_pool1d(image(8), 4, dilation=3), ValueError,
     "max_pool1d: kernel (4,) with dilation (3,) is larger than x (1, 1, 8) with padding (0,)"),
    (lambda: ops.max_pool2d(image(8, 8), 2, padding=2), ValueError,
     "max_pool2d: padding (2, 2) is more than half of kernel (2, 2)"),
    (lambda: ops.max_pool1d(image(1), 2, padding=1, dilation=2), ValueError,
     "max_pool1d: with kernel (2,), dilation (2,) and padding (1,) a window of x (1, 1, 1) reads "
     "nothing but padding; pad less"),
    (lambda: ops.max_pool2d(image(8, 8), 1.5), ValueError,
     "max_pool2d: kernel_size must be a whole number or 2 of them, not 1.5"),
    (lambda: ops.max_pool3d(image(2, 2, 2), (2, 2)), ValueError,
     "max_pool3d: kernel_size must be a whole number or 3 of them, not (2, 2)"),
    (lambda: ops.max_pool2d(image(8, 8), 2, 0), ValueError,
     "max_pool2d: stride must be at least 1, not (0, 0)"),
    (lambda: ops.max_pool2d(image(8, 8).long(), 2), TypeError,
     "max_pool2d: x must be floating, not int64; use x.float()"),
    (lambda: ops.max_pool2d(image(0, 8), 2), ValueError,
     "max_pool2d: x (1, 1, 0, 8) has no elements to work on"),
    (lambda: ops.avg_pool2d(image(4, 4), 2, divisor_override=0), ValueError,
     "avg_pool2d: divisor_override must be a whole number, not 0, or None; got 0"),
    (lambda: ops.adaptive_avg_pool2d(image(4, 4), (2, 2, 2)), ValueError,
     "adaptive_avg_pool2d: output_size must be a positive whole number, or 2 of them or None (as "
     "in x), not (2, 2, 2)"),
    (lambda: ops.adaptive_avg_pool1d(image(4), 0), ValueError,
     "adaptive_avg_pool1d: output_size must be a positive whole number"),
    (lambda: ops.interpolate(image(4, 4)), ValueError,
     "interpolate: give either size or scale_factor"),
    (lambda: ops.interpolate(image(4, 4), 8, 2), ValueError,
     "interpolate: give either size or scale_factor"),
    (lambda: ops.interpolate(image(4, 4), (8, 8, 8)), ValueError,
     "interpolate: size must be a positive whole number or 2 of them, not (8, 8, 8)"),
    (lambda: ops.interpolate(image(4, 4), 2.5), ValueError,
     "interpolate: size must be a positive whole number or 2 of them, not 2.5"),
    (lambda: ops.interpolate(image(4, 4), scale_factor=-1), ValueError,
     "interpolate: scale_factor must be a positive number or 2 of them, not -1"),
    (lambda: ops.interpolate(image(4, 4), scale_factor=0.2), ValueError,
     "interpolate: scale_factor 0.2 leaves nothing of x (1, 1, 4, 4): it would have size (0, 0)"),
    (lambda: ops.interpolate(image(4, 4), 8, recompute_scale_factor=True), ValueError,
     "interpolate: recompute_scale_factor goes with scale_factor, not with size"),
    (lambda: ops.interpolate(image(4, 4), 8, mode="linear"), ValueError,
     'interpolate: mode "linear" is for 3 dimensions, x (1, 1, 4, 4) has 4; use "bilinear"'),
    (lambda: ops.interpolate(image(4), 8, mode="bicubic"), ValueError,
     'interpolate: mode "bicubic" is for 4 dimensions, x (1, 1, 4) has 3'),
    (lambda: ops.interpolate(image(4, 4), 8, mode="lanczos"), ValueError,
     "interpolate: mode 'lanczos' is not known: use one of nearest, nearest-exact, linear"),
    (lambda: ops.interpolate(image(4, 4), 8, align_corners=False), ValueError,
     'interpolate: align_corners has no meaning for mode "nearest"; leave it out'),
    (lambda: ops.interpolate(image(4, 4), 2, mode="bilinear", antialias=True), ValueError,
     "interpolate: antialias=True does not exist here; smooth x first"),
    (lambda: ops.interpolate(one(4, 4), 8), ValueError,
     "interpolate: x (4, 4) must have 3, 4 or 5 dimensions, (N, C, *size)"),
    (lambda: ops.grid_sample(image(4, 4), one(1, 2, 2, 3)), ValueError,
     "grid_sample: grid (1, 2, 2, 3) must be (1, H', W', 2) for x (1, 1, 4, 4): a place for each "
     "pixel of the result"),
    (lambda: ops.grid_sample(image(4, 4), one(2, 2, 2, 2)), ValueError,
     "grid_sample: grid (2, 2, 2, 2) must be (1, H', W', 2) for x (1, 1, 4, 4)"),
    (lambda: ops.grid_sample(image(4, 4), one(1, 2, 2, 2), "bicubic"), ValueError,
     'grid_sample: mode \'bicubic\' must be "bilinear" or "nearest"'),
    (lambda: ops.grid_sample(image(4, 4), one(1, 2, 2, 2), padding_mode="reflect"), ValueError,
     'grid_sample: padding_mode \'reflect\' must be "zeros", "border" or "reflection"'),
    (lambda: ops.grid_sample(image(4, 4), one(1, 2, 2, 2).long()), TypeError,
     "grid_sample: grid must be floating, not int64; use grid.float()"),
    (lambda: ops.affine_grid(one(2, 3), (1, 1, 4, 4)), ValueError,
     "affine_grid: theta (2, 3) for size (1, 1, 4, 4): expected theta (N, 2, 3) with (N, C, H, W)"),
    (lambda: ops.affine_grid(one(1, 2, 3), (1, 1, 4, 0)), ValueError,
     "affine_grid: size must hold positive whole numbers, not (1, 1, 4, 0)"),
    *[(lambda name=name, rest=rest: getattr(ops, name)(None, *rest), TypeError,
       f"{name}: None is not a tensor")
      for name, *rest in [
          ("max_pool1d", 2), ("avg_pool2d", 2), ("adaptive_avg_pool2d", 1), ("interpolate", 2),
          ("grid_sample", one(1)), ("affine_grid", (1, 1, 2, 2)),
      ]],
    (lambda: ops.max_pool2d(image(8, 8), True), ValueError,
     "max_pool2d: kernel_size must be a whole number or 2 of them, not True"),
    (lambda: ops.interpolate(image(4, 4), True), ValueError,
     "interpolate: size must be a positive whole number or 2 of them, not True"),
    (lambda: ops.interpolate(image(4, 4), 8, mode=["nearest"]), ValueError,
     "interpolate: mode ['nearest'] is not known: use one of nearest, nearest-exact, linear"),
    (lambda: ops.affine_grid(one(1, 2, 3), 4), TypeError,
     "affine_grid: size must be a tuple, (N, C, H, W), not 4"),
    (lambda: nn.Upsample(mode="x"), ValueError,
     "Upsample: mode 'x' is not known: use one of nearest, nearest-exact, linear"),
    (lambda: nn.MaxPool2d("2"), ValueError,
     "MaxPool2d: kernel_size must be a whole number >= 1, not '2'"),
    (lambda: nn.AvgPool2d((2, 0)), ValueError,
     "AvgPool2d: kernel_size must be a whole number >= 1 or a tuple of them, not (2, 0)"),
]  # fmt: skip

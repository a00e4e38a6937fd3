"""Normalisation layers.

Idea: batch normalisation gives every channel mean 0 and variance 1 over the batch, then lets the
network choose scale and shift. In use there may be no batch: running averages of mean and variance,
kept while training, take the batch's place.
Read next: ../ops/norm.py (the mathematics).
"""

from minigen import ops
from minigen.autograd import assign
from minigen.nn.module import Module, Parameter
from minigen.ops import ones, zeros


class _BatchNorm(Module):
    """What the three share; a subclass says for which inputs."""

    ndims: tuple[int, ...] = ()  # numbers of dimensions that an input may have

    def __init__(
        self,
        num_features,
        eps=1e-5,
        momentum=0.1,
        affine=True,
        track_running_stats=True,
        *,
        dtype="float32",
    ):
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        self.weight = Parameter(ones(num_features, dtype=dtype)) if affine else None
        self.bias = Parameter(zeros(num_features, dtype=dtype)) if affine else None
        tracked = track_running_stats
        self.register_buffer("running_mean", zeros(num_features, dtype=dtype) if tracked else None)
        self.register_buffer("running_var", ones(num_features, dtype=dtype) if tracked else None)
        self.register_buffer("num_batches_tracked", zeros((), dtype="int64") if tracked else None)

    def forward(self, x):
        """x (N, num_features, *size) -> like x; in training also moves the running averages."""
        if x.ndim not in self.ndims or x.shape[1] != self.num_features:
            raise ValueError(
                f"{type(self).__name__}({self.num_features}) got {x.shape}, expected "
                f"(N, {self.num_features}, ...) of {' or '.join(map(str, self.ndims))} dimensions"
            )
        momentum, tracking = self.momentum, self.training and self.running_mean is not None
        if tracking:
            batches = self.num_batches_tracked + 1
            if momentum is None:  # all batches weigh the same
                momentum = 1 / int(batches)
        y = ops.batch_norm(
            x,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or self.running_mean is None,
            momentum,
            self.eps,
        )
        if tracking:
            assign(self.num_batches_tracked, batches)
        return y

    def extra_repr(self):
        """The constructor's arguments."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"track_running_stats={self.track_running_stats}"
        )


class BatchNorm1d(_BatchNorm):
    """Batch normalisation of feature vectors or sequences; see `BatchNorm2d`.

    (N, num_features) or (N, num_features, L) -> the same shape
    """

    ndims = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Batch normalisation of images.   (N, num_features, H, W) -> the same shape

        y = (x - mean) / sqrt(var + eps) · weight + bias        mean, var of each channel

    In training, mean and (biased) variance are the batch's, and the buffers move towards them, with
    the unbiased variance: running = (1 - momentum)·running + momentum·batch. momentum=None: the
    plain average over all batches. In use, mean and variance are the buffers. affine=False: no
    weight and bias. track_running_stats=False: no buffers, always the batch's statistics.
    ValueError for another shape. Source: Ioffe & Szegedy, Batch Normalization, ICML 2015.
    """

    ndims = (4,)


class BatchNorm3d(_BatchNorm):
    """Batch normalisation of volumes; see `BatchNorm2d`.

    (N, num_features, D, H, W) -> the same shape
    """

    ndims = (5,)

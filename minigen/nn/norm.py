"""Normalisation layers.

Idea: mean 0 and variance 1, then the network chooses scale and shift again. Over what mean and
variance are taken, makes the kind: a channel of the whole batch, a channel or some channels of one
sample, or the features of one token. For batch normalisation there may be no batch in use: running
averages of mean and variance, kept while training, take its place.
Read next: ../ops/norm.py, ../ops/layer_norm.py (the mathematics).
"""

from numbers import Integral

from minigen import ops
from minigen.autograd import assign
from minigen.nn.module import Module, Parameter, check_sizes
from minigen.ops import ones, zeros

# ---- over the batch, or over each image


class _ChannelNorm(Module):
    """What batch and instance norm share; a subclass says for which inputs."""

    ndims: tuple[int, ...] = ()  # numbers of dimensions that an input may have

    def __init__(self, num_features, eps, momentum, affine, tracked, bias, dtype):
        super().__init__()
        check_sizes(self, "num_features", num_features)
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = tracked
        self.weight = Parameter(ones(num_features, dtype=dtype)) if affine else None
        self.bias = Parameter(zeros(num_features, dtype=dtype)) if affine and bias else None
        self.register_buffer("running_mean", zeros(num_features, dtype=dtype) if tracked else None)
        self.register_buffer("running_var", ones(num_features, dtype=dtype) if tracked else None)
        self.register_buffer("num_batches_tracked", zeros((), dtype="int64") if tracked else None)

    def _check(self, x):
        if x.ndim not in self.ndims or x.shape[1] != self.num_features:
            raise ValueError(
                f"{type(self).__name__}({self.num_features}) got {x.shape}, expected "
                f"(N, {self.num_features}, ...) of {' or '.join(map(str, self.ndims))} dimensions"
            )

    def _normalise(self, op, x, momentum):
        """The op of batch or instance norm, with the batch's or the sample's statistics if it is
        training or there are no others."""
        return op(
            x,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or self.running_mean is None,
            momentum,
            self.eps,
        )

    def extra_repr(self):
        """The constructor's arguments."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_ChannelNorm):
    """What the three share."""

    def __init__(
        self,
        num_features,
        eps=1e-5,
        momentum=0.1,
        affine=True,
        track_running_stats=True,
        *,
        bias=True,
        dtype="float32",
    ):
        super().__init__(num_features, eps, momentum, affine, track_running_stats, bias, dtype)

    def forward(self, x):
        """x (N, num_features, *size) -> like x; in training also moves the running averages."""
        self._check(x)
        momentum, tracking = self.momentum, self.training and self.running_mean is not None
        if tracking:
            batches = self.num_batches_tracked + 1
            if momentum is None:  # all batches weigh the same
                momentum = 1 / int(batches)
        y = self._normalise(ops.batch_norm, x, momentum)
        if tracking:
            assign(self.num_batches_tracked, batches)
        return y


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
    weight and bias; bias=False: no bias. track_running_stats=False: no buffers, always the batch's
    statistics. ValueError for another shape. Source: Ioffe & Szegedy, Batch Normalization, 2015.
    """

    ndims = (4,)


class BatchNorm3d(_BatchNorm):
    """Batch normalisation of volumes; see `BatchNorm2d`.

    (N, num_features, D, H, W) -> the same shape
    """

    ndims = (5,)


class _InstanceNorm(_ChannelNorm):
    """What the three share."""

    def __init__(
        self,
        num_features,
        eps=1e-5,
        momentum=0.1,
        affine=False,
        track_running_stats=False,
        *,
        bias=True,
        dtype="float32",
    ):
        super().__init__(num_features, eps, momentum, affine, track_running_stats, bias, dtype)

    def forward(self, x):
        """x (N, num_features, *size), or one sample without N -> like x."""
        if x.ndim == self.ndims[0] - 1:
            return ops.squeeze(self.forward(ops.unsqueeze(x, 0)), 0)
        self._check(x)
        momentum = 0.0 if self.momentum is None else self.momentum
        return self._normalise(ops.instance_norm, x, momentum)


class InstanceNorm1d(_InstanceNorm):
    """Instance normalisation of sequences; see `InstanceNorm2d`.

    (N, num_features, L) or (num_features, L) -> the same shape
    """

    ndims = (3,)


class InstanceNorm2d(_InstanceNorm):
    """Instance normalisation of images.   (N, num_features, H, W), or without N -> the same shape

        y = (x - mean) / sqrt(var + eps) · weight + bias     mean, var of each channel of each image

    affine=True: with weight and bias. track_running_stats=True: in training the buffers move
    towards the average over the images (momentum=None: they stay), and in use they take the
    place of each image's own. ValueError for another shape. Source: Ulyanov, Vedaldi & Lempitsky,
    Instance Normalization, 2016.
    """

    ndims = (4,)


class InstanceNorm3d(_InstanceNorm):
    """Instance normalisation of volumes; see `InstanceNorm2d`.

    (N, num_features, D, H, W), or without N -> the same shape
    """

    ndims = (5,)


class GroupNorm(Module):
    """Normalisation of groups of channels.   (N, num_channels, ...) -> the same shape

        y = (x - mean) / sqrt(var + eps) · weight + bias     mean, var of num_channels / num_groups
                                                             channels of one sample
    affine=False: no weight and bias; bias=False: no bias. ValueError if num_groups does not divide
    num_channels, or for other inputs. Source: Wu & He, Group Normalization, 2018.
    """

    def __init__(
        self, num_groups, num_channels, eps=1e-5, affine=True, *, bias=True, dtype="float32"
    ):
        super().__init__()
        check_sizes(self, "num_groups", num_groups)
        check_sizes(self, "num_channels", num_channels)
        if num_channels % num_groups:
            raise ValueError(
                f"GroupNorm: num_groups {num_groups} must divide num_channels {num_channels}"
            )
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        self.weight = Parameter(ones(num_channels, dtype=dtype)) if affine else None
        self.bias = Parameter(zeros(num_channels, dtype=dtype)) if affine and bias else None

    def forward(self, x):
        """x (N, num_channels, ...) -> like x."""
        if x.ndim < 2 or x.shape[1] != self.num_channels:
            raise ValueError(
                f"GroupNorm({self.num_groups}, {self.num_channels}) got {x.shape}, expected "
                f"(N, {self.num_channels}, ...)"
            )
        return ops.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self):
        """The constructor's arguments."""
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}"


class LocalResponseNorm(Module):
    """Each element divided by a power of its neighbours' energy; see `ops.local_response_norm`.

    (N, C, ...), of 3 dimensions or more -> the same shape
    """

    def __init__(self, size, alpha=1e-4, beta=0.75, k=1.0):
        super().__init__()
        check_sizes(self, "size", size)
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, x):
        """x (N, C, ...) -> like x."""
        return ops.local_response_norm(x, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self):
        """The constructor's arguments."""
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


# ---- over the last dimensions


def _sizes(normalized_shape):
    return (normalized_shape,) if isinstance(normalized_shape, Integral) else normalized_shape


class LayerNorm(Module):
    """Normalisation of the last dimensions.   (..., *normalized_shape) -> the same shape

        y = (x - mean) / sqrt(var + eps) · weight + bias        mean, var of each row

    normalized_shape: a number or a tuple. elementwise_affine=False: no weight and bias; bias=False:
    no bias. ValueError for an x of another shape. Source: Ba, Kiros & Hinton, Layer
    Normalization, 2016.
    """

    def __init__(
        self,
        normalized_shape,
        eps=1e-5,
        elementwise_affine=True,
        bias=True,
        *,
        dtype="float32",
    ):
        super().__init__()
        check_sizes(self, "normalized_shape", normalized_shape, 0)
        self.normalized_shape = shape = tuple(_sizes(normalized_shape))
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self.weight = Parameter(ones(shape, dtype=dtype)) if elementwise_affine else None
        self.bias = Parameter(zeros(shape, dtype=dtype)) if elementwise_affine and bias else None

    def forward(self, x):
        """x (..., *normalized_shape) -> like x."""
        return ops.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self):
        """The constructor's arguments."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        )


class RMSNorm(Module):
    """The last dimensions divided by their root mean square.   (..., *normalized_shape) -> the same

        y = x / sqrt(mean(x²) + eps) · weight

    normalized_shape: a number or a tuple. eps=None: the machine epsilon. elementwise_affine=False:
    no weight. ValueError for an x of another shape. Source: Zhang & Sennrich, Root Mean Square
    Layer Normalization, 2019.
    """

    def __init__(self, normalized_shape, eps=None, elementwise_affine=True, *, dtype="float32"):
        super().__init__()
        check_sizes(self, "normalized_shape", normalized_shape, 0)
        self.normalized_shape = shape = tuple(_sizes(normalized_shape))
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self.weight = Parameter(ones(shape, dtype=dtype)) if elementwise_affine else None

    def forward(self, x):
        """x (..., *normalized_shape) -> like x."""
        return ops.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self):
        """The constructor's arguments."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        )

"""The ops that `minigen bench ops` times, forward and backward, at sizes of the course's models.

Idea: a case is a call and the shapes of its inputs. Images come in the order of memory that the
library's own convolutions leave (channels last for minigen), as inside of a network, and so does
the upstream gradient; everything else is plain.
Read next: bench_models.py (whole training steps).
"""

import numpy as np

from minigen.cli.bench_cases import numbers


class _Input:
    """A tensor of the call; its first size is the batch, which a case can be asked to shrink."""

    def __init__(self, *shape, kind="plain", below=0):
        self.shape, self.kind, self.below = shape, kind, below

    def made(self, side, batch, seed):
        """The tensor; a leaf that requires grad unless it holds integers."""
        fixed = self.kind == "weight" or batch is None
        shape = self.shape if fixed else (batch, *self.shape[1:])
        if self.below:
            return side.tensor(np.random.default_rng(seed).integers(0, self.below, shape))
        array = numbers(*shape, seed=seed) * 2 - 1
        return (side.image if self.kind == "image" else side.tensor)(array).requires_grad_()


def _rows(*shape):
    return _Input(*shape)


def _image(*shape):
    return _Input(*shape, kind="image")


def _weight(*shape):
    return _Input(*shape, kind="weight")


def _classes(count, below):
    return _Input(count, below=below)


def _op(call, *inputs):
    def build(side, batch=None):
        tensors = [x.made(side, batch, seed) for seed, x in enumerate(inputs)]
        leaves = [t for t in tensors if t.requires_grad]
        y = call(side.F, *tensors)
        g = numbers(*y.shape, seed=99)
        as_image = inputs[0].kind == "image" and y.ndim == len(inputs[0].shape)
        upstream = (side.image if as_image else side.tensor)(g)
        del y

        def run():
            for t in leaves:
                t.grad = None
            call(side.F, *tensors).backward(upstream)

        return run

    return build


def _conv(n, c, size, o, kernel, stride=1, padding=0, groups=1):
    return _op(
        lambda F, x, w, b: F.conv2d(x, w, b, stride, padding, 1, groups),
        _image(n, c, size, size), _weight(o, c // groups, kernel, kernel), _weight(o),
    )  # fmt: skip


def _transposed(n, c, size, o, kernel=4, stride=2, padding=1):
    return _op(
        lambda F, x, w, b: F.conv_transpose2d(x, w, b, stride, padding),
        _image(n, c, size, size), _weight(c, o, kernel, kernel), _weight(o),
    )  # fmt: skip


def _attention(n, heads, length, width, causal=False):
    head = _rows(n, heads, length, width)
    return _op(
        lambda F, q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=causal),
        head, head, head,
    )  # fmt: skip


def _adam(count):
    """A step of Adam on `count` parameters in ten tensors, gradients given."""

    def build(side, batch=None):
        shape = (10, (count if batch is None else 1000) // 10)
        parameters = [side.leaf(row) for row in numbers(*shape)]
        for i, p in enumerate(parameters):
            p.grad = side.tensor(numbers(*p.shape, seed=i))
        return side.optim.Adam(parameters, lr=1e-3).step

    return build


_CONVOLUTIONS = {
    "conv 3×3, 32 → 32, 28²": _conv(64, 32, 28, 32, 3, 1, 1),
    "conv 3×3, 64 → 64, 14²": _conv(64, 64, 14, 64, 3, 1, 1),
    "conv 3×3, 128 → 128, 16²": _conv(64, 128, 16, 128, 3, 1, 1),
    "conv 3×3, 3 → 64, 32²": _conv(64, 3, 32, 64, 3, 1, 1),
    "conv 3×3/2, 1 → 32, 28²": _conv(128, 1, 28, 32, 3, 2, 1),
    "conv 4×4/2, 32 → 64, 16²": _conv(64, 32, 16, 64, 4, 2, 1),
    "conv 4×4/2, 64 → 128, 32²": _conv(64, 64, 32, 128, 4, 2, 1),
    "conv 1×1, 96 → 32, 28²": _conv(64, 96, 28, 32, 1),
    "conv 3×3 depthwise, 64, 14²": _conv(64, 64, 14, 64, 3, 1, 1, groups=64),
    "conv transposed 4×4/2, 128 → 64, 8²": _transposed(64, 128, 8, 64),
    "conv transposed 4×4/2, 64 → 32, 7²": _transposed(128, 64, 7, 32),
    "conv transposed 4×4/2, 32 → 1, 14²": _transposed(128, 32, 14, 1),
}

_PRODUCTS = {
    "matmul 1024·784 × 784·256": _op(
        lambda F, x, w: F.matmul(x, w), _rows(1024, 784), _weight(784, 256)
    ),
    "matmul of 64 stacked 256·64 × 64·256": _op(
        lambda F, a, b: F.matmul(a, b), _rows(64, 256, 64), _rows(64, 64, 256)
    ),
    "linear 16·128·128 → 512": _op(
        lambda F, x, w, b: F.linear(x, w, b), _rows(16, 128, 128), _weight(512, 128), _weight(512)
    ),
    **{
        f"attention {n}·{heads} heads, {length} × {width}{', causal' * causal}": _attention(
            n, heads, length, width, causal
        )
        for n, heads, length, width, causal in [
            (16, 4, 128, 32, True),
            (32, 4, 64, 32, False),
            (8, 8, 256, 64, True),
            (64, 4, 49, 32, False),
        ]
    },
    "embedding 2048 of 256, width 128": _op(
        lambda F, i, w: F.embedding(i, w), _classes(2048, 256), _weight(256, 128)
    ),
    "embedding 8192 of 10000, width 128": _op(
        lambda F, i, w: F.embedding(i, w), _classes(8192, 10000), _weight(10000, 128)
    ),
}

_ROWS = {
    "softmax 8192·128": _op(lambda F, x: F.softmax(x, -1), _rows(8192, 128)),
    "log_softmax 2048·256": _op(lambda F, x: F.log_softmax(x, -1), _rows(2048, 256)),
    "cross_entropy 2048·256": _op(
        lambda F, x, t: F.cross_entropy(x, t), _rows(2048, 256), _classes(2048, 256)
    ),
    "layer_norm 2048·128": _op(
        lambda F, x, w, b: F.layer_norm(x, (128,), w, b),
        _rows(2048, 128), _weight(128), _weight(128),
    ),
    "batch_norm 64·64·16²": _op(
        lambda F, x, w, b: F.batch_norm(x, None, None, w, b, True),
        _image(64, 64, 16, 16), _weight(64), _weight(64),
    ),
    "group_norm 64·32·28², 8 groups": _op(
        lambda F, x, w, b: F.group_norm(x, 8, w, b),
        _image(64, 32, 28, 28), _weight(32), _weight(32),
    ),
    "rms_norm 2048·128": _op(
        lambda F, x, w: F.rms_norm(x, (128,), w), _rows(2048, 128), _weight(128)
    ),
    "sum over rows 8192·128": _op(lambda F, x: F.sum(x, -1), _rows(8192, 128)),
    "var over rows 8192·128": _op(lambda F, x: F.var(x, -1), _rows(8192, 128)),
}

_ELEMENTWISE = {
    "gelu 2048·512": _op(lambda F, x: F.gelu(x), _rows(2048, 512)),
    "gelu, tanh form 2048·512": _op(
        lambda F, x: F.gelu(x, approximate="tanh"), _rows(2048, 512)
    ),
    "silu 64·32·28²": _op(lambda F, x: F.silu(x), _image(64, 32, 28, 28)),
    "relu 64·32·28²": _op(lambda F, x: F.relu(x), _image(64, 32, 28, 28)),
    "leaky_relu 64·32·28²": _op(lambda F, x: F.leaky_relu(x, 0.2), _image(64, 32, 28, 28)),
    "sigmoid 128·784": _op(lambda F, x: F.sigmoid(x), _rows(128, 784)),
    "tanh 2048·512": _op(lambda F, x: F.tanh(x), _rows(2048, 512)),
    "softplus 2048·512": _op(lambda F, x: F.softplus(x), _rows(2048, 512)),
    "exp 2048·512": _op(lambda F, x: F.exp(x), _rows(2048, 512)),
    "add with broadcasting 2048·512": _op(
        lambda F, x, b: x + b, _rows(2048, 512), _weight(512)
    ),
    "mul 2048·512": _op(lambda F, x, y: x * y, _rows(2048, 512), _rows(2048, 512)),
    "dropout 2048·512": _op(lambda F, x: F.dropout(x, 0.1), _rows(2048, 512)),
    "mse_loss 128·784": _op(
        lambda F, x, t: F.mse_loss(x, t.detach()), _rows(128, 784), _rows(128, 784)
    ),
    "binary_cross_entropy_with_logits 128·784": _op(
        lambda F, x, t: F.binary_cross_entropy_with_logits(x, t.detach()),
        _rows(128, 784), _rows(128, 784),
    ),
}

_PIXELS = {
    "max_pool2d 2×2, 64·32·28²": _op(lambda F, x: F.max_pool2d(x, 2), _image(64, 32, 28, 28)),
    "avg_pool2d 2×2, 64·32·28²": _op(lambda F, x: F.avg_pool2d(x, 2), _image(64, 32, 28, 28)),
    "interpolate, nearest ×2, 64·64·14²": _op(
        lambda F, x: F.interpolate(x, scale_factor=2), _image(64, 64, 14, 14)
    ),
    "interpolate, bilinear ×2, 64·64·14²": _op(
        lambda F, x: F.interpolate(x, scale_factor=2, mode="bilinear"), _image(64, 64, 14, 14)
    ),
    "cat of two 64·64·14²": _op(
        lambda F, a, b: F.cat([a, b], 1), _image(64, 64, 14, 14), _image(64, 64, 14, 14)
    ),
}

OPS = {
    **_CONVOLUTIONS,
    **_PRODUCTS,
    **_ROWS,
    **_ELEMENTWISE,
    **_PIXELS,
    "Adam, a step of 800 000": _adam(800_000),
}

"""The forward of every exercise in minigen's ops: its autograd is the backward of each.

Idea: written apart from the exercises, from the formula or with the op that does it, so that a slip
in a formula there is a difference here. Names and arguments are those of the exercises.
"""

import numpy as np

import minigen
from minigen import ops

TANH = ops.tanh
SIGMOID = ops.sigmoid


def positional_encoding(p):
    """sin and cos of 1, 2 and 4 times p."""
    return ops.cat([p, *(f(k * p) for k in (1, 2, 4) for f in (ops.sin, ops.cos))], 1)


def sparse_code_loss(z, prediction, target):
    """Squares and 1/2 the 1-norm, a mean over the batch."""
    return ((prediction - target) ** 2).sum(1).mean() + 0.5 * ops.abs(z).sum(1).mean()


def bce_with_logits(x, t):
    """A sum over pixels, a mean over the batch."""
    return ops.binary_cross_entropy_with_logits(x, t, reduction="sum") / x.shape[0]


def vae_loss(logits, data, mu, log_variance):
    """bce_with_logits and the divergence of Gaussians."""
    divergence = 0.5 * (ops.exp(log_variance) + mu**2 - 1 - log_variance)
    return bce_with_logits(logits, data) + divergence.sum(1).mean()


def dino_loss(student, teacher, centre):
    """A cross-entropy with soft labels."""
    return ops.cross_entropy(student / 0.1, ops.softmax((teacher - centre) / 0.04, 1).detach())


def skip_gram(v, u, r):
    """One true and K false pairs for each word."""
    near = ops.logsigmoid((u * v).sum(1)).mean()
    return -near - ops.logsigmoid(-ops.einsum("nkd,nd->nk", r, v)).sum(1).mean()


def soft_argmax(scores):
    """The mean column and row under a softmax."""
    n, h, w = scores.shape
    a = ops.softmax(scores.reshape(n, h * w), 1).reshape(n, h, w)
    x, y = (minigen.from_numpy(np.linspace(-1, 1, size)) for size in (w, h))
    return ops.stack([(a.sum(1) * x).sum(1), (a.sum(2) * y).sum(1)], 1)


def byol_loss(prediction, target):
    """2 - 2 cos."""
    return (2 - 2 * ops.cosine_similarity(prediction, target)).mean()


def triplet(anchor, positive, negative):
    """Squared distances, margin 1."""
    near, far = (((anchor - x) ** 2).sum(1) for x in (positive, negative))
    return ops.relu(near - far + 1).mean()


def nt_xent(z):
    """A cross-entropy over cosines, without the diagonal."""
    u = ops.normalize(z)
    n = len(z)
    scores = ops.masked_fill(u @ u.T / 0.5, minigen.from_numpy(np.eye(n, dtype=bool)), -1e9)
    return ops.cross_entropy(scores, minigen.from_numpy(np.arange(n) ^ 1))


def batch_norm(x, gamma, beta):
    """In training."""
    return ops.batch_norm(x, None, None, gamma, beta, training=True)


def gru_cell(x, h, w, u):
    """Reset after the product."""
    (a_r, a_z, a_n), (b_r, b_z, b_n) = ops.chunk(x @ w, 3, 1), ops.chunk(h @ u, 3, 1)
    z = SIGMOID(a_z + b_z)
    return (1 - z) * TANH(a_n + SIGMOID(a_r + b_r) * b_n) + z * h


def lstm_cell(x, h, c, w, u, b):
    """Gates in the order input, forget, output, candidate."""
    i, f, o, g = ops.chunk(x @ w + h @ u + b, 4, 1)
    c = SIGMOID(f) * c + SIGMOID(i) * TANH(g)
    return SIGMOID(o) * TANH(c), c


def volume_rendering(density, colour, distance):
    """By the transparency up to each sample."""
    depth = density * distance
    weights = ops.exp(-ops.cumsum(depth, 1, exclusive=True)) * (1 - ops.exp(-depth))
    return (weights[..., None] * colour).sum(1)


FUNCTIONS = {
    "linear": lambda x, w, b: x @ w + b,
    "relu": ops.relu,
    "leaky_relu": lambda x: ops.leaky_relu(x, 0.2),
    "sigmoid": SIGMOID,
    "tanh": TANH,
    "silu": ops.silu,
    "gelu": lambda x: ops.gelu(x, "tanh"),
    "dropout": lambda x, keep: ops.where(keep, x, 0.0) / 0.7,
    "reparameterise": lambda mu, log_variance, noise: mu + ops.exp(log_variance / 2) * noise,
    "mse": ops.mse_loss,
    "softmax": lambda x: ops.softmax(x, 1),
    "cross_entropy": ops.cross_entropy,
    "reward_loss": lambda w, r: -ops.logsigmoid(w - r).mean(),
    "gan_generator_loss": lambda f: (-ops.logsigmoid(f).mean(), ops.logsigmoid(-f).mean()),
    "gan_discriminator_loss": lambda r, f: -ops.logsigmoid(r).mean() - ops.logsigmoid(-f).mean(),
    "embedding": ops.embedding,
    "avg_pool2d": lambda x: ops.avg_pool2d(x, 2),
    "upsample_nearest": lambda x: ops.interpolate(x, scale_factor=2),
    "max_pool2d": lambda x: ops.max_pool2d(x, 2),
    "cosine_similarity": ops.cosine_similarity,
    "rms_norm": lambda x, gamma: ops.rms_norm(x, x.shape[-1:], gamma, 1e-6),
    "layer_norm": lambda x, gamma, beta: ops.layer_norm(x, x.shape[-1:], gamma, beta),
    "attention": lambda q, k, v: ops.scaled_dot_product_attention(q, k, v, is_causal=True),
    "conv2d": lambda x, w, b: ops.conv2d(x, w, b, stride=2, padding=1),
    "conv_transpose2d": lambda x, w, b: ops.conv_transpose2d(x, w, b, stride=2),
    **{
        f.__name__: f
        for f in (
            positional_encoding, sparse_code_loss, bce_with_logits, vae_loss, dino_loss, skip_gram,
            soft_argmax, byol_loss, triplet, nt_xent, batch_norm, gru_cell, lstm_cell,
            volume_rendering,
        )
    },
}  # fmt: skip

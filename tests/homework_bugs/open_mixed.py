"""Smaller pieces of the course's models, each wrong in another way."""

import numpy as np

KIND = {
    "linear_float": "wrong_precision",  # sums in float32
    "linear_half": "wrong_dtype",       # and stays there
    "linear_bias": "wrong_shape",       # keepdims
    "linear_kept": "stale_cache",       # the weights are read from a global
    "noise_layer": "nondeterministic",
    "skip_gram": "double_count",        # the centre gets each negative twice
    "unet_skip": "wrong_order",         # upsampled part and shortcut
    "residual_block": "wrong_mask",     # relu of the branch, not of the sum
    "shifted_window": "flip",           # rolled once more in the same direction
    "patchify": "transpose",            # reshape alone, back to the picture
    "difference": "boundary",           # the first pixel
    "moving_average": "off_by_one",
    "soft_argmax": "wrong_formula",     # softmax is its own derivative, times the position
    "dino": "wrong_formula",            # of -sum p log q
    "byol": "double_count",             # both halves of a symmetric loss are the same half
    "mixture": "wrong_axis",            # responsibilities over the samples
    "diffusion": "factor",              # sqrt(1 - alpha_bar)
    "vector_quantise": "factor",        # the commitment's beta
    "spectral": "small_error",          # pi to seven digits
    "smoothed_l1": "kink_outside_subgradient",
    "std_pool": "small_error",          # no eps under the root
    "max_over_time": "wrong_axis",
    "centre": "missing_term",
    "power_mean": "wrong_formula",      # the power rule with p, not p - 1
    "geometric_mean": "wrong_formula",  # the arithmetic mean's
}
WRT = {"dino": ("student",), "vector_quantise": ("z",), "byol": ("a", "b")}


def layer(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(4, 3)), rng.normal(size=(3, 2)), rng.normal(size=2)


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


linear_float_inputs = layer


def linear_float_forward(x, w, b):
    return x @ w + b, (x, w)


def linear_float_backward(dout, cache):
    x, w = cache
    dw = np.zeros(w.shape, np.float32)
    for n in range(len(x)):
        dw += np.outer(x[n], dout[n])
    return dout @ w.T, dw.astype(w.dtype), dout.sum(axis=0)


linear_half_inputs = layer


def linear_half_forward(x, w, b):
    return x @ w + b, (x, w)


def linear_half_backward(dout, cache):
    x, w = (a.astype(np.float32) for a in cache)
    dout = dout.astype(np.float32)
    return dout @ w.T, x.T @ dout, dout.sum(axis=0)


linear_bias_inputs = layer


def linear_bias_forward(x, w, b):
    return x @ w + b, (x, w)


def linear_bias_backward(dout, cache):
    x, w = cache
    return dout @ w.T, x.T @ dout, dout.sum(axis=0, keepdims=True)


linear_kept_inputs = layer
params = {}


def linear_kept_forward(x, w, b):
    params["w"], params["b"] = w, b
    return x @ params["w"] + params["b"], x


def linear_kept_backward(dout, x):
    return dout @ params["w"].T, x.T @ dout, dout.sum(axis=0)


def noise_layer_inputs(seed):
    return layer(seed)[0]


def noise_layer_forward(x):
    """a gain that is drawn"""
    gain = 1 + 0.1 * np.random.standard_normal(x.shape)
    return gain * x, gain


def noise_layer_backward(dout, gain):
    return dout * (1 + 0.1 * np.random.standard_normal(dout.shape))


def skip_gram_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(2, 3)), rng.normal(size=(2, 3)), rng.normal(size=(2, 4, 3))


def skip_gram_forward(centre, context, negatives):
    pos = (centre * context).sum(axis=1)
    neg = np.einsum("nd,nkd->nk", centre, negatives)
    loss = np.log1p(np.exp(-pos)).sum() + np.log1p(np.exp(neg)).sum()
    return loss, (centre, context, negatives, pos, neg)


def skip_gram_backward(dout, cache):
    centre, context, negatives, pos, neg = cache
    dpos = -dout / (1 + np.exp(pos))
    dneg = dout / (1 + np.exp(-neg))
    dcentre = dpos[:, None] * context + np.einsum("nk,nkd->nd", dneg, negatives)
    dnegatives = np.zeros_like(negatives)
    for k in range(negatives.shape[1]):
        dnegatives[:, k] = dneg[:, k, None] * centre
        dcentre += dneg[:, k, None] * negatives[:, k]
    return dcentre, dpos[:, None] * centre, dnegatives


def unet_skip_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(1, 2, 3, 3)), rng.normal(size=(1, 2, 3, 3))


def unet_skip_forward(up, skip):
    """concatenation along the channels, the shortcut first"""
    return np.concatenate([skip, up], axis=1), up.shape[1]


def unet_skip_backward(dout, n):
    dup, dskip = dout[:, :n], dout[:, n:]
    return dup, dskip


def residual_block_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(4, 3)), rng.normal(size=(3, 3))


def residual_block_forward(x, w):
    branch = x @ w
    return np.maximum(x + branch, 0), (x, w, branch)


def residual_block_backward(dout, cache):
    x, w, branch = cache
    d = dout * (branch > 0)
    return d + d @ w.T, x.T @ d


def shifted_window_inputs(seed):
    return np.random.default_rng(seed).normal(size=(2, 4, 5))


def shifted_window_forward(x, shift=1):
    return np.roll(x, (-shift, -shift), axis=(1, 2)), shift


def shifted_window_backward(dout, shift):
    return np.roll(dout, (-shift, -shift), axis=(1, 2))


def patchify_inputs(seed):
    return np.random.default_rng(seed).normal(size=(2, 4, 6))


def patchify_forward(x, p=2):
    n, h, w = x.shape
    patches = x.reshape(n, h // p, p, w // p, p).transpose(0, 1, 3, 2, 4)
    return patches.reshape(n, -1, p * p), x.shape


def patchify_backward(dout, shape):
    return dout.reshape(shape)


def difference_inputs(seed):
    return np.random.default_rng(seed).normal(size=(2, 6))


def difference_forward(x):
    return x[:, 1:] - x[:, :-1], x


def difference_backward(dout, x):
    dx = np.zeros_like(x)
    dx[:, 1:] = dout
    dx[:, 1:-1] -= dout[:, 1:]
    return dx


def moving_average_inputs(seed):
    return np.random.default_rng(seed).normal(size=(2, 7))


def moving_average_forward(x, k=3):
    T = x.shape[1] - k + 1
    return np.stack([x[:, t:t + k].mean(axis=1) for t in range(T)], axis=1), (x, k)


def moving_average_backward(dout, cache):
    x, k = cache
    dx = np.zeros_like(x)
    for t in range(dout.shape[1]):
        dx[:, t:t + k - 1] += dout[:, t, None] / k
    return dx


def soft_argmax_inputs(seed):
    return np.random.default_rng(seed).normal(size=(3, 5))


def soft_argmax_forward(x):
    p = softmax(x)
    where = np.arange(x.shape[1])
    return p @ where, (p, where)


def soft_argmax_backward(dout, cache):
    p, where = cache
    return dout[:, None] * p * where


def dino_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(3, 4)), rng.normal(size=(3, 4))


def dino_forward(student, teacher, ts=0.5, tt=0.2):
    p, q = softmax(student / ts), softmax(teacher / tt)
    return -(q * np.log(p)).sum(axis=1).mean(), (p, q, ts, tt)


def dino_backward(dout, cache):
    p, q, ts, tt = cache
    # loss = - sum p log q, so that d log p = p
    dq = -dout * p / q / len(p)
    return q * (dq - (dq * q).sum(axis=1, keepdims=True)) / tt


def byol_inputs(seed):
    rng = np.random.default_rng(seed)
    return tuple(rng.normal(size=(3, 4)) for _ in range(4))


def byol_forward(a, b, target_a, target_b):
    """predictions a, b of two views against the other view's target"""
    loss = ((a - target_b) ** 2).sum(axis=1).mean() + ((b - target_a) ** 2).sum(axis=1).mean()
    return loss, (a, b, target_a, target_b)


def byol_backward(dout, cache):
    a, b, target_a, target_b = cache
    c = 2 * dout / len(a)
    da = c * (a - target_b)
    da += c * (a - target_b)
    db = c * (b - target_a)
    db += c * (b - target_a)
    return da, db


def mixture_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=5), rng.normal(size=3)


def mixture_forward(x, mu):
    """-log of three Gaussians of equal weight"""
    joint = np.exp(-0.5 * (x[:, None] - mu) ** 2)
    return -np.log(joint.sum(axis=1)).sum(), (x, mu, joint)


def mixture_backward(dout, cache):
    x, mu, joint = cache
    r = joint / joint.sum(axis=0)
    d = dout * r * (x[:, None] - mu)
    return d.sum(axis=1), -d.sum(axis=0)


def diffusion_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(3, 4)), rng.normal(size=(3, 4)), np.array([0.9, 0.5, 0.1])


def diffusion_forward(x0, noise, alpha_bar):
    a = alpha_bar[:, None]
    return np.sqrt(a) * x0 + np.sqrt(1 - a) * noise, (x0, noise, a)


def diffusion_backward(dout, cache):
    x0, noise, a = cache
    da = dout * (x0 / np.sqrt(a) - noise / np.sqrt(1 - a)) / 2
    return dout * np.sqrt(a), dout * (1 - a), da.sum(axis=1)


def vector_quantise_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(4, 2)), rng.normal(size=(3, 2))


def vector_quantise_forward(z, codes, beta=0.25):
    nearest = ((z[:, None] - codes) ** 2).sum(axis=2).argmin(axis=1)
    diff = z - codes[nearest]
    return beta * (diff**2).sum(axis=1).mean(), (diff, beta)


def vector_quantise_backward(dout, cache):
    diff, beta = cache
    return dout * 2 * diff / len(diff)


def spectral_inputs(seed):
    return np.random.default_rng(seed).normal(size=(3, 4))


def spectral_forward(x):
    return np.sin(2 * np.pi * x), x


def spectral_backward(dout, x):
    pi = 3.141593
    return dout * 2 * pi * np.cos(2 * pi * x)


def smoothed_l1_inputs(seed):
    x = np.random.default_rng(seed).normal(size=(3, 4))
    x[0, 0] = x[1, 2] = 0
    return x


def smoothed_l1_forward(x):
    """|x| + x**2"""
    return np.abs(x) + x**2, x


def smoothed_l1_backward(dout, x):
    step = np.where(x >= 0, 1.0, -1.0)
    step[x == 0] = 2
    return dout * (step + 2 * x)


def std_pool_inputs(seed):
    return np.random.default_rng(seed).normal(size=(3, 5))


def std_pool_forward(x, eps=1e-3):
    centred = x - x.mean(axis=1, keepdims=True)
    return np.sqrt((centred**2).mean(axis=1) + eps), centred


def std_pool_backward(dout, centred):
    std = np.sqrt((centred**2).mean(axis=1))
    return dout[:, None] * centred / std[:, None] / centred.shape[1]


def max_over_time_inputs(seed):
    return np.random.default_rng(seed).normal(size=(2, 4, 4))


def max_over_time_forward(x):
    """(batch, time, features): the largest of each feature"""
    return x.max(axis=1), x


def max_over_time_backward(dout, x):
    onehot = x == x.max(axis=2, keepdims=True)
    return onehot * dout[:, None, :]


def centre_inputs(seed):
    return np.random.default_rng(seed).normal(size=(4, 3))


def centre_forward(x):
    d = x - x.mean(axis=0)
    return d**2, d


def centre_backward(dout, d):
    return 2 * d * dout


def power_mean_inputs(seed):
    return np.random.default_rng(seed).uniform(0.5, 2, size=(3, 4))


def power_mean_forward(x, p=3):
    return (x**p).mean(axis=1) ** (1 / p), (x, p)


def power_mean_backward(dout, cache):
    x, p = cache
    m = (x**p).mean(axis=1, keepdims=True)
    return dout[:, None] * m ** (1 / p) * x**p / x.shape[1]


def geometric_mean_inputs(seed):
    return np.random.default_rng(seed).uniform(0.5, 2, size=(3, 4))


def geometric_mean_forward(x):
    return np.exp(np.log(x).mean(axis=1)), x


def geometric_mean_backward(dout, x):
    return np.repeat(dout[:, None], x.shape[1], axis=1) / x.shape[1]

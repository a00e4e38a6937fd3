"""Losses of regression, metric learning, auto-encoders, GANs, and volume rendering."""

import numpy as np

KIND = {
    "mse": "factor",                    # the mean is over all entries, not over the batch
    "mse_reversed": "sign",
    "huber": "wrong_mask",              # the branches the wrong way round
    "kl": "missing_term",               # exp(logvar) without the 1
    "reparameterise": "factor",         # noise is missing
    "vae": "missing_term",              # mu has a gradient through the KL, too
    "bernoulli": "small_error",         # eps is in forward alone
    "infonce": "missing_term",          # each vector is also another's negative
    "infonce_norm": "missing_term",     # the norms as constants
    "clip": "factor",                   # the gradient of the scale, with scores scaled already
    "triplet": "sign",                  # anchor's part
    "triplet_margin": "wrong_mask",     # inactive triplets push as well
    "svm": "missing_broadcast_sum",     # the true class: once, not once for each violation
    "cosine": "missing_term",
    "focal": "missing_term",            # (1 - p)**gamma as a constant weight
    "gan_discriminator": "sign",        # of the fakes
    "gan_generator": "wrong_formula",   # of the saturating loss
    "gradient_penalty": "factor",       # 2
    "rendering": "missing_term",        # what is in front hides what is behind
    "rendering_weights": "off_by_one",  # transmittance after the sample, not before it
    "pairwise": "double_count",
}
WRT = {"mse": ("pred",), "mse_reversed": ("pred",), "huber": ("pred",), "bernoulli": ("p",),
       "reparameterise": ("mu", "logvar"), "vae": ("x", "mu", "logvar")}   # fmt: skip


def two_matrices(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(4, 3)), rng.normal(size=(4, 3))


mse_inputs = two_matrices


def mse_forward(pred, target):
    return np.mean((pred - target) ** 2), (pred, target)


def mse_backward(dout, cache):
    pred, target = cache
    return dout * 2 * (pred - target) / pred.shape[0]


mse_reversed_inputs = two_matrices


def mse_reversed_forward(pred, target):
    diff = target - pred
    return 0.5 * (diff**2).sum(), diff


def mse_reversed_backward(dout, diff):
    return dout * diff


huber_inputs = two_matrices


def huber_forward(pred, target, delta=1.0):
    r = pred - target
    small = np.abs(r) < delta
    return np.where(small, 0.5 * r**2, delta * (np.abs(r) - 0.5 * delta)).sum(), (r, delta)


def huber_backward(dout, cache):
    r, delta = cache
    return dout * np.where(np.abs(r) < delta, delta * np.sign(r), r)


kl_inputs = two_matrices


def kl_forward(mu, logvar):
    kl = -0.5 * np.sum(1 + logvar - mu**2 - np.exp(logvar), axis=1)
    return kl.mean(), (mu, logvar)


def kl_backward(dout, cache):
    mu, logvar = cache
    return dout * mu / len(mu), dout * 0.5 * np.exp(logvar) / len(mu)


def reparameterise_inputs(seed):
    rng = np.random.default_rng(seed)
    return tuple(rng.normal(size=(3, 4)) for _ in range(3))


def reparameterise_forward(mu, logvar, noise):
    std = np.exp(0.5 * logvar)
    return mu + noise * std, (noise, std)


def reparameterise_backward(dout, cache):
    noise, std = cache
    return dout, dout * 0.5 * std


def vae_inputs(seed):
    rng = np.random.default_rng(seed)
    return tuple(rng.normal(size=(3, 2)) for _ in range(4))


def vae_forward(x, mu, logvar, noise):
    """identity decoder: reconstruction error of z, and KL"""
    sigma = np.exp(logvar / 2)
    z = mu + sigma * noise
    rec = 0.5 * ((z - x) ** 2).sum()
    kl = 0.5 * (mu**2 + np.exp(logvar) - logvar - 1).sum()
    return rec + kl, (x, mu, logvar, noise, sigma, z)


def vae_backward(dout, cache):
    x, mu, logvar, noise, sigma, z = cache
    dz = dout * (z - x)
    dx = -dz
    dmu = dz
    dlogvar = dz * noise * sigma / 2 + dout * 0.5 * (np.exp(logvar) - 1)
    return dx, dmu, dlogvar


def bernoulli_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.uniform(0.05, 0.95, size=(3, 4)), rng.integers(0, 2, size=(3, 4)).astype(float)


def bernoulli_forward(p, t, eps=1e-4):
    return -np.sum(t * np.log(p + eps) + (1 - t) * np.log(1 - p + eps)), (p, t)


def bernoulli_backward(dout, cache):
    p, t = cache
    return dout * ((1 - t) / (1 - p) - t / p)


def infonce_inputs(seed):
    return 0.7 * np.random.default_rng(seed).normal(size=(4, 3))


def infonce_forward(z, tau=0.5):
    """rows 0, 1 and rows 2, 3 are pairs"""
    s = z @ z.T / tau
    np.fill_diagonal(s, -np.inf)
    p = np.exp(s - s.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    partner = np.array([1, 0, 3, 2])
    return -np.log(p[np.arange(4), partner]).mean(), (z, p, partner, tau)


def infonce_backward(dout, cache):
    z, p, partner, tau = cache
    ds = p.copy()
    ds[np.arange(4), partner] -= 1
    ds *= dout / (4 * tau)
    return ds @ z


infonce_norm_inputs = two_matrices


def infonce_norm_forward(a, b, tau=0.2):
    na = np.linalg.norm(a, axis=1, keepdims=True)
    nb = np.linalg.norm(b, axis=1, keepdims=True)
    s = (a / na) @ (b / nb).T / tau
    p = np.exp(s - s.max(axis=1, keepdims=True))
    p = p / p.sum(axis=1, keepdims=True)
    return -np.mean(np.log(np.diag(p))), (a / na, b / nb, na, nb, p, tau)


def infonce_norm_backward(dout, cache):
    u, v, na, nb, p, tau = cache
    ds = dout * (p - np.eye(len(p))) / len(p) / tau
    du, dv = ds @ v, ds.T @ u
    return du / na, dv / nb


def clip_inputs(seed):
    a, b = two_matrices(seed)
    return a, b, np.array(0.7)


def clip_forward(image, text, log_scale):
    logits = np.exp(log_scale) * image @ text.T
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    return -np.log(np.diag(p)).mean(), (image, text, log_scale, logits, p)


def clip_backward(dout, cache):
    image, text, log_scale, logits, p = cache
    n = len(p)
    dlogits = dout * (p - np.eye(n)) / n
    scale = np.exp(log_scale)
    dimage, dtext = scale * dlogits @ text, scale * dlogits.T @ image
    dlog_scale = np.sum(dlogits * logits) * scale
    return dimage, dtext, dlog_scale


def triplet_inputs(seed):
    rng = np.random.default_rng(seed)
    return tuple(rng.normal(size=(5, 3)) for _ in range(3))


def triplet_forward(anchor, positive, negative, margin=0.5):
    dp = ((anchor - positive) ** 2).sum(axis=1)
    dn = ((anchor - negative) ** 2).sum(axis=1)
    loss = np.maximum(0, dp - dn + margin)
    return loss.mean(), (anchor, positive, negative, loss > 0)


def triplet_backward(dout, cache):
    a, p, n, active = cache
    w = dout * active[:, None] / len(a)
    da = 2 * w * ((a - p) + (a - n))
    return da, -2 * w * (a - p), 2 * w * (a - n)


triplet_margin_inputs = triplet_inputs


def triplet_margin_forward(anchor, positive, negative):
    return triplet_forward(anchor, positive, negative)


def triplet_margin_backward(dout, cache):
    a, p, n, active = cache
    c = dout * 2 / len(a)
    return c * (n - p), c * (p - a), c * (a - n)


def svm_inputs(seed):
    return np.random.default_rng(seed).normal(size=(4, 5)), np.array([0, 4, 2, 2])


def svm_forward(scores, y):
    rows = np.arange(len(y))
    margins = np.maximum(0, scores - scores[rows, y][:, None] + 1)
    margins[rows, y] = 0
    return margins.sum() / len(y), (margins, y)


def svm_backward(dout, cache):
    margins, y = cache
    d = (margins > 0).astype(float)
    d[np.arange(len(y)), y] = -1
    return dout * d / len(y)


cosine_inputs = two_matrices


def cosine_forward(x, y):
    nx, ny = np.linalg.norm(x, axis=1), np.linalg.norm(y, axis=1)
    return (x * y).sum(axis=1) / (nx * ny), (x, y, nx, ny)


def cosine_backward(dout, cache):
    x, y, nx, ny = cache
    c = (dout / (nx * ny))[:, None]
    return c * y, c * x


def focal_inputs(seed):
    return np.random.default_rng(seed).normal(size=(4, 3)), np.array([0, 2, 1, 1])


def focal_forward(x, y, gamma=2):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    pt = p[np.arange(len(y)), y]
    return np.mean(-((1 - pt) ** gamma) * np.log(pt)), (p, y, pt, gamma)


def focal_backward(dout, cache):
    p, y, pt, gamma = cache
    dx = p.copy()
    dx[np.arange(len(y)), y] -= 1
    return dout * dx * ((1 - pt) ** gamma)[:, None] / len(y)


def gan_discriminator_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=4), rng.normal(size=4)


def gan_discriminator_forward(real, fake):
    """logits of real and fake pictures"""
    loss = np.log1p(np.exp(-real)).mean() + np.log1p(np.exp(fake)).mean()
    return loss, (real, fake)


def gan_discriminator_backward(dout, cache):
    real, fake = cache
    pr, pf = 1 / (1 + np.exp(-real)), 1 / (1 + np.exp(-fake))
    return dout * (pr - 1) / len(real), dout * (pf - 1) / len(fake)


def gan_generator_inputs(seed):
    return np.random.default_rng(seed).normal(size=5)


def gan_generator_forward(fake):
    d = 1 / (1 + np.exp(-fake))
    return -np.log(d).mean(), d


def gan_generator_backward(dout, d):
    # generator minimises log(1 - D)
    return -dout * d / len(d)


def gradient_penalty_inputs(seed):
    return np.random.default_rng(seed).normal(size=(3, 4))


def gradient_penalty_forward(g):
    """of the critic's gradients g"""
    norm = np.sqrt((g**2).sum(axis=1))
    return 10 * ((norm - 1) ** 2).mean(), (g, norm)


def gradient_penalty_backward(dout, cache):
    g, norm = cache
    dnorm = dout * 10 * (norm - 1) / len(norm)
    return dnorm[:, None] * g / norm[:, None]


def rendering_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.uniform(0.1, 1.5, size=(2, 5)), rng.uniform(size=(2, 5, 3))


def rendering_forward(sigma, rgb, delta=0.5):
    alpha = 1 - np.exp(-sigma * delta)
    depth = np.cumsum(sigma * delta, axis=1) - sigma * delta
    T = np.exp(-depth)
    w = T * alpha
    return (w[..., None] * rgb).sum(axis=1), (alpha, T, w, rgb, delta)


def rendering_backward(dout, cache):
    alpha, T, w, rgb, delta = cache
    drgb = w[..., None] * dout[:, None, :]
    dw = (rgb * dout[:, None, :]).sum(axis=-1)
    dalpha = dw * T
    dsigma = dalpha * delta * (1 - alpha)
    return dsigma, drgb


def rendering_weights_inputs(seed):
    return rendering_inputs(seed)


def rendering_weights_forward(sigma, rgb):
    return rendering_forward(sigma, rgb)


def rendering_weights_backward(dout, cache):
    alpha, T, w, rgb, delta = cache
    drgb = w[..., None] * dout[:, None, :]
    dw = (rgb * dout[:, None, :]).sum(axis=-1)
    behind = np.cumsum((dw * w)[:, ::-1], axis=1)[:, ::-1]
    return delta * (dw * T * (1 - alpha) - behind), drgb


def pairwise_inputs(seed):
    return np.random.default_rng(seed).normal(size=(4, 2))


def pairwise_forward(x):
    """sum of squared distances of all pairs i < j"""
    d = x[:, None, :] - x[None, :, :]
    return 0.5 * (d**2).sum(), d


def pairwise_backward(dout, d):
    # x_i is in d[i, j] and in d[j, i]
    return dout * (2 * d.sum(axis=1) - 2 * d.sum(axis=0))

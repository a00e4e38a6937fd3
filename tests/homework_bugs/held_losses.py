"""Losses of regression, metric learning, auto-encoders, GANs, and rendering, by other students."""

import numpy as np

KIND = {
    "mse": "factor",                    # 2
    "mse_sum": "ignores_upstream",
    "mae": "factor",                    # the mean
    "smooth_l1": "wrong_formula",       # the squared error everywhere
    "log_cosh": "input_vs_output",      # tanh of the loss
    "gaussian_nll": "missing_term",     # log sigma
    "kl": "factor",                     # 1/2 of the variance's part
    "kl_batch": "factor",               # the mean over the batch
    "kl_std": "wrong_formula",          # sigma is handed in, the formula is log sigma**2's
    "reparameterise": "factor",         # 1/2
    "sparse": "sign",                   # of (1 - rho) / (1 - q)
    "contrastive": "sign",              # of pairs that should be apart
    "triplet": "missing_term",          # the anchor is drawn to the positive only
    "triplet_distance": "factor",       # d = |a - p|, not squared: 1 / d
    "infonce": "transpose",             # for the keys
    "infonce_tau": "factor",            # times tau
    "ntxent": "double_count",           # each pair from both of its ends
    "supcon": "missing_term",           # the numerator
    "cosine": "factor",                 # 1 / |x|
    "cosine_loss": "sign",
    "barlow": "wrong_mask",             # diagonal and the rest exchanged
    "hinge_gan": "wrong_mask",
    "lsgan": "wrong_formula",           # the target of the generator
    "wgan": "wrong_order",
    "rendering": "flip",                # what is behind: summed from the front
    "rendering_last": "boundary",
    "log_likelihood": "factor",         # 1 / log 2, not log 2
}
WRT = dict.fromkeys(("mse", "mse_sum", "mae", "smooth_l1", "log_cosh"), ("pred",))
WRT |= {"gaussian_nll": ("mu", "s"), "reparameterise": ("mu", "logvar"), "cosine_loss": ("x",)}


def pair_of_matrices(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(4, 3)), rng.normal(size=(4, 3))


def softmax(s):
    e = np.exp(s - s.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


mse_inputs = pair_of_matrices


def mse_forward(pred, target):
    return ((pred - target) ** 2).mean(), pred - target


def mse_backward(dout, diff):
    return dout * diff / diff.size


mse_sum_inputs = pair_of_matrices


def mse_sum_forward(pred, target):
    return ((pred - target) ** 2).sum(), pred - target


def mse_sum_backward(dout, diff):
    return 2 * diff


mae_inputs = pair_of_matrices


def mae_forward(pred, target):
    return np.abs(pred - target).mean(), pred - target


def mae_backward(dout, diff):
    return np.sign(diff) * dout


smooth_l1_inputs = pair_of_matrices


def smooth_l1_forward(pred, target):
    r = pred - target
    return np.where(np.abs(r) < 1, r**2 / 2, np.abs(r) - 0.5).mean(), r


def smooth_l1_backward(dout, r):
    return dout * r / r.size


log_cosh_inputs = pair_of_matrices


def log_cosh_forward(pred, target):
    r = pred - target
    loss = np.log(np.cosh(r))
    return loss, (r, loss)


def log_cosh_backward(dout, cache):
    r, loss = cache
    return dout * np.tanh(loss)


def gaussian_nll_inputs(seed):
    rng = np.random.default_rng(seed)
    return tuple(rng.normal(size=(3, 2)) for _ in range(3))


def gaussian_nll_forward(mu, s, x):
    """s = log sigma"""
    return (s + 0.5 * (x - mu) ** 2 * np.exp(-2 * s)).sum(), (mu, s, x)


def gaussian_nll_backward(dout, cache):
    mu, s, x = cache
    precision = np.exp(-2 * s)
    return dout * (mu - x) * precision, -dout * (x - mu) ** 2 * precision


kl_inputs = pair_of_matrices


def kl_forward(mu, logvar):
    return 0.5 * (np.exp(logvar) + mu**2 - 1 - logvar).sum(), (mu, logvar)


def kl_backward(dout, cache):
    mu, logvar = cache
    return dout * mu, dout * (np.exp(logvar) - 1)


kl_batch_inputs = pair_of_matrices


def kl_batch_forward(mu, logvar):
    loss = 0.5 * (np.exp(logvar) + mu**2 - 1 - logvar)
    return loss.sum(axis=1).mean(), (mu, logvar)


def kl_batch_backward(dout, cache):
    mu, logvar = cache
    return dout * mu, dout * 0.5 * (np.exp(logvar) - 1)


def kl_std_inputs(seed):
    mu, s = pair_of_matrices(seed)
    return mu, 0.3 + np.abs(s)


def kl_std_forward(mu, sigma):
    return 0.5 * (sigma**2 + mu**2 - 1 - 2 * np.log(sigma)).sum(), (mu, sigma)


def kl_std_backward(dout, cache):
    mu, sigma = cache
    return dout * mu, dout * 0.5 * (sigma**2 - 1)


reparameterise_inputs = gaussian_nll_inputs


def reparameterise_forward(mu, logvar, noise):
    sigma = np.exp(logvar / 2)
    return mu + sigma * noise, (sigma, noise)


def reparameterise_backward(dz, cache):
    sigma, noise = cache
    return dz, dz * noise * sigma


def sparse_inputs(seed):
    return np.random.default_rng(seed).uniform(0.05, 0.95, size=(4, 3))


def sparse_forward(h, rho=0.1):
    """KL from rho to the mean activity of each unit"""
    q = h.mean(axis=0)
    kl = rho * np.log(rho / q) + (1 - rho) * np.log((1 - rho) / (1 - q))
    return kl.sum(), (h.shape, q, rho)


def sparse_backward(dout, cache):
    shape, q, rho = cache
    dq = dout * (-rho / q - (1 - rho) / (1 - q))
    return np.ones(shape) * dq / shape[0]


def contrastive_inputs(seed):
    a, b = pair_of_matrices(seed)
    return a / 3, b / 3, np.array([1, 0, 0, 1])


def contrastive_forward(a, b, same, margin=2.0):
    d = np.sqrt(((a - b) ** 2).sum(axis=1))
    apart = np.maximum(0, margin - d)
    return (same * d**2 + (1 - same) * apart**2).mean(), (a, b, same, d, apart)


def contrastive_backward(dout, cache):
    a, b, same, d, apart = cache
    dd = dout * (2 * same * d + 2 * (1 - same) * apart) / len(d)
    da = (dd / d)[:, None] * (a - b)
    return da, -da


def triplet_inputs(seed):
    rng = np.random.default_rng(seed)
    return tuple(rng.normal(size=(5, 2)) for _ in range(3))


def triplet_forward(a, p, n, margin=1.0):
    loss = np.maximum(0, ((a - p) ** 2).sum(axis=1) - ((a - n) ** 2).sum(axis=1) + margin)
    return loss.sum(), (a, p, n, loss > 0)


def triplet_backward(dout, cache):
    a, p, n, active = cache
    g = 2 * dout * active[:, None]
    return g * (a - p), g * (p - a), g * (a - n)


triplet_distance_inputs = triplet_inputs


def triplet_distance_forward(a, p, n):
    dp, dn = np.linalg.norm(a - p, axis=1), np.linalg.norm(a - n, axis=1)
    loss = np.maximum(0, dp - dn + 1)
    return loss.mean(), (a, p, n, dp, dn, loss > 0)


def triplet_distance_backward(dout, cache):
    a, p, n, dp, dn, active = cache
    g = dout / len(a) * active[:, None]
    to_p, to_n = g * (a - p), g * (a - n)
    return to_p - to_n, -to_p, to_n


infonce_inputs = pair_of_matrices


def infonce_forward(q, k, tau=0.5):
    p = softmax(q @ k.T / tau)
    return -np.log(np.diag(p)).mean(), (q, k, p, tau)


def infonce_backward(dout, cache):
    q, k, p, tau = cache
    ds = dout * (p - np.eye(len(q))) / len(q) / tau
    return ds @ k, ds @ q


infonce_tau_inputs = pair_of_matrices


def infonce_tau_forward(q, k):
    return infonce_forward(q, k)


def infonce_tau_backward(dout, cache):
    q, k, p, tau = cache
    ds = dout * tau * (p - np.eye(len(q))) / len(q)
    return ds @ k, ds.T @ q


def ntxent_inputs(seed):
    return np.random.default_rng(seed).normal(size=(4, 3))


def ntxent_forward(z):
    """rows i and i + 2 are two views of one picture"""
    s = z @ z.T - 1e9 * np.eye(4)
    p = softmax(s)
    partner = np.array([2, 3, 0, 1])
    return -np.log(p[np.arange(4), partner]).mean(), (z, p, partner)


def ntxent_backward(dout, cache):
    z, p, partner = cache
    ds = p.copy()
    for i, j in enumerate(partner):
        ds[i, j] -= 1
        ds[j, i] -= 1
    ds *= dout / 4
    return (ds + ds.T) @ z


def supcon_inputs(seed):
    return np.random.default_rng(seed).normal(size=(4, 3)), np.array([0, 1, 0, 1])


def supcon_forward(z, y):
    p = softmax(z @ z.T - 1e9 * np.eye(4))
    same = (y[:, None] == y[None, :]) & ~np.eye(4, dtype=bool)
    return -np.log(p[same]).sum(), (z, p, same)


def supcon_backward(dout, cache):
    z, p, same = cache
    ds = dout * p * same.sum(axis=1, keepdims=True)
    return ds @ z + ds.T @ z


cosine_inputs = pair_of_matrices


def cosine_forward(x, y):
    nx, ny = np.linalg.norm(x, axis=1), np.linalg.norm(y, axis=1)
    return (x * y).sum(axis=1) / nx / ny, (x, y, nx, ny)


def cosine_backward(dout, cache):
    x, y, nx, ny = cache
    u, v = x / nx[:, None], y / ny[:, None]
    c = (u * v).sum(axis=1, keepdims=True)
    g = dout[:, None]
    return g * (v - c * u), g * (u - c * v)


cosine_loss_inputs = pair_of_matrices


def cosine_loss_forward(x, y):
    """2 - 2 cos, as in BYOL; y is a unit vector already"""
    y = y / np.linalg.norm(y, axis=1, keepdims=True)
    n = np.linalg.norm(x, axis=1, keepdims=True)
    return (2 - 2 * (x / n * y).sum(axis=1)).mean(), (x / n, y, n)


def cosine_loss_backward(dout, cache):
    u, y, n = cache
    return dout * 2 * (y - u * (u * y).sum(axis=1, keepdims=True)) / n / len(u)


def barlow_inputs(seed):
    return np.random.default_rng(seed).normal(size=(3, 3))


def barlow_forward(c, weight=0.1):
    """of the correlation matrix c"""
    eye = np.eye(len(c))
    return (eye * (c - 1) ** 2 + weight * (1 - eye) * c**2).sum(), (c, weight, eye)


def barlow_backward(dout, cache):
    c, weight, eye = cache
    return dout * np.where(eye == 0, 2 * (c - 1), 2 * weight * c)


def hinge_gan_inputs(seed):
    rng = np.random.default_rng(seed)
    return 2 * rng.normal(size=6), 2 * rng.normal(size=6)


def hinge_gan_forward(real, fake):
    loss = np.maximum(0, 1 - real).mean() + np.maximum(0, 1 + fake).mean()
    return loss, (real, fake)


def hinge_gan_backward(dout, cache):
    real, fake = cache
    return -dout * (real < 1) / len(real), dout * (fake > 1) / len(fake)


def lsgan_inputs(seed):
    return np.random.default_rng(seed).normal(size=5)


def lsgan_forward(fake):
    """of the generator: fakes are to be called 1"""
    return 0.5 * ((fake - 1) ** 2).mean(), fake


def lsgan_backward(dout, fake):
    return dout * fake / len(fake)


def wgan_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=4), rng.normal(size=4)


def wgan_forward(real, fake):
    """with the drift term of progressive GANs"""
    return fake.mean() - real.mean() + 0.1 * (real**2).mean(), (real, fake)


def wgan_backward(dout, cache):
    real, fake = cache
    dfake = np.full(len(fake), dout / len(fake))
    dreal = dout * (0.2 * real - 1) / len(real)
    return dfake, dreal


def rendering_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.uniform(0.1, 1.0, size=(2, 5)), rng.uniform(size=(2, 5))


def rendering_forward(sigma, grey):
    total = np.cumsum(sigma, axis=1)
    T = np.exp(-(total - sigma))
    alpha = 1 - np.exp(-sigma)
    return (T * alpha * grey).sum(axis=1), (T, alpha, grey)


def rendering_backward(dout, cache):
    T, alpha, grey = cache
    d = dout[:, None]
    wc = T * alpha * grey
    behind = np.cumsum(wc, axis=1) - wc
    return d * (T * (1 - alpha) * grey - behind), d * T * alpha


rendering_last_inputs = rendering_inputs


def rendering_last_forward(sigma, grey):
    return rendering_forward(sigma, grey)


def rendering_last_backward(dout, cache):
    T, alpha, grey = cache
    dsigma, dgrey = np.zeros_like(T), np.zeros_like(T)
    S = T.shape[1]
    for r in range(len(dout)):
        behind = 0.0
        for i in range(S - 1, 0, -1):
            dsigma[r, i] = dout[r] * (T[r, i] * (1 - alpha[r, i]) * grey[r, i] - behind)
            dgrey[r, i] = dout[r] * T[r, i] * alpha[r, i]
            behind += T[r, i] * alpha[r, i] * grey[r, i]
    return dsigma, dgrey


def log_likelihood_inputs(seed):
    return np.random.default_rng(seed).uniform(0.1, 0.9, size=(3, 4))


def log_likelihood_forward(p):
    """in bits"""
    return -np.log2(p).sum(axis=1), p


def log_likelihood_backward(dout, p):
    return -dout[:, None] * np.log(2) / p

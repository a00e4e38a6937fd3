"""Volume rendering of a NeRF: densities and colours along rays to a pixel, and its encoding."""

import numpy as np


def render_inputs(seed):
    rng = np.random.default_rng([seed, 1])
    sigma = rng.uniform(0.1, 2, size=(2, 5))
    return sigma, rng.uniform(size=(2, 5, 3)), rng.uniform(0.1, 0.5, size=(2, 5))


def render_forward(sigma, rgb, delta):
    tau = sigma * delta
    before = np.cumsum(tau, axis=1) - tau
    T = np.exp(-before)
    alpha = 1 - np.exp(-tau)
    w = T * alpha
    return (w[..., None] * rgb).sum(1), (sigma, rgb, delta, tau, T, w)


def render_backward(dout, cache):
    sigma, rgb, delta, tau, T, w = cache
    drgb = w[..., None] * dout[:, None, :]
    dw = (rgb * dout[:, None, :]).sum(-1)
    part = dw * w
    behind = part.sum(1, keepdims=True) - np.cumsum(part, axis=1)
    dtau = dw * T * np.exp(-tau) - behind
    return dtau * delta, drgb, dtau * sigma


def encoding_inputs(seed):
    return (np.random.default_rng([seed, 2]).uniform(-1, 1, size=(3, 2)),)


def encoding_forward(x, L=3):
    freq = np.pi * 2.0 ** np.arange(L)
    angle = x[..., None] * freq
    out = np.concatenate([np.sin(angle), np.cos(angle)], axis=-1)
    return out.reshape(len(x), -1), (angle, freq)


def encoding_backward(dout, cache):
    angle, freq = cache
    d = dout.reshape(*angle.shape[:2], 2, len(freq))
    dangle = d[:, :, 0] * np.cos(angle) - d[:, :, 1] * np.sin(angle)
    return (dangle * freq).sum(-1)

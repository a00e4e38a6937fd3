"""A whole ELBO term: decode a sample linearly, Bernoulli likelihood, and the KL."""

import numpy as np


def elbo_inputs(seed):
    rng = np.random.default_rng(seed)
    return {
        "mu": rng.normal(size=(3, 2)),
        "logvar": 0.5 * rng.normal(size=(3, 2)),
        "W": rng.normal(size=(2, 4)),
        "x": rng.integers(0, 2, size=(3, 4)),
        "seed": seed,
    }


def elbo_forward(mu, logvar, W, x, seed, beta=0.5):
    eps = np.random.default_rng(seed).normal(size=mu.shape)
    std = np.exp(logvar / 2)
    z = mu + std * eps
    logits = z @ W
    rec = np.sum(np.logaddexp(0, logits) - x * logits)
    kl = -0.5 * np.sum(1 + logvar - mu**2 - std**2)
    cache = {"z": z, "eps": eps, "std": std, "mu": mu, "W": W, "x": x, "logits": logits}
    return rec + beta * kl, cache | {"beta": beta}


def elbo_backward(dout, cache):
    dlogits = dout * (1 / (1 + np.exp(-cache["logits"])) - cache["x"])
    dz = dlogits @ cache["W"].T
    dW = cache["z"].T @ dlogits
    dmu = dz + dout * cache["beta"] * cache["mu"]
    dlogvar = dz * cache["eps"] * cache["std"] / 2
    dlogvar += dout * cache["beta"] * 0.5 * (cache["std"] ** 2 - 1)
    return {"mu": dmu, "logvar": dlogvar, "W": dW}

"""The loss of a variational auto-encoder: reconstruction plus Kullback-Leibler divergence.

    L = 1/N Σ_n [ Σ_d -log p(t_nd | x_nd)  +  D( N(μ_n, diag e^ℓ_n) ‖ N(0, I) ) ],
    -log p(t | x) = -t log σ(x) - (1 - t) log(1 - σ(x)),
    D = -1/2 Σ_k (1 + ℓ_k - μ_k² - e^(ℓ_k))

It is minus the evidence lower bound. Both terms are sums over their dimensions, and the whole is a
mean over the batch: a mean over pixels here would weigh the divergence D times too much.

Shapes: logits x (N, D), data t (N, D) in [0, 1], mu μ and log_variance ℓ (N, K), L one number.

Derive: dlogits, dmu and dlog_variance from dout, a single number; the data has no gradient. For the
first see the exercise bce_with_logits. The divergence pulls μ to 0 and ℓ to 0: at which values are
its gradients 0?
Think of: ℓ appears twice in the divergence. All three gradients share the factor dout / N.

Course item: V-02, V-01.
Source: Kingma, Welling, "Auto-encoding variational Bayes", ICLR 2014, appendix B.

Fill in vae_loss_backward, then: minigen gradcheck --exercise vae_loss
"""

import numpy as np

POINTS = 3
WRT = ("logits", "mu", "log_variance")


def vae_loss_forward(logits, data, mu, log_variance):
    """logits, data (N, D), mu, log_variance (N, K) -> one number."""
    reconstruction = np.logaddexp(0, logits) - logits * data
    divergence = -0.5 * (1 + log_variance - mu**2 - np.exp(log_variance))
    loss = (reconstruction.sum() + divergence.sum()) / len(logits)
    return loss, (logits, data, mu, log_variance)


def vae_loss_backward(dout, cache):
    """dout, one number -> dlogits (N, D), None for the data, dmu (N, K), dlog_variance (N, K)."""
    raise NotImplementedError


def vae_loss_inputs(seed):
    """logits, data, mu, log_variance of a small case."""
    rng = np.random.default_rng(seed)
    data = rng.integers(0, 2, size=(3, 6)).astype(float)
    return rng.normal(size=(3, 6)), data, rng.normal(size=(3, 2)), rng.normal(size=(3, 2))

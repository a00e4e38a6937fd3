"""Skip-gram with negative sampling: a word is near its contexts, and far from random words.

    L = 1/N Σ_n [ -log σ(u_n · v_n) - Σ_k log σ(-r_nk · v_n) ],    σ(s) = 1 / (1 + e^(-s))

where v_n is the vector of a word, u_n that of a word that stood near it, and r_n1 ... r_nK those of
words drawn at random.

Shapes: v (N, D), u (N, D), r (N, K, D), L one number.

Derive: dv, du and dr from dout, a single number. With -log σ(s) = log(1 + e^(-s)) the derivative
with respect to the score s is σ(s) - 1 for the true pair; find it for a random one. From there on
each score is a scalar product.
Think of: v_n meets u_n and all of r_n1 ... r_nK: its gradient is a sum over 1 + K scores.

Course item: W-02.
Source: Mikolov, Sutskever, Chen, Corrado, Dean, "Distributed representations of words and phrases
and their compositionality", NIPS 2013.

Fill in skip_gram_backward, then: minigen gradcheck --exercise skip_gram
"""

import numpy as np

POINTS = 3
WRT = ("v", "u", "r")


def skip_gram_forward(v, u, r):
    """v (N, D), u (N, D), r (N, K, D) -> one number. The cache also has the scores."""
    near = np.sum(u * v, axis=1)                    # (N,)
    random = np.einsum("nkd,nd->nk", r, v)          # (N, K)
    loss = (np.logaddexp(0, -near).sum() + np.logaddexp(0, random).sum()) / len(v)
    return loss, (v, u, r, near, random)


def skip_gram_backward(dout, cache):
    """dout, one number -> dv (N, D), du (N, D), dr (N, K, D)."""
    raise NotImplementedError


def skip_gram_inputs(seed):
    """v, u, r of a small case."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(3, 4)), rng.normal(size=(3, 4)), rng.normal(size=(3, 2, 4))

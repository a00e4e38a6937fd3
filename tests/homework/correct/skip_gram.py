"""word2vec: skip-gram with negative sampling, ids shared between centre words."""

import numpy as np


def skipgram_inputs(seed):
    rng = np.random.default_rng(seed)
    V = rng.normal(size=(4, 3))
    U = rng.normal(size=(5, 3))
    return V, U, rng.integers(0, 4, 6), rng.integers(0, 5, 6), rng.integers(0, 5, (6, 2))


def skipgram_forward(V, U, centre, context, negative):
    v = V[centre]
    positive = (v * U[context]).sum(1)
    wrong = np.einsum("bd,bkd->bk", v, U[negative])
    loss = np.logaddexp(0, -positive).sum() + np.logaddexp(0, wrong).sum()
    return loss / len(centre), (V, U, centre, context, negative, positive, wrong)


def skipgram_backward(dout, cache):
    V, U, centre, context, negative, positive, wrong = cache
    B = len(centre)
    dpos = -dout / (1 + np.exp(positive)) / B
    dneg = dout / (1 + np.exp(-wrong)) / B
    dv = dpos[:, None] * U[context] + np.einsum("bk,bkd->bd", dneg, U[negative])
    dV, dU = np.zeros_like(V), np.zeros_like(U)
    np.add.at(dV, centre, dv)
    np.add.at(dU, context, dpos[:, None] * V[centre])
    np.add.at(dU, negative, dneg[:, :, None] * V[centre][:, None, :])
    return dV, dU, None, None, None

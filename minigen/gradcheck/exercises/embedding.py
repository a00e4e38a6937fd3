"""Embedding: token numbers become rows of a table.

    y_nt = E_i(n,t), the row of E that the token's number names

Shapes: tokens i (N, T) of whole numbers from 0 to V - 1, table E (V, D), y (N, T, D).

Derive: dtable (V, D) from dout (N, T, D). It is y = O E with a matrix O of ones and zeros, one 1 in
each row; so dE = Oᵀ dout. What does that mean without the matrix?
Think of: a token that occurs three times gets the sum of three gradients. In NumPy dE[i] += g adds
only once where i repeats (it is dE[i] = dE[i] + g, and the last one wins); np.add.at does not.

Course item: W-01 (word2vec), W-06.
Source: Bengio, Ducharme, Vincent, Jauvin, "A neural probabilistic language model", JMLR 2003.

Fill in embedding_backward, then: minigen gradcheck --exercise embedding
"""

import numpy as np

POINTS = 2
WRT = ("table",)


def embedding_forward(tokens, table):
    """tokens (N, T) of whole numbers, table (V, D) -> y (N, T, D)."""
    return table[tokens], (tokens, table.shape)


def embedding_backward(dout, cache):
    """dout (N, T, D) -> None for the tokens, dtable (V, D): return None, dtable."""
    raise NotImplementedError


def embedding_inputs(seed):
    """tokens, table of a small case; one token occurs three times, another never."""
    rng = np.random.default_rng(seed)
    tokens = rng.integers(0, 5, size=(2, 4))
    tokens[0, 0] = tokens[0, 2] = tokens[1, 1] = 3
    return tokens, rng.normal(size=(6, 3))

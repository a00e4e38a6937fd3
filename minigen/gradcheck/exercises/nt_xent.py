"""NT-Xent, the loss of SimCLR: each view finds its partner among all the others.

    ℓ(i, j) = -log ( e^(s_ij / τ) / Σ_{k ≠ i} e^(s_ik / τ) ),    s_ij = z_i · z_j / (‖z_i‖ ‖z_j‖),
    L = 1/(2N) Σ_i ℓ(i, partner of i),    τ = 0.5

The rows of z are the two views of one picture after the other: 0 and 1 are partners, 2 and 3, ...

Shapes: z (2N, D), L one number.

Derive: dz from dout, a single number, in three steps. (1) With S = s / τ each row is a
cross-entropy over the 2N - 1 others: dS = (P - Y) / 2N, where P is the softmax (0 on the diagonal)
and Y has a 1 at each partner. (2) S = U Uᵀ / τ with the unit vectors U, the rows u_i = z_i/‖z_i‖:
each u_i stands in row i *and* in column i. (3) Through the normalisation, as in the exercise
cosine_similarity.
Think of: dz_i is orthogonal to z_i. If only one of row and column is counted, the gradient is not
off by a factor 2: P is not symmetric.

Course item: S-03.
Source: Chen, Kornblith, Norouzi, Hinton, "A simple framework for contrastive learning of visual
representations", ICML 2020.

Fill in nt_xent_backward, then: minigen gradcheck --exercise nt_xent
"""

import numpy as np

POINTS = 5
WRT = ("z",)
TAU = 0.5


def nt_xent_forward(z):
    """z (2N, D) -> one number. The cache is unit vectors u, lengths (2N, 1), p, partners (2N,)."""
    rows = np.arange(len(z))
    partners = rows ^ 1                             # 0 <-> 1, 2 <-> 3, ...
    length = np.linalg.norm(z, axis=1, keepdims=True)
    u = z / length
    scores = np.where(np.eye(len(z), dtype=bool), -np.inf, u @ u.T / TAU)
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return -np.log(p[rows, partners]).mean(), (u, length, p, partners)


def nt_xent_backward(dout, cache):
    """dout, one number -> dz (2N, D)."""
    raise NotImplementedError


def nt_xent_inputs(seed):
    """z of a small case: three pictures, two views each."""
    return (np.random.default_rng(seed).normal(size=(6, 4)),)

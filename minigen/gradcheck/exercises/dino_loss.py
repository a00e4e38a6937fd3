"""The loss of DINO for one pair of views: the student matches the teacher's sharpened classes.

    L = -1/N Σ_n Σ_k  P_nk log Q_nk,
    P_n = softmax((t_n - c) / 0.04),    Q_n = softmax(s_n / 0.1)

with the student's scores s, the teacher's t and their running mean c, the centre. No gradient goes
into t and c: P is a constant.

Shapes: student s (N, K), teacher t (N, K), centre c (K,), L one number.

Derive: dstudent (N, K) from dout, a single number. log Q_nk = s_nk/τ - log Σ_j e^(s_nj/τ), and
the rows of P sum to 1: use both, and "predicted minus wanted" of the exercise cross_entropy comes
out again, with soft labels.
Think of: where does the temperature τ = 0.1 go? And what does a row of the gradient sum to?

Course item: S-10.
Source: Caron et al., "Emerging properties in self-supervised vision transformers", ICCV 2021.

Fill in dino_loss_backward, then: minigen gradcheck --exercise dino_loss
"""

import numpy as np

POINTS = 2
WRT = ("student",)
TAU_STUDENT, TAU_TEACHER = 0.1, 0.04


def dino_loss_forward(student, teacher, centre):
    """student (N, K), teacher (N, K), centre (K,) -> one number. The cache is P and log Q."""
    p = np.exp(_log_softmax((teacher - centre) / TAU_TEACHER))
    log_q = _log_softmax(student / TAU_STUDENT)
    return -np.sum(p * log_q) / len(p), (p, log_q)


def _log_softmax(x):
    shifted = x - x.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def dino_loss_backward(dout, cache):
    """dout, one number -> dstudent (N, K); teacher and centre are constants."""
    raise NotImplementedError


def dino_loss_inputs(seed):
    """student, teacher, centre of a small case: cosines of unit vectors are that small."""
    rng = np.random.default_rng(seed)
    student, teacher, centre = (rng.normal(0, 0.2, size=size) for size in ((3, 5), (3, 5), 5))
    return student, teacher, centre

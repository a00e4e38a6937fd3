"""Knowledge distillation: KL of softened predictions, for the student and the teacher."""

import numpy as np


def softmax(x):
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def distil_inputs(seed):
    rng = np.random.default_rng([seed, 2])
    return rng.normal(size=(3, 4)), rng.normal(size=(3, 4)), 2.0


def distil_forward(student, teacher, T):
    p, q = softmax(teacher / T), softmax(student / T)
    loss = T**2 * (p * (np.log(p) - np.log(q))).sum() / len(p)
    return loss, (p, q, T)


def distil_backward(dout, cache):
    p, q, T = cache
    dstudent = dout * T * (q - p) / len(p)
    r = np.log(p) - np.log(q)
    dteacher = dout * T * p * (r - (p * r).sum(1, keepdims=True)) / len(p)
    return dstudent, dteacher

"""The sign is wrong

What it is

A gradient, or one term of it, is the negative of what it must be. If all of it is, the step
w -= rate * dw goes uphill: the loss rises from the first step on, and no learning rate helps. If
one term is, training often goes on, only worse, and nobody suspects a mistake.

There are two ways to it. A difference stands the wrong way round: the derivative of a loss has
prediction - target in it, but an update that goes downhill adds target - prediction, and books show
both. Or a minus of forward is lost on the way back: -log(p), 1 - y, x - mean, exp(-x) and 1/x each
hand on a minus, and two of them make a plus.

What looks like it:
- a factor: there yours / numeric is one number other than -1;
- swapped gradients: for y = a - b the two are dout and -dout, so in the wrong order each seems to
  have the wrong sign. Look at the order of the return first;
- a wrong branch: the minus is there only where x < 0, as in a backward of abs(x).

How to find it by hand

Print yours / numeric, the last column of the report. If it is -1 everywhere, look for one minus
that reaches all of it: the difference at the loss, or a sign before dout. If not, suppose that one
term t has the wrong sign: then yours = numeric - 2 t, so print (numeric - yours) / 2. That is the
term. Print each term of your backward beside it and you know which one it is.

Ask, too, what the sign must be. On paper: two classes, logits (0, 0), label 0, one sample. Then
p = (1/2, 1/2). A larger first logit makes the right class likelier and the loss smaller, so its
gradient is negative: p - target = (-1/2, 1/2). In every row of a cross-entropy's gradient the entry
of the label is negative and all others are positive (for a positive dout).

The formula

For one sample with logits z and label k the loss is

    loss = -log(exp(z_k) / sum over j of exp(z_j)) = -z_k + log(sum over j of exp(z_j))

The derivative of the first part is -1 by z_k, and 0 by all others. That of the second part by z_i
is exp(z_i) / sum over j of exp(z_j), which is p_i:

    dloss/dz_i = p_i - 1 where i = k, p_i elsewhere

or p - target with target = one_hot(k). The loss is a mean of N samples and dout comes before it:

    dlogits = dout * (p - target) / N
"""

import numpy as np


def right_forward(logits, labels):
    """logits (N, C), labels (N,) -> the mean cross-entropy ()."""
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(len(p)), labels]).mean()
    return loss, (p, labels)


def right_backward(dout, cache):
    """dout () -> dlogits (N, C)."""
    p, labels = cache
    target = np.eye(p.shape[1])[labels]
    return dout * (p - target) / len(p)


def right_inputs(seed):
    """logits (4, 3), labels (4,)."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(4, 3)), rng.integers(3, size=4)


wrong_forward = right_forward
wrong_inputs = right_inputs


def wrong_backward(dout, cache):
    """The difference the wrong way round."""
    p, labels = cache
    target = np.eye(p.shape[1])[labels]
    return dout * (target - p) / len(p)

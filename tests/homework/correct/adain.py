"""Adaptive instance normalisation: the statistics of a style on the features of a content."""

import numpy as np


def adain_inputs(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(2, 2, 4)), 2 * rng.normal(size=(2, 2, 3)) + 1


def adain_forward(content, style):
    mc = content.mean(2, keepdims=True)
    sc = np.sqrt(content.var(2, keepdims=True) + 1e-5)
    ms = style.mean(2, keepdims=True)
    ss = np.sqrt(style.var(2, keepdims=True) + 1e-5)
    chat = (content - mc) / sc
    return ss * chat + ms, (chat, sc, style - ms, ss)


def adain_backward(dout, cache):
    chat, sc, centred, ss = cache
    n = centred.shape[2]
    dchat = dout * ss
    dcontent = dchat - dchat.mean(2, keepdims=True)
    dcontent = (dcontent - chat * (dchat * chat).mean(2, keepdims=True)) / sc
    dss = (dout * chat).sum(2, keepdims=True)
    dms = dout.sum(2, keepdims=True)
    dstyle = dss * centred / (n * ss) + dms / n
    return dcontent, dstyle

"""Leading sizes of attention's arrays as two: samples and heads.

Idea: attention takes any leading sizes that broadcast; those who compute it take (samples, heads).
The last leading size is the heads, the product of the others the samples; a single one is samples.
Read next: attention.py.
"""

import math

import numpy

from minigen.backend import array_module


def leading(q, k, v):
    """The sizes before the last two, broadcast. ValueError if they do not."""
    lead = q.shape[:-2]
    if lead == k.shape[:-2] == v.shape[:-2]:
        return lead  # ten times as fast
    return numpy.broadcast_shapes(lead, k.shape[:-2], v.shape[:-2])


def two(lead):
    """Leading sizes as (samples, heads)."""
    return (math.prod(lead[:-1]), lead[-1]) if len(lead) > 1 else (*lead, 1, 1)[:2]


def stacked(x, lead):
    """x broadcast to (samples, heads, rows, columns)."""
    if x.shape[:-2] != lead:
        x = array_module(x).broadcast_to(x, (*lead, *x.shape[-2:]))
    return x if len(lead) == 2 else x.reshape(*two(lead), *x.shape[-2:])


def stacked_mask(mask, lead):
    """(the mask in 4 dimensions, each that of the scores or 1; its shape before it was cut)."""
    shape = (1,) * (len(lead) + 2 - mask.ndim) + mask.shape
    if len(lead) > 2 and max(shape[:-3]) > 1:  # the samples, in several dimensions
        shape = *lead[:-1], *shape[-3:]
    mask = array_module(mask).broadcast_to(mask, shape)
    return mask.reshape(*two(shape[:-2]), *shape[-2:]), shape

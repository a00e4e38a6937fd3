"""Rows of ops/pool.py; pooling as loops, which say what the ops mean.

Read next: cases_row.py (the words used here), test_pool.py (the loops on random shapes).
"""

import math

import numpy as np
from cases_conv import each
from cases_row import apart, at, case, run

from minigen import ops


def windows_of(size, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    """For each window: its number, all positions of its taps, n numbers each.

    The definition: windows start at -padding, stride apart, as long as they end inside the padding;
    with ceil_mode, as long as they reach something new and start inside x or the padding before it.
    """
    n = len(size)
    kernel, around, dilation = each(kernel_size, n), each(padding, n), each(dilation, n)
    stride = kernel if stride is None else each(stride, n)
    along = []
    for j in range(n):
        reach, starts, first = dilation[j] * (kernel[j] - 1), [], -around[j]
        while first + reach < size[j] + around[j]:
            starts.append(first)
            first += stride[j]
        covered = starts[-1] + reach if starts else -1 - around[j]
        if ceil_mode and covered < size[j] + around[j] - 1 and first < size[j]:
            starts.append(first)
        along.append(starts)
    for u in np.ndindex(*map(len, along)):
        corner = [starts[i] for starts, i in zip(along, u, strict=True)]
        taps = [tuple(np.add(corner, np.multiply(i, dilation))) for i in np.ndindex(*kernel)]
        yield u, [tuple(map(int, tap)) for tap in taps]


def shape_of(found):
    return tuple(i + 1 for i in found[-1][0])


def max_pool(x, return_indices=False, **options):
    size = x.shape[2:]
    found = list(windows_of(size, **options))
    y = np.empty((*x.shape[:2], *shape_of(found)))
    index = np.empty(y.shape, int)
    for u, taps in found:
        inside = [q for q in taps if all(0 <= i < n for i, n in zip(q, size, strict=True))]
        for n, c in np.ndindex(*x.shape[:2]):
            best = inside[int(np.argmax([x[(n, c, *q)] for q in inside]))]  # the first of equals
            y[(n, c, *u)] = x[(n, c, *best)]
            index[(n, c, *u)] = np.ravel_multi_index(best, size)
    return (y, index) if return_indices else y


def avg_pool(x, padding=0, count_include_pad=True, divisor_override=None, **options):
    size, n = x.shape[2:], x.ndim - 2
    around = each(padding, n) if count_include_pad else (0,) * n
    found = list(windows_of(size, padding=padding, **options))
    y = np.zeros((*x.shape[:2], *shape_of(found)))
    for u, taps in found:
        count = 0
        for q in taps:
            count += all(-a <= i < m + a for i, m, a in zip(q, size, around, strict=True))
            if all(0 <= i < m for i, m in zip(q, size, strict=True)):
                y[(..., *u)] += x[(..., *q)]
        y[(..., *u)] /= divisor_override or count
    return y


def adaptive_avg_pool(x, output_size):
    size = x.shape[2:]
    sizes = [m or n for n, m in zip(size, each(output_size, len(size)), strict=True)]
    y = np.zeros((*x.shape[:2], *sizes))
    for u in np.ndindex(*sizes):
        window = [
            slice(math.floor(i * n / m), math.ceil((i + 1) * n / m))
            for i, n, m in zip(u, size, sizes, strict=True)
        ]
        y[(..., *u)] = x[(..., *window)].mean(tuple(range(2, x.ndim)))
    return y


# for both kinds
PLANES = [
    run((1, 2, 4, 4), kernel_size=2),
    run((1, 1, 3, 4), kernel_size=(2, 3), stride=1),
    run((2, 1, 5, 3), kernel_size=(3, 2), stride=(2, 1), padding=1),
    run((1, 1, 4, 5), kernel_size=2, stride=3),
    run((1, 2, 5, 4), kernel_size=2, padding=1, ceil_mode=True),
    run((0, 2, 2, 2), kernel_size=2),
]
LINES = [
    run((2, 1, 5), kernel_size=3, stride=2, padding=1),
    run((1, 2, 6), kernel_size=(4,), ceil_mode=True),
]
VOLUMES = [
    run((1, 2, 2, 4, 2), kernel_size=2),
    run((1, 1, 3, 2, 3), kernel_size=(2, 1, 3), stride=(2, 1, 1), padding=(1, 0, 1)),
]

POOLING = [
    case(
        "max_pool1d", ops.max_pool1d, max_pool,
        [*LINES, run((1, 1, 7), kernel_size=2, stride=1, dilation=3)], apart,
    ),
    case(
        "max_pool2d", ops.max_pool2d, max_pool,
        [
            *PLANES,
            run((1, 1, 5, 5), kernel_size=2, stride=(1, 2), dilation=(1, 2), padding=(0, 1)),
            run((1, 2, 3, 3), kernel_size=2, padding=1, return_indices=True),
        ],
        apart,
        kinks=[
            # the first of several equal elements takes the gradient
            at([[[[1.0, 1.0], [1.0, 1.0]]]], kernel_size=2, y=[[[[1]]]],
               grads=([[[[1, 0], [0, 0]]]],)),
            at([[[[1.0, 2.0, 2.0, 2.0]]]], kernel_size=(1, 2), stride=1, y=[[[[2, 2, 2]]]],
               grads=([[[[0, 2, 1, 0]]]],)),
            # padding is less than anything; infinities are numbers like others
            at([[[[-np.inf, -np.inf]]]], kernel_size=(1, 2), stride=1, padding=(0, 1),
               y=[[[[-np.inf] * 3]]], grads=([[[[2, 1]]]],)),
            at([[[[1.0, np.nan, np.inf]]]], kernel_size=(1, 3), y=[[[[np.nan]]]],
               grads=([[[[0, 1, 0]]]],)),
        ],
    ),
    case("max_pool3d", ops.max_pool3d, max_pool, VOLUMES, apart),
    case(
        "avg_pool1d", ops.avg_pool1d, avg_pool,
        [*LINES, run((1, 1, 4), kernel_size=3, padding=1, count_include_pad=False)], linear=(0,),
    ),
    case(
        "avg_pool2d", ops.avg_pool2d, avg_pool,
        [
            *PLANES,
            run((1, 1, 3, 4), kernel_size=2, padding=1, count_include_pad=False),
            run((1, 1, 4, 4), kernel_size=3, stride=2, padding=1, ceil_mode=True,
                count_include_pad=False),
            run((1, 1, 4, 3), kernel_size=(3, 2), padding=(1, 0), divisor_override=-5),
        ],
        linear=(0,),
    ),
    case(
        "avg_pool3d", ops.avg_pool3d, avg_pool,
        [*VOLUMES, run((1, 1, 3, 2, 2), kernel_size=2, ceil_mode=True, divisor_override=3)],
        linear=(0,),
    ),
    case(
        "adaptive_avg_pool1d", ops.adaptive_avg_pool1d, adaptive_avg_pool,
        [run((2, 1, 5), output_size=3), run((1, 2, 6), output_size=(2,))], linear=(0,),
    ),
    case(
        "adaptive_avg_pool2d", ops.adaptive_avg_pool2d, adaptive_avg_pool,
        [
            run((1, 2, 4, 6), output_size=2),
            run((2, 1, 5, 3), output_size=(2, None)),
            run((1, 2, 3, 2), output_size=(5, 3)),
            run((2, 2, 3, 3), output_size=1),
            run((0, 2, 2, 3), output_size=2),
        ],
        linear=(0,),
    ),
    case(
        "adaptive_avg_pool3d", ops.adaptive_avg_pool3d, adaptive_avg_pool,
        [run((1, 1, 3, 2, 4), output_size=2), run((1, 2, 2, 1, 3), output_size=(1, 1, None))],
        linear=(0,),
    ),
]  # fmt: skip

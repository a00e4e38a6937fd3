"""Rows of the elementwise ops: ops/elementwise.py.

Numbers at ties and edges are those of PyTorch 2, looked up by hand.
Read next: cases_row.py (the words used here), test_ops.py (what becomes of a row).
"""

import math

import numpy as np
from cases_row import apart, at, below, elementwise, mask, normal, positive

from minigen import ops

inf, nan = math.inf, math.nan


def with_numbers(name, fn, numpy, *draw, number=2.5, **known):
    """Rows for fn(x, number) and fn(number, x): a Python number takes the place of a tensor."""
    return [
        elementwise(name, lambda x: fn(x, number), lambda x: numpy(x, number), *draw, **known),
        elementwise(name, lambda x: fn(number, x), lambda x: numpy(number, x), *draw, **known),
    ]


ARITHMETIC = [
    elementwise("add", ops.add, np.add, inputs=2, linear=(0, 1)),
    elementwise("sub", ops.sub, np.subtract, inputs=2, linear=(0, 1)),
    elementwise("mul", ops.mul, np.multiply, inputs=2, linear=(0, 1)),
    elementwise(
        "div",
        ops.div,
        np.true_divide,
        normal,
        positive,
        linear=(0,),
        gives="float",
        kinks=[at([1.0, -1.0], [0.0, 0.0], y=[inf, -inf], grads=([inf, inf], [-inf, inf]))],
    ),
    elementwise(
        "pow",
        ops.pow,
        np.power,
        positive,
        normal,
        kinks=[
            # a = 0: nothing is nan that has a limit (PyTorch's second derivative at b = 0 is)
            at([0.0, 0.0, 0.0], [0.0, 1.0, 2.0], y=[1, 0, 0], grads=([0, 1, 0], [0, 0, 0]),
               second=[0, 0, 2]),
            at([0.0, 0.0], [0.5, -1.0], y=[0, inf], grads=([inf, -inf], [0, -inf])),
            at([-2.0, -2.0], [3.0, 0.0], y=[-8, 1], grads=([12, 0], [nan, nan])),
        ],
    ),
    *with_numbers("add", ops.add, np.add),
    *with_numbers("sub", ops.sub, np.subtract),
    *with_numbers("mul", ops.mul, np.multiply, linear=(0,)),
    *with_numbers("div", ops.div, np.true_divide, positive, gives="float"),
    elementwise("pow", lambda x: ops.pow(x, 2.5), lambda x: x**2.5, positive),
    elementwise(
        "pow",
        lambda x, exponent: ops.pow(x, exponent),
        lambda x, exponent: x**exponent,
        apart,  # negative numbers have whole powers
        options=[dict(exponent=b) for b in (2, 3.0, 1, 0, -2)],
        kinks=[
            at([0.0], exponent=2, y=[0], grads=([0],), second=[2]),
            at([0.0], exponent=1, y=[0], grads=([1],), second=[0]),
            at([0.0, 3.0], exponent=0, y=[1, 1], grads=([0, 0],), second=[0, 0]),
            at([0.0], exponent=0.5, y=[0], grads=([inf],)),
        ],
    ),
    elementwise(
        "pow",
        lambda x, base: ops.pow(base, x),
        lambda x, base: base**x,
        positive,
        options=[dict(base=0.7), dict(base=0.0), dict(base=3)],
        kinks=[
            at([0.0, 2.0, -1.0], base=0.0, y=[1, 0, inf], grads=([0, 0, -inf],)),
            at([2.0, 3.0], base=-2.0, y=[4, -8], grads=([nan, nan],)),
        ],
    ),
    elementwise("neg", ops.neg, np.negative, linear=(0,)),
    elementwise(
        "abs", ops.abs, np.abs, apart, kinks=[at([0.0, -0.0], y=[0, 0], grads=([0, 0],))]
    ),
    elementwise(
        "square", ops.square, np.square, kinks=[at([0.0], y=[0], grads=([0],), second=[2])]
    ),
    elementwise("sign", ops.sign, np.sign, apart, kinks=[at([0.0], y=[0], grads=([0],))]),
]



def halves(rng, shape, k):
    """Not near a half, where rounding jumps: at most 0.4 from a whole number."""
    return rng.integers(-3, 4, shape) + rng.uniform(-0.4, 0.4, shape)


def tenths(rng, shape, k):
    """The same for one decimal, and for tens when times 100."""
    return halves(rng, shape, k) / 10


def not_whole(rng, shape, k):
    return rng.integers(-3, 4, shape) + rng.uniform(0.1, 0.9, shape)


def lerp(x, end, weight):
    return (1 - weight) * x + weight * end


def xlogy(x, other):
    return np.where(x == 0, 0.0, x * np.log(other))


MORE = [
    elementwise(
        "reciprocal", ops.reciprocal, lambda x: x**-1.0, positive, gives="float",
        kinks=[at([0.0, -0.0, inf], y=[inf, -inf, 0], grads=([-inf, -inf, 0],),
                  second=[inf, -inf, 0])],
    ),
    elementwise(
        "lerp", ops.lerp, lerp, inputs=3, gives="float",
        kinks=[at([1.0, 1.0, 1.0], [3.0, 3.0, 3.0], [0.0, 1.0, 0.5], y=[1, 3, 2],
                  grads=([1, 0, 0.5], [0, 1, 0.5], [2, 2, 2]), second=[0, 0, 0])],
    ),
    elementwise(
        "lerp", lambda x, end, weight: ops.lerp(x, end, weight), lerp, inputs=2, gives="float",
        options=[dict(weight=w) for w in (0.3, 0.8, 2, 0.0)],
        kinks=[at([0.1], [0.3], weight=1.0, y=[0.3], grads=([0], [1]))],
    ),
    elementwise(
        "xlogy", ops.xlogy, xlogy, normal, positive, gives="float",
        kinks=[
            # PyTorch's, but for d/d other = x / other at 0 / 0, which is nan there too
            at([0.0, 0.0, 0.0, 0.0], [0.0, inf, -1.0, 2.0], y=[0, 0, 0, 0],
               grads=([0, inf, 0, math.log(2)], [nan, 0, 0, 0])),
            at([1.0, 2.0, 0.0, nan], [0.0, -1.0, nan, 1.0], y=[-inf, nan, nan, nan],
               grads=([-inf, nan, nan, 0], [inf, -2, nan, nan])),
        ],
    ),
    elementwise("xlogy", lambda x: ops.xlogy(0.0, x), lambda x: 0 * x, positive, gives="float"),
    elementwise(
        "xlogy", lambda x: ops.xlogy(2.5, x), lambda x: 2.5 * np.log(x), positive, gives="float"
    ),
    elementwise(
        "xlogy", lambda x, other: ops.xlogy(x, other), lambda x, other: x * np.log(other),
        gives="float", linear=(0,), options=[dict(other=0.7), dict(other=3)],
        kinks=[
            at([0.0, 1.0, -1.0], other=0, y=[0, -inf, inf], grads=([0, -inf, -inf],)),
            at([0.0, 1.0], other=-2.0, y=[0, nan], grads=([0, nan],)),
            at([0.0, 1.0], other=nan, y=[nan, nan], grads=([nan, nan],)),
        ],
    ),
    elementwise(
        "floor", ops.floor, np.floor, not_whole,
        kinks=[at([-1.5, 2.0, -0.5, inf], y=[-2, 2, -1, inf], grads=([0, 0, 0, 0],))],
    ),
    elementwise(
        "ceil", ops.ceil, np.ceil, not_whole,
        kinks=[at([-1.5, 2.0, -0.5, inf], y=[-1, 2, 0, inf], grads=([0, 0, 0, 0],))],
    ),
    elementwise(
        "round", ops.round, lambda x: np.floor(x + 0.5), halves,
        kinks=[
            at([0.5, 1.5, 2.5, -0.5, -1.5, inf], y=[0, 2, 2, 0, -2, inf],
               grads=([0, 0, 0, 0, 0, 0],)),
            at([0.125, -0.375, 2.625], decimals=2, y=[0.12, -0.38, 2.62], grads=([0, 0, 0],)),
            at([15.0, 25.0, -15.0], decimals=-1, y=[20, 20, -20], grads=([0, 0, 0],)),
        ],
    ),
    elementwise(
        "round", lambda x, decimals: ops.round(x, decimals),
        lambda x, decimals: np.floor(x * 10**decimals + 0.5) / 10**decimals, tenths,
        options=[dict(decimals=1)],
    ),
    elementwise(
        "round", lambda x: ops.round(x * 100, -1), lambda x: np.floor(x * 10 + 0.5) * 10, tenths
    ),
]

CHOOSING = [
    elementwise(
        "maximum", ops.maximum, np.maximum, apart, apart,
        # ties share the gradient equally
        kinks=[at([1.0, 1.0, nan], [1.0, 3.0, 1.0], y=[1, 3, nan],
                  grads=([0.5, 0, 1], [0.5, 1, 1]), second=[0, 0, 0])],
    ),
    elementwise(
        "minimum", ops.minimum, np.minimum, apart, apart,
        kinks=[at([1.0, 1.0], [1.0, 3.0], y=[1, 1], grads=([0.5, 1], [0.5, 0]), second=[0, 0])],
    ),
    *with_numbers("maximum", ops.maximum, np.maximum, apart, number=0.35),
    *with_numbers("minimum", ops.minimum, np.minimum, apart, number=0.35),
    elementwise(
        "clamp", ops.clamp, np.clip, apart, gives="float",
        options=[dict(min=-0.2, max=0.5), dict(min=0.35, max=None), dict(min=None, max=1)],
        kinks=[
            at([-2.0, -1.0, 0.0, 1.0, 2.0], min=-1.0, max=1.0,
               y=[-1, -1, 0, 1, 1], grads=([0, 1, 1, 1, 0],), second=[0, 0, 0, 0, 0]),
            at([0.0, 3.0], min=2.0, max=1.0, y=[1, 1], grads=([0, 0],)),
        ],
    ),
    elementwise(
        "clamp", lambda x, low: ops.clamp(x, low, 1.5), lambda x, low: np.clip(x, low, 1.5),
        apart, apart,
    ),
    elementwise(
        "clamp", lambda x, high: ops.clamp(x, -0.5, high), lambda x, high: np.clip(x, -0.5, high),
        apart, below(2),
    ),
    elementwise(
        "clamp", lambda x, low, high: ops.clamp(x, low, high), np.clip, apart, apart, below(2),
        kinks=[  # ties go to x; where the limits cross, the upper one is met
            at([0.0, 1.0, 2.0, 3.0, 4.0], [1.0] * 5, [3.0] * 5, y=[1, 1, 2, 3, 3],
               grads=([0, 1, 1, 1, 0], [1, 0, 0, 0, 0], [0, 0, 0, 0, 1]), second=[0] * 5),
            at([0.0, 1.5, 3.0], [2.0] * 3, [1.0] * 3, y=[1, 1, 1],
               grads=([0, 0, 0], [0, 0, 0], [1, 1, 1])),
            at([0.0, 1.0], [1.0, 1.0], [1.0, 1.0], y=[1, 1], grads=([0, 1], [0, 0], [0, 0])),
        ],
    ),
    elementwise(
        "where", ops.where, np.where, mask, normal, inputs=3, linear=(1, 2),
        # nan in the branch not taken does no harm
        kinks=[at([True, False], [1.0, nan], [nan, 2.0], y=[1, 2], grads=([1, 0], [0, 1]))],
    ),
    *[
        elementwise(
            "where", lambda c, x, f=f: ops.where(c, *f(x)), lambda c, x, f=f: np.where(c, *f(x)),
            mask, normal, linear=(1,),
        )
        for f in (lambda x: (x, 0.5), lambda x: (0.5, x))
    ],
]

LOGIC = [
    *[
        elementwise(
            name, getattr(ops, name), numpy, inputs=2, gives="bool",
            kinks=[at([1.0, 1.0, nan], [1.0, 2.0, nan], y=ties)],
        )
        for name, numpy, ties in [
            ("eq", np.equal, [True, False, False]),
            ("ne", np.not_equal, [False, True, True]),
            ("lt", np.less, [False, True, False]),
            ("le", np.less_equal, [True, True, False]),
            ("gt", np.greater, [False, False, False]),
            ("ge", np.greater_equal, [True, False, False]),
        ]
    ],
    elementwise("logical_not", ops.logical_not, np.logical_not, mask, gives="bool"),
    elementwise("logical_and", ops.logical_and, np.logical_and, mask, mask, gives="bool"),
    elementwise("logical_or", ops.logical_or, np.logical_or, mask, mask, gives="bool"),
    elementwise("bitwise_not", ops.bitwise_not, np.invert, mask, gives="bool"),
    elementwise("bitwise_and", ops.bitwise_and, np.bitwise_and, mask, mask, gives="bool"),
    elementwise("bitwise_or", ops.bitwise_or, np.bitwise_or, mask, mask, gives="bool"),
    elementwise("bitwise_xor", ops.bitwise_xor, np.bitwise_xor, mask, mask, gives="bool"),
    elementwise(
        "isnan", ops.isnan, np.isnan, gives="bool",
        kinks=[at([0.0, nan, inf], y=[False, True, False])],
    ),
    elementwise(
        "isfinite", ops.isfinite, np.isfinite, gives="bool",
        kinks=[at([0.0, nan, inf], y=[True, False, False])],
    ),
]

COPIES = [
    elementwise("alias", ops.alias, np.array, linear=(0,)),
    elementwise(
        "cast", ops.cast, np.asarray, options=[dict(dtype="float64")], linear=(0,),
        kinks=[at([1.7, -1.7], dtype="int64", y=[1, -1])],
    ),
    elementwise(
        "to_device", ops.to_device, lambda x, device: x, options=[dict(device="cpu")], linear=(0,)
    ),
]

ELEMENTWISE = [*ARITHMETIC, *MORE, *CHOOSING, *LOGIC, *COPIES]

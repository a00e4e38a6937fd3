"""Elementwise functions of several passes: blocks that stay in the cache, one visit for f and f'.

Idea: NumPy makes one pass over memory for each operation. A formula of ten operations is therefore
computed block by block, in blocks that the cache holds, and its derivative with it where that will
be needed: `visit`. A kernel is the formula for one block: it reads x, writes y, and d = f'(x)
unless d is None, and works in the buffers that follow. Few elements are one block; so is, on a GPU,
the whole array.

Invariants. y and d have x's order of memory (channels-last stays so) and its dtype. What is neither
float32 nor float64 is computed in float32: d stays that, and so does the y of integers. Many
elements never warn; of few, NumPy says what it finds (0·inf): silence would take a microsecond.
Read next: numpy.py (scratch), ../ops/activations.py (who uses it).
"""

import math
from functools import cache

import numpy as np

from minigen import backend
from minigen.backend import array_module, quiet
from minigen.backend.device import bias_activation as device
from minigen.backend.kernels import active
from minigen.backend.numpy import scratch

BLOCK = 1 << 17  # elements, half a megabyte of float32: twice as fast as the whole from 8 M on
FEW = 512  # elements up to which the number of calls counts, not what each computes


def visit(kernel, x, derivative, buffers, *options):
    """(y, d): kernel(xp, x, y, d, *buffers, *options) over all of x; d is None if not wanted.

    buffers: how many arrays like x the kernel works in.
    """
    xp = array_module(x)
    if x.dtype.char not in "fd":
        y, d = visit(kernel, x.astype("float32"), derivative, buffers, *options)
        return (y.astype(x.dtype) if x.dtype.kind in "fV" else y), d
    if xp is np and x.size > BLOCK:
        x = x if _dense(x) else x.copy("K")
    y = xp.empty_like(x)
    d = xp.empty_like(x) if derivative else None
    if xp is not np or x.size <= FEW:
        kernel(xp, x, y, d, *[xp.empty_like(x) for _ in range(buffers)], *options)
        return y, d
    with quiet():
        if x.size <= BLOCK:
            kernel(np, x, y, d, *[np.empty_like(x) for _ in range(buffers)], *options)
        else:
            _in_blocks(kernel, (x, y, d), buffers, options)
    return y, d


def _in_blocks(kernel, arrays, buffers, options):
    # the elements in the order of memory, which is the same for all of the arrays
    flat = [None if a is None else a.ravel("K") for a in arrays]
    work = [scratch(f"visit {i}", BLOCK, arrays[0].dtype) for i in range(buffers)]
    for low in range(0, arrays[0].size, BLOCK):
        block = [None if a is None else a[low : low + BLOCK] for a in flat]
        kernel(np, *block, *[a[: len(block[0])] for a in work], *options)


def _dense(x):
    """Whether the elements fill a stretch of memory, in whatever order of the dimensions."""
    step = x.itemsize
    for stride, size in sorted((s, n) for s, n in zip(x.strides, x.shape, strict=True) if n > 1):
        if stride != step:
            return False
        step *= size
    return True


# ---- parts of formulas


@cache
def _special():
    """scipy.special, imported on first use."""
    from scipy import special

    return special


def at_least(xp, x, low, out=None):
    """max(x, low) of floats and a number; nan stays nan."""
    if xp is not np or x.size <= FEW:
        return xp.maximum(x, low, out=out)
    return np.clip(x, low, np.inf, out=out)  # a third of the time that np.maximum takes


def at_most(xp, x, high, out=None):
    """min(x, high) of floats and a number; nan stays nan."""
    if xp is not np or x.size <= FEW:
        return xp.minimum(x, high, out=out)
    return np.clip(x, -np.inf, high, out=out)


def _logistic(xp, x, out):
    """1 / (1 + exp(-x)), with all its digits at both ends."""
    if xp is np and x.size <= FEW:
        _special().expit(x, out=out)
        return
    xp.negative(x, out=out)
    xp.exp(out, out=out)  # inf for very negative x, and 1/inf is the 0 that it should be
    out += 1
    xp.divide(1, out, out=out)  # half the time of reciprocal


def _log1p_exp(xp, t, out):
    """log(1 + exp(-|t|)), which never overflows."""
    xp.abs(t, out=out)
    xp.negative(out, out=out)
    xp.exp(out, out=out)
    xp.log1p(out, out=out)


# Φ(x), the normal distribution function, as logistic(x·Q(x²)): Q is a minimax fit of our own for
# |x| < 5.4, with which Φ is off by 1.2e-7 at most. Beyond, Q only grows, and Φ is 0 or 1 to 3e-8.
_Q = (
    1.5957698822, 0.0726661682, -6.51899172e-5, -1.10612469e-4, 7.92951505e-6, -2.6452968e-7,
    3.512451e-9,
)  # fmt: skip


def _logit_of_phi(x, out, u):
    """x·Q(x²); float32 of the CPU."""
    np.multiply(x, x, out=u)
    np.multiply(u, _Q[-1], out=out)
    for q in _Q[-2:0:-1]:
        out += q
        out *= u
    out += _Q[0]
    out *= x


def _phi(xp, x, out, u):
    """Φ(x): by the error function, or by the fit where that is faster."""
    if xp is np and x.dtype == "float32" and x.size > FEW:
        _logit_of_phi(x, out, u)
        _logistic(np, out, out)
    else:
        out[...] = backend.erfc(x * -math.sqrt(0.5))  # keeps its digits where Φ is near 0
        out *= 0.5


# ---- integers


def evaluate(name, x):
    """The function of that name, of NumPy or CuPy, which take float16 for integers of a byte."""
    if type(x) is np.ndarray and x.itemsize > 1:
        return getattr(np, name)(x)
    return getattr(array_module(x), name)(real(x))


def real(x):
    """x, or as float32 if it has integers, whose differences may wrap around, or booleans."""
    return x.astype("float32") if hasattr(x, "dtype") and x.dtype.kind in "biu" else x


# ---- functions; derivative: whether d is wanted


def sigmoid(x):
    """1 / (1 + exp(-x))."""
    if type(x) is np.ndarray and x.size <= FEW and x.dtype.char in "fd":
        return _special().expit(x)  # what visit would do, with less around it
    return visit(_sigmoid, x, False, 0)[0]


def _sigmoid(xp, x, y, d):
    _logistic(xp, x, y)


def erf(x):
    """The error function: scipy's, and for many float32 a fit that is off by 1.9e-7 at most."""
    if type(x) is not np.ndarray or x.dtype != "float32" or x.size <= FEW:
        return backend.erf(x)
    return visit(_erf, x, False, 2)[0]


def _erf(xp, x, y, d, t, u):
    # erf(x) = 2Φ(√2·x) - 1 = tanh(t/2), t the logit of Φ(√2·x)
    np.multiply(x, math.sqrt(2), out=y)
    _logit_of_phi(y, t, u)
    t *= 0.5
    np.tanh(t, out=y)


def silu(x, derivative):
    """x·σ(x)."""
    return visit(_silu, x, derivative, 1)


def _silu(xp, x, y, d, s):
    _logistic(xp, x, s)
    xp.multiply(x, s, out=y)
    if d is not None:  # σ + y·(1 - σ)
        xp.subtract(1, s, out=d)
        d *= y
        d += s


def gelu(x, derivative):
    """x·Φ(x)."""
    return visit(_gelu, x, derivative, 2)


def _gelu(xp, x, y, d, phi, u):
    _phi(xp, x, phi, u)
    xp.multiply(x, phi, out=y)
    if d is not None:  # Φ + x·exp(-x²/2)/√(2π)
        xp.multiply(x, x, out=d)
        d *= -0.5
        xp.exp(d, out=d)
        d *= 1 / math.sqrt(2 * math.pi)
        d *= x
        d += phi


_K = math.sqrt(2 / math.pi)  # of the tanh form: u = k·(x + c·x³)
_C = 0.044715


def gelu_tanh(x, derivative):
    """½x·(1 + tanh u) with u = √(2/π)·(x + 0.044715·x³)."""
    return visit(_gelu_tanh, x, derivative, 2)


def _gelu_tanh(xp, x, y, d, s, t):
    xp.multiply(x, x, out=t)
    xp.multiply(t, 2 * _K * _C, out=s)
    s += 2 * _K
    s *= x
    _logistic(xp, s, s)  # σ(2u) = ½(1 + tanh u)
    xp.multiply(x, s, out=y)
    if d is not None:  # σ + y·(1 - σ)·2u',  u' = k·(1 + 3c·x²)
        t *= 6 * _K * _C
        t += 2 * _K
        t *= y
        xp.subtract(1, s, out=d)
        d *= t
        d += s


def mish(x, derivative):
    """x·tanh(log(1 + exp(x)))."""
    return visit(_mish, x, derivative, 2)


def _mish(xp, x, y, d, e, t):
    # e = exp(x), n = e·(e + 2):  tanh(log(1 + e)) = n / (n + 2), which is 1 long before x = 40
    at_most(xp, x, 40, out=e)
    xp.exp(e, out=e)
    xp.add(e, 2, out=t)
    t *= e
    xp.add(t, 2, out=y)  # n + 2
    t /= y
    if d is not None:  # tanh + x·4e·(e + 1) / (n + 2)²
        xp.add(e, 1, out=d)
        d *= e
        d /= y
        d /= y
        d *= 4
        d *= x
        d += t
    xp.multiply(x, t, out=y)


def softplus(x, derivative, beta, threshold):
    """log(1 + exp(beta·x)) / beta, and x where beta·x > threshold."""
    return visit(_softplus, x, derivative, 2, beta, threshold)


def _softplus(xp, x, y, d, t, u, beta, threshold):
    xp.multiply(x, beta, out=t)
    _log1p_exp(xp, t, y)
    y += at_least(xp, t, 0, out=u)
    if beta != 1:
        y /= beta
    if d is not None:
        _logistic(xp, t, d)
    linear = t > threshold
    if xp is not np or linear.any():
        y[...] = where(linear, x, y)
        if d is not None:
            d[...] = where(linear, 1.0, d)


def logsigmoid(x, derivative):
    """log σ(x) = min(x, 0) - log(1 + exp(-|x|))."""
    return visit(_logsigmoid, x, derivative, 1)


def _logsigmoid(xp, x, y, d, t):
    _log1p_exp(xp, x, t)
    at_most(xp, x, 0, out=y)
    y -= t
    if d is not None:  # σ(-x)
        xp.negative(x, out=t)
        _logistic(xp, t, d)


def elu(x, derivative, alpha, scale, input_scale):
    """scale·x above 0, scale·alpha·(exp(input_scale·x) - 1) below."""
    return visit(_elu, x, derivative, 1, alpha, scale, input_scale)


def _elu(xp, x, y, d, t, alpha, scale, input_scale):
    at_most(xp, x, 0, out=t)
    t *= input_scale
    if d is not None:  # input_scale·alpha·scale·exp(input_scale·x) below
        xp.exp(t, out=d)
        if input_scale * alpha * scale != 1:
            d *= input_scale * alpha * scale
        if input_scale * alpha != 1:  # else it is scale above 0 already
            d[...] = where(x > 0, xp.asarray(scale, d.dtype), d)
    xp.expm1(t, out=t)
    t *= alpha * scale
    at_least(xp, x, 0, out=y)
    y *= scale
    y += t


def logaddexp(a, b):
    """log(exp(a) + exp(b)), without overflow."""
    xp, a, b = array_module(a, b), real(a), real(b)
    with quiet():
        distance = xp.abs(a - b)  # nan between equal infinities; fmin takes 0 instead
        return xp.maximum(a, b) + xp.log1p(xp.exp(xp.fmin(-distance, 0)))


def relu_gradient(g, y):
    """g where y > 0 or nan, else 0, for any g; y is max(x, 0)."""
    if active(g, y) and g.dtype == y.dtype:
        return device.activation_backward("relu", g, y)
    if type(g) is not np.ndarray:
        return where(y == 0, 0.0, g)
    if g.size <= FEW:
        d = g.copy("K")
        d[y == 0] = 0
        return d
    bits = f"i{g.itemsize}"  # by arithmetic on bits, as in `where`
    d = (y != 0).astype(bits)
    d *= g.view(bits)
    return d.view(g.dtype)


def leaky(x, slope):
    """x above 0, slope·x below; slope: a number."""
    if active(x):  # relu where 0·inf would be nan
        return device.activation("leaky_relu" if slope else "relu", x, slope)
    return visit(_leaky, x, False, 0, slope)[0]


def _leaky(xp, x, y, d, slope):
    if slope == 0:  # where 0·inf would be nan
        at_least(xp, x, 0, out=y)
        return
    xp.multiply(x, slope, out=y)
    (xp.maximum if slope <= 1 else xp.minimum)(x, y, out=y)


# ---- choosing


def where(condition, a, b):
    """a where condition holds, else b.

    NumPy's own decides element by element, and a processor guesses wrong half of the time. Large
    arrays are chosen from by arithmetic on their bits instead.
    """
    xp = array_module(condition, a, b)
    if a.__class__ is int or b.__class__ is int:
        a, b = _fitting(a, b), _fitting(b, a)
    if condition.__class__ is bool:
        condition = xp.asarray(condition)
    if xp is not np or type(condition) is not np.ndarray or condition.size <= 8 * FEW:
        return xp.where(condition, a, b)
    dtype = np.result_type(a, b)
    if dtype.kind not in "fiu" or dtype.itemsize > 8:
        return np.where(condition, a, b)
    bits = f"i{dtype.itemsize}"
    a, b = (np.asarray(v, dtype).view(bits) for v in (a, b))
    if a.ndim == 0 and not a:
        a, b, condition = b, a, ~condition
    chosen = condition.astype(bits)
    if b.ndim == 0 and not b:
        return _into(chosen, np.multiply, a).view(dtype)
    chosen = _into(chosen, np.multiply, a ^ b)
    return _into(chosen, np.bitwise_xor, b).view(dtype)  # b ^ (a ^ b)·condition


def _fitting(number, other):
    """A Python integer in the dtype of an array of integers. OverflowError if it does not fit."""
    if number.__class__ is int and hasattr(other, "dtype") and other.dtype.kind in "iu":
        return other.dtype.type(number)
    return number


def _into(x, function, other):
    """function(x, other), in the memory of x unless broadcasting makes more of it."""
    fits = np.broadcast_shapes(x.shape, other.shape) == x.shape
    return function(x, other, out=x if fits else None)


def leaky_gradient(g, x, slope):
    """g where x > 0, else slope·g; slope: a number."""
    if active(g, x) and g.dtype == x.dtype:
        return device.activation_backward("leaky_relu", g, x, slope)
    xp = array_module(g, x)
    factors = where(x > 0, xp.asarray(1, g.dtype), xp.asarray(slope, g.dtype))
    factors *= g
    return factors

"""A stand-in for CuPy, as strict as CuPy, for tests of the seam on machines without a GPU.

Idea: `ndarray` has a NumPy array inside and CuPy's manners outside. It is no numpy.ndarray, it does
not mix with one, it never turns into one by itself, and what it does is done on the current GPU.
The tables hold what minigen uses, with the names and parameters of CuPy 14; the rest is missing, as
is what CuPy lacks. test_fake_cupy.py compares them with CuPy's own where that is installed.

Stricter than CuPy: an array of another GPU than the current one is refused (where the hardware
allows it, CuPy computes, and leaves the result on the wrong GPU), what broadcasting repeats is
read-only, clip wants both limits, and ufuncs have no methods (a few of CuPy's have). As careless as
CuPy: an index out of range reads another element, and an integer to a negative power is 0.
Read next: fake_index.py, fake_memory.py, test_seam.py.
"""

import contextlib
import functools
import operator
import sys
import threading
from types import ModuleType, SimpleNamespace

import fake_index
import fake_memory
import numpy
from fake_kernels import SHARED, RawModule
from scipy import special

from minigen.backend import bounds
from minigen.ops import random

GPUS = 2  # in this machine

# ---- GPUs


class _Thread(threading.local):
    gpu = 0  # the current one
    looks = False  # whether linear algebra raises its errors


_thread = _Thread()


class Device:
    """A GPU; as a context, the current one."""

    def __init__(self, device=None):
        self.id = _thread.gpu if device is None else int(device)
        self._before = []

    def use(self):
        if not 0 <= self.id < GPUS:
            raise RuntimeError("cudaErrorInvalidDevice: invalid device ordinal")
        _thread.gpu = self.id

    def __enter__(self):
        self._before.append(_thread.gpu)
        self.use()
        return self

    def __exit__(self, *exception):
        _thread.gpu = self._before.pop()

    @property
    def mem_info(self):
        with self:
            return fake_memory.TOTAL - pool.used_bytes(), fake_memory.TOTAL

    def __eq__(self, other):
        return isinstance(other, Device) and self.id == other.id

    __hash__ = None


# ---- from our arrays to NumPy's and back


def _inside(value):
    """What NumPy may compute with: the array inside of ours, also in a tuple or a list."""
    if isinstance(value, ndarray):
        if value.device.id != _thread.gpu:
            raise ValueError(
                "Array device must be same as the current device: "
                f"array device = {value.device.id} while current = {_thread.gpu}"
            )
        return value._array
    if isinstance(value, numpy.ndarray):
        raise TypeError(f"Unsupported type {numpy.ndarray}")
    return type(value)(map(_inside, value)) if type(value) in (tuple, list) else value


def _outside(value, sources=()):
    """What NumPy made as ours, on the current GPU; a scalar as a 0-d array."""
    if isinstance(value, tuple):
        return tuple(_outside(v, sources) for v in value)
    if not isinstance(value, (numpy.ndarray, numpy.generic)):
        return value
    made = ndarray.__new__(ndarray)
    made._array, made._gpu, made.base = numpy.asarray(value), _thread.gpu, None
    for source in sources:
        if isinstance(source, ndarray) and made._array.base is _owner(source._array):
            made.base = _owner(source)
    return made if made.base is not None else pool.made(made)


def _owner(array):
    return array if array.base is None else array.base


def _run(function, *args, **kwargs):
    """NumPy's function on what is inside, in silence: CuPy never warns."""
    out = kwargs.get("out")
    if not isinstance(out, ndarray | None):
        raise TypeError(f"out must be a cupy.ndarray, not {type(out)}")
    kwargs = {name: _inside(value) for name, value in kwargs.items()}
    with numpy.errstate(all="ignore"):
        y = function(*map(_inside, args), **kwargs)
    return _outside(y, args) if out is None else out


def _like(name, parameters, function):
    """NumPy's function with CuPy's parameters; a star marks those that must be arrays of ours."""
    names = parameters.replace("*", "").split()

    def like(*args, **kwargs):
        if len(args) > len(names) or not set(names).issuperset(kwargs):
            raise TypeError(f"{name}() takes {', '.join(names)}; got {len(args)} and {[*kwargs]}")
        for parameter, a in zip(parameters.split(), args, strict=False):
            if parameter.endswith("*") and not isinstance(a, ndarray):
                raise TypeError(f"{name}: {parameter[:-1]} is {type(a)}, not cupy.ndarray")
        return _run(function, *args, **kwargs)

    return like


class _Ufunc:
    """An elementwise function: of arrays and numbers, nothing else."""

    def __init__(self, function):
        self.__name__, self._function = function.__name__, function

    def __call__(self, *args, out=None, dtype=None, casting="same_kind"):
        for a in args:
            if not isinstance(a, (ndarray, bool, int, float, complex, numpy.generic)):
                raise TypeError(f"Unsupported type {type(a)}")
        return _run(self._function, *args, out=out, dtype=dtype, casting=casting)


# ---- the array


class ndarray:
    """cupy.ndarray; most of its methods and all of its operators come from tables, below."""

    __array_priority__ = 100
    __hash__ = None

    data = property(lambda self: fake_memory.pointer(_owner(self._array), self._array))
    device = property(lambda self: Device(self._gpu))
    T = property(lambda self: self.transpose())

    @property
    def flags(self):
        names = ("c_contiguous", "f_contiguous", "owndata")
        return SimpleNamespace(**{name: getattr(self._array.flags, name) for name in names})

    def get(self, stream=None, order="C", out=None, blocking=True):
        return self._array.copy(order)

    def __array__(self, dtype=None, copy=None):
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. "
            "Please use `.get()` to construct a NumPy array explicitly."
        )

    def __array_ufunc__(self, function, method, *inputs, **kwargs):
        """What numpy.exp(x) and the like do with one of ours among the arguments."""
        if method != "__call__" or not hasattr(cupy, function.__name__):
            return NotImplemented
        if "out" in kwargs:
            (kwargs["out"],) = kwargs["out"]
        if function.__name__ in COMPARISONS.values():  # NumPy makes 0-d arrays of scalars there
            inputs = [x[()] if type(x) is numpy.ndarray else x for x in inputs]
        return getattr(cupy, function.__name__)(*inputs, **kwargs)

    def __array_function__(self, function, types, args, kwargs):
        """The same for other functions, such as numpy.concatenate."""
        path = [*function.__module__.split(".")[1:], function.__name__]
        try:
            ours = functools.reduce(getattr, path, cupy)
        except AttributeError:
            return NotImplemented
        return ours(*args, **kwargs)

    def __len__(self):
        return len(self._array)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __getitem__(self, key):
        return _outside(self._array[_key(self, key)], [self])

    def __setitem__(self, key, value):
        if isinstance(value, numpy.ndarray):
            raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
        self._array[_key(self, key)] = _inside(value)

    def reshape(self, *shape):
        return _run(numpy.ndarray.reshape, self, *shape)

    def transpose(self, *axes):
        return _run(numpy.ndarray.transpose, self, *axes)


def _key(array, key):
    """An index as NumPy wants it. A single element is a 0-d view: there is always an ellipsis."""
    _inside(array)
    parts = key if isinstance(key, tuple) else (key,)
    # lists and NumPy's arrays are fine as indices: CuPy copies them to the GPU
    parts = [p if isinstance(p, numpy.ndarray) else _inside(p) for p in parts]
    parts = [numpy.array(p, None if p else "int32") if type(p) is list else p for p in parts]
    parts += [Ellipsis] * all(p is not Ellipsis for p in parts)
    return tuple(fake_index.wrapped(parts, array.shape))


ATTRIBUTES = ("dtype", "itemsize", "nbytes", "ndim", "shape", "size", "strides")
for _name in ATTRIBUTES:
    setattr(ndarray, _name, property(operator.attrgetter(f"_array.{_name}")))
for _name in ("item", "tolist", "__bool__", "__float__", "__int__", "__repr__"):
    setattr(ndarray, _name, lambda self, name=_name: getattr(self._array, name)())

METHODS = {
    "all any max min": "axis out keepdims",
    "argmax argmin": "axis out dtype keepdims",
    "astype": "dtype order casting subok copy",
    "copy": "order",
    "diagonal": "offset axis1 axis2",
    "mean prod sum": "axis dtype out keepdims",
    "repeat": "repeats axis",
    "squeeze": "axis",
    "swapaxes": "axis1 axis2",
    "view": "dtype type",
}
for _names, _parameters in METHODS.items():
    for _name in _names.split():
        _method = getattr(numpy.ndarray, _name)
        setattr(ndarray, _name, _like(_name, f"self* {_parameters}", _method))
_take = functools.partial(numpy.ndarray.take, mode="wrap")
ndarray.take = _like("take", "self* indices axis out", _take)

# ---- the module

UFUNCS = """
    absolute add arccos arcsin arctan arctan2 bitwise_and bitwise_or bitwise_xor ceil cos cosh
    divide equal exp expm1 floor floor_divide fmin greater greater_equal invert isfinite isnan
    less less_equal log log1p log2 logical_and logical_not logical_or maximum minimum multiply
    negative nextafter not_equal power reciprocal remainder rint sign sin sinh sqrt subtract tan
    tanh true_divide
"""
FUNCTIONS = {
    "arange": "start stop step dtype",
    "argpartition": "a* kth axis",
    "argsort": "a* axis kind",
    "ascontiguousarray": "a* dtype",
    "bincount": "x* weights minlength",
    "broadcast_to": "array* shape",
    "concatenate stack": "tup axis out dtype casting",
    "copyto": "dst* src casting where",
    "cumprod cumsum": "a* axis dtype out",
    "empty ones zeros": "shape dtype order",
    "empty_like": "prototype* dtype order subok shape",
    "expand_dims flip": "a* axis",
    "eye": "N M k dtype order",
    "full": "shape fill_value dtype order",
    "full_like": "a* fill_value dtype order subok shape",
    "linspace": "start stop num endpoint retstep dtype axis",
    "matmul": "x1* x2* out",
    "mean sum": "a* axis dtype out keepdims",
    "moveaxis": "a* source destination",
    "nonzero": "a*",
    "ones_like zeros_like": "a* dtype order subok shape",
    "pad": "array* pad_width mode constant_values",
    "put_along_axis": "arr* indices* values axis",
    "roll": "a* shift axis",
    "searchsorted": "a* v* side sorter",
    "shape": "a*",
    "take_along_axis": "a* indices* axis",
    "tri": "N M k dtype",
    "tril triu": "m* k",
    "vdot": "a* b*",
    "where": "condition* x y",
}
LINALG = {
    "cholesky det inv slogdet": "a*",
    "eigh": "a* UPLO",
    "qr": "a* mode",
    "solve": "a* b*",
    "svd": "a* full_matrices compute_uv",
}
FFT = {"irfft rfft": "a* n axis norm"}
CONSTANTS = "bool_ dtype float16 float32 float64 generic inf int32 int64 min_scalar_type nan uint8"
ARITHMETIC = {
    "add": "add", "and": "bitwise_and", "floordiv": "floor_divide", "matmul": "matmul",
    "mod": "remainder", "mul": "multiply", "or": "bitwise_or", "pow": "power", "sub": "subtract",
    "truediv": "true_divide", "xor": "bitwise_xor",
}  # fmt: skip
COMPARISONS = {
    "eq": "equal", "ge": "greater_equal", "gt": "greater", "le": "less_equal", "lt": "less",
    "ne": "not_equal",
}  # fmt: skip
UNARY = {"abs": "absolute", "invert": "invert", "neg": "negative"}


def _asarray(a, dtype=None, order=None, *, copy=None, blocking=False):
    """The array itself if it is on the current GPU, else a copy there."""
    if isinstance(a, ndarray) and a._gpu == _thread.gpu and dtype in (None, a.dtype):
        return a
    return _outside(numpy.array(a._array if isinstance(a, ndarray) else a, dtype))


def _clip(a, a_min, a_max, out=None):
    if a_min is None or a_max is None:
        raise TypeError("Unsupported type <class 'NoneType'>")  # CuPy: of bfloat16 and booleans
    return numpy.clip(a, a_min, a_max, out)


def _power(a, b, **kwargs):
    """numpy.power, but of integers to a negative power 0, and 1 and -1 of these."""
    if numpy.result_type(a, b).kind in "iu" and numpy.any(numpy.less(b, 0)):
        return numpy.trunc(numpy.power(numpy.asarray(a, "float64"), b)).astype("int64")
    return numpy.power(a, b, **kwargs)


def _add_at(a, slices, value):
    key, atomic = _key(a, slices), ["int32", "uint32", "uint64", "float16", "float32", "float64"]
    if a.dtype not in atomic and any(isinstance(k, numpy.ndarray) for k in key):
        raise TypeError(f"add.at only supports {', '.join(atomic)}, as data type")
    numpy.add.at(a._array, key, _inside(value))


def _table(place, table, wrapped=lambda like: like):
    """The functions of a submodule."""
    return {
        name: wrapped(_like(name, parameters, getattr(place, name)))
        for names, parameters in table.items()
        for name in names.split()
    }


def _looked_at(like):
    """A function of cupy.linalg, which notices that it failed in errstate(linalg="raise") only."""

    def call(*args, **kwargs):
        batches = {a.shape[:-2] for a in args if isinstance(a, ndarray)}
        if len(batches) > 1:
            raise ValueError("a and b must have the same leading sizes")
        try:
            return like(*args, **kwargs)
        except numpy.linalg.LinAlgError as error:
            if _thread.looks:
                raise
            raise AssertionError("CuPy would return anything here, in silence") from error

    return call


@contextlib.contextmanager
def _errstate(linalg=None):
    before, _thread.looks = _thread.looks, linalg == "raise"
    try:
        yield
    finally:
        _thread.looks = before


class _Grid:
    def __getitem__(self, key):
        return list(_outside(numpy.ogrid[key]))


def _module(name, **contents):
    module = ModuleType(name)
    vars(module).update(contents)
    return module


def _cupy():
    """The module: what stands in the tables, and a few things that are not just functions."""
    names = {name: getattr(numpy, name) for name in CONSTANTS.split()}
    names |= {name: _Ufunc(getattr(numpy, name)) for name in UFUNCS.split()}
    names["add"].at = _add_at
    for same, parameters in FUNCTIONS.items():
        names |= {name: _like(name, parameters, getattr(numpy, name)) for name in same.split()}
    names |= {"abs": names["absolute"], "asarray": _asarray, "ndarray": ndarray, "ogrid": _Grid()}
    names["einsum"] = functools.partial(_run, numpy.einsum)
    names["clip"] = _like("clip", "a* a_min a_max out", _clip)
    names["power"] = _Ufunc(functools.update_wrapper(_power, numpy.power, ("__name__",), ()))
    names["get_default_memory_pool"] = lambda: pool
    strided = _like("as_strided", "x* shape strides", numpy.lib.stride_tricks.as_strided)
    names["lib"] = SimpleNamespace(stride_tricks=SimpleNamespace(as_strided=strided))
    names["RawModule"] = RawModule
    names["linalg"] = SimpleNamespace(**_table(numpy.linalg, LINALG, _looked_at))
    names["fft"] = SimpleNamespace(**_table(numpy.fft, FFT))
    described = {"name": b"stand-in"}
    runtime = SimpleNamespace(getDeviceCount=lambda: GPUS, getDeviceProperties=lambda _: described)
    runtime.cudaDevAttrMaxSharedMemoryPerBlockOptin = 97
    runtime.deviceGetAttribute = lambda which, gpu: SHARED
    memory = SimpleNamespace(OutOfMemoryError=fake_memory.OutOfMemoryError)
    names["cuda"] = SimpleNamespace(
        Device=Device, is_available=lambda: True, memory=memory, runtime=runtime,
        get_current_stream=lambda: SimpleNamespace(is_capturing=lambda: False),
    )  # fmt: skip
    return _module("cupy", **names)


def _operator(function, turned=False, in_place=False):
    """x + y, y + x or x += y; a y whose __array_ufunc__ is None does it itself."""

    def method(x, *y):
        if any(getattr(other, "__array_ufunc__", "") is None for other in y):
            return NotImplemented
        return function(*y, x) if turned else function(x, *y, **{"out": x} if in_place else {})

    return method


pool = fake_memory.Pool(ndarray, lambda: _thread.gpu)
cupy = _cupy()
for _name, _function in {**ARITHMETIC, **COMPARISONS, **UNARY}.items():
    _function = getattr(cupy, _function)
    setattr(ndarray, f"__{_name}__", _operator(_function))
    if _name in ARITHMETIC:
        setattr(ndarray, f"__r{_name}__", _operator(_function, turned=True))
    if _name in ARITHMETIC and _name != "matmul":
        setattr(ndarray, f"__i{_name}__", _operator(_function, in_place=True))


def install(monkeypatch):
    """Let `import cupy` find the stand-in, with GPU 0 the current one, until the test ends."""
    monkeypatch.setattr(_thread, "gpu", 0)
    ufuncs = {name: _Ufunc(getattr(special, name)) for name in ("erf", "erfc")}
    found = _module("cupyx.scipy.special", **ufuncs)
    scipy = _module("cupyx.scipy", special=found)
    cupyx = _module("cupyx", errstate=_errstate, scipy=scipy)
    for module in (cupy, cupyx, scipy, found):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    # the default generators of its GPUs, and indices still to be looked at, go with it
    monkeypatch.setattr(random, "_defaults", {})
    monkeypatch.setattr(bounds, "_watched", [])

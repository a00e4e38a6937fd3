"""The stand-in for CuPy: it refuses what CuPy refuses, and has nothing that CuPy lacks.

Read next: fake_cupy.py, test_seam.py (what it is for).
"""

import inspect
import itertools
import re

import fake_cupy
import fake_memory
import numpy as np
import pytest
from fake_cupy import Device, cupy

X = cupy.asarray([[1.0, 2.0], [3.0, 4.0]])
HOST = np.ones((2, 2))


@pytest.mark.parametrize(
    "call",
    [
        lambda: X + HOST,
        lambda: HOST + X,
        lambda: X == HOST,
        lambda: X @ HOST,
        lambda: X * [1, 2],
        lambda: X == None,  # noqa: E711
        lambda: np.multiply(HOST, X),
        lambda: cupy.exp(HOST),
        lambda: cupy.sum(HOST),
        lambda: cupy.add(X, 1, out=HOST),
        lambda: cupy.where(True, X, X),
        lambda: np.concatenate([X, HOST]),
        lambda: np.asarray(X),
        lambda: np.array([X]),
        lambda: np.linalg.norm(X),
        lambda: np.add.reduce(X),
        lambda: X.sum(initial=0),
        lambda: X.max(where=X > 0),
        lambda: X[0, 0].__index__(),
        lambda: cupy.errstate(),
        lambda: cupy.maximum.at(X, 0, 1),
        lambda: cupy.clip(X, None, 1),
        lambda: X.flags.writeable,
        lambda: X.__setitem__(..., HOST),
        lambda: hash(X),
    ],
    ids=lambda call: inspect.getsource(call).partition(": ")[2].split(",  #")[0].strip(" ,\n"),
)
def test_refused(call):
    with pytest.raises((TypeError, AttributeError, ValueError)):
        call()


def test_what_comes_out():
    assert not isinstance(X, np.ndarray)
    single = X.astype("float32")
    for y in (np.exp(X), np.float64(2) * single, 1 - X, X.T, X.sum(), X[0, 0], X[X > 1], -X):
        assert isinstance(y, cupy.ndarray)
    assert X.sum().shape == () and float(X.sum()) == 10 and X.get().tolist() == X.tolist()
    assert (single * 2.5).dtype == np.float32 and (single * np.float64(2.5)).dtype == np.float64
    assert (single + X.sum()).dtype == np.float64
    assert X[0].base is X and X.T[1:].base is X and (X + 1).base is None
    first = (X + 0)[0, 0]  # a view, where NumPy copies
    first += 7
    assert first.base[0, 0].item() == 8


def test_what_cupy_is_careless_about():
    rows = [X[key].tolist() for key in ([3], np.array([[-3]]), (..., [5, -4]), ([7], [2]))]
    assert rows == [[[3, 4]], [[[3, 4]]], [[2, 1], [4, 3]], [3]]
    assert X.take(cupy.asarray([5]), 0).tolist() == [[3, 4]] and X[X > 1, None].shape == (3, 1)
    with pytest.raises(IndexError):
        X[2]
    whole = X.astype("int64")
    assert (whole**-1).tolist() == [[1, 0], [0, 0]] and (whole**2).dtype == np.int64


def test_memory_is_counted_and_runs_out():
    pool = cupy.get_default_memory_pool()
    with Device(1):
        x = cupy.zeros(1000)
        views = x[1:], x.reshape(10, 100), cupy.broadcast_to(x, (5, 1000))
        assert pool.used_bytes() == 8000 and Device().mem_info[1] - Device().mem_info[0] == 8000
        pool.set_limit(12000)
        with pytest.raises(fake_memory.OutOfMemoryError, match=r"limit set to: 12,000 bytes\)"):
            x + 1
        del x, views
        assert pool.used_bytes() == 0 and cupy.zeros(1000).size
        pool.set_limit(0)


def test_what_is_done_is_done_on_the_current_gpu():
    with Device(1):
        there = cupy.zeros_like(cupy.zeros(2)) + 1
        assert there.device.id == cupy.asarray(X).device.id == Device().id == 1
        with pytest.raises(ValueError, match="array device = 0 while current = 1"):
            X.sum()
    with pytest.raises(ValueError, match="array device = 1 while current = 0"):
        there + 1
    assert there.get().tolist() == [1, 1] and X.device == Device() and cupy.asarray(X) is X


def test_linear_algebra_fails_aloud_where_asked():
    with pytest.raises(AssertionError, match="in silence"):
        cupy.linalg.inv(X * 0)
    with fake_cupy._errstate(linalg="raise"), pytest.raises(np.linalg.LinAlgError):
        cupy.linalg.inv(X * 0)
    with pytest.raises(ValueError, match="same leading sizes"):
        cupy.linalg.solve(cupy.stack([X, X]), X)


def known(function):
    """The names of a function's parameters: from its signature, where that says it all, else all
    words of its docstring."""
    try:
        text = str(inspect.signature(function))
    except (TypeError, ValueError):
        text = function.__doc__.splitlines()[0]
    return set(re.findall(r"\w+", function.__doc__ if "*args" in text or "**" in text else text))


@pytest.fixture
def real():
    return pytest.importorskip("cupy", reason="CuPy is not installed (importing it needs no GPU)")


def test_cupy_has_the_same_names_and_parameters(real):
    for table, place in (
        (fake_cupy.METHODS, real.ndarray),
        (fake_cupy.FUNCTIONS, real),
        (fake_cupy.LINALG, real.linalg),
        (fake_cupy.FFT, real.fft),
    ):
        for names, parameters in table.items():
            for name in names.split():
                assert set(parameters.replace("*", "").split()) <= known(getattr(place, name)), name
    for name in (*vars(cupy), *fake_cupy.ATTRIBUTES):
        if not name.startswith("__"):
            assert hasattr(real.ndarray if name in fake_cupy.ATTRIBUTES else real, name), name


def test_cupy_speaks_of_memory_in_the_same_words(real):
    of = real.cuda.memory
    for numbers in ((5, 6000), (5000, 6, 7)):
        assert str(of.OutOfMemoryError(*numbers)) == str(fake_memory.OutOfMemoryError(*numbers))
    for theirs, ours in (
        (of.MemoryPool, fake_memory.Pool),
        (real.cuda.Device, Device),
        (of.MemoryPointer, X.data),
        (of.PooledMemory, X.data.mem),
    ):
        public = {name for name in vars(ours) if not name.startswith("_")}
        assert public - {"made"} <= {*dir(theirs)}
    assert issubclass(of.OutOfMemoryError, MemoryError)
    assert real.ndarray.__flags__ & 1 << 14  # the garbage collector knows every array


DTYPES = ["bool", "int8", "uint8", "int16", "int32", "int64", "float16", "float32", "float64"]


def promotions(count):
    """(dtypes of arguments, which of them are Python numbers)"""
    yield from ((dtypes, (False,) * count) for dtypes in itertools.product(DTYPES, repeat=count))
    for dtype in DTYPES[1:] if count == 2 else ():
        yield (dtype, "int64"), (False, int)
        if dtype.startswith("float"):
            yield (dtype, "float64"), (False, float)


@pytest.mark.parametrize("name", fake_cupy.UFUNCS.split())
def test_cupy_promotes_as_numpy_does(real, name):
    """Which loop CuPy chooses, it says without a GPU; what NumPy refuses is left out."""
    chooses, function = getattr(real, name)._ops, getattr(np, name)
    for dtypes, weak in promotions(function.nin):
        values = [w(1) if w else np.ones(1, d) for d, w in zip(dtypes, weak, strict=True)]
        try:
            expected = function(*values).dtype
        except TypeError:
            continue
        chosen = chooses._guess_routine_from_in_types(tuple(map(np.dtype, dtypes)), weak)
        assert chosen is not None and chosen.out_types[0] == expected, (dtypes, weak)

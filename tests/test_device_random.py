"""Numbers that a GPU draws: what the bits are, how good the floats are, what a Generator promises.

Idea: test_kernels.py shows that the kernels are bitwise equal to kernels/random.py, so what is
said here of that file, in NumPy and of millions of numbers, holds for them. The Generator of a GPU
is tried on the stand-in for CuPy, with the emulator as its GPU.
Read next: ../kernels/mg_philox.cuh, ../minigen/backend/device/random.py, test_random.py.
"""

import json

import fake_cupy
import numpy as np
import pytest
from minigen.kernels import random
from needs import needs
from scipy import stats

import minigen as mg
from minigen import ops
from minigen.backend import cupy, emulator
from minigen.backend.device import random as device

emulated = needs(emulator)
DRAW = np.uint64([7, 0])


def call(number, seed=7):
    return np.uint64([seed, number])


# ---- bits


@pytest.mark.parametrize(
    ("word", "key", "expected"),
    [
        ((0, 0, 0, 0), (0, 0), "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ((2**32 - 1,) * 4, (2**32 - 1,) * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_philox_gives_the_words_that_its_authors_published(word, key, expected):
    """Of the file kat_vectors of their library Random123."""
    words = random.philox(np.array([word], "uint32"), key)[0]
    assert " ".join(f"{w:08x}" for w in words) == expected


def test_bits_are_even_and_draws_do_not_resemble_each_other():
    draws = [random.bits(call(n, seed), 1 << 16) for seed in (7, 8) for n in (0, 1, 2**32)]
    ones = np.unpackbits(np.stack(draws).view("uint8"))
    assert abs(ones.mean() - 0.5) < 4 * 0.5 / ones.size**0.5
    for words in draws:
        counts = np.bincount(words >> 24, minlength=256)
        assert stats.chisquare(counts).pvalue > 1e-3
    floats = np.corrcoef(np.stack(draws).astype("float64"))
    assert np.abs(floats[~np.eye(len(draws), dtype=bool)]).max() < 5 / 2**8


# ---- floats, against float64


def test_logarithm_of_all_that_it_can_be_asked():
    """A stretch of each power of two; 1 itself has logarithm 0."""
    for exponent in range(34):
        u = np.float32(2.0**-exponent) * (1 - np.arange(1, 1 << 14, dtype="float32") * 2.0**-24)
        u = np.concatenate([u, u * np.float32(0.7), u * np.float32(0.51)]).astype("float32")
        exact = np.log(u.astype("float64"))
        assert np.abs(random.log_of_unit(u) / exact - 1).max() < 2.1e-7
    assert random.log_of_unit(np.ones(1, "float32")) == 0


def test_sine_and_cosine_of_all_parts_of_a_turn():
    edges = (np.arange(8)[:, None] * 2**29 + np.arange(-3, 4)).reshape(-1)
    turn = (np.concatenate([edges, np.arange(0, 2**32, 4099)]) % 2**32).astype("uint32")
    angle = 2 * np.pi * turn.astype("float64") / 2**32
    cosine, sine = random.cosine_and_sine(turn)
    assert np.abs(cosine - np.cos(angle)).max() < 1.2e-7
    assert np.abs(sine - np.sin(angle)).max() < 1.2e-7
    exact = random.cosine_and_sine(np.uint32([0, 2**30, 2**31, 3 * 2**30]))
    np.testing.assert_array_equal(exact, [[1, 0, -1, 0], [0, 1, 0, -1]])


def test_a_normal_number_is_box_mullers_and_finite_for_every_word():
    rng = np.random.default_rng(0)
    words = rng.integers(0, 2**32, 1 << 18, dtype="uint64").astype("uint32")
    extremes = np.array([0, 1, 2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1], "uint32")
    words = np.concatenate([np.stack(np.meshgrid(extremes, extremes), -1).reshape(-1), words])
    z = random.unit_normal(words)
    assert z.dtype == np.float32 and np.isfinite(z).all() and np.abs(z).max() == z[0] < 6.77
    a, b = words.reshape(-1, 2).T
    u = (a.astype("float32") * np.float32(2**-32) + np.float32(2**-33)).astype("float64")
    point = np.sqrt(-2 * np.log(u)) * np.exp(2j * np.pi * b / 2**32)
    assert np.abs(z - point.view("float64")).max() < 8e-7


# ---- distributions


def test_normal_numbers_are_normal_to_their_tails():
    z = random.normal(DRAW, 1 << 21, 0, 1).astype("float64")
    n = len(z)
    assert stats.kstest(z, "norm").pvalue > 1e-3
    for power, moment in ((1, 0), (2, 1), (3, 0), (4, 3), (6, 15)):
        spread = np.sqrt(stats.norm.moment(2 * power) - moment**2)
        assert abs((z**power).mean() - moment) < 4 * spread / n**0.5
    for far in (3, 4, 4.5):
        for tail in (z > far, z < -far):
            p = stats.norm.sf(far)
            assert abs(tail.sum() - n * p) < 4 * np.sqrt(n * p)
    pairs = z.reshape(-1, 2)
    assert abs(np.corrcoef(pairs.T)[0, 1]) < 4 / len(pairs) ** 0.5
    squares = np.corrcoef((pairs**2).T)[0, 1]  # one radius serves both
    assert abs(squares) < 4 / len(pairs) ** 0.5


@pytest.mark.parametrize("T", ["float32", "float64"])
def test_uniform_numbers_are_uniform(T):
    u = random.unit_uniform(DRAW, 1 << 18, T)
    assert u.dtype == T and u.min() >= 0 and u.max() < 1
    assert stats.kstest(u, "uniform").pvalue > 1e-3
    digits = {"float32": 24, "float64": 53}[T]
    assert (u * 2.0**digits % 1 == 0).all() and (u * 2.0 ** (digits - 1) % 1 != 0).mean() > 0.49


def test_whole_numbers_are_equally_likely():
    x = random.randint(DRAW, 60_000, -2, 6)
    assert stats.chisquare(np.bincount(x + 2, minlength=6)).pvalue > 1e-3 and x.max() == 3


# ---- the kernels where their entries have no sample


@emulated
def test_uniform_never_reaches_high_in_any_type():
    for dtype, low in (("float32", -2.0), ("float16", 0.0), ("bfloat16", 3.0), ("float64", 1e9)):
        if dtype == "bfloat16":
            pytest.importorskip("ml_dtypes")
        with mg.emulated_kernels():
            x = device.uniform(DRAW, (1 << 14,), dtype, low, low + 1)
        assert x.dtype == dtype
        x = x.astype("float64")
        assert low <= x.min() and low + 0.98 < x.max() < low + 1
    with mg.emulated_kernels():
        assert device.uniform(DRAW, (3,), "float32", 2.0, 2.0).tolist() == [2, 2, 2]


@emulated
def test_whole_numbers_of_all_sizes():
    with mg.emulated_kernels():
        x = device.randint(DRAW, (500,), -(2**63), 2**63 - 1)
        assert x.min() < -(2**62) and x.max() > 2**62
        assert device.randint(DRAW, (2, 3), 9, 10).tolist() == [[9] * 3] * 2


@emulated
@pytest.mark.parametrize("start", [0, 1, 2, 3])
def test_dropout_of_a_part_of_an_array(start):
    """Its memory may start anywhere; nan and inf times 0 are nan, as without a kernel."""
    x = np.arange(1, 1200, dtype="float32")[start:]
    x[:2] = np.nan, np.inf
    with mg.emulated_kernels(check=True):
        y = device.dropout(x, DRAW, 0.25)
    np.testing.assert_array_equal(y, random.dropout(x, DRAW, 0.25, 1 / 0.75))
    assert np.isnan(y[0])


@emulated
def test_the_same_launches_again_draw_other_numbers():
    """What a captured graph does: nothing but the device's memory says which draw it is."""
    stream = device.Philox(2**64 + 5, "cpu")
    with mg.emulated_kernels():
        assert [stream.take().tolist() for _ in range(3)] == [[5, 0], [5, 1], [5, 2]]
    assert stream.calls() == 3
    stream.restart(6, 9)
    with mg.emulated_kernels():
        assert stream.take().tolist() == [6, 9]


# ---- the Generator of a GPU


@pytest.fixture
def gpus(monkeypatch):
    """Two of them: the stand-in's arrays, the emulator's launches."""

    if emulator.unavailable():
        pytest.skip(emulator.unavailable())
    fake_cupy.install(monkeypatch)
    cupy.module.cache_clear()
    yield
    cupy.module.cache_clear()


def values(x):
    return x.detach().to("cpu").numpy()


def draws(rng):
    return [
        *values(rng.normal((3, 3), 1.0, 2.0)).reshape(-1).tolist(),
        *values(rng.uniform(5, dtype="float64")).tolist(),
        *values(rng.randint(0, 1000, 4)).tolist(),
        *values(rng.permutation(6)).tolist(),
        *values(rng.keep_mask((2, 3), 0.5)).reshape(-1).tolist(),
        rng.fresh_seed(),
    ]


def test_a_gpus_generator_draws_by_the_kernels(gpus):
    rng = mg.Generator(7, "gpu:1")
    x = rng.normal((2, 50), 1.0, 2.0)
    assert x.device == "gpu:1" and x.shape == (2, 50)
    np.testing.assert_array_equal(values(x).reshape(-1), random.normal(DRAW, 100, 1.0, 2.0))
    np.testing.assert_array_equal(values(rng.uniform(99)), random.unit_uniform(call(1), 99))
    wide = values(rng.normal(9, dtype="float64"))
    np.testing.assert_array_equal(wide, random.normal(call(2), 9, 0, 1, "float64"))
    assert wide.dtype == "float64" and (wide == wide.astype("float32")).all()
    np.testing.assert_array_equal(values(rng.randint(-3, 9, 5)), random.randint(call(3), 5, -3, 12))
    kept = values(rng.keep_mask((40,), 0.25))
    np.testing.assert_array_equal(kept, random.unit_uniform(call(4), 40) >= 0.25)
    assert rng.normal(()).shape == () and rng.uniform((0, 2)).shape == (0, 2)
    with pytest.raises(TypeError, match="normal: dtype must be floating, not int64"):
        rng.normal(2, dtype="int64")


def test_a_gpus_generator_goes_on_where_it_was_saved(gpus):
    rng = mg.Generator(9, "gpu")
    first = draws(rng)
    saved = json.loads(json.dumps(rng.state_dict()))
    expected = draws(rng)
    other = mg.Generator(0, "gpu:1")
    draws(other)
    other.load_state_dict(saved)
    assert draws(other) == expected != first and other.seed == 9
    assert draws(rng.manual_seed(9)) == first and draws(mg.Generator(9, "gpu:1")) == first
    assert draws(rng.spawn("a")) == draws(mg.Generator(9, "gpu").spawn("a")) != first
    rng.load_state_dict(mg.Generator(9).state_dict())  # the CPU's: nothing was drawn
    assert draws(rng) == first


def test_dropout_makes_its_mask_again_for_every_gradient(gpus):
    x = mg.ones(37, 30, device="gpu", requires_grad=True)
    y = ops.dropout(x, 0.25, rng=mg.Generator(7, "gpu"))
    expected = (random.unit_uniform(DRAW, 37 * 30) >= 0.25) / np.float32(0.75)
    np.testing.assert_array_equal(values(y).reshape(-1), expected.astype("float32"))
    ones = mg.ones(37, 30, device="gpu")
    assert (values(mg.grad(y, x, ones, retain_graph=True)[0]) == values(y)).all()
    (g,) = mg.grad(y, x, ones.requires_grad_(), create_graph=True)
    assert (values(mg.grad(g, ones, mg.ones(37, 30, device="gpu"))[0]) == values(y)).all()
    channels = values(ops.dropout2d(mg.ones(9, 8, 3, device="gpu"), rng=mg.Generator(7, "gpu")))
    assert (channels == channels[..., :1]).all() and 0 < (channels == 0).mean() < 1


def test_a_generator_of_the_cpu_decides_masks_and_numbers_everywhere(gpus):
    x = np.ones((5, 40), "float32")
    ours, theirs = (
        values(ops.dropout(mg.tensor(x, device=where), rng=mg.Generator(7)))
        for where in ("cpu", "gpu:1")
    )
    np.testing.assert_array_equal(ours, theirs)


@emulated
def test_emulated_kernels_change_no_number_of_the_cpus_generator():
    x, expected = mg.ones(40), [*draws(mg.Generator(3))]
    mask = ops.dropout(x, rng=mg.Generator(3)).tolist()
    with mg.emulated_kernels():
        assert draws(mg.Generator(3)) == expected
        assert ops.dropout(x, rng=mg.Generator(3)).tolist() == mask

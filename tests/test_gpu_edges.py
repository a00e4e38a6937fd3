"""Where CuPy is not NumPy: indices out of range, memory that runs out, dtypes, odd transfers.

These tests run on a GPU (`-m gpu`) and, through test_seam.py, on the stand-in for CuPy.
"""

import contextlib
import gc
import re

import numpy as np
import pytest

import minigen as mg
from minigen import nn, ops
from minigen.backend import array_module, bounds

pytestmark = pytest.mark.gpu
GPU = "gpu"


# ---- indices out of range

INDEXED = [
    (lambda x, i: x[i], "index: index 7 is out of bounds for dim 0 with size 3"),
    (lambda x, i: x[None, :, ..., i], "index: index 7 is out of bounds for dim 1 with size 4"),
    (lambda x, i: x[x[:, 0] > 0][i], "index: index 7 is out of bounds for dim 0 with size 3"),
    (lambda x, i: x[i * 0, -i], "index: index -7 is out of bounds for dim 1 with size 4"),
    (lambda x, i: ops.put(x, i, 0.0), "put: index 7 is out of bounds for dim 0 with size 3"),
    (lambda x, i: ops.put(x, i, 1.0, True), "7 is out of bounds for dim 0 with size 3"),
    (lambda x, i: x.gather(0, i[:, None]), "gather: the index must lie in [-3, 3): dim 0 of (3, 4"),
    (lambda x, i: ops.index_select(x, 1, i), "index_select: the index must lie in [-4, 4): dim 1"),
    (lambda x, i: ops.take_along_dim(x, i[None], 1), "take_along_dim: the index must lie in [-4,"),
    (lambda x, i: x.scatter_add(1, i[None], x[:1, :2]), "scatter_add: the index must lie in [-4"),
    (lambda x, i: ops.cross_entropy(x[:2], i), "cross_entropy: the targets hold 7, but there are "),
    (lambda x, i: ops.embedding(i, x), "embedding: x (2,) holds id 7; weight (3, 4) has rows 0 to"),
    (lambda x, i: ops.embedding(-i, x), "embedding: x (2,) holds id -7; weight (3, 4) has rows"),
]


def asked(device):
    """A matrix of ones, and an index whose second number is too large for both of its sizes."""
    return mg.ones(3, 4, device=device), mg.tensor([0, 7], device=device)


@pytest.mark.parametrize(("call", "words"), INDEXED, ids=[words[:30] for _, words in INDEXED])
def test_an_index_out_of_range_is_an_error_when_values_come_to_the_cpu(call, words):
    with pytest.raises(IndexError, match=re.escape(words)):
        call(*asked("cpu"))
    y = call(*asked(GPU))  # nobody waited for the GPU
    reads = (lambda: y.sum().item(), y.tolist, lambda: y.to("cpu"), lambda: repr(y))
    for read in reads:
        with pytest.raises(IndexError, match=re.escape(words) + r".* \(seen late: the index is on"):
            read()
        call(*asked(GPU))
    with pytest.raises(IndexError):
        y.tolist()
    assert np.isfinite(y.tolist()).all()  # told once; what was read are elements of x


@pytest.mark.parametrize(("call", "words"), INDEXED, ids=[words[:30] for _, words in INDEXED])
def test_in_anomaly_mode_the_call_itself_fails(call, words):
    x, i = asked(GPU)
    with pytest.raises(IndexError, match=re.escape(words)), mg.anomaly():
        call(x, i)
    assert x.tolist()[0] == [1] * 4


def test_an_index_on_the_cpu_is_looked_at_at_once():
    x = mg.ones(3, 4, device=GPU)
    for key in (mg.tensor([0, 7]), [7], np.array(7), (slice(None), [[-5]]), 7):
        with pytest.raises(IndexError, match="out of bounds for"):
            x[key]
    assert x[[2, -3]].tolist() == [[1] * 4] * 2


def test_indices_in_range_are_never_mistaken():
    x, i = mg.arange(12.0, device=GPU).reshape(3, 4), mg.tensor([2, -3], device=GPU)
    assert x[i].tolist() == [[8, 9, 10, 11], [0, 1, 2, 3]] and x[i, -i].tolist() == [10, 3]
    assert x[..., i.long() + 1].tolist() == [[3, 2], [7, 6], [11, 10]]
    assert x[i[:0]].shape == (0, 4) and x[x[:, 0] > 0, i].tolist() == [6, 9]


def test_a_program_that_never_reads_is_stopped_too():
    x, i = asked(GPU)
    for _ in range(bounds.MOST):
        x[i]
    with pytest.raises(IndexError, match="seen late"):
        x[i]
    x.tolist()


# ---- memory


def pool():
    """CuPy's, whose counts are those of the first GPU here."""
    return array_module(mg.ones(1, device=GPU).data).get_default_memory_pool()


@contextlib.contextmanager
def room_for(size):
    """No more than so many bytes can be had."""
    of = pool()
    of.free_all_blocks()
    of.set_limit(of.total_bytes() + size)
    try:
        yield
    finally:
        of.set_limit(0)


def test_memory_returns_without_the_garbage_collector():
    def steps():
        net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.GELU(), nn.Flatten(), nn.Linear(144, 3)).to(GPU)
        optimizer = mg.optim.Adam(net.parameters())
        x, target = mg.ones(4, 1, 8, 8, device=GPU), mg.tensor([0, 1, 2, 0], device=GPU)
        for _ in range(2):
            optimizer.zero_grad()
            loss = ops.cross_entropy(net(x), target)
            loss.backward()
            optimizer.step()
        mg.grad((net(x) ** 2).sum(), net[0].weight, create_graph=True)
        return loss.item()

    steps()
    gc.collect()
    before = pool().used_bytes()
    gc.disable()
    try:
        steps()
        assert pool().used_bytes() == before
    finally:
        gc.enable()


MEBI = 1 << 20


def test_out_of_memory_says_what_takes_it():
    x = mg.ones(1024, 1024, device=GPU)
    views = [x.T, x[1:], x.detach(), ops.broadcast_to(x, (99, 1024, 1024))]
    small = mg.ones(300, 1024, dtype="int64", device=GPU)
    text = (
        r"^exp: out of memory on gpu, which has .+ GiB and .+ free; arrays take .+ MiB, CuPy "
        r"keeps .+ in pieces too small for 396\.0 MiB more and may have .+ MiB in all(.|\n)*"
        r"A smaller batch needs less(.|\n)*arrays alive:"
        r"\n +4\.0 MiB  \(1024, 1024\) float32 on gpu\n +2\.3 MiB  \(300, 1024\) int64 on gpu"
    )
    with room_for(8 * MEBI), pytest.raises(MemoryError, match=text) as caught:
        views[3].exp()
    assert type(caught.value.__cause__).__name__ == "OutOfMemoryError"
    assert str(caught.value).count("MiB  (") <= 5 and small.device == GPU
    assert x.exp().shape == x.shape  # there is room again


def test_out_of_memory_wherever_it_comes_up():
    x = mg.ones(2048, 2048, device=GPU, requires_grad=True)  # 16 MiB: no hole of the pool takes it
    y = (x * x * x * x).sum()
    optimizer = mg.optim.Adam([x])
    (x.sum() * 1).backward()
    for name, call in (
        ("to", lambda: mg.ones(2048, 2048).to(GPU)),
        ("a new tensor", lambda: ops.normal((1536, 1536), device=GPU)),
        ("to", lambda: nn.Linear(2048, 2048).to(GPU)),
        ("a new tensor", lambda: mg.zeros(2048, 2048, device=GPU)),
        (r"(mul|backward)", lambda: y.backward()),
        (r"Adam\.step", optimizer.step),
    ):
        with room_for(8 * MEBI), pytest.raises(MemoryError, match=f"^{name}: out of memory on"):
            call()


# ---- dtypes


def same(call, *arrays):
    """The call gives the same on both devices: dtype and values."""
    there, here = (call(*[mg.tensor(a, device=device) for a in arrays]) for device in (GPU, "cpu"))
    assert there.device == GPU and there.dtype == here.dtype
    np.testing.assert_array_equal(there.to("cpu").numpy(), here.numpy())


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int16", "int32", "float16", "float64"])
def test_every_dtype_is_added_to_at_repeated_indices(dtype):
    """CuPy refuses most of them."""
    x, i = np.array([1, 0, 100], dtype), np.array([2, 0, 2, 2])
    v = np.array([100, 1, 100, 1]).astype(dtype)  # 8 bits overflow
    same(lambda x, i, v: ops.put(x, i, v, accumulate=True), x, i, v)
    if dtype == "float16":  # many small numbers, whose sum is summed in more bits
        same(lambda x, i: ops.put(x, i, 1.0, accumulate=True), x * 0, np.zeros(4000, "int64"))


def test_integers_to_a_negative_number():
    for device in ("cpu", GPU):
        x = mg.tensor([2, 1], device=device)
        with pytest.raises(ValueError, match=r"^pow: Integers to negative integer pow"):
            x**-1
        assert (x.float() ** -1).tolist() == [0.5, 1]


@pytest.mark.parametrize("limits", [(None, 2), (1, None), (1, 2), (2, 1)])
@pytest.mark.parametrize("dtype", ["float32", "float16", "int64", "uint8"])
def test_one_limit_or_two(dtype, limits):
    same(lambda x: x.clamp(*limits), np.arange(5).astype(dtype))


# ---- transfers


@pytest.mark.parametrize(
    "part",
    [
        lambda x: x.T,
        lambda x: x[::2, ::-1],
        lambda x: x[:, 1:1],
        lambda x: x[1, 2, ...],
        lambda x: np.broadcast_to(x[0], (5, 4)),
        lambda x: x.astype("uint8")[:, 1],
    ],
)
def test_arrays_of_any_layout_move_both_ways(part):
    x = part(np.arange(12.0).reshape(3, 4))
    there = mg.from_numpy(x).to(GPU)
    assert there.shape == x.shape and there.dtype == x.dtype and there.device == GPU
    np.testing.assert_array_equal(there.to("cpu").numpy(), x)

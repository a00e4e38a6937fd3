"""Attention's kernels beyond their samples: hard numbers, memory, types, the order of threads.

Idea: test_attention.py says what attention means, and runs through the kernels with
MINIGEN_EMULATE=1; here is what only kernels can get wrong.
Read next: test_attention.py, ../kernels/attention.cu.
"""

import numpy as np
import pytest
from cases_attention import attention
from needs import needs

import minigen as mg
from minigen import ops
from minigen.backend import attention as backend
from minigen.backend import emulator
from minigen.backend.device import attention as device
from minigen.backend.kernels import emulated_kernels
from minigen.tensor import Tensor

pytestmark = needs(emulator)


def random(*shapes, dtype="float32"):
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


def run(arrays, v, **options):
    """The output and all gradients, as arrays."""
    xs = [Tensor(x) for x in arrays]
    xs = [x.requires_grad_() if x.dtype.kind in "fV" else x for x in xs]
    y = ops.scaled_dot_product_attention(*xs, **options)
    grads = mg.grad(y, [x for x in xs if x.requires_grad], Tensor(v))
    return [x.detach().numpy() for x in (y, *grads)]


def test_the_same_bits_in_every_order_of_threads():
    arrays = random((1, 2, 70, 6), (1, 2, 35, 6), (1, 2, 35, 5), (1, 1, 70, 1))
    (v,) = random((1, 2, 70, 5))
    bits = set()
    for order in ("ascending", "descending", "shuffled"):
        with emulated_kernels(order=order):
            bits.add(b"".join(x.tobytes() for x in run(arrays, v)))
    assert len(bits) == 1


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_rows_that_do_not_start_at_16_bytes(dtype):
    """Are read number by number, and give the same bits."""
    shapes = [(1, 2, 9, 8), (1, 2, 7, 8), (1, 2, 7, 16)]
    arrays, (v,) = random(*shapes, dtype=dtype), random((1, 2, 9, 16), dtype=dtype)

    def shifted(x):
        moved = np.empty(x.size + 1, dtype)[1:].reshape(x.swapaxes(1, 2).shape).swapaxes(1, 2)
        moved[...] = x
        assert moved.ctypes.data % 16
        return moved

    with emulated_kernels(check=True):
        plain, moved = run(arrays, v), run([shifted(x) for x in arrays], shifted(v))
    for a, b in zip(plain, moved, strict=True):
        np.testing.assert_array_equal(a, b)


def test_two_scores_of_any_size_share_the_weight():
    """The logarithm of their sum would not fit beside the score in float32."""
    q, k = np.full((1, 1), 1e4, "float32"), np.full((2, 1), 1e4, "float32")
    v, g = np.array([[1], [3]], "float32"), np.ones((1, 1), "float32")
    with emulated_kernels():
        y, _, _, gv = run([q, k, v], g, scale=1.0)
    assert y.tolist() == [[2]] and gv.tolist() == [[0.5], [0.5]]


def test_a_key_that_nobody_may_look_at_may_be_infinite():
    """Not even the rows that fill up a tile of queries may look: 0·inf is nan."""
    q, k, v, g = random((3, 4), (5, 4), (5, 2), (3, 2))
    k[1] = np.inf
    with emulated_kernels():
        y, _, gk, gv = run([q, k, v, np.arange(5) != 1], g)
    assert all(np.isfinite(x).all() for x in (y, gk, gv))
    assert (gk[1] == 0).all() and (gv[1] == 0).all()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_16_bits_stay_16_bits(dtype):
    """In memory; and nothing is lost but in the last step, the rounding of the results."""
    bits = pytest.importorskip("ml_dtypes").bfloat16 if dtype == "bfloat16" else dtype
    shapes = (2, 2, 5, 8), (2, 2, 6, 8), (2, 2, 6, 4), (5, 6)
    arrays, (v,) = random(*shapes, dtype=bits), random((2, 2, 5, 4), dtype=bits)
    with emulated_kernels():
        ours = run(arrays, v)
        call = backend.call(*arrays[:3], None, False, 0.3, 0, None)
        assert type(call) is device.Attention and call.forward().dtype == bits
    wide = run([x.astype("float64") for x in arrays], v.astype("float64"))
    for a, b in zip(ours, wide, strict=True):
        assert a.dtype == bits
        np.testing.assert_allclose(a.astype("float64"), b, rtol=2e-2, atol=2e-2)


def test_heads_of_a_projection_are_read_and_written_as_they_lie():
    (x,) = random((2, 5, 3, 4))  # (samples, rows, heads, columns)
    heads = x.swapaxes(1, 2)
    with emulated_kernels():
        call = backend.call(heads, heads, heads, None, True, 1.0, 0, None)
        y = call.forward()
    assert all(np.shares_memory(part, x) for part in call.qkv)
    assert y.swapaxes(1, 2).flags.c_contiguous


def test_dropout_is_drawn_by_the_cpu():
    arrays, (v,) = random((2, 5, 3), (2, 6, 3), (2, 6, 4)), random((2, 5, 4))
    found = []
    for emulated in (False, True):
        mg.manual_seed(1)
        if emulated:
            with emulated_kernels():
                found.append(run(arrays, v, dropout_p=0.5))
        else:
            found.append(run(arrays, v, dropout_p=0.5))
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)


def test_very_wide_heads():
    q, k, v = random((3, 300), (9, 300), (9, 150), dtype="float64")
    with emulated_kernels():
        y = ops.scaled_dot_product_attention(*map(Tensor, (q, k, v))).numpy()
    np.testing.assert_allclose(y, attention(q, k, v), rtol=1e-12)

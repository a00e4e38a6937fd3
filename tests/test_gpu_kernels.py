"""Every kernel of the manifest on a GPU: right, the same bits twice, and nothing left behind.

Idea: the samples of test_kernels.py, launched by CuPy. What only a GPU can show: that CuPy compiles
each instantiation and hands over its arguments, that the hardware takes the grids, the blocks and
the shared memory, and that threads which really run at once write the same every time.
Read next: test_kernels.py (the same on the emulator), test_gpu.py.
"""

import numpy as np
import pytest
from test_gpu_edges import pool
from test_kernels import moved_one_later, runs, unaligned

from minigen.backend import kernel_check, to_device, to_numpy
from minigen.backend.kernels import launch, manifest

pytestmark = pytest.mark.gpu
GPU = "gpu"


def written(kernel, T, sample):
    """The bytes of all arrays of a launch: those that it made, and those that it was given."""
    arrays, scalars = kernel_check.drawn(kernel, T, sample)
    there = {name: kernel_check.moved(x, GPU) for name, x in arrays.items()}
    call, made = kernel_check.prepared(kernel, T, there, scalars)
    call()
    given = [part for x in there.values() for part in kernel_check.leaves(x)]
    return [to_numpy(x).tobytes() for x in (*made, *given)]


@pytest.mark.parametrize(("kernel", "T", "sample"), list(runs()))
def test_kernel_is_right_on_a_gpu(kernel, T, sample):
    assert kernel_check.error(kernel, T, sample, device=GPU) <= 1


@pytest.mark.parametrize(("kernel", "samples"), list(unaligned()))
def test_arrays_may_start_anywhere_on_a_gpu(kernel, samples):
    for sample in samples:
        for T in kernel.types:
            assert kernel_check.error(kernel, T, sample, GPU, moved=moved_one_later) <= 1


@pytest.mark.parametrize("kernel", manifest().values(), ids=manifest())
def test_launches_write_the_same_bits_and_keep_no_memory(kernel):
    for T in kernel.types or (None,):
        for sample in kernel.samples:
            first = written(kernel, T, sample)
            before = pool().used_bytes()
            for _ in range(3):
                assert written(kernel, T, sample) == first, (T, sample)
            assert pool().used_bytes() == before


def test_memory_shared_by_one_launch_is_there_for_the_next():
    """48 KB need no permission, but with the block's own variables these are more than that; and a
    permission for few must not take back the one for many."""
    for columns in (12288, 16384, 13312, 16384):
        x = np.random.default_rng(0).standard_normal((2, columns)).astype("float32")
        sizes = {"eps": 1e-5, "centre": 1, "held": 1, "wide": True}
        y, *_ = launch("layer_norm_forward", to_device(x, GPU), None, None, **sizes)
        expected = (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True)
        np.testing.assert_allclose(to_numpy(y), expected, atol=1e-4)

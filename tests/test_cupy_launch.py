"""What CuPy is told to launch, on the stand-in for it.

Read next: fake_kernels.py, test_gpu_kernels.py (the same on a GPU).
"""

import fake_cupy
import numpy as np
import pytest
import test_gpu_kernels
from needs import needs

import minigen as mg
from minigen import ops
from minigen.backend import cupy, emulator

pytestmark = needs(emulator)


@pytest.fixture(autouse=True)
def gpus(monkeypatch):
    """The stand-in in CuPy's place, which has compiled nothing."""
    fake_cupy.install(monkeypatch)
    for cached in (cupy.module, cupy._compiled):
        cached.cache_clear()
    yield
    for cached in (cupy.module, cupy._compiled):
        cached.cache_clear()


def test_shared_memory_beyond_what_needs_no_permission():
    test_gpu_kernels.test_memory_shared_by_one_launch_is_there_for_the_next()


def test_a_changed_header_is_another_program(tmp_path):
    """CuPy keeps what it compiled on disk, by the source and the options."""
    digests = set()
    for text in ("int one;", "int two;"):
        (tmp_path / "mg_one.cuh").write_text(text)
        cupy._digest.cache_clear()
        digests.add(cupy._digest(tmp_path))
    cupy._digest.cache_clear()
    assert len(digests) == 2


def test_more_channels_than_a_grid_has_rows():
    """Are convolved without a kernel of ours."""
    x = np.random.default_rng(0).standard_normal((1, 1 << 16, 3)).astype("float32")
    weight = np.ones((1 << 16, 1, 2), "float32")
    y = ops.conv1d(mg.tensor(x, device="gpu"), mg.tensor(weight, device="gpu"), groups=1 << 16)
    np.testing.assert_allclose(y.to("cpu").numpy(), x[..., 1:] + x[..., :-1], atol=1e-6)

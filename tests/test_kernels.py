"""Every kernel of the manifest, run on the CPU: against its reference, and under the checker.

Idea: the manifest is the list of tests. In the fast build the threads run in three orders, for
every dtype and sample; the checked build also verifies each access of memory and each barrier. A
kernel that is right only in one order, or only by luck, fails here.
The default run takes the first sample of each kernel; `-m slow` has all the others, a minute or
two, and CI runs them.
Read next: ../kernels/README.md, ../minigen/backend/kernel_check.py.
"""

import numpy as np
import pytest
from needs import needs

from minigen.backend import emulator, kernel_check, to_device
from minigen.backend.kernel_check import error
from minigen.backend.kernels import emulated_kernels, manifest

pytestmark = needs(emulator)

ORDERS = (("ascending", 0), ("descending", 0), ("shuffled", 1))


def runs():
    """Every kernel with every type and sample, as test parameters."""
    for kernel in manifest().values():
        for T in kernel.types or (None,):
            for i, sample in enumerate(kernel.samples):
                yield pytest.param(kernel, T, sample, id=f"{kernel.name}-{T}-{i}")


def by_turns():
    """The same; all but the first of each kernel are slow."""
    seen = set()
    for one in runs():
        name = one.values[0].name
        yield pytest.param(*one.values, id=one.id, marks=[pytest.mark.slow] * (name in seen))
        seen.add(name)


@pytest.mark.parametrize(("kernel", "T", "sample"), list(by_turns()))
def test_kernel_is_right_in_every_order_of_threads(kernel, T, sample):
    for order, seed in ORDERS:
        with emulated_kernels(order=order, seed=seed):
            assert error(kernel, T, sample) <= 1, f"{order} threads"


@pytest.mark.parametrize(("kernel", "T", "sample"), list(by_turns()))
def test_kernel_passes_the_checker(kernel, T, sample):
    with emulated_kernels(check=True, order="shuffled", seed=2):
        assert error(kernel, T, sample) <= 1


# ---- arrays that start anywhere, as x[1:] does: on a GPU a wide access there ends the process

ALIGNED = {"philox_dropout"}  # whose x starts at a multiple of 16 bytes: see random.cu


def unaligned():
    """(kernel, samples that do not say that their arrays are aligned), as test parameters."""
    for kernel in manifest().values():
        samples = [sample for sample in kernel.samples if not sample.get("wide")]
        if kernel.types and kernel.name not in ALIGNED:
            yield pytest.param(kernel, samples, id=kernel.name)


def moved_one_later(x, device):
    """kernel_check.moved, but floats start one element after a place that is aligned."""
    if x is None or isinstance(x, list) or x.dtype.kind not in "fV":
        return kernel_check.moved(x, device)
    flat = x.reshape(-1)
    return to_device(np.concatenate([flat[:1], flat]), device)[1:].reshape(x.shape)


@pytest.mark.slow
@pytest.mark.parametrize(("kernel", "samples"), list(unaligned()))
def test_arrays_may_start_anywhere(kernel, samples):
    with emulated_kernels(check=True):
        for sample in samples:
            for T in kernel.types:
                assert error(kernel, T, sample, moved=moved_one_later) <= 1, (T, sample)

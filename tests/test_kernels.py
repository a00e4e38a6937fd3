"""Every kernel of the manifest, run on the CPU: against its reference, and under the checker.

Idea: the manifest is the list of tests. In the fast build the threads run in three orders, for
every dtype and sample; the checked build also verifies each access of memory and each barrier. A
kernel that is right only in one order, or only by luck, fails here.
Read next: ../kernels/README.md, ../minigen/backend/kernel_check.py.
"""

import pytest
from needs import needs

from minigen.backend import emulator
from minigen.backend.kernel_check import error
from minigen.backend.kernels import FOLDER, emulated_kernels, expressions, manifest

pytestmark = needs(emulator)

ORDERS = (("ascending", 0), ("descending", 0), ("shuffled", 1))


def runs():
    """Every kernel with every type and sample, as test parameters."""
    for kernel in manifest().values():
        for T in kernel.types or (None,):
            for i, sample in enumerate(kernel.samples):
                yield pytest.param(kernel, T, sample, id=f"{kernel.name}-{T}-{i}")


@pytest.fixture(scope="module", autouse=True)
def built(request):
    """What the chosen tests need is compiled before the first, on all cores; later it is cached."""
    jobs = {}  # in the order of the tests
    for test in request.session.items:
        if test.path == request.path:
            source, T = test.callspec.params["kernel"].source, test.callspec.params["T"]
            check = "checker" in test.originalname
            jobs[source, T, check] = (FOLDER / source, expressions(source, T), check)
    emulator.build(jobs.values())


@pytest.mark.parametrize(("kernel", "T", "sample"), list(runs()))
def test_kernel_is_right_in_every_order_of_threads(kernel, T, sample):
    for order, seed in ORDERS:
        with emulated_kernels(order=order, seed=seed):
            assert error(kernel, T, sample) <= 1, f"{order} threads"


@pytest.mark.parametrize(("kernel", "T", "sample"), list(runs()))
def test_kernel_passes_the_checker(kernel, T, sample):
    with emulated_kernels(check=True, order="shuffled", seed=2):
        assert error(kernel, T, sample) <= 1

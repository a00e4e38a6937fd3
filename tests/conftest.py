"""What every test run shares: threads, Matplotlib's backend, Hypothesis's profiles, skipping.

The environment is set before NumPy loads, and minigen is imported before it too (OpenBLAS reads
its settings once, see minigen/__init__.py): keep the order of this file.
"""

import os
import sys

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    # a BLAS with more threads than cores makes small products ten times slower
    os.environ[_variable] = str(min(CORES, int(os.environ.get(_variable) or CORES)))
os.environ["MPLBACKEND"] = "Agg"  # no window, also in the processes that tests start

import minigen

# isort: split
import hypothesis
import pytest

# "ci" draws the same examples on every run, so that a failure there is the change's own. No
# deadlines anywhere: a first call that compiles or allocates is no defect.
hypothesis.settings.register_profile("default", deadline=None)
hypothesis.settings.register_profile(
    "ci", deadline=None, derandomize=True, database=None, print_blob=True
)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "default")


def pytest_collection_modifyitems(config, items):
    """Skip tests of a GPU where there is none, and slow tests unless -m names them."""
    if "slow" not in config.option.markexpr:
        for item in items:
            if item.get_closest_marker("slow"):
                item.add_marker(pytest.mark.skip(reason="slow: run it with pytest -m slow"))
    if os.environ.get("MINIGEN_EMULATE", "0") not in ("", "0"):
        for item in items:
            if item.get_closest_marker("numpy_only"):
                item.add_marker(pytest.mark.skip(reason="about NumPy's own path"))
    on_gpu = [item for item in items if item.get_closest_marker("gpu")]
    reason = no_gpu() if on_gpu else ""
    if reason:
        for item in on_gpu:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture
def homework(tmp_path):
    """homework(text, name="hw.py") writes a file and loads it, in this process: a Session.

    Afterwards the search path is as before, and modules from that folder are gone.
    """
    from minigen.gradcheck.child import load
    from minigen.gradcheck.child.discover import load as load_file

    path = list(sys.path)

    def load_text(text, name="hw.py"):
        (tmp_path / name).write_text(text)
        return load_file(tmp_path / name)

    yield load_text
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]
    sys.path[:] = path
    load.FOLDERS.clear()


def no_gpu():
    """Why tests cannot use a GPU here; "" if they can."""
    from minigen.backend import cupy

    try:
        cupy.module()
    except RuntimeError as error:
        return str(error)
    return ""

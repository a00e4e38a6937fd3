"""What minigen sets before NumPy loads: only what the user has not set."""

import os
import subprocess
import sys


def test_the_user_decides():
    code = "import os, minigen; print(os.environ['OPENBLAS_THREAD_TIMEOUT'])"
    mine = os.environ | {"OPENBLAS_THREAD_TIMEOUT": "20"}
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=mine
    )
    assert out.stdout.split() == ["20"]


def test_it_comes_before_numpy():
    code = (
        "import os, sys\n"
        "class Watch:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'numpy': print(os.environ.get('OPENBLAS_THREAD_TIMEOUT'))\n"
        "sys.meta_path.insert(0, Watch())\n"
        "import minigen"
    )
    clean = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=clean
    )
    assert out.stdout.split() == ["18"]

"""How minigen is packaged.

Idea: `kernels/` and `demos/` stand at the top of the repository, where a reader looks for them, and
are imported as `minigen.kernels` and `minigen.demos` everywhere. In a wheel the mapping below does
it; in a clone minigen/__init__.py does. Packages are listed one by one, so that nothing is shipped
by accident: tests/test_house.py compares the list with the disk.
The pytest plugin is a top-level package of its own in a wheel, since every run of pytest imports
it: under `minigen` it would load NumPy and the engine first, whatever is tested.
The distribution is `minigen-dl`: the name `minigen` belongs to a stranger on the package index.
Tool settings (ruff, pytest, mypy) stand in pyproject.toml.
"""

import re
from pathlib import Path

from setuptools import setup

HERE = Path(__file__).resolve().parent

PACKAGES = [
    "minigen",
    "minigen.backend",
    "minigen.backend.device",
    "minigen.backend.emulator",
    "minigen.cli",
    "minigen.data",
    "minigen.data.augment",
    "minigen.demos",
    "minigen.demos.autoencoders",
    "minigen.demos.classical",
    "minigen.demos.data",
    "minigen.draw",
    "minigen.gradcheck",
    "minigen.gradcheck.child",
    "minigen.gradcheck.exercises",
    "minigen.gradcheck.gallery",
    "minigen.kernels",
    "minigen.metrics",
    "minigen.models",
    "minigen.models.autoencoders",
    "minigen.models.backbones",
    "minigen.models.classical",
    "minigen.nn",
    "minigen.ops",
    "minigen.optim",
    "minigen.train",
    "minigen_pytest",
]

FOLDERS = {     # of the packages that do not stand where their names say
    "minigen.kernels": "kernels",
    "minigen.demos": "demos",
    "minigen_pytest": "minigen/gradcheck/minigen_pytest",
}

DATA = ["*.cu", "*.cuh", "*.h", "*.cpp", "*.safetensors", "*.toml", "*.json", "*.html", "py.typed"]

CORE = [
    "numpy>=2.0",
    "scipy>=1.13",  # with the next three: the first releases built for NumPy 2
    "matplotlib>=3.9",
    "pillow>=10.3",
    "safetensors>=0.4.3",
    "tqdm>=4.66",
]

# gpu12 and gpu13 exclude each other, and plain `cupy` is neither: it compiles CuPy from source, and
# two CuPys in one environment overwrite each other's files. `minigen doctor` finds all of these.
EXTRAS = {
    "gpu12": ["cupy-cuda12x[ctk]>=14.0", "ml_dtypes>=0.4"],
    "gpu13": ["cupy-cuda13x[ctk]>=14.0", "ml_dtypes>=0.4"],
    "data": ["pooch>=1.8"],
    "mpi": ["mpi4py>=4.0", "mpich>=4.2"],
    "test": [
        "pytest>=8.0",
        "pytest-timeout>=2.3",
        "hypothesis>=6.100",
        "setuptools>=77",  # tests/test_install.py builds the wheel
    ],
    "kernels": ["nvidia-cuda-nvrtc>=12.0", "nvidia-cuda-runtime>=12.0", "ml_dtypes>=0.4"],
    "dev": ["ruff>=0.6", "mypy>=1.10", "coverage>=7.5"],
}


def version():
    """The version that minigen/__init__.py states, read without importing it."""
    source = (HERE / "minigen" / "__init__.py").read_text(encoding="utf-8")
    return re.search(r'^__version__ = "(.+)"', source, re.MULTILINE)[1]


setup(
    name="minigen-dl",
    version=version(),
    description="A from-scratch NumPy/CuPy engine for learning generative deep learning",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license_expression="MIT",
    license_files=["LICENSE"],
    author="the minigen authors",
    python_requires=">=3.11",
    packages=PACKAGES,
    package_dir=FOLDERS,
    package_data={"": DATA},
    install_requires=CORE,
    extras_require=EXTRAS,
    entry_points={
        "console_scripts": ["minigen = minigen.cli:main"],
        "pytest11": ["minigen = minigen_pytest"],
    },
    classifiers=[
        "Intended Audience :: Education",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Typing :: Typed",
    ],
)

"""Tensors from nothing and from generators: the rows CREATION and RANDOM of the table.

Idea: values and dtypes are written down; random numbers have the promised moments (within four
standard errors, at a fixed seed) and limits, and are decided by the seed alone.
Read next: test_random.py (generators), test_ops.py.
"""

import numpy as np
import pytest
from cases import CREATION, RANDOM

import minigen
from minigen import ops

MADE = [(row, args, options, array) for row in CREATION for args, options, array in row.calls]


@pytest.mark.parametrize(
    ("row", "args", "options", "array"), MADE, ids=[f"{m[0].name}{i}" for i, m in enumerate(MADE)]
)
def test_creation(row, args, options, array):
    x = row.fn(*args, **options)
    assert (x.shape, x.dtype, x.device) == (array.shape, array.dtype, "cpu")
    assert x.is_leaf and not x.requires_grad
    if row.name != "empty_like":
        np.testing.assert_array_equal(x.numpy(), array)
    if row.name != "from_numpy":
        y = row.fn(*args, **options, dtype="float64", requires_grad=True)
        assert y.dtype == "float64" and y.requires_grad and y.is_leaf
        assert row.name == "empty_like" or (y.detach().numpy() == array).all()


def test_tensor_of_python_floats_is_rounded_once():
    assert ops.tensor([0.1], dtype="float64").item() == 0.1
    assert ops.full((1,), 0.1, dtype="float64").item() == 0.1


@pytest.mark.parametrize("row", RANDOM, ids=lambda row: f"{row.name}{row.args}")
def test_random_numbers_are_distributed_as_promised(row):
    x = row.fn(*row.args, rng=minigen.Generator(1))
    assert x.dtype == row.dtype and x.device == "cpu" and not x.requires_grad
    values = x.numpy().astype("float64")
    error = row.std / values.size**0.5
    assert abs(values.mean() - row.mean) < 4 * error
    assert abs(values.std() - row.std) < 4 * error  # no distribution here is heavy-tailed
    assert row.low <= values.min() and values.max() < row.high
    correlation = np.corrcoef(values.ravel()[:-1], values.ravel()[1:])[0, 1]
    assert abs(correlation) < 4 / values.size**0.5


@pytest.mark.parametrize("row", RANDOM, ids=lambda row: f"{row.name}{row.args}")
def test_random_numbers_are_decided_by_the_seed(row):
    def draw(seed):
        return row.fn(*row.args, rng=minigen.Generator(seed)).numpy()

    minigen.manual_seed(3)
    default = row.fn(*row.args).numpy()
    following = row.fn(*row.args).numpy()
    np.testing.assert_array_equal(draw(3), default)
    minigen.manual_seed(3)
    np.testing.assert_array_equal(row.fn(*row.args).numpy(), default)
    assert (draw(4) != default).any() and (following != default).any()

"""What the pages of the gallery say under "On paper" is true, and it is on the page.

Idea: each page works a tiny example by hand. Here the code of the page is run on the same numbers:
the right backward gives what is said to be right, the wrong one what is said to be wrong.
"""

import importlib

import numpy as np
import pytest

from minigen.gradcheck import explain

# kind: inputs of forward, dout, which gradient; the right one, the wrong one; said on the page
PAPER = {
    "sign": (([[0, 0]], [0]), 1, 0, [[-1 / 2, 1 / 2]], [[1 / 2, -1 / 2]], "(-1/2, 1/2)"),
    "factor": (([[1], [3]], [[0], [0]]), 1, 0, [[1 / 2], [3 / 2]], [[1], [3]], "= 1/2. Without"),
    "transpose": (
        ([[0, 0]], [[1, 2], [3, 4]], [0, 0]), [[1, 0]], 0, [[1, 3]], [[1, 2]], "dx = (1, 3)"
    ),
    "flip": (([1, 2, 3], [1, 1]), [1, 0], 1, [2, 1], [1, 2], "dw = (2, 1)"),
    "off_by_one": (
        ([[[0, 0, 0]]], [[[0, 1, 0]]]), [[[5, 6, 7]]], 0, [[[5, 6, 7]]], [[[0, 5, 6]]], "(0, 5, 6)"
    ),
    "boundary": (
        (np.zeros((1, 1, 4, 2)),), [[[[4], [8]]]], 0,
        [[[[1, 1], [1, 1], [2, 2], [2, 2]]]], [[[[1, 1], [1, 1], [0, 0], [0, 0]]]],
        "(1, 1), (1, 1), (2, 2), (2, 2)",
    ),
    "missing_broadcast_sum": (([[[0]], [[0]]], [[0]]), [[[3]], [[4]]], 1, [[7]], [[3]], "dp = 7"),
    "wrong_axis": (
        (np.zeros((1, 2, 2)),), [[[1, 0], [0, 0]]], 0,
        [[[1 / 4, -1 / 4], [0, 0]]], [[[1 / 4, 0], [-1 / 4, 0]]], "[[1/4, 0], [-1/4, 0]]",
    ),
    "missing_term": (
        ([[1], [3]], [1], [0]), [[1], [0]], 0, [[0], [0]], [[1 / 2], [-1 / 2]], "(1/2, -1/2)"
    ),
    "input_vs_output": (([[0]],), [[1]], 0, [[1 / 4]], [[0]], "with slope 1/4"),
    "wrong_mask": (
        ([[[0], [0], [0]]], [[False, False, True]]), [[4]], 0,
        [[[2], [2], [0]]], [[[0], [0], [4]]], "dx = (2, 2, 0)",
    ),
    "overwrites": (([[0], [0]], [[1, 1]]), [[[3], [4]]], 0, [[0], [7]], [[0], [4]], "(0, 7)"),
    "double_count": (([[0, 0]],), [[0, 4]], 0, [[2, 4]], [[4, 8]], "dx = (2, 4)"),
    "kink_outside_subgradient": (([[0]],), [[1]], 0, [[0.2]], [[0]], "from 0.2 to 1"),
    "small_error": (([[0]], [1]), [[1]], 0, [[1e3]], [[1e6]], "which is 1000 for eps = 1e-6"),
    "wrong_precision": (
        (np.zeros((3, 1)), np.zeros((3, 1)), np.zeros((3, 1))), [[1], [0], [0]], 2,
        np.full((3, 1), 1 / 3), np.full((3, 1), 0.33325195), "(0.33325, 0.33325, 0.33325)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", PAPER)
def test_the_example_on_paper_comes_out_as_the_page_says(kind):
    inputs, dout, which, right, wrong, said = PAPER[kind]
    homework = importlib.import_module(f"minigen.gradcheck.gallery.{kind}")
    arrays = homework.right_inputs(0)
    inputs = [np.array(x, a.dtype) for x, a in zip(inputs, arrays, strict=True)]
    found = {}
    for name in ("right", "wrong"):
        _, cache = getattr(homework, f"{name}_forward")(*inputs)
        gradients = getattr(homework, f"{name}_backward")(np.array(dout, np.float64), cache)
        found[name] = (gradients if isinstance(gradients, tuple) else (gradients,))[which]
    np.testing.assert_allclose(found["right"], right, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found["wrong"], wrong, rtol=1e-5, atol=1e-5)
    assert said in " ".join(explain.page(kind).text.split("On paper: ")[1].split())

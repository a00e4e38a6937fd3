"""The table of ops: for every public function of minigen.ops, the whole of what the tests know.

CASES are functions of tensors, CREATION makes tensors from nothing, RANDOM from a generator.
test_ops.py and test_creation.py turn the rows into checks; no public function may be missing.
Read next: cases_row.py (what a row says), cases_elementwise.py (the first rows).
"""

import math

import numpy as np
from cases_activations import ACTIVATIONS
from cases_attention import ATTENTION
from cases_conv import CONV
from cases_decompositions import DECOMPOSITIONS
from cases_distance import DISTANCES
from cases_elementwise import ELEMENTWISE
from cases_functions import FUNCTIONS
from cases_gather import READING
from cases_linalg import PRODUCTS
from cases_loss import LOSSES
from cases_norm import NORMALISATION
from cases_padding import PADDING
from cases_pool import POOLING
from cases_reduce import REDUCE
from cases_resample import RESAMPLING
from cases_row import Drawn, call, made
from cases_sampling import DRAWS, SAMPLING
from cases_scan import SCANS
from cases_shape import SHAPE
from cases_signal import SIGNAL
from cases_softmax import SOFTMAX
from cases_sort import SORTING
from cases_unfold import UNFOLDING

from minigen import ops

CASES = [
    *ELEMENTWISE,
    *FUNCTIONS,
    *ACTIVATIONS,
    *REDUCE,
    *SOFTMAX,
    *SCANS,
    *SORTING,
    *SHAPE,
    *PADDING,
    *READING,
    *UNFOLDING,
    *PRODUCTS,
    *DECOMPOSITIONS,
    *SIGNAL,
    *CONV,
    *POOLING,
    *RESAMPLING,
    *NORMALISATION,
    *LOSSES,
    *DISTANCES,
    *ATTENTION,
    *SAMPLING,
]

HALVES = np.array([[0.5, 1.5]], "float64")

CREATION = [
    made(
        "tensor", ops.tensor,
        call(1.5, gives=1.5),
        call([[1, 2], [3, 4]], gives=[[1, 2], [3, 4]], dtype="int64"),
        call([True, False], gives=[True, False], dtype="bool"),
        call([1, 2.5], gives=[1, 2.5]),
        call([], gives=[]),
        call(HALVES, gives=HALVES, dtype="float64"),
        call(np.float16(2), gives=2, dtype="float16"),
        call(ops.from_numpy(HALVES), gives=HALVES, dtype="float64"),
        call([ops.from_numpy(HALVES), [[0, 1]]], gives=[[[0.5, 1.5]], [[0, 1]]]),
    ),
    made("from_numpy", ops.from_numpy, call(HALVES, gives=HALVES, dtype="float64")),
    made(
        "zeros", ops.zeros,
        call(2, 3, gives=np.zeros((2, 3))),
        call((2, 3), gives=np.zeros((2, 3))),
        call([0], gives=[]),
        call(gives=0),
    ),
    made(
        "ones", ops.ones,
        call(2, 3, gives=np.ones((2, 3))),
        call((1,), gives=[1]),
        call((2, 0), gives=np.ones((2, 0))),
    ),
    made(
        "full", ops.full,
        call((1, 2), 0.5, gives=[[0.5, 0.5]]),
        call((2,), 7, gives=[7, 7], dtype="int64"),
        call((), True, gives=True, dtype="bool"),
        call((2,), math.inf, gives=[math.inf] * 2),
    ),
    made(
        "arange", ops.arange,
        call(4, gives=[0, 1, 2, 3], dtype="int64"),
        call(2, 7, 2, gives=[2, 4, 6], dtype="int64"),
        call(3, 0, -1, gives=[3, 2, 1], dtype="int64"),
        call(1, 2, 0.25, gives=[1, 1.25, 1.5, 1.75]),
        call(2.5, gives=[0, 1, 2]),
        call(0, gives=[], dtype="int64"),
    ),
    made(
        "linspace", ops.linspace,
        call(0, 1, 5, gives=[0, 0.25, 0.5, 0.75, 1]),
        call(2.0, -2.0, 3, gives=[2, 0, -2]),
        call(3, 5, 1, gives=[3]),
        call(0, 1, 0, gives=[]),
    ),
    made(
        "eye", ops.eye,
        call(2, gives=[[1, 0], [0, 1]]),
        call(2, 3, gives=[[1, 0, 0], [0, 1, 0]]),
        call(0, gives=np.ones((0, 0))),
    ),
    made("zeros_like", ops.zeros_like, call(ops.tensor([[2, 3]]), gives=[[0, 0]], dtype="int64")),
    made("ones_like", ops.ones_like, call(ops.tensor([2.0, 3.0]), gives=[1, 1])),
    made(
        "full_like", ops.full_like,
        call(ops.tensor([2.0, 3.0]), 0.5, gives=[0.5, 0.5]),
        call(ops.from_numpy(HALVES), 2, gives=[[2, 2]], dtype="float64"),
    ),
    made("empty_like", ops.empty_like, call(ops.tensor([[2, 3]]), gives=[[0, 0]], dtype="int64")),
]

MANY = (50, 400)

RANDOM = [
    Drawn("normal", ops.normal, (MANY,), "float32", mean=0, std=1),
    Drawn("normal", ops.normal, (MANY, -2.0, 0.5), "float32", mean=-2, std=0.5),
    Drawn("uniform", ops.uniform, (MANY,), "float32", mean=0.5, std=12**-0.5, low=0, high=1),
    Drawn(
        "uniform", ops.uniform, (MANY, -3.0, 1.0), "float32",
        mean=-1, std=4 * 12**-0.5, low=-3, high=1,
    ),
    Drawn("randint", ops.randint, (-2, 3, MANY), "int64", mean=0, std=2**0.5, low=-2, high=3),
    Drawn(
        "permutation", ops.permutation, (20000,), "int64",
        mean=9999.5, std=20000 * 12**-0.5, low=0, high=20000,
    ),
    *DRAWS,
]

"""Rows of the products: ops/linalg.py.

Read next: cases_row.py (the words used here).
"""

import numpy as np
from cases_row import case, run

from minigen import ops

PRODUCTS = [
    case(
        "matmul", ops.matmul, np.matmul,
        [
            run((2, 3), (3, 2)),
            run((3,), (3,)),
            run((2, 3), (3,)),
            run((2,), (2, 3)),
            run((2, 2, 3), (3, 2)),
            run((2, 3), (2, 3, 1)),
            run((2, 1, 2, 2), (3, 2, 1)),
            run((3,), (2, 3, 2)),
            run((2, 2, 3), (3,)),
            run((1, 1), (1, 1)),
            run((2, 0), (0, 3)),
            run((0, 2), (2, 3)),
            run((0, 2, 3), (3, 2)),
        ],
        linear=(0, 1),
    ),
    case(
        "linear", ops.linear, lambda x, w, b=0: x @ w.T + b,
        [
            run((2, 3), (2, 3), (2,)),
            run((2, 3), (4, 3)),
            run((3,), (2, 3), (2,)),
            run((2, 2, 3), (1, 3), (1,)),
            run((0, 3), (2, 3), (2,)),
        ],
        linear=(0, 1, 2),
    ),
]


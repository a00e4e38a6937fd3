"""The entry of column_sum.cu.

Read next: column_sum.cu, entry.py.
"""

from minigen.kernels.entry import FLOATS, In, Kernel, Out, Scalar, ceil_div


def _block(s):
    """32 columns, and a turn for every four rows: from 4 to 32."""
    return 32, min(32, max(4, ceil_div(s.rows, 4)))


KERNELS = (
    Kernel(
        "column_sum",
        "column_sum.cu",
        (
            In("x", "T", "rows columns"),
            Out("y", "T", "columns"),
            Scalar("rows"),
            Scalar("columns", "int64"),
        ),
        grid=lambda s: (ceil_div(s.columns, 32),),
        block=_block,
        reference=lambda x: x.sum(0),
        samples=(
            {"rows": 45, "columns": 32},
            {"rows": 3, "columns": 70},
            {"rows": 0, "columns": 3},
            {"rows": 150, "columns": 33},
        ),
        bench={"rows": 512, "columns": 2048},
        bytes=lambda s: (s.rows + 1) * s.columns * s.itemsize,
        flops=lambda s: s.rows * s.columns,
        types=FLOATS[:2],  # partial sums are in the type to accumulate in
        registers=32,
    ),
)

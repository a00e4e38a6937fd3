"""Entries of gemm.cu.

Read next: gemm.cu, entry.py.
"""

from minigen.kernels.bias_activation import ACTIVATIONS
from minigen.kernels.entry import In, Kernel, Out, Scalar, ceil_div

NAMES = ("none", *ACTIVATIONS)  # by the number that a kernel takes
LARGE = 8  # R of gemm_large: each of 256 threads computes R × R results, a block 16·R × 16·R


def blocks(s, R):
    """Tiles of all products of the batch, a block each."""
    return s.batch * ceil_div(s.rows, 16 * R) * ceil_div(s.columns, 16 * R)


def _product(a, b, bias, a_turned, b_turned, activation, slope):
    a = a.swapaxes(1, 2) if a_turned else a
    b = b.swapaxes(1, 2) if b_turned else b
    c = a @ b if bias is None else a @ b + bias
    return ACTIVATIONS[NAMES[activation]][0](c, slope) if activation else c


def _sizes(batch, rows, columns, depth, turned=(), single=(), biased=True, f="none", **variants):
    """A sample from its sizes; turned, single: which of "ab" is a transpose, or has no batch."""
    sizes = {"batch": batch, "rows": rows, "columns": columns, "depth": depth, **variants}
    for name, shape in (("a", (rows, depth)), ("b", (depth, columns))):
        sizes[f"{name}_turned"] = int(name in turned)
        sizes[f"{name}_batch"] = 1 if name in single else batch
        sizes[f"{name}_first"], sizes[f"{name}_second"] = shape[:: -1 if name in turned else 1]
    sizes |= {"activation": NAMES.index(f), "slope": 0.3}
    return sizes if biased else {**sizes, "bias": None}


def _entry(name, samples, bench, **options):
    return Kernel(
        name,
        "gemm.cu",
        (
            In("a", "T", "a_batch a_first a_second"),
            In("b", "T", "b_batch b_first b_second"),
            In("bias", "T", "columns", optional=True),
            Out("c", "T", "batch rows columns"),
            *map(Scalar, ("rows", "columns", "depth", "a_batch", "b_batch")),
            *map(Scalar, ("a_turned", "b_turned", "activation")),
            Scalar("slope", "A"),
        ),
        block=(256,),
        reference=_product,
        samples=samples,
        bench=bench,
        bytes=lambda s: s.itemsize * (
            s.rows * s.depth * s.a_batch
            + s.depth * s.columns * s.b_batch
            + s.rows * s.columns * s.batch
        ),
        flops=lambda s: 2 * s.batch * s.rows * s.columns * s.depth,
        registers=128,  # two blocks a multiprocessor at least
        **options,
    )


KERNELS = (
    _entry(
        "gemm",
        (
            _sizes(1, 5, 3, 1, f="mg_relu", R=2),
            _sizes(1, 33, 40, 33, "b", f="mg_gelu", R=2),
            _sizes(3, 32, 32, 32, "ab", "a", biased=False, R=2),
            _sizes(2, 70, 34, 100, "a", "b", f="mg_leaky_relu", R=2),
            _sizes(1, 64, 64, 16, "b", biased=False, R=4),
            _sizes(2, 65, 130, 17, "a", R=4),
            _sizes(1, 4, 66, 36, f="mg_gelu_tanh", R=4),
        ),
        _sizes(64, 256, 256, 64, biased=False, R=4),
        grid=lambda s: (blocks(s, s.R),),
        variants={"R": (2, 4)},
        template="{T}, {R}",
    ),
    _entry(
        "gemm_large",
        (
            _sizes(1, 128, 128, 8, "a", biased=False),
            _sizes(2, 130, 129, 9, "b", "a", f="mg_silu"),
            _sizes(1, 3, 260, 24),
        ),
        _sizes(1, 4096, 4096, 4096, biased=False),
        grid=lambda s: (blocks(s, LARGE),),
        types=("float32", "float16", "bfloat16"),  # float64 would need twice the registers
    ),
)

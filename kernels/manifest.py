"""The manifest: the entries of all kernels, gathered from the files beside their sources.

Idea: what is not here cannot be launched, and what is here is run on the emulator, checked for
races, compiled for sm_80 and sm_90, and benchmarked; see entry.py.
Read next: entry.py, softmax.py.
"""

from minigen.kernels import (
    attention,
    batch_norm,
    bias_activation,
    blend,
    column_sum,
    conv,
    cross_entropy,
    embedding,
    gemm,
    group_norm,
    layer_norm,
    optimizer,
    pool,
    random,
    resample,
    softmax,
)

KERNELS = (
    *attention.KERNELS,
    *batch_norm.KERNELS,
    *bias_activation.KERNELS,
    *blend.KERNELS,
    *column_sum.KERNELS,
    *conv.KERNELS,
    *cross_entropy.KERNELS,
    *embedding.KERNELS,
    *gemm.KERNELS,
    *group_norm.KERNELS,
    *layer_norm.KERNELS,
    *optimizer.KERNELS,
    *pool.KERNELS,
    *random.KERNELS,
    *resample.KERNELS,
    *softmax.KERNELS,
)

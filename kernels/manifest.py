"""The manifest: the entries of all kernels, gathered from the files beside their sources.

Idea: what is not here cannot be launched, and what is here is run on the emulator, checked for
races, compiled for sm_80 and sm_90, and benchmarked; see entry.py.
Read next: entry.py, softmax.py.
"""

from minigen.kernels import (
    bias_activation,
    blend,
    cross_entropy,
    embedding,
    gemm,
    pool,
    resample,
    softmax,
)
from minigen.kernels import blend, conv, embedding, gemm, pool, resample, softmax

KERNELS = (
    *bias_activation.KERNELS,
    *blend.KERNELS,
    *cross_entropy.KERNELS,
    *conv.KERNELS,
    *embedding.KERNELS,
    *gemm.KERNELS,
    *pool.KERNELS,
    *resample.KERNELS,
    *softmax.KERNELS,
)
from minigen.kernels import batch_norm, group_norm, layer_norm, softmax

KERNELS = (*softmax.KERNELS, *layer_norm.KERNELS, *group_norm.KERNELS, *batch_norm.KERNELS)
from minigen.kernels import attention, softmax

KERNELS = (*softmax.KERNELS, *attention.KERNELS)
from minigen.kernels import optimizer, random, softmax

KERNELS = (*optimizer.KERNELS, *random.KERNELS, *softmax.KERNELS)

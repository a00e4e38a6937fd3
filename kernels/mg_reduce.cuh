// mg_reduce.cuh — sums and maxima over the threads of a warp, and of a block.
//
// Idea: lanes exchange registers by shuffles, in five steps that halve the distance: no memory. A
// block first reduces each warp, then the results of its (at most 32) warps, through shared memory.
// Every thread gets the result. All threads of the block must call, and blockDim.x, a multiple of
// 32, is its only dimension; but if it is 32, each warp gets its own sum, and may call by itself.
// The order of additions is fixed, so results are reproducible.
// Read next: softmax.cu.
#pragma once
#include "mg_common.cuh"

template <typename A>
__device__ __forceinline__ A mg_warp_sum(A v) {
    for (int distance = 16; distance > 0; distance /= 2)
        v += __shfl_xor_sync(MG_ALL_LANES, v, distance);
    return v;
}

template <typename A>
__device__ __forceinline__ A mg_warp_max(A v) {
    for (int distance = 16; distance > 0; distance /= 2)
        v = mg_max(v, __shfl_xor_sync(MG_ALL_LANES, v, distance));
    return v;
}

// N sums at once, in one exchange. v: what each thread adds, then the sums.
template <int N, typename A>
__device__ void mg_block_sums(A (&v)[N]) {
    __shared__ A of_warp[N][32];
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
#pragma unroll
    for (int k = 0; k < N; k++)
        v[k] = mg_warp_sum(v[k]);
    if (blockDim.x == 32) return;
    __syncthreads();  // of_warp may still be read for the call before
    if (lane == 0) {
#pragma unroll
        for (int k = 0; k < N; k++)
            of_warp[k][warp] = v[k];
    }
    __syncthreads();
#pragma unroll
    for (int k = 0; k < N; k++)
        v[k] = mg_warp_sum(lane < blockDim.x / 32 ? of_warp[k][lane] : A(0));
}

template <typename A>
__device__ A mg_block_sum(A v) {
    A one[1] = {v};
    mg_block_sums(one);
    return one[0];
}

template <typename A>
__device__ A mg_block_max(A v) {
    __shared__ A of_warp[32];
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    v = mg_warp_max(v);
    if (blockDim.x == 32) return v;
    __syncthreads();  // of_warp may still be read for the call before
    if (lane == 0) of_warp[warp] = v;
    __syncthreads();
    return mg_warp_max(lane < blockDim.x / 32 ? of_warp[lane] : mg_lowest<A>());
}

// mg_moments.cuh — mean and variance of many numbers, by a team of threads.
//
//     mean + rest = Σ x / count          variance = Σ (x - mean - rest)² / count
//
// Idea: two visits. The first gives the mean. The second sums what is left, x - mean, and its
// squares: far from 0 the mean is rounded, and `rest`, the mean of what is left, makes up for it.
// Whoever subtracts the mean subtracts both. A sum of x² would lose the digits that the variance
// needs where the mean is large; Welford's one visit divides for every element.
//
// A team is a row of threads of the block: those with one threadIdx.y. Either it is a warp, one of
// several in the block, or it is the block; mg_block_sum is its sum in both cases.
// Read next: layer_norm.cu.
#pragma once
#include "mg_reduce.cuh"

template <typename A>
struct mg_moments {
    A mean;
    A rest;
    A variance;
};

// The moments of x[where(0)], ..., x[where(count - 1)], in steps of V neighbours. held: shared
// memory for count elements, to which they are copied for the visits to come, or a null pointer:
// each thread will read there what it wrote itself, so no barrier is needed. centre=false: the mean
// counts as 0.
template <int V, typename T, typename Where>
__device__ mg_moments<mg_acc<T>> mg_team_moments(const T* x, int count, Where where, T* held,
                                                 bool centre = true) {
    using A = mg_acc<T>;
    A values[V], mean = 0, left[2] = {0, 0};  // Σ (x - mean) and Σ (x - mean)²

    for (int i = threadIdx.x * V; i < count; i += blockDim.x * V) {
        mg_load_many<V>(x, where(i), values);
        if (held) mg_store_many<V>(held, i, values);
        for (int k = 0; k < V; ++k) mean += values[k];
    }
    mean = centre ? mg_block_sum(mean) / count : 0;

    for (int i = threadIdx.x * V; i < count; i += blockDim.x * V) {
        if (held) mg_load_many<V>(held, i, values);
        else mg_load_many<V>(x, where(i), values);
        for (int k = 0; k < V; ++k) {
            const A from_mean = values[k] - mean;
            left[0] += from_mean;
            left[1] += from_mean * from_mean;
        }
    }
    mg_block_sums(left);
    const A rest = centre ? left[0] / count : 0;
    const A variance = left[1] / count - rest * rest;
    return {mean, rest, variance < 0 ? 0 : variance};  // nan stays nan
}

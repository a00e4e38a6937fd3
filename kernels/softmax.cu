// softmax.cu — each row of x to probabilities, and the gradient of that.
//
//     y[r, c] = exp(x[r, c] - max_r) / Σ_c exp(x[r, c] - max_r)
//     dx[r, c] = y[r, c] · (g[r, c] - Σ_c g[r, c]·y[r, c])
//
// Memory: x, y, g, dx (rows, columns), row after row. One block per row; a thread takes every
// blockDim.x-th column, so that a warp reads 32 neighbours at a time. Forward goes three times over
// the row (max, sum, write): a row fits the L2 cache, so the second and third visit cost little.
// Reference: softmax.py.   Read next: mg_reduce.cuh, cross_entropy.cu.
#include "mg_reduce.cuh"

template <typename T>
__global__ void softmax_forward(const T* __restrict__ x, T* __restrict__ y, int columns) {
    using A = mg_acc<T>;
    const T* row = x + (long long)blockIdx.x * columns;  // 64 bits: rows · columns can pass 2^31
    T* out = y + (long long)blockIdx.x * columns;

    A largest = mg_lowest<A>();
    for (int c = threadIdx.x; c < columns; c += blockDim.x)
        largest = mg_max(largest, mg_load(row, c));
    largest = mg_block_max(largest);

    A total = 0;
    for (int c = threadIdx.x; c < columns; c += blockDim.x)
        total += mg_exp(mg_load(row, c) - largest);
    total = mg_block_sum(total);

    for (int c = threadIdx.x; c < columns; c += blockDim.x)
        mg_store(out, c, mg_exp(mg_load(row, c) - largest) / total);
}

template <typename T>
__global__ void softmax_backward(const T* __restrict__ g, const T* __restrict__ y,
                                 T* __restrict__ dx, int columns) {
    using A = mg_acc<T>;
    const long long start = (long long)blockIdx.x * columns;

    A dot = 0;
    for (int c = threadIdx.x; c < columns; c += blockDim.x)
        dot += mg_load(g, start + c) * mg_load(y, start + c);
    dot = mg_block_sum(dot);

    for (int c = threadIdx.x; c < columns; c += blockDim.x)
        mg_store(dx, start + c, mg_load(y, start + c) * (mg_load(g, start + c) - dot));
}

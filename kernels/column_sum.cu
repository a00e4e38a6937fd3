// column_sum.cu — the second step of sums over many places: the parts that blocks have left.
//
//     y[c] = Σ_r x[r, c]
//
// Memory: x (rows, columns), y (columns), of the type that kernels add up in. A kernel whose result
// is a sum over more than a block can see (the gradient of a scale, of a bias, of a convolution's
// weight) leaves a partial sum for each of its blocks: a row of x. This one adds the rows up, in a
// fixed order; with atomics one launch would do, but its digits would differ from run to run.
//
// A block has 32 columns, which a warp reads as neighbours. Its warps take turns in the rows, up to
// 32 where there are many, fewer where there are few; the first one adds up what they have seen.
// Considered: a thread for each column, which leaves a GPU idle where there are many rows of few.
// Reference: column_sum.py.   Read next: layer_norm.cu, conv.cu (who leaves parts).
#include "mg_common.cuh"

template <typename T>
__global__ void column_sum(const T* __restrict__ x, T* __restrict__ y, int rows,
                           long long columns) {
    __shared__ T of_turn[32][32];
    const long long c = (long long)blockIdx.x * 32 + threadIdx.x;
    T sum = 0;
    if (c < columns) {
        for (int r = threadIdx.y; r < rows; r += blockDim.y)
            sum += x[r * columns + c];
    }
    of_turn[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y > 0 || c >= columns) return;
    for (int turn = 1; turn < blockDim.y; turn++)
        sum += of_turn[turn][threadIdx.x];
    y[c] = sum;
}

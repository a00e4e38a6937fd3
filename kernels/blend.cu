// blend.cu — rows of a table read at given places and added up with given weights; grid_sample's
// core.
//
//     blend         y[p, c] = Σ_k weight[p, k] · x[index[p, k], c]
//     adjoint       x[r, c] = Σ over (p, k) with index[p, k] = r of  weight[p, k] · g[p, c]
//     weight_grad   w[p, k] = Σ_c g[p, c] · x[index[p, k], c]
//
// x (rows, channels) is a picture with its channels last, p a pixel of the result, k one of its (1
// to 8) neighbours. A weight of 0 reads nothing: what lies there may be nan.
//
// blend: one thread per element of y. weight_grad: one warp per (p, k), its lanes over the
// channels. adjoint: several p may read one row, so adding to x would need atomics, in an order
// that changes. Instead the pairs (p, k), sorted by row, say who has read each row: one thread per
// element of x adds those up, in their order. Rows that are read very often make their threads
// slow; pictures are not read so. Reference: blend.py.   Read next: embedding.cu (the same with all
// weights 1).
#include "mg_reduce.cuh"

template <typename T>
__global__ void blend_forward(const T* __restrict__ x, const T* __restrict__ weight,
                              const long long* __restrict__ index, T* __restrict__ y, int channels,
                              int neighbours, long long count) {
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    const long long p = i / channels;
    const int c = int(i % channels);
    mg_acc<T> sum = 0;
    for (int k = 0; k < neighbours; k++) {
        const mg_acc<T> w = mg_load(weight, p * neighbours + k);
        if (w != 0) sum += w * mg_load(x, index[p * neighbours + k] * channels + c);
    }
    mg_store(y, i, sum);
}

// pairs: all p · neighbours + k, in the order of the rows that they read; those of row r are the
// ones from start[r] to start[r + 1].
template <typename T>
__global__ void blend_adjoint(const T* __restrict__ g, const T* __restrict__ weight,
                              const long long* __restrict__ start,
                              const long long* __restrict__ pairs, T* __restrict__ x, int channels,
                              int neighbours, long long count) {
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    const long long r = i / channels;
    const int c = int(i % channels);
    mg_acc<T> sum = 0;
    for (long long n = start[r]; n < start[r + 1]; n++) {
        const long long pair = pairs[n];
        const mg_acc<T> w = mg_load(weight, pair);
        if (w != 0) sum += w * mg_load(g, pair / neighbours * channels + c);
    }
    mg_store(x, i, sum);
}

template <typename T>
__global__ void blend_weight_grad(const T* __restrict__ g, const T* __restrict__ x,
                                  const long long* __restrict__ index, T* __restrict__ weight,
                                  int channels, int neighbours, long long pairs) {
    const long long pair = (long long)blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
    if (pair >= pairs) return;  // a whole warp
    const long long p = pair / neighbours;
    mg_acc<T> sum = 0;
    for (int c = threadIdx.x % 32; c < channels; c += 32)
        sum += mg_load(g, p * channels + c) * mg_load(x, index[pair] * channels + c);
    sum = mg_warp_sum(sum);
    if (threadIdx.x % 32 == 0) mg_store(weight, pair, sum);
}

// group_norm.cu — groups of neighbouring channels of each sample to mean 0 and variance 1, then
// scale and shift per channel. Instance norm is a group per channel.
//
//     x̂ = (x - mean) · inverse_std            y = x̂ · weight[c] + bias[c]
//     dx = inverse_std · (g·weight - E[g·weight] - x̂ · E[g·weight·x̂])         E over the group
//     dweight[c] = Σ g·x̂        dbias[c] = Σ g             Σ over the samples and the positions
//
// Memory: x, y, g, dx (samples, channels, positions), so that a group is one stretch of memory, as
// a row is for layer norm: `groups` of them in a sample, each of `each` channels. weight, bias:
// float32 (float64 for double), or null pointers for 1 and 0.
//
// Forward: a team of threads per group (mg_moments.cuh), which keeps the group in shared memory if
// it fits there (held): then x is read once. Backward: a block per group. Teams take a channel each
// and add up Σ g·x̂ and Σ g, which say everything: dx by a second visit of g and x, in L2 by then,
// and the sums of each sample for dweight and dbias, which column_sum.cu adds up.
//
// What was tried: nothing on a GPU yet. A few huge groups leave multiprocessors idle: they would
// want several blocks per group, and one more pass over x.
// Reference: group_norm.py.   Read next: mg_moments.cuh, batch_norm.cu.
#include "mg_moments.cuh"

template <typename T, bool wide>
__global__ void group_norm_forward(const T* __restrict__ x, const mg_acc<T>* __restrict__ weight,
                                   const mg_acc<T>* __restrict__ bias, T* __restrict__ y,
                                   mg_acc<T>* __restrict__ mean, mg_acc<T>* __restrict__ rest,
                                   mg_acc<T>* __restrict__ inverse_std, int samples, int groups,
                                   int each, int positions, mg_acc<T> eps, int held) {
    using A = mg_acc<T>;
    constexpr int V = wide ? MG_WIDE<T> : 1;
    MG_DYN_SHARED(T, memory);
    const long long group = (long long)blockIdx.x * blockDim.y + threadIdx.y;
    if (group >= (long long)samples * groups) return;  // a whole warp, of a block of lone warps
    const int size = each * positions, first = group % groups * each;  // its first channel
    const T* there = x + group * size;
    T* copy = held ? memory + threadIdx.y * size : nullptr;
    const auto here = [](int i) { return i; };
    const mg_moments<A> m = mg_team_moments<V>(there, size, here, copy);
    const A scale = 1 / mg_sqrt(m.variance + eps);

    A values[V];
    for (int i = threadIdx.x * V; i < size; i += blockDim.x * V) {
        if (held) mg_load_many<V>(copy, i, values);
        else mg_load_many<V>(there, i, values);
        const int channel = first + i / positions;  // of all V: V divides positions
        const A slope = weight ? weight[channel] * scale : scale;
        const A shift = bias ? bias[channel] : 0;
        for (int k = 0; k < V; ++k)
            values[k] = (values[k] - m.mean - m.rest) * slope + shift;
        mg_store_many<V>(y, group * size + i, values);
    }
    if (threadIdx.x == 0) {
        mean[group] = m.mean;
        rest[group] = m.rest;
        inverse_std[group] = scale;
    }
}

template <typename T, bool wide>
__global__ void group_norm_backward(const T* __restrict__ g, const T* __restrict__ x,
                                    const mg_acc<T>* __restrict__ mean,
                                    const mg_acc<T>* __restrict__ rest,
                                    const mg_acc<T>* __restrict__ inverse_std,
                                    const mg_acc<T>* __restrict__ weight, T* __restrict__ dx,
                                    mg_acc<T>* __restrict__ sums, int groups, int each,
                                    int positions) {
    using A = mg_acc<T>;
    constexpr int V = wide ? MG_WIDE<T> : 1;
    const long long group = blockIdx.x;
    const A middle = mean[group], left = rest[group], scale = inverse_std[group];
    const int first = group % groups * each, channels = groups * each;
    A* out = sums + group / groups * 2 * channels + first;  // (samples, 2, channels)

    A upper[V], unit[V], along = 0, plain = 0;  // Σ g·weight·x̂ and Σ g·weight, of the team
    const auto load = [&](long long at) {
        mg_load_many<V>(g, at, upper);
        mg_load_many<V>(x, at, unit);
        for (int k = 0; k < V; ++k) unit[k] = (unit[k] - middle - left) * scale;
    };
    for (int c = threadIdx.y; c < each; c += blockDim.y) {
        const long long start = (group * each + c) * positions;
        A total[2] = {0, 0};
        for (int p = threadIdx.x * V; p < positions; p += blockDim.x * V) {
            load(start + p);
            for (int k = 0; k < V; ++k) {
                total[0] += upper[k] * unit[k];
                total[1] += upper[k];
            }
        }
        mg_block_sums(total);
        if (threadIdx.x == 0) {
            out[c] = total[0];
            out[channels + c] = total[1];
        }
        const A factor = weight ? weight[first + c] : 1;
        along += factor * total[0];
        plain += factor * total[1];
    }

    __shared__ A of_team[2][8];  // the teams of the block have one group
    if (threadIdx.x == 0) {
        of_team[0][threadIdx.y] = along;
        of_team[1][threadIdx.y] = plain;
    }
    __syncthreads();
    along = plain = 0;
    for (int t = 0; t < blockDim.y; ++t) {
        along += of_team[0][t];
        plain += of_team[1][t];
    }
    const A mean_gx = along / each / positions, mean_g = plain / each / positions;

    for (int c = threadIdx.y; c < each; c += blockDim.y) {
        const long long start = (group * each + c) * positions;
        const A factor = weight ? weight[first + c] : 1;
        for (int p = threadIdx.x * V; p < positions; p += blockDim.x * V) {
            load(start + p);
            for (int k = 0; k < V; ++k)
                upper[k] = (upper[k] * factor - mean_g - unit[k] * mean_gx) * scale;
            mg_store_many<V>(dx, start + p, upper);
        }
    }
}

// batch_norm.cu — each channel of a batch to mean 0 and variance 1, then scale and shift; and with
// given statistics (running averages) in place of the batch's.
//
//     x̂ = (x - mean) / sqrt(variance + eps)           y = x̂ · weight + bias
//     dweight = Σ g·x̂        dbias = Σ g                              Σ, E over all of a channel
//     dx = weight / sqrt(variance + eps) · (g - E[g] - x̂ · E[g·x̂])
//
// Memory: x, y, g, dx (samples, channels, positions); all else (channels,), float32 (float64 for
// double). A channel is `samples` stretches of memory, so that it takes several blocks, and two
// kernels: each block has `chunk` elements of a channel, counted over samples and positions, and
// leaves its moments or sums; then these parts are put together, always in the same order.
//
//     forward   batch_norm_moments -> batch_norm_finish -> batch_norm_apply
//     backward  batch_norm_sums -> column_sum -> batch_norm_backward
//
// Null pointers stand for mean, rest and bias 0, for no division, and for weight 1: with given
// statistics y is batch_norm_apply with weight = scale, and dx is that again, of g.
// Blocks with neighbouring channels are neighbours: with few positions they share what they load.
//
// What was tried: nothing on a GPU yet. Considered: a block per channel (64 blocks for 132
// multiprocessors), Σ x and Σ x² (wrong far from 0). With one position per channel (BatchNorm1d)
// a thread uses 4 bytes of 32 that are loaded, from L2 for seven channels in eight: a kernel that
// goes along the channels would be faster there.
// Reference: batch_norm.py.   Read next: mg_moments.cuh, group_norm.cu.
#include "mg_moments.cuh"

// A chunk of a channel: where its i-th element is, and how many it has.
struct channel_chunk {
    long long first_sample;
    unsigned first_position;
    int channels, channel, positions, count;

    __device__ channel_chunk(int samples, int channels, int positions, int chunk)
        : channels(channels), positions(positions) {
        channel = blockIdx.x % channels;
        const long long start = (long long)(blockIdx.x / channels) * chunk;
        const long long left = (long long)samples * positions - start;
        count = left < chunk ? left : chunk;
        first_sample = start / positions;
        first_position = start % positions;
    }

    __device__ long long operator()(int i) const {
        const unsigned p = first_position + i;
        return ((first_sample + p / positions) * channels + channel) * positions + p % positions;
    }
};

// The channel of the i-th element of a block that has `size` neighbours in memory.
struct channel_place {
    long long start;
    unsigned first_position, first_channel;
    int channels, positions;

    __device__ channel_place(int channels, int positions, int size)
        : start((long long)blockIdx.x * size), channels(channels), positions(positions) {
        first_position = start % positions;
        first_channel = start / positions % channels;
    }

    __device__ int channel(int i) const {
        return (first_channel + (first_position + i) / positions) % channels;
    }
};

// ---- the moments of each channel

// mean, rest, variance (chunks, channels): of each chunk.
template <typename T, bool wide>
__global__ void batch_norm_moments(const T* __restrict__ x, mg_acc<T>* __restrict__ mean,
                                   mg_acc<T>* __restrict__ rest,
                                   mg_acc<T>* __restrict__ variance, int samples, int channels,
                                   int positions, int chunk) {
    using A = mg_acc<T>;
    MG_DYN_SHARED(T, memory);
    const channel_chunk here(samples, channels, positions, chunk);
    const mg_moments<A> m =
        mg_team_moments<wide ? MG_WIDE<T> : 1>(x, here.count, here, memory);
    if (threadIdx.x > 0) return;
    mean[blockIdx.x] = m.mean;
    rest[blockIdx.x] = m.rest;
    variance[blockIdx.x] = m.variance;
}

// From the moments of chunks (chunks, channels) those of all `count` elements. A warp per channel:
// a lane takes every 32nd chunk. All means are taken from an origin, that of the first chunk.
template <typename T>
__global__ void batch_norm_finish(const T* __restrict__ means, const T* __restrict__ rests,
                                  const T* __restrict__ variances, T* __restrict__ mean,
                                  T* __restrict__ rest, T* __restrict__ variance, int chunks,
                                  int channels, int chunk, long long count) {
    const int channel = blockIdx.x * blockDim.y + threadIdx.y;
    if (channel >= channels) return;  // a whole warp
    const T origin = means[channel];
    const auto size = [&](int i) {
        return T(i < chunks - 1 ? chunk : count - (long long)i * chunk);
    };
    const auto offset_of = [&](int i) {
        const long long at = (long long)i * channels + channel;
        return means[at] - origin + rests[at];
    };

    T offset = 0, spread = 0;
    for (int i = threadIdx.x; i < chunks; i += 32) offset += size(i) * offset_of(i);
    offset = mg_warp_sum(offset) / count;
    for (int i = threadIdx.x; i < chunks; i += 32) {
        const T away = offset_of(i) - offset;
        spread += size(i) * (variances[(long long)i * channels + channel] + away * away);
    }
    spread = mg_warp_sum(spread) / count;
    if (threadIdx.x > 0) return;
    mean[channel] = origin;
    rest[channel] = offset;
    variance[channel] = spread;
}

// Running statistics, moved by `momentum` towards the average over the samples' moments; variances
// times `correction`, count / (count - 1). A thread per channel.
template <typename T>
__global__ void batch_norm_running(const T* __restrict__ mean, const T* __restrict__ rest,
                                   const T* __restrict__ variance,
                                   const T* __restrict__ running_mean,
                                   const T* __restrict__ running_var, T* __restrict__ moved_mean,
                                   T* __restrict__ moved_var, int samples, int channels,
                                   T momentum, T correction) {
    const int channel = blockIdx.x * blockDim.x + threadIdx.x;
    if (channel >= channels) return;
    T mean_of_all = 0, variance_of_all = 0;
    for (int n = 0; n < samples; ++n) {
        const long long at = (long long)n * channels + channel;
        mean_of_all += mean[at] + rest[at];
        variance_of_all += variance[at];
    }
    const T to_mean = mean_of_all / samples, to_var = variance_of_all / samples * correction;
    moved_mean[channel] = (1 - momentum) * running_mean[channel] + momentum * to_mean;
    moved_var[channel] = (1 - momentum) * running_var[channel] + momentum * to_var;
}

// ---- y, from them

constexpr int STEPS = 4;  // of V elements, for each thread

template <typename T, bool wide>
__global__ void batch_norm_apply(const T* __restrict__ x, const mg_acc<T>* __restrict__ mean,
                                 const mg_acc<T>* __restrict__ rest,
                                 const mg_acc<T>* __restrict__ variance,
                                 const mg_acc<T>* __restrict__ weight,
                                 const mg_acc<T>* __restrict__ bias, T* __restrict__ y,
                                 int samples, int channels, int positions, mg_acc<T> eps) {
    using A = mg_acc<T>;
    constexpr int V = wide ? MG_WIDE<T> : 1;
    const channel_place place(channels, positions, blockDim.x * V * STEPS);
    const long long end = (long long)samples * channels * positions;
    A values[V];
    for (int step = 0; step < STEPS; ++step) {
        const int i = (step * blockDim.x + threadIdx.x) * V;
        if (place.start + i >= end) return;
        const int c = place.channel(i);  // of all V: V divides positions
        const A middle = mean ? mean[c] : 0, left = rest ? rest[c] : 0;
        const A scale = variance ? 1 / mg_sqrt(variance[c] + eps) : 1;
        const A slope = weight ? weight[c] * scale : scale, shift = bias ? bias[c] : 0;
        mg_load_many<V>(x, place.start + i, values);
        for (int k = 0; k < V; ++k) values[k] = (values[k] - middle - left) * slope + shift;
        mg_store_many<V>(y, place.start + i, values);
    }
}

// ---- backward

// sums (chunks, 2, channels): Σ g·x̂ and Σ g of each chunk.
template <typename T, bool wide>
__global__ void batch_norm_sums(const T* __restrict__ g, const T* __restrict__ x,
                                const mg_acc<T>* __restrict__ mean,
                                const mg_acc<T>* __restrict__ rest,
                                const mg_acc<T>* __restrict__ variance,
                                mg_acc<T>* __restrict__ sums, int samples, int channels,
                                int positions, int chunk, mg_acc<T> eps) {
    using A = mg_acc<T>;
    constexpr int V = wide ? MG_WIDE<T> : 1;
    const channel_chunk here(samples, channels, positions, chunk);
    const int c = here.channel;
    const A middle = mean[c], left = rest ? rest[c] : 0;
    A upper[V], values[V], total[2] = {0, 0};
    for (int i = threadIdx.x * V; i < here.count; i += blockDim.x * V) {
        mg_load_many<V>(g, here(i), upper);
        mg_load_many<V>(x, here(i), values);
        for (int k = 0; k < V; ++k) {
            total[0] += upper[k] * (values[k] - middle - left);
            total[1] += upper[k];
        }
    }
    mg_block_sums(total);
    if (threadIdx.x > 0) return;
    A* out = sums + (long long)(blockIdx.x / channels) * 2 * channels + c;
    out[0] = variance ? total[0] / mg_sqrt(variance[c] + eps) : total[0];
    out[channels] = total[1];
}

// sums (2, channels): Σ g·x̂ and Σ g of each channel.
template <typename T, bool wide>
__global__ void batch_norm_backward(
    const T* __restrict__ g, const T* __restrict__ x, const mg_acc<T>* __restrict__ mean,
    const mg_acc<T>* __restrict__ rest, const mg_acc<T>* __restrict__ variance,
    const mg_acc<T>* __restrict__ weight, const mg_acc<T>* __restrict__ sums,
    T* __restrict__ dx, int samples, int channels, int positions, mg_acc<T> eps) {
    using A = mg_acc<T>;
    constexpr int V = wide ? MG_WIDE<T> : 1;
    const channel_place place(channels, positions, blockDim.x * V * STEPS);
    const long long end = (long long)samples * channels * positions;
    const A share = A(1) / ((long long)samples * positions);
    A upper[V], values[V];
    for (int step = 0; step < STEPS; ++step) {
        const int i = (step * blockDim.x + threadIdx.x) * V;
        if (place.start + i >= end) return;
        const int c = place.channel(i);
        const A scale = 1 / mg_sqrt(variance[c] + eps), slope = weight ? weight[c] * scale : scale;
        const A along = sums[c] * share * scale, plain = sums[channels + c] * share;
        const A middle = mean[c], left = rest[c];
        mg_load_many<V>(g, place.start + i, upper);
        mg_load_many<V>(x, place.start + i, values);
        for (int k = 0; k < V; ++k)
            upper[k] = slope * (upper[k] - plain - (values[k] - middle - left) * along);
        mg_store_many<V>(dx, place.start + i, upper);
    }
}

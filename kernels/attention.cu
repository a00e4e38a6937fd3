// attention.cu — attention without its matrix of weights: forward, and all gradients.
//
//     S = q kᵀ·scale + mask, -∞ where a query may not look      m = max_keys S
//     E = exp(S - m)         r = 1 / Σ_keys E, 0 if Σ = 0        P = r·E         y = P v
//
//     delta = Σ g·y along a row      dS = P ∘ (g vᵀ - delta)
//     dq = dS k·scale        dk = dSᵀ q·scale        dv = Pᵀ g        dmask = Σ dS
//
// Shapes: q (samples, queries, heads, width), k (samples, keys, heads, width), v (samples, keys,
// heads, value_width), y and g as v with queries; largest = m, reciprocal = r and delta (samples,
// queries, heads); masks (samples, heads, queries, keys), each size its own or 1. Rows come before
// heads, as a projection writes and reads them.
//
// Forward: a block owns 64 rows of queries of one head (32 in double), and meets the keys 32 at a
// time. It keeps the running maximum and sum of each row; when a larger score comes, what was
// summed so far is multiplied by exp(old - new). The weights of a step go through shared memory,
// from the threads that computed them to those that mix the values: all in one warp. Nothing as
// large as the scores is ever in global memory: m and r suffice for the backward to make P again.
// Backward: dq by blocks that own queries, dk and dv by blocks that own keys, so that every sum has
// one owner and no order of blocks can change it: five matrix products become seven, and no
// atomics. m and r are kept apart: log Σ + m would lose the sum's digits where scores are large.
//
// Tried: masks added in registers, and results stored from them (both have to be unrolled: twice
// the code, and up to 250 registers). Considered: tiles of 16-bit numbers (half of the shared
// memory, but a conversion for each number read); slices of 128 columns (more than the 64 kB that
// every GPU has: so heads wider than 64 score once per slice of the result, 1.5 times the work at
// 128). Still to come: copies that run ahead of the step, and tensor cores: here all is plain
// multiply-add. Sources: Dao et al., FlashAttention, 2022; Milakov and Gimelshein, Online
// normalizer calculation for softmax, 2018. Reference: attention.py.   Read next: mg_attention.cuh.
#include "mg_attention.cuh"
#include "mg_reduce.cuh"

// Sum, or maximum, over the threads that share rows: neighbours in a warp.
template <typename A, typename F>
__device__ __forceinline__ A across_threads(const mg_tiles<A>& t, A v, F combined) {
    for (int distance = 1; distance < t.across; distance *= 2)
        v = combined(v, __shfl_xor_sync(MG_ALL_LANES, v, distance));
    return v;
}

template <typename A>
__device__ __forceinline__ void scale_result(mg_result<A>& result, A factor) {
#pragma unroll
    for (int i = 0; i < MG_WIDE<A>; i++)
#pragma unroll
        for (int m = 0; m < MG_OUTPUTS; m++)
            result[i][m] *= factor;
}

// A row's number in an array (samples, count, heads); 0 past its end.
template <typename A>
__device__ __forceinline__ A of_row(const A* array, int sample, int row, int count, int head,
                                    int heads) {
    return row < count ? array[((long long)sample * count + row) * heads + head] : A(0);
}

template <typename T>
__global__ void attention_forward(const T* __restrict__ q, const T* __restrict__ k,
                                  const T* __restrict__ v, const bool* __restrict__ allowed,
                                  const mg_acc<T>* __restrict__ mask, T* __restrict__ y,
                                  mg_acc<T>* __restrict__ largest,
                                  mg_acc<T>* __restrict__ reciprocal, int heads, int queries,
                                  int keys, int width, int value_width, int mask_samples,
                                  int mask_heads, int mask_queries, int mask_keys, int causal,
                                  mg_acc<T> scale) {
    using A = mg_acc<T>;
    MG_DYN_SHARED(A, shared);
    constexpr int SIDE = MG_WIDE<A>;
    const mg_tiles<A> t;
    const int tiles = (queries + t.OWN - 1) / t.OWN;
    const int start = (tiles - 1 - blockIdx.x % tiles) * t.OWN;  // long causal rows come first
    const int sample = blockIdx.x / tiles / heads, head = blockIdx.x / tiles % heads;
    const int slice = blockIdx.y;
    const mg_head<const T> query_rows(q, sample, head, heads, queries, width);
    const mg_head<const T> key_rows(k, sample, head, heads, keys, width);
    const mg_head<const T> value_rows(v, sample, head, heads, keys, value_width);
    const mg_scores<A> rules(allowed, mask, sample, head, mask_samples, mask_heads, mask_queries,
                             mask_keys, queries, keys, causal, scale);
    A* const own = shared;
    A* const other = own + t.OWN * t.stride;
    A* const weights = other + t.others * t.stride;

    mg_result<A> result = {};
    A total[SIDE] = {};
    A top[SIDE];
    for (int i = 0; i < SIDE; i++)
        top[i] = mg_minus_infinity<A>();
    const int end = causal ? min(keys, start + t.OWN) : keys;
    for (int key = 0; key < end; key += t.others) {
        mg_dots<A> scores;
        mg_products(t, query_rows, start, key_rows, key, key == 0, 0, own, other, scores);
        mg_score<false>(t, rules, start, key, weights, scores);
#pragma unroll
        for (int i = 0; i < SIDE; i++) {
            A high = top[i];
            for (int j = 0; j < SIDE; j++)
                high = mg_max(high, scores[i][j]);
            high = across_threads(t, high, [](A a, A b) { return mg_max(a, b); });
            const A shift = high == mg_minus_infinity<A>() ? A(0) : high;
            const A fade = mg_exp(top[i] - shift);
            top[i] = high;
            total[i] *= fade;
            for (int m = 0; m < MG_OUTPUTS; m++)
                result[i][m] *= fade;
            for (int j = 0; j < SIDE; j++) {
                const A weight = mg_exp(scores[i][j] - shift);
                total[i] += weight;
                weights[t.own(i) * t.weights_stride + t.other(j)] = weight;
            }
        }
        __syncthreads();  // nobody reads the keys any more: the values take their place
        mg_load_rows(t, value_rows, key, t.others, slice, other);
        __syncthreads();
        mg_mixture(t, weights, other, result);
    }

#pragma unroll
    for (int i = 0; i < SIDE; i++) {
        const int row = start + t.own(i);
        const A sum = across_threads(t, total[i], [](A a, A b) { return a + b; });
        const A inverse = sum == 0 ? A(0) : 1 / sum;
        for (int m = 0; m < MG_OUTPUTS; m++)
            result[i][m] *= inverse;
        if (t.x == 0 && slice == 0 && row < queries) {
            const long long place = ((long long)sample * queries + row) * heads + head;
            largest[place] = top[i] == mg_minus_infinity<A>() ? A(0) : top[i];
            reciprocal[place] = inverse;
        }
    }
    const mg_head<T> made(y, sample, head, heads, queries, value_width);
    mg_store_rows(t, made, start, slice, result, own);
}

// delta[row] = Σ g·y, a warp for each row.
template <typename T>
__global__ void attention_delta(const T* __restrict__ g, const T* __restrict__ y,
                                mg_acc<T>* __restrict__ delta, int rows, int value_width) {
    const int row = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32, lane = threadIdx.x % 32;
    if (row >= rows) return;
    const long long start = (long long)row * value_width;
    mg_acc<T> sum = 0;
    for (int c = lane; c < value_width; c += 32)
        sum += mg_load(g, start + c) * mg_load(y, start + c);
    sum = mg_warp_sum(sum);
    if (lane == 0) delta[row] = sum;
}

template <typename T>
__global__ void attention_backward_query(
    const T* __restrict__ q, const T* __restrict__ k, const T* __restrict__ v,
    const T* __restrict__ g, const bool* __restrict__ allowed,
    const mg_acc<T>* __restrict__ mask, const mg_acc<T>* __restrict__ largest,
    const mg_acc<T>* __restrict__ reciprocal, const mg_acc<T>* __restrict__ delta,
    T* __restrict__ dq, int heads, int queries, int keys, int width, int value_width,
    int mask_samples, int mask_heads, int mask_queries, int mask_keys, int causal,
    mg_acc<T> scale) {
    using A = mg_acc<T>;
    MG_DYN_SHARED(A, shared);
    constexpr int SIDE = MG_WIDE<A>;
    const mg_tiles<A> t;
    const int tiles = (queries + t.OWN - 1) / t.OWN;
    const int start = (tiles - 1 - blockIdx.x % tiles) * t.OWN;
    const int sample = blockIdx.x / tiles / heads, head = blockIdx.x / tiles % heads;
    const int slice = blockIdx.y;
    const mg_head<const T> query_rows(q, sample, head, heads, queries, width);
    const mg_head<const T> key_rows(k, sample, head, heads, keys, width);
    const mg_head<const T> value_rows(v, sample, head, heads, keys, value_width);
    const mg_head<const T> slope_rows(g, sample, head, heads, queries, value_width);
    const mg_scores<A> rules(allowed, mask, sample, head, mask_samples, mask_heads, mask_queries,
                             mask_keys, queries, keys, causal, scale);
    A* const own_query = shared;
    A* const own_slope = own_query + t.OWN * t.stride;
    A* const other = own_slope + t.OWN * t.stride;
    A* const weights = other + t.others * t.stride;

    mg_result<A> result = {};
    A high[SIDE];
    A inverse[SIDE];
    A along[SIDE];
#pragma unroll
    for (int i = 0; i < SIDE; i++) {
        high[i] = of_row(largest, sample, start + t.own(i), queries, head, heads);
        inverse[i] = of_row(reciprocal, sample, start + t.own(i), queries, head, heads);
        along[i] = of_row(delta, sample, start + t.own(i), queries, head, heads);
    }
    const int end = causal ? min(keys, start + t.OWN) : keys;
    for (int key = 0; key < end; key += t.others) {
        mg_dots<A> slopes, scores;
        mg_products(t, slope_rows, start, value_rows, key, key == 0, 0, own_slope, other, slopes);
        mg_products(t, query_rows, start, key_rows, key, key == 0, slice, own_query, other, scores);
        mg_score<false>(t, rules, start, key, weights, scores);
#pragma unroll
        for (int i = 0; i < SIDE; i++)
#pragma unroll
            for (int j = 0; j < SIDE; j++)
                weights[t.own(i) * t.weights_stride + t.other(j)] =
                    mg_exp(scores[i][j] - high[i]) * inverse[i] * (slopes[i][j] - along[i]);
        __syncwarp();
        mg_mixture(t, weights, other, result);
    }
    const mg_head<T> made(dq, sample, head, heads, queries, width);
    scale_result(result, scale);
    mg_store_rows(t, made, start, slice, result, own_slope);
}

// The same with the sides exchanged: own rows are keys and values, the others queries and g.
template <typename T>
__global__ void attention_backward_key_value(
    const T* __restrict__ q, const T* __restrict__ k, const T* __restrict__ v,
    const T* __restrict__ g, const bool* __restrict__ allowed,
    const mg_acc<T>* __restrict__ mask, const mg_acc<T>* __restrict__ largest,
    const mg_acc<T>* __restrict__ reciprocal, const mg_acc<T>* __restrict__ delta,
    T* __restrict__ dk, T* __restrict__ dv, int heads, int queries, int keys, int width,
    int value_width, int mask_samples, int mask_heads, int mask_queries, int mask_keys, int causal,
    mg_acc<T> scale) {
    using A = mg_acc<T>;
    MG_DYN_SHARED(A, shared);
    constexpr int SIDE = MG_WIDE<A>;
    const mg_tiles<A> t;
    const int tiles = (keys + t.OWN - 1) / t.OWN;
    const int start = blockIdx.x % tiles * t.OWN;  // long causal columns come first
    const int sample = blockIdx.x / tiles / heads, head = blockIdx.x / tiles % heads;
    const int slice = blockIdx.y;
    const mg_head<const T> query_rows(q, sample, head, heads, queries, width);
    const mg_head<const T> key_rows(k, sample, head, heads, keys, width);
    const mg_head<const T> value_rows(v, sample, head, heads, keys, value_width);
    const mg_head<const T> slope_rows(g, sample, head, heads, queries, value_width);
    const mg_scores<A> rules(allowed, mask, sample, head, mask_samples, mask_heads, mask_queries,
                             mask_keys, queries, keys, causal, scale);
    A* const own_key = shared;
    A* const own_value = own_key + t.OWN * t.stride;
    A* const other_query = own_value + t.OWN * t.stride;
    A* const other_slope = other_query + t.others * t.stride;
    A* const weights = other_slope + t.others * t.stride;

    mg_result<A> key_result = {}, value_result = {};
    const int first = causal ? start / t.others * t.others : 0;  // earlier queries see no own key
    for (int query = first; query < queries; query += t.others) {
        const bool fresh = query == first;
        mg_dots<A> scores, slopes;
        mg_products(t, key_rows, start, query_rows, query, fresh, slice, own_key, other_query,
                    scores);
        mg_products(t, value_rows, start, slope_rows, query, fresh, slice, own_value, other_slope,
                    slopes);
        mg_score<true>(t, rules, start, query, weights, scores);
#pragma unroll
        for (int j = 0; j < SIDE; j++) {
            const int row = query + t.other(j);
            const A high = of_row(largest, sample, row, queries, head, heads);
            const A inverse = of_row(reciprocal, sample, row, queries, head, heads);
            const A along = of_row(delta, sample, row, queries, head, heads);
#pragma unroll
            for (int i = 0; i < SIDE; i++) {
                const A weight = mg_exp(scores[i][j] - high) * inverse;
                weights[t.own(i) * t.weights_stride + t.other(j)] = weight;
                slopes[i][j] = weight * (slopes[i][j] - along);
            }
        }
        __syncwarp();
        mg_mixture(t, weights, other_slope, value_result);
        __syncwarp();  // P has been read: dS takes its place
#pragma unroll
        for (int i = 0; i < SIDE; i++)
#pragma unroll
            for (int j = 0; j < SIDE; j++)
                weights[t.own(i) * t.weights_stride + t.other(j)] = slopes[i][j];
        __syncwarp();
        mg_mixture(t, weights, other_query, key_result);
    }
    scale_result(key_result, scale);
    const mg_head<T> made_key(dk, sample, head, heads, keys, width);
    const mg_head<T> made_value(dv, sample, head, heads, keys, value_width);
    mg_store_rows(t, made_key, start, slice, key_result, own_key);
    mg_store_rows(t, made_value, start, slice, value_result, own_value);
}

// dmask: a block owns a tile of the mask, and adds up whatever the mask was broadcast to.
template <typename T>
__global__ void attention_backward_mask(
    const T* __restrict__ q, const T* __restrict__ k, const T* __restrict__ v,
    const T* __restrict__ g, const mg_acc<T>* __restrict__ mask,
    const mg_acc<T>* __restrict__ largest, const mg_acc<T>* __restrict__ reciprocal,
    const mg_acc<T>* __restrict__ delta, mg_acc<T>* __restrict__ dmask, int samples, int heads,
    int queries, int keys, int width, int value_width, int mask_samples, int mask_heads,
    int mask_queries, int mask_keys, mg_acc<T> scale) {
    using A = mg_acc<T>;
    MG_DYN_SHARED(A, shared);
    constexpr int SIDE = MG_WIDE<A>;
    const mg_tiles<A> t;
    A* const own = shared;
    A* const other = own + t.OWN * t.stride;
    A* const sums = other + t.others * t.stride;

    const int across = (mask_keys + t.others - 1) / t.others;
    const int down = (mask_queries + t.OWN - 1) / t.OWN;
    const int key_start = blockIdx.x % across * t.others;
    const int query_start = blockIdx.x / across % down * t.OWN;
    const int pair = blockIdx.x / across / down;
    const int mask_sample = pair / mask_heads, mask_head = pair % mask_heads;
    const int query_end = mask_queries > 1 ? min(queries, query_start + t.OWN) : queries;
    const int key_end = mask_keys > 1 ? min(keys, key_start + t.others) : keys;

    mg_dots<A> total = {};
    for (int sample = mask_sample; sample < samples; sample += mask_samples)
        for (int head = mask_head; head < heads; head += mask_heads) {
            const mg_head<const T> query_rows(q, sample, head, heads, queries, width);
            const mg_head<const T> key_rows(k, sample, head, heads, keys, width);
            const mg_head<const T> value_rows(v, sample, head, heads, keys, value_width);
            const mg_head<const T> slope_rows(g, sample, head, heads, queries, value_width);
            const mg_scores<A> rules(nullptr, mask, sample, head, mask_samples, mask_heads,
                                     mask_queries, mask_keys, queries, keys, false, scale);
            for (int query = query_start; query < query_end; query += t.OWN)
                for (int key = key_start; key < key_end; key += t.others) {
                    mg_dots<A> slopes, scores;
                    mg_products(t, slope_rows, query, value_rows, key, true, 0, own, other, slopes);
                    mg_products(t, query_rows, query, key_rows, key, true, 0, own, other, scores);
                    mg_score<false>(t, rules, query, key, sums, scores);
#pragma unroll
                    for (int i = 0; i < SIDE; i++) {
                        const int row = query + t.own(i);
                        const A high = of_row(largest, sample, row, queries, head, heads);
                        const A inverse = of_row(reciprocal, sample, row, queries, head, heads);
                        const A along = of_row(delta, sample, row, queries, head, heads);
#pragma unroll
                        for (int j = 0; j < SIDE; j++)
                            total[i][j] += mg_exp(scores[i][j] - high) * inverse *
                                           (slopes[i][j] - along);
                    }
                }
        }

#pragma unroll
    for (int i = 0; i < SIDE; i++)
#pragma unroll
        for (int j = 0; j < SIDE; j++)
            sums[t.own(i) * t.weights_stride + t.other(j)] = total[i][j];
    __syncthreads();
    // A mask of one row takes the sum of all rows of the tile, a mask of one column likewise.
    const int rows = min(mask_queries - query_start, t.OWN);
    const int columns = min(mask_keys - key_start, t.others);
    for (int n = threadIdx.x; n < rows * columns; n += blockDim.x) {
        const int row = n / columns, column = n % columns;
        A sum = 0;
        for (int r = row; r < t.OWN; r += mask_queries > 1 ? t.OWN : 1)
            for (int c = column; c < t.others; c += mask_keys > 1 ? t.others : 1)
                sum += sums[r * t.weights_stride + c];
        const long long place = (long long)pair * mask_queries + query_start + row;
        dmask[place * mask_keys + key_start + column] = sum;
    }
}

// mg_attention.cuh — tiles of attention: products of rows, mixtures of rows, who may look where.
//
//     products   dots[r, c] = Σ_d own[r, d] · other[c, d]
//     mixture    result[r, d] += Σ_c weights[r, c] · other[c, d]
//
// Idea: all of attention, backward too, is these two, between the rows that a block owns (of
// queries, or of keys) and all rows of the other side, which come past in steps. Both are matrix
// products in shared memory: a thread holds a square of dots and a few rows of the result in
// registers, so that each number that it reads is used several times, and reads 16 bytes at a time.
//
// A block is `across` × 16 threads. Per thread, with SIDE numbers in 16 bytes: SIDE × SIDE dots,
// and SIDE rows × 8 columns of the result. So a block owns 16·SIDE rows, meets SIDE·across in a
// step, and sees columns in slices of 8·across: `across` is 4 for heads of up to 32 columns, else
// 8. Wider heads come in several slices, and a block makes one slice of the result.
//
// Rows of a tile are 16 bytes longer than the slice, an odd number of them: so the eight rows that
// eight threads read at once lie in different banks.   Read next: attention.cu.
#pragma once
#include "mg_common.cuh"

constexpr int MG_DOWN = 16;    // rows of threads in a block
constexpr int MG_OUTPUTS = 8;  // columns of the result that a thread holds

// Where this thread stands, and the sizes of the tiles.
template <typename A>
struct mg_tiles {
    static constexpr int SIDE = MG_WIDE<A>;
    static constexpr int OWN = MG_DOWN * SIDE;

    const int across = blockDim.x / MG_DOWN;
    const int x = threadIdx.x % across, y = threadIdx.x / across;
    const int others = SIDE * across;
    const int slice = MG_OUTPUTS * across;
    const int stride = slice + SIDE;           // of a tile of rows
    const int weights_stride = others + SIDE;  // of a tile of weights (OWN, others)

    // Which row of its own, which of the others, which column of a slice the thread's number is.
    __device__ __forceinline__ int own(int i) const { return y * SIDE + i; }
    __device__ __forceinline__ int other(int j) const { return x + across * j; }
    __device__ __forceinline__ int column(int m) const {
        return (m / SIDE * across + x) * SIDE + m % SIDE;
    }
    __device__ __forceinline__ int slices(int width) const {
        return width > slice ? (width + slice - 1) / slice : 1;
    }
};

template <typename A>
using mg_dots = A[MG_WIDE<A>][MG_WIDE<A>];
template <typename A>
using mg_result = A[MG_WIDE<A>][MG_OUTPUTS];

// ---- rows of one head, in global memory

// Of an array (samples, count, heads, width); T is const for what is read.
template <typename T>
struct mg_head {
    T* first;
    long long step;
    int count, width;
    bool wide;  // whether 16 bytes may be read at once

    __device__ mg_head(T* array, int sample, int head, int heads, int count, int width)
        : first(array + ((long long)sample * count * heads + head) * width),
          step((long long)heads * width),
          count(count),
          width(width),
          wide(width % MG_WIDE<T> == 0 && mg_are_aligned(array)) {}

    __device__ __forceinline__ T* row(int r) const { return first + r * step; }
};

// Calls f(row, column of the slice, column of the array) for V columns at a time of `total` rows:
// neighbouring threads take neighbours in memory.
template <int V, typename A, typename F>
__device__ __forceinline__ void mg_each(const mg_tiles<A>& t, int total, int slice, F f) {
#pragma unroll 1
    for (int r = t.y; r < total; r += MG_DOWN)
#pragma unroll(V > 1 ? MG_OUTPUTS / V : 1)
        for (int m = 0; m < MG_OUTPUTS; m += V)
            f(r, m * t.across + t.x * V, slice * t.slice + m * t.across + t.x * V);
}

// `total` rows, from `start` on, and a slice of their columns, to a tile; zeros outside the array.
template <typename T, typename A = mg_acc<T>>
__device__ __forceinline__ void mg_load_rows(const mg_tiles<A>& t, const mg_head<const T>& rows,
                                             int start, int total, int slice, A* tile) {
    constexpr int WIDE = MG_WIDE<T>, SIDE = MG_WIDE<A>;
    if (rows.wide)
        mg_each<WIDE>(t, total, slice, [&](int r, int place, int column) {
            mg_pack<T, WIDE> read = {};
            if (start + r < rows.count && column < rows.width)
                read = mg_load_pack<WIDE>(rows.row(start + r) + column);
#pragma unroll
            for (int e = 0; e < WIDE; e += SIDE) {
                mg_pack<A, SIDE> part;
#pragma unroll
                for (int i = 0; i < SIDE; i++)
                    part.at[i] = mg_load(read.at, e + i);
                mg_store_pack(tile + r * t.stride + place + e, part);
            }
        });
    else
        mg_each<1>(t, total, slice, [&](int r, int place, int column) {
            const bool there = start + r < rows.count && column < rows.width;
            tile[r * t.stride + place] = there ? mg_load(rows.row(start + r), column) : A(0);
        });
}

// The block's own rows of a result, through a tile that nobody reads any more.
template <typename T, typename A = mg_acc<T>>
__device__ __forceinline__ void mg_store_rows(const mg_tiles<A>& t, const mg_head<T>& rows,
                                              int start, int slice, const mg_result<A>& result,
                                              A* tile) {
    constexpr int WIDE = MG_WIDE<T>, SIDE = MG_WIDE<A>;
#pragma unroll
    for (int i = 0; i < SIDE; i++)
#pragma unroll
        for (int m = 0; m < MG_OUTPUTS; m += SIDE) {
            mg_pack<A, SIDE> part;
#pragma unroll
            for (int e = 0; e < SIDE; e++)
                part.at[e] = result[i][m + e];
            mg_store_pack(tile + t.own(i) * t.stride + t.column(m), part);
        }
    __syncthreads();
    if (rows.wide)
        mg_each<WIDE>(t, t.OWN, slice, [&](int r, int place, int column) {
            mg_pack<T, WIDE> made;
#pragma unroll
            for (int e = 0; e < WIDE; e++)
                mg_store(made.at, e, tile[r * t.stride + place + e]);
            if (start + r < rows.count && column < rows.width)
                mg_store_pack(rows.row(start + r) + column, made);
        });
    else
        mg_each<1>(t, t.OWN, slice, [&](int r, int place, int column) {
            if (start + r < rows.count && column < rows.width)
                mg_store(rows.row(start + r), column, tile[r * t.stride + place]);
        });
}

// ---- the two matrix products

// dots of the own rows from `own_start` on with the others from `other_start` on. Both tiles are
// left with the slice `last`. fresh: the own tile is not yet that of these rows.
template <typename T, typename A = mg_acc<T>>
__device__ __forceinline__ void mg_products(const mg_tiles<A>& t, const mg_head<const T>& own,
                                            int own_start, const mg_head<const T>& other,
                                            int other_start, bool fresh, int last, A* own_tile,
                                            A* other_tile, mg_dots<A>& dots) {
    constexpr int SIDE = MG_WIDE<A>;
    const int slices = t.slices(own.width);
#pragma unroll
    for (int i = 0; i < SIDE; i++)
#pragma unroll
        for (int j = 0; j < SIDE; j++)
            dots[i][j] = 0;
    for (int n = 1; n <= slices; n++) {
        const int slice = (last + n) % slices;
        __syncthreads();  // nobody reads the tiles any more
        if (fresh || slices > 1) mg_load_rows(t, own, own_start, t.OWN, slice, own_tile);
        mg_load_rows(t, other, other_start, t.others, slice, other_tile);
        __syncthreads();
        const int used = min(t.slice, own.width - slice * t.slice);
#pragma unroll 1
        for (int d = 0; d < used; d += SIDE) {
            mg_pack<A, SIDE> a[SIDE], b[SIDE];
#pragma unroll
            for (int i = 0; i < SIDE; i++) {
                a[i] = mg_load_pack<SIDE>(own_tile + t.own(i) * t.stride + d);
                b[i] = mg_load_pack<SIDE>(other_tile + t.other(i) * t.stride + d);
            }
#pragma unroll
            for (int e = 0; e < SIDE; e++)
#pragma unroll
                for (int i = 0; i < SIDE; i++)
#pragma unroll
                    for (int j = 0; j < SIDE; j++)
                        dots[i][j] += a[i].at[e] * b[j].at[e];
        }
    }
}

// result += weights · others. Only threads of one warp share rows of weights.
template <typename A>
__device__ __forceinline__ void mg_mixture(const mg_tiles<A>& t, const A* weights,
                                           const A* other_tile, mg_result<A>& result) {
    constexpr int SIDE = MG_WIDE<A>;
#pragma unroll 1
    for (int c = 0; c < t.others; c += SIDE) {
        mg_pack<A, SIDE> w[SIDE];
#pragma unroll
        for (int i = 0; i < SIDE; i++)
            w[i] = mg_load_pack<SIDE>(weights + t.own(i) * t.weights_stride + c);
#pragma unroll
        for (int e = 0; e < SIDE; e++)
#pragma unroll
            for (int m = 0; m < MG_OUTPUTS; m += SIDE) {
                const auto v = mg_load_pack<SIDE>(other_tile + (c + e) * t.stride + t.column(m));
#pragma unroll
                for (int i = 0; i < SIDE; i++)
#pragma unroll
                    for (int k = 0; k < SIDE; k++)
                        result[i][m + k] += w[i].at[e] * v.at[k];
            }
    }
}

// ---- scores

template <typename A>
__device__ __forceinline__ A mg_minus_infinity() { return 2 * mg_lowest<A>(); }

// What makes scores of products: the scale, the mask (any of whose sizes may be 1, and stands for
// all of its dimension then), and who may look where.
template <typename A>
struct mg_scores {
    const bool* allowed;
    const A* mask;
    long long start, query_step, key_step;
    int queries, keys;
    bool causal;
    A scale;

    // Of one sample and head.
    __device__ mg_scores(const bool* allowed, const A* mask, int sample, int head, int mask_samples,
                         int mask_heads, int mask_queries, int mask_keys, int queries, int keys,
                         bool causal, A scale)
        : allowed(allowed),
          mask(mask),
          start((long long)(mask_samples > 1 ? sample : 0) * mask_heads),
          query_step(mask_queries > 1 ? mask_keys : 0),
          key_step(mask_keys > 1 ? 1 : 0),
          queries(queries),
          keys(keys),
          causal(causal),
          scale(scale) {
        start = (start + (mask_heads > 1 ? head : 0)) * mask_queries * mask_keys;
    }

    // What the mask adds: -infinity where the query may not look at the key.
    __device__ __forceinline__ A term(int query, int key) const {
        if (query >= queries || key >= keys) return 0;
        const long long place = start + query * query_step + key * key_step;
        if (allowed) return allowed[place] ? A(0) : mg_minus_infinity<A>();
        return mask[place];
    }
};

// Scores of products, in place; -infinity where there is nothing to see. Either side may own the
// rows. What a mask adds comes by way of the thread's own weights in shared memory: a loop over
// registers would have to be unrolled, at length.
template <bool KEYS_OWN, typename A>
__device__ __forceinline__ void mg_score(const mg_tiles<A>& t, const mg_scores<A>& scores, int own,
                                         int other, A* weights, mg_dots<A>& dots) {
    constexpr int SIDE = MG_WIDE<A>;
#pragma unroll
    for (int i = 0; i < SIDE; i++)
#pragma unroll
        for (int j = 0; j < SIDE; j++) {
            const int query = KEYS_OWN ? other + t.other(j) : own + t.own(i);
            const int key = KEYS_OWN ? own + t.own(i) : other + t.other(j);
            const bool seen = query < scores.queries && key < scores.keys &&
                              (!scores.causal || key <= query);
            dots[i][j] = seen ? dots[i][j] * scores.scale : mg_minus_infinity<A>();
        }
    if (!scores.allowed && !scores.mask) return;
#pragma unroll 1
    for (int n = 0; n < SIDE * SIDE; n++) {
        const int i = t.own(n / SIDE), j = t.other(n % SIDE);
        weights[i * t.weights_stride + j] =
            KEYS_OWN ? scores.term(other + j, own + i) : scores.term(own + i, other + j);
    }
#pragma unroll
    for (int i = 0; i < SIDE; i++)
#pragma unroll
        for (int j = 0; j < SIDE; j++) {
            const A term = weights[t.own(i) * t.weights_stride + t.other(j)];
            const bool seen = term != mg_minus_infinity<A>();  // nan + -infinity would be nan
            dots[i][j] = seen ? dots[i][j] + term : term;
        }
}

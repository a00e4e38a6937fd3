// mg_rows.cuh — rows of a reduction: where they lie, who works on one, and how it is read.
//
// Idea: softmax and its kin reduce along one dimension of x, seen as (outer, columns, inner): a row
// is the `columns` numbers that are `inner` elements apart. A kernel is a template of Team, those
// who work on one row together, and is written once for all three:
//
//     a_warp      inner = 1, columns <= 1024: each lane holds its part in registers, read once
//     a_block     inner = 1, longer rows: read again for each visit, by then from a cache
//     a_thread    inner > 1: neighbouring threads have neighbouring rows; and rows of few columns
//
// A team visits its row in packs of V elements: wide ones, of 16 bytes, if they fit, else single
// elements. `Team::visit<V>(columns, f)` calls f(p, c) for this thread's p-th pack, which starts at
// column c, and `mg_row<Team, T, V>` gives it. Team::sum and Team::max give all of it the result.
// Read next: softmax.cu.
#pragma once
#include "mg_reduce.cuh"

constexpr int MG_HELD = 32;  // elements of a row that a lane of a warp holds

// ---- width

// Elements of a wide pack. Only one for double, which is for checks: unrolled for wide packs, it
// took half of the time in which a file compiles.
template <typename Team, typename T>
constexpr int mg_row_width = Team::side_by_side && sizeof(T) < 8 ? MG_WIDE<T> : 1;

// Whether rows of that many columns can be read in wide packs from all of these arrays.
template <typename Team, typename T, typename... Arrays>
__device__ __forceinline__ bool mg_fits(int columns, const T* first, const Arrays*... more) {
    constexpr int V = mg_row_width<Team, T>;
    return V != 1 && columns % V == 0 && mg_are_aligned(first, more...);
}

// ---- teams

struct a_warp {
    static constexpr bool side_by_side = true;  // whether the elements of a row are neighbours
    static constexpr bool held = true;          // whether wide packs stay in registers
    static __device__ long long row() {
        return (long long)blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
    }
    static __device__ int rank() { return threadIdx.x % 32; }
    template <typename A>
    static __device__ A sum(A v) { return mg_warp_sum(v); }
    template <typename A>
    static __device__ A max(A v) { return mg_warp_max(v); }
    template <int V, typename F>
    static __device__ void visit(int columns, F f) {
#pragma unroll (V == 1 ? 1 : MG_HELD)
        for (int p = 0; p < MG_HELD / V; p++) {  // unrolled: p must be known to name a register
            const int c = (rank() + p * 32) * V;
            if (c >= columns) break;
            f(p, c);
        }
    }
};

struct a_block {
    static constexpr bool side_by_side = true;
    static constexpr bool held = false;
    static __device__ long long row() { return blockIdx.x; }
    static __device__ int rank() { return threadIdx.x; }
    template <typename A>
    static __device__ A sum(A v) { return mg_block_sum(v); }
    template <typename A>
    static __device__ A max(A v) { return mg_block_max(v); }
    template <int V, typename F>
    static __device__ void visit(int columns, F f) {
        for (int c = rank() * V; c < columns; c += blockDim.x * V)
            f(0, c);
    }
};

struct a_thread {
    static constexpr bool side_by_side = false;
    static constexpr bool held = false;
    static __device__ long long row() { return (long long)blockIdx.x * blockDim.x + threadIdx.x; }
    static __device__ int rank() { return 0; }
    template <typename A>
    static __device__ A sum(A v) { return v; }
    template <typename A>
    static __device__ A max(A v) { return v; }
    template <int V, typename F>
    static __device__ void visit(int columns, F f) {
        for (int c = 0; c < columns; c++)
            f(0, c);
    }
};

// The place of the first element of this team's row; in 64 bits, for x can have more than 2^31.
template <typename Team>
__device__ __forceinline__ long long mg_row_start(int columns, int inner) {
    if constexpr (Team::side_by_side) return Team::row() * columns;
    return (Team::row() / inner * columns) * inner + Team::row() % inner;
}

// ---- reading

template <typename Team, typename T, int V, bool HELD = Team::held && (V > 1)>
struct mg_row {
    const T* at;
    long long step;
    __device__ mg_row(const T* row, int, int inner) : at(row), step(inner) {}
    __device__ mg_pack<T, V> pack(int, int c) const { return mg_load_pack<V>(at + c * step); }
};

template <typename Team, typename T, int V>
struct mg_row<Team, T, V, true> {
    mg_pack<T, V> held[MG_HELD / V];
    __device__ mg_row(const T* row, int columns, int) {
        Team::template visit<V>(columns, [&](int p, int c) {
            held[p] = mg_load_pack<V>(row + c);
        });
    }
    __device__ mg_pack<T, V> pack(int p, int) const { return held[p]; }
};

// ---- Σ exp(x), without overflow

// What was seen of a row: its largest element, and Σ exp(x - top) of all. When a larger one comes,
// the sum shrinks: one visit is enough (Milakov & Gimelshein, Online normalizer calculation, 2018).
// inf counts as the largest finite number, and then leaves an infinite total.
template <typename A>
struct mg_exponentials {
    A top = mg_lowest<A>();
    A total = 0;

    template <typename T, int V>
    __device__ __forceinline__ void add(mg_pack<T, V> pack) {
        A higher = top;
        for (int j = 0; j < V; j++)
            higher = mg_max(higher, A(pack.at[j]));
        higher = -mg_max(-higher, mg_lowest<A>());  // at most the largest finite number
        total *= mg_exp(top - higher);
        top = higher;
        for (int j = 0; j < V; j++)
            total += mg_exp(A(pack.at[j]) - top);
    }

    // The same of all that the team has seen, for each of its threads.
    template <typename Team>
    __device__ __forceinline__ void share() {
        const A highest = Team::max(top);
        total = Team::sum(total * mg_exp(top - highest));
        top = highest;
    }
};

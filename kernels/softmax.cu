// softmax.cu — softmax, log-softmax and logsumexp along a dimension, and their gradients.
//
//     y[r, c] = exp(x[r, c] - top_r) / total_r        total_r = Σ_c exp(x[r, c] - top_r)
//     log:      x[r, c] - top_r - log(total_r)        logsumexp_r = top_r + log(total_r)
//     dx[r, c] = y·(g - Σ_c g·y)                      log: g - exp(y)·Σ_c g
//
// Memory: x, y, g, dx (outer, columns, inner) in C order; a row r is the `columns` numbers at one
// (outer, inner). Who works on a row depends on its shape: a_warp, a_block or a_thread (see
// mg_rows.cuh). Memory is read once; rows of a block come from a cache the second time.
//
// Considered: three visits (max, sum, write), one more than needed for rows that are not held; a
// transposed copy where inner > 1, twice the traffic (the caller makes it for few, long rows only);
// a warp for rows of ten columns, most of whose lanes would have nothing to do.
// Reference: softmax.py.   Read next: mg_rows.cuh, cross_entropy.cu.
#include "mg_rows.cuh"

// ---- forward

template <typename T, bool LOG, typename Team, int V>
__device__ __forceinline__ void forward(const T* x, T* y, int columns, int inner) {
    using A = mg_acc<T>;
    const mg_row<Team, T, V> row(x, columns, inner);
    mg_exponentials<A> seen;
    Team::template visit<V>(columns, [&](int p, int c) {
        seen.add(row.pack(p, c));
    });
    seen.template share<Team>();
    const A total = seen.total + (seen.total - seen.total);  // nan, not inf, if there is an inf
    const A scale = LOG ? mg_log(total) : 1 / total;
    Team::template visit<V>(columns, [&](int p, int c) {
        mg_pack<T, V> pack = row.pack(p, c);
        for (int j = 0; j < V; j++) {
            const A shifted = A(pack.at[j]) - seen.top;
            pack.at[j] = T(LOG ? shifted - scale : mg_exp(shifted) * scale);
        }
        mg_store_pack(y + (long long)c * inner, pack);
    });
}

template <typename T, bool LOG, typename Team>
__global__ void softmax_forward(const T* __restrict__ x, T* __restrict__ y, int outer, int columns,
                                int inner) {
    if (Team::row() >= (long long)outer * inner) return;
    const long long start = mg_row_start<Team>(columns, inner);
    if (mg_fits<Team>(columns, x, y))
        forward<T, LOG, Team, mg_row_width<Team, T>>(x + start, y + start, columns, inner);
    else
        forward<T, LOG, Team, 1>(x + start, y + start, columns, inner);
}

// ---- logsumexp

template <typename T, typename Team, int V>
__device__ __forceinline__ void logsumexp_of(const T* x, T* y, int columns, int inner) {
    using A = mg_acc<T>;
    mg_exponentials<A> seen;
    Team::template visit<V>(columns, [&](int, int c) {
        seen.add(mg_load_pack<V>(x + (long long)c * inner));
    });
    seen.template share<Team>();
    if (Team::rank() == 0) mg_store(y, Team::row(), seen.top + mg_log(seen.total));
}

template <typename T, typename Team>
__global__ void logsumexp(const T* __restrict__ x, T* __restrict__ y, int outer, int columns,
                          int inner) {
    if (Team::row() >= (long long)outer * inner) return;
    const T* row = x + mg_row_start<Team>(columns, inner);
    if (mg_fits<Team>(columns, x))
        logsumexp_of<T, Team, mg_row_width<Team, T>>(row, y, columns, inner);
    else
        logsumexp_of<T, Team, 1>(row, y, columns, inner);
}

// ---- backward

template <typename T, bool LOG, typename Team, int V>
__device__ __forceinline__ void backward(const T* g, const T* y, T* dx, int columns, int inner) {
    using A = mg_acc<T>;
    const mg_row<Team, T, V> g_row(g, columns, inner), y_row(y, columns, inner);
    A total = 0;  // Σ g·y, or Σ g
    Team::template visit<V>(columns, [&](int p, int c) {
        const mg_pack<T, V> gs = g_row.pack(p, c), ys = y_row.pack(p, c);
        for (int j = 0; j < V; j++)
            total += LOG ? A(gs.at[j]) : A(gs.at[j]) * A(ys.at[j]);
    });
    total = Team::sum(total);
    Team::template visit<V>(columns, [&](int p, int c) {
        mg_pack<T, V> gs = g_row.pack(p, c), ys = y_row.pack(p, c);
        for (int j = 0; j < V; j++) {
            const A g_c = A(gs.at[j]), y_c = A(ys.at[j]);
            gs.at[j] = T(LOG ? g_c - mg_exp(y_c) * total : y_c * (g_c - total));
        }
        mg_store_pack(dx + (long long)c * inner, gs);
    });
}

template <typename T, bool LOG, typename Team>
__global__ void softmax_backward(const T* __restrict__ g, const T* __restrict__ y,
                                 T* __restrict__ dx, int outer, int columns, int inner) {
    if (Team::row() >= (long long)outer * inner) return;
    const long long at = mg_row_start<Team>(columns, inner);
    if (mg_fits<Team>(columns, g, y, dx))
        backward<T, LOG, Team, mg_row_width<Team, T>>(g + at, y + at, dx + at, columns, inner);
    else
        backward<T, LOG, Team, 1>(g + at, y + at, dx + at, columns, inner);
}

// cross_entropy.cu — cross-entropy of a softmax, straight from the logits, and its gradient.
//
//     loss_r = Σ_c q[r, c]·(-log p[r, c]) = Q_r·log(total_r) - Σ_c q[r, c]·(x[r, c] - top_r)
//     dx[r, c] = g_r·(Q_r·p[r, c] - q[r, c])          p[r, c] = exp(x[r, c] - top_r) / total_r
//
// with Q_r = Σ_c q[r, c]. The targets, the weights w of the classes, and the smoothing s make q:
//
//     classes         q[c] = w[c]·(1[c = target]·(1 - s) + s/C)       0 where no target counts
//     probabilities   q[c] = w[c]·(target[c]·(1 - s) + s/C)
//
// Not DENSE: only the q of the target's class is not 0 (then s = 0). DENSE: there is one to read or
// to work out for each element, and so these are read one by one, neighbours by neighbours.
//
// Memory: logits, probabilities and dx (outer, columns, inner), what there is one of for each row
// (outer, inner); teams and rows as in mg_rows.cuh. Forward reads the logits once, and leaves top
// and Q/total of each row, from which backward makes dx in one visit. Rows whose target
// is ignored are not read. Nor are those whose target is no class: of them the host hears later.
//
// Considered: to write the gradient in forward, as ../minigen/backend/cross_entropy.py does. It has
// to be multiplied by g then, which only the GPU knows. That is one read and one write, as much as
// to compute p again; but also a write in forward, memory for all of it until backward, and in
// float16 numbers that are too small to hold before they are multiplied by the scale of the loss.
// To give the divisor of a mean as a number: the host would have to wait for it. So `counted` is
// summed where it is, and backward divides by that sum.
// Reference: cross_entropy.py.   Read next: mg_rows.cuh.
#include "mg_rows.cuh"

// ---- q

// The weights q of one row: probabilities are its own, or null where it has a class, `target`.
template <typename T>
struct row_weights {
    using A = mg_acc<T>;
    const T* probabilities;
    const A* of_class;  // w, or null for 1
    long long target, step;
    A sure, spread;  // 1 - s, s/C

    __device__ A w(long long c) const { return of_class ? of_class[c] : A(1); }
    __device__ A q(int c) const {
        const A here = probabilities ? mg_load(probabilities, c * step) : A(c == target);
        return w(c) * (here * sure + spread);
    }
};

template <typename T, typename Team>
__device__ row_weights<T> weights_of(const long long* targets, const T* probabilities,
                                     const mg_acc<T>* of_class, int columns, int inner,
                                     mg_acc<T> smoothing) {
    const long long target = targets ? targets[Team::row()] : -1;
    if (probabilities) probabilities += mg_row_start<Team>(columns, inner);
    return {probabilities, of_class, target, inner, 1 - smoothing, smoothing / columns};
}

// Whether a row counts: it has probabilities, or a class that there is.
__device__ __forceinline__ bool counts(const long long* targets, long long row, int columns,
                                       long long ignore_index) {
    if (!targets) return true;
    const long long target = targets[row];
    return target != ignore_index && 0 <= target && target < columns;
}

// ---- forward

// What forward says of a row: its loss, what it counts in a mean, and two numbers for backward.
template <typename A>
struct row_result {
    A loss, counted, top, scale;
};

template <typename T, bool DENSE, typename Team, int V>
__device__ __forceinline__ row_result<mg_acc<T>> forward(const T* x, const row_weights<T>& weights,
                                                         int columns, int inner) {
    using A = mg_acc<T>;
    const mg_row<Team, T, V> row(x, columns, inner);
    mg_exponentials<A> seen;
    Team::template visit<V>(columns, [&](int p, int c) { seen.add(row.pack(p, c)); });
    seen.template share<Team>();
    const A total = seen.total + (seen.total - seen.total);  // nan, not inf, if there is an inf
    const A counted = weights.probabilities ? A(1) : weights.w(weights.target);
    A Q = counted, dot = 0;  // dot = Σ q·(x - top)
    if constexpr (DENSE) {
        Q = 0;
        Team::template visit<V>(columns, [&](int p, int c) {
            const mg_pack<T, V> pack = row.pack(p, c);
            for (int j = 0; j < V; j++) {
                const A q = weights.q(c + j);
                Q += q;
                dot += q * (A(pack.at[j]) - seen.top);
            }
        });
        Q = Team::sum(Q);
        dot = Team::sum(dot);
    } else {
        dot = Q * (mg_load(x, weights.target * inner) - seen.top);
    }
    return {Q * mg_log(total) - dot, counted, seen.top, Q / total};
}

template <typename T, bool DENSE, typename Team>
__global__ void cross_entropy_forward(const T* __restrict__ x,
                                      const long long* __restrict__ targets,
                                      const T* __restrict__ probabilities,
                                      const mg_acc<T>* __restrict__ of_class,
                                      mg_acc<T>* __restrict__ loss, mg_acc<T>* __restrict__ counted,
                                      mg_acc<T>* __restrict__ top, mg_acc<T>* __restrict__ scale,
                                      int outer, int columns, int inner, long long ignore_index,
                                      mg_acc<T> smoothing) {
    constexpr int V = DENSE ? 1 : mg_row_width<Team, T>;
    const long long r = Team::row();
    if (r >= (long long)outer * inner) return;
    row_result<mg_acc<T>> result = {0, 0, 0, 0};
    if (counts(targets, r, columns, ignore_index)) {
        const T* row = x + mg_row_start<Team>(columns, inner);
        const row_weights<T> weights =
            weights_of<T, Team>(targets, probabilities, of_class, columns, inner, smoothing);
        if (!DENSE && mg_fits<Team>(columns, x))
            result = forward<T, DENSE, Team, V>(row, weights, columns, inner);
        else
            result = forward<T, DENSE, Team, 1>(row, weights, columns, inner);
    }
    if (Team::rank() > 0) return;
    loss[r] = result.loss;
    counted[r] = result.counted;
    top[r] = result.top;
    scale[r] = result.scale;
}

// ---- backward

template <typename T, bool DENSE, typename Team, int V>
__device__ __forceinline__ void backward(const T* x, T* dx, const row_weights<T>& weights,
                                         int columns, int inner, mg_acc<T> top, mg_acc<T> scale,
                                         mg_acc<T> g) {
    using A = mg_acc<T>;
    Team::template visit<V>(columns, [&](int, int c) {
        mg_pack<T, V> pack = mg_load_pack<V>(x + (long long)c * inner);
        for (int j = 0; j < V; j++) {
            A d = scale * mg_exp(A(pack.at[j]) - top);
            if constexpr (DENSE)
                d -= weights.q(c + j);
            else if (c + j == weights.target)
                d -= weights.w(c + j);
            pack.at[j] = T(g * d);
        }
        mg_store_pack(dx + (long long)c * inner, pack);
    });
}

// g: one for each row, or one for all (gradients = 1); count: what divides it, or null.
template <typename T, bool DENSE, typename Team>
__global__ void cross_entropy_backward(const mg_acc<T>* __restrict__ g,
                                       const mg_acc<T>* __restrict__ count,
                                       const T* __restrict__ x,
                                       const long long* __restrict__ targets,
                                       const T* __restrict__ probabilities,
                                       const mg_acc<T>* __restrict__ of_class,
                                       const mg_acc<T>* __restrict__ top,
                                       const mg_acc<T>* __restrict__ scale, T* __restrict__ dx,
                                       int outer, int columns, int inner, int gradients,
                                       long long ignore_index, mg_acc<T> smoothing) {
    using A = mg_acc<T>;
    constexpr int V = DENSE ? 1 : mg_row_width<Team, T>;
    const long long r = Team::row(), start = mg_row_start<Team>(columns, inner);
    if (r >= (long long)outer * inner) return;
    if (!counts(targets, r, columns, ignore_index)) {
        Team::template visit<1>(columns, [&](int, int c) {
            mg_store(dx, start + (long long)c * inner, A(0));
        });
        return;
    }
    A of_row = g[gradients == 1 ? 0 : r];
    if (count) of_row = *count == 0 ? A(0) : of_row / *count;
    const row_weights<T> weights =
        weights_of<T, Team>(targets, probabilities, of_class, columns, inner, smoothing);
    if (!DENSE && mg_fits<Team>(columns, x, dx))
        backward<T, DENSE, Team, V>(x + start, dx + start, weights, columns, inner, top[r],
                                    scale[r], of_row);
    else
        backward<T, DENSE, Team, 1>(x + start, dx + start, weights, columns, inner, top[r],
                                    scale[r], of_row);
}

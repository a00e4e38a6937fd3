// layer_norm.cu — each row to mean 0 and variance 1, scale and shift per column; and RMS norm.
//
//     x̂ = (x - mean) · inverse_std            y = x̂ · weight + bias
//     dx = inverse_std · (g·weight - E[g·weight] - x̂ · E[g·weight·x̂])           E over the row
//     dweight = Σ g·x̂        dbias = Σ g                                         Σ over the rows
//
// RMS norm is centre=0: no mean, and no E[g·weight]. weight, bias: float32 (float64 for double),
// or null pointers for 1 and 0. Mean and inverse_std of each row are kept for the backward, not x̂.
//
// Memory: x, y, g, dx (rows, columns), row after row. A team of threads per row (mg_moments.cuh):
// a warp for a short row, 8 of them in a block, else a block. A thread has 16 bytes of neighbours
// at a time (wide), then those blockDim.x further on; wide needs aligned rows, else it has one
// element. Forward reads the row once, into shared memory if it fits there (held), and visits it
// three times. Backward: a team does `band` rows, one after the other, and adds up dweight and
// dbias of its own columns on the way, in shared memory if they fit there (held), so that x and g
// are read once; the second visit of a row finds it in L1. column_sum.cu adds up all bands.
//
// What was tried: nothing on a GPU yet. Considered: rows in registers (a template per length),
// Σ x and Σ x² in one visit (wrong far from 0), dweight by another kernel (reads x and g again).
// Seen in the PTX: a row counter of 64 bits kept the compiler from 16-byte stores of dx.
// Reference: layer_norm.py.   Read next: mg_moments.cuh, group_norm.cu.
#include "mg_moments.cuh"

template <typename T, bool wide>
__global__ void layer_norm_forward(const T* __restrict__ x, const mg_acc<T>* __restrict__ weight,
                                   const mg_acc<T>* __restrict__ bias, T* __restrict__ y,
                                   mg_acc<T>* __restrict__ mean, mg_acc<T>* __restrict__ rest,
                                   mg_acc<T>* __restrict__ inverse_std, int rows, int columns,
                                   mg_acc<T> eps, int centre, int held) {
    using A = mg_acc<T>;
    constexpr int V = wide ? MG_WIDE<T> : 1;
    MG_DYN_SHARED(T, memory);
    const long long row = (long long)blockIdx.x * blockDim.y + threadIdx.y;
    if (row >= rows) return;  // a whole warp, of a block whose warps never meet
    const T* there = x + row * columns;
    T* copy = held ? memory + threadIdx.y * columns : nullptr;
    const auto here = [](int i) { return i; };
    const mg_moments<A> m = mg_team_moments<V>(there, columns, here, copy, centre);
    const A scale = 1 / mg_sqrt(m.variance + eps);

    A values[V], weights[V], shifts[V];
    for (int i = threadIdx.x * V; i < columns; i += blockDim.x * V) {
        if (held) mg_load_many<V>(copy, i, values);
        else mg_load_many<V>(there, i, values);
        if (weight) mg_load_many<V>(weight, i, weights);
        if (bias) mg_load_many<V>(bias, i, shifts);
        for (int k = 0; k < V; ++k) {
            values[k] = (values[k] - m.mean - m.rest) * scale;
            if (weight) values[k] *= weights[k];
            if (bias) values[k] += shifts[k];
        }
        mg_store_many<V>(y, row * columns + i, values);
    }
    if (threadIdx.x == 0) {
        mean[row] = m.mean;
        rest[row] = m.rest;
        inverse_std[row] = scale;
    }
}

template <typename T, bool wide>
__global__ void layer_norm_backward(
    const T* __restrict__ g, const T* __restrict__ x, const mg_acc<T>* __restrict__ mean,
    const mg_acc<T>* __restrict__ rest, const mg_acc<T>* __restrict__ inverse_std,
    const mg_acc<T>* __restrict__ weight, T* __restrict__ dx, mg_acc<T>* sums, int rows,
    int columns, int bands, int band, int centre, int held) {
    using A = mg_acc<T>;
    constexpr int V = wide ? MG_WIDE<T> : 1;
    MG_DYN_SHARED(A, memory);
    const int team = blockIdx.x * blockDim.y + threadIdx.y;
    if (team >= bands) return;  // a whole warp, of a block whose warps never meet
    A* out = sums + (long long)team * 2 * columns;                // (2, columns): dweight, dbias
    A* so_far = held ? memory + threadIdx.y * 2 * columns : out;  // a thread's columns are its own

    A upper[V], unit[V], weights[V], along[V], plain[V];
    const int first = team * band;
    for (int row = first; row < first + band && row < rows; ++row) {
        const long long start = (long long)row * columns;
        const A middle = mean[row], left = rest[row], scale = inverse_std[row];
        // V columns of g, of x̂ and of weight
        const auto load = [&](int i) {
            mg_load_many<V>(g, start + i, upper);
            mg_load_many<V>(x, start + i, unit);
            for (int k = 0; k < V; ++k) {
                unit[k] = (unit[k] - middle - left) * scale;
                weights[k] = 1;
            }
            if (weight) mg_load_many<V>(weight, i, weights);
        };
        A total[2] = {0, 0};  // Σ g·weight and Σ g·weight·x̂
        for (int i = threadIdx.x * V; i < columns; i += blockDim.x * V) {
            load(i);
            for (int k = 0; k < V; ++k) along[k] = plain[k] = 0;
            if (row > first) {
                mg_load_many<V>(so_far, i, along);
                mg_load_many<V>(so_far, columns + i, plain);
            }
            for (int k = 0; k < V; ++k) {
                along[k] += upper[k] * unit[k];
                plain[k] += upper[k];
                total[0] += upper[k] * weights[k];
                total[1] += upper[k] * weights[k] * unit[k];
            }
            mg_store_many<V>(so_far, i, along);
            mg_store_many<V>(so_far, columns + i, plain);
        }
        mg_block_sums(total);
        const A mean_g = centre ? total[0] / columns : 0, mean_gx = total[1] / columns;
        for (int i = threadIdx.x * V; i < columns; i += blockDim.x * V) {
            load(i);
            for (int k = 0; k < V; ++k)
                upper[k] = (upper[k] * weights[k] - mean_g - unit[k] * mean_gx) * scale;
            mg_store_many<V>(dx, start + i, upper);
        }
    }
    if (!held) return;
    for (int i = threadIdx.x * V; i < columns; i += blockDim.x * V) {
        mg_load_many<V>(so_far, i, along);
        mg_load_many<V>(so_far, columns + i, plain);
        mg_store_many<V>(out, i, along);
        mg_store_many<V>(out, columns + i, plain);
    }
}

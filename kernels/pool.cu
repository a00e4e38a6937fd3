// pool.cu — the largest, or the mean, of each window, and the gradients of both.
//
//     max    y[p, w] = max_t x[p, w·stride + t·dilation - low]        index: where it was
//     mean   y[p, w] = Σ_t x[p, w·stride + t·dilation - low] / count[w]
//
// t runs over the taps of the kernel; those in the padding are left out. Memory: x (planes, depth,
// height, width), y (planes, windows ...), where a plane is one channel of one sample; 1-d and 2-d
// pooling have depth (and height) 1. One thread per element of the result, neighbours in a row side
// by side, so that a warp reads and writes neighbours. The gradients are computed from the other
// end: one thread per element of dx collects from the windows that have read it, in a fixed order,
// so that nothing is added by two threads and no atomics are needed.
// Tried: nothing else yet. Reference: pool.py.   Read next: resample.cu.
#include "mg_common.cuh"

// How windows lie along one dimension, as backend/windows.py has it.
struct pool_axis {
    int size, windows, kernel, stride, dilation, low;
};

// The window or element number i of all, as plane and three coordinates.
struct pool_place {
    long long plane;
    int at[3];
};

__device__ __forceinline__ pool_place place_of(long long i, int depth, int height, int width) {
    pool_place p;
    p.at[2] = int(i % width);
    i /= width;
    p.at[1] = int(i % height);
    i /= height;
    p.at[0] = int(i % depth);
    p.plane = i / depth;
    return p;
}

// Calls visit(offset in the plane of x) for every element that a window reads, in row-major order.
template <typename Visit>
__device__ __forceinline__ void for_each_element(const pool_axis* axes, const int* window,
                                                 Visit visit) {
    const pool_axis a = axes[0], b = axes[1], c = axes[2];
    for (int i = 0; i < a.kernel; i++) {
        const int z = window[0] * a.stride + i * a.dilation - a.low;
        if (z < 0 || z >= a.size) continue;
        for (int j = 0; j < b.kernel; j++) {
            const int y = window[1] * b.stride + j * b.dilation - b.low;
            if (y < 0 || y >= b.size) continue;
            for (int k = 0; k < c.kernel; k++) {
                const int x = window[2] * c.stride + k * c.dilation - c.low;
                if (x < 0 || x >= c.size) continue;
                visit((z * b.size + y) * c.size + x);
            }
        }
    }
}

// The window that reads a position by one tap, or -1 if none does.
__device__ __forceinline__ int window_of(const pool_axis& axis, int position, int tap) {
    const int first = position + axis.low - tap * axis.dilation;
    if (first < 0 || first % axis.stride != 0) return -1;
    return first / axis.stride < axis.windows ? first / axis.stride : -1;
}

// Calls visit(window's three coordinates) for every window that reads an element.
template <typename Visit>
__device__ __forceinline__ void for_each_window(const pool_axis* axes, const int* at, Visit visit) {
    int w[3];
    for (int i = 0; i < axes[0].kernel; i++) {
        w[0] = window_of(axes[0], at[0], i);
        if (w[0] < 0) continue;
        for (int j = 0; j < axes[1].kernel; j++) {
            w[1] = window_of(axes[1], at[1], j);
            if (w[1] < 0) continue;
            for (int k = 0; k < axes[2].kernel; k++) {
                w[2] = window_of(axes[2], at[2], k);
                if (w[2] >= 0) visit(w);
            }
        }
    }
}

__device__ __forceinline__ long long offset_of(const pool_axis* axes, const int* window) {
    return (window[0] * (long long)axes[1].windows + window[1]) * axes[2].windows + window[2];
}

// ---- the largest

template <typename T>
__global__ void max_pool_forward(const T* __restrict__ x, const int* __restrict__ geometry,
                                 T* __restrict__ y, int* __restrict__ index, long long count) {
    using A = mg_acc<T>;
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    const pool_axis* axes = reinterpret_cast<const pool_axis*>(geometry);
    const pool_place p = place_of(i, axes[0].windows, axes[1].windows, axes[2].windows);
    const T* plane = x + p.plane * axes[0].size * axes[1].size * axes[2].size;
    A best = 0;
    int where = -1;
    for_each_element(axes, p.at, [&](int at) {
        const A v = mg_load(plane, at);
        // the first of equals; a nan counts as the largest
        if (where < 0 || v > best || (v != v && best == best)) {
            best = v;
            where = at;
        }
    });
    mg_store(y, i, best);
    index[i] = where;
}

template <typename T>
__global__ void max_pool_backward(const T* __restrict__ g, const int* __restrict__ index,
                                  const int* __restrict__ geometry, T* __restrict__ dx,
                                  long long count) {
    using A = mg_acc<T>;
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    const pool_axis* axes = reinterpret_cast<const pool_axis*>(geometry);
    const pool_place p = place_of(i, axes[0].size, axes[1].size, axes[2].size);
    const long long windows = (long long)axes[0].windows * axes[1].windows * axes[2].windows;
    const int here = int(i % ((long long)axes[0].size * axes[1].size * axes[2].size));
    A sum = 0;
    for_each_window(axes, p.at, [&](const int* window) {
        const long long w = p.plane * windows + offset_of(axes, window);
        if (index[w] == here) sum += mg_load(g, w);
    });
    mg_store(dx, i, sum);
}

// ---- the mean

// One over the number of elements of a window: `divisor` itself unless that is 0.
template <typename A>
__device__ __forceinline__ A weight_of(const pool_axis* axes, const int* window, int padding_counts,
                                       A divisor) {
    if (divisor != A(0)) return A(1) / divisor;
    A count = 1;
    for (int d = 0; d < 3; d++) {
        const int begin = window[d] * axes[d].stride - axes[d].low;
        // what ceil_mode adds beyond the padding never counts
        const int end = axes[d].size + (padding_counts ? axes[d].low : 0);
        const int stop = min(begin + axes[d].kernel, end);
        count *= A(stop - (padding_counts ? begin : max(begin, 0)));
    }
    return A(1) / count;
}

template <typename T>
__global__ void avg_pool_forward(const T* __restrict__ x, const int* __restrict__ geometry,
                                 T* __restrict__ y, long long count, int padding_counts,
                                 mg_acc<T> divisor) {
    using A = mg_acc<T>;
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    const pool_axis* axes = reinterpret_cast<const pool_axis*>(geometry);
    const pool_place p = place_of(i, axes[0].windows, axes[1].windows, axes[2].windows);
    const T* plane = x + p.plane * axes[0].size * axes[1].size * axes[2].size;
    A sum = 0;
    for_each_element(axes, p.at, [&](int at) { sum += mg_load(plane, at); });
    mg_store(y, i, sum * weight_of(axes, p.at, padding_counts, divisor));
}

template <typename T>
__global__ void avg_pool_backward(const T* __restrict__ g, const int* __restrict__ geometry,
                                  T* __restrict__ dx, long long count, int padding_counts,
                                  mg_acc<T> divisor) {
    using A = mg_acc<T>;
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    const pool_axis* axes = reinterpret_cast<const pool_axis*>(geometry);
    const pool_place p = place_of(i, axes[0].size, axes[1].size, axes[2].size);
    const long long windows = (long long)axes[0].windows * axes[1].windows * axes[2].windows;
    A sum = 0;
    for_each_window(axes, p.at, [&](const int* window) {
        const A v = mg_load(g, p.plane * windows + offset_of(axes, window));
        sum += v * weight_of(axes, window, padding_counts, divisor);
    });
    mg_store(dx, i, sum);
}

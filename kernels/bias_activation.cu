// bias_activation.cu — y = f(x + bias) for an activation f, and the gradients of x and of the bias.
//
//     y[r, c] = f(x[r, c] + bias[c])
//     dx[r, c] = g[r, c]·f'(x[r, c] + bias[c])        dbias[c] = Σ_r dx[r, c]
//
// Memory: x, g, y, dx (rows, columns), bias (columns). f is a type of mg_activation.cuh. Backward
// works f' out from x again, so that forward leaves nothing behind but what was there.
//
// Without sums, a thread takes a pack of 16 bytes, its neighbour the next one; what does not fit
// (an odd end, columns that packs would cross, memory that is not aligned) goes one by one.
// With sums of columns, a block has a band of rows, 32 packs wide: the eight threads of a pack take
// turns in its rows, and add up what they have seen in shared memory. That is a partial sum for
// each band and column; column_sum.cu adds the bands up. The order of additions never changes.
//
// Considered: to keep f' from forward, as the CPU does. A read of x is no dearer than one of f',
// and this way nothing is written, nothing kept. Atomics for the sums: one kernel less, but other
// digits every time.
// Reference: bias_activation.py.   Read next: mg_activation.cuh, column_sum.cu.
#include "mg_activation.cuh"

// ---- without sums

// f(i) for packs of V elements from `first` up to `last`; i is where one starts.
template <int V, typename F>
__device__ __forceinline__ void each_pack(long long first, long long last, F f) {
    const long long thread = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    const long long step = (long long)gridDim.x * blockDim.x * V;
#pragma unroll 1  // a thread has one pack only, if packs fit
    for (long long i = first + thread * V; i < last; i += step)
        f(i);
}

template <typename T, typename F, int V>
__device__ __forceinline__ void value_of(const T* x, const T* bias, T* y, int columns,
                                         mg_acc<T> slope, long long i) {
    using A = mg_acc<T>;
    mg_pack<T, V> pack = mg_load_pack<V>(x + i), shift;
    if (bias) shift = mg_load_pack<V>(bias + i % columns);
    for (int j = 0; j < V; j++) {
        const A shifted = A(pack.at[j]) + (bias ? A(shift.at[j]) : A(0));
        pack.at[j] = T(F::value(shifted, slope));
    }
    mg_store_pack(y + i, pack);
}

template <typename T, typename F>
__global__ void bias_activation_forward(const T* __restrict__ x, const T* __restrict__ bias,
                                        T* __restrict__ y, int rows, int columns, mg_acc<T> slope) {
    constexpr int V = MG_WIDE<T>;
    const long long size = (long long)rows * columns;
    const bool fits = mg_are_aligned(x, bias, y) && (!bias || columns % V == 0);
    const long long whole = fits ? size / V * V : 0;
    each_pack<V>(0, whole, [&](long long i) {
        value_of<T, F, V>(x, bias, y, columns, slope, i);
    });
    each_pack<1>(whole, size, [&](long long i) {
        value_of<T, F, 1>(x, bias, y, columns, slope, i);
    });
}

template <typename T, typename F, int V>
__device__ __forceinline__ void gradient_of(const T* g, const T* x, T* dx, mg_acc<T> slope,
                                            long long i) {
    using A = mg_acc<T>;
    mg_pack<T, V> pack = mg_load_pack<V>(g + i);
    const mg_pack<T, V> at = mg_load_pack<V>(x + i);
    for (int j = 0; j < V; j++)
        pack.at[j] = T(F::gradient(A(pack.at[j]), A(at.at[j]), slope));
    mg_store_pack(dx + i, pack);
}

template <typename T, typename F>
__global__ void activation_backward(const T* __restrict__ g, const T* __restrict__ x,
                                    T* __restrict__ dx, int rows, int columns, mg_acc<T> slope) {
    constexpr int V = MG_WIDE<T>;
    const long long size = (long long)rows * columns;
    const long long whole = mg_are_aligned(g, x, dx) ? size / V * V : 0;
    each_pack<V>(0, whole, [&](long long i) { gradient_of<T, F, V>(g, x, dx, slope, i); });
    each_pack<1>(whole, size, [&](long long i) { gradient_of<T, F, 1>(g, x, dx, slope, i); });
}

// ---- with sums of columns

constexpr int LANES = 32, TURNS = 8;  // threads of a block: side by side, and below each other

// Of V sums that each thread of a block has, those of all its turns: take(j, sum) for this lane's.
template <int V, typename A, typename F>
__device__ __forceinline__ void add_turns(const A (&sums)[V], F take) {
    __shared__ A of_turn[TURNS][V][LANES];
    const int lane = threadIdx.x % LANES, turn = threadIdx.x / LANES;
    for (int j = 0; j < V; j++)
        of_turn[turn][j][lane] = sums[j];
    __syncthreads();
    for (int j = turn; j < V; j += TURNS) {
        A total = 0;
        for (int t = 0; t < TURNS; t++)
            total += of_turn[t][j][lane];
        take(j, total);
    }
}

// A band's packs from column `first` on; in packs of V, P of them to a thread, 32 columns·V apart.
template <typename T, typename F, int V, int P>
__device__ __forceinline__ void band_of(const T* g, const T* x, const T* bias, T* dx,
                                        mg_acc<T>* partial, int rows, int columns, int band_rows,
                                        mg_acc<T> slope) {
    using A = mg_acc<T>;
    const int column = (blockIdx.x * LANES * P + threadIdx.x % LANES) * V;  // of the first pack
    const int last = min(rows, (int)(blockIdx.y + 1) * band_rows);
    A sums[V * P] = {};
    for (int r = blockIdx.y * band_rows + threadIdx.x / LANES; r < last; r += TURNS) {
        for (int p = 0; p < P; p++) {
            const int c = column + p * LANES * V;
            if (c >= columns) break;
            const long long i = (long long)r * columns + c;
            mg_pack<T, V> pack = mg_load_pack<V>(g + i);
            const mg_pack<T, V> at = mg_load_pack<V>(x + i), shift = mg_load_pack<V>(bias + c);
            for (int j = 0; j < V; j++) {
                const A d = F::gradient(A(pack.at[j]), A(at.at[j]) + A(shift.at[j]), slope);
                sums[p * V + j] += d;
                pack.at[j] = T(d);
            }
            mg_store_pack(dx + i, pack);
        }
    }
    add_turns(sums, [&](int k, A total) {
        const int c = column + k / V * LANES * V + k % V;
        if (c < columns) partial[(long long)blockIdx.y * columns + c] = total;
    });
}

template <typename T, typename F>
__global__ void bias_activation_backward(const T* __restrict__ g, const T* __restrict__ x,
                                         const T* __restrict__ bias, T* __restrict__ dx,
                                         mg_acc<T>* __restrict__ partial, int rows, int columns,
                                         int band_rows, mg_acc<T> slope) {
    constexpr int V = MG_WIDE<T>;
    if (columns % V == 0 && mg_are_aligned(g, x, bias, dx))
        band_of<T, F, V, 1>(g, x, bias, dx, partial, rows, columns, band_rows, slope);
    else
        band_of<T, F, 1, V>(g, x, bias, dx, partial, rows, columns, band_rows, slope);
}

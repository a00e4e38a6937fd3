// random.cu — normal and uniform numbers, whole numbers, and dropout.
//
//     normal    y = mean + std·z            uniform   y = min(low + width·u, largest)
//     randint   y = low + ⌊width·r / 2⁶⁴⌋   dropout   y = x·scale where u ≥ p, else x·0
//
// z, u and the 64-bit words r are those of mg_philox.cuh. Memory: y and x are flat. Thread i makes
// the numbers 4i to 4i + 3 of the block i of the draw (2i and 2i + 1 where each takes two words),
// and writes them at once: 16 bytes for float. x and y start at a multiple of that, as all memory
// from the launcher and from a GPU's pool does; who holds a part of some array copies it.
//
// draw: (seed, call) in device memory, which philox_take put there, and moved the generator's own
// state on. A captured step contains that launch, so that each replay draws other numbers. The
// gradient of dropout is dropout of the gradient, by the same draw: no mask is ever stored.
//
// Considered: a normal double of its own. Its logarithm would be as long as this file, for digits
// that noise does not need: it is the float's number. Four numbers 256 apart for each thread: needs
// no alignment, but four times as many accesses, in kernels that have few instructions to spare.
// Reference: random.py.   Read next: mg_philox.cuh.
#include "mg_philox.cuh"

// ---- up to N neighbours, in the widest accesses; the last thread has less than N

template <int N>
__device__ __forceinline__ bool is_whole(long long first, long long count) {
    return first + N <= count;
}

template <int N, typename T>
__device__ __forceinline__ void load_group(const T* x, long long first, long long count,
                                           mg_acc<T> (&values)[N]) {
    if (is_whole<N>(first, count)) {
        mg_load_many(x, first, values);
    } else {
#pragma unroll
        for (int i = 0; i < N; i++) values[i] = first + i < count ? mg_load(x, first + i) : 0;
    }
}

template <int N, typename T>
__device__ __forceinline__ void store_group(T* y, long long first, long long count,
                                            const mg_acc<T> (&values)[N]) {
    if (is_whole<N>(first, count)) {
        mg_store_many(y, first, values);
    } else {
#pragma unroll
        for (int i = 0; i < N; i++)
            if (first + i < count) mg_store(y, first + i, values[i]);
    }
}

__device__ __forceinline__ long long thread_number() {
    return (long long)blockIdx.x * blockDim.x + threadIdx.x;
}

// ---- the draw that is next: a copy of the state, which then counts it

__global__ void philox_take(unsigned long long* state, unsigned long long* draw) {
    const int i = threadIdx.x;
    if (i >= 2) return;
    draw[i] = state[i];
    state[i] += i;  // state[0] is the seed, and stays
}

// ---- numbers

template <typename T>
__global__ void philox_normal(const unsigned long long* __restrict__ draw, T* __restrict__ y,
                              long long count, mg_acc<T> mean, mg_acc<T> std) {
    using A = mg_acc<T>;
    const uint4 bits = mg_random_bits(draw, thread_number());
    const float2 one = mg_normal(bits.x, bits.y), two = mg_normal(bits.z, bits.w);
    const A values[4] = {mg_affine(std, A(one.x), mean), mg_affine(std, A(one.y), mean),
                         mg_affine(std, A(two.x), mean), mg_affine(std, A(two.y), mean)};
    store_group<4>(y, 4 * thread_number(), count, values);
}

__device__ __forceinline__ void uniform_group(uint4 bits, float (&u)[4]) {
    u[0] = mg_uniform(bits.x);
    u[1] = mg_uniform(bits.y);
    u[2] = mg_uniform(bits.z);
    u[3] = mg_uniform(bits.w);
}

__device__ __forceinline__ void uniform_group(uint4 bits, double (&u)[2]) {
    u[0] = mg_uniform(bits.x, bits.y);
    u[1] = mg_uniform(bits.z, bits.w);
}

template <typename T>
__global__ void philox_uniform(const unsigned long long* __restrict__ draw, T* __restrict__ y,
                               long long count, mg_acc<T> low, mg_acc<T> width,
                               mg_acc<T> largest) {
    constexpr int N = 16 / sizeof(mg_acc<T>);  // numbers from four words: 4, of double 2
    mg_acc<T> u[N];
    uniform_group(mg_random_bits(draw, thread_number()), u);
#pragma unroll
    for (int i = 0; i < N; i++) {
        u[i] = mg_min(mg_affine(width, u[i], low), largest);  // rounding may reach low + width
    }
    store_group<N>(y, N * thread_number(), count, u);
}

// Each number has ⌊2⁶⁴ / width⌋ of the words, or one more: equally likely, to width / 2⁶⁴.
__global__ void philox_randint(const unsigned long long* __restrict__ draw,
                               long long* __restrict__ y, long long count, long long low,
                               unsigned long long width) {
    const uint4 bits = mg_random_bits(draw, thread_number());
    const long long first = 2 * thread_number();
    const unsigned long long words[2] = {mg_join(bits.x, bits.y), mg_join(bits.z, bits.w)};
#pragma unroll
    for (int i = 0; i < 2; i++)
        if (first + i < count) y[first + i] = low + (long long)__umul64hi(words[i], width);
}

// ---- dropout

template <typename T>
__global__ void philox_dropout(const T* __restrict__ x,
                               const unsigned long long* __restrict__ draw, T* __restrict__ y,
                               long long count, float p, mg_acc<T> scale) {
    const long long first = 4 * thread_number();
    mg_acc<T> values[4];
    load_group<4>(x, first, count, values);
    float u[4];
    uniform_group(mg_random_bits(draw, thread_number()), u);
#pragma unroll
    for (int i = 0; i < 4; i++)
        values[i] *= u[i] >= p ? scale : 0;  // x·0, as on the CPU: nan stays nan
    store_group<4>(y, first, count, values);
}

// mg_common.cuh — what every kernel includes: types, conversions, wide loads.
//
// Idea: kernels are templates of T, the type in memory: float, double, __half or __nv_bfloat16.
// They compute in mg_acc<T>, which is float for all but double: 16-bit numbers are for memory, not
// for sums.
//
// On the device this file brings CUDA's headers; on the CPU the emulator's header has been included
// before it, and says MG_EMU. NVRTC has no standard library: no <math.h>, no <type_traits>.
// Read next: mg_reduce.cuh (sums over a warp and a block), softmax.cu (a kernel).
#pragma once

#ifndef MG_EMU
#include <cuda_bf16.h>
#include <cuda_fp16.h>
// Shared memory whose size the launch chooses. The emulator has its own definition.
#define MG_DYN_SHARED(T, name)                                  \
    extern __shared__ __align__(16) unsigned char mg_dynamic[]; \
    T* name = reinterpret_cast<T*>(mg_dynamic)
#endif

#define MG_FLOAT_MAX 3.402823466e+38f
#define MG_DOUBLE_MAX 1.7976931348623157e+308

constexpr unsigned MG_ALL_LANES = 0xffffffffu;

// ---- the type to compute in

template <typename T>
struct mg_acc_of {
    using type = float;
};
template <>
struct mg_acc_of<double> {
    using type = double;
};
template <typename T>
using mg_acc = typename mg_acc_of<T>::type;

template <typename A>
__device__ __forceinline__ A mg_lowest();
template <>
__device__ __forceinline__ float mg_lowest<float>() { return -MG_FLOAT_MAX; }
template <>
__device__ __forceinline__ double mg_lowest<double>() { return -MG_DOUBLE_MAX; }

// ---- one element: from memory to the type to compute in, and back

template <typename T>
__device__ __forceinline__ mg_acc<T> mg_load(const T* p, long long i) { return mg_acc<T>(p[i]); }

template <typename T>
__device__ __forceinline__ void mg_store(T* p, long long i, mg_acc<T> v) { p[i] = T(v); }

// ---- functions that CUDA names by type

__device__ __forceinline__ float mg_exp(float x) { return __expf(x); }
__device__ __forceinline__ double mg_exp(double x) { return exp(x); }
__device__ __forceinline__ float mg_log(float x) { return logf(x); }
__device__ __forceinline__ double mg_log(double x) { return log(x); }
__device__ __forceinline__ float mg_max(float a, float b) { return fmaxf(a, b); }
__device__ __forceinline__ double mg_max(double a, double b) { return fmax(a, b); }
__device__ __forceinline__ float mg_min(float a, float b) { return fminf(a, b); }
__device__ __forceinline__ double mg_min(double a, double b) { return fmin(a, b); }
__device__ __forceinline__ float mg_sqrt(float x) { return sqrtf(x); }
__device__ __forceinline__ double mg_sqrt(double x) { return sqrt(x); }

// ---- several elements in one access: V of them, in an aligned struct of at most 16 bytes
//
//     mg_load_pack     as they are in memory
//     mg_load_many     as numbers to compute with, in several accesses if need be
//     mg_load_few      as they are, also at an end, and where they are not aligned
//
// and likewise mg_store_pack, mg_store_many and mg_store_few.

template <typename T, int V>
struct __align__(sizeof(T) * V) mg_pack {
    T at[V];
};

// The widest pack of T: 16 bytes.
template <typename T>
constexpr int MG_WIDE = 16 / sizeof(T);

template <int V, typename T>
__device__ __forceinline__ mg_pack<T, V> mg_load_pack(const T* p) {
    return *reinterpret_cast<const mg_pack<T, V>*>(p);
}

template <int V, typename T>
__device__ __forceinline__ void mg_store_pack(T* p, mg_pack<T, V> pack) {
    *reinterpret_cast<mg_pack<T, V>*>(p) = pack;
}

// Whether all of these addresses are multiples of 16 bytes, as wide packs want; null is, too.
template <typename... Pointers>
__device__ __forceinline__ bool mg_are_aligned(const Pointers*... pointers) {
    return (reinterpret_cast<size_t>(pointers) | ...) % 16 == 0;
}

// V neighbours as numbers to compute with, in accesses of at most 16 bytes, to which p + i must be
// aligned.
template <int V, typename T>
__device__ __forceinline__ void mg_load_many(const T* p, long long i, mg_acc<T> (&v)[V]) {
    constexpr int W = V < MG_WIDE<T> ? V : MG_WIDE<T>;
#pragma unroll
    for (int first = 0; first < V; first += W) {
        const mg_pack<T, W> pack = mg_load_pack<W>(p + i + first);
#pragma unroll
        for (int k = 0; k < W; k++)
            v[first + k] = mg_acc<T>(pack.at[k]);
    }
}

template <int V, typename T>
__device__ __forceinline__ void mg_store_many(T* p, long long i, const mg_acc<T> (&v)[V]) {
    constexpr int W = V < MG_WIDE<T> ? V : MG_WIDE<T>;
#pragma unroll
    for (int first = 0; first < V; first += W) {
        mg_pack<T, W> pack;
#pragma unroll
        for (int k = 0; k < W; k++)
            pack.at[k] = T(v[first + k]);
        mg_store_pack(p + i + first, pack);
    }
}

// Up to 4 neighbours, as many as one access of 16 bytes can take: what a thread handles at a time.
template <typename T>
constexpr int MG_FEW = sizeof(T) == 8 ? 2 : 4;

// V neighbours from p on, or the first `left` of them and zeros. wide: p is aligned, and all V are
// there.
template <int V, typename T>
__device__ __forceinline__ mg_pack<T, V> mg_load_few(const T* p, int left, bool wide) {
    if (wide) return mg_load_pack<V>(p);
    mg_pack<T, V> found;
#pragma unroll
    for (int i = 0; i < V; i++)
        found.at[i] = i < left ? p[i] : T(0.0f);
    return found;
}

// A pack to p, or the first `left` of it. wide: p is aligned, there is room for all V.
template <int V, typename T>
__device__ __forceinline__ void mg_store_few(T* p, const mg_pack<T, V>& v, int left, bool wide) {
    if (wide) return mg_store_pack(p, v);
#pragma unroll
    for (int i = 0; i < V; i++)
        if (i < left) p[i] = v.at[i];
}

// cuda_language.h: CUDA's keywords, vector types and built-in variables.
//
// Idea: `__shared__ float s[32];` inside a kernel means one array for all threads of the block.
// `thread_local` says nearly that: at block scope it implies `static`, and since all threads of a
// block are fibers of one CPU thread (fibers.cpp), they share the copy. All such variables of a
// module lie in one segment, which the runtime finds, poisons before each block, and watches.
//
// Invariant: sizes and alignments are those of CUDA (Programming Guide, "Built-in Vector Types").
#pragma once

#define __global__
#define __device__
#define __host__
#define __constant__ static
#define __shared__ thread_local
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __launch_bounds__(...)
#define __grid_constant__

// Dynamic shared memory. On the device this macro declares `extern __shared__`, which C++ cannot
// give a different type in each template.
#define MG_DYN_SHARED(type, name) type* name = reinterpret_cast<type*>(emu_dynamic_shared())

typedef __SIZE_TYPE__ size_t;
typedef unsigned char emu_u8;
typedef unsigned short emu_u16;
typedef unsigned int emu_u32;
typedef unsigned long emu_u64;
typedef unsigned char uchar;
typedef unsigned short ushort;
typedef unsigned int uint;
typedef unsigned long ulong;
typedef long long longlong;
typedef unsigned long long ulonglong;

// ---- Types about types: what kernels and the headers below need of <type_traits> ----------------

template <typename T>
struct emu_plain {  // T without const and volatile
    using type = T;
};
template <typename T>
struct emu_plain<const T> {
    using type = T;
};
template <typename T>
struct emu_plain<volatile T> {
    using type = T;
};
template <typename T>
struct emu_plain<const volatile T> {
    using type = T;
};

template <typename A, typename B>
struct emu_is_same {
    static constexpr bool value = false;
};
template <typename A>
struct emu_is_same<A, A> {
    static constexpr bool value = true;
};

template <typename T>
struct emu_identity {  // a parameter of this type is converted to T, which others determine
    using type = T;
};

template <typename T>
struct emu_element {  // what a vector type is made of; a scalar of itself
    using type = T;
    static constexpr bool is_vector = false;
};

template <typename To, typename From>
inline To emu_bits(From value) {  // the same bytes as another type
    static_assert(sizeof(To) == sizeof(From), "a bit pattern keeps its size");
    To pattern;
    __builtin_memcpy(&pattern, &value, sizeof pattern);
    return pattern;
}

// ---- Vector types -------------------------------------------------------------------------------

#define EMU_VECTOR(scalar, name, bytes)                                                            \
    struct name##1 {                                                                               \
        scalar x;                                                                                  \
    };                                                                                             \
    struct alignas(bytes * 2) name##2 {                                                            \
        scalar x, y;                                                                               \
    };                                                                                             \
    struct name##3 {                                                                               \
        scalar x, y, z;                                                                            \
    };                                                                                             \
    struct alignas(bytes * 4 > 16 ? 16 : bytes * 4) name##4 {                                      \
        scalar x, y, z, w;                                                                         \
    };                                                                                             \
    inline name##1 make_##name##1(scalar x) {                                                      \
        return {x};                                                                                \
    }                                                                                              \
    inline name##2 make_##name##2(scalar x, scalar y) {                                            \
        return {x, y};                                                                             \
    }                                                                                              \
    inline name##3 make_##name##3(scalar x, scalar y, scalar z) {                                  \
        return {x, y, z};                                                                          \
    }                                                                                              \
    inline name##4 make_##name##4(scalar x, scalar y, scalar z, scalar w) {                        \
        return {x, y, z, w};                                                                       \
    }                                                                                              \
    EMU_ELEMENT(name##1, scalar)                                                                   \
    EMU_ELEMENT(name##2, scalar)                                                                   \
    EMU_ELEMENT(name##3, scalar)                                                                   \
    EMU_ELEMENT(name##4, scalar)

#define EMU_ELEMENT(vector, scalar)                                                                \
    template <>                                                                                    \
    struct emu_element<vector> {                                                                   \
        using type = scalar;                                                                       \
        static constexpr bool is_vector = true;                                                    \
    };

EMU_VECTOR(signed char, char, 1)
EMU_VECTOR(unsigned char, uchar, 1)
EMU_VECTOR(short, short, 2)
EMU_VECTOR(unsigned short, ushort, 2)
EMU_VECTOR(int, int, 4)
EMU_VECTOR(unsigned int, uint, 4)
EMU_VECTOR(long long, longlong, 8)
EMU_VECTOR(unsigned long long, ulonglong, 8)
EMU_VECTOR(float, float, 4)
EMU_VECTOR(double, double, 8)
#undef EMU_VECTOR

struct dim3 {
    unsigned x = 1;
    unsigned y = 1;
    unsigned z = 1;
};

// ---- Built-in variables -------------------------------------------------------------------------

constexpr int warpSize = 32;

// The running thread of the block: what the kernel may see of it. The runtime knows more.
struct emu_thread_view {
    uint3 index;
};

extern "C" {
extern emu_thread_view* emu_running;
extern uint3 emu_block_index;
extern dim3 emu_block_size;
extern dim3 emu_grid_size;
void* emu_dynamic_shared();
}

#define threadIdx (emu_running->index)
#define blockIdx emu_block_index
#define blockDim emu_block_size
#define gridDim emu_grid_size

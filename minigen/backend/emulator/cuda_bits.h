// cuda_bits.h: bit patterns, integer arithmetic, conversions, loads and stores with a cache hint.
//
// Invariant: conversions from floating point saturate and turn NaN into 0, as a GPU's do (a plain
// cast of a value out of range is undefined in C++, and may differ).
#pragma once

// ---- Bit patterns -------------------------------------------------------------------------------

inline int __float_as_int(float x) {
    return emu_bits<int>(x);
}
inline unsigned __float_as_uint(float x) {
    return emu_bits<unsigned>(x);
}
inline float __int_as_float(int x) {
    return emu_bits<float>(x);
}
inline float __uint_as_float(unsigned x) {
    return emu_bits<float>(x);
}
inline long long __double_as_longlong(double x) {
    return emu_bits<long long>(x);
}
inline double __longlong_as_double(long long x) {
    return emu_bits<double>(x);
}

// ---- Integers -----------------------------------------------------------------------------------

inline int __popc(unsigned x) {
    return __builtin_popcount(x);
}
inline int __popcll(unsigned long long x) {
    return __builtin_popcountll(x);
}
inline int __ffs(int x) {
    return __builtin_ffs(x);
}
inline int __ffsll(long long x) {
    return __builtin_ffsll(x);
}
inline int __clz(int x) {
    return x ? __builtin_clz(unsigned(x)) : 32;
}
inline int __clzll(long long x) {
    return x ? __builtin_clzll((unsigned long long)x) : 64;
}
inline unsigned __brev(unsigned x) {
    unsigned reversed = 0;
    for (int bit = 0; bit < 32; bit++)
        reversed |= (x >> bit & 1) << (31 - bit);
    return reversed;
}
inline int __mulhi(int a, int b) {
    return int((long long)a * b >> 32);
}
inline unsigned __umulhi(unsigned a, unsigned b) {
    return unsigned((unsigned long long)a * b >> 32);
}
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
    return (unsigned long long)((unsigned __int128)a * b >> 64);
}
inline unsigned __funnelshift_l(unsigned low, unsigned high, unsigned shift) {
    const unsigned long long both = (unsigned long long)high << 32 | low;
    return unsigned(both << (shift & 31) >> 32);
}
inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned shift) {
    const unsigned long long both = (unsigned long long)high << 32 | low;
    return unsigned(both >> (shift & 31));
}
inline unsigned __byte_perm(unsigned a, unsigned b, unsigned selector) {
    const unsigned long long bytes = (unsigned long long)b << 32 | a;
    unsigned result = 0;
    for (int i = 0; i < 4; i++)
        result |= unsigned(bytes >> (selector >> 4 * i & 7) * 8 & 0xff) << 8 * i;
    return result;
}

// ---- Conversions: _rn nearest even, _rz toward zero, _rd down, _ru up ---------------------------

template <typename Int, typename Float>
inline Int emu_saturate(Float x) {
    constexpr bool is_signed = Int(-1) < Int(0);
    constexpr int bits = sizeof(Int) * 8 - is_signed;
    constexpr Int largest = Int(~0ull >> (64 - bits));
    constexpr Int smallest = is_signed ? Int(-largest - 1) : Int(0);
    constexpr Float limit = Float(1ull << (bits - 1)) * Float(2);
    if (x != x)
        return 0;
    if (x >= limit)
        return largest;
    if (x <= (is_signed ? -limit : Float(0)))
        return smallest;
    return Int(x);
}

#define EMU_CONVERT(from, to, name)                                                                \
    inline to __##from##2##name##_rn(from x) {                                                     \
        return emu_saturate<to>(rint(x));                                                          \
    }                                                                                              \
    inline to __##from##2##name##_rz(from x) {                                                     \
        return emu_saturate<to>(trunc(x));                                                         \
    }                                                                                              \
    inline to __##from##2##name##_rd(from x) {                                                     \
        return emu_saturate<to>(floor(x));                                                         \
    }                                                                                              \
    inline to __##from##2##name##_ru(from x) {                                                     \
        return emu_saturate<to>(ceil(x));                                                          \
    }
EMU_CONVERT(float, int, int)
EMU_CONVERT(float, unsigned, uint)
EMU_CONVERT(float, long long, ll)
EMU_CONVERT(float, unsigned long long, ull)
EMU_CONVERT(double, int, int)
EMU_CONVERT(double, unsigned, uint)
EMU_CONVERT(double, long long, ll)
EMU_CONVERT(double, unsigned long long, ull)
#undef EMU_CONVERT

inline float __int2float_rn(int x) {
    return float(x);
}
inline float __uint2float_rn(unsigned x) {
    return float(x);
}
inline float __ll2float_rn(long long x) {
    return float(x);
}
inline float __ull2float_rn(unsigned long long x) {
    return float(x);
}
inline double __int2double_rn(int x) {
    return double(x);
}
inline double __uint2double_rn(unsigned x) {
    return double(x);
}
inline double __ll2double_rn(long long x) {
    return double(x);
}
inline float __double2float_rn(double x) {
    return float(x);
}

// ---- Loads and stores with a cache hint ---------------------------------------------------------

#define EMU_LOAD(name)                                                                             \
    template <typename T>                                                                          \
    __forceinline__ T name(const T* place) {                                                       \
        return *place;                                                                             \
    }
#define EMU_STORE(name)                                                                            \
    template <typename T>                                                                          \
    __forceinline__ void name(T* place, typename emu_identity<T>::type value) {                    \
        *place = value;                                                                            \
    }
EMU_LOAD(__ldg)
EMU_LOAD(__ldca)
EMU_LOAD(__ldcg)
EMU_LOAD(__ldcs)
EMU_LOAD(__ldlu)
EMU_STORE(__stcg)
EMU_STORE(__stcs)
EMU_STORE(__stwb)
EMU_STORE(__stwt)
#undef EMU_LOAD
#undef EMU_STORE

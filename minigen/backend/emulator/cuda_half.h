// cuda_half.h: __half and __nv_bfloat16, and pairs of them.
//
// Idea: both are 16 bits in memory and compute through float: convert, operate, round to nearest
// even. For + - * / and sqrt that gives the same bits as an operation in 16 bits, since float has
// more than twice the digits. __hfma rounds once, as the device does.
//
// Invariant: a sum of two __half is a __half, not a float, so a kernel that forgets to accumulate
// in float loses digits here as it does on the device.
#pragma once

struct __half {
    emu_u16 bits;
    __half() = default;
    __half(float x) {
        const _Float16 rounded = (_Float16)x;
        __builtin_memcpy(&bits, &rounded, 2);
    }
    operator float() const {
        _Float16 exact;
        __builtin_memcpy(&exact, &bits, 2);
        return (float)exact;
    }
};

struct __nv_bfloat16 {
    emu_u16 bits;
    __nv_bfloat16() = default;
    __nv_bfloat16(float x) {
        const emu_u32 pattern = emu_bits<emu_u32>(x);
        const emu_u32 nearest_even = 0x7fff + (pattern >> 16 & 1);
        bits = x != x ? 0x7fff : emu_u16((pattern + nearest_even) >> 16);
    }
    operator float() const {
        return emu_bits<float>(emu_u32(bits) << 16);
    }
};

using half = __half;
using nv_bfloat16 = __nv_bfloat16;

struct alignas(4) __half2 {
    __half x, y;
};
struct alignas(4) __nv_bfloat162 {
    __nv_bfloat16 x, y;
};
using half2 = __half2;
using nv_bfloat162 = __nv_bfloat162;

EMU_ELEMENT(__half2, __half)
EMU_ELEMENT(__nv_bfloat162, __nv_bfloat16)

// ---- What both types have -----------------------------------------------------------------------

#define EMU_OPERATOR(type, operation)                                                              \
    inline type operator operation(type a, type b) {                                               \
        return float(a) operation float(b);                                                        \
    }                                                                                              \
    inline type& operator operation##=(type & a, type b) {                                         \
        return a = a operation b;                                                                  \
    }
#define EMU_COMPARISON(type, operation)                                                            \
    inline bool operator operation(type a, type b) {                                               \
        return float(a) operation float(b);                                                        \
    }
#define EMU_FUNCTION(type, name, expression)                                                       \
    inline type name(type a, type b) {                                                             \
        return expression;                                                                         \
    }

#define EMU_SIXTEEN_BITS(type)                                                                     \
    EMU_OPERATOR(type, +)                                                                          \
    EMU_OPERATOR(type, -)                                                                          \
    EMU_OPERATOR(type, *)                                                                          \
    EMU_OPERATOR(type, /)                                                                          \
    EMU_COMPARISON(type, ==)                                                                       \
    EMU_COMPARISON(type, !=)                                                                       \
    EMU_COMPARISON(type, <)                                                                        \
    EMU_COMPARISON(type, <=)                                                                       \
    EMU_COMPARISON(type, >)                                                                        \
    EMU_COMPARISON(type, >=)                                                                       \
    EMU_FUNCTION(type, __hadd, a + b)                                                              \
    EMU_FUNCTION(type, __hsub, a - b)                                                              \
    EMU_FUNCTION(type, __hmul, a * b)                                                              \
    EMU_FUNCTION(type, __hdiv, a / b)                                                              \
    EMU_FUNCTION(type, __hmax, __builtin_fmaxf(a, b))                                              \
    EMU_FUNCTION(type, __hmin, __builtin_fminf(a, b))                                              \
    inline type operator-(type a) {                                                                \
        return -float(a);                                                                          \
    }                                                                                              \
    inline type __hneg(type a) {                                                                   \
        return -float(a);                                                                          \
    }                                                                                              \
    inline type __habs(type a) {                                                                   \
        return __builtin_fabsf(a);                                                                 \
    }                                                                                              \
    inline bool __hisnan(type a) {                                                                 \
        return float(a) != float(a);                                                               \
    }

EMU_SIXTEEN_BITS(__half)
EMU_SIXTEEN_BITS(__nv_bfloat16)
#undef EMU_SIXTEEN_BITS
#undef EMU_OPERATOR
#undef EMU_COMPARISON
#undef EMU_FUNCTION

// a*b is exact in double, and a double's sum rounded to 16 bits is correct unless it lies within
// 2^-53 of a tie, which products of 16-bit numbers added to a third cannot do in range.
inline __half __hfma(__half a, __half b, __half c) {
    const _Float16 rounded = (_Float16)(double(float(a)) * double(float(b)) + double(float(c)));
    return float(rounded);
}
inline __nv_bfloat16 __hfma(__nv_bfloat16 a, __nv_bfloat16 b, __nv_bfloat16 c) {
    return __builtin_fmaf(a, b, c);
}

// ---- Conversions --------------------------------------------------------------------------------

inline float __half2float(__half x) {
    return x;
}
inline __half __float2half(float x) {
    return x;
}
inline __half __float2half_rn(float x) {
    return x;
}
inline __half __double2half(double x) {
    return float((_Float16)x);
}
inline float __bfloat162float(__nv_bfloat16 x) {
    return x;
}
inline __nv_bfloat16 __float2bfloat16(float x) {
    return x;
}
inline __nv_bfloat16 __float2bfloat16_rn(float x) {
    return x;
}
inline unsigned short __half_as_ushort(__half x) {
    return x.bits;
}
inline __half __ushort_as_half(unsigned short x) {
    return emu_bits<__half>(x);
}
inline unsigned short __bfloat16_as_ushort(__nv_bfloat16 x) {
    return x.bits;
}
inline __nv_bfloat16 __ushort_as_bfloat16(unsigned short x) {
    return emu_bits<__nv_bfloat16>(x);
}

// ---- Pairs --------------------------------------------------------------------------------------

inline __half2 make_half2(__half x, __half y) {
    return {x, y};
}
inline __half2 __halves2half2(__half x, __half y) {
    return {x, y};
}
inline __half2 __half2half2(__half x) {
    return {x, x};
}
inline __half2 __float2half2_rn(float x) {
    return {x, x};
}
inline __half2 __floats2half2_rn(float x, float y) {
    return {x, y};
}
inline __half2 __float22half2_rn(float2 pair) {
    return {pair.x, pair.y};
}
inline float2 __half22float2(__half2 pair) {
    return {pair.x, pair.y};
}
inline __half __low2half(__half2 pair) {
    return pair.x;
}
inline __half __high2half(__half2 pair) {
    return pair.y;
}
inline float __low2float(__half2 pair) {
    return pair.x;
}
inline float __high2float(__half2 pair) {
    return pair.y;
}
inline __nv_bfloat162 make_bfloat162(__nv_bfloat16 x, __nv_bfloat16 y) {
    return {x, y};
}
inline __nv_bfloat162 __halves2bfloat162(__nv_bfloat16 x, __nv_bfloat16 y) {
    return {x, y};
}
inline __nv_bfloat162 __bfloat162bfloat162(__nv_bfloat16 x) {
    return {x, x};
}
inline __nv_bfloat162 __float2bfloat162_rn(float x) {
    return {x, x};
}
inline __nv_bfloat162 __floats2bfloat162_rn(float x, float y) {
    return {x, y};
}
inline __nv_bfloat162 __float22bfloat162_rn(float2 pair) {
    return {pair.x, pair.y};
}
inline float2 __bfloat1622float2(__nv_bfloat162 pair) {
    return {pair.x, pair.y};
}
inline __nv_bfloat16 __low2bfloat16(__nv_bfloat162 pair) {
    return pair.x;
}
inline __nv_bfloat16 __high2bfloat16(__nv_bfloat162 pair) {
    return pair.y;
}
inline float __low2float(__nv_bfloat162 pair) {
    return pair.x;
}
inline float __high2float(__nv_bfloat162 pair) {
    return pair.y;
}

#define EMU_PAIR_FUNCTION(pair, name)                                                              \
    inline pair name##2(pair a, pair b) {                                                          \
        return {name(a.x, b.x), name(a.y, b.y)};                                                   \
    }
#define EMU_PAIR_FUNCTIONS(pair)                                                                   \
    EMU_PAIR_FUNCTION(pair, __hadd)                                                                \
    EMU_PAIR_FUNCTION(pair, __hsub)                                                                \
    EMU_PAIR_FUNCTION(pair, __hmul)                                                                \
    EMU_PAIR_FUNCTION(pair, __hmax)                                                                \
    EMU_PAIR_FUNCTION(pair, __hmin)                                                                \
    inline pair __hfma2(pair a, pair b, pair c) {                                                  \
        return {__hfma(a.x, b.x, c.x), __hfma(a.y, b.y, c.y)};                                     \
    }
EMU_PAIR_FUNCTIONS(__half2)
EMU_PAIR_FUNCTIONS(__nv_bfloat162)
#undef EMU_PAIR_FUNCTIONS
#undef EMU_PAIR_FUNCTION

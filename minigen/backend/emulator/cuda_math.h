// cuda_math.h: mathematical functions, in the float, double and overloaded spellings of CUDA.
//
// Idea: the C library's functions, declared here instead of by <cmath>, which costs more time to
// read than a kernel takes to compile.
//
// Invariant: what IEEE 754 defines (+ - * / sqrt fma, conversions) is exact to the bit, on every
// CPU: the compiler may not contract a*b + c (-ffp-contract=off). The rest (exp, sin ...) is the C
// library's, within an ulp or so of the truth; a GPU's by a few, its __expf and friends by more.
#pragma once

#define INFINITY __builtin_inff()
#define NAN __builtin_nanf("")

#define EMU_MATH1(name)                                                                            \
    extern "C" double name(double) noexcept;                                                       \
    extern "C" float name##f(float) noexcept;                                                      \
    inline float name(float x) {                                                                   \
        return name##f(x);                                                                         \
    }
#define EMU_MATH2(name)                                                                            \
    extern "C" double name(double, double) noexcept;                                               \
    extern "C" float name##f(float, float) noexcept;                                               \
    inline float name(float x, float y) {                                                          \
        return name##f(x, y);                                                                      \
    }

EMU_MATH1(acos)
EMU_MATH1(acosh)
EMU_MATH1(asin)
EMU_MATH1(asinh)
EMU_MATH1(atan)
EMU_MATH1(atanh)
EMU_MATH1(cbrt)
EMU_MATH1(ceil)
EMU_MATH1(cos)
EMU_MATH1(cosh)
EMU_MATH1(erf)
EMU_MATH1(erfc)
EMU_MATH1(exp)
EMU_MATH1(exp2)
EMU_MATH1(exp10)
EMU_MATH1(expm1)
EMU_MATH1(fabs)
EMU_MATH1(floor)
EMU_MATH1(lgamma)
EMU_MATH1(log)
EMU_MATH1(log10)
EMU_MATH1(log1p)
EMU_MATH1(log2)
EMU_MATH1(logb)
EMU_MATH1(nearbyint)
EMU_MATH1(rint)
EMU_MATH1(round)
EMU_MATH1(sin)
EMU_MATH1(sinh)
EMU_MATH1(sqrt)
EMU_MATH1(tan)
EMU_MATH1(tanh)
EMU_MATH1(tgamma)
EMU_MATH1(trunc)
EMU_MATH2(atan2)
EMU_MATH2(copysign)
EMU_MATH2(fdim)
EMU_MATH2(fmax)
EMU_MATH2(fmin)
EMU_MATH2(fmod)
EMU_MATH2(hypot)
EMU_MATH2(nextafter)
EMU_MATH2(pow)
EMU_MATH2(remainder)
#undef EMU_MATH1
#undef EMU_MATH2

extern "C" {
double fma(double, double, double) noexcept;
float fmaf(float, float, float) noexcept;
double ldexp(double, int) noexcept;
float ldexpf(float, int) noexcept;
double frexp(double, int*) noexcept;
float frexpf(float, int*) noexcept;
double modf(double, double*) noexcept;
float modff(float, float*) noexcept;
void sincos(double, double*, double*) noexcept;
void sincosf(float, float*, float*) noexcept;
long lrint(double) noexcept;
long lrintf(float) noexcept;
int printf(const char*, ...);
}

inline float fma(float a, float b, float c) {
    return fmaf(a, b, c);
}
inline float pow(float x, int n) {
    return powf(x, float(n));
}
inline float rsqrtf(float x) {
    return 1.0f / sqrtf(x);
}
inline double rsqrt(double x) {
    return 1.0 / sqrt(x);
}
inline float rsqrt(float x) {
    return rsqrtf(x);
}
inline float rcbrtf(float x) {
    return 1.0f / cbrtf(x);
}
inline double normcdf(double x) {
    return 0.5 * erfc(x * -0.70710678118654752440);
}
inline float normcdff(float x) {
    return float(normcdf(double(x)));
}
inline float sinpif(float x) {
    return float(sin(3.14159265358979323846 * fmod(double(x), 2.0)));
}
inline float cospif(float x) {
    return float(cos(3.14159265358979323846 * fmod(double(x), 2.0)));
}
inline void sincospif(float x, float* sine, float* cosine) {
    *sine = sinpif(x);
    *cosine = cospif(x);
}

template <typename T>
inline bool isnan(T x) {
    return __builtin_isnan(x);
}
template <typename T>
inline bool isinf(T x) {
    return __builtin_isinf(x);
}
template <typename T>
inline bool isfinite(T x) {
    return __builtin_isfinite(x);
}
template <typename T>
inline bool signbit(T x) {
    return __builtin_signbit(x);
}

inline int abs(int x) {
    return x < 0 ? -x : x;
}
inline long abs(long x) {
    return x < 0 ? -x : x;
}
inline long long abs(long long x) {
    return x < 0 ? -x : x;
}
inline float abs(float x) {
    return fabsf(x);
}
inline double abs(double x) {
    return fabs(x);
}
inline long long llabs(long long x) {
    return abs(x);
}

// min and max of mixed types compare in the type of their sum, as CUDA's overloads do; of floats
// they prefer a number to a NaN.
template <typename A, typename B>
inline auto min(A a, B b) -> decltype(a + b) {
    using Common = decltype(a + b);
    if constexpr (Common(0.5) != Common(0))
        return fmin(Common(a), Common(b));
    else
        return Common(b) < Common(a) ? Common(b) : Common(a);
}
template <typename A, typename B>
inline auto max(A a, B b) -> decltype(a + b) {
    using Common = decltype(a + b);
    if constexpr (Common(0.5) != Common(0))
        return fmax(Common(a), Common(b));
    else
        return Common(a) < Common(b) ? Common(b) : Common(a);
}

// ---- Roundings by name: every operation rounds once, to nearest ---------------------------------

inline float __fadd_rn(float a, float b) {
    return a + b;
}
inline float __fsub_rn(float a, float b) {
    return a - b;
}
inline float __fmul_rn(float a, float b) {
    return a * b;
}
inline float __fdiv_rn(float a, float b) {
    return a / b;
}
inline float __fsqrt_rn(float x) {
    return sqrtf(x);
}
inline float __frcp_rn(float x) {
    return 1.0f / x;
}
inline float __frsqrt_rn(float x) {
    return float(1.0 / sqrt(double(x)));
}
inline float __fmaf_rn(float a, float b, float c) {
    return fmaf(a, b, c);
}
inline double __dadd_rn(double a, double b) {
    return a + b;
}
inline double __dsub_rn(double a, double b) {
    return a - b;
}
inline double __dmul_rn(double a, double b) {
    return a * b;
}
inline double __ddiv_rn(double a, double b) {
    return a / b;
}
inline double __dsqrt_rn(double x) {
    return sqrt(x);
}
inline double __drcp_rn(double x) {
    return 1.0 / x;
}
inline double __fma_rn(double a, double b, double c) {
    return fma(a, b, c);
}

// ---- Fast functions: approximate on a GPU, exact here -------------------------------------------

inline float __expf(float x) {
    return expf(x);
}
inline float __exp10f(float x) {
    return exp10f(x);
}
inline float __logf(float x) {
    return logf(x);
}
inline float __log2f(float x) {
    return log2f(x);
}
inline float __log10f(float x) {
    return log10f(x);
}
inline float __sinf(float x) {
    return sinf(x);
}
inline float __cosf(float x) {
    return cosf(x);
}
inline float __tanf(float x) {
    return tanf(x);
}
inline void __sincosf(float x, float* sine, float* cosine) {
    sincosf(x, sine, cosine);
}
inline float __powf(float x, float y) {
    return powf(x, y);
}
inline float __fdividef(float a, float b) {
    return a / b;
}
inline float fdividef(float a, float b) {
    return a / b;
}
inline float __saturatef(float x) {
    return x > 0.0f ? (x < 1.0f ? x : 1.0f) : 0.0f;  // a NaN becomes 0
}

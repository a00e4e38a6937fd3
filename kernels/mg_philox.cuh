// mg_philox.cuh — random numbers out of a counter: Philox4x32-10, and floats of its bits.
//
// Idea: nothing is carried from number to number. Ten rounds of multiplications scramble a counter
// of 128 bits, under a key of 64, into four words that look random; another counter, other words.
// So every thread makes its own, in any order, and can make them again: the backward of dropout
// makes its mask a second time instead of reading it.
//
//     key = seed      counter = (block, call)      64 bits each
//
// call numbers the draws of a generator; block, in a draw, the groups of numbers that one counter
// gives. Seed and call stand side by side in device memory, `draw`: no launch contains them.
//
// Everything here is bitwise equal to NumPy in float32 (random.py), on every GPU: operations that
// IEEE rounds exactly and that no compiler may contract (__fmul_rn ...), and polynomials for logf
// and sincosf, of which each library has its own. They are Taylor's, whose coefficients anyone can
// check; a minimax fit would spare two of ten multiplications. Against float64: the logarithm is
// off by at most 2.1e-7 of itself, sine and cosine by 1.2e-7, a normal number by 8e-7
// (tests/test_device_random.py).
// Source: Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3, SC 2011; Box & Muller, 1958.
// Read next: random.cu.
#pragma once
#include "mg_common.cuh"

__device__ __forceinline__ uint4 mg_philox(uint4 counter, uint2 key) {
#pragma unroll
    for (int round = 0; round < 10; round++) {
        const unsigned high0 = __umulhi(0xD2511F53u, counter.x), low0 = 0xD2511F53u * counter.x;
        const unsigned high1 = __umulhi(0xCD9E8D57u, counter.z), low1 = 0xCD9E8D57u * counter.z;
        counter = make_uint4(high1 ^ counter.y ^ key.x, low1, high0 ^ counter.w ^ key.y, low0);
        key.x += 0x9E3779B9u;  // the golden ratio, and √3 - 1
        key.y += 0xBB67AE85u;
    }
    return counter;
}

// Four words of a draw.
__device__ __forceinline__ uint4 mg_random_bits(const unsigned long long* draw, long long block) {
    const unsigned long long seed = draw[0], call = draw[1];
    const uint2 key = make_uint2(seed, seed >> 32);
    return mg_philox(make_uint4(block, block >> 32, call, call >> 32), key);
}

// Two words as one.
__device__ __forceinline__ unsigned long long mg_join(unsigned high, unsigned low) {
    return (unsigned long long)high << 32 | low;
}

// ---- uniform in [0, 1): as many bits as the type has digits, so that nothing is rounded

__device__ __forceinline__ float mg_uniform(unsigned bits) {
    return float(bits >> 8) * 0x1p-24f;
}

__device__ __forceinline__ double mg_uniform(unsigned high, unsigned low) {
    return double(mg_join(high, low) >> 11) * 0x1p-53;
}

// ---- a·x + b, rounded after each operation as NumPy does

__device__ __forceinline__ float mg_affine(float a, float x, float b) {
    return __fadd_rn(__fmul_rn(a, x), b);
}

__device__ __forceinline__ double mg_affine(double a, double x, double b) {
    return __dadd_rn(__dmul_rn(a, x), b);
}

// ---- normal

// ln u for u in [2⁻³³, 1].   u = 2^e·m with m between √½ and √2; s = (m - 1) / (m + 1);
// ln m = 2 (s + s³/3 + s⁵/5 + s⁷/7 + s⁹/9)
__device__ __forceinline__ float mg_log_of_unit(float u) {
    const int bits = __float_as_int(u);
    const int exponent = (bits - 0x3f3504f3) >> 23;  // the bits of √½
    const float m = __int_as_float(bits - exponent * (1 << 23));
    const float s = __fdiv_rn(__fadd_rn(m, -1.0f), __fadd_rn(m, 1.0f)), square = __fmul_rn(s, s);
    float series = mg_affine(1.0f / 9, square, 1.0f / 7);
    series = mg_affine(series, square, 1.0f / 5);
    series = mg_affine(series, square, 1.0f / 3);
    series = mg_affine(series, square, 1.0f);
    return mg_affine(float(exponent), 0.693147182f, __fmul_rn(__fmul_rn(2.0f, s), series));
}

// Cosine and sine of a fraction of a turn, turn / 2³². The nearest quarter comes off as integers,
// exactly; the rest is at most an eighth of a turn.
__device__ __forceinline__ float2 mg_cosine_and_sine(unsigned turn) {
    const unsigned quarter = (turn + 0x20000000u) >> 30;
    const float x = __fmul_rn(float(int(turn - (quarter << 30))), 1.46291808e-9f);  // 2π / 2³²
    const float square = __fmul_rn(x, x);
    float cosine = mg_affine(-1.0f / 3628800, square, 1.0f / 40320);
    cosine = mg_affine(cosine, square, -1.0f / 720);
    cosine = mg_affine(cosine, square, 1.0f / 24);
    cosine = mg_affine(cosine, square, -1.0f / 2);
    cosine = mg_affine(cosine, square, 1.0f);
    float sine = mg_affine(1.0f / 362880, square, -1.0f / 5040);
    sine = mg_affine(sine, square, 1.0f / 120);
    sine = mg_affine(sine, square, -1.0f / 6);
    sine = mg_affine(__fmul_rn(sine, square), x, x);
    const float along = quarter & 1 ? sine : cosine, across = quarter & 1 ? cosine : sine;
    return make_float2(quarter + 1 & 2 ? -along : along, quarter & 2 ? -across : across);
}

// Two independent normal numbers of two words: a point in the plane, at a random angle and at the
// radius √(-2 ln u). u is never 0: the largest radius is 6.76.
__device__ __forceinline__ float2 mg_normal(unsigned a, unsigned b) {
    const float u = mg_affine(float(a), 0x1p-32f, 0x1p-33f);
    const float radius = __fsqrt_rn(__fmul_rn(-2.0f, mg_log_of_unit(u)));
    const float2 direction = mg_cosine_and_sine(b);
    return make_float2(__fmul_rn(radius, direction.x), __fmul_rn(radius, direction.y));
}

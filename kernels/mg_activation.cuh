// mg_activation.cuh — the activations that kernels apply on the way: value and gradient.
//
//     relu          max(x, 0)                   leaky_relu    x above 0, slope·x below
//     silu          x·σ(x)                      gelu          x·Φ(x), Φ the normal distribution
//     gelu_tanh     x·σ(2u), u = √(2/π)·(x + 0.044715·x³)
//
// Idea: an activation is a type with two functions, so that a kernel is a template of it and the
// choice costs nothing where it runs: `F::value(x, slope)`, and `F::gradient(g, x, slope)`, which
// is g·f'(x), from the input x, so that nothing but x has to be kept. slope is leaky_relu's; the
// others ignore it. A is the type to compute in, float or double. nan stays nan.
// Where f' is 0, relu says 0 even for g = inf: it chooses, it does not multiply.
// Reference: bias_activation.py.   Read next: bias_activation.cu.
#pragma once
#include "mg_common.cuh"

// ---- functions that CUDA names by type

// 1 / (1 + exp(-x)); for very negative x the exponential is inf, and 1/inf the 0 it should be.
__device__ __forceinline__ float mg_logistic(float x) { return __fdividef(1.0f, 1 + mg_exp(-x)); }
__device__ __forceinline__ double mg_logistic(double x) { return 1 / (1 + mg_exp(-x)); }

// Φ(x) = ½·erfc(-x/√2), the normal distribution function. erfcf compiles to some 70 instructions,
// erff to 30, more than there is time for while 16-bit numbers are read. So float takes our own fit
// of Φ's logit, x times a polynomial of x², as ../minigen/backend/elementwise.py does: it is off by
// 1.2e-7 at most.
__device__ __forceinline__ float mg_phi(float x) {
    const float u = x * x;
    float logit = 3.512451e-9f;
    logit = logit * u - 2.6452968e-7f;
    logit = logit * u + 7.92951505e-6f;
    logit = logit * u - 1.10612469e-4f;
    logit = logit * u - 6.51899172e-5f;
    logit = logit * u + 0.0726661682f;
    logit = logit * u + 1.5957698822f;
    return mg_logistic(x * logit);
}
__device__ __forceinline__ double mg_phi(double x) { return 0.5 * erfc(x * -0.7071067811865476); }

// ---- activations

struct mg_relu {
    template <typename A>
    static __device__ __forceinline__ A value(A x, A) { return x <= 0 ? A(0) : x; }
    template <typename A>
    static __device__ __forceinline__ A gradient(A g, A x, A) { return x <= 0 ? A(0) : g; }
};

struct mg_leaky_relu {
    template <typename A>
    static __device__ __forceinline__ A value(A x, A slope) { return x > 0 ? x : slope * x; }
    template <typename A>
    static __device__ __forceinline__ A gradient(A g, A x, A slope) {
        return x > 0 ? g : slope * g;
    }
};

struct mg_gelu {
    template <typename A>
    static __device__ __forceinline__ A value(A x, A) { return x * mg_phi(x); }
    template <typename A>
    static __device__ __forceinline__ A gradient(A g, A x, A) {  // Φ + x·exp(-x²/2)/√(2π)
        return g * (mg_phi(x) + x * A(0.39894228040143268) * mg_exp(A(-0.5) * x * x));
    }
};

struct mg_gelu_tanh {
    // 2u = x·(k + c·x²), and its derivative k + 3c·x²
    static constexpr double k = 1.5957691216057308, c = 0.07135481627260025;
    template <typename A>
    static __device__ __forceinline__ A value(A x, A) {
        return x * mg_logistic(x * (A(k) + A(c) * x * x));
    }
    template <typename A>
    static __device__ __forceinline__ A gradient(A g, A x, A) {  // s + x·s·(1 - s)·(2u)'
        const A s = mg_logistic(x * (A(k) + A(c) * x * x));
        return g * (s + x * s * (1 - s) * (A(k) + A(3 * c) * x * x));
    }
};

struct mg_silu {
    template <typename A>
    static __device__ __forceinline__ A value(A x, A) { return x * mg_logistic(x); }
    template <typename A>
    static __device__ __forceinline__ A gradient(A g, A x, A) {  // s·(1 + x·(1 - s))
        const A s = mg_logistic(x);
        return g * s * (1 + x * (1 - s));
    }
};

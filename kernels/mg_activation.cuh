// mg_activation.cuh — the activations that kernels apply on the way: value and gradient.
//
//     relu          max(x, 0)                   leaky_relu    x above 0, slope·x below
//     silu          x·σ(x)                      gelu          x·Φ(x), Φ(x) = ½·erfc(-x/√2)
//     gelu_tanh     x·σ(2u), u = √(2/π)·(x + 0.044715·x³)         identity    x
//
// Idea: an activation is a type with two functions, so that a kernel is a template of it and the
// choice costs nothing where it runs: `F::value(x, slope)`, and `F::gradient(g, x, slope)`, which is
// g·f'(x) from the input x, so that nothing but x has to be kept. slope belongs to leaky_relu; the
// others ignore it. A is the type to compute in, float or double. nan stays nan everywhere.
// Where f' is 0, relu says 0 even for g = inf: it chooses, it does not multiply.
// Reference: bias_activation.py.   Read next: bias_activation.cu.
#pragma once
#include "mg_common.cuh"

// ---- functions that CUDA names by type

__device__ __forceinline__ float mg_erfc(float x) { return erfcf(x); }
__device__ __forceinline__ double mg_erfc(double x) { return erfc(x); }

// 1 / (1 + exp(-x)); for very negative x the exponential is inf, and 1/inf the 0 it should be.
__device__ __forceinline__ float mg_logistic(float x) { return __fdividef(1.0f, 1 + mg_exp(-x)); }
__device__ __forceinline__ double mg_logistic(double x) { return 1 / (1 + mg_exp(-x)); }

// ---- activations

struct mg_identity {
    template <typename A>
    static __device__ __forceinline__ A value(A x, A) { return x; }
    template <typename A>
    static __device__ __forceinline__ A gradient(A g, A, A) { return g; }
};

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
    static __device__ __forceinline__ A gradient(A g, A x, A slope) { return x > 0 ? g : slope * g; }
};

struct mg_gelu {
    template <typename A>
    static __device__ __forceinline__ A phi(A x) {
        return A(0.5) * mg_erfc(x * A(-0.70710678118654752));  // keeps its digits where Φ is near 0
    }
    template <typename A>
    static __device__ __forceinline__ A value(A x, A) { return x * phi(x); }
    template <typename A>
    static __device__ __forceinline__ A gradient(A g, A x, A) {  // Φ + x·exp(-x²/2)/√(2π)
        return g * (phi(x) + x * A(0.39894228040143268) * mg_exp(A(-0.5) * x * x));
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

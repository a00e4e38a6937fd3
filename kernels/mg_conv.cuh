// mg_conv.cuh — where convolutions read: taps, pieces, and the position that a number stands for.
//
// Idea: a convolution, in one to three dimensions, with any stride, padding and dilation, is a list
// of taps. Tap t of the window at u reads x[u·read + t], zero outside x, and writes to
// y[first + u·write]. All arithmetic of options is done before, on the host (conv.py), and stands
// in two small tables, so that a kernel only adds and compares.
//
//     forward           one piece: all windows, all taps; read = stride, write = 1
//     input gradient    the positions of one residue modulo the stride meet only every stride-th
//                       tap: one piece for each residue, with its own taps; read = 1 and
//                       write = stride. Every position is in one piece; no tap is tried in vain.
//
// Fewer than three dimensions are three of which the first have size 1.
// Memory: x (samples, inputs, depth, height, width) and y likewise, in C order.
// Read next: conv.cu, conv_direct.cu, conv.py (the tables).
#pragma once
#include "mg_common.cuh"

// A division by `value` as a multiplication: exact for 0 ≤ a < 2^31. Reference: T. Granlund and
// P. Montgomery, "Division by Invariant Integers using Multiplication" (1994). A division by a
// number unknown to the compiler takes some twenty instructions; this takes three.
struct mg_divisor {
    int value;
    unsigned multiplier;
    int shift;

    __device__ __forceinline__ int quotient(int a) const {
        return int(__umulhi(2u * a, multiplier) >> shift);
    }
};

// Where a tap reads, seen from its window's place u·read, and which weight of the kernel it has.
struct __align__(16) mg_tap {
    int z, y, x;
    int weight;
};

// Positions of the output that all meet the same taps.
struct mg_piece {
    mg_divisor taps;                   // how many taps it has ...
    int first_tap;                     // ... and where they begin in the list
    mg_divisor volume, height, width;  // how many windows: in a sample, along y, along x
    int first_z, first_y, first_x;     // where the first of them is in the output
};

// A window: its sample, its number in that, and along each dimension.
struct mg_window {
    int sample, inside, z, y, x;
};

// Windows of all samples, numbered from `begin` on, which can pass 2^31.
struct mg_windows {
    const mg_piece piece;
    const int sample, rest;

    __device__ __forceinline__ mg_windows(const mg_piece& piece, long long begin)
        : piece(piece), sample(int(begin / piece.volume.value)),
          rest(int(begin % piece.volume.value)) {}

    __device__ __forceinline__ mg_window at(int i) const {
        const int passed = piece.volume.quotient(rest + i);
        const int inside = rest + i - passed * piece.volume.value;
        const int row = piece.width.quotient(inside), z = piece.height.quotient(row);
        return {sample + passed, inside, z, row - z * piece.height.value,
                inside - row * piece.width.value};
    }
};

// The sizes of an image. A sample has at most 2^30 elements, so that places in it are ints.
struct mg_image {
    int depth, height, width;

    __device__ __forceinline__ int volume() const { return depth * height * width; }

    // As unsigned numbers, negative ones are larger than any size.
    __device__ __forceinline__ bool has(int z, int y, int x) const {
        return unsigned(z) < unsigned(depth) && unsigned(y) < unsigned(height) &&
               unsigned(x) < unsigned(width);
    }

    __device__ __forceinline__ int place(int z, int y, int x) const {
        return (z * height + y) * width + x;
    }
};

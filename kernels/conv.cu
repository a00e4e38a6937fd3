// conv.cu — convolution as a matrix product whose matrices are never made (implicit GEMM).
//
//     y[n, o, u] = bias[o] + Σ_{c, t} w[o, c, t] · x[n, c, u·stride + t·dilation − low]     forward
//     x[n, c, q] = bias[c] + Σ_{o, t} w[o, c, t] · g[n, o, u],  where window u reads q by tap t
//     w[o, c, t] = Σ_{n, u} g[n, o, u] · x[n, c, u·stride + t·dilation − low]       weight gradient
//
// Memory: x (samples, inputs, depth, height, width), y and g likewise, w (outputs, inputs / groups,
// taps), all in C order. Each line is a product, rows × depth × columns:
//
//     forward            outputs × (input, tap) × (sample, window)
//     input gradient     inputs × (output, tap) × (sample, position)     = transposed convolution
//     weight gradient    outputs × (sample, window) × (input, tap)
//
// A block computes a tile of it by the loop of mg_gemm.cuh; what is ours is how an element of each
// factor is found in memory. The first two are one kernel: with the tables of mg_conv.cuh, the
// input gradient is the forward of each piece, with rows and inputs of w exchanged. Neighbouring
// threads take neighbouring windows, which are neighbours in x where they step by 1.
//
// The weight gradient sums over many positions for few results. To have enough blocks, the
// positions are cut into slices; each slice leaves its own partial sum, and column_sum.cu adds
// these in order, so that the result is the same every time (atomics would add in any order).
//
// Pieces spare the input gradient a test of divisibility in the gather: with stride 2 in two
// dimensions, three of four taps would be found only to be multiplied as zeros.
// Tried, and counted in the code for sm_90: for a slice of a 64 × 64 tile, the product takes 308
// instructions of a thread, and finding its elements took 390 more with 64-bit offsets and shifts;
// it takes 210 with 32 bits inside of a sample, and one k for all rows. Tiles of 128 × 128 fit into
// 128 registers and would multiply in 64 instead of 49 of 100 instructions; they double the time
// of compiling, and wait until a GPU has shown what they are worth.
// Reference: conv.py.   Read next: mg_conv.cuh, mg_gemm.cuh, conv_direct.cu.
#include "mg_conv.cuh"
#include "mg_gemm.cuh"

// Blocks: x along the columns of a piece, y along the rows of a group, z = (piece, group).
template <typename T, int R>
__global__ void __launch_bounds__(MG_TILE_THREADS, 2)
    conv_correlate(const T* __restrict__ x, const T* __restrict__ weight,
                   const T* __restrict__ bias, const mg_tap* __restrict__ taps,
                   const mg_piece* __restrict__ pieces,
                   T* __restrict__ y, int samples, int inputs, int outputs, int groups, int depth,
                   int height, int width, int out_depth, int out_height, int out_width,
                   int kernel_size, int stride_z, int stride_y, int stride_x, int transposed) {
    using A = mg_acc<T>;
    const int group = blockIdx.z % groups;
    const mg_piece piece = pieces[blockIdx.z / groups];
    const mg_windows windows(piece, (long long)blockIdx.x * MG_TILE_SIDE<R>);
    if (windows.sample >= samples) return;  // fewer columns than the largest piece has: no work
    const mg_image image = {depth, height, width}, out = {out_depth, out_height, out_width};
    const int rows = outputs / groups, channels = inputs / groups, volume = image.volume();
    const int first_row = blockIdx.y * MG_TILE_SIDE<R>, depth_end = channels * piece.taps.value;
    const int read_z = transposed ? 1 : stride_z, write_z = transposed ? stride_z : 1;
    const int read_y = transposed ? 1 : stride_y, write_y = transposed ? stride_y : 1;
    const int read_x = transposed ? 1 : stride_x, write_x = transposed ? stride_x : 1;

    // w[o, c, t], or with o and c exchanged; a group's weights follow the other's
    const int row_step = transposed ? kernel_size : channels * kernel_size;
    const int channel_step = transposed ? rows * kernel_size : kernel_size;
    const T* w = weight + (long long)group * rows * channels * kernel_size;
    auto load_a = [&](int row, int k) {
        const int channel = piece.taps.quotient(k);  // first, as k is the same for several rows
        if (first_row + row >= rows || k >= depth_end) return A(0);
        const int tap = taps[piece.first_tap + k - channel * piece.taps.value].weight;
        return mg_load(w, (first_row + row) * row_step + channel * channel_step + tap);
    };
    // of B, a thread always loads the same column: its window is found once
    const mg_window u = windows.at(threadIdx.x % MG_TILE_SIDE<R>);
    const int z = u.z * read_z, y0 = u.y * read_y, x0 = u.x * read_x;
    const T* from = x + ((long long)u.sample * inputs + group * channels) * volume;
    const int depth_here = u.sample < samples ? depth_end : 0;
    auto load_b = [&](int k, int) {
        if (k >= depth_here) return A(0);
        const int channel = piece.taps.quotient(k);
        const mg_tap tap = taps[piece.first_tap + k - channel * piece.taps.value];
        if (!image.has(z + tap.z, y0 + tap.y, x0 + tap.x)) return A(0);
        return mg_load(from, channel * volume + image.place(z + tap.z, y0 + tap.y, x0 + tap.x));
    };
    A sum[R][R];
    mg_tile_sums<T, R>(0, depth_end, load_a, load_b, true, false, sum);

#pragma unroll
    for (int j = 0; j < R; j++) {
        const mg_window u = windows.at(mg_tile_place<R>(threadIdx.x % 16, j));
        if (u.sample >= samples) continue;
        const int place = out.place(piece.first_z + u.z * write_z, piece.first_y + u.y * write_y,
                                    piece.first_x + u.x * write_x);
        T* to = y + ((long long)u.sample * outputs + group * rows) * out.volume() + place;
#pragma unroll
        for (int i = 0; i < R; i++) {
            const int row = first_row + mg_tile_place<R>(threadIdx.x / 16, i);
            if (row >= rows) continue;
            const A offset = bias ? mg_load(bias, group * rows + row) : A(0);
            mg_store(to, row * out.volume(), sum[i][j] + offset);
        }
    }
}

// Blocks: x along the columns (input, tap), y along the rows of a group, z = (slice, group).
// partial (slices, outputs, inputs / groups · taps); `pieces` has the forward's one piece.
template <typename T, int R>
__global__ void __launch_bounds__(MG_TILE_THREADS, 2)
    conv_weight_grad(const T* __restrict__ x, const T* __restrict__ g,
                     const mg_tap* __restrict__ taps, const mg_piece* __restrict__ pieces,
                     mg_acc<T>* __restrict__ partial, int samples, int inputs, int outputs,
                     int groups, int depth, int height, int width, int stride_z, int stride_y,
                     int stride_x, int slice) {
    using A = mg_acc<T>;
    const int group = blockIdx.z % groups, part = blockIdx.z / groups;
    const mg_piece piece = pieces[0];
    const int volume = piece.volume.value, kernel_size = piece.taps.value;
    const long long begin = (long long)part * slice;
    const int depth_end = int(min((long long)slice, (long long)samples * volume - begin));
    const mg_windows windows(piece, begin);
    const mg_image image = {depth, height, width};
    const int rows = outputs / groups, channels = inputs / groups;
    const int columns = channels * kernel_size;
    const int first_row = blockIdx.y * MG_TILE_SIDE<R>;
    const int first_column = blockIdx.x * MG_TILE_SIDE<R>;
    const int output = group * rows + first_row, input = group * channels;
    auto load_a = [&](int row, int k) {
        const mg_window u = windows.at(k);  // first, as k is the same for several rows
        const T* from = g + ((long long)u.sample * outputs + output) * volume + u.inside;
        if (first_row + row >= rows || k >= depth_end) return A(0);
        return mg_load(from, row * volume);
    };
    auto load_b = [&](int k, int column) {
        const mg_window u = windows.at(k);
        const T* from = x + ((long long)u.sample * inputs + input) * image.volume();
        const int z = u.z * stride_z, y = u.y * stride_y, x0 = u.x * stride_x;
        if (first_column + column >= columns || k >= depth_end) return A(0);
        const int channel = piece.taps.quotient(first_column + column);
        const mg_tap tap = taps[first_column + column - channel * kernel_size];
        if (!image.has(z + tap.z, y + tap.y, x0 + tap.x)) return A(0);
        const int place = image.place(z + tap.z, y + tap.y, x0 + tap.x);
        return mg_load(from, channel * image.volume() + place);
    };
    A sum[R][R];
    mg_tile_sums<T, R>(0, depth_end, load_a, load_b, true, true, sum);  // both along positions
#pragma unroll
    for (int i = 0; i < R * R; i++) {
        const int row = mg_tile_place<R>(threadIdx.x / 16, i / R);
        const int column = first_column + mg_tile_place<R>(threadIdx.x % 16, i % R);
        if (first_row + row >= rows || column >= columns) continue;
        const long long place = (long long)part * outputs + output + row;
        partial[place * columns + column] = sum[i / R][i % R];
    }
}

// conv_direct.cu — convolution without a matrix product: for groups of few outputs, as depthwise.
//
//     y[n, o, u] = bias[o] + Σ_{c, t} w[o, c, t] · x[n, c, u·stride + t·dilation − low]
//     w[o, c, t] = Σ_{n, u} g[n, o, u] · x[n, c, u·stride + t·dilation − low]
//
// where c are the channels of o's group. The same formulas, tables and memory as in conv.cu, the
// input gradient included; there a block computes 32 or 64 outputs of a group at a time, of which a
// depthwise convolution (groups = channels) has one, and the last layer of a decoder has three.
//
// Forward and input gradient: a thread makes one position of one output, for SAMPLES samples, so
// that what is the same for all of them (the tap, the bounds, the weight) is found once. All
// threads of a block have the same output: its weights are read by all at once, and neighbouring
// threads read neighbours of x. A value of x is read once for each tap, mostly from the cache.
//
// Weight gradient: a block sums TAPS taps of one (output, input) over a slice of the positions, and
// reads g once for all of them. The partial sums are added as in conv.cu.
//
// Tried, and counted in the code for sm_90: a pointer for each sample, or offsets in 64 bits, in
// place of one pointer that goes from sample to sample (8 and 17 instructions for each
// multiplication, now 7). Considered: a block for each single tap of the weight gradient; it would
// read g and x `taps` times over.
// Reference: conv.py.   Read next: mg_conv.cuh, mg_reduce.cuh, conv.cu.
#include "mg_conv.cuh"
#include "mg_reduce.cuh"

constexpr int SAMPLES = 4;  // that a thread of conv_direct computes
constexpr int TAPS = 9;     // that a block of conv_direct_weight_grad sums: 3 × 3

// Blocks: x along the windows of a piece and every SAMPLES-th sample, y = output, z = piece.
template <typename T>
__global__ void __launch_bounds__(256)
    conv_direct(const T* __restrict__ x, const T* __restrict__ weight, const T* __restrict__ bias,
                const mg_tap* __restrict__ taps, const mg_piece* __restrict__ pieces,
                T* __restrict__ y, int samples, int inputs, int outputs, int groups, int depth,
                int height, int width, int out_depth, int out_height, int out_width,
                int kernel_size, int stride_z, int stride_y, int stride_x, int transposed) {
    using A = mg_acc<T>;
    const int output = blockIdx.y, rows = outputs / groups, channels = inputs / groups;
    const mg_piece piece = pieces[blockIdx.z];
    const mg_windows windows(piece, (long long)blockIdx.x * blockDim.x);
    const mg_window u = windows.at(threadIdx.x);  // its "sample" is one of every SAMPLES
    const int sample = u.sample * SAMPLES;
    const mg_image image = {depth, height, width}, out = {out_depth, out_height, out_width};
    const int group = output / rows, row = output % rows, volume = image.volume();
    const T* w = weight + (long long)group * rows * channels * kernel_size;
    const int z = u.z * (transposed ? 1 : stride_z), y0 = u.y * (transposed ? 1 : stride_y);
    const int x0 = u.x * (transposed ? 1 : stride_x);
    const long long next = (long long)inputs * volume;  // from one sample of x to the next
    const T* from = x + sample * next + group * channels * volume;

    A sum[SAMPLES];
#pragma unroll
    for (int i = 0; i < SAMPLES; i++)
        sum[i] = bias ? mg_load(bias, output) : A(0);
    for (int t = 0; t < piece.taps.value; t++) {
        const mg_tap tap = taps[piece.first_tap + t];
        if (!image.has(z + tap.z, y0 + tap.y, x0 + tap.x)) continue;
        const int place = image.place(z + tap.z, y0 + tap.y, x0 + tap.x);
#pragma unroll 1
        for (int channel = 0; channel < channels; channel++) {
            const int at = transposed ? channel * rows + row : row * channels + channel;
            const A value = mg_load(w, at * kernel_size + tap.weight);
            const T* here = from + channel * volume + place;
#pragma unroll
            for (int i = 0; i < SAMPLES; i++, here += next)
                if (sample + i < samples) sum[i] += value * mg_load(here, 0);
        }
    }
    const int place = out.place(piece.first_z + u.z * (transposed ? stride_z : 1),
                                piece.first_y + u.y * (transposed ? stride_y : 1),
                                piece.first_x + u.x * (transposed ? stride_x : 1));
#pragma unroll
    for (int i = 0; i < SAMPLES; i++) {
        if (sample + i >= samples) break;
        const long long plane = (long long)(sample + i) * outputs + output;
        mg_store(y, plane * out.volume() + place, sum[i]);
    }
}

// Blocks: x = (output, input of its group), y along the taps, z = slice.
// partial (slices, outputs, inputs / groups, taps); `pieces` has the forward's one piece.
template <typename T>
__global__ void __launch_bounds__(256, 4)
    conv_direct_weight_grad(const T* __restrict__ x, const T* __restrict__ g,
                            const mg_tap* __restrict__ taps, const mg_piece* __restrict__ pieces,
                            mg_acc<T>* __restrict__ partial, int samples, int inputs,
                            int outputs, int groups, int depth, int height, int width,
                            int stride_z, int stride_y, int stride_x, int slice) {
    using A = mg_acc<T>;
    const int channels = inputs / groups, output = blockIdx.x / channels;
    const int input = output / (outputs / groups) * channels + blockIdx.x % channels;
    const mg_piece piece = pieces[0];
    const int volume = piece.volume.value, kernel_size = piece.taps.value;
    const long long begin = (long long)blockIdx.z * slice;
    const int end = int(min((long long)slice, (long long)samples * volume - begin));
    const mg_windows windows(piece, begin);
    const mg_image image = {depth, height, width};
    const int first = blockIdx.y * TAPS;
    const int count = kernel_size - first;  // of which this block sums TAPS at most

    A sum[TAPS] = {};
    for (int k = threadIdx.x; k < end; k += blockDim.x) {
        const mg_window u = windows.at(k);
        const A up = mg_load(g, ((long long)u.sample * outputs + output) * volume + u.inside);
        const T* from = x + ((long long)u.sample * inputs + input) * image.volume();
        const int z = u.z * stride_z, y = u.y * stride_y, x0 = u.x * stride_x;
#pragma unroll
        for (int t = 0; t < TAPS; t++) {
            if (t >= count) break;
            const mg_tap tap = taps[first + t];
            A value = 0;  // in the padding: times an infinite gradient nan, as everywhere
            if (image.has(z + tap.z, y + tap.y, x0 + tap.x))
                value = mg_load(from, image.place(z + tap.z, y + tap.y, x0 + tap.x));
            sum[t] += up * value;
        }
    }
    __shared__ A of_warp[TAPS][32];
#pragma unroll
    for (int t = 0; t < TAPS; t++) {
        const A total = mg_warp_sum(sum[t]);
        if (threadIdx.x % 32 == 0) of_warp[t][threadIdx.x / 32] = total;
    }
    __syncthreads();
    const int t = threadIdx.x;
    if (t >= TAPS || t >= count) return;
    A total = 0;
    for (int warp = 0; warp < blockDim.x / 32; warp++)
        total += of_warp[t][warp];
    partial[((long long)blockIdx.z * gridDim.x + blockIdx.x) * kernel_size + first + t] = total;
}

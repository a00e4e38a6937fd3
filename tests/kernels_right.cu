// kernels_right.cu: correct kernels, one for each thing that the emulator imitates.
//
// Idea: what the hardware defines (which lane a shuffle reads, which elements a fragment holds) is
// compared with NumPy in test_emulator.py. Nothing here may be reported.

#define EVERY_LANE 0xffffffffu

template <typename T>
__global__ void scale(const T* __restrict__ x, T* __restrict__ y, T factor, int count) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count)
        y[i] = T(x[i] * factor);
}

// The threads in a line: the order in which they come is what they write.
__global__ void __launch_bounds__(64) in_order(int* next, int* order) {
    order[blockIdx.x * blockDim.x + threadIdx.x] = atomicAdd(next, 1);
}

__global__ void collectives(int* out) {  // (12, 32)
    const int lane = threadIdx.x;
    out[lane] = __shfl_sync(EVERY_LANE, lane * 10, 5);
    out[32 + lane] = __shfl_sync(EVERY_LANE, lane, lane + 1, 8);
    out[64 + lane] = __shfl_up_sync(EVERY_LANE, lane, 3);
    out[96 + lane] = __shfl_down_sync(EVERY_LANE, lane, 3, 16);
    out[128 + lane] = __shfl_xor_sync(EVERY_LANE, lane, 5);
    out[160 + lane] = int(__ballot_sync(EVERY_LANE, lane % 3 == 0));
    out[192 + lane] = __any_sync(EVERY_LANE, lane == 7);
    out[224 + lane] = __all_sync(EVERY_LANE, lane < 31);
    if (lane < 8)
        out[256 + lane] = __shfl_xor_sync(0xffu, lane, 1) + __all_sync(0xffu, lane < 8);
    else
        out[256 + lane] = -1;
    out[288 + lane] = __syncthreads_count(lane < 9);
    out[320 + lane] = __syncthreads_or(lane == 9) + 2 * __syncthreads_and(lane < 32);
    const double wide = __shfl_xor_sync(EVERY_LANE, 0.5 + lane, 16);
    out[352 + lane] = int(wide * 2);
}

// The sum of each block's row, by warps and then by the first warp.
__global__ void block_sum(const float* x, float* y, int columns) {
    __shared__ float part[32];
    float sum = 0;
    for (int c = threadIdx.x; c < columns; c += blockDim.x)
        sum += x[blockIdx.x * columns + c];
#pragma unroll
    for (int offset = 16; offset; offset /= 2)
        sum += __shfl_xor_sync(EVERY_LANE, sum, offset);
    if (threadIdx.x % 32 == 0)
        part[threadIdx.x / 32] = sum;
    __syncthreads();
    if (threadIdx.x == 0) {
        sum = 0;
        for (int i = 0; i < blockDim.x / 32; i++)
            sum += part[i];
        y[blockIdx.x] = sum;
    }
}

// Each warp turns its row around in a buffer of its own, again and again: __syncwarp is enough.
__global__ void turn_around(float* y) {
    __shared__ float rows[2][32];
    const int warp = threadIdx.x / 32;
    const int lane = threadIdx.x % 32;
    for (int i = 0; i < 3; i++) {
        rows[warp][lane] = y[threadIdx.x];
        __syncwarp();
        y[threadIdx.x] = rows[warp][31 - lane] + 1.0f;
        __syncwarp();
    }
}

__global__ void histogram(const int* x, int* counts, int count) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count)
        atomicAdd(&counts[x[i]], 1);
}

// y[t][i] *= 2 for every tensor t: the arrays are reached through their addresses.
__global__ void double_all(float* const* tensors, const long long* sizes) {
    float* tensor = tensors[blockIdx.x];
    for (long long i = threadIdx.x; i < sizes[blockIdx.x]; i += blockDim.x)
        tensor[i] *= 2.0f;
}

__global__ void add_bias(const float* x, const float* bias, float* y, bool twice) {
    const float added = bias ? bias[threadIdx.x] : 0.0f;
    y[threadIdx.x] = x[threadIdx.x] + (twice ? 2.0f : 1.0f) * added;
}

// Rounding: (12, count) of float from (a, b, c).
__global__ void roundings(const float* a, const float* b, const float* c, float* out, int count) {
    const int i = threadIdx.x;
    out[i] = a[i] * b[i] + c[i];  // never contracted here
    out[count + i] = __fmaf_rn(a[i], b[i], c[i]);
    out[2 * count + i] = __fadd_rn(__fmul_rn(a[i], b[i]), __fsub_rn(c[i], b[i]));
    out[3 * count + i] = __fdiv_rn(a[i], b[i]);
    out[4 * count + i] = __fsqrt_rn(fabsf(a[i]));
    out[5 * count + i] = float(__float2int_rn(a[i] * 8.0f));
    out[6 * count + i] = float(__float2int_rz(a[i] * 1e20f));
    out[7 * count + i] = __int_as_float(__float_as_int(a[i]) ^ int(0x80000000));
    out[8 * count + i] = float(max(__popc(__float_as_uint(a[i])), 3));
    out[9 * count + i] = float(__float2half(a[i])) + __bfloat162float(__float2bfloat16(b[i]));
    out[10 * count + i] = float(__half(a[i]) + __half(b[i]));
    out[11 * count + i] = float(__umulhi(__float_as_uint(a[i]), 0xD2511F53u));
}

// ---- Vector accesses ----------------------------------------------------------------------------

__global__ void copy_fours(const float4* x, float4* y) {
    y[threadIdx.x] = x[threadIdx.x];
}

__global__ void copy_columns(const float* x, float* y, int rows) {  // every lane a row: slow
    y[threadIdx.x] = x[threadIdx.x * rows];
}

__global__ void bank_conflicts(float* y) {
    __shared__ float square[32][32];
    square[threadIdx.x][0] = 1.0f;
    __syncthreads();
    y[threadIdx.x] = square[31 - threadIdx.x][0];
}

// ---- Tensor cores -------------------------------------------------------------------------------

// The fragments as they are in memory: d (16, 8) = a (16, K) b (8, K) transposed, by one warp.
template <int K>
__global__ void one_tile(const float* a, const float* b, float* d, int is_half) {
    const int group = threadIdx.x / 4;
    const int pair = threadIdx.x % 4;
    float sum[4] = {};
    unsigned left[4];
    unsigned right[2];
    if constexpr (K == 8) {
        for (int r = 0; r < 4; r++)
            left[r] = to_tf32(a[(group + r % 2 * 8) * K + pair + r / 2 * 4]);
        for (int r = 0; r < 2; r++)
            right[r] = to_tf32(b[group * K + pair + r * 4]);
        mma_m16n8k8_tf32(sum, left, right);
    } else {
        auto both = [=](const float* from) {
            if (!is_half)
                return emu_bits<unsigned>(__floats2bfloat162_rn(from[0], from[1]));
            return emu_bits<unsigned>(__floats2half2_rn(from[0], from[1]));
        };
        for (int r = 0; r < 4; r++)
            left[r] = both(a + (group + r % 2 * 8) * K + pair * 2 + r / 2 * 8);
        for (int r = 0; r < 2; r++)
            right[r] = both(b + group * K + pair * 2 + r * 8);
        if (is_half)
            mma_m16n8k16_f16(sum, left, right);
        else
            mma_m16n8k16_bf16(sum, left, right);
    }
    for (int r = 0; r < 4; r++)
        d[(group + r / 2 * 8) * 8 + pair * 2 + r % 2] = sum[r];
}

// y[lane][i] is what the lane gets of matrix i; x holds four 8 x 8 matrices.
__global__ void load_matrices(const emu_u16* x, unsigned* y, int transpose) {
    __shared__ __align__(16) emu_u16 matrices[4 * 64];
    for (int i = threadIdx.x; i < 256; i += 32)
        matrices[i] = x[i];
    __syncthreads();
    unsigned registers[4];
    ldmatrix(registers, &matrices[threadIdx.x * 8], transpose);
    for (int i = 0; i < 4; i++)
        y[threadIdx.x * 4 + i] = registers[i];
}

// C (M, N) = A (M, K) B (N, K) transposed; M and N multiples of 64, K of 32. Four warps make a tile
// of 64 x 64, 32 deep, with two stages of asynchronous copies.
template <typename T>
__global__ void __launch_bounds__(128) mma_gemm(const T* A, const T* B, float* C, int N, int K) {
    constexpr int DEPTH = 32;
    constexpr int VECTOR = 16 / sizeof(T);
    constexpr int PITCH = DEPTH + VECTOR;
    __shared__ __align__(16) T a_tile[2][64 * PITCH];
    __shared__ __align__(16) T b_tile[2][64 * PITCH];
    const int lane = threadIdx.x % 32;
    const int warp_row = threadIdx.x / 64 * 32;
    const int warp_column = threadIdx.x / 32 % 2 * 32;
    const long long row0 = blockIdx.y * 64;
    const long long column0 = blockIdx.x * 64;
    float sum[2][4][4] = {};

    auto load = [&](int stage, int k0) {
        for (int i = threadIdx.x; i < 64 * DEPTH / VECTOR; i += 128) {
            const int row = i / (DEPTH / VECTOR);
            const int k = i % (DEPTH / VECTOR) * VECTOR;
            cp_async<16>(&a_tile[stage][row * PITCH + k], A + (row0 + row) * K + k0 + k);
            cp_async<16>(&b_tile[stage][row * PITCH + k], B + (column0 + row) * K + k0 + k);
        }
        cp_async_commit();
    };

    load(0, 0);
    for (int k0 = 0, stage = 0; k0 < K; k0 += DEPTH, stage ^= 1) {
        if (k0 + DEPTH < K)
            load(stage ^ 1, k0 + DEPTH);
        else
            cp_async_commit();
        cp_async_wait<1>();
        __syncthreads();
        for (int k = 0; k < DEPTH; k += 16) {
            unsigned left[2][4];
            unsigned right[4][2];
            for (int i = 0; i < 2; i++) {
                const T* from = &a_tile[stage][(warp_row + i * 16) * PITCH + k];
                ldmatrix(left[i], from + lane % 16 * PITCH + lane / 16 * 8);
            }
            for (int j = 0; j < 4; j++) {
                const T* from = &b_tile[stage][(warp_column + j * 8) * PITCH + k];
                ldmatrix(right[j], from + lane % 8 * PITCH + lane / 8 % 2 * 8);
            }
            for (int i = 0; i < 2; i++) {
                for (int j = 0; j < 4; j++) {
                    if constexpr (emu_is_same<T, __half>::value)
                        mma_m16n8k16_f16(sum[i][j], left[i], right[j]);
                    else
                        mma_m16n8k16_bf16(sum[i][j], left[i], right[j]);
                }
            }
        }
#ifndef WITHOUT_THE_LAST_BARRIER
        __syncthreads();
#endif
    }

    for (int i = 0; i < 2; i++) {
        for (int j = 0; j < 4; j++) {
            for (int r = 0; r < 4; r++) {
                const long long row = row0 + warp_row + i * 16 + lane / 4 + r / 2 * 8;
                const long long column = column0 + warp_column + j * 8 + lane % 4 * 2 + r % 2;
                C[row * N + column] = sum[i][j][r];
            }
        }
    }
}

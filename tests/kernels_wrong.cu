// kernels_wrong.cu: small kernels with one mistake each, which the emulator must find.
//
// Idea: a checker is proven by what it catches. Each kernel is called by one row of the table in
// test_emulator.py, which names the finding and the line. Only on the CPU: no GPU should run these.

#define EVERY_LANE 0xffffffffu

__global__ void two_blocks_write(float* y) {
    y[threadIdx.x] = float(blockIdx.x);  // wrong: two_blocks_write
}

__global__ void block_reads_another(float* y) {
    if (blockIdx.x == 0)
        y[threadIdx.x] = 1.0f;
    else
        y[32] = y[threadIdx.x];  // wrong: block_reads_another
}

__global__ void lost_update(float* y) {
    y[0] += 1.0f;  // wrong: lost_update
}

__global__ void no_barrier(float* y) {
    __shared__ float row[64];
    row[threadIdx.x] = float(threadIdx.x);
    y[threadIdx.x] = row[63 - threadIdx.x];  // wrong: no_barrier
}

__global__ void buffer_used_again(float* y) {
    __shared__ float first;
    for (int i = 0; i < 2; i++) {
        if (threadIdx.x == 0)
            first = float(i);
        __syncthreads();
        y[threadIdx.x] = first;  // wrong: buffer_used_again
    }
}

__global__ void shuffle_as_fence(float* y) {
    __shared__ float row[32];
    row[threadIdx.x] = 1.0f;
    const float other = __shfl_xor_sync(EVERY_LANE, 1.0f, 1);
    y[threadIdx.x] = other + row[31 - threadIdx.x];  // wrong: shuffle_as_fence
}

__global__ void warps_without_barrier(float* y) {
    __shared__ float row[64];
    row[threadIdx.x] = 1.0f;
    __syncwarp();  // orders the lanes of a warp, not two warps
    y[threadIdx.x] = row[63 - threadIdx.x];  // wrong: warps_without_barrier
}

__global__ void half_words(emu_u16* y) {
    __shared__ emu_u16 row[64];
    row[threadIdx.x] = emu_u16(threadIdx.x);
    const int other = threadIdx.x == 0 ? 2 : 0;
    y[threadIdx.x] = row[other];  // wrong: half_words
}

__global__ void reads_unwritten_shared(float* y) {
    __shared__ float row[64];
    if (threadIdx.x < 63)
        row[threadIdx.x] = 1.0f;
    __syncthreads();
    y[threadIdx.x] = row[threadIdx.x];  // wrong: reads_unwritten_shared
}

__global__ void reads_output(float* y) {
    y[threadIdx.x] = y[threadIdx.x] + 1.0f;  // wrong: reads_output
}

__global__ void leaves_a_gap(float* y) {
    if (threadIdx.x != 5)
        y[threadIdx.x] = 1.0f;
}

__global__ void past_the_end(const float* x, float* y) {
    y[threadIdx.x] = x[threadIdx.x + 1];  // wrong: past_the_end
}

__global__ void before_the_start(const float* x, float* y) {
    y[threadIdx.x] = x[int(threadIdx.x) - 2];  // wrong: before_the_start
}

__global__ void far_away(const float* x, float* y) {
    y[threadIdx.x] = x[(threadIdx.x + 1) * (1ll << 33)];  // wrong: far_away
}

__global__ void past_dynamic_shared(float* y) {
    MG_DYN_SHARED(float, row);
    row[threadIdx.x] = 1.0f;
    __syncthreads();
    y[threadIdx.x] = row[threadIdx.x + 1];  // wrong: past_dynamic_shared
}

__global__ void past_a_static_array(float* y) {
    __shared__ float rows[4][33];
    rows[0][threadIdx.x] = 1.0f;  // wrong: past_a_static_array
    y[threadIdx.x] = 1.0f;
}

__global__ void null_pointer(const float* x, const float* bias, float* y) {
    y[threadIdx.x] = x[threadIdx.x] + bias[threadIdx.x];  // wrong: null_pointer
}

__global__ void misaligned(const float* x, float* y) {
    const float4 four = *reinterpret_cast<const float4*>(x + threadIdx.x);  // wrong: misaligned
    y[threadIdx.x] = four.x + four.w;
}

__global__ void writes_const(const float* x, float* y) {
    const_cast<float*>(x)[threadIdx.x] = 1.0f;  // wrong: writes_const
    y[threadIdx.x] = 1.0f;
}

__global__ void foreign_local(float* y) {
    __shared__ float* where;
    float mine = float(threadIdx.x);
    if (threadIdx.x == 0)
        where = &mine;
    __syncthreads();
    y[threadIdx.x] = *where;  // wrong: foreign_local
}

__global__ void overflow(const int* x, int* y) {
    y[threadIdx.x] = x[threadIdx.x] + 2147483647;  // wrong: overflow
}

__global__ void divergent_barrier(float* y) {
    y[threadIdx.x] = 1.0f;
    if (threadIdx.x < 32)
        __syncthreads();
    else
        __syncthreads();
}

__global__ void some_skip_the_barrier(float* y) {
    y[threadIdx.x] = 1.0f;
    if (threadIdx.x >= 32)
        return;
    __syncthreads();
}

__global__ void barrier_against_shuffle(float* y) {
    y[threadIdx.x] = 1.0f;
    if (threadIdx.x < 16)
        __syncthreads();
    else
        __syncwarp();
}

__global__ void lane_has_returned(float* y) {
    y[threadIdx.x] = 1.0f;
    if (threadIdx.x < 3)
        return;
    y[threadIdx.x] = __shfl_xor_sync(EVERY_LANE, 1.0f, 1);
}

__global__ void not_in_the_mask(float* y) {
    y[threadIdx.x] = __shfl_xor_sync(0xfffffffeu, 1.0f, 1);
}

__global__ void never_waits(const float* x, float* y) {
    __shared__ float row[32];
    cp_async<4>(&row[threadIdx.x], x + threadIdx.x);
    cp_async_commit();
    y[threadIdx.x] = row[threadIdx.x];  // wrong: never_waits
}

__global__ void waits_without_barrier(const float* x, float* y) {
    __shared__ float row[32];
    cp_async<4>(&row[threadIdx.x], x + threadIdx.x);
    cp_async_commit();
    cp_async_wait<0>();
    y[threadIdx.x] = row[31 - threadIdx.x];  // wrong: waits_without_barrier
}

__global__ void copies_over_readers(const float* x, float* y) {
    __shared__ float row[32];
    row[threadIdx.x] = 1.0f;
    __syncthreads();
    y[threadIdx.x] = row[31 - threadIdx.x];  // wrong: copies_over_readers
    cp_async<4>(&row[threadIdx.x], x + threadIdx.x);
    cp_async_commit();
    __syncthreads();
    cp_async_wait<0>();
}

__global__ void deep_locals(float* y) {
    volatile float local[1 << 16];
    for (int i = 0; i < 1 << 16; i += 256)
        local[i] = 1.0f;
    y[threadIdx.x] = local[256];
}

__global__ void for_ever_at_barriers(float* y) {
    for (;;) {
        __syncthreads();
        y[threadIdx.x] += 1.0f;
    }
}

__global__ void for_ever_in_memory(volatile float* y) {
    while (y[threadIdx.x] < 3.0f)
        y[threadIdx.x] = 2.0f;
}

__global__ void for_ever_in_registers(float* y, unsigned seed) {
    while (seed | 1u)
        seed = seed * 1664525u + 1013904223u;
    y[threadIdx.x] = float(seed);
}

// optimizer.cu — steps of SGD, Adam and a moving average, the norm of gradients and clipping by it:
// of all parameters in one launch.
//
//     SGD       b ← μ·b + share·g   x ← x - lr·b  (Nesterov: lr·(g + μ·b))     g += decay·x first
//     Adam      m ← m + (1-β₁)(g - m)   v ← β₂·v + (1-β₂)·g²   x ← x - rate·m / (√v + floor)
//               rate = lr·√(1-β₂ᵗ) / (1-β₁ᵗ)   floor = ε·√(1-β₂ᵗ): both corrections of m and v
//     average   a ← a + (1-decay)(x - a)
//     clip      norm = √Σ g²   y = g·min(1, largest / (norm + 1e-6))
//
// Memory: parameters lie anywhere, so a table has their addresses, (rows, tensors): a row of the
// parameters, one of each array that is kept with them, one of the gradients. Those that a kernel
// writes come first, those that it reads last. A block takes one chunk of one tensor, as a list of
// (tensor, chunk) says: a thousand small tensors are as many blocks, not as many launches.
// A thread moves 16 bytes at a time where all arrays of the tensor allow it, else one number.
//
// Step counts, and the settings that schedules change, stand in device memory, and a kernel with
// one thread a tensor counts on. So a captured step can be replayed, and clipping asks no host for
// the norm. The squares of the norm are added in double, and in a fixed order: by thread, by block,
// then over blocks in a second launch.
//
// Considered: no list, but a search in the tensors' sizes. It reads less, but every block would
// wait for several reads, one after the other, before its first own.
// Sources: Sutskever et al., ICML 2013; Kingma & Ba, ICLR 2015; Loshchilov & Hutter, ICLR 2019.
// Reference: optimizer.py.   Read next: mg_reduce.cuh.
#include "mg_reduce.cuh"

constexpr int CHUNK = 4096;  // elements, as in optimizer.py

// update(v) for all elements of the block's chunk: v has the element of each row's array. The first
// `Written` rows get it back, only the last `Read` have a value before.
template <int Rows, int Written, int Read, typename T, typename Update>
__device__ __forceinline__ void for_chunk(T* const* table, const long long* sizes,
                                          const int2* chunks, int tensors, Update update) {
    constexpr int V = MG_WIDE<T>;
    const int tensor = chunks[blockIdx.x].x;
    const long long first = (long long)chunks[blockIdx.x].y * CHUNK;
    const int count = int(min(sizes[tensor] - first, (long long)CHUNK));
    T* arrays[Rows];
    bool aligned = true;
#pragma unroll
    for (int r = 0; r < Rows; r++) {
        arrays[r] = table[r * tensors + tensor] + first;
        aligned &= mg_are_aligned(arrays[r]);
    }
    const int wide = aligned ? count / V * V : 0;
    for (int i = threadIdx.x * V; i < wide; i += blockDim.x * V) {
        mg_pack<T, V> packs[Rows];
#pragma unroll
        for (int r = Rows - Read; r < Rows; r++)
            packs[r] = mg_load_pack<V>(arrays[r] + i);
#pragma unroll
        for (int k = 0; k < V; k++) {
            T v[Rows];
#pragma unroll
            for (int r = Rows - Read; r < Rows; r++) v[r] = packs[r].at[k];
            update(v);
#pragma unroll
            for (int r = 0; r < Written; r++) packs[r].at[k] = v[r];
        }
#pragma unroll
        for (int r = 0; r < Written; r++)
            mg_store_pack(arrays[r] + i, packs[r]);
    }
    for (int i = wide + threadIdx.x; i < count; i += blockDim.x) {
        T v[Rows];
#pragma unroll
        for (int r = Rows - Read; r < Rows; r++) v[r] = arrays[r][i];
        update(v);
#pragma unroll
        for (int r = 0; r < Written; r++) arrays[r][i] = v[r];
    }
}

// A gradient with weight decay. Without one an infinite parameter has no say: 0·inf would be nan.
template <typename T>
__device__ T decayed(T g, T x, T decay) {
    return decay != 0 ? g + decay * x : g;
}

// ---- SGD.   settings: lr, decay, momentum, dampening, 1 for Nesterov's

__global__ void sgd_tick(long long* steps, int tensors) {
    const int tensor = blockIdx.x * blockDim.x + threadIdx.x;
    if (tensor < tensors) steps[tensor]++;
}

// Rows: parameters, gradients.
template <typename T>
__global__ void sgd_step(T* const* __restrict__ table, const long long* __restrict__ sizes,
                         const int2* __restrict__ chunks, const double* __restrict__ settings,
                         int tensors) {
    const T lr = T(settings[0]), decay = T(settings[1]);
    for_chunk<2, 1, 2>(table, sizes, chunks, tensors,
                       [=](T(&v)[2]) { v[0] -= lr * decayed(v[1], v[0], decay); });
}

// Rows: parameters, momenta, gradients. The first step has b = g.
template <typename T>
__global__ void momentum_step(T* const* __restrict__ table, const long long* __restrict__ sizes,
                              const int2* __restrict__ chunks, const long long* __restrict__ steps,
                              const double* __restrict__ settings, int tensors) {
    const T lr = T(settings[0]), decay = T(settings[1]), momentum = T(settings[2]);
    const T share = steps[chunks[blockIdx.x].x] == 1 ? T(1) : T(1 - settings[3]);
    const bool nesterov = settings[4] != 0;
    for_chunk<3, 2, 3>(table, sizes, chunks, tensors, [=](T(&v)[3]) {
        const T g = decayed(v[2], v[0], decay);
        v[1] = momentum * v[1] + share * g;
        v[0] -= lr * (nesterov ? g + momentum * v[1] : v[1]);
    });
}

// ---- Adam.   settings: lr, β₁, β₂, ε, decay of Adam, decay of AdamW

__global__ void adam_tick(long long* __restrict__ steps, const double* __restrict__ settings,
                          double* __restrict__ corrections, int tensors) {
    const int tensor = blockIdx.x * blockDim.x + threadIdx.x;
    if (tensor >= tensors) return;
    const double step = double(++steps[tensor]);
    const double root = sqrt(1 - pow(settings[2], step));
    corrections[2 * tensor] = settings[0] * root / (1 - pow(settings[1], step));  // rate
    corrections[2 * tensor + 1] = settings[3] * root;                             // floor
}

// Rows: parameters, averages of gradients, of their squares, gradients.
template <typename T>
__global__ void adam_step(T* const* __restrict__ table, const long long* __restrict__ sizes,
                          const int2* __restrict__ chunks, const double* __restrict__ corrections,
                          const double* __restrict__ settings, int tensors) {
    const int tensor = chunks[blockIdx.x].x;
    const T rate = T(corrections[2 * tensor]), floor = T(corrections[2 * tensor + 1]);
    const T fresh = T(1 - settings[1]), kept = T(settings[2]), fresh_square = T(1 - settings[2]);
    const T decay = T(settings[4]), shrunk = T(1 - settings[0] * settings[5]);
    for_chunk<4, 3, 4>(table, sizes, chunks, tensors, [=](T(&v)[4]) {
        const T x = shrunk * v[0], g = decayed(v[3], v[0], decay);
        v[1] += fresh * (g - v[1]);
        v[2] = kept * v[2] + fresh_square * (g * g);
        v[0] = x - rate * (v[1] / (mg_sqrt(v[2]) + floor));
    });
}

// ---- an average that follows the parameters.   settings: decay; rows: averages, parameters

template <typename T>
__global__ void average_step(T* const* __restrict__ table, const long long* __restrict__ sizes,
                             const int2* __restrict__ chunks, const double* __restrict__ settings,
                             int tensors) {
    const T fresh = T(1 - settings[0]);
    for_chunk<2, 1, 2>(table, sizes, chunks, tensors,
                       [=](T(&v)[2]) { v[0] += fresh * (v[1] - v[0]); });
}

// ---- the norm of all gradients as one vector: of a chunk, then of all.   rows: gradients

template <typename T>
__global__ void gradient_squares(T* const* __restrict__ table, const long long* __restrict__ sizes,
                                 const int2* __restrict__ chunks, double* __restrict__ squares,
                                 int tensors) {
    double sum = 0;
    for_chunk<1, 0, 1>(table, sizes, chunks, tensors,
                       [&](T(&v)[1]) { sum += double(v[0]) * double(v[0]); });
    sum = mg_block_sum(sum);
    if (threadIdx.x == 0) squares[blockIdx.x] = sum;
}

__global__ void gradient_norm(const double* __restrict__ squares, float* __restrict__ norm,
                              int count) {
    double sum = 0;
    for (int i = threadIdx.x; i < count; i += blockDim.x) sum += squares[i];
    sum = mg_block_sum(sum);
    if (threadIdx.x == 0) norm[0] = float(sqrt(sum));
}

// Rows: clipped gradients, gradients. A norm that is nan makes all of them nan.
template <typename T>
__global__ void gradient_clip(T* const* __restrict__ table, const long long* __restrict__ sizes,
                              const int2* __restrict__ chunks, const float* __restrict__ norm,
                              T largest, int tensors) {
    const T ratio = largest / (norm[0] + T(1e-6)), scale = ratio > 1 ? T(1) : ratio;
    for_chunk<2, 1, 1>(table, sizes, chunks, tensors, [=](T(&v)[2]) { v[0] = v[1] * scale; });
}

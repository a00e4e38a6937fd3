// mg_gemm.cuh — one tile of C = A·B by one block: the loop that products and convolutions share.
//
//     C[row, column] = Σ_k A[row, k] · B[k, column],   depth_begin ≤ k < depth_end
//
// Idea: a product of n³ multiplications needs n² numbers only, if each is brought once and used n
// times. A block of 16×16 threads computes a tile of 16·R rows and columns in slices of 64/R steps
// of k: it copies a slice of A and of B to shared memory, and each thread multiplies its R rows by
// its R columns there: R² multiplications for 2·R reads, with the sums in registers.
// Where A and B come from is the caller's: a matrix, its transpose, an image's windows.
//
// Two slices take turns in shared memory, and the next one is on its way from global memory while
// the last is multiplied: one barrier a slice. k is the slow index there, and R columns of a thread
// lie in groups of 4, so that a warp's reads are wide and without bank conflicts.
// Numbers: R = 8 for large products, 2 where there would be too few blocks; 256 threads always.
// Facts from S. Boehm, "How to optimize a CUDA matmul kernel" (2022).
// Read next: gemm.cu, conv.cu.
#pragma once
#include "mg_common.cuh"

constexpr int MG_TILE_THREADS = 256;  // blockDim.x: 16 rows of 16 threads
constexpr int MG_TILE_EACH = 4;       // elements of A, and of B, that a thread copies of each slice

// Rows, and columns, of a tile, and steps of k in a slice, for R × R results a thread.
template <int R>
constexpr int MG_TILE_SIDE = 16 * R;
template <int R>
constexpr int MG_TILE_DEPTH = 64 / R;

// Where the result i of a thread lies in the tile: in groups of 4 (or of R, if that is less).
template <int R>
__device__ __forceinline__ int mg_tile_place(int thread, int i) {
    constexpr int group = R < 4 ? R : 4;
    return i / group * (16 * group) + thread * group + i % group;
}

// What a load function gives: one number, or a pack of neighbours as they are in memory.
template <class V>
constexpr int mg_width = 1;
template <typename T, int V>
constexpr int mg_width<mg_pack<T, V>> = V;

template <typename A>
__device__ __forceinline__ A mg_element(A v, int) { return v; }
template <typename T, int V>
__device__ __forceinline__ mg_acc<T> mg_element(const mg_pack<T, V>& v, int i) {
    return mg_load(v.at, i);
}

// A thread's part of the slices of one factor, on its way from global to shared memory. `side` is
// the row of A, or the column of B. Neighbouring threads take neighbours in memory.
template <typename T, int R, class Load>
struct mg_slice {
    static constexpr int SIDE = MG_TILE_SIDE<R>, DEPTH = MG_TILE_DEPTH<R>;
    using Value = decltype(((Load*)nullptr)->operator()(0, 0));
    static constexpr int WIDTH = mg_width<Value>;

    const Load& load;
    const bool along_depth;  // whether neighbours in memory are neighbours in k
    Value held[MG_TILE_EACH / WIDTH];

    // Element i of this thread is at side(i) and depth(i): one of them is the same for all i, which
    // a load function may use (conv.cu does).
    __device__ __forceinline__ int side(int i) {
        const int first = threadIdx.x * WIDTH;
        return along_depth ? i * (MG_TILE_THREADS * WIDTH / DEPTH) + first / DEPTH : first % SIDE;
    }

    __device__ __forceinline__ int depth(int i) {
        const int first = threadIdx.x * WIDTH;
        return along_depth ? first % DEPTH : i * (MG_TILE_THREADS * WIDTH / SIDE) + first / SIDE;
    }

    __device__ __forceinline__ void fetch(int k) {
#pragma unroll
        for (int i = 0; i < MG_TILE_EACH / WIDTH; i++)
            held[i] = load(side(i), k + depth(i));
    }

    __device__ __forceinline__ void put(mg_acc<T> (*shared)[SIDE + 4]) {
#pragma unroll
        for (int i = 0; i < MG_TILE_EACH / WIDTH; i++) {
            const int s = side(i), k = depth(i);
            mg_pack<mg_acc<T>, WIDTH> wide;
#pragma unroll
            for (int n = 0; n < WIDTH; n++)
                wide.at[n] = mg_element(held[i], n);
            if (!along_depth) mg_store_pack(&shared[k][s], wide);
#pragma unroll
            for (int n = 0; n < WIDTH; n++)
                if (along_depth) shared[k + n][s] = wide.at[n];
        }
    }
};

// The sums of one thread: sum[i][j] is for the row mg_tile_place<R>(threadIdx.x / 16, i) of the
// tile and the column mg_tile_place<R>(threadIdx.x % 16, j).
//
// load_a(row in the tile, k) and load_b(k, column in the tile) give an mg_acc<T>, or an
// mg_pack<T, V> of V neighbours, in the direction that a_along_depth and b_along_depth say; 0
// outside, and for k ≥ depth_end. All threads of the block call, and once in a kernel (or with a
// barrier between).
template <typename T, int R, class LoadA, class LoadB>
__device__ __forceinline__ void mg_tile_sums(int depth_begin, int depth_end, LoadA load_a,
                                             LoadB load_b, bool a_along_depth, bool b_along_depth,
                                             mg_acc<T> (&sum)[R][R]) {
    constexpr int SIDE = MG_TILE_SIDE<R>, DEPTH = MG_TILE_DEPTH<R>;
    __shared__ __align__(16) mg_acc<T> a_slices[2][DEPTH][SIDE + 4];
    __shared__ __align__(16) mg_acc<T> b_slices[2][DEPTH][SIDE + 4];
    const int ty = threadIdx.x / 16, tx = threadIdx.x % 16;
    auto load_b_turned = [&](int column, int k) { return load_b(k, column); };
    mg_slice<T, R, LoadA> a_slice{load_a, a_along_depth};
    mg_slice<T, R, decltype(load_b_turned)> b_slice{load_b_turned, b_along_depth};
#pragma unroll
    for (int i = 0; i < R * R; i++)
        sum[i / R][i % R] = 0;

    a_slice.fetch(depth_begin);
    b_slice.fetch(depth_begin);
    for (int start = depth_begin, turn = 0; start < depth_end; start += DEPTH, turn ^= 1) {
        a_slice.put(a_slices[turn]);
        b_slice.put(b_slices[turn]);
        __syncthreads();  // the slice is there, and nobody still reads the one before the last
        a_slice.fetch(start + DEPTH);
        b_slice.fetch(start + DEPTH);
#pragma unroll (16 / R)
        for (int k = 0; k < DEPTH; k++) {
            mg_acc<T> a[R];
            mg_acc<T> b[R];
#pragma unroll
            for (int i = 0; i < R; i++) {
                a[i] = a_slices[turn][k][mg_tile_place<R>(ty, i)];
                b[i] = b_slices[turn][k][mg_tile_place<R>(tx, i)];
            }
#pragma unroll
            for (int i = 0; i < R * R; i++)
                sum[i / R][i % R] += a[i / R] * b[i % R];
        }
    }
}

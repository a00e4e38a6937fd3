// gemm.cu — product of two matrices, or of two stacks of them: C = f(op(A)·op(B) + bias).
//
//     c[z, row, column] = f(Σ_k A[z, row, k]·B[z, k, column] + bias[column])
//
// Memory: c (batch, rows, columns). a holds (a_batch, rows, depth), or if a_turned its transpose,
// (a_batch, depth, rows); b (b_batch, depth, columns), or if b_turned (b_batch, columns, depth).
// A transpose is read where it lies: a gradient needs one of each factor, and never copies. A stack
// of one matrix serves the whole batch. bias (columns) or none. f is an activation, or none: that
// spares the memory one visit of C where no gradient is wanted, which needs C before f as well.
//
// One block per tile of c, see mg_gemm.cuh: 128 × 128 for large products (float64: 64 × 64, for
// want of registers), less where such tiles would be too few to keep all multiprocessors busy. A
// thread reads and writes neighbours, 4 in one access (of float64 2), if the rows in memory are
// multiples of that, and so aligned; else singly.
// Tried: the layouts as template parameters (four times the code to compile, a few registers less);
// all steps of a slice unrolled (150 registers instead of 128, so one block a multiprocessor); f in
// line at each of 64 results (four times the time to compile; now it is a function that is called).
// Reference: gemm.py.   Read next: mg_gemm.cuh (the loop), conv.cu (another user of it).
#include "mg_activation.cuh"
#include "mg_gemm.cuh"

template <typename A>
__device__ __noinline__ A gemm_activated(A x, int activation, A slope) {
    switch (activation) {
        case 1: return mg_relu::value(x, slope);
        case 2: return mg_leaky_relu::value(x, slope);
        case 3: return mg_gelu::value(x, slope);
        case 4: return mg_gelu_tanh::value(x, slope);
        case 5: return mg_silu::value(x, slope);
    }
    return x;
}

// A, with its rows as `side`, or B, with its columns: where element (side, k) is, and what it is.
template <typename T>
struct gemm_factor {
    const T* data;
    int first;  // side of the tile
    int sides, depth;
    bool along_depth;  // neighbours in memory are neighbours in k
    bool wide;

    __device__ gemm_factor(const T* matrix, int first, int sides, int depth, bool along_depth)
        : data(matrix), first(first), sides(sides), depth(depth), along_depth(along_depth),
          wide((along_depth ? depth : sides) % MG_FEW<T> == 0 && mg_are_aligned(matrix)) {}

    // Neighbours from (side of the tile, k) on.
    __device__ __forceinline__ mg_pack<T, MG_FEW<T>> operator()(int side, int k) const {
        side += first;
        const bool inside = side < sides && k < depth;
        const int left = along_depth ? depth - k : sides - side;
        const T* at = data + (along_depth ? side : k) * (long long)(along_depth ? depth : sides);
        at += along_depth ? k : side;
        return mg_load_few<MG_FEW<T>>(at, inside ? left : 0, inside && wide);
    }
};

template <typename T, int R>
__device__ __forceinline__ void gemm_block(const T* __restrict__ a, const T* __restrict__ b,
                                           const T* __restrict__ bias, T* __restrict__ c, int rows,
                                           int columns, int depth, int a_batch, int b_batch,
                                           bool a_turned, bool b_turned, int activation,
                                           mg_acc<T> slope) {
    constexpr int SIDE = MG_TILE_SIDE<R>;
    const int across = (columns - 1) / SIDE + 1, down = (rows - 1) / SIDE + 1;
    const int first_column = blockIdx.x % across * SIDE;
    const int first_row = blockIdx.x / across % down * SIDE;
    const long long z = blockIdx.x / across / down;  // 64 bits: sizes of matrices can pass 2^31

    const gemm_factor<T> load_a(a + (a_batch == 1 ? 0 : z * rows * depth), first_row, rows, depth,
                                !a_turned);
    const gemm_factor<T> columns_of_b(b + (b_batch == 1 ? 0 : z * depth * columns), first_column,
                                      columns, depth, b_turned);
    auto load_b = [&](int k, int column) { return columns_of_b(column, k); };
    mg_acc<T> sum[R][R];
    mg_tile_sums<T, R>(0, depth, load_a, load_b, !a_turned, b_turned, sum);

    constexpr int FEW = R < MG_FEW<T> ? R : MG_FEW<T>;
#pragma unroll
    for (int i = 0; i < R; i++) {
        const int row = first_row + mg_tile_place<R>(threadIdx.x / 16, i);
        T* out = c + (z * rows + row) * columns;
#pragma unroll
        for (int j = 0; j < R; j += FEW) {
            const int column = first_column + mg_tile_place<R>(threadIdx.x % 16, j);
            const int left = row < rows ? columns - column : 0;
            mg_pack<T, FEW> made;
#pragma unroll
            for (int n = 0; n < FEW; n++) {
                const bool biased = bias != nullptr && n < left;
                const mg_acc<T> x = sum[i][j + n] + (biased ? mg_load(bias, column + n) : 0);
                made.at[n] = T(activation ? gemm_activated(x, activation, slope) : x);
            }
            mg_store_few<FEW>(out + column, made, left, left > 0 && columns % FEW == 0);
        }
    }
}

// R: 2 or 4, for tiles of 32 or 64 rows and columns; four blocks a multiprocessor, of float64 two.
template <typename T, int R>
__global__ void __launch_bounds__(MG_TILE_THREADS, sizeof(T) == 8 ? 2 : 4)
    gemm(const T* __restrict__ a, const T* __restrict__ b, const T* __restrict__ bias,
         T* __restrict__ c, int rows, int columns, int depth, int a_batch, int b_batch,
         int a_turned, int b_turned, int activation, mg_acc<T> slope) {
    gemm_block<T, R>(a, b, bias, c, rows, columns, depth, a_batch, b_batch, a_turned, b_turned,
                     activation, slope);
}

template <typename T>
__global__ void __launch_bounds__(MG_TILE_THREADS, 2)
    gemm_large(const T* __restrict__ a, const T* __restrict__ b, const T* __restrict__ bias,
               T* __restrict__ c, int rows, int columns, int depth, int a_batch, int b_batch,
               int a_turned, int b_turned, int activation, mg_acc<T> slope) {
    gemm_block<T, 8>(a, b, bias, c, rows, columns, depth, a_batch, b_batch, a_turned, b_turned,
                     activation, slope);
}

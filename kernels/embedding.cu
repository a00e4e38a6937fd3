// embedding.cu — gradient of looking up rows of a table: rows of g added where they were read.
//
//     table[r] = Σ g[i] over all i with id i = r
//
// Memory: g (places, width), table (rows, width). Some rows get many: a padding token may be a
// tenth of all. Atomics would add them in any order, so that the sum differs from run to run. Here
// the ids come sorted, stably, and order[p] says which row of g stands at the place p: what belongs
// to a row of the table is a range of places, found by bisection, and summed from first to last.
//
// A thread has a row of the table and up to 4 neighbouring columns, so that a warp reads 512 bytes
// of a row of g at a time. Long ranges would be long waits: before, every chunk of 64 places that
// have one id is summed by threads of its own, and its sum then counts as one step. Which numbers
// are added in which order is a matter of the ids alone.
// Considered: a warp for each range of ids; it writes no zeros in between, but needs their list.
// Reference: embedding.py.   Read next: mg_common.cuh (mg_load_few).
#include "mg_common.cuh"

constexpr int EMBEDDING_CHUNK = 64;

// One thread: its row of the output (or its chunk), its columns, and their sums.
template <typename T>
struct embedding_thread {
    static constexpr int FEW = MG_FEW<T>;
    mg_acc<T> sum[FEW];
    const int width;
    int row, column;
    bool wide;  // packs of g and of the output are whole and aligned

    __device__ embedding_thread(const T* g, int width) : width(width) {
        const int across = (width - 1) / FEW + 1;
        const long long thread = (long long)blockIdx.x * blockDim.x + threadIdx.x;
        row = int(thread / across);
        column = int(thread % across) * FEW;
        wide = width % FEW == 0 && mg_are_aligned(g);
#pragma unroll
        for (int i = 0; i < FEW; i++)
            sum[i] = 0;
    }

    // Adds rows[order[p]] for first ≤ p < last; rows[p] if there is no order.
    template <typename S>
    __device__ __forceinline__ void add(const S* rows, const long long* order, int first,
                                        int last) {
#pragma unroll 4
        for (int p = first; p < last; p++) {
            const S* at = rows + (order == nullptr ? p : order[p]) * width + column;
            const auto found = mg_load_few<FEW>(at, width - column, wide);
#pragma unroll
            for (int i = 0; i < FEW; i++)
                sum[i] += mg_load(found.at, i);
        }
    }

    template <typename S>
    __device__ __forceinline__ void write(S* rows) {
        mg_pack<S, FEW> made;
#pragma unroll
        for (int i = 0; i < FEW; i++)
            mg_store(made.at, i, sum[i]);
        mg_store_few<FEW>(rows + (long long)row * width + column, made, width - column, wide);
    }
};

// sums[chunk] = the sum of a whole chunk if it has one id only, else 0, which nobody reads.
template <typename T>
__global__ void embedding_chunks(const T* __restrict__ g, const long long* __restrict__ ids,
                                 const long long* __restrict__ order, mg_acc<T>* __restrict__ sums,
                                 int chunks, int width) {
    embedding_thread<T> here(g, width);
    if (here.row >= chunks) return;
    const int first = here.row * EMBEDDING_CHUNK, last = first + EMBEDDING_CHUNK;
    if (ids[first] == ids[last - 1]) here.add(g, order, first, last);
    here.write(sums);
}

// The first place whose id is not below this one.
__device__ __forceinline__ int embedding_first(const long long* ids, int places, int id) {
    int low = 0, high = places;
    while (low < high) {
        const int middle = low + (high - low) / 2;
        if (ids[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

template <typename T>
__global__ void embedding_gradient(const T* __restrict__ g, const long long* __restrict__ ids,
                                   const long long* __restrict__ order,
                                   const mg_acc<T>* __restrict__ sums, T* __restrict__ table,
                                   int places, int rows, int width) {
    embedding_thread<T> here(g, width);
    if (here.row >= rows) return;
    const int first = embedding_first(ids, places, here.row);
    const int last = embedding_first(ids, places, here.row + 1);
    const int chunk = (first + EMBEDDING_CHUNK - 1) / EMBEDDING_CHUNK;
    const int chunk_end = last / EMBEDDING_CHUNK;
    if (chunk >= chunk_end) {  // no whole chunk in this range
        here.add(g, order, first, last);
    } else {
        here.add(g, order, first, chunk * EMBEDDING_CHUNK);
        here.add(sums, nullptr, chunk, chunk_end);
        here.add(g, order, chunk_end * EMBEDDING_CHUNK, last);
    }
    here.write(table);
}

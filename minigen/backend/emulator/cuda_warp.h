// cuda_warp.h: where threads meet: block barriers, warp barriers, shuffles and votes.
//
// Idea: a thread that reaches one of these calls the runtime with what it brings, and is put aside
// until the others have come; the last to arrive computes what each takes away (warp.cpp).
// Between two meetings a thread runs alone, in an order that a test may choose.
//
// Invariant: shuffles and votes exchange registers; only __syncthreads and __syncwarp order
// accesses to memory. Each call carries its place in the source, for reports.
#pragma once

enum {
    EMU_SYNC,  // __syncwarp
    EMU_SHUFFLE_INDEX,
    EMU_SHUFFLE_UP,
    EMU_SHUFFLE_DOWN,
    EMU_SHUFFLE_XOR,
    EMU_BALLOT,
    EMU_ANY,
    EMU_ALL,
    EMU_LDMATRIX,  // from here on: all 32 lanes, see cuda_tensor.h
    EMU_MMA_TF32,
    EMU_MMA_F16,
    EMU_MMA_BF16,
};

// What a lane brings to a warp operation.
struct emu_request {
    int operation;
    unsigned mask;
    emu_u64 value;
    int parameter;  // a shuffle's lane or distance; ldmatrix's number of matrices
    int width;      // a shuffle's segment; whether ldmatrix transposes
    const char* file;
    int line;
};

extern "C" {
int emu_barrier(int predicate, const char* file, int line);  // how many threads' predicates hold
emu_u64 emu_warp(const emu_request* request);
}

#define EMU_PLACE const char *file = __builtin_FILE(), int line = __builtin_LINE()

inline void __syncthreads(EMU_PLACE) {
    emu_barrier(0, file, line);
}
inline int __syncthreads_count(int predicate, EMU_PLACE) {
    return emu_barrier(predicate != 0, file, line);
}
inline int __syncthreads_or(int predicate, EMU_PLACE) {
    return emu_barrier(predicate != 0, file, line) > 0;
}
inline int __syncthreads_and(int predicate, EMU_PLACE) {
    return emu_barrier(predicate == 0, file, line) == 0;
}

inline void __syncwarp(unsigned mask = 0xffffffffu, EMU_PLACE) {
    const emu_request request = {EMU_SYNC, mask, 0, 0, 0, file, line};
    emu_warp(&request);
}

template <typename T>
inline T emu_shuffle(int operation, unsigned mask, T value, int parameter, int width,
                     const char* file, int line) {
    static_assert(sizeof(T) <= 8, "a shuffle moves at most 8 bytes");
    emu_u64 bytes = 0;
    __builtin_memcpy(&bytes, &value, sizeof(T));
    const emu_request request = {operation, mask, bytes, parameter, width, file, line};
    bytes = emu_warp(&request);
    __builtin_memcpy(&value, &bytes, sizeof(T));
    return value;
}
template <typename T>
inline T __shfl_sync(unsigned mask, T value, int lane, int width = 32, EMU_PLACE) {
    return emu_shuffle(EMU_SHUFFLE_INDEX, mask, value, lane, width, file, line);
}
template <typename T>
inline T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, EMU_PLACE) {
    return emu_shuffle(EMU_SHUFFLE_UP, mask, value, int(delta), width, file, line);
}
template <typename T>
inline T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, EMU_PLACE) {
    return emu_shuffle(EMU_SHUFFLE_DOWN, mask, value, int(delta), width, file, line);
}
template <typename T>
inline T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = 32, EMU_PLACE) {
    return emu_shuffle(EMU_SHUFFLE_XOR, mask, value, lanes, width, file, line);
}

inline emu_u64 emu_vote(int operation, unsigned mask, int predicate, const char* file, int line) {
    const emu_request request = {operation, mask, predicate != 0, 0, 0, file, line};
    return emu_warp(&request);
}
inline unsigned __ballot_sync(unsigned mask, int predicate, EMU_PLACE) {
    return unsigned(emu_vote(EMU_BALLOT, mask, predicate, file, line));
}
inline int __any_sync(unsigned mask, int predicate, EMU_PLACE) {
    return int(emu_vote(EMU_ANY, mask, predicate, file, line));
}
inline int __all_sync(unsigned mask, int predicate, EMU_PLACE) {
    return int(emu_vote(EMU_ALL, mask, predicate, file, line));
}

// Memory is sequentially consistent here, so fences do nothing, and a forgotten one is not seen.
inline void __threadfence() {}
inline void __threadfence_block() {}

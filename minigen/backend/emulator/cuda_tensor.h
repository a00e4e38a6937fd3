// cuda_tensor.h: tensor-core tiles and asynchronous copies, which on the device are inline PTX.
//
// Idea: g++ cannot compile PTX, so a kernel calls these functions; the kernels' own header defines
// them for the device under the same names. A tile is multiplied by a warp together: each lane
// brings a few registers of the matrices (a fragment), and tensor.cpp knows which elements they
// are. Layouts: PTX ISA, "Warp-level matrix multiply-accumulate instructions".
//
// Invariant: products are summed in float, in ascending order of k; hardware sums in another order.
#pragma once

struct emu_mma_operands {
    const unsigned* a;
    const unsigned* b;
    float* d;
};

// d (16 x 8) += a (16 x K) b (K x 8)
#define EMU_MMA(name, operation)                                                                   \
    inline void name(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2], EMU_PLACE) {   \
        const emu_mma_operands operands = {a, b, d};                                               \
        const emu_u64 value = reinterpret_cast<emu_u64>(&operands);                                \
        const emu_request request = {operation, 0xffffffffu, value, 0, 0, file, line};             \
        emu_warp(&request);                                                                        \
    }
EMU_MMA(mma_m16n8k8_tf32, EMU_MMA_TF32)
EMU_MMA(mma_m16n8k16_f16, EMU_MMA_F16)
EMU_MMA(mma_m16n8k16_bf16, EMU_MMA_BF16)
#undef EMU_MMA

// cvt.rna.tf32: 10 bits of mantissa, nearest, ties away from zero.
inline unsigned to_tf32(float x) {
    const unsigned pattern = emu_bits<unsigned>(x);
    const bool finite = (pattern & 0x7f800000u) != 0x7f800000u;
    return finite ? (pattern + 0x1000u) & ~0x1fffu : pattern;
}

// COUNT matrices of 8 x 8 16-bit numbers: lane 8*i + r gives the address of row r of matrix i, and
// each lane takes two neighbours of every matrix.
struct emu_ldmatrix_operands {
    const void* row;
    unsigned* registers;
};
template <int COUNT>
inline void ldmatrix(unsigned (&registers)[COUNT], const void* row, bool transpose = false,
                     EMU_PLACE) {
    const emu_ldmatrix_operands operands = {row, registers};
    const emu_u64 value = reinterpret_cast<emu_u64>(&operands);
    const emu_request request = {EMU_LDMATRIX, 0xffffffffu, value, COUNT, transpose, file, line};
    emu_warp(&request);
}

// cp.async: BYTES from global to shared memory in the background; zeros where not valid.
extern "C" {
void emu_copy_async(void* shared, const void* global, int bytes, int valid);
void emu_copy_commit();
void emu_copy_wait(int groups);
}
template <int BYTES>
__forceinline__ void cp_async(void* shared, const void* global, bool valid = true) {
    static_assert(BYTES == 4 || BYTES == 8 || BYTES == 16, "cp.async copies 4, 8 or 16 bytes");
    emu_copy_async(shared, global, BYTES, valid);
}
inline void cp_async_commit() {
    emu_copy_commit();
}
template <int GROUPS>
inline void cp_async_wait() {
    emu_copy_wait(GROUPS);
}

// tensor.cpp: tensor-core tiles, ldmatrix and asynchronous copies.
//
// Idea: a fragment is a few registers of each lane; which elements of the matrix they hold is fixed
// by the PTX ISA ("Matrix Fragments for mma.m16n8k8" and "... mma.m16n8k16"). With group = lane / 4
// and pair = lane % 4, a lane holds rows group and group + 8, and columns near pair. The matrices
// are gathered from all lanes, multiplied as matrices, and scattered back.
//
// Invariant: an asynchronous copy is done when it is waited for, no earlier, and the checker sees
// its target as unusable from issue to wait: a forgotten wait or barrier shows.
#include "runtime.h"

#include <cstring>

// ---- mma ----------------------------------------------------------------------------------------

static float sixteen_bits(unsigned pair, int half, bool is_bfloat16) {
    const emu_u16 pattern = emu_u16(pair >> (16 * half));
    return is_bfloat16 ? float(emu_bits<__nv_bfloat16>(pattern)) : float(emu_bits<__half>(pattern));
}

static float tf32(unsigned pattern) {
    return emu_bits<float>(pattern & ~0x1fffu);  // hardware ignores the low 13 bits
}

static const emu_mma_operands& mma_operands(const Thread& lane) {
    return *reinterpret_cast<const emu_mma_operands*>(lane.request.value);
}

static void multiply_tile(Thread* lanes, int operation) {
    const int depth = operation == EMU_MMA_TF32 ? 8 : 16;
    const bool is_bfloat16 = operation == EMU_MMA_BF16;
    float a[16][16];
    float b[16][8];
    for (int i = 0; i < WARP; i++) {
        const emu_mma_operands& from = mma_operands(lanes[i]);
        const int group = i / 4;
        const int pair = i % 4;
        for (int r = 0; r < 4; r++) {
            const int row = group + (r & 1) * 8;
            if (depth == 8)
                a[row][pair + (r >> 1) * 4] = tf32(from.a[r]);
            for (int half = 0; half < 2 && depth == 16; half++)
                a[row][pair * 2 + half + (r >> 1) * 8] = sixteen_bits(from.a[r], half, is_bfloat16);
        }
        for (int r = 0; r < 2; r++) {
            if (depth == 8)
                b[pair + r * 4][group] = tf32(from.b[r]);
            for (int half = 0; half < 2 && depth == 16; half++)
                b[pair * 2 + half + r * 8][group] = sixteen_bits(from.b[r], half, is_bfloat16);
        }
    }
    for (int i = 0; i < WARP; i++) {
        for (int r = 0; r < 4; r++) {
            const int row = i / 4 + (r >> 1) * 8;
            const int column = i % 4 * 2 + (r & 1);
            float sum = mma_operands(lanes[i]).d[r];
            for (int k = 0; k < depth; k++)
                sum += a[row][k] * b[k][column];
            mma_operands(lanes[i]).d[r] = sum;
        }
    }
}

// ---- ldmatrix -----------------------------------------------------------------------------------

static const emu_ldmatrix_operands& ldmatrix_operands(const Thread& lane) {
    return *reinterpret_cast<const emu_ldmatrix_operands*>(lane.request.value);
}

static void load_matrices(Thread* lanes, int count, bool transpose) {
    for (int i = 0; i < WARP; i++) {
        for (int matrix = 0; matrix < count; matrix++) {
            unsigned both = 0;
            for (int half = 0; half < 2; half++) {
                const int row = transpose ? i % 4 * 2 + half : i / 4;
                const int column = transpose ? i / 4 : i % 4 * 2 + half;
                emu_u16 element;
                const void* start = ldmatrix_operands(lanes[matrix * 8 + row]).row;
                std::memcpy(&element, static_cast<const emu_u16*>(start) + column, 2);
                both |= unsigned(element) << (16 * half);
            }
            ldmatrix_operands(lanes[i]).registers[matrix] = both;
        }
    }
}

// Only the lanes that give a row's address touch memory, each 16 bytes.
void check_tensor_request(const Thread& lane, Address site) {
    const emu_request& request = lane.request;
    if (request.operation != EMU_LDMATRIX || lane.lane() >= request.parameter * 8)
        return;
    const Address row = reinterpret_cast<Address>(ldmatrix_operands(lane).row);
    check_access(row, 16, EMU_READ, site);
}

void compute_tensor_operation(Thread* lanes) {
    const emu_request& request = lanes->request;
    if (request.operation == EMU_LDMATRIX)
        load_matrices(lanes, request.parameter, request.width);
    else
        multiply_tile(lanes, request.operation);
}

// ---- Asynchronous copies ------------------------------------------------------------------------

struct Copy {
    void* shared;
    const void* global;
    int bytes;
    int valid;
    int group;
    Address site;
};

static std::vector<Copy> copies[MAX_THREADS];  // of each thread, in the order of issue
static int groups[MAX_THREADS];                // committed by each thread

void start_copies() {
    for (int i = 0; i < thread_count; i++) {
        copies[i].clear();
        groups[i] = 0;
    }
}

void finish_copies() {
    for (int i = 0; i < thread_count; i++) {
        if (!copies[i].empty())
            report("CP-ASYNC", thread_name(i) + " returned without waiting for its copies",
                   copies[i].front().site);
    }
}

void emu_copy_async(void* shared, const void* global, int bytes, int valid) {
    const Address site = reinterpret_cast<Address>(__builtin_return_address(0));
    const int self = running()->number;
    const Address target = reinterpret_cast<Address>(shared);
    const Address source = reinterpret_cast<Address>(global);
    if (target % bytes || (valid && source % bytes))
        report("MISALIGNED", "cp.async of " + std::to_string(bytes) + " bytes", site);
    if (valid)
        check_access(source, bytes, EMU_READ, site);
    check_access(target, bytes, COPY_ISSUED, site);
    copies[self].push_back({shared, global, bytes, valid, groups[self], site});
}

void emu_copy_commit() {
    groups[running()->number]++;
}

void emu_copy_wait(int pending) {
    const int self = running()->number;
    std::vector<Copy>& queue = copies[self];
    size_t done = 0;
    for (; done < queue.size() && queue[done].group < groups[self] - pending; done++) {
        const Copy& copy = queue[done];
        check_access(reinterpret_cast<Address>(copy.shared), copy.bytes, COPY_ARRIVED, copy.site);
        if (copy.valid)
            std::memcpy(copy.shared, copy.global, copy.bytes);
        else
            std::memset(copy.shared, 0, copy.bytes);
    }
    queue.erase(queue.begin(), queue.begin() + done);
}

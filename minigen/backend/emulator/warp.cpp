// warp.cpp: shuffles, votes and __syncwarp: what the lanes of a warp do together.
//
// Idea: a lane leaves its request and waits. Whoever finds that every lane of its mask has left one
// for the same operation computes the results of all, and makes them ready.
//
// Invariant: every lane that a mask names must come. One that has returned, or waits elsewhere, is
// reported; reading from a lane outside the mask gives all bits one (a NaN), not what the lane has.
#include "runtime.h"

#include <algorithm>

static int lanes_of_warp(int first) {
    return std::min(WARP, thread_count - first);
}

static bool has_come(const Thread& lane, const emu_request& request) {
    return lane.state == AT_WARP_OPERATION && lane.request.mask == request.mask &&
           lane.request.operation == request.operation;
}

// Whether every lane of the mask has come with the same request. An exited lane never will.
static bool all_have_come(const emu_request& request, const Thread* lanes, int count) {
    static int missing[MAX_THREADS / WARP];  // the lane of each warp that was awaited last
    int& awaited = missing[lanes->number / WARP];
    const bool still = awaited < count && (request.mask >> awaited & 1);
    if (still && lanes[awaited].state != EXITED && !has_come(lanes[awaited], request))
        return false;
    for (awaited = 0; awaited < count; awaited++) {
        const Thread& lane = lanes[awaited];
        if (!(request.mask >> awaited & 1))
            continue;
        if (lane.state == EXITED) {
            report("WARP-EXITED", "lane " + std::to_string(awaited) + ", which the mask names at " +
                                      place(request.file, request.line) + ", has returned");
            stop_launch();
        }
        if (!has_come(lane, request))
            return false;
    }
    return true;
}

// The lane that a shuffle reads: its own where the source would lie outside its segment.
static int source_lane(const emu_request& request, int lane) {
    const int first = lane & ~(request.width - 1);
    const int last = first + request.width - 1;
    const int parameter = request.parameter;
    switch (request.operation) {
        case EMU_SHUFFLE_INDEX:
            return first | (parameter & (request.width - 1));
        case EMU_SHUFFLE_UP:
            return lane - parameter < first ? lane : lane - parameter;
        case EMU_SHUFFLE_DOWN:
            return lane + parameter > last ? lane : lane + parameter;
        default:
            return (lane ^ parameter) > last ? lane : lane ^ parameter;
    }
}

static void compute_results(Thread* lanes, int count, unsigned mask, int operation) {
    unsigned ballot = 0;
    unsigned present = 0;
    unsigned epoch = 0;
    for (int i = 0; i < count; i++) {
        if (!(mask >> i & 1))
            continue;
        present |= 1u << i;
        ballot |= unsigned(lanes[i].request.value != 0) << i;
        epoch = std::max(epoch, lanes[i].warp_epoch);
    }
    for (int i = 0; i < count; i++) {
        if (!(present >> i & 1))
            continue;
        Thread& lane = lanes[i];
        if (operation == EMU_SYNC)
            lane.warp_epoch = epoch + 1;
        else if (operation == EMU_BALLOT)
            lane.result = ballot;
        else if (operation == EMU_ANY)
            lane.result = ballot != 0;
        else if (operation == EMU_ALL)
            lane.result = ballot == present;
        else if (operation < EMU_BALLOT) {
            const int source = source_lane(lane.request, i);
            lane.result = present >> source & 1 ? lanes[source].request.value : ~emu_u64(0);
        }
    }
}

emu_u64 emu_warp(const emu_request* request) {
    Thread* self = running();
    Thread* lanes = self - self->lane();
    const int count = lanes_of_warp(lanes->number);
    self->state = AT_WARP_OPERATION;
    self->request = *request;
    self->file = request->file;
    self->line = request->line;
    if (!(request->mask >> self->lane() & 1)) {
        report("WARP-MASK", "the calling lane is not in the mask at " +
                                place(request->file, request->line));
        stop_launch();
    }
    if (request->operation >= EMU_LDMATRIX) {
        if (count < WARP) {
            report("WARP-MASK", "a tensor-core operation needs all 32 lanes, at " +
                                    place(request->file, request->line));
            stop_launch();
        }
        check_tensor_request(*self, reinterpret_cast<Address>(__builtin_return_address(0)));
    }
    if (all_have_come(*request, lanes, count)) {
        if (request->operation >= EMU_LDMATRIX)
            compute_tensor_operation(lanes);
        else
            compute_results(lanes, count, request->mask, request->operation);
        int numbers[WARP];
        int ready = 0;
        for (int i = 0; i < count; i++) {
            if (request->mask >> i & 1)
                numbers[ready++] = lanes->number + i;
        }
        make_ready(numbers, ready);
    }
    yield();
    return self->result;
}

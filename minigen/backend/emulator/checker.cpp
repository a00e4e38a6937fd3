// checker.cpp: every load and store of a checked kernel: bounds, initialisation, races.
//
// Idea: -fsanitize=thread makes g++ call a function before each access to memory. Those functions
// usually come from a library; here they are ours. Each access is looked up (memory.cpp), and a
// cell for every few bytes remembers who wrote and who read last, and when.
//
// When is counted in phases: a block that begins and a barrier that opens start a new one. Two
// accesses by different threads, one of them a write, are ordered only if
//   - they are of one block, and a barrier lies between: their phases differ; or
//   - they are of one warp, and a __syncwarp lies between: their warp epochs differ.
// Anything else is a race, in whatever order the threads happened to run here.
//
// Invariant: what was unordered is reported; only the last writer and reader of a cell are known
// (with a note whether others read, too), so a race may be missed, but none is invented. Atomic
// accesses do not race with each other.
#include "runtime.h"

enum {
    WRITTEN_ATOMICALLY = 1,
    READ_BY_THREADS = 2,  // several of the reader's warp, since its last __syncwarp
    READ_BY_WARPS = 4,    // several of the reader's block, in this phase
    READ_BY_BLOCKS = 8,   // a block before the reader's
    BEING_COPIED = 16,    // the target of an asynchronous copy
};

struct Access {
    Region& region;
    Address address;
    unsigned bytes;
    int kind;
    Address site;
};

static bool same_warp(int a, int b) {
    return a / WARP == b / WARP;
}

static std::string cell_name(const Access& access, size_t unit) {
    return "byte " + std::to_string(unit << access.region.shift) + " of " + access.region.name;
}

static std::string by(const char* verb, int thread, unsigned site, bool other_block) {
    return std::string(", ") + verb + " by " + thread_name(thread) +
           (other_block ? " of another block" : "") + " at " +
           site_name(launch.module_begin + site);
}

static void check_initialised(const Access& access, size_t unit, const Cell& cell) {
    if (cell.flags & BEING_COPIED) {
        report("READ-BEFORE-WAIT", cell_name(access, unit) + " is being copied by cp.async",
               access.site);
        return;
    }
    if (access.region.initialised)
        return;
    const unsigned since = access.region.space == SHARED ? launch.block_phase : 1;
    if (cell.write_phase < since)
        report("UNINITIALISED-READ", cell_name(access, unit), access.site);
}

// Whether something done in a phase, by a thread, at an epoch of its warp, may happen at the same
// time as what the running thread does now.
static bool unordered(const Region& region, unsigned phase, int thread, unsigned epoch) {
    const Thread* self = running();
    if (!phase)
        return false;
    if (phase < launch.block_phase)  // another block: each has shared memory of its own
        return region.space == GLOBAL;
    if (thread == self->number || phase != launch.phase)
        return false;
    return !(same_warp(thread, self->number) && epoch < self->warp_epoch);
}

static void check_against_write(const Access& access, size_t unit, const Cell& cell) {
    if (!unordered(access.region, cell.write_phase, cell.writer, cell.write_epoch))
        return;
    if (access.kind == EMU_ATOMIC && (cell.flags & WRITTEN_ATOMICALLY))
        return;
    const bool other_block = cell.write_phase < launch.block_phase;
    report(access.kind == EMU_READ ? "RACE read-after-write" : "RACE write-after-write",
           cell_name(access, unit) + by("written", cell.writer, cell.write_site, other_block),
           access.site);
}

static void check_against_reads(const Access& access, size_t unit, const Cell& cell) {
    const Thread* self = running();
    const Region& region = access.region;
    const bool now = cell.read_phase == launch.phase;
    const bool synchronised = same_warp(cell.reader, self->number) &&
                              cell.read_epoch < self->warp_epoch;
    const bool by_others = (cell.flags & READ_BY_WARPS) ||
                           ((cell.flags & READ_BY_THREADS) && !synchronised);
    const bool by_blocks = (cell.flags & READ_BY_BLOCKS) && region.space == GLOBAL;
    if (!unordered(region, cell.read_phase, cell.reader, cell.read_epoch) && !(now && by_others) &&
        !by_blocks)
        return;
    const bool other_block = cell.read_phase < launch.block_phase;
    report("RACE write-after-read",
           cell_name(access, unit) + by("read", cell.reader, cell.read_site, other_block),
           access.site);
}

static void note_read(const Access& access, Cell& cell) {
    const Thread* self = running();
    if (cell.read_phase != launch.phase) {
        cell.flags &= ~(READ_BY_THREADS | READ_BY_WARPS);
        if (cell.read_phase && cell.read_phase < launch.block_phase)
            cell.flags |= READ_BY_BLOCKS;
    } else if (!same_warp(cell.reader, self->number)) {
        cell.flags |= READ_BY_WARPS;
    } else if (cell.read_epoch < self->warp_epoch) {
        cell.flags &= ~READ_BY_THREADS;  // older reads of this warp came before a __syncwarp
    } else if (cell.reader != self->number) {
        cell.flags |= READ_BY_THREADS;
    }
    cell.read_phase = launch.phase;
    cell.read_epoch = self->warp_epoch;
    cell.reader = uint16_t(self->number);
    cell.read_site = unsigned(access.site - launch.module_begin);
}

static void note_write(const Access& access, Cell& cell) {
    const Thread* self = running();
    cell.write_phase = launch.phase;
    cell.write_epoch = self->warp_epoch;
    cell.writer = uint16_t(self->number);
    cell.write_site = unsigned(access.site - launch.module_begin);
    cell.read_phase = 0;  // whoever is not ordered after the reads is not after this write either
    cell.flags = access.kind == EMU_ATOMIC ? WRITTEN_ATOMICALLY : 0;
    if (access.kind == COPY_ISSUED)
        cell.flags |= BEING_COPIED;
}

static void check_cells(const Access& access) {
    Region& region = access.region;
    if (region.read_only && access.kind != EMU_READ)
        report("WRITE-TO-CONST", region.name + " is a pointer to const", access.site);
    const Address offset = access.address - region.begin;
    const Address ragged = (offset | access.bytes) & ((1u << region.shift) - 1);
    if (ragged)  // an access to a part of a unit
        refine(region, __builtin_ctzl(ragged));
    const size_t first = offset >> region.shift;
    const size_t last = (offset + access.bytes - 1) >> region.shift;
    for (size_t unit = first; unit <= last; unit++) {
        Cell& cell = region.cells[unit];
        if (access.kind == EMU_READ || access.kind == EMU_ATOMIC)
            check_initialised(access, unit, cell);
        check_against_write(access, unit, cell);
        if (access.kind == EMU_READ) {
            note_read(access, cell);
        } else {
            check_against_reads(access, unit, cell);
            note_write(access, cell);
        }
    }
}

static void check_local(const Access& access) {
    const Address owner = (access.address - stacks_begin()) / STACK_BYTES;
    if (owner != Address(running()->number))
        report("FOREIGN-LOCAL", "a pointer to a local variable of " + thread_name(int(owner)),
               access.site);
}

static const char* verb_of(int kind) {
    if (kind == EMU_READ)
        return "read of ";
    return kind == EMU_ATOMIC ? "atomic operation on " : "write of ";
}

void check_access(Address address, unsigned bytes, int kind, Address site) {
    if (!emu_running || !bytes)
        return;
    if (tick)
        pause_thread(site);
    if (!launch.checked)
        return;
    Region* region = region_of(address, bytes, site);
    if (!region) {
        report("OUT-OF-BOUNDS",
               verb_of(kind) + count_of(bytes, "byte") + ", " + describe_outside(address), site);
        stop_launch();
    }
    if (region->space == UNCHECKED)
        return;
    const Access access = {*region, address, bytes, kind, site};
    if (region->space == LOCAL)
        return check_local(access);
    if (launch.profiled)
        profile_access(region->space, address, bytes, kind, site);
    check_cells(access);
}

static void check_aligned(Address address, unsigned bytes, int kind, Address site) {
    if (address % bytes) {
        const Region* region = launch.checked ? region_of(address, bytes, site) : nullptr;
        std::string where;
        if (region)
            where = " at byte " + std::to_string(address - region->begin) + " of " + region->name;
        report("MISALIGNED", verb_of(kind) + count_of(bytes, "byte") + where, site);
        stop_launch();
    }
    check_access(address, bytes, kind, site);
}

void emu_access(const volatile void* place, unsigned bytes, int kind, void* site) {
    check_aligned(reinterpret_cast<Address>(place), bytes, kind, reinterpret_cast<Address>(site));
}

// ---- What g++ calls -----------------------------------------------------------------------------

#define SITE reinterpret_cast<Address>(__builtin_return_address(0))
#define ADDRESS reinterpret_cast<Address>(place)
#define ACCESS_OF(bytes)                                                                           \
    EMU_PUBLIC void __tsan_read##bytes(void* place) {                                              \
        check_aligned(ADDRESS, bytes, EMU_READ, SITE);                                             \
    }                                                                                              \
    EMU_PUBLIC void __tsan_write##bytes(void* place) {                                             \
        check_aligned(ADDRESS, bytes, EMU_WRITE, SITE);                                            \
    }                                                                                              \
    EMU_PUBLIC void __tsan_unaligned_read##bytes(void* place) {                                    \
        check_access(ADDRESS, bytes, EMU_READ, SITE);                                              \
    }                                                                                              \
    EMU_PUBLIC void __tsan_unaligned_write##bytes(void* place) {                                   \
        check_access(ADDRESS, bytes, EMU_WRITE, SITE);                                             \
    }
ACCESS_OF(1)
ACCESS_OF(2)
ACCESS_OF(4)
ACCESS_OF(8)
ACCESS_OF(16)

EMU_PUBLIC void __tsan_read_range(void* place, size_t bytes) {
    check_access(ADDRESS, unsigned(bytes), EMU_READ, SITE);
}
EMU_PUBLIC void __tsan_write_range(void* place, size_t bytes) {
    check_access(ADDRESS, unsigned(bytes), EMU_WRITE, SITE);
}
EMU_PUBLIC void __tsan_func_entry(void*) {}
EMU_PUBLIC void __tsan_func_exit() {}
EMU_PUBLIC void __tsan_init() {}

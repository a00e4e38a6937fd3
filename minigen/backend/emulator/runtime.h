// runtime.h: what the parts of the runtime share.
//
// Idea: the runtime is one library that every compiled kernel calls into. A launch runs block after
// block; in a block, every thread is a fiber: a stack of its own and a saved stack pointer, run on
// the calling CPU thread until it meets a barrier or a warp operation.
//
//   launch.cpp   a launch: blocks, time limit, signals    fibers.cpp   a block's threads, barriers
//   warp.cpp     shuffles, votes, __syncwarp              tensor.cpp   tiles, asynchronous copies
//   memory.cpp   which array an address belongs to        checker.cpp  bounds, races, first values
//   profile.cpp  transactions per source line             report.cpp   findings as text
//
// Invariant: one launch at a time (Python holds a lock), and nothing that has a destructor lies on
// a fiber's stack while it waits, since a launch may be abandoned where it stands.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#pragma GCC visibility push(default)  // what kernels call
#include "cuda_language.h"
#include "cuda_half.h"
#include "cuda_atomics.h"
#include "cuda_warp.h"
#include "cuda_tensor.h"
#pragma GCC visibility pop

#define EMU_PUBLIC extern "C" __attribute__((visibility("default")))  // what Python and g++ call

using Address = uintptr_t;

constexpr int MAX_THREADS = 1024;
constexpr int WARP = 32;
constexpr size_t STACK_BYTES = 33 * 4096;  // of a fiber, its lowest page a guard
constexpr size_t GUARD_BYTES = 4096;
constexpr size_t MAX_SHARED_BYTES = 227 << 10;  // dynamic, of a block, on sm_90

// ---- launch.cpp ---------------------------------------------------------------------------------

enum Order { ASCENDING, DESCENDING, SHUFFLED };

struct Launch {
    void (*entry)(void**);  // calls the kernel
    void** arguments;
    int order;
    unsigned random;  // state of the generator that shuffles
    bool checked;
    bool profiled;
    unsigned shared_bytes;           // dynamic
    unsigned phase;                  // counts blocks and barriers: time, as races see it
    unsigned block_phase;            // the phase in which the running block began
    Address module_begin, module_end;  // of the kernel's code
};
extern Launch launch;

extern volatile int tick;  // set a few times a second: pause, so that Python may look up

unsigned random_number();

// ---- fibers.cpp ---------------------------------------------------------------------------------

enum State { READY, RUNNING, AT_BARRIER, AT_WARP_OPERATION, EXITED };

struct Thread : emu_thread_view {
    int number;  // in the block, x fastest
    State state;
    void* stack_pointer;  // while it does not run
    unsigned warp_epoch;  // how many __syncwarp it passed in this block
    const char* file;     // where it waits
    int line;
    emu_request request;  // what it brought to a warp operation
    emu_u64 result;       // what it takes away

    int lane() const {
        return number % WARP;
    }
};

extern Thread threads[MAX_THREADS];
extern int thread_count;

inline Thread* running() {
    return static_cast<Thread*>(emu_running);
}

enum Progress { FINISHED, PAUSED, STOPPED };

void make_stacks();
Address stacks_begin();
Address stacks_end();
void start_block();
Progress run_threads();  // until all have returned, or a tick, or an error
void make_ready(const int* numbers, int count);  // in the launch's order
void yield();                        // to the scheduler, until made ready again
void pause_thread(Address site);     // to the scheduler, which comes back here
extern Address paused_at;            // the site of the last pause
[[noreturn]] void stop_launch();     // after an error that leaves nothing to run

// ---- tensor.cpp ---------------------------------------------------------------------------------

void compute_tensor_operation(Thread* lanes);
void check_tensor_request(const Thread& lane, Address site);
void start_copies();
void finish_copies();

// ---- memory.cpp ---------------------------------------------------------------------------------

enum Space { GLOBAL, SHARED, LOCAL, UNCHECKED };

// What is known of one unit (1, 2 or 4 bytes) of memory: its last write and its last reads.
struct Cell {
    unsigned write_phase;  // 0: never
    unsigned read_phase;
    unsigned write_epoch;  // of the writer's warp
    unsigned read_epoch;
    unsigned write_site;  // in the module
    unsigned read_site;
    uint16_t writer;
    uint16_t reader;
    uint8_t flags;
};

struct Region {
    Address begin, end;
    Space space;
    std::string name;
    int shift = 0;             // a unit is 1 << shift bytes
    bool initialised = false;  // before the launch
    bool read_only = false;
    Cell* cells = nullptr;
    size_t cell_bytes = 0;

    size_t units() const {
        return (end - begin + (size_t(1) << shift) - 1) >> shift;
    }
};

void prepare_memory();  // for the launch that begins
void poison_shared();   // for the block that begins
Region* region_of(Address address, unsigned bytes, Address site);
void refine(Region& region, int shift);  // to smaller units
std::string describe_outside(Address address);
inline bool is_null(Address address) {
    return address < Address(1) << 32;  // where no system maps anything
}

// ---- checker.cpp, profile.cpp -------------------------------------------------------------------

enum { COPY_ISSUED = EMU_ATOMIC + 1, COPY_ARRIVED };  // two more kinds of access, of cp.async

void check_access(Address address, unsigned bytes, int kind, Address site);
void profile_access(Space space, Address address, unsigned bytes, int kind, Address site);
void profile_block();

// ---- report.cpp ---------------------------------------------------------------------------------

// Once per finding and site. A site is an address in the code; Python names its source line.
void report(const std::string& finding, const std::string& text, Address site = 0);
int reports();
void clear_reports();
std::string thread_name(int number);
std::string place(const char* file, int line);
std::string site_name(Address site);
std::string count_of(size_t count, const char* thing);

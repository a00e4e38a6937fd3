// fibers.cpp: the threads of a block, and the barrier where they meet.
//
// Idea: a fiber is a stack and, while it does not run, the stack pointer where it stopped. Changing
// fibers is a function call that returns on another stack: push the registers that a callee must
// preserve, swap stack pointers, pop, return. That costs nanoseconds, where a CPU thread for each
// CUDA thread would cost microseconds and leave the order to the operating system.
//
// Invariant: a thread runs alone, without interruption, from one meeting to the next; the order in
// which ready threads run is the launch's: ascending, descending, or shuffled by its seed. A kernel
// whose result depends on it has a race.
#include "runtime.h"

#include <algorithm>
#include <cstring>
#include <sys/mman.h>

emu_thread_view* emu_running;
uint3 emu_block_index;
dim3 emu_block_size;
dim3 emu_grid_size;

Thread threads[MAX_THREADS];
int thread_count;

static char* stacks;
static void* scheduler_stack_pointer;
static int exited;
static int arrived;            // at the barrier
static int predicates;         // that hold, of those who arrived
static int barrier_result;
static int ready[MAX_THREADS]; // a ring
static int ready_first;
static int ready_count;
static bool stopped;
static bool paused;            // the running thread stopped at a tick: it goes on first

Address paused_at;

// ---- Changing fibers ----------------------------------------------------------------------------

#if !defined(__x86_64__)
#error "switch_stack is written for x86-64: another processor needs these few lines of its own"
#endif

extern "C" void switch_stack(void** save, void* to);
asm(R"(
.text
.globl switch_stack
.type switch_stack, @function
switch_stack:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
)");

void make_stacks() {
    if (stacks)
        return;
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    const size_t bytes = MAX_THREADS * STACK_BYTES;
    stacks = static_cast<char*>(mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, -1, 0));
    for (int i = 0; i < MAX_THREADS; i++)  // deeper than its stack, a thread faults
        mprotect(stacks + i * STACK_BYTES, GUARD_BYTES, PROT_NONE);
}

// Tops at equal distances of a power of two would all want the same few lines of the CPU's cache:
// hence the odd number of pages, and this staggering within a page.
static char* stack_top(int number) {
    return stacks + (number + 1) * STACK_BYTES - 64 - number % 16 * 256;
}

Address stacks_begin() {
    return reinterpret_cast<Address>(stacks);
}

Address stacks_end() {
    return stacks_begin() + MAX_THREADS * STACK_BYTES;
}

void yield() {
    switch_stack(&running()->stack_pointer, scheduler_stack_pointer);
}

void pause_thread(Address site) {
    paused_at = site;
    paused = true;
    yield();
}

void stop_launch() {
    stopped = true;
    for (;;)
        yield();
}

static void release_barrier();

static void thread_main() {
    launch.entry(launch.arguments);
    Thread* self = running();
    self->state = EXITED;
    exited++;
    if (arrived)
        report("EXIT-BEFORE-BARRIER", "a thread returned while others wait at __syncthreads");
    if (arrived && arrived == thread_count - exited)
        release_barrier();
    yield();
    __builtin_trap();
}

// ---- Scheduling ---------------------------------------------------------------------------------

void make_ready(const int* numbers, int count) {
    int order[MAX_THREADS];
    std::copy(numbers, numbers + count, order);
    if (launch.order == DESCENDING)
        std::reverse(order, order + count);
    for (int i = count; i > 1 && launch.order == SHUFFLED; i--)
        std::swap(order[i - 1], order[random_number() % i]);
    for (int i = 0; i < count; i++) {
        threads[order[i]].state = READY;
        ready[(ready_first + ready_count++) % MAX_THREADS] = order[i];
    }
}

static Thread* next_ready() {
    if (launch.order == SHUFFLED) {
        const int other = (ready_first + random_number() % ready_count) % MAX_THREADS;
        std::swap(ready[ready_first], ready[other]);
    }
    Thread* next = &threads[ready[ready_first]];
    ready_first = (ready_first + 1) % MAX_THREADS;
    ready_count--;
    return next;
}

void start_block() {
    exited = arrived = predicates = 0;
    ready_first = ready_count = 0;
    stopped = paused = false;
    int numbers[MAX_THREADS];
    for (int i = 0; i < thread_count; i++) {
        Thread& thread = threads[i];
        const unsigned rows = i / emu_block_size.x;
        thread.index = {i % emu_block_size.x, rows % emu_block_size.y, rows / emu_block_size.y};
        thread.number = i;
        thread.warp_epoch = 0;
        // as if it had called switch_stack from the first instruction of thread_main
        void** top = reinterpret_cast<void**>(stack_top(i));
        top[0] = reinterpret_cast<void*>(thread_main);
        std::fill(top - 6, top, nullptr);
        thread.stack_pointer = top - 6;
        numbers[i] = i;
    }
    make_ready(numbers, thread_count);
}

// Whether the thread waits for a lane of its warp that has returned.
static bool waits_in_vain(const Thread& thread) {
    if (thread.state != AT_WARP_OPERATION)
        return false;
    const int first = thread.number - thread.lane();
    for (int i = 0; i < WARP && first + i < thread_count; i++) {
        if (threads[first + i].state == EXITED && (thread.request.mask >> i & 1))
            return true;
    }
    return false;
}

static void report_deadlock() {
    const char* finding = "DEADLOCK";
    int at_barrier = 0;
    int at_warp_operation = 0;
    std::string waiting;
    const Thread* last = nullptr;
    for (int i = 0; i < thread_count; i++) {
        const Thread& thread = threads[i];
        if (thread.state == EXITED)
            continue;
        (thread.state == AT_BARRIER ? at_barrier : at_warp_operation)++;
        if (waits_in_vain(thread))
            finding = "WARP-EXITED";
        const bool alike = last && last->state == thread.state && last->line == thread.line;
        if (!alike && waiting.size() < 300)
            waiting += "; " + thread_name(i) + " waits at " + place(thread.file, thread.line);
        last = &thread;
    }
    emu_running = nullptr;
    report(finding, count_of(at_barrier, "thread") + " at a barrier, " +
                           std::to_string(at_warp_operation) + " at a warp operation, " +
                           std::to_string(exited) + " returned" + waiting);
}

Progress run_threads() {
    while (exited < thread_count) {
        if (tick) {
            tick = 0;
            return PAUSED;
        }
        if (!paused) {
            paused_at = 0;
            if (!ready_count) {
                report_deadlock();
                return STOPPED;
            }
            emu_running = next_ready();
            running()->state = RUNNING;
        }
        paused = false;
        switch_stack(&scheduler_stack_pointer, running()->stack_pointer);
        if (stopped)
            return STOPPED;
    }
    return FINISHED;
}

// ---- The barrier --------------------------------------------------------------------------------

static void release_barrier() {
    int numbers[MAX_THREADS];
    int count = 0;
    for (int i = 0; i < thread_count; i++) {
        if (threads[i].state == AT_BARRIER)
            numbers[count++] = i;
    }
    const Thread& first = threads[numbers[0]];
    for (int i = 1; i < count; i++) {
        const Thread& other = threads[numbers[i]];
        const bool same_file = first.file == other.file || !std::strcmp(first.file, other.file);
        if (same_file && first.line == other.line)
            continue;
        report("DIVERGENT-BARRIER", thread_name(first.number) + " waits at " +
                                        place(first.file, first.line) + ", " +
                                        thread_name(other.number) + " at " +
                                        place(other.file, other.line));
        break;
    }
    barrier_result = predicates;
    predicates = arrived = 0;
    launch.phase++;
    make_ready(numbers, count);
}

int emu_barrier(int predicate, const char* file, int line) {
    Thread* self = running();
    self->state = AT_BARRIER;
    self->file = file;
    self->line = line;
    predicates += predicate;
    if (exited)
        report("EXIT-BEFORE-BARRIER", "threads of the block returned before others came to " +
                                          place(file, line));
    if (++arrived == thread_count - exited)
        release_barrier();
    yield();
    return barrier_result;
}

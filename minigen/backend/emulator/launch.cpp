// launch.cpp: a launch from beginning to end: its blocks, its time, and what may go wrong.
//
// Idea: Python calls emu_begin once and emu_run until it says that all is done. A timer sets `tick`
// twenty times a second of CPU time; the scheduler and the checker look at it and return to Python,
// which is how Ctrl-C is heard, and a launch that takes too long is ended. A thread that computes
// for ever, meets nobody and (in a checked build) touches no memory never looks: the timer's signal
// handler jumps out of it when the time is over.
//
// Invariant: a handler leaves a fiber by a jump only out of the kernel's own code or after a fault;
// never out of the runtime, which might be in the middle of allocating memory.
#include "runtime.h"

#include <csetjmp>
#include <csignal>
#include <ctime>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

Launch launch;
volatile int tick;

constexpr double TICK_SECONDS = 0.05;
static const int FAULTS[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE};
constexpr int FAULT_COUNT = 4;

static double seconds_left;
static unsigned long block_count;
static unsigned long blocks_done;
static unsigned long first_block;  // of a shuffled launch
static bool in_block;
static sigjmp_buf leave;
static pid_t thread_id;
static struct sigaction old_actions[FAULT_COUNT + 1];
static stack_t old_stack;
static timer_t timer;

unsigned random_number() {
    launch.random = launch.random * 1664525u + 1013904223u;
    return launch.random >> 8;
}

static pid_t current_thread() {
    return pid_t(syscall(SYS_gettid));
}

static int timer_signal() {
    return SIGRTMIN + 5;
}

// ---- Signals ------------------------------------------------------------------------------------

static Address kernel_site(void* context) {
    const auto* state = static_cast<ucontext_t*>(context);
    const Address address = Address(state->uc_mcontext.gregs[REG_RIP]);
    return address >= launch.module_begin && address < launch.module_end ? address + 1 : 0;
}

static std::string describe_fault(int signal, Address address) {
    if (signal == SIGFPE)
        return "division by zero";
    if (address >= stacks_begin() && address < stacks_end()) {
        const size_t room = (STACK_BYTES - GUARD_BYTES) >> 10;
        return "local variables need more than " + std::to_string(room) + " KiB";
    }
    if (launch.checked || is_null(address))
        return describe_outside(address);
    return "an address where nothing is: a checked build says more";
}

static void on_fault(int signal, siginfo_t* information, void* context) {
    if (current_thread() != thread_id || !emu_running) {  // not ours: let it end the process
        std::signal(signal, SIG_DFL);
        return;
    }
    const Address address = reinterpret_cast<Address>(information->si_addr);
    if (signal == SIGILL)
        report("TRAP", "an index outside its array, an integer that overflows or is divided by "
                       "zero, or a shift too far",
               kernel_site(context));
    else
        report("FAULT", describe_fault(signal, address), kernel_site(context));
    siglongjmp(leave, 1);
}

static void report_runaway(Address site) {
    report("RUNAWAY", "the launch takes too long: a loop that does not end?", site);
}

static void on_timer(int, siginfo_t*, void* context) {
    if (current_thread() != thread_id)
        return;
    seconds_left -= TICK_SECONDS;
    tick = 1;
    const Address site = kernel_site(context);
    if (seconds_left > 0 || !site || !emu_running)
        return;
    report_runaway(site);
    siglongjmp(leave, 1);
}

static void take_signals() {
    static char handler_stack[1 << 16];
    stack_t stack = {};
    stack.ss_sp = handler_stack;
    stack.ss_size = sizeof handler_stack;
    sigaltstack(&stack, &old_stack);
    struct sigaction action = {};
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTART;
    action.sa_sigaction = on_fault;
    for (int i = 0; i < FAULT_COUNT; i++)
        sigaction(FAULTS[i], &action, &old_actions[i]);
    action.sa_sigaction = on_timer;
    sigaction(timer_signal(), &action, &old_actions[FAULT_COUNT]);
    sigevent event = {};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = timer_signal();
    event._sigev_un._tid = thread_id = current_thread();
    timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &timer);
    itimerspec interval = {};
    interval.it_interval.tv_nsec = interval.it_value.tv_nsec = long(TICK_SECONDS * 1e9);
    timer_settime(timer, 0, &interval, nullptr);
}

static void give_signals_back() {
    timer_delete(timer);
    sigaction(timer_signal(), &old_actions[FAULT_COUNT], nullptr);
    for (int i = 0; i < FAULT_COUNT; i++)
        sigaction(FAULTS[i], &old_actions[i], nullptr);
    sigaltstack(&old_stack, nullptr);
}

// ---- Blocks -------------------------------------------------------------------------------------

// Blocks run in the launch's order too; shuffled means multiplied by a prime, modulo their number.
static void begin_block() {
    const unsigned long prime = 2654435761;
    unsigned long number = blocks_done;
    if (launch.order == DESCENDING)
        number = block_count - 1 - blocks_done;
    else if (launch.order == SHUFFLED && block_count % prime)
        number = (blocks_done * prime + first_block) % block_count;
    const unsigned long rows = number / emu_grid_size.x;
    emu_block_index.x = unsigned(number % emu_grid_size.x);
    emu_block_index.y = unsigned(rows % emu_grid_size.y);
    emu_block_index.z = unsigned(rows / emu_grid_size.y);
    launch.block_phase = ++launch.phase;
    poison_shared();
    start_copies();
    start_block();
    in_block = true;
}

static void end_block() {
    emu_running = nullptr;
    in_block = false;
    blocks_done++;
    finish_copies();
    if (launch.profiled)
        profile_block();
}

static Progress run_blocks() {
    while (in_block || blocks_done < block_count) {
        if (!in_block)
            begin_block();
        const Progress progress = run_threads();
        if (progress != FINISHED)
            return progress;
        end_block();
    }
    return FINISHED;
}

EMU_PUBLIC void emu_begin(void (*entry)(void**), void** arguments, const unsigned* sizes,
                          unsigned shared_bytes, int order, unsigned seed, int checked,
                          int profiled, double seconds) {
    launch = {};
    launch.entry = entry;
    launch.arguments = arguments;
    launch.order = order;
    launch.random = seed * 2654435761u + 1;
    launch.checked = checked;
    launch.profiled = profiled;
    launch.shared_bytes = shared_bytes;
    emu_grid_size = {sizes[0], sizes[1], sizes[2]};
    emu_block_size = {sizes[3], sizes[4], sizes[5]};
    thread_count = int(sizes[3] * sizes[4] * sizes[5]);
    block_count = (unsigned long)sizes[0] * sizes[1] * sizes[2];
    blocks_done = 0;
    first_block = seed;
    in_block = false;
    seconds_left = seconds;
    emu_running = nullptr;
    clear_reports();
    make_stacks();
    prepare_memory();
}

// Run on; whether to call again: 0 if the launch is over.
EMU_PUBLIC int emu_run() {
    tick = 0;
    take_signals();
    Progress progress = STOPPED;
    if (!sigsetjmp(leave, 1))
        progress = run_blocks();
    if (progress == PAUSED && seconds_left <= 0) {
        report_runaway(paused_at);
        progress = STOPPED;
    }
    give_signals_back();
    if (progress != PAUSED)
        emu_running = nullptr;
    return progress == PAUSED;
}

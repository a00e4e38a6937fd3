// memory.cpp: which array an address belongs to, and the checked launch's own copies of arrays.
//
// Idea: a checked launch works on copies of the arguments, each in pages of its own with a wide gap
// on both sides. So an index too far lands in no array, instead of in the neighbour that happens to
// follow in memory, and cannot harm the process. Results are copied back at the end.
//
// Invariant: regions are sorted and disjoint, and none is added while a launch runs. Cells start as
// zeros, which mean "never touched"; they come from the system lazily, so an array that is read in
// few places costs little.
#include "runtime.h"

#include <algorithm>
#include <cstring>
#include <link.h>
#include <sys/mman.h>

constexpr size_t GAP_BYTES = 16 << 20;
constexpr size_t PAGE_BYTES = 4096;
constexpr int CACHED_SITES = 1024;

struct SharedVariable {
    size_t offset, bytes;
    std::string name;
};

struct Copied {  // an argument of a checked launch
    char* original;
    char* copy;
    size_t bytes;
    bool read_only;
    char* pages;
    size_t page_bytes;
};

static std::vector<Region> regions;
static std::vector<SharedVariable> shared_variables;
static std::vector<Copied> copied;
static std::vector<std::string> null_arguments;
static Region* last_region[CACHED_SITES];  // that the code at this site touched

static Address shared_segment;  // the module's __shared__ variables
static size_t shared_segment_bytes;
static char* dynamic_shared_end;
static char* dynamic_shared;

static size_t pages_of(size_t bytes) {
    return (bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
}

static char* reserve(size_t bytes, int protection) {
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void* pages = mmap(nullptr, bytes, protection, flags, -1, 0);
    return pages == MAP_FAILED ? nullptr : static_cast<char*>(pages);
}

// ---- Regions ------------------------------------------------------------------------------------

static void add_region(Address begin, size_t bytes, Space space, const std::string& name) {
    Region region;
    region.begin = begin;
    region.end = begin + bytes;
    region.space = space;
    region.name = name;
    if (space == GLOBAL || space == SHARED)
        region.shift = 2;
    regions.push_back(region);
}

static void make_cells(Region& region) {
    region.cell_bytes = pages_of(region.units() * sizeof(Cell));
    char* pages = region.cell_bytes ? reserve(region.cell_bytes, PROT_READ | PROT_WRITE) : nullptr;
    region.cells = reinterpret_cast<Cell*>(pages);
}

static void free_cells(Region& region) {
    if (region.cells)
        munmap(region.cells, region.cell_bytes);
    region.cells = nullptr;
}

void refine(Region& region, int shift) {
    Region finer = region;
    finer.shift = shift;
    make_cells(finer);
    const int parts = region.shift - shift;
    for (size_t i = 0; i < finer.units(); i++) {
        const Cell& cell = region.cells[i >> parts];
        if (cell.write_phase || cell.read_phase)
            finer.cells[i] = cell;
    }
    free_cells(region);
    region = finer;
}

Region* region_of(Address address, unsigned bytes, Address site) {
    Region*& last = last_region[(site ^ site >> 10) % CACHED_SITES];
    if (last && address >= last->begin && address + bytes <= last->end)
        return last;
    const auto after = std::upper_bound(
        regions.begin(), regions.end(), address,
        [](Address wanted, const Region& region) { return wanted < region.begin; });
    if (after == regions.begin())
        return nullptr;
    Region& found = *(after - 1);
    if (address + bytes > found.end)
        return nullptr;
    last = &found;
    return last;
}

std::string describe_outside(Address address) {
    if (is_null(address)) {
        std::string names;
        for (const std::string& name : null_arguments)
            names += (names.empty() ? "" : ", ") + name;
        return names.empty() ? "null pointer"
                             : "null pointer: optional argument " + names + " was not given";
    }
    const Region* nearest = nullptr;
    Address least = ~Address(0);
    for (const Region& region : regions) {
        if (region.space != GLOBAL && region.space != SHARED)
            continue;
        const bool before = address < region.begin;
        const Address distance = before ? region.begin - address : address - region.end;
        if (!before && address < region.end)
            return "past the end of " + region.name;  // it begins inside
        if (distance < least) {
            least = distance;
            nearest = &region;
        }
    }
    if (!nearest || least > GAP_BYTES)
        return "far from every array";
    const char* side = address < nearest->begin ? " before the start of " : " past the end of ";
    return count_of(least, "byte") + side + nearest->name;
}

// ---- Shared memory and the module ---------------------------------------------------------------

static int visit_library(dl_phdr_info* info, size_t, void*) {
    Address begin = ~Address(0);
    Address end = 0;
    const ElfW(Phdr)* thread_local_segment = nullptr;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr)& header = info->dlpi_phdr[i];
        if (header.p_type == PT_TLS)
            thread_local_segment = &header;
        if (header.p_type != PT_LOAD)
            continue;
        begin = std::min<Address>(begin, info->dlpi_addr + header.p_vaddr);
        end = std::max<Address>(end, info->dlpi_addr + header.p_vaddr + header.p_memsz);
    }
    const Address runtime = reinterpret_cast<Address>(&threads);
    const Address module = reinterpret_cast<Address>(launch.entry);
    if (runtime >= begin && runtime < end)
        add_region(begin, end - begin, UNCHECKED, "the runtime");
    if (module >= begin && module < end) {
        launch.module_begin = begin;
        launch.module_end = end;
        add_region(begin, end - begin, UNCHECKED, "the module");
        shared_segment = reinterpret_cast<Address>(info->dlpi_tls_data);
        shared_segment_bytes = thread_local_segment->p_memsz;
    }
    return 0;
}

void prepare_memory() {
    const size_t most = pages_of(MAX_SHARED_BYTES);
    if (!dynamic_shared_end) {  // it ends at a page that cannot be touched
        char* pages = reserve(most + PAGE_BYTES, PROT_NONE);
        mprotect(pages, most, PROT_READ | PROT_WRITE);
        dynamic_shared_end = pages + most;
    }
    dynamic_shared = dynamic_shared_end - (launch.shared_bytes + 15) / 16 * 16;
    dl_iterate_phdr(visit_library, nullptr);
    if (launch.checked) {
        for (const SharedVariable& variable : shared_variables) {
            // g++ gives arrays of __half a hidden flag, which is none of the kernel's
            const bool guard = variable.name.empty();
            add_region(shared_segment + variable.offset, variable.bytes,
                       guard ? UNCHECKED : SHARED, "__shared__ " + variable.name);
        }
        add_region(reinterpret_cast<Address>(dynamic_shared), launch.shared_bytes, SHARED,
                   "dynamic shared memory");
        add_region(stacks_begin(), stacks_end() - stacks_begin(), LOCAL, "local memory");
    }
    std::sort(regions.begin(), regions.end(),
              [](const Region& a, const Region& b) { return a.begin < b.begin; });
    std::fill(last_region, last_region + CACHED_SITES, nullptr);
    for (Region& region : regions) {
        if (region.space == GLOBAL || region.space == SHARED)
            make_cells(region);
    }
}

void poison_shared() {
    std::memset(reinterpret_cast<void*>(shared_segment), 0xff, shared_segment_bytes);
    std::memset(dynamic_shared, 0xff, launch.shared_bytes);
}

void* emu_dynamic_shared() {
    return dynamic_shared;
}

// ---- What Python tells before a launch ----------------------------------------------------------

EMU_PUBLIC void emu_shared_variable(size_t offset, size_t bytes, const char* name) {
    shared_variables.push_back({offset, bytes, name});
}

EMU_PUBLIC void emu_null_argument(const char* name) {
    null_arguments.push_back(name);
}

// An array that the kernel may touch: returns where the kernel will find it. One that is reached
// through an array of pointers is not movable.
EMU_PUBLIC void* emu_array(char* original, size_t bytes, int unit, int initialised, int read_only,
                           int movable, const char* name) {
    char* place = original;
    if (movable) {
        const size_t offset = reinterpret_cast<Address>(original) % 256;  // keeps its alignment
        const size_t inside = pages_of(offset + bytes + 1);
        char* pages = reserve(inside + 2 * GAP_BYTES, PROT_NONE);
        if (!pages)
            return nullptr;
        mprotect(pages + GAP_BYTES, inside, PROT_READ | PROT_WRITE);
        place = pages + GAP_BYTES + offset;
        std::memcpy(place, original, bytes);
        copied.push_back({original, place, bytes, bool(read_only), pages, inside + 2 * GAP_BYTES});
    }
    add_region(reinterpret_cast<Address>(place), bytes, GLOBAL, name);
    Region& region = regions.back();
    region.shift = unit == 1 ? 0 : unit == 2 ? 1 : 2;
    region.initialised = initialised;
    region.read_only = read_only;
    return place;
}

// Bytes of an array that was not initialised and that no thread wrote.
EMU_PUBLIC size_t emu_unwritten(void* place) {
    const Address begin = reinterpret_cast<Address>(place);
    size_t bytes = 0;
    for (const Region& region : regions) {
        if (region.begin != begin || region.space != GLOBAL || region.initialised)
            continue;
        for (size_t i = 0; i < region.units(); i++)
            bytes += region.cells[i].write_phase ? 0 : size_t(1) << region.shift;
    }
    return bytes;
}

// The results go back to the arrays of the caller, and everything about the launch is forgotten.
EMU_PUBLIC void emu_forget() {
    emu_running = nullptr;
    for (const Copied& argument : copied) {
        if (!argument.read_only)
            std::memcpy(argument.original, argument.copy, argument.bytes);
        munmap(argument.pages, argument.page_bytes);
    }
    for (Region& region : regions)
        free_cells(region);
    regions.clear();
    copied.clear();
    shared_variables.clear();
    null_arguments.clear();
}

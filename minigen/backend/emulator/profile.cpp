// profile.cpp: how well a kernel's accesses fit the memory of a GPU, by source line.
//
// Idea: the lanes of a warp that execute one instruction make one request together. Global memory
// answers in sectors of 32 bytes: a request costs as many as it touches. Shared memory has 32 banks
// of 4 bytes: a request costs as many turns as the most different words in one bank. Threads run
// one after another here, so a warp's request is put together from the n-th execution of each site
// by each lane.
//
// Invariant: lanes that execute a site at different counts (a divergent loop) still pair by count,
// as the hardware would if they stayed together; caches are not modelled.
#include "runtime.h"

#include <algorithm>
#include <map>
#include <unordered_map>

constexpr Address SECTOR_WORDS = 8;
constexpr int BANKS = 32;

struct LaneAccess {
    Address site;
    unsigned turn;  // how often this lane has executed the site before
    int lane;
    unsigned bytes;
    int kind;
    Address address;

    bool operator<(const LaneAccess& other) const {
        if (site != other.site)
            return site < other.site;
        return turn != other.turn ? turn < other.turn : lane < other.lane;
    }
    bool same_request(const LaneAccess& other) const {
        return site == other.site && turn == other.turn && kind == other.kind;
    }
};

struct Totals {
    unsigned long requests, transactions, fewest, bytes;
};

struct Key {
    Address site;  // in the module
    Space space;
    int kind;

    bool operator<(const Key& other) const {
        if (site != other.site)
            return site < other.site;
        return space != other.space ? space < other.space : kind < other.kind;
    }
};

using Accesses = std::vector<LaneAccess>;

static Accesses of_warp[2][MAX_THREADS / WARP];  // GLOBAL, SHARED
static std::unordered_map<Address, unsigned> turns[MAX_THREADS];
static std::map<Key, Totals> totals;

void profile_access(Space space, Address address, unsigned bytes, int kind, Address site) {
    if (bytes > 16 || kind == COPY_ARRIVED)
        return;
    if (kind == COPY_ISSUED)
        kind = EMU_WRITE;
    const int thread = running()->number;
    const unsigned turn = turns[thread][site * 4 + kind]++;
    of_warp[space][thread / WARP].push_back({site, turn, thread % WARP, bytes, kind, address});
}

static std::vector<Address> words(Accesses::const_iterator begin, Accesses::const_iterator end) {
    std::vector<Address> found;
    for (; begin != end; ++begin) {
        for (unsigned byte = 0; byte < begin->bytes; byte += 4)
            found.push_back((begin->address + byte) / 4);
    }
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    return found;
}

static void count_global(std::vector<Address> touched, Totals& line) {
    line.fewest += (touched.size() + SECTOR_WORDS - 1) / SECTOR_WORDS;
    for (Address& word : touched)
        word /= SECTOR_WORDS;
    line.transactions += std::unique(touched.begin(), touched.end()) - touched.begin();
}

static void count_shared(const std::vector<Address>& touched, Totals& line) {
    int in_bank[BANKS] = {};
    int most = 0;
    for (const Address word : touched)
        most = std::max(most, ++in_bank[word % BANKS]);
    line.transactions += most;
    line.fewest += most > 0;
}

static void count_request(Accesses::const_iterator begin, Accesses::const_iterator end, Space space,
                          Totals& line) {
    line.requests++;
    line.bytes += (end - begin) * begin->bytes;
    if (space == GLOBAL) {
        count_global(words(begin, end), line);
        return;
    }
    // wide accesses take a half or a quarter of the warp at a time
    const int parts = begin->bytes == 16 ? 4 : begin->bytes == 8 ? 2 : 1;
    for (int part = 0; part < parts; part++) {
        const auto stop = std::find_if(begin, end, [=](const LaneAccess& access) {
            return access.lane * parts / WARP > part;
        });
        count_shared(words(begin, stop), line);
        begin = stop;
    }
}

void profile_block() {
    for (const Space space : {GLOBAL, SHARED}) {
        for (Accesses& accesses : of_warp[space]) {
            std::sort(accesses.begin(), accesses.end());
            for (auto begin = accesses.cbegin(); begin != accesses.cend();) {
                const auto end =
                    std::find_if(begin, accesses.cend(), [=](const LaneAccess& access) {
                        return !access.same_request(*begin);
                    });
                const Key key = {begin->site - launch.module_begin, space, begin->kind};
                count_request(begin, end, space, totals[key]);
                begin = end;
            }
            accesses.clear();
        }
    }
    for (auto& of_thread : turns)
        of_thread.clear();
}

// "@site@ space kind requests transactions fewest bytes" a line, of all launches since the last
// call, which were all of one module.
EMU_PUBLIC const char* emu_profile() {
    static std::string all;
    all.clear();
    const char* const kinds[] = {"read", "write", "atomic"};
    for (const auto& [key, line] : totals) {
        all += site_name(launch.module_begin + key.site);
        all += key.space == GLOBAL ? " global " : " shared ";
        all += kinds[key.kind];
        for (const auto count : {line.requests, line.transactions, line.fewest, line.bytes})
            all += " " + std::to_string(count);
        all += "\n";
    }
    totals.clear();
    return all.c_str();
}

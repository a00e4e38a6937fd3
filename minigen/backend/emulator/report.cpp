// report.cpp: findings as text, for Python to raise.
//
// Invariant: one line a finding, "FINDING at <site>: what [who]". A site is written as "@1a2b@", an
// offset in the module, which reports.py replaces by the source line.
#include "runtime.h"

#include <cstring>

constexpr size_t MOST = 20;

struct Reported {
    std::string finding;
    Address site;
};

static std::vector<Reported> known;
static std::vector<std::string> lines;

std::string thread_name(int number) {
    const uint3 index = threads[number].index;
    return "thread (" + std::to_string(index.x) + "," + std::to_string(index.y) + "," +
           std::to_string(index.z) + ")";
}

static std::string block_name() {
    const uint3 index = emu_block_index;
    return "block (" + std::to_string(index.x) + "," + std::to_string(index.y) + "," +
           std::to_string(index.z) + ")";
}

std::string place(const char* file, int line) {
    const char* slash = std::strrchr(file, '/');
    return std::string(slash ? slash + 1 : file) + ":" + std::to_string(line);
}

std::string site_name(Address site) {
    char text[32];
    std::snprintf(text, sizeof text, "@%zx@", size_t(site - launch.module_begin));
    return text;
}

std::string count_of(size_t count, const char* thing) {
    return std::to_string(count) + " " + thing + (count == 1 ? "" : "s");
}

void report(const std::string& finding, const std::string& text, Address site) {
    for (const Reported& before : known) {
        if (before.finding == finding && before.site == site)
            return;
    }
    known.push_back({finding, site});
    if (lines.size() >= MOST)
        return;
    std::string line = finding;
    if (site >= launch.module_begin && site < launch.module_end)
        line += " at " + site_name(site);
    line += ": " + text + " [";
    if (emu_running)
        line += thread_name(running()->number) + " of ";
    lines.push_back(line + block_name() + "]");
}

int reports() {
    return int(lines.size());
}

void clear_reports() {
    known.clear();
    lines.clear();
}

EMU_PUBLIC const char* emu_reports() {
    static std::string all;
    all.clear();
    for (const std::string& line : lines)
        all += line + "\n";
    return all.c_str();
}

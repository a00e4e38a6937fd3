"""What the runtime found, with source lines: findings of the checker, and the memory profile.

Idea: the runtime knows places in code as offsets in the library, written "@1a2b@"; addr2line turns
an offset into a source line, and into the chain of calls that inlining has hidden.

Invariant: a place is never inside the emulator's own headers: that would be `cp_async`, and what
helps is the line that calls it.
"""

import os
import re
import subprocess
import threading

SITE = re.compile(r"@([0-9a-f]+)@")

_profiling = threading.Lock()
_profiled = []  # the library whose launches are counted, while they are


def is_profiled(library):
    """Whether launches of this library are counted now."""
    return library in _profiled


def _chains(library, sites):
    """Site -> its source lines, innermost call first."""
    if not sites:
        return {}
    # a site is the address behind the call: the byte before belongs to it
    addresses = [hex(int(site, 16) - 1) for site in sites]
    command = ["addr2line", "-a", "-i", "-e", str(library), *addresses]
    chains = []
    for line in subprocess.run(command, capture_output=True, text=True).stdout.splitlines():
        if line.startswith("0x"):
            chains.append([])
            continue
        path, _, number = line.split(" ")[0].rpartition(":")
        name = os.path.basename(path)
        known = number.isdigit() and int(number)  # code of several lines may belong to none
        if known and not name.startswith("cuda_") and (name, int(number)) not in chains[-1]:
            chains[-1].append((name, int(number)))
    return dict(zip(sites, chains, strict=True))


def with_places(text, library, source):
    """The text with every site as a line: of a header, and of the kernel's file that came there."""
    sites = sorted(set(SITE.findall(text)))
    chains = _chains(library, sites)

    def place(found):
        chain = chains[found[1]]
        if not chain:
            return source
        name, line = chain[0]
        caller = next((p for p in chain if p[0] == source), chain[0])
        return f"{name}:{line}" + (f" (from {source}:{caller[1]})" if caller != chain[0] else "")

    return SITE.sub(place, text)


def profile(module, launch):
    """Run launch() and count how the module's accesses fit a GPU's memory, by source line.

    The module must be a checked one; launches of another Module of the same library count, too.
    Returns {(place, space, kind): (requests, transactions, fewest, bytes)}, with place such as
    "softmax.cu:12" (in the kernel's file, also for a header's helper), space "global" or "shared",
    kind "read", "write" or "atomic". A request is one of a warp; it takes transactions (32-byte
    sectors of global memory, turns of shared memory), and could take the fewest if the same bytes
    lay together.
    """
    if not module.check:
        raise ValueError("profile wants a module compiled with check=True: others do not count")
    with _profiling:
        module.runtime.emu_profile()  # forgets what came before
        _profiled.append(module.library)
        try:
            launch()
        finally:
            _profiled.clear()
            text = module.runtime.emu_profile().decode()
    rows = {}
    chains = _chains(module.library, sorted(set(SITE.findall(text))))
    for line in text.splitlines():
        site, space, kind, *counts = line.split()
        chain = chains[site.strip("@")] or [(module.source_name, 0)]
        name, number = next((p for p in chain if p[0] == module.source_name), chain[0])
        key = (f"{name}:{number}", space, kind)
        old = rows.get(key, (0, 0, 0, 0))
        rows[key] = tuple(a + int(b) for a, b in zip(old, counts, strict=True))
    return rows

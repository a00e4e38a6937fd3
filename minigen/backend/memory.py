"""Out of memory on a GPU: what was asked for, what is taken, and by which arrays.

Idea: nothing is counted while all goes well. When CuPy gives up, every array of its that is alive
is found by Python's garbage collector: tensors, gradients, what the graph saved, an optimizer's
averages. Views share memory: each block of memory is told once, by its largest array.
Read next: cupy.py, ../errors.py (`explain`, which has this said of an op).
"""

import gc
import re

SHOWN = 5  # arrays

FIX = (
    "A smaller batch needs less; so do minigen.no_grad() where nothing is trained, "
    "minigen.checkpoint(f, x) around a large part of the model, and del of what is not needed"
)


def explained(function, error, cupy):
    """A MemoryError for CuPy's own, raised in a function on the current GPU."""
    gpu = cupy.cuda.Device()
    device = f"gpu:{gpu.id}" if gpu.id else "gpu"
    found = re.search(r"allocating ([\d,]+) bytes", str(error))
    asked = f"{size(int(found[1].replace(',', '')))} more" if found else "more"
    free, total = gpu.mem_info
    pool = cupy.get_default_memory_pool()
    used, kept, limit = pool.used_bytes(), pool.free_bytes(), pool.get_limit()
    words = (
        f"{function}: out of memory on {device}, which has {size(total)} and {size(free)} free;"
        f" arrays take {size(used)}, CuPy keeps {size(kept)} in pieces too small for {asked}"
    )
    if limit:
        words += f" and may have {size(limit)} in all (set_limit, or CUPY_GPU_MEMORY_LIMIT)"
    blocks = largest_blocks(gpu.id, cupy.ndarray)
    lines = [f"{size(n):>10}  {x.shape} {x.dtype} on {device}" for n, x in blocks]
    title = f"the {len(lines)} largest arrays alive:"
    return MemoryError("\n  ".join([f"{words}. {FIX}", *([title, *lines] if lines else ())]))


def largest_blocks(gpu, kind):
    """(bytes, array) of the largest blocks of a GPU's memory that live arrays of a kind hold."""
    blocks = {}
    for x in gc.get_objects():
        # type(), not isinstance: proxies of dead objects answer that with an error
        if issubclass(type(x), kind) and x.device.id == gpu:
            block = x.data.mem
            bytes_here = min(x.nbytes, block.size)  # broadcast, an array has more than its memory
            if bytes_here and bytes_here > blocks.get(block.ptr, (0,))[0]:
                blocks[block.ptr] = bytes_here, x
    return sorted(blocks.values(), key=lambda pair: -pair[0])[:SHOWN]


def size(count):
    """A number of bytes for people: 1.5 GiB."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if count < 1024 or unit == "GiB":
            break
        count /= 1024
    return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"

"""CUDA kernels on a CPU: the same .cu file, compiled by g++, run and checked thread by thread.

Idea: a kernel is C++ with a few extra words. The headers here (cuda.h first) give those words a
meaning for g++, and a runtime (runtime.h first) runs each thread of a block as a fiber. So every
kernel can be executed, stepped through, and checked where no GPU is: for accesses outside of its
arrays, memory read before it is written, races, and barriers that not all threads reach.

    module = emulator.Module("kernels/softmax.cu", ["softmax_forward<float>"], check=True)
    y = emulator.empty(x.shape)
    module["softmax_forward<float>"]((rows,), (128,), (x, y, np.int32(columns)))

Invariant: what runs is the file's text, unchanged; arithmetic does not depend on the CPU, nor, if
the kernel is right, a result on the order of threads. How long it takes says nothing about a GPU.

Limits: memory is sequentially consistent, so a forgotten fence is not seen, and a protocol between
blocks ("the last block adds up") is reported as a race. A local variable that was not set holds a
pattern, without a report. Registers, static shared memory and __launch_bounds__ are the business
of NVRTC. No textures, clusters, cooperative groups, wgmma or TMA; inline PTX only where a header
has the same function for the emulator (cuda_tensor.h).

Needs x86-64 Linux, g++ 12 and binutils: `unavailable()` says what is missing.
Read next: cuda.h, runtime.h; module.py (compile, launch), compiler.py (flags, cache).
"""

from minigen.backend.emulator.arguments import aligned, empty
from minigen.backend.emulator.compiler import EmulatorError, unavailable
from minigen.backend.emulator.launch import time_limit
from minigen.backend.emulator.module import Module, build
from minigen.backend.emulator.reports import profile

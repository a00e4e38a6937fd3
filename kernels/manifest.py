"""One entry per CUDA kernel; empty until the first kernel comes, with its first user.

Idea: what can be said about a kernel is said once, here, and four users read it: the CuPy launcher,
the tests that run its source on a CPU emulator, the gate that compiles it without a GPU (NVRTC,
sm_80 and sm_90, no spills), and the roofline benchmark. So no kernel can exist that is not run,
checked and compiled on a machine without a GPU.

An entry names
- the source file in this folder and the template instantiations to compile,
- each argument with its role ("in", "out", "inout", "scalar") and dtype,
- functions from the arguments' shapes to grid, block and bytes of shared memory,
- functions from the shapes to the bytes moved and the FLOPs done,
- its NumPy reference as text ("minigen.ops.reduce:softmax"), which only tests resolve, so that
  nothing on this lowest floor points up.
"""

KERNELS = ()

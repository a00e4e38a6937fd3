// cuda.h: what g++ reads before a .cu file, so that it compiles as ordinary C++.
//
// Idea: CUDA C++ is C++ with a few keywords, built-in variables and functions. Here the keywords
// become macros, `threadIdx` becomes a field of the running thread, and the functions are plain C++
// or calls into the runtime (runtime.h), which runs every thread of a block on one CPU thread.
//
// Invariant: the .cu file is never changed, and nothing here needs a header of the C++ library:
// NVRTC has none either, and a kernel compiles in a tenth of a second less without.
//
// Read next: cuda_language.h (keywords, vector types), cuda_math.h and cuda_bits.h (functions of
// one thread), cuda_half.h (16-bit floats), cuda_atomics.h, cuda_warp.h (barriers, shuffles, votes:
// where threads meet), cuda_tensor.h (tensor cores, asynchronous copies), cuda_entry.h (how a
// launch calls in).
#pragma once

#define MG_EMU 1

#include "cuda_language.h"
#include "cuda_math.h"
#include "cuda_bits.h"
#include "cuda_half.h"
#include "cuda_atomics.h"
#include "cuda_warp.h"
#include "cuda_tensor.h"
#include "cuda_entry.h"

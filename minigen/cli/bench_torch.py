"""PyTorch's function for what a kernel does, to be timed beside it by `minigen bench kernels`.

Idea: a function of (torch, the kernel's inputs as tensors, its sizes) that returns a call. Backward
kernels are compared with what autograd runs for the same gradient.
Read next: bench_kernels.py.
"""

TORCH = {
    "softmax_forward": lambda torch, a, s: lambda: torch.softmax(a["x"], -1),
    "softmax_backward": lambda torch, a, s: (
        lambda: torch._softmax_backward_data(a["g"], a["y"], -1, a["y"].dtype)
    ),
}

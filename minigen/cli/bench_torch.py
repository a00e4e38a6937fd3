"""PyTorch's function for what a kernel does, to be timed beside it by `minigen bench kernels`.

Idea: a function of (torch, the kernel's inputs as tensors, its sizes) that returns a call. What
PyTorch computes in one function where we have several kernels is compared with the largest of them.
Read next: bench_kernels.py.
"""


def _functional(name, *inputs, **options):
    """A function of torch.nn.functional on some of the inputs."""
    return lambda torch, a, s: (
        lambda: getattr(torch.nn.functional, name)(*(a[n] for n in inputs), **options)
    )


def _heads(a, *names):
    """(samples, rows, heads, width) as PyTorch wants it, heads before rows; views."""
    return (a[name].transpose(1, 2) for name in names)


def _attention(torch, a, s):
    q, k, v = _heads(a, "q", "k", "v")
    causal = {"is_causal": bool(s["causal"])}
    return lambda: torch.nn.functional.scaled_dot_product_attention(q, k, v, **causal)


def _attention_backward(torch, a, s):
    q, k, v, g = (x.contiguous() for x in _heads(a, "q", "k", "v", "g"))
    q, k, v = (x.requires_grad_() for x in (q, k, v))
    causal = {"is_causal": bool(s["causal"])}
    y = torch.nn.functional.scaled_dot_product_attention(q, k, v, **causal)
    return lambda: torch.autograd.grad(y, (q, k, v), g, retain_graph=True)


def _convolution(a, s):
    """(x, weight, options) of a two-dimensional convolution."""
    kernel = s["kernel"][1:]  # the depth is 1
    return a["x"].squeeze(2), kernel, {"padding": s["low"][1:], "groups": s["groups"]}


def _conv(torch, a, s):
    x, kernel, options = _convolution(a, s)
    weight = a["weight"].unflatten(2, kernel)
    return lambda: torch.nn.functional.conv2d(x, weight, **options)


def _conv_weight_grad(torch, a, s):
    x, kernel, options = _convolution(a, s)
    g = a["g"].squeeze(2)
    shape = (s["outputs"], s["inputs"] // s["groups"], *kernel)
    return lambda: torch.nn.grad.conv2d_weight(x, shape, g, **options)


def _batch_norm(torch, a, s):
    function, no = torch.nn.functional.batch_norm, (None, None)
    return lambda: function(a["x"], *no, a["weight"], a["bias"], training=True)


def _gelu_backward(torch, a, s):
    return lambda: torch.ops.aten.gelu_backward(a["g"], a["x"])


def _cross_entropy(torch, a, s):
    x, target = a["x"].squeeze(2), a["targets"].squeeze(1).long()
    none = target.lt(0) | target.ge(s["columns"])  # PyTorch stops at those
    target = target.masked_fill(none, -100)
    return lambda: torch.nn.functional.cross_entropy(x, target, reduction="none")


def _adam(torch, a, s):
    parameters = [torch.zeros(n, device="cuda", requires_grad=True) for n in s["lengths"]]
    for p in parameters:
        p.grad = torch.ones_like(p)
    return torch.optim.AdamW(parameters, fused=True).step


def _embedding_gradient(torch, a, s):
    weight = torch.zeros(s["rows"], s["width"], device="cuda", dtype=a["g"].dtype)
    y = torch.nn.functional.embedding(a["ids"].long(), weight.requires_grad_())
    return lambda: torch.autograd.grad(y, weight, a["g"], retain_graph=True)


def _resample(torch, a, s):
    options = {"scale_factor": 2, "mode": "bilinear"}
    return lambda: torch.nn.functional.interpolate(a["x"][None], **options)


TORCH = {
    "softmax_forward": _functional("softmax", "x", dim=1),
    "softmax_backward": lambda torch, a, s: (
        lambda: torch.ops.aten._softmax_backward_data(a["g"], a["y"], 1, a["y"].dtype)
    ),
    "logsumexp": lambda torch, a, s: lambda: torch.logsumexp(a["x"], 1),
    "activation_backward": _gelu_backward,
    "cross_entropy_forward": _cross_entropy,
    "layer_norm_forward": lambda torch, a, s: (
        lambda: torch.nn.functional.layer_norm(a["x"], (s["columns"],))
    ),
    "group_norm_forward": lambda torch, a, s: (
        lambda: torch.nn.functional.group_norm(a["x"], s["groups"])
    ),
    "batch_norm_apply": _batch_norm,
    "gemm": lambda torch, a, s: lambda: a["a"] @ a["b"],
    "gemm_large": lambda torch, a, s: lambda: a["a"] @ a["b"],
    "conv_correlate": _conv,
    "conv_weight_grad": _conv_weight_grad,
    "conv_direct": _conv,
    "conv_direct_weight_grad": _conv_weight_grad,
    "attention_forward": _attention,
    "attention_backward_key_value": _attention_backward,
    "embedding_gradient": _embedding_gradient,
    "max_pool_forward": lambda torch, a, s: (
        lambda: torch.nn.functional.max_pool2d(a["x"][:, 0], 2)
    ),
    "avg_pool_forward": lambda torch, a, s: (
        lambda: torch.nn.functional.avg_pool2d(a["x"][:, 0], 2)
    ),
    "resample_plane": _resample,
    "philox_normal": lambda torch, a, s: lambda: torch.randn(s["count"], device="cuda"),
    "philox_uniform": lambda torch, a, s: lambda: torch.rand(s["count"], device="cuda"),
    "philox_dropout": _functional("dropout", "x", p=0.5),
    "adam_step": _adam,
}

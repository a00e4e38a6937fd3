r"""Weights that are computed from others: weight norm, spectral norm, equalised learning rate.

Idea: `layer = weight_norm(Linear(...))` moves the parameter `weight` away, to
`layer.parametrizations.weight.original...`, and from then on `layer.weight` is computed whenever it
is read: always up to date, and the gradient flows on to the originals. Keys of state dicts are
those of torch.nn.utils.parametrizations.

* weight norm: length and direction of each row are learned apart.   w = g · v / ‖v‖
* spectral norm: divided by the largest singular value, so that the layer stretches no input, and
  a discriminator made of such layers is 1-Lipschitz.   w = v / σ(v)
* equalised learning rate: the original has variance 1 in every layer; the factor that others put
  into the first weights comes with every use, so Adam's steps are equally large everywhere.
  w = v · gain / √fan_in

Sources: Salimans & Kingma, Weight Normalization, 2016; Miyato et al., Spectral Normalization for
GANs, ICLR 2018; Karras et al., Progressive Growing of GANs, ICLR 2018.
Read next: module.py (where a missing attribute is looked up here).
"""

import math

from minigen import ops
from minigen.nn import init
from minigen.nn.module import Module, Parameter, check_sizes
from minigen.nn.parameter import is_shape_only
from minigen.ops import ones, zeros


def weight_norm(module, name="weight", dim=0):
    """Learn length and direction of a weight apart: g·v/‖v‖.   -> module

    dim: g has a length for each index of this dimension (0: an output of Linear or Conv), None: one
    for all. Keys: parametrizations.weight.original0 (g), .original1 (v). The weight stays as it is.
    """

    def make(weight):
        if dim is not None:
            _check_dim("weight_norm", dim, weight)
        return WeightNorm(weight, dim)

    return _parametrized("weight_norm", module, name, make)


def spectral_norm(module, name="weight", n_power_iterations=1, eps=1e-12, dim=None, *, rng=None):
    """Divide a weight by its largest singular value.   -> module

    The weight counts as a matrix, dimension dim against all others (None: 0, or 1 for a transposed
    convolution). Its singular vectors u and v are kept, and each use in training moves them on by
    n_power_iterations; 15 come at once, from normal numbers of rng. Keys: parametrizations.weight
    .original, .0._u, .0._v.
    """
    if dim is None:
        dim = 1 if getattr(module, "transposed", False) else 0
    check_sizes(module, "n_power_iterations", n_power_iterations)

    def make(weight):
        if weight.ndim < 2:
            raise ValueError(f"spectral_norm: expected a matrix or more, got {weight.shape}")
        _check_dim("spectral_norm", dim, weight)
        return SpectralNorm(weight, n_power_iterations, eps, dim, rng)

    return _parametrized("spectral_norm", module, name, make)


def equalized_learning_rate(module, name="weight", gain=1.0, lr_mul=1.0, *, rng=None):
    """Draw a weight from N(0, 1 / lr_mul²), and scale it at every use by gain·lr_mul/√fan_in.

    -> module. Its bias, if it has one, starts as zeros and is scaled by lr_mul. lr_mul below 1:
    both learn more slowly by this factor. gain: what makes up for the activation, √2 for ReLU; see
    init.calculate_gain. fan_in: as in init. Keys: parametrizations.weight.original, .bias.original.
    """
    weight = getattr(module, name, None)
    fan_in = weight.numel() / len(weight) if isinstance(weight, Parameter) else 1
    scale = gain * lr_mul / math.sqrt(fan_in)
    _parametrized("equalized_learning_rate", module, name, lambda weight: Equalized(weight, scale))
    init.normal_(getattr(module.parametrizations, name).original, 0.0, 1 / lr_mul, rng=rng)
    if vars(module).get("bias") is not None:
        init.zeros_(module.bias)
        _parametrized(
            "equalized_learning_rate", module, "bias", lambda bias: Equalized(bias, lr_mul)
        )
    return module


def remove_parametrizations(module, name="weight"):
    """Make the computed weight a plain parameter again, with its value of now.   -> module"""
    if not module._is_computed(name):
        raise ValueError(f"remove_parametrizations: {type(module).__name__}.{name} is not computed")
    value = getattr(module, name).detach()
    delattr(module.parametrizations, name)
    if not module.parametrizations._own(Module):
        del module.parametrizations
    setattr(module, name, Parameter(value.data.copy()))
    return module


def _check_dim(function, dim, weight):
    """ValueError unless dim is a dimension of the weight, counted from 0."""
    if not (isinstance(dim, int) and 0 <= dim < weight.ndim):
        raise ValueError(
            f"{function}: dim is one of the weight's {weight.ndim} dimensions, counted from 0, or "
            f"None, not {dim!r}"
        )


def _parametrized(function, module, name, make):
    """The module, its parameter replaced by make(parameter), a module without inputs."""
    if not isinstance(module, Module):
        raise TypeError(f"{function}: expected a layer, got {type(module).__name__}")
    if module._is_computed(name):
        raise ValueError(
            f"{function}: {type(module).__name__}.{name} is computed already; "
            "nn.remove_parametrizations makes it a parameter again"
        )
    parameter = vars(module).get(name)
    if not isinstance(parameter, Parameter):
        known = ", ".join(n for n, _ in module._own(Parameter)) or "none"
        raise ValueError(
            f"{function}: {type(module).__name__} has no parameter {name!r} of its own (it has "
            f"{known}); apply it to a layer"
        )
    computed = make(parameter)
    delattr(module, name)
    if "parametrizations" not in vars(module):
        module.parametrizations = Module()
    setattr(module.parametrizations, name, computed)
    return module


class WeightNorm(Module):
    """g·v/‖v‖.   -> like v

    original0: g, like v with size 1 in all dimensions but dim, or () for dim=None; original1: v.
    """

    def __init__(self, weight, dim):
        super().__init__()
        self.dims = None if dim is None else tuple(i for i in range(weight.ndim) if i != dim)
        if is_shape_only(weight):
            shape = [n if i == dim else 1 for i, n in enumerate(weight.shape)]
            norm = ones([] if dim is None else shape, dtype=weight.dtype)
        else:
            norm = self._norm(weight).detach()
        self.original0 = Parameter(norm)
        self.original1 = weight

    def _norm(self, v):
        return ops.sqrt(ops.sum(ops.square(v), self.dims, self.dims is not None))

    def forward(self):
        """-> the weight."""
        return self.original0 * (self.original1 / self._norm(self.original1))


class SpectralNorm(Module):
    """v / σ, σ = uᵀ·v·w for the singular vectors u and w of v as a matrix.   -> like v

    Power iteration: u = v·w / ‖v·w‖, w = vᵀu / ‖vᵀu‖, in this order as in PyTorch, turns u and w
    towards the largest singular value; both count as constants for the gradient.
    """

    def __init__(self, weight, iterations, eps, dim, rng):
        super().__init__()
        self.original = weight
        self.iterations = iterations
        self.eps = eps
        order = list(range(weight.ndim))
        self.order = [order.pop(dim), *order]
        vectors = Module()
        rows = weight.shape[dim]
        for name, size in (("_u", rows), ("_v", weight.numel() // rows)):
            vectors.register_buffer(name, zeros(size, dtype=weight.dtype))
            init.normal_(getattr(vectors, name), rng=rng)
        setattr(self, "0", vectors)
        if not is_shape_only(weight):
            self.to(weight.device)._iterate(15)

    def _matrix(self):
        return ops.flatten(ops.permute(self.original, self.order), 1)

    def _iterate(self, iterations):
        vectors, matrix = getattr(self, "0"), self._matrix().detach()
        u, v = vectors._u, vectors._v
        for _ in range(iterations):
            u = ops.normalize(ops.matmul(matrix, v), dim=0, eps=self.eps)
            v = ops.normalize(ops.matmul(matrix.T, u), dim=0, eps=self.eps)
        vectors._u, vectors._v = u, v  # new ones: an earlier use may await its backward

    def forward(self):
        """-> the weight."""
        if self.training:
            self._iterate(self.iterations)
        vectors, matrix = getattr(self, "0"), self._matrix()
        return self.original / ops.sum(vectors._u * ops.matmul(matrix, vectors._v))


class Equalized(Module):
    """v · scale.   -> like v"""

    def __init__(self, original, scale):
        super().__init__()
        self.original = original
        self.scale = scale

    def forward(self):
        """-> the weight."""
        return self.original * self.scale

    def extra_repr(self):
        """The factor."""
        return f"scale={self.scale:.4g}"

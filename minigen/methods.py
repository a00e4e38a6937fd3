# ruff: noqa: E704
"""The operators and methods of Tensor: one line each, calling the op of that name.

Idea: `x.exp()` is `ops.exp(x)`; what an op does stands with the op.
Read next: tensor.py, ops/elementwise.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from minigen import ops
    from minigen.tensor import Tensor


class Methods:
    """Everything a Tensor can do by an op. `ops` is set by tensor.py: the ops need Tensor first."""

    __slots__ = ()

    # ---- operators

    def __add__(self, other) -> Tensor: return ops.add(self, other)
    def __sub__(self, other) -> Tensor: return ops.sub(self, other)
    def __mul__(self, other) -> Tensor: return ops.mul(self, other)
    def __truediv__(self, other) -> Tensor: return ops.div(self, other)
    def __pow__(self, other) -> Tensor: return ops.pow(self, other)
    def __matmul__(self, other) -> Tensor: return ops.matmul(self, other)
    def __radd__(self, other) -> Tensor: return ops.add(other, self)
    def __rsub__(self, other) -> Tensor: return ops.sub(other, self)
    def __rmul__(self, other) -> Tensor: return ops.mul(other, self)
    def __rtruediv__(self, other) -> Tensor: return ops.div(other, self)
    def __rpow__(self, other) -> Tensor: return ops.pow(other, self)
    def __rmatmul__(self, other) -> Tensor: return ops.matmul(other, self)
    def __iadd__(self, other) -> Tensor: return ops.add(self._rebound("+="), other)
    def __isub__(self, other) -> Tensor: return ops.sub(self._rebound("-="), other)
    def __imul__(self, other) -> Tensor: return ops.mul(self._rebound("*="), other)
    def __itruediv__(self, other) -> Tensor: return ops.div(self._rebound("/="), other)
    def __eq__(self, other) -> Tensor: return ops.eq(self, other)  # type: ignore[override]
    def __ne__(self, other) -> Tensor: return ops.ne(self, other)  # type: ignore[override]
    def __lt__(self, other) -> Tensor: return ops.lt(self, other)
    def __le__(self, other) -> Tensor: return ops.le(self, other)
    def __gt__(self, other) -> Tensor: return ops.gt(self, other)
    def __ge__(self, other) -> Tensor: return ops.ge(self, other)
    def __and__(self, other) -> Tensor: return ops.bitwise_and(self, other)
    def __or__(self, other) -> Tensor: return ops.bitwise_or(self, other)
    def __xor__(self, other) -> Tensor: return ops.bitwise_xor(self, other)
    def __invert__(self) -> Tensor: return ops.bitwise_not(self)
    def __neg__(self) -> Tensor: return ops.neg(self)
    def __abs__(self) -> Tensor: return ops.abs(self)
    def __getitem__(self, key) -> Tensor: return ops.index(self, key)
    __hash__ = object.__hash__  # defining __eq__ would take it away

    # ---- methods, documented at the ops of the same name, which answer keywords they do not know

    def neg(self) -> Tensor: return ops.neg(self)
    def abs(self) -> Tensor: return ops.abs(self)
    def exp(self) -> Tensor: return ops.exp(self)
    def log(self) -> Tensor: return ops.log(self)
    def sqrt(self) -> Tensor: return ops.sqrt(self)
    def rsqrt(self) -> Tensor: return ops.rsqrt(self)
    def square(self) -> Tensor: return ops.square(self)
    def sin(self) -> Tensor: return ops.sin(self)
    def cos(self) -> Tensor: return ops.cos(self)
    def erf(self) -> Tensor: return ops.erf(self)
    def tanh(self) -> Tensor: return ops.tanh(self)
    def sigmoid(self) -> Tensor: return ops.sigmoid(self)
    def expm1(self) -> Tensor: return ops.expm1(self)
    def log1p(self) -> Tensor: return ops.log1p(self)
    def log2(self) -> Tensor: return ops.log2(self)
    def reciprocal(self) -> Tensor: return ops.reciprocal(self)
    def tan(self) -> Tensor: return ops.tan(self)
    def sinh(self) -> Tensor: return ops.sinh(self)
    def cosh(self) -> Tensor: return ops.cosh(self)
    def asin(self) -> Tensor: return ops.asin(self)
    def acos(self) -> Tensor: return ops.acos(self)
    def atan(self) -> Tensor: return ops.atan(self)
    def erfc(self) -> Tensor: return ops.erfc(self)
    def floor(self) -> Tensor: return ops.floor(self)
    def ceil(self) -> Tensor: return ops.ceil(self)
    def round(self, decimals=0) -> Tensor: return ops.round(self, decimals)
    def sign(self) -> Tensor: return ops.sign(self)
    def isnan(self) -> Tensor: return ops.isnan(self)
    def isfinite(self) -> Tensor: return ops.isfinite(self)
    def logical_not(self) -> Tensor: return ops.logical_not(self)
    def bitwise_not(self) -> Tensor: return ops.bitwise_not(self)
    def relu(self) -> Tensor: return ops.relu(self)
    def prelu(self, weight) -> Tensor: return ops.prelu(self, weight)
    def alias(self) -> Tensor: return ops.alias(self)
    def add(self, other) -> Tensor: return ops.add(self, other)
    def sub(self, other) -> Tensor: return ops.sub(self, other)
    def mul(self, other) -> Tensor: return ops.mul(self, other)
    def div(self, other) -> Tensor: return ops.div(self, other)
    def pow(self, exponent) -> Tensor: return ops.pow(self, exponent)
    def matmul(self, other) -> Tensor: return ops.matmul(self, other)
    def eq(self, other) -> Tensor: return ops.eq(self, other)
    def ne(self, other) -> Tensor: return ops.ne(self, other)
    def lt(self, other) -> Tensor: return ops.lt(self, other)
    def le(self, other) -> Tensor: return ops.le(self, other)
    def gt(self, other) -> Tensor: return ops.gt(self, other)
    def ge(self, other) -> Tensor: return ops.ge(self, other)
    def logical_and(self, other) -> Tensor: return ops.logical_and(self, other)
    def logical_or(self, other) -> Tensor: return ops.logical_or(self, other)
    def bitwise_and(self, other) -> Tensor: return ops.bitwise_and(self, other)
    def bitwise_or(self, other) -> Tensor: return ops.bitwise_or(self, other)
    def bitwise_xor(self, other) -> Tensor: return ops.bitwise_xor(self, other)
    def where(self, condition, other) -> Tensor: return ops.where(condition, self, other)
    def maximum(self, other) -> Tensor: return ops.maximum(self, other)
    def minimum(self, other) -> Tensor: return ops.minimum(self, other)
    def atan2(self, other) -> Tensor: return ops.atan2(self, other)
    def logaddexp(self, other) -> Tensor: return ops.logaddexp(self, other)
    def xlogy(self, other) -> Tensor: return ops.xlogy(self, other)
    def dot(self, other) -> Tensor: return ops.dot(self, other)
    def outer(self, other) -> Tensor: return ops.outer(self, other)
    def lerp(self, end, weight) -> Tensor: return ops.lerp(self, end, weight)
    def clamp(self, min=None, max=None, **other) -> Tensor:
        return ops.clamp(self, min, max, **other)

    def sum(self, dim=None, keepdim=False, **other) -> Tensor:
        return ops.sum(self, dim, keepdim, **other)

    def mean(self, dim=None, keepdim=False, **other) -> Tensor:
        return ops.mean(self, dim, keepdim, **other)

    def prod(self, dim=None, keepdim=False, **other) -> Tensor:
        return ops.prod(self, dim, keepdim, **other)

    def norm(self, p=2, dim=None, keepdim=False, **other) -> Tensor:
        return ops.norm(self, p, dim, keepdim, **other)

    def any(self, dim=None, keepdim=False, **other) -> Tensor:
        return ops.any(self, dim, keepdim, **other)

    def all(self, dim=None, keepdim=False, **other) -> Tensor:
        return ops.all(self, dim, keepdim, **other)

    def quantile(self, q, dim=None, keepdim=False, **other) -> Tensor:
        return ops.quantile(self, q, dim, keepdim, **other)

    def cumsum(self, dim=None, **other) -> Tensor: return ops.cumsum(self, dim, **other)
    def cumprod(self, dim=None, **other) -> Tensor: return ops.cumprod(self, dim, **other)
    def sort(self, dim=-1, descending=False, stable=False, **other):
        return ops.sort(self, dim, descending, stable, **other)

    def argsort(self, dim=-1, descending=False, stable=False, **other) -> Tensor:
        return ops.argsort(self, dim, descending, stable, **other)

    def topk(self, k, dim=-1, largest=True, sorted=True, **other):
        return ops.topk(self, k, dim, largest, sorted, **other)

    def bincount(self, weights=None, minlength=0) -> Tensor:
        return ops.bincount(self, weights, minlength)

    def amax(self, dim=None, keepdim=False, **other) -> Tensor:
        return ops.amax(self, dim, keepdim, **other)

    def amin(self, dim=None, keepdim=False, **other) -> Tensor:
        return ops.amin(self, dim, keepdim, **other)

    def argmax(self, dim=None, keepdim=False, **other) -> Tensor:
        return ops.argmax(self, dim, keepdim, **other)

    def argmin(self, dim=None, keepdim=False, **other) -> Tensor:
        return ops.argmin(self, dim, keepdim, **other)

    def logsumexp(self, dim=None, keepdim=False, **other) -> Tensor:
        return ops.logsumexp(self, dim, keepdim, **other)

    def max(self, dim=None, keepdim=False, **other):
        return ops.max(self, dim, keepdim, **other)

    def min(self, dim=None, keepdim=False, **other):
        return ops.min(self, dim, keepdim, **other)

    def var(self, dim=None, correction=1, keepdim=False, **other) -> Tensor:
        return ops.var(self, dim, correction, keepdim, **other)

    def std(self, dim=None, correction=1, keepdim=False, **other) -> Tensor:
        return ops.std(self, dim, correction, keepdim, **other)

    def softmax(self, dim=None, **other) -> Tensor: return ops.softmax(self, dim, **other)
    def log_softmax(self, dim=None, **other) -> Tensor: return ops.log_softmax(self, dim, **other)
    def reshape(self, *shape) -> Tensor: return ops.reshape(self, *shape)
    def view(self, *shape) -> Tensor: return ops.view(self, *shape)
    def expand(self, *shape) -> Tensor: return ops.expand(self, *shape)
    def permute(self, *dims, **other) -> Tensor: return ops.permute(self, *dims, **other)
    def flatten(self, start_dim=0, end_dim=-1) -> Tensor:
        return ops.flatten(self, start_dim, end_dim)

    def unflatten(self, dim, sizes) -> Tensor: return ops.unflatten(self, dim, sizes)
    def squeeze(self, dim=None, **other) -> Tensor: return ops.squeeze(self, dim, **other)
    def unsqueeze(self, dim=None, **other) -> Tensor: return ops.unsqueeze(self, dim, **other)
    def transpose(self, dim0, dim1) -> Tensor: return ops.transpose(self, dim0, dim1)
    def broadcast_to(self, shape) -> Tensor: return ops.broadcast_to(self, shape)
    def flip(self, *dims, **other) -> Tensor:  # by numbers, or by one tuple
        return ops.flip(self, *(dims if len(dims) == 1 or other else [dims]), **other)

    def split(self, split_size, dim=0, **other) -> tuple:
        return ops.split(self, split_size, dim, **other)

    def chunk(self, chunks, dim=0, **other) -> tuple:
        return ops.chunk(self, chunks, dim, **other)

    def unbind(self, dim=0, **other) -> tuple: return ops.unbind(self, dim, **other)
    def movedim(self, source, destination) -> Tensor: return ops.movedim(self, source, destination)
    def roll(self, shifts, dims=None, **other) -> Tensor:
        return ops.roll(self, shifts, dims, **other)

    def tile(self, *dims) -> Tensor: return ops.tile(self, *dims)
    def repeat_interleave(self, repeats, dim=None, **other) -> Tensor:
        return ops.repeat_interleave(self, repeats, dim, **other)

    def tril(self, diagonal=0) -> Tensor: return ops.tril(self, diagonal)
    def triu(self, diagonal=0) -> Tensor: return ops.triu(self, diagonal)
    def diag(self, diagonal=0) -> Tensor: return ops.diag(self, diagonal)
    def diagonal(self, offset=0, dim1=0, dim2=1) -> Tensor:
        return ops.diagonal(self, offset, dim1, dim2)

    def inverse(self) -> Tensor: return ops.inv(self)
    def cholesky(self, upper=False) -> Tensor: return ops.cholesky(self, upper=upper)
    def det(self) -> Tensor: return ops.det(self)
    def slogdet(self): return ops.slogdet(self)
    def index_select(self, dim, index) -> Tensor: return ops.index_select(self, dim, index)
    def masked_fill(self, mask, value) -> Tensor: return ops.masked_fill(self, mask, value)
    def take_along_dim(self, indices, dim=None, **other) -> Tensor:
        return ops.take_along_dim(self, indices, dim, **other)

    def gather(self, dim, index) -> Tensor: return ops.gather(self, dim, index)
    def scatter_add(self, dim, index, src) -> Tensor: return ops.scatter_add(self, dim, index, src)

    def stft(self, n_fft, hop_length=None, win_length=None, window=None, **other) -> Tensor:
        return ops.stft(self, n_fft, hop_length, win_length, window, **other)

    def istft(self, n_fft, hop_length=None, win_length=None, window=None, **other) -> Tensor:
        return ops.istft(self, n_fft, hop_length, win_length, window, **other)

    def bernoulli(self, *, rng=None) -> Tensor: return ops.bernoulli(self, rng=rng)
    def multinomial(self, num_samples, replacement=False, *, rng=None) -> Tensor:
        return ops.multinomial(self, num_samples, replacement, rng=rng)

    def _rebound(self, operator):
        """The tensor, if `x += y` may make a new x: a parameter would silently not be updated."""
        if self._requires_grad and self.node is None:
            raise TypeError(
                f"x {operator} y would make a new tensor and leave this leaf, which requires "
                f"grad, as it is; write minigen.assign(x, x {operator[0]} y), or use an optimizer"
            )
        return self

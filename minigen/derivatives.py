"""Derivatives as functions: what can be composed from `grad`.

Idea: reverse mode gives products with the transposed Jacobian. Forward products come from it by
differentiating twice, Hessian products by differentiating a gradient: no second machinery.
Read next: autograd.py.
"""

from minigen import ops
from minigen.autograd import Node, enable_grad, grad, mode
from minigen.op import Op, Plan
from minigen.ops.random import default_generator
from minigen.tensor import Tensor, wrap


def _leaves(function, inputs):
    """Fresh leaves with the inputs' values. TypeError if one is not a float tensor."""
    for i, x in enumerate(inputs):
        if not isinstance(x, Tensor) or x.dtype.kind not in "fV":
            what = f"a tensor of {x.dtype}" if isinstance(x, Tensor) else type(x).__name__
            raise TypeError(f"{function}: input {i} must be a float tensor, got {what}")
    return [x.detach().requires_grad_() for x in inputs]


def vjp(f, *inputs):
    """(y, pull): the value of f, and the product of an upstream gradient with its Jacobian.

    y = f(*inputs), a tensor; pull(v) with v like y -> tuple of tensors like inputs, vᵀ·J. pull may
    be called many times. Zeros for an input that y does not depend on.
    """
    xs = _leaves("vjp", inputs)
    with enable_grad():
        y = f(*xs)

    def pull(v):
        return _zeros_for_none(grad(y, xs, v, retain_graph=True, allow_unused=True), xs)

    return y.detach(), pull


def _zeros_for_none(grads, xs):
    return tuple(ops.zeros_like(x) if g is None else g for g, x in zip(grads, xs, strict=True))


def jvp(f, inputs, tangents):
    """(y, J·v): the value of f and its derivative along the tangents.

    inputs, tangents: tensors or sequences of them, of the same shapes. By differentiating vᵀ·J,
    which is linear in v, with respect to v.
    """
    inputs = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    tangents = (tangents,) if isinstance(tangents, Tensor) else tuple(tangents)
    if [x.shape for x in inputs] != [t.shape for t in tangents]:
        raise ValueError(
            f"jvp: tangents {[t.shape for t in tangents]} must have the inputs' shapes "
            f"{[x.shape for x in inputs]}"
        )
    xs = _leaves("jvp", inputs)
    with enable_grad():
        y = f(*xs)
        v = ops.zeros_like(y).requires_grad_()
        pulled = grad(y, xs, v, create_graph=True, allow_unused=True)
        along = [(g * t).sum() for g, t in zip(pulled, tangents, strict=True) if g is not None]
        total = sum(along, start=(v * 0).sum())
    return y.detach(), grad(total, v)[0]


def hvp(f, inputs, vectors):
    """(y, H·v): the value of a scalar f and the product of its Hessian with vectors.

    inputs, vectors: tensors or sequences, of the same shapes -> H·v as a tuple like inputs.
    """
    inputs = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    vectors = (vectors,) if isinstance(vectors, Tensor) else tuple(vectors)
    if [x.shape for x in inputs] != [v.shape for v in vectors]:
        raise ValueError("hvp: each vector must have the shape of its input")
    xs = _leaves("hvp", inputs)
    with enable_grad():
        y = f(*xs)
        first = grad(y, xs, create_graph=True, allow_unused=True)
        slope = [(g * v).sum() for g, v in zip(first, vectors, strict=True) if g is not None]
        total = sum(slope, start=sum((x * 0).sum() for x in xs))
    return y.detach(), _zeros_for_none(grad(total, xs, allow_unused=True), xs)


def jacobian(f, x, create_graph=False):
    """dy/dx for one input.   x: (n...), f(x): (m...) -> (m..., n...)

    create_graph=True records it, for x's own graph. One backward per element of y.
    """
    x = x if create_graph else x.detach()
    if not x.requires_grad:
        x = _leaves("jacobian", [x])[0]
    with enable_grad():
        y = f(x)
    rows = []
    for i in range(y.numel()):
        one = ops.zeros_like(y)
        one._data.reshape(-1)[i] = 1
        row = grad(y, x, one, retain_graph=True, create_graph=create_graph, allow_unused=True)[0]
        rows.append(ops.zeros_like(x) if row is None else row)
    if not rows:
        return wrap(y._data.reshape(*y.shape, *(1,) * x.ndim) + ops.zeros_like(x)._data)
    return ops.stack(rows).reshape(*y.shape, *x.shape)


def hessian(f, x):
    """d²y/dx² of a scalar f for one input.   x (n...) -> (n..., n...)"""

    def gradient(x):
        y = f(x)
        if y.numel() != 1:
            raise ValueError(f"hessian: f must return one number, got shape {y.shape}")
        if not y.requires_grad:
            return x * 0
        g = grad(y, x, create_graph=True, allow_unused=True)[0]
        return x * 0 if g is None else g + x * 0

    return jacobian(gradient, x)


class _Checkpoint(Op):
    """A function as one op that forgets its inside and computes it again in backward."""

    def __init__(self, f, state, rng):
        self.name = "checkpoint"
        self.f, self.state, self.rng = f, state, rng

    def pull(self, node, g, create_graph, wanted):
        *inputs, leaves = node.saved
        now = self.rng.state_dict()
        self.rng.load_state_dict(self.state)
        xs = [x.alias() if create_graph else x.detach() for x in inputs]
        if not create_graph:
            xs = [x.requires_grad_(i.requires_grad) for x, i in zip(xs, inputs, strict=True)]
        with enable_grad():
            y = self.f(*xs)
        self.rng.load_state_dict(now)
        targets = [x for x in xs if x.requires_grad] + leaves
        return grad(y, targets, g, create_graph=create_graph, allow_unused=True)


def checkpoint(f, *inputs, rng=None):
    """f(*inputs), without keeping what is computed inside: backward computes it again.

    f: a function of tensors that returns one tensor; parameters that it uses get their gradients
    too. rng: the generator it draws from (default: the default one), put back to where it stood, so
    that the second run draws the same numbers. Memory for time: Chen et al., 2016.
    """
    rng = rng or default_generator()
    state = rng.state_dict()
    if not mode.get().grad:
        return f(*inputs)
    with enable_grad():
        xs = [x.detach().requires_grad_() if x.requires_grad else x for x in inputs]
        y = f(*xs)
    if y.node is None:
        return y
    leaves = [t for t in _graph_leaves(y) if not any(t is x for x in xs)]
    edges = [x.node or x for x in inputs if x.requires_grad] + leaves
    op = _Checkpoint(f, state, rng)
    return wrap(y._data, Node(op, Plan(()), (*inputs, leaves), edges, y._data))


def _graph_leaves(y):
    """The leaves that y was computed from, without recursion."""
    seen, stack, leaves = set(), [y.node], []
    while stack:
        edge = stack.pop()
        if edge in seen:
            continue
        seen.add(edge)
        if isinstance(edge, Node):
            stack.extend(edge.edges)
        else:
            leaves.append(edge)
    return leaves

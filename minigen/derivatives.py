"""Derivatives as functions: what can be composed from `grad`.

Idea: reverse mode gives products with the transposed Jacobian. Forward products come from it by
differentiating twice, Hessian products by differentiating a gradient: no second machinery.
Read next: autograd.py.
"""

import numpy

from minigen import ops
from minigen.autograd import Node, _walk, enable_grad, grad, mode, ticks
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


def _pairs(function, inputs, vectors):
    """inputs and vectors as tuples. ValueError unless each vector has its input's shape."""
    inputs = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    vectors = (vectors,) if isinstance(vectors, Tensor) else tuple(vectors)
    if [x.shape for x in inputs] != [v.shape for v in vectors]:
        raise ValueError(
            f"{function}: vectors {[v.shape for v in vectors]} must have the inputs' shapes "
            f"{[x.shape for x in inputs]}"
        )
    return inputs, vectors


def _grads(y, xs, v=None, **how):
    """Gradients of y, None for those it does not depend on, be it all of them."""
    return grad(y, xs, v, allow_unused=True, **how) if y.requires_grad else (None,) * len(xs)


def _zeros_for_none(grads, xs):
    return tuple(ops.zeros_like(x) if g is None else g for g, x in zip(grads, xs, strict=True))


def _value(function, f, *xs):
    """f(*xs). TypeError if it is not one tensor."""
    y = f(*xs)
    if not isinstance(y, Tensor):
        raise TypeError(f"{function}: f must return one tensor, got {type(y).__name__}")
    return y


def _check_scalar(function, y):
    if y.numel() != 1:
        raise ValueError(f"{function}: f must return one number, got shape {y.shape}")


def vjp(f, *inputs):
    """(y, pull): the value of f, and the product of an upstream gradient with its Jacobian.

    y = f(*inputs), a tensor; pull(v) with v like y -> tuple of tensors like inputs, vᵀ·J. pull may
    be called many times. Zeros for an input that y does not depend on.
    """
    xs = _leaves("vjp", inputs)
    with enable_grad():
        y = _value("vjp", f, *xs)

    def pull(v):
        return _zeros_for_none(_grads(y, xs, v, retain_graph=True), xs)

    return y.detach(), pull


def jvp(f, inputs, tangents):
    """(y, J·v): the value of f and its derivative along the tangents.

    inputs, tangents: tensors or sequences of them, of the same shapes. By differentiating vᵀ·J,
    which is linear in v, with respect to v.
    """
    inputs, tangents = _pairs("jvp", inputs, tangents)
    xs = _leaves("jvp", inputs)
    with enable_grad():
        y = _value("jvp", f, *xs)
        v = ops.zeros_like(y).requires_grad_()
        pulled = _grads(y, xs, v, create_graph=True)
        along = [(g * t).sum() for g, t in zip(pulled, tangents, strict=True) if g is not None]
        total = sum(along, start=(v * 0).sum())
    return y.detach(), grad(total, v)[0]


def hvp(f, inputs, vectors):
    """(y, H·v): the value of a scalar f and the product of its Hessian with vectors.

    inputs, vectors: tensors or sequences, of the same shapes -> H·v as a tuple like inputs.
    """
    inputs, vectors = _pairs("hvp", inputs, vectors)
    xs = _leaves("hvp", inputs)
    with enable_grad():
        y = _value("hvp", f, *xs)
        _check_scalar("hvp", y)
        first = _zeros_for_none(_grads(y, xs, create_graph=True), xs)
        total = sum((g * v).sum() for g, v in zip(first, vectors, strict=True))
    return y.detach(), _zeros_for_none(_grads(total, xs), xs)


def jacobian(f, x, create_graph=False):
    """dy/dx for one input.   x: (n...), f(x): (m...) -> (m..., n...)

    create_graph=True records it, for x's own graph. One backward per element of y.
    """
    leaf = _leaves("jacobian", [x])[0]
    x = x if create_graph and x.requires_grad else leaf
    with enable_grad():
        y = _value("jacobian", f, x)
    rows = []
    for at in numpy.ndindex(y.shape):
        one = ops.zeros_like(y)
        one._data[at] = 1
        rows += _zeros_for_none(
            _grads(y, [x], one, retain_graph=True, create_graph=create_graph), [x]
        )
    if not rows:
        return ops.zeros(*y.shape, *x.shape, dtype=x.dtype, device=x.device)
    return ops.stack(rows).reshape(*y.shape, *x.shape)


def hessian(f, x):
    """d²y/dx² of a scalar f for one input.   x (n...) -> (n..., n...)"""

    def gradient(x):
        y = _value("hessian", f, x)
        _check_scalar("hessian", y)
        return _zeros_for_none(_grads(y, [x], create_graph=True), [x])[0]

    return jacobian(gradient, x)


class _Checkpoint(Op):
    """A function as one op that forgets its inside and computes it again in backward."""

    def __init__(self, f, state, rng):
        self.name = "checkpoint"
        self.f, self.state, self.rng = f, state, rng

    def pull(self, node, g, create_graph, wanted):
        *inputs, captured = node.saved
        fresh = Tensor.alias if create_graph else _fresh
        xs = [fresh(x) if _tracked(x) else x for x in inputs]
        now = self.rng.state_dict()
        self.rng.load_state_dict(self.state)
        try:
            with enable_grad():
                y = self.f(*xs)
        finally:
            self.rng.load_state_dict(now)
        edges = [x.node or x for x in xs if _tracked(x)] + captured
        seeds = [(y.node or y, g if create_graph else wrap(g))]
        found = _walk(seeds, set(edges), None, create_graph, through=False)
        found = [found.get(edge) for edge in edges]
        return found if create_graph else [None if c is None else c._data for c in found]


def _tracked(x):
    return isinstance(x, Tensor) and x.requires_grad


def _fresh(x):
    """A leaf of the same values."""
    return x.detach().requires_grad_()


def checkpoint(f, *inputs, rng=None):
    """f(*inputs), without keeping what is computed inside: backward computes it again.

    f: a function that returns one tensor; parameters and other tensors that it uses get their
    gradients too. rng: the generator it draws from (default: the default one of the first input's
    device), put back to where it stood, so that the second run draws the same numbers. Memory for
    time: Chen et al., 2016.
    """
    if not mode.get().grad:
        return f(*inputs)
    device = next((x.device for x in inputs if isinstance(x, Tensor)), "cpu")
    rng = rng or default_generator(device)
    state, start = rng.state_dict(), next(ticks)
    xs = [_fresh(x) if _tracked(x) else x for x in inputs]
    y = _value("checkpoint", f, *xs)
    if not y.requires_grad:
        return y
    own = {x for x in xs if _tracked(x)}
    captured = [edge for edge in _sources(y.node or y, start) if edge not in own]
    edges = [x.node or x for x in inputs if _tracked(x)] + captured
    op = _Checkpoint(f, state, rng)
    return wrap(y._data, Node(op, Plan(()), (*inputs, captured), edges, y._data))


def _sources(edge, start):
    """The leaves, and the nodes recorded before `start`, that an edge was computed from."""
    seen, stack, sources = set(), [edge], []
    while stack:
        edge = stack.pop()
        if edge in seen:
            continue
        seen.add(edge)
        if isinstance(edge, Node) and edge.number > start:
            stack.extend(edge.edges)
        else:
            sources.append(edge)
    return sources

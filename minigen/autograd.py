"""Reverse-mode differentiation: record what happened, then walk back over it.

Idea: every op on tensors that need a gradient leaves a `Node`: what its derivative will need, and
edges to the nodes of its inputs. Nodes are numbered as they are made, inputs before consumers, so
that walking from the highest number down (a heap) meets every node after all its consumers: no
recursion, no counting pass. What an op would have to repeat, the engine does once: gradients are
summed to their input's shape, cast to its dtype, checked and accumulated.

Invariants: a node never refers to its own output tensor (it would be a reference cycle); a gradient
array that somebody else may hold is never written into; a saved input that was overwritten since is
noticed. Read next: op.py (how ops are defined), derivatives.py (what can be built from `grad`).
"""

import heapq
import inspect
import itertools
from contextlib import ContextDecorator, contextmanager
from contextvars import ContextVar
from sys import modules
from time import perf_counter
from typing import NamedTuple

from minigen import backend, errors, ops
from minigen.backend import array_module, as_array, byte_range, follow, is_array, is_repeated, quiet
from minigen.tensor import Tensor, wrap


class Mode(NamedTuple):
    """What ops do besides computing; one per thread and async task."""

    grad: bool = True  # record nodes
    watchers: tuple = ()  # told about every op (watch.py)


mode = ContextVar("minigen.mode", default=Mode())  # noqa: B039  a NamedTuple cannot change
ticks = itertools.count(1)  # numbers nodes and writes in the order they happen


class Node:
    """One recorded call. `edges` are where gradients go on: nodes, or tensors that are leaves.

    number: place in history · op, plan: how to differentiate · saved: what that needs, None once
    freed · shape, dtype: of the output · hooks: functions of the output's gradient · where: the
    source line, in anomaly mode.
    """

    __slots__ = (
        "__weakref__", "dtype", "edges", "hooks", "number", "op", "plan", "saved", "shape", "where"
    )  # fmt: skip

    def __init__(self, op, plan, saved, edges, y):
        self.number = next(ticks)
        self.op = op
        self.plan = plan
        self.saved = saved
        self.edges = edges
        self.shape = y.shape
        self.dtype = y.dtype
        self.hooks = None
        self.where = None

    def __repr__(self):
        return f"<{self.op.name} {self.shape} {self.dtype}>"


# ---- modes


class _GradMode(ContextDecorator):
    """Turns recording on or off: `with no_grad():`, or `@no_grad()` above a function."""

    def __init__(self, *function):
        if function:
            name = type(self).__name__
            raise TypeError(f"{name} takes no argument; above a function, write @{name}()")
        self._tokens = []

    def __call__(self, function):
        if inspect.isgeneratorfunction(function) or inspect.iscoroutinefunction(function):
            raise TypeError(
                f"{type(self).__name__} above {function.__name__} would end before its body runs; "
                f"write `with {type(self).__name__}():` inside it"
            )
        return super().__call__(function)

    def _recreate_cm(self):
        return type(self)()  # a decorated function may be running in many threads at once

    def __enter__(self):
        self._tokens.append(mode.set(mode.get()._replace(grad=self.records)))
        return self

    def __exit__(self, *exception):
        mode.reset(self._tokens.pop())


class no_grad(_GradMode):
    """Inside, ops are not recorded and results do not require grad. Per thread."""

    records = False


class enable_grad(_GradMode):
    """Inside, ops are recorded again, even within no_grad. Per thread."""

    records = True


def is_grad_enabled():
    """Whether ops are recorded now, in this thread."""
    return mode.get().grad


# ---- writing into a leaf's memory

_last_write = 0  # number of the newest write
_writes = {}  # (first, one-past-last address) -> number of its newest write, oldest first


@contextmanager
def writing(tensor):
    """The tensor's array, to be written into by whoever asked: how optimizers update parameters.

    Afterwards backward refuses every graph that saved this memory, through whatever view or
    detached tensor it was saved. RuntimeError if the tensor was computed by a recorded op.
    """
    global _last_write
    if tensor.node is not None:
        raise RuntimeError(
            f"cannot write into the result of {tensor.node.op.name}: only leaves may be written; "
            "use minigen.ops.where or minigen.ops.put to make a new tensor"
        )
    follow(tensor._data)
    try:
        yield tensor._data
    finally:  # interrupted, it may be half written
        span = byte_range(tensor._data)
        _writes.pop(span, None)
        _last_write = _writes[span] = next(ticks)


def assign(tensor, value):
    """Overwrite a leaf's values in place.   value: array, Tensor or scalar that broadcasts to it"""
    value = value._data if isinstance(value, Tensor) else value
    with writing(tensor) as target:
        try:
            follow(target, value)
            target[...] = value
        except (TypeError, ValueError) as error:
            if "broadcast" not in str(error):
                raise errors.explain("assign", (tensor, value), error) from error
            shape = getattr(value, "shape", ())
            raise ValueError(f"assign: {shape} does not broadcast to {target.shape}") from error


def _check_unchanged(node):
    """RuntimeError if memory that the node saved was written after it was saved."""
    recent = []
    for span, number in reversed(_writes.items()):
        if number < node.number:
            break
        recent.append(span)
    for array in _arrays(node.saved) if recent else ():
        low, high = byte_range(array)
        if any(start < high and low < stop for start, stop in recent):
            raise RuntimeError(
                f"backward: {node.op.name} saved a tensor of shape {tuple(array.shape)} that was "
                "overwritten since (optimizer step or assign). Call backward before the update, or "
                "compute the forward pass again"
            )


def _arrays(saved):
    """The arrays among what a node saved, also within tuples: an index, the tensors of `cat`."""
    for value in saved:
        if isinstance(value, (tuple, list)):
            yield from _arrays(value)
        elif isinstance(value, Tensor):
            yield value._data
        elif hasattr(value, "strides"):
            yield value


# ---- the walk


def backward(outputs, gradients=None, *, retain_graph=None, create_graph=False):
    """Add d(outputs)/d(leaf) to `.grad` of every leaf that outputs depend on.

    outputs: Tensor or sequence of them; gradients: the upstream gradient of each, like it (may be
    left out for scalars: 1). retain_graph keeps the graph for another backward (default: as
    create_graph); create_graph records the gradients' own computation, so that they can be
    differentiated again. RuntimeError for non-scalar outputs without gradients, outputs that do
    not require grad, a graph that was freed.
    """
    seeds = _seeds("backward", outputs, gradients)
    for leaf, g in _walk(seeds, None, retain_graph, create_graph).items():
        leaf.grad = g if leaf.grad is None else leaf.grad + g


def grad(
    outputs,
    inputs,
    grad_outputs=None,
    *,
    retain_graph=None,
    create_graph=False,
    allow_unused=False,
):
    """Gradients of outputs with respect to inputs, returned instead of stored.

    inputs: Tensor or sequence, leaves or not; the rest as in `backward`. -> tuple of Tensors like
    inputs, with None for an input that outputs do not depend on if allow_unused, else RuntimeError.
    Only what lies on a path to an input is computed.
    """
    seeds = _seeds("grad", outputs, grad_outputs)
    inputs = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    for i, x in enumerate(inputs):
        if not x.requires_grad:
            raise RuntimeError(f"grad: input {i} of shape {x.shape} does not require grad")
    targets = [x.node or x for x in inputs]
    found = _walk(seeds, set(targets), retain_graph, create_graph)
    for i, target in enumerate(targets):
        if target not in found and not allow_unused:
            raise RuntimeError(
                f"grad: the outputs do not depend on input {i} of shape {inputs[i].shape}; "
                "pass allow_unused=True to get None for it"
            )
    return tuple(found.get(target) for target in targets)


def _seeds(name, outputs, gradients):
    """[(edge, upstream gradient)] of the outputs, checked."""
    outputs = (outputs,) if isinstance(outputs, Tensor) else tuple(outputs)
    if gradients is None or isinstance(gradients, Tensor) or hasattr(gradients, "__array__"):
        gradients = (gradients,)
    if len(gradients) == 1 and gradients[0] is None:
        gradients *= len(outputs)
    if len(gradients) != len(outputs):
        raise ValueError(f"{name}: {len(outputs)} outputs but {len(gradients)} gradients")
    seeds = []
    for y, g in zip(outputs, gradients, strict=True):
        if not y.requires_grad:
            raise RuntimeError(
                f"{name}: the output of shape {y.shape} does not require grad: it was computed "
                "under no_grad, from detached tensors, or from no parameter at all"
            )
        if g is None:
            if y._data.size != 1:
                raise RuntimeError(
                    f"{name}: the output has shape {y.shape}; only a single number has a gradient "
                    "without an upstream one. Reduce it (.sum(), .mean()) or pass gradient="
                )
            g = wrap(array_module(y._data).ones_like(y._data))
        elif not isinstance(g, Tensor):
            g = wrap(g if is_array(g) else array_module(y._data).asarray(g))
        if g.shape != y.shape:
            raise ValueError(f"{name}: gradient of shape {g.shape} for an output of {y.shape}")
        if g.device != y.device:
            raise RuntimeError(f"{name}: gradient on {g.device} for an output on {y.device}")
        seeds.append((y.node or y, g.to(y.dtype)))
    return seeds


def _walk(seeds, targets, retain_graph, create_graph, through=True):
    """Gradients of the leaves (targets None) or of the targets, as a dictionary by edge.

    On the way a gradient is an array, or a tensor if its own graph is wanted. through=False: the
    walk ends at the targets, even if others lie below.
    """
    retain = create_graph if retain_graph is None else retain_graph
    ends = () if through else targets
    needed = None if targets is None else _on_a_path(seeds, targets, ends)
    pending, found, owned, heap = {}, {}, set(), []
    taken = {id(_owner(g._data)) for _, g in seeds}
    token = mode.set(mode.get()._replace(grad=create_graph))
    try:
        with quiet():
            for edge, g in seeds:
                _give(edge, g if create_graph else g._data, pending, owned, heap, create_graph)
            while heap:
                node = heapq.heappop(heap)[1]
                g = pending.pop(node)
                owned.discard(node)
                if "cupy" in modules:
                    follow(g)
                if node.hooks:
                    g = _through_hooks(node, g)
                if targets is not None:
                    if node in targets:
                        found[node] = _settled(g, taken)
                    if node in ends or _is_last(node, needed, targets):
                        continue
                _step(node, g, needed, create_graph, pending, owned, heap)
                if not retain:
                    node.saved = node.edges = None
            for leaf, g in pending.items():
                if targets is None or leaf in targets:
                    found[leaf] = _settled(_through_hooks(leaf, g), taken)
    except MemoryError as error:
        raise backend.out_of_memory("backward", error) from error
    finally:
        mode.reset(token)
    return found


def _is_last(node, needed, targets):
    """Whether nothing below the node is asked for: it stays as it is, not even freed."""
    below = node.edges
    return not (_may_hide_one(node, targets) if below is None else any(e in needed for e in below))


def _may_hide_one(freed, targets):
    """Whether a target may have been below a freed node: one that is older, or a leaf."""
    return any(not isinstance(t, Node) or t.number < freed.number for t in targets)


def _step(node, g, needed, create_graph, pending, owned, heap):
    """Hand the gradient g of a node's output on to the node's inputs."""
    edges = node.edges
    if edges is None:
        raise RuntimeError(
            f"backward: the graph through {node.op.name} was freed by an earlier backward; pass "
            "retain_graph=True there if you need it twice"
        )
    wanted = None if needed is None else [edge in needed for edge in edges]
    if _last_write > node.number:
        _check_unchanged(node)
    watchers = mode.get().watchers
    if watchers:
        contributions = _watched_pull(node, g, create_graph, wanted, watchers)
    else:
        contributions = node.op.pull(node, g, create_graph, wanted)
    for edge, c in zip(edges, contributions):  # noqa: B905  a plan makes both of one length
        if c is None:
            continue
        if c.shape != edge.shape or c.dtype != edge.dtype:
            c = _fit(c, edge, node)
        _give(edge, c, pending, owned, heap, create_graph)


def _watched_pull(node, g, create_graph, wanted, watchers):
    """The node's contributions, timed and reported to the watchers."""
    token = mode.set(mode.get()._replace(watchers=()))
    start = perf_counter()
    try:
        contributions = node.op.pull(node, g, create_graph, wanted)
        contributions = [c.whole() if type(c) is backend.Part else c for c in contributions]
        seconds = perf_counter() - start
        for watcher in watchers:
            watcher.backward(node, g, contributions, seconds)
    finally:
        mode.reset(token)
    return contributions


def _give(edge, g, pending, owned, heap, create_graph):
    """Add g to the edge's gradient: first borrowed, then summed out of place, then in place."""
    before = pending.get(edge)
    if type(g) is backend.Part:
        own = before if before is None or edge in owned else before.copy("K")
        pending[edge] = g.whole() if own is None else g.added_to(as_array(own))
        owned.add(edge)
    elif before is None:
        pending[edge] = g
    elif create_graph or edge not in owned:
        pending[edge] = before + g
        owned.add(edge)
    else:
        before += g  # ours alone: made by the line above
        pending[edge] = before  # (a NumPy scalar is not changed in place)
    if before is None and type(edge) is Node:
        heapq.heappush(heap, (-edge.number, edge))


def _through_hooks(edge, g):
    """What the edge's hooks make of its gradient; they get and return tensors."""
    tensor = g if isinstance(g, Tensor) else wrap(as_array(g))
    for hook in edge.hooks or ():
        changed = hook(tensor)
        if changed is None:
            continue
        if not isinstance(changed, Tensor) or changed.shape != tensor.shape:
            raise RuntimeError(
                f"register_hook: a hook was given a gradient of shape {tensor.shape} and must "
                "return None or a tensor of that shape, not "
                + (f"shape {changed.shape}" if hasattr(changed, "shape") else repr(changed))
            )
        tensor = changed
    return tensor if isinstance(g, Tensor) else tensor._data


def _settled(g, taken):
    """A gradient as the tensor that a user keeps: of memory that nobody else was given.

    taken: where arrays that somebody has are from (the upstream gradient, another leaf's).
    """
    if isinstance(g, Tensor):
        return g
    g = as_array(g)
    if id(_owner(g)) in taken or is_repeated(g):
        follow(g)
        g = g.copy("K")  # in its own order of memory
    taken.add(id(_owner(g)))
    return wrap(g)


def _owner(array):
    """The array that the memory belongs to: itself, unless it is a view."""
    return array if array.base is None else array.base


def _fit(g, edge, node):
    """g summed over the dimensions that broadcasting added or stretched, in the input's dtype."""
    shape, lead = edge.shape, len(g.shape) - len(edge.shape)
    if lead > 0:
        g = ops.sum(g, tuple(range(lead)))
    if g.shape != shape:
        sizes = g.shape
        if lead < 0 or any(b not in (a, 1) for a, b in zip(sizes, shape, strict=True)):
            raise RuntimeError(
                f"{node.op.name}: its VJP returned a gradient of shape {sizes} for an input of "
                f"shape {shape}; a VJP must return the input's shape, or what broadcasting made "
                "of it"
            )
        g = ops.sum(g, tuple([i for i, size in enumerate(shape) if size != sizes[i]]), True)
    return g if g.dtype == edge.dtype else ops.cast(g, edge.dtype)


def _on_a_path(seeds, targets, ends):
    """Every edge from which a target can be reached, by an explicit depth-first search.

    And every freed node below which a target may have been: to walk into it is an error. Below
    the ends nobody looks.
    """
    needed, seen = set(targets), set()
    for root, _ in seeds:
        stack = [root]
        while stack:
            edge = stack[-1]
            below = edge.edges if type(edge) is Node and edge not in ends else ()
            if edge not in seen:
                seen.add(edge)
                stack.extend(e for e in below or () if e not in seen)
            else:
                stack.pop()
                lost = below is None and _may_hide_one(edge, targets)
                if lost or any(e in needed for e in below or ()):
                    needed.add(edge)
    return needed

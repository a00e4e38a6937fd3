"""What stays alive after an op, and what backward says of memory that was overwritten.

Lifetimes are watched by weak references with the garbage collector off: a reference cycle would
keep arrays until the collector happens to run, which for big arrays is too late.
"""

import gc
import tracemalloc
import weakref

import numpy as np
import pytest

import minigen as mg
from minigen import nn, ops


@pytest.fixture(autouse=True)
def _no_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def watch(y):
    """Weak references to a tensor, its array, and all nodes, saved tensors and arrays behind it."""
    alive, stack, seen = [], [y], set()
    while stack:
        thing = stack.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, (list, tuple)):
            stack.extend(thing)
        elif isinstance(thing, mg.Tensor):
            stack.extend([thing.node, thing.data] if thing.node else [])
            if thing.node:
                alive.append(weakref.ref(thing))
        elif isinstance(thing, np.ndarray):
            alive.append(weakref.ref(thing))
        elif hasattr(thing, "edges"):
            alive.append(weakref.ref(thing))
            stack.extend([thing.edges, thing.saved])
    return alive


def alive(references, x=None):
    """What is still there, apart from the memory of the leaf x (an op may return its input)."""
    things = [r() for r in references if r() is not None]
    return [t for t in things if x is None or not (t is x.data or getattr(t, "base", 0) is x.data)]


def leaf(*shape):
    return mg.Generator(1).uniform(shape, 0.2, 0.8).requires_grad_()


# ---- lifetimes

GRAPHS = {
    "primitives": lambda x: ((x + x).exp() * x).tanh().sum(),
    "fused": lambda x: ops.mse_loss(ops.gelu(ops.silu(x)), x.detach() * 2),
    "cross_entropy": lambda x: ops.cross_entropy(2 * x, mg.tensor([0, 1])),
    "softmax": lambda x: ops.log_softmax(ops.softmax(x, 1), 1).sum(),
    "batch_norm": lambda x: ops.batch_norm(x, None, None, training=True).square().sum(),
    "cat": lambda x: ops.stack([ops.cat([x, x * 2], 1), ops.cat([x * 3, x], 1)]).square().sum(),
    "index": lambda x: (x[mg.tensor([0, 1, 0])] * x[0]).sum() + x[x > 0.5].sum(),
    "put": lambda x: ops.put(x, (0, slice(None)), x[1]).square().sum(),
    "conv": lambda x: ops.conv1d(x[None], x[:, :1][None].expand(3, 2, 1)).square().sum(),
    "pool": lambda x: ops.max_pool2d(x[None, None], 2).sum(),
    "dropout": lambda x: ops.dropout(x * 1).sum(),
    "reductions": lambda x: (x.max(1).values + x.var(1) + x.std(1) + x.logsumexp(1)).sum(),
    "checkpoint": lambda x: mg.checkpoint(lambda x: (x * 2).tanh(), x * 1).sum(),
    "hooks": lambda x: _hooked(x * 2).sum(),
}


def _hooked(h):
    h.register_hook(lambda g: g * 2)
    h.retain_grad()
    return h


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_nothing_survives_a_forward_without_a_backward(graph):
    x = leaf(2, 6)
    references = watch(graph(x))
    assert alive(references, x) == []


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_backward_frees_the_graph_although_the_loss_lives(graph):
    x = leaf(2, 6)
    loss = graph(x)
    references = watch(loss)
    own = {id(loss), id(loss.data), id(loss.node)}
    loss.backward()
    assert len(references) > 3
    assert [thing for thing in alive(references, x) if id(thing) not in own] == []


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_nothing_survives_a_gradient_that_was_recorded(graph):
    x = leaf(2, 6)
    loss = graph(x)
    (g,) = mg.grad(loss, x, create_graph=True)
    references = watch(loss) + watch((g * g).sum())
    assert len(references) > 3
    del loss, g
    assert alive(references, x) == []


def test_nothing_survives_a_failed_backward():
    x = leaf(3)
    h = x * 2
    references = watch(h)
    with pytest.raises(RuntimeError, match="only a single number"):
        h.backward()
    with pytest.raises(ValueError, match="do not broadcast"):
        h + mg.ones(2)
    del h
    assert alive(references) == []


def test_an_op_keeps_only_what_its_derivative_needs():
    x, mask = leaf(1000), mg.ones(1000)
    h = x.exp()
    kept = weakref.ref(h.data)
    y = h + mask  # neither argument is needed
    del h
    assert kept() is not None  # exp keeps its own result
    y = (x * mask) + 1
    h = x * mask
    gone = weakref.ref(h.data)
    y = y + h
    del h
    assert gone() is None and y.requires_grad


def test_a_network_step_leaves_only_gradients():
    net = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.GELU(), nn.Linear(8, 2))
    x = mg.ones(3, 4) * mg.arange(3.0).reshape(3, 1)
    loss = ops.cross_entropy(net(x), mg.tensor([0, 1, 1]))
    references = watch(loss)
    loss.backward()
    del loss
    parameters = [p.data for p in net.parameters()]
    left = [a for a in alive(references) if not any(a is p for p in parameters)]
    assert left == [] and all(p.grad is not None for p in net.parameters())


# ---- overwritten memory


def error_of(loss):
    with pytest.raises(RuntimeError) as caught:
        loss.backward()
    return str(caught.value)


def test_backward_refuses_a_saved_input_that_was_overwritten_and_names_the_op():
    x, w = leaf(3), leaf(3)
    loss = (x * w).sum()
    mg.assign(w, 5.0)
    assert error_of(loss) == (
        "backward: mul saved a tensor of shape (3,) that was overwritten since (optimizer step or "
        "assign). Call backward before the update, or compute the forward pass again"
    )


WRITES = {
    "assign": lambda w: mg.assign(w, 5.0),
    "data": lambda w: setattr(w, "data", np.zeros(w.shape)),
    "writing": lambda w: _fill(w),
    "detach": lambda w: mg.assign(w.detach(), mg.ones(*w.shape)),
    "view": lambda w: mg.assign(w.detach()[1], 5.0),
    "reshape": lambda w: mg.assign(w.detach().reshape(-1)[-1:], 5.0),
    "transpose": lambda w: mg.assign(w.detach().T, 5.0),
    "optimizer": lambda w: _step(w),
}


def _fill(w):
    with mg.autograd.writing(w) as array:
        array.fill(3)


def _interrupted(w):
    with mg.autograd.writing(w) as array:
        array[0] = 7
        raise KeyError


def _step(w):
    w.grad = mg.ones(*w.shape)
    mg.optim.SGD([w], lr=0.1).step()


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_every_way_of_writing_is_noticed(write):
    x, w = leaf(4, 3), leaf(4, 3)
    loss = (x * w).sum()
    write(w)
    assert "mul saved a tensor of shape (4, 3) that was overwritten" in error_of(loss)


@pytest.mark.parametrize(
    ("save", "op"),
    [
        (lambda x, w: ops.linear(x, w).sum(), "linear"),
        (lambda x, w: (x @ w.T).sum(), "matmul"),
        (lambda x, w: (x * w.detach()).sum(), "mul"),
        (lambda x, w: (x * w[1]).sum(), "mul"),
        (lambda x, w: ops.silu(w).sum(), "silu"),
        (lambda x, w: ops.batch_norm(x, None, None, w[0], training=True).sum(), "batch_norm"),
        (lambda x, w: mg.checkpoint(lambda x: x * w, x).sum(), "checkpoint"),
    ],
    ids=["linear", "transposed", "detached", "row", "fused", "batch norm", "checkpoint"],
)
def test_every_way_of_saving_is_checked(save, op):
    x, w = leaf(4, 3), leaf(4, 3)
    loss = save(x, w)
    mg.assign(w, 5.0)
    assert f"backward: {op} saved a tensor" in error_of(loss)


def test_tensors_and_indices_saved_within_tuples_are_checked():
    @mg.primitive(lambda g, tensors: [g * t for t in tensors])
    def half_squares(*tensors):
        return sum(t * t / 2 for t in tensors)

    x, w = leaf(3), leaf(3)
    loss = half_squares(x, w).sum()
    mg.assign(w, 5.0)
    assert "half_squares saved a tensor of shape (3,)" in error_of(loss)
    at = mg.tensor([0, 2, 0])
    loss = leaf(3, 3)[at, at].sum()
    mg.assign(at, 1)
    assert "index saved a tensor of shape (3,)" in error_of(loss)


def test_the_newest_write_counts_whatever_was_written_before_and_between():
    x, w, others = leaf(3), leaf(3), [leaf(3) for _ in range(3)]
    for _ in range(2):
        for t in (w, *others):
            mg.assign(t, 1.0)
    loss = (x * w).sum()
    mg.assign(w, 5.0)
    mg.assign(others[0], 5.0)
    assert "mul saved" in error_of(loss)


def test_a_write_that_failed_half_way_counts():
    x, w = leaf(3), leaf(3)
    loss = (x * w).sum()
    with pytest.raises(KeyError):
        _interrupted(w)
    assert "was overwritten" in error_of(loss)


# ---- no false alarms


def test_what_nobody_saved_may_be_overwritten():
    x, w = leaf(3), leaf(3)
    loss = (x + w).sum()  # the derivative of a sum needs neither
    mg.assign(w, 5.0)
    loss.backward()
    assert w.grad.tolist() == [1, 1, 1]


def test_a_write_before_the_forward_pass_is_none_of_its_business():
    x, w = leaf(3), leaf(3)
    mg.assign(w, 5.0)
    (x * w).sum().backward()
    mg.assign(w, 6.0)
    (x * w).sum().backward()
    assert x.grad.tolist() == [11, 11, 11]


def test_neighbours_in_memory_are_not_confused():
    whole = mg.tensor(np.arange(12.0, dtype="float32").reshape(3, 4))
    first, second = whole[0].requires_grad_(), whole[1].requires_grad_()
    loss = (first * first).sum()
    mg.assign(second, 0.0)
    mg.assign(whole[2], 0.0)
    loss.backward()
    assert first.grad.tolist() == [0, 2, 4, 6]


def test_memory_that_was_written_freed_and_used_again_is_no_reason_to_refuse():
    for _ in range(50):
        old = mg.zeros(1 << 16)
        mg.assign(old, 1.0)
        address = old.data.ctypes.data
        del old
        w = mg.ones(1 << 16, requires_grad=True)
        reused = w.data.ctypes.data == address
        (w * w).sum().backward()
        if reused:
            return
    pytest.skip("this allocator never gave the same memory again")


def test_a_gan_updates_its_discriminator_between_two_backwards():
    G, D = nn.Linear(2, 3), nn.Linear(3, 1)
    opt_d = mg.optim.SGD(D.parameters(), lr=0.1)
    fake = G(mg.ones(4, 2))
    D(fake.detach()).sum().backward()
    opt_d.step()
    # the generator's graph holds none of D's weights yet: no reason to complain
    D(fake).sum().backward()
    assert G.weight.grad is not None

    fake = G(mg.ones(4, 2))
    score = D(fake)  # this graph holds D's weights, which change before it is walked
    D(fake.detach()).sum().backward()
    opt_d.step()
    assert "backward: linear saved a tensor of shape (1, 3)" in error_of(score.sum())


def test_batch_statistics_may_move_between_forward_and_backward():
    norm = nn.BatchNorm1d(3)
    loss = (norm(leaf(4, 3)) + norm(leaf(5, 3))[:4]).square().sum()
    loss.backward()
    assert norm.weight.grad is not None


def test_a_write_into_the_result_of_an_op_is_refused():
    y = leaf(3) * 2
    with pytest.raises(RuntimeError, match="cannot write into the result of mul: only leaves may"):
        mg.assign(y, 0.0)
    with pytest.raises(RuntimeError, match="cannot write into the result of mul"):
        y.data = 0.0


def test_slices_of_one_tensor_are_summed_in_one_array():
    """A gradient through n slices takes the memory of x, beside the slices' own gradients."""
    x = mg.ones(64, 10_000).requires_grad_()
    loss = sum((row * row).sum() for row in ops.unbind(x))
    tracemalloc.start()
    loss.backward()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert x.grad.tolist()[3][:2] == [2, 2]
    assert peak < 2.5 * 64 * 10_000 * 4


def test_a_slice_s_gradient_joins_what_others_gave():
    """Before, between and after slices; arrays that somebody else holds are not written into."""
    x = mg.ones(3, 2).requires_grad_()
    y = x * 2
    whole = y.sum()
    first, kept = (y[0] * 3).sum(), y * 1
    total = whole + first + kept.sum() + (y[1:] * 5).sum() + y[0, 1] * 7 + (y * y).sum()
    (g,) = mg.grad(total, y, retain_graph=True)
    np.testing.assert_array_equal(g.numpy(), [[9, 16], [11, 11], [11, 11]])
    (h,) = mg.grad(total, y)
    assert h.tolist() == g.tolist()

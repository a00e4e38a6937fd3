"""The walk back: which gradients come out, what is computed, what is freed, what hooks can do.

Read next: test_memory.py (what stays alive, what was overwritten), test_modes.py (no_grad).
"""

import numpy as np
import pytest

import minigen as mg
from minigen import ops


def leaf(*values):
    return mg.tensor(list(values), requires_grad=True)


def calls_of(work):
    """Names of the ops whose VJPs ran while work() was done, in order."""
    names = []
    with mg.op_hook(backward=lambda node, g, gradients, seconds: names.append(node.op.name)):
        work()
    return names


# ---- accumulation


def test_the_aliasing_trap():
    # the two paths to x must not be added into the array that y's gradient borrowed
    x, y, c = leaf(1.0, 2.0), leaf(3.0, 4.0), mg.tensor([5.0, 6.0])
    (((x + y) + x) * c).sum().backward()
    assert y.grad.tolist() == [5, 6] and x.grad.tolist() == [10, 12]
    x, y = leaf(1.0), leaf(2.0)
    ((x + y) + x).sum().backward()
    assert y.grad.tolist() == [1] and x.grad.tolist() == [2]


@pytest.mark.parametrize("paths", [2, 3, 4, 7])
def test_many_paths_add_up(paths):
    x, others = leaf(1.0, 2.0), [leaf(0.0, 0.0) for _ in range(paths)]
    total = x * 0
    for other in others:
        total = total + (x + other)
    total.sum().backward()
    assert x.grad.tolist() == [paths, paths]
    assert all(other.grad.tolist() == [1, 1] for other in others)


def test_gradients_shared_by_leaves_survive_a_later_accumulation():
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    upstream = mg.tensor([1.0, 10.0])
    (x + y).backward(upstream)
    first = x.grad
    (x * 2).sum().backward()
    assert x.grad.tolist() == [3, 12]
    assert y.grad.tolist() == first.tolist() == upstream.tolist() == [1, 10]


def test_gradients_never_share_memory():
    x, y, upstream = leaf(1.0, 2.0), leaf(3.0, 4.0), mg.tensor([1.0, 1.0])
    h = x + 0
    h.retain_grad()
    (h + y).backward(upstream)
    u, v, w = leaf(1.0, 2.0), leaf(3.0, 4.0), np.ones(4, "float32")
    ops.cat([u, v]).backward(w)
    a = x + 0
    ga, gx, gy = mg.grad(a + y, [a, x, y], upstream)
    arrays = [t.data for t in (x.grad, y.grad, h.grad, upstream, u.grad, v.grad, ga, gx, gy)] + [w]
    for i, one in enumerate(arrays):
        assert not any(np.shares_memory(one, other) for other in arrays[:i])
    z = leaf(1.0, 2.0)
    z.backward(upstream)
    assert not np.shares_memory(z.grad.data, upstream.data) and z.grad.tolist() == [1, 1]


def test_a_gradient_is_added_to_what_is_there_and_the_old_one_is_left_alone():
    x = leaf(1.0, 2.0)
    before = x.grad = mg.tensor([100.0, 200.0])
    (x * x).sum().backward()
    assert x.grad.tolist() == [102, 204] and before.tolist() == [100, 200]


def test_leaves_get_gradients_that_can_be_written_into():
    for n in (3, 5000):  # the VJP of a mean over many elements is a broadcast view
        x = mg.ones(n, requires_grad=True)
        x.mean().backward()
        mg.assign(x.grad, 7.0)
        h = x * 2
        (g,) = mg.grad(h.mean(), h)
        mg.assign(g, 7.0)
        assert x.grad.tolist() == g.tolist() == [7] * n


def test_backward_on_a_leaf():
    x = leaf(2.0)
    x.backward()
    x.backward(mg.tensor([3.0]))
    assert x.grad.tolist() == [4]
    (g,) = mg.grad(x, x, mg.tensor([5.0]))
    assert g.tolist() == [5]


def test_a_diamond_reused_at_every_level():
    h = x = mg.tensor(1.0, requires_grad=True)
    for _ in range(30):
        h = h + h
    h.backward()
    assert x.grad.item() == 2**30
    assert len(calls_of(lambda: (x * 2 + x * 2).backward())) == 3


def test_gradients_are_summed_to_the_shape_and_cast_to_the_dtype_of_their_input():
    x = mg.ones(3, 1, requires_grad=True)
    y = mg.ones(2, 1, 4, dtype="float64", requires_grad=True)
    (x * y).sum().backward()
    assert (x.grad.shape, x.grad.dtype) == ((3, 1), np.float32) and x.grad.tolist() == [[8]] * 3
    assert (y.grad.shape, y.grad.dtype) == ((2, 1, 4), np.float64)
    assert np.all(y.grad.numpy() == 3)


def test_an_upstream_gradient_takes_the_dtype_of_its_output():
    for upstream in (np.array([1.0, 2.0]), mg.tensor([1, 2]), mg.tensor([1.0, 2.0]).double()):
        x = leaf(1.0, 1.0)
        (x * 3).backward(upstream)
        assert x.grad.dtype == np.float32 and x.grad.tolist() == [3, 6]
        x.backward(upstream)
        assert x.grad.dtype == np.float32 and x.grad.tolist() == [4, 8]


def test_several_outputs():
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    a, b = x * y, (x + y).sum()
    mg.autograd.backward([a, b], [mg.tensor([1.0, 10.0]), None])
    assert x.grad.tolist() == [4, 41] and y.grad.tolist() == [2, 21]
    (g,) = mg.grad([x.sum(), (x * x).sum(), x.sum()], x)
    assert g.tolist() == [4, 6]


@pytest.mark.timeout(60)
def test_a_chain_of_100_000_nodes():
    x = mg.ones(1, requires_grad=True)
    h = x
    for _ in range(100_000):
        h = h + 1
    h.backward()
    assert h.item() == 100_001 and x.grad.item() == 1


def test_a_long_chain_may_be_dropped_or_searched():
    x = mg.ones(1, requires_grad=True)
    for drop in (True, False):
        h = x
        for _ in range(100_000):
            h = -h
        if not drop:
            assert mg.grad(h, x)[0].item() == 1
        del h  # a recursive destructor would overflow the C stack here


# ---- retaining and freeing


def test_a_second_backward_is_an_error_unless_the_graph_was_retained():
    x = leaf(1.0, 2.0)
    loss = (x * x).sum()
    loss.backward(retain_graph=True)
    loss.backward()
    assert x.grad.tolist() == [4, 8]
    text = "the graph through sum was freed by an earlier backward; pass retain_graph=True"
    with pytest.raises(RuntimeError, match=text):
        loss.backward()
    assert x.grad.tolist() == [4, 8]


def test_a_part_that_was_freed_is_an_error_never_a_smaller_gradient():
    x = leaf(1.0, 2.0)
    h = x * x
    one, other = (h * 2).sum(), (h * 3).sum()
    one.backward()
    with pytest.raises(RuntimeError, match="the graph through mul was freed"):
        other.backward()
    for allow_unused in (True, False):
        with pytest.raises(RuntimeError, match="the graph through mul was freed"):
            mg.grad((h * 4 + x).sum(), x, allow_unused=allow_unused)


def test_grad_frees_only_what_it_walked_over():
    x = leaf(1.0, 2.0)
    h = x * x
    assert mg.grad((h * h).sum(), h)[0].tolist() == [2, 8]  # the node of h was only reached
    h.sum().backward()
    assert x.grad.tolist() == [2, 4]
    h = x * x
    h.sum().backward()
    assert mg.grad((h * 3).sum(), h)[0].tolist() == [3, 3]  # below it, the graph is gone


def test_create_graph_retains():
    x = leaf(3.0)
    loss = (x**3).sum()
    mg.grad(loss, x, create_graph=True)
    loss.backward()
    assert x.grad.tolist() == [27]


# ---- higher orders


def test_derivatives_of_order_three():
    x = mg.tensor([0.5, 2.0], dtype="float64", requires_grad=True)
    (first,) = mg.grad((x**4 + ops.exp(x)).sum(), x, create_graph=True)
    (second,) = mg.grad(first.sum(), x, create_graph=True)
    (third,) = mg.grad(second.sum(), x)
    v = x.detach().numpy()
    assert np.allclose(first.detach().numpy(), 4 * v**3 + np.exp(v))
    assert np.allclose(second.detach().numpy(), 12 * v**2 + np.exp(v))
    assert np.allclose(third.numpy(), 24 * v + np.exp(v))


def test_backward_with_create_graph_leaves_gradients_that_can_be_differentiated():
    x = leaf(3.0)
    (x**3).sum().backward(create_graph=True)
    penalty = (x.grad**2).sum()  # (3x²)²
    assert mg.grad(penalty, x)[0].tolist() == [36 * 27]
    y = leaf(3.0)
    (y**3).sum().backward()
    assert not y.grad.requires_grad


def test_a_gradient_with_respect_to_the_upstream_gradient():
    x, v = leaf(2.0, 3.0), leaf(1.0, 1.0)
    (g,) = mg.grad(x * x, x, v, create_graph=True)
    assert mg.grad(g.sum(), v)[0].tolist() == [4, 6]


def test_fused_ops_differentiate_their_reference():
    x = mg.tensor([0.3, -1.2], dtype="float64", requires_grad=True)
    (first,) = mg.grad(ops.gelu(x).sum(), x, create_graph=True)
    (second,) = mg.grad(first.sum(), x)
    v = x.detach().numpy()
    density = np.exp(-v * v / 2) / np.sqrt(2 * np.pi)
    assert np.allclose(second.numpy(), density * (2 - v * v))


# ---- grad


def test_only_what_lies_on_a_path_is_computed():
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    loss = lambda: (ops.exp(x) * ops.sin(w)).sum()  # noqa: E731
    assert calls_of(lambda: loss().backward()) == ["sum", "mul", "sin", "exp"]
    assert calls_of(lambda: mg.grad(loss(), w)) == ["sum", "mul", "sin"]
    assert calls_of(lambda: mg.grad(loss(), x)) == ["sum", "mul", "exp"]


def test_within_an_op_only_the_wanted_vjps_run():
    ran = []

    def watched(name):
        return lambda g, a, b: ran.append(name) or g

    @mg.primitive(watched("a"), watched("b"))
    def both(a, b):
        return a + b

    x, w = leaf(1.0), leaf(2.0)
    for inputs, expected in (([w], ["b"]), ([x], ["a"]), ([x, w], ["a", "b"])):
        ran.clear()
        mg.grad(both(x, w).sum(), inputs)
        assert ran == expected
    ran.clear()
    both(x.detach(), w).sum().backward()
    assert ran == ["b"]


def test_grad_leaves_dot_grad_alone():
    x, w = leaf(1.0), leaf(2.0)
    mg.grad((x * w).sum(), x)
    assert x.grad is None and w.grad is None


def test_inputs_may_be_intermediates_and_repeat():
    x = leaf(1.0, 2.0)
    h = x * 3
    gx, gh, again = mg.grad((h * h).sum(), [x, h, h])
    assert gx.tolist() == [18, 36] and gh.tolist() == again.tolist() == [6, 12]
    y = (h * 1).sum()
    (gy,) = mg.grad(y * 2, y)
    assert gy.item() == 2


def test_an_unused_input_is_none_or_an_error():
    x, w = leaf(1.0), leaf(2.0)
    loss = (x * 2).sum()
    assert mg.grad(loss, [w, x], allow_unused=True, retain_graph=True)[0] is None
    with pytest.raises(RuntimeError, match=r"the outputs do not depend on input 1 of shape \(1,\)"):
        mg.grad(loss, [x, w])


# ---- hooks


def test_a_hook_sees_the_whole_gradient_and_may_replace_it():
    x, seen = leaf(1.0, 2.0), []
    h = x * 3
    h.register_hook(lambda g: seen.append(g.tolist()))
    h.register_hook(lambda g: g * 10)
    x.register_hook(lambda g: g + 1)
    (h + h * h).sum().backward()
    assert seen == [[7, 13]] and x.grad.tolist() == [211, 391]


def test_a_hook_can_be_removed_and_removing_twice_is_harmless():
    x, calls = leaf(1.0), []
    hook = lambda g: calls.append(1)  # noqa: E731
    first, second = x.register_hook(hook), x.register_hook(hook)
    first.remove()
    first.remove()
    x.sum().backward()
    assert len(calls) == 1
    second.remove()
    x.sum().backward()
    assert len(calls) == 1


def test_hooks_run_in_grad_too_and_on_intermediate_inputs():
    x = leaf(1.0)
    h = x * 2
    h.register_hook(lambda g: g * 5)
    assert mg.grad((h * 3).sum(), h)[0].tolist() == [15]


def test_hooks_are_part_of_a_recorded_gradient():
    x = leaf(3.0)
    h = x * x
    h.register_hook(lambda g: g * x)
    (g,) = mg.grad(h.sum(), x, create_graph=True)  # 2x · x
    assert g.tolist() == [18] and mg.grad(g.sum(), x)[0].tolist() == [12]


def test_retain_grad_keeps_the_gradient_of_an_intermediate():
    x = leaf(1.0, 2.0)
    h = x * 3
    h.retain_grad()
    x.retain_grad()  # a leaf keeps it anyway
    loss = (h * h).sum()
    loss.backward(retain_graph=True)
    assert h.grad.tolist() == [6, 12] and x.grad.tolist() == [18, 36]
    loss.backward()
    assert h.grad.tolist() == [12, 24]


def test_a_hook_must_keep_the_shape():
    x = leaf(1.0, 2.0)
    x.register_hook(lambda g: g.sum())
    text = r"register_hook: a hook was given a gradient of shape \(2,\) .* not shape \(\)"
    with pytest.raises(RuntimeError, match=text):
        x.sum().backward()
    y = leaf(1.0)
    y.register_hook(lambda g: 3)
    with pytest.raises(RuntimeError, match="must return None or a tensor of that shape, not 3"):
        y.sum().backward()


def test_hooks_and_vjps_compute_without_recording_unless_a_graph_is_wanted():
    seen = []

    @mg.primitive(lambda g: seen.append(mg.is_grad_enabled()) or g)
    def passed(x):
        return x * 1

    x = leaf(1.0)
    x.register_hook(lambda g: seen.append((g * x).requires_grad))
    passed(x).sum().backward()
    mg.grad(passed(x).sum(), x, create_graph=True)
    assert seen == [False, False, True, True]


def test_hooks_get_tensors_around_arrays_also_for_single_numbers():
    x, kinds = mg.tensor(2.0, requires_grad=True), []
    h = x * 1
    for t in (x, h):
        t.register_hook(lambda g: kinds.append(type(g.data)))
    (h * h + h * 3 + x).backward()
    assert kinds == [np.ndarray] * 2 and x.grad.item() == 8


def test_a_failing_hook_does_not_leave_the_engine_in_another_mode():
    x = leaf(1.0)

    def fail(g):
        raise KeyError("mine")

    x.register_hook(fail)
    with pytest.raises(KeyError, match="mine"):
        x.sum().backward()
    assert mg.is_grad_enabled() and (x * 2).requires_grad

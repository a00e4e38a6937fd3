"""Hooks of modules: when they are called, with what, and what they may change."""

import copy

import numpy as np
import pytest

import minigen as mg
from minigen import nn


def halves():
    """y = 2·relu(x·[1, -1]): a linear layer with a weight that is known, and a ReLU."""
    net = nn.Sequential(nn.Linear(2, 2, bias=False), nn.ReLU())
    mg.assign(net[0].weight, np.diag([1.0, -1.0]))
    return net


def test_hooks_are_called_around_forward_in_the_order_they_were_registered():
    net, seen = halves(), []
    net[0].register_forward_hook(lambda m, args, y: seen.append(("first", m, args, y)))
    net[0].register_forward_hook(lambda m, args, y: seen.append(("second", m, args, y)))
    net[0].register_forward_pre_hook(lambda m, args: seen.append(("before", m, args)))
    x = mg.tensor([[3.0, -4.0]])
    y = net(x)
    assert [entry[0] for entry in seen] == ["before", "first", "second"]
    assert all(entry[1] is net[0] and entry[2] == (x,) for entry in seen)
    assert seen[1][3].tolist() == [[3, 4]] == y.tolist()


def test_what_a_hook_returns_takes_the_place_of_arguments_and_output():
    net = halves()
    before = net.register_forward_pre_hook(lambda m, args: args[0] * 10)
    after = net.register_forward_hook(lambda m, args, y: y + args[0])
    x = mg.tensor([[1.0, 2.0]])
    assert net(x).tolist() == [[20, 20]]  # relu([10, -20]) + [10, 20]
    before.remove()
    before.remove()  # a second time does nothing
    assert net(x).tolist() == [[2, 2]]
    after.remove()
    assert net(x).tolist() == [[1, 0]]


def test_a_pair_from_a_pre_hook_is_two_arguments():
    class Sum(nn.Module):
        def forward(self, a, b):
            return a + b

    module = Sum()
    module.register_forward_pre_hook(lambda m, args: (args[0], args[0]))
    assert module(mg.ones(1)).tolist() == [2]


def test_a_backward_hook_sees_the_gradients_of_input_and_output():
    net, seen = halves(), []
    net[1].register_full_backward_hook(lambda m, gi, go: seen.append((m, gi, go)))
    loss = (net(mg.tensor([[3.0, 4.0]])) * mg.tensor([[5.0, 7.0]])).sum()
    loss.backward(retain_graph=True)
    loss.backward()  # the same graph again tells again
    for module, (grad_input,), (grad_output,) in seen:
        assert module is net[1]
        assert grad_output.tolist() == [[5, 7]]
        assert grad_input.tolist() == [[5, 0]]  # -4 is cut off
    assert len(seen) == 2


def test_a_backward_hook_may_replace_the_gradient_of_its_input():
    net, x = halves(), mg.tensor([[3.0, 4.0]], requires_grad=True)
    net.register_full_backward_hook(lambda m, gi, go: (gi[0] * 100,))
    net(x).sum().backward()
    assert x.grad.tolist() == [[100, 0]]
    assert net[0].weight.grad.tolist() == [[3, 4], [0, 0]]  # inside nothing changes


def test_without_an_input_that_requires_a_gradient_the_outputs_still_has_one():
    net, seen = halves(), []
    net.register_full_backward_hook(lambda m, gi, go: seen.append((gi, go[0].tolist())))
    net(mg.ones(1, 2)).sum().backward()
    assert seen == [((None,), [[1, 1]])]
    with mg.no_grad():
        net(mg.ones(1, 2))
    assert len(seen) == 1


class Two(nn.Module):
    def forward(self, a, b, scale):
        return a * b, a * scale


def test_a_module_of_several_inputs_and_outputs():
    module, seen = Two(), []
    module.register_full_backward_hook(lambda m, gi, go: seen.append((gi, go)))
    a, b = mg.tensor([2.0], requires_grad=True), mg.tensor([5.0], requires_grad=True)
    module(a, b, 3.0)[0].sum().backward()
    (((ga, gb, rest), (g0, g1)),) = seen
    assert (ga.item(), gb.item(), rest, g0.item(), g1) == (5, 2, None, 1, None)
    seen.clear()
    loss = sum(y.sum() for y in module(a, b, 3.0))
    loss.backward(retain_graph=True)
    loss.backward()
    assert [gi[0].item() for gi, _ in seen] == [8, 8]  # b + scale, once for each walk
    module.register_full_backward_hook(lambda m, gi, go: gi)
    with pytest.raises(RuntimeError, match="Two: a backward hook can replace the gradient of one"):
        module(a, b, 3.0)[0].sum().backward()
    single = halves()
    single.register_full_backward_hook(lambda m, gi, go: go[0])
    with pytest.raises(TypeError, match="returns None or a tuple of 1 gradients"):
        single(mg.ones(1, 2)).sum().backward()


def test_two_outputs_of_constants_tell_once():
    class Scaled(Two):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(mg.ones(1))

        def forward(self, x):
            return super().forward(x, self.scale, self.scale)

    module, seen = Scaled(), []
    module.register_full_backward_hook(lambda m, gi, go: seen.append([g.item() for g in go]))
    y, z = module(mg.tensor([2.0]))
    (3 * y + 4 * z).sum().backward()
    assert seen == [[3, 4]]


def test_hooks_belong_to_one_module_and_must_be_functions():
    net, calls = halves(), []
    twin = copy.deepcopy(net)
    net.register_forward_hook(lambda *_: calls.append(1))
    twin(mg.ones(1, 2))
    assert not calls
    with pytest.raises(TypeError, match="Linear: a hook is a function, not str"):
        net[0].register_forward_hook("print")


def test_loading_a_part_says_what_was_left():
    net = halves()
    state = {"0.weight": np.full((2, 2), 3.0), "head.weight": np.ones(1)}
    assert net.load_state_dict(state, strict=False) == ([], ["head.weight"])
    assert net[0].weight.tolist() == [[3, 3], [3, 3]]
    assert net.load_state_dict({}, strict=False) == (["0.weight"], [])
    with pytest.raises(ValueError, match=r"mis-shaped: 0.weight is \(2,\), expected \(2, 2\)"):
        net.load_state_dict({"0.weight": np.ones(2)}, strict=False)
    assert net[0].weight.tolist() == [[3, 3], [3, 3]]

"""Optimizers against their formulas, in optim_formulas.py; what they refuse, save and load."""

import copy
import json
import math

import numpy as np
import pytest
from optim_formulas import CASES

import minigen as mg
from minigen import nn, optim
from minigen.optim.optimizer import BLOCK

STEPS = 5
SHAPE = (3, BLOCK // 2 + 7)  # ends inside a block, and its rows do not start at blocks


def gradients(shape=SHAPE, steps=STEPS, seed=0):
    return np.random.default_rng(seed).standard_normal((steps, *shape))


OPTIMIZERS = [
    (optim.SGD, {"lr": 0.01}),
    (optim.SGD, {"lr": 0.01, "momentum": 0.9, "nesterov": True}),
    (optim.Adam, {"weight_decay": 0.1}),
    (optim.AdamW, {"betas": (0.8, 0.95)}),
    (optim.RMSprop, {"momentum": 0.9, "centered": True}),
    (optim.Adagrad, {"lr_decay": 0.1, "initial_accumulator_value": 0.1}),
    (optim.LARS, {"lr": 10.0, "nesterov": True, "weight_decay": 0.1}),
    (optim.LAMB, {"lr": 0.01}),
]


def walk(optimizer, parameter, grads):
    for g in grads:
        parameter.grad = mg.tensor(g, dtype=parameter.dtype)
        optimizer.step()


# ---- the formulas


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 2e-5)])
@pytest.mark.parametrize(("optimizer", "formula", "settings"), CASES)
def test_closed_forms(optimizer, formula, settings, dtype, tolerance):
    start, grads = gradients(seed=1)[0], gradients()
    parameter = nn.Parameter(start.astype(dtype))
    walk(optimizer([parameter], **settings), parameter, grads)
    expected = formula(start, grads, **{"lr": 1e-3, **settings})
    np.testing.assert_allclose(
        parameter.detach().numpy(), expected, rtol=tolerance, atol=tolerance
    )
    assert parameter.dtype == dtype


@pytest.mark.parametrize(("optimizer", "formula", "settings"), CASES)
@pytest.mark.parametrize("shape", [(), (0, 3), (1,), (BLOCK,), (2, BLOCK)])
def test_any_shape_and_gradients_in_another_order_of_memory(optimizer, formula, settings, shape):
    start, grads = np.array(gradients(shape, seed=1)[0]), gradients(shape, steps=2)
    parameter = nn.Parameter(start.copy())
    walk(optimizer([parameter], **settings), parameter, [np.array(g, order="F") for g in grads])
    expected = formula(start, grads, **{"lr": 1e-3, **settings})
    np.testing.assert_allclose(parameter.detach().numpy(), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("optimizer", "formula", "settings"), CASES)
def test_a_parameter_that_is_a_transposed_view_is_updated_in_place(optimizer, formula, settings):
    memory, grads = gradients((4, 3), seed=1)[0], gradients((3, 4))
    start = memory.T.copy()
    parameter = nn.Parameter(memory.T)
    walk(optimizer([parameter], **settings), parameter, grads)
    expected = formula(start, grads, **{"lr": 1e-3, **settings})
    np.testing.assert_allclose(memory.T, expected, rtol=1e-12)


def test_adam_moves_by_lr_at_the_first_step_whatever_the_gradient():
    parameter = nn.Parameter(np.zeros(3))
    walk(optim.Adam([parameter], lr=0.5), parameter, [np.array([1e-4, -3.0, 1e5])])
    np.testing.assert_allclose(parameter.detach().numpy(), [-0.5, 0.5, -0.5], rtol=1e-3)


def test_adamw_shrinks_by_exactly_one_minus_lr_times_decay_without_gradient():
    shrunk, stepped = nn.Parameter(np.ones(2)), nn.Parameter(np.ones(2))
    settings = {"lr": 0.2, "weight_decay": 0.5}
    walk(optim.AdamW([shrunk], **settings), shrunk, np.zeros((3, 2)))
    np.testing.assert_allclose(shrunk.detach().numpy(), 0.9**3)
    # in Adam the decay is the whole gradient here, whose size Adam takes out: a step of lr
    walk(optim.Adam([stepped], **settings), stepped, np.zeros((1, 2)))
    np.testing.assert_allclose(stepped.detach().numpy(), 0.8)


def test_rmsprop_centered_takes_no_root_of_a_variance_below_zero():
    parameter = nn.Parameter(np.zeros(1000, np.float32))
    constant = np.full((30, 1000), gradients((1000,), 1)[0])
    walk(optim.RMSprop([parameter], alpha=0.1, centered=True), parameter, constant)
    assert np.isfinite(parameter.detach().numpy()).all()


def test_adagrad_moves_by_lr_and_then_by_less_under_a_constant_gradient():
    parameter = nn.Parameter(np.zeros(2))
    walk(optim.Adagrad([parameter], lr=0.5), parameter, np.full((4, 2), [1e-3, 70.0]))
    harmonic = sum(1 / math.sqrt(t) for t in range(1, 5))
    np.testing.assert_allclose(parameter.detach().numpy(), -0.5 * harmonic, rtol=1e-6)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_lars_and_lamb_move_a_share_of_a_parameter_whatever_the_gradients_size(scale):
    start, g = np.array([3.0, -4.0]), scale * np.array([0.6, 0.8])
    by_lars, by_lamb = nn.Parameter(start.copy()), nn.Parameter(start.copy())
    walk(optim.LARS([by_lars], lr=2.0, trust_coefficient=0.01), by_lars, [g])
    walk(optim.LAMB([by_lamb], lr=0.02, weight_decay=0.0, eps=0.0), by_lamb, [g])
    np.testing.assert_allclose(by_lars.detach().numpy(), [3 - 0.06, -4 - 0.08])  # 0.02 of 5
    np.testing.assert_allclose(by_lamb.detach().numpy(), start - 0.1 / math.sqrt(2))


@pytest.mark.parametrize("optimizer", [optim.LARS, optim.LAMB])
def test_a_parameter_of_zeros_starts_to_move(optimizer):
    parameter = nn.Parameter(np.zeros(2))
    walk(optimizer([parameter], lr=0.1), parameter, [np.array([1.0, 1.0])])
    np.testing.assert_allclose(parameter.detach().numpy(), -0.1, rtol=1e-5)


def test_lamb_without_a_ratio_is_adamw():
    start, grads = gradients((5,), 1, seed=1)[0], gradients((5,))
    a, b = nn.Parameter(start.copy()), nn.Parameter(start.copy())
    walk(optim.LAMB([a], lr=0.1, eps=1e-8, weight_decay=0.3, adapt=False), a, grads)
    walk(optim.AdamW([b], lr=0.1, weight_decay=0.3), b, grads)
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-12)


@pytest.mark.parametrize(
    ("optimizer", "settings"),
    [
        (optim.SGD, {"lr": 0.05}),
        (optim.SGD, {"lr": 0.02, "momentum": 0.9}),
        (optim.SGD, {"lr": 0.02, "momentum": 0.9, "nesterov": True}),
        (optim.Adam, {"lr": 0.05}),
        (optim.AdamW, {"lr": 0.05, "weight_decay": 0.0}),
        (optim.RMSprop, {"lr": 0.05, "eps": 1.0}),
        (optim.Adagrad, {"lr": 1.0}),
    ],
)
def test_every_optimizer_finds_the_minimum_of_a_quadratic(optimizer, settings):
    target = np.array([3.0, -2.0, 0.5])
    curvature = mg.tensor(np.array([1.0, 4.0, 10.0]))
    x = nn.Parameter(np.zeros(3))
    opt = optimizer([x], **settings)
    for _ in range(400):
        opt.zero_grad()
        (curvature * (x - mg.tensor(target)) ** 2).sum().backward()
        opt.step()
    np.testing.assert_allclose(x.detach().numpy(), target, atol=1e-3)


# ---- what is updated


def test_parameters_without_a_gradient_stand_still_and_keep_their_step():
    a, b = nn.Parameter(np.ones(2)), nn.Parameter(np.ones(2))
    opt = optim.Adam([a, b])
    walk(opt, a, np.ones((2, 2)))
    assert b.tolist() == [1, 1]
    assert opt.state[a]["step"] == 2
    assert b not in opt.state
    opt.zero_grad()
    assert a.grad is None
    before = a.tolist()
    opt.step()
    assert a.tolist() == before


def test_the_gradient_is_left_alone_and_memory_stays():
    array = np.ones(3)
    parameter = nn.Parameter(array)
    g = mg.tensor(np.ones(3))
    parameter.grad = g
    optim.Adam([parameter], weight_decay=0.1).step()
    assert parameter.grad is g
    assert g.tolist() == [1, 1, 1]
    assert parameter.data is array


def test_groups_have_their_own_settings_and_obey_changes():
    a, b, c = (nn.Parameter(np.ones(2)) for _ in range(3))
    opt = optim.SGD([{"params": a, "lr": 1.0}, {"params": [("b", b)]}], lr=0.1)
    opt.add_param_group({"params": [c], "lr": 0.5, "weight_decay": 1.0})
    for p in (a, b, c):
        p.grad = mg.ones(2, dtype="float64")
    opt.step()
    assert [p.tolist()[0] for p in (a, b, c)] == pytest.approx([0, 0.9, 0])
    opt.param_groups[1]["lr"] = 0.4
    opt.step()
    assert b.tolist() == pytest.approx([0.5, 0.5])


def test_named_parameters_are_taken_as_they_come():
    net = nn.Linear(2, 2)
    opt = optim.SGD(net.named_parameters(), lr=1.0)
    net(mg.ones(1, 2)).sum().backward()
    bias = net.bias.tolist()
    opt.step()
    assert net.bias.tolist() == pytest.approx([v - 1 for v in bias])


def test_backward_refuses_a_graph_whose_parameters_were_updated():
    weight = nn.Parameter(np.ones(2))
    loss = (weight * weight).sum()
    weight.grad = mg.ones(2, dtype="float64")
    optim.SGD([weight]).step()
    with pytest.raises(RuntimeError, match=r"mul saved .* overwritten since"):
        loss.backward()


def test_what_diverged_is_inf_without_a_warning():
    parameter = nn.Parameter(np.ones(2, np.float32))
    walk(optim.Adam([parameter], eps=0.0), parameter, [np.array([1e30, 0.0])])
    assert not np.isfinite(parameter.detach().numpy()).all()


# ---- what is refused


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda p: optim.SGD([p], lr=-1), ValueError, "SGD: lr must be at least 0, not -1"),
        (lambda p: optim.SGD([p], lr=math.nan), ValueError, "lr must be at least 0, not nan"),
        (lambda p: optim.SGD([p], lr="0.1"), TypeError, "SGD: lr is '0.1', expected a number"),
        (lambda p: optim.RMSprop([p], alpha=None), TypeError, "alpha is None, expected a number"),
        (lambda p: optim.Adam([p], betas=0.9), ValueError, "betas must be two numbers.*not 0.9"),
        (lambda p: optim.SGD([p], weight_decay=-1), ValueError, "weight_decay must be at least 0"),
        (lambda p: optim.SGD([p], momentum=-1), ValueError, "momentum must be at least 0"),
        (lambda p: optim.SGD([p], nesterov=True), ValueError, "nesterov needs momentum above 0"),
        (lambda p: optim.Adam([p], betas=(0.9, 1.0)), ValueError, r"Adam: betas .* in \[0, 1\)"),
        (lambda p: optim.Adam([p], betas=(0.9,)), ValueError, "betas must be two numbers"),
        (lambda p: optim.AdamW([p], eps=-1e-8), ValueError, "AdamW: eps must be at least 0"),
        (lambda p: optim.RMSprop([p], alpha=1.0), ValueError, r"RMSprop: alpha must be .*\[0, 1\)"),
        (lambda p: optim.Adagrad([p], lr_decay=-1), ValueError, "lr_decay must be at least 0"),
        (
            lambda p: optim.LARS([p], trust_coefficient=0.0),
            ValueError,
            "LARS: trust_coefficient must be above 0, not 0",
        ),
        (lambda p: optim.SGD([{"params": p, "lr": -1}]), ValueError, "lr must be at least 0"),
        (
            lambda p: optim.Adam([{"params": p, "beta": 1}]),
            TypeError,
            r"Adam: no argument beta .*did you mean betas\?",
        ),
        (lambda p: optim.SGD([]), ValueError, "SGD: no parameters"),
        (lambda p: optim.SGD([{"params": []}]), ValueError, "SGD: no parameters"),
        (lambda p: optim.SGD([{"param": [p]}]), ValueError, 'a group needs "params"'),
        (lambda p: optim.SGD([p, p]), ValueError, r"parameter 1 \(2,\) is given twice"),
        (
            lambda p: optim.SGD([{"params": [p]}, {"params": [("w", p)]}]),
            ValueError,
            r"w \(2,\) is given twice",
        ),
        (lambda p: optim.SGD([p * 2]), ValueError, "is the result of an op, not a leaf"),
        (lambda p: optim.SGD(p), TypeError, r"expected a list of parameters; did you mean \["),
        (lambda p: optim.SGD([np.ones(2)]), TypeError, "parameter 0 is a ndarray, expected"),
    ],
)
def test_wrong_arguments_are_named(make, error, message):
    with pytest.raises(error, match=message):
        make(nn.Parameter(np.ones(2)))


def test_a_gradient_of_another_shape_is_refused():
    parameter = nn.Parameter(np.ones((2, 3)))
    parameter.grad = mg.ones(3, 2)
    with pytest.raises(ValueError, match=r"gradient \(3, 2\) of a parameter \(2, 3\)"):
        optim.SGD([parameter]).step()


# ---- saving


def through_json_and_arrays(state):
    """What a checkpoint does: arrays as arrays, everything else as JSON."""
    return {
        key: value.copy() if isinstance(value, np.ndarray) else json.loads(json.dumps(value))
        for key, value in state.items()
    }


@pytest.mark.parametrize(("optimizer", "settings"), OPTIMIZERS)
def test_ten_steps_are_five_and_a_checkpoint_and_five_bit_for_bit(optimizer, settings):
    def start():
        net = nn.Sequential(nn.Linear(6, 5, rng=mg.Generator(1)), nn.Tanh(), nn.Linear(5, 1))
        mg.assign(net[2].weight, 0.1)
        groups = [{"params": net[0].parameters()}, {"params": net[2].weight, "lr": 0.02}]
        return net, optimizer(groups, **settings)

    def train(net, opt, inputs):
        for x in inputs:
            opt.zero_grad()
            net(mg.tensor(x)).square().mean().backward()
            opt.step()
            opt.param_groups[0]["lr"] *= 0.9

    inputs = gradients((8, 6), steps=10).astype(np.float32)
    straight, opt = start()
    train(straight, opt, inputs)
    first, opt_first = start()
    mg.assign(first[2].bias, straight[2].bias)  # not trained
    train(first, opt_first, inputs[:5])
    second, opt_second = start()
    second.load_state_dict(first.state_dict())
    opt_second.load_state_dict(through_json_and_arrays(opt_first.state_dict()))
    train(first, opt_first, inputs[5:])  # must not disturb the second: its arrays are copies
    train(second, opt_second, inputs[5:])
    for a, b in zip(straight.parameters(), second.parameters(), strict=True):
        assert a.detach().numpy().tobytes() == b.detach().numpy().tobytes()
    assert opt_second.param_groups[0]["lr"] == opt.param_groups[0]["lr"]
    assert opt_second.param_groups[1]["lr"] == 0.02


def test_a_saved_state_is_flat_and_starts_empty():
    net = nn.Linear(2, 3)
    opt = optim.Adam(net.parameters(), lr=0.1)
    groups = [{"params": 2, "lr": 0.1, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0}]
    assert opt.state_dict() == {"groups": groups}
    opt.load_state_dict(opt.state_dict())
    walk(opt, net.bias, np.ones((2, 3)))
    state = opt.state_dict()
    assert list(state) == ["groups", "state.1.step", "state.1.exp_avg", "state.1.exp_avg_sq"]
    assert state["state.1.step"] == 2
    np.testing.assert_allclose(state["state.1.exp_avg"], 0.19, rtol=1e-6)


def test_loading_what_does_not_fit_says_why_and_changes_nothing():
    net = nn.Linear(2, 3)
    opt = optim.Adam(net.parameters())
    walk(opt, net.bias, np.ones((2, 3)))
    good = copy.deepcopy(opt.state_dict())
    before = copy.deepcopy(good)
    bad = {**good, "state.1.exp_avg": np.ones(2), "state.7.step": 1, "more": 1}
    del bad["state.1.exp_avg_sq"]
    with pytest.raises(ValueError, match="load_state_dict: does not fit") as error:
        opt.load_state_dict(bad)
    assert str(error.value).splitlines()[1:] == [
        "  state.1.exp_avg (2,), expected (3,)",
        "  state.1.exp_avg_sq is missing, expected (3,)",
        "  state.7.step is unexpected",
        "  more is unexpected",
    ]
    with pytest.raises(ValueError, match=r"load_state_dict: \[1\] parameters, expected \[2\]"):
        opt.load_state_dict(optim.Adam([net.bias]).state_dict())
    with pytest.raises(ValueError, match="SGD: load_state_dict: settings params, lr, betas"):
        optim.SGD(net.parameters()).load_state_dict(good)
    with pytest.raises(ValueError, match="lr must be at least 0"):
        opt.load_state_dict({"groups": [{**good["groups"][0], "lr": -1}]})
    now = opt.state_dict()
    assert now.keys() == before.keys()
    assert all(np.array_equal(now[key], before[key]) for key in now)


# ---- clipping


def test_clipping_by_the_norm_of_all_gradients_together():
    a, b, c = (nn.Parameter(np.zeros(2)) for _ in range(3))
    a.grad, b.grad = mg.tensor(np.array([3.0, 0.0])), mg.tensor(np.array([0.0, 4.0]))
    held = a.grad
    assert optim.clip_grad_norm_([a, b, c], 10.0).item() == pytest.approx(5)
    assert a.grad.tolist() == [3, 0]
    total = optim.clip_grad_norm_(iter([a, b, c]), 1.0)
    assert total.item() == pytest.approx(5)
    np.testing.assert_allclose(a.grad.numpy(), [0.6, 0], rtol=1e-5)
    np.testing.assert_allclose(b.grad.numpy(), [0, 0.8], rtol=1e-5)
    assert held.tolist() == [3, 0]  # out of place
    assert a.grad.dtype == np.float64
    assert c.grad is None
    assert optim.clip_grad_norm_([c], 1.0).item() == 0


def test_clipping_each_parameter_by_its_own_norm():
    a, b, c = (nn.Parameter(np.zeros(2)) for _ in range(3))
    a.grad, b.grad = mg.tensor(np.array([30.0, 40.0])), mg.tensor(np.array([0.3, 0.4]))
    norms = optim.clip_each_grad_norm_(iter([a, c, b]), 3.0)
    np.testing.assert_allclose(norms.numpy(), [50, 0.5], rtol=1e-6)
    np.testing.assert_allclose(a.grad.numpy(), [1.8, 2.4], rtol=1e-6)
    assert b.grad.tolist() == [0.3, 0.4]
    assert c.grad is None
    assert optim.clip_each_grad_norm_([c], 3.0).shape == (0,)


def test_clipping_by_value():
    a, b = nn.Parameter(np.zeros(3)), nn.Parameter(np.zeros(3))
    a.grad = mg.tensor(np.array([3.0, -0.2, -7.0]))
    optim.clip_grad_value_([a, b], 0.5)
    assert a.grad.tolist() == [0.5, -0.2, -0.5]
    assert b.grad is None


CLIPS = [optim.clip_grad_norm_, optim.clip_each_grad_norm_, optim.clip_grad_value_]


@pytest.mark.parametrize("clip", CLIPS)
def test_clipping_a_single_parameter_and_what_is_refused(clip):
    p = nn.Parameter(np.zeros((2, 1)))
    p.grad = mg.tensor(np.array([[9.0], [0.0]]))
    clip(p, 3.0)
    np.testing.assert_allclose(p.grad.numpy(), [[3], [0]], rtol=1e-6)
    with pytest.raises(ValueError, match=f"{clip.__name__}: the limit must be at least 0, not -1"):
        clip([p], -1)
    with pytest.raises(TypeError, match=r"did you mean \.parameters\(\)\?"):
        clip(nn.Linear(1, 2), 3.0)


@pytest.mark.gpu
@pytest.mark.parametrize(("optimizer", "formula", "settings"), CASES)
def test_closed_forms_and_saving_on_the_gpu(optimizer, formula, settings):
    start, grads = gradients(seed=1)[0], gradients()
    parameter = nn.Parameter(mg.tensor(start, device="gpu"))
    opt = optimizer([parameter], **settings)
    for i, g in enumerate(grads):
        if i == 2:
            saved = opt.state_dict()
            opt = optimizer([parameter], **settings)
            opt.load_state_dict(saved)
        parameter.grad = mg.tensor(g, device="gpu")
        opt.step()
    expected = formula(start, grads, **{"lr": 1e-3, **settings})
    actual = parameter.detach().to("cpu").numpy()
    np.testing.assert_allclose(actual, expected, rtol=1e-11, atol=1e-14)


def test_a_model_is_no_list_of_parameters():
    with pytest.raises(TypeError, match=r"SGD: expected a list .* did you mean .parameters\(\)\?"):
        optim.SGD(nn.Linear(2, 3))

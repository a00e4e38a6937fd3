"""Schedules at the steps where their value is known; a Scheduler on optimizers; groups."""

import json
import math

import numpy as np
import pytest

import minigen as mg
from minigen import nn, optim
from minigen.optim import Scheduler, parameter_groups
from minigen.optim.schedules import (
    chain,
    constant,
    cosine,
    exponential,
    inverse_sqrt,
    linear,
    step_decay,
    warmup,
)

VALUES = [  # schedule, {t: value}
    (constant(0.3), {0: 0.3, 10**9: 0.3}),
    (linear(1.0, 0.2, 8), {0: 1, 1: 0.9, 4: 0.6, 8: 0.2, 9: 0.2, 10**6: 0.2}),
    # the target's momentum in BYOL and DINO: 1 - (1 - m₀)(cos(πk/K) + 1)/2
    (
        cosine(0.996, 1.0, 8),
        {0: 0.996, 2: 0.9965857864376269, 4: 0.998, 6: 0.9994142135623731, 8: 1.0, 9: 1.0},
    ),
    (cosine(1.0, 0.0, 3), {0: 1, 1: 0.75, 2: 0.25, 3: 0}),
    (exponential(0.5), {0: 1, 1: 0.5, 3: 0.125}),
    (exponential(0.1, 250_000), {0: 1, 125_000: math.sqrt(0.1), 500_000: 0.01}),
    (step_decay(0.1, 30), {0: 1, 29: 1, 30: 0.1, 60: 0.01}),
    (step_decay(0.1, [5, 30]), {4: 1, 5: 0.1, 29: 0.1, 30: 0.01, 99: 0.01}),
    (warmup(4), {0: 0.25, 1: 0.5, 3: 1, 4: 1, 99: 1}),
    (warmup(4, then=linear(1.0, 0.0, 4)), {3: 1, 4: 1, 5: 0.75, 8: 0}),
    (chain(constant(), 5, linear(1.0, 0.02, 10)), {4: 1, 5: 1, 10: 0.51, 15: 0.02, 99: 0.02}),
    (chain(warmup(2), 3, chain(constant(7), 2, constant(8))), {0: 0.5, 2: 1, 3: 7, 5: 8}),
]


@pytest.mark.parametrize(("schedule", "values"), VALUES)
def test_values(schedule, values):
    for t, value in values.items():
        assert schedule(t) == pytest.approx(value, rel=1e-12, abs=1e-15)


def test_the_transformers_rate():
    width, steps = 512, 4000
    schedule = inverse_sqrt(steps)
    for step in (1, 100, 4000, 4001, 100_000):
        rate = width**-0.5 * min(step**-0.5, step * steps**-1.5)
        assert schedule(step - 1) * width**-0.5 * steps**-0.5 == pytest.approx(rate, rel=1e-12)


@pytest.mark.parametrize(
    "make",
    [
        lambda n: linear(1.0, 0.0, n),
        lambda n: cosine(1.0, 0.0, n),
        lambda n: exponential(0.5, n),
        lambda n: step_decay(0.5, n),
        lambda n: inverse_sqrt(n),
        lambda n: warmup(n),
        lambda n: chain(constant(), n, constant()),
    ],
)
def test_no_steps_are_refused(make):
    for steps in (0, -3):
        with pytest.raises(ValueError, match=f"steps must be above 0, not {steps}"):
            make(steps)


# ---- on an optimizer


def test_a_scheduler_multiplies_each_groups_own_setting():
    a, b = nn.Parameter(np.ones(2)), nn.Parameter(np.ones(2))
    opt = optim.AdamW([{"params": a, "lr": 0.1, "weight_decay": 0.0}, {"params": b, "lr": 1.0}])
    factor = linear(1.0, 3.0, 2)
    scheduler = Scheduler(opt, lr=step_decay(0.5, 1), weight_decay=factor, momentum=factor_down)
    seen = []
    for _ in range(3):
        seen.append([(g["lr"], g["weight_decay"], g["betas"]) for g in opt.param_groups])
        scheduler.step()
    assert seen[0] == [(0.1, 0.0, (0.9, 0.999)), (1.0, 0.01, (0.9, 0.999))]
    assert seen[2] == [
        (0.025, 0.0, (pytest.approx(0.72), 0.999)),
        (0.25, 0.03, (pytest.approx(0.72), 0.999)),
    ]


def factor_down(t):
    return 1 - 0.1 * t


def test_the_first_step_has_the_first_factor_and_a_late_group_joins():
    a, b = nn.Parameter(np.zeros(1)), nn.Parameter(np.zeros(1))
    opt = optim.SGD([a], lr=1.0, momentum=0.5)
    scheduler = Scheduler(opt, lr=warmup(4), momentum=linear(1.0, 0.0, 4))
    a.grad = mg.tensor([1.0], dtype="float64")
    opt.step()
    assert a.item() == -0.25
    opt.add_param_group({"params": b, "lr": 8.0})
    scheduler.step()
    assert [g["lr"] for g in opt.param_groups] == [0.5, 4.0]
    assert opt.param_groups[0]["momentum"] == 0.375


def test_lars_settles_when_its_rate_goes_to_zero():
    x = nn.Parameter(np.zeros(3))
    opt = optim.LARS([x], lr=20.0, momentum=0.5)
    scheduler = Scheduler(opt, lr=cosine(1.0, 0.0, 400))
    for _ in range(400):
        opt.zero_grad()
        (x - mg.tensor(np.array([3.0, -2.0, 0.5]))).square().sum().backward()
        opt.step()
        scheduler.step()
    np.testing.assert_allclose(x.detach().numpy(), [3, -2, 0.5], atol=1e-3)


def test_a_scheduler_goes_on_where_it_was_saved():
    def start():
        p = nn.Parameter(np.ones(2))
        opt = optim.SGD([{"params": p, "lr": 0.3}], lr=0.1, momentum=0.9)
        return opt, Scheduler(opt, lr=cosine(1.0, 0.1, 10), momentum=linear(1.0, 0.5, 10))

    opt, scheduler = start()
    for _ in range(4):
        scheduler.step()
    states = json.loads(json.dumps([opt.state_dict(), scheduler.state_dict()]))
    for order in ((0, 1), (1, 0)):
        second, resumed = start()
        for i in order:
            (second, resumed)[i].load_state_dict(states[i])
        assert second.param_groups[0]["lr"] == opt.param_groups[0]["lr"]
        resumed.step()
        assert second.param_groups[0]["lr"] == 0.3 * cosine(1.0, 0.1, 10)(5)
        assert second.param_groups[0]["momentum"] == 0.9 * 0.75
    late, _ = start()
    late.load_state_dict(states[0])
    resumed = Scheduler(late, lr=cosine(1.0, 0.1, 10), momentum=linear(1.0, 0.5, 10))
    resumed.load_state_dict(states[1])
    assert late.param_groups[0]["lr"] == opt.param_groups[0]["lr"]
    other = Scheduler(optim.SGD([nn.Parameter(np.ones(1))]), lr=constant())
    with pytest.raises(ValueError, match=r"\{'lr': 1, 'momentum': 1\} groups, expected \{'lr': 1"):
        other.load_state_dict(states[1])


def test_a_momentum_that_went_to_zero_is_neither_saved_nor_missed():
    def start():
        p = nn.Parameter(np.array([1.0, -2.0]))
        opt = optim.SGD([p], lr=0.1, momentum=0.9)
        return p, opt, Scheduler(opt, momentum=lambda t: abs(2 - t) / 2)  # 0 at t = 2, and back

    def train(p, opt, scheduler, steps):
        for step in steps:
            p.grad = mg.tensor(np.array([0.3, 1.0]) * (step + 1))
            opt.step()
            scheduler.step()

    for saved_after in range(1, 5):
        straight, first, second = start(), start(), start()
        train(*straight, range(5))
        train(*first, range(saved_after))
        mg.assign(second[0], first[0].detach())
        for i in (1, 2):
            second[i].load_state_dict(first[i].state_dict())
        train(*second, range(saved_after, 5))
        assert second[0].tolist() == straight[0].tolist()


def test_wrong_settings_are_named():
    opt = optim.SGD([nn.Parameter(np.ones(1))], momentum=0.9)
    with pytest.raises(TypeError, match="Scheduler: no schedule; give one"):
        Scheduler(opt)
    with pytest.raises(TypeError, match="Scheduler: expected an optimizer, got Linear"):
        Scheduler(nn.Linear(2, 2), lr=constant())
    with pytest.raises(TypeError, match=r"Scheduler: lr is 0\.1, expected a schedule"):
        Scheduler(opt, lr=0.1)
    with pytest.raises(TypeError, match=r"chain: a part is 0, expected a schedule"):
        warmup(3, then=0)
    with pytest.raises(TypeError, match=r"no argument weigth_decay .*did you mean weight_decay\?"):
        Scheduler(opt, weigth_decay=constant())
    with pytest.raises(TypeError, match="nesterov is False, which is no number"):
        Scheduler(opt, nesterov=constant())
    with pytest.raises(ValueError, match=r"SGD: lr must be at least 0, not -0\.001"):
        Scheduler(opt, lr=constant(-1.0))
    with pytest.raises(TypeError, match="no argument momentum"):
        Scheduler(optim.Adagrad([nn.Parameter(np.ones(1))]), momentum=constant())


# ---- groups


def test_decay_leaves_vectors_out():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Linear(2, 3))
    groups = parameter_groups(net, lr=0.1, weight_decay=0.05, vectors={"adapt": False})
    matrices, vectors = (group.pop("params") for group in groups)
    assert [p.shape for p in matrices] == [(2, 1, 3, 3), (3, 2)]
    assert [p.shape for p in vectors] == [(2,), (2,), (2,), (3,)]
    assert groups == [
        {"lr": 0.1, "weight_decay": 0.05},
        {"lr": 0.1, "weight_decay": 0.0, "adapt": False},
    ]
    opt = optim.LARS(parameter_groups(net, lr=0.1, weight_decay=0.05, vectors={"adapt": False}))
    assert [group["adapt"] for group in opt.param_groups] == [True, False]


def test_each_layer_learns_slower_than_the_next():
    first, middle, last = nn.Linear(2, 3), nn.LayerNorm(3), nn.Linear(3, 2, bias=False)
    first.bias.requires_grad = False
    layers = [first, middle, nn.ReLU(), [*last.parameters(), first.weight]]
    groups = parameter_groups(*layers, lr=1.0, layer_decay=0.5)
    assert [group["lr"] for group in groups] == [0.125, 0.25, 1.0]
    assert [[p.shape for p in group["params"]] for group in groups] == [
        [(3, 2)],
        [(3,), (3,)],
        [(2, 3)],
    ]
    optim.AdamW(groups)
    (alone,) = parameter_groups(nn.Parameter(np.ones((1, 2, 3))), lr=1.0)
    assert [p.shape for p in alone["params"]] == [(1, 2, 3)]
    with pytest.raises(TypeError, match="a parameter, or a list, not a tuple"):
        parameter_groups(first.named_parameters(), lr=1.0)
    with pytest.raises(ValueError, match="parameter_groups: no layers"):
        parameter_groups(lr=1.0)
    with pytest.raises(ValueError, match="layer_decay must be above 0, not 0"):
        parameter_groups(first, lr=1.0, layer_decay=0)

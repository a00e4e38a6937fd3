"""The average of a model against its closed form; all of optim together: cut batches, resuming."""

import numpy as np
import pytest
from needs import needs

import minigen as mg
from minigen import nn, optim
from minigen.backend import emulator
from minigen.backend.device import optimizer as device_optimizer
from minigen.optim import EMA, Scheduler, schedules


def network(seed=0):
    rng = mg.Generator(seed)
    return nn.Sequential(nn.Linear(3, 4, rng=rng), nn.BatchNorm1d(4), nn.Linear(4, 1, rng=rng))


def values(module):
    return {name: t.to("cpu").numpy().copy() for name, t in module.state_dict().items()}


def follows(device):
    """A transposed weight and one of another dtype are averaged as the others are."""
    net = network().to(device)
    net.wide = nn.Parameter(mg.tensor(np.ones((3, 5)), device=device))
    net.turned = nn.Parameter(mg.ones(5, 3, device=device).T)
    average, start = EMA(net), values(net)
    for decay in (0.9, 0.5, 0.75):
        for p in net.parameters():
            mg.assign(p, p.detach() + 1)
        average.update(net, decay)
    for name, p in net.named_parameters():
        # the k-th value is start + k: of (((0·.9 + 1·.1)·.5 + 2·.5)·.75 + 3·.25)
        moved = average.state_dict()[f"module.{name}"]
        np.testing.assert_allclose(moved.to("cpu").numpy(), start[name] + 1.5375, rtol=1e-6)
        assert (moved.dtype, moved.device) == (p.dtype, p.device)


def test_it_follows_by_its_formula():
    follows("cpu")


@needs(emulator)
def test_a_kernel_gives_the_same_all_of_a_dtype_in_one_launch(monkeypatch):
    seen, average = [], device_optimizer.average

    def noted(batch, rows, decay):
        seen.append([str(rows[0][0].dtype), len(rows[0]), decay])
        average(batch, rows, decay)

    monkeypatch.setattr(device_optimizer, "average", noted)
    with mg.emulated_kernels(check=True):
        follows("cpu")
    groups = [("float64", 1), ("float32", 6)]
    assert seen == [[t, n, decay] for decay in (0.9, 0.5, 0.75) for t, n in groups]


@pytest.mark.gpu
def test_it_follows_on_the_gpu():
    follows("gpu")


def test_constant_weights_are_reached_geometrically():
    net = nn.Linear(2, 2)
    average = EMA(net)
    before = net.weight.detach().numpy().copy()
    mg.assign(net.weight, 5.0)
    for _ in range(20):
        average.update(net, 0.9)
    expected = 5 + (before - 5) * 0.9**20
    np.testing.assert_allclose(average.module.weight.detach().numpy(), expected, rtol=1e-5)


def test_the_copy_is_apart_frozen_and_called_like_the_model():
    net = network()
    net(mg.ones(2, 3)).sum().backward()
    average = EMA(net)
    assert all(p.grad is None and not p.requires_grad for p in average.parameters())
    assert all(p.requires_grad for p in net.parameters())
    x = mg.tensor([[1.0, 2.0, -1.0]])
    net.eval()
    average.eval()
    assert average(x).tolist() == net(x).tolist()
    before = values(average)
    mg.assign(net[0].weight, 0.0)
    assert values(average)["module.0.weight"].tobytes() == before["module.0.weight"].tobytes()
    average.update(net, 1.0)
    assert values(average)["module.0.weight"].tobytes() == before["module.0.weight"].tobytes()
    average.update(net, 0.0)
    assert not values(average)["module.0.weight"].any()


@pytest.mark.parametrize("copied", [True, False])
def test_buffers_are_copied_or_the_teachers_own(copied):
    net = network()
    average = EMA(net, copy_buffers=copied)
    net(mg.Generator(1).normal((8, 3)))
    average.update(net, 0.99)
    name = "1.running_mean"
    same = np.array_equal(values(net)[name], values(average)[f"module.{name}"])
    assert same is copied
    assert values(average)["module.1.num_batches_tracked"] == int(copied)


def test_another_model_is_refused():
    average = EMA(nn.Linear(2, 3))
    with pytest.raises(ValueError, match=r"weight is \(4, 2\) .* model, and \(3, 2\) .* average"):
        average.update(nn.Linear(2, 4), 0.9)
    with pytest.raises(ValueError, match="bias is missing in the model, and"):
        average.update(nn.Linear(2, 3, bias=False), 0.9)
    with pytest.raises(ValueError, match=r"decay must be in \[0, 1\], not 1.5"):
        average.update(nn.Linear(2, 3), 1.5)


# ---- together


def test_gradients_of_parts_add_up_to_the_whole_batchs():
    x, net = mg.Generator(0).normal((12, 3)), nn.Linear(3, 2, rng=mg.Generator(1))
    net(x).square().mean().backward()
    whole = [p.grad.numpy().copy() for p in net.parameters()]
    net.zero_grad()
    for part in x.chunk(4):
        (net(part).square().mean() / 4).backward()
    for p, expected in zip(net.parameters(), whole, strict=True):
        np.testing.assert_allclose(p.grad.numpy(), expected, rtol=1e-5)


def test_ten_steps_are_five_and_a_checkpoint_and_five_with_all_of_it():
    momentum = schedules.cosine(0.9, 1.0, 10)
    data = np.random.default_rng(0).standard_normal((10, 8, 3)).astype(np.float32)

    def start():
        net = network()
        groups = optim.parameter_groups(*net, lr=0.05, layer_decay=0.5, weight_decay=0.1)
        opt = optim.LAMB(groups)
        rate = schedules.warmup(3, schedules.cosine(1.0, 0.0, 7))
        return net, EMA(net), opt, Scheduler(opt, lr=rate, weight_decay=schedules.linear(1, 5, 9))

    def train(parts, steps):
        net, average, opt, scheduler = parts
        for step in steps:
            opt.zero_grad()
            net(mg.tensor(data[step])).square().mean().backward()
            optim.clip_each_grad_norm_(net.parameters(), 0.3)
            opt.step()
            scheduler.step()
            average.update(net, momentum(step))

    straight, first, second = start(), start(), start()
    train(straight, range(10))
    train(first, range(5))
    for mine, theirs in zip(second, first, strict=True):
        mine.load_state_dict(theirs.state_dict())
    train(second, range(5, 10))
    for i in (0, 1):
        expected, actual = values(straight[i]), values(second[i])
        assert all(expected[name].tobytes() == actual[name].tobytes() for name in expected)


def test_only_a_module_has_an_average():
    with pytest.raises(TypeError, match="EMA: expected a Module, got list"):
        EMA([nn.Linear(2, 2)])

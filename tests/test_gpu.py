"""What must be the same on a GPU: every module of nn, and the engine's promises about devices.

The op table runs on the GPU in test_ops.py, the optimizers in test_optim.py; these tests are the
rest. float32 on both sides; sums in another order differ by rounding, hence 1e-4.
"""

import copy

import numpy as np
import pytest
from cases_modules import MODULES, drawn
from minigen.kernels import random

import minigen as mg
from minigen import nn, ops
from minigen.backend import array_module

pytestmark = pytest.mark.gpu
GPU = "gpu"


def close(theirs, ours):
    """A result on the GPU against one on the CPU."""
    assert theirs.device == GPU and ours.device == "cpu"
    theirs, ours = theirs.detach().to("cpu").numpy(), ours.detach().numpy()
    assert theirs.dtype == ours.dtype and theirs.shape == ours.shape
    np.testing.assert_allclose(theirs, ours, rtol=1e-4, atol=1e-4)


# ---- modules


def run(module, xs):
    """Outputs, gradients of inputs and parameters, and buffers of a call in training."""
    xs = [x.detach().requires_grad_() for x in xs]
    ys = outputs(module(*xs))
    weights = [drawn(*y.shape, seed=3).to(y.device) for y in ys]
    sum((y * w).sum() for y, w in zip(ys, weights, strict=True)).backward()
    leaves = [*xs, *module.parameters()]
    return [*ys, *(leaf.grad for leaf in leaves), *module.buffers()]


def outputs(y):
    """What a module returned, as a tuple."""
    return y if isinstance(y, tuple) else (y,)


@pytest.mark.parametrize(("module", "shapes"), MODULES, ids=lambda value: str(value)[:40])
def test_a_module_gives_what_it_gives_on_the_cpu(module, shapes):
    xs = [drawn(*shape, seed=i) for i, shape in enumerate(shapes)]
    there_xs = [x.to(GPU) for x in xs]
    here, there = copy.deepcopy(module), copy.deepcopy(module).to(GPU)
    for theirs, ours in zip(run(there, there_xs), run(here, xs), strict=True):
        close(theirs, ours)
    here.eval(), there.eval()
    for theirs, ours in zip(outputs(there(*there_xs)), outputs(here(*xs)), strict=True):
        close(theirs, ours)


def test_every_module_is_in_the_table():
    classes = {c for c in vars(nn).values() if isinstance(c, type) and issubclass(c, nn.Module)}
    elsewhere = {nn.Module, nn.ModuleList, nn.Embedding}
    assert classes - {type(module) for module, _ in MODULES} == elsewhere


def test_an_embedding_gives_what_it_gives_on_the_cpu():
    """Its input is integers, which have no gradient; these are many and repeat."""
    here = nn.Embedding(50, 32, padding_idx=1, rng=mg.Generator(2))
    there, ids = copy.deepcopy(here).to(GPU), mg.Generator(3).randint(0, 50, (40, 20))
    for layer, x in ((here, ids), (there, ids.to(GPU))):
        (layer(x) ** 2).sum().backward()
    close(there(ids.to(GPU)), here(ids))
    close(there.weight.grad, here.weight.grad)


def test_masks_and_a_cache_give_what_they_give_on_the_cpu():
    here = nn.MultiheadAttention(6, 2, batch_first=True, rng=mg.Generator(2))
    there, x = copy.deepcopy(here).to(GPU), drawn(2, 4, 6)
    padding = mg.tensor([[False] * 4, [False, False, True, True]])
    for mask in (padding, ops.where(padding, -1.0, 0.0)):
        results = [
            layer(*[x.to(device)] * 3, mask.to(device), attn_mask=drawn(4, 4).to(device) > 1,
                  is_causal=True)
            for layer, device in ((there, GPU), (here, "cpu"))
        ]  # fmt: skip
        for theirs, ours in zip(*results, strict=True):
            close(theirs, ours)
    cache = nn.KVCache()
    parts = [p.to(GPU) for p in ops.split(x, [3, 1], 1)]
    steps = [there(p, p, p, None, False, is_causal=True, cache=cache)[0] for p in parts]
    close(ops.cat(steps, 1), here(x, x, x, is_causal=True)[0])


def test_hooks_initialisers_and_the_table_of_a_model_work_there():
    net, seen = nn.Sequential(nn.Linear(3, 3), nn.ReLU()).to(GPU), []
    net[1].register_full_backward_hook(lambda m, gi, go: seen.append((gi[0], go[0])))
    for fill in (nn.init.eye_, nn.init.orthogonal_, nn.init.trunc_normal_):
        assert fill(net[0].weight).device == GPU
    x = drawn(2, 3).to(GPU)
    net(x).sum().backward()
    assert {g.device for g in seen[0]} == {GPU}
    assert net.summary(x).flops == 2 * 2 * 3 * 3


def test_a_training_run_goes_the_same_way():
    x, target = drawn(16, 1, 8, 8), mg.Generator(4).randint(0, 3, (16,))
    losses = {}
    for device in ("cpu", GPU):
        rng = mg.Generator(6)
        net = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1, rng=rng), nn.BatchNorm2d(4), nn.GELU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(64, 3, rng=rng),
        ).to(device)  # fmt: skip
        optimizer = mg.optim.Adam(net.parameters(), lr=1e-2)
        losses[device] = []
        for _ in range(10):
            optimizer.zero_grad()
            loss = ops.cross_entropy(net(x.to(device)), target.to(device))
            loss.backward()
            optimizer.step()
            losses[device].append(loss.item())
    np.testing.assert_allclose(losses[GPU], losses["cpu"], rtol=1e-3)
    assert losses[GPU][-1] < losses[GPU][0] / 2


# ---- where things are


def test_new_tensors_are_made_on_the_device():
    made = [
        mg.tensor([1.0, 2.0], device=GPU),
        mg.zeros(2, device=GPU),
        mg.full((2,), 3.0, device=GPU),
        mg.arange(2.0, device=GPU),
        mg.linspace(0, 1, 3, device=GPU),
        mg.eye(2, device=GPU),
        ops.normal((2,), device=GPU),
        ops.randint(0, 5, (2,), device=GPU).float(),
    ]
    made += [ops.zeros_like(made[0]), ops.full_like(made[0], 2.0), *ops.meshgrid(made[0], made[1])]
    made += [made[0][0], made[0][mg.tensor([1, 0], device=GPU)], made[0].sum(), made[0] > 1]
    assert {x.device for x in made} == {GPU}
    with pytest.raises(RuntimeError, match=r'on gpu; use \.to\("cpu"\)\.numpy\(\)'):
        made[0].numpy()


def test_moving_is_differentiable_and_does_nothing_where_nothing_changes():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    y = x.to(GPU)
    assert y.to(GPU) is y and y.to("gpu:0") is y and x.to("cpu") is x
    (y * y).sum().to("cpu").backward()
    assert x.grad.device == "cpu" and x.grad.tolist() == [2, 4]
    z = mg.tensor([3.0], device=GPU, requires_grad=True)
    (z.to("cpu") * 2).sum().backward()
    assert z.grad.device == GPU and z.grad.tolist() == [2]


def test_numbers_and_repr():
    x = mg.tensor([[1.5]], device=GPU)
    assert (x.item(), float(x), bool(x), x.tolist()) == (1.5, 1.5, True, [[1.5]])
    assert repr(x) == "tensor([[1.5]], device=gpu)" and f"{x:.2f}" == "1.50"


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda a, b: a + b, "add"),
        (lambda a, b: b * a, "mul"),
        (lambda a, b: a @ b, "matmul"),
        (lambda a, b: ops.where(a > 0, a, b), "where"),
        (lambda a, b: ops.cat([a, b]), "cat"),
        (lambda a, b: ops.linear(a, b[None]), "linear"),
        (lambda a, b: ops.mse_loss(a, b), "mse"),
    ],
)
def test_devices_do_not_mix(call, name):
    here, there = mg.ones(3), mg.ones(3, device=GPU)
    for a, b in ((here, there), (there, here)):
        with pytest.raises(RuntimeError, match=rf"{name}: one argument is on \w+, another on \w+;"):
            call(a, b)


def test_a_gpu_that_is_not_there_is_named():
    with pytest.raises(RuntimeError, match='device "gpu:99": this machine has'):
        mg.ones(2, device="gpu:99")


# ---- the engine


def test_the_aliasing_trap_and_higher_orders():
    x = mg.tensor([1.0, 2.0], device=GPU, requires_grad=True)
    y = mg.tensor([3.0, 4.0], device=GPU, requires_grad=True)
    (((x + y) + x) * mg.tensor([5.0, 6.0], device=GPU)).sum().backward()
    assert y.grad.tolist() == [5, 6] and x.grad.tolist() == [10, 12] and x.grad.device == GPU
    (first,) = mg.grad((x**3).sum(), x, create_graph=True)
    assert mg.grad(first.sum(), x)[0].tolist() == [6, 12]


def test_upstream_gradients_and_hooks():
    x, seen = mg.ones(2, device=GPU, requires_grad=True), []
    x.register_hook(lambda g: seen.append(g.device) or g * 2)
    (x * 3).backward(mg.tensor([1.0, 10.0], device=GPU))
    assert x.grad.tolist() == [6, 60] and seen == [GPU]


def test_overwritten_memory_is_noticed():
    whole = mg.ones(4, 3, device=GPU)
    w = whole[1].requires_grad_()
    loss = (w * w).sum()
    mg.assign(whole[2], 0.0)
    loss.backward(retain_graph=True)
    mg.assign(whole[1], 5.0)
    with pytest.raises(RuntimeError, match=r"mul saved a tensor of shape \(3,\) that was overwri"):
        loss.backward()


def test_derivatives_stay_on_the_device():
    x, v = drawn(3).to(GPU), drawn(3, seed=2).to(GPU)
    f = lambda x: (ops.gelu(x) * x).sum()  # noqa: E731
    pairs = [
        (lambda x, v: mg.jvp(f, x, v)[1]),
        (lambda x, v: mg.hvp(f, x, v)[1][0]),
        (lambda x, v: mg.hessian(f, x)),
        (lambda x, v: mg.jacobian(lambda x: ops.softmax(x, 0), x)),
        (lambda x, v: mg.vjp(lambda x: x.exp(), x)[1](v)[0]),
    ]
    for derivative in pairs:
        close(derivative(x, v), derivative(x.to("cpu"), v.to("cpu")))


def test_generators_draw_what_numpy_makes_of_the_seed_bit_for_bit():
    rng, draw = mg.Generator(3, GPU), np.uint64([3, 0])
    pairs = [
        (rng.normal((30, 40), 1.0, 2.0), random.normal(draw, 1200, 1.0, 2.0)),
        (rng.uniform(999), random.unit_uniform(draw + np.uint64([0, 1]), 999)),
        (rng.randint(-9, 100, 7), random.randint(draw + np.uint64([0, 2]), 7, -9, 109)),
        (rng.permutation(9), mg.Generator(3).permutation(9).numpy()),
    ]
    for ours, expected in pairs:
        np.testing.assert_array_equal(ours.to("cpu").numpy().reshape(-1), expected)
    assert mg.Generator(3, GPU).spawn("a").device == GPU


def test_checkpoint_draws_the_same_numbers_again():
    x = drawn(50).to(GPU).requires_grad_()
    mg.manual_seed(1)
    y = mg.checkpoint(lambda x: ops.dropout(x * x, 0.5), x)
    ops.dropout(x)  # moves the generator on
    y.sum().backward()
    expected = y.detach() * 2 / x.detach()
    close(x.grad, expected.to("cpu"))


def test_anomaly_mode_and_the_profile():
    x = mg.tensor([0.0, 4.0], device=GPU, requires_grad=True)
    text = r"the gradient of sqrt is inf for its input x"
    with pytest.raises(FloatingPointError, match=text), mg.anomaly():
        x.sqrt().sum().backward()
    with pytest.raises(FloatingPointError, match=r"log made inf(.|\n)*from 0 to 4"), mg.anomaly():
        x.log()
    with mg.profile() as p:
        (x * x).sum().backward()
    assert {name: row[0] for name, row in p.rows.items()} == {"mul": 1, "sum": 1}


def test_indices_may_be_tensors_lists_and_masks():
    x = drawn(4, 5)
    for key in (
        (mg.tensor([0, 2, 0]),),
        (slice(None), mg.tensor([[1], [3]])),
        (mg.tensor([0, 1]), mg.tensor([4, 4])),
        ([0, 2],),
        (x > 0,),
        (slice(1, None, 2), 3),
    ):
        results = []
        for device in (GPU, "cpu"):
            there = tuple(k.to(device) if isinstance(k, mg.Tensor) else k for k in key)
            z = x.detach().to(device).requires_grad_()
            y = z[there]
            (y * y).sum().backward()
            results.append((y, z.grad))
        for theirs, ours in zip(*results, strict=True):
            close(theirs, ours)


def test_float16_with_float32_gradients_of_a_float32_leaf():
    w = mg.ones(4, 4, device=GPU, requires_grad=True)
    y = (w.to("float16") @ mg.ones(4, 2, dtype="float16", device=GPU)).float().sum()
    y.backward()
    assert w.grad.dtype == np.float32 and w.grad.device == GPU and w.grad.tolist() == [[2] * 4] * 4


def test_a_users_op_runs_where_its_arrays_are():
    @mg.primitive(lambda g, y: g * y)
    def grown(x):
        return array_module(x).exp(x)

    x = drawn(5)
    there, here = x.to(GPU).requires_grad_(), x.detach().requires_grad_()
    for z in (there, here):
        grown(z).sum().backward()
    close(there.grad, here.grad)

"""The seam between minigen and GPU arrays, on machines without a GPU.

Idea: fake_cupy.py takes CuPy's place, and refuses whatever CuPy refuses. Every test that needs a
GPU (`-m gpu`) runs here too, on the stand-in, and so do the op table on the second of two GPUs,
training runs, and the mistakes that users make with devices.

What this proves: nothing above minigen/backend/ names NumPy where an array may be a GPU's, nothing
mixes arrays of two devices, everything is computed, and left, where its inputs are.
What it cannot prove: CuPy's own behaviour. Its kernels, their rounding, memory and speed, cuBLAS:
that is for `pytest -m gpu` on a GPU.
Read next: fake_cupy.py, test_gpu.py.
"""

import functools
import inspect
import os
import signal
import subprocess
import sys

import fake_cupy
import numpy as np
import pytest
import test_draw
import test_ema
import test_gpu
import test_gpu_edges
import test_metrics
import test_nn
import test_ops
import test_optim
import test_optim_lbfgs
from cases import CASES, CREATION, RANDOM
from minigen.demos.autoencoders import autoencoder, conv_autoencoder
from needs import needs

import minigen as mg
from minigen import nn, ops, optim
from minigen.autograd import writing
from minigen.backend import byte_range, cupy, emulator, follow, to_device
from minigen.gradcheck import upstream_like
from minigen.optim.clip import clip_grad_norm_, clip_grad_value_
from minigen.tensor import Tensor
from minigen.train import Demo, Run, checkpoint

pytestmark = [
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),  # log(0), 1/0 on the CPU's side
    needs(emulator),
]


@pytest.fixture(autouse=True)
def two_gpus(monkeypatch):
    """The stand-in in CuPy's place."""
    fake_cupy.install(monkeypatch)
    cupy.module.cache_clear()
    yield
    cupy.module.cache_clear()


def elsewhere():
    """The first GPU becomes the current one, as when it was used last."""
    fake_cupy.Device(0).use()


# ---- the tests of a GPU


def on_the_stand_in(test):
    """The test, without the mark that has it skipped where there is no GPU."""

    @functools.wraps(test)
    def copy(*args, **kwargs):
        return test(*args, **kwargs)

    copy.pytestmark = [mark for mark in getattr(test, "pytestmark", ()) if mark.name != "gpu"]
    return copy


_optim = test_ema, test_optim, test_optim_lbfgs
for _module in (test_gpu, test_gpu_edges, test_metrics, test_draw, test_nn, test_ops, *_optim):
    for _name, _test in list(vars(_module).items()):
        _marks = [*getattr(_test, "pytestmark", ()), getattr(_module, "pytestmark", None)]
        if _name.startswith("test_") and "gpu" in [getattr(mark, "name", "") for mark in _marks]:
            # named after where it is from: test_gpu.test_numbers becomes test_gpu_numbers
            globals()[_name.replace("test", _module.__name__, 1)] = on_the_stand_in(_test)


# ---- the second of two GPUs: wherever another one is current, results are left on the right one


def derivatives(case, run, device):
    """Values and gradients of orders 1 (on arrays, and recorded) and 2; arrays, on the CPU."""
    xs = test_ops.leaves(case.arrays(run), device)
    found = list(test_ops.outputs(case, run.options, xs))
    ys = [y for y in found if y.requires_grad]
    vs = [Tensor(upstream_like(np.zeros(y.shape))).to(y.device) for y in ys]
    if ys:
        elsewhere()
        again = [y for y in test_ops.outputs(case, run.options, xs) if y.requires_grad]
        elsewhere()
        plain = test_ops.gradients(again, xs, vs)
        elsewhere()
        recorded = test_ops.gradients(ys, xs, vs, create_graph=True)
        ys = [g for g in recorded if g.requires_grad]
        us = [Tensor(upstream_like(np.zeros(g.shape), 1)).to(g.device) for g in ys]
        elsewhere()
        found += [*plain, *recorded, *test_ops.gradients(ys, xs, us)]
    expected = {device, run.options.get("device", device)}
    assert {y.device for y in found} <= expected
    return [y.detach().to("cpu").numpy() for y in found]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_ops_and_their_derivatives_on_the_second_gpu(case):
    for run in case.runs:
        theirs, ours = derivatives(case, run, "gpu:1"), derivatives(case, run, "cpu")
        for a, b in zip(theirs, ours, strict=True):
            test_ops.close(a, b, scale=4)


@pytest.mark.parametrize("row", [*CREATION, *RANDOM], ids=lambda row: row.name)
def test_new_tensors_on_the_second_gpu(row):
    if not hasattr(row, "calls"):
        x, y = (row.fn(*row.args, rng=mg.Generator(3, gpu)) for gpu in ("gpu:1", "gpu"))
        assert (x.device, y.device, x.dtype) == ("gpu:1", "gpu", row.dtype)
        np.testing.assert_array_equal(x.to("cpu").numpy(), y.to("cpu").numpy())
        return
    for args, options, expected in row.calls:
        if row.name.endswith("_like"):
            x = row.fn(args[0].to("gpu:1"), *args[1:], **options, dtype="float64")
        elif row.name != "from_numpy":
            x = row.fn(*args, **options, device="gpu:1", dtype="float64")
        else:
            continue
        assert (x.shape, x.dtype, x.device) == (expected.shape, "float64", "gpu:1")
        if row.name != "empty_like":
            np.testing.assert_array_equal(x.to("cpu").numpy(), expected)
        elsewhere()


def test_a_graph_over_all_devices():
    """Gradients cross with the tensors, and are summed where their tensor is."""
    x = mg.tensor([1.0, 2.0], device="gpu:1", requires_grad=True)
    w = mg.tensor([3.0, 4.0], device="gpu", requires_grad=True)
    b = mg.tensor([5.0, 6.0], requires_grad=True)
    y = (x * x).to("gpu") * w + x.to("gpu") + b.to("gpu:1").to("gpu") * w
    elsewhere()
    y.sum().to("cpu").backward()
    found = [(p.grad.device, p.grad.tolist()) for p in (x, w, b)]
    assert found == [("gpu:1", [7, 17]), ("gpu", [6, 10]), ("cpu", [3, 4])]


def test_writing_into_the_second_gpu():
    x = mg.ones(2, device="gpu:1")
    elsewhere()
    with writing(x) as memory:
        memory += 1
    mg.assign(x[0], 5)
    elsewhere()
    assert x.tolist() == [5, 2] and mg.jacobian(lambda x: x * x, x).tolist() == [[10, 0], [0, 4]]
    with pytest.raises(ValueError, match="several GPUs"):
        follow(x.data, mg.ones(2, device="gpu").data)


def test_a_network_on_the_second_gpu_trains_as_on_the_cpu():
    x, classes = mg.Generator(1).normal((8, 1, 8, 8)), mg.Generator(2).randint(0, 3, (8,))
    weights = {}
    for device in ("cpu", "gpu:1"):
        rng = mg.Generator(4)
        net = nn.Sequential(
            nn.BatchNorm2d(1, momentum=None), nn.Conv2d(1, 4, 3, padding=1, rng=rng), nn.GELU(),
            nn.MaxPool2d(2), nn.Dropout(0.2, rng=mg.Generator(5)), nn.Flatten(),
            nn.Linear(64, 3, rng=rng),
        ).to(device)  # fmt: skip
        inputs, targets = x.to(device), classes.to(device)
        optimizer = optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=0.01)
        for step in range(4):
            elsewhere()
            optimizer.zero_grad()
            loss = ops.cross_entropy(net(inputs), targets)
            elsewhere()
            loss.backward()
            norm = clip_grad_norm_(list(net.parameters()), 1.0)
            clip_grad_value_(net.parameters(), 0.3)
            elsewhere()
            optimizer.step()
            if step == 1:
                state = optimizer.state_dict()
                optimizer = optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=0.01)
                optimizer.load_state_dict(state)
        assert {t.device for t in [norm, *net.state_dict().values()]} == {device}
        weights[device] = [t.to("cpu").numpy() for t in net.state_dict().values()]
    for a, b in zip(weights["gpu:1"], weights["cpu"], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


# ---- what CuPy does otherwise than NumPy


def test_gradients_are_no_broadcast_views():
    """NumPy marks such views read-only, CuPy does not."""
    x = mg.zeros(3, device="gpu", requires_grad=True)
    (x.sum() * 2).backward()
    mg.assign(x.grad, mg.arange(3.0, device="gpu"))
    assert x.grad.tolist() == [0, 1, 2]


def test_integers_are_scattered():
    """CUDA adds atomically to some integers only, int64 not among them."""
    x, index = mg.zeros(3, dtype="int64", device="gpu"), mg.tensor([0, 2, 0], device="gpu")
    y = ops.scatter_add(x, 0, index, mg.tensor([1, -2, 3], device="gpu"))
    assert y.tolist() == [4, 0, -2]
    assert ops.put(x, index, -1, accumulate=True).tolist() == [-2, 0, -1]


NUMBERS = [2, 2.5, np.float32(2.5), np.float64(2.5), np.int64(2)]


@pytest.mark.parametrize("number", NUMBERS, ids=repr)
@pytest.mark.parametrize("name", ["add", "sub", "mul", "div", "pow", "maximum", "minimum"])
def test_numbers_on_either_side(name, number):
    results = []
    for device in ("cpu", "gpu"):
        x = mg.tensor([0.5, 3.0], device=device, requires_grad=True)
        fn = getattr(ops, name)
        y = fn(x, number) * fn(number, x)
        (g,) = mg.grad(y.sum(), x, create_graph=True)
        found = [y, g, *mg.grad(g.sum(), x, retain_graph=True), *mg.grad(y.sum(), x)]
        assert {(t.device, t.dtype.name) for t in found} == {(device, "float32")}
        results.append([t.tolist() for t in found])
    np.testing.assert_allclose(*results, rtol=1e-6)


def test_memory_of_a_gpu_has_addresses_too():
    x = mg.zeros(4, 3, device="gpu").data
    low, high = byte_range(x)
    assert high - low == x.nbytes and byte_range(x[1:, ::-1]) == (low + 12, high)


# ---- without a GPU


def test_nothing_on_the_cpu_imports_cupy(tmp_path):
    """A CuPy that is broken, or takes its time, is nobody's problem who did not ask for a GPU."""
    for name in ("cupy", "cupyx"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('it was imported')")
    code = (
        "import sys, minigen as mg\n"
        "from minigen import data, draw, metrics, models, nn, ops, optim, train\n"
        "net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.GELU(), nn.Flatten(), nn.Linear(32, 3))\n"
        "x, target = mg.Generator(0).normal((4, 1, 6, 6)), mg.tensor([0, 1, 2, 2])\n"
        "loss = ops.cross_entropy(net(x), target) + ops.embedding(target, mg.ones(3, 2)).sum()\n"
        "loss.backward()\n"
        "optim.Adam(net.parameters()).step()\n"
        "x.to('cpu')[target].tolist(), train.device.device_name('cpu')\n"
        "try: mg.ones(2).log(1, 2)\n"
        "except TypeError: pass\n"
        "assert not {'cupy', 'cupyx', 'minigen.backend.cupy'} & set(sys.modules)"
    )
    where = os.pathsep.join([str(tmp_path), *sys.path])
    command, environment = [sys.executable, "-c", code], {**os.environ, "PYTHONPATH": where}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")


# ---- getting in and out


def test_every_way_out():
    x = mg.tensor([[0.5, -1.0]], device="gpu:1")
    assert x.to("cpu").numpy().tolist() == x.tolist() == [[0.5, -1.0]]
    assert x.device == "gpu:1" and repr(x) == "tensor([[ 0.5, -1. ]], device=gpu:1)"
    assert float(x[0, 0]) == x.max().item() == 0.5 and int(x.argmin()) == 1 and bool(x.amax() > 0)
    assert f"{x[0, 1]:.2f}" == "-1.00" and [v.item() for v in x[0]] == [0.5, -1.0]
    assert range(5)[mg.tensor(3, device="gpu")] == 3
    with pytest.raises(RuntimeError, match=r'on gpu:1; use \.to\("cpu"\)\.numpy\(\)'):
        x.numpy()
    with pytest.raises(RuntimeError, match=r'on gpu:1; use \.to\("cpu"\)\.numpy\(\)'):
        np.asarray(x)


def test_nobody_makes_a_numpy_array_of_it_by_itself():
    x = mg.ones(2, device="gpu").data
    for conversion in (np.asarray, np.array, np.float64, np.array2string, np.ones(2).__add__):
        with pytest.raises(TypeError):
            conversion(x)


def test_a_tensor_of_tensors_and_of_arrays():
    x = mg.tensor([1.0, 2.0], device="gpu")
    assert mg.tensor([x, [3, 4]]).tolist() == [[1, 2], [3, 4]]
    assert mg.tensor(x.data, device="gpu:1").device == "gpu:1" and mg.tensor(x).device == "cpu"
    assert Tensor(x.data).device == "gpu" and nn.Parameter(x).device == "gpu"
    assert mg.tensor(x, device="gpu").data is not x.data and to_device(x.data, "gpu") is x.data


def test_generators_of_a_gpu():
    rng = mg.Generator(7, device="gpu:1")
    state = rng.state_dict()
    first = [rng.normal((2,)), rng.uniform((2,)), rng.randint(0, 9, (2,)), rng.permutation(3)]
    assert {t.device for t in [*first, rng.spawn("x").normal((2,))]} == {"gpu:1"}
    rng.load_state_dict(state)
    assert rng.normal((2,)).tolist() == first[0].tolist()
    assert ops.dropout(mg.ones(9, device="gpu"), rng=rng).device == "gpu"
    assert mg.manual_seed(1).device == "cpu" and ops.normal((2,), device="gpu").device == "gpu"


def test_states_cross_devices_in_both_directions():
    net, twin = (nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)) for _ in range(2))
    net[0].weight.grad = mg.ones(3, 2)
    weight = net[0].weight
    net.to("gpu")
    assert net[0].weight is weight and weight.grad.device == "gpu"
    twin.load_state_dict(net.state_dict())
    assert twin[0].weight.tolist() == weight.tolist() and twin[0].weight.device == "cpu"
    mg.assign(twin[1].running_mean, 3.0)
    net.load_state_dict({name: t.numpy() for name, t in twin.state_dict().items()})
    assert net[1].running_mean.tolist() == [3, 3, 3] and net[1].running_mean.device == "gpu"
    assert {t.device for t in net.to("gpu:1").state_dict().values()} == {"gpu:1"}
    assert net.to("float64").to("cpu")[0].weight.dtype == np.float64


# ---- mistakes


PAIRS = [("cpu", "gpu"), ("gpu", "cpu"), ("gpu", "gpu:1")]


@pytest.mark.parametrize("devices", PAIRS, ids="-".join)
@pytest.mark.parametrize(
    "call",
    [
        lambda a, b: a + b,
        lambda a, b: a / b,
        lambda a, b: a == b,
        lambda a, b: a @ b,
        lambda a, b: ops.where(a > 0, b, 1.0),
        lambda a, b: ops.cat([a, b]),
        lambda a, b: ops.stack([a, b]),
        lambda a, b: ops.clamp(a, min=b),
        lambda a, b: ops.put(a, 0, b[0]),
        lambda a, b: ops.scatter_add(a, 0, mg.zeros(1, 2, dtype="int64", device=a.device), b),
        lambda a, b: ops.linear(a, b),
        lambda a, b: ops.einsum("ij,jk,ki", a, b, a),
        lambda a, b: ops.tensordot(a, b),
        lambda a, b: ops.outer(a[0], b[0]),
        lambda a, b: ops.solve(a, b),
        lambda a, b: ops.solve_triangular(a, b, upper=True),
        lambda a, b: ops.stft(a, 2, window=b[0]),
        lambda a, b: ops.mse_loss(a, b),
        lambda a, b: ops.binary_cross_entropy(a, b),
        lambda a, b: ops.cross_entropy(a, b[0].long()),
        lambda a, b: ops.cross_entropy(a, a[0].long(), b[0]),
        lambda a, b: ops.nll_loss(a, b[0].long()),
        lambda a, b: ops.gaussian_nll_loss(a, a, b),
        lambda a, b: ops.cdist(a, b),
        lambda a, b: ops.scaled_dot_product_attention(a, a, b),
        lambda a, b: ops.scaled_dot_product_attention(a, a, a, b),
        lambda a, b: ops.scaled_dot_product_attention(a, a, a, b > 0),
        lambda a, b: ops.conv1d(a[None], b[None]),
        lambda a, b: ops.conv_transpose1d(a[None], b[:, None]),
        lambda a, b: ops.batch_norm(a, None, None, b[0], training=True),
        lambda a, b: ops.batch_norm(a, b[0], b[1], training=True),
        lambda a, b: ops.batch_norm(a, b[0], b[1]),
        lambda a, b: (a.requires_grad_() * 2).backward(b),
        lambda a, b: mg.assign(a, b),
        lambda a, b: mg.assign(a, b.data),
        lambda a, b: setattr(a, "data", b.data),
    ],
    ids=lambda call: inspect.getsource(call).partition(": ")[2].strip(" ,\n"),
)
def test_mixing_devices_names_both(call, devices):
    a, b = (mg.ones(2, 2, device=device) for device in devices)
    with pytest.raises(RuntimeError, match=" on ") as caught:
        call(a, b)
    words = str(caught.value).replace(",", " ").replace(";", " ").split()
    assert set(devices) <= set(words), str(caught.value)


def test_an_array_on_the_cpu_is_an_index_of_any_tensor():
    """As in PyTorch; CuPy copies it."""
    x = mg.tensor([1.0, 2.0, 3.0], device="gpu", requires_grad=True)
    y = x[mg.tensor([2, 0])] + x[[1, 1]] + x[mg.tensor([True, False, True])]
    y.sum().backward()
    assert y.tolist() == [6, 6] and x.grad.tolist() == [2, 2, 2]


@pytest.mark.parametrize(
    "call",
    [
        lambda: mg.zeros(2, device="gpu:7"),
        lambda: mg.tensor([1.0]).to("gpu:7"),
        lambda: nn.Linear(2, 2).to("gpu:7"),
        lambda: mg.Generator(device="gpu:7").normal((2,)),
        lambda: Demo(device="gpu:7").check(),
    ],
)
def test_a_gpu_that_is_not_there(call):
    with pytest.raises((RuntimeError, ValueError), match=r'"gpu:7": this machine has 2, numbered'):
        call()


# ---- training

DEMOS = [
    (autoencoder, dict(hidden=(8,), latent=4, batch=16, epochs=2)),
    (conv_autoencoder, dict(widths=(2, 3), latent=4, batch=16, steps=6)),
]


@pytest.mark.parametrize(("demo", "settings"), DEMOS, ids=["autoencoder", "conv-autoencoder"])
def test_a_demo_on_the_gpu_is_resumed_bit_for_bit(demo, settings, tmp_path, monkeypatch, capsys):
    pictures = np.random.default_rng(0).integers(0, 256, (40, 12, 12), np.uint8)
    np.savez(tmp_path / "small.npz", images=pictures)

    def train(out, device="gpu", **options):
        where = dict(data=str(tmp_path / "small.npz"), out=str(tmp_path / out), device=device)
        assert demo.main(demo.Config(**settings, **where, **options)) == 0

    def interrupting(run, **terms):
        log(run, **terms)
        if run.step + 1 == 3:
            signal.raise_signal(signal.SIGINT)

    train("whole")
    train("cpu", device="cpu")
    log = Run.log
    monkeypatch.setattr(Run, "log", interrupting)
    with pytest.raises(KeyboardInterrupt):
        train("cut")
    monkeypatch.setattr(Run, "log", log)
    train("unused", resume=str(next((tmp_path / "cut").iterdir())))
    states = {
        name: checkpoint.load(next((tmp_path / name).iterdir()) / "checkpoint.safetensors")
        for name in ("whole", "cut", "cpu")
    }
    assert states["cut"]["run"]["generators"] == states["whole"]["run"]["generators"]
    for part in ("model", "optimizer"):
        for name, value in states["whole"][part].items():
            np.testing.assert_array_equal(value, states["cut"][part][name])
            if name != "groups":
                np.testing.assert_allclose(value, states["cpu"][part][name], rtol=1e-3, atol=1e-4)
    assert "gpu: stand-in" in next((tmp_path / "cut").glob("*/report.json")).read_text()

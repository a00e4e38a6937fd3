"""Steps of many parameters in one launch: the same numbers, few launches, nothing from the host.

Idea: test_optim.py runs with MINIGEN_EMULATE=1 too, and test_kernels.py knows the formulas. Here is
what only the kernels' side can get wrong: which parameters step together, whose step count is
which, what the device keeps, and when that is written again.
Read next: ../minigen/backend/device/optimizer.py, test_optim.py.
"""

import numpy as np
import pytest
from needs import needs

import minigen as mg
from minigen import nn, optim
from minigen.backend import emulator, kernels
from minigen.backend.device import optimizer as device

pytestmark = needs(emulator)

OPTIMIZERS = [
    (optim.SGD, {"lr": 0.1, "weight_decay": 0.1}),
    (optim.SGD, {"lr": 0.1, "momentum": 0.9, "dampening": 0.5}),
    (optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    (optim.Adam, {"weight_decay": 0.1}),
    (optim.AdamW, {"lr": 0.01, "betas": (0.5, 0.9)}),
]


@pytest.fixture(autouse=True)
def by_numpy(monkeypatch):
    """Kernels run where a test emulates them, and nowhere else, whatever the environment says."""
    monkeypatch.setattr(kernels, "_emulation", None)


@pytest.fixture
def launches(monkeypatch):
    """The names of the kernels that were launched."""
    seen, run = [], kernels._emulated

    def noted(plan, *rest):
        seen.append(plan.kernel.name)
        return run(plan, *rest)

    monkeypatch.setattr(kernels, "_emulated", noted)
    return seen


def mixed(rng):
    """Parameters of all kinds: large, small, empty, 0-d, of three dtypes, a transposed view."""
    shapes = [(3, 2000), (5,), (0, 4), (), (1,)]
    arrays = [rng.standard_normal(shape).astype("float32") for shape in shapes]
    arrays += [rng.standard_normal(9), rng.standard_normal(4).astype("float16")]
    return [nn.Parameter(a) for a in [*arrays, rng.standard_normal((4, 3)).T]]


@pytest.mark.parametrize(("optimizer", "settings"), OPTIMIZERS)
def test_the_same_steps_as_without_kernels(optimizer, settings):
    """With gradients that are missing at times, laid out otherwise, and a schedule."""
    results = []
    for emulated in (False, True):
        rng = np.random.default_rng(0)
        params = mixed(rng)
        opt = optimizer([{"params": params[:4]}, {"params": params[4:], "lr": 0.3}], **settings)
        for step in range(4):
            for i, p in enumerate(params):
                g = np.asarray(rng.standard_normal(p.shape), order="F" if step % 2 else "C")
                p.grad = None if (i + step) % 3 == 0 else mg.tensor(g, dtype=p.dtype)
            if emulated:
                with mg.emulated_kernels(check=step == 3):
                    opt.step()
            else:
                opt.step()
            opt.param_groups[0]["lr"] *= 0.5
        results.append([*(p.detach().numpy() for p in params), opt.state_dict()])
    (*plain, state), (*ours, ours_state) = results
    assert state.keys() == ours_state.keys() and state["groups"] == ours_state["groups"]
    pairs = list(zip(ours, plain, strict=True))
    for key, value in state.items():
        if key.endswith(".step"):
            assert ours_state[key] == value and type(ours_state[key]) is int
        elif key != "groups":
            pairs.append((ours_state[key], value))
    for a, b in pairs:
        digits = {"float64": 1e-12, "float32": 1e-5, "float16": 0}[str(b.dtype)]
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=digits, atol=digits)


@pytest.mark.parametrize(
    ("optimizer", "settings"),
    [(optim.SGD, {}), (optim.SGD, {"momentum": 0.9}), (optim.Adam, {}), (optim.AdamW, {})],
)
def test_without_decay_an_infinite_parameter_spoils_nothing(optimizer, settings):
    p = nn.Parameter(np.array([np.inf, 1.0]))
    p.grad = mg.tensor([2.0, 3.0], dtype="float64")
    opt = optimizer([p], **{"weight_decay": 0.0, **settings})
    with mg.emulated_kernels():
        opt.step()
    assert p.detach().numpy()[0] == np.inf
    for key, value in opt.state_dict().items():
        if "." in key and key != "groups":
            assert np.isfinite(value).all(), key


@pytest.mark.parametrize(
    ("optimizer", "settings", "expected"),
    [
        (optim.SGD, {}, ["sgd_tick", "sgd_step"]),
        (optim.SGD, {"momentum": 0.5}, ["sgd_tick", "momentum_step"]),
        (optim.AdamW, {}, ["adam_tick", "adam_step"]),
    ],
)
def test_two_launches_a_step_and_no_copy_where_nothing_moved(
    optimizer, settings, expected, launches, monkeypatch
):
    params = [nn.Parameter(np.ones(3 + i, "float32")) for i in range(20)]
    for p in params:
        p.grad = mg.ones(*p.shape)
    opt = optimizer(params, **settings)
    with mg.emulated_kernels():
        opt.step()
        assert launches == expected
        with monkeypatch.context() as patch:  # a third step that wants anything from the host fails
            for place in (device, kernels):
                patch.setattr(place, "to_device", None)
            opt.step()
            opt.step()
            opt.param_groups[0]["lr"] *= 2
            with pytest.raises(TypeError):
                opt.step()
        opt.load_state_dict(opt.state_dict())  # to other memory
        opt.step()
    batch = opt._batches[0, "cpu", np.dtype("float32")]
    steps = [opt.state[p]["step"] for p in params]
    assert batch.steps.host == steps and batch.steps._there.tolist() == steps


def test_the_device_follows_what_the_host_says():
    """A state that is loaded, or changed by hand, is what the next step starts from."""
    p = nn.Parameter(np.ones(3))
    opt = optim.Adam([p], lr=0.1)
    p.grad = mg.tensor(np.array([1.0, -2.0, 3.0]))
    with mg.emulated_kernels():
        opt.step()
        opt.state[p]["step"] = 999
        opt.step()
    opt.step()  # by NumPy
    with mg.emulated_kernels():
        opt.step()
    assert opt.state[p]["step"] == 1002
    again, m, v = np.ones(3), 0.0, 0.0
    for t in (1, 1000, 1001, 1002):
        g = p.grad.numpy()
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        again -= 0.1 * m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    np.testing.assert_allclose(p.detach().numpy(), again, rtol=1e-12)


def test_an_optimizer_with_its_own_rule_steps_by_it():
    class Sign(optim.SGD):
        def rule(self, group, step):
            def update(x, g, kept, u, v):
                x -= group["lr"] * np.sign(g)

            return update

    p = nn.Parameter(np.zeros(2))
    p.grad = mg.tensor(np.array([5.0, -0.1]))
    with mg.emulated_kernels():
        Sign([p], lr=0.5).step()
    assert p.tolist() == [-0.5, 0.5]


# ---- clipping


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("max_norm", [1.0, 1e6, 0])
def test_clipping_on_the_device(dtype, max_norm, launches):
    rng, found = np.random.default_rng(0), []
    arrays = [rng.standard_normal(shape).astype(dtype) for shape in [(70, 90), (3,), (), (0,)]]
    arrays.append(rng.standard_normal((4, 6)).T.astype(dtype))
    for emulated in (False, True):
        params = [nn.Parameter(np.zeros_like(a)) for a in arrays] + [nn.Parameter(np.ones(2))]
        held = [mg.tensor(a) for a in arrays]
        for p, g in zip(params, held, strict=False):
            p.grad = g
        if emulated:
            with mg.emulated_kernels(check=True):
                total = optim.clip_grad_norm_(params, max_norm)
            assert launches == ["gradient_squares", "gradient_norm", "gradient_clip"]
        else:
            total = optim.clip_grad_norm_(params, max_norm)
        assert params[-1].grad is None and total.dtype == "float32" and total.shape == ()
        for g, a in zip(held, arrays, strict=True):
            np.testing.assert_array_equal(g.numpy(), a)  # out of place
        found.append([total.numpy(), *(p.grad.numpy() for p in params[:-1])])
    for a, b in zip(*found, strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_clipping_what_is_huge_or_nan_or_mixed(launches):
    a, b = nn.Parameter(np.zeros(2, "float32")), nn.Parameter(np.zeros(2, "float32"))
    with mg.emulated_kernels():
        a.grad, b.grad = mg.tensor([3e30, 0.0]), mg.tensor([0.0, -4e30])
        assert optim.clip_grad_norm_([a, b], 1.0).item() == pytest.approx(5e30)  # its square is inf
        np.testing.assert_allclose([*a.grad.tolist(), *b.grad.tolist()], [0.6, 0, 0, -0.8], 1e-6)
        a.grad = mg.tensor([np.nan, 1.0])
        assert np.isnan(optim.clip_grad_norm_([a, b], 1.0).item())
        assert np.isnan(b.grad.numpy()).all()
        del launches[:]
        a.grad, b.grad = mg.tensor(np.array([3.0, 0.0])), mg.tensor([0.0, 4.0])
        assert optim.clip_grad_norm_([a, b], 1.0).item() == pytest.approx(5)
    assert "gradient_squares" not in launches
    np.testing.assert_allclose(b.grad.tolist(), [0, 0.8], rtol=1e-5)

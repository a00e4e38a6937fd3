"""Modules without memory: made inside `nn.meta()`, counted, and given values afterwards."""

import copy
import tracemalloc

import numpy as np
import pytest
from cases_modules import MODULES, drawn, modules

import minigen as mg
from minigen import nn, optim
from minigen.nn import init
from minigen.nn.parameter import is_shape_only

with nn.meta():
    SHAPES = modules()
ROWS = [(real, made, shapes) for (real, shapes), (made, _) in zip(MODULES, SHAPES, strict=True)]
has_tensors = [row for row in ROWS if row[0].state_dict()]


def listed(module):
    """[(name, shape, dtype)] of what is saved."""
    return [(name, t.shape, t.dtype) for name, t in module._state().items()]


def arrays(y):
    """What a module returned, as a list of arrays."""
    return [one.detach().numpy() for one in (y if isinstance(y, tuple) else (y,))]


@pytest.mark.parametrize(("real", "made", "shapes"), ROWS, ids=lambda value: str(value)[:30])
def test_a_module_without_values_has_all_names_shapes_and_dtypes(real, made, shapes):
    assert listed(made) == listed(real)
    assert all(is_shape_only(t) for t in made._state().values())
    assert repr(made) == repr(real)
    trained = [p.requires_grad for p in real.parameters()]
    assert [p.requires_grad for p in made.parameters()] == trained


@pytest.mark.parametrize(("real", "made", "shapes"), has_tensors, ids=lambda value: str(value)[:30])
def test_it_cannot_be_called_until_values_are_loaded_and_then_computes_the_same(
    real, made, shapes
):
    xs = [drawn(*shape, seed=i) for i, shape in enumerate(shapes)]
    made = copy.deepcopy(made)
    with pytest.raises(RuntimeError, match="has no values; load_state_dict"):
        made(*xs)
    made.load_state_dict(real.state_dict())
    ours, theirs = arrays(made.eval()(*xs)), arrays(copy.deepcopy(real).eval()(*xs))
    for y, expected in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(y, expected)
    assert [type(p) for p in made.parameters()] == [nn.Parameter] * len([*real.parameters()])


def test_a_state_without_values_has_names_to_compare_with_a_file():
    with nn.meta():
        layer = nn.BatchNorm1d(3)
    state = layer.state_dict()
    assert list(state) == list(nn.BatchNorm1d(3).state_dict())
    assert state["running_mean"].shape == (3,)
    with pytest.raises(RuntimeError, match="has no values"):
        nn.BatchNorm1d(3).load_state_dict(state)


def test_a_billion_parameters_are_counted_in_no_memory():
    tracemalloc.start()
    with nn.meta():
        layer = nn.TransformerEncoderLayer(2048, 16, 8192, norm_first=True)
        stack = nn.TransformerEncoder(layer, 20, nn.LayerNorm(2048))
        head = nn.Linear(2048, 50257, bias=False)
        embedding = nn.Embedding(50257, 2048, padding_idx=0)
    head.weight = embedding.weight
    model = nn.Sequential(embedding, stack, head)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    block = 12 * 2048**2 + 13 * 2048  # 4d² + 8d² of weights; 4d + 5d of biases, 4d of norms
    count = sum(p.numel() for p in model.parameters())
    assert count == 20 * block + 2 * 2048 + 50257 * 2048 == 1_110_095_872
    assert held < 2e6


def test_the_generators_stand_still():
    rng = mg.Generator(0)
    before = rng.state_dict()
    with nn.meta():
        layer = nn.Linear(3, 3, rng=rng)
        for fill in (init.orthogonal_, init.eye_, init.ones_):
            assert fill(layer.weight) is layer.weight
        init.trunc_normal_(layer.weight, rng=rng)
        init.kaiming_normal_(layer.weight, rng=rng)
        nn.equalized_learning_rate(nn.spectral_norm(nn.Conv1d(2, 2, 3, rng=rng), rng=rng), "bias")
        nn.equalized_learning_rate(layer, rng=rng)
    assert rng.state_dict() == before
    assert nn.Linear(2, 2).weight.device == "cpu"


def test_what_is_not_saved_keeps_its_values():
    class Positions(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("table", mg.arange(4.0), persistent=False)
            self.register_buffer("mean", mg.ones(2))

    table = mg.arange(4.0)
    with nn.meta():
        module = Positions()
        other = nn.Module()
        other.register_buffer("mean", table)
    assert module.table.tolist() == [0, 1, 2, 3]
    assert repr(module.mean) == "tensor(shape=(2,), dtype=float32, no values)"
    assert is_shape_only(other.mean)
    assert table.tolist() == [0, 1, 2, 3]  # the user's own tensor is left alone


def test_values_are_copied_in_their_own_dtype_and_may_come_in_parts():
    with nn.meta():
        net = nn.Sequential(nn.Linear(2, 1), nn.BatchNorm1d(1))
    weight = net[0].weight
    sgd = optim.SGD(net.parameters(), lr=1.0)
    state = nn.Sequential(nn.Linear(2, 1), nn.BatchNorm1d(1)).state_dict()
    array = np.ones((1, 2), np.float32)
    missing, _ = net.load_state_dict({"0.weight": array}, strict=False)
    assert len(missing) == 6
    array[:] = 0
    assert weight.tolist() == [[1, 1]] and weight.dtype == np.float32
    with pytest.raises(RuntimeError, match=r"shape \(1,\) made inside `with nn.meta\(\):` has no"):
        net(mg.ones(3, 2))
    net.load_state_dict({**state, "0.bias": np.ones(1)})  # float64 becomes float32
    assert net[0].bias.dtype == np.float32
    net.train()(mg.tensor([[1.0, 2.0], [3.0, 4.0]])).square().sum().backward()
    sgd.step()  # the objects are those it was given
    assert net[0].weight is weight
    assert int(net[1].num_batches_tracked) == 1


def test_what_needs_values_says_so():
    with nn.meta():
        layer = nn.Linear(2, 2)
    assert len(layer.weight) == 2 and layer.weight.ndim == 2
    assert layer.requires_grad_(False).requires_grad_(True).weight.requires_grad
    for use in (
        lambda: nn.save_weights(layer, "not-written.safetensors"),
        lambda: layer.to("float64"),
        lambda: layer.weight + 1,
        lambda: layer.weight.tolist(),
        lambda: layer.weight.device,
        lambda: mg.assign(layer.weight, 0.0),
    ):
        with pytest.raises(RuntimeError, match="has no values"):
            use()
    with pytest.raises(ValueError, match=r"mis-shaped: weight is \(3,\), expected \(2, 2\)"):
        layer.load_state_dict({"weight": np.ones(3), "bias": np.ones(2)})

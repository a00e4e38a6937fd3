"""Computed weights: weight norm, spectral norm, equalised learning rate."""

import copy

import numpy as np
import pytest

import minigen as mg
from minigen import nn, optim


def close(tensor, expected, rtol=1e-5):
    np.testing.assert_allclose(tensor.detach().numpy(), expected, rtol=rtol, atol=rtol)


def values(tensor):
    return tensor.detach().numpy().copy()


def largest(weight):
    """The largest singular value of a weight as a matrix, its first dimension against the rest."""
    return np.linalg.svd(values(weight).reshape(len(weight), -1), compute_uv=False)[0]


# ---- weight norm


def test_weight_norm_keeps_the_weight_and_splits_it_into_length_and_direction():
    layer = nn.Linear(4, 3)
    parameter, weight = layer.weight, values(layer.weight)
    assert nn.weight_norm(layer) is layer
    computed = layer.parametrizations.weight
    names = [f"parametrizations.weight.original{i}" for i in (0, 1)]
    assert list(layer.state_dict()) == ["bias", *names]
    assert computed.original1 is parameter  # an optimizer that has it, keeps it
    close(computed.original0, np.linalg.norm(weight, axis=1, keepdims=True))
    close(layer.weight, weight)
    mg.assign(computed.original1, 10 * weight)
    close(layer.weight, weight)  # only its direction counts
    mg.assign(computed.original0, 2.0)
    close(layer.weight.square().sum(1), [4, 4, 4])


def test_lengths_per_dimension_or_for_all():
    shapes = [nn.weight_norm(nn.Conv2d(2, 3, 5), dim=dim) for dim in (0, 1, None)]
    shapes = [layer.parametrizations.weight.original0.shape for layer in shapes]
    assert shapes == [(3, 1, 1, 1), (1, 2, 1, 1), ()]
    with pytest.raises(ValueError, match=r"one of the weight's 2 dimensions.* not -1"):
        nn.weight_norm(nn.Linear(2, 2), dim=-1)


def test_a_frozen_length_stays_as_in_the_last_layer_of_dino():
    layer = nn.weight_norm(nn.Linear(4, 3, bias=False))
    mg.assign(layer.parametrizations.weight.original0, 1.0)
    layer.parametrizations.weight.original0.requires_grad = False
    sgd = optim.SGD([p for p in layer.parameters() if p.requires_grad], lr=1.0)
    before = values(layer.weight)
    layer(mg.ones(2, 4)).square().sum().backward()
    sgd.step()
    assert np.abs(values(layer.weight) - before).max() > 0.1
    close(layer.weight.square().sum(1), [1, 1, 1])


# ---- spectral norm


def test_the_largest_singular_value_becomes_one():
    # how close 50 uses come depends on the start and on the two largest values of the weight
    layer = nn.spectral_norm(nn.Linear(64, 64, rng=mg.Generator(0)), rng=mg.Generator(4))
    mg.assign(layer.parametrizations.weight.original, mg.Generator(2).normal((64, 64)))
    for _ in range(50):
        _ = layer.weight
    assert abs(largest(layer.weight) - 1) < 1e-3
    conv = nn.spectral_norm(nn.Conv2d(3, 4, 3, rng=mg.Generator(3)), n_power_iterations=20)
    _ = conv.weight
    assert abs(largest(conv.weight) - 1) < 1e-3


def test_it_is_near_one_before_any_training():
    layer = nn.spectral_norm(nn.Linear(30, 20, rng=mg.Generator(0)), rng=mg.Generator(1)).eval()
    assert abs(largest(layer.weight) - 1) < 0.05


def test_a_use_in_training_moves_first_u_then_v_as_pytorch_does():
    layer = nn.spectral_norm(nn.Linear(2, 2, bias=False))
    vectors = getattr(layer.parametrizations.weight, "0")
    state = {"original": np.diag([2, 1]), "0._u": np.array([0, 1]), "0._v": np.array([0.6, 0.8])}
    layer.load_state_dict({f"parametrizations.weight.{k}": v for k, v in state.items()})
    weight = values(layer.weight)  # u = W·(0.6, 0.8) = (1.2, 0.8), v = Wᵀ·u ∝ (3, 1)
    close(vectors._u, np.array([3, 2]) / 13**0.5)
    close(vectors._v, np.array([3, 1]) / 10**0.5)
    np.testing.assert_allclose(weight, np.diag([2, 1]) * 130**0.5 / 20, rtol=1e-6)


def test_only_training_moves_the_vectors_and_a_use_before_may_still_go_back():
    layer = nn.spectral_norm(nn.Linear(6, 5, rng=mg.Generator(0)), rng=mg.Generator(1))
    mg.assign(layer.parametrizations.weight.original, mg.Generator(2).normal((5, 6)))
    first, second = layer(mg.ones(1, 6)), layer(mg.ones(1, 6))
    assert np.abs(values(first - second)).max() > 1e-4  # one more iteration
    (first.sum() + second.sum()).backward()
    layer.eval()
    close(layer(mg.ones(1, 6)), values(layer(mg.ones(1, 6))), 0)
    keys = ["_u", "_v"]
    names = [f"parametrizations.weight.{name}" for name in ("original", "0._u", "0._v")]
    assert list(layer.state_dict()) == ["bias", *names]
    shapes = [b.shape for _, b in layer.named_buffers()]
    assert dict(zip(keys, shapes, strict=True)) == {"_u": (5,), "_v": (6,)}


def test_a_transposed_convolution_counts_its_outputs_as_rows():
    layer = nn.spectral_norm(nn.ConvTranspose2d(3, 4, 2, rng=mg.Generator(0)), "weight", 20)
    assert [b.shape for b in layer.buffers()] == [(4,), (12,)]
    assert abs(largest(layer.weight.transpose(0, 1)) - 1) < 1e-3


# ---- equalised learning rate


def test_the_weight_is_scaled_when_it_is_used():
    layer = nn.equalized_learning_rate(
        nn.Conv2d(50, 40, 3), gain=2**0.5, lr_mul=0.01, rng=mg.Generator(0)
    )
    original = layer.parametrizations.weight.original
    assert abs(original.detach().numpy().std() - 100) < 1  # 1 / lr_mul
    close(layer.weight, values(original) * 0.01 * np.sqrt(2 / (50 * 9)))
    mg.assign(layer.parametrizations.bias.original, 1.0)
    close(layer.bias, np.full(40, 0.01))
    names = [f"parametrizations.{name}.original" for name in ("weight", "bias")]
    assert [name for name, _ in layer.named_parameters()] == names
    assert nn.equalized_learning_rate(nn.Linear(2, 2, bias=False)).bias is None


def test_adam_moves_layers_of_all_widths_by_the_same_share():
    steps = []
    for width in (4, 400):
        layer = nn.equalized_learning_rate(nn.Linear(width, 3), rng=mg.Generator(0))
        before = values(layer.weight)
        adam = optim.Adam(layer.parameters(), lr=0.1)
        layer(mg.ones(1, width)).sum().backward()
        adam.step()
        steps.append(np.abs(values(layer.weight) - before).max() * np.sqrt(width))
    np.testing.assert_allclose(steps, [0.1, 0.1], rtol=1e-3)


# ---- all of them


def test_taking_it_away_leaves_a_parameter_with_the_value_of_now():
    layer = nn.spectral_norm(nn.Linear(3, 2), rng=mg.Generator(0)).eval()
    weight = values(layer.weight)
    assert nn.remove_parametrizations(layer) is layer
    assert isinstance(layer.weight, nn.Parameter)
    close(layer.weight, weight, 0)
    assert sorted(layer.state_dict()) == ["bias", "weight"]
    with pytest.raises(ValueError, match=r"Linear\.weight is not computed"):
        nn.remove_parametrizations(layer)


def test_copies_and_state_dicts():
    layer = nn.weight_norm(nn.Linear(3, 2, rng=mg.Generator(0)))
    layer(mg.ones(1, 3)).sum().backward()  # nothing of a graph may be left to copy
    twin, other = copy.deepcopy(layer), nn.weight_norm(nn.Linear(3, 2, rng=mg.Generator(1)))
    mg.assign(twin.parametrizations.weight.original0, 0.0)
    assert values(layer.weight).any()
    assert not values(twin.weight).any()
    other.load_state_dict(layer.state_dict())
    close(other.weight, values(layer.weight), 0)
    assert other.to("float64").weight.dtype == np.float64


def test_wrong_uses_are_named():
    with pytest.raises(ValueError, match=r"spectral_norm: Sequential has no parameter 'weight'"):
        nn.spectral_norm(nn.Sequential(nn.Linear(2, 2)))
    with pytest.raises(ValueError, match=r"weight_norm: Linear.weight is computed already"):
        nn.weight_norm(nn.weight_norm(nn.Linear(2, 2)))
    for norm in (nn.weight_norm, nn.spectral_norm):
        with pytest.raises(ValueError, match=r"one of the weight's 2 dimensions.* not 2"):
            norm(nn.Linear(2, 2), dim=2)
    with pytest.raises(TypeError, match="spectral_norm: expected a layer, got list"):
        nn.spectral_norm([nn.Linear(2, 2)])
    with pytest.raises(ValueError, match="n_power_iterations must be a whole number >= 1"):
        nn.spectral_norm(nn.Linear(2, 2), n_power_iterations=0)
    with pytest.raises(ValueError, match=r"spectral_norm: expected a matrix or more, got \(3,\)"):
        nn.spectral_norm(nn.LayerNorm(3))
    with pytest.raises(TypeError, match=r"Linear.weight is computed from parametrizations.weight"):
        nn.weight_norm(nn.Linear(2, 2)).weight = nn.Parameter(mg.ones(2, 2))

"""Normalisation layers against plain NumPy expressions, their buffers and their keys."""

import numpy as np
import pytest

import minigen as mg
from minigen import nn, ops


def random(*shape, seed=0):
    """Normal numbers as a float32 array."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def close(tensor, expected, rtol=1e-5):
    np.testing.assert_allclose(tensor.detach().numpy(), expected, rtol=rtol, atol=rtol)


# ---- batch normalisation


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.BatchNorm1d, (6, 3)),
        (nn.BatchNorm1d, (6, 3, 4)),
        (nn.BatchNorm2d, (6, 3, 2, 2)),
        (nn.BatchNorm3d, (6, 3, 2, 2, 2)),
    ],
)
def test_batch_norm_in_training_and_in_use(layer, shape):
    norm = layer(3, eps=1e-3, momentum=0.25)
    weight, bias = random(3, seed=1), random(3, seed=2)
    mg.assign(norm.weight, weight)
    mg.assign(norm.bias, bias)
    axes, column = (0, *range(2, len(shape))), (1, 3) + (1,) * (len(shape) - 2)
    mean, var = np.zeros(3), np.ones(3)
    for seed in range(3):
        x = 2 * random(*shape, seed=seed) + 1
        unit = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-3)
        close(norm(mg.tensor(x)), unit * weight.reshape(column) + bias.reshape(column), 1e-4)
        mean = 0.75 * mean + 0.25 * x.mean(axes)
        var = 0.75 * var + 0.25 * x.var(axes, ddof=1)  # unbiased
    close(norm.running_mean, mean, 1e-4)
    close(norm.running_var, var, 1e-4)
    assert norm.num_batches_tracked.item() == 3
    norm.eval()
    x = random(*shape, seed=9)
    unit = (x - mean.reshape(column)) / np.sqrt(var.reshape(column) + 1e-3)
    close(norm(mg.tensor(x)), unit * weight.reshape(column) + bias.reshape(column), 1e-4)
    assert norm.num_batches_tracked.item() == 3
    assert list(norm.state_dict()) == [
        "weight",
        "bias",
        "running_mean",
        "running_var",
        "num_batches_tracked",
    ]


def test_batch_norm_without_momentum_averages_all_batches():
    norm = nn.BatchNorm1d(2, momentum=None, affine=False)
    assert not list(norm.parameters())
    batches = random(5, 8, 2)
    for x in batches:
        norm(mg.tensor(x))
    close(norm.running_mean, batches.mean((0, 1)))
    close(norm.running_var, batches.var(1, ddof=1).mean(0))


def test_batch_norm_without_statistics_always_uses_the_batch():
    norm = nn.BatchNorm1d(2, track_running_stats=False).eval()
    x = random(8, 2)
    close(norm(mg.tensor(x)), (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5), 1e-4)
    assert list(norm.state_dict()) == ["weight", "bias"]


def test_batch_norm_says_what_is_wrong():
    norm = nn.BatchNorm2d(3)
    message = r"BatchNorm2d\(3\) got \(4, 2, 5, 5\), expected \(N, 3, ...\) of 4 dimensions"
    with pytest.raises(ValueError, match=message):
        norm(mg.zeros(4, 2, 5, 5))
    with pytest.raises(ValueError, match="of 2 or 3 dimensions"):
        nn.BatchNorm1d(3)(mg.zeros(4, 3, 5, 5))
    with pytest.raises(ValueError, match="1 value per channel"):
        norm(mg.zeros(1, 3, 1, 1))
    assert norm.num_batches_tracked.item() == 0


def test_batch_statistics_in_use_may_move_between_forward_and_backward():
    norm = nn.BatchNorm1d(3).eval()
    loss = norm(mg.ones(4, 3)).square().sum()
    norm.train()(mg.tensor(random(4, 3)))
    loss.backward()
    scale = 1 / np.sqrt(1 + 1e-5)
    close(norm.weight.grad, np.full(3, 4 * 2 * scale * scale))


# ---- the others


def standard(x, axes, eps=1e-5):
    """Mean 0 and variance 1 over the axes."""
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)


def in_groups(x, groups, eps=1e-5):
    grouped = x.reshape(len(x), groups, -1)
    return standard(grouped, 2, eps).reshape(x.shape)


NORMS = [
    (nn.GroupNorm(2, 4), (3, 4, 5), lambda x: in_groups(x, 2)),
    (nn.GroupNorm(4, 4, 0.1), (3, 4, 2, 2), lambda x: in_groups(x, 4, 0.1)),
    (nn.GroupNorm(1, 4, affine=False), (3, 4), lambda x: in_groups(x, 1)),
    (nn.InstanceNorm1d(4), (3, 4, 5), lambda x: in_groups(x, 4)),
    (nn.InstanceNorm1d(4), (4, 5), lambda x: standard(x, 1)),
    (nn.InstanceNorm2d(4, 0.1, affine=True), (3, 4, 2, 3), lambda x: in_groups(x, 4, 0.1)),
    (nn.InstanceNorm3d(4), (3, 4, 2, 1, 3), lambda x: in_groups(x, 4)),
    (nn.LayerNorm(5), (3, 4, 5), lambda x: standard(x, 2)),
    (nn.LayerNorm((4, 5), 0.1), (3, 4, 5), lambda x: standard(x, (1, 2), 0.1)),
    (nn.LayerNorm([5], elementwise_affine=False), (3, 5), lambda x: standard(x, 1)),
    (nn.RMSNorm(5), (3, 4, 5), lambda x: x / np.sqrt((x * x).mean(2, keepdims=True))),
    (nn.RMSNorm((5,), 0.1, False), (3, 5),
     lambda x: x / np.sqrt((x * x).mean(1, keepdims=True) + 0.1)),
    (nn.LocalResponseNorm(1, 3.0, 0.5, 2.0), (3, 2, 4), lambda x: x / np.sqrt(2 + 3 * x * x)),
]  # fmt: skip


@pytest.mark.parametrize(("layer", "shape", "expected"), NORMS, ids=[repr(row[0]) for row in NORMS])
def test_other_norms_are_the_same_in_training_and_in_use(layer, shape, expected):
    x = 2 * random(*shape) + 1
    for training in (True, False):
        close(layer.train(training)(mg.tensor(x)), expected(x), 1e-4)


KEYS = [
    (nn.GroupNorm(2, 4), ["weight", "bias"]),
    (nn.GroupNorm(2, 4, bias=False), ["weight"]),
    (nn.BatchNorm1d(4, track_running_stats=False, bias=False), ["weight"]),
    (nn.InstanceNorm2d(4), []),
    (nn.InstanceNorm2d(4, affine=True), ["weight", "bias"]),
    (nn.InstanceNorm1d(4, track_running_stats=True),
     ["running_mean", "running_var", "num_batches_tracked"]),
    (nn.LayerNorm(4), ["weight", "bias"]),
    (nn.LayerNorm(4, bias=False), ["weight"]),
    (nn.LayerNorm(4, elementwise_affine=False), []),
    (nn.RMSNorm(4), ["weight"]),
    (nn.RMSNorm(4, elementwise_affine=False), []),
    (nn.LocalResponseNorm(4), []),
]  # fmt: skip


@pytest.mark.parametrize(("layer", "keys"), KEYS, ids=[repr(layer) for layer, _ in KEYS])
def test_keys_are_those_of_pytorch(layer, keys):
    assert list(layer.state_dict()) == keys


@pytest.mark.parametrize("layer", [nn.GroupNorm, nn.LayerNorm, nn.RMSNorm, nn.InstanceNorm1d])
def test_weight_and_bias_scale_and_shift_and_learn(layer):
    norm = {
        nn.GroupNorm: lambda: nn.GroupNorm(3, 3, dtype="float64"),
        nn.InstanceNorm1d: lambda: nn.InstanceNorm1d(3, affine=True, dtype="float64"),
    }.get(layer, lambda: layer((3, 4), dtype="float64"))()
    x = mg.tensor(random(2, 3, 4), dtype="float64")
    unit = norm(x).detach().numpy()
    parameters = dict(norm.named_parameters())
    mg.assign(norm.weight, mg.tensor(random(*norm.weight.shape, seed=1)))
    column = (3, 1) if norm.weight.ndim == 1 else norm.weight.shape
    expected = unit * norm.weight.detach().numpy().reshape(column)
    if "bias" in parameters:
        mg.assign(norm.bias, mg.tensor(random(*norm.bias.shape, seed=2)))
        expected = expected + norm.bias.detach().numpy().reshape(column)
    y = norm(x)
    close(y, expected, 1e-12)
    y.sum().backward()
    axes = (0, 2) if norm.weight.ndim == 1 else 0
    close(norm.weight.grad, unit.sum(axes), 1e-12)
    if "bias" in parameters:
        close(norm.bias.grad, np.ones(unit.shape).sum(axes), 1e-12)


def test_instance_norm_keeps_averages_of_its_images():
    norm = nn.InstanceNorm2d(3, momentum=0.25, track_running_stats=True)
    mean, var = np.zeros(3), np.ones(3)
    for seed in range(2):
        x = 2 * random(4, 3, 5, 2, seed=seed) + 1
        close(norm(mg.tensor(x)), in_groups(x, 3), 1e-4)
        mean = 0.75 * mean + 0.25 * x.mean((2, 3)).mean(0)
        var = 0.75 * var + 0.25 * x.var((2, 3), ddof=1).mean(0)  # unbiased
    close(norm.running_mean, mean)
    close(norm.running_var, var)
    norm.eval()
    unit = (x - mean.reshape(3, 1, 1)) / np.sqrt(var.reshape(3, 1, 1) + 1e-5)
    close(norm(mg.tensor(x)), unit, 1e-4)
    close(norm(mg.tensor(x[0])), unit[0], 1e-4)
    close(norm.running_mean, mean)
    still = nn.InstanceNorm1d(2, momentum=None, track_running_stats=True)
    still(mg.tensor(random(2, 2, 3)))
    assert still.running_mean.tolist() == [0, 0] and still.running_var.tolist() == [1, 1]


def test_other_norms_say_what_is_wrong():
    with pytest.raises(ValueError, match="GroupNorm: num_groups 3 must divide num_channels 4"):
        nn.GroupNorm(3, 4)
    with pytest.raises(
        ValueError, match=r"GroupNorm\(2, 4\) got \(2, 6, 3\), expected \(N, 4, ...\)"
    ):
        nn.GroupNorm(2, 4)(mg.zeros(2, 6, 3))
    with pytest.raises(
        ValueError, match=r"InstanceNorm2d\(3\) got \(2, 4, 5, 5\), expected \(N, 3"
    ):
        nn.InstanceNorm2d(3)(mg.zeros(2, 4, 5, 5))
    with pytest.raises(
        ValueError, match=r"layer_norm: x \(2, 5\) must end in normalized_shape \(4,\)"
    ):
        nn.LayerNorm(4)(mg.zeros(2, 5))


@pytest.mark.parametrize("size", [(4,), (64, 64)], ids=["formula", "blocks"])
@pytest.mark.parametrize("bad", [np.inf, np.nan, 3e38])
@pytest.mark.parametrize(
    "op",
    [
        lambda x: ops.batch_norm(x, None, None, training=True),
        lambda x: ops.batch_norm(x, mg.zeros(3), mg.ones(3)),
        ops.instance_norm,
        lambda x: ops.layer_norm(x, x.shape[-1]),
        lambda x: ops.rms_norm(x, x.shape[-1]),
        ops.normalize,
        ops.dropout,
    ],
    ids=["batch", "given", "instance", "layer", "rms", "normalize", "dropout"],
)
@pytest.mark.filterwarnings("error")
def test_numbers_that_are_not_finite_print_no_warning(op, bad, size):
    x = random(2, 3, *size)
    x[1, 2] = bad
    x = mg.tensor(x).requires_grad_()
    y = op(x)
    mg.grad(y, x, ops.ones_like(y))

"""Layers against plain NumPy expressions, and how their parameters start."""

import math

import numpy as np
import pytest

import minigen as mg
from minigen import Generator, nn
from minigen.nn import init


def random(*shape, seed=0):
    """Normal numbers as a float32 array."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def close(tensor, expected, rtol=1e-5):
    np.testing.assert_allclose(tensor.detach().numpy(), expected, rtol=rtol, atol=rtol)


def test_linear():
    layer = nn.Linear(3, 2)
    x, w, b = random(4, 5, 3), random(2, 3, seed=1), random(2, seed=2)
    layer.load_state_dict({"weight": w, "bias": b})
    close(layer(mg.tensor(x)), x @ w.T + b)
    bare = nn.Linear(3, 2, bias=False, dtype="float64")
    assert bare.bias is None
    assert list(bare.state_dict()) == ["weight"]
    assert bare.weight.dtype == np.float64


def test_linear_says_what_is_wrong():
    layer = nn.Linear(784, 10)
    with pytest.raises(ValueError, match="last size 28, expected 784") as error:
        layer(mg.zeros(32, 28, 28))
    assert str(error.value) == (
        "Linear(784, 10) got (32, 28, 28): last size 28, expected 784; "
        "did you mean Flatten() before it?"
    )
    with pytest.raises(ValueError, match=r"got \(32, 783\): last size 783, expected 784$"):
        layer(mg.zeros(32, 783))
    with pytest.raises(ValueError, match=r"got \(\): last size none"):
        layer(mg.zeros(()))


def test_embedding():
    layer = nn.Embedding(5, 3)
    weight = random(5, 3)
    layer.load_state_dict({"weight": weight})
    ids = mg.tensor([[0, 4], [4, 1]])
    close(layer(ids), weight[[[0, 4], [4, 1]]])
    layer(ids).sum().backward()
    assert layer.weight.grad.tolist() == [[1] * 3, [1] * 3, [0] * 3, [0] * 3, [2] * 3]
    assert repr(layer) == "Embedding(5, 3)"
    assert nn.Embedding(5, 3, dtype="float64").weight.dtype == "float64"


def test_the_padding_of_an_embedding_starts_and_stays_zero():
    layer = nn.Embedding(5, 3, padding_idx=-1)
    assert repr(layer) == "Embedding(5, 3, padding_idx=4)"
    assert layer.weight[4].tolist() == [0] * 3
    assert np.all(layer.weight.detach().numpy()[:4] != 0)
    layer(mg.tensor([4, 0])).sum().backward()
    assert layer.weight.grad.tolist() == [[1] * 3, *[[0] * 3] * 4]
    with pytest.raises(ValueError, match="Embedding: padding_idx 5 is none of the 5 ids"):
        nn.Embedding(5, 3, padding_idx=5)
    with pytest.raises(IndexError, match=r"embedding: x \(1,\) holds id 5; weight \(5, 3\) has"):
        layer(mg.tensor([5]))


def test_embeddings_start_normal():
    values = nn.Embedding(300, 40, rng=Generator(0)).weight.detach().numpy()
    assert values.mean() == pytest.approx(0, abs=0.03)
    assert values.std() == pytest.approx(1, abs=0.03)
    assert np.array_equal(values, nn.Embedding(300, 40, rng=Generator(0)).weight.detach().numpy())


def correlate(x, w, stride, padding, groups):
    """Convolution from its definition; x (N, C, *size), w (O, C/groups, *kernel)."""
    n, kernel = w.ndim - 2, w.shape[2:]
    x = np.pad(x, [(0, 0), (0, 0)] + [(padding, padding)] * n)
    out = [(size - k) // stride + 1 for size, k in zip(x.shape[2:], kernel, strict=True)]
    y = np.zeros((len(x), len(w), *out))
    inputs, outputs = w.shape[1], len(w) // groups
    for o in range(len(w)):
        first = o // outputs * inputs
        for at in np.ndindex(*out):
            starts = [i * stride for i in at]
            window = tuple(slice(i, i + k) for i, k in zip(starts, kernel, strict=True))
            seen = x[:, first : first + inputs][(..., *window)]
            y[(slice(None), o, *at)] = (seen * w[o]).reshape(len(x), -1).sum(1)
    return y


@pytest.mark.parametrize(("name", "n"), [("Conv1d", 1), ("Conv2d", 2), ("Conv3d", 3)])
def test_convolutions(name, n):
    layer = getattr(nn, name)(4, 6, 3, 2, 1, groups=2)
    assert layer.weight.shape == (6, 2, *[3] * n)
    x = random(2, 4, *[6, 5, 4][:n])
    w, b = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    expected = correlate(x, w, 2, 1, 2) + b.reshape(1, -1, *[1] * n)
    close(layer(mg.tensor(x)), expected)


@pytest.mark.parametrize(("name", "n"), [("1d", 1), ("2d", 2), ("3d", 3)])
def test_a_transposed_convolution_is_the_adjoint_of_the_convolution_with_its_weight(name, n):
    up = getattr(nn, f"ConvTranspose{name}")(6, 4, 3, 2, 1, 1, 2, bias=False)
    assert up.weight.shape == (6, 2, *[3] * n)
    down = getattr(nn, f"Conv{name}")(4, 6, 3, 2, 1, groups=2, bias=False)
    down.load_state_dict(up.state_dict())
    y = mg.tensor(random(2, 6, *[3, 4, 2][:n]))
    big = up(y)
    assert big.shape == (2, 4, *[6, 8, 4][:n])
    x = mg.tensor(random(*big.shape, seed=1))
    assert (big * x).sum().item() == pytest.approx((down(x) * y).sum().item(), rel=1e-4)
    wide = getattr(nn, f"ConvTranspose{name}")(2, 2, 3, dilation=2)
    assert wide(mg.zeros(1, 2, *[4] * n)).shape == (1, 2, *[8] * n)


def test_convolutions_say_what_is_wrong():
    with pytest.raises(ValueError, match="groups 3 must divide in_channels 4 and out_channels 6"):
        nn.Conv2d(4, 6, 3, groups=3)
    with pytest.raises(ValueError, match="kernel_size must be one number or 2, not"):
        nn.Conv2d(4, 6, (3, 3, 3))
    with pytest.raises(ValueError, match="padding_mode 'reflect' is not known"):
        nn.Conv2d(4, 6, 3, padding_mode="reflect")
    with pytest.raises(ValueError, match=r"conv2d: .*3 channels.*expects 1"):
        nn.Conv2d(1, 6, 3)(mg.zeros(2, 3, 8, 8))


PAD = ((0, 0), (0, 0), (1, 1), (1, 1))


def below(x):
    """Two more rows, of nothing."""
    return np.pad(x, ((0, 0), (0, 0), (0, 2), (0, 0)), constant_values=-np.inf)


def windows(x, size, stride):
    """Every square window of the last two dimensions, as two dimensions more."""
    every = np.lib.stride_tricks.sliding_window_view(x, (size, size), (2, 3))
    return every[:, :, ::stride, ::stride]


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (nn.ReLU(), lambda x: np.maximum(x, 0)),
        (nn.LeakyReLU(0.2), lambda x: np.where(x > 0, x, 0.2 * x)),
        (nn.GELU(), lambda x: x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))),
        (
            nn.GELU("tanh"),
            lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
        ),
        (nn.SiLU(), lambda x: x / (1 + np.exp(-x))),
        (nn.Softplus(2.0, 1.5), lambda x: np.where(2 * x > 1.5, x, np.log1p(np.exp(2 * x)) / 2)),
        (nn.Sigmoid(), lambda x: 1 / (1 + np.exp(-x))),
        (nn.Tanh(), np.tanh),
        (nn.Softmax(1), lambda x: np.exp(x) / np.exp(x).sum(1, keepdims=True)),
        (nn.Flatten(), lambda x: x.reshape(2, -1)),
        (nn.Flatten(2), lambda x: x.reshape(2, 4, -1)),
        (nn.Unflatten(1, [2, -1]), lambda x: x.reshape(2, 2, 2, 4, 6)),
        (nn.MaxPool2d(2), lambda x: x.reshape(2, 4, 2, 2, 3, 2).max((3, 5))),
        (nn.AvgPool2d((2, 3)), lambda x: x.reshape(2, 4, 2, 2, 2, 3).mean((3, 5))),
        (nn.AvgPool2d(2, 4, 1), lambda x: windows(np.pad(x, PAD), 2, 4).mean((4, 5))),
        (nn.MaxPool2d(3, stride=1), lambda x: windows(x, 3, 1).max((4, 5))),
        (nn.MaxPool2d(2, 1, 0, 2), lambda x: windows(x, 3, 1)[..., ::2, ::2].max((4, 5))),
        (nn.MaxPool2d(3, ceil_mode=True), lambda x: windows(below(x), 3, 3).max((4, 5))),
        (nn.AvgPool2d(3, 1, divisor_override=2), lambda x: windows(x, 3, 1).sum((4, 5)) / 2),
        (
            nn.AvgPool2d(2, 4, 1, count_include_pad=False),
            lambda x: np.nanmean(windows(np.pad(x, PAD, constant_values=np.nan), 2, 4), (4, 5)),
        ),
        (nn.AdaptiveAvgPool2d((2, None)), lambda x: x.reshape(2, 4, 2, 2, 6).mean(3)),
        (nn.AdaptiveAvgPool2d(1), lambda x: x.mean((2, 3), keepdims=True)),
        (nn.Upsample(scale_factor=2), lambda x: x.repeat(2, 2).repeat(2, 3)),
        (nn.Upsample((8, 6)), lambda x: x.repeat(2, 2)),
        (
            nn.Upsample((4, 11), mode="bilinear", align_corners=True),
            lambda x: np.stack([x, (x + np.roll(x, -1, 3)) / 2], 4).reshape(2, 4, 4, 12)[..., :11],
        ),
    ],
    ids=repr,
)
def test_layers_without_parameters(layer, expected):
    x = random(2, 4, 4, 6)
    close(layer(mg.tensor(x)), expected(x))


@pytest.mark.parametrize("n", [1, 2, 3])
def test_pooling_in_every_dimension(n):
    x = random(2, 3, *[4, 6, 2][:n])
    blocks = x.reshape(2, 3, *[m for size in x.shape[2:] for m in (size // 2, 2)])
    axes = tuple(range(3, 3 + 2 * n, 2))
    close(getattr(nn, f"MaxPool{n}d")(2)(mg.tensor(x)), blocks.max(axes))
    close(getattr(nn, f"AvgPool{n}d")(2)(mg.tensor(x)), blocks.mean(axes))
    halved = tuple(size // 2 for size in x.shape[2:])
    close(getattr(nn, f"AdaptiveAvgPool{n}d")(halved)(mg.tensor(x)), blocks.mean(axes))
    values, indices = getattr(nn, f"MaxPool{n}d")(2, return_indices=True)(mg.tensor(x))
    assert np.array_equal(
        np.take_along_axis(x.reshape(2, 3, -1), indices.numpy().reshape(2, 3, -1), 2),
        values.numpy().reshape(2, 3, -1),
    )


def test_dropout_draws_from_its_own_generator_and_only_in_training():
    x = mg.ones(4, 5000)
    layer = nn.Dropout(0.25, rng=Generator(3))
    y = layer(x).numpy()
    assert set(np.unique(y).tolist()) == {0.0, np.float32(1 / 0.75).item()}
    assert abs((y == 0).mean() - 0.25) < 0.02
    assert not np.array_equal(y, layer(x).numpy())
    assert np.array_equal(y, nn.Dropout(0.25, rng=Generator(3))(x).numpy())
    assert layer.eval()(x) is x
    with pytest.raises(ValueError, match="Dropout: p is a probability"):
        nn.Dropout(1.5)


def test_dropout2d_drops_whole_channels():
    layer = nn.Dropout2d(0.25, rng=Generator(3))
    y = layer(mg.ones(40, 50, 2, 3)).numpy().reshape(2000, 6)
    assert (y == y[:, :1]).all() and set(y[:, 0].tolist()) == {0.0, np.float32(1 / 0.75).item()}
    assert abs((y[:, 0] == 0).mean() - 0.25) < 0.05
    x = mg.ones(2, 3, 4)
    assert layer.eval()(x) is x and repr(layer) == "Dropout2d(p=0.25)"


# ---- first weights


@pytest.mark.parametrize(
    ("layer", "fan_in"),
    [
        (nn.Linear(50, 400, rng=Generator(0)), 50),
        (nn.Conv2d(32, 40, 3, groups=2, rng=Generator(0)), 16 * 9),
        # PyTorch's: from weight.shape[1]
        (nn.ConvTranspose2d(30, 40, (3, 4), rng=Generator(0)), 40 * 12),
    ],
    ids=repr,
)
def test_layers_start_uniform_within_one_over_root_fan_in(layer, fan_in):
    bound = 1 / math.sqrt(fan_in)
    for p in layer.parameters():
        assert 0.85 * bound < np.abs(p.detach().numpy()).max() <= bound
    assert layer.weight.detach().numpy().std() == pytest.approx(bound / math.sqrt(3), rel=0.02)


def test_same_generator_same_weights():
    a, b = (nn.Linear(20, 30, rng=Generator(5)) for _ in range(2))
    assert np.array_equal(a.weight.detach().numpy(), b.weight.detach().numpy())
    assert np.array_equal(a.bias.detach().numpy(), b.bias.detach().numpy())
    other = nn.Linear(20, 30, rng=Generator(6))
    assert not np.array_equal(a.weight.detach().numpy(), other.weight.detach().numpy())
    drawn = []
    for _ in range(2):
        mg.manual_seed(7)
        drawn.append(nn.Conv2d(2, 3, 3).weight.tolist())
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize(
    ("name", "options", "variance"),
    [
        ("xavier_uniform_", {"gain": 2.0}, 4 * 2 / (150 + 200)),
        ("xavier_normal_", {}, 2 / (150 + 200)),
        ("kaiming_uniform_", {}, 2 / 150),
        ("kaiming_uniform_", {"a": math.sqrt(5)}, 1 / 3 / 150),
        ("kaiming_uniform_", {"mode": "fan_out", "nonlinearity": "relu"}, 2 / 200),
        ("kaiming_normal_", {"nonlinearity": "tanh"}, (5 / 3) ** 2 / 150),
        ("kaiming_normal_", {"nonlinearity": "linear"}, 1 / 150),
    ],
)
def test_initialisers_have_their_variance_and_shape(name, options, variance):
    weight = nn.Parameter(mg.zeros(40, 30, 5))  # fan_in 150, fan_out 200
    assert getattr(init, name)(weight, **options, rng=Generator(0)) is weight
    values = weight.detach().numpy()
    assert values.mean() == pytest.approx(0, abs=4 * math.sqrt(variance / values.size))
    assert values.var() == pytest.approx(variance, rel=0.05)
    largest = np.abs(values).max() / math.sqrt(variance)
    assert largest <= math.sqrt(3) + 1e-5 if "uniform" in name else largest > 3


def test_plain_initialisers():
    weight = nn.Parameter(mg.zeros(100, 100, dtype="float64"))
    assert weight is init.ones_(weight)
    close(weight, np.ones((100, 100)))
    close(init.constant_(weight, 2.5), np.full((100, 100), 2.5))
    close(init.zeros_(weight), np.zeros((100, 100)))
    values = init.uniform_(weight, 1.0, 3.0, rng=Generator(1)).detach().numpy()
    assert 1 <= values.min() < 1.01
    assert 2.99 < values.max() < 3
    values = init.normal_(weight, 1.0, 0.1, rng=Generator(1)).detach().numpy()
    assert values.mean() == pytest.approx(1, abs=0.01)
    assert values.std() == pytest.approx(0.1, rel=0.05)


def test_gains():
    gains = {"linear": 1, "conv_transpose2d": 1, "sigmoid": 1, "tanh": 5 / 3, "relu": math.sqrt(2)}
    for name, gain in {**gains, "selu": 0.75, "leaky_relu": math.sqrt(2 / 1.0001)}.items():
        assert init.calculate_gain(name) == pytest.approx(gain)
    assert init.calculate_gain("leaky_relu", 1) == pytest.approx(1)
    with pytest.raises(ValueError, match="'swish' is not known"):
        init.calculate_gain("swish")
    with pytest.raises(ValueError, match=r"kaiming_normal_: expected a weight of 2 .*\(5,\)"):
        init.kaiming_normal_(mg.zeros(5))
    with pytest.raises(ValueError, match=r"orthogonal_: expected a weight of 2 .*\(5,\)"):
        init.orthogonal_(mg.zeros(5))
    with pytest.raises(ValueError, match='mode must be "fan_in" or "fan_out"'):
        init.kaiming_normal_(mg.zeros(5, 5), mode="in")


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (5, 5), (4, 3, 3, 3), (32, 2, 2)])
def test_orthogonal_rows_or_columns(shape):
    weight = mg.zeros(*shape)
    assert init.orthogonal_(weight, gain=2.0, rng=Generator(3)) is weight
    w = weight.numpy().reshape(shape[0], -1)
    product = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(product, 4 * np.eye(min(w.shape)), atol=1e-5)
    again = init.orthogonal_(mg.zeros(*shape), gain=2.0, rng=Generator(3))
    assert (again.numpy() == weight.numpy()).all()


def test_trunc_normal_is_the_middle_of_a_normal():
    weight = init.trunc_normal_(mg.zeros(300, 200), mean=1.0, std=2.0, a=-1.0, rng=Generator(0))
    x = weight.numpy()
    assert -1 <= x.min() < -0.99 and 1.98 < x.max() <= 2
    # moments of N(1, 2²) between -1 and 2, in standard deviations from -1 to ½
    phi = [math.exp(-z * z / 2) / math.sqrt(2 * math.pi) for z in (-1, 0.5)]
    mass = (math.erf(0.5 / math.sqrt(2)) + math.erf(1 / math.sqrt(2))) / 2
    shift = (phi[0] - phi[1]) / mass
    variance = 1 + (-phi[0] - 0.5 * phi[1]) / mass - shift**2
    np.testing.assert_allclose([x.mean(), x.var()], [1 + 2 * shift, 4 * variance], atol=0.01)
    far = init.trunc_normal_(mg.zeros(1000), std=0.02, rng=Generator(0)).numpy()
    np.testing.assert_allclose(far.std(), 0.02, rtol=0.1)
    with pytest.raises(ValueError, match="a 2 must be less than b 1"):
        init.trunc_normal_(mg.zeros(2), a=2, b=1)


def test_identities():
    close(init.eye_(mg.ones(2, 3)), [[1, 0, 0], [0, 1, 0]])
    with pytest.raises(ValueError, match=r"eye_: expected a matrix, got \(2,\)"):
        init.eye_(mg.ones(2))
    x = Generator(0).normal((2, 4, 5, 6))
    for groups in (1, 2):
        conv = nn.Conv2d(4, 4, (3, 5), padding="same", groups=groups, bias=False)
        init.dirac_(conv.weight, groups)
        close(conv(x), x.numpy())
    close(init.dirac_(mg.ones(1, 1, 4)), [[[0, 0, 1, 0]]])
    close(init.dirac_(mg.ones(3, 2, 1)), [[[1], [0]], [[0], [1]], [[0], [0]]])
    with pytest.raises(ValueError, match=r"dirac_: expected .* 3 divides, got \(4, 2, 1\)"):
        init.dirac_(mg.ones(4, 2, 1), 3)

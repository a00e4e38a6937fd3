"""Supervised baselines: exact losses, the normal equations, and the demo."""

import json
import math

import numpy as np
import pytest

from minigen import Generator, data, from_numpy, nn, optim, tensor, zeros
from minigen.cli import main
from minigen.models.classical.supervised import (
    Classifier,
    Config,
    ConvClassifier,
    ConvConfig,
    LinearRegression,
)

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("classes", [2, 10])
def test_zero_logits_cost_log_of_the_classes(classes):
    model = Classifier(Config(4, (), classes), rng=Generator())
    for p in model.parameters():
        p.data = np.zeros(p.shape, np.float32)
    for samples in (1, 7):                                  # the mean over samples, not classes
        loss = model.loss(zeros((samples, 4)), from_numpy(np.arange(samples) % classes))
        assert loss.item() == pytest.approx(math.log(classes), abs=1e-6)


def test_logits_of_a_thousand_do_not_overflow():
    model = Classifier(Config(2, (), 2), rng=Generator())
    model.layers[0].weight.data = np.array([[1000, 0], [0, 1000]], np.float32)
    model.layers[0].bias.data = np.zeros(2, np.float32)
    x = tensor([[1.0, 0.0]])
    assert model.loss(x, from_numpy(np.array([1]))).item() == pytest.approx(1000)
    assert model.loss(x, from_numpy(np.array([0]))).item() == 0
    assert model.predict(x).numpy().tolist() == [0]


def test_normal_equations_equal_a_trained_linear_layer():
    X = RNG.normal(size=(80, 3)) * [1, 2, 0.5] + [0, 1, -1]
    y = X @ RNG.normal(size=(3, 2)) + [1, -2] + 0.3 * RNG.normal(size=(80, 2))
    exact = LinearRegression().fit(X, y)
    layer = nn.Linear(3, 2, rng=Generator(), dtype="float64")
    optimizer = optim.SGD(layer.parameters(), lr=0.1, momentum=0.9)
    x, target = from_numpy(X), from_numpy(y)
    for _ in range(300):
        loss = ((layer(x) - target) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    np.testing.assert_allclose(layer.weight.detach().numpy().T, exact.coef_, atol=1e-4)
    np.testing.assert_allclose(layer.bias.detach().numpy(), exact.intercept_, atol=1e-4)
    residual = y - exact.predict(X)
    np.testing.assert_allclose(X.T @ residual, 0, atol=1e-10)           # orthogonal to the features
    assert exact.score(X, y) == pytest.approx(1 - residual.var() * 80 * 2
                                              / ((y - y.mean(0)) ** 2).sum())


def test_dependent_features_get_the_shortest_solution():
    x = RNG.normal(size=30)
    model = LinearRegression().fit(np.stack([x, x], 1), 4 * x + 1)
    np.testing.assert_allclose(model.coef_, [2, 2], atol=1e-10)
    assert model.intercept_ == pytest.approx(1)
    assert model.score(np.stack([x, x], 1), 4 * x + 1) == pytest.approx(1)


def test_regression_mistakes_are_explained():
    with pytest.raises(ValueError, match=r"y has shape \(3,\) for 4 samples"):
        LinearRegression().fit(np.ones((4, 2)), np.ones(3))
    with pytest.raises(ValueError, match="NaN"):
        LinearRegression().fit(np.ones((2, 1)), [1, np.nan])
    with pytest.raises(RuntimeError, match="call fit first"):
        LinearRegression().predict(np.ones((2, 1)))


@pytest.mark.parametrize("model", [
    Classifier(Config(16, (32,), 3), rng=Generator()),
    ConvClassifier(ConvConfig(1, 4, (4, 8), 3), rng=Generator()),
], ids=["mlp", "convolutional"])
def test_classifiers_learn_one_batch_by_heart(model):
    x = RNG.normal(size=(12, 16)).astype(np.float32)
    x = from_numpy(x if model.layers[0].weight.ndim == 2 else x.reshape(12, 1, 4, 4))
    y = from_numpy(np.arange(12) % 3)
    optimizer = optim.Adam(model.parameters(), lr=0.02)
    for _ in range(100):
        loss = model.loss(x, y)
        optimizer.zero_grad()
        loss.backward()
        assert all(p.grad is not None for p in model.parameters())
        optimizer.step()
    assert loss.item() < 0.05
    assert (model.predict(x).numpy() == y.numpy()).all()


def test_sizes_of_the_networks():
    count = lambda model: sum(p.numel() for p in model.parameters())  # noqa: E731
    assert count(Classifier(Config(hidden=()), rng=Generator())) == 7850
    assert count(Classifier(Config(), rng=Generator())) == 203_530
    assert count(ConvClassifier(ConvConfig(), rng=Generator())) == 80 + 1168 + 7850


def test_demo_draws_its_figures(tmp_path, capsys):
    digits = data.digits(140, size=8)
    np.savez(tmp_path / "few.npz", images=np.uint8(255 * digits.images), labels=digits.labels)
    arguments = ["--data", str(tmp_path / "few.npz"), "--out", str(tmp_path)]
    arguments += ["--set", "epochs=20", "--set", "batch=20", "--set", "hidden=32"]
    assert main(["demo", "supervised", *arguments, "--set", "steps=20"]) == 0
    folder = tmp_path / "supervised-1"
    assert {path.stem for path in folder.glob("*.png")} == {
        "boundary", "curve", "mistakes", "training"}
    metrics = json.loads((folder / "report.json").read_text())["metrics"]
    assert all(0.3 < metrics[name] <= 1 for name in ("accuracy", "linear_accuracy"))


def test_demo_needs_classes(tmp_path, capsys):
    np.savez(tmp_path / "plain.npz",
             images=RNG.integers(0, 256, (20, 8, 8)).astype(np.uint8))
    arguments = ["demo", "supervised", "--data", str(tmp_path / "plain.npz")]
    assert main([*arguments, "--out", str(tmp_path / "o")]) == 2
    assert "plain.npz: without classes there is nothing to predict" in capsys.readouterr().err

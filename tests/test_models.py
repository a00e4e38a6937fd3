"""The auto-encoders have the course's sizes and losses, and learn; metrics are as defined."""

import numpy as np
import pytest

from minigen import Generator, metrics, nn, ops, optim, tensor
from minigen.models.autoencoders import conv, mlp


def parameters(model):
    return sum(p.numel() for p in model.parameters())


def test_parameter_counts():
    rng = Generator()
    with nn.meta():                                     # counted, not made
        assert parameters(mlp.AutoEncoder(mlp.Config(), rng=rng)) == 209_968
        paper = mlp.AutoEncoder(mlp.PAPER, rng=rng)
        assert paper.sizes == (784, 1000, 500, 250, 30)
        assert parameters(paper) == 2_837_314
        assert parameters(conv.ConvAutoEncoder(conv.Config(), rng=rng)) == 115_217


def test_loss_sums_over_pixels_and_averages_over_images():
    model = mlp.AutoEncoder(mlp.Config(pixels=20, hidden=(8,), latent=3), rng=Generator())
    x = np.random.default_rng(0).random((50, 20), dtype=np.float32)
    for p in model.parameters():
        p.data = np.zeros(p.shape, np.float32)
    output = list(model.decoder)[-1].bias
    output.data = x.mean(0)                             # the mean image: J/n is the variance
    assert model.loss(tensor(x)).item() == pytest.approx(x.var(0).sum(), rel=1e-5)
    output.data = np.full(20, 0.5, np.float32)          # grey: and the distance from the mean
    grey = x.var(0).sum() + ((x.mean(0) - 0.5) ** 2).sum()
    assert model.loss(tensor(x)).item() == pytest.approx(grey, rel=1e-5)


def test_convolutional_loss_sums_over_pixels_and_averages_over_images():
    model = conv.ConvAutoEncoder(conv.Config(channels=3, size=8), rng=Generator())
    for p in model.parameters():
        p.data = np.zeros(p.shape, np.float32)
    x = np.random.default_rng(0).random((5, 3, 8, 8), dtype=np.float32)
    assert model.loss(tensor(x)).item() == pytest.approx((x**2).sum() / 5, rel=1e-5)


def test_code_and_output_may_be_negative():
    model = mlp.AutoEncoder(mlp.Config(), rng=Generator())
    x = Generator().uniform((16, 784))
    assert (model.encode(x).detach().numpy() < 0).any()
    assert (model(x).detach().numpy() < 0).any()


@pytest.mark.parametrize(("size", "channels", "widths"), [
    (28, 1, (16, 32)), (30, 3, (4, 8)), (29, 1, (4, 8)), (9, 3, (4, 4, 4)), (64, 1, (4, 6, 8)),
])
def test_convolutional_auto_encoder_takes_any_size(size, channels, widths):
    model = conv.ConvAutoEncoder(conv.Config(channels, size, widths, 5), rng=Generator())
    x = Generator().uniform((2, channels, size, size))
    assert model.encode(x).shape == (2, 5)
    assert model(x).shape == x.shape
    halves = [maps.shape[1:] for maps in model.features(x)]
    assert halves == [(w, *[-(-size // 2**i)] * 2) for i, w in enumerate(widths, 1)]


def test_transposed_convolution_of_the_decoder_doubles_and_is_an_adjoint():
    rng = np.random.default_rng(0)
    x, y = tensor(rng.normal(size=(2, 3, 14, 14))), tensor(rng.normal(size=(2, 5, 7, 7)))
    w = tensor(rng.normal(size=(5, 3, 4, 4)))           # the same for both: PyTorch's layouts
    up = ops.conv_transpose2d(y, w, stride=2, padding=1)
    assert up.shape == x.shape
    inside = (ops.conv2d(x, w, stride=2, padding=1) * y).sum().item()
    assert inside == pytest.approx((x * up).sum().item(), rel=1e-6)


def make(kind):
    if kind == "mlp":
        model = mlp.AutoEncoder(mlp.Config(pixels=64, hidden=(32,), latent=16), rng=Generator(1))
        return model, Generator(2).uniform((8, 64))
    model = conv.ConvAutoEncoder(conv.Config(1, 8, (8, 16), 16), rng=Generator(1))
    return model, Generator(2).uniform((8, 1, 8, 8))


@pytest.mark.parametrize("kind", ["mlp", "conv"])
def test_gradient_reaches_every_parameter_and_one_batch_is_overfitted(kind):
    model, x = make(kind)
    optimizer = optim.Adam(model.parameters(), lr=5e-3)
    first = model.loss(x).item()
    for _ in range(300):
        loss = model.loss(x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for name, p in model.named_parameters():
        assert p.grad is not None, name
        assert np.abs(p.grad.numpy()).max() > 0, name
    assert model.loss(x).item() < 0.02 * first


@pytest.mark.parametrize("kind", ["mlp", "conv"])
def test_start_is_orthogonal_and_depends_on_the_generator_only(kind):
    model, _ = make(kind)
    for p, same in zip(model.parameters(), make(kind)[0].parameters(), strict=True):
        np.testing.assert_array_equal(p.detach().numpy(), same.detach().numpy())
        if p.ndim > 1:
            w = p.detach().numpy().reshape(p.shape[0], -1)
            gram = w @ w.T if len(w) <= w.shape[1] else w.T @ w
            np.testing.assert_allclose(gram, np.eye(len(gram)), atol=1e-5)


# Metrics ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("images", [50, 12])        # more and fewer images than pixels
def test_pca_mse_is_what_is_left_of_the_svd(images):
    rng = np.random.default_rng(0)
    train = (rng.normal(size=(images, 20)) * np.arange(1, 21)).astype(np.float32).reshape(-1, 4, 5)
    test = rng.normal(size=(7, 4, 5)).astype(np.float32)
    flat, other = train.reshape(images, 20).astype(float), test.reshape(7, 20).astype(float)
    directions = np.linalg.svd(flat - flat.mean(0), full_matrices=False)[2][:3]
    centred = other - flat.mean(0)
    expected = ((centred - centred @ directions.T @ directions) ** 2).sum(1).mean()
    assert metrics.pca_mse(train, test, 3) == pytest.approx(expected, rel=1e-9)
    # on what it was fitted to, all directions leave nothing, also when asked for more
    assert metrics.pca_mse(train, train, 100) == pytest.approx(0, abs=1e-6)


def test_psnr():
    assert metrics.psnr(mse=784 * 0.01, pixels=784) == pytest.approx(20)
    assert metrics.psnr(mse=1.0, pixels=100, peak=2.0) == pytest.approx(10 * np.log10(400))
    assert metrics.psnr(mse=0.0, pixels=1) == float("inf")

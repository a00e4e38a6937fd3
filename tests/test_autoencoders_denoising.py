"""Denoising: the optimum is what theory says, the network comes near it, and its demos run."""

import json

import numpy as np
import pytest
from minigen.demos.autoencoders import denoising_autoencoder, denoising_field
from scipy.special import i0, i1

from minigen import Generator, from_numpy, grad, optim, tensor
from minigen.cli import main
from minigen.models.autoencoders import denoising
from minigen.train import UsageError


def posterior_mean(noisy, means, std, sigma):
    arrays = (np.asarray(a, np.float64) for a in (noisy, means))
    return denoising.posterior_mean(*map(from_numpy, arrays), std, sigma).numpy()


@pytest.mark.parametrize(("variance", "gain"), [(0.25, 0.8), (1.0, 0.5)])
def test_the_best_denoiser_of_a_gaussian_is_linear(variance, gain):
    x = np.random.default_rng(0).normal(size=(50, 3))
    best = posterior_mean(x, np.zeros((1, 3)), 1.0, variance**0.5)
    np.testing.assert_allclose(best, gain * x, rtol=1e-12)


def test_the_best_denoiser_of_points_is_their_softmax_weighted_mean():
    rng = np.random.default_rng(0)
    points, noisy, sigma = rng.normal(size=(7, 2)), rng.normal(size=(20, 2)), 0.3
    for x, best in zip(noisy, posterior_mean(noisy, points, 0.0, sigma), strict=True):
        likely = np.array([np.exp(-((x - p) @ (x - p)) / (2 * sigma**2)) for p in points])
        np.testing.assert_allclose(best, likely @ points / likely.sum(), rtol=1e-9)


@pytest.mark.parametrize(("rho", "radius"), [(1.0, 0.97979), (0.8, None), (1.4, None)])
def test_the_best_denoiser_of_a_circle_goes_slightly_inward(rho, radius):
    angle = 2 * np.pi * np.arange(5000) / 5000
    circle = np.stack([np.cos(angle), np.sin(angle)], 1)
    best = posterior_mean(rho * circle[:3], circle, 0.0, 0.2)
    bessel = i1(rho / 0.2**2) / i0(rho / 0.2**2)
    np.testing.assert_allclose(best, bessel * circle[:3], atol=1e-9)
    if radius is not None:
        assert bessel == pytest.approx(radius, abs=5e-6)


def test_the_step_back_is_the_score_times_the_variance_of_the_noise():
    means, std, sigma = np.array([[-1.0, 0.0], [1.5, 0.5]]), 0.4, 0.6
    x = tensor(np.random.default_rng(0).normal(size=(30, 2)), requires_grad=True)
    density = 0                                     # of the mixture with the noise, summed by hand
    for mean in means:
        square = ((x - from_numpy(mean)) ** 2).sum(-1)
        density = density + 0.5 * (-square / (2 * (std**2 + sigma**2))).exp()
    (score,) = grad(density.log().sum(), [x])       # constant factors do not change it
    step = posterior_mean(x.detach().numpy(), means, std, sigma) - x.detach().numpy()
    np.testing.assert_allclose(step, sigma**2 * score.numpy(), atol=1e-12)


def test_corruptions_change_what_they_say():
    x = Generator(0).uniform((200, 500)) * 0.8 + 0.1
    rng = Generator(1)
    noise = (denoising.gaussian(x, 0.4, rng=rng) - x).numpy()
    assert abs(noise.mean()) < 0.01
    assert noise.std() == pytest.approx(0.4, rel=0.01)
    masked = denoising.masking(x, 0.3, rng=rng).numpy()
    assert (masked == 0).mean() == pytest.approx(0.3, abs=0.01)
    np.testing.assert_array_equal(masked[masked > 0], x.numpy()[masked > 0])
    specks = denoising.salt_and_pepper(x, 0.3, rng=rng).numpy()
    for value in (0, 1):
        assert (specks == value).mean() == pytest.approx(0.15, abs=0.01)
    again = denoising.masking(x, 0.3, rng=rng).numpy()
    assert (again != masked).any()                  # fresh noise each time


def test_loss_sums_over_an_input_and_averages_over_the_batch():
    x, noisy = Generator(0).normal((5, 3, 4, 4)), Generator(1).normal((5, 3, 4, 4))
    expected = ((x.numpy() - 2 * noisy.numpy()) ** 2).sum() / 5
    assert denoising.loss(lambda v: 2 * v, x, noisy).item() == pytest.approx(expected, rel=1e-5)


def test_gradient_reaches_every_parameter_and_one_batch_is_overfitted():
    model = denoising.Denoiser(denoising.Config(), rng=Generator(0))
    assert sum(p.numel() for p in model.parameters()) == 2 * 128 + 128 + 128**2 + 128 + 256 + 2
    x = Generator(1).normal((16, 2))
    noisy = denoising.gaussian(x, 0.5, rng=Generator(2))
    first = denoising.loss(model, x, noisy).item()
    optimizer = optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(250):
        loss = denoising.loss(model, x, noisy)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for name, p in model.named_parameters():
        assert np.abs(p.grad.numpy()).max() > 0, name
    assert loss.item() < 0.02 * first


# The demos --------------------------------------------------------------------------------------


def report_of(out):
    return json.loads(next(out.glob("*/report.json")).read_text(encoding="utf-8"))["metrics"]


def test_field_demo_draws_and_judges(tmp_path):
    assert main(["demo", "denoising-field", "--out", str(tmp_path), "--set", "steps=2",
                 "--set", "points=3000"]) == 0
    found = report_of(tmp_path)
    assert found["way_covered"] < found["cosine"] < 1
    folder = next(tmp_path.iterdir())
    assert {p.stem for p in folder.glob("*.png")} == {"field", "exact", "iterated", "training"}


def test_field_is_judged_by_where_it_takes_points():
    circle = denoising_field.data.toy2d.circle(3000, 0).points.astype(np.float32)
    config = denoising_field.Config()

    class Halfway:                      # a network that takes each point to the middle of its way
        def __call__(self, x):
            return 0.5 * (x + x / (x**2).sum(-1, keepdim=True).sqrt())

    found = denoising_field.judged(Halfway(), circle, config)
    assert found["cosine"] == pytest.approx(1, abs=1e-4)
    assert found["way_covered"] == pytest.approx(0.5, abs=1e-4)
    assert found["distance_cut"] == pytest.approx(0.5, abs=1e-4)


@pytest.mark.parametrize("demo", [denoising_field, denoising_autoencoder])
def test_without_noise_there_is_nothing_to_do(demo, tmp_path):
    with pytest.raises(UsageError, match="sigma=0"):
        demo.main(demo.Config(sigma=0.0, out=str(tmp_path)))


@pytest.mark.parametrize("setting", [{"masked": 0.0}, {"specks": 1.5}])
def test_a_share_of_the_pixels_is_between_none_and_all(setting, tmp_path):
    with pytest.raises(UsageError, match=f"{next(iter(setting))}=.*: a share of the pixels"):
        denoising_autoencoder.main(denoising_autoencoder.Config(**setting, out=str(tmp_path)))


def test_field_demo_refuses_pictures(tmp_path):
    with pytest.raises(UsageError, match="denoising-autoencoder"):
        denoising_field.main(denoising_field.Config(data="digits", out=str(tmp_path)))


@pytest.mark.parametrize("count", [120, 40])        # more and fewer pictures than pixels
def test_linear_filter_is_the_gain_of_each_principal_direction(count):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(count, 1, 8, 8)) * np.arange(1, 9)
    images = type("Images", (), {"train": x, "pixels": 64})
    noisy = rng.normal(size=(5, 1, 8, 8))
    flat = x.reshape(count, 64)
    mean = flat.mean(0)
    _, s, axes = np.linalg.svd((flat - mean) / count**0.5, full_matrices=False)
    gain = s**2 / (s**2 + 0.5**2)
    expected = mean + ((noisy.reshape(5, 64) - mean) @ axes.T * gain) @ axes
    np.testing.assert_allclose(denoising_autoencoder.wiener(noisy, images, 0.5).reshape(5, 64),
                               expected, rtol=1e-8, atol=1e-8)


def test_digits_demo_takes_pictures_of_any_size(tmp_path):
    x = np.random.default_rng(0).integers(0, 256, (60, 11, 11, 3), np.uint8)
    np.savez(tmp_path / "small.npz", images=x)
    assert main(["demo", "denoising-autoencoder", "--data", str(tmp_path / "small.npz"),
                 "--out", str(tmp_path / "runs"), "--set", "steps=3", "--set", "batch=8",
                 "--set", "widths=4,8", "--set", "latent=8"]) == 0
    found = report_of(tmp_path / "runs")
    assert found["psnr_gaussian_noisy"] == pytest.approx(-20 * np.log10(0.4), abs=0.3)
    assert found["gain_over_linear"] == found["psnr_gaussian"] - found["psnr_linear"]

"""Linear, contractive and compared auto-encoders: exact values, and what their demos refuse."""

import json

import numpy as np
import pytest
from minigen.demos.autoencoders import contractive as contractive_demo
from minigen.demos.autoencoders import linear_autoencoder as linear_demo
from minigen.demos.autoencoders import nonlinear_pca
from scipy.linalg import subspace_angles

from minigen import Generator, data, from_numpy, grad, jacobian, optim
from minigen.cli import main
from minigen.models.autoencoders import contractive, linear

# Linear = PCA -----------------------------------------------------------------------------------

D, N, K = 20, 2000, 3


@pytest.fixture(scope="module")
def cloud():
    """Centred samples (N, D), a turned Gaussian, and their right singular vectors and values."""
    rng = np.random.default_rng(0)
    turn, _ = np.linalg.qr(rng.normal(size=(D, D)))
    x = rng.normal(size=(N, D)) * 2 / np.arange(1, D + 1) ** 0.5 @ turn
    x = (x - x.mean(0)).astype(np.float32)
    _, s, axes = np.linalg.svd(x.astype(np.float64), full_matrices=False)
    return x, axes, s


def descend(model, x, steps=60):
    optimizer = optim.LBFGS(model.parameters(), max_iter=steps, max_eval=3 * steps)

    def closure():
        loss = model.loss(from_numpy(x))
        optimizer.zero_grad()
        loss.backward()
        return loss

    optimizer.step(closure)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_linear_auto_encoder_converges_to_principal_components(cloud, seed):
    x, axes, s = cloud
    model = linear.LinearAutoEncoder(linear.Config(D, K), rng=Generator(seed))
    descend(model, x)
    encoder, decoder = (p.detach().numpy().astype(np.float64) for p in model.parameters())
    copies = x @ encoder @ decoder
    assert 1 - 1e-12 <= ((x - copies) ** 2).sum() / (s[K:] ** 2).sum() <= 1.001
    plane = axes[:K].T                                                  # V (D, K)
    for found in (encoder, decoder.T):
        assert np.degrees(subspace_angles(found, plane)[0]) < 1
    projector = model.projector().detach().numpy()
    assert np.linalg.matrix_rank(projector, 1e-3) == K
    assert np.linalg.norm(projector - plane @ plane.T) < 1e-2
    # the plane is PCA's, its axes are not
    gram = decoder @ decoder.T
    assert abs(gram - np.diag(gram.diagonal())).max() > 0.01


def test_other_principal_directions_are_saddles(cloud):
    x, axes, s = cloud
    model = linear.LinearAutoEncoder(linear.Config(D, K), rng=Generator(0))

    def loss(rows):
        model.encoder.data, model.decoder.data = (a.astype(np.float32) for a in (rows.T, rows))
        return model.loss(from_numpy(x))

    chosen = [0, 4, 7]                                                  # and not 0, 1, 2
    at_saddle = loss(axes[chosen])
    at_saddle.backward()
    assert at_saddle.item() == pytest.approx(np.delete(s**2, chosen).sum() / N, rel=1e-5)
    for p in model.parameters():
        assert abs(p.grad.numpy()).max() < 1e-5
    turned = axes[chosen]
    turned[1] = np.cos(0.1) * axes[4] + np.sin(0.1) * axes[1]
    assert loss(turned).item() < at_saddle.item() - 1e-3


def test_a_direction_without_variance_stays_out_of_the_code(cloud):
    x, axes, _ = cloud
    flat = (x - x @ axes[K:].T @ axes[K:]).astype(np.float32)           # K dimensions are left
    model = linear.LinearAutoEncoder(linear.Config(D, K), rng=Generator(0))
    descend(model, flat)
    assert model.loss(from_numpy(flat)).item() < 1e-6
    assert abs(axes[K:] @ model.encoder.detach().numpy()).max() < 1e-3


def test_linear_demo_draws_its_figures_and_meets_its_bar(tmp_path, capsys):
    arguments = ["demo", "linear-autoencoder", "--set", "size=16", "--set", "pictures=200",
                 "--set", "latent=2", "--out", str(tmp_path)]
    assert main(arguments) == 0
    folder = tmp_path / "linear-autoencoder-1"
    report = json.loads((folder / "report.json").read_text())["metrics"]
    assert report["angle"] < 1 and report["error_vs_pca"] < 1.001 and report["rank"] == 2
    for name in ("axes", "reconstructions", "training"):
        assert (folder / f"{name}.png").stat().st_size > 1000


def test_singular_values_of_a_product_that_is_not_made():
    rng = np.random.default_rng(0)
    for d in (30, 4):                               # longer and shorter than the two are wide
        left, right = rng.normal(size=(d, 6)), rng.normal(size=(6, d))
        expected = np.linalg.svd(left @ right, compute_uv=False)[:6]
        found = linear_demo.singular_values(left, right)
        np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_linear_demo_needs_more_pictures_than_axes(tmp_path, capsys):
    path = tmp_path / "few.npz"
    np.savez(path, images=np.random.default_rng(0).integers(0, 256, (12, 8, 8, 3), np.uint8))
    arguments = ["demo", "linear-autoencoder", "--data", str(path), "--out", str(tmp_path / "o")]
    assert main([*arguments, "--set", "latent=10"]) == 2
    assert "11 pictures of 192 numbers have 10 principal axes" in capsys.readouterr().err
    assert main([*arguments, "--set", "latent=3", "--set", "steps=2"]) == 0     # in colour


# Non-linear against PCA, t-SNE and MDS ----------------------------------------------------------


def test_two_numbers_of_a_network_copy_faces_better_than_those_of_pca(tmp_path):
    arguments = ["demo", "nonlinear-pca", "--set", "size=16", "--set", "pictures=300", "--set",
                 "shown=40", "--set", "steps=250", "--set", "lr=0.004", "--out", str(tmp_path)]
    assert main(arguments) == 0
    folder = tmp_path / "nonlinear-pca-1"
    assert json.loads((folder / "report.json").read_text())["metrics"]["mse_vs_pca"] < 0.7
    for name in ("maps", "reconstructions", "training"):
        assert (folder / f"{name}.png").stat().st_size > 1000


def test_maps_are_coloured_by_what_made_the_faces():
    config = nonlinear_pca.Config(seed=3)
    images = data.load("faces", size=16, seed=3, train=1, test=12)
    yaw, smile = nonlinear_pca.factors(config, images).values()
    np.testing.assert_array_equal(
        data.faces(12, size=16, yaw=yaw, smile=smile).images, images.test)
    config.data = "a folder"
    assert nonlinear_pca.factors(config, images) == {"": None}


def test_maps_of_ones_own_pictures_take_enough_of_them(tmp_path, capsys):
    rng = np.random.default_rng(0)
    for count, code in ((40, 2), (60, 0)):
        path = tmp_path / f"{count}.npz"
        np.savez(path, images=rng.integers(0, 256, (count, 9, 11, 3), np.uint8),
                 labels=np.arange(count) % 2)
        assert main(["demo", "nonlinear-pca", "--data", str(path), "--set", "steps=2",
                     "--out", str(tmp_path / "out")]) == code
    assert "5 test pictures make no map: it takes 8" in capsys.readouterr().err
    assert main(["demo", "nonlinear-pca", "--set", "pictures=2"]) == 2
    assert "PCA's plane takes 3 pictures" in capsys.readouterr().err


# Contractive ------------------------------------------------------------------------------------


def made(penalty=0.5, pixels=30, hidden=12):
    """A model whose units are bent by different amounts, and samples."""
    model = contractive.ContractiveAutoEncoder(contractive.Config(pixels, hidden, penalty),
                                               rng=Generator(1))
    rng = np.random.default_rng(2)
    model.code_bias.data = rng.normal(size=hidden).astype(np.float32)
    return model, from_numpy(rng.normal(size=(5, pixels)).astype(np.float32))


def test_the_closed_form_is_the_norm_of_the_jacobian():
    model, x = made()
    found = model.contraction(model.encode(x)).detach().numpy()
    for i in range(len(x)):
        exact = jacobian(lambda one: model.encode(one[None])[0], x[i]).numpy()      # (K, D)
        np.testing.assert_allclose(model.jacobian(x[i : i + 1])[0].detach().numpy(), exact,
                                   atol=1e-6)
        assert found[i] == pytest.approx((exact.astype(np.float64) ** 2).sum(), rel=1e-5)


def test_its_gradient_is_that_through_the_jacobian():
    model, x = made()
    one = x[0]
    with_graph = jacobian(lambda v: model.encode(v[None])[0], one, create_graph=True)
    weights = [model.weight, model.code_bias]
    expected = grad((with_graph**2).sum(), weights)
    found = grad(model.contraction(model.encode(one[None])).sum(), weights)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-4, atol=1e-5)


def test_contractive_loss_sums_over_pixels_and_slopes_and_averages_over_images():
    model, x = made(penalty=0.5)
    h = model.encode(x).detach().numpy()
    w = model.weight.detach().numpy()
    error = ((x.numpy() - h @ w) ** 2).sum(1)
    slope = sum(((h * (1 - h))[:, j] ** 2) * (w[j] ** 2).sum() for j in range(12))
    assert model.loss(x).item() == pytest.approx((error + 0.5 * slope).mean(), rel=1e-5)


def test_contractive_gradient_reaches_every_parameter_and_one_batch_is_overfitted():
    model, x = made(penalty=1e-3, hidden=40)
    optimizer = optim.Adam(model.parameters(), lr=2e-2)
    first = model.loss(x).item()
    for _ in range(200):
        loss = model.loss(x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for name, p in model.named_parameters():
        assert abs(p.grad.numpy()).max() > 0, name
    assert model.loss(x).item() < 0.02 * first


def test_what_lies_inside_of_directions():
    rng = np.random.default_rng(0)
    pictures = rng.random((7, 1, 4, 5), dtype=np.float32)
    every = np.broadcast_to(np.eye(20), (7, 20, 20))
    down, right = (g.reshape(7, 20) for g in np.gradient(pictures, axis=(2, 3)))
    few = contractive_demo.FEW
    share = ((down[:, :few] ** 2).sum() + (right[:, :few] ** 2).sum()) / (
        (down**2).sum() + (right**2).sum())
    assert contractive_demo.shift_share(pictures, every) == pytest.approx(share, rel=1e-5)
    assert contractive_demo.shift_share(pictures, every[:1]) == pytest.approx(share, rel=1e-5)


def test_contractive_demo_draws_its_figures_of_ones_own_pictures(tmp_path, capsys):
    rng = np.random.default_rng(0)
    for count, code in ((8, 2), (24, 0)):
        path = tmp_path / f"{count}.npz"
        np.savez(path, images=rng.integers(0, 256, (count, 9, 11, 3), np.uint8))
        assert main(["demo", "contractive", "--data", str(path), "--set", "steps=2", "--set",
                     "hidden=10", "--out", str(tmp_path / "out")]) == code
    assert "there are 7 and have to be 8; give more" in capsys.readouterr().err
    for name in ("reconstructions", "shifts", "spectrum", "training"):
        assert (tmp_path / "out" / "contractive-1" / f"{name}.png").stat().st_size > 1000

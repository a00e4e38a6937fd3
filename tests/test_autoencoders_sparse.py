"""Sparse auto-encoder and semantic hashing: the course's exact values, search, and the demos."""

import json
import math

import numpy as np
import pytest
from minigen.demos.autoencoders import semantic_hashing, sparse_autoencoder
from PIL import Image

from minigen import Generator, from_numpy, metrics, no_grad, optim, tensor
from minigen.cli import main
from minigen.models.autoencoders import hashing, sparse

RNG = np.random.default_rng(0)


def objective(x, atoms, z, price):
    """‖x - Dz‖² + λ‖z‖₁, image by image.   (B, D), (D, K), (B, K) -> (B,)"""
    return ((x - z @ atoms.T) ** 2).sum(1) + price * abs(z).sum(1)


# The LASSO ----------------------------------------------------------------------------------------


def test_soft_threshold_is_the_minimum_of_one_number():
    z = np.linspace(-3, 3, 6001)
    for v in (-2.0, -0.3, 0.0, 0.5, 1.7):
        best = z[((z - v) ** 2 + 2 * 0.5 * abs(z)).argmin()]
        assert sparse.soft_threshold(tensor(v), 0.5).item() == pytest.approx(best, abs=1e-3)


def test_orthonormal_atoms_take_one_step_to_the_soft_threshold():
    atoms = np.linalg.qr(RNG.normal(size=(9, 6)))[0]                        # (9, 6)
    x, price = RNG.normal(size=(20, 9)), 0.7
    v = x @ atoms
    expected = np.sign(v) * np.maximum(abs(v) - price / 2, 0)               # S(Dᵀx, λ/2)
    found = sparse.lasso(from_numpy(x), from_numpy(atoms), price, steps=1).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert 0.1 < (found == 0).mean() < 0.9
    at_best = objective(x, atoms, expected, price)
    for _ in range(50):                                                     # nowhere is it less
        other = expected + RNG.normal(size=expected.shape) * 10.0 ** RNG.uniform(-4, 0)
        assert (objective(x, atoms, other, price) > at_best).all()


def test_lasso_of_any_atoms_meets_the_conditions_of_a_minimum():
    atoms, x, price = RNG.normal(size=(8, 12)), RNG.normal(size=(5, 8)), 1.5
    z = sparse.lasso(from_numpy(x), from_numpy(atoms), price, steps=5000).numpy()
    slope = 2 * (z @ atoms.T - x) @ atoms                                   # of the error
    used = z != 0
    assert 0.1 < used.mean() < 0.9
    np.testing.assert_allclose(slope[used], -price * np.sign(z[used]), atol=1e-6)
    assert (abs(slope[~used]) <= price + 1e-6).all()


def test_no_step_of_lasso_raises_the_objective():
    atoms, x = RNG.normal(size=(8, 12)), RNG.normal(size=(5, 8))
    values = [objective(x, atoms, sparse.lasso(from_numpy(x), from_numpy(atoms), 0.4, n).numpy(),
                        0.4).sum() for n in range(12)]
    assert values[0] == pytest.approx((x**2).sum()) and values == sorted(values, reverse=True)


# The sparse auto-encoder --------------------------------------------------------------------------


def sparse_model(pixels=30, atoms=40, price=0.3):
    mean = from_numpy(np.full(pixels, 0.5, np.float32))
    return sparse.SparseAutoEncoder(sparse.Config(pixels, atoms, price), mean, rng=Generator(1))


def hashing_model(pixels=30, **settings):
    settings = {"hidden": (24,), "bits": 12, **settings}
    return hashing.HashingAutoEncoder(hashing.Config(pixels, **settings), rng=Generator(1))


def test_sparse_loss_is_error_plus_price_of_the_l1_norm():
    model, x = sparse_model(price=0.25), RNG.random((7, 30), np.float32)
    loss, terms = model.loss(tensor(x))
    z, copy = (part.detach().numpy() for part in (model.encode(tensor(x)), model(tensor(x))))
    assert terms["mse"].item() == pytest.approx(((x - copy) ** 2).sum() / 7, rel=1e-5)
    assert terms["l1"].item() == pytest.approx(abs(z).sum() / 7, rel=1e-5)
    assert loss.item() == pytest.approx(terms["mse"].item() + 0.25 * terms["l1"].item(), rel=1e-6)


@pytest.mark.parametrize("atoms", [20, 40])
def test_it_starts_as_the_answer_for_orthonormal_atoms(atoms):
    model, x = sparse_model(atoms=atoms), RNG.random((5, 30), np.float32)
    D = model.decoder.weight.detach().numpy()                               # (30, atoms)
    np.testing.assert_allclose((D**2).sum(0), 1, rtol=1e-5)
    expected = np.maximum((x - 0.5) @ D, 0)
    np.testing.assert_allclose(model.encode(tensor(x)).detach().numpy(), expected, atol=1e-5)


def test_longer_atoms_would_halve_the_price_of_the_same_copy():
    model, x = sparse_model(), tensor(RNG.random((5, 30), np.float32))
    _, before = model.loss(x)
    model.encoder.weight.data = model.encoder.weight.data / 2
    model.decoder.weight.data = model.decoder.weight.data * 2
    _, dodged = model.loss(x)
    assert dodged["l1"].item() == pytest.approx(before["l1"].item() / 2, rel=1e-5)
    assert dodged["mse"].item() == pytest.approx(before["mse"].item(), rel=1e-5)
    model.normalise_atoms()
    np.testing.assert_allclose((model.decoder.weight.detach().numpy() ** 2).sum(0), 1, rtol=1e-5)


def train(model, x, steps, **options):
    optimizer = optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(steps):
        loss, terms = model.loss(x, **options)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if isinstance(model, sparse.SparseAutoEncoder):
            model.normalise_atoms()
    for name, p in model.named_parameters():
        assert p.grad is not None and abs(p.grad.numpy()).max() > 0, name
    return terms["mse"].item()


def test_one_batch_is_overfitted_and_a_price_empties_the_code():
    x = tensor(RNG.random((8, 30), np.float32))
    variance = ((x - 0.5) ** 2).sum(-1).mean().item()
    used = {}
    for price in (0.0, 1.0):
        model = sparse_model(price=price)
        error = train(model, x, 300)
        assert error < (0.01 if price == 0 else 0.4) * variance
        used[price] = (model.encode(x).detach().numpy() > 1e-3).mean()
    assert used[1.0] < 0.5 * used[0.0]


# Bits ---------------------------------------------------------------------------------------------


def test_kl_divergence_of_two_coins():
    q = tensor([0.05, 0.5])
    same, half = hashing.kl_divergence(0.05, q).tolist()
    assert same == pytest.approx(0, abs=1e-7)
    assert half == pytest.approx(0.494632, abs=1e-6)                        # nats
    assert math.isfinite(hashing.kl_divergence(0.05, tensor([0.0, 1.0])).sum().item())


def test_hashing_loss_is_error_plus_what_deviating_from_the_share_costs():
    model, x = hashing_model(share=0.2, sparsity=3.0), RNG.random((9, 30), np.float32)
    loss, terms = model.loss(tensor(x))
    z = model.encode(tensor(x)).detach().numpy()
    copy = model.decode(tensor(z)).detach().numpy()
    on = z.mean(0)
    kl = (0.2 * np.log(0.2 / on) + 0.8 * np.log(0.8 / (1 - on))).sum()
    assert terms["mse"].item() == pytest.approx(((x - copy) ** 2).sum() / 9, rel=1e-5)
    assert terms["kl"].item() == pytest.approx(kl, rel=1e-4)
    assert loss.item() == pytest.approx(terms["mse"].item() + 3 * terms["kl"].item(), rel=1e-6)
    np.testing.assert_array_equal(model.bits(tensor(x)).numpy(), z > 0.5)


def test_noise_is_in_training_only_and_from_the_generator():
    model, x = hashing_model(), tensor(RNG.random((9, 30), np.float32))
    first, again, other = (model.loss(x, 4.0, rng=Generator(seed))[0].item() for seed in (0, 0, 1))
    assert first == again != other
    assert math.isfinite(model.loss(x, 4.0)[0].item())      # the default generator's
    assert model.loss(x)[0].item() == model.loss(x)[0].item() != first
    assert (model.encode(x).detach().numpy() == model.encode(x).detach().numpy()).all()


def test_one_batch_is_hashed_and_noise_drives_sigmoids_to_their_ends():
    x = tensor((RNG.random((8, 30)) > 0.5).astype(np.float32))
    saturated = {}
    for noise in (0.0, 6.0):
        model = hashing_model(sparsity=0.1, share=0.5)
        error = train(model, x, 300, noise=noise, rng=Generator(0))
        assert error < 0.3 * 7.5                                            # 30 fair coins: 7.5
        z = model.encode(x).detach().numpy()
        saturated[noise] = (abs(z - 0.5) > 0.4).mean()
    assert saturated[6.0] > 0.9 > saturated[0.0]


@pytest.mark.parametrize("bits", [1, 32, 64, 70])
def test_popcount_of_packed_bits_is_hammings_distance_and_a_scalar_product(bits):
    a, b = RNG.random((5, bits)) < 0.3, RNG.random((40, bits)) < 0.3
    dense = (a[:, None] != b).sum(-1)
    np.testing.assert_array_equal(hashing.hamming(hashing.pack(a), hashing.pack(b)), dense)
    a, b = a.astype(int), b.astype(int)
    np.testing.assert_array_equal(a.sum(1)[:, None] + b.sum(1) - 2 * a @ b.T, dense)
    assert hashing.pack(a).shape == (5, -(-bits // 64))


@pytest.mark.parametrize("k", [1, 3, 10])
def test_precision_of_bits_gives_each_of_those_that_tie_its_share(k):
    codes, labels = RNG.random((60, 16)) < 0.3, RNG.integers(3, size=60)
    queries, wanted = RNG.random((9, 16)) < 0.3, RNG.integers(3, size=9)
    expected = []
    for row, label in zip((queries[:, None] != codes).sum(-1), wanted, strict=True):
        right, last = labels == label, np.sort(row)[k - 1]      # of the ties at the k-th distance
        places = k - (row < last).sum()                         # any are as good as others
        expected.append((right[row < last].sum() + places * right[row == last].mean()) / k)
    found = metrics.precision_at_k(codes, labels, queries, wanted, k=k)
    assert found == pytest.approx(np.mean(expected), rel=1e-12)


@pytest.mark.parametrize("radius", [0, 1, 2, 3])
def test_a_table_finds_all_within_its_radius_nearest_first(radius):
    codes = RNG.random((300, 9)) < 0.4
    table = hashing.HashTable(codes, radius)
    for query in RNG.random((10, 9)) < 0.4:
        distance = (codes != query).sum(1)
        found = table.search(query)
        assert sorted(found) == np.flatnonzero(distance <= radius).tolist()
        assert (np.diff(distance[found]) >= 0).all()


def test_an_address_has_64_bits():
    assert hashing.HashTable(np.eye(64, dtype=bool), 1).search(np.eye(64)[3]) == [3]
    with pytest.raises(ValueError, match="codes of 65 bits; an address has at most 64"):
        hashing.HashTable(np.zeros((2, 65)))


# The demos ----------------------------------------------------------------------------------------


@pytest.fixture
def classes(tmp_path):
    """A folder of 2 × 20 small colour pictures, light above or light below."""
    for name in ("above", "below"):
        folder = tmp_path / "pictures" / name
        folder.mkdir(parents=True)
        for i in range(20):
            pixels = RNG.integers(0, 120, (13, 12, 3), np.uint8)
            pixels[:6 if name == "above" else 13][-6:] += 100
            Image.fromarray(pixels).save(folder / f"{i}.png")
    return tmp_path / "pictures"


def started(name, data, out, *settings):
    """Run a demo on data.   -> its exit code, its folder"""
    changes = [part for setting in settings for part in ("--set", setting)]
    code = main(["demo", name, "--data", str(data), *changes, "--out", str(out)])
    return code, out / f"{name}-1"


def check(folder, figures):
    """All figures are there and not blank.   -> the report's metrics"""
    assert {path.stem for path in folder.glob("*.png")} == figures
    for path in folder.glob("*.png"):
        with Image.open(path) as picture:
            assert len(picture.convert("RGB").getcolors(1 << 24)) > 10, path
    return json.loads((folder / "report.json").read_text())["metrics"]


def test_sparse_demo_on_ones_own_pictures(classes, tmp_path, capsys):
    code, folder = started("sparse-autoencoder", classes, tmp_path, "epochs=2", "atoms=50",
                           "batch=17")
    assert code == 0 and "each 3x12x12" in capsys.readouterr().out
    found = check(folder, {"atoms", "parts", "codes", "sparsity", "training"})
    assert 0 < found["active"] < found["plain_active"] <= 1
    assert 0 < found["plain_error"] < found["error"]
    assert found["lasso_gap"] > 1 and {"kurtosis_ratio", "probe_gain"} <= set(found)


def test_hashing_demo_on_ones_own_pictures(classes, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(semantic_hashing, "LIBRARIES", (20, 200))
    code, folder = started("semantic-hashing", classes, tmp_path, "epochs=2", "hidden=20",
                           "bits=9", "batch=17")
    out = capsys.readouterr().out
    assert code == 0 and "one search among" in out
    found = check(folder, {"copies", "saturation", "codes", "retrieved", "speed", "training"})
    assert found["chance"] == pytest.approx(0.5, abs=0.1)
    assert found["least_share"] == min(found["saturated"], found["precision_ratio"])


@pytest.mark.parametrize("name", ["sparse-autoencoder", "semantic-hashing"])
def test_pictures_without_classes_do(name, tmp_path, monkeypatch):
    monkeypatch.setattr(semantic_hashing, "LIBRARIES", (20, 200))
    path = tmp_path / "plain.npz"
    np.savez(path, images=RNG.integers(0, 256, (30, 12, 12), np.uint8))
    code, folder = started(name, path, tmp_path, "epochs=1", "batch=30")
    metrics = json.loads((folder / "report.json").read_text())["metrics"]
    assert code == 0 and not {"probe_gain", "precision"} & set(metrics)


@pytest.mark.parametrize(("arguments", "message"), [
    (["sparse-autoencoder", "--set", "prices=0.1,0.2,0.3"], "at least three, rising from 0"),
    (["sparse-autoencoder", "--set", "prices=0,0.2"], "prices=0.0,0.2: at least three"),
    (["semantic-hashing", "--set", "bits=65"], "bits=65, share=0.25: at most 64 bits"),
    (["semantic-hashing", "--set", "share=1"], "a share between 0 and 1"),
])
def test_settings_that_make_no_sense_are_refused(arguments, message, tmp_path, capsys):
    assert main(["demo", *arguments, "--out", str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line and not list(tmp_path.iterdir())


def test_a_search_needs_pictures_to_find(tmp_path, capsys):
    np.savez(tmp_path / "few.npz", images=RNG.integers(0, 256, (9, 12, 12), np.uint8))
    code, folder = started("semantic-hashing", tmp_path / "few.npz", tmp_path)
    assert code == 2 and not folder.exists()
    assert "few.npz: 8 pictures to train, and a search finds 10" in capsys.readouterr().err


def test_the_worst_of_four_decides():
    plain = {"active": 0.9, "dead": 0, "error": 0.01, "kurtosis": 3.0}
    middle, strong = plain | {"kurtosis": 6.0}, plain | {"active": 0.05, "error": 0.1}
    rows = [plain, middle, strong]
    good = sparse_autoencoder.summary(rows, [0.7, 0.9, 0.9], 0.8)
    assert good["worst_share"] == pytest.approx(1.3 / 2)                    # of the kurtosis
    assert sparse_autoencoder.summary(rows, [0.7, 0.82, 0.9], 0.8)["worst_share"] == (
        pytest.approx(1.5))                                                 # 3 points of 2
    assert sparse_autoencoder.summary(rows, [0.7, 0.7, 0.9], 0.8)["worst_share"] > 1e6
    assert sparse_autoencoder.summary(rows, [], 0)["worst_share"] == pytest.approx(1.3 / 2)


def test_lasso_is_what_no_encoder_beats():
    model, x = sparse_model(), tensor(RNG.random((6, 30), np.float32))
    train(model, x, 20)
    with no_grad():
        assert sparse_autoencoder.lasso_gap(model, x) > 1

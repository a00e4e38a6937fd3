"""Anomaly detection, compression, clustering of codes: exact values and the demos."""

import json

import numpy as np
import pytest
from minigen.demos.autoencoders import anomaly_detection as demo
from minigen.demos.autoencoders.code_clustering import cluster_order
from PIL import Image

from minigen import Generator, data, optim, tensor
from minigen.cli import main
from minigen.models.autoencoders import anomaly_detection as anomaly
from minigen.models.autoencoders.compression import DCT, Quantizer, entropy, lower_envelope

RNG = np.random.default_rng(0)


# anomaly detection ------------------------------------------------------------------------


def test_heat_is_the_windows_mean_of_the_squared_error():
    x = np.zeros((1, 3, 6, 6), np.float32)
    copy = x.copy()
    copy[0, :, 0, 1] = 1, 2, 2                                  # one pixel, 1 + 4 + 4 = 9
    heat = anomaly.heat_map(tensor(x), tensor(copy), 3).numpy()[0, 0]
    expected = np.zeros((6, 6))
    expected[0, 0] = 9 / 4                                      # at the corner 4 pixels are inside
    expected[0, 1:3] = 9 / 6
    expected[1, 0] = 9 / 6
    expected[1, 1:3] = 9 / 9
    np.testing.assert_allclose(heat, expected, rtol=1e-6)
    assert anomaly.score(tensor(heat[None, None])).numpy() == pytest.approx([9 / 4])


def test_a_window_needs_a_middle():
    x = tensor(np.zeros((1, 1, 6, 6), np.float32))
    with pytest.raises(ValueError, match="window 4 has no middle pixel; it must be odd"):
        anomaly.heat_map(x, x, 4)


def make():
    c = anomaly.Config(channels=3, size=12, widths=(8, 16), latent=6, window=3)
    return anomaly.AnomalyDetector(c, rng=Generator(1)), Generator(2).uniform((6, 3, 12, 12))


def test_threshold_is_a_quantile_and_saved_with_the_weights():
    model, x = make()
    assert not model.alarm(x).numpy().any()                     # none before it is set
    scores = model(x)
    model.set_threshold(scores, 0.5)
    assert model.alarm(x).numpy().sum() == 3
    other, _ = make()
    other.load_state_dict(model.state_dict())
    assert other.threshold.item() == pytest.approx(np.median(scores.detach().numpy()))


def test_gradient_reaches_every_parameter_and_one_batch_is_overfitted():
    model, x = make()
    x = x[:2]
    optimizer = optim.Adam(model.parameters(), lr=1e-2)
    first = model.loss(x).item()
    for _ in range(150):
        loss = model.loss(x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for name, p in model.named_parameters():
        assert np.abs(p.grad.numpy()).max() > 0, name
    assert model.loss(x).item() < 0.1 * first


def test_normal_pictures_are_the_same_in_every_trial():
    # `extremes` and `curves` show those of one trial for all
    config = demo.Config(tests=16, pictures=20, size=16)
    normal, trials = demo.made_pictures(config)
    assert list(trials) == ["class", "scratch", "hole", "colour"]
    usual = [t.images[t.labels == 0] for t in trials.values()]
    for same in usual[1:]:
        np.testing.assert_array_equal(same, usual[0])
    held_out = trials["class"]
    made = data.anomaly(16, config.seed + demo.APART, 16, kind="class", backdrop=0.5)
    assert set(made.shapes.labels[held_out.labels == 1]) == {7}
    assert normal.shape == (20, 3, 16, 16)


FIGURES = {
    "anomaly-detection": ("heat-maps", "training", "roc", "methods", "extremes"),
    "compression": ("reconstructions", "training", "rate-distortion", "bits"),
    "code-clustering": ("reconstructions", "training", "clusters", "tables", "ari"),
}


@pytest.fixture
def classes(tmp_path):
    """A folder of 60 small colour pictures: 40 good, 20 with a hole."""
    for i in range(60):
        folder = tmp_path / "parts" / ("good" if i % 3 else "hole")
        folder.mkdir(parents=True, exist_ok=True)
        shade = 120 if i % 3 else 60
        pixels = RNG.integers(shade, shade + 100, (17, 15, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")
    return tmp_path / "parts"


def run(name, out, *settings, data=None):
    """The metrics of a short run."""
    arguments = [word for setting in settings for word in ("--set", setting)]
    arguments += ["--data", data] if data else []
    assert main(["demo", name, *arguments, "--out", str(out)]) == 0
    return json.loads((out / f"{name}-1" / "report.json").read_text())["metrics"]


def check_figures(name, folder):
    for figure in FIGURES[name]:
        with Image.open(folder / f"{name}-1" / f"{figure}.png") as picture:
            assert len(picture.convert("RGB").getcolors(1 << 24)) > 10, figure


def test_anomaly_demo_in_short(tmp_path):
    found = run("anomaly-detection", tmp_path, "steps=1", "pictures=40", "tests=20", "widths=4,4",
                "too_many=16", "batch=8", "size=12", "held_out=ring", "backdrop=none")
    check_figures("anomaly-detection", tmp_path)
    kinds = [found[f"auroc_{kind}"] for kind in demo.DEFECTS]
    assert found["auroc_defects"] == pytest.approx(np.mean(kinds))
    assert 0 <= found["auroc_class"] <= 1
    assert found["ahead_of_pca"] <= 1


def test_anomaly_demo_takes_folders_and_holds_one_out(classes, tmp_path, capsys):
    code = main(["demo", "anomaly-detection", "--data", str(classes), "--out", str(tmp_path),
                 "--set", "held_out=hole", "--set", "steps=1", "--set", "widths=4,4",
                 "--set", "too_many=16"])
    assert code == 0
    # its name is that of a defect whose pixels are known, in our pictures
    assert "auroc_hole" in capsys.readouterr().out
    check_figures("anomaly-detection", tmp_path)


@pytest.mark.parametrize(("settings", "message"), [
    (["held_out=hexagon"], "--set held_out=hexagon: no such class (disc, square,"),
    (["backdrop=2"], "--set backdrop=2: a grey is 0 to 1, or none"),
    (["window=4"], "--set window=4: it must be odd"),
    (["share=95"], "--set share=95: it is a part of 1"),
    (["pictures=19"], "--set pictures=19: it takes 20"),
    (["tests=1"], "--set tests=1: it takes two"),
])
def test_anomaly_demo_refuses(settings, message, tmp_path, capsys):
    arguments = [word for setting in settings for word in ("--set", setting)]
    assert main(["demo", "anomaly-detection", *arguments, "--out", str(tmp_path)]) == 2
    assert message in capsys.readouterr().err


def test_pictures_without_classes_are_refused(classes, tmp_path, capsys):
    for name, message in (("anomaly-detection", "one class of pictures has to be held out"),
                          ("code-clustering", "clusters are judged by classes")):
        assert main(["demo", name, "--data", str(classes / "good"), "--out", str(tmp_path)]) == 2
        assert message in capsys.readouterr().err


def test_clustering_needs_a_picture_for_each_class(tmp_path, capsys):
    assert main(["demo", "code-clustering", "--set", "pictures=9", "--out", str(tmp_path)]) == 2
    assert "9 pictures cannot make a cluster for each of 10 classes" in capsys.readouterr().err


# compression, clustering ------------------------------------------------------------------


@pytest.mark.parametrize(("bits", "distortion"), [(1, 0.3634), (2, 0.1188), (3, 0.03744),
                                                  (4, 0.01154)])
def test_quantizer_is_as_good_on_a_gaussian_as_max_found(bits, distortion):
    """Max, Quantizing for Minimum Distortion, 1960, table II: equal levels, variance 1."""
    z = np.random.default_rng(1).normal(size=(40_000, 2)) * [1, 30] + [0, 5]
    quantizer = Quantizer(bits).fit(z)
    error = ((z - quantizer.decode(quantizer.encode(z))) ** 2).mean(0) / z.var(0)
    assert error == pytest.approx([distortion] * 2, rel=0.06)


def test_quantizer_errs_by_half_a_level_at_most_and_has_2_to_the_bits_levels():
    z = np.random.default_rng(0).uniform(-3, 5, (20_000, 1))
    quantizer = Quantizer(4).fit(z)
    levels = quantizer.encode(z)
    assert set(levels.ravel()) == set(range(16))
    step = quantizer.step_[0]
    assert step == pytest.approx(8 / 16, rel=0.01)              # all of the range: nothing is rare
    error = z - quantizer.decode(levels)
    assert abs(error).max() <= step / 2 + 0.01
    assert (error**2).mean() == pytest.approx(step**2 / 12, rel=0.02)
    assert quantizer.encode([[-100], [100]]).ravel().tolist() == [0, 15]


def test_quantizer_copies_a_number_that_never_varies():
    quantizer = Quantizer(3).fit(np.full((5, 1), 2.5))
    assert quantizer.decode(quantizer.encode(np.full((2, 1), 2.5))).tolist() == [[2.5], [2.5]]
    with pytest.raises(ValueError, match="bits=0; it must be a whole number, at least 1"):
        Quantizer(0)


def test_cosine_waves_are_orthonormal_and_the_slowest_come_first():
    full = DCT(3 * 16, 3, 4)
    waves = full.decode(np.eye(48))                             # (48, D)
    np.testing.assert_allclose(waves @ waves.T, np.eye(48), atol=1e-12)
    x = RNG.normal(size=(5, 48))
    np.testing.assert_allclose(full.encode(x), x @ waves.T, atol=1e-12)
    grey = DCT(6, 1, 4)
    place = [tuple(int(v) for v in (row, column)) for row, column in zip(*grey.kept[1:],
                                                                       strict=True)]
    assert place == [(0, 0), (0, 1), (1, 0), (0, 2), (1, 1), (2, 0)]
    # by the definition: w(0, 1) at row i, column j is cos(π (j + 1/2) / 4) times a constant
    row = np.cos(np.pi * (np.arange(4) + 0.5) / 4)
    wave = np.tile(row, 4) / np.linalg.norm(np.tile(row, 4))
    np.testing.assert_allclose(grey.decode(np.eye(6))[1], wave, atol=1e-12)
    with pytest.raises(ValueError, match="have 1 to 16 waves"):
        DCT(17, 1, 4)


def test_errors_of_cutting_and_of_rounding_add_for_orthogonal_waves():
    x = RNG.normal(size=(200, 64))
    waves = DCT(10, 1, 8)
    z = waves.encode(x)
    quantizer = Quantizer(2).fit(z)
    rounded = quantizer.decode(quantizer.encode(z))
    total = ((x - waves.decode(rounded)) ** 2).sum()
    cut, rounding = ((x - waves.decode(z)) ** 2).sum(), ((z - rounded) ** 2).sum()
    assert total == pytest.approx(cut + rounding, rel=1e-10)


def test_entropy_and_lower_envelope():
    q = np.stack([np.arange(8) % 4, np.zeros(8), [0, 0, 0, 0, 0, 0, 1, 1]], 1).astype(int)
    assert entropy(q[:, :1]) == 2
    assert entropy(q[:, 1:2]) == 0
    assert entropy(q) == pytest.approx(2 + 0.8112781)           # H(1/4) = 0.8112781 bits
    least = lower_envelope([4, 8, 8, 16], [3.0, 2.0, 1.0, 1.5], [2, 4, 7, 8, 20])
    assert least.tolist() == [np.inf, 3, 3, 1, 1]


def test_clusters_are_shown_in_the_order_of_their_classes():
    labels, clusters = np.array([0, 0, 1, 1, 2, 2]), np.array([5, 5, 3, 3, 4, 4])
    assert cluster_order(labels, clusters).tolist() == [5, 3, 4]


@pytest.mark.parametrize(("name", "settings", "metric"), [
    ("compression", ["steps=1", "hidden=8", "latents=2,4"], "worst_mse_vs_pca"),
    ("code-clustering", ["steps=1", "widths=4,4", "latents=4,2", "starts=1"], "ari_gain"),
])
def test_the_other_demos_in_short(name, settings, metric, classes, tmp_path):
    assert np.isfinite(run(name, tmp_path, *settings, data=str(classes))[metric])
    check_figures(name, tmp_path)

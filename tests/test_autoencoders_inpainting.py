"""Inpainting: what a context encoder sees, predicts and learns from; the demos' runs."""

import json
from dataclasses import replace

import numpy as np
import pytest
from minigen.demos.autoencoders import inpainting as inpainting_demo
from PIL import Image

from minigen import Generator, data, from_numpy, is_grad_enabled, nn, ops, optim, tensor
from minigen.cli import main
from minigen.models.autoencoders import context_encoder, inpainting
from minigen.models.autoencoders.context_encoder import (
    ContextEncoder,
    Discriminator,
    masked_error,
    middle,
    middle_mask,
    random_masks,
)
from minigen.models.autoencoders.inpainting import Inpainter, sparsity_penalty

SMALL = context_encoder.Config(widths=(8, 16), code=12, fill=(0.1, 0.2, 0.3))


def parameters(model):
    return sum(p.numel() for p in model.parameters())


def pictures(n, size=16, seed=0):
    """n pictures in [-1, 1]."""
    return Generator(seed).uniform((n, 3, size, size), -1.0, 1.0)


# Context encoder --------------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "count"), [(100, 7_221_231), (4000, 71_130_531)])
def test_the_papers_network_has_its_size(code, count):
    with nn.meta():
        model = ContextEncoder(replace(context_encoder.PAPER, code=code), rng=Generator())
    assert parameters(model) == count
    assert model.size == 128


def test_the_hole_hides_all_that_is_to_be_predicted_and_nothing_else():
    model, x = ContextEncoder(SMALL, rng=Generator()), pictures(2)
    seen = model.hide(x, model.hole).numpy()
    np.testing.assert_array_equal(model.hole.numpy()[0, 0].sum(), 64)
    np.testing.assert_allclose(seen[:, :, 4:12, 4:12],
                               np.broadcast_to(np.float32([0.1, 0.2, 0.3])[:, None, None],
                                               (2, 3, 8, 8)))
    kept = model.hole.numpy()[0, 0] == 0
    np.testing.assert_array_equal(seen[:, :, kept], x.numpy()[:, :, kept])
    # what is hidden has no say in what is predicted
    other = x.numpy().copy()
    other[:, :, 4:12, 4:12] = 0
    one, two = (model.eval()(t, model.hole).detach().numpy() for t in (x, from_numpy(other)))
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(one[:, :, kept], x.numpy()[:, :, kept])
    assert np.abs(one).max() <= 1


def test_the_rim_of_an_overlap_is_shown_and_weighs_ten_times_as_much():
    expected = np.zeros((16, 16), np.float32)
    expected[4:12, 4:12] = 10
    expected[6:10, 6:10] = 1
    np.testing.assert_array_equal(middle_mask(16, overlap=2).numpy(), expected[None, None])
    model, x = ContextEncoder(replace(SMALL, overlap=2), rng=Generator()), pictures(2)
    changed = (model.hide(x, model.hole).numpy() != x.numpy()).all((0, 1))
    np.testing.assert_array_equal(changed, expected == 1)
    filled = (model(x, model.hole).detach().numpy() != x.numpy()).all((0, 1))
    np.testing.assert_array_equal(filled, expected > 0)
    error = masked_error(x, 0 * x, model.hole).item()
    squares = (x.numpy() ** 2).mean((0, 1))
    assert error == pytest.approx((expected * squares).sum() / 64, rel=1e-5)


def test_kept_pixels_get_no_gradient_and_hidden_ones_that_of_the_mean():
    x, mask = pictures(2), middle_mask(16)
    filled = pictures(2, seed=1).requires_grad_()
    masked_error(x, filled, mask).backward()
    expected = 2 * mask.numpy() * (filled.detach() - x).numpy() / (2 * 3 * 64)
    np.testing.assert_allclose(filled.grad.numpy(), expected, rtol=1e-5)
    assert (filled.grad.numpy()[:, :, mask.numpy()[0, 0] == 0] == 0).all()


def test_a_mask_that_hides_nothing_is_an_error():
    x = pictures(2)
    with pytest.raises(ValueError, match="the mask is 0 everywhere: no pixel is hidden"):
        masked_error(x, x, 0 * middle_mask(16))


def test_the_error_is_a_mean_over_each_pictures_own_mask():
    x = from_numpy(np.ones((2, 3, 4, 4), np.float32))
    mask = np.zeros((2, 1, 4, 4), np.float32)
    mask[0, 0, 0, 0] = mask[1, 0, 2:, :] = 1
    filled = 0 * x
    assert masked_error(x, filled, from_numpy(mask)).item() == pytest.approx(1)
    assert masked_error(2 * x, filled, from_numpy(mask)).item() == pytest.approx(4)


def test_random_blocks_are_two_rectangles_that_move():
    masks = random_masks(400, 32, rng=Generator(3)).numpy()
    assert masks.shape == (400, 1, 32, 32) and masks.dtype == np.float32
    assert set(np.unique(masks)) == {0, 1}
    hidden = masks.mean((1, 2, 3))
    assert hidden.min() >= 3 * 3 / 32**2 and hidden.max() <= 2 * 17 * 17 / 32**2
    assert masks.mean(0).min() > 0 and masks.mean(0).max() < 0.9      # hidden at times, each pixel
    np.testing.assert_array_equal(masks, random_masks(400, 32, rng=Generator(3)).numpy())


def test_the_discriminator_sees_the_middle_alone_and_knows_nothing_at_first():
    assert middle(pictures(2)).shape == (2, 3, 8, 8)
    np.testing.assert_array_equal(middle(pictures(2)).numpy(), pictures(2).numpy()[..., 4:12, 4:12])
    D = Discriminator(SMALL, rng=Generator())
    x = middle(pictures(4))
    assert D(x).shape == (4,)
    for p in D.parameters():
        p.data = np.zeros(p.shape, np.float32)
    assert D.loss(x, x).item() == pytest.approx(np.log(2))
    assert D.adversarial(x).item() == pytest.approx(np.log(2))


@pytest.mark.parametrize("whole", [False, True])
def test_a_context_encoder_overfits_a_batch_and_every_parameter_has_a_part_in_it(whole):
    model = ContextEncoder(replace(SMALL, whole=whole), rng=Generator(1))
    x = pictures(8, seed=2)
    mask = random_masks(8, 16, rng=Generator(3)) if whole else model.hole
    optimizer = optim.Adam(model.parameters(), lr=5e-3, betas=(0.5, 0.999))
    errors = []
    for _ in range(60):
        error = masked_error(x, model(x, mask), mask)
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
        errors.append(error.item())
    for name, p in model.named_parameters():
        assert np.abs(p.grad.numpy()).max() > 0, name
    assert errors[-1] < 0.3 * errors[0]


def test_the_discriminator_learns_to_see_through_and_its_opinion_reaches_every_weight():
    F, D = ContextEncoder(SMALL, rng=Generator(1)), Discriminator(SMALL, rng=Generator(2))
    x = pictures(8, seed=2)
    filled = middle(F(x, F.hole))
    before = D.adversarial(filled).item()
    optimizer = optim.Adam(D.parameters(), lr=5e-3)
    for _ in range(40):
        loss = D.loss(middle(x), filled.detach())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert all(np.abs(p.grad.numpy()).max() > 0 for p in D.parameters())
    assert all(p.grad is None for p in F.parameters())
    adversarial = D.adversarial(filled)
    assert adversarial.item() > 2 * before
    adversarial.backward()
    assert all(np.abs(p.grad.numpy()).max() > 0 for p in F.parameters())


# Inpainting -------------------------------------------------------------------------------------

PATCHES = inpainting.Config(patch=4, hidden=(40, 30), mean=(0.5, 0.4, 0.3))


def overwritten(n, seed=0, told=False):
    """An inpainter of small patches, and n patches: x, mask, y."""
    rng = Generator(seed)
    y, mask = rng.uniform((n, 48)), (rng.uniform((n, 16)) < 0.2).to("float32")
    x = y * (1 - ops.cat([mask] * 3, 1))                            # black ink
    return Inpainter(replace(PATCHES, told=told), rng=Generator(1)), x, mask, y


def test_sparsity_costs_the_divergence_of_two_coins():
    assert sparsity_penalty(0.05, tensor([0.05, 0.05])).item() == pytest.approx(0, abs=1e-6)
    assert sparsity_penalty(0.05, tensor([0.5])).item() == pytest.approx(0.494632, abs=1e-6)
    assert sparsity_penalty(0.05, tensor([0.5, 0.05])).item() == pytest.approx(0.494632, abs=1e-6)


def test_the_loss_is_half_the_squares_and_the_weights_halved_by_lambda():
    model, x, mask, y = overwritten(10)
    model.c.decay, model.c.beta = 0.3, 0.0
    error = 0.5 * ((y - model(x, mask)).detach().numpy() ** 2).sum(1).mean()
    squares = sum((p.detach().numpy() ** 2).sum() for p in model.parameters() if p.ndim == 2)
    assert model.loss(x, mask, y).item() == pytest.approx(error + 0.15 * squares, rel=1e-5)
    model.c.decay = 0.0
    code = 1 / (1 + np.exp(-model.encoders[0](x - model.mean).detach().numpy()))
    made = code @ model.decoders[0].weight.detach().numpy().T + model.mean.numpy()
    expected = 0.5 * ((y.numpy() - made) ** 2).sum(1).mean()
    assert model.pretraining_loss(x, mask, y, 0).item() == pytest.approx(expected, rel=1e-4)
    model.c.beta = 2.0
    active = code.mean(0).astype(np.float64)
    divergence = (0.05 * np.log(0.05 / active) + 0.95 * np.log(0.95 / (1 - active))).sum()
    assert model.pretraining_loss(x, mask, y, 0).item() == pytest.approx(
        expected + 2 * divergence, rel=1e-4)


@pytest.mark.parametrize("layer", [0, 1])
def test_pretraining_moves_one_layer_and_lowers_its_loss(layer):
    model, x, mask, y = overwritten(20, told=True)
    before = {name: p.detach().numpy().copy() for name, p in model.named_parameters()}
    optimizer = optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(30):
        loss = model.pretraining_loss(x, mask, y, layer)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]
    moved = {name for name, p in model.named_parameters()
             if (p.detach().numpy() != before[name]).any()}
    assert moved == {f"{part}.{layer}.{kind}" for part in ("encoders", "decoders")
                     for kind in ("weight", "bias")}


@pytest.mark.parametrize("told", [False, True])
def test_an_inpainter_overfits_a_batch_and_every_parameter_has_a_part_in_it(told):
    model, x, mask, y = overwritten(8, told=told)
    optimizer = optim.Adam(model.parameters(), lr=2e-2)
    errors = []
    for _ in range(200):
        errors.append(((y - model(x, mask)) ** 2).sum(1).mean().item())
        loss = model.loss(x, mask, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for name, p in model.named_parameters():
        assert np.abs(p.grad.numpy()).max() > 0, name
    assert errors[-1] < 0.2 * errors[0]


def test_told_the_mask_the_ink_itself_has_no_say_and_blind_the_mask_has_none():
    told, x, mask, y = overwritten(5, told=True)
    blind = overwritten(5)[0]
    assert (x.numpy() != y.numpy()).any()
    np.testing.assert_allclose(told(x, mask).detach().numpy(), told(y, mask).detach().numpy(),
                               rtol=1e-5, atol=1e-6)
    assert np.abs((told(x, mask) - told(x, 0 * mask)).detach().numpy()).max() > 1e-3
    np.testing.assert_array_equal(blind(x, mask).detach().numpy(),
                                  blind(x, 0 * mask).detach().numpy())
    assert np.abs((blind(x, mask) - blind(y, mask)).detach().numpy()).max() > 1e-3


@pytest.mark.parametrize(("height", "width", "step"),
                         [(12, 12, 2), (13, 10, 3), (4, 7, 4), (9, 8, 6)])  # 6: more than a patch
def test_a_picture_is_the_mean_of_its_overlapping_patches(height, width, step, monkeypatch):
    rng = Generator(0)
    picture = rng.uniform((2, 3, height, width))
    mask = (rng.uniform((2, 1, height, width)) < 0.3).to("float32")
    model = Inpainter(PATCHES, rng=rng)
    monkeypatch.setattr(Inpainter, "forward", lambda self, x, mask: x)      # copies its patches
    np.testing.assert_allclose(model.restore(picture, mask, step).numpy(), picture.numpy(),
                               rtol=1e-5)
    # patches numbered 0, 1, 2, ...: where two overlap is their mean
    monkeypatch.setattr(Inpainter, "forward", lambda self, x, mask: 0 * x + numbered(len(x)))
    if (height, width, step) == (12, 12, 2):
        made = model.restore(picture[:1], mask[:1], step).numpy()[0, 0]
        np.testing.assert_allclose(made[0], [0, 0, .5, .5, 1.5, 1.5, 2.5, 2.5, 3.5, 3.5, 4, 4])
        assert made[2, 0] == pytest.approx((0 + 5) / 2)
    monkeypatch.setattr(Inpainter, "forward", lambda self, x, mask: 0 * x + 7)
    told = Inpainter(replace(PATCHES, told=True), rng=rng).restore(picture, mask, step).numpy()
    np.testing.assert_allclose(told, np.where(mask.numpy() == 1, 7, picture.numpy()))


def numbered(n):
    return from_numpy(np.arange(n, dtype=np.float32)[:, None])


def test_patches_are_cut_where_their_number_says():
    made = data.text_overlay(2, size=48)
    patches = inpainting_demo.Patches(made, 8)
    assert len(patches) == 2 * 41 * 41
    x, mask, y = patches[np.array([41 * 41 + 3 * 41 + 5, 0])]
    np.testing.assert_array_equal(x[0], made.corrupted[1, :, 3:11, 5:13].ravel())
    np.testing.assert_array_equal(mask[0], made.mask[1, 0, 3:11, 5:13].ravel())
    np.testing.assert_array_equal(y[1], made.clean[0, :, :8, :8].ravel())


def test_the_mean_fill_leaves_what_is_kept_and_ink_out_of_the_mean():
    made = data.text_overlay(2, images=np.full((2, 3, 48, 48), 0.25, np.float32))
    np.testing.assert_allclose(inpainting_demo.mean_filled(made, 8), 0.25, rtol=1e-5)


# The demos --------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    """14 pictures of odd sizes in folders of two classes."""
    rng = np.random.default_rng(0)
    for i in range(14):
        path = tmp_path / "mine" / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        height, width = rng.integers(20, 40, 2)
        Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8)).save(path)
    return tmp_path / "mine"


@pytest.fixture
def grey(tmp_path):
    """12 grey pictures without classes."""
    path = tmp_path / "grey.npz"
    np.savez(path, images=np.random.default_rng(0).integers(0, 256, (12, 27, 27), np.uint8))
    return path


def report(out, name):
    return json.loads((out / f"{name}-1" / "report.json").read_text())["metrics"]


def drawn(out, name):
    """The figures of a run; none is blank."""
    paths = {path.stem: path for path in (out / f"{name}-1").glob("*.png")}
    for path in paths.values():
        with Image.open(path) as picture:
            assert len(picture.convert("RGB").getcolors(1 << 24)) > 10, path
    return set(paths)


def test_context_encoder_demo_on_pictures_with_classes(folder, tmp_path, capsys, monkeypatch):
    encode, judged = ContextEncoder.features, []

    def watched(self, x):
        judged.extend([] if is_grad_enabled() else [self.training])
        return encode(self, x)

    monkeypatch.setattr(ContextEncoder, "features", watched)
    code = main(["demo", "context-encoder", "--data", str(folder), "--set", "widths=4,4", "--set",
                 "code=4", "--set", "steps=2", "--set", "batch=5", "--out", str(tmp_path)])
    assert code == 0
    assert "each 3x16x16" in capsys.readouterr().out
    metrics = report(tmp_path, "context-encoder")
    assert metrics["psnr_gain"] == pytest.approx(metrics["psnr"] - metrics["psnr_mean_fill"])
    gain = 100 * (metrics["probe_random_blocks"] - metrics["probe_untrained"])
    assert metrics["probe_gain"] == pytest.approx(gain)
    assert metrics["variety"] > 0
    assert judged and not any(judged)       # a picture's features say nothing of others
    assert drawn(tmp_path, "context-encoder") == {"fillings", "blocks", "training", "probe"}


def test_context_encoder_demo_without_classes_has_no_probe(grey, tmp_path):
    code = main(["demo", "context-encoder", "--data", str(grey), "--set",
                 "widths=4,4", "--set", "code=4", "--set", "steps=1", "--out", str(tmp_path)])
    assert code == 0
    assert "probe_gain" not in report(tmp_path, "context-encoder")
    assert drawn(tmp_path, "context-encoder") == {"fillings", "blocks", "training"}


def test_inpainting_demo_on_ones_own_grey_pictures(grey, tmp_path):
    code = main(["demo", "inpainting", "--data", str(grey), "--set", "hidden=5",
                 "--set", "pretraining=1", "--set", "steps=2", "--out", str(tmp_path)])
    assert code == 0
    metrics = report(tmp_path, "inpainting")
    gain = metrics["psnr_told_the_mask"] - metrics["psnr_kept_mean"]
    assert metrics["gain_over_mean"] == pytest.approx(gain)
    assert drawn(tmp_path, "inpainting") == {"text", "training"}


@pytest.mark.parametrize(("arguments", "message"), [
    (["context-encoder", "--set", "labels=1"], "--set labels=1: a probe compares classes"),
    (["context-encoder", "--set", "batch=1"], "--set batch=1: batch norm compares pictures; give"),
    (["context-encoder", "--set", "adversarial=2"], "--set adversarial=2: it is a share of the"),
    (["inpainting", "--set", "steps=600"], "--set steps=600: pre-training takes 300 for each of 2"),
    (["inpainting", "--set", "patch=30"], "--set patch=30: the pictures have 27 pixels a side"),
    (["inpainting", "--set", "lines=4"], "4 lines of words at zoom 1 do not fit 27x27 pixels"),
    (["context-encoder", "--set", "widths=8"], "--set widths=8: the decoder has one level less"),
    (["context-encoder", "--set", "widths=8,8"], "size 16 is too small for a house"),
])
def test_what_cannot_be_trained_is_refused_in_one_line(arguments, message, grey, capsys, tmp_path):
    own = ["--data", str(grey)] if arguments[0] == "inpainting" else []
    assert main(["demo", *arguments, *own, "--out", str(tmp_path / "out")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not (tmp_path / "out").exists()

"""Transfer, AlexNet and what its units see: the papers' sizes, heads, boxes, the demos."""

import json

import numpy as np
import pytest

from minigen import Generator, data, from_numpy, metrics, nn, no_grad, ops, optim, tensor
from minigen.cli import main
from minigen.models.autoencoders import mlp, transfer
from minigen.models.backbones import alexnet, visualise
from minigen.models.backbones.alexnet import AlexNet, receptive_fields, tiny

RNG = np.random.default_rng(0)


def small(classes=3):
    """A network of the tiny kind, smaller still."""
    return AlexNet(tiny((4, 6, 8, 8), classes=classes), rng=Generator(0))


def pictures(n, size=16):
    return from_numpy(RNG.random((n, 3, size, size), dtype=np.float32))


# AlexNet ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("config", "count", "first"), [
    (alexnet.ORIGINAL, 60_965_224, (96, 3, 11, 11)),
    (alexnet.SINGLE, 61_100_840, (64, 3, 11, 11)),
    (tiny(), 52_936, (24, 3, 7, 7)),
])
def test_sizes_of_the_papers(config, count, first):
    with nn.meta():
        model = AlexNet(config, rng=Generator())
    assert sum(p.numel() for p in model.parameters()) == count
    assert model.features[0].weight.shape == first


@pytest.mark.parametrize("config", [alexnet.ORIGINAL, alexnet.SINGLE])
def test_receptive_fields_of_the_paper(config):
    fields = receptive_fields(config)
    assert list(fields) == ["conv1", "pool1", "conv2", "pool2", "conv3", "conv4", "conv5", "pool5"]
    assert [f.size for f in fields.values()] == [11, 19, 51, 67, 99, 131, 163, 195]
    assert [f.jump for f in fields.values()] == [4, 8, 8, 16, 16, 16, 16, 32]


def test_single_tower_has_the_names_of_pytorchs_weights():
    with nn.meta():
        names = list(AlexNet(alexnet.SINGLE, rng=Generator()).state_dict())
    numbers = [f"features.{i}" for i in (0, 3, 6, 8, 10)]
    numbers += [f"classifier.{i}" for i in (1, 4, 6)]
    assert names == [f"{number}.{kind}" for number in numbers for kind in ("weight", "bias")]


def test_places_of_both_alexnets_shrink_as_in_the_paper():
    # the same strides with few filters: 55, 27, 13, 13, 13 places a side for 224 pixels
    for config in (alexnet.ORIGINAL, alexnet.SINGLE):
        thin = [layer._replace(width=2 * layer.groups) for layer in config.layers]
        model = AlexNet(alexnet.Config(tuple(thin), hidden=(4,), classes=2), rng=Generator())
        with no_grad():
            assert [m.shape[-1] for m in model.maps(pictures(1, 224))] == [55, 27, 13, 13, 13]
            assert model(pictures(1, 224)).shape == (1, 2)


def test_a_unit_sees_its_receptive_field_and_nothing_else():
    config = alexnet.Config((alexnet.Layer(3, 5, stride=2, padding=2, pool=2),
                             alexnet.Layer(4, 3, padding=1)), channels=1, grid=1, hidden=())
    model = AlexNet(config, rng=Generator(0))
    size, jump, start = model.fields["conv2"]
    x = from_numpy(RNG.random((1, 1, 32, 32), dtype=np.float32)).requires_grad_()
    model.maps(x)[1][0, 0, 4, 4].backward()
    seen = np.flatnonzero(x.grad.numpy()[0, 0].any(1))
    first = start + 4 * jump
    assert first <= seen.min() and seen.max() <= first + size - 1
    assert seen.max() - seen.min() >= size - 3         # a pooled pixel may lose on the border


def test_surround_takes_away_what_a_neighbourhood_shares():
    model = small()
    flat = from_numpy(np.full((1, 3, 16, 16), 0.7, np.float32))
    np.testing.assert_allclose(model.prepared(flat).numpy(), 0, atol=1e-6)
    plain = AlexNet(alexnet.Config((alexnet.Layer(2, 3),), hidden=()), rng=Generator())
    assert plain.prepared(flat) is flat


def test_gradient_reaches_every_parameter_and_one_batch_is_overfitted():
    model, x, y = small(), pictures(12), from_numpy(np.arange(12) % 3)
    optimizer = optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(60):
        loss = model.loss(x, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for name, p in model.named_parameters():
        assert p.grad is not None, name
    assert loss.item() < 0.1


# What units see -----------------------------------------------------------------------------------


def test_roughness_and_frequency_tell_gratings_from_noise():
    noise = RNG.normal(size=(500, 3, 7, 7))
    wave = np.cos(2 * np.pi * np.arange(7) / 7)
    gratings = np.broadcast_to(wave, (2, 3, 7, 7)) * np.array([1, -2, 0.5])[:, None, None]
    blob = np.ones((1, 3, 7, 7)) + 0.01 * noise[:1]
    assert visualise.has_frequency(noise).mean() < 0.02
    assert visualise.has_frequency(gratings).all()
    assert not visualise.has_frequency(blob).any()                  # its frequency is 0
    rough = visualise.total_variation(noise).mean()
    assert visualise.total_variation(gratings).max() < 0.6 * rough
    w = np.zeros((1, 1, 3, 3))
    w[0, 0, 1, 1] = -5
    assert visualise.total_variation(w) == pytest.approx([4])       # of unit norm, 4 edges


def test_strongest_patches_are_where_the_unit_answers_most():
    model = small()
    x = np.full((5, 3, 16, 16), 0.5, np.float32)
    w = model.features[0].weight.detach().numpy()[0]                # (3, 7, 7)
    pattern = 0.5 + 0.5 * w / np.abs(w).max()
    x[3, :, 5:12, 3:10] = pattern                               # a whole field: start -3, jump 2
    model.eval()
    model.surround = 0
    patches = visualise.strongest_patches(model, 1, x - 0.5, top=2)
    assert patches.shape == (4, 2, 3, 7, 7)
    np.testing.assert_allclose(patches[0, 0], pattern - 0.5, atol=1e-6)


def test_climbing_makes_units_answer_more_than_any_picture():
    model = small().eval()
    x = pictures(40)
    with no_grad():
        usual = model.maps(x)[1][:, :, 2, 2].numpy().max(0)
    made = visualise.climb(model, 2, 16, rng=Generator(0), steps=30)
    assert made.shape == (6, 3, 16, 16)
    with no_grad():
        own = model.maps(made)[1].numpy()[np.arange(6), np.arange(6), 2, 2]
    assert (own > usual).mean() >= 0.8
    assert made.numpy().min() >= 0 and made.numpy().max() <= 1
    assert all(p.grad is None for p in model.parameters())


def test_occlusion_falls_where_the_class_is():
    class Bright(nn.Module):
        """Class 1 if the upper left is bright."""

        def forward(self, x):
            o = 40 * (x[:, 0, :4, :4].mean((1, 2)) - 0.8)
            return from_numpy(np.stack([np.zeros(len(o), np.float32), o.numpy()], 1))

    p = visualise.occlusion(Bright(), from_numpy(np.ones((3, 16, 16), np.float32)), 1, side=4)
    assert p.shape == (8, 8)
    assert p[0, 0] < 0.5 and (p[4:, 4:] > 0.99).all()
    odd = visualise.occlusion(Bright(), from_numpy(np.ones((3, 17, 17), np.float32)), 1, side=4)
    assert odd.shape == (9, 9) and (odd[:8, :8] == p).all()         # a last cell over the rim


# Transfer -----------------------------------------------------------------------------------------


def encoder():
    return mlp.AutoEncoder(mlp.Config(pixels=20, hidden=(16,), latent=6), rng=Generator(1))


def test_what_is_frozen_stays_and_what_is_tuned_moves():
    x, y = from_numpy(RNG.random((9, 20), dtype=np.float32)), from_numpy(np.arange(9) % 3)
    for frozen in (True, False):
        model = transfer.Classifier(encoder(), 6, 3, frozen=frozen, rng=Generator(2))
        layers = model.encoder.encoder
        before = {k: v.detach().numpy().copy() for k, v in layers.state_dict().items()}
        optimizer = optim.Adam(model.groups(1e-2, 1e-1))
        for _ in range(60):
            loss = model.loss(x, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        after = layers.state_dict()
        same = [np.array_equal(before[k], after[k].detach().numpy()) for k in before]
        assert all(same) if frozen else not any(same)
        assert loss.item() < (1.0 if frozen else 0.05)


def test_batch_statistics_of_a_frozen_encoder_do_not_move():
    for frozen in (True, False):
        network = small()
        model = transfer.Classifier(network, network.width, 3, frozen=frozen, rng=Generator())
        model.train()(pictures(4))
        moved = np.abs(network.features[1].running_mean.numpy()).max() > 0
        assert moved == (not frozen)


def test_pixel_head_equals_a_convolution_of_all_maps_made_equally_large():
    head = transfer.PixelHead((4, 6), 3, rng=Generator(0))
    maps = [from_numpy(RNG.normal(size=shape).astype(np.float32))
            for shape in ((2, 4, 8, 8), (2, 6, 4, 4))]
    with no_grad():
        column = ops.cat([ops.interpolate(ops.relu(m), (16, 16), mode="bilinear") for m in maps], 1)
        weight = ops.cat([conv.weight for conv in head.weigh], 1)
        expected = ops.conv2d(column, weight, sum(conv.bias for conv in head.weigh))
        np.testing.assert_allclose(head(maps, 16).numpy(), expected.numpy(), atol=1e-5)


def test_boxes_go_to_a_heat_map_and_back():
    masks = np.zeros((3, 32, 32), np.float32)
    masks[0, 4:12, 6:16] = 1
    masks[1, 20:30, 18:24] = 0.9
    masks[2, 0:2, 0:2] = 1                                          # too little is seen of it
    boxes = transfer.boxes_of(masks)
    assert boxes.tolist() == [[4, 6, 12, 16], [20, 18, 30, 24]]
    heat, sides = transfer.heat_targets(boxes, 32)
    assert (heat == 1).sum() == 2 and heat[8, 11] == 1 and heat[25, 21] == 1
    ((scores, found),) = transfer.peaks(tensor(heat[None]), tensor(sides[None]))
    assert scores[:2].tolist() == [1, 1]
    iou = metrics.box_iou(found[:2], boxes)
    assert sorted(iou.max(1)) == pytest.approx([0.82, 0.82], abs=0.1)   # middles are whole pixels
    assert metrics.box_average_precision([boxes], [(scores, found)]) == 1


def test_heat_loss_is_zero_for_certainty_and_the_formula_else():
    y = np.exp(-np.arange(9, dtype=np.float32).reshape(1, 3, 3) / 2)     # 1 at [0, 0]
    certain = np.where(y == 1, 30, -30).astype(np.float32)
    assert transfer.heat_loss(tensor(certain), tensor(y)).item() == pytest.approx(0, abs=1e-6)
    p = 0.5
    rest = ((1 - y) ** 4)[y < 1].sum() * p**2 * np.log(2)
    expected = (1 - p) ** 2 * np.log(2) + rest
    assert transfer.heat_loss(tensor(np.zeros_like(y)), tensor(y)).item() == pytest.approx(expected)


# The demos ----------------------------------------------------------------------------------------


def run(name, tmp_path, *settings, own=None):
    """The metrics and the figures of a lean run.   own: labelled pictures, to be given as data"""
    words = [w for s in settings for w in ("--set", s)]
    if own is not None:
        np.savez(tmp_path / "own.npz", images=np.uint8(255 * own.images), labels=own.labels)
        words += ["--data", str(tmp_path / "own.npz")]
    assert main(["demo", name, *words, "--out", str(tmp_path)]) == 0
    folder = tmp_path / f"{name}-1"
    figures = {path.stem for path in folder.glob("*.png")}
    return json.loads((folder / "report.json").read_text())["metrics"], figures


def test_filters_demo(tmp_path):
    metrics, figures = run("filters", tmp_path, "steps=3", "batch=8", "widths=4,4,4",
                           own=data.shapes(56, size=17))        # odd: squares do not tile it
    assert figures == {"filters", "occlusion", "units-2", "units-3", "training"}
    assert metrics["margin"] == pytest.approx(min(0.6 / metrics["tv_ratio"], 3 * metrics["tuned"]))


def test_semi_supervised_demo(tmp_path):
    metrics, figures = run("semi-supervised", tmp_path, "steps=20", "hidden=32", "latent=8",
                           "labels=1,10", "draws=2", "tuning=20", own=data.digits(200, size=8))
    assert figures == {"reconstructions", "accuracy", "training"}
    best = max(metrics["frozen"], metrics["fine_tuned"])
    assert metrics["gain"] == pytest.approx(best - metrics["scratch"])
    assert metrics["least_gain"] <= metrics["gain"]


def test_transfer_demo(tmp_path):
    own = data.digits(30, size=16)                      # 4 of them to test
    metrics, figures = run("transfer", tmp_path, "train=20", "steps=2", "batch=8", "widths=4,4,4",
                           "few=1", "labels=2", "draws=1", "tuning=1", own=own)
    assert figures == {"sets", "accuracy", "training"}
    assert {"accuracy_A", "scratch", "frozen", "fine_tuned", "gain"} <= set(metrics)


def test_frozen_features_demo(tmp_path):
    metrics, figures = run("frozen-features", tmp_path, "train=40", "steps=2", "batch=8", "size=16",
                           "widths=4,4,4", "sprites=16", "reading=2")
    assert figures == {"segmentation", "detection", "training"}
    assert metrics["iou_gain"] == pytest.approx(metrics["iou_trained"] - metrics["iou_random"])


def test_labelled_pictures_are_of_each_class_alike():
    from minigen.demos.autoencoders.transfer import labelled

    labels = np.array([0] * 20 + [1] * 20 + [2] * 3)
    rows = labelled(labels, 5, np.random.default_rng(0))
    assert np.bincount(labels[rows]).tolist() == [5, 5, 3] and len(set(rows)) == 13


@pytest.mark.parametrize("name", ["filters", "transfer", "semi-supervised"])
def test_demos_need_classes(name, tmp_path, capsys):
    np.savez(tmp_path / "plain.npz", images=RNG.integers(0, 256, (20, 16, 16)).astype(np.uint8))
    arguments = ["demo", name, "--data", str(tmp_path / "plain.npz"), "--out", str(tmp_path / "o")]
    assert main(arguments) == 2
    assert "each in a folder of its own" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["filters", "transfer"])
def test_demos_refuse_pictures_smaller_than_their_windows(name, tmp_path, capsys):
    labels = np.arange(20) % 2
    images = RNG.integers(0, 256, (20, 5, 5)).astype(np.uint8)
    np.savez(tmp_path / "small.npz", images=images, labels=labels)
    arguments = ["demo", name, "--data", str(tmp_path / "small.npz"), "--out", str(tmp_path / "o")]
    assert main(arguments) == 2
    assert "--set size=12 enlarges them" in capsys.readouterr().err


def test_frozen_features_refuses_pictures_without_masks(tmp_path, capsys):
    assert main(["demo", "frozen-features", "--data", "digits", "--out", str(tmp_path)]) == 2
    assert "leave --data out" in capsys.readouterr().err

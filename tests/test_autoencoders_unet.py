"""The U-Net has the paper's sizes, its arms meet at any size, it learns, and its demo runs."""

from dataclasses import replace

import numpy as np
import pytest
from minigen.demos.autoencoders import unet as demo
from PIL import Image

from minigen import Generator, draw, from_numpy, nn, no_grad, optim, tensor, zeros
from minigen.models.autoencoders.unet import PAPER, Config, UNet, crop, receptive_field, shapes
from minigen.train import UsageError

THIN = replace(PAPER, widths=(1, 1, 1, 1, 1))       # the paper's sizes at little cost


def test_the_papers_network_has_its_parameters():
    with nn.meta():
        network = UNet(PAPER, rng=Generator())
    assert sum(p.numel() for p in network.parameters()) == 31_030_658


def test_the_papers_maps_have_its_sizes():
    sides = "|".join(",".join(f"{side}" for _, side in level) for level in shapes(PAPER, 572))
    assert sides == ("572,570,568|284,282,280|140,138,136|68,66,64|32,30,28|"
                     "56,54,52|104,102,100|200,198,196|392,390,388,388")
    assert [level[-1][0] for level in shapes(PAPER, 572)] == [64, 128, 256, 512, 1024, 512, 256,
                                                             128, 2]


@pytest.mark.parametrize(("config", "size"), [
    (THIN, 572), (THIN, 187), (Config(3, 2), 29), (Config(1, 1, (2, 3, 4, 5)), 21),
    (Config(1, 1, (2, 3, 4), skips=False), 11),
])
def test_the_network_makes_the_maps_that_are_named(config, size):
    network = UNet(config, rng=Generator())
    made = []
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_pre_hook(lambda _, inputs: made.append(inputs[0].shape[1:3]))
    with no_grad():
        y = network(zeros(1, config.channels, size, size))
    levels = shapes(config, size)
    # a convolution is given all but what the next level's pool or transposed convolution is given
    expected = [shape for level in levels for shape in level[:2]] + [levels[-1][2]]
    assert made == expected
    assert y.shape[1:3] == levels[-1][-1]


def test_a_picture_too_small_for_the_levels_is_refused():
    with pytest.raises(ValueError, match="a picture of 100 pixels a side is too small for 5"):
        shapes(PAPER, 100)


def test_a_number_of_the_code_sees_140_pixels():
    network = UNet(THIN, rng=Generator())
    for p in network.parameters():
        p.data = np.full(p.shape, p.ndim > 1, np.float32)       # nothing positive can vanish
    seen = []
    for place in (139, 140):
        x = np.zeros((1, 1, 188, 188), np.float32)
        x[..., place, place] = 1
        with no_grad():
            seen.append(network.encode(from_numpy(x))[1][0, 0, 0, 0].item() > 0)
    assert seen == [True, False]
    assert receptive_field(PAPER) == 140


def test_what_is_cropped_is_the_middle():
    x = tensor(np.arange(60.0).reshape(1, 2, 6, 5))
    assert (crop(x, zeros(1, 9, 2, 3)).numpy() == x.numpy()[:, :, 2:4, 1:4]).all()
    assert (crop(x, zeros(1, 1, 8, 5)).numpy() == x.numpy()).all()         # nothing to take off


@pytest.mark.parametrize("size", [28, 29, 9, 5])
@pytest.mark.parametrize("skips", [True, False])
def test_pictures_of_any_size_come_back_as_large(size, skips):
    network = UNet(Config(3, 2, (4, 5, 6), skips=skips), rng=Generator())
    assert network(Generator().uniform((2, 3, size, size))).shape == (2, 2, size, size)


def test_without_skips_all_goes_through_the_code():
    x = Generator().uniform((2, 1, 9, 9))
    for skips in (True, False):
        network = UNet(Config(widths=(4, 5, 6), skips=skips), rng=Generator(1))
        with no_grad():
            maps, z = network.encode(x)
            same = network.decode([0 * h for h in maps], z).numpy() == network(x).numpy()
            erased = network.decode(maps, 0 * z).numpy()
        assert same.all() != skips
        if not skips:       # nothing but biases: zero, at the start
            assert not erased.any()


def test_loss_sums_over_pixels_and_averages_over_images():
    network = UNet(Config(3, 3, (2, 3)), rng=Generator())
    for p in network.parameters():
        p.data = np.zeros(p.shape, np.float32)
    x = np.random.default_rng(0).random((5, 3, 8, 8), dtype=np.float32)
    assert network.loss(tensor(0 * x), tensor(x)).item() == pytest.approx((x**2).sum() / 5)


@pytest.mark.parametrize("skips", [True, False])
def test_gradient_reaches_every_parameter_and_one_batch_is_overfitted(skips):
    network = UNet(Config(widths=(8, 16), skips=skips), rng=Generator(1))
    noisy, x = Generator(2).normal((4, 1, 8, 8)), Generator(3).uniform((4, 1, 8, 8))
    optimizer = optim.Adam(network.parameters(), lr=5e-3)
    first = network.loss(noisy, x).item()
    for _ in range(200):
        loss = network.loss(noisy, x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for name, p in network.named_parameters():
        assert np.abs(p.grad.numpy()).max() > 0, name
    assert network.loss(noisy, x).item() < 0.02 * first


def test_the_schema_names_all_maps():
    figure = draw.u_schema(shapes(Config(), 28))
    texts = [t.get_text() for t in figure.axes[0].texts]
    assert [t for t in texts if t.isdecimal()] == [
        *("1", "16", "16"), *("16", "32", "32"), *("32", "64", "64"), *("64", "32", "32"),
        *("32", "16", "16", "1")]
    assert texts.count("28²") == 7 and texts.count("7²") == 3 and "skip connection" in texts


def test_the_demo_takes_ones_own_pictures_and_draws_its_figures(tmp_path):
    path = tmp_path / "mine.npz"
    np.savez(path, images=np.random.default_rng(0).integers(0, 256, (20, 13, 13, 3), np.uint8))
    config = demo.Config(data=str(path), out=str(tmp_path), steps=2, batch=4, widths=(4, 5, 6))
    assert demo.main(config) == 0
    for name in ("copies", "denoised", "u", "u-paper", "training"):
        with Image.open(tmp_path / "unet-1" / f"{name}.png") as picture:
            assert len(picture.convert("RGB").getcolors(1 << 24)) > 10


def test_the_demo_refuses_noise_that_is_none():
    with pytest.raises(UsageError, match="--set noise=0: two of the networks have to remove it"):
        demo.main(demo.Config(noise=0))

"""Data: the digits against the moments that their factors predict, epochs' orders, and `load`.

Read next: test_data_pictures.py and test_data_arrays.py, a user's own data.
"""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import minigen.data
from minigen.data import (
    DataError,
    char_corpus,
    digits,
    digits_binary,
    epoch_order,
    load,
    text_overlay,
    toy2d,
)
from minigen.data.digits import CELL, FONT
from minigen.data.stencils import GLYPHS

FACTORS = ("labels", "rotation", "scale", "shear", "shift", "dilation", "blur")


def test_a_seed_gives_the_same_bytes_again_and_in_another_process():
    digest = hashlib.sha256(digits(300, 3).images.tobytes()).hexdigest()
    assert hashlib.sha256(digits(300, 3).images.tobytes()).hexdigest() == digest
    code = (
        "import hashlib; from minigen.data import digits; "
        "print(hashlib.sha256(digits(300, 3).images.tobytes()).hexdigest())"
    )
    root = Path(minigen.data.__file__).parents[2]
    run = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, check=True)
    assert run.stdout.decode().strip() == digest


def test_the_digits_that_recorded_results_were_measured_on():
    images = digits(1000).images.astype(np.float64)
    assert images.mean() == pytest.approx(0.154245, abs=2e-6)
    assert images.std() == pytest.approx(0.299490, abs=2e-6)


def test_every_class_is_equally_frequent():
    assert (np.bincount(digits(130).labels) == 13).all()


def test_images_and_factors_stay_in_their_ranges():
    made = digits(2000, seed=1)
    assert made.images.shape == (2000, 1, 28, 28) and made.images.dtype == np.float32
    assert made.images.min() == 0 and made.images.max() == 1
    ranges = {"rotation": 15, "shear": 0.15, "shift": 2}
    for name, reach in ranges.items():
        values = getattr(made, name)
        assert 0.99 * reach < values.max() <= reach and -reach <= values.min() < -0.99 * reach
    for name, low, high in (("scale", 0.8, 1.1), ("blur", 0.5, 0.9)):
        values = getattr(made, name)
        assert low <= values.min() < low + 0.01 and high - 0.01 < values.max() <= high
    assert 0.45 < made.dilation.mean() < 0.55 and set(made.dilation) == {0, 1}


def test_no_digit_is_clipped():
    images = digits(3000, seed=2).images[:, 0]
    border = np.concatenate([images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]], 1)
    assert border.max() < 0.5 and (border.max(1) > 0.1).mean() < 0.01


def test_an_image_depends_on_its_own_row_alone():
    many, few = digits(300, seed=4), digits(7, seed=4)
    for name in ("images", *FACTORS):
        assert (getattr(many, name)[:7] == getattr(few, name)).all()
    turned = digits(7, seed=4, rotation=0.0)
    assert (turned.scale == few.scale).all() and (turned.blur == few.blur).all()
    assert (turned.images != few.images).any()


def test_other_seeds_give_other_digits():
    assert (digits(10, seed=0).images != digits(10, seed=1).images).any()


def test_the_neutral_pose_draws_the_bitmap():
    made = digits(10, size=280, rotation=0, scale=1, shear=0, shift=0, dilation=0, blur=0.5)
    rows = np.array([line.split() for line in FONT.split("\n") if line])
    cells = np.array([[list(row[d]) for row in rows] for d in range(10)]) == "#"    # (10, 7, 5)
    y = np.rint(140 + 10 * CELL * (np.arange(7) - 3)).astype(int)
    x = np.rint(140 + 10 * CELL * (np.arange(5) - 2)).astype(int)
    middles = made.images[:, 0][:, y[:, None], x]
    assert middles[cells].min() > middles[~cells].max()


@pytest.mark.parametrize("size", [8, 16, 28, 50])
def test_one_seed_draws_the_same_digits_at_every_size(size):
    small, large = digits(20, size=size).images, digits(20, size=4 * size).images
    averaged = large.reshape(20, 1, size, 4, size, 4).mean((3, 5))
    assert abs(small - averaged).mean() < 0.02


def moments(**factors):
    """Ink, centre of mass (2,), covariance (2, 2) of ten digits; x right, y down, in 28ths."""
    neutral = dict(rotation=0, scale=0.9, shear=0, shift=0, dilation=0, blur=0.6)
    images = digits(10, size=56, **neutral | factors).images[:, 0].astype(np.float64)
    axis = (np.arange(56) + 0.5) / 2 - 14
    place = np.stack(np.meshgrid(axis, axis), -1)                                  # (56, 56, 2)
    ink = images.sum((1, 2))
    centre = np.einsum("nij,ijk->nk", images, place) / ink[:, None]
    square = np.einsum("nij,ijk,ijl->nkl", images, place, place) / ink[:, None, None]
    return ink / 4, centre, square - centre[:, :, None] * centre[:, None, :]


def test_shift_moves_the_centre_of_mass_right_and_down():
    moved = moments(shift=(1.5, -0.75))[1] - moments()[1]
    np.testing.assert_allclose(moved, np.tile([1.5, -0.75], (10, 1)), atol=0.02)


def test_scale_multiplies_lengths():
    # the stroke's blur, a length that does not grow, is taken off
    near, far = (moments(scale=s)[2] - 0.6**2 * np.eye(2) for s in (0.8, 1.1))
    np.testing.assert_allclose(far / (1.1 / 0.8) ** 2, near, atol=0.1)


def test_rotation_turns_the_main_axis_counter_clockwise():
    def angle(cov):
        return np.degrees(np.arctan2(2 * cov[:, 0, 1], cov[:, 1, 1] - cov[:, 0, 0])) / 2

    turned = angle(moments(rotation=12)[2]) - angle(moments()[2])
    np.testing.assert_allclose(turned, 12, atol=0.5)


def test_shear_leans_to_the_right():
    straight, leaning = moments()[2], moments(shear=0.15)[2]
    # x' = x - shear·y changes cov(x, y) by -shear·var(y)
    lean = (straight - leaning)[:, 0, 1] / (straight[:, 1, 1] - 0.6**2)
    np.testing.assert_allclose(lean, 0.15, atol=0.005)


def test_blur_adds_its_variance_and_keeps_the_ink():
    sharp, soft = moments(blur=0.5), moments(blur=0.9)
    np.testing.assert_allclose(soft[0], sharp[0], rtol=2e-3)
    added = np.diagonal(soft[2] - sharp[2], 0, 1, 2)
    np.testing.assert_allclose(added, 0.9**2 - 0.5**2, atol=0.03)


def test_dilation_thickens_the_stroke():
    assert (moments(dilation=1)[0] > 1.2 * moments(dilation=0)[0]).all()


def test_binary_digits_are_the_digits_at_one_half():
    grey, binary = digits(50, seed=5, size=16), digits_binary(50, seed=5, size=16)
    assert (binary.images == (grey.images >= 0.5)).all() and binary.images.dtype == np.float32
    assert (binary.rotation == grey.rotation).all()


def test_a_size_too_small_for_digits_is_refused():
    with pytest.raises(DataError, match="size 7 is too small"):
        load("digits", size=7)


def test_pictures_all_the_same_are_refused(tmp_path):
    np.save(tmp_path / "p.npy", np.tile([[0.0, 1.0], [1.0, 1.0]], (20, 1, 1)))
    with pytest.raises(DataError, match=r"p\.npy: all pictures are the same"):
        load(tmp_path / "p.npy")


@pytest.mark.parametrize("make", [digits, char_corpus, text_overlay, toy2d.ring8])
def test_a_count_or_seed_that_is_none_is_named_by_the_function_that_was_called(make):
    for n in (0, -1, 2.5, "8"):
        with pytest.raises(ValueError, match=f"^{make.__name__}: n is {n!r}; .* 1 or more$"):
            make(n)
    with pytest.raises(ValueError, match=f"^{make.__name__}: seed is -1; .* 0 or more$"):
        make(4, -1)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (dict(rotations=0), "no factor 'rotations'; the factors are labels, rotation"),
        (dict(scale=[1, 1]), r"scale has shape \(2,\), not \(\) or \(5,\)"),
        (dict(labels=10), "labels is 10; it must be int64, 0 to 9"),
        (dict(dilation=0.5), "dilation is 0.5; it must be int64, 0 to 1"),
        (dict(rotation=np.nan), "rotation is nan"),
    ],
)
def test_a_wrong_factor_is_named(arguments, reason):
    with pytest.raises(ValueError, match=reason):
        digits(5, **arguments)


def test_epoch_order_is_a_permutation_that_depends_on_seed_and_epoch_alone():
    orders = [epoch_order(50, seed, epoch) for seed in range(4) for epoch in range(4)]
    assert all((np.sort(order) == np.arange(50)).all() for order in orders)
    assert len({order.tobytes() for order in orders}) == 16
    assert (epoch_order(50, 2, 3) == orders[11]).all()


@pytest.mark.parametrize(
    ("source", "generator"), [("digits", digits), ("digits_binary", digits_binary)]
)
def test_generated_sets_have_separate_seeds(source, generator):
    images = load(source, size=16, seed=5, train=30, test=20)
    np.testing.assert_array_equal(images.train, generator(30, seed=5, size=16).images)
    np.testing.assert_array_equal(images.test, generator(20, seed=10_005, size=16).images)
    assert images.classes == tuple("0123456789")
    assert (images.test_labels == np.arange(20) % 10).all()
    assert (images.name, images.size, images.channels, images.pixels) == (source, 16, 1, 256)
    assert "10 classes -> 30 to train and 20 to test, each 1x16x16" in images.describe()
    assert load(source, train=2, test=1).train.shape == (2, 1, 28, 28)
    assert load(source, train=2, test=1, channels=3).train.shape == (2, 3, 28, 28)


@pytest.mark.parametrize(
    ("source", "shape", "classes"),
    [
        ("faces", (1, 32, 32), ()),
        ("landscapes", (3, 48, 48), ("fir", "oak", "poplar", "bush")),
        ("multi_sprites", (3, 32, 32), ()),
        ("shapes_upright", (3, 32, 32), GLYPHS),
    ],
)
def test_each_generator_has_its_own_size_channels_and_classes(source, shape, classes):
    images = load(source, seed=1, train=4, test=3)
    assert images.train.shape == (4, *shape) and images.classes == classes
    if classes:
        assert images.test_labels.tolist() == [0, 1, 2]
    else:
        assert images.train_labels is None and images.test_labels is None
    assert load(source, size=24, channels=1, train=2, test=1).train.shape == (2, 1, 24, 24)


def test_faces_are_drawn_in_colour_where_that_is_asked_for():
    red, _, blue = load("faces", channels=3, train=2, test=1).train[0]
    assert abs(red - blue).max() > 0.1


def test_the_split_is_by_seed_without_overlap_and_capped(tmp_path):
    pictures = np.arange(100)[:, None, None] * np.ones((1, 2, 2))
    np.save(tmp_path / "p.npy", pictures)
    images = load(tmp_path / "p.npy", seed=1)
    train, test = (np.rint(255 * x[:, 0, 0, 0]).astype(int) for x in (images.train, images.test))
    assert len(test) == 14 and (np.sort([*train, *test]) == np.arange(100)).all()
    np.testing.assert_array_equal(load(tmp_path / "p.npy", seed=1).train, images.train)
    assert (load(tmp_path / "p.npy", seed=2).test != images.test).any()
    few = load(tmp_path / "p.npy", seed=1, train=10, test=3)
    np.testing.assert_array_equal(few.train, images.train[:10])
    np.testing.assert_array_equal(few.test, images.test[:3])


def test_a_missing_path_names_the_nearest(tmp_path):
    (tmp_path / "holidays").mkdir()
    with pytest.raises(DataError, match=r"beach: no such file.*did you mean .*holidays\?"):
        load(tmp_path / "holiday" / "beach")
    with pytest.raises(DataError, match=r"digts: no such file or folder; did you mean digits\?"):
        load("digts")
    with pytest.raises(DataError, match=r"zzz: no such file or folder; .* has nothing like it"):
        load(tmp_path / "zzz")


@pytest.mark.parametrize(
    "arguments", [dict(channels=2), dict(size=0), dict(train=0), dict(test=-1)]
)
def test_a_wrong_argument_is_refused(arguments):
    with pytest.raises(ValueError, match="channels must be 1 or 3, size, train and test at least"):
        load("digits", **arguments)

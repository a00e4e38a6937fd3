"""Augmentation: identities, closed forms and other implementations, on batches."""

import colorsys
import inspect

import numpy as np
import pytest
from scipy import ndimage

import minigen
from minigen.data import DataLoader, augment
from minigen.data.augment.crop import _random_boxes
from minigen.data.source import fit

X = np.random.default_rng(0).random((6, 3, 20, 20), dtype=np.float32)
TARGETS = np.eye(3, dtype=np.float32)[np.arange(6) % 3]


def rng(seed=0):
    return np.random.default_rng(seed)


CALLS = {
    "adjust_brightness": lambda x: augment.adjust_brightness(x, 1.7),
    "adjust_contrast": lambda x: augment.adjust_contrast(x, 1.7),
    "adjust_hue": lambda x: augment.adjust_hue(x, 0.2),
    "adjust_saturation": lambda x: augment.adjust_saturation(x, 1.7),
    "byol": lambda x: augment.byol(16)(x, rng()),
    "center_crop": lambda x: augment.center_crop(x, 7),
    "color_jitter": lambda x: augment.color_jitter(x, rng(), 0.8, 0.8, 0.8, 0.2),
    "crop_resize": lambda x: augment.crop_resize(x, np.tile([1, 2, 5, 9], (len(x), 1)), 7),
    "cutmix": lambda x: augment.cutmix(x, TARGETS[: len(x)], rng()),
    "cutout": lambda x: augment.cutout(x, rng(), 5),
    "dino": lambda x: augment.dino(16, 8)(x, rng()),
    "gaussian_blur": lambda x: augment.gaussian_blur(x, 1.0),
    "grayscale": augment.grayscale,
    "mixup": lambda x: augment.mixup(x, TARGETS[: len(x)], rng()),
    "patch_grid": lambda x: augment.patch_grid(x, rng(), 4, 2, 1),
    "random_crop": lambda x: augment.random_crop(x, rng(), 16, 2),
    "random_flip": lambda x: augment.random_flip(x, rng()),
    "random_resized_crop": lambda x: augment.random_resized_crop(x, rng(), 16),
    "resize": lambda x: augment.resize(x, 33),
    "rotate90": lambda x: augment.rotate90(x, 1),
    "simclr": lambda x: augment.simclr(16)(x, rng()),
    "solarize": augment.solarize,
}


def pictures_of(result):
    """The arrays in a result that are pictures."""
    parts = result if isinstance(result, tuple) else (result,)
    return [part for part in parts if part.ndim > 2]


def test_every_function_is_called_below():
    others = {"View", "MultiView", "normalize"}
    assert set(CALLS) == set(augment.__all__) - others
    assert all(inspect.getdoc(getattr(augment, name)) for name in augment.__all__)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("x", [X, X[:, :1], X[:0], X[:1, :, ::-1].swapaxes(2, 3)],
                         ids=["colour", "grey", "none", "strided"])
def test_new_float32_pictures_in_range_and_again_the_same(name, x):
    before = x.copy()
    frozen = x.view()
    frozen.flags.writeable = False
    for made, again in zip(*(pictures_of(CALLS[name](frozen)) for _ in range(2)), strict=True):
        assert made.dtype == np.float32 and made.shape[0] == len(x)
        assert made.shape[-3] == x.shape[1] and not np.shares_memory(made, x)
        assert made.min(initial=0) >= 0 and made.max(initial=1) <= 1
        np.testing.assert_array_equal(made, again)
    np.testing.assert_array_equal(x, before)


def test_colours_beyond_one_are_refused_and_a_tensor_is_named():
    with pytest.raises(ValueError, match=r"color_jitter: .* in .0, 1.*divide by 255 first"):
        augment.color_jitter(255 * X, np.random.default_rng(0), 0.4)
    with pytest.raises(TypeError, match=r"solarize: pictures are float32 arrays .* not Tensor"):
        augment.solarize(minigen.from_numpy(X))


@pytest.mark.parametrize("name", CALLS)
def test_what_is_no_batch_of_pictures_is_refused(name):
    inner = {"byol": "View", "dino": "View", "simclr": "View"}.get(name, name)
    with pytest.raises(TypeError, match=f"^{inner}: pictures are float32 .* not float64"):
        CALLS[name](X.astype(np.float64))
    for x in (X[0], X[:, :2], X[:, :, :0]):
        with pytest.raises(ValueError, match=f"^{inner}: pictures have shape .N, 1 or 3, H, W.,"):
            CALLS[name](x)


# Crops and resizing -----------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 7, 13, 19, 20, 31])
def test_crop_and_resize_as_one_picture_at_a_time(size):
    boxes = np.array([[0, 0, 20, 20], [3, 5, 13, 13], [7, 0, 7, 7], [19, 19, 1, 1], [0, 8, 12, 12],
                      [2, 2, 18, 18]])
    made = augment.crop_resize(X, boxes, size)
    for x, (top, left, height, width), new in zip(X, boxes, made, strict=True):
        expected = fit(x[:, top : top + height, left : left + width], size, 1)
        np.testing.assert_allclose(new, expected, atol=2e-6)


def test_each_axis_of_a_box_has_its_own_scale():
    ramp = np.arange(20, dtype=np.float32) / 20
    x = np.stack([np.broadcast_to(ramp, (20, 20)), np.broadcast_to(ramp[:, None], (20, 20))])
    made = augment.crop_resize(x[:, None], np.tile([0, 4, 20, 5], (2, 1)), 10)
    halves = np.tile(ramp.reshape(10, 2).mean(1)[:, None], 10)
    np.testing.assert_allclose(made[1, 0], halves, atol=1e-6)
    np.testing.assert_allclose(made[0, 0, 0, 3:7], (5.75 + np.arange(4) / 2 - 0.5) / 20, atol=1e-6)


def test_the_whole_picture_as_a_random_crop_is_a_resize():
    made = augment.random_resized_crop(X, rng(), 13, scale=(1, 1), ratio=(1, 1))
    np.testing.assert_array_equal(made, augment.resize(X, 13))
    np.testing.assert_allclose(augment.resize(X, 20), X, atol=1e-6)


def test_random_boxes_have_the_area_and_the_ratio_asked_for():
    unit = rng().random((4000, 22))
    boxes = _random_boxes(unit, (400, 300), (0.1, 0.5), (0.5, 2))
    top, left, tall, wide = boxes.T
    assert (top >= 0).all() and (left >= 0).all()
    assert (top + tall <= 400).all() and (left + wide <= 300).all()
    share, ratio = tall * wide / 120_000, wide / tall
    assert 0.099 < share.min() < 0.105 and 0.49 < share.max() < 0.501
    assert 0.49 < ratio.min() < 0.51 and 1.9 < ratio.max() < 2.02
    free = share < 0.2                  # small enough to fit whatever the ratio
    assert abs(np.log(ratio[free]).mean()) < 0.03
    assert abs((top / (400 - tall)).mean() - 0.5) < 0.02


def test_where_no_box_fits_the_largest_in_the_middle_is_taken():
    unit = rng().random((3, 22))
    assert (_random_boxes(unit, (20, 20), (1, 1), (2, 2)) == [5, 0, 10, 20]).all()
    assert (_random_boxes(unit, (20, 20), (1, 1), (0.5, 0.5)) == [0, 5, 20, 10]).all()


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda: augment.crop_resize(X, [[0, 0, 5, 5]], 4), r"boxes int64 \(1, 4\)"),
        (lambda: augment.crop_resize(X, np.zeros((6, 4)), 4), "boxes float64"),
        (lambda: augment.crop_resize(X, np.tile([0, 16, 5, 5], (6, 1)), 4), "leaves the picture"),
        (lambda: augment.crop_resize(X, np.tile([0, 0, 0, 5], (6, 1)), 4), "a box is empty"),
        (lambda: augment.resize(X, 0), "size must be at least 1"),
        (lambda: augment.random_resized_crop(X, rng(), 4, scale=(0.5, 2)), r"scale \(0.5, 2\)"),
        (lambda: augment.random_crop(X, rng(), 23, 1), "size 23 does not fit into 22x22"),
        (lambda: augment.center_crop(X, 21), "size 21 does not fit into 20x20"),
        (lambda: augment.rotate90(X[:, :, 1:], 1), "not square"),
        (lambda: augment.patch_grid(X, rng(), 5, 3, 1), "gaps of 3 and jitter of 1 take 23 pixels"),
    ],
)
def test_a_place_outside_the_picture_is_refused(call, reason):
    with pytest.raises(ValueError, match=reason):
        call()


def test_crops_at_their_own_scale():
    np.testing.assert_array_equal(augment.center_crop(X, 10), X[:, :, 5:15, 5:15])
    corners = set()
    x = np.tile(X[:1], (400, 1, 1, 1))
    for made in augment.random_crop(x, rng(), 19):
        where = [(i, j) for i in (0, 1) for j in (0, 1)
                 if np.array_equal(made, X[0, :, i : i + 19, j : j + 19])]
        assert len(where) == 1
        corners.add(where[0])
    assert len(corners) == 4
    padded = augment.random_crop(np.ones((500, 1, 4, 4), np.float32), rng(), 4, padding=1)
    assert set(padded.sum((1, 2, 3))) == {9, 12, 16}


def test_flips_and_quarter_turns():
    np.testing.assert_array_equal(augment.random_flip(X, rng(), 0), X)
    np.testing.assert_array_equal(augment.random_flip(X, rng(), 1), X[..., ::-1])
    made = augment.random_flip(np.tile(X[:1], (1000, 1, 1, 1)), rng())
    assert 440 < (made[:, 0, 0, 0] != X[0, 0, 0, 0]).sum() < 560
    x = X
    for _ in range(4):
        x = augment.rotate90(x, 1)
    np.testing.assert_array_equal(x, X)
    turned = augment.rotate90(X, np.arange(6))
    for k in range(6):
        np.testing.assert_array_equal(turned[k], np.rot90(X[k], k, (1, 2)))


def test_patches_lie_on_a_jittered_grid():
    place = np.arange(1600, dtype=np.float32).reshape(1, 1, 40, 40) / 1600
    x = np.tile(place, (300, 1, 1, 1))
    corners = np.rint(augment.patch_grid(x, rng(), 8, gap=4, jitter=2)[:, :, 0, 0, 0] * 1600)
    corner = np.stack(np.divmod(corners.astype(int), 40), -1)               # (300, 9, 2)
    cells = 12 * np.stack(np.divmod(np.arange(9), 3), 1)
    moved = corner - cells
    first = moved.mean(1, keepdims=True)
    assert set(np.ptp(moved, 1).ravel()) <= {0, 1, 2, 3, 4} and np.ptp(moved, 1).max() == 4
    assert abs(moved - first).max() <= 4 and moved.min() == 0 and moved.max() == 8
    exact = augment.patch_grid(x[:1], rng(), 8, gap=8)                      # takes 40 pixels
    np.testing.assert_array_equal(exact[0, 5, 0], place[0, 0, 16:24, 32:40])


# Colours ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("turns", [0, 1, -1, 3])
def test_whole_turns_of_hue_change_nothing(turns):
    np.testing.assert_allclose(augment.adjust_hue(X, turns), X, atol=2e-6)


@pytest.mark.parametrize("turns", [0.1, -0.3, 0.5])
def test_hue_as_the_standard_library_turns_it(turns):
    special = [[0, 0, 0], [1, 1, 1], [1, 0, 0], [1, 1, 0], [0, 1, 1], [0.5, 0.5, 0.2], [1, 0, 1]]
    colours = np.concatenate([special, X.transpose(0, 2, 3, 1).reshape(-1, 3)[:200]])
    expected = []
    for colour in colours:
        h, s, v = colorsys.rgb_to_hsv(*colour)
        expected.append(colorsys.hsv_to_rgb((h + turns) % 1, s, v))
    x = colours.astype(np.float32)[:, :, None, None]
    np.testing.assert_allclose(augment.adjust_hue(x, turns)[:, :, 0, 0], expected, atol=2e-6)


def test_each_picture_has_its_own_factor():
    factors = np.array([0, 0.5, 1, 1.5, 2, 1])
    luma = X[:, 0] * 0.299 + X[:, 1] * 0.587 + X[:, 2] * 0.114              # (6, 20, 20)
    f = factors[:, None, None, None]
    for name, other in (
        ("brightness", np.zeros(())),
        ("contrast", luma.mean((1, 2))[:, None, None, None]),
        ("saturation", luma[:, None]),
    ):
        made = getattr(augment, f"adjust_{name}")(X, factors)
        np.testing.assert_allclose(made, np.clip(f * X + (1 - f) * other, 0, 1), atol=1e-6)
        np.testing.assert_array_equal(made[2], X[2])
    with pytest.raises(ValueError, match=r"adjust_hue: turns has shape \(2,\), not \(\) or \(6,\)"):
        augment.adjust_hue(X, [0.1, 0.2])


def test_grey_and_solarised():
    gray = augment.grayscale(X)
    assert (gray == gray[:, :1]).all()
    luma = np.tensordot(X, [0.299, 0.587, 0.114], (1, 0))
    np.testing.assert_allclose(gray[:, 0], luma, atol=1e-6)
    x = np.float32([0, 0.2, 0.5, 0.8, 1]).reshape(1, 1, 1, 5)
    np.testing.assert_allclose(augment.solarize(x).ravel(), [0, 0.2, 0.5, 0.2, 0], atol=1e-7)


def test_no_jitter_changes_nothing_and_each_kind_alone_its_own():
    np.testing.assert_array_equal(augment.color_jitter(X, rng()), X)
    x = np.full((2000, 1, 1, 1), 0.4, np.float32)
    factors = (augment.color_jitter(x, rng(), brightness=0.5) / 0.4).ravel()
    assert 0.5 <= factors.min() < 0.51 and 1.49 < factors.max() <= 1.5
    assert abs(factors.mean() - 1) < 0.02
    red = np.tile(np.float32([1, 0, 0]).reshape(1, 3, 1, 1), (2000, 1, 1, 1))
    turned = augment.color_jitter(red, rng(), hue=0.1)[:, :, 0, 0]          # g up to 0.6, or b
    assert (turned[:, 0] == 1).all() and (turned[:, 1:].min(1) == 0).all()
    assert 0.59 < turned[:, 1].max() < 0.601 and 0.59 < turned[:, 2].max() < 0.601
    with pytest.raises(ValueError, match=r"hue within \[0, 0.5\]"):
        augment.color_jitter(X, rng(), hue=0.6)


def test_the_order_of_the_jitter_is_random():
    class Fixed:
        """All factors at their upper end, real orders."""

        def __init__(self):
            self.permuted = rng().permuted

        def random(self, shape):
            return np.ones(shape)

    x = np.tile(np.float32([0.2, 0.9]).reshape(1, 1, 1, 2), (400, 1, 1, 1))
    made = augment.color_jitter(x, Fixed(), brightness=0.5, contrast=0.5)
    # brighter first: (0.3, 1), whose mean is 0.65; more contrast first: (0.025, 1)
    orders = [(1.5 * 0.3 - 0.5 * 0.65, 1), (1.5 * (1.5 * 0.2 - 0.5 * 0.55), 1)]
    match = [np.isclose(made[:, 0, 0], order, atol=1e-6).all(1).sum() for order in orders]
    assert sum(match) == 400 and 150 < match[0] < 250


@pytest.mark.parametrize("size", [3, 7, 19])
def test_blur_as_scipy_does_it(size):
    sigma = np.array([0.1, 0.5, 1, 2, 5, 40])
    offset = np.arange(size) - size // 2
    made = augment.gaussian_blur(X, sigma, size)
    for x, s, new in zip(X, sigma, made, strict=True):
        weights = np.exp(-0.5 * (offset / s) ** 2)
        weights /= weights.sum()
        expected = ndimage.correlate1d(x.astype(np.float64), weights, 1, mode="mirror")
        expected = ndimage.correlate1d(expected, weights, 2, mode="mirror")
        np.testing.assert_allclose(new, expected, atol=1e-6)


def test_blur_keeps_a_flat_picture_and_its_kernel_is_a_tenth_of_the_side():
    flat = np.full((1, 1, 60, 60), 0.7, np.float32)
    np.testing.assert_allclose(augment.gaussian_blur(flat, 2.0), flat, atol=1e-6)
    for side, size in ((16, 3), (39, 3), (60, 7), (224, 23)):
        point = np.zeros((1, 1, side, side), np.float32)
        point[0, 0, side // 2, side // 2] = 1
        assert (augment.gaussian_blur(point, 50.0) > 0).sum() == size**2
    for sizes in (dict(size=4), dict(size=41)):
        with pytest.raises(ValueError, match=f"size {sizes['size']} must be odd and less"):
            augment.gaussian_blur(X, 1.0, **sizes)


def test_normalize_by_imagenets_statistics():
    made = augment.normalize(np.full((1, 3, 1, 1), 0.5, np.float32)).ravel()
    expected = [(0.5 - 0.485) / 0.229, (0.5 - 0.456) / 0.224, (0.5 - 0.406) / 0.225]
    np.testing.assert_allclose(made, expected, atol=1e-6)
    assert augment.normalize(X, 0.5, 0.5).min() < -0.9
    with pytest.raises(ValueError, match="3 means and 3 standard deviations"):
        augment.normalize(X[:, :1])


# Mixing and recipes -----------------------------------------------------------------------------


def test_cutout_cuts_a_square():
    made = augment.cutout(np.ones((4000, 1, 20, 20), np.float32), rng(), 6)
    cut = (made == 0).sum((1, 2, 3))
    assert cut.max() == 36 and cut.min() == 9 and (made[:, 0, 0, 0] == 0).any()
    assert (made[:, 0].mean(0) < 1).all()
    np.testing.assert_array_equal(augment.cutout(X, rng(), 0), X)


def test_mixup_and_cutmix_mix_targets_as_pictures():
    level = np.arange(300, dtype=np.float32) / 300
    x = np.tile(level[:, None, None, None], (1, 1, 8, 8))
    targets = np.eye(300, dtype=np.float32)
    for mix in (augment.mixup, augment.cutmix):
        pictures, mixed = mix(x, targets, rng())
        np.testing.assert_allclose(mixed.sum(1), 1, atol=1e-6)
        np.testing.assert_allclose(pictures.mean((1, 2, 3)), mixed @ level, atol=1e-5)
        share = mixed[np.arange(300), np.arange(300)]
        assert share.min() < 0.2 and share.max() > 0.8
    assert set(np.unique(pictures)) <= set(level)       # CutMix pastes
    with pytest.raises(ValueError, match=r"mixup: targets must be floats \(6, K\).*int64 \(6,\)"):
        augment.mixup(X, np.arange(6), rng())


def test_the_recipes_are_the_papers():
    first, second = augment.simclr(32, strength=0.5).views
    assert first == second and first.jitter == (0.4, 0.4, 0.4, 0.1)
    assert (first.jitter_p, first.gray, first.blur, first.solarize) == (0.8, 0.2, 0.5, 0)
    assert first.scale == (0.08, 1) and first.flip == 0.5 and first.sigma == (0.1, 2.0)
    first, second = augment.byol(32).views
    assert first.jitter == second.jitter == (0.4, 0.4, 0.2, 0.1)
    assert (first.blur, first.solarize, second.blur, second.solarize) == (1, 0, 0.1, 0.2)
    views = augment.dino(32, 16, 6).views
    assert [view.size for view in views] == [32, 32] + 6 * [16]
    assert views[0].scale == (0.4, 1) and views[-1].scale == (0.05, 0.4) and views[-1].blur == 0.5


def test_a_view_takes_its_steps_as_often_as_asked():
    x = np.tile(np.float32([0.9, 0.3, 0.1]).reshape(1, 3, 1, 1), (1000, 1, 8, 8))
    plain = dict(flip=0, jitter_p=0, gray=0, blur=0)
    made = augment.View(8, **plain)(x, rng())
    np.testing.assert_allclose(made, x, atol=1e-6)
    grey = augment.View(8, **plain | dict(gray=0.2))(x, rng())
    assert 150 < (grey[:, 0] == grey[:, 1]).all((1, 2)).sum() < 250
    inverted = augment.View(8, **plain | dict(solarize=0.5))(x, rng())[:, 0, 0, 0] < 0.5
    assert 430 < inverted.sum() < 570
    jittered = augment.View(8, **plain | dict(jitter_p=0.3))(x, rng())
    assert 240 < (abs(jittered - x).max((1, 2, 3)) > 1e-5).sum() < 360


def test_a_loader_makes_views_in_threads_always_the_same():
    def epoch(prefetch):
        loader = DataLoader(X, 4, shuffle=True, transform=augment.simclr(8), prefetch=prefetch)
        return [np.concatenate(views) for views in loader]

    for one, other in zip(epoch(0), epoch(3), strict=True):
        np.testing.assert_array_equal(one, other)

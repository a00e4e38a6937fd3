"""Made-up pictures against the factors that they come with.

Read next: test_data.py, the digits; test_data_toy2d.py.
"""

import numpy as np
import pytest

from minigen.data import (
    DataError,
    anomaly,
    faces,
    landscapes,
    multi_sprites,
    shapes,
    shapes_upright,
    text_overlay,
)
from minigen.data.stencils import GLYPHS, SHAPES, lay
from minigen.data.text_overlay import WORDS, _font

PICTURES = {
    "faces": faces,
    "landscapes": landscapes,
    "multi_sprites": multi_sprites,
    "shapes": shapes,
    "shapes_upright": shapes_upright,
}


@pytest.mark.parametrize("make", PICTURES.values(), ids=PICTURES)
def test_a_seed_gives_the_same_bytes_and_a_picture_depends_on_its_own_row_alone(make):
    many, again, few = make(260, 5), make(260, 5), make(9, 5)
    assert many.images.tobytes() == again.images.tobytes()
    for name, values in vars(few).items():
        assert (getattr(many, name)[:9] == values).all(), name
    assert (many.images[:9] != make(9, 6).images).any()


@pytest.mark.parametrize("make", PICTURES.values(), ids=PICTURES)
def test_pictures_are_whole_greys_from_0_to_1(make):
    images = make(20, 1).images
    assert images.dtype == np.float32 and images.ndim == 4
    assert 0 <= images.min() < images.max() <= 1
    np.testing.assert_allclose(255 * images, np.rint(255 * images), atol=1e-4)


@pytest.mark.parametrize("size", [16, 32, 48])
def test_a_face_that_turns_the_other_way_is_its_mirror_image(size):
    yaw, smile = np.linspace(-1, 1, 5), np.linspace(1, -1, 5)
    made = faces(5, 0, size, 3, yaw=yaw, smile=smile)
    mirror = faces(5, 0, size, 3, yaw=-yaw, smile=smile)
    np.testing.assert_allclose(made.images, mirror.images[..., ::-1], atol=1.5 / 255)


def test_a_smile_changes_the_mouth_and_nothing_else():
    happy, sad = (faces(7, 3, smile=s).images for s in (1, -1))
    rows = abs(happy - sad).max((0, 1, 3))                          # (32,)
    assert rows[:18].max() == 0 and rows[28:].max() == 0 and rows[20:27].max() > 0.1


def test_the_nose_goes_where_the_head_turns():
    left, right = (faces(1, yaw=y, smile=0).images[0, 0] for y in (-1, 1))
    darkest = [6 + face[19, 6:26].argmin() for face in (left, right)]
    assert darkest[0] <= 10 and darkest[1] >= 21


def test_what_is_not_asked_to_vary_stays_and_noise_is_added_on_top():
    made = faces(50, 2)
    assert (made.skin == 0.8).all() and (made.glasses == 0).all()
    varied = faces(50, 2, vary=("skin", "glasses"))
    assert (varied.yaw == made.yaw).all() and set(varied.glasses) == {0, 1}
    assert varied.skin.std() > 0.2 and (varied.hair == made.hair).all()
    noisy = faces(50, 2, noise=0.05)
    assert (noisy.images - made.images).std() == pytest.approx(0.05, rel=0.03)


def test_two_principal_components_hold_what_is_linear_in_yaw_and_smile():
    made = faces(200, 4, noise=0.02)
    pixels = made.images.reshape(200, -1).astype(float)
    pixels -= pixels.mean(0)
    factors = np.stack([made.yaw - made.yaw.mean(), made.smile - made.smile.mean()], 1)
    linear = factors @ np.linalg.lstsq(factors, pixels, rcond=None)[0]          # (200, 1024)
    directions = np.linalg.svd(pixels, full_matrices=False)[2][:2]
    assert ((linear @ directions.T) ** 2).sum() > 0.8 * (linear**2).sum()


@pytest.mark.parametrize("make", [shapes, shapes_upright])
def test_shapes_are_balanced_and_their_masks_follow_the_factors(make):
    made = make(320, 1, 48)
    assert (np.bincount(made.labels) == 40).all()
    axis = (np.arange(48) + 0.5) / 24 - 1
    area = made.masks.sum((1, 2, 3)) / 24**2
    disc = make(2, 1, 48, labels=0, scale=np.array([0.35, 0.7]), position=0.0, rotation=0.0)
    ratio = disc.masks[1].sum() / disc.masks[0].sum()
    assert ratio == pytest.approx(4, rel=0.02)
    assert (area > 0.02).all() and (area < 4 * made.scale**2).all()
    moved = make(8, 1, 48, position=np.array([0.25, -0.125])).masks
    middle = make(8, 1, 48, position=0.0).masks
    for axes, by in (((1, 2), 0.25), ((1, 3), -0.125)):
        centre = [(m.sum(axes) * axis).sum(1) / m.sum((1, 2, 3)) for m in (moved, middle)]
        np.testing.assert_allclose(centre[0] - centre[1], by, atol=0.002)


@pytest.mark.parametrize(("make", "turns"), [(shapes, (0, 360)), (shapes_upright, (-10, 10))])
def test_factors_of_shapes_fill_their_ranges(make, turns):
    made = make(2000, 4, 12)
    ranges = {"hue": (0, 1), "position": (-0.3, 0.3), "scale": (0.35, 0.7), "rotation": turns}
    for name, (low, high) in ranges.items():
        values = (getattr(made, name) - low) / (high - low)
        assert 0 <= values.min() < 0.01 and 0.99 < values.max() <= 1, name
        assert values.mean() == pytest.approx(0.5, abs=0.03) and values.std() > 0.27, name


def test_a_shape_has_its_colour_and_the_rest_its_background():
    made = shapes(64, 2, 32, hue=1 / 3)
    inside = made.masks[:, 0] == 1
    green = made.images.transpose(0, 2, 3, 1)[inside].mean(0)
    np.testing.assert_allclose(green, (0.95 / 4, 0.95, 0.95 / 4), atol=0.01)
    # other backgrounds leave the shapes as they were
    other = shapes(64, 2, 32, hue=1 / 3, backdrop=shapes(64, 3).backdrop)
    inside = np.repeat(made.masks == 1, 3, axis=1)
    np.testing.assert_array_equal(made.images[inside], other.images[inside])
    assert abs(made.images - other.images)[~inside].mean() > 0.05


def test_raw_pixels_do_not_tell_shapes_apart():
    train, test = shapes(2000, 0, 24), shapes(400, 10_000, 24)
    x, y = (part.images.reshape(len(part.images), -1) for part in (train, test))
    nearest = ((x**2).sum(1) - 2 * y @ x.T).argmin(1)
    assert 1 / 8 < (train.labels[nearest] == test.labels).mean() < 0.6


@pytest.mark.parametrize("names", [SHAPES, GLYPHS])
def test_outlines_differ_and_upright_ones_differ_from_their_quarter_turns(names):
    axis = np.linspace(-1, 1, 64)
    x, y = np.meshgrid(axis, axis)
    which = np.arange(8)
    upright = lay(names, which, x, y, np.ones(8), np.zeros(8)) < 0
    differ = (upright[:, None] ^ upright).mean((2, 3))
    assert differ[~np.eye(8, dtype=bool)].min() > 0.03
    turned = lay(names, which, x, y, np.ones(8), np.full(8, 90.0)) < 0
    np.testing.assert_allclose(turned, np.rot90(upright, axes=(1, 2)), atol=1)
    assert (turned ^ np.rot90(upright, axes=(1, 2))).mean() < 0.01      # counter-clockwise
    if names == GLYPHS:
        assert (turned ^ upright).mean((1, 2)).min() > 0.1


@pytest.mark.parametrize("kind", ["class", "scratch", "hole", "colour"])
def test_anomalies_are_where_they_say_and_nowhere_else(kind):
    made = anomaly(140, 3, kind=kind, share=0.25)
    again = anomaly(140, 3, kind=kind, share=0.25)
    assert made.images.tobytes() == again.images.tobytes()
    assert made.labels.sum() == 35 and made.defects[made.labels == 0].max() == 0
    assert (made.defects[made.labels == 1].sum((1, 2, 3)) > 1).all()
    normal = made.shapes.labels[made.labels == 0]
    assert (np.bincount(normal, minlength=8) == [15] * 7 + [0]).all()
    apart = (made.shapes.labels == 7) | (abs(made.shapes.hue - 0.6) > 0.1)
    assert (apart == ((made.labels == 1) & (kind in ("class", "colour")))).all()
    change = abs(made.images - made.shapes.images).max(1, keepdims=True)
    assert change[made.defects == 0].max() == 0
    if kind in ("scratch", "hole"):
        assert change[made.defects > 0.9].mean() > 0.1
    assert anomaly(20, kind=kind, share=0).labels.max() == 0


def test_a_landscape_has_its_parts_where_the_factors_say():
    made = landscapes(80, 1, 64, hour=0.0)
    assert (np.bincount(made.labels) == 20).all() and set(made.sun) == {-1, 1}

    def at(x, y):
        column, row = (np.rint(32 * (place + 1) - 0.5).astype(int) for place in (x, y))
        return made.images[np.arange(80), :, row, column]

    top = np.full(80, -0.7)
    sun = at(0.72 * made.sun, top)
    np.testing.assert_allclose(sun, np.tile([1, 0.93, 0.55], (80, 1)), atol=0.01)
    assert (at(-0.72 * made.sun, top) @ [-1, 0, 1] > 0.2).all()              # blue sky
    ground = at(np.full(80, -0.97), np.full(80, 0.97))
    assert (ground.argmax(1) == 1).all()                                     # green
    for left in (-1, 1):
        window = at(made.house + left * 0.58 * made.width, made.horizon - 0.18)
        np.testing.assert_allclose(window, np.tile([0.98, 0.96, 0.75], (80, 1)), atol=0.01)
    tree = made.house + made.side * (made.width + 0.3)
    trunk = at(tree, made.horizon + 0.13)[abs(tree) < 0.95]
    assert len(trunk) > 40 and (abs(trunk - (0.35, 0.22, 0.12)) < 0.1).all()


def test_words_are_where_the_mask_says_and_nothing_else_changes():
    made, again = text_overlay(60, 4), text_overlay(60, 4)
    assert made.corrupted.tobytes() == again.corrupted.tobytes() and made.words == again.words
    few = text_overlay(3, 4)
    assert (few.corrupted == made.corrupted[:3]).all() and few.words == made.words[:3]
    assert (made.clean == landscapes(60, 4).images).all()
    ink = np.repeat(made.mask == 1, 3, axis=1)
    assert set(np.unique(made.mask)) == {0, 1} and 0.08 < made.mask.mean() < 0.2
    assert (made.corrupted[~ink] == made.clean[~ink]).all()
    first = made.mask[:, 0].max(1).argmax(1)                        # column of the first ink
    assert len(set(first)) > 5
    black = text_overlay(60, 4, ink=0)
    assert black.corrupted[ink].max() == 0 and black.words == made.words
    said = {word for text in made.words for word in text.split()}
    assert said <= set(WORDS) and len(said) > 20
    texts = made.words
    cells = [sum(_font()[letter].sum() for letter in text if letter.isalpha()) for text in texts]
    np.testing.assert_array_equal(made.mask.sum((1, 2, 3)), cells)


def test_words_go_over_any_picture():
    grey = np.full((4, 1, 30, 64), 0.5, np.float32)
    made = text_overlay(4, images=grey, lines=1, zoom=2, ink=1)
    assert made.corrupted.shape == grey.shape and set(np.unique(made.corrupted)) == {0.5, 1}
    blocks = made.mask[0, 0]
    runs = np.diff(np.flatnonzero(np.diff(np.pad(blocks.max(0), 1))))
    assert (runs % 2 == 0).all()


def test_letters_are_26_different_ones():
    cells = np.array(list(_font().values()))
    assert cells.shape == (26, 7, 6) and len(np.unique(cells.reshape(26, -1), axis=0)) == 26


def test_sprites_and_background_share_out_each_pixel():
    made = multi_sprites(80, 2)
    np.testing.assert_allclose(made.masks.sum(1), 1, atol=1e-6)
    assert made.masks.min() >= 0 and (np.bincount(made.count) == 20).all()
    seen = made.masks[:, 1:].sum((2, 3)) > 0
    assert not seen[np.arange(3) >= made.count[:, None]].any()
    assert (made.masks[made.count == 0, 0] == 1).all()


def test_the_nearer_sprite_hides_the_farther():
    place = {"position": 0.0, "kinds": np.array([0, 1, 2]), "count": 3}
    made = multi_sprites(1, 0, scale=np.array([0.3, 0.5, 0.9]), depth=[0.1, 0.5, 0.9], **place)
    disc, square, triangle = made.masks[0, 1:]
    alone = multi_sprites(1, 0, scale=0.3, **place | {"count": 1}).masks[0, 1]
    np.testing.assert_array_equal(disc, alone)
    assert square[15:17, 15:17].max() == 0 and square.sum() > 0 and triangle.sum() > 0
    hidden = multi_sprites(1, 0, scale=np.array([0.3, 0.5, 0.9]), depth=[0.9, 0.5, 0.1], **place)
    assert hidden.masks[0, 1].sum() == 0 and hidden.masks[0, 3, 15, 15] == 1


def test_a_sprite_has_its_hue_and_a_flat_background_one_colour():
    made = multi_sprites(16, 3, hue=np.array([0, 1 / 3, 2 / 3]), gradient=0)
    pixels = made.images.transpose(0, 2, 3, 1)
    for k in range(3):
        inside = pixels[made.masks[:, 1 + k] == 1]
        assert len(inside) and (inside.argmax(1) == k).all()
    for i in range(16):
        assert len(np.unique(pixels[i][made.masks[i, 0] == 1], axis=0)) == 1


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: faces(5, size=8), DataError, "size is 8"),
        (lambda: faces(5, channels=2), DataError, "channels 2"),
        (lambda: faces(5, vary=("nose",)), ValueError, "vary has nose; it may have skin, hair"),
        (lambda: shapes(5, size=8), DataError, "shapes: size 8 is too small"),
        (lambda: shapes_upright(5, labels=8), ValueError, "shapes_upright: labels is 8"),
        (lambda: anomaly(5, kind="dent"), ValueError, "kind is 'dent'.* class, scratch, hole"),
        (lambda: landscapes(5, size=16), DataError, "size 16 is too small for a house"),
        (lambda: text_overlay(5, zoom=0), ValueError, "zoom is 0; it must be 1 or more"),
        (lambda: text_overlay(5, lines=9), DataError, "9 lines of words at zoom 1 do not fit"),
        (lambda: text_overlay(5, images=np.zeros((4, 3, 48, 48))), ValueError, r"not \(5, 1 or 3"),
        (lambda: multi_sprites(5, count=4), ValueError, "count is 4; it must be int64, 0 to 3"),
        (lambda: faces(5, smile=2), ValueError, "faces: smile is 2; it must be float64, -1 to 1"),
    ],
)
def test_what_cannot_be_drawn_is_an_error_that_says_why(call, error, words):
    with pytest.raises(error, match=words):
        call()

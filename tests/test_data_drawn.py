"""Made-up pictures against the factors that they come with.

Read next: test_data.py, the digits; test_data_toy2d.py.
"""

import numpy as np
import pytest

from minigen.data import DataError, faces

PICTURES = {"faces": faces}


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
    made = faces(500, 4, noise=0.02)
    pixels = made.images.reshape(500, -1).astype(float)
    pixels -= pixels.mean(0)
    factors = np.stack([made.yaw - made.yaw.mean(), made.smile - made.smile.mean()], 1)
    linear = factors @ np.linalg.lstsq(factors, pixels, rcond=None)[0]          # (500, 1024)
    directions = np.linalg.svd(pixels, full_matrices=False)[2][:2]
    assert ((linear @ directions.T) ** 2).sum() > 0.8 * (linear**2).sum()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: faces(5, size=8), DataError, "size is 8"),
        (lambda: faces(5, channels=2), DataError, "channels 2"),
        (lambda: faces(5, vary=("nose",)), ValueError, "vary has nose; it may have skin, hair"),
        (lambda: faces(5, smile=2), ValueError, "faces: smile is 2; it must be float64, -1 to 1"),
    ],
)
def test_what_cannot_be_drawn_is_an_error_that_says_why(call, error, words):
    with pytest.raises(error, match=words):
        call()

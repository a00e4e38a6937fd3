"""The ray-traced scene against geometry done by hand, and NeRF's files there and back.

Read next: test_data_drawn.py, flat pictures.
"""

import json

import numpy as np
import pytest
from PIL import Image

from minigen.data import DataError, load_views, rays, save_views, scene3d
from minigen.data.scene3d import ANGLE, CENTRES, LIGHT, RADII, pose, trace


@pytest.mark.parametrize("ball", range(3))
def test_a_ray_to_a_balls_middle_meets_it_at_the_analytic_depth(ball):
    for theta, phi in ((-60.0, -60.0), (20.0, -75.0), (135.0, -89.0)):      # none hides another
        camera = pose(theta, phi)
        origin = camera[:3, 3]
        # the projected middle, as a camera's ray: z is -1 in its coordinates
        seen = (CENTRES[ball] - origin) @ camera[:3, :3]
        direction = camera[:3, :3] @ (seen / -seen[2])
        _, t = trace(origin, direction[None])
        away = np.linalg.norm(CENTRES[ball] - origin) - RADII[ball]
        assert t[0] == pytest.approx(away / np.linalg.norm(direction), abs=1e-9)


def test_cameras_are_on_the_hemisphere_and_look_at_the_middle():
    made = scene3d(50, 1, size=8)
    origins = made.poses[:, :3, 3]
    np.testing.assert_allclose(np.linalg.norm(origins, axis=1), 4)
    assert -60 <= made.phi.min() < -55 and -15 < made.phi.max() <= -10
    np.testing.assert_allclose(origins[:, 2], 4 * np.sin(np.radians(-made.phi)))
    turn = made.poses[:, :3, :3]
    assert abs(turn @ turn.transpose(0, 2, 1) - np.eye(3)).max() < 1e-12
    np.testing.assert_allclose(np.linalg.det(turn), 1)
    np.testing.assert_allclose(turn[2, 2, 0], 0, atol=1e-12)                # the horizon is level
    for camera in made.poses[:5]:
        origin, directions = rays(camera, 8, 8, ANGLE)
        np.testing.assert_allclose(origin + 4 * directions[4, 4], 0, atol=1e-12)
        np.testing.assert_allclose(directions @ camera[:3, 2], -1)          # t is depth


def test_the_field_of_view_is_the_angle():
    _, directions = rays(np.eye(4), 10, 20, 0.8)
    left, right = directions[5, 0], 2 * directions[5, 10] - directions[5, 0]
    cosine = left @ right / np.linalg.norm(left) / np.linalg.norm(right)
    assert np.arccos(cosine) == pytest.approx(0.8)
    assert directions[0, 10, 1] > 0 > directions[9, 10, 1]                  # up is up


def test_depth_is_that_of_the_nearest_surface():
    made = scene3d(1, 3, size=40)
    origin, directions = rays(made.poses[0], 40, 40, ANGLE)
    t = made.depth[0]
    place = origin + np.where(np.isfinite(t), t, 0)[..., None] * directions
    on_ball = abs(np.linalg.norm(place[:, :, None] - CENTRES, axis=-1) - RADII).min(-1) < 1e-9
    x, y, z = np.moveaxis(abs(place - (0, 0, -0.55)) - (1.2, 1.2, 0.1), -1, 0)
    on_slab = abs(np.maximum(np.maximum(x, y), z)) < 1e-9
    seen = np.isfinite(t)
    assert (on_ball | on_slab)[seen].all() and 0.2 < seen.mean() < 0.9
    assert on_ball.any() and on_slab.any() and made.images[0][:, ~seen].min() == 1
    along = origin + np.linspace(2, 6, 200)[:, None, None] * directions[~seen]  # what sees nothing
    assert (np.linalg.norm(along[:, :, None] - CENTRES, axis=-1) > RADII).all()
    assert (abs(along - (0, 0, -0.55)) > (1.2, 1.2, 0.1)).any(-1).all()
    # nothing is nearer: points before the surface are outside of all
    for share in (0.2, 0.6, 0.99):
        before = (origin + share * t[..., None] * directions)[seen]
        assert (np.linalg.norm(before[:, None] - CENTRES, axis=-1) > RADII).all()
        outside = (abs(before - (0, 0, -0.55)) > (1.2, 1.2, 0.1)).any(-1)
        assert outside.all()


def test_a_highlight_moves_with_the_eye_and_matt_colour_does_not():
    # the point of the first ball that faces the light
    place = CENTRES[0] + RADII[0] * LIGHT
    above = place + 2 * LIGHT
    side = np.cross(LIGHT, [0, 0, 1.0])
    aside = place + 2 * LIGHT + 2 * side
    looks = [trace(eye, (place - eye)[None])[0][0] for eye in (above, aside)]
    np.testing.assert_allclose(looks[0] - looks[1], 0.5, atol=0.01)
    np.testing.assert_allclose(looks[1], [0.85, 0.20, 0.15], atol=0.01)     # 0.4 + 0.6 of it


def test_a_highlight_is_where_a_mirror_would_show_the_light():
    normal = LIGHT + 0.4 * np.cross(LIGHT, [0, 0, 1.0])
    normal /= np.linalg.norm(normal)
    place, lit = CENTRES[0] + RADII[0] * normal, normal @ LIGHT
    mirror = 2 * lit * normal - LIGHT
    look, _ = trace(place + 2 * mirror, -mirror[None])
    expected = np.array([0.85, 0.20, 0.15]) * (0.4 + 0.6 * lit) + 0.5
    np.testing.assert_allclose(look[0], expected, atol=1e-6)


def test_a_seed_gives_the_same_bytes_and_a_view_depends_on_its_own_row_alone():
    many, again, few = scene3d(6, 2, 16), scene3d(6, 2, 16), scene3d(2, 2, 16)
    assert many.images.tobytes() == again.images.tobytes()
    assert (many.images[:2] == few.images).all() and (many.poses[:2] == few.poses).all()
    with pytest.raises(ValueError, match="scene3d: phi is 90"):
        scene3d(2, phi=90)


def test_files_in_nerfs_layout_give_the_views_back(tmp_path):
    train, test = scene3d(3, 0, 16), scene3d(2, 20_000, 16)
    save_views(tmp_path, train=train, test=test)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "test", "train", "transforms_test.json", "transforms_train.json"
    ]
    for split, made in (("train", train), ("test", test)):
        read = load_views(tmp_path, split)
        np.testing.assert_allclose(read.images, made.images, atol=1e-6)
        np.testing.assert_array_equal(read.alpha, made.alpha)
        np.testing.assert_array_equal(read.poses, made.poses)
        assert read.angle == made.angle


def test_transparency_is_laid_on_white(tmp_path):
    save_views(tmp_path, train=scene3d(1, 0, 4))
    Image.new("RGBA", (4, 4), (255, 0, 0, 51)).save(tmp_path / "train" / "r_0.png")
    read = load_views(tmp_path)
    np.testing.assert_allclose(read.images[0, :, 0, 0], [1, 0.8, 0.8], atol=1e-6)


def broken(about, **changes):
    return json.dumps(about | changes)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda about: "{", "transforms_train.json: "),
        (lambda about: broken(about, camera_angle_x=-1), "camera_angle_x is -1"),
        (lambda about: broken(about, frames=[]), "transform_matrix must be 4 by 4"),
        (lambda about: broken(about, frames=about["frames"][0]), "transforms_train.json: "),
        (
            lambda about: broken(about, frames=[about["frames"][0] | {"file_path": "../secret"}]),
            "'../secret' points outside the folder",
        ),
        (
            lambda about: broken(about, frames=[about["frames"][0] | {"file_path": "train/none"}]),
            "none.png",
        ),
        (
            lambda about: broken(
                about, frames=[about["frames"][0] | {"transform_matrix": [[1, 2], [3, 4]]}]
            ),
            "transform_matrix must be 4 by 4",
        ),
    ],
)
def test_broken_files_are_named(tmp_path, change, words):
    save_views(tmp_path, train=scene3d(1, 0, 4))
    path = tmp_path / "transforms_train.json"
    path.write_text(change(json.loads(path.read_text())))
    with pytest.raises(DataError, match=words):
        load_views(tmp_path)


def test_a_split_that_is_missing_is_named(tmp_path):
    with pytest.raises(DataError, match=r"transforms_val.json: no such file"):
        load_views(tmp_path, "val")

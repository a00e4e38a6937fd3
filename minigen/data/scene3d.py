r"""A little scene, ray by ray: three balls on a checkered slab, seen from places on a hemisphere.

Idea: the first thing that a ray o + t d meets is the least t > 0 of

    ball   |o + t d - c|² = r²                a quadratic equation
    slab   the latest entry into its three pairs of planes, if before the earliest exit

and its colour is Phong's, which depends on the place of the eye v through the highlight:

    colour · (0.4 + 0.6 max(0, n·l)) + 0.5 max(0, m·v)³⁰,   m = 2 (n·l) n - l      l to the light

World coordinates have z up. The scene is always the same; a seed draws the cameras, 4 away from
its middle, looking at it. So train, validation and test are three seeds.
Source: Phong, Illumination for computer generated pictures, CACM 1975.
Read next: views.py (cameras, rays, files).
"""

from dataclasses import dataclass

import numpy as np

from minigen.data.factors import settle, streams
from minigen.data.outlines import whole_greys
from minigen.data.source import DataError
from minigen.data.views import Views, rays

CENTRES = np.array([[-0.55, -0.35, 0.10], [0.55, -0.25, -0.05], [0.05, 0.60, 0.0]])
RADII = np.array([0.55, 0.40, 0.45])
COLOURS = np.array([[0.85, 0.20, 0.15], [0.15, 0.45, 0.85], [0.20, 0.70, 0.30]])
SLAB = np.array([[-1.2, -1.2, -0.65], [1.2, 1.2, -0.45]])       # its least and largest corner
TILES = np.array([[0.25, 0.25, 0.28], [0.92, 0.90, 0.80]])      # of side 0.4
LIGHT = np.array([0.4, -0.5, 0.77]) / np.linalg.norm([0.4, -0.5, 0.77])
ANGLE = 0.6911                                                  # of view: NeRF's
RADIUS = 4.0                                                    # from the middle to a camera


@dataclass(frozen=True)
class SceneViews(Views):
    """Views of the scene, with the angles of each camera and the depth of each pixel."""

    theta: np.ndarray | None = None     # (n,) degrees round the z axis, in [-180, 180)
    phi: np.ndarray | None = None       # (n,) degrees, in [-60, -10]: minus the height over ground


def scene3d(n=24, seed=0, size=40, **factors):
    """n views of the scene, one ray a pixel, as `SceneViews`.

    The course takes 24 to train, 4 to validate, 8 to test, at seeds 0, 10_000 and 20_000.

    factors: theta, phi, one value for all views or one each. Same arguments, same bytes.
    Raises DataError for a size below 2, ValueError for a factor unknown or out of bounds.
    """
    if size < 2:
        raise DataError(f"scene3d: size is {size}; a picture has 2 pixels a side at least")
    (latent,) = streams("scene3d", n, seed, 1)
    unit = latent.random((n, 2))                                    # row i is for view i
    drawn = {"theta": 360 * unit[:, 0] - 180, "phi": 50 * unit[:, 1] - 60}
    made = settle("scene3d", drawn, factors, {"phi": (-89, 89)})
    poses = np.array([pose(*angles) for angles in zip(made["theta"], made["phi"], strict=True)])
    images = np.empty((n, 3, size, size), np.float32)
    depth = np.empty((n, size, size))
    for i in range(n):
        origin, directions = rays(poses[i], size, size, ANGLE)
        colours, depth[i] = trace(origin, directions)
        images[i] = whole_greys(colours.transpose(2, 0, 1))
    alpha = np.isfinite(depth)[:, None].astype(np.float32)
    return SceneViews(images, alpha, poses, ANGLE, depth, **made)


def pose(theta, phi, radius=RADIUS):
    """The camera at these angles in degrees, looking at the middle, its x level.   -> (4, 4)"""
    theta, height = np.radians(theta), np.radians(-phi)
    back = np.array([
        np.cos(height) * np.cos(theta), np.cos(height) * np.sin(theta), np.sin(height)
    ])
    right = np.array([-np.sin(theta), np.cos(theta), 0])
    matrix = np.eye(4)
    matrix[:3] = np.stack([right, np.cross(back, right), back, radius * back], 1)
    return matrix


def trace(origin, directions):
    """Colour and t of what each ray meets; white and inf for nothing.

    origin (3,), directions (..., 3) -> colours (..., 3) in [0, 1] or a little above, t (...)
    """
    balls = [_ball(origin, directions, *ball) for ball in zip(CENTRES, RADII, strict=True)]
    found = np.stack([*balls, _slab(origin, directions)])                       # (4, ...)
    which, t = found.argmin(0), found.min(0)
    met = np.isfinite(t)
    place = origin + t[met][:, None] * directions[met]                          # (m, 3)
    which = which[met]
    ball = which < len(RADII)
    tile = np.floor(place / 0.4 + 1e-6).astype(int).sum(1) % 2
    middle = np.append(CENTRES, [[0, 0, 0]], 0)[which]
    normal = np.where(ball[:, None], place - middle, _slab_normal(place))
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    base = np.where(ball[:, None], np.append(COLOURS, [[0, 0, 0]], 0)[which], TILES[tile])
    eye = -directions[met] / np.linalg.norm(directions[met], axis=1, keepdims=True)
    lit = normal @ LIGHT                                                        # n·l
    mirror = 2 * lit[:, None] * normal - LIGHT
    shine = np.maximum((mirror * eye).sum(1), 0) ** 30 * (lit > 0) * ball       # the slab is matt
    colours = np.ones(directions.shape)
    colours[met] = base * (0.4 + 0.6 * np.maximum(lit, 0))[:, None] + 0.5 * shine[:, None]
    return colours, t


def _ball(origin, directions, centre, radius):
    """The nearer root of |o + t d - c|² = r², inf where there is none ahead.   -> (...)"""
    from_centre = origin - centre
    a = (directions**2).sum(-1)
    b = directions @ from_centre
    c = from_centre @ from_centre - radius**2
    square = b**2 - a * c
    t = (-b - np.sqrt(np.maximum(square, 0))) / a
    return np.where((square > 0) & (t > 0), t, np.inf)


def _slab(origin, directions):
    """t where rays enter the slab from outside, inf where they miss it.   -> (...)"""
    with np.errstate(divide="ignore"):                  # a ray along a plane: ±inf is right
        first, second = ((corner - origin) / directions for corner in SLAB)     # (..., 3) each
    enter = np.minimum(first, second).max(-1)
    leave = np.maximum(first, second).min(-1)
    return np.where((enter > 0) & (enter < leave), enter, np.inf)


def _slab_normal(place):
    """The outward axis of the face that each place is nearest to.   (m, 3) -> (m, 3)"""
    away = abs(np.stack([place - SLAB[0], place - SLAB[1]], 1))                 # (m, 2, 3)
    face = away.reshape(-1, 6).argmin(1)
    return np.concatenate([-np.eye(3), np.eye(3)])[face]

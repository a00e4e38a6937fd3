r"""Pictures of one scene from known places: what a radiance field is learnt from.

Idea: a pose is the matrix that takes a point from the camera's coordinates to the world's. The
camera looks along its -z, x to the right, y up (OpenGL). A pixel in column i, row j of W by H looks

    along  d = R ((i - W/2)/f, -(j - H/2)/f, -1)      from  o,     pose = [R o; 0 1]
    f = W / (2 tan(angle/2))                          angle: of view, from left to right

in the convention of NeRF's code, so that pixel (W/2, H/2) looks straight ahead. d is not of length
1: o + t d is at distance t in front of the camera's plane.
Files have the layout of NeRF's synthetic scenes: transforms_SPLIT.json and PNG files.
Source: Mildenhall et al., NeRF, ECCV 2020, and its published code.
Read next: scene3d.py, which makes such pictures.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from minigen.data.pictures import opened
from minigen.data.source import DataError, naming


@dataclass(frozen=True)
class Views:
    """n pictures of a scene on white, and where they were taken from."""

    images: np.ndarray                  # (n, 3, H, W) float32 in [0, 1]
    alpha: np.ndarray                   # (n, 1, H, W) float32: 0 where nothing is but the white
    poses: np.ndarray                   # (n, 4, 4) float64, camera to world
    angle: float                        # of view, from left to right, in radians
    depth: np.ndarray | None = None     # (n, H, W) t of what is seen, inf for nothing; or unknown


def rays(pose, height, width, angle):
    """The rays of a camera's pixels, row by row.   -> origin (3,), directions (height, width, 3)"""
    focal = 0.5 * width / np.tan(0.5 * angle)
    across = (np.arange(width) - width / 2) / focal
    down = (np.arange(height) - height / 2) / focal
    x, y = np.meshgrid(across, -down)
    directions = np.stack([x, y, np.full_like(x, -1)], -1) @ pose[:3, :3].T
    return pose[:3, 3], directions


def save_views(folder, **splits):
    """Write views in NeRF's layout, e.g. save_views("scene", train=..., val=..., test=...)."""
    folder = Path(folder)
    for split, views in splits.items():
        (folder / split).mkdir(parents=True, exist_ok=True)
        frames = []
        for i, (image, alpha, pose) in enumerate(
            zip(views.images, views.alpha, views.poses, strict=True)
        ):
            # a file holds the colour without the white that shows through
            bare = np.where(alpha > 0, (image - (1 - alpha)) / np.maximum(alpha, 1e-6), 0)
            pixels = np.concatenate([bare, alpha]).transpose(1, 2, 0)
            pixels = np.rint(255 * np.clip(pixels, 0, 1)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / split / f"r_{i}.png")
            frames.append({"file_path": f"./{split}/r_{i}", "transform_matrix": pose.tolist()})
        text = json.dumps({"camera_angle_x": views.angle, "frames": frames}, indent=1)
        (folder / f"transforms_{split}.json").write_text(text, encoding="utf-8")


def load_views(folder, split="train"):
    """The views of a split ("train", "val" or "test") of a folder in NeRF's layout, as `Views`.

    Pictures with transparency are laid on white. Raises DataError, which names the file, for what
    is missing, unreadable, of another shape, or outside the folder.
    """
    path = Path(folder) / f"transforms_{split}.json"
    if not path.is_file():
        raise DataError(f"{path}: no such file; NeRF's layout has one for train, val and test each")
    with naming(path):
        about = json.loads(path.read_text(encoding="utf-8"))
        angle = float(about["camera_angle_x"])
        frames = [(str(f["file_path"]), f["transform_matrix"]) for f in about["frames"]]
        poses = np.array([matrix for _, matrix in frames], np.float64)
    if poses.shape != (len(frames), 4, 4) or not frames or not np.isfinite(poses).all():
        raise DataError(f"{path}: transform_matrix must be 4 by 4 finite numbers in each frame")
    if not 0 < angle < np.pi:
        raise DataError(f"{path}: camera_angle_x is {angle:g}; it is an angle between 0 and π")
    pictures = [_picture(Path(folder), name, path) for name, _ in frames]
    shapes = {picture.shape for picture in pictures}
    if len(shapes) > 1:
        raise DataError(f"{path}: its pictures differ in shape: {', '.join(map(str, shapes))}")
    pixels = np.array(pictures)                                                 # (n, 4, H, W)
    alpha = pixels[:, 3:]
    return Views(pixels[:, :3] * alpha + (1 - alpha), alpha, poses, angle)


def _picture(folder, name, path):
    """A frame's file.   -> (4, H, W) float32 in [0, 1]"""
    root = folder.resolve()
    file = (root / name).resolve()
    if not file.is_relative_to(root):
        raise DataError(f"{path}: file_path {name!r} points outside the folder; not read")
    file = file if file.suffix else file.with_name(file.name + ".png")
    with opened(file) as picture:
        return np.asarray(picture.convert("RGBA"), np.float32).transpose(2, 0, 1) / np.float32(255)

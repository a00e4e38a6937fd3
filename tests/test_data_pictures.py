"""Folders of pictures of every kind, made here: each must come out in the colours it went in.

A broken one must be named in the error, with the reason.
"""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from minigen.data import DataError, DataLoader, ImageFolder, load
from minigen.data.pictures import folder_source


def folder(root, count=2, suffix="png", image=None, **options):
    """A folder of `count` equal pictures."""
    root.mkdir(exist_ok=True)
    for i in range(count):
        (image or Image.new("L", (12, 9), 51)).save(root / f"{i}.{suffix}", **options)
    return root


@pytest.mark.parametrize(
    ("mode", "suffix", "colour", "expected"),
    [
        ("1", "png", 1, [1]),
        ("L", "png", 51, [0.2]),
        ("L", "jpg", 51, [0.2]),
        ("L", "tif", 51, [0.2]),
        ("LA", "png", (51, 255), [0.2]),
        ("LA", "png", (51, 0), [1]),
        ("I;16", "png", 13107, [0.2]),
        ("I;16", "tif", 13107, [0.2]),
        ("I", "tif", 13107, [0.2]),
        ("F", "tif", 0.2, [0.2]),
        ("F", "tif", 51.0, [0.2]),
        ("RGB", "png", (255, 51, 0), [1, 0.2, 0]),
        ("RGB", "ppm", (255, 51, 0), [1, 0.2, 0]),
        ("RGB", "bmp", (255, 51, 0), [1, 0.2, 0]),
        ("RGB", "JPEG", (255, 51, 0), [1, 0.2, 0]),
        ("RGB", "webp", (255, 51, 0), [1, 0.2, 0]),
        ("RGBA", "png", (255, 51, 0, 255), [1, 0.2, 0]),
        ("RGBA", "png", (255, 0, 0, 51), [1, 0.8, 0.8]),
        ("RGBA", "webp", (255, 0, 0, 0), [1, 1, 1]),
        ("CMYK", "jpg", (0, 204, 255, 0), [1, 0.2, 0]),
        ("P", "png", (255, 51, 0), [1, 0.2, 0]),
        ("P", "gif", (255, 51, 0), [1, 0.2, 0]),
    ],
)
def test_every_mode_of_picture_has_its_colour(tmp_path, mode, suffix, colour, expected):
    if mode == "P":
        image = Image.new("RGB", (12, 9), colour).convert("P", palette=Image.Palette.ADAPTIVE)
    else:
        image = Image.new(mode, (12, 9), colour)
    images = load(folder(tmp_path / "set", 2, suffix, image), size=4)
    assert images.train.shape == (1, len(expected), 4, 4) and images.train.dtype == np.float32
    assert images.channels == len(expected) and images.pixels == 16 * len(expected)
    for channel, value in zip(images.train[0], expected, strict=True):
        np.testing.assert_allclose(channel, value, atol=0.02)


def test_a_palette_colour_can_be_transparent(tmp_path):
    image = Image.new("P", (12, 9), 0)
    image.putpalette([255, 0, 0])
    images = load(folder(tmp_path / "set", image=image, transparency=0))
    np.testing.assert_allclose(images.train, 1)


def test_the_first_frame_of_a_gif_counts(tmp_path):
    frames = [Image.new("L", (8, 8), grey) for grey in (51, 255)]
    root = folder(tmp_path / "set", 2, "gif", frames[0], save_all=True, append_images=frames[1:])
    np.testing.assert_allclose(load(root, channels=1).train, 0.2)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_a_turned_photograph_is_set_upright(tmp_path, suffix):
    image = Image.new("L", (64, 32))
    image.paste(255, (32, 0, 64, 32))                       # dark left, bright right
    exif = Image.Exif()
    exif[0x0112] = 6                                        # to be shown turned clockwise
    images = load(folder(tmp_path / "set", 2, suffix, image, exif=exif), size=8, channels=1)
    picture = images.train[0, 0]
    assert picture[:3].max() < 0.05 and picture[5:].min() > 0.95       # dark above, bright below


def test_the_middle_square_is_kept(tmp_path):
    image = Image.new("L", (30, 10))
    image.paste(255, (10, 0, 20, 10))
    np.testing.assert_array_equal(load(folder(tmp_path / "set", image=image)).train, 1)


def test_a_large_jpeg_is_decoded_small_and_right(tmp_path):
    ramp = np.tile(np.linspace(0, 255, 800).astype(np.uint8), (600, 1))
    picture = load(folder(tmp_path / "set", 2, "jpg", Image.fromarray(ramp)), size=20).train[0, 0]
    expected = ramp[0, 100:700].reshape(20, 30).mean(1) / 255
    np.testing.assert_allclose(picture, np.tile(expected, (20, 1)), atol=0.01)


def test_a_jpeg_is_never_decoded_smaller_than_asked(tmp_path):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40), dtype=np.uint8))
    root = folder(tmp_path / "set", 2, "jpg", noise)
    whole = np.asarray(Image.open(root / "0.jpg")) / np.float32(255)
    np.testing.assert_allclose(load(root, size=40).train[0, 0], whole, atol=1e-6)


def test_a_folder_is_walked_hidden_files_are_not_and_others_are_counted(tmp_path):
    root = folder(tmp_path / "set", 3)
    folder(root / "deep", 2, image=Image.new("L", (12, 9), 102))
    folder(root / ".cache", 4)
    (root / ".DS_Store.png").write_bytes(b"hidden")
    (root / "notes.txt").write_bytes(b"not a picture")
    (root / "README").write_bytes(b"nor this")
    (root / "loop").symlink_to(root)
    images = load(root)
    assert len(images.train) + len(images.test) == 5 and images.train_labels is None
    line = images.describe()
    assert "5 pictures, shorter side 9 pixels; other files skipped: 2" in line
    assert "1 .txt" in line and "1 without suffix" in line and "\n" not in line
    assert "-> 4 to train and 1 to test, each 1x9x9, values 0.20 to 0.40" in line


def test_sub_folders_name_the_classes(tmp_path):
    for number, name in enumerate(["cats", "dogs", "owls"]):
        folder(tmp_path / name, 7, image=Image.new("L", (8, 8), 100 * number))
    images = load(tmp_path)
    assert images.classes == ("cats", "dogs", "owls") and "3 classes" in images.describe()
    for x, labels in ((images.train, images.train_labels), (images.test, images.test_labels)):
        np.testing.assert_allclose(x[:, 0, 0, 0], labels * np.float32(100 / 255))


def test_the_usual_size_and_mode_are_kept_unless_others_are_asked_for(tmp_path):
    for i, side in enumerate([5, 20, 20, 30]):
        image = Image.new("RGB" if i else "L", (side, side + i), "blue" if i else 0)
        image.save(tmp_path / f"{i}.png")
    assert load(tmp_path).train.shape == (3, 3, 20, 20)
    grey = load(tmp_path, size=6, channels=1, seed=3)
    values = np.unique(np.concatenate([grey.train, grey.test]).round(4))
    np.testing.assert_allclose(values, [0, 0.114])
    big = folder(tmp_path / "big", image=Image.new("L", (300, 200)))
    assert load(big).size == 64


def test_nothing_is_written(tmp_path):
    root = folder(tmp_path / "set")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    load(root)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def png_header(width, height):
    """A PNG that announces a size and holds no pixel."""
    chunks = b""
    for body in (b"IHDR" + struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0), b"IDAT"):
        chunks += struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return b"\x89PNG\r\n\x1a\n" + chunks


def half_a_jpeg():
    data = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    Image.fromarray(noise).save(data, "JPEG")
    return data.getvalue()[: len(data.getvalue()) // 2]


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("broken.jpg", half_a_jpeg(), "truncated"),
        ("empty.png", b"", "cannot identify"),
        ("text.jpg", b"this is no picture", "cannot identify"),
        ("script.png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "cannot identify"),
        ("bomb.png", png_header(10_000, 10_000), "decompression bomb"),
        ("larger.png", png_header(100_000, 100_000), "decompression bomb"),
    ],
)
def test_a_broken_picture_is_named(tmp_path, name, content, reason):
    root = folder(tmp_path / "set", 1)
    (root / name).write_bytes(content)
    with pytest.raises(DataError, match=reason) as error:
        load(root)
    assert str(root / name) in str(error.value)


def test_a_folder_without_pictures_says_what_it_holds(tmp_path):
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(b"")
    with pytest.raises(DataError, match=r"no picture here.*skipped: 1 \(1 \.gz\).*own path") as e:
        load(tmp_path)
    assert str(tmp_path) in str(e.value)


@pytest.mark.parametrize("size", [3, 6])
def test_shrinking_takes_the_mean_over_areas(tmp_path, size):
    picture = np.random.default_rng(0).random((9, 9))
    np.save(tmp_path / "p.npy", [picture, picture])
    # exactly, by way of a common multiple: every pixel becomes 2 by 2 copies
    fine = picture.repeat(2, 0).repeat(2, 1)
    expected = fine.reshape(size, 18 // size, size, 18 // size).mean((1, 3))
    np.testing.assert_allclose(load(tmp_path / "p.npy", size=size).train[0, 0], expected, atol=1e-6)


def test_enlarging_is_bicubic_and_stays_in_range(tmp_path):
    edge = np.zeros((2, 8, 8))
    edge[:, :, 4:] = 1
    np.save(tmp_path / "p.npy", edge)
    row = load(tmp_path / "p.npy", size=16).train[0, 0, 8]
    # Keys' kernel with a = -1/2, at the distances of a new pixel from the four old ones around it
    w = {t: 1.5 * t**3 - 2.5 * t**2 + 1 for t in (0.25, 0.75)}
    w |= {t: -0.5 * (t**3 - 5 * t**2 + 8 * t - 4) for t in (1.25, 1.75)}
    expected = [w[0.75] + w[1.75], w[0.25] + w[1.25], 1]    # the last is 1.07, clipped
    np.testing.assert_allclose(row[7:10], expected, atol=1e-6)


def test_grey_and_colour_become_each_other(tmp_path):
    np.save(tmp_path / "grey.npy", np.full((2, 4, 4), 0.25))
    np.save(tmp_path / "colour.npy", np.tile([1.0, 0.5, 0.0], (2, 4, 4, 1)))
    colour = load(tmp_path / "grey.npy", channels=3).train
    np.testing.assert_array_equal(colour, np.full((1, 3, 4, 4), 0.25))
    grey = load(tmp_path / "colour.npy", channels=1).train
    np.testing.assert_allclose(grey, np.full((1, 1, 4, 4), 0.299 + 0.587 / 2), atol=1e-6)


@pytest.mark.filterwarnings("ignore")       # Pillow warns of much that is odd
@settings(max_examples=80)
@given(
    suffix=st.sampled_from(["png", "jpg", "webp", "gif", "bmp", "tif", "ppm"]),
    edits=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=4),
    cut=st.integers(0, 2000) | st.none(),
)
def test_a_damaged_picture_is_a_data_error_or_a_picture(tmp_path_factory, suffix, edits, cut):
    stream = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    Image.fromarray(noise).save(stream, {"jpg": "jpeg", "tif": "tiff"}.get(suffix, suffix))
    data = bytearray(stream.getvalue())
    for place, value in edits:
        data[place % len(data)] = value
    root = tmp_path_factory.mktemp("damaged")
    path = root / f"p.{suffix}"
    path.write_bytes(data[:cut])
    complaint, picture = None, np.zeros((3, 4, 4), np.float32)
    try:
        picture = folder_source(root).picture(0, 4)
    except DataError as error:
        complaint = str(error)
    assert complaint is None or str(path) in complaint
    assert picture.shape in ((1, 4, 4), (3, 4, 4)) and picture.dtype == np.float32
    assert picture.min() >= 0 and picture.max() <= 1


def test_a_folder_larger_than_memory_is_read_batch_by_batch(tmp_path):
    levels = {}
    for i in range(10):
        name = f"{'ab'[i % 2]}/{i}.png"
        (tmp_path / "ab"[i % 2]).mkdir(exist_ok=True)
        Image.new("L", (9, 12), 20 * i).save(tmp_path / name)
        levels[20 * i] = i % 2
    images = ImageFolder(tmp_path, 6, channels=3)
    assert len(images) == 10 and images.classes == ("a", "b")
    np.testing.assert_allclose(images[np.array([0, 9])][:, 0, 0, 0], [0, 180 / 255], atol=1e-6)
    found = {}
    for x, labels in DataLoader((images, images.labels), 4, shuffle=True):
        assert x.shape[1:] == (3, 6, 6) and x.dtype == np.float32
        found |= dict(zip(np.rint(255 * x[:, 0, 0, 0]).astype(int).tolist(), labels, strict=True))
    assert found == levels
    (tmp_path / "a" / "4.png").write_bytes(b"broken")
    with pytest.raises(DataError, match=r"4\.png: cannot identify"):
        list(DataLoader(images, 4))


def test_a_folder_without_classes_has_no_labels(tmp_path):
    images = ImageFolder(folder(tmp_path / "set", 3), 4, channels=1)
    assert images.classes is None and images.labels is None and images[[1, 2]].shape == (2, 1, 4, 4)
    with pytest.raises(ValueError, match="channels must be 1 or 3, size at least 1; they are 2"):
        ImageFolder(tmp_path / "set", 4, channels=2)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.full((9, 12), 51, np.uint8), [0.2]),
        (np.full((9, 12), 13107, ">u2"), [0.2]),
        (np.full((9, 12, 1), 0.2), [0.2]),
        (np.ones((9, 12), bool), [1]),
        (np.full((9, 12, 3), [255, 51, 0], np.uint8), [1, 0.2, 0]),
        (np.full((3, 9, 12), np.array([1, 0.2, 0])[:, None, None], np.float32), [1, 0.2, 0]),
        (np.full((9, 12, 4), [255, 0, 0, 51], np.uint8), [1, 0.8, 0.8]),
    ],
)
def test_a_folder_of_npy_files_a_picture_in_each(tmp_path, array, expected):
    for i in range(2):
        np.save(tmp_path / f"{i}.npy", array)
    images = load(tmp_path, size=4)
    assert images.train.shape == (1, len(expected), 4, 4)
    np.testing.assert_allclose(images.train[0, :, 0, 0], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros(5), r"float64 of shape \(5,\) is no picture: \(H, W\), \(H, W, C\) or"),
        (np.zeros((4, 4), int), "int64 of shape"),
        (np.full((4, 4), "a"), "<U1 of shape"),
        (np.zeros((2, 5, 5)), r"shape \(1, 2, 5, 5\) is not that of pictures"),
        (np.full((4, 4), 1.5), "float64 values run from 1.5 to 1.5, not 1"),
        (np.full((4, 4), np.nan), "float64 values run from nan to nan"),
        (np.array([[None]]), "holds pickled Python objects"),
    ],
)
def test_an_npy_file_that_is_no_picture_is_named(tmp_path, array, reason):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(DataError, match=rf"a\.npy: {reason}"):
        load(tmp_path)


def test_npy_files_beside_pictures_are_something_else(tmp_path):
    np.save(folder(tmp_path / "set") / "labels.npy", np.arange(2))
    assert "other files skipped: 1 (1 .npy)" in load(tmp_path / "set").found

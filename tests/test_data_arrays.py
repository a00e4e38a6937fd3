"""IDX, .npy and .npz files made here: read exactly, or refused with the file's name and the reason.

Damaged files are drawn by Hypothesis; files that lie about their size must cost no memory.
"""

import gzip
import io
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigen.data import DataError, load, read_npz
from minigen.data.arrays import read_idx

PICTURES = np.random.default_rng(1).integers(0, 256, (14, 6, 5), dtype=np.uint8)
LABELS = np.arange(14) % 4
CODES = {"u1": 0x08, "i1": 0x09, ">i2": 0x0B, ">i4": 0x0C, ">f4": 0x0D, ">f8": 0x0E}


def idx(array, dtype="u1"):
    """The bytes of an IDX file."""
    array = np.asarray(array)
    head = bytes([0, 0, CODES[dtype], array.ndim]) + struct.pack(f">{array.ndim}i", *array.shape)
    return head + array.astype(dtype).tobytes()


def every_picture(images):
    """The bytes, 0 to 255, of train and test pictures together, in order of value."""
    both = np.concatenate([images.train, images.test])
    return sorted(picture.tobytes() for picture in np.rint(255 * both).astype(np.uint8))


@pytest.mark.parametrize("dtype", CODES)
def test_idx_of_every_type(tmp_path, dtype):
    values = np.arange(24).reshape(2, 3, 4) - (0 if dtype == "u1" else 7)
    (tmp_path / "v.idx").write_bytes(idx(values, dtype))
    np.testing.assert_array_equal(read_idx(tmp_path / "v.idx"), values)


@pytest.mark.parametrize("name", ["p.idx", "p.idx.gz", "p.idx3-ubyte", "P.IDX"])
@pytest.mark.parametrize("zipped", [False, True])
def test_idx_pictures_gzipped_or_not_whatever_the_name(tmp_path, name, zipped):
    (tmp_path / name).write_bytes(gzip.compress(idx(PICTURES)) if zipped else idx(PICTURES))
    images = load(tmp_path / name)
    assert images.train.shape == (12, 1, 5, 5) and len(images.test) == 2 and images.classes == ()
    assert every_picture(images) == sorted(p.tobytes() for p in PICTURES[:, :5])
    assert "14 pictures of 6x5 -> 12 to train and 2 to test" in images.describe()


@pytest.mark.parametrize("test_name", ["t10k", "test"])
def test_mnist_by_its_own_names(tmp_path, test_name):
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(PICTURES)))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(LABELS))
    (tmp_path / f"{test_name}-images-idx3-ubyte").write_bytes(idx(255 - PICTURES[:7]))
    (tmp_path / f"{test_name}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(LABELS[:7])))
    images = load(tmp_path / "train-images-idx3-ubyte.gz")
    assert len(images.train) == 14 and len(images.test) == 7 and images.classes == tuple("0123")
    for x, labels, source in (
        (images.train, images.train_labels, PICTURES),
        (images.test, images.test_labels, 255 - PICTURES[:7]),
    ):
        known = {p[:5].tobytes(): label for p, label in zip(source, LABELS, strict=False)}
        found = [known[np.rint(255 * p).astype(np.uint8).tobytes()] for p in x]
        np.testing.assert_array_equal(found, labels)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("p.idx", b"", "ends early: 0 bytes where 4"),
        ("p.idx", b"\x89PNG" + bytes(40), "not an IDX file: it starts with 89 50 4e 47"),
        ("p.idx", b"\0\0\x0a" + idx(PICTURES)[3:], "not an IDX file"),
        ("p.idx", idx(PICTURES)[:-1], "ends early: 419 bytes where 420"),
        ("p.idx", idx(PICTURES) + b"\0", "goes on after the 420 bytes"),
        ("p.idx", b"\0\0\x08\3" + struct.pack(">3i", -1, 6, 5), r"shape \(-1, 6, 5\)"),
        ("p.idx", b"\0\0\x08\3" + struct.pack(">3i", 9**9, 9**9, 9), "limit is 4 GiB"),
        ("p.idx", idx(LABELS), r"shape \(14,\) is not that of pictures"),
        ("p.idx", idx(PICTURES[:0]), "empty"),
        ("p.idx", idx(PICTURES[:1]), "one picture only"),
        ("p.idx", idx(PICTURES - 300.0, ">f4"), "values run from -300 to -45"),
        ("p.idx", idx(PICTURES / 0.1, ">f8"), "values run from 0 to 2550"),
        ("p.idx.gz", gzip.compress(idx(PICTURES))[:-20], "ended before the end-of-stream"),
        ("p.idx.gz", gzip.compress(idx(PICTURES))[:-8] + bytes(8), "CRC"),
        ("p.idx.gz", gzip.compress(idx(PICTURES) + b"more"), "goes on after the 420 bytes"),
        ("p.npy", b"\x80\x04K\x01.", "magic string"),
        ("p.tar.gz", b"", "archives are not unpacked"),
        ("p.jpg", b"", "one picture; give the folder"),
        ("p.npz", b"PK", "not a zip file"),
    ],
)
def test_a_broken_file_is_named(tmp_path, name, content, reason):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=reason) as error:
        load(tmp_path / name)
    assert str(tmp_path / name) in str(error.value)


def test_labels_that_do_not_match_are_refused(tmp_path):
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(PICTURES))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(LABELS[:5]))
    with pytest.raises(DataError, match=r"train-images.*14 pictures, but labels of shape \(5,\)"):
        load(tmp_path / "train-images-idx3-ubyte")


@given(
    zipped=st.booleans(),
    edits=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 255)), max_size=4),
    cut=st.integers(0, 60) | st.none(),
    more=st.binary(max_size=3),
)
def test_damaged_idx_is_a_data_error_or_read_right(tmp_path_factory, zipped, edits, cut, more):
    whole = idx(PICTURES[:2, :4, :3])
    data = bytearray(gzip.compress(whole, mtime=0) if zipped else whole)
    for place, value in edits:
        data[place % len(data)] = value
    path = tmp_path_factory.getbasetemp() / "damaged.idx"
    path.write_bytes(data[:cut] + more)
    try:
        array, complaint = read_idx(path), None
    except DataError as error:
        complaint = str(error)
    if complaint is None:
        raw = gzip.decompress(path.read_bytes()) if zipped else path.read_bytes()
        assert idx(array, array.dtype.str.lstrip("|")) == raw
    else:
        assert str(path) in complaint


@pytest.mark.parametrize(
    "array",
    [
        PICTURES,
        PICTURES[..., None],
        PICTURES[:, None],
        PICTURES.astype(np.float64),
        PICTURES / 255,
        (PICTURES / 255).astype(">f4"),
        np.asfortranarray(PICTURES),
        PICTURES.astype(np.int64),
    ],
    ids=["NHW", "NHWC", "NCHW", "0-255", "0-1", "big-endian", "Fortran", "int64"],
)
def test_npy_of_every_layout_and_type(tmp_path, array):
    np.save(tmp_path / "p.npy", array)
    assert every_picture(load(tmp_path / "p.npy")) == sorted(p.tobytes() for p in PICTURES[:, :5])


def test_npy_in_colour_with_transparency_and_in_black_and_white(tmp_path):
    colour = np.tile(np.array([255, 51, 0, 51], np.uint8), (2, 5, 5, 1))
    for name, array in (("last", colour), ("first", np.moveaxis(colour, 3, 1))):
        np.save(tmp_path / f"{name}.npy", array)
        picture = load(tmp_path / f"{name}.npy").train[0]
        np.testing.assert_allclose(picture[:, 0, 0], [1, 0.84, 0.8], atol=1e-6)
    np.save(tmp_path / "binary.npy", np.arange(32).reshape(2, 4, 4) % 2 == 1)
    assert set(load(tmp_path / "binary.npy").train.flat) == {0, 1}


@pytest.mark.parametrize(
    "names",
    ["x_train y_train x_test y_test", "train_images train_labels test_images test_labels"],
)
def test_npz_with_the_usual_names(tmp_path, names):
    arrays = (PICTURES, LABELS[:, None], PICTURES[:3], LABELS[:3])
    named = dict(zip(names.split(), arrays, strict=True))
    np.savez_compressed(tmp_path / "p.npz", **named, extra=np.zeros(3))
    images = load(tmp_path / "p.npz")
    assert len(images.train) == 14 and len(images.test) == 3
    assert (np.sort(images.train_labels) == np.sort(LABELS)).all()
    assert (np.sort(images.test_labels) == LABELS[:3]).all()
    assert "14 pictures of 6x5, for the test 3 pictures of 6x5, 4 classes" in images.describe()


def test_npz_with_one_array_of_any_name_and_with_named_classes(tmp_path):
    np.savez(tmp_path / "one.npz", my_scans=PICTURES)
    assert len(load(tmp_path / "one.npz").train) == 12
    np.savez(tmp_path / "named.npz", images=PICTURES, labels=np.array(["owl", "cat"])[LABELS % 2])
    assert load(tmp_path / "named.npz").classes == ("cat", "owl")


def test_npz_of_any_arrays(tmp_path):
    arrays = {"w": np.arange(6.0).reshape(2, 3), "Names": np.array(["a", "bc"]), "s": np.array(3)}
    np.savez(tmp_path / "a.npz", **arrays)
    again = read_npz(tmp_path / "a.npz")
    assert list(again) == list(arrays)
    for name, array in arrays.items():
        assert again[name].dtype == array.dtype
        np.testing.assert_array_equal(again[name], array)
    assert list(read_npz(tmp_path / "a.npz", ["s"])) == ["s"]
    with pytest.raises(DataError, match=r"a\.npz: no array 'x'; there are w, Names, s"):
        read_npz(tmp_path / "a.npz", ["x"])
    with zipfile.ZipFile(tmp_path / "two.npz", "w") as archive:
        archive.writestr("a", b"")
        archive.writestr("a.npy", b"")
    with pytest.raises(DataError, match=r"two\.npz: two arrays have one name"):
        read_npz(tmp_path / "two.npz")


@settings(max_examples=60)
@given(
    edits=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=4),
    cut=st.integers(0, 600) | st.none(),
    compressed=st.booleans(),
)
def test_damaged_npz_is_a_data_error_or_read_right(tmp_path_factory, edits, cut, compressed):
    whole = {"a": PICTURES[:2], "b": LABELS}
    stream = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(stream, **whole)
    data = bytearray(stream.getvalue())
    for place, value in edits:
        data[place % len(data)] = value
    path = tmp_path_factory.getbasetemp() / "damaged.npz"
    path.write_bytes(data[:cut])
    complaint, arrays = None, {}
    try:
        arrays = read_npz(path)
    except DataError as error:
        complaint = str(error)
    assert complaint is None or str(path) in complaint
    for array in arrays.values():       # the checksums cover the arrays, not their names
        assert any(np.array_equal(array, other) for other in whole.values())


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        (dict(a=PICTURES, b=PICTURES), "no array is called x_train.*there are a, b"),
        (dict(x=np.array([{}, None])), "array 'x': holds pickled Python objects"),
        (dict(x=PICTURES, y=LABELS[:3]), "14 pictures, but labels"),
        (dict(x=PICTURES.astype("U3")), "type <U3, not numbers"),
        (dict(x=PICTURES * 1j), "type complex128, not numbers"),
        (dict(x=np.where(PICTURES > 9, np.nan, 0)), "values run from nan to nan"),
        (dict(x=PICTURES / 127.5 - 1), r"values run from -1 to 1; pictures have \[0, 1\]"),
        (dict(x=PICTURES / 200), "values run from 0 to 1.2"),
        (dict(x=PICTURES.reshape(14, 30)), r"shape \(14, 30\) is not that of pictures"),
        (dict(x=PICTURES.reshape(7, 2, 6, 5)), r"shape \(7, 2, 6, 5\) is not that of pictures"),
    ],
)
def test_a_useless_npz_is_named(tmp_path, arrays, reason):
    np.savez(tmp_path / "p.npz", **arrays)
    with pytest.raises(DataError, match=reason) as error:
        load(tmp_path / "p.npz")
    assert str(tmp_path / "p.npz") in str(error.value)


def test_a_pickled_npy_is_not_read(tmp_path):
    np.save(tmp_path / "p.npy", np.array([print, len]))
    with pytest.raises(DataError, match=r"p\.npy: holds pickled Python objects"):
        load(tmp_path / "p.npy")


@pytest.mark.parametrize("member", ["../x.npy", "/x.npy", "a/../../x.npy", "..\\x.npy"])
def test_an_archive_that_points_outside_is_refused(tmp_path, member):
    with zipfile.ZipFile(tmp_path / "p.npz", "w") as archive:
        archive.writestr(member, b"")
    with pytest.raises(DataError, match=r"p\.npz: member '.*' points outside the archive"):
        load(tmp_path / "p.npz")


def npy_header(shape):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": "|u1", "fortran_order": False, "shape": shape}
    )
    return stream.getvalue()


@pytest.mark.parametrize("shape", [(10**6, 1000, 1000), (3000, 1000, 1000)])
def test_a_header_that_promises_much_costs_nothing(tmp_path, shape):
    (tmp_path / "p.npy").write_bytes(npy_header(shape) + bytes(100))
    (tmp_path / "p.idx.gz").write_bytes(
        gzip.compress(b"\0\0\x08\3" + struct.pack(">3i", *shape) + bytes(100))
    )
    with zipfile.ZipFile(tmp_path / "p.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", npy_header(shape) + bytes(100))
    for name in ("p.npy", "p.idx.gz", "p.npz"):
        tracemalloc.start()
        with pytest.raises(DataError, match=r"limit is 4 GiB|ends early"):
            load(tmp_path / name)
        assert tracemalloc.get_traced_memory()[1] < 20e6
        tracemalloc.stop()

"""CIFAR from archives and folders made here, hostile archives, and downloads from a local server.

The layouts are CIFAR's, with fewer records: the real files hold 10 000 each.
"""

import gzip
import http.server
import io
import sys
import tarfile
import threading
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigen.data import DataError, download, images, load, remote
from minigen.data.archive import PIECE, tar_members
from minigen.data.cifar import CIFAR10, CIFAR100, cifar_source, read_cifar

RNG = np.random.default_rng(0)


def records(count, labels=1, classes=10):
    """The bytes of a file of pictures."""
    table = RNG.integers(0, 256, (count, labels + 3072), dtype=np.uint8)
    table[:, :labels] %= classes
    return table.tobytes()


class Small(type(CIFAR10)):
    """CIFAR's layout with 7 records a file."""

    def sizes(self):
        return dict.fromkeys((*self.train, self.test), 7 * (self.labels + 3072))


def small(layout):
    return Small(**vars(layout))


def cifar_files(layout):
    files = {name: records(7, layout.labels) for name in (*layout.train, layout.test)}
    return files | {layout.names: "\n".join(f"class{i:02}" for i in range(layout.classes)).encode()}


def write_tar(path, members):
    """A .tar.gz of (name or TarInfo, content) pairs."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


@pytest.mark.parametrize("layout", [CIFAR10, CIFAR100], ids=["CIFAR-10", "CIFAR-100"])
@pytest.mark.parametrize("packed", [False, True])
def test_cifar_from_the_archive_and_from_its_folder(tmp_path, layout, packed):
    files = cifar_files(layout)
    path = tmp_path / "cifar.tar.gz" if packed else tmp_path
    if packed:
        write_tar(path, [(f"./cifar/{name}", content) for name, content in files.items()])
    else:
        for name, content in files.items():
            (tmp_path / name).write_bytes(content)
    source = cifar_source(path, small(layout))
    assert (source.count, source.test.count) == (7 * len(layout.train), 7)
    joined = np.frombuffer(b"".join(files[name] for name in layout.train), np.uint8)
    table = joined.reshape(-1, layout.labels + 3072)
    assert [int(name[5:]) for name in source.labels] == list(table[:, layout.labels - 1])
    red = table[3, layout.labels :][:1024].reshape(32, 32) / np.float32(255)
    np.testing.assert_array_equal(source.picture(3, 32)[0], red)


def test_the_real_files_sizes():
    assert set(CIFAR10.sizes().values()) == {30_730_000}
    assert CIFAR100.sizes() == {"train.bin": 153_700_000, "test.bin": 30_740_000}


def test_load_finds_cifar_by_name(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "CIFAR10", small(CIFAR10))
    write_tar(tmp_path / "cifar-10-binary.tar.gz", cifar_files(CIFAR10).items())
    made = load(tmp_path / "cifar-10-binary.tar.gz")
    assert made.train.shape == (35, 3, 32, 32) and len(made.test) == 7
    (tmp_path / "data_batch_1.bin").write_bytes(b"")
    with pytest.raises(DataError, match=r"missing: data_batch_2\.bin, "):
        load(tmp_path)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"test_batch.bin": b"\0" * 7 * 3073 + b"\0"}, "21512 bytes"),
        ({"test_batch.bin": records(6)}, "test_batch.bin has 18438 bytes; CIFAR's has 21511"),
        ({"test_batch.bin": b"\x0a" + bytes(7 * 3073 - 1)}, "record 0 has label 10; .* 0 to 9"),
        ({"data_batch_3.bin": None}, "missing: data_batch_3.bin"),
        ({"batches.meta.txt": b"cat dog"}, "names 2 classes, not 10"),
        ({"batches.meta.txt": b"\xff"}, "batches.meta.txt: 'ascii' codec"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_wrong_cifar_files_are_named(tmp_path, change, reason, packed):
    files = {k: v for k, v in (cifar_files(CIFAR10) | change).items() if v is not None}
    path = tmp_path / "c.tar.gz" if packed else tmp_path
    if packed:
        write_tar(path, files.items())
    else:
        for name, content in files.items():
            (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=reason) as error:
        cifar_source(path, small(CIFAR10))
    assert str(path) in str(error.value)


def test_records_are_whole():
    for data in (b"", bytes(3072), bytes(2 * 3073 + 5)):
        with pytest.raises(DataError, match=r"f\.bin: \d+ bytes are not whole records of 3073"):
            read_cifar(data, CIFAR10, "f.bin")
    assert read_cifar(bytes(3073), CIFAR10, "f.bin")[0].shape == (1, 3, 32, 32)


def test_a_member_of_many_pieces_is_read_whole(tmp_path):
    content = RNG.bytes(5 * PIECE // 2)
    write_tar(tmp_path / "large.tar.gz", [("other", content), ("a", content), ("b", b"1")])
    found = tar_members(tmp_path / "large.tar.gz", {"a": len(content), "b": 1})
    assert found == {"a": content, "b": b"1"}


def special(kind, target="x"):
    info = tarfile.TarInfo("d/a")
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ([("/etc/a", b"")], "member '/etc/a' points outside"),
        ([("d/../../a", b"")], "points outside"),
        ([("C:\\a", b"")], "points outside"),
        ([(special(tarfile.SYMTYPE, "/etc/passwd"), b"")], "'d/a' is a link or a device"),
        ([(special(tarfile.LNKTYPE), b"")], "is a link or a device"),
        ([(special(tarfile.FIFOTYPE), b"")], "is a link or a device"),
        ([(special(tarfile.GNUTYPE_SPARSE), b"")], "."),
        ([("d/a", b"1"), ("e/a", b"2")], "two members are called a"),
        ([("d/a", bytes(11))], "'d/a' has 11 bytes; it may have 10"),
        ([("x" * (1 << 21), b"")], "unpacks to over 1024 MiB, or a header to 1"),
    ],
)
def test_a_hostile_archive_is_refused(tmp_path, members, reason):
    write_tar(tmp_path / "h.tar.gz", members)
    with pytest.raises(DataError, match=reason) as error:
        tar_members(tmp_path / "h.tar.gz", {"a": 10})
    assert str(tmp_path / "h.tar.gz") in str(error.value)


def test_members_of_negative_or_endless_size_are_refused(tmp_path):
    for field in (b"\xff" * 12, b"\x80\0\0\0\x7f" + bytes(7)):
        header = bytearray(tarfile.TarInfo("a").tobuf())
        header[124:136], header[148:156] = field, b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
        (tmp_path / "n.tar.gz").write_bytes(gzip.compress(bytes(header) + bytes(2048)))
        with pytest.raises(DataError, match=r"n\.tar\.gz"):
            tar_members(tmp_path / "n.tar.gz", {"a": 10})


@settings(max_examples=60)
@given(
    edits=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=4),
    cut=st.integers(0, 2000) | st.none(),
    zipped=st.booleans(),
)
def test_a_damaged_archive_is_a_data_error_or_read_right(tmp_path_factory, edits, cut, zipped):
    path = tmp_path_factory.getbasetemp() / "damaged.tar.gz"
    write_tar(path, [("d/a", b"0123456789"), ("d/b", b"more")])
    data = bytearray(path.read_bytes() if zipped else gzip.decompress(path.read_bytes()))
    for place, value in edits:
        data[place % len(data)] = value
    path.write_bytes(data[:cut] if zipped else gzip.compress(data[:cut]))
    found, complaint = {}, None
    try:
        found = tar_members(path, {"a": 10, "b": 10})
    except DataError as error:
        complaint = str(error)
    assert complaint is None or str(path) in complaint
    assert set(found) <= {"a", "b"} and all(len(content) <= 10 for content in found.values())
    if zipped and complaint is None:    # the checksum covers every byte
        assert found == {"a": b"0123456789", "b": b"more"}


# Downloads --------------------------------------------------------------------------------------


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A server of one file, in a data set called "tiny"; its first mirror is not there."""
    content = b"whatever"
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "tiny.idx").write_bytes(content)
    serve = partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path / "served"))
    server = http.server.HTTPServer(("127.0.0.1", 0), serve)
    monkeypatch.setattr(http.server.SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/"
    checksum = "008c5926ca861023c1d2a36653fd88e2"
    tiny = remote.Remote({"tiny.idx": checksum}, (url + "absent/", url))
    monkeypatch.setitem(remote.REMOTE, "tiny", tiny)
    monkeypatch.setenv("MINIGEN_CACHE", str(tmp_path / "cache"))
    yield tmp_path
    server.shutdown()
    server.server_close()


def test_a_download_tries_the_mirrors_once_and_keeps_the_file(mirror):
    pytest.importorskip("pooch", reason="downloads need pooch: pip install pooch")
    path = mirror
    assert download("tiny") == path / "cache" / "tiny" / "tiny.idx"
    (path / "served" / "tiny.idx").unlink()
    assert download("tiny").read_bytes() == b"whatever"


def test_a_file_with_another_checksum_is_not_kept(mirror):
    pytest.importorskip("pooch", reason="downloads need pooch: pip install pooch")
    path = mirror
    (path / "served" / "tiny.idx").write_bytes(b"what else")
    with pytest.raises(DataError, match=r"absent/ fails: HTTPError 404; .* another check") as error:
        download("tiny")
    assert "By hand: put tiny.idx of http://127.0.0.1" in str(error.value)
    assert str(path / "cache" / "tiny") in str(error.value)
    assert not (path / "cache" / "tiny" / "tiny.idx").exists()


def test_without_pooch_a_file_put_there_by_hand_will_do(mirror, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    path = mirror
    with pytest.raises(DataError, match=r"tiny: tiny\.idx cannot be fetched: pooch is not inst"):
        download("tiny")
    folder = path / "cache" / "tiny"
    folder.mkdir(parents=True)
    (folder / "tiny.idx").write_bytes(b"broken")
    with pytest.raises(DataError, match="the one there has another checksum"):
        download("tiny")
    (folder / "tiny.idx").write_bytes(b"whatever")
    assert download("tiny") == folder / "tiny.idx"


def test_load_by_name_reads_what_was_fetched(tmp_path, monkeypatch):
    labels = np.arange(20, dtype=np.uint8) % 10
    pictures = RNG.integers(0, 256, (20, 28, 28), dtype=np.uint8)
    heads = (b"\0\0\x08\3\0\0\0\x14\0\0\0\x1c\0\0\0\x1c", b"\0\0\x08\1\0\0\0\x14")
    for name in remote.MNIST_FILES:
        head, array = (heads[1], labels) if "labels" in name else (heads[0], pictures)
        (tmp_path / name).write_bytes(gzip.compress(head + array.tobytes()))
    monkeypatch.setattr(images, "download", lambda name: tmp_path / remote.MNIST_FILES[0])
    made = load("fashion_mnist")
    assert made.train.shape == (20, 1, 28, 28) and made.test.shape == (20, 1, 28, 28)
    assert made.classes[0] == "T-shirt/top" and made.classes[9] == "Ankle boot"
    assert made.name == "fashion_mnist" and load("mnist").classes == tuple("0123456789")


def test_every_remote_file_has_a_checksum():
    for name, one in remote.REMOTE.items():
        assert all(len(bytes.fromhex(md5)) == 16 for md5 in one.files.values()), name
        assert len(one.classes) in (0, 10) and all(m.endswith("/") for m in one.mirrors)
    with pytest.raises(ValueError, match="no data set 'minst'; there are mnist, fashion_mnist"):
        download("minst")

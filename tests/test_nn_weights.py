"""Weights in safetensors files."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest

import minigen as mg
from minigen import nn


def network():
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 3))


def write(path, tensors):
    """A file by the format's definition: length of the header, header as JSON, the numbers."""
    header, data = {}, b""
    for name, (dtype, shape, numbers) in tensors.items():
        places = [len(data), len(data) + len(numbers)]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": places}
        data += numbers
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def test_what_is_saved_is_what_is_loaded(tmp_path):
    path = tmp_path / "net.safetensors"
    source, target = network(), network()
    source(mg.Generator(0).normal((4, 1, 4, 4)))  # moves the running averages
    nn.save_weights(source, path)
    assert nn.load_weights(target, str(path)) == ([], [])
    for (name, ours), theirs in zip(
        source.state_dict().items(), target.state_dict().values(), strict=True
    ):
        assert ours.dtype == theirs.dtype and ours.shape == theirs.shape, name
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    assert [file.name for file in tmp_path.iterdir()] == ["net.safetensors"]
    with nn.meta():
        shapes = network()
    nn.load_weights(shapes, path)
    np.testing.assert_array_equal(shapes[3].weight.detach().numpy(), source[3].weight.data)


def test_the_file_is_what_the_format_says(tmp_path):
    path = tmp_path / "linear.safetensors"
    layer = nn.Linear(2, 1)
    layer.weight = nn.Parameter(np.array([[1.0], [2.0]], np.float32).T)  # not C-contiguous
    mg.assign(layer.bias, 3.0)
    nn.save_weights(layer, path)
    raw = path.read_bytes()
    size = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8 : 8 + size])
    assert header["__metadata__"] == {"format": "pt"}
    assert header["weight"]["dtype"] == "F32" and header["weight"]["shape"] == [1, 2]
    low, high = header["weight"]["data_offsets"]
    assert np.frombuffer(raw[8 + size :][low:high], np.float32).tolist() == [1, 2]


def test_half_precision_is_read_into_float32(tmp_path):
    path = tmp_path / "half.safetensors"
    bfloat16 = np.array([1.5, -2.0], np.float32).view(np.uint32) >> 16
    write(path, {
        "weight": ("BF16", [1, 2], bfloat16.astype(np.uint16).tobytes()),
        "bias": ("F16", [1], np.array([0.25], np.float16).tobytes()),
    })  # fmt: skip
    layer = nn.Linear(2, 1)
    nn.load_weights(layer, path)
    assert layer.weight.tolist() == [[1.5, -2]] and layer.bias.tolist() == [0.25]
    assert layer.bias.dtype == np.float32
    assert nn.read_weights(path)["bias"].dtype == np.float16


def test_files_that_are_refused(tmp_path):
    path = tmp_path / "model.pt"
    layer = nn.Linear(2, 1)
    before = layer.weight.tolist()
    nn.save_weights(layer, path)
    whole = path.read_bytes()
    for broken in (b"", b"PK" + bytes(100), whole[:-1], whole + b"x", b"\xff" * 8 + whole[8:]):
        path.write_bytes(broken)
        with pytest.raises(ValueError, match=r"model\.pt: not a whole safetensors file .*pickled"):
            nn.load_weights(layer, path)
    write(path, {"weight": ("F8_E4M3", [2], b"ab")})
    with pytest.raises(ValueError, match=r"model\.pt: weight has dtype F8_E4M3, which is not read"):
        nn.read_weights(path)
    write(path, {"weight": ("F32", [2], bytes(8)), "scale": ("F32", [], bytes(4))})
    with pytest.raises(ValueError, match=r"missing: bias(.|\n)*unexpected: scale(.|\n)*mis-shaped"):
        nn.load_weights(layer, path)
    assert layer.weight.tolist() == before
    with pytest.raises(FileNotFoundError):
        nn.load_weights(layer, tmp_path / "none.safetensors")


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path, write_bytes = tmp_path / "net.safetensors", Path.write_bytes
    nn.save_weights(nn.Linear(2, 1), path)
    whole = path.read_bytes()

    def full(self, data):
        write_bytes(self, data[:20])
        raise OSError("No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        nn.save_weights(nn.Linear(2, 1), path)
    assert path.read_bytes() == whole
    assert list(tmp_path.iterdir()) == [path]


def test_a_part_may_be_loaded(tmp_path):
    path = tmp_path / "body.safetensors"
    nn.save_weights(nn.Sequential(nn.Linear(2, 2)), path)
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    assert nn.load_weights(net, path, strict=False) == (["1.weight", "1.bias"], [])

"""WAV and text files: read exactly, or refused with the file's name and the reason."""

import io
import struct
import wave

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigen.data import (
    DataError,
    read_analogies,
    read_documents,
    read_text,
    read_wav,
    split_text,
    write_wav,
)

SOUND = np.array([[0.0, 0.5, -0.5, 1.0, -1.0, 0.25], [0.1, 0.2, 0.3, 0.4, -0.6, -0.7]])


def chunk(name, data):
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def wav(data, code=1, bits=16, channels=1, rate=8000, before=b"", after=b"", tail=b""):
    """The bytes of a WAV file, extra chunks before "fmt " and after it."""
    frame = channels * bits // 8
    head = struct.pack("<HHIIHH", code, channels, rate, rate * frame, frame, bits) + tail
    return chunk(b"RIFF", b"WAVE" + before + chunk(b"fmt ", head) + after + chunk(b"data", data))


def packed24(whole):
    return b"".join(int(n).to_bytes(3, "little", signed=True) for n in whole)


@pytest.mark.parametrize("channels", [1, 2])
def test_a_round_trip_is_off_by_at_most_a_step(tmp_path, channels):
    sound = np.random.default_rng(0).uniform(-1, 1, (channels, 999))
    sound[:, :2] = [-1, 1]
    write_wav(tmp_path / "s.wav", sound, 44100)
    again, rate = read_wav(tmp_path / "s.wav")
    assert rate == 44100 and again.dtype == np.float32 and again.shape == sound.shape
    assert abs(again - sound).max() <= 1 / 32768
    write_wav(tmp_path / "again.wav", again, rate)
    np.testing.assert_array_equal(read_wav(tmp_path / "again.wav")[0], again)


def test_another_reader_reads_what_we_write(tmp_path):
    write_wav(tmp_path / "s.wav", SOUND, 8000)
    with wave.open(str(tmp_path / "s.wav")) as file:
        assert file.getparams()[:4] == (2, 2, 8000, 6)
        whole = np.frombuffer(file.readframes(6), "<i2").reshape(6, 2).T
    np.testing.assert_array_equal(whole, np.clip(np.rint(SOUND * 32768), -32768, 32767))


def test_what_is_too_loud_is_clipped_and_one_channel_may_be_a_vector(tmp_path):
    write_wav(tmp_path / "s.wav", np.array([2.0, -2.0, 0.0]), 1)
    samples, rate = read_wav(tmp_path / "s.wav")
    np.testing.assert_array_equal(samples, [[32767 / 32768, -1, 0]])
    assert rate == 1


WHOLE = np.array([0, 1, -1, 100, -100])


@pytest.mark.parametrize(
    ("data", "code", "bits", "expected"),
    [
        (np.array([0, 128, 255], "u1").tobytes(), 1, 8, [-1, 0, 127 / 128]),
        (WHOLE.astype("<i2").tobytes(), 1, 16, WHOLE / 2**15),
        (packed24([*WHOLE, 2**23 - 1, -(2**23)]), 1, 24, [*WHOLE / 2**23, 1 - 2.0**-23, -1]),
        (WHOLE.astype("<i4").tobytes(), 1, 32, WHOLE / 2**31),
        (SOUND.astype("<f4").tobytes(), 3, 32, SOUND.ravel()),
        ((3 * SOUND).astype("<f8").tobytes(), 3, 64, 3 * SOUND.ravel()),
        (b"", 1, 16, []),
    ],
)
def test_every_encoding(tmp_path, data, code, bits, expected):
    (tmp_path / "s.wav").write_bytes(wav(data, code, bits))
    np.testing.assert_array_equal(read_wav(tmp_path / "s.wav")[0], np.float32([expected]))
    extensible = struct.pack("<HHIH14s", 22, bits, 0, code, b"\0" * 14)
    (tmp_path / "e.wav").write_bytes(wav(data, 0xFFFE, bits, tail=extensible))
    np.testing.assert_array_equal(read_wav(tmp_path / "e.wav")[0], np.float32([expected]))


def test_unknown_chunks_are_passed_over_and_odd_ones_padded(tmp_path):
    extra = chunk(b"LIST", b"odd") + chunk(b"junk", b"")
    data = WHOLE.astype("<i2").tobytes()
    (tmp_path / "s.wav").write_bytes(wav(data, before=extra, after=extra))
    np.testing.assert_array_equal(read_wav(tmp_path / "s.wav")[0][0], WHOLE / 2**15)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not a WAV file"),
        (b"RIFX" + wav(b"")[4:], "not a WAV file"),
        (wav(b"1234")[:-1], "announces 48 bytes, and has 47"),
        (wav(b"1234") + b"x", "announces 48 bytes, and has 49"),
        (wav(b"123"), "3 bytes of sound are not whole frames of 2"),
        (wav(b"1234", code=6), r"encoding 6 with 16 bits is not read; PCM \(1\)"),
        (wav(b"1234", bits=12), "encoding 1 with 12 bits"),
        (wav(b"1234", channels=0), "0 channels at 8000 Hz, .* do not fit together"),
        (wav(b"1234", rate=0), "1 channels at 0 Hz"),
        (wav(struct.pack("<f", np.nan), 3, 32), "some samples are not finite"),
        (wav(struct.pack("<d", 1e300), 3, 64), "some samples are not finite"),
        (wav(b"12", after=chunk(b"data", b"34")), "two chunks 'data'"),
        (chunk(b"RIFF", b"WAVE" + chunk(b"data", b"12")), "needs a 'fmt ' and, after it, a 'data'"),
        (chunk(b"RIFF", b"WAVE" + chunk(b"fmt ", b"12")), "needs a 'fmt '"),
        (wav(b"", after=chunk(b"fmt ", b"12")), "two chunks 'fmt '"),
        (chunk(b"RIFF", b"WAVE" + chunk(b"fmt ", b"12") + chunk(b"data", b"")), "at least 16"),
        (chunk(b"RIFF", b"WAVEfmt \xff\xff\xff\xff"), "'fmt ' announces 4294967295 bytes"),
        (chunk(b"RIFF", b"WAVEfm"), "within the head of a chunk"),
    ],
)
def test_a_broken_wav_is_named(tmp_path, content, reason):
    (tmp_path / "s.wav").write_bytes(content)
    with pytest.raises(DataError, match=rf"s\.wav: .*{reason}"):
        read_wav(tmp_path / "s.wav")


@settings(max_examples=100)
@given(
    edits=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 255)), max_size=4),
    cut=st.integers(0, 70) | st.none(),
    more=st.binary(max_size=3),
)
def test_a_damaged_wav_is_a_data_error_or_the_sound_of_other_bytes(
    tmp_path_factory, edits, cut, more
):
    data = bytearray(wav(WHOLE.astype("<i2").tobytes(), after=chunk(b"odd ", b"1")))
    for place, value in edits:
        data[place % len(data)] = value
    path = tmp_path_factory.getbasetemp() / "damaged.wav"
    path.write_bytes(data[:cut] + more)
    complaint, samples = None, np.zeros((1, 0))
    try:
        samples, _ = read_wav(path)
    except DataError as error:
        complaint = str(error)
    assert complaint is None or str(path) in complaint
    if complaint is None and path.read_bytes()[12:36] == wav(b"")[12:36]:   # "fmt " is as written
        with wave.open(io.BytesIO(path.read_bytes())) as file:
            whole = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        np.testing.assert_array_equal(samples[0], whole / 2**15)
    assert np.isfinite(samples).all()


@pytest.mark.parametrize(
    ("samples", "rate", "reason"),
    [
        (np.zeros((1, 2, 3)), 8000, r"shape \(1, 2, 3\) at 8000 Hz"),
        (np.zeros(3), 0, "at 0 Hz"),
        (np.zeros(3), 0.5, "at 0.5 Hz"),
        ([np.nan], 8000, "NaN or infinite"),
    ],
)
def test_what_is_no_sound_is_not_written(tmp_path, samples, rate, reason):
    with pytest.raises(ValueError, match=reason):
        write_wav(tmp_path / "s.wav", samples, rate)
    assert not (tmp_path / "s.wav").exists()


# Text -------------------------------------------------------------------------------------------


def test_text_from_every_system(tmp_path):
    (tmp_path / "t.txt").write_bytes(b"\xef\xbb\xbf" + "déjà\r\nvu\rlà\n".encode())
    assert read_text(tmp_path / "t.txt") == "déjà\nvu\nlà\n"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b" \n", "empty"),
        (b"ab\nc\xe9 ", "not UTF-8: byte e9 at 4, in line 2; save it as UTF-8"),
        ("a".encode("utf-16"), "not UTF-8: byte ff at 0, in line 1"),
        (b"ab\0", "holds NUL, at character 2"),
    ],
)
def test_what_is_no_text_is_named(tmp_path, content, reason):
    (tmp_path / "t.txt").write_bytes(content)
    with pytest.raises(DataError, match=rf"t\.txt: .*{reason}|t\.txt: {reason}"):
        read_text(tmp_path / "t.txt")
    with pytest.raises(DataError, match=r"absent\.txt: .*No such file"):
        read_text(tmp_path / "absent.txt")


@given(st.binary(max_size=30))
def test_any_bytes_are_a_text_or_a_data_error(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.txt"
    path.write_bytes(content)
    complaint = None
    try:
        text = read_text(path)
    except DataError as error:
        complaint = str(error)
    if complaint is None:
        assert text == content.decode().lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    else:
        assert str(path) in complaint


def test_nine_tenths_to_train_as_with_tinyshakespeare():
    train, test = split_text("x" * 1_115_394)
    assert (len(train), len(test)) == (1_003_854, 111_540)
    with pytest.raises(ValueError, match="leaves one side empty"):
        split_text("x")


def test_documents_are_separated_by_empty_lines(tmp_path):
    (tmp_path / "d.txt").write_text("\n\none \ntwo\n \n\nthree\n")
    assert read_documents(tmp_path / "d.txt") == [["one", "two"], ["three"]]


def test_analogies_by_section(tmp_path):
    path = tmp_path / "q.txt"
    path.write_text(": capital-world\nParis France Rome Italy\n: family\nboy girl he she\n\n")
    assert read_analogies(path) == {
        "capital-world": [("Paris", "France", "Rome", "Italy")],
        "family": [("boy", "girl", "he", "she")],
    }
    for text, reason in (
        ("a b c d", "line 1: 4 words"),
        (": s\na b c", "line 2: 3 words"),
        (": s\n: s", "line 2: section 's'"),
    ):
        path.write_text(text)
        with pytest.raises(DataError, match=rf"q\.txt, {reason}"):
            read_analogies(path)

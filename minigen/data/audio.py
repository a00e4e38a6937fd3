r"""Sound files: WAV, read and written.

Idea: a WAV file is RIFF: chunks, each a name of four letters, a length and as many bytes (and one
more to make them even). "fmt " says how "data" is to be read, and stands before it; other chunks
are passed over. A sample of b bits is a whole number n, read as n / 2ᵇ⁻¹, in [-1, 1).
Invariant: what is read back after writing is off by at most 1/32768, for samples in [-1, 1].
Source: Multimedia Programming Interface and Data Specifications 1.0, IBM & Microsoft, 1991.
"""

import struct

import numpy as np

from minigen.data.source import DataError, naming

PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
TYPES = {(PCM, 8): "u1", (PCM, 16): "<i2", (PCM, 32): "<i4", (FLOAT, 32): "<f4", (FLOAT, 64): "<f8"}


def read_wav(path):
    """The sound in a WAV file.   -> samples (channels, T) float32, rate in Hz

    Whole numbers of 8, 16, 24 or 32 bits, or floats of 32 or 64, which may go beyond [-1, 1].
    Raises DataError, naming the file, for another encoding, for lengths that do not fit the file or
    each other, and for samples that are not finite.
    """
    with naming(path), open(path, "rb") as file:
        content = file.read()
    chunks = _chunks(content, path)
    if "fmt " not in chunks or "data" not in chunks:
        raise DataError(f"{path}: a WAV file needs a 'fmt ' and, after it, a 'data' chunk")
    code, channels, rate, bits, frame = _format(chunks["fmt "], path)
    data = chunks["data"]
    if len(data) % frame:
        raise DataError(f"{path}: {len(data)} bytes of sound are not whole frames of {frame}")
    samples = _samples(data, code, bits, path).reshape(-1, channels)                # (T, channels)
    return np.ascontiguousarray(samples.T), rate


def write_wav(path, samples, rate):
    """Write sound as 16-bit PCM, clipped to [-1, 1].   samples (T,) or (channels, T), rate in Hz

    Raises ValueError for another shape, samples that are not finite, a rate that is no whole number
    of at least 1, and more samples than a WAV file can hold.
    """
    samples = np.atleast_2d(np.asarray(samples, np.float64))
    if samples.ndim > 2 or not 1 <= len(samples) < 1 << 15 or int(rate) != rate or rate < 1:
        raise ValueError(
            f"write_wav: samples of shape {samples.shape} at {rate} Hz; they must be (T,) or "
            "(channels, T), the rate a whole number of at least 1"
        )
    if not np.isfinite(samples).all() or samples.size >= 1 << 31:
        raise ValueError("write_wav: samples are NaN or infinite, or more than 2³¹ - 1")
    whole = np.clip(np.rint(32768 * samples), -32768, 32767).astype("<i2")
    data, frame = whole.T.tobytes(), 2 * len(samples)
    head = struct.pack("<HHIIHH", PCM, len(samples), int(rate), int(rate) * frame, frame, 16)
    body = b"WAVE" + _chunk(b"fmt ", head) + _chunk(b"data", data)
    with open(path, "wb") as file:
        file.write(_chunk(b"RIFF", body))


def _chunk(name, data):
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def _chunks(content, path):
    """The chunks of a RIFF file.   -> {name: bytes}; "data" only where "fmt " stands before it"""
    if len(content) < 12 or content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise DataError(f"{path}: not a WAV file: it does not start with RIFF, a length and WAVE")
    (size,) = struct.unpack_from("<I", content, 4)
    if size + 8 != len(content):
        raise DataError(f"{path}: announces {size + 8} bytes, and has {len(content)}")
    chunks, place = {}, 12
    while place < len(content):
        if place + 8 > len(content):
            raise DataError(f"{path}: ends early, within the head of a chunk")
        name, length = struct.unpack_from("<4sI", content, place)
        name, place = name.decode("latin-1"), place + 8
        if place + length > len(content):
            raise DataError(f"{path}: chunk {name!r} announces {length} bytes, more than follow")
        if name in ("fmt ", "data") and name in chunks:
            raise DataError(f"{path}: has two chunks {name!r}")
        if name != "data" or "fmt " in chunks:
            chunks[name] = content[place : place + length]
        place += length + length % 2
    return chunks


def _format(head, path):
    """The fields of "fmt ".   -> code, channels, rate, bits of a sample, bytes of a frame"""
    if len(head) < 16:
        raise DataError(f"{path}: its 'fmt ' chunk has {len(head)} bytes; it takes at least 16")
    code, channels, rate, _, frame, bits = struct.unpack_from("<HHIIHH", head)
    if code == EXTENSIBLE and len(head) >= 40:
        (code,) = struct.unpack_from("<H", head, 24)        # of the sub-format's GUID
    if (code, bits) not in TYPES and (code, bits) != (PCM, 24):
        raise DataError(
            f"{path}: encoding {code} with {bits} bits is not read; PCM (1) of 8, 16, 24 or 32 "
            "bits and float (3) of 32 or 64 are"
        )
    if not channels or not rate or frame != channels * bits // 8:
        raise DataError(
            f"{path}: {channels} channels at {rate} Hz, {bits} bits in frames of {frame} bytes: "
            "these do not fit together"
        )
    return code, channels, rate, bits, frame


def _samples(data, code, bits, path):
    """Bytes as samples.   -> (channels * T,) float32"""
    if bits == 24:                      # no such type: into the upper bytes of four
        whole = np.zeros((len(data) // 3, 4), np.uint8)
        whole[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        return (whole.view("<i4")[:, 0] / 2.0**31).astype(np.float32)
    values = np.frombuffer(data, TYPES[code, bits])
    if code == FLOAT:
        if not np.isfinite(values).all() or abs(values).max(initial=0) > np.finfo(np.float32).max:
            raise DataError(f"{path}: some samples are not finite")
        return values.astype(np.float32)
    offset = 128.0 if bits == 8 else 0.0                    # 8 bits alone are unsigned
    return ((values - offset) / 2.0 ** (bits - 1)).astype(np.float32)

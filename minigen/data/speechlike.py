r"""Sounds like speech: vowels by source and filter, and four noises to hide them in.

Idea: a voice is a train of pulses (the source, at the pitch f0) shaped by the mouth (the filter),
which is a row of resonators, one for each formant F with bandwidth B:

    y_t = (1 - a - b) x_t + a y_{t-1} + b y_{t-2}
    a = 2 r cos(2πF/rate),   b = -r²,   r = e^(-πB/rate)

A syllable is one vowel with a soft start and end; syllables follow one another with short gaps and
pauses. Which vowel sounds when is known, and so are the clean sound and the noise.
Invariant: clip i depends on the seed, i and the factors given; giving one moves no other.
Source: Fant, Acoustic theory of speech production, 1960; formants of men's vowels, Peterson &
Barney, Control methods used in a study of the vowels, 1952.
Read next: factors.py.
"""

from dataclasses import dataclass

import numpy as np
from scipy import signal

from minigen.data.factors import settle, streams

FORMANTS = {            # Hz
    "i": (270, 2290, 3010), "e": (530, 1840, 2480), "a": (730, 1090, 2440),
    "o": (570, 840, 2410), "u": (300, 870, 2240),
}
VOWELS = tuple(FORMANTS)
BANDWIDTHS = (60, 90, 150)
NOISES = ("white", "pink", "hum", "babble")
VOICES = 6              # in a babble
SHORTEST = 0.14         # seconds: a syllable and the gap after it
PEAK = 0.4              # of a clean clip


@dataclass(frozen=True)
class Speech:
    """n clips of mono sound, T samples each."""

    clean: np.ndarray       # (n, T) float32, within ±0.4
    noisy: np.ndarray       # (n, T) float32: clean + noise, which can leave [-1, 1]
    rate: int               # samples a second
    vowels: np.ndarray      # (n, T) int8: index into VOWELS of what sounds, -1 in silence
    f0: np.ndarray          # (n,) pitch in Hz, in [90, 220]
    noise: np.ndarray       # (n,) int64, index into NOISES: 0, 1, 2, 3, 0, ...
    snr: np.ndarray         # (n,) decibels, in [-5, 15]


def speechlike(n, seed=0, seconds=2.0, rate=8000, **factors):
    """n clips of vowels, clean and in noise, as `Speech`.

    factors: f0, noise, snr; one value for all or one each, in the units of `Speech`.
    Same arguments, same bytes. Raises ValueError for clips that hold no syllable and factors that
    are unknown or out of bounds.
    """
    length = round(seconds * rate)
    if rate < 2000 or seconds < 0.4:
        raise ValueError(
            f"speechlike: {seconds} seconds at {rate} samples a second; the least are 0.4 and 2000"
        )
    latent, grain = streams("speechlike", n, seed, 2)
    syllables = int(seconds / SHORTEST) + 1
    unit = latent.random((n, 2 + 10 + (1 + VOICES) * (2 + 4 * syllables)))  # row i is for clip i
    drawn = {
        "noise": np.arange(n) % len(NOISES),
        "snr": 20 * unit[:, 0] - 5,
        "f0": 90 + 130 * unit[:, 1],
    }
    bounds = {"noise": (0, len(NOISES) - 1), "f0": (50, 500), "snr": (-100, 200)}
    made = settle("speechlike", drawn, factors, bounds)
    clean, noisy = np.empty((2, n, length), np.float32)
    vowels = np.empty((n, length), np.int8)
    voices = unit[:, 12:].reshape(n, 1 + VOICES, -1)
    for i in range(n):
        clean[i], vowels[i] = _utterance(voices[i, 0], made["f0"][i], length, rate)
        grains = grain.standard_normal(length)
        noise = _noise(NOISES[made["noise"][i]], grains, unit[i, 2:12], voices[i, 1:], rate)
        noisy[i] = mix(clean[i], noise, made["snr"][i])
    return Speech(clean, noisy, rate, vowels, **made)


def mix(clean, noise, snr):
    """clean + g · noise, g such that 10 log₁₀(Σ clean² / Σ (g noise)²) is snr decibels.   (T,)"""
    clean, noise = np.asarray(clean, np.float64), np.asarray(noise, np.float64)
    power = (noise**2).sum()
    if clean.shape != noise.shape or power == 0:
        raise ValueError(
            f"mix: clean has shape {clean.shape}, noise {noise.shape} and energy {power:g}; the "
            "shapes must be equal, the energy above 0"
        )
    gain = np.sqrt((clean**2).sum() / power / 10 ** (snr / 10))
    return clean + gain * noise


def _utterance(unit, f0, length, rate):
    """Syllables until the clip is full.   unit (2 + 4 S,) -> sound (length,), vowels (length,)"""
    time = np.arange(length) / rate
    # the pitch wanders by a tenth, up and down
    pitch = f0 * (1 + 0.1 * np.sin(2 * np.pi * (time * (0.3 + 0.5 * unit[0]) + unit[1])))
    cycles = np.cumsum(pitch) / rate
    pulses = np.diff(np.floor(cycles), prepend=0.0)
    source = signal.lfilter([1, -1], [1, -1.8, 0.81], pulses)       # soft pulses, heard outside
    sound, vowels = np.zeros(length), np.full(length, -1, np.int8)
    start = int(0.05 * rate)
    for number, duration, pause, loudness in unit[2:].reshape(-1, 4):
        end = start + int((0.12 + 0.16 * duration) * rate)
        if end > length:
            break
        which = int(number * len(VOWELS))
        shape = signal.windows.tukey(end - start, 0.5) * (0.6 + 0.4 * loudness)
        sound[start:end] = shape * _filtered(source[start:end], VOWELS[which], rate)
        vowels[start:end] = which
        start = end + int((0.02 + 0.05 * pause + 0.2 * (pause > 0.8)) * rate)
    return PEAK * sound / abs(sound).max(), vowels


def _filtered(source, vowel, rate):
    """The source through a resonator for each formant that the rate can hold."""
    for formant, bandwidth in zip(FORMANTS[vowel], BANDWIDTHS, strict=True):
        if formant < 0.48 * rate:
            r = np.exp(-np.pi * bandwidth / rate)
            a, b = 2 * r * np.cos(2 * np.pi * formant / rate), -(r**2)
            source = signal.lfilter([1 - a - b], [1, -a, -b], source)
    return source


def _noise(kind, grains, unit, voices, rate):
    """A noise of any loudness.   grains (T,) standard normal -> (T,)"""
    if kind == "white":
        return grains
    if kind == "pink":                                              # power falls as 1/f
        spectrum = np.fft.rfft(grains)
        spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
        spectrum[0] = 0
        return np.fft.irfft(spectrum, len(grains))
    if kind == "hum":                                               # the mains and its harmonics
        time, harmonics = np.arange(len(grains)) / rate, np.arange(1, 11)[:, None]
        waves = np.sin(2 * np.pi * (50 * harmonics * time + unit[:, None]))
        return (waves / harmonics).sum(0)
    pitches = 90 + 130 * (np.arange(VOICES) + unit[:VOICES]) / VOICES
    said = zip(voices, pitches, strict=True)
    return sum(_utterance(row, pitch, len(grains), rate)[0] for row, pitch in said)

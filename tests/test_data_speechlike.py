"""Made-up speech: pitch, formants, noises and signal-to-noise ratios are those that it states.

Read next: test_data_drawn.py, pictures.
"""

import numpy as np
import pytest

from minigen.data.speechlike import FORMANTS, NOISES, VOWELS, mix, speechlike


def spectrum(clip, rate=8000):
    """Frequencies and power of a sound."""
    return np.fft.rfftfreq(len(clip), 1 / rate), abs(np.fft.rfft(clip)) ** 2


def test_a_seed_gives_the_same_bytes_and_a_clip_depends_on_its_own_row_alone():
    many, again, few = speechlike(9, 5), speechlike(9, 5), speechlike(2, 5)
    assert many.noisy.tobytes() == again.noisy.tobytes()
    for name in ("clean", "noisy", "vowels", "f0", "noise", "snr"):
        assert (getattr(many, name)[:2] == getattr(few, name)).all(), name
    assert many.clean.shape == (9, 16_000) and many.clean.dtype == many.noisy.dtype == np.float32
    assert (many.clean[0] != speechlike(1, 6).clean[0]).any()


def test_the_signal_to_noise_ratio_is_the_one_stated():
    made = speechlike(24, 1)
    assert (np.bincount(made.noise) == 6).all()
    assert made.snr.min() >= -5 and made.snr.max() <= 15 and np.ptp(made.snr) > 14
    clean, noise = made.clean.astype(float), (made.noisy - made.clean).astype(float)
    measured = 10 * np.log10((clean**2).sum(1) / (noise**2).sum(1))
    np.testing.assert_allclose(measured, made.snr, atol=0.01)
    given = speechlike(3, 1, snr=-3.0)
    noise = (given.noisy - given.clean).astype(float)
    measured = 10 * np.log10((given.clean.astype(float) ** 2).sum(1) / (noise**2).sum(1))
    np.testing.assert_allclose(measured, -3, atol=0.01)


def test_clips_are_loud_where_a_vowel_is_and_silent_elsewhere():
    made = speechlike(20, 2)
    np.testing.assert_allclose(abs(made.clean).max(1), 0.4, rtol=1e-6)
    assert abs(made.clean[made.vowels == -1]).max() == 0
    share = (made.vowels >= 0).mean(1)
    assert share.min() > 0.25 and 0.45 < share.mean() < 0.85
    assert set(np.unique(made.vowels)) == {-1, 0, 1, 2, 3, 4}


def test_vowels_have_their_formants():
    made = speechlike(60, 3, f0=100.0)
    for which, name in enumerate(VOWELS):
        sound = np.where(made.vowels == which, made.clean, 0)
        power = np.mean([spectrum(clip)[1] for clip in sound], 0)
        hz, _ = spectrum(sound[0])
        for formant in FORMANTS[name][:2]:
            # a harmonic is at most half a pitch away, and the pitch wanders
            near = power[abs(hz - formant) < 60].mean()
            away = power[abs(hz - formant - 450) < 60].mean()
            assert near > 3 * away, (name, formant)


@pytest.mark.parametrize("f0", [95.0, 160.0, 215.0])
def test_the_pitch_is_the_one_given_to_a_tenth(f0):
    made = speechlike(8, 4, f0=f0)
    lags = np.arange(int(8000 / (1.2 * f0)), int(8000 / (0.8 * f0)))
    for clip in made.clean.astype(float):
        similar = [clip[lag:] @ clip[:-lag] for lag in lags]
        assert 8000 / lags[np.argmax(similar)] == pytest.approx(f0, rel=0.12)


def test_noises_have_their_spectra():
    noises = {}
    for which, name in enumerate(NOISES):
        made = speechlike(12, 5, noise=which)
        noise = (made.noisy - made.clean).astype(float)
        power = np.mean([spectrum(row / row.std())[1] for row in noise], 0)
        noises[name] = power
    hz, _ = spectrum(noise[0])
    band = (hz > 20) & (hz < 3900)
    slopes = {
        name: np.polyfit(np.log(hz[band]), np.log(noises[name][band]), 1)[0]
        for name in ("white", "pink")
    }
    assert slopes["white"] == pytest.approx(0, abs=0.05)
    assert slopes["pink"] == pytest.approx(-1, abs=0.05)
    lines = np.isin(hz, 50 * np.arange(1, 11))
    assert noises["hum"][lines].sum() > 0.999 * noises["hum"].sum()
    low = noises["babble"][hz < 1200].sum() / noises["babble"].sum()
    assert low > 0.8


def test_bad_requests_are_errors_that_say_why():
    with pytest.raises(ValueError, match="seconds at 8000 samples a second; the least"):
        speechlike(2, seconds=0.2)
    with pytest.raises(ValueError, match="noise is 4; it must be int64, 0 to 3"):
        speechlike(2, noise=4)
    with pytest.raises(ValueError, match=r"mix: clean has shape \(5,\), noise \(4,\)"):
        mix(np.ones(5), np.ones(4), 0)
    with pytest.raises(ValueError, match="energy 0"):
        mix(np.ones(5), np.zeros(5), 0)

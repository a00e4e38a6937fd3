"""Speech denoising: nothing is lost by going to spectrograms and back, and the demo runs."""

import json
from itertools import pairwise

import numpy as np
import pytest
from minigen.demos.autoencoders import speech_denoising as demo

from minigen import Generator, data, from_numpy, metrics, optim, tensor
from minigen.cli import main
from minigen.models.autoencoders import speech_denoising as speech
from minigen.train import UsageError

SMALL = speech.Config(window=64, context=2, hidden=(40, 40))


def voices(count=4, seconds=0.5):
    made = data.speechlike(count, 0, seconds, 8000, snr=0.0)
    return from_numpy(made.clean), from_numpy(made.noisy)


def test_the_windows_add_up_to_one():
    window = speech.hann(256, tensor(np.zeros(1))).numpy()
    np.testing.assert_allclose(window[:128] + window[128:], 1, rtol=0, atol=1e-15)
    assert window[0] == 0                           # periodic: the next one would begin again
    assert window[128] == pytest.approx(1)


@pytest.mark.parametrize("length", [4000, 4097])
def test_nothing_is_lost_by_going_there_and_back(length):
    x = np.random.default_rng(0).normal(size=(2, length))
    Y = speech.spectrogram(from_numpy(x), 256)
    assert Y.shape == (2, 129, length // 128 + 1, 2)
    np.testing.assert_allclose(speech.resynthesis(Y, length).numpy(), x, rtol=0, atol=1e-10)


def test_power_is_that_of_a_sine():
    x = 0.4 * np.sin(2 * np.pi * 32 / 256 * np.arange(2048))        # the 32nd of the frequencies
    P = speech.power(speech.spectrogram(from_numpy(x[None]), 256)).numpy()
    assert P.shape == (1, 17, 129)
    assert P[0, 8].argmax() == 32
    assert P[0, 8, 32] == pytest.approx((0.4 / 2 * 128) ** 2)       # 128: the window's sum


def test_the_oracle_is_the_sound_itself_where_there_is_no_noise():
    clean, noisy = voices()
    np.testing.assert_allclose(speech.oracle(clean, clean, 256).numpy(), clean.numpy(), atol=1e-5)
    ratio = [metrics.segmental_snr(clean, x) for x in
             (noisy, speech.spectral_subtraction(noisy, 256), speech.oracle(clean, noisy, 256))]
    assert ratio == sorted(ratio)


def test_subtraction_takes_a_steady_noise_away():
    noise = 0.1 * np.random.default_rng(0).normal(size=(1, 8000))
    left = speech.spectral_subtraction(from_numpy(noise), 256).numpy()
    assert (left**2).mean() < 0.05 * (noise**2).mean()


def test_parameters_and_shapes():
    model = speech.SpeechDenoiser(speech.Config(), rng=Generator(0))
    sizes = (11 * 129, 300, 300, 300, 129)
    expected = sum(a * b + b for a, b in pairwise(sizes))
    assert sum(p.numel() for p in model.parameters()) == expected == 645_429
    gains = model(Generator(1).uniform((2, 7, 129)))
    assert gains.shape == (2, 7, 129)
    assert 0 < gains.min().item() < gains.max().item() < 1


def test_each_frame_sees_its_neighbours_and_no_more():
    model = speech.SpeechDenoiser(SMALL, rng=Generator(0))
    P = Generator(1).uniform((1, 12, 33))
    changed = P.numpy().copy()
    changed[0, 6] += 1
    moved = np.abs((model(from_numpy(changed)) - model(P)).detach().numpy()).max((0, 2))
    assert set(np.flatnonzero(moved)) == {4, 5, 6, 7, 8}


def test_the_scale_makes_log_powers_standard():
    _, noisy = voices()
    model = speech.SpeechDenoiser(SMALL, rng=Generator(0))
    model.fit_scale(noisy)
    s = speech.log_power(speech.power(speech.spectrogram(noisy, 64)))
    n = ((s - model.mean) / model.std).numpy()
    np.testing.assert_allclose(n.mean((0, 1)), 0, atol=1e-4)
    np.testing.assert_allclose(n.std((0, 1)), 1, atol=5e-3)


def test_loss_is_the_error_of_log_powers():
    clean, noisy = voices(2)
    model = speech.SpeechDenoiser(SMALL, rng=Generator(0))
    *_, last = model.layers
    last.weight.data = 0 * last.weight.data         # a gain of 1/2 everywhere
    X, Y = (speech.power(speech.spectrogram(x, 64)).numpy() for x in (clean, noisy))
    expected = (np.log(X + 0.03) - np.log(Y / 4 + 0.03)) ** 2
    assert model.loss(clean, noisy).item() == pytest.approx(expected.sum(-1).mean(), rel=1e-4)
    np.testing.assert_allclose(model.enhance(noisy).detach().numpy(), noisy.numpy() / 2, atol=1e-5)


def test_gradient_reaches_every_parameter_and_one_batch_is_overfitted():
    clean, noisy = voices(2, 0.4)
    model = speech.SpeechDenoiser(SMALL, rng=Generator(0))
    model.fit_scale(noisy)
    first = model.loss(clean, noisy).item()
    optimizer = optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(120):
        loss = model.loss(clean, noisy)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for name, p in model.named_parameters():
        assert np.abs(p.grad.numpy()).max() > 0, name
    assert loss.item() < 0.1 * first


# The demo ---------------------------------------------------------------------------------------

QUICK = [f"--set={setting}" for setting in ("clips=8", "test=4", "seconds=0.5", "steps=2")]


def run(tmp_path, *options):
    assert main(["demo", "speech-denoising", "--out", str(tmp_path / "runs"), *QUICK, *options,
                 "--set=hidden=20"]) == 0
    (folder,) = (tmp_path / "runs").iterdir()
    return folder, json.loads((folder / "report.json").read_text(encoding="utf-8"))["metrics"]


def test_the_demo_writes_sounds_and_judges_them(tmp_path):
    folder, found = run(tmp_path)
    kinds = ("clean", "noisy", "enhanced", "subtraction", "oracle")
    assert {p.name for p in folder.glob("*.wav")} == {f"{n}-{k}.wav" for n in demo.NOISES
                                                      for k in kinds}
    clean, rate = data.read_wav(folder / "white-clean.wav")
    noisy, _ = data.read_wav(folder / "white-noisy.wav")
    assert rate == 8000
    assert metrics.snr(clean, noisy) == pytest.approx(0, abs=0.01)      # 0 dB, as asked for
    assert found["snr_noisy"] < found["snr_oracle"]
    assert found["gain"] == pytest.approx(found["snr_enhanced"] - found["snr_noisy"])


def test_the_demo_takes_a_folder_of_sounds(tmp_path):
    folder = tmp_path / "voices"
    (folder / "more").mkdir(parents=True)
    stereo = np.random.default_rng(0).normal(size=(2, 30_000)) * 0.1
    data.write_wav(folder / "stereo.wav", stereo, 44_100)               # 0.68 s: two clips
    data.write_wav(folder / "more" / "LOW.WAV", 0.2 * np.sin(np.arange(12_000)), 8000)  # three
    data.write_wav(folder / "silence.wav", np.zeros(9000), 8000)
    clips = demo.recordings(folder, 0.5)
    assert clips.shape == (5, 4000)
    np.testing.assert_allclose(abs(clips).max(1), 0.4, rtol=1e-6)
    run(tmp_path, "--data", str(folder))


def test_what_is_no_folder_of_speech_is_refused(tmp_path):
    with pytest.raises(UsageError, match="takes a folder of WAV files of clean speech"):
        demo.recordings(tmp_path, 2.0)
    data.write_wav(tmp_path / "one.wav", np.ones(900), 8000)
    with pytest.raises(UsageError, match="must have at least"):
        demo.sounds(demo.Config(seconds=0.1))
    with pytest.raises(UsageError, match="1 clips of 2 s with sound; it takes at least 2"):
        demo.recordings(tmp_path, 2.0)

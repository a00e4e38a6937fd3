"""Speech denoising: a network takes noise out of voices that it has never heard.

Vowels in four noises, as loud as the voice: white, pink (low frequencies louder), the hum of the
mains, and other people talking. The way to beat is spectral subtraction, which measures the noise
and takes it off; the limit is the clean loudness of each frequency with the noisy phase. The run
writes sounds to listen to. With --data FOLDER, your own recordings of clean speech (WAV).
Course: deck A, « Débruitage de signal sonore »; row 34.
"""

from dataclasses import dataclass
from math import gcd
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from minigen import data, demos, draw, from_numpy, metrics, ops, optim
from minigen.models.autoencoders import speech_denoising as speech
from minigen.models.autoencoders.speech_denoising import Config as Model
from minigen.train import About, Demo, Run, UsageError

ABOUT = About(
    row=34,
    item="A-12",
    fr="débruitage de signal sonore",
    en="speech denoising",
    module="minigen.models.autoencoders.speech_denoising",
    # segmental SNR in decibels above spectral subtraction, which itself gains more than the 4 that
    # the course asks for; the log-spectral distance has to fall by 30 %: distance_cut
    metric="gain_over_subtraction",
    bars={"tiny": 1.0, "gpu": 1.0},
    better="higher",
)
RATE = 8000             # samples a second; recordings of other rates are resampled
NOISES = ("white", "pink", "hum", "babble")     # of `data.speechlike`, in turn


@dataclass
class Config(Demo):
    clips: int = 320                            # sounds to train on, at most
    test: int = 40                              # others to test on, at most
    seconds: float = 2.0                        # length of each
    snr: float = 0.0                            # test noise: decibels that the voice is louder by
    spread: float = 5.0                         # training noise: up to so many dB above and below
    context: int = 5                            # frames seen on each side of the middle one
    hidden: tuple[int, ...] = (300, 300, 300)   # widths of the network's layers
    batch: int = 4                              # sounds per step
    steps: int = 800                            # training steps
    lr: float = 1e-3                            # Adam's step size; falls to a twentieth


PRESETS = {
    "tiny": {},
    "gpu": {"clips": 2000, "test": 200, "hidden": (1200, 1200, 1200), "batch": 64, "steps": 3000},
}


def main(config: Config) -> int:
    (train, noise), (test, test_noise) = sounds(config)                         # each (N, L)
    model = speech.SpeechDenoiser(Model(context=config.context, hidden=config.hidden),
                                  rng=config.rng("weights")).to(config.device)
    put = [from_numpy(x).to(config.device) for x in (train, noise, test, test_noise)]
    clean, noisy = put[2], mixed(*put[2:], config.snr)                          # (M, L)
    model.fit_scale(mixed(*put[:2], config.snr))
    optimizer = optim.Adam(model.parameters(), lr=config.lr)
    falling = optim.schedules.cosine(1.0, 0.05, config.steps)
    scheduler = optim.Scheduler(optimizer, lr=falling)

    with Run(config, "speech-denoising", model=model, optimizer=optimizer,
             scheduler=scheduler) as run:
        for x, n in run.batches((train, noise), config.batch, steps=config.steps):      # (B, L)
            shift = run.rng.randint(0, x.shape[1], (1,)).item()     # no noise comes twice alike
            snr = config.snr + config.spread * run.rng.uniform((len(x), 1), -1, 1)
            loss = model.loss(x, mixed(x, ops.roll(n, shift, 1), snr))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            run.log(log_power_error=loss)
            if run.every(0.1):
                with run.evaluation():
                    enhanced = model.enhance(noisy[:1])
                run.figure("spectrograms", draw.spectrograms(
                    RATE, clean=clean[0], noisy=noisy[0], enhanced=enhanced[0]))

        with run.evaluation():
            made = {
                "clean": clean, "noisy": noisy, "enhanced": model.enhance(noisy),
                "subtraction": speech.spectral_subtraction(noisy, model.window),
                "oracle": speech.oracle(clean, noisy, model.window),
            }
            made = {name: sound.to("cpu").numpy() for name, sound in made.items()}
        write_sounds(run.folder, made)
        run.figure("noises", by_noise(made))
        run.figure("training", draw.curves(run.metrics, "error of a frame, while training"))
        return run.report(**judged(made))


def mixed(clean, noise, snr):
    """clean + g · noise, g such that the clean sound is snr decibels louder.   (B, L)"""
    ratio = (clean**2).sum(1, keepdim=True) / (noise**2).sum(1, keepdim=True)
    return clean + (ratio * 10 ** (-snr / 10)).sqrt() * noise


def sounds(config):
    """Clean voices and noises to train and to test on.   -> two of (clean, noise), each (N, L)

    The i-th noise of a set is of kind NOISES[i % 4].
    """
    if config.seconds < 0.4:
        raise UsageError(f"--set seconds={config.seconds:g}: a sound must have at least 0.4")
    if config.data is None:
        made = [data.speechlike(n, config.seed + apart, config.seconds, RATE)
                for n, apart in ((config.clips, 0), (config.test, 10_000))]
        return [(s.clean, s.noisy - s.clean) for s in made]
    clips = recordings(Path(config.data).expanduser(), config.seconds)
    clips = clips[np.random.default_rng(config.seed).permutation(len(clips))]
    cut = max(1, len(clips) // 7)
    split = (clips[cut:][: config.clips], 0), (clips[:cut][: config.test], 10_000)
    noisy = [data.speechlike(len(c), config.seed + apart, config.seconds, RATE)
             for c, apart in split]
    return [(c, s.noisy - s.clean) for (c, _), s in zip(split, noisy, strict=True)]


def recordings(folder, seconds):
    """Clips of a folder's WAV files, mono at RATE, their peaks 0.4, silent ones left out.   (N, L)

    Long files become several clips; what is left of a file is filled up with silence.
    """
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() == ".wav")
    if not paths:
        raise UsageError(f"--data {folder}: this demo takes a folder of WAV files of clean speech; "
                         "there are none")
    length, clips = round(seconds * RATE), []
    for path in paths:
        samples, rate = data.read_wav(path)                                     # (channels, T)
        common = gcd(rate, RATE)
        sound = resample_poly(samples.mean(0), RATE // common, rate // common)
        sound = np.pad(sound, (0, -len(sound) % length)).reshape(-1, length)
        peak = abs(sound).max(1, keepdims=True)
        heard = peak[:, 0] > 0.01
        clips.append(0.4 * sound[heard] / peak[heard])
    clips = np.concatenate(clips).astype(np.float32)
    print(f"{folder}: {len(paths)} WAV files -> {len(clips)} clips of {seconds:g} s at {RATE} Hz")
    if len(clips) < 2:
        raise UsageError(f"--data {folder}: {len(clips)} clips of {seconds:g} s with sound; it "
                         "takes at least 2, to train and to test: --set seconds=0.5 makes more")
    return clips


def write_sounds(folder, made):
    """A WAV file of the first test sound with each noise, in each version, all as loud."""
    for i, noise in enumerate(NOISES[: len(made["clean"])]):
        loudest = max(abs(sounds[i]).max() for sounds in made.values())
        for name, sounds in made.items():
            data.write_wav(folder / f"{noise}-{name}.wav", 0.9 * sounds[i] / loudest, RATE)
    print(f"sounds: {folder}/*.wav")


def judged(made):
    """What noise is left: ratios in decibels, and distances of spectra."""
    clean = made["clean"]
    names = ("noisy", "subtraction", "enhanced", "oracle")
    ratio = {name: metrics.segmental_snr(clean, made[name]) for name in names}
    distance = {name: metrics.log_spectral_distance(clean, made[name]) for name in names}
    return {
        "gain_over_subtraction": ratio["enhanced"] - ratio["subtraction"],
        "gain": ratio["enhanced"] - ratio["noisy"],
        "distance_cut": 1 - distance["enhanced"] / distance["noisy"],
        **{f"snr_{name}": value for name, value in ratio.items()},
        **{f"distance_{name}": value for name, value in distance.items()},
    }


def by_noise(made):
    """Segmental SNR with each noise, of the noisy sound and of what is made of it.   -> Figure"""
    figure, (axes,) = draw.panels(1, width=800, height=420)
    kinds = np.arange(len(made["clean"])) % len(NOISES)
    for i, name in enumerate(("noisy", "subtraction", "enhanced", "oracle")):
        values = [metrics.segmental_snr(made["clean"][kinds == k], made[name][kinds == k])
                  for k in np.unique(kinds)]
        axes.bar(np.arange(len(values)) + 0.2 * (i - 1.5), values, 0.18, label=name,
                 color=draw.COLOURS[i])
    axes.set(title="segmental SNR of test sounds, by noise", ylabel="dB",
             xticks=range(len(values)), xticklabels=NOISES[: len(values)])
    axes.axhline(0, color="black", linewidth=0.8)
    axes.legend(frameon=False, ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.08))
    return figure


if __name__ == "__main__":
    demos.start(__file__)

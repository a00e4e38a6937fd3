r"""Denoising auto-encoder for speech.

Seen as a picture, sound is a spectrogram: which frequencies sound when. A network looks at a few
frames of the noisy one, a frame and its neighbours on both sides, and says what the middle frame is
without the noise. Noise adds, so it only says how much of each frequency to keep, a gain in (0, 1).
When each wave swings up and down, the phase, stays as in the noisy sound, and the inverse transform
makes sound again.

$$ M_t = \sigma\big(r(n_{t-5}, \dots, n_{t+5})\big), \qquad \hat x = \mathrm{ISTFT}(M \odot Y),
   \quad Y = \mathrm{STFT}(y) $$
$$ J = \frac1T \sum_t \| s_t - \hat s_t \|^2, \qquad s = \log(|X|^2 + \epsilon),
   \quad \hat s = \log(M^2 |Y|^2 + \epsilon) $$

Loudness is heard as a logarithm, so the network reads and is judged by log-powers; n are those of
the noisy sound, each frequency standardised over the training sounds.
Symbols: x clean, y noisy (B, L) samples · X, Y (B, F, T) complex, F = window/2 + 1 frequencies,
here pairs (B, F, T, 2) · M, n, s (B, T, F) · r: (2 context + 1) F -> F, affine layers with ReLU
Frames are faded in and out by the periodic Hann window, half of a window apart: there the windows
add up to 1 exactly, and nothing is lost by going there and back.
Two choices differ from the paper. Its network makes ŝ itself; in the time of the demo, this leaves
the segmental SNR 4 dB lower (2.8 against 7.1 dB), since what is loud and clear has to be copied
through all layers. And it trains them one by one first, which the start used here does not need.
Course: deck A, « Débruitage de signal sonore », speech denoising; item A-12.
Source: Lu, Tsao, Matsuda & Hori, Speech Enhancement Based on Deep Denoising Autoencoder,
Interspeech 2013; gains: Wang, Narayanan & Wang, On Training Targets for Supervised Speech
Separation, 2014. Read next: denoising.py (the same idea for points and pictures).
"""

import math
from dataclasses import dataclass
from itertools import pairwise

from minigen import arange, nn, ones, ops, zeros

SILENCE = 0.03      # ε: a power so small, of sounds within ±1, is not told from none


@dataclass
class Config:
    window: int = 256                           # samples of a frame; the next is half of it later
    context: int = 5                            # frames seen on each side of the middle one
    hidden: tuple[int, ...] = (300, 300, 300)   # widths of the layers between


class SpeechDenoiser(nn.Module):
    """Noisy sounds -> their spectrograms' gains.   rng: the Generator of the initial weights.

    `fit_scale` comes before training: it sets what log-powers are standardised by.
    """

    def __init__(self, c: Config, *, rng):
        super().__init__()
        self.window, self.context = c.window, c.context
        bins = c.window // 2 + 1                                        # F = 129
        sizes = ((2 * c.context + 1) * bins, *c.hidden, bins)           # (1419, 300, 300, 300, 129)
        layers = []
        for size_in, size_out in pairwise(sizes):
            layers += [nn.Linear(size_in, size_out, rng=rng), nn.ReLU()]
        self.layers = nn.Sequential(*layers[:-1])
        for p in self.parameters():     # no direction may shrink on its way, as in mlp.py
            nn.init.zeros_(p) if p.ndim == 1 else nn.init.orthogonal_(p, rng=rng)
        self.register_buffer("mean", zeros(bins))
        self.register_buffer("std", ones(bins))

    def fit_scale(self, noisy):
        """Set mean and deviation of each frequency's log-power.   (B, L)"""
        s = log_power(power(spectrogram(noisy, self.window))).flatten(0, 1)     # (B·T, F)
        self.register_buffer("mean", s.mean(0))
        self.register_buffer("std", s.std(0) + 1e-3)

    def forward(self, P):
        """M, for powers |Y|².   (B, T, F) -> (B, T, F)"""
        n = (log_power(P) - self.mean) / self.std
        first, last = n[:, :1], n[:, -1:]                               # stand for what is beyond
        n = ops.cat([first] * self.context + [n] + [last] * self.context, 1)    # (B, T + 10, F)
        seen = [n[:, k : k + P.shape[1]] for k in range(2 * self.context + 1)]
        return self.layers(ops.cat(seen, -1)).sigmoid()                 # (B, T, 11 F) -> (B, T, F)

    def loss(self, clean, noisy):
        """J: squared error of log-powers, summed over F, mean over T.   (B, L), (B, L) -> scalar"""
        X2, Y2 = (power(spectrogram(x, self.window)) for x in (clean, noisy))   # (B, T, F)
        s, made = log_power(X2), log_power(self(Y2) ** 2 * Y2)
        return ((s - made) ** 2).sum(-1).mean()

    def enhance(self, noisy):
        """x̂ = ISTFT(M ⊙ Y).   (B, L) -> (B, L)"""
        Y = spectrogram(noisy, self.window)                             # (B, F, T, 2)
        return resynthesis(scaled(Y, self(power(Y))), noisy.shape[-1])


# Sounds and spectrograms


def hann(window, like):
    """The periodic Hann window, sin²(πi / window), where `like` is.   -> (window,)"""
    i = arange(window, dtype=like.dtype, device=like.device)
    return (i * (math.pi / window)).sin() ** 2


def spectrogram(sound, window):
    """Y, frames half a window apart.   (B, L) -> (B, F, T, 2)"""
    return ops.stft(sound, window, window // 2, window=hann(window, sound))


def resynthesis(Y, length):
    """The sound of `length` samples with the spectrogram Y.   (B, F, T, 2) -> (B, L)"""
    window = 2 * (Y.shape[1] - 1)
    return ops.istft(Y, window, window // 2, window=hann(window, Y), length=length)


def power(Y):
    """|Y|², time before frequency.   (B, F, T, 2) -> (B, T, F)"""
    return (Y**2).sum(-1).transpose(1, 2)


def log_power(P):
    """log(P + ε), elementwise."""
    return (P + SILENCE).log()


def scaled(Y, M):
    """M ⊙ Y: each frequency louder or softer, its phase kept.   (B, F, T, 2), (B, T, F)"""
    return Y * M.transpose(1, 2).unsqueeze(-1)


# What the network is compared with


def oracle(clean, noisy, window):
    """The best that can be had with the noisy phase: |X| Y/|Y|.   (B, L), (B, L) -> (B, L)"""
    X, Y = spectrogram(clean, window), spectrogram(noisy, window)
    M = (power(X) / power(Y).clamp(min=1e-12)).sqrt()
    return resynthesis(scaled(Y, M), noisy.shape[-1])


def spectral_subtraction(noisy, window, over=5.0, least=0.01, share=0.5):
    """The classical way: from each power, subtract that of a noise which stays the same.

        M² = max(1 - over · N / |Y|², least)        N (B, 1, F): the noise's power

    N is what a share of the frames do not exceed: with the half, speech counts as seldom at any one
    frequency. over: more than 1, as the noise goes up and down; least: what is left everywhere, so
    that no single tones stand out.   noisy (B, L) -> (B, L)
    Source: Boll, 1979; Berouti, Schwartz & Makhoul, 1979; Stahl, Fischer & Bippus, 2000.
    """
    Y = spectrogram(noisy, window)
    P = power(Y)                                                        # (B, T, F)
    N = P.sort(1)[0][:, int(share * P.shape[1])].unsqueeze(1)           # (B, 1, F)
    M = (1 - over * N / P.clamp(min=1e-12)).clamp(min=least).sqrt()
    return resynthesis(scaled(Y, M), noisy.shape[-1])

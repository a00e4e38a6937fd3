r"""Anomaly detection by reconstruction.

An auto-encoder that has seen only normal pictures copies those well: its code has learned what they
have in common. What it has not learned does not fit into the code, comes out as something normal,
and stays in the difference. So the error of the copy says whether a picture is unlike the others,
and, pixel by pixel, where. No anomaly is needed to train, only to judge the detector.

$$ e_{ij} = \frac1{w^2} \sum_{(k, l) \in W_{ij}} \|x_{kl} - \hat x_{kl}\|^2, \qquad
   s = \max_{ij} e_{ij}, \qquad \text{alarm if } s > \tau, \qquad
   \tau = Q_q(s^{(1)}, \dots, s^{(n)}) $$

A mean over a window of w × w pixels, then the maximum: noise, which is everywhere, is averaged
out, and a small defect is not drowned by the sum over a whole picture. The threshold τ is the
q-quantile of the scores of normal pictures: it sets how many false alarms there are, whatever
anomalies will look like.

Symbols: x, x̂ (B, C, H, W) · e (B, 1, H, W), the heat map · s (B,) · W_ij the window around (i, j)
The code decides. One that is too large copies whatever it is shown, anomalies too; then e tells
nothing. As small as normal pictures allow is right.
Course: deck A, « Détection d'anomalies (Caltech-101) », anomaly detection; item A-15.
Source: Japkowicz, Myers & Gluck, A Novelty Detection Approach to Classification, IJCAI 1995;
Bergmann et al., MVTec AD: A Comprehensive Real-World Dataset for Anomaly Detection, CVPR 2019.
Read next: conv.py (the auto-encoder), ../../metrics/detection.py (how well scores tell apart).
"""

from dataclasses import dataclass

from minigen import nn, ops, tensor
from minigen.models.autoencoders import conv


@dataclass
class Config:
    channels: int = 3                   # C, 1 grey or 3 colours
    size: int = 24                      # H = W, pixels a side
    widths: tuple[int, ...] = (16, 32)  # channels of each level of the auto-encoder
    latent: int = 8                     # K, numbers in a code
    window: int = 5                     # w, odd: side of the window that errors are averaged over


class AnomalyDetector(nn.Module):
    """x -> scores s.   rng: the Generator that draws the initial weights."""

    def __init__(self, c: Config, *, rng):
        super().__init__()
        self.copier = conv.ConvAutoEncoder(
            conv.Config(c.channels, c.size, c.widths, c.latent), rng=rng
        )
        self.window = c.window
        # no alarm before normal pictures have set it; a buffer: it is saved with the weights
        self.register_buffer("threshold", tensor(float("inf")))

    def loss(self, x):
        """J/n, on normal pictures only: summed over pixels, mean over images.   -> scalar"""
        return self.copier.loss(x)

    def heat_map(self, x):
        """e: where x is unlike what its code can say.   (B, C, H, W) -> (B, 1, H, W)"""
        return heat_map(x, self.copier(x), self.window)

    def forward(self, x):
        """s: how much.   (B, C, H, W) -> (B,)"""
        return score(self.heat_map(x))

    def set_threshold(self, scores, q=0.95):
        """τ: the share q of these scores of normal pictures lies below.   (N,) -> None

        Of pictures that were not trained on: those that were are copied a little better.
        """
        self.threshold = ops.quantile(scores.detach(), q).to(self.threshold.device)

    def alarm(self, x):
        """Which pictures are called anomalous.   (B, C, H, W) -> (B,) bool"""
        return self(x) > self.threshold


def heat_map(x, copy, window):
    """Squared error of each pixel, averaged over a window.   (B, C, H, W) twice -> (B, 1, H, W)

    window: its side, odd. At the picture's rim, the mean is over what of the window lies inside.
    ValueError for an even window: a map would have no pixel in the middle of it.
    """
    if window % 2 == 0:
        raise ValueError(f"heat_map: window {window} has no middle pixel; it must be odd")
    error = ((x - copy) ** 2).sum(1, keepdim=True)                              # (B, 1, H, W)
    return ops.avg_pool2d(error, window, stride=1, padding=window // 2, count_include_pad=False)


def score(heat):
    """s: the hottest place of each map.   (B, 1, H, W) -> (B,)"""
    return ops.amax(heat, (1, 2, 3))

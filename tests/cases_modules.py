"""One row per module of nn: a module, and the shapes of its inputs.

test_gpu.py runs them on a GPU and on the CPU, test_nn_gradients.py checks their gradients,
test_nn_meta.py makes them without memory.
"""

import minigen as mg
from minigen import nn


def drawn(*shape, seed=1):
    """Normal numbers, always the same."""
    return mg.Generator(seed).normal(shape)


def _products(rng):
    return [
        (nn.Linear(6, 3, rng=rng), [(4, 6)]),
        (nn.Conv1d(4, 6, 3, padding=1, groups=2, rng=rng), [(2, 4, 9)]),
        (nn.Conv2d(3, 4, 3, stride=2, padding="valid", dilation=2, rng=rng), [(2, 3, 11, 9)]),
        (nn.Conv2d(4, 4, 3, padding="same", groups=4, rng=rng), [(2, 4, 6, 6)]),
        (nn.Conv3d(2, 3, 2, padding=1, rng=rng), [(2, 2, 3, 4, 5)]),
        (nn.ConvTranspose1d(4, 6, 3, stride=2, groups=2, rng=rng), [(2, 4, 5)]),
        (nn.ConvTranspose2d(8, 2, 4, stride=2, padding=1, rng=rng), [(2, 8, 5, 4)]),
        (nn.ConvTranspose3d(2, 5, 2, stride=2, output_padding=1, rng=rng), [(1, 2, 2, 3, 2)]),
    ]


def _normalisations():
    return [
        (nn.BatchNorm1d(5), [(7, 5)]),
        (nn.BatchNorm2d(3), [(4, 3, 5, 5)]),
        (nn.BatchNorm3d(2), [(2, 2, 3, 3, 3)]),
        (nn.InstanceNorm1d(5, affine=True), [(7, 5, 3)]),
        (nn.InstanceNorm2d(3, track_running_stats=True), [(4, 3, 5, 5)]),
        (nn.InstanceNorm3d(2), [(2, 2, 3, 3, 3)]),
        (nn.GroupNorm(2, 6), [(3, 6, 4, 5)]),
        (nn.LayerNorm((4, 5)), [(3, 4, 5)]),
        (nn.RMSNorm(5), [(3, 4, 5)]),
        (nn.LocalResponseNorm(3), [(3, 4, 5)]),
    ]


def _activations():
    return [
        (nn.ReLU(), [(3, 4)]),
        (nn.LeakyReLU(0.2), [(3, 4)]),
        (nn.GELU(), [(3, 4)]),
        (nn.GELU("tanh"), [(3, 4)]),
        (nn.SiLU(), [(3, 4)]),
        (nn.Softplus(), [(3, 4)]),
        (nn.Sigmoid(), [(3, 4)]),
        (nn.Tanh(), [(3, 4)]),
        (nn.Softmax(dim=1), [(3, 4)]),
        (nn.Dropout(0.5, rng=mg.Generator(5)), [(20, 20)]),
        (nn.Dropout2d(0.5, rng=mg.Generator(5)), [(5, 6, 2, 3)]),
        (nn.DropPath(0.5, rng=mg.Generator(5)), [(9, 2, 3)]),
    ]


def _attentions(rng):
    encoder = nn.TransformerEncoderLayer(4, 1, 3, rng=rng)
    decoder = nn.TransformerDecoderLayer(4, 1, 3, rng=rng)
    unlike = nn.MultiheadAttention(6, 3, 0.5, kdim=4, batch_first=True, rng=rng)
    return [
        (nn.GRUCell(5, 4, rng=rng), [(3, 5), (3, 4)]),
        (nn.MultiheadAttention(6, 2, rng=rng), [(4, 3, 6), (5, 3, 6), (5, 3, 6)]),
        (unlike, [(2, 3, 6), (2, 5, 4), (2, 5, 6)]),
        (nn.TransformerEncoderLayer(6, 2, 8, norm_first=True, rng=rng), [(4, 3, 6)]),
        (nn.TransformerDecoderLayer(6, 2, 8, activation="gelu", rng=rng), [(4, 3, 6), (5, 3, 6)]),
        (nn.TransformerEncoder(encoder, 2, nn.LayerNorm(4)), [(3, 2, 4)]),
        (nn.TransformerDecoder(decoder, 2), [(3, 2, 4), (2, 2, 4)]),
    ]


def _pools():
    return [
        (nn.MaxPool1d(3, 2, 1), [(2, 3, 9)]),
        (nn.MaxPool2d(3, 2, 1), [(2, 3, 8, 9)]),
        (nn.MaxPool3d(2, ceil_mode=True), [(2, 2, 3, 4, 5)]),
        (nn.AvgPool1d(2), [(2, 3, 9)]),
        (nn.AvgPool2d(3, 2, 1), [(2, 3, 8, 9)]),
        (nn.AvgPool3d(2, padding=1, count_include_pad=False), [(2, 2, 3, 4, 5)]),
        (nn.AdaptiveAvgPool1d(4), [(2, 3, 9)]),
        (nn.AdaptiveAvgPool2d((3, None)), [(2, 3, 8, 9)]),
        (nn.AdaptiveAvgPool3d(1), [(2, 2, 3, 4, 5)]),
        (nn.Upsample(scale_factor=2, mode="bilinear"), [(2, 3, 4, 5)]),
    ]


def _rest(rng):
    return [
        (nn.Flatten(), [(2, 3, 4)]),
        (nn.Unflatten(1, (2, 3)), [(4, 6)]),
        (nn.weight_norm(nn.Linear(6, 3, rng=rng)), [(4, 6)]),
        (nn.weight_norm(nn.Conv1d(2, 3, 3, rng=rng), dim=None), [(2, 2, 5)]),
        # its gradient takes u and v for constants: right where they have come to rest
        (nn.spectral_norm(nn.Conv2d(2, 3, 2, rng=rng), "weight", 50, rng=rng), [(2, 2, 4, 3)]),
        (nn.equalized_learning_rate(nn.Linear(6, 3), lr_mul=0.1, rng=rng), [(4, 6)]),
        (nn.Identity(), [(2, 3)]),
        (nn.Sequential(nn.Linear(4, 5, rng=rng), nn.Tanh(), nn.Linear(5, 2, rng=rng)), [(3, 4)]),
    ]


def modules():
    """The rows, made anew."""
    rng = mg.Generator(2)
    fixed = [*_normalisations(), *_activations(), *_pools()]
    return [*_products(rng), *fixed, *_attentions(rng), *_rest(rng)]


MODULES = modules()

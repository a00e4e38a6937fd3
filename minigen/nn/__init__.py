"""Networks: modules with parameters, built from ops. Names, arguments and keys are PyTorch's.

Read next: module.py (what a module is), linear.py (the smallest layer), init.py (first weights),
attention.py and transformer.py (the largest), parameter.py (models without memory).
"""

from minigen.nn import init
from minigen.nn.activation import GELU, LeakyReLU, ReLU, Sigmoid, SiLU, Softmax, Softplus, Tanh
from minigen.nn.attention import KVCache, MultiheadAttention
from minigen.nn.containers import Identity, ModuleList, Sequential
from minigen.nn.conv import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
)
from minigen.nn.dropout import Dropout, Dropout2d, DropPath
from minigen.nn.embedding import Embedding
from minigen.nn.linear import Linear
from minigen.nn.module import Module, Parameter
from minigen.nn.norm import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    GroupNorm,
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
    LayerNorm,
    LocalResponseNorm,
    RMSNorm,
)
from minigen.nn.parameter import meta
from minigen.nn.parametrize import (
    equalized_learning_rate,
    remove_parametrizations,
    spectral_norm,
    weight_norm,
)
from minigen.nn.pool import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveAvgPool3d,
    AvgPool1d,
    AvgPool2d,
    AvgPool3d,
    MaxPool1d,
    MaxPool2d,
    MaxPool3d,
)
from minigen.nn.recurrent import GRUCell
from minigen.nn.resample import Upsample
from minigen.nn.shape import Flatten, Unflatten
from minigen.nn.transformer import (
    TransformerDecoder,
    TransformerDecoderLayer,
    TransformerEncoder,
    TransformerEncoderLayer,
)
from minigen.nn.weights import load_weights, read_weights, save_weights

__all__ = [
    "Module",
    "Parameter",
    "Sequential",
    "ModuleList",
    "Identity",
    "Linear",
    "Embedding",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "GroupNorm",
    "LayerNorm",
    "RMSNorm",
    "LocalResponseNorm",
    "ReLU",
    "LeakyReLU",
    "GELU",
    "SiLU",
    "Softplus",
    "Sigmoid",
    "Tanh",
    "Softmax",
    "Flatten",
    "Unflatten",
    "Dropout",
    "Dropout2d",
    "DropPath",
    "MultiheadAttention",
    "KVCache",
    "TransformerEncoderLayer",
    "TransformerEncoder",
    "TransformerDecoderLayer",
    "TransformerDecoder",
    "GRUCell",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "Upsample",
    "weight_norm",
    "spectral_norm",
    "equalized_learning_rate",
    "remove_parametrizations",
    "init",
    "meta",
    "save_weights",
    "load_weights",
    "read_weights",
]

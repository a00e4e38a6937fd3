"""Optimizers: what turns gradients into better parameters. Names and formulas are PyTorch's.

Read next: optimizer.py (what they share), sgd.py, adam.py, clip.py.
"""

from minigen.optim.adagrad import Adagrad
from minigen.optim.adam import Adam, AdamW
from minigen.optim.clip import clip_grad_norm_, clip_grad_value_
from minigen.optim.layerwise import LAMB, LARS
from minigen.optim.lbfgs import LBFGS
from minigen.optim.optimizer import Optimizer
from minigen.optim.rmsprop import RMSprop
from minigen.optim.sgd import SGD

__all__ = [
    "Optimizer",
    "SGD",
    "Adam",
    "AdamW",
    "RMSprop",
    "Adagrad",
    "LARS",
    "LAMB",
    "LBFGS",
    "clip_grad_norm_",
    "clip_grad_value_",
]

"""Optimizers: what turns gradients into better parameters. Names and formulas are PyTorch's.

Three things surround an optimizer, and each is plain: `parameter_groups` gives layers settings of
their own, a `Scheduler` changes settings by the step, an `EMA` follows the result. Gradients add up
until `zero_grad`; so a batch too large for the memory is cut into k parts, each with
`(loss / k).backward()`, before one step.
Read next: optimizer.py (what they share), sgd.py, adam.py, clip.py, schedules.py, ema.py.
"""

from minigen.optim import schedules
from minigen.optim.adagrad import Adagrad
from minigen.optim.adam import Adam, AdamW
from minigen.optim.clip import clip_each_grad_norm_, clip_grad_norm_, clip_grad_value_
from minigen.optim.ema import EMA
from minigen.optim.groups import parameter_groups
from minigen.optim.layerwise import LAMB, LARS
from minigen.optim.lbfgs import LBFGS
from minigen.optim.optimizer import Optimizer
from minigen.optim.rmsprop import RMSprop
from minigen.optim.schedules import Scheduler
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
    "parameter_groups",
    "schedules",
    "Scheduler",
    "clip_grad_norm_",
    "clip_each_grad_norm_",
    "clip_grad_value_",
    "EMA",
]

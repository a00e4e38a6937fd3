r"""EMA: a copy of a model that follows it slowly.

Idea: a training model jitters around a good place; the exponential moving average of its weights
lies nearer to it. GANs and diffusion models draw their samples from it; in BYOL, MoCo and DINO it
is the teacher, whose targets hold still while the student learns them.

$$ \bar\theta \leftarrow d\,\bar\theta + (1-d)\,\theta $$

    average = EMA(model)
    optimizer.step(); average.update(model, 0.999)

With d = 0.999 the copy remembers about the last 1 / (1 - d) = 1000 steps. d may change: give
`momentum(run.step)`, where momentum is a schedule.
Sources: Polyak & Juditsky, Acceleration of Stochastic Approximation by Averaging, 1992; Grill et
al., Bootstrap Your Own Latent, NeurIPS 2020, equation 1.
Read next: schedules.py.
"""

import copy
from contextlib import ExitStack

from minigen.autograd import writing
from minigen.backend import array_module
from minigen.backend.device import optimizer as device
from minigen.nn.module import Module
from minigen.optim.optimizer import in_blocks


class EMA(Module):
    """The average of a model's parameters, called as the model is; it starts as its copy.

    model: a Module; copy_buffers: whether `update` copies its buffers (the running statistics of
    batch norm ...), as for samples, or leaves the copy to its own, as for a teacher in training.
    `module` is the copy. It is frozen; its state dict has the model's keys after "module.".
    """

    def __init__(self, model, copy_buffers=True):
        super().__init__()
        if not isinstance(model, Module):
            raise TypeError(f"EMA: expected a Module, got {type(model).__name__}")
        self.module = copy.deepcopy(model).requires_grad_(False)
        self.module.zero_grad()
        self.copy_buffers = copy_buffers
        self._batches = {}  # {(device, dtype): Batch} where a kernel averages

    def forward(self, *args, **kwargs):
        """What the averaged model returns."""
        return self.module(*args, **kwargs)

    def update(self, model, decay):
        """Go on towards the model: keep `decay` of what is there.

        ValueError for a decay outside [0, 1], and for parameters of other names, shapes or devices.
        """
        if not 0 <= decay <= 1:
            raise ValueError(f"EMA.update: decay must be in [0, 1], not {decay}")
        together = {}
        for average, p in _pairs(self.module.named_parameters(), model.named_parameters()):
            x, y = average.data, p.data
            if device.takes(x, y) and x.flags.c_contiguous and y.flags.c_contiguous:
                together.setdefault((average.device, average.dtype), []).append((average, p))
            else:
                with writing(average) as x:
                    in_blocks(_towards(1 - decay), x, y, [])
        for key, pairs in together.items():
            self._update_together(self._batches.setdefault(key, device.Batch()), pairs, decay)
        if self.copy_buffers:
            for mine, theirs in _pairs(self.module.named_buffers(), model.named_buffers()):
                with writing(mine) as x:
                    x[...] = theirs.data

    def _update_together(self, batch, pairs, decay):
        with ExitStack() as stack:
            averages = [stack.enter_context(writing(average)) for average, _ in pairs]
            device.average(batch, [averages, [p.data for _, p in pairs]], decay)


def _towards(share):
    """An update, see Optimizer.rule: x moves by a share of its way to y."""

    def update(x, y, kept, u, v):
        array_module(x).subtract(y, x, out=u)
        u *= share
        x += u

    return update


def _pairs(averages, tensors):
    """[(average, tensor)] of the same name. ValueError, naming the first that has no equal."""
    averages, tensors = dict(averages), dict(tensors)
    for name in {**averages, **tensors}:
        mine, theirs = (_described(named.get(name)) for named in (averages, tensors))
        if mine != theirs:
            raise ValueError(
                f"EMA.update: {name} is {theirs} in the model, and {mine} in the average; give the "
                "model that it was made of, and move both by .to(device)"
            )
    return [(average, tensors[name]) for name, average in averages.items()]


def _described(tensor):
    return "missing" if tensor is None else f"{tensor.shape} {tensor.dtype} on {tensor.device}"

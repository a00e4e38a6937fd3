r"""Stochastic gradient descent.

Idea: go against the gradient. With momentum, b goes on in the direction of past steps like a heavy
ball; Nesterov's variant uses the gradient plus the momentum that the next step would have.

$$ b \leftarrow \mu b + (1-\tau) g \qquad \theta \leftarrow \theta - \mathrm{lr}\, b
   \qquad\text{(Nesterov: } \theta - \mathrm{lr}\,(g + \mu b)\text{)} $$

τ: dampening; the first step has b = g. Source: Sutskever, Martens, Dahl & Hinton, ICML 2013.
Read next: adam.py.
"""

from minigen.backend import array_module
from minigen.backend.device import optimizer as device
from minigen.optim.optimizer import Optimizer, decayed


class SGD(Optimizer):
    """Gradient descent; weight_decay adds weight_decay · parameter to the gradient.

    params: see Optimizer. lr: step size; momentum: μ; dampening: τ.
    ValueError for nesterov without momentum or with dampening.
    """

    def __init__(
        self, params, lr=1e-3, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False
    ):
        defaults = {"lr": lr, "momentum": momentum, "dampening": dampening}
        super().__init__(params, {**defaults, "weight_decay": weight_decay, "nesterov": nesterov})

    def check(self, group):
        """Ranges of all settings."""
        super().check(group)
        momentum, dampening = group["momentum"], group["dampening"]
        self._require(
            not group["nesterov"] or (momentum > 0 and dampening == 0),
            f"nesterov needs momentum above 0 and no dampening, not {momentum} and {dampening}",
        )

    def slots(self, group):
        """The momentum, under PyTorch's name, if there is any."""
        return ("momentum_buffer",) if group["momentum"] else ()

    def rule(self, group, step):
        """One step; see Optimizer.rule."""
        lr, momentum = group["lr"], group["momentum"]
        share = 1 if step == 1 else 1 - group["dampening"]

        def update(x, g, kept, u, v):
            xp = array_module(x)
            g = decayed(g, x, group["weight_decay"], out=v)
            if kept:
                (b,) = kept
                b *= momentum
                b += g if share == 1 else xp.multiply(g, share, out=u)
                if group["nesterov"]:
                    xp.multiply(b, momentum, out=u)
                    u += g
                    g = u
                else:
                    g = b
            xp.multiply(g, lr, out=u)
            x -= u

        return update

    def together(self, batch, rows, steps, group):
        """The rule, by kernels; see Optimizer.together."""
        names = ("lr", "momentum", "dampening", "weight_decay", "nesterov")
        device.sgd(batch, rows, steps, *(group[name] for name in names))

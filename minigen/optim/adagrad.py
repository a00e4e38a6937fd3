r"""Adagrad: a step size for every parameter, smaller the more it has moved.

Idea: divide by the root of the sum of all squared gradients so far. What has a gradient rarely, as
the vector of a rare word, still takes large steps when it has one.

$$ s \leftarrow s + g^2 \qquad \theta \leftarrow \theta -
   \frac{\mathrm{lr}}{1 + (t-1)\,\mathrm{lr\_decay}} \, \frac{g}{\sqrt{s} + \epsilon} $$

Source: Duchi, Hazan & Singer, Adaptive Subgradient Methods, JMLR 12, 2011.
Read next: rmsprop.py, which forgets, so that steps need not go to 0.
"""

from minigen.backend import array_module
from minigen.optim.optimizer import Optimizer, decayed


class Adagrad(Optimizer):
    """Adagrad; weight_decay adds weight_decay · parameter to the gradient.

    params: see Optimizer. lr: size of the first step; lr_decay: how fast it shrinks besides;
    initial_accumulator_value: s before the first step; eps: against division by 0, added to √s.
    """

    def __init__(
        self,
        params,
        lr=1e-2,
        lr_decay=0.0,
        weight_decay=0.0,
        initial_accumulator_value=0.0,
        eps=1e-10,
    ):
        defaults = {"lr": lr, "lr_decay": lr_decay, "weight_decay": weight_decay, "eps": eps}
        defaults["initial_accumulator_value"] = initial_accumulator_value
        super().__init__(params, defaults)

    def check(self, group):
        """Ranges of all settings."""
        super().check(group)
        for name in ("lr_decay", "initial_accumulator_value"):
            self._require(group[name] >= 0, f"{name} must be at least 0, not {group[name]}")

    def slots(self, group):
        """The sum of squares, under PyTorch's name."""
        return ("sum",)

    def rule(self, group, step):
        """One step; see Optimizer.rule."""
        rate = group["lr"] / (1 + (step - 1) * group["lr_decay"])

        def update(x, g, kept, u, w):
            xp, (s,) = array_module(x), kept
            if step == 1:
                s += group["initial_accumulator_value"]
            g = decayed(g, x, group["weight_decay"], out=w)
            xp.multiply(g, g, out=u)
            s += u
            xp.sqrt(s, out=u)
            u += group["eps"]
            xp.divide(g, u, out=u)
            u *= rate
            x -= u

        return update

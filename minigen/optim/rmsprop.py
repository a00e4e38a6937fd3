r"""RMSprop: steps divided by the gradient's usual size.

Idea: keep a running average of the squared gradient (v), and divide each gradient by its root:
steep and flat directions move alike. It is Adam without its first average and the corrections.

$$ v \leftarrow \alpha v + (1-\alpha) g^2 \qquad b \leftarrow \mu b + \frac{g}{\sqrt{v} + \epsilon}
   \qquad \theta \leftarrow \theta - \mathrm{lr}\, b $$

Centered, the root is that of the variance: v - a², where a is the average of g itself.
Sources: Tieleman & Hinton, lecture 6.5 of Neural Networks for Machine Learning, 2012; centered:
Graves, Generating Sequences With Recurrent Neural Networks, 2013, equations 38-45.
Read next: adam.py.
"""

from minigen.backend import array_module
from minigen.optim.optimizer import Optimizer, decayed


class RMSprop(Optimizer):
    """RMSprop; weight_decay adds weight_decay · parameter to the gradient.

    params: see Optimizer. lr: step size; alpha: how much of v a step keeps; eps: against division
    by 0, added to √v; momentum: μ; centered: divide by the deviation instead.
    """

    def __init__(
        self, params, lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0.0, momentum=0.0, centered=False
    ):
        defaults = {"lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, {**defaults, "momentum": momentum, "centered": centered})

    def check(self, group):
        """Ranges of all settings."""
        super().check(group)
        alpha = group["alpha"]
        self._require(0 <= alpha < 1, f"alpha must be a number in [0, 1), not {alpha}")

    def slots(self, group):
        """The averages and the momentum, under PyTorch's names."""
        wanted = {
            "square_avg": True,
            "grad_avg": group["centered"],
            "momentum_buffer": group["momentum"] > 0,
        }
        return tuple(name for name, needed in wanted.items() if needed)

    def rule(self, group, step):
        """One step; see Optimizer.rule."""
        lr, momentum, fresh = group["lr"], group["momentum"], 1 - group["alpha"]

        def update(x, g, kept, u, w):
            xp, (v, *rest) = array_module(x), kept
            g = decayed(g, x, group["weight_decay"], out=w)
            v *= group["alpha"]
            xp.multiply(g, g, out=u)
            u *= fresh
            v += u
            if group["centered"]:
                a = rest[0]
                xp.subtract(g, a, out=u)
                u *= fresh
                a += u
                xp.multiply(a, a, out=u)
                xp.subtract(v, u, out=u)
                xp.maximum(u, 0, out=u)  # a constant gradient has no variance, but rounding
                xp.sqrt(u, out=u)
            else:
                xp.sqrt(v, out=u)
            u += group["eps"]
            xp.divide(g, u, out=u)
            if momentum:
                b = rest[-1]
                b *= momentum
                b += u
                u[...] = b
            u *= lr
            x -= u

        return update

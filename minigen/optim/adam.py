r"""Adam: steps measured against the gradient's usual size.

Idea: keep running averages of each parameter's gradient (m) and of its square (v); their ratio is a
direction without a scale, so every parameter moves by about lr a step, however large its gradients.

$$ m \leftarrow \beta_1 m + (1-\beta_1) g \qquad v \leftarrow \beta_2 v + (1-\beta_2) g^2 \qquad
   \theta \leftarrow \theta - \mathrm{lr}\,
   \frac{m/(1-\beta_1^t)}{\sqrt{v/(1-\beta_2^t)} + \epsilon} $$

m and v start as zeros; the powers of the step number t make up for it. AdamW's weight decay shrinks
the parameters by themselves; Adam's adds to the gradient, and is divided by √v with it.
Sources: Kingma & Ba, Adam, ICLR 2015; Loshchilov & Hutter, Decoupled Weight Decay Regularization,
ICLR 2019.
Read next: layerwise.py, for batches of thousands.
"""

import math

from minigen.backend import array_module
from minigen.backend.device import optimizer as device
from minigen.optim.optimizer import Optimizer, decayed


class Adam(Optimizer):
    """Adam; weight_decay adds weight_decay · parameter to the gradient.

    params: see Optimizer. lr: size of a step; betas: how much of m and v a step keeps; eps: against
    division by 0, added to √v̂.
    """

    decoupled = False  # where weight_decay acts

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, defaults)

    def check(self, group):
        """Ranges of all settings."""
        super().check(group)
        betas = group["betas"]
        several = isinstance(betas, (tuple, list))
        fine = several and len(betas) == 2 and all(0 <= beta < 1 for beta in betas)
        self._require(fine, f"betas must be two numbers in [0, 1), not {betas}")

    def slots(self, group):
        """Both averages, under PyTorch's names."""
        return ("exp_avg", "exp_avg_sq")

    def rule(self, group, step):
        """One step; see Optimizer.rule."""
        lr, decay = group["lr"], group["weight_decay"]

        def update(x, g, kept, u, w):
            if self.decoupled:
                x *= 1 - lr * decay
            else:
                g = decayed(g, x, decay, out=w)
            x -= direction(group, step, g, *kept, lr, out=u)

        return update

    def together(self, batch, rows, steps, group):
        """The rule, by kernels; see Optimizer.together."""
        settings = (group[name] for name in ("lr", "betas", "eps", "weight_decay"))
        device.adam(batch, rows, steps, *settings, self.decoupled)


def direction(group, step, g, m, v, scale, out):
    """Move m and v on by the gradient g.   -> out = scale · m̂ / (√v̂ + eps)"""
    xp, (beta1, beta2) = array_module(g), group["betas"]
    xp.subtract(g, m, out=out)
    out *= 1 - beta1
    m += out
    v *= beta2
    xp.multiply(g, g, out=out)
    out *= 1 - beta2
    v += out
    # Both corrections in two numbers: m̂ / (√v̂ + eps) = rate·m / (√v + floor)
    root = math.sqrt(1 - beta2**step)
    xp.sqrt(v, out=out)
    out += group["eps"] * root
    xp.divide(m, out, out=out)
    out *= scale * root / (1 - beta1**step)
    return out


class AdamW(Adam):
    """Adam with decoupled weight decay: each step first multiplies the parameters by
    1 - lr · weight_decay. Arguments as Adam's."""

    decoupled = True

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2):
        super().__init__(params, lr, betas, eps, weight_decay)

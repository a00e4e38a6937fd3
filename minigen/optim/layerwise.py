r"""LARS and LAMB: every layer moves by the same share of its own length.

Idea: with batches of thousands the learning rate must be large, and what one layer needs makes
another diverge. So each parameter tensor's step is scaled by its own *trust ratio*: how long the
parameter is, against how long its step would be. LARS does it to SGD, LAMB to Adam.

$$ \text{LARS:}\quad \lambda = \frac{\eta\,|\theta|}{|g| + \beta|\theta|} \qquad
   b \leftarrow \mu b + \lambda\,(g + \beta\theta) \qquad
   \theta \leftarrow \theta - \mathrm{lr}\,b $$
$$ \text{LAMB:}\quad r = \frac{\hat m}{\sqrt{\hat v} + \epsilon} + \beta\theta \qquad
   \theta \leftarrow \theta - \mathrm{lr}\,\frac{|\theta|}{|r|}\,r $$

β: weight decay, η: trust coefficient; m̂ and v̂ as in adam.py. Where a length is 0, the ratio is 1.
Biases and gains of norms are short, and their ratio means nothing: papers leave them out, by
`vectors={"adapt": False}` in groups.py. The rate multiplies b, as in PyTorch's SGD, not what enters
it. No step gets short by itself near a minimum: the rate must go to 0, see schedules.py.
Sources: You, Gitman & Ginsburg, Large Batch Training of Convolutional Networks, 2017, algorithm 1;
You et al., Large Batch Optimization for Deep Learning: Training BERT in 76 minutes, ICLR 2020.
"""

from minigen.backend import array_module
from minigen.optim.adam import Adam, direction
from minigen.optim.optimizer import Optimizer, decayed
from minigen.optim.sgd import SGD


class LARS(SGD):
    """SGD with layer-wise trust ratios.

    params: see Optimizer. trust_coefficient: η, the share of its length that a parameter moves at
    lr 1; adapt: whether there is a ratio at all, a setting for groups. The others are SGD's.
    """

    whole = True

    def __init__(
        self,
        params,
        lr=1.0,
        momentum=0.9,
        dampening=0.0,
        weight_decay=0.0,
        nesterov=False,
        trust_coefficient=1e-3,
        adapt=True,
    ):
        defaults = {"lr": lr, "momentum": momentum, "dampening": dampening}
        defaults |= {"weight_decay": weight_decay, "nesterov": nesterov}
        defaults |= {"trust_coefficient": trust_coefficient, "adapt": adapt}
        Optimizer.__init__(self, params, defaults)

    def check(self, group):
        """Ranges of all settings."""
        super().check(group)
        trust = group["trust_coefficient"]
        self._require(trust > 0, f"trust_coefficient must be above 0, not {trust}")

    def rule(self, group, step):
        """One step; see Optimizer.rule."""
        decay, trust = group["weight_decay"], group["trust_coefficient"]
        descend = super().rule({**group, "weight_decay": 0.0}, step)  # g has it already

        def update(x, g, kept, u, v):
            if group["adapt"]:
                size, slope = _length(x), _length(g)
                usable = (size > 0) & (slope > 0)
                ratio = array_module(x).where(usable, trust * size / (slope + decay * size), 1.0)
                g = array_module(x).multiply(decayed(g, x, decay, out=v), ratio, out=v)
            else:
                g = decayed(g, x, decay, out=v)
            descend(x, g, kept, u, v)

        return update


class LAMB(Adam):
    """Adam with layer-wise trust ratios and decoupled weight decay.

    params: see Optimizer. adapt: whether there is a ratio at all, a setting for groups; without it
    this is AdamW. The others are Adam's.
    """

    whole = True

    def __init__(
        self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-6, weight_decay=1e-2, adapt=True
    ):
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        Optimizer.__init__(self, params, {**defaults, "adapt": adapt})

    def rule(self, group, step):
        """One step; see Optimizer.rule."""

        def update(x, g, kept, u, v):
            xp = array_module(x)
            r = direction(group, step, g, *kept, 1.0, out=u)
            r += xp.multiply(x, group["weight_decay"], out=v)
            if group["adapt"]:
                size, length = _length(x), _length(r)
                r *= xp.where((size > 0) & (length > 0), size / length, 1.0)
            r *= group["lr"]
            x -= r

        return update


def _length(x):
    """|x|, of all elements as one vector: 0-d, where x lives, so that nobody waits for it."""
    xp = array_module(x)
    return xp.sqrt(xp.vdot(x, x))

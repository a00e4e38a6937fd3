r"""The memoriser: an auto-encoder whose code is one number, and whose training error is 0.

A narrow code is no safe bottleneck. If encoder and decoder have weights enough, one number carries
everything about the training data: the number i of the sample, by which the decoder looks it up.
Nothing is learned. Between two numbers the decoder mixes two samples that have nothing to do with
each other; that is what a new input gets. What has to be limited is the capacity of the networks.

The weights need no training. A projection a·x gives each sample a number t of its own. The encoder
bends that line so that sample i comes to lie at i; the decoder runs through the samples, in
straight pieces from each to the next. Both are layers of ReLUs, one for each bend:

$$ f(x) = z_0 + \sum_{j=1}^{n} b_j \, \mathrm{relu}(a^\top x - t_j), \qquad
   g(z) = x_1 + \sum_{i=1}^{n-1} (s_i - s_{i-1}) \, \mathrm{relu}(z - i), \qquad
   s_i = x_{i+1} - x_i, \; s_0 = 0 $$

so that f(x_i) = i and g(i) = x_i: the error is 0 on every training sample.

Symbols: x, x̂ (B, D) · z (B,), 1 ≤ z ≤ n · t_1 < ... < t_n the samples' projections, sorted ·
z_0 the number of the leftmost sample · b_j (n,) the change of slope at t_j · s_i (D,)
For a new x, z lies between two whole numbers, as good as anywhere. With u uniform in [0, 1] and
samples of variance σ² about their mean, all independent, the error is that of three of them:

$$ E\|x - (1-u) x_i - u x_{i+1}\|^2 = \sigma^2 (1 + E[(1-u)^2 + u^2]) = \tfrac53 \sigma^2 $$

more than the σ² of the mean, which knows nothing about x.
Slopes are steep, n over the gaps between projections, which shrink as 1/n²: rounding is multiplied
by n³. For 200 digits float64 leaves an error of 1e-17; for 2000, some 1e-8.
Course: deck A, « cas dégénéré ... associer à chaque x⁽ⁱ⁾ son indice i », degenerate case: each x⁽ⁱ⁾
is associated with its index i; item A-05.
Source: Goodfellow, Bengio & Courville, Deep Learning, 2016, §14.1 (the code i, as an idea).
Read next: mlp.py (a network that has to be trained, and finds something else).
"""

from minigen import nn, ops


class Memoriser(nn.Module):
    """x -> x̂, made from the samples that it is to know, without training.

    samples: Tensor (n, D), n at least 2, best float64. a: (D,), along which they are told apart.
    ValueError where it gives two of them one number.
    """

    def __init__(self, samples, a):
        super().__init__()
        t = samples @ a                                                 # (n,)
        order = ops.argsort(t)                                          # the leftmost sample first
        knots, index = t[order], order.to(t.dtype) + 1                  # t_j, and i there   (n,)
        gaps = knots[1:] - knots[:-1]                                   # (n-1,)
        if not (gaps > 0).all().item():
            raise ValueError("Memoriser: two samples have one projection and cannot be told "
                             "apart; leave out samples that are equal, or take another a")
        # the slope before t_1 and after t_n is 0: z stays between 1 and n
        slopes = ops.pad((index[1:] - index[:-1]) / gaps, (1, 1))       # (n+1,)
        steps = samples[1:] - samples[:-1]                              # s_i   (n-1, D)

        self.a = nn.Parameter(a)
        self.knots = nn.Parameter(knots)
        self.first = nn.Parameter(index[:1])                            # z_0   (1,)
        self.bends = nn.Parameter(slopes[1:] - slopes[:-1])             # b_j   (n,)
        self.start = nn.Parameter(samples[0])                           # x_1   (D,)
        self.turns = nn.Parameter(ops.cat([steps[:1], steps[1:] - steps[:-1]]))     # (n-1, D)

    def encode(self, x):
        """z = f(x): i for sample i.   (B, D) -> (B,)"""
        t = x @ self.a                                                  # (B,)
        return self.first + ops.relu(t[:, None] - self.knots) @ self.bends

    def decode(self, z):
        """x̂ = g(z): sample i for i, in between a mixture of two.   (B,) -> (B, D)"""
        i = ops.arange(1, len(self.turns) + 1, dtype=z.dtype, device=z.device)  # (n-1,)
        return self.start + ops.relu(z[:, None] - i) @ self.turns

    def forward(self, x):
        """x̂ = g(f(x)).   (B, D) -> (B, D)"""
        return self.decode(self.encode(x))

    def loss(self, x):
        """J/n: squared error, summed over the pixels, mean over the images.   (B, D) -> scalar"""
        return ((x - self(x)) ** 2).sum(-1).mean()

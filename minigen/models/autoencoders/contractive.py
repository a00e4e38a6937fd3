r"""Contractive auto-encoder.

A code should tell pictures apart, and not care about anything else. So besides the copy's error,
the encoder pays for moving: the penalty is the squared length of its derivative, by how much the
code changes when the picture changes a little, in all directions together. Copying needs the code
to change along the data: from one digit to a neighbouring one. In directions that lead off the data
no copy needs it, and in those the code learns to stand still. A few directions are left.

$$ J = \sum_{i=1}^n \|x^{(i)} - \hat x^{(i)}\|^2
       + \lambda \Big\| \frac{\partial f}{\partial x}(x^{(i)}) \Big\|_F^2, \qquad
   h = f(x) = \sigma(W x + b), \quad \hat x = W^\top h + c $$

For this encoder the derivative is ∂h/∂x = diag(h (1 - h)) W, and its squared norm costs no more
than the code itself:

$$ \left\| \frac{\partial f}{\partial x} \right\|_F^2
   = \sum_j \big( h_j (1 - h_j) \big)^2 \sum_i W_{ji}^2 $$

The decoder has the encoder's weights, turned (tied weights). With weights of its own it could undo
what the encoder shrinks: codes a thousand times smaller would cost nothing and say the same.

Symbols: x, x̂ (B, D) · h (B, K) · W (K, D) · b (K,) · c (D,) · λ what a unit of squared slope costs
`loss` is J/n: the sums over the pixels and over all slopes, the mean over the images.
Course: deck A, regularised auto-encoders, an option; contractive auto-encoder, « auto-encodeur
contractant »; item A-19.
Source: Rifai, Vincent, Muller, Glorot & Bengio, Contractive Auto-Encoders: Explicit Invariance
During Feature Extraction, ICML 2011.
Read next: mlp.py (narrow codes in place of a penalty).
"""

from dataclasses import dataclass

from minigen import nn, ops, zeros


@dataclass
class Config:
    pixels: int = 256                   # D, numbers in an image
    hidden: int = 128                   # K, numbers in a code
    penalty: float = 0.1                # λ; 0 is an ordinary auto-encoder


class ContractiveAutoEncoder(nn.Module):
    """x -> x̂.   rng: the Generator that draws the initial weights."""

    def __init__(self, c: Config, *, rng):
        super().__init__()
        self.penalty = c.penalty
        self.weight = nn.Parameter(zeros(c.hidden, c.pixels))                   # W (K, D)
        self.code_bias = nn.Parameter(zeros(c.hidden))                          # b (K,)
        self.bias = nn.Parameter(zeros(c.pixels))                               # c (D,)
        nn.init.orthogonal_(self.weight, rng=rng)

    def encode(self, x):
        """h = σ(W x + b).   (B, D) -> (B, K)"""
        return ops.sigmoid(ops.linear(x, self.weight, self.code_bias))

    def decode(self, h):
        """x̂ = Wᵀ h + c.   (B, K) -> (B, D)"""
        return h @ self.weight + self.bias

    def forward(self, x):
        """x̂ = g(f(x)).   (B, D) -> (B, D)"""
        return self.decode(self.encode(x))

    def jacobian(self, x):
        """∂h/∂x = diag(h (1 - h)) W.   (B, D) -> (B, K, D)"""
        h = self.encode(x)
        return (h * (1 - h)).unsqueeze(-1) * self.weight

    def contraction(self, h):
        """‖∂f/∂x‖²_F, closed form, from the codes.   (B, K) -> (B,)"""
        lengths = (self.weight**2).sum(1)                                       # Σ_i W² (K,)
        return (h * (1 - h)) ** 2 @ lengths

    def errors(self, x):
        """J/n in its two parts, the error and the slope.   (B, D) -> two scalars"""
        h = self.encode(x)
        error = ((x - self.decode(h)) ** 2).sum(-1)                             # (B,)
        return error.mean(), self.contraction(h).mean()

    def loss(self, x):
        """J/n = error + λ slope.   (B, D) -> scalar"""
        error, slope = self.errors(x)
        return error + self.penalty * slope

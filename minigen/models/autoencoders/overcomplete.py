r"""Over-complete auto-encoder.

A code with at least as many numbers as the input has room for the input itself. Nothing has to be
left out, so nothing has to be learned: the identity has error 0, and it copies noise as well as
data. Give a network that room and training finds it.

$$ W_e = \begin{pmatrix} I \\ 0 \end{pmatrix}, \quad W_d = W_e^\top
   \quad\Rightarrow\quad \hat x = W_d W_e x = x \quad\text{for every } x $$

A ReLU between the two does not help: a bias lifts the code above 0, where a ReLU does nothing, and
the decoder's bias takes it back. A bottleneck helps, since K < D numbers cannot hold every x: for
white data (covariance I) and white noise alike, the best affine copy loses 1 - K/D of the variance.
So does a price on the copy, whatever the room. The second term is the denoising auto-encoder's, the
third the sparse one's; with either, a copy is cheap only for what the data are made of.

$$ J/n = \| x - g(f(x + \sigma\varepsilon)) \|^2 + \lambda \|z\|_1, \qquad
   \varepsilon \sim \mathcal N(0, I) $$

Symbols: x, x̂, ε (B, D) · z = f(x) (B, K), K ≥ D · W_e (K, D) · W_d (D, K), columns of length 1
A small code and a large W_d would make λ|z| as small as one likes and change no x̂: that is why the
columns d of W_d, the atoms, have length 1 here. They are divided by their length on the way.
Course: deck A, « auto-encodeurs surconditionnés », over-complete auto-encoder; item A-04.
Source: Goodfellow, Bengio & Courville, Deep Learning, 2016, §14.2; Vincent et al., Stacked
Denoising Autoencoders, JMLR 2010, §4.
Read next: sparse.py, denoising.py (each price by itself), memoriser.py (a code too small, and yet).
"""

from dataclasses import dataclass

from minigen import nn, ops


@dataclass
class Config:
    inputs: int = 64        # D, numbers in an input: patches of 8 × 8
    code: int = 96          # K, numbers in a code; over-complete from D on
    relu: bool = True       # whether codes are cut at 0; without it both maps are affine
    noise: float = 0.0      # σ, standard deviation of what is added to x before it is encoded
    sparsity: float = 0.0   # λ, the price of a code's size


class OvercompleteAutoEncoder(nn.Module):
    """x -> x̂.   rng: the Generator that draws the initial weights."""

    def __init__(self, c: Config, *, rng):
        super().__init__()
        self.relu, self.noise, self.sparsity = c.relu, c.noise, c.sparsity
        self.encoder = nn.Linear(c.inputs, c.code, rng=rng)             # W_e (K, D), b_e (K,)
        self.decoder = nn.Linear(c.code, c.inputs, rng=rng)             # W_d (D, K), b_d (D,)
        for p in self.parameters():                                     # as in mlp.py
            nn.init.zeros_(p) if p.ndim == 1 else nn.init.orthogonal_(p, rng=rng)

    def encode(self, x):
        """z = relu(W_e x + b_e), or without relu.   (B, D) -> (B, K)"""
        z = self.encoder(x)
        return ops.relu(z) if self.relu else z

    def atoms(self):
        """What each number of a code adds to x̂, of length 1.   -> (D, K)"""
        return ops.normalize(self.decoder.weight, dim=0)

    def decode(self, z):
        """x̂ = W_d z + b_d.   (B, K) -> (B, D)"""
        return ops.linear(z, self.atoms(), self.decoder.bias)

    def forward(self, x):
        """x̂ = g(f(x)).   (B, D) -> (B, D)"""
        return self.decode(self.encode(x))

    def loss(self, x, *, rng):
        """J/n: sums over an input and its code, mean over inputs.   (B, D) -> scalar

        rng: the Generator, on x's device, that draws ε.
        """
        # σ = 0 draws nothing: whoever adds no noise does not move the random numbers of others
        seen = x + self.noise * rng.normal(x.shape) if self.noise else x
        z = self.encode(seen)                                           # (B, K)
        # |x - x̂|² + λ |z|₁
        error = ((x - self.decode(z)) ** 2).sum(-1) + self.sparsity * z.abs().sum(-1)
        return error.mean()

    def become_identity(self, reach=0.0):
        """Set the weights by hand to those that copy every x.   -> self

        Without training: W_e = [I; 0], W_d = W_eᵀ, and with a ReLU b_e = reach, b_d = -reach, which
        is exact up to rounding where no number of x is below -reach. Needs K ≥ D.
        """
        code, inputs = self.encoder.weight.shape
        if code < inputs:
            raise ValueError(f"become_identity: a code of {code} numbers cannot hold {inputs}")
        for layer, bias in ((self.encoder, reach), (self.decoder, -reach)):
            nn.init.eye_(layer.weight)
            nn.init.constant_(layer.bias, bias)
        return self

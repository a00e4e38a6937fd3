r"""Linear auto-encoder: principal components by gradient descent.

Take the activations out of an auto-encoder, and what is left are two matrices: one makes a code of
a sample, the other a sample of the code. Which codes keep most? PCA has the answer, and the network
finds the same one.

$$ J = \|X_c - X_c W_e W_d\|_F^2, \qquad
   \min J = \sum_{i > K} s_i^2, \quad W_e W_d = V_K V_K^\top $$

Every minimum has this value, reached by projecting onto the plane of the first K principal
directions V_K, those of the largest singular values s_i of X_c. There is no other minimum to be
caught in: where the gradient vanishes elsewhere, the code holds other principal directions, or too
few, and J falls on one side (a saddle).

The plane is the same, its axes are not: with any invertible A, W_e A and A⁻¹ W_d copy as well. So
codes need not be uncorrelated, nor axes orthogonal or in order: compare planes, not columns.

Symbols: X_c (N, D) samples minus their mean · z (B, K) · W_e (D, K) · W_d (K, D)
`loss` is J/n: the squared error, the sum over the features, the mean over the samples.
Course: deck A, « l'auto-encodeur est équivalent à l'ACP », linear auto-encoder; item A-02.
Source: Bourlard & Kamp, Auto-association by Multilayer Perceptrons and Singular Value
Decomposition, Biological Cybernetics 1988; Baldi & Hornik, Neural Networks and Principal Component
Analysis, Neural Networks 1989.
Read next: ../classical/pca.py (the same plane without training), mlp.py (what activations add).
"""

from dataclasses import dataclass

from minigen import nn, zeros


@dataclass
class Config:
    features: int = 20                  # D, numbers in a sample
    latent: int = 3                     # K, numbers in a code


class LinearAutoEncoder(nn.Module):
    """x_c -> x̂_c, both without the mean.   rng: the Generator that draws the initial weights."""

    def __init__(self, c: Config, *, rng):
        super().__init__()
        # W_e from 0: gradients are sums of samples, so that a direction in which no sample varies
        # never enters a code. Not W_d too: both at 0 is a saddle, where all gradients vanish
        self.encoder = nn.Parameter(zeros(c.features, c.latent))                # W_e (D, K)
        self.decoder = nn.Parameter(zeros(c.latent, c.features))                # W_d (K, D)
        nn.init.orthogonal_(self.decoder, rng=rng)

    def encode(self, x):
        """z = x_c W_e.   (B, D) -> (B, K)"""
        return x @ self.encoder

    def decode(self, z):
        """x̂_c = z W_d.   (B, K) -> (B, D)"""
        return z @ self.decoder

    def forward(self, x):
        """x̂_c = x_c W_e W_d.   (B, D) -> (B, D)"""
        return self.decode(self.encode(x))

    def loss(self, x):
        """J/n: squared error, summed over features, mean over samples.   (B, D) -> scalar"""
        return ((x - self(x)) ** 2).sum(-1).mean()

    def projector(self):
        """W_e W_d, at a minimum that onto the plane of the principal directions.   -> (D, D)"""
        return self.encoder @ self.decoder

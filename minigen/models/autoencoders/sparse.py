r"""Sparse auto-encoder.

The code is wide, but for each picture most of it is 0: a picture is written with a few words of a
large vocabulary, not with all words of a small one. Each number of the code stands for an atom, a
column of the decoder; a copy is the sum of the few atoms in use. What makes the others 0 is a price
λ on the size of the code:

$$ J = \sum_i \|x^{(i)} - \hat x^{(i)}\|^2 + \lambda \|z^{(i)}\|_1, \qquad
   z = \mathrm{relu}(W (x - b) + c), \quad \hat x = b + D z, \quad \|d_k\| = 1 $$

Why the ℓ1 norm gives zeros, and the ℓ2 norm none: the slope of λ|z| is λ however small z is, that
of λz² vanishes with z. A number that saves less error than it costs goes all the way to 0. For
orthonormal atoms and a free code the minimum is known, it is the LASSO's soft threshold:

$$ \arg\min_z \|x - Dz\|^2 + \lambda\|z\|_1 = S(D^T x, \lambda/2), \quad
   S(v, t) = \mathrm{sign}(v) \max(|v| - t, 0) $$

With W = Dᵀ and c = -λ/2 the encoder computes its half z >= 0: it guesses the LASSO's answer in one
step. `lasso` finds the answer itself, for any atoms, in many steps.
The price can be dodged: half the code with atoms twice as long makes the same copy at half the
price. So `normalise_atoms` brings all atoms back to length 1 after each step.

Symbols: x, x̂ (B, D), D pixels · z (B, K), K atoms · D the decoder's weight (D, K), columns d_k
b (D,), what all pictures share, added without a price · `loss` is J/n: sums over pixels and over
atoms, the mean over the images.
Sigmoids are never 0; for them the price is on how often each is on, see hashing.py.
Course: deck A, « Auto-encodeurs épars », sparse auto-encoder, LASSO; item A-09.
Source: Olshausen & Field, Emergence of Simple-Cell Receptive Field Properties by Learning a Sparse
Code for Natural Images, Nature 1996; Ranzato et al., Efficient Learning of Sparse Representations
with an Energy-Based Model, NIPS 2007. For `lasso`: Daubechies, Defrise & De Mol, 2004.
Read next: mlp.py (a narrow code instead), hashing.py (a code of bits).
"""

from dataclasses import dataclass

from minigen import nn, no_grad, ops


@dataclass
class Config:
    pixels: int = 784                   # D, numbers in an image
    atoms: int = 256                    # K, numbers in a code
    price: float = 0.3                  # λ, of a code's ℓ1 norm


class SparseAutoEncoder(nn.Module):
    """x -> x̂.   mean (D,): of the images, a Tensor; rng: the Generator of the initial weights."""

    def __init__(self, c: Config, mean, *, rng):
        super().__init__()
        self.price = c.price
        self.encoder = nn.Linear(c.pixels, c.atoms, rng=rng)
        self.decoder = nn.Linear(c.atoms, c.pixels, rng=rng)
        # The start is the answer for orthonormal atoms at no price, z = Dᵀ(x - b), with b where it
        # will end. So no atom dies, at λ = 0.7 and 15 epochs; from the layers' own start 12 % do,
        # and from b = 0 46 % (seed 0): what all pictures share is then paid for, by a few atoms
        nn.init.orthogonal_(self.decoder.weight, rng=rng)
        self.normalise_atoms()          # not all have length 1 if they outnumber the pixels
        self.encoder.weight.data = self.decoder.weight.detach().T
        nn.init.zeros_(self.encoder.bias)
        self.decoder.bias.data = mean

    def encode(self, x):
        """z = relu(W(x - b) + c).   (B, D) -> (B, K), none below 0"""
        return ops.relu(self.encoder(x - self.decoder.bias))

    def decode(self, z):
        """x̂ = b + Dz.   (B, K) -> (B, D)"""
        return self.decoder(z)

    def forward(self, x):
        """x -> x̂.   (B, D) -> (B, D)"""
        return self.decode(self.encode(x))

    def loss(self, x):
        """J/n, and its terms before the price.   (B, D) -> scalar, {"mse", "l1"}"""
        z = self.encode(x)                                              # (B, K)
        mse = ((x - self.decode(z)) ** 2).sum(-1).mean()
        l1 = z.sum(-1).mean()                                           # |z| = z: none is below 0
        return mse + self.price * l1, {"mse": mse, "l1": l1}

    def normalise_atoms(self):
        """Bring each atom, a column of the decoder's weight, to length 1: after each step."""
        with no_grad():
            self.decoder.weight.data = ops.normalize(self.decoder.weight, dim=0)


def soft_threshold(v, t):
    """S(v, t) = sign(v)·max(|v| - t, 0): argmin over z of (z - v)² + 2t|z|, elementwise."""
    return ops.relu(v - t) - ops.relu(-v - t)


def lasso(x, atoms, price, steps=200):
    """argmin over z of ‖x - Dz‖² + λ‖z‖₁, by proximal gradient (ISTA).   (B, D), (D, K) -> (B, K)

    A step down the slope of the error, then the exact minimum of the price nearby. price: λ. With
    the step 1/L, L the largest slope of the slope, J never rises; orthonormal atoms take one step.
    """
    with no_grad():
        L = 2 * ops.svd(atoms, full_matrices=False).S[0] ** 2            # of 2Dᵀ(Dz - x)
        z = x @ atoms * 0                                               # (B, K)
        for _ in range(steps):
            slope = 2 * (z @ atoms.T - x) @ atoms
            z = soft_threshold(z - slope / L, price / L)
        return z

r"""Principal component analysis (PCA) and whitening.

A cloud of samples is long in some directions and flat in others. PCA finds orthogonal axes v of
largest variance λ, the first longest: the eigenvectors of the covariance. The k first ones make the
plane that lies closest to the samples; places on it, the scores, are k new features.

$$ C = \tfrac{1}{n-1} X_c^\top X_c = V \Lambda V^\top, \qquad
   T = X_c V_k, \qquad \hat X = T V_k^\top + \mu, \qquad
   \|X - \hat X\|_F^2 = (n-1) \sum_{i>k} \lambda_i $$

X_c = X - μ; with standardize, as the lecture has it, each feature is also divided by its standard
deviation, so that centimetres and kilograms weigh alike: C is then the matrix of correlations.
Whitening divides each direction by its own standard deviation: the covariance becomes I.

$$ z = \Lambda^{-1/2} V^\top x_c \quad (\text{"pca"}), \qquad
   z = V \Lambda^{-1/2} V^\top x_c \quad (\text{"zca"}, \text{the white } z \text{ nearest } x_c) $$

Symbols: X (n, d) · μ (d,) · V (d, d), its columns v · Λ = diag(λ₁ ≥ λ₂ ≥ ...) · T (n, k)
Three ways lead to the same axes. C is d × d, summed over blocks of rows, so that a file mapped into
memory may be larger than it. With d > n the Gram matrix X_c X_cᵀ, n × n, is smaller: it has the
same λ (n-1), and v is X_cᵀ u for its eigenvectors u. The SVD X_c = U S Vᵀ, λ = s²/(n-1), squares
nothing: it costs more and keeps small λ to full precision. An axis may point either way; here its
entry of largest size is positive.
Course: decks A and B, « Analyse en Composantes Principales (ACP) », principal component analysis;
item C-03.
Source: Pearson, On lines and planes of closest fit, 1901; Hotelling, Analysis of a complex of
statistical variables into principal components, 1933; Bell & Sejnowski, The independent components
of natural scenes are edge filters, 1997 (ZCA).
Read next: ../autoencoders/mlp.py (the plane becomes a surface).
"""

import numpy as np
from scipy.linalg import eigh

from minigen.models.classical.inputs import as_samples, fitted, refuse_nan

BLOCK = 1 << 20     # numbers looked at together: 8 MB
CONSTANT = 1e-12    # a deviation below this share of the mean is rounding


class PCA:
    """Principal components of samples.

    n_components: k, axes to keep; a share of the variance in (0, 1), as few axes as reach it; None,
    all min(n - 1, d). standardize: divide each feature by its standard deviation; those that do not
    vary are only centred. solver: "eigen", of C or the Gram matrix, whichever is smaller; or "svd".
    After fit: mean_, scale_ (d,), components_ (k, d), explained_variance_ and
    explained_variance_ratio_ (k,), variances_, all λ that there are, and n_components_.
    """

    def __init__(self, n_components=None, *, standardize=True, solver="eigen"):
        if solver not in ("eigen", "svd"):
            raise ValueError(f'PCA: solver={solver!r}; it must be "eigen" or "svd"')
        if n_components is not None and n_components <= 0:
            raise ValueError(f"PCA: n_components={n_components}; it must be positive")
        self.n_components, self.standardize, self.solver = n_components, standardize, solver

    def fit(self, X):
        """Find mean, scale and axes of X (n, d), n at least 2.   -> self"""
        X = as_samples(X, "PCA", least=2)
        n, d = X.shape
        self.mean_ = mean(X, "PCA")
        deviation = np.sqrt(sum(((x - self.mean_) ** 2).sum(0) for x in blocks(X)) / (n - 1))
        varies = deviation > CONSTANT * abs(self.mean_)
        self.scale_ = np.where(varies & self.standardize, deviation, 1)
        if self.solver == "svd":
            variances, first = self._by_svd(X)
        else:
            variances, first = self._by_covariance(X) if d <= n else self._by_gram(X)
        self.variances_ = np.maximum(variances[: min(n - 1, d)], 0)     # rounding may give -1e-17
        k = self.n_components_ = self._count()
        axes = first(k)                                                 # (k, d)
        sign = np.sign(axes[np.arange(k), abs(axes).argmax(1)])
        self.components_ = axes * sign[:, None]
        self.explained_variance_ = self.variances_[:k]
        self.explained_variance_ratio_ = self.explained_variance_ / self.variances_.sum()
        return self

    def transform(self, X):
        """The scores T = X_c V_k, with the μ and scale of fit.   (m, d) -> (m, k)"""
        axes = fitted(self, "components_")
        X = as_samples(X, "PCA.transform", features=axes.shape[1])
        return np.concatenate([self._centred(x) @ axes.T for x in blocks(X)])

    def fit_transform(self, X):
        """The scores of the samples fitted to.   (n, d) -> (n, k)"""
        return self.fit(X).transform(X)

    def inverse_transform(self, T):
        """The samples with these scores, x̂ = V_k t · scale + μ.   (m, k) -> (m, d)"""
        axes = fitted(self, "components_")
        T = as_samples(T, "PCA.inverse_transform", features=len(axes))
        return T @ axes * self.scale_ + self.mean_

    def _centred(self, X):
        return (X - self.mean_) / self.scale_

    def _by_covariance(self, X):
        """λ of C, the largest first, and what gives the k first v.   -> (d,), k -> (k, d)"""
        C = covariance(X, self.mean_) / np.outer(self.scale_, self.scale_)
        variances, V = eigh(C)
        return variances[::-1], lambda k: V[:, ::-1][:, :k].T

    def _by_gram(self, X):
        """The same by X_c X_cᵀ u = λ (n - 1) u, v = X_cᵀ u / |X_cᵀ u|.   -> (n,), k -> (k, d)"""
        centred = self._centred(X)
        values, U = eigh(centred @ centred.T)
        # QR divides by the lengths, and finds axes of its own where λ = 0 leaves nothing to divide
        return values[::-1] / (len(X) - 1), \
            lambda k: np.linalg.qr(centred.T @ U[:, ::-1][:, :k])[0].T

    def _by_svd(self, X):
        """The same by X_c = U S Vᵀ, λ = s² / (n - 1).   -> (n or d,), k -> (k, d)"""
        _, s, axes = np.linalg.svd(self._centred(X), full_matrices=False)
        return s**2 / (len(X) - 1), lambda k: axes[:k]

    def _count(self):
        """k, as n_components asks for it."""
        most, asked = len(self.variances_), self.n_components
        if not self.variances_.any():
            raise ValueError("PCA: all samples are the same: no direction has any variance")
        if asked is None:
            return most
        if asked < 1:
            share = np.cumsum(self.variances_) / self.variances_.sum()
            return min(int(np.searchsorted(share, asked)) + 1, most)
        if asked != int(asked) or asked > most:
            raise ValueError(f"PCA: n_components={asked}; n samples of d features have "
                             f"min(n - 1, d) = {most} axes")
        return int(asked)


class Whitening:
    """A linear map after which the covariance is I.

    kind: "pca", along the principal axes, or "zca", turned back so that features keep their
    meaning. eps is added to each λ: a direction without variance would be blown up without end.
    After fit: mean_ (d,), matrix_ (d, d), variances_ (d,).
    """

    def __init__(self, kind="pca", *, eps=1e-6):
        if kind not in ("pca", "zca") or eps < 0:
            raise ValueError(f'Whitening: kind={kind!r}, eps={eps}; kind must be "pca" or "zca", '
                             "eps 0 or more")
        self.kind, self.eps = kind, eps

    def fit(self, X):
        """Find mean and map of X (n, d), n at least 2.   -> self

        ValueError if a direction has no variance and eps is 0.
        """
        X = as_samples(X, "Whitening", least=2)
        self.mean_ = mean(X, "Whitening")
        variances, V = eigh(covariance(X, self.mean_))
        variances, V = np.maximum(variances[::-1], 0), V[:, ::-1]
        if self.eps == 0 and variances[-1] <= CONSTANT * variances[0]:
            raise ValueError("Whitening: a direction has no variance; take eps > 0, or fewer "
                             "features")
        V *= np.sign(V[abs(V).argmax(0), np.arange(len(V))])
        root = np.sqrt(variances + self.eps)
        self.variances_ = variances
        # of one sample as a row: z = x_c matrix_, and back x_c = z inverse_
        self.matrix_, self.inverse_ = V / root, (V * root).T
        if self.kind == "zca":
            self.matrix_, self.inverse_ = self.matrix_ @ V.T, V @ self.inverse_
        return self

    def transform(self, X):
        """White samples.   (m, d) -> (m, d)"""
        matrix = fitted(self, "matrix_")
        return (as_samples(X, "Whitening.transform", features=len(matrix)) - self.mean_) @ matrix

    def fit_transform(self, X):
        """The samples fitted to, white.   (n, d) -> (n, d)"""
        return self.fit(X).transform(X)

    def inverse_transform(self, Z):
        """The samples that become Z.   (m, d) -> (m, d)"""
        inverse = fitted(self, "inverse_")
        return as_samples(Z, "Whitening.inverse_transform", features=len(inverse)) @ inverse \
            + self.mean_


def blocks(X):
    """The rows of X, some at a time, in float64.   (n, d) -> (m, d), (m, d), ..."""
    step = max(1, BLOCK // X.shape[1])
    return (np.asarray(X[i : i + step], np.float64) for i in range(0, len(X), step))


def mean(X, who):
    """μ of X by blocks.   (n, d) -> (d,); ValueError if X holds NaN or infinity"""
    mu = sum(x.sum(0) for x in blocks(X)) / len(X)
    refuse_nan(mu, who)
    return mu


def covariance(X, mu):
    """C = (X - μ)ᵀ(X - μ) / (n - 1) by blocks.   (n, d), (d,) -> (d, d)"""
    total = 0
    for x in blocks(X):
        x = x - mu
        total = total + x.T @ x
    return total / (len(X) - 1)


def kaiser(variances):
    """How many axes tell more than an average feature does: λ above the mean of all λ.   -> int

    After standardizing that mean is 1. Source: Kaiser, The application of electronic computers to
    factor analysis, 1960.
    """
    variances = np.asarray(variances)
    return int((variances > variances.mean() * (1 + 1e-9)).sum())       # equal ones are not above


def elbow(variances):
    """How many axes come before the curve of λ bends: its point farthest below the chord.   -> int

    The chord runs from the first λ to the last; the axis at the bend itself is not counted.
    """
    y = np.asarray(variances, np.float64)
    chord = np.linspace(y[0], y[-1], len(y))
    return int((chord - y).argmax())

r"""Gaussian mixture: the density of samples as a sum of k bells, found by EM.

A sample is made in two draws: which bell, with probability π; then a point of that bell. Which one
it was is not known, so EM takes turns. E: how likely did each bell make each sample, its
responsibility γ. M: each bell becomes the Gaussian of all samples, weighted by γ. The likelihood of
the samples can only rise.

$$ p(x) = \sum_k \pi_k \mathcal N(x; \mu_k, \Sigma_k), \qquad
   \gamma_{ik} = \frac{\pi_k \mathcal N(x_i; \mu_k, \Sigma_k)}{p(x_i)} $$
$$ N_k = \sum_i \gamma_{ik}, \quad \pi_k = \frac{N_k}{n}, \quad
   \mu_k = \frac1{N_k} \sum_i \gamma_{ik} x_i, \quad
   \Sigma_k = \frac1{N_k} \sum_i \gamma_{ik} (x_i - \mu_k)(x_i - \mu_k)^\top + \epsilon I $$

Covariances may be full, diagonal, spherical (σ² I), or tied, one for all. Small and equal spheres
make every γ 0 or 1: that is k-means. A bell that shrinks onto one sample would have infinite
density; ε stops it. Logarithms all through: densities of many features are beyond float64.
BIC chooses k: -2 log-likelihood + (number of parameters) log n, the smaller, the better.

Symbols: X (n, d) · weights π (k,) · means μ (k, d) · responsibilities γ (n, k)
covariances Σ: full (k, d, d), diag (k, d), spherical (k,), tied (d, d)
Course: deck B, « mélange de deux gaussiennes », deck A, « Estimation de densité »; item C-05.
Source: Dempster, Laird & Rubin, Maximum likelihood from incomplete data via the EM algorithm, 1977;
Schwarz, Estimating the dimension of a model, 1978 (BIC).
Read next: kde.py (a bell on every sample).
"""

import numpy as np
from scipy.linalg import LinAlgError, cholesky, solve_triangular
from scipy.special import logsumexp

from minigen.models.classical.inputs import as_samples, fitted, refuse_nan
from minigen.models.classical.kmeans import KMeans

KINDS = ("full", "tied", "diag", "spherical")
BLOCK = 1 << 18         # numbers looked at together: they stay in the cache
SHRUNK = ("GaussianMixture: a covariance is not positive: a component has shrunk onto too few "
          "samples; try a larger reg_covar or fewer components")


class GaussianMixture:
    """A mixture of Gaussians.

    n_components: k. covariance_type: "full", "tied", "diag" or "spherical". init: "kmeans", whose
    clusters are the first responsibilities, or the first means (k, d), which start with equal
    weights and the covariance of all samples. reg_covar: ε. n_init: starts by k-means, of which the
    best is kept. Turns end after max_iter, or when a sample's mean log-likelihood rises by less
    than tol.
    After fit: weights_, means_, covariances_, n_iter_, and history_: the mean log-likelihood before
    each turn, and at the end.
    """

    def __init__(self, n_components=1, covariance_type="full", *, init="kmeans", n_init=1,
                 reg_covar=1e-6, max_iter=200, tol=1e-5, seed=0):
        if covariance_type not in KINDS:
            raise ValueError(f"GaussianMixture: covariance_type={covariance_type!r}; it must be "
                             f"one of {', '.join(KINDS)}")
        for name, value in (("n_components", n_components), ("n_init", n_init),
                            ("max_iter", max_iter)):
            if value < 1:
                raise ValueError(f"GaussianMixture: {name}={value}; it must be at least 1")
        self.n_components, self.covariance_type, self.init = n_components, covariance_type, init
        self.n_init, self.reg_covar = n_init, reg_covar
        self.max_iter, self.tol, self.seed = max_iter, tol, seed

    def fit(self, X):
        """Find weights, means and covariances of X (n, d), n at least k.   -> self"""
        X = as_samples(X, "GaussianMixture", least=self.n_components).astype(np.float64, copy=False)
        refuse_nan(X, "GaussianMixture")
        runs = [self._turns(X, self._start(X, self.seed + i)) for i in range(self.n_init)]
        parameters, self.history_ = max(runs, key=lambda run: run[1][-1])
        self.weights_, self.means_, self.covariances_ = parameters
        self.n_iter_ = len(self.history_) - 1
        return self

    def predict(self, X):
        """The likeliest component of each sample.   (n, d) -> (n,)"""
        return self._expect(X, "predict")[1].argmax(1)

    def predict_proba(self, X):
        """The responsibilities γ, which sum to 1.   (n, d) -> (n, k)"""
        return self._expect(X, "predict_proba")[1]

    def score_samples(self, X):
        """log p(x) of each sample.   (n, d) -> (n,)"""
        return self._expect(X, "score_samples")[0]

    def score(self, X):
        """The mean log-likelihood of the samples.   (n, d) -> float"""
        return float(self.score_samples(X).mean())

    def bic(self, X):
        """Bayesian information criterion on the samples: the smaller, the better.   -> float"""
        d, k = fitted(self, "means_").shape[1], self.n_components
        square = d * (d + 1) // 2
        of_covariances = {"full": k * square, "tied": square, "diag": k * d, "spherical": k}
        parameters = of_covariances[self.covariance_type] + k * d + k - 1
        return -2 * len(X) * self.score(X) + parameters * np.log(len(X))

    def sample(self, n, seed=0):
        """n new samples, and the component that made each.   -> (n, d), (n,)"""
        means, rng = fitted(self, "means_"), np.random.default_rng(seed)
        component = rng.choice(self.n_components, n, p=self.weights_)
        z = rng.standard_normal((n, means.shape[1]))
        out = means[component]
        for j, factor in enumerate(self._whole_covariances()):
            mine = component == j
            out[mine] += z[mine] @ cholesky(factor, lower=True).T
        return out, component

    def _whole_covariances(self):
        """Every Σ as a matrix.   -> (k, d, d)"""
        k, d = self.means_.shape
        if self.covariance_type in ("full", "tied"):
            return np.broadcast_to(self.covariances_, (k, d, d))
        return self.covariances_.reshape(k, -1, 1) * np.eye(d)

    def _start(self, X, seed):
        """The first parameters.   -> weights, means, covariances"""
        n, k = len(X), self.n_components
        if isinstance(self.init, str):
            if self.init != "kmeans":
                raise ValueError(f'GaussianMixture: init={self.init!r}; it must be "kmeans" or the '
                                 "first means")
            first = np.eye(k)[KMeans(k, seed=seed).fit_predict(X)]                      # (n, k)
            return maximisation(X, first, self.covariance_type, self.reg_covar)
        means = as_samples(self.init, "GaussianMixture: init", X.shape[1])
        if len(means) != k:
            raise ValueError(f"GaussianMixture: init has {len(means)} means, not {k}")
        equal = np.full((n, k), 1 / k)              # all alike: the covariance of all samples
        weights, _, covariances = maximisation(X, equal, self.covariance_type, self.reg_covar)
        return weights, means.astype(np.float64), covariances

    def _turns(self, X, parameters):
        """EM from these parameters.   -> parameters, history"""
        log_likelihood, responsibilities = expectation(X, *parameters, self.covariance_type)
        history = [log_likelihood.mean()]
        for _ in range(self.max_iter):
            parameters = maximisation(X, responsibilities, self.covariance_type, self.reg_covar)
            log_likelihood, responsibilities = expectation(X, *parameters, self.covariance_type)
            history.append(log_likelihood.mean())
            if history[-1] - history[-2] < self.tol:
                break
        return parameters, np.array(history)

    def _expect(self, X, method):
        features = fitted(self, "means_").shape[1]
        X = as_samples(X, f"GaussianMixture.{method}", features)
        return expectation(X, self.weights_, self.means_, self.covariances_, self.covariance_type)


def expectation(X, weights, means, covariances, kind):
    """The E step.   X (n, d), weights (k,), means (k, d), covariances of the kind

    -> log p(x) (n,), responsibilities (n, k)
    """
    with np.errstate(divide="ignore"):              # a weight of 0 has the logarithm -∞: never
        joint = log_densities(X, means, covariances, kind) + np.log(weights)          # (n, k)
    log_likelihood = logsumexp(joint, axis=1)                                           # (n,)
    return log_likelihood, np.exp(joint - log_likelihood[:, None])


def maximisation(X, responsibilities, kind, reg_covar=1e-6):
    """The M step.   X (n, d), responsibilities (n, k) -> weights, means, covariances of the kind"""
    n, d = X.shape
    count = responsibilities.sum(0) + 10 * np.finfo(np.float64).eps     # an empty one stays finite
    means = responsibilities.T @ X / count[:, None]                                     # (k, d)
    whole = kind in ("full", "tied")
    covariances = np.zeros((len(means), d, d) if whole else means.shape)
    for rows in _blocks(X):
        for j, mean in enumerate(means):
            x, share = X[rows] - mean, responsibilities[rows, j]                # (b, d), (b,)
            covariances[j] += (share[:, None] * x).T @ x if whole else share @ x**2
    covariances /= count.reshape(-1, *[1] * (covariances.ndim - 1))
    if kind == "tied":
        covariances = np.tensordot(count / n, covariances, 1)                           # (d, d)
    if kind == "spherical":
        covariances = covariances.mean(1)                                               # (k,)
    return count / n, means, covariances + reg_covar * (np.eye(d) if whole else 1)


def log_densities(X, means, covariances, kind):
    """log N(x; μ, Σ) for every sample and component.   (n, d), (k, d), of the kind -> (n, k)"""
    (k, d), out = means.shape, np.empty((len(X), len(means)))
    factors, log_det = _precision_factors(covariances, kind, k, d)
    for rows in _blocks(X):
        for j in range(k):
            x = X[rows] - means[j]
            if factors.ndim == 3:
                z = x @ factors[j]                                              # (b, d), white
                square = np.einsum("ij,ij->i", z, z)
            else:
                square = x**2 @ factors[j] ** 2
            out[rows, j] = log_det[j] - 0.5 * square
    return out - 0.5 * d * np.log(2 * np.pi)


def _precision_factors(covariances, kind, k, d):
    """What whitens each component, and the logarithm of its determinant: -½ log |Σ|.

    Matrices P with P Pᵀ = Σ⁻¹ (k, d, d), from Cholesky's Σ = L Lᵀ, P = L⁻ᵀ; or 1/σ as (k, d).
    """
    if kind in ("diag", "spherical"):
        if covariances.min() <= 0:
            raise ValueError(SHRUNK)
        factors = np.broadcast_to(covariances.reshape(k, -1), (k, d)) ** -0.5
        return factors, np.log(factors).sum(1)
    try:
        lower = [cholesky(c, lower=True) for c in covariances.reshape(-1, d, d)]
    except LinAlgError:
        raise ValueError(SHRUNK) from None
    factors = np.array([solve_triangular(c, np.eye(d), lower=True).T for c in lower])
    factors = np.broadcast_to(factors, (k, d, d))
    return factors, np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(1)


def _blocks(X):
    """Slices of rows, so that what is made of each stays in the cache."""
    step = max(1, BLOCK // X.shape[1])
    return [slice(start, start + step) for start in range(0, len(X), step)]

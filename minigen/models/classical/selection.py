r"""Feature selection: which of the given features to keep. Feature extraction makes new ones.

Selection keeps a subset S of the columns of X: what is left still means what it meant, and need no
longer be measured for the rest. Extraction mixes all columns into few new ones (pca.py): it holds
more in as few numbers, and needs all of the old ones.

    filter     each column by itself: its variance, its correlation with others, what it tells of y
    wrapper    subsets by how well a model predicts that was fitted to them: forward selection
    embedded   the model itself leaves columns out: lasso.py

$$ \rho_{jk} = \frac{c_{jk}}{\sqrt{c_{jj} c_{kk}}}, \qquad
   I(x_j; y) = \sum_{a,b} p_{ab} \log \frac{p_{ab}}{p_a p_b} $$

Symbols: X (n, d) · y (n,) · c the covariance · p_ab: share of samples with x_j in bin a, y in b
All have scikit-learn's `fit`, `transform`, `get_support`.
Course: deck A, « Réduction de dimension : sélection / extraction de caractéristiques », feature
selection, feature extraction; item C-02.
Source: Guyon & Elisseeff, An introduction to variable and feature selection, JMLR 2003.
Read next: lasso.py, pca.py.
"""

import numpy as np

from minigen.models.classical.inputs import as_samples, fitted, refuse_nan
from minigen.models.classical.supervised import LinearRegression


class _Selector:
    """What all have in common: columns go or stay, `support_` says which."""

    def get_support(self, indices=False):
        """Which columns are kept.   -> (d,) booleans, or their numbers in rising order"""
        support = fitted(self, "support_")
        return np.flatnonzero(support) if indices else support

    def transform(self, X):
        """The columns that are kept.   (m, d) -> (m, kept)"""
        support = self.get_support()
        return as_samples(X, f"{type(self).__name__}.transform", features=len(support))[:, support]

    def fit_transform(self, X, y=None):
        """Fit, then transform the same samples.   (n, d) -> (n, kept)"""
        return (self.fit(X) if y is None else self.fit(X, y)).transform(X)

    def _samples(self, X, y=None):
        """X, and y beside it, checked.   -> (n, d), (n,)"""
        name = type(self).__name__
        X = as_samples(X, name, least=2).astype(np.float64)
        refuse_nan(X, name)
        if y is None:
            return X
        y = np.asarray(y)
        if y.shape != (len(X),):
            raise ValueError(f"{name}: y has shape {y.shape} for {len(X)} samples; it must be (n,)")
        return X, y


class VarianceThreshold(_Selector):
    """Keeps columns whose variance is above the threshold: what never changes tells nothing.

    After fit: variances_ (d,), with 1/n, support_ (d,).
    """

    def __init__(self, threshold=0.0):
        if threshold < 0:
            raise ValueError(f"VarianceThreshold: threshold={threshold}; it must be 0 or more")
        self.threshold = threshold

    def fit(self, X):
        """Find the variances of X (n, d).   -> self"""
        X = self._samples(X)
        # a column of one value has variance 0, whatever rounding makes of its mean
        self.variances_ = np.where(np.ptp(X, axis=0) == 0, 0, X.var(0))
        self.support_ = self.variances_ > self.threshold
        return self


class CorrelationFilter(_Selector):
    """Of columns that say the same, keeps the first: drops those with |ρ| above the threshold.

    After fit: support_ (d,). A column that does not vary is correlated with none.
    """

    def __init__(self, threshold=0.95):
        if not 0 < threshold <= 1:
            raise ValueError(f"CorrelationFilter: threshold={threshold}; it must be in (0, 1]")
        self.threshold = threshold

    def fit(self, X):
        """Find the columns of X (n, d) that repeat an earlier one which is kept.   -> self"""
        X = self._samples(X)
        Z = X - X.mean(0)
        Z /= np.maximum(np.linalg.norm(Z, axis=0), np.finfo(float).tiny)
        rho = abs(Z.T @ Z)                                              # (d, d)
        kept = []
        for j in range(len(rho)):
            if (rho[j, kept] <= self.threshold).all():
                kept.append(j)
        self.support_ = np.isin(np.arange(len(rho)), kept)
        return self


class MutualInformation(_Selector):
    """Keeps the k columns that, each by itself, tell most of y.

    bins: of the histograms, at the quantiles of a column, so that all hold equally many samples; y
    too is put into bins if it is a fraction, else its values are classes.
    After fit: scores_ (d,), in nats, support_ (d,).
    """

    def __init__(self, k, *, bins=10):
        if k < 1 or bins < 2:
            raise ValueError(f"MutualInformation: k={k}, bins={bins}; k must be at least 1, bins 2")
        self.k, self.bins = k, bins

    def fit(self, X, y):
        """Estimate I(x_j; y) for X (n, d), y (n,).   -> self"""
        X, y = self._samples(X, y)
        _least_features("MutualInformation", self.k, X)
        _, classes = np.unique(y, return_inverse=True)
        if y.dtype.kind == "f":
            classes = in_bins(y, self.bins)
        self.scores_ = np.array([mutual_information(in_bins(x, self.bins), classes) for x in X.T])
        best = np.argsort(-self.scores_, kind="stable")[: self.k]
        self.support_ = np.isin(np.arange(X.shape[1]), best)
        return self


class ForwardSelection(_Selector):
    """Adds columns one by one, each time the one after which a linear model predicts best.

    Greedy: a column once in stays in. The score is the mean squared error on every `folds`-th
    sample, which the model has not seen. k: how many columns; None: until none lowers the error.
    After fit: order_, columns as they came in; errors_, after each of them; support_ (d,).
    """

    def __init__(self, k=None, *, folds=5):
        if folds < 2 or (k is not None and k < 1):
            raise ValueError(f"ForwardSelection: k={k}, folds={folds}; k must be at least 1, folds "
                             "2")
        self.k, self.folds = k, folds

    def fit(self, X, y):
        """Search the columns of X (n, d) for those that predict y (n,).   -> self"""
        X, y = self._samples(X, y)
        _least_features("ForwardSelection", self.k or 1, X)
        chosen, errors, best = [], [], ((y - y.mean()) ** 2).mean()
        while len(chosen) < (self.k or X.shape[1]):
            left = [j for j in range(X.shape[1]) if j not in chosen]
            scores = [self._error(X[:, [*chosen, j]], y) for j in left]
            if self.k is None and min(scores) >= best:
                break
            best = min(scores)
            chosen.append(left[int(np.argmin(scores))])
            errors.append(best)
        self.order_, self.errors_ = np.array(chosen, int), np.array(errors)
        self.support_ = np.isin(np.arange(X.shape[1]), chosen)
        return self

    def _error(self, X, y):
        """Mean squared error of samples that were held out, each once."""
        fold = np.arange(len(X)) % self.folds
        total = 0.0
        for f in range(self.folds):
            model = LinearRegression().fit(X[fold != f], y[fold != f])
            total += ((y[fold == f] - model.predict(X[fold == f])) ** 2).sum()
        return total / len(X)


def mutual_information(a, b):
    """I(a; b) = Σ p_ab log(p_ab / p_a p_b), in nats, of two labelings from 0.   (n,), (n,) -> float

    0 if they are independent; at most the lesser entropy, reached if one settles the other.
    """
    cells = np.bincount(a * (b.max() + 1) + b, minlength=(a.max() + 1) * (b.max() + 1))
    p = cells.reshape(a.max() + 1, b.max() + 1) / len(a)
    chance = np.outer(p.sum(1), p.sum(0))
    some = p > 0
    return float((p[some] * np.log(p[some] / chance[some])).sum())


def in_bins(x, bins):
    """The quantile bin that each number falls in, from 0.   (n,) -> (n,) int"""
    edges = np.quantile(x, np.arange(1, bins) / bins)
    return np.searchsorted(edges, x, side="right")


def _least_features(name, k, X):
    if k > X.shape[1]:
        raise ValueError(f"{name}: k={k}, but X has {X.shape[1]} features")

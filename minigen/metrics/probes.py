r"""Are classes easy to read off features? A linear classifier, and neighbours' votes (course S-EV).

Idea: the network that made the features stays as it is; what is measured is the representation. A
linear probe may weigh the features, but bend nothing; a k-NN probe learns nothing at all. Report
beside a probe's accuracy what the same probe reaches on raw pixels and on an untrained network.

    probe = LinearProbe().fit(features_train, labels_train)
    probe.score(features_test, labels_test)

Features are (N, ...), taken before the head, in eval mode, without augmentation.
Read next: inputs.py, retrieval.py.
"""

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax

from minigen.metrics.inputs import as_features, as_labels, distance_blocks


class _Probe:
    """What both have: classes, the most probable one, and how often that is right."""

    def _remember(self, X, y):
        """Check both and note the classes.   -> features (N, D), class numbers (N,)"""
        X = as_features(X, type(self).__name__)
        y = as_labels(y, type(self).__name__, len(X))
        self.classes_, number = np.unique(y, return_inverse=True)
        return X, number

    def _features(self, X):
        """Features to judge, (M, D), of the size that fit saw. RuntimeError before fit."""
        name = type(self).__name__
        if not hasattr(self, "classes_"):
            raise RuntimeError(f"{name}: call fit(features, labels) first")
        X = as_features(X, name)
        if X.shape[1] != self.size_:
            raise ValueError(f"{name}: features of size {X.shape[1]}, fitted to size {self.size_}")
        return X

    def predict(self, X):
        """The most probable class of each.   (M, ...) -> (M,)"""
        best = self.predict_proba(X).argmax(1)
        return self.classes_[best]

    def score(self, X, y):
        """Accuracy.   (M, ...), (M,) -> float in [0, 1]"""
        predicted = self.predict(X)
        return float((predicted == as_labels(y, type(self).__name__, len(predicted))).mean())


class LinearProbe(_Probe):
    r"""Multinomial logistic regression on standardised features.

        min_{W, b}  C Σ_n -log softmax(W x_n + b)_{y_n} + ½ |W|²

    C: how much the data counts against the penalty, as in scikit-learn; the bias is free. The
    problem is convex; L-BFGS (Liu & Nocedal, 1989) solves it in at most max_iter iterations.
    After fit: coef_ (K, D) and intercept_ (K,), for standardised features; classes_ (K,).
    """

    def __init__(self, C=1.0, max_iter=1000):
        if C <= 0:
            raise ValueError(f"LinearProbe: C={C}; it must be positive")
        self.C, self.max_iter = C, max_iter

    def fit(self, X, y):
        """Learn from features (N, ...) and their classes (N,).   -> self"""
        X, number = self._remember(X, y)
        self.size_ = X.shape[1]
        self.mean_, deviation = X.mean(0), X.std(0)
        # a constant feature has deviation 0, or what rounding leaves of it: it says nothing
        constant = deviation <= 1e-12 * abs(X).max(0)
        self.scale_ = np.where(constant, 0, 1 / np.where(constant, 1, deviation))
        X = self._standardised(X)                                               # (N, D)
        classes, target = len(self.classes_), np.eye(len(self.classes_))[number]  # (N, K)

        def objective(parameters):
            """The mean loss, as the penalty then has the size of the step, and its gradient."""
            W, b = np.split(parameters.reshape(classes, -1), [X.shape[1]], axis=1)
            logits = X @ W.T + b.T                                              # (N, K)
            loss = (logsumexp(logits, 1) - (logits * target).sum(1)).mean()
            g = (softmax(logits, 1) - target) / len(X)                          # (N, K)
            decay = 1 / (self.C * len(X))
            gradient = np.hstack([g.T @ X + decay * W, g.sum(0)[:, None]])      # (K, D + 1)
            return loss + decay / 2 * (W**2).sum(), gradient.ravel()

        start = np.zeros(classes * (X.shape[1] + 1))
        best = minimize(objective, start, jac=True, method="L-BFGS-B",
                        options={"maxiter": self.max_iter, "gtol": 1e-6, "ftol": 1e-12})
        best = best.x.reshape(classes, -1)
        self.coef_, self.intercept_ = best[:, :-1], best[:, -1]
        return self

    def predict_proba(self, X):
        """softmax(W x + b), a column for each of classes_.   (M, ...) -> (M, K)"""
        X = self._standardised(self._features(X))
        return softmax(X @ self.coef_.T + self.intercept_, 1)

    def _standardised(self, X):
        return (X - self.mean_) * self.scale_


class KNNProbe(_Probe):
    r"""Votes of the k nearest training samples, by cosine similarity, the nearer the heavier.

        p(c | x) ∝ Σ_{i among the k nearest, y_i = c} exp(cos(x, x_i) / τ)

    k is at most the number of training samples; temperature is τ.
    Source: Wu et al., Instance discrimination, CVPR 2018, §3.4; DINO takes k = 20 and τ = 0.07.
    """

    def __init__(self, k=20, temperature=0.07):
        if k < 1 or temperature <= 0:
            raise ValueError(f"KNNProbe: k={k}, temperature={temperature}; k must be at least 1 "
                             "and the temperature positive")
        self.k, self.temperature = k, temperature

    def fit(self, X, y):
        """Remember features (N, ...) and their classes (N,).   -> self"""
        self.gallery_, self.number_ = self._remember(X, y)
        self.size_ = self.gallery_.shape[1]
        return self

    def predict_proba(self, X):
        """Each class's share of the votes, a column for each of classes_.   (M, ...) -> (M, K)"""
        X = self._features(X)
        k = min(self.k, len(self.gallery_))
        votes = np.zeros((len(X), len(self.classes_)))
        for rows, distance in distance_blocks(X, self.gallery_, "cosine"):
            nearest = np.argpartition(distance, k - 1, axis=1)[:, :k]           # (B, k)
            near = np.take_along_axis(distance, nearest, 1)
            # relative to the nearest: exp of it cannot overflow, however low the temperature
            weight = np.exp((near.min(1, keepdims=True) - near) / self.temperature)
            index = np.arange(len(near))[:, None], self.number_[nearest]
            np.add.at(votes[rows], index, weight)
        return votes / votes.sum(1, keepdims=True)

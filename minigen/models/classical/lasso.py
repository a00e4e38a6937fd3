r"""LASSO: linear regression that leaves features out.

The sum of the sizes of the weights is part of the price. The penalty pulls every weight towards 0
by the same force however small it is, so that weights of little use do not become small but 0.

$$ \min_w \tfrac12 \|y - Xw\|^2 + \lambda \|w\|_1, \qquad
   S(a, \lambda) = \mathrm{sign}(a) \max(|a| - \lambda, 0) $$

Coordinate descent minimises over one weight at a time, the others fixed, which is a formula:

$$ \rho_j = x_j^\top (y - Xw + x_j w_j), \qquad w_j \leftarrow S(\rho_j, \lambda) / \|x_j\|^2 $$

The problem is convex, and rounds of this reach its minimum. Each costs n d. If XᵀX = I, one round
is enough: w = S(Xᵀy, λ). From λ = ‖Xᵀy‖∞ on, w = 0.

Symbols: X (n, d) · y (n,) · w (d,) · S: the soft threshold · λ: scikit-learn's alpha is λ/n
Course: deck A, « sélection de caractéristiques », feature selection; item C-02.
Source: Tibshirani, Regression shrinkage and selection via the lasso, 1996; Friedman, Hastie &
Tibshirani, Regularization paths by coordinate descent, 2010.
Read next: selection.py.
"""

import numpy as np

from minigen.models.classical.inputs import as_samples, fitted, refuse_nan


class Lasso:
    """Linear regression with penalty λ Σ|w_j|; the intercept is free.

    tol: stop when a round moves no prediction by more than this share of y's deviation.
    After fit: coef_ (d,), intercept_, n_iter_, rounds that were made.
    """

    def __init__(self, penalty, *, fit_intercept=True, max_iter=1000, tol=1e-10):
        if penalty < 0 or max_iter < 1:
            raise ValueError(f"Lasso: penalty={penalty}; it must be 0 or more, and max_iter at "
                             "least 1")
        self.penalty, self.fit_intercept = penalty, fit_intercept
        self.max_iter, self.tol = max_iter, tol

    def fit(self, X, y, start=None):
        """Minimise for X (n, d), y (n,), from the weights `start`, or from 0.   -> self"""
        X, y, centre, level = prepare(X, y, self.fit_intercept)
        w = np.zeros(X.shape[1]) if start is None else np.array(start, np.float64)
        square = (X**2).sum(0)                                          # ‖x_j‖², (d,)
        columns = np.ascontiguousarray(X.T)                             # (d, n)
        residual = y - X @ w                                            # (n,)
        enough = self.tol * np.linalg.norm(y)
        every = active = np.flatnonzero(square)
        for rounds in range(1, self.max_iter + 1):
            self.n_iter_, moved = rounds, 0.0
            for j in active:
                rho = columns[j] @ residual + square[j] * w[j]
                # S(ρ, λ) / ‖x_j‖²: of the two terms one at least is 0
                new = (max(rho - self.penalty, 0) + min(rho + self.penalty, 0)) / square[j]
                if new != w[j]:
                    residual -= columns[j] * (new - w[j])
                    moved = max(moved, abs(new - w[j]) * square[j] ** 0.5)
                    w[j] = new
            if moved <= enough and active is every:
                break
            # between two rounds over all, only weights that are not 0 move: mostly few
            active = every if moved <= enough else np.flatnonzero(w)
        self.coef_, self.intercept_ = w, level - centre @ w
        return self

    def predict(self, X):
        """ŷ = X w + intercept.   (m, d) -> (m,)"""
        coef = fitted(self, "coef_")
        return as_samples(X, "Lasso.predict", len(coef)) @ coef + self.intercept_


def lasso_path(X, y, *, count=50, reach=1e-3):
    """Weights for falling penalties, from the least one that leaves none.

    count penalties, even on a logarithmic scale, from ‖Xᵀy‖∞ to `reach` of it; each fit starts from
    the last one's weights.   (n, d), (n,) -> penalties (count,), weights (count, d)
    """
    centred, target, *_ = prepare(X, y, True)
    largest = abs(centred.T @ target).max()
    penalties = largest * np.geomspace(1, reach, count)
    weights, w = [], None
    for penalty in penalties:
        w = Lasso(penalty).fit(X, y, w).coef_
        weights.append(w)
    return penalties, np.array(weights)


def prepare(X, y, centre):
    """X and y, checked, less their means if `centre`.   -> (n, d), (n,), means (d,) and ()"""
    X = as_samples(X, "Lasso").astype(np.float64)
    y = np.asarray(y, np.float64)
    if y.shape != (len(X),):
        raise ValueError(f"Lasso: y has shape {y.shape} for {len(X)} samples; it must be (n,)")
    refuse_nan(X, "Lasso")
    refuse_nan(y, "Lasso", "y")
    means, level = (X.mean(0), y.mean()) if centre else (np.zeros(X.shape[1]), 0.0)
    return X - means, y - level, means, level

r"""Power laws of cost and error: what the next halving of the error costs.

Over many orders of magnitude, the error of a family of models falls with the compute that went into
them along a straight line on paper that is logarithmic both ways:

$$ \log \text{error} = a - b \log \text{compute} \quad\Leftrightarrow\quad
   \text{error} = e^a \, \text{compute}^{-b} $$

Two numbers, by least squares in logarithms. The exponent b says how fast returns diminish: half of
the error costs 2^{1/b} times as much, over and over: twice for b = 1, a thousand times for b = 0.1.
The line is an observation, not a theorem: it ends at the errors that no model can avoid.

Symbols: compute, error (n,), all positive, in any unit
Training costs about 6 operations for each weight and each sample: 2 forwards, 4 backwards.
Course: deck A, « rendements décroissants », diminishing returns; item C-15.
Source: Thompson, Greenewald, Lee & Manso, Deep learning's diminishing returns, IEEE Spectrum 2021;
Kaplan et al., Scaling laws for neural language models, 2020 (the 6).
Read next: supervised.py (LinearRegression, which fits the line).
"""

import numpy as np

from minigen.models.classical.inputs import fitted
from minigen.models.classical.supervised import LinearRegression


class PowerLaw:
    """error = e^a · compute^(-b). After fit: exponent_ b, and factor_ e^a."""

    def fit(self, compute, error):
        """Draw the line through the logarithms.   (n,), (n,) -> self

        ValueError for numbers that are not positive, or all of one compute.
        """
        x, y = self._logs(compute), self._logs(error)
        if x.shape != y.shape or len(np.unique(x)) < 2:
            raise ValueError(f"PowerLaw: {len(x)} of compute and {len(y)} of error; it takes as "
                             "many of both, and two different of compute")
        line = LinearRegression().fit(x[:, None], y)
        self.exponent_, self.factor_ = -line.coef_[0], np.exp(line.intercept_)
        return self

    def predict(self, compute):
        """The error that so much compute leads to.   (m,) -> (m,)"""
        b = fitted(self, "exponent_")
        return self.factor_ * np.exp(-b * self._logs(compute))

    def compute_for(self, error):
        """The compute that so small an error takes.   (m,) -> (m,)"""
        b = fitted(self, "exponent_")
        return (np.asarray(error, np.float64) / self.factor_) ** (-1 / b)

    def score(self, compute, error):
        """R² of the line, in logarithms: 1 is perfect, 0 what a constant reaches.   -> float"""
        y, found = self._logs(error), self._logs(self.predict(compute))
        return float(1 - ((y - found) ** 2).sum() / ((y - y.mean()) ** 2).sum())

    def _logs(self, values):
        values = np.atleast_1d(np.asarray(values, np.float64))
        if values.ndim != 1 or not (values > 0).all() or not np.isfinite(values).all():
            raise ValueError("PowerLaw: compute and error are positive numbers (n,): others have "
                             "no logarithm")
        return np.log(values)

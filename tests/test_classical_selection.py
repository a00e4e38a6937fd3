"""Feature selection and the LASSO: closed forms, optimality, and what the demo recovers."""

import json

import numpy as np
import pytest

from minigen.cli import main
from minigen.models.classical.lasso import Lasso, lasso_path
from minigen.models.classical.selection import (
    CorrelationFilter,
    ForwardSelection,
    MutualInformation,
    VarianceThreshold,
    in_bins,
    mutual_information,
)
from minigen.models.classical.supervised import LinearRegression

RNG = np.random.default_rng(0)
X = RNG.normal(size=(100, 8)) @ RNG.normal(size=(8, 8)) + 2
Y = X[:, 1] - 2 * X[:, 5] + 0.1 * RNG.normal(size=100) + 4


def test_orthonormal_design_has_a_closed_form():
    Q, _ = np.linalg.qr(RNG.normal(size=(30, 6)))
    y = RNG.normal(size=30) * 2
    model = Lasso(0.7, fit_intercept=False).fit(Q, y)
    rho = Q.T @ y
    np.testing.assert_allclose(model.coef_, np.sign(rho) * np.maximum(abs(rho) - 0.7, 0),
                               atol=1e-10)
    assert 0 < (model.coef_ == 0).sum() < 6
    assert model.n_iter_ == 3                   # the first is enough, two more see that it was


def test_the_largest_penalty_leaves_nothing():
    centred, y = X - X.mean(0), Y - Y.mean()
    largest = abs(centred.T @ y).max()
    assert not Lasso(largest).fit(X, Y).coef_.any()
    assert Lasso(0.99 * largest).fit(X, Y).coef_.any()
    plain = Lasso(largest).fit(X, Y)
    np.testing.assert_allclose(plain.predict(X), Y.mean())


@pytest.mark.parametrize("penalty", [3.0, 40.0])
def test_conditions_of_the_minimum(penalty):
    model = Lasso(penalty, max_iter=20_000).fit(X, Y)
    gradient = (X - X.mean(0)).T @ (Y - model.predict(X))           # of the squared error, negated
    on = model.coef_ != 0
    np.testing.assert_allclose(gradient[on], penalty * np.sign(model.coef_[on]), atol=1e-6)
    assert (abs(gradient[~on]) <= penalty + 1e-6).all()
    assert (Y - model.predict(X)).mean() == pytest.approx(0, abs=1e-10)


def test_no_penalty_is_least_squares():
    np.testing.assert_allclose(Lasso(0, max_iter=100_000, tol=1e-13).fit(X, Y).coef_,
                               LinearRegression().fit(X, Y).coef_, atol=1e-6)


def test_a_path_starts_at_zero_and_ends_at_each_penaltys_own_minimum():
    penalties, path = lasso_path(X, Y, count=8)
    assert not path[0].any() and path[-1].any()
    assert (np.diff(penalties) < 0).all()
    np.testing.assert_allclose(path[4], Lasso(penalties[4]).fit(X, Y).coef_, atol=1e-6)


def test_variance_and_correlation_filters():
    x = RNG.normal(size=(50, 1))
    other = RNG.normal(size=(50, 1))
    table = np.hstack([np.full((50, 1), 0.1), x, -3 * x + 1, other, x + 0.01 * other])
    steady = VarianceThreshold().fit(table)
    assert steady.get_support(indices=True).tolist() == [1, 2, 3, 4]
    np.testing.assert_allclose(steady.variances_[1:], table[:, 1:].var(0))
    assert CorrelationFilter().fit(table).get_support(True).tolist() == [0, 1, 3]
    assert CorrelationFilter().fit_transform(table).shape == (50, 3)


def test_mutual_information_of_known_tables():
    a = np.arange(12) % 4
    assert mutual_information(a, a) == pytest.approx(np.log(4))
    assert mutual_information(a, np.arange(12) // 4) == pytest.approx(0, abs=1e-12)
    assert mutual_information(a, a // 2) == pytest.approx(np.log(2))
    assert np.bincount(in_bins(RNG.normal(size=1000), 4)).tolist() == [250] * 4


def test_mutual_information_sees_what_correlation_does_not():
    x = RNG.uniform(-1, 1, (2000, 3))
    model = MutualInformation(1).fit(x, x[:, 2] ** 2)
    assert abs(np.corrcoef(x[:, 2], x[:, 2] ** 2)[0, 1]) < 0.1
    assert model.get_support(True).tolist() == [2]
    assert MutualInformation(1).fit(x, (x[:, 0] > 0).astype(int)).support_[0]


def test_forward_selection_finds_the_columns_and_stops():
    model = ForwardSelection(2).fit(X, Y)
    assert sorted(model.order_) == [1, 5]
    assert model.errors_[1] < model.errors_[0] < Y.var()
    assert model.errors_[1] == pytest.approx(0.01, rel=0.5)             # the noise, 0.1²
    assert set(ForwardSelection().fit(X, Y).order_) >= {1, 5}
    assert len(ForwardSelection().fit(RNG.normal(size=(60, 3)), RNG.normal(size=60)).order_) < 3


@pytest.mark.parametrize(("call", "message"), [
    (lambda: Lasso(-1), "penalty=-1; it must be 0 or more, and max_iter"),
    (lambda: Lasso(1).fit(X, Y[:5]), r"y has shape \(5,\) for 100 samples"),
    (lambda: MutualInformation(9).fit(X, Y), "k=9, but X has 8 features"),
    (lambda: ForwardSelection(2).fit(X, Y[:, None]), r"it must be \(n,\)"),
    (lambda: CorrelationFilter(1.5), r"it must be in \(0, 1\]"),
    (lambda: VarianceThreshold().fit(X).transform(X[:, :2]), "X has 2 features; fitted to 8"),
    (lambda: Lasso(1).fit(X, np.where(Y > 4, np.nan, Y)), "Lasso: y holds NaN"),
])
def test_mistakes_are_explained(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_demo_recovers_the_five(tmp_path, capsys):
    changes = ["--set", "nuisance=10", "--set", "penalties=20"]
    assert main(["demo", "selection", *changes, "--out", str(tmp_path)]) == 0
    folder = tmp_path / "selection-1"
    assert {p.stem for p in folder.glob("*.png")} == {"schema", "lasso-path", "searches"}
    metrics = json.loads((folder / "report.json").read_text())["metrics"]
    assert metrics["forward"] == metrics["lasso"] == 5

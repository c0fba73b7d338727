"""The linear models have scikit-learn's own solutions."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.6")

from sklearn import linear_model
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_linnerud
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler

from tinygraph.sklearn import LinearRegression, LogisticRegression

# scikit-learn's search, to its end: Newton's method for two classes.
EXACT = {"tol": 1e-11, "max_iter": 100_000}


def classes(load):
    x, y = load(return_X_y=True)
    return StandardScaler().fit_transform(x), y


def assert_same(ours, theirs):
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=0, atol=1e-4)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=0, atol=1e-4)


@pytest.mark.parametrize("C", [0.1, 1.0])
@pytest.mark.parametrize("load", [load_breast_cancer, load_digits, load_iris])
def test_logistic_regression_is_scikit_learns(load, C):  # noqa: N803
    x, y = classes(load)
    ours = LogisticRegression(C=C).fit(x, y)
    theirs = linear_model.LogisticRegression(C=C, solver="newton-cholesky", **EXACT).fit(x, y)
    assert_same(ours, theirs)
    np.testing.assert_allclose(ours.predict_proba(x), theirs.predict_proba(x), atol=1e-5)
    np.testing.assert_allclose(ours.decision_function(x), theirs.decision_function(x), atol=1e-3)
    np.testing.assert_allclose(ours.predict_log_proba(x[:5]), np.log(ours.predict_proba(x[:5])))
    assert np.array_equal(ours.predict(x), theirs.predict(x))


@pytest.mark.parametrize(
    "options", [{"class_weight": "balanced"}, {"class_weight": {0: 3.0}}, {"fit_intercept": False}]
)
def test_weights_of_rows_and_classes_are_scikit_learns(options):
    x, y = classes(load_iris)
    weights = np.random.default_rng(0).integers(0, 4, len(y)).astype(float)
    ours = LogisticRegression(**options).fit(x, y, sample_weight=weights)
    theirs = linear_model.LogisticRegression(solver="newton-cholesky", **EXACT, **options)
    assert_same(ours, theirs.fit(x, y, sample_weight=weights))


def test_columns_of_any_scale_are_no_trouble():
    x, y = load_breast_cancer(return_X_y=True)  # deviations from 0.003 to 570: scikit-learn's L-BFGS takes thousands
    ours = LogisticRegression().fit(x, y)
    theirs = linear_model.LogisticRegression(solver="newton-cholesky", **EXACT).fit(x, y)
    assert_same(ours, theirs)
    assert ours.n_iter_[0] < 200


def test_without_a_penalty_the_weights_are_scikit_learns():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 4))
    y = x @ [1.0, -1.0, 0.5, 0.0] + rng.logistic(size=300) > 0
    theirs = linear_model.LogisticRegression(C=np.inf, solver="newton-cholesky", **EXACT)
    assert_same(LogisticRegression(C=np.inf).fit(x, y), theirs.fit(x, y))


def test_many_columns_are_scaled_one_by_one(monkeypatch):
    x, y = classes(load_iris)
    whole = LogisticRegression().fit(x, y)
    monkeypatch.setattr("tinygraph.sklearn.linear.MOST_COLUMNS", 2)
    assert_same(LogisticRegression().fit(x, y), whole)


def test_a_warm_start_begins_at_the_solution():
    x, y = classes(load_breast_cancer)
    model = LogisticRegression(warm_start=True).fit(x, y)
    first, coef = model.n_iter_[0], model.coef_
    model.fit(x, y)
    assert model.n_iter_[0] < first / 5
    np.testing.assert_allclose(model.coef_, coef, atol=1e-5)


def test_labels_may_be_strings_and_the_network_is_a_sequential():
    x, y = classes(load_iris)
    names = load_iris().target_names[y]
    model = LogisticRegression().fit(x, names)
    assert list(model.classes_) == ["setosa", "versicolor", "virginica"]
    assert model.predict(x[:1]) == ["setosa"]
    np.testing.assert_allclose(model.model_.predict(x), model.predict_proba(x), atol=1e-12)


def test_too_few_iterations_are_told():
    x, y = classes(load_digits)
    with pytest.warns(ConvergenceWarning, match="LogisticRegression: L-BFGS has not converged in 3 iterations"):
        LogisticRegression(max_iter=3).fit(x, y)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [({"C": 0}, "C must be positive, got 0"), ({"max_iter": 1.5}, "max_iter must be a positive whole number, got 1.5")],
)
def test_parameters_out_of_range_are_refused_and_nothing_changes(parameters, message):
    x, y = classes(load_iris)
    model = LogisticRegression().fit(x, y)
    before = dict(vars(model))
    with pytest.raises(ValueError, match=f"LogisticRegression: {message}"):
        model.set_params(**parameters).fit(x[:, :2], y)
    assert {**vars(model), **dict.fromkeys(parameters)} == {**before, **dict.fromkeys(parameters)}


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("load", [load_diabetes, load_linnerud])
def test_linear_regression_is_scikit_learns(load, fit_intercept):
    x, y = load(return_X_y=True)
    weights = np.random.default_rng(0).integers(0, 4, len(y)).astype(float)
    for given in (None, weights):
        ours = LinearRegression(fit_intercept=fit_intercept).fit(x, y, given)
        theirs = linear_model.LinearRegression(fit_intercept=fit_intercept).fit(x, y, given)
        assert_same(ours, theirs)
        np.testing.assert_allclose(ours.predict(x), theirs.predict(x))
        assert ours.predict(x).shape == y.shape
        np.testing.assert_allclose(ours.model_.predict(x).reshape(y.shape), ours.predict(x), rtol=1e-5)


def test_the_solution_has_no_gradient():
    import tinygraph as tg

    x, y = load_diabetes(return_X_y=True)
    model = LinearRegression().fit(x, y).model_
    loss = np.mean((model(x)[:, 0] - y) ** 2)
    loss.backward()
    assert isinstance(loss, tg.Tensor)
    for parameter in model.parameters():
        assert np.abs(parameter.grad).max() < 1e-9

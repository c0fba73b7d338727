"""All of scikit-learn's checks of estimators."""

from __future__ import annotations

import pytest

pytest.importorskip("sklearn", minversion="1.6")

from sklearn.utils.estimator_checks import parametrize_with_checks

from tinygraph.sklearn import LinearRegression, LogisticRegression, MLPClassifier, MLPRegressor


@parametrize_with_checks([
    LinearRegression(),
    LogisticRegression(),
    MLPClassifier(max_iter=30),
    MLPRegressor(max_iter=30),
])  # fmt: skip
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_scikit_learns_checks(estimator, check):
    check(estimator)

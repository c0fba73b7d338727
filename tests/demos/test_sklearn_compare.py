"""The comparison with scikit-learn: the same accuracies, and the same coefficients."""

import pytest

pytest.importorskip("sklearn", minversion="1.6")


def test_both_libraries_learn_as_well(default_run):
    figures = default_run("sklearn_compare")[0].figures
    assert len(figures["accuracies"]) == 4
    for label, (own, other) in figures["accuracies"].items():
        assert own > 95, label
        assert own > other - 1.5, label
    for label in ("digits, logistic", "breast cancer, logistic"):
        own, other = figures["accuracies"][label]
        assert own == other
    assert figures["coefficients apart"] < 1e-4
    assert all(time > 0 for pair in figures["milliseconds"].values() for time in pair)

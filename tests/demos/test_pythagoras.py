"""The first demo: figures known from school."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demos.pythagoras import nudged


def test_figures(default_run):
    figures = dict(default_run("pythagoras")[0].figures)
    assert figures.pop("compiled") == pytest.approx([5.0, 0.6, 0.8], abs=1e-15)
    assert figures == pytest.approx({"c": 5.0, "dc/da": 0.6, "dc/db": 0.8}, abs=1e-15)


@given(st.floats(0.1, 10), st.floats(0.1, 10))
def test_nudging_agrees_with_the_formula(a, b):
    assert nudged(a, b) == pytest.approx(a / (a**2 + b**2) ** 0.5, abs=1e-7)

"""Hypothesis profiles: the same examples in every run, so that a failure is a failure for everybody.

`HYPOTHESIS_PROFILE=search python -m pytest` looks for new ones, and takes longer.
"""

import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

import tinygraph as tg
from tinygraph.engine import table

table.read_all()  # tests of every entry list the entries before any of them is asked for

settings.register_profile(
    "suite",
    max_examples=30,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
settings.register_profile("search", settings.get_profile("suite"), max_examples=300, derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))

# The settings that each test of Hypothesis began with.
_SETTINGS: dict[Callable[..., Any], Any] = {}


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Give a test with parameters the settings it began with, for each of them.

    Hypothesis wraps them once more for each set of parameters, and looks a setting up through all of these layers: at
    the thousandth set, of which a test of the whole derivative table has more, Python's stack ends.
    """
    test = getattr(getattr(item, "obj", None), "__func__", getattr(item, "obj", None))
    current = getattr(test, "_hypothesis_internal_use_settings", None)
    if test is not None and current is not None:
        test._hypothesis_internal_use_settings = _SETTINGS.setdefault(test, current)


@pytest.fixture
def double_precision():
    """Layers compute in float64, so that finite differences and comparisons are sharp."""
    tg.nn.set_floatx("float64")
    yield
    tg.nn.set_floatx("float32")

"""The first call of a compiled function: it takes time in proportion to what is recorded."""

from __future__ import annotations

import cProfile
import time
from typing import Any

import numpy as np
import pytest

import tinygraph as tg


@tg.primitive
def squared(x: Any) -> Any:
    """x², with a rule that reads a clock."""
    return x * x


squared.derivative(lambda g, z, x: g * (2 * x + 0 * time.perf_counter()))


def test_rules_of_the_users_are_watched_and_those_of_ours_are_not() -> None:
    gradient = tg.grad(lambda x: np.sum(squared(np.sin(x))))
    with pytest.raises(tg.UnsupportedError, match="clock"):
        tg.compile(gradient)(np.ones(3))


def test_a_first_call_can_be_profiled() -> None:
    gradient = tg.grad(lambda x: np.sum(np.sin(x) ** 2))
    compiled = tg.compile(gradient)
    profile = cProfile.Profile()
    found = profile.runcall(compiled, np.ones(3))
    assert np.allclose(found, gradient(np.ones(3)))

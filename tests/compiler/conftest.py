"""Fixtures of the compiler's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import tinygraph as tg
from tests.compiler.programs import interpreted
from tinygraph.compiler.run.threads import Pace


@pytest.fixture(autouse=True, scope="module")
def all_threads_from_the_first_run_on(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let programs have several threads at once, where they otherwise try one first: a test runs them once or twice."""
    with pytest.MonkeyPatch.context() as patch:
        if not request.module.__name__.endswith("test_blas_threads"):
            patch.setattr(Pace, "has_several", lambda self: True)
        yield


@pytest.fixture(params=["compiled", "interpreted"])
def compile_(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """`tg.compile`, and the same with a plain walk over the nodes in place of the written program."""
    if request.param == "compiled":
        return tg.compile
    return interpreted

"""Fixtures of the compiler's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tinygraph.compiler.run.threads import Pace


@pytest.fixture(autouse=True, scope="module")
def all_threads_from_the_first_run_on(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let programs have several threads at once, where they otherwise try one first: a test runs them once or twice."""
    with pytest.MonkeyPatch.context() as patch:
        if not request.module.__name__.endswith("test_blas_threads"):
            patch.setattr(Pace, "has_several", lambda self: True)
        yield

"""Programs as a person would write them, made up line by line: eager, compiled, called again and saved, they agree in
values, gradients of two orders, updates of Tensors, draws, and writes into arguments; and they fail in the same way.

`python -m tests.compiler.searching` runs as many of them as one likes, and makes small what breaks the law.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from tests.compiler.agreeing import RefusedError, outcome
from tests.compiler.authors import KINDS
from tests.compiler.cases import made_up
from tests.compiler.programs import ALL

# The kinds of lines that the compiler refuses in no program. The others it may refuse by name.
GRANTED = [
    "loops", "loops in loops", "lists", "whiles", "branches", "returns", "choices", "indices", "errors", "aliases",
    "sizes", "counters", "draws", "tensors", "inner gradients",
]  # fmt: skip


def drawn(data: Any, kinds: list[str], most: int = 5) -> Any:
    """A case of some of the kinds."""

    def choose(items: Any) -> Any:
        return items[data.draw(st.integers(0, len(items) - 1))]

    some = data.draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=most, unique=True))
    case = made_up(choose, some)
    note(case.text)
    return case


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("written")


@given(st.data())
@settings(max_examples=40, suppress_health_check=[*HealthCheck])
def test_programs_of_loops_states_and_draws_agree_and_none_is_refused(folder: Path, data: Any) -> None:
    case = drawn(data, GRANTED)
    outcome(case.text, case.calls, folder)


@given(st.data())
@settings(max_examples=40, suppress_health_check=[*HealthCheck])
def test_programs_of_all_kinds_agree_or_are_refused_by_name(folder: Path, data: Any) -> None:
    case = drawn(data, [*KINDS])
    try:
        outcome(case.text, case.calls, folder)
    except RefusedError as error:
        note(str(error))


@given(st.data(), st.sampled_from(ALL))
@settings(max_examples=20, suppress_health_check=[*HealthCheck])
def test_programs_agree_with_a_rewrite_left_out(folder: Path, data: Any, left_out: Any) -> None:
    case = drawn(data, GRANTED)
    outcome(case.text, case.calls, folder, left_out=[left_out], saves=False)

"""Programs as a person would write them, made up line by line: eager, compiled, called again and saved, they agree in
values, gradients of two orders, updates of Tensors, draws, and writes into arguments; and they fail in the same way.

`python -m tests.compiler.searching` runs as many of them as one likes, and makes small what breaks the law.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

import tinygraph as tg
from tests.compiler.agreeing import RefusedError, outcome
from tests.compiler.authors import KINDS
from tests.compiler.cases import WAYS, WORDS, arguments, made_up
from tests.compiler.programs import ALL
from tinygraph.compiler.rolling import rolled, runs

HEAD = """import numpy
import numpy as np
import tinygraph as tg

noise = numpy.random.default_rng(7)
"""
# The kinds of lines that the compiler refuses in no program. The others it may refuse by name.
GRANTED = [
    "loops", "loops in loops", "lists", "whiles", "branches", "returns", "choices", "indices", "errors", "aliases",
    "sizes", "counters", "draws", "tensors", "inner gradients", "writes", "writes into views", "updates of arrays",
    "functions", "layers", "not finite", "large",
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
@settings(max_examples=30, phases=[Phase.generate], suppress_health_check=[*HealthCheck])
def test_programs_of_loops_states_and_draws_agree_and_none_is_refused(folder: Path, data: Any) -> None:
    case = drawn(data, GRANTED)
    outcome(case.text, case.calls, folder)


@pytest.fixture
def all_rolled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make loops of all that is repeated, be it only twice."""
    monkeypatch.setattr(runs, "ITERATIONS", 2)
    monkeypatch.setattr(runs, "SAVED", 1)


LOOPS = ["loops", "loops in loops", "lists", "sizes", "draws", "tensors", "inner gradients", "branches"]


@given(st.data())
@settings(max_examples=30, phases=[Phase.generate], suppress_health_check=[*HealthCheck])
def test_programs_agree_where_all_that_is_repeated_is_a_loop(all_rolled: None, folder: Path, data: Any) -> None:
    case = drawn(data, LOOPS)
    outcome(case.text, case.calls, folder, left_out=[rolled])


ROLLED = {
    "an inner loop beside rows of the outer one": """
    for t in range(len(x)):
        w = np.tanh(w)
    return np.sum(w)""",
    "a loop in which nothing is left to compute": """
    w = 0.5 * tg.hessian(lambda u: np.sum(np.sin(u)))(h)
    return np.sum(w)""",
    "a value that all iterations keep": """
    return np.sum(np.sin(np.stack([np.diag(w) for item in x])))""",
    "the last value is a view of what is carried": """
    for inner in x:
        w = np.diag(w) * h
    w = w * h
    return np.sum(w)""",
    "places that begin at the end": """
    for t in range(len(x)):
        h = np.tanh(h + x[t - 1] * x[t - 2])
    return np.sum(h) + np.sum(z[:, -1] * (z[:, 1] * z[:, 1]))""",
    "loops in an iteration that is read by others": """
    m = np.ones(w.shape)
    for t in range(6):
        h = np.sin(((m + m) + (h + w[0]))[:, 0])
        m = m + w
        for s in range(6):
            h = np.tanh(h * 0.7 + np.tanh(np.sum(w, axis=0)))
    return np.sum(h) + np.sum(m**2)""",
}


@pytest.mark.parametrize("way", ["values", "gradients", "jvp", "second order"])
@pytest.mark.parametrize("name", ROLLED)
def test_loops_of_such_programs_agree(all_rolled: None, tmp_path: Path, name: str, way: str) -> None:
    text = f"{HEAD}\n\ndef program({WORDS}):{ROLLED[name]}\n\n\n{WAYS[way].strip()}\n"
    calls = [arguments(seed, "float64", 6, 5, 3, 2) for seed in (0, 1)]
    assert outcome(text, calls, tmp_path) == "agreed"


@given(st.data())
@settings(max_examples=30, phases=[Phase.generate], suppress_health_check=[*HealthCheck])
def test_programs_of_all_kinds_agree_or_are_refused_by_name(folder: Path, data: Any) -> None:
    case = drawn(data, [*KINDS])
    try:
        outcome(case.text, case.calls, folder)
    except RefusedError as error:
        note(str(error))


@given(st.data())
@settings(max_examples=15, phases=[Phase.generate], suppress_health_check=[*HealthCheck])
@pytest.mark.filterwarnings("ignore")
def test_programs_that_may_run_eagerly_agree_and_none_is_refused(folder: Path, data: Any) -> None:
    case = drawn(data, [*GRANTED, "numbers taken out", "outside", "writes into arguments", "shared arguments"])
    outcome(case.text, case.calls, folder, saves=False, compile_=functools.partial(tg.compile, otherwise="eager"))


@given(st.data(), st.sampled_from(ALL))
@settings(max_examples=20, phases=[Phase.generate], suppress_health_check=[*HealthCheck])
def test_programs_agree_with_a_rewrite_left_out(folder: Path, data: Any, left_out: Any) -> None:
    case = drawn(data, GRANTED)
    outcome(case.text, case.calls, folder, left_out=[left_out], saves=False)

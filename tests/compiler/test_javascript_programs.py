"""Programs that are made up, as JavaScript: Node computes what the compiled ones do."""

from __future__ import annotations

import random
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tests.compiler.agreeing import copied
from tests.compiler.cases import made_up
from tests.compiler.in_javascript import QUIET, check_agreement
from tests.compiler.node import calls_in_node, needs_node
from tests.compiler.test_random_programs import programs
from tests.loading import loaded


@needs_node
@given(st.lists(programs(), min_size=12, max_size=12))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_programs_that_are_made_up_have_the_compiled_values_and_gradients(tmp_path_factory: Any, drawn: Any):
    folder = tmp_path_factory.mktemp("made_up")
    asked: list[tuple[Path, list[Any]]] = []
    wanted: list[tuple[Any, float]] = []
    for number, (function, arrays, dtype) in enumerate(drawn):
        if dtype == np.float16:
            continue

        def with_gradients(*given: Any, function: Any = function) -> Any:
            return function(*given), tg.grad(function, tuple(range(len(given))))(*given)

        with np.errstate(**QUIET), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            step = tg.compile(with_gradients)
            path = folder / f"step_{number}.js"
            try:
                step.save(path, *arrays)
            except tg.UnsupportedError as error:
                assert "JavaScript" in str(error), error
                assert not path.exists()
                continue
            wanted.append((step(*arrays), 1e-11 if dtype == np.float64 else 1e-4))
        asked.append((path, [arrays]))
    for (path, _), (want, accuracy), found in zip(asked, wanted, calls_in_node(asked), strict=True):
        assert "error" not in found, found.get("error", "") + path.read_text("utf-8")
        check_agreement(found["results"][0], want, path.read_text("utf-8"), accuracy)


KINDS = ["loops", "loops in loops", "lists", "choices", "indices", "tensors", "writes", "updates of arrays",
         "functions", "branches", "inner gradients"]  # fmt: skip


@needs_node
@given(st.lists(st.integers(0, 10**6), min_size=10, max_size=10, unique=True))
@settings(max_examples=3, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.too_slow])
def test_programs_as_a_person_writes_them_have_the_compiled_results(tmp_path_factory: Any, seeds: list[int]):
    folder = tmp_path_factory.mktemp("written")
    asked: list[Any] = []
    wanted: list[Any] = []
    for seed in seeds:
        drawn = random.Random(seed)
        case = made_up(drawn.choice, drawn.sample(KINDS, 3))
        path = folder / f"written_{seed}.py"
        path.write_text(case.text)
        given = case.calls[0]
        with np.errstate(**QUIET), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            step = tg.compile(loaded(path).run)
            try:
                step(*copied(given))
                step.save(folder / f"step_{seed}.js", *copied(given))
                result = step(*copied(given))
            except Exception:  # the program fails or is refused, and that is the law of another test
                continue
        asked.append((folder / f"step_{seed}.js", [given[:-1]]))  # the last one is an int, part of the signature
        wanted.append(result)
    for (path, _), want, found in zip(asked, wanted, calls_in_node(asked), strict=True):
        if "another path" in found.get("error", ""):  # a decision between numbers that are equal but for rounding
            continue
        assert "error" not in found, found.get("error", "") + path.read_text("utf-8")
        is_single = "float32" in path.read_text("utf-8")
        check_agreement(found["results"][0], want, path.read_text("utf-8"), 2e-3 if is_single else 1e-9)

"""The examples in docstrings are run, and print what stands there."""

from __future__ import annotations

import doctest
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
EXAMPLE = re.compile(r"^ *>>> ", re.MULTILINE)
PLACE = re.compile(r" +\(?<doctest [^>]*>:\d+\)?$", re.MULTILINE)
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in (ROOT / "tinygraph").rglob("*.py")
    if EXAMPLE.search(path.read_text(encoding="utf-8"))
)


class Checker(doctest.OutputChecker):
    """Compare what is printed, but for the places in the example's own code."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        return super().check_output(want, PLACE.sub("", got), optionflags)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_print_what_they_say(name: str) -> None:
    runner = doctest.DocTestRunner(Checker(), verbose=False)
    told: list[str] = []
    users = {"__name__": "example"}  # calls in a module of tinygraph have no place in the user's code
    for test in doctest.DocTestFinder().find(importlib.import_module(name), extraglobs=users):
        runner.run(test, out=told.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(told)


def test_there_are_examples() -> None:
    assert "tinygraph.engine.tensor" in MODULES


def test_an_example_that_prints_something_else_is_found() -> None:
    test = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, 0)
    assert doctest.DocTestRunner(Checker(), verbose=False).run(test, out=lambda text: None).failed == 1

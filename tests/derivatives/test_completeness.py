"""Every rule is tested, and the tests would notice if it were wrong.

A rule that is entered in the table must be covered by a law, here or in tests/functions; and for each rule of each
entry an error of one part in ten thousand, planted in it, must break a law.
"""

import importlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, find, settings
from hypothesis.errors import NoSuchExample

import tinygraph.functions  # noqa: F401 - fills the table
from tinygraph.engine.table import _COMPOSITIONS, _TABLE, function_name, operation_of
from tinygraph.testing import GradientError, check_grads

from .laws import REGISTER, of_arrays

TESTS = Path(__file__).parent.parent
for room in ("derivatives", "functions"):
    for path in sorted((TESTS / room).glob("test_*.py")):
        if path != Path(__file__):
            importlib.import_module(f"tests.{room}.{path.stem}")

# Whose entries these tests answer for: NumPy's functions, and what tinygraph adds in these two rooms.
ROOMS = ("tinygraph.derivatives", "tinygraph.functions")
ENTRIES = [
    function
    for function in _TABLE
    if not (getattr(function, "__module__", None) or "").startswith(("tinygraph", "tests", "test_"))
    or function.__module__.startswith(ROOMS)
]
# Any number of operands, by one rule for each.
REPEATED = {"einsum": 3}
# Their derivative is 0 wherever there is one, and 0 times anything is no error.
ZERO = {"sign", "imag"}


def test_every_entry_of_the_table_has_a_law():
    assert [function_name(function) for function in ENTRIES if function not in REGISTER] == []


def test_every_composition_has_a_law():
    assert [function_name(function) for function in _COMPOSITIONS if function not in REGISTER] == []


RULES = [
    pytest.param(function, which, id=f"{function_name(function)}-{which}")
    for function in ENTRIES
    for which, rule in enumerate(operation_of(function).rules[: 2 + REPEATED.get(function_name(function), 30)])
    if rule is not None and rule.__name__ != "refuse"
]


def breaks_a_law(function):
    """Return whether one of the first examples of one of the function's laws contradicts its rules."""

    def wrong(call):
        try:
            check_grads(*of_arrays(function, call), order=1, modes=("vjp",))
        except GradientError:
            return True
        except TypeError as error:
            if "nothing to differentiate" in str(error):
                return False
            raise
        return False

    for entry in REGISTER[function]:
        try:
            find(entry.calls, wrong, settings=QUICK)
        except NoSuchExample:
            continue
        return True
    return False


QUICK = settings(
    max_examples=60, phases=[Phase.generate], derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


def scaled(cotangent):
    """A rule's result with an error of one part in ten thousand."""
    if isinstance(cotangent, list | tuple):
        return [scaled(part) for part in cotangent]
    return cotangent * (1 + 1e-4)


@pytest.mark.parametrize(("function", "which"), RULES)
def test_an_error_planted_in_a_rule_is_found(function, which, monkeypatch):
    operation = operation_of(function)
    right = operation.rules[which]
    if function_name(function) in ZERO:
        wrong = lambda g, *args, **keywords: right(g, *args, **keywords) + g * 1e-4
    else:
        wrong = lambda *args, **keywords: scaled(right(*args, **keywords))
    monkeypatch.setattr(operation, "rules", (*operation.rules[:which], wrong, *operation.rules[which + 1 :]))
    assert breaks_a_law(function)


@pytest.mark.parametrize("function", [operation_of(f).function for f in ENTRIES[:5]], ids=function_name)
def test_without_an_error_nothing_is_found(function):
    assert not breaks_a_law(function)

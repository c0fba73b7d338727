"""Describing: names for values that the user's code has no name for, which say how they are made."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from tinygraph.compiler.program.facts import TRANSPOSING
from tinygraph.compiler.program.steps import Step, operands_of
from tinygraph.engine.scopes import given_name
from tinygraph.functions.checks import CHECKS

__all__ = ["core", "made_up", "number_in"]


def made_up(step: Step, names: dict[int, str], slopes: set[int]) -> str:
    """Return a name that says how a value is made from those that have names.

    Args:
        names: by a step's index.
        slopes: see `tinygraph.compiler.names.slope_values.slopes_in`.
    """
    wish = _described(step, names, slopes)
    if len(wish) <= LONGEST:
        return wish
    return "gradient" if step.section == "backward" else f"{step.op.replace('.', '_')}_result"


def _described(step: Step, names: dict[int, str], slopes: set[int]) -> str:
    first = step.args[0] if step.args and step.op in _BEGUN_WITH else None
    if type(first) is Step and first.is_constant and first.name is not None:
        return first.name
    named = [(names[operand.index], operand) for operand in operands_of(step) if operand.index in names]
    if not named:
        return "random" if step.draws else "value" if step.shape else step.op.replace(".", "_")
    backward = step.section == "backward"
    gradients = [(name, operand) for name, operand in named if name.startswith("d_") and operand.section == "backward"]
    if backward and step.index not in slopes and not gradients and isinstance(step.function, np.ufunc):
        return f"d_{core(named[0][0])}"
    arrays = [(name, operand) for name, operand in named if operand.shape]
    first, _ = (gradients if backward and gradients else arrays or named)[0]
    form = _FORMS.get(step.op)
    wish = None if form is None else form(step, first, names)
    if wish is not None:
        return wish
    short = core(first)
    if backward and gradients:
        return short
    if step.index in slopes:
        return f"{_without_verbs(short).removesuffix('_slope')}_slope"
    return _verbal(step, short, names)


# What these make begins with their first argument. A constant has no name in the text, but may have one of the user's.
_BEGUN_WITH = frozenset(("part_written", "carried"))
# A name is not made longer than by one word from here on; and the longest that is made up.
LONG, LONGEST = 16, 32
_VERBS = r"^(exp|log|sqrt|tanh|scaled|shifted|negative|one_minus|safe)_"


def core(name: str) -> str:
    """Return the stem of a name, without the word for its form: `gates` of `gates_part_7`, `y` of `checked_y`."""
    name = name.removeprefix("checked_") or name
    short = (
        re.sub(r"(_(flat|in_rows|rows|part|reshaped|float32|float64|T|swapped|copy|at_\d+|\d+))+$", "", name) or name
    )
    return _without_verbs(short) if len(short) > LONG else short


def _without_verbs(name: str) -> str:
    found = re.sub(_VERBS, "", name)
    while found != name:
        name, found = found, re.sub(_VERBS, "", found)
    return name


def number_in(step: Step) -> str | None:
    """Return the constant among the arguments as a part of a name, "" where it is none."""
    for item in step.args:
        value = item.value[()] if type(item) is Step and item.is_constant and not item.shape else item  # type: ignore[index]
        if isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool):
            return _WORDS.get(float(value), "")
    return None


_WORDS = {0.0: "zero", 1.0: "one", 2.0: "two", 3.0: "three"}


def _after_a_write(step: Step, first: str, names: dict[int, str]) -> str:
    return core(names.get(step.args[0].index, first))


def _with_axes(step: Step, first: str, names: dict[int, str]) -> str:
    turned = re.search(r"_(T|swapped)(_\d+)?$", first)
    return f"{core(first)}_swapped" if turned else f"{first}_T"


def _reshaped(step: Step, first: str, names: dict[int, str]) -> str:
    if first.startswith("d_"):
        return core(first)
    kind = "flat" if len(step.shape) == 1 else "rows" if len(step.shape) == 2 else "reshaped"
    return f"{core(first)}_{kind}"


def _indexed(step: Step, first: str, names: dict[int, str]) -> str:
    index = step.args[1]
    places = [item for item in (index if type(index) is tuple else (index,)) if type(item) is int]
    return f"{core(first)}_at_{places[0]}" if len(places) == 1 and places[0] >= 0 else f"{core(first)}_part"


def _of_layer(step: Step, first: str, names: dict[int, str]) -> str | None:
    layer = given_name(step.scope[-1]) if step.scope and step.section == "forward" else ""
    return f"{layer.lower()}_output" if layer.isidentifier() and layer not in dir(np) else None


def _multiplied(step: Step, first: str, names: dict[int, str]) -> str:
    if (output := _of_layer(step, first, names)) is not None:
        return output
    parts = [core(names[item.index]) for item in operands_of(step) if item.index in names]
    if step.section == "forward" and len(parts) == 2 and all(len(part) <= 8 for part in parts):
        return "_".join(parts)
    matrix = step.args[-1]
    of_parameter = type(matrix) is Step and matrix.given and len(parts) == 2
    if step.section == "forward" and of_parameter and len(parts[0]) > 8:
        return f"{names[matrix.index]}_output"
    return f"{core(first)}_product"


def _subtracted(step: Step, first: str, names: dict[int, str]) -> str | None:
    from_one = type(step.args[0]) in (int, float) and step.args[0] == 1
    return f"one_minus_{core(first)}" if from_one else None


def _compared(step: Step, first: str, names: dict[int, str]) -> str:
    number = number_in(step)
    about = core(first)
    if not number:
        return f"{about}_mask"
    if step.op == "equal":
        rest = about.removeprefix("one_minus_")
        return f"{rest}_is_one" if rest != about and number == "zero" else f"{about}_is_{number}"
    if step.op == "greater" and number == "zero":
        return f"{about}_positive"
    words = {"greater": "above", "greater_equal": "at_least", "less": "below", "less_equal": "at_most"}
    return f"{about}_{words.get(step.op, 'is_not')}_{number}"


def _both(step: Step, first: str, names: dict[int, str]) -> str | None:
    parts = [core(names[item.index]) for item in operands_of(step) if item.index in names]
    return "_and_".join(parts) if len(parts) == 2 and sum(map(len, parts)) <= 2 * LONG else None


def _safe(step: Step, first: str, names: dict[int, str]) -> str:
    chosen = next((item for item in step.args[1:] if type(item) is Step and item.index in names), None)
    about = core(first if chosen is None else names[chosen.index])
    return about if about.startswith("safe_") else f"safe_{about}"


def _assembled(step: Step, first: str, names: dict[int, str]) -> str:
    below = all(type(place) is slice for place in step.args[1])
    last = names.get(step.args[0][-1].index, first)
    return f"{core(last)}_all" if below else core(first)


def _copied(step: Step, first: str, names: dict[int, str]) -> str:
    repeated = step.args[0].function is np.broadcast_to
    return f"{core(first.removeprefix('repeated_'))}_in_rows" if repeated else f"{core(first)}_copy"


def _over_rows(word: str) -> Callable[[Step, str, dict[int, str]], str]:
    return lambda step, first, names: f"{_without_verbs(core(first))}_{word}"


_FORMS: dict[str, Callable[[Step, str, dict[int, str]], str | None]] = {
    "part_written": _after_a_write,
    **{function.__name__: _with_axes for function in TRANSPOSING},
    "reshape": _reshaped,
    "getitem": _indexed,
    "row": lambda step, first, names: (
        core(first).removeprefix("all_") if first.startswith("all_") else f"{core(first)}_i"
    ),
    "kept_rows": lambda step, first, names: first,
    "kept_at": lambda step, first, names: first[4:] if first.startswith("all_") else f"{core(first)}_i",
    "carried": lambda step, first, names: f"{core(first)}_before",
    "matmul": _multiplied,
    "convolve": _of_layer,
    "pool_max": _of_layer,
    "pool_max_input": lambda step, first, names: f"d_{core(names.get(step.args[1].index, first))}",
    "dot": _multiplied,
    "turned_product": _multiplied,
    "subtract": _subtracted,
    "sum": _over_rows("sum"),
    "max": _over_rows("max"),
    "min": _over_rows("min"),
    "equal": _compared,
    **dict.fromkeys(("greater", "greater_equal", "less", "less_equal", "not_equal"), _compared),
    "bitwise_and": _both,
    "logical_and": _both,
    "isfinite": _over_rows("is_finite"),
    "where": _safe,
    "assembled": _assembled,
    "astype": lambda step, first, names: f"{core(first)}_{step.dtype.name}",
    "broadcast_to": lambda step, first, names: f"repeated_{core(first)}",
    "copy": _copied,
    "kept_kind": lambda step, first, names: core(first),
    **dict.fromkeys([check.__name__ for check in CHECKS], lambda step, first, names: f"checked_{core(first)}"),
}

_JOINED = {"add": "plus", "subtract": "minus", "multiply": "times", "divide": "over"}


def _verbal(step: Step, short: str, names: dict[int, str]) -> str:
    """Return a name for a call's result: what is done, and to which value."""
    number = number_in(step)
    by_number = number is not None or (step.shape and any(not item.shape for item in operands_of(step)))
    if step.op in ("multiply", "divide") and by_number:
        return f"scaled_{short}"
    if step.op in _JOINED:
        if number is not None:
            return f"{short}_{_JOINED[step.op]}_{number or 'number'}"
        if step.op == "multiply" and step.args[0] is step.args[1]:
            return f"{short}_squared"
        parts = [_without_verbs(core(names[item.index])) for item in operands_of(step) if item.index in names]
        apart = len(parts) == 2 and parts[0] not in parts[1] and parts[1] not in parts[0]
        if apart and sum(map(len, parts)) <= LONG:
            return f"{parts[0]}_{_JOINED[step.op]}_{parts[1]}"
        return f"shifted_{_without_verbs(short)}" if step.op == "subtract" else short
    if step.op == "square":
        return f"{short}_squared"
    if step.op == "power":
        return f"power_of_{short}" if len(short) <= LONG else short
    wish = f"{step.op.replace('.', '_')}_{short}"
    return wish if len(short) <= LONG or (step.section == "update" and len(wish) <= LONGEST) else short

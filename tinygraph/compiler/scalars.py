"""Graphs of numbers: where no value is an array, Python's own floats are computed with, which NumPy's are ten times.

Where Python raises what NumPy would have answered with an infinity or NaN (1 / 0, log(0), exp(1000)), the program is
run once more with NumPy's numbers.
"""

from __future__ import annotations

import keyword
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.compiler.cotangents import slopes_in
from tinygraph.compiler.describing import made_up
from tinygraph.compiler.rewrites.views import RESHAPING, TRANSPOSING
from tinygraph.compiler.steps import REDUCTIONS, Step, operands_of
from tinygraph.compiler.writing import number_text
from tinygraph.derivatives.shapes import astype
from tinygraph.graph import Graph

__all__ = ["is_of_numbers", "text_of_numbers"]

# An expression grows by writing in the values that are used only once, until it has this many characters.
LONGEST = 80

INFIX: dict[Any, str] = {
    np.sign: "{0} if {0} != {0} else float(({0} > 0) - ({0} < 0))",
    np.add: "{} + {}", np.subtract: "{} - {}", np.multiply: "{} * {}", np.divide: "{} / {}", np.negative: "-{}",
    np.square: "{0} * {0}", np.greater: "{} > {}", np.greater_equal: "{} >= {}", np.less: "{} < {}",
    np.less_equal: "{} <= {}", np.equal: "{} == {}", np.not_equal: "{} != {}", np.logical_and: "{} and {}",
    np.logical_or: "{} or {}", np.logical_not: "not {}", np.where: "{1} if {0} else {2}", np.reciprocal: "1.0 / {}",
    np.maximum: "{0} if {0} > {1} or {0} != {0} else {1}", np.minimum: "{0} if {0} < {1} or {0} != {0} else {1}",
}  # fmt: skip
# Those that write an operand more than once: it must be a name.
TWICE = frozenset((np.square, np.maximum, np.minimum, np.sign))
CALLS = {
    np.exp: "exp", np.expm1: "expm1", np.log: "log", np.log1p: "log1p", np.log2: "log2", np.log10: "log10",
    np.sqrt: "sqrt", np.sin: "sin", np.cos: "cos", np.tan: "tan", np.tanh: "tanh", np.sinh: "sinh", np.cosh: "cosh",
    np.arctan: "atan", np.arcsin: "asin", np.arccos: "acos", np.arctan2: "atan2", np.power: "pow", np.hypot: "hypot",
    np.isfinite: "isfinite", np.isnan: "isnan", np.isinf: "isinf", np.absolute: "fabs", np.fabs: "fabs",
    np.arcsinh: "asinh", np.arccosh: "acosh", np.arctanh: "atanh",
}  # fmt: skip
CALLS = {function: name for function, name in CALLS.items() if hasattr(math, name)}


def _passes(step: Step) -> bool:
    """Whether a number goes through a step unchanged."""
    return (
        step.function in RESHAPING or step.function in TRANSPOSING or step.function in REDUCTIONS
        or step.function in (np.copy, np.broadcast_to, np.positive)
        or (step.function is astype and step.dtype == np.float64)
    )  # fmt: skip


def is_of_numbers(graph: Graph) -> bool:
    """Whether every value is one number of float64, or the truth about such, and Python knows all that is called."""
    for step in graph.nodes:
        assert isinstance(step, Step)
        if step.shape or step.dtype.kind not in "fb" or (step.dtype.kind == "f" and step.dtype != np.float64):
            return False
        if step.function is None:
            continue
        known = step.function in INFIX or step.function in CALLS
        if not (known and not step.kwargs) and not (_passes(step) and not step.draws):
            return False
        if not all(_is_number(item) for item in step.args[: 3 if known else 1]):
            return False
        if step.function in (np.add, np.multiply) and step.dtype.kind == "b":
            return False
    return True


def _is_number(item: Any) -> bool:
    if type(item) is np.ndarray:
        return not item.shape and item.dtype.char in "d?"
    return type(item) in (Step, float, int, bool, np.float64, np.bool_)


def text_of_numbers(
    graph: Graph, arguments: int, variables: list[str], updates: dict[int, Step], results: list[Any], name: str,
    nest: Callable[[Callable[[Any], str]], str],
) -> str:  # fmt: skip
    """The text of a module whose function computes with floats.

    Args:
        graph: of steps, all of them numbers.
        arguments: how many of its inputs are arguments.
        variables: the names of the others.
        updates: by a variable's place the step whose value it takes.
        results: the steps that are returned.
        name: of the function.
        nest: writes what is returned, given how a step is written.
    """
    uses: dict[int, int] = {}
    for step in graph.nodes:
        for operand in operands_of(step):
            uses[operand.index] = uses.get(operand.index, 0) + 1
    for output in graph.outputs:
        uses[output.index] = uses.get(output.index, 0) + 2
    used: dict[str, int] = dict.fromkeys([*keyword.kwlist, *dir(math), "np", "math", "float", name, *variables], 1)
    written: dict[int, str] = {}  # what stands for a step: a name, a number, or an expression not yet written down
    body: list[str] = []
    group: Any = None

    def take(wish: str) -> str:
        wish = re.sub(r"\W", "_", wish)
        count = used[wish] = used.get(wish, 0) + 1
        chosen = wish if count == 1 else f"{wish}_{count}"
        while count > 1 and chosen in used:
            count = used[wish] = used[wish] + 1
            chosen = f"{wish}_{count}"
        used.setdefault(chosen, 1)
        return chosen

    def text_of(item: Any) -> str:
        if type(item) is Step:
            return written[item.index]
        return number_text(item.item() if isinstance(item, np.generic | np.ndarray) else item)

    def atom(item: Any) -> str:
        text = text_of(item)
        return text if re.fullmatch(r"\w+|\d[\d.e]*|\w+\([^()]*\)", text) else f"({text})"

    def down(step: Step, text: str) -> str:
        """Write an expression down under a name."""
        nonlocal group
        line = (step.section, None if step.source is None else (step.source.file, step.source.line))
        if line != group:
            group = line
            if body:
                body.append("")
            said = "" if step.source is None else f"  ({step.source})"
            code = f" · {step.source.text[:80]}" if step.source is not None and step.source.text else ""
            body.append(f"# {step.section}{code}{said}")
        chosen = take(step.name or wish_for(step))
        named[step.index] = chosen
        body.append(f"{chosen} = {text}")
        return chosen

    named: dict[int, str] = {}  # what stands under a name, or, within an expression, has one like it

    slopes = slopes_in([step for step in graph.nodes if isinstance(step, Step)])

    def wish_for(step: Step) -> str:
        wish = made_up(step, named, slopes)
        return re.sub(r"(_\d+)+$", "", wish) or wish

    parameters = []
    for place, step in enumerate(graph.nodes):
        assert isinstance(step, Step)
        if step.function is None:
            if not step.given:
                written[step.index] = number_text(step.value.item())  # type: ignore[union-attr]
            elif place < arguments:
                parameters.append(take(step.name or "x"))
                written[step.index] = named[step.index] = parameters[-1]
            else:
                variable = variables[place - arguments]
                written[step.index] = take(f"{variable}_value")
                named[step.index] = variable
            continue
        if _passes(step):
            written[step.index] = text_of(step.args[0])
            if type(step.args[0]) is Step and step.args[0].index in named:
                named[step.index] = named[step.args[0].index]
            continue
        if step.function in TWICE:
            for item in step.args:
                if type(item) is Step and not re.fullmatch(r"[\w.]+", written[item.index]):
                    written[item.index] = down(item, written[item.index])
        if step.function in CALLS:
            text = f"{CALLS[step.function]}({', '.join([text_of(item) for item in step.args])})"
        else:
            text = INFIX[step.function].format(*[atom(item) for item in step.args])
        once = uses.get(step.index, 0) == 1 and step.name is None
        if once and len(text) < LONGEST:
            written[step.index] = text
            named[step.index] = wish_for(step)
        else:
            written[step.index] = down(step, text)
    returned = nest(lambda step: f"np.{'bool_' if step.dtype.kind == 'b' else 'float64'}({written[step.index]})")
    reads = [f"{name_} = float({name_})" for name_ in parameters]
    states = [
        f"{written[step.index]} = float({variables[place]})"
        for place, step in enumerate(graph.nodes[arguments : arguments + len(variables)])
    ]
    writes = [f"{variables[place]}[...] = {written[step.index]}" for place, step in updates.items()]
    called = sorted(
        {word for line in [*body, *writes, returned] for word in re.findall(r"\b(\w+)\(", line)} & set(CALLS.values())
    )
    lines = [
        f'"""{name}: written by tinygraph."""',
        "",
        *([f"from math import {', '.join(called)}", ""] if called else []),
        "import numpy as np",
        "",
        "",
        f"def {name}({', '.join(parameters)}):",
        *[f"    {line}" if line else "" for line in [*reads, *states, *body, ""]],
    ]
    results_line = [f"result = {returned}"] if writes else []
    lines += [f"    {line}" for line in [*results_line, *writes, "return result" if writes else f"return {returned}"]]
    return "\n".join(lines) + "\n"

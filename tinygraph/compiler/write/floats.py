"""Graphs of numbers: where no value is an array, Python's own floats are computed with, which NumPy's are ten times.

    def step(a, b):
        a = float(a)
        b = float(b)

        # forward · c = np.sqrt(a**2 + b**2)                      (pythagoras.py:12)
        c = sqrt(a * a + b * b)

        return np.float64(c)

Where Python raises what NumPy would have answered with an infinity or NaN (1 / 0, log(0), exp(1000)), the program is
run once more with NumPy's numbers; see `tinygraph.compiler.run.runner`.
"""

from __future__ import annotations

import math
import operator
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tinygraph.compiler.names import TakenNames, core, made_up, slopes_in, users
from tinygraph.compiler.program.counting import kept_at, kept_rows
from tinygraph.compiler.program.facts import RESHAPING, TRANSPOSING
from tinygraph.compiler.program.loop_marks import Begin, End, carried, kept, put_row, row, stacked, with_loops
from tinygraph.compiler.program.loops import goes_on
from tinygraph.compiler.program.predicates import is_plain_reduction
from tinygraph.compiler.program.steps import Step, operands_of
from tinygraph.compiler.write.allocations import reckoned_lines
from tinygraph.compiler.write.conditions import Conditions
from tinygraph.compiler.write.literals import number_text
from tinygraph.compiler.write.moving import rows_kept
from tinygraph.compiler.write.repeating import counts_in, first_lines, rows_in
from tinygraph.compiler.write.statements import Statements
from tinygraph.compiler.write.task import Task
from tinygraph.compiler.write.text import Text
from tinygraph.compiler.write.width import WIDTH
from tinygraph.compiler.write.writer import Writer, nest_text
from tinygraph.derivatives.shapes import astype
from tinygraph.graph import Graph, Node

__all__ = ["is_of_numbers", "named_apart", "text_of_numbers"]

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
TWICE = frozenset(
    function for function, text in INFIX.items() if any(text.count(f"{{{position}}}") > 1 for position in range(3))
)
CALLS = {
    np.exp: "exp", np.expm1: "expm1", np.log: "log", np.log1p: "log1p", np.log2: "log2", np.log10: "log10",
    np.sqrt: "sqrt", np.sin: "sin", np.cos: "cos", np.tan: "tan", np.tanh: "tanh", np.sinh: "sinh", np.cosh: "cosh",
    np.arctan: "atan", np.arcsin: "asin", np.arccos: "acos", np.arctan2: "atan2", np.power: "pow", np.hypot: "hypot",
    np.isfinite: "isfinite", np.isnan: "isnan", np.isinf: "isinf", np.absolute: "fabs", np.fabs: "fabs",
    np.arcsinh: "asinh", np.arccosh: "acosh", np.arctanh: "atanh",
}  # fmt: skip
CALLS = {function: name for function, name in CALLS.items() if hasattr(math, name)}


def is_of_numbers(graph: Graph) -> bool:
    """Return whether every value is one float64, or the truth about such, and Python knows all that is called.

    The values that a loop keeps of its iterations are a list of numbers.
    """
    steps = [step for step in graph.nodes if isinstance(step, Step)]
    lists = lists_in(steps)
    if any([output.index in lists for output in graph.outputs]):
        return False
    return all(step.index in lists or _is_of_numbers(step, lists) for step in steps)


def _is_of_numbers(step: Step, lists: frozenset[int]) -> bool:
    """Return whether a step is a number, and Python knows how to compute it."""
    function = step.function
    if isinstance(function, Begin | End):
        return True
    if function in (row, put_row, kept_at) or (function is operator.getitem and type(step.args[1]) is int):
        value = step.args[1] if function is put_row else step
        return step.args[0].index in lists and not value.shape and value.dtype == np.float64
    if step.shape or (step.dtype.kind != "b" and step.dtype != np.float64):
        return False
    if step.function is None:
        return True
    if step.decides or function is goes_on:
        return _is_number(step.args[0])
    if step.function in (np.logical_and, np.logical_or) and not all(_is_truth(item) for item in step.args[:2]):
        return False  # Python's `x or y` is x or y itself, and no truth about them
    if step.function in INFIX or step.function in CALLS:
        adds_truth = step.function in (np.add, np.multiply) and step.dtype.kind == "b"
        return not step.kwargs and not adds_truth and all(_is_number(item) for item in step.args[:3])
    return _passes(step) and not step.draws and all(_is_number(item) for item in step.args[:1])


def _passes(step: Step) -> bool:
    """Return whether a number goes through a step unchanged."""
    return (
        step.function in RESHAPING or step.function in TRANSPOSING
        or (is_plain_reduction(step) and getattr(step.args[0], "dtype", None) == step.dtype)
        or step.function in (np.copy, np.broadcast_to, np.positive, carried)
        or (step.function is astype and step.dtype == np.float64)
    )  # fmt: skip


def _is_number(item: Any) -> bool:
    if type(item) is np.ndarray:
        return not item.shape and item.dtype.char in "d?"
    return type(item) in (Step, float, int, bool, np.float64, np.bool_)


def _is_truth(item: Any) -> bool:
    return item.dtype == np.bool_ if hasattr(item, "dtype") else type(item) is bool


def named_apart(task: Task) -> Task:
    """Return the task under a name that none of Python's functions in its text has."""
    return task if task.name not in _NAMES else replace(task, name=f"{task.name}_")


def text_of_numbers(task: Task) -> Text:
    """Write a program that computes with Python's floats."""
    body = _BodyOfNumbers(task)
    variables = body.variables
    returned = nest_text(task.program.results, iter([body.result(step) for step in task.results]), body.writer)
    end = [f"return {returned}"]
    if task.updates:
        count = len(task.arguments)
        writes = [f"{variables[index - count]}[...] = {body.texts[step.index]}" for index, step in task.updates.items()]
        result = body.take("result")
        end = [f"{result} = {returned}", *writes, f"return {result}"]
    called = sorted(
        {word for line in [*body.statements.lines, *end] for word in re.findall(r"\b(\w+)\(", line)} & _NAMES
    )
    lines = [
        f'"""{task.name}: written by tinygraph."""',
        "",
        *([f"from math import {', '.join(called)}", ""] if called else []),
        "import numpy as np",
        *body.writer.imports.values(),
        "",
        *reckoned_lines(body.parameters, task.program.reckoned),
        "",
        f"def {task.name}({', '.join(body.parameters)}):",
        *[f"    {line}" if line else "" for line in [*body.reads, *body.statements.lines, "", *end]],
    ]
    text = "\n".join(lines) + "\n"
    return Text(text, text, body.parameters, variables, body.writer)


_NAMES = set(CALLS.values())


def lists_in(steps: Sequence[Step]) -> frozenset[int]:
    """Return the indices of the steps that are lists of numbers: what loops keep, parts of it, and constants."""
    found: set[int] = set()
    for step in steps:
        of_list = bool(step.args) and type(step.args[0]) is Step and step.args[0].index in found
        is_part = step.function is kept_rows or (step.function is operator.getitem and type(step.args[1]) is slice)
        is_list = step.function in (stacked, kept) or (of_list and is_part)
        if is_list and len(step.shape) == 1 and step.dtype == np.float64:
            found.add(step.index)
    return frozenset(found)


def read_elsewhere(steps: Sequence[Step]) -> Counter[int]:
    """Return, as two uses more, the values that a loop reads that they are not computed in, or that are read behind it:
    they are written down under a name.
    """
    found: Counter[int] = Counter()
    homes: dict[int, tuple[Step, ...]] = {}
    for step, around in with_loops(steps):
        homes[step.index] = around
        for operand in operands_of(step):
            if homes.get(operand.index, ()) != around:
                found[operand.index] = 2
    return found


class _BodyOfNumbers:
    """The statements of a step, as they are written.

    Attributes:
        parameters, variables: the names of the arguments and of the variables.
        reads: the lines that make floats of what is given.
        statements: the lines.
        texts: the text of a step: a name, a number, or an expression not yet written down.
        names: what stands under a name, or, within an expression, has one like it.
    """

    def __init__(self, task: Task) -> None:
        steps = [step for step in task.graph.nodes if isinstance(step, Step)]
        self._taken = TakenNames([*dir(math), "math", task.name])
        self.variables = [self.take(variable.name) for variable in task.program.variables]
        self.parameters: list[str] = []
        self.reads: list[str] = []
        self.statements = Statements()
        self.texts: dict[int, str] = {}
        self.names: dict[int, str] = {}
        self.writer = Writer(taken=self._taken)
        self._steps = steps
        self._lists = lists_in(steps)
        self._counters: dict[int, str] = {}  # by the step that begins a loop the name of its counter
        self._conditions = Conditions(steps, self.writer)
        self._slopes = slopes_in(steps)
        self._uses = Counter(operand.index for step in steps for operand in operands_of(step))
        for output in task.graph.outputs:
            self._uses[output.index] += 2
        self._uses.update(read_elsewhere(steps))
        for node in task.arguments:
            self._read_argument(node)
        for node, variable in zip(task.variables, self.variables, strict=True):
            self._read_variable(node, variable)
        for step in steps:
            if not step.given:
                self._write(step)

    def result(self, step: Step) -> str:
        """Return a value as it is returned: NumPy's number."""
        return f"np.{'bool_' if step.dtype.kind == 'b' else 'float64'}({self.texts[step.index]})"

    def take(self, wish: str) -> str:
        """Return a name as near to a wish as can be."""
        return self._taken.take(users(wish))

    def _read_argument(self, node: Node) -> None:
        name = self.take(node.name or "x")
        self.parameters.append(name)
        self.texts[node.index] = self.names[node.index] = name
        self.reads.append(f"{name} = float({name})")

    def _read_variable(self, node: Node, variable: str) -> None:
        name = self.take(f"{variable}_value")
        self.texts[node.index], self.names[node.index] = name, variable
        self.reads.append(f"{name} = float({variable})")

    def _write(self, step: Step) -> None:
        if step.function is None:
            self.texts[step.index] = number_text(step.value.item())  # type: ignore[union-attr]
        elif step.decides or step.function is goes_on:
            self._decide(step)
        elif (form := self._form_of_loop(step)) is not None:
            form(step)
        elif _passes(step) and step.function is not carried:
            self._pass_on(step, step.args[0])
        else:
            self._compute(step)

    def _decide(self, step: Step) -> None:
        if step.decides and self._conditions.is_settled(step):
            return
        self.statements.comment(step)
        text = self._text(step.args[0])
        whole = any(word in text for word in ("not ", " and ", " or ", " if "))  # they bind less than `not`
        text = f"({text})" if whole else text
        self.statements.put(*self._conditions.lines(step, text, self._counters))

    def _pass_on(self, step: Step, item: Any) -> None:
        self.texts[step.index] = self._text(item)
        if type(item) is Step and item.index in self.names:
            self.names[step.index] = self.names[item.index]

    def _compute(self, step: Step) -> None:
        """Write an expression into the next one, if that alone uses it, it has no name, and it is short; else down."""
        text = self._expression(step)
        if self._uses[step.index] == 1 and step.name is None and len(text) < LONGEST:
            self.texts[step.index] = text
            self.names[step.index] = self._wish(step)
        else:
            self.texts[step.index] = self._written_down(step, text)

    def _expression(self, step: Step) -> str:
        if step.function in TWICE:
            for item in step.args:
                if type(item) is Step and not re.fullmatch(r"[\w.]+", self.texts[item.index]):
                    self.texts[item.index] = self._written_down(item, self.texts[item.index])
        if step.function in CALLS:
            return f"{CALLS[step.function]}({', '.join([self._text(item) for item in step.args])})"
        return INFIX[step.function].format(*[self._atom(item) for item in step.args])

    def _written_down(self, step: Step, text: str) -> str:
        """Write an expression down under a name."""
        self.statements.comment(step)
        name = self.names[step.index] = self.take(step.name or self._wish(step))
        self.statements.put(f"{name} = {text}")
        return name

    # --- loops --------------------------------------------------------------------------------------------------------

    def _form_of_loop(self, step: Step) -> Callable[[Step], None] | None:
        """Return what writes a step of a loop, and what reads a list of numbers; None for another step."""
        function = step.function
        if isinstance(function, Begin):
            return self._begin_loop
        if isinstance(function, End):
            return self._end_loop
        if step.index in self._lists:
            return self._name_list
        if function is operator.getitem or function is kept_at:
            return self._take_number
        forms: dict[Any, Callable[[Step], None]] = {carried: self._carry, row: self._name_row, put_row: self._keep}
        return forms.get(function)

    def _carry(self, step: Step) -> None:
        name = self.texts[step.index] = self.names[step.index] = self.take(step.name or f"{self._wish(step)}_before")
        self.statements.comment(step)
        self.statements.put(f"{name} = {self._text(step.args[0])}")

    def _name_list(self, step: Step) -> None:
        """Write down a list of numbers, or a part of one."""
        if step.function in (stacked, kept):
            value = next(item.args[1] for item in self._steps if item.function is put_row and item.args[0] is step)
            name = self.take(f"all_{value.name or 'values'}")
            self.statements.put(f"{name} = []")
        else:
            text = rows_kept(self._writer_of(step), step) if step.function is kept_rows else (
                f"{self._text(step.args[0])}[{self.writer.index(step.args[1])}]"
            )  # fmt: skip
            name = self.take(f"{core(self._text(step.args[0]))}_part")
            self.statements.put(f"{name} = {text}")
        self.texts[step.index] = self.names[step.index] = name

    def _writer_of(self, step: Step) -> Writer:
        """Return the writer, which knows the names of lists now."""
        self.writer.names.update({index: self.texts[index] for index in self._lists if index in self.texts})
        return self.writer

    def _take_number(self, step: Step) -> None:
        """Write down one of the numbers in a list."""
        index = self.writer.text(step.args[1])
        self.texts[step.index] = self._written_down(step, f"{self._text(step.args[0])}[{index}]")

    def _name_row(self, step: Step) -> None:
        """Do nothing: the first line of a loop gives it its name."""

    def _keep(self, step: Step) -> None:
        stack, value, _ = step.args
        self.statements.put(f"{self._text(stack)}.append({self._text(value)})")

    def _begin_loop(self, step: Step) -> None:
        function: Any = step.function
        self.statements.comment(step)
        name = self._counters[step.index] = self.take("n" if function.is_open else "i")
        if function.is_open:
            self.writer.counts.append(name)
            self.statements.put(f"{name} = 0", "while True:")
        else:
            rows, _ = rows_in(self._steps, step)
            for item in rows:
                self.texts[item.index] = self.names[item.index] = self.take(item.name or self._wish(item))
            names, sources = [self.texts[item.index] for item in rows], [self._text(item.args[0]) for item in rows]
            counter = name if counts_in(self._steps, step, decisions_alone=True) else None
            self.statements.put(*first_lines(names, sources, counter, self.writer.text(function.count)))
        self.statements.loops.append(step)

    def _end_loop(self, step: Step) -> None:
        _, held, nexts = step.args
        pairs = [(self._text(old), self._text(new)) for old, new in zip(held, nexts, strict=True)]
        pairs = [pair for pair in pairs if pair[0] != pair[1]]
        if pairs:
            line = f"{', '.join([old for old, _ in pairs])} = {', '.join([new for _, new in pairs])}"
            if len(line) > WIDTH - 16 and len(pairs) > 1:
                line = f"{line.split(' = ')[0]} = (\n" + "".join([f"    {new},\n" for _, new in pairs]) + ")"
            self.statements.put(*line.split("\n"))
        begin = self.statements.loops[-1]
        function: Any = begin.function
        if function.is_open:
            self.statements.put(f"{self._counters[begin.index]} += 1")
        self.statements.end_loop()
        if function.is_open and function.least > 0:
            self.statements.put(*self._conditions.too_few(begin, self._counters))

    # --- expressions --------------------------------------------------------------------------------------------------

    def _text(self, item: Any) -> str:
        if type(item) is Step:
            return self.texts[item.index]
        return number_text(item.item() if isinstance(item, np.generic | np.ndarray) else item)

    def _atom(self, item: Any) -> str:
        """Return an operand, in brackets where it is more than a name, a number or a call."""
        text = self._text(item)
        return text if re.fullmatch(r"\w+|\d[\d.e]*|\w+\([^()]*\)", text) else f"({text})"

    def _wish(self, step: Step) -> str:
        wish = made_up(step, self.names, self._slopes)
        return re.sub(r"(_\d+)+$", "", wish) or wish

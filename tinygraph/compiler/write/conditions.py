"""Conditions: how a decision is written, and the draws that a call takes back when it leaves the program.

# forward · while err > tol:                                  (solve.py:12)
if not err > tol:
    raise Left(3, False, "solve.py:12")
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tinygraph.compiler.program.decisions import Left
from tinygraph.compiler.program.loop_marks import Begin, End, with_loops
from tinygraph.compiler.program.loops import goes_on
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.write.literals import string_text
from tinygraph.compiler.write.references import References
from tinygraph.graph import Node

__all__ = ["Conditions"]

# Of a decision its number in the first iterations, and what an iteration of some loops adds.
Number = tuple[int, list[tuple[int, int]]]


class Conditions:
    """The decisions of a program as they are written.

    Args:
        nodes: of the program's graph.
        references: names `Left` in the text.
    """

    def __init__(self, nodes: Sequence[Node], references: References) -> None:
        self._numbers, self._open_before = _numbers_in(nodes)
        # By the step that begins an open loop the condition that ends it.
        self._ends = {around[-1].index: step for step, around in with_loops(nodes) if step.function is goes_on}
        # By a decision the steps that begin the loops around it.
        self._around = {
            step.index: {begin.index for begin in around}
            for step, around in with_loops(nodes)
            if isinstance(step, Step) and step.decides
        }
        self._references = references
        self._may_leave = any([isinstance(step, Step) and step.decides for step in nodes])
        self._to_come = len(self._numbers)
        self._known: set[tuple[int, type, bool | int]] = set()  # a second decision about one value is none
        self._states: dict[int, str] = {}  # by the position of a generator the name of its state before the first draw

    @property
    def has_decisions(self) -> bool:
        """True if a call may leave the program."""
        return self._may_leave

    def is_settled(self, step: Step) -> bool:
        """Return whether a decision always has the same outcome here: about a constant, or for the second time."""
        value, expected = step.args[:2]
        if type(value) is not Step or value.is_constant:
            return True
        decision = value.index, type(expected), expected  # of 1 as a truth nothing follows for an index: True == 1
        is_known = decision in self._known
        self._known.add(decision)
        return is_known

    def lines(self, step: Step, text: str, counters: dict[int, str]) -> list[str]:
        """Return the lines of a decision, or of the condition that ends an open loop.

        Args:
            step: the decision or the condition.
            text: of its value.
            counters: by the index of the step that begins a loop the name of its counter.
        """
        self._to_come -= 1
        if step.function is goes_on:
            return [f"if not {text}:" if step.args[1] else f"if {text}:", "    break"]
        expected = step.args[1]
        if type(expected) is bool:
            test, outcome = f"not {text}" if expected else text, str(not expected)
        else:
            test, outcome = f"{text} != {expected}", f"int({text})"
        return [f"if {test}:", *self._leaving(step, outcome, counters)]

    def too_few(self, begin: Step, counters: dict[int, str]) -> list[str]:
        """Return the lines behind an open loop that ended too early for the program.

        Args:
            begin: begins the loop.
            counters: as for `lines`.
        """
        function: Any = begin.function
        end = self._ends[begin.index]
        return [f"if {counters[begin.index]} < {function.least}:", *self._leaving(end, str(not end.args[1]), counters)]

    def _leaving(self, step: Step, outcome: str, counters: dict[int, str]) -> list[str]:
        """Return the lines that leave the program at a decision, with draws taken back."""
        back = [f"    generator_{position}.bit_generator.state = {name}" for position, name in self._states.items()]
        left, place, trips = self._references.foreign(Left), self._place(step, counters), self._trips(step, counters)
        return [*back, f"    raise {left}({place}, {outcome}, {string_text(str(step.source))}{trips})"]

    def _place(self, step: Step, counters: dict[int, str]) -> str:
        """Return the number of a decision among those of the call, as text."""
        first, loops = self._numbers[step.index]
        terms = [counters[begin] if each == 1 else f"{each} * {counters[begin]}" for begin, each in loops if each]
        return " + ".join([*terms, *([str(first)] if first or not terms else [])])

    def _trips(self, step: Step, counters: dict[int, str]) -> str:
        """Return how often the open loops so far were repeated, as the last argument of `Left`.

        An iteration that is left in its midst counts: what was decided in it is what is decided in every iteration.
        """
        around = self._around.get(step.index, set())
        names = [f"{counters[begin]}{' + 1' * (begin in around)}" for begin in self._open_before[step.index]]
        return f", ({', '.join(names)}{',' if len(names) == 1 else ''})" if names else ""

    def before_draw(self, step: Step) -> list[str]:
        """Return the line that notes the state of a generator before its first draw, if a decision follows."""
        position = step.args[0]
        if not self._to_come or position in self._states:
            return []
        self._states[position] = self._references.taken.take(f"state_{position}")
        return [f"{self._states[position]} = generator_{position}.bit_generator.state"]


def _numbers_in(nodes: Iterable[Node]) -> tuple[dict[int, Number], dict[int, list[int]]]:
    """Return by the index of a decision its number, and the open loops that begin before it.

    A number is that in the first iterations of all loops, and pairs: the step that begins a loop, and what each of its
    iterations adds.
    """
    found: dict[int, Number] = {}
    open_before: dict[int, list[int]] = {}
    opened: list[int] = []
    past: list[tuple[int, int]] = []  # open loops that have ended, with what each iteration adds
    number = 0
    around: list[tuple[Node, int, int]] = []
    for step in nodes:
        if isinstance(step.function, Begin):
            around.append((step, number, -1))
            opened += [step.index] if step.function.is_open else []
        elif isinstance(step.function, End):
            begin, first, ending = around.pop()
            each = number - first
            for index, (start, loops) in found.items():
                if start >= first and index > begin.index:
                    loops.append((begin.index, each))
            if step.function.begin.is_open:
                number = ending
                past.append((begin.index, each))
            else:
                number = first + (each and each * step.function.begin.count)
        elif isinstance(step, Step) and (step.decides or step.function is goes_on):
            found[step.index] = (number, [*past])
            open_before[step.index] = [*opened]
            number += 1
            if step.function is goes_on:
                around[-1] = (*around[-1][:2], number)
    return found, open_before

"""Conditions: how a decision is written, and the draws that a call takes back when it leaves the program.

# forward · while err > tol:                                  (solve.py:12)
if not err > tol:
    raise Left(3, False, "solve.py:12")
"""

from __future__ import annotations

from collections.abc import Iterable

from tinygraph.compiler.program.decisions import Left
from tinygraph.compiler.program.loops import Begin, End
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.write.literals import string_text
from tinygraph.compiler.write.references import References
from tinygraph.graph import Node

__all__ = ["Conditions"]


class Conditions:
    """The decisions of a program as they are written.

    Args:
        nodes: of the program's graph.
        references: names `Left` in the text.
    """

    def __init__(self, nodes: Iterable[Node], references: References) -> None:
        self._numbers = _numbers_in(nodes)
        self._references = references
        self._left = len(self._numbers)
        self._known: set[tuple[int, bool | int]] = set()  # a second decision about one value is none
        self._states: dict[int, str] = {}  # by the position of a generator the name of its state before the first draw

    def is_settled(self, step: Step) -> bool:
        """Return whether a decision always has the same outcome here: about a constant, or for the second time."""
        value, expected = step.args
        if type(value) is not Step or value.is_constant:
            return True
        is_known = (value.index, expected) in self._known
        self._known.add((value.index, expected))
        return is_known

    def lines(self, step: Step, text: str, counters: dict[int, str]) -> list[str]:
        """Return the lines of a decision about a value.

        Args:
            text: of the value.
            counters: by the index of the step that begins a loop the name of its counter.
        """
        self._left -= 1
        expected, line = step.args[1], string_text(str(step.source))
        if type(expected) is bool:
            test, outcome = f"not {text}" if expected else text, str(not expected)
        else:
            test, outcome = f"{text} != {expected}", f"int({text})"
        back = [f"    generator_{position}.bit_generator.state = {name}" for position, name in self._states.items()]
        left = self._references.foreign(Left)
        first, loops = self._numbers[step.index]
        terms = [counters[begin] if each == 1 else f"{each} * {counters[begin]}" for begin, each in loops]
        number = " + ".join([*terms, *([str(first)] if first or not terms else [])])
        return [f"if {test}:", *back, f"    raise {left}({number}, {outcome}, {line})"]

    def before_draw(self, step: Step) -> list[str]:
        """Return the line that notes the state of a generator before its first draw, if a decision follows."""
        position = step.args[0]
        if not self._left or position in self._states:
            return []
        self._states[position] = self._references.taken.take(f"state_{position}")
        return [f"{self._states[position]} = generator_{position}.bit_generator.state"]


def _numbers_in(nodes: Iterable[Node]) -> dict[int, tuple[int, list[tuple[int, int]]]]:
    """Return the number of each decision in the first iterations of the loops that it is in, and for each of these the
    step that begins it, with the number of decisions in an iteration.
    """
    found: dict[int, tuple[int, list[tuple[int, int]]]] = {}
    number = 0
    around: list[tuple[Node, int]] = []
    for step in nodes:
        if isinstance(step.function, Begin):
            around.append((step, number))
        elif isinstance(step.function, End):
            begin, first = around.pop()
            each, number = number - first, first + (number - first) * step.function.begin.count
            for decision in [index for index, (start, _) in found.items() if start >= first]:
                found[decision][1].append((begin.index, each))
        elif isinstance(step, Step) and step.decides:
            found[step.index] = (number, [])
            number += 1
    return found

"""Repeats: a part of a program that is repeated, as a scope, and the values that such a loop takes and leaves.

    h_before    from before the loop, then from the iteration before
    all_h       of every iteration, one above the other
    last_h      of the last iteration

These three are values without an operation of their own: a card alone.

A repeat of a record has a value in each step instead: `rolled` makes a scope of it, and one of each of its steps. The
names of both are a `LoopName`, so that a card, an arrow and a page show them alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from tinygraph.drawing.words.text import clean, clip
from tinygraph.engine.scopes import ScopeName
from tinygraph.graph import Node
from tinygraph.graph.repeats import Repeat
from tinygraph.graph.step_words import plain_scope

__all__ = [
    "BEFORE",
    "CONDITIONS",
    "EVERY",
    "LAST",
    "MOST_CARRIED",
    "LoopName",
    "carried_words",
    "common_name",
    "is_condition",
    "is_of_loop",
    "loop_line",
    "name_of_loop",
    "name_of_repeat",
    "repeat_of",
    "short_loop_line",
]


MOST_CARRIED = 3
LONGEST_CODE = 40


class LoopName(ScopeName):
    """The name of a loop as a scope, "loop × 20".

    Attributes:
        line: the line of the user's code that it begins with, or "".
        again: pairs of indices: a carried value, and the value that it has in the next iteration.
        carried: the names of the carried values, "" for one without a name.
        repeat: the steps, if the graph has each of them.
    """

    __slots__ = ("again", "carried", "line", "repeat")

    line: str
    again: tuple[tuple[int, int], ...]
    carried: tuple[str, ...]
    repeat: Repeat | None


def name_of_loop(
    number: int | None, count: str, line: str, again: tuple[tuple[int, int], ...], carried: tuple[str, ...]
) -> LoopName:
    """Return the name of a loop, of which the graph has one iteration.

    Args:
        number: among the loops of its graph; None if it is the only one.
        count: the number of iterations, as text.
        line, again, carried: see `LoopName`.
    """
    called = "loop" if number is None else f"loop {number}"
    name = LoopName(f"{called} × {count.replace('-', '−')}")
    name.given, name.line, name.again, name.carried, name.repeat = called, line, again, carried, None
    return name


def name_of_repeat(called: str, title: str, line: str, repeat: Repeat) -> LoopName:
    """Return the name of a repeat, of which the graph has every step.

    Args:
        called: the name that opens it, such as "step".
        title: the text on its card, such as "step × 12".
        line, repeat: see `LoopName`.
    """
    name = LoopName(title)
    name.given, name.line, name.repeat = called, line, repeat
    carried = list({(made[0].index, made[1].index): common_name(made) for made in repeat.made}.items())
    name.again, name.carried = tuple([pair for pair, _ in carried]), tuple([clean(called) for _, called in carried])
    return name


def common_name(nodes: Sequence[Node]) -> str:
    """Return the name that most of some nodes have, without the scope before it; else the name without its number.

    "kernel" for "dense.kernel" and "dense_1.kernel", "W" for "W1", "W2" and "W3"; "" where they have nothing in common.
    """
    names = [clean(node.name or "") for node in nodes]
    for given in (names, [name.rpartition(".")[2] for name in names], [plain_scope(name) for name in names]):
        (name, times), *_ = Counter(given).most_common(1)
        if 2 * times > len(names):
            return name
    return ""


def carried_words(name: LoopName) -> str:
    """Return the carried values of a loop by name: "h", "h and c", "h, c and 2 others"; "" where none has a name."""
    named = list(dict.fromkeys(clip(called) for called in name.carried if called))
    shown = named[:MOST_CARRIED]
    others = max(len(set(name.again)) - len(named), 0) + len(named) - len(shown)
    if not shown:
        return ""
    if others:
        shown.append(f"{others} other{'s' if others > 1 else ''}")
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else shown[0]


def repeat_of(name: str) -> Repeat | None:
    """Return the repeat that a scope is; None for any other scope."""
    return name.repeat if isinstance(name, LoopName) else None


def loop_line(name: str) -> str:
    """Return the line of the user's code that a scope begins with; "" for a scope that is no loop."""
    return name.line if isinstance(name, LoopName) else ""


def short_loop_line(name: str) -> str:
    """Return that line with at most 40 characters of code, for a card that it would make too wide."""
    line = loop_line(name)
    code = line.rpartition(" ")[0].rstrip()
    return clip(code, LONGEST_CODE) + line[len(code) :]


class _OfLoop:
    """The function of a value that a loop takes or leaves."""

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __call__(self, *args: Any) -> Any:
        raise AssertionError("a value in a picture")


class _Condition(_OfLoop):
    """The function of the operation that ends a loop: nobody reads a value of it."""


BEFORE = _OfLoop("the iteration before")
EVERY = _OfLoop("every iteration")
LAST = _OfLoop("the last iteration")

# By the truth with which the loop goes on.
CONDITIONS = {True: _Condition("while"), False: _Condition("until")}


def is_of_loop(node: Node) -> bool:
    """Return whether a node is a value that a loop takes or leaves, and no operation."""
    return type(node.function) is _OfLoop


def is_condition(node: Node) -> bool:
    """Return whether a node is the condition that ends a loop."""
    return type(node.function) is _Condition

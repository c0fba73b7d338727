"""Spelling: numbers that count, as a reader of pictures and stages sees them.

Affine(18, -1)      18 - i
FromCount(0, -1)    n - 1
"""

from __future__ import annotations

import operator
from dataclasses import replace
from typing import Any

from tinygraph.compiler.program.counting import Affine, FromCount, at_first, counts
from tinygraph.compiler.program.steps import Step

__all__ = ["CONDITIONS", "Spelt", "Word", "counter_at", "of_size", "spelt", "spelt_count", "with_numbers_spelt"]


class Spelt(str):
    """A number as text, which is written without quotation marks."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class Word:
    """The function of a step that is there to be read, and not to be called."""

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __call__(self, *args: Any) -> Any:
        """Fail: there is nothing to compute."""
        raise AssertionError("a word to read")


# The condition that ends an open loop, by the truth with which the loop goes on.
CONDITIONS = {True: Word("while"), False: Word("until")}


class _Size(int):
    """The size of an axis that depends on how often an open loop is repeated, which is its text."""

    count: FromCount

    def __repr__(self) -> str:
        return spelt_count(self.count)

    def __str__(self) -> str:
        text = spelt_count(self.count).replace("-", "−")
        return f"({text})" if self.count.offset else text


def of_size(step: Step, count: Any) -> Step:
    """Return a step whose first axis has the size of a number of iterations."""
    if type(count) is not FromCount:
        return step
    size = _Size(operator.index(count))
    size.count = count
    return replace(step, shape=(size, *step.shape[1:]))


def counter_at(depth: int) -> str:
    """Return the letter of the counter of a loop: "i" of an outermost one, "j" within it."""
    return "ijklm"[depth] if depth < 5 else f"i{depth}"


def spelt_count(count: Any) -> str:
    """Return a number of iterations: "20", of an open loop "n", of one after k others "n_2"."""
    if type(count) is not FromCount:
        return str(operator.index(count))
    name = "n" if not count.loop else f"n_{count.loop + 1}"
    return name + _added(count.offset)


def _added(number: int) -> str:
    return "" if not number else f" + {number}" if number > 0 else f" - {-number}"


def spelt(item: Any, counter: str) -> Any:
    """Return an argument with the numbers that count in it as text.

    Args:
        counter: the letter of the loop's counter.
    """
    kind = type(item)
    if kind is Affine:
        return Spelt(_affine(item, counter))
    if kind is FromCount:
        return Spelt(spelt_count(item))
    if kind is slice:
        return slice(*[spelt(end, counter) for end in (item.start, item.stop, item.step)])
    if kind is tuple or kind is list:
        return kind([spelt(part, counter) for part in item])
    return item


def _affine(number: Affine, counter: str) -> str:
    times = abs(number.step)
    moving = counter if times == 1 else f"{times} * {counter}"
    is_from_count = type(number.start) is FromCount
    if number.step > 0:
        start = f" + {spelt_count(number.start)}" if is_from_count else _added(operator.index(number.start))
        return moving + start
    start = spelt_count(number.start) if is_from_count or number.start else ""
    return f"{start} - {moving}" if start else f"-{moving}"


def with_numbers_spelt(step: Step, counter: str) -> Step:
    """Return a step of a loop, or of none, with its own function, and the numbers that count as text."""
    if not counts(step.function) and not _has_numbers(step.args):
        return step
    return replace(at_first(step), args=spelt(step.args, counter))


def _has_numbers(item: Any) -> bool:
    kind = type(item)
    if kind is tuple or kind is list:
        return any([_has_numbers(part) for part in item])
    return kind is Affine or kind is FromCount or (kind is slice and _has_numbers((item.start, item.stop, item.step)))

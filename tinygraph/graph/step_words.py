"""The calls of a graph as words, and their scopes: where the same words follow one another, steps may be equal."""

from __future__ import annotations

import operator
import re
import struct
from collections import Counter
from collections.abc import Hashable, Sequence
from types import BuiltinFunctionType, FunctionType
from typing import Any, NamedTuple

import numpy as np

from tinygraph.engine.links import Like
from tinygraph.engine.places import Place
from tinygraph.engine.scopes import given_name
from tinygraph.graph.node import Node

__all__ = ["ROUNDS", "Item", "Words", "plain_scope"]

NEAR = 16  # calls: a value from further away may be one that all steps share
COMPARED = 4  # operands of a call, to find the places where equal steps may begin


def plain_scope(name: str) -> str:
    """Return the name of a scope without the numbers that tell it from its like: "layer" for "layer 3"."""
    plain = re.sub(r"[\s_.-]*\d+", "", given_name(name)).strip()
    return plain or given_name(name)


class Item(NamedTuple):
    """A call, or a scope with all its calls: the calls from `start` to `stop`, with a word for each round."""

    start: int
    stop: int
    words: tuple[int, ...]
    children: tuple[Item, ...] = ()
    scope: str | None = None


class Words:
    """The calls of a graph as words, and their operands as numbers.

    Two calls have one word in a round if they may be one call of a step. In the first round they are called by the same
    line, use the same inputs where an input has several uses, and values that are as near: so two layers of one step
    have different words. In the second round the lines may differ. In the third one lines and operands may, and numbers
    are the same. The last two words ignore numbers, too: that of the same line, and that of any.

    The number of an operand is the place of its call, or a negative number for all that is no call.
    """

    def __init__(self, calls: Sequence[Node]) -> None:
        self.calls = calls
        self.place = {node.index: place for place, node in enumerate(calls)}
        self.known: dict[Hashable, int] = {}
        self.outside: list[Any] = [None]  # by the negative number of an operand
        self.leaves: dict[int, int] = {}
        self.numbers: dict[Hashable, int] = {}
        self.is_number: set[int] = set()
        self.signatures: dict[int, Hashable] = {}
        self.operands: list[list[int]] = []
        self.counters: list[tuple[int, ...]] = []
        self.sources = [None if node.source is None else (node.source.file, node.source.line) for node in calls]
        forms = [self._of_call(node) for node in calls]
        uses = Counter([operand for operands in self.operands for operand in set(operands)])
        several = {leaf for leaf in self.leaves.values() if uses[leaf] > 1}
        self.call_words = [self._in_rounds(place, form, several) for place, form in enumerate(forms)]
        first_operands = [(*operands[:COMPARED], *[0] * (COMPARED - len(operands))) for operands in self.operands]
        self.first_operands = np.array(first_operands, np.int64).reshape(-1, COMPARED)

    def _of_call(self, node: Node) -> tuple[int, tuple[int, ...]]:
        """Return the word of a call without its numbers, and these; append its operands and counters."""
        operands: list[int] = []
        counters: list[int] = []
        numbers: list[int] = []
        form: Hashable
        form = tuple([
            self._index(argument, operands, numbers, counters)
            if type(argument) is Place or (position == 1 and node.function is operator.getitem)
            else self._form(argument, operands, numbers)
            for position, argument in enumerate(node.args)
        ])  # fmt: skip
        keywords: Hashable = None
        if node.kwargs:
            keywords = tuple([(k, self._form(v, operands, numbers, True)) for k, v in node.kwargs.items()])
        self.operands.append(operands)
        self.counters.append(tuple(counters))
        function = node.function if isinstance(node.function, Hashable) else id(node.function)
        return self._word((function, node.shape, node.dtype, form, keywords)), tuple(numbers)

    def _in_rounds(self, place: int, form: tuple[int, tuple[int, ...]], several: set[int]) -> tuple[int, ...]:
        """Return the words of a call, one for each round, and those without its numbers."""
        source, loose, plain = self.sources[place], form[0], self._word(form)
        wiring = tuple([
            operand if operand in several else place - operand if operand >= place - NEAR else 0
            for operand in self.operands[place]
        ])  # fmt: skip
        wired = self._word((loose, wiring, 0))
        if source is None:
            return wired, wired, plain, loose, loose
        return self._word((wired, source, 1)), wired, plain, loose, self._word((loose, source, 2))

    def _word(self, key: Hashable) -> int:
        return self.known.setdefault(key, len(self.known))

    def _form(self, item: Any, operands: list[int], numbers: list[int], exact: bool = False) -> Hashable:
        """Return the form of an argument, and append its operands. A number is an operand, unless it is `exact`."""
        if isinstance(item, Node):
            operands.append(self._operand(item))
            return "·"
        kind = type(item)
        if kind is tuple or kind is list:
            return (kind, *[self._form(part, operands, numbers, True) for part in item])
        if kind is dict:
            return (kind, *[(key, self._form(part, operands, numbers, True)) for key, part in item.items()])
        if (kind is np.ndarray and item.size > 1) or kind is Like:
            operands.append(self._array(item))
            return "·" if not exact else ("array", item.shape, item.dtype)
        key = _constant(item)
        if exact or not _is_number(item):
            return key
        number = self.numbers.get(key)
        if number is None:
            number = self.numbers[key] = self._add_outside(key)
            self.is_number.add(number)
            self.signatures[number] = key[:-1]
        operands.append(number)
        numbers.append(number)
        return "·"

    def _index(self, item: Any, operands: list[int], numbers: list[int], counters: list[int]) -> Hashable:
        """Return the form of a subscript, or of the place of a write, in which whole numbers may count."""
        if type(item) is int:
            counters.append(item)
            return int
        if type(item) is Place:
            views = [
                (step.function, step.position, self._index(step.args, operands, numbers, counters),
                 self._form(step.keywords, operands, numbers, True))
                for step in item.steps
            ]  # fmt: skip
            return (Place, *views, self._index(item.index, operands, numbers, counters))
        if type(item) is tuple:
            return (tuple, *[self._index(part, operands, numbers, counters) for part in item])
        if type(item) is slice:
            ends = (item.start, item.stop, item.step)
            return (slice, *[self._index(end, operands, numbers, counters) for end in ends])
        return self._form(item, operands, numbers, exact=True)

    def _operand(self, node: Node) -> int:
        place = self.place.get(node.index)
        if place is not None:
            return place
        number = self.leaves.get(node.index)
        if number is None:
            number = self.leaves[node.index] = self._add_outside(node)
            self.signatures[number] = (node.shape, node.dtype, node.requires_grad)
        return number

    def _array(self, array: Any) -> int:
        number = self._add_outside(array)
        self.signatures[number] = (None, array.shape, array.dtype)
        return number

    def _add_outside(self, item: Any) -> int:
        self.outside.append(item)
        return 1 - len(self.outside)

    # --- items --------------------------------------------------------------------------------------------------------

    def items(self, start: int, stop: int, depth: int) -> tuple[Item, ...]:
        """Return the calls from `start` to `stop` as items: a scope at `depth` is one item."""
        items: list[Item] = []
        place = start
        while place < stop:
            scope = self.calls[place].scope
            if len(scope) == depth:
                items.append(Item(place, place + 1, self.call_words[place]))
                place += 1
                continue
            end = place + 1
            while end < stop and self.calls[end].scope[depth : depth + 1] == (scope[depth],):
                end += 1
            children = self.items(place, end, depth + 1)
            plain = plain_scope(scope[depth])
            words = tuple([
                self._word((plain, round_, *[child.words[round_] for child in children])) for round_ in range(5)
            ])  # fmt: skip
            items.append(Item(place, end, words, children, plain))
            place = end
        return tuple(items)


# The word of a call in each round, and the one that ignores numbers; at last this one alone.
ROUNDS = ((0, 4), (1, 3), (2, 3), (4, 4), (3, 3))


def _is_number(item: Any) -> bool:
    return isinstance(item, bool | int | float | complex | np.generic) or (type(item) is np.ndarray and item.size == 1)


def _constant(item: Any) -> tuple[Any, ...]:
    """Return a key that two constants share only if they are the same to the bit. All but its end is of the type."""
    kind = type(item)
    if kind is float:
        return kind, struct.pack("d", item)
    if kind is complex:
        return kind, struct.pack("dd", item.real, item.imag)
    if kind is np.ndarray or isinstance(item, np.generic):
        array = np.asarray(item)
        content = id(item) if array.dtype.hasobject else array.tobytes()
        return kind, array.shape, array.dtype, content
    if kind is slice:
        return kind, _constant(item.start), _constant(item.stop), _constant(item.step)
    return kind, item if item is None or isinstance(item, _KEYS) else id(item)


_KEYS = (bool, int, str, bytes, type, np.dtype, type(Ellipsis), FunctionType, BuiltinFunctionType)

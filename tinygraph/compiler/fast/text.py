"""The text of a loop over elements that does what the calls of a run do, as numba compiles it.

    def loop(a0, a1, a2):
        n0, n1 = a0.shape
        is_fit = n0 > 0
        is_fit &= fits_0(a0, n0, n1)
        ...
        if not is_fit:
            return False
        ...
        for i0 in range(n0):
            r0 = row_0(a0, i0)
            r1 = row_1(a1, i0)
            r2 = row_2(a2, i0)
            for i in range(n1):
                e1 = load_1(r1, i)
                e2 = load_2(r2, i)
                v0 = e1 + e2
                v1 = exp(v0)
                store_0(r0, i, v1)
        return True

It first looks at the arrays: whether they lie as they did when the text was made, and whether each that is written is
apart from all others. If not, it returns False, and has written nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygraph.compiler.fast.calls import Call
from tinygraph.compiler.fast.layout import Layout

__all__ = ["EXPRESSIONS", "Given", "text_of"]

# What a call computes, as an expression. The functions that NumPy has, too, have its results, infinities and NaN
# included; see `functions`.
EXPRESSIONS = {
    "add": "{} + {}", "subtract": "{} - {}", "multiply": "{} * {}", "divide": "{} / {}", "negative": "-{}",
    "square": "{0} * {0}", "positive": "{}", "copy": "{}", "sqrt": "sqrt({})", "reciprocal": "one / {}",
    "clip": "minimum(maximum({}, {}), {})",
    "equal": "{} == {}", "not_equal": "{} != {}", "less": "{} < {}", "less_equal": "{} <= {}", "greater": "{} > {}",
    "greater_equal": "{} >= {}", "isnan": "{0} != {0}", "logical_and": "{} & {}", "logical_or": "{} | {}",
    "logical_not": "not {}",
}  # fmt: skip


@dataclass(frozen=True)
class Given:
    """The arguments of a loop, by what it does with them.

    Attributes:
        arguments: of the run, by their slots.
        ordered: the arrays, those that are written first.
        written: how many are written.
        twice: the arrays that are the memory of one of these.
        numbers: the arguments that are numbers.
        same: for each array the one whose memory it is.
        unread: the slots that need no memory, and for each the name of that which they have.
    """

    arguments: Mapping[str, Any]
    ordered: Sequence[str]
    written: int
    twice: Sequence[str]
    numbers: Sequence[str]
    same: Mapping[str, str]
    unread: Mapping[str, str]

    @property
    def slots(self) -> list[str]:
        """The slots of the loop's arguments, in their order."""
        return [*self.ordered, *self.twice, *self.numbers]

    @property
    def single(self) -> list[str]:
        """The numbers that are arrays without axes: something may write into their memory."""
        return [slot for slot in self.numbers if isinstance(self.arguments[slot], np.ndarray)]


def text_of(calls: Sequence[Call], layout: Layout, given: Given) -> str:
    """Return the text of the loop of calls, for arrays that lie as `layout` says."""
    return _Writer(calls, layout, given).text()


class _Writer:
    """Writes a loop; for its arguments see `text_of`."""

    def __init__(self, calls: Sequence[Call], layout: Layout, given: Given) -> None:
        self._calls, self._layout, self._given = calls, layout, given
        self._names = {slot: f"a{place}" for place, slot in enumerate(given.slots)}

    def text(self) -> str:
        """Return the text of the function."""
        outer = len(self._layout.loops) - 1
        depth = "    " * (outer + 1)
        lines = [f"def loop({', '.join(self._names.values())}):", *self._fits(), *self._apart(), *self._scalars()]
        for place, loop in enumerate(self._layout.loops[:-1]):
            lines.append(f"{'    ' * (place + 1)}for i{place} in range({_product(loop)}):")
        counters = "".join(f", i{place}" for place in range(outer))
        for place in range(len(self._given.ordered)):
            lines.append(f"{depth}r{place} = row_{place}(a{place}{counters})")
        known: dict[str, str] = {}
        for place, (slot, pattern) in enumerate(zip(self._given.ordered, self._layout.patterns, strict=True)):
            if pattern.is_repeated:
                known[slot] = f"c{place}"
                lines.append(f"{depth}c{place} = load_{place}(r{place}, 0)")
        lines.append(f"{depth}for i in range({_product(self._layout.loops[-1])}):")
        lines += [f"{depth}    {line}" for line in self._body(known)]
        return "\n".join([*lines, "    return True", ""])

    def _fits(self) -> list[str]:
        """The question whether the arrays lie as the layout says."""
        ndim = max(len(pattern.axes) for pattern in self._layout.patterns)
        sizes = [f"n{axis}" for axis in range(ndim)]
        full = self._names[self._given.ordered[0]]
        holds = [f"{size} > 0" for size in sizes]
        holds += [f"n{axis} == 1" for axis in self._layout.ones]
        holds += [f"fits_{place}(a{place}, {', '.join(sizes)})" for place in range(len(self._given.ordered))]
        for slot in self._given.twice:
            holds.append(f"is_same({self._names[slot]}, {self._names[self._given.same[slot]]})")
        lines = [f"    {', '.join(sizes)}, = {full}.shape"]
        lines += [f"    is_fit {'&=' if place else '='} {condition}" for place, condition in enumerate(holds)]
        return [*lines, "    if not is_fit:", "        return False"]

    def _apart(self) -> list[str]:
        """The question whether each array that is written shares no element with another."""
        single = self._given.single
        names = [self._names[slot] for slot in (*self._given.ordered, *single)]
        if len(names) == 1:
            return []
        steps = [*map(self._step, range(len(self._given.ordered))), *["0"] * len(single)]
        widths = [*map(self._width, range(len(self._given.ordered))), *["0"] * len(single)]
        return [
            f"    begins = ({', '.join(f'first({name})' for name in names)})",
            f"    ends = ({', '.join(f'last({name})' for name in names)})",
            f"    steps = ({', '.join(steps)})",
            f"    widths = ({', '.join(widths)})",
            f"    for w in range({self._given.written}):",
            f"        for o in range({len(names)}):",
            "            if w != o and begins[w] < ends[o] and begins[o] < ends[w]:",
            "                if not is_between(begins[o] - begins[w], steps[w], steps[o], widths[w], widths[o]):",
            "                    return False",
        ]

    def _step(self, place: int) -> str:
        """The bytes from row to row of an array; 0 where it has no rows that those of another may lie between."""
        rows = self._layout.patterns[place].rows
        return f"a{place}.strides[{rows[0]}]" if len(rows) == 1 and rows[0] is not None else "0"

    def _width(self, place: int) -> str:
        """The bytes of a row of an array."""
        itemsize = self._given.arguments[self._given.ordered[place]].itemsize
        is_repeated = self._layout.patterns[place].is_repeated
        return f"{itemsize}" if is_repeated else f"{itemsize} * {_product(self._layout.loops[-1])}"

    def _scalars(self) -> list[str]:
        """The numbers, of the dtype of the calls."""
        found = []
        for slot in self._given.numbers:
            name = self._names[slot]
            value = f"{name}[()]" if isinstance(self._given.arguments[slot], np.ndarray) else f"f({name})"
            found.append(f"    x{name[1:]} = {value}")
        return found

    def _body(self, known: dict[str, str]) -> list[str]:
        """The calls for one element, and what is written of their results."""
        known = {**known, **{slot: f"x{self._names[slot][1:]}" for slot in self._given.numbers}}
        lines: list[str] = []
        results: dict[str, str] = {}

        def value_of(slot: str) -> str:
            """The name of the value that a slot has now; it is read from memory once."""
            memory = self._given.same.get(slot, slot)
            if slot not in known and memory not in known:
                place = self._given.ordered.index(memory)
                lines.append(f"e{place} = load_{place}(r{place}, i)")
                known[memory] = f"e{place}"
            return known[slot] if slot in known else known[memory]

        for place, call in enumerate(self._calls):
            given = [value_of(item) if isinstance(item, str) else _literal(item.value) for item in call.operands]
            expression = EXPRESSIONS.get(call.function, f"{call.function}({', '.join(['{}'] * len(given))})")
            value = expression.format(*given)
            if call.where is not None:
                value = f"{value} if {value_of(call.where)} else {value_of(call.target)}"
            lines.append(f"v{place} = {value}")
            if call.target in self._given.same:
                memory = self._given.same[call.target]
                known[memory] = results[memory] = f"v{place}"
            else:
                memory = self._given.unread[call.target]
                known |= {slot: f"v{place}" for slot, other in self._given.unread.items() if other == memory}
        for slot, name in results.items():
            place = self._given.ordered.index(slot)
            lines.append(f"store_{place}(r{place}, i, {name})")
        return lines


def _product(axes: Sequence[int]) -> str:
    return " * ".join(f"n{axis}" for axis in axes)


def _literal(value: float) -> str:
    """Return a number of the dtype of the calls, as text."""
    return f"f({float(value)!r})"  # inf and nan are names of the loop

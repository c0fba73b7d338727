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

from tinygraph.compiler.fast.layout import Layout, layout_of
from tinygraph.compiler.fast.runs import Call, Number, Operand

__all__ = ["Loop", "loop_of"]

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

# The calls whose result is a truth value, and those whose operands are.
COMPARISONS = frozenset(("equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "isnan"))
LOGICAL = frozenset(("logical_and", "logical_or", "logical_not"))

# Where it would take longer than so many steps to tell whether two arrays share elements, they are taken to do so.
TRIED: Any = 1_000


@dataclass(frozen=True)
class Loop:
    """A loop.

    Attributes:
        text: of the function `loop`, whose arguments are those of the run that it has a use for.
        places: of these among the arguments of the run.
        layout: how the arrays lie, which stand first among the arguments.
        written: how many arrays are written; they stand first.
        dtype: of the floats.
    """

    text: str
    places: tuple[int, ...]
    layout: Layout
    written: int
    dtype: Any


def loop_of(
    calls: Sequence[Call], arguments: dict[str, Any], unread: Mapping[str, str], functions: frozenset[str]
) -> Loop | None:
    """Return the loop for calls whose results have one shape; None where their arguments do not allow one.

    Args:
        calls: of a run.
        arguments: of the run, by their slots.
        unread: the slots that nothing reads behind the run, and for each the name of its memory.
        functions: the names of the functions that there are besides those of `EXPRESSIONS`.
    """
    shape, dtype = arguments[calls[0].target].shape, _dtype_of(calls, arguments)
    if (
        dtype is None
        or shape == ()
        or 0 in shape
        or not all(_is_fit(call, arguments, dtype, shape, functions) for call in calls)
    ):
        return None
    used = dict.fromkeys(slot for call in calls for slot in call.slots)
    own = {call.target for call in calls} & unread.keys()  # those that need no memory
    arrays = {slot: arguments[slot] for slot in used if np.ndim(arguments[slot]) > 0 and slot not in own}
    same = _same_memory(arrays)
    written = dict.fromkeys(same[call.target] for call in calls if call.target not in own)
    ordered = [*written, *dict.fromkeys(slot for slot in same.values() if slot not in written)]
    numbers = [slot for slot in used if np.ndim(arguments[slot]) == 0]
    single = [slot for slot in numbers if isinstance(arguments[slot], np.ndarray)]
    if not written or _overlap([arguments[slot] for slot in (*ordered, *single)], len(written)):
        return None
    layout = layout_of(shape, [arrays[slot] for slot in ordered])
    if layout is None:
        return None
    twice = [slot for slot in arrays if same[slot] != slot]
    writer = _Writer(calls, layout, ordered, len(written), twice, numbers, same, unread, arguments)
    places = [*arguments]
    return Loop(writer.text(), tuple(map(places.index, writer.slots)), layout, len(written), dtype)


def _dtype_of(calls: Sequence[Call], arguments: dict[str, Any]) -> np.dtype[Any] | None:
    """Return the dtype of floats that calls compute with; None where there is none, or more than one."""
    found = {arguments[slot].dtype for call in calls for slot in call.slots if isinstance(arguments[slot], np.ndarray)}
    floats = found - {np.dtype(bool)}
    return floats.pop() if len(floats) == 1 and all(dtype.char in "fd" and dtype.isnative for dtype in floats) else None


def _is_fit(
    call: Call, arguments: dict[str, Any], dtype: np.dtype[Any], shape: tuple[int, ...], functions: frozenset[str]
) -> bool:
    """Return whether a call computes a result of this shape, with this dtype, by something that a loop can do."""
    if call.function not in EXPRESSIONS and call.function not in functions:
        return False
    if call.function == "clip" and not {"maximum", "minimum"} <= functions:
        return False
    slots = [arguments[slot] for slot in call.slots]
    if any(type(item) is not np.ndarray and not isinstance(item, np.generic | float | int) for item in slots):
        return False
    target = arguments[call.target]
    if target.shape != shape or np.broadcast_shapes(*[np.shape(item) for item in slots]) != shape:
        return False
    kinds = [_kind(item, arguments, dtype) for item in call.operands]
    if call.where is not None and _kind(call.where, arguments, dtype) != "mask":
        return False
    if call.function == "copy" and target.dtype == bool:
        return kinds == ["mask"]
    wanted = "mask" if call.function in LOGICAL else "float"
    has_mask = call.function in COMPARISONS or call.function in LOGICAL
    return all(kind == wanted for kind in kinds) and target.dtype == (np.dtype(bool) if has_mask else dtype)


def _kind(item: Operand, arguments: dict[str, Any], dtype: np.dtype[Any]) -> str | None:
    """Return "float" for an operand of the dtype of the calls, or of none of its own, and "mask" for truth values."""
    if isinstance(item, Number):
        return "float" if item.dtype in (None, dtype.name) else None
    value = arguments[item]
    if type(value) in (float, int):
        return "float"
    found = getattr(value, "dtype", None)
    return "float" if found == dtype else "mask" if found == np.dtype(bool) and np.ndim(value) > 0 else None


def _same_memory(arrays: dict[str, Any]) -> dict[str, str]:
    """Return for each array the first one that is the same elements of memory."""
    first: dict[Any, str] = {}
    return {
        slot: first.setdefault((array.ctypes.data, array.shape, array.strides, array.dtype), slot)
        for slot, array in arrays.items()
    }


def _overlap(arrays: Sequence[Any], written: int) -> bool:
    """Return whether one of the first arrays, which are written, shares memory with another."""
    pairs = [(one, two) for place, one in enumerate(arrays[:written]) for two in arrays[place + 1 :]]
    return any(np.may_share_memory(one, two) and _share_elements(one, two) for one, two in pairs)


def _share_elements(one: Any, two: Any) -> bool:
    try:
        return bool(np.shares_memory(one, two, max_work=TRIED))
    except np.exceptions.TooHardError:
        return True


class _Writer:
    """Writes a loop.

    Args:
        calls: what it computes.
        layout: how the arrays lie.
        ordered: the arrays, those that are written first.
        written: how many are written.
        twice: the arrays that are the memory of one of these.
        numbers: the arguments that are numbers.
        same: for each array the one whose memory it is.
        unread: the slots that need no memory, and for each the name of that which they have.
        arguments: by their slots.
    """

    def __init__(
        self, calls: Sequence[Call], layout: Layout, ordered: list[str], written: int, twice: list[str],
        numbers: list[str], same: dict[str, str], unread: Mapping[str, str], arguments: dict[str, Any],
    ) -> None:  # fmt: skip
        self.slots = [*ordered, *twice, *numbers]
        self._names = {slot: f"a{place}" for place, slot in enumerate(self.slots)}
        self._calls, self._layout, self._ordered, self._written = calls, layout, ordered, written
        self._twice, self._numbers, self._same, self._unread, self._arguments = twice, numbers, same, unread, arguments

    def text(self) -> str:
        """Return the text."""
        outer = len(self._layout.loops) - 1
        depth = "    " * (outer + 1)
        lines = [f"def loop({', '.join(self._names.values())}):", *self._checks(), *self._scalars()]
        for place, loop in enumerate(self._layout.loops[:-1]):
            lines.append(f"{'    ' * (place + 1)}for i{place} in range({_product(loop)}):")
        counters = "".join(f", i{place}" for place in range(outer))
        for place in range(len(self._ordered)):
            lines.append(f"{depth}r{place} = row_{place}(a{place}{counters})")
        known: dict[str, str] = {}
        for place, (slot, pattern) in enumerate(zip(self._ordered, self._layout.patterns, strict=True)):
            if pattern.is_repeated:
                known[slot] = f"c{place}"
                lines.append(f"{depth}c{place} = load_{place}(r{place}, 0)")
        lines.append(f"{depth}for i in range({_product(self._layout.loops[-1])}):")
        lines += [f"{depth}    {line}" for line in self._body(known)]
        return "\n".join([*lines, "    return True", ""])

    def _checks(self) -> list[str]:
        """Write the conditions on the arrays."""
        ndim = max(len(pattern.axes) for pattern in self._layout.patterns)
        sizes = [f"n{axis}" for axis in range(ndim)]
        full = self._names[self._ordered[0]]
        holds = [f"{size} > 0" for size in sizes]
        holds += [f"n{axis} == 1" for axis in self._layout.ones]
        holds += [f"fits_{place}(a{place}, {', '.join(sizes)})" for place in range(len(self._ordered))]
        for slot in self._twice:
            holds.append(f"is_same({self._names[slot]}, {self._names[self._same[slot]]})")
        lines = [f"    {', '.join(sizes)}, = {full}.shape"]
        lines += [f"    is_fit {'&=' if place else '='} {condition}" for place, condition in enumerate(holds)]
        lines += ["    if not is_fit:", "        return False"]
        single = [slot for slot in self._numbers if isinstance(self._arguments[slot], np.ndarray)]
        names = [self._names[slot] for slot in (*self._ordered, *single)]
        if len(names) > 1:
            steps = [*map(self._step, range(len(self._ordered))), *["0"] * len(single)]
            widths = [*map(self._width, range(len(self._ordered))), *["0"] * len(single)]
            lines.append(f"    begins = ({', '.join(f'first({name})' for name in names)})")
            lines.append(f"    ends = ({', '.join(f'last({name})' for name in names)})")
            lines.append(f"    steps = ({', '.join(steps)})")
            lines.append(f"    widths = ({', '.join(widths)})")
            lines += [
                f"    for w in range({self._written}):",
                f"        for o in range({len(names)}):",
                "            if w != o and begins[w] < ends[o] and begins[o] < ends[w]:",
                "                if not is_between(begins[o] - begins[w], steps[w], steps[o], widths[w], widths[o]):",
                "                    return False",
            ]
        return lines

    def _step(self, place: int) -> str:
        """The bytes from row to row of an array; 0 where it has no rows that those of another may lie between."""
        rows = self._layout.patterns[place].rows
        return f"a{place}.strides[{rows[0]}]" if len(rows) == 1 and rows[0] is not None else "0"

    def _width(self, place: int) -> str:
        """The bytes of a row of an array."""
        itemsize = self._arguments[self._ordered[place]].itemsize
        is_repeated = self._layout.patterns[place].is_repeated
        return f"{itemsize}" if is_repeated else f"{itemsize} * {_product(self._layout.loops[-1])}"

    def _scalars(self) -> list[str]:
        """The numbers, of the dtype of the calls."""
        found = []
        for slot in self._numbers:
            name = self._names[slot]
            value = f"{name}[()]" if isinstance(self._arguments[slot], np.ndarray) else f"f({name})"
            found.append(f"    x{name[1:]} = {value}")
        return found

    def _body(self, known: dict[str, str]) -> list[str]:
        """The calls for one element, and what is written of their results."""
        known = {**known, **{slot: f"x{self._names[slot][1:]}" for slot in self._numbers}}
        lines: list[str] = []
        results: dict[str, str] = {}

        def value_of(slot: str) -> str:
            """The name of the value that a slot has now; it is read from memory once."""
            memory = self._same.get(slot, slot)
            if slot not in known and memory not in known:
                place = self._ordered.index(memory)
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
            if call.target in self._same:
                memory = self._same[call.target]
                known[memory] = results[memory] = f"v{place}"
            else:
                memory = self._unread[call.target]
                known |= {slot: f"v{place}" for slot, other in self._unread.items() if other == memory}
        for slot, name in results.items():
            place = self._ordered.index(slot)
            lines.append(f"store_{place}(r{place}, i, {name})")
        return lines


def _product(axes: Sequence[int]) -> str:
    return " * ".join(f"n{axis}" for axis in axes)


def _literal(value: float) -> str:
    """Return a number of the dtype of the calls, as text."""
    return f"f({float(value)!r})"  # inf and nan are names of the loop

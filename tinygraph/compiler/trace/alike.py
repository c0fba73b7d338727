"""Alike: calls of a reverse pass whose rules do what they did for an earlier call, with other arrays.

A loop of 400 iterations has 400 calls of `np.tanh` with one shape and dtype. The rule of the first makes three calls:

    z * z,  1 - (z * z),  g * (1 - (z * z))

For the others the same three calls are carried out and recorded with their own z and g. To run the rule, and all that
stands between it and the tape, takes three times as long. The calls that a rule of ours makes follow from the shapes
and dtypes of its arguments, from what is known of their values, and from its constants: the key of a pattern.
"""

from __future__ import annotations

import functools
from types import EllipsisType
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygraph.compiler.trace.pull import Pattern, Pull, Run
from tinygraph.compiler.trace.traced import Traced
from tinygraph.engine.dependence import SELECTIONS
from tinygraph.engine.links import Call, Like, takes_gradient

if TYPE_CHECKING:
    from tinygraph.engine.table import Operation

__all__ = ["Alike"]

# The rules that are known to look at nothing but their arguments: those of the table, and of our primitives.
_OURS = ("tinygraph.derivatives.", "tinygraph.functions.")
_NUMBERS = frozenset((int, float, complex, bool, str, type(None), EllipsisType))


# The bytes of the masks in the patterns of a run, which are kept as long as the run goes on. A loop over the rows of a
# large matrix has a pattern for each row, and each has a mask as large as the matrix.
KEPT = 1 << 20


class Alike:
    """The patterns of the pulls of a run.

    Args:
        run: the parts of the run that a pull asks, or changes.
        before: those of the run that this one repeats.

    Attributes:
        numbers: for each pull the number of its pattern; None where the rules have to run.
    """

    def __init__(self, run: Run, before: Alike | None) -> None:
        self.numbers: list[int | None] = []
        self._run = run
        self._before = before
        self._known: dict[Any, int] = {}
        self._patterns: dict[Any, Pattern | None] = {}
        self._are_ours: dict[Operation, bool] = {}
        self._room = KEPT

    def pull(self, call: Call, g: Any, z: Any, args: tuple[Any, ...], keywords: dict[str, Any]) -> Pull | None:
        """Return the pull of a cotangent through a call; None where nothing is known of the calls that rules make.

        Args:
            call: the call.
            g: the cotangent of its result, which is reached everywhere.
            z, args, keywords: its result and arguments, as they were when it was made.
        """
        if type(self._run.tape.events) is not list:
            return None  # the run notices what rules ask for
        arrays: list[Traced] = []
        number = self._number(call, (g, z, *args, *keywords.values()), arrays, keywords)
        self.numbers.append(number)
        if number is None:
            return None
        # A run that repeats another has no values. Its pulls are alike where those of the other run are.
        key = number, call.op, *[takes_gradient(link) for link in call.args]
        if key not in self._patterns:
            return Pull(self._run, arrays, None, functools.partial(self._learn, key))
        pattern = self._patterns[key]
        if pattern is None:
            self.numbers[-1] = None
            return None
        return Pull(self._run, arrays, pattern, self._unlike)

    def _learn(self, key: Any, pattern: Pattern | None) -> None:
        """Keep the pattern of the first pull of a kind, if there is room for its masks; None where there is none."""
        size = 0 if pattern is None else pattern.nbytes
        if size > self._room:
            pattern, size = None, 0
        self._room -= size
        self._patterns[key] = pattern

    def _unlike(self, pattern: None) -> None:
        """Note that the calls of the last pull were others, so that a run that repeats this one has its rules run."""
        self.numbers[-1] = None

    def _number(
        self, call: Call, items: tuple[Any, ...], arrays: list[Traced], keywords: dict[str, Any]
    ) -> int | None:  # fmt: skip
        """Return the number of what a pull has in common with others that are like it; None where it is not known.

        Args:
            call, items, keywords: the call, and all that its rules are given.
            arrays: gets the stand-ins among the items.
        """
        recording = self._run.recording
        key: list[Any] = [call.op, *keywords]
        is_known = True
        for item in items:
            if type(item) is Traced:
                if item._weak or item._recorder is not recording or item._seen != item._memory.version:
                    return None
                arrays.append(item)
                part = _key_of_array(item)
            else:
                part = _key_of(item)
            is_known = is_known and part is not None
            key.append(part)
        if self._before is not None:
            before, place = self._before.numbers, len(self.numbers)
            return before[place] if place < len(before) else None
        if not is_known or self._run.execution.errors.blocks or call.op.function in SELECTIONS:
            return None
        if not self.are_ours(call.op):
            return None
        key += _same_events(arrays)
        return self._known.setdefault(tuple(key), len(self._known))

    def are_ours(self, op: Operation) -> bool:
        """Return whether the rules of a function are known to look at nothing but their arguments."""
        if op not in self._are_ours:
            self._are_ours[op] = all([rule is None or (rule.__module__ or "").startswith(_OURS) for rule in op.rules])
        return self._are_ours[op]


def _key_of_array(array: Traced) -> Any:
    """Return what rules may ask of an array; None where its content is a part of the program."""
    event, value = array._event, array._value
    if event.content is not None:
        return None
    return (
        event.shape, event.dtype, event.low, event.finite, array._is_number,
        value.strides if type(value) is np.ndarray else None,
    )  # fmt: skip


def _same_events(arrays: list[Traced]) -> list[int]:
    """Return for each array the number of the first one of the same event, so that x * x is not like x * y."""
    events = [array._event for array in arrays]
    return [events.index(event) for event in events]


def _key_of(item: Any) -> Any:
    """Return what tells a constant from others; None where it is not known, as of a computed number in an index."""
    kind = type(item)
    if kind is Traced:
        return None
    if kind in _NUMBERS:
        return kind, str(item) if kind is float or kind is complex else item  # -0.0 == 0.0
    if kind is slice:
        ends = [_key_of(end) for end in (item.start, item.stop, item.step)]
        return None if None in ends else (kind, *ends)
    if kind is tuple:
        parts = [_key_of(part) for part in item]
        return None if None in parts else (kind, *parts)
    if kind is Like:
        return kind, item.shape, item.dtype
    if isinstance(item, np.generic):
        return item.dtype, item.tobytes()
    return item if isinstance(item, np.dtype) else None

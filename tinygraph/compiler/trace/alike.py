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
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tinygraph.compiler.trace.pull import FirstPull, Pattern, Run
from tinygraph.compiler.trace.pulling_again import PullingAgain
from tinygraph.compiler.trace.traced import Traced
from tinygraph.compiler.trace.views import earlier_state
from tinygraph.engine.dependence import SELECTIONS, is_elementwise
from tinygraph.engine.keeping import Held
from tinygraph.engine.links import Call, Leaf, Like, takes_gradient
from tinygraph.engine.modes import state
from tinygraph.engine.places import Place

if TYPE_CHECKING:
    from tinygraph.engine.delivering import Guarded
    from tinygraph.engine.table import Operation

__all__ = ["Alike"]

# The rules that are known to look at nothing but their arguments: those of the table, and of our primitives.
_OURS = ("tinygraph.derivatives.", "tinygraph.functions.")
_LINKS, _NESTED = (Call, Leaf), (tuple, list)  # made once: `Call | Leaf` in a call would be made again each time
_NUMBERS = frozenset((int, float, complex, bool, str, type(None), EllipsisType))


# The bytes of the masks in the patterns of a run, which are kept as long as the run goes on. A loop over the rows of a
# large matrix has a pattern for each row, and each has a mask as large as the matrix.
KEPT = 1 << 22

# The elements of a reach that is compared with others.
COMPARED = 1 << 18


class _Known(NamedTuple):
    """A kind of pull: its operation, where gradients flow, and its pattern.

    Attributes:
        op: of their calls.
        flows: for each argument whether a gradient flows to it.
        pattern: what they make; None where the rules have to run.
    """

    op: Operation
    flows: list[bool]
    pattern: Pattern | None


class Alike:
    """The patterns of the pulls of a run.

    Args:
        run: the parts of the run that a pull asks, or changes.
        before: those of the run that this one repeats.

    Attributes:
        numbers: for each pull the number of its pattern; None where the rules have to run.
        again: makes a pull that is like an earlier one.
    """

    def __init__(self, run: Run, before: Alike | None) -> None:
        self.numbers: list[int | None] = []
        self._run = run
        self._before = before
        self._known: dict[Any, int] = {}
        self._met: set[int] = set()
        self._patterns: dict[int, _Known] = {}
        self._are_ours: dict[Operation, bool] = {}
        self._room = KEPT
        self.again = PullingAgain(run)

    def pull(self, call: Call, g: Any, guarded: Guarded) -> FirstPull | bool:
        """Pull a cotangent through a call as it was pulled through one that is like it.

        Args:
            call: the call.
            g: the cotangent of its result.
            guarded: the state of the pass.

        Returns:
            True where that is done. The pull, where it is the first of its kind: whoever makes it notes what it makes.
            False where nothing is known of the calls that rules make.
        """
        if type(self._run.tape.events) is not list or state.reach is not None:
            return False  # the run notices what rules ask for, or a rule makes this pass
        arrays: list[Traced] = []
        flows, reach = [takes_gradient(item) for item in call.args], guarded.reach.get(call)
        if _flows_into_sequence(call.args, flows) or (reach is not None and not _follows(call, reach)):
            return False
        given, bits = self._given(call, g, arrays), b""
        if reach is not None and given is not None:
            bits = np.packbits(reach).tobytes()
            # What rules rely on, since something was left out, depends on which arrays are inputs.
            given += [bits, call in guarded.loose, *[array._event.kind == "call" for array in arrays]]
        number = self._number(call, flows, given, arrays, len(bits))
        self.numbers.append(number)
        if number is None:
            return False
        known = self._patterns.get(number)
        if known is None:
            return FirstPull(self._run, arrays, reach, functools.partial(self._learn, number, call.op, flows))
        if known.pattern is not None and known.op is call.op and known.flows == flows:
            links = [
                link
                for rule, link, flow in zip(call.op.rules, call.args, flows, strict=False)
                if rule is not None and flow
            ]
            if self.again.pull(call, links, known.pattern, arrays, guarded):
                return True
        self.numbers[-1] = None  # so that a run that repeats this one has its rules run, too
        return False

    def _learn(self, number: int, op: Operation, flows: list[bool], pattern: Pattern | None) -> None:
        """Keep the pattern of the first pull of a kind, if there is room for its masks; None where there is none."""
        size = 0 if pattern is None else pattern.nbytes
        if size > self._room:
            pattern, size = None, 0
        self._room -= size
        self._patterns[number] = _Known(op, flows, pattern)

    def _given(self, call: Call, g: Any, arrays: list[Traced]) -> list[Any] | None:
        """Return what tells the things that the rules of a call are given from others; None where it is not known.

        Args:
            call, g: the call, and the cotangent of its result.
            arrays: gets the stand-ins among them, as they were when the call was made.
        """
        key: list[Any] | None = []
        for item in (g, call._value, *call.args, *call.keywords.values()):
            if type(item) is not Traced and (isinstance(item, _LINKS) or type(item) is Held):
                item = item._value
            if type(item) is Traced:
                if item is not g and (item._past is not None or item._seen != item._memory.version):
                    item = earlier_state(item, call.order)
                arrays.append(item)
                part = self.again.key_of(item)
            else:
                part = _key_of(item)
            if part is None or key is None:
                key = None
            else:
                key.append(part)
        return key

    def _number(
        self, call: Call, flows: list[bool], given: list[Any] | None, arrays: list[Traced], size: int
    ) -> int | None:  # fmt: skip
        """Return the number of what a pull has in common with others that are like it; None where it is not known.

        Args:
            call: the call.
            flows: for each argument whether a gradient flows to it.
            given: what tells the things that its rules are given from others.
            arrays: the stand-ins among these.
            size: the bytes of the reach that is compared with others.
        """
        for array in arrays:
            if not self.again.is_plain(array):
                return None
        if self._before is not None:  # it has no values. Its pulls are alike where those of the other run are
            before, place = self._before.numbers, len(self.numbers)
            return before[place] if place < len(before) else None
        if given is None or self._run.execution.errors.blocks or not self.are_ours(call.op):
            return None
        if call.op.function in SELECTIONS:
            return None
        events = [array._event for array in arrays]
        same = [events.index(event) for event in events]  # x * x is not like x * y
        key = (call.op, *call.keywords, *given, *same, *flows)
        number, met = self._known.get(key), hash(key)
        if number is None and met not in self._met:
            self._met.add(met)  # most of what is met once is not met again: a write into each row of an array
        elif number is None and size <= self._room:
            self._room -= size
            number = self._known[key] = len(self._known)
        return number

    def are_ours(self, op: Operation) -> bool:
        """Return whether the rules of a function are known to look at nothing but their arguments."""
        if op not in self._are_ours:
            self._are_ours[op] = all([rule is None or (rule.__module__ or "").startswith(_OURS) for rule in op.rules])
        return self._are_ours[op]


def _follows(call: Call, reach: Any) -> bool:
    """Return whether what the rules of a call make of a reach follows from its elements, and these are few enough."""
    if type(reach) is not np.ndarray or reach.size > COMPARED:
        return False
    op, args = call.op, call.args
    if is_elementwise(op.function):
        return True
    return not (op.needs_result or any([at < len(args) and isinstance(args[at], _LINKS) for at in op.needs]))


def _key_of_place(place: Place) -> Any:
    """Return what tells the place of a write from others; None where it is not known."""
    steps = [
        (step.function, step.position, _key_of(step.args), _key_of(tuple(step.keywords.items())))
        for step in place.steps
    ]
    index = _key_of(place.index)
    return None if index is None or any([None in step for step in steps]) else (Place, index, *steps)


def _flows_into_sequence(args: Any, flows: list[bool]) -> bool:
    """Return whether a gradient flows to a part of a tuple or list among the arguments."""
    for item, flow in zip(args, flows, strict=True):  # noqa: SIM110 - half of the time of any()
        if flow and type(item) in _NESTED:
            return True
    return False


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
    if kind is Place:
        return _key_of_place(item)
    if isinstance(item, np.generic):
        return item.dtype, item.tobytes()
    return item if isinstance(item, np.dtype) else None

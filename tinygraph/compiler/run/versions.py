"""Versions: a program for one signature, with the state and the checks of its calls."""

from __future__ import annotations

import copy
import sys
import threading
from dataclasses import dataclass
from itertools import repeat
from time import monotonic
from typing import Any

import numpy as np

from tinygraph.compiler.guards.surroundings import Surroundings
from tinygraph.compiler.program.decisions import Left
from tinygraph.compiler.program.program import Program
from tinygraph.compiler.run.binding import Binding, Ends, all_finite, all_held, value_at_call
from tinygraph.compiler.run.eagerly import Eagerly
from tinygraph.compiler.run.named_results import has_names
from tinygraph.compiler.run.variables import Variables, variables_of
from tinygraph.compiler.run.written_arguments import check_writable
from tinygraph.compiler.trace.orders import strides_of
from tinygraph.engine.links import DataLeaf, next_order
from tinygraph.engine.tensor import Tensor
from tinygraph.errors import GraphError, UnsupportedError

__all__ = ["Conditions", "Running", "Version", "version_of"]

_DATA_LEAF = repeat(DataLeaf)  # for `map`, which calls no function of Python's


class Running(Exception):  # noqa: N818 - no error: the caller goes another way
    """A program was called while it was running in the same thread."""


@dataclass(frozen=True, eq=False)
class Conditions:
    """The conditions of a program that its guards do not compare.

    Attributes:
        data: links of Tensors from outside, each with True if the Tensor was data.
        outside: the ids of the Tensors and generators found outside.
        identities: the pattern of equal objects, where the function asks for it; else None.
        strides: of arguments and variables, where the program depends on them; else None.
    """

    data: list[tuple[Any, bool]]
    outside: frozenset[int]
    identities: Any
    strides: Any


class Version:
    """A program for one signature, with the conditions under which it is right, and the ends of its data.

    Attributes:
        program: the recorded program.
        runner: the written program, which computes.
        surroundings: the values that the function found outside during the recording.
        binding: the sources of the program's inputs and the destinations of its results.
        guards: the comparison of the surroundings at a call with those of the recording.
        layouts: the shape and dtype of each argument, and None for one that is None, if there are no others; else None.
        decisions: the outcomes of the decisions of the program, in order: the path that it was made for.
        numbers: the numbers that Python computes from counters before each call; None where there are no counters.
        counting: the places of the ints that counted as counters when the program was made.
        number, why: the position of the program among those that were made, and the reason why it was made.
        runs, last_run: how often it ran to its end, and when it did last, on the clock `time.monotonic`.
    """

    def __init__(
        self,
        program: Program,
        runner: Any,
        surroundings: Surroundings,
        binding: Binding,
        variables: Variables,
        conditions: Conditions,
    ) -> None:
        """Hold the parts of a version; see `version_of`."""
        self.program = program
        self.runner = runner
        self.surroundings = surroundings
        self.binding = binding
        self.guards = surroundings.guards
        self.layouts: list[tuple[tuple[int, ...], Any] | None] | None = None
        self.decisions = runner.path
        # --- ends: arguments, variables, generators, gradients
        self._given = binding.given
        self._plain = binding.as_they_are
        self._count = len(binding.given)
        self._written = [program.arguments.index(node) for node, _ in program.written]
        self._variables = variables
        self._generators = binding.generators
        self._graded: list[Any] = [captured.owner for captured in binding.graded]
        self._cleared = binding.cleared
        self._named = binding.result if has_names(binding.result) else None
        self._shaper = binding.shaper
        # --- conditions
        self._asked = binding.asked
        self._given_tensors = binding.tensors
        self._finite, self._masks = binding.finite, binding.masks
        self._nonfinite = binding.nonfinite
        self.numbers = binding.numbers
        self.counting: frozenset[Any] = frozenset()
        self.number, self.why = 0, ""
        self.runs, self.last_run = 0, 0.0
        self._links = [link for link, _ in conditions.data]
        self._are_data = [is_data for _, is_data in conditions.data]
        self._outside = conditions.outside
        self._identities = conditions.identities
        self._strides = conditions.strides
        self._lock = threading.Lock()
        surroundings.versions.add(self)

    def fits(self, arguments: tuple[Any, ...]) -> list[Any] | None:
        """Return the leaves of a call if its arguments have the shapes and dtypes of `layouts`, else None."""
        if self.layouts is None or len(arguments) != len(self.layouts):
            return None
        leaves = []
        for item, layout in zip(arguments, self.layouts, strict=True):
            if type(item) is not np.ndarray:
                if item is not None or layout is not None:
                    return None
            elif layout is None or item.shape != layout[0] or item.dtype != layout[1]:
                return None
            else:
                leaves.append(item)
        return leaves

    def holds_again(self, leaves: list[Any]) -> bool:
        """Return whether the program is right for arguments that fit, where it was right for the last call.

        Nothing that the function finds outside has changed since then, so that the guards need not be asked.
        """
        of_arguments = (self.numbers, self._strides, self._identities)
        if any([item is not None for item in of_arguments]) or self._given_tensors:
            return False
        return self._is_as_taken(leaves)

    def holds(self, leaves: list[Any]) -> bool:
        """Return whether the program is right for a call: the conditions that it was made under hold."""
        if self.numbers is not None:
            extended = self.numbers.behind(leaves)
            if extended is None:
                return False
            leaves = extended
        if [*map(isinstance, self._links, _DATA_LEAF)] != self._are_data:
            return False
        for link, had in self._asked:
            if type(link) is int:
                link = leaves[link]._link
            if (link._grad is not None) is not had:
                return False
        for position, tensor in self._given_tensors:
            leaf = leaves[position]
            if leaf is not tensor and (tensor is not None or id(leaf) in self._outside):
                return False
        if self._strides is not None and self._strides_now(leaves) != self._strides:
            return False
        if self._identities is not None and self.surroundings.identities(leaves) != self._identities:
            return False
        return self._is_as_taken(leaves) and self.guards.hold()

    def _is_as_taken(self, leaves: list[Any]) -> bool:
        """Return whether the numbers and the masks of a call are what the program takes them to be."""
        if self._finite and all_finite(self._finite, leaves) is self._nonfinite:
            return False
        return not self._masks or all_held(self._masks, leaves)

    def takes_other_masks(self, leaves: list[Any]) -> bool:
        """Return whether the program takes a condition outside to have values that it does not have now."""
        return not all_held(self._masks, self._with_numbers(leaves))

    def _strides_now(self, leaves: list[Any]) -> list[Any]:
        """Return the strides of the program's arguments and variables at a call."""
        return _strides_of(self._arguments(leaves), self._variables, leaves)

    @property
    def counts_arguments(self) -> bool:
        """True where some of the arguments are ints that change from call to call."""
        return self.numbers is not None and self.numbers.of_arguments

    def bound(self, leaves: list[Any]) -> tuple[list[Any], list[Any], list[Any]]:
        """Return the program's arguments, variables and generators for a call, from the leaves of its arguments."""
        leaves = self._with_numbers(leaves)
        arguments, buffers = self._variables.bound(self._arguments(leaves), leaves)
        return arguments, buffers, [leaves[item] if type(item) is int else item for item in self._generators]

    def try_out(self, leaves: list[Any]) -> None:
        """Run the program for a call with copies of all that it would change.

        Raises:
            Left: the call decides otherwise.
        """
        if self.decisions:
            arguments, buffers, generators = self.bound(leaves)
            self.runner.run(arguments, [np.array(buffer) for buffer in buffers], copy.deepcopy(generators))

    def adopt(self) -> bool:
        """Let arrays and Tensors that stand outside in the place of others be those of the program; return if they are.

        They have the shapes and dtypes of the others, and everything else that the guards compare is as it was.
        """
        pairs = self.surroundings.replaced()
        if not pairs or not self._lock.acquire(blocking=False):
            return False
        try:
            if not self.surroundings.adopt(pairs):
                return False
            links = [(old._link, new._link) for old, new in pairs if type(old) is Tensor]
            others = {id(old): new for old, new in (*pairs, *links)}
            bindings: dict[int, Binding] = {}
            for version in [*self.surroundings.versions]:  # an open program has one for each size
                known = id(version.binding)
                if known not in bindings:
                    bindings[known] = version.binding.with_others(others)
                version._rebind(bindings[known], others)
            return True
        finally:
            self._lock.release()

    def _rebind(self, binding: Binding, others: dict[int, Any]) -> None:
        """Take another binding, in which others stand for some arrays and Tensors.

        Args:
            binding: the binding.
            others: by the ids of arrays, Tensors and links those that stand for them.
        """
        self.binding = binding
        self._given, self._finite, self._masks = binding.given, binding.finite, binding.masks
        self._cleared, self._asked, self._given_tensors = binding.cleared, binding.asked, binding.tensors
        self._graded = [captured.owner for captured in binding.graded]
        self._links = [others.get(id(link), link) for link in self._links]
        self._outside = frozenset([id(others[key]) if key in others else key for key in self._outside])
        self._variables.replace(others)

    def _check_runs_elsewhere(self) -> None:
        """Refuse to wait for a call that waits for this one."""
        frame = sys._getframe(2)
        while frame is not None:
            if frame.f_code is Version.__call__.__code__ and frame.f_locals["self"] is self:
                if self._variables.is_updating:
                    raise GraphError(
                        "compile: a compiled function that updates Tensors calls itself, in a primitive, before it is "
                        "through. Call the function that is not compiled there"
                    )
                raise Running
            frame = frame.f_back  # type: ignore[assignment]

    def _with_numbers(self, leaves: list[Any]) -> list[Any]:
        """Return the leaves with the numbers that Python computes behind them."""
        return leaves if self.numbers is None else self.numbers.behind(leaves) or leaves

    def _arguments(self, leaves: list[Any]) -> list[Any]:
        """Return the program's arguments."""
        if self._plain and len(leaves) == self._count:
            return leaves
        return [value_at_call(item, leaves) for item in self._given]

    def is_current(self) -> bool:
        """Return whether the conditions outside hold, as far as they can be told without the arguments of a call."""
        own = [(link, had) for link, had in self._asked if type(link) is not int]
        return (
            [*map(isinstance, self._links, _DATA_LEAF)] == self._are_data
            and all((link._grad is not None) is had for link, had in own)
            and (self.guards.hold() or (self.adopt() and self.guards.hold()))
            and (self.numbers is None or self.numbers.of_arguments or self.numbers.behind([]) is not None)
        )

    def conditions(self) -> list[str]:
        """Return the conditions that the guards do not compare, in words."""
        found = [f"{self._name_of(link)}.grad is {'an array' if had else 'None'}" for link, had in self._asked]
        if self._finite:
            found.append("an infinity or NaN is given" if self._nonfinite else "the numbers given are finite")
        if self._masks:
            found.append("the masks hold what they held")
        if self._strides is not None:
            found.append("arrays lie in memory in this order")
        if self._identities is not None:
            found.append("the same arguments are one array")
        return found

    def differs(self, leaves: list[Any]) -> str:
        """Return a sentence that says why the program is not right for a call of its signature."""
        if self.numbers is not None:
            extended = self.numbers.behind(leaves)
            if extended is None:
                return "what Python computes from a counter is of another type, or too large for an array, or an error"
            leaves = extended
        for link, had in self._asked:
            now = leaves[link]._link if type(link) is int else link
            if (now._grad is not None) is not had:
                was, now_is = ("an array", "None") if had else ("None", "an array")
                return f"{self._name_of(link)}.grad was {was} and is {now_is}"
        changed = None if self.guards.hold() else self.guards.changed()
        if changed is not None:
            return changed
        if self._finite and all_finite(self._finite, leaves) is self._nonfinite:
            return "the numbers given are finite again" if self._nonfinite else "an infinity or NaN is given"
        if not all_held(self._masks, leaves):
            return "what is in a mask has changed"
        if self._strides is not None and self._strides_now(leaves) != self._strides:
            return "arrays lie in memory in another order"
        if self._identities is not None and self.surroundings.identities(leaves) != self._identities:
            return "other arguments are one array"
        return "other Tensors or generators are given, or found, twice"

    def _name_of(self, owner: Any) -> str:
        """Return the name of a Tensor that is given by its link, or by its position among the leaves."""
        for (tensor, _, _), variable in zip(self._variables.sources, self.program.variables, strict=True):
            if tensor is owner or (type(owner) is not int and getattr(tensor, "_link", None) is owner):
                return variable.name
        return "a Tensor"

    def ends(self) -> Ends:
        """Return the origins of the program's inputs and the destinations of its results."""
        return Ends(
            given=self._given_to_a_file(),
            tensors=[(tensor, updated) for tensor, updated, _ in self._variables.sources],
            graded=self._graded,
            cleared=self._cleared,
            asked=self._asked,
            generators=self._generators,
            named=self._named,
            objects=self.binding.objects,
            tied=any(tensor is not None for _, tensor in self._given_tensors) or self._is_one_array_given_twice(),
            written_into=bool(self._variables.written_into),
            by_strides=self._strides is not None,
            asks_identity=self._identities is not None,
        )

    def _given_to_a_file(self) -> list[Any]:
        """Return the sources of the arguments, with the numbers that come from counters outside as they are now."""
        if self.numbers is None or self.numbers.of_arguments:
            return self._given
        first, now = self.numbers.first, self.numbers.behind([]) or []
        return [now[item - first] if type(item) is int and item >= first else item for item in self._given]

    def _is_one_array_given_twice(self) -> bool:
        """Return whether the function compares identities, and two of the arguments were one array."""
        found = self._identities or []
        return any(outside is not None for _, outside in found) or len({first for first, _ in found}) < len(found)

    def __call__(self, leaves: list[Any]) -> Any:
        """Run the program on the leaves of the arguments.

        Raises:
            Running: the program is running in this thread, and its function was called by it.
            GraphError: likewise, and the program updates Tensors.
            Left: the call decides otherwise than the program. Nothing has been updated.
        """
        if self._lock.locked():
            self._check_runs_elsewhere()
        if self.numbers is not None:
            leaves = self._with_numbers(leaves)
        variables = self._variables
        with self._lock:
            arguments = self._arguments(leaves)
            if self._written:
                check_writable(self.program, arguments, self._written, variables.owners(leaves))
            if variables.buffers is not None and variables.are_settled(arguments):
                results = self.runner.run(arguments, variables.buffers, self._generators)
                for tensor, buffer in variables.updated:
                    link = tensor._link
                    tensor._value = link._value = buffer
                    link.order = next_order()
            else:
                arguments, buffers = variables.bound(arguments, leaves)
                generators = [leaves[item] if type(item) is int else item for item in self._generators]
                results = self.runner.run(arguments, buffers, generators)
                if variables.is_updating:
                    variables.hand_over(buffers, leaves)
                    if variables.buffers is None and generators == self._generators:
                        variables.settle(buffers)
        self.runs += 1
        self.last_run = monotonic()
        gradients: Any = ()
        if self._graded:
            results, gradients = results
        for link, gradient in zip(self._graded, gradients, strict=True):
            (leaves[link]._link if type(link) is int else link)._grad = gradient
        for link in self._cleared:
            (leaves[link]._link if type(link) is int else link)._grad = None
        return results if self._shaper is None else self._shaper(results)


class GuardedVersion(Version):
    """A program whose function has a `try` around a call that may fail: what follows then is the function's matter."""

    def __call__(self, leaves: list[Any]) -> Any:
        """Run the program on the leaves of the arguments.

        Raises:
            Eagerly: a call failed. Nothing has been updated.
        """
        states = [(item, copy.deepcopy(item.bit_generator.state)) for item in self._streams(leaves)]
        try:
            return super().__call__(leaves)
        except (Left, Running, GraphError, UnsupportedError):
            raise
        except Exception as error:
            for generator, before in states:
                generator.bit_generator.state = before
            raise Eagerly(f"a call failed, {error!r}") from None

    def _streams(self, leaves: list[Any]) -> list[np.random.Generator]:
        found = [leaves[item] if type(item) is int else item for item in self._generators]
        return [item for item in found if isinstance(item, np.random.Generator)]


def version_of(
    program: Program, runner: Any, surroundings: Surroundings, binding: Binding, leaves: list[Any]
) -> Version:  # fmt: skip
    """Return the version of a program for the signature of a call.

    Args:
        program: the recorded program.
        runner: the written program.
        surroundings: the values that the function found outside.
        binding: the sources of the program's inputs and the destinations of its results.
        leaves: of the arguments of the call.
    """
    variables = variables_of(program.variables, binding.state)
    conditions = _conditions_of(surroundings, binding, variables, leaves)
    kind = GuardedVersion if binding.is_guarded else Version
    return kind(program, runner, surroundings, binding, variables, conditions)


def _conditions_of(
    surroundings: Surroundings, binding: Binding, variables: Variables, leaves: list[Any]
) -> Conditions:  # fmt: skip
    """Return the conditions under which a program was made."""
    outside = [captured for captured in binding.state if captured.argument is None]
    links = [captured.link for captured in outside]
    links += [tensor._link for tensor in surroundings.asked_tensors if tensor.is_leaf and tensor._link not in links]
    ids = [*surroundings.tensors, *[id(captured.tensor) for captured in outside]]
    given = binding.by_strides
    arguments = [] if given is None else [value_at_call(item, given) for item in binding.given]
    return Conditions(
        data=[(link, isinstance(link, DataLeaf)) for link in links],
        outside=frozenset(ids) | binding.outside,
        identities=surroundings.identities(leaves) if surroundings.asks_identity else None,
        strides=None if given is None else _strides_of(arguments, variables, given),
    )


def _strides_of(arguments: list[Any], variables: Variables, leaves: list[Any]) -> list[Any]:
    """Return the strides of the arguments and the variables of a program."""
    return strides_of([*arguments, *[owner._value for owner in variables.owners(leaves)]])

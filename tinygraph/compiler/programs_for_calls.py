"""Programs for calls: the program that a call runs is found among the kept ones, or made.

step(x, 0.1)       its signature is new: the call is recorded, and a program is made
step(x, 0.2)       the same signature: the guards of the kept program hold, and it runs
step(-x, 0.2)      an `if` decides otherwise: one more program is made, for this path
"""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygraph.compiler.axes import Family, Recording
from tinygraph.compiler.eager_signatures import EagerSignatures
from tinygraph.compiler.explanation import Refusal
from tinygraph.compiler.guards.arguments import NUMERIC
from tinygraph.compiler.guards.counters import Counters, Place, marked
from tinygraph.compiler.guards.signature import Parameters
from tinygraph.compiler.kept_programs import REMEMBERED, KeptPrograms
from tinygraph.compiler.pipeline import made_version
from tinygraph.compiler.program.decisions import Left
from tinygraph.compiler.reasons import other_path, reason
from tinygraph.compiler.run.eagerly import RAISE, Eagerly, eager_result, warn_at_call
from tinygraph.compiler.run.paths import along
from tinygraph.compiler.run.versions import Running, Version
from tinygraph.compiler.saving.saved_calls import SavedCall, call_of, parameters_of
from tinygraph.compiler.trace.python_numbers import BeyondError, SteeringError
from tinygraph.compiler.trace.ties import TiedError
from tinygraph.engine import modes
from tinygraph.engine.modes import state
from tinygraph.errors import GraphError, UnsupportedError

__all__ = ["NO_COUNTERS", "ProgramsForCalls", "SignedCall"]

NO_COUNTERS: frozenset[Place] = frozenset()


@dataclass(frozen=True, slots=True)
class SignedCall:
    """A call with its signature.

    Attributes:
        args, kwargs: the arguments, with a `Counter` in place of each int that is given at each call.
        key: the signature.
        leaves: the values that the program is given.
    """

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    key: tuple[Any, ...]
    leaves: list[Any]


class ProgramsForCalls:
    """The programs of a compiled function, and the making of new ones.

    Attributes:
        function: the function.
        name: of the function.
        parameters: its parameters, which make the signatures of calls.
        saved_parameters: the same, as a saved file writes calls.
        otherwise, fast: see `tinygraph.compile`.
        kept: the programs.
        calls: for each program the call that it was made for, as a saved file writes it; None where a file cannot.
        counters: the ints that are given at each call.
        fresh: the counters that no program was made with yet.
        eager: the signatures whose calls run eagerly.
        refused: the last signatures that could not be compiled.
        lock: held while a program is made.
    """

    def __init__(
        self, function: Callable[..., Any], static_argnames: Iterable[str], maxsize: int, otherwise: str, fast: bool
    ) -> None:
        """Begin without programs. For the arguments see `tinygraph.compile`."""
        self.function = function
        self.parameters = Parameters.of(function, static_argnames)
        self.name = self.parameters.function
        self.saved_parameters = parameters_of(function)
        self.otherwise = otherwise
        self.fast = fast
        self.kept = KeptPrograms(maxsize, self.parameters.told)
        self.calls: weakref.WeakKeyDictionary[Version, SavedCall | None] = weakref.WeakKeyDictionary()
        self.counters = Counters()
        self.fresh = NO_COUNTERS
        self.eager = EagerSignatures(self.parameters, self.kept)
        self.refused: deque[Refusal] = deque(maxlen=REMEMBERED)
        self.lock = threading.RLock()
        self._count = 0  # of the programs that were made

    # --- found --------------------------------------------------------------------------------------------------------

    def for_call(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], by_value: bool = False
    ) -> tuple[Version, list[Any]]:
        """Return the program for a call, and its leaves: the values among the arguments that each call gives.

        Mostly it is the last program again. Else a signature is made, and the programs of that signature are asked.
        Where the guards of none hold, the function is compiled.

        Args:
            args, kwargs: the arguments of the call.
            by_value: each int among them counts by its value.

        Raises:
            Eagerly: calls of this signature have no program.
        """
        last = self.kept.last
        if last is not None and not kwargs and not modes.unusual:
            leaves = last.fits(args)
            if leaves is not None and last.holds(leaves):
                return last, leaves
        call = self.signed(args, kwargs, NO_COUNTERS if by_value else self.counters.counting)
        version = self.kept.found(call.key, call.leaves)
        if version is None:
            with self.lock:
                return self._found_or_made(args, kwargs, by_value)
        return version, call.leaves

    def signed(self, args: tuple[Any, ...], kwargs: dict[str, Any], counting: frozenset[Place]) -> SignedCall:
        """Return a call with its signature, in which some ints count as counters."""
        if counting:
            args, kwargs = self._marked(args, kwargs, counting)
        leaves: list[Any] = []
        parts = self.parameters.signature(args, kwargs, leaves)
        if modes.unusual and not state.recording:
            parts.append("no_grad")
        return SignedCall(args, kwargs, tuple(parts), leaves)

    def _marked(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], counting: frozenset[Place]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments of a call with a `Counter` in place of each int that changes from call to call."""
        names = self.parameters.all_names(args)
        found = marked([*names, *kwargs], [*args, *kwargs.values()], counting)
        return tuple(found[: len(args)]), dict(zip(kwargs, found[len(args) :], strict=True))

    def used(self) -> Version:
        """Return the program that was run last.

        Raises:
            GraphError: there is none.
        """
        last = self.kept.last
        if last is None:
            raise GraphError(
                f"compile: {self.name} has not been called yet, so it has not been compiled. Run it once, on "
                "arguments of the shapes that it is for"
            )
        return last

    def clear(self) -> None:
        """Forget all programs."""
        with self.lock:
            self.kept.clear()
            self.eager.clear()
            self.refused.clear()

    # --- paths --------------------------------------------------------------------------------------------------------

    def result_on_other_path(
        self, version: Version, left: Left, args: tuple[Any, ...], kwargs: dict[str, Any], leaves: list[Any]
    ) -> Any:  # fmt: skip
        """Return the result of a call that left the path of a program: another program's, found or made."""
        key = self.signed(args, kwargs, version.counting).key
        try:
            result, found = along(Version.__call__, self.kept.of(key), version, left, leaves)
            if found is None:
                found, leaves = self._for_other_path(args, kwargs, version, left)
                result = found(leaves)
        except Left as left:  # it was made for this call, and a comparison of rounded numbers has another outcome in it
            self.eager.stray(key, left.line)
            return eager_result(self.function, args, kwargs)
        except (Running, Eagerly):
            return eager_result(self.function, args, kwargs)
        with self.lock:
            self.kept.put_first(key, found)
        return result

    def on_its_path(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], by_value: bool = False
    ) -> tuple[Version, list[Any]]:
        """Return the program that follows a call to its end, and the leaves of the call. Nothing is updated.

        Args:
            args, kwargs: the arguments of the call.
            by_value: each int among them counts by its value.

        Raises:
            UnsupportedError: calls of this signature run eagerly.
        """
        try:
            version, leaves = self.for_call(args, kwargs, by_value)
            try:
                version.try_out(leaves)
            except Left as left:
                key = self.signed(args, kwargs, version.counting).key
                _, found = along(Version.try_out, self.kept.of(key), version, left, leaves)
                version, leaves = (found, leaves) if found else self._for_other_path(args, kwargs, version, left)
        except Eagerly as reason:
            raise UnsupportedError(f"compile: {reason}") from None
        return version, leaves

    def _for_other_path(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], version: Version, left: Left
    ) -> tuple[Version, list[Any]]:
        """Make the program for one more path of a signature; return it and the leaves of the call.

        Args:
            args, kwargs: the arguments of the call.
            version, left: the program that the call has left, and where.

        Raises:
            Eagerly: the signature has too many paths, or this one cannot be compiled.
        """
        with self.lock:
            call = self.signed(args, kwargs, version.counting)
            self.eager.check_paths(call.key, call.leaves)
            return self._made_with(args, kwargs, version.counting, other_path(version, left))

    # --- made ---------------------------------------------------------------------------------------------------------

    def _found_or_made(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], by_value: bool
    ) -> tuple[Version, list[Any]]:
        """Return the program for a call, and its leaves, where none was found outside the lock.

        Raises:
            Eagerly: calls of this signature have no program.
        """
        if not by_value:
            self._meet_ints(args, kwargs)
        every = NO_COUNTERS if by_value else self.counters.counting
        for counting in (every, NO_COUNTERS) if every else (NO_COUNTERS,):
            call = self.signed(args, kwargs, counting)
            self.eager.check(call.key)
            version = self.kept.found(call.key, call.leaves)
            if version is None and self.kept.adopt():
                version = self.kept.found(call.key, call.leaves)
            if version is not None:
                return version, call.leaves
        return self._made_with(args, kwargs, every)

    def _meet_ints(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Take note of the ints among the arguments and outside, before a call is compiled."""
        before = self.counters.counting
        given = [*zip(self.parameters.all_names(args), args, strict=True), *kwargs.items()]
        self.counters.meet_arguments([pair for pair in given if pair[0] not in self.parameters.static])
        known = self.kept.of(self.signed(args, kwargs, self.counters.counting).key)
        if known:
            self.counters.meet_outside(known[0].surroundings.changed_ints())
        self.fresh |= self.counters.counting - before

    def _made_with(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], counting: frozenset[Place], why: str | None = None
    ) -> tuple[Version, list[Any]]:
        """Make the program for a call; return it and the leaves of the call.

        Where the function asks a counter for its value, the call is recorded once more with the value as part of the
        signature, and so is every later one.

        Args:
            args, kwargs: the arguments of the call.
            counting: the places of the counters.
            why: the reason for the program, if it is known.

        Raises:
            Eagerly: no program can be made, and the call is to run eagerly then.
        """
        steering, refused = NO_COUNTERS, None
        while True:
            call = self.signed(args, kwargs, counting)
            try:
                version = self._made(call, counting, why)
            except TiedError as error:
                self.eager.turn(call.key, f"{self.name} runs eagerly: {error}")
            except Exception as error:
                if not counting:
                    if isinstance(error, UnsupportedError | GraphError):
                        self.refused.append(Refusal(self.parameters.told(call.key), str(error)))
                    elif isinstance(error, Eagerly) and refused is None:
                        self.counters.steer(steering)
                    elif isinstance(error, Eagerly):  # whatever the counters are
                        self.eager.note(refused, str(error))
                    raise
                if isinstance(error, BeyondError):  # for this value alone
                    counting = NO_COUNTERS
                else:
                    blamed = (isinstance(error, SteeringError) and error.counters & counting) or counting
                    steering |= blamed
                    counting -= steering
                    refused = None if isinstance(error, SteeringError) else call.key
                    self.counters.note(blamed, error.why if isinstance(error, SteeringError) else str(error))
                continue
            self.counters.steer(steering)
            return version, call.leaves

    def _made(self, call: SignedCall, counting: frozenset[Place], why: str | None) -> Version:
        """Make the program for a call, and put it before the other programs of its signature.

        Args:
            call: the call.
            counting: the places of the counters.
            why: the reason for the program, if it is known.

        Raises:
            Eagerly: no program can be made, and the call is to run eagerly then.
        """
        args, kwargs, key = call.args, call.kwargs, call.key
        fresh = [self.counters.names[place] for place in counting & self.fresh]
        sizes: list[int] = []
        family = self.kept.family(key, sizes)
        version = None if self.kept.of(key) or counting or not sizes else family.unrecorded(sizes, call.leaves)
        if version is None:
            why = why or reason(self.parameters, dict(self.kept.by_signature), key, call.leaves, fresh)
            version = self._recorded(call, counting, family, sizes)
        else:
            why = "an open axis had another size"
        if self.fast:
            version.runner.use_machine_code()
        self._count += 1
        version.number, version.why, version.counting = self._count, why, counting
        self.fresh -= counting
        is_static = self.parameters.is_static
        given = call_of(self.saved_parameters, is_static, args, kwargs, len(call.leaves))
        self.calls[version] = None if version.counts_arguments else given
        if not kwargs and len(key) == len(args) and all([item is None or _is_numeric(item) for item in args]):
            version.layouts = [None if item is None else (item.shape, item.dtype) for item in args]
        self.kept.add(key, version)
        while self.kept.is_full():
            self.kept.evict(why)
            if self.kept.evicted in (1, 10, 100, 1000):
                warn_at_call(
                    f"compile: {self.name} was compiled more than {self.kept.maxsize} times, and programs are "
                    f"thrown away (last because: {why}). Arguments that change at each call should be arrays of one "
                    "shape or floats, not ints that steer the function, or strings; or raise maxsize="
                )
        return version

    def _recorded(
        self, call: SignedCall, counting: frozenset[Place], family: Family, sizes: list[int]
    ) -> Version:  # fmt: skip
        """Record the function for a call, and make its program, or that of an open axis.

        Raises:
            Eagerly: no program can be made, and the call is to run eagerly then.
        """
        shapes: list[tuple[int, ...]] = []

        def written(recording: Recording) -> Any:
            shapes[:] = recording.shapes
            return family.runner(sizes, recording)

        earlier = self.kept.of(call.key)
        try:
            version = made_version(
                self.function, self.parameters, call.args, call.kwargs, call.leaves, written if sizes else None,
                counting, [version.program for version in earlier],
                any([version.takes_other_masks(call.leaves) for version in earlier]),
            )  # fmt: skip
        except UnsupportedError as error:
            if self.otherwise == RAISE or counting:
                raise
            self.eager.turn(call.key, f"{self.name} runs eagerly: {str(error).removeprefix('compile: ')}")
        if sizes:
            family.note(sizes, version, shapes)
        return version


def _is_numeric(item: Any) -> bool:
    return type(item) is np.ndarray and item.dtype.kind in NUMERIC

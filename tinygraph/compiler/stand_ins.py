"""Stand-ins for a call: a function is recorded while it runs on them.

There is one for each array among the arguments, and for each array that the function finds outside. The run is recorded
in `tinygraph.compiler.trace`, and becomes a `Program`. The `Binding` says for each argument, variable and result of the
program where it comes from or goes to at a call:

    step(x, y), which reads w and assigns to it     program: (x, y), w -> loss, new w
                                                    binding: x and y are the first two leaves, w is that Tensor
"""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Callable, Iterable
from operator import methodcaller
from typing import Any

import numpy as np

from tinygraph.compiler.guards.arguments import Counter, copied, rebuilt, same_shape
from tinygraph.compiler.guards.counters import Place, place_of
from tinygraph.compiler.guards.signature import Parameters
from tinygraph.compiler.guards.surroundings import Surroundings, surroundings_of
from tinygraph.compiler.names import identifier
from tinygraph.compiler.run.binding import Binding
from tinygraph.compiler.run.named_results import names_alone
from tinygraph.compiler.run.numbers import Numbers
from tinygraph.compiler.side_effects import side_effect
from tinygraph.compiler.trace import TENSOR_VALUE, Event, Recorded, Trace
from tinygraph.compiler.trace.python_numbers import PythonNumber
from tinygraph.compiler.trace.reckoning import CounterSource
from tinygraph.compiler.trace.refused import refused
from tinygraph.compiler.trace.ties import TiedError, check_ties
from tinygraph.compiler.trace.traced import Traced
from tinygraph.containers import containers_in, has_lost_attributes, opened, shaper
from tinygraph.engine import modes, record
from tinygraph.engine.tensor import Tensor

__all__ = ["StandIns", "identifier_of", "stand_ins_for"]


def stand_ins_for(
    function: Callable[..., Any], parameters: Parameters, args: tuple[Any, ...], kwargs: dict[str, Any],
    leaves: list[Any], counting: frozenset[Place] = frozenset(),
) -> StandIns:  # fmt: skip
    """Return the stand-ins for a call, after a look at its arguments and its surroundings.

    Args:
        function, parameters: the function.
        args, kwargs: the arguments of the call.
        leaves: those parts of the arguments that the program receives at each call.
        counting: the places of ints outside that change from call to call.

    Raises:
        TiedError: a gradient goes on through an argument.
        UnsupportedError: the function finds an iterator that it may advance.
    """
    _check_tensors(leaves)
    named = [*zip(parameters.all_names(args), args, strict=True), *kwargs.items()]
    surroundings = surroundings_of(function, _objects_in(named), counting)
    found_generators = frozenset(surroundings.generators)
    for leaf in leaves:
        if isinstance(leaf, np.random.Generator):
            surroundings.generators.setdefault(id(leaf), ("a generator among the arguments", leaf))
    surroundings.check_iterators()
    return StandIns(function, parameters, args, kwargs, leaves, surroundings, found_generators)


def _check_tensors(leaves: list[Any]) -> None:
    """Refuse a Tensor whose gradient flows on into calls outside the function."""
    tensors = [leaf for leaf in leaves if type(leaf) is Tensor]
    if any(tensor.requires_grad and not tensor.is_leaf for tensor in tensors) and modes.is_recording():
        raise TiedError.through("a Tensor that it is given, and that was computed")


def _objects_in(named: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return, by their names, the objects among some arguments that are no arrays: the function looks into them."""
    found: dict[str, Any] = {}
    for name, item in named:
        rebuilt(item, name, lambda value, name: value, found)
    return found


class StandIns:
    """The stand-ins for one call of a function.

    Args:
        function, parameters, args, kwargs, leaves: the call, as in `stand_ins_for`.
        surroundings: the objects that the function finds outside.
        found_generators: the ids of the random generators among them.
    """

    def __init__(
        self, function: Callable[..., Any], parameters: Parameters, args: tuple[Any, ...], kwargs: dict[str, Any],
        leaves: list[Any], surroundings: Surroundings, found_generators: frozenset[int],
    ) -> None:  # fmt: skip
        self.surroundings = surroundings
        self._function = function
        self._parameters = parameters
        self._args = args
        self._kwargs = kwargs
        self._leaves = leaves
        self._found_generators = found_generators
        # Of the last run:
        self._events: dict[int, Event] = {}  # by the position of a leaf its event
        self._generators: dict[int, int] = {}  # by the id of a generator its position among the leaves
        self._of_arrays: dict[int, Any] = {}  # by the id of an array its stand-in, where the function asks `x is y`
        self._shaper: Callable[[Any], Any] | None = None  # makes the result of that of the program
        self._objects: list[str] = []  # the classes in the result that a file does not know
        self._outline: Any = None  # of the result, with None for arrays

    # --- one run ------------------------------------------------------------------------------------------------------

    def enter(self, trace: Trace) -> Callable[[], Any]:
        """Make the stand-ins for the arguments; return a function that calls the user's with them."""
        self._events.clear()
        self._of_arrays.clear()
        positions = iter(range(len(self._leaves)))
        static = self._parameters

        def stand_in(value: Any, name: str) -> Any:
            return self._stand_in(trace, value, next(positions), identifier_of(name))

        names = static.all_names(self._args)
        args = [
            item if position in static.static_positions else rebuilt(item, name, stand_in, {})
            for position, (name, item) in enumerate(zip(names, self._args, strict=True))
        ]
        entered = {  # in the order of the signature, which is that of the leaves
            key: item if key in static.static else rebuilt(item, key, stand_in, {})
            for key, item in sorted(self._kwargs.items())
        }
        kwargs = {key: entered[key] for key in self._kwargs}
        return lambda: self._run(trace, args, kwargs)

    def _stand_in(self, trace: Trace, value: Any, position: int, name: str) -> Any:
        """Return the stand-in for a leaf: a generator itself, and a Tensor itself where it is a leaf of the graph."""
        if isinstance(value, np.random.Generator):
            self._generators[id(value)] = position
            return value
        is_told_apart = type(value) is np.ndarray and self.surroundings.asks_identity
        if is_told_apart and (id(value) in self._of_arrays or self.surroundings.finds(value)):
            return self._found(trace, value, name)
        if type(value) is Counter:
            return trace.recording.counter(value.value, CounterSource(position, name, value.place))
        if type(value) is not Tensor:
            traced = trace.recording.argument(value, name)
            if is_told_apart:
                self._of_arrays[id(value)] = traced
        elif value.is_leaf:
            trace.outside.capture_argument(value, position, name)
            return value
        else:
            traced = trace.recording.argument(TENSOR_VALUE.__get__(value), name)
        self._events[position] = traced._event
        return record.unrecorded(traced) if type(value) is Tensor else traced

    def _found(self, trace: Trace, array: Any, name: str) -> Any:
        """Return the stand-in for an array from outside: the same one wherever the function finds the array."""
        known = self._of_arrays.get(id(array))
        if known is None:
            known = self._of_arrays[id(array)] = trace.recording.array(array, name)
        return known

    def _run(self, trace: Trace, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Call the function.

        Raises:
            UnsupportedError: it changed something outside, or a list or dict among its arguments.
            TiedError: it returned a value with a graph that leads outside.
        """
        kept = copied([args, kwargs])
        trace.execution.runs_in = sys._getframe().f_code
        by_place: dict[Place, Any] = {}
        for location in self.surroundings.counters:  # before the first operation on any of them
            place = place_of(location)
            if place not in by_place:
                source = CounterSource(location, location.name, place)
                by_place[place] = trace.recording.counter(location.value, source)
        trace.execution.outside_as_it_is = self.surroundings.as_it_is
        effect: str | None = None
        try:
            self.surroundings.divert(
                lambda array, name: self._found(trace, array, identifier_of(name)),
                lambda location: by_place[place_of(location)],
                bool(trace.recording.numbers.reckoning.counters),
            )
            result = self._function(*args, **kwargs)
        finally:
            effect = self.surroundings.restore()
        if effect is None and not same_shape([args, kwargs], kept):
            effect = "changed a list, a dict or an object that it was given"
        if effect is not None:
            raise side_effect(self._function, self._parameters.function, effect)
        check_ties(trace, result)
        self._shaper, self._objects = shaper(result, _as_number), self._check_returned(trace, result)
        self._outline = names_alone(opened(result), _is_number)
        return result

    def _check_returned(self, trace: Trace, result: Any) -> list[str]:
        """Return the names of the classes in a result that are no dicts, lists or tuples.

        Raises:
            UnsupportedError: a container has attributes, which a program does not return.
        """
        found = list(containers_in(result))
        lost = [item for item in found if has_lost_attributes(item)]
        if lost:
            raise refused(
                f"{trace.tape.call_name} returns a {type(lost[0]).__name__}, which has attributes beside its items",
                "Return a plain one, and the attributes beside it",
            )
        return [type(item).__name__ for item in found if not isinstance(item, dict | list | tuple)]

    # --- the sources of the program's inputs --------------------------------------------------------------------------

    def inputs(self, trace: Trace) -> list[tuple[Event, Any]]:
        """Return the events that may be arguments of the program, each with its source, as in `Binding.given`."""
        found: list[tuple[Event, Any]] = [(event, position) for position, event in self._events.items()]
        found += [(event, event.content) for event in trace.events if event.kind == "array" and not event.fixed]
        found += list(zip(trace.recording.numbers.events, itertools.count(len(self._leaves)), strict=False))
        found += [
            (captured.first_grad, (captured.owner,))
            for captured in trace.outside.captured.values()
            if captured.first_grad is not None
        ]
        return found

    def numbers(self, trace: Trace) -> Numbers | None:
        """Return the numbers that Python computes from counters before each call; None where there are no counters."""
        reckoning = trace.recording.numbers.reckoning
        return Numbers(reckoning, len(self._leaves)) if reckoning.counters else None

    def finite(self, trace: Trace, inputs: list[tuple[Event, Any]]) -> list[Any]:
        """Return the sources of the numbers that a program takes to be finite, as in `Binding.finite`."""
        taken = trace.reliance.inputs()
        found = [source for event, source in inputs if event.index in taken]
        for captured in trace.outside.captured.values():
            if captured.first is not None and captured.first.index in taken:
                found.append(captured.owner)
        return found

    def masks(self, trace: Trace, inputs: list[tuple[Event, Any]]) -> list[tuple[Any, bytes]]:
        """Return the masks that a program takes to have the values that they have, as in `Binding.masks`."""
        return [(source, event.as_met.tobytes()) for event, source in inputs if event.index in trace.masks.read]

    def binding(self, trace: Trace, recorded: Recorded, inputs: list[tuple[Event, Any]], leaves: list[Any]) -> Binding:
        """Return the sources of a program's arguments and variables, and the destinations of its results.

        Args:
            leaves: of the call, with the numbers behind them.
        """
        captured = list(trace.outside.captured.values())
        given = [source for event, source in inputs if event.index in recorded.used]
        has_tensors = any(type(leaf) is Tensor for leaf in self._leaves)
        return Binding(
            given=given,
            as_they_are=not has_tensors and all(type(item) is int and item == n for n, item in enumerate(given)),
            state=recorded.state,
            graded=recorded.graded,
            cleared=[item.owner for item in captured if item.grad is None and item.had_grad is not False],
            asked=[(item.owner, item.had_grad) for item in captured if item.had_grad is not None],
            generators=[
                self._generators.get(id(generator), generator) for generator in trace.recording.generators.found
            ],
            by_strides=leaves if trace.tape.orders else None,
            tensors=[
                (
                    position,
                    leaf if id(leaf) in self.surroundings.tensors or id(leaf) in self._found_generators else None,
                )
                for position, leaf in enumerate(self._leaves)
                if isinstance(leaf, Tensor | np.random.Generator)
            ],
            outside=self._found_generators,
            result=self._outline,
            shaper=self._shaper,
            is_guarded=trace.tape.is_guarded and trace.tape.last_in_order is None,
            objects=self._objects,
        )


def _as_number(item: Any) -> Callable[[Any], Any] | None:
    """Return the function that makes a number of Python's of a result, if it is one in the user's function."""
    return methodcaller("item") if _is_number(item) else None


def _is_number(item: Any) -> bool:
    return type(item) is PythonNumber or (type(item) is Traced and item._weak)


def identifier_of(name: str) -> str:
    """Return an identifier made from a path: "params['w']" becomes "params_w"."""
    found = re.sub(r"\W+", "_", name).strip("_")
    return identifier(found if found.isidentifier() else f"x_{found}")

"""Stand-ins: a function is recorded while it runs on them, in place of its arguments and of the arrays outside it.

The run is recorded in `tinygraph.compiler.trace`, and becomes a `Program`. The `Binding` says for each argument,
variable and result of the program where it comes from or goes to at a call:

    step(x, y), which reads w and assigns to it     program: (x, y), w -> loss, new w
                                                    binding: x and y are the first two leaves, w is that Tensor
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.compiler.guards.signature import Parameters, copied, rebuilt, same_shape
from tinygraph.compiler.guards.surroundings import Surroundings
from tinygraph.compiler.names import identifier
from tinygraph.compiler.run.binding import Binding
from tinygraph.compiler.trace import TENSOR_VALUE, Event, Recorded, Trace
from tinygraph.compiler.trace.ties import check_ties
from tinygraph.engine import modes, record
from tinygraph.engine.tensor import Tensor
from tinygraph.errors import GraphError, UnsupportedError
from tinygraph.users_code.source import place

__all__ = ["StandIns", "identifier_of"]


class StandIns:
    """The stand-ins of one function: for its arguments, and for what it finds outside.

    Attributes:
        surroundings: the objects that the function finds outside.
    """

    def __init__(
        self, function: Callable[..., Any], parameters: Parameters, args: tuple[Any, ...], kwargs: dict[str, Any],
        leaves: list[Any],
    ) -> None:  # fmt: skip
        self.function = function
        self.parameters = parameters
        self.args = args
        self.kwargs = kwargs
        self.leaves = leaves
        self._names = parameters.all_names(args)
        self._check_tensors()
        self.surroundings = Surroundings(function, self._objects())
        self._found_generators = frozenset(self.surroundings.generators)
        for leaf in leaves:
            if isinstance(leaf, np.random.Generator):
                self.surroundings.generators.setdefault(id(leaf), ("a generator among the arguments", leaf))
        self.surroundings.check_iterators()
        self._entered: dict[int, Event] = {}  # by the place of a leaf its event, in the last run
        self._generators: dict[int, int] = {}  # by the id of a generator its place among the leaves
        self._stand_ins: dict[int, Any] = {}  # by the id of an array what stands for it, in the last run

    # --- the arguments ------------------------------------------------------------------------------------------------

    def _objects(self) -> dict[str, Any]:
        """By name what is given and is no array, and is looked into like what is found outside."""
        found: dict[str, Any] = {}
        for name, item in [*zip(self._names, self.args, strict=True), *self.kwargs.items()]:
            rebuilt(item, name, lambda value, name: value, found)
        return found

    def _tensors(self) -> list[Tensor]:
        return [leaf for leaf in self.leaves if type(leaf) is Tensor]

    def _check_tensors(self) -> None:
        """Refuse a Tensor whose gradient would go on outside."""
        if any(tensor.requires_grad and not tensor.is_leaf for tensor in self._tensors()) and modes.is_recording():
            raise GraphError(
                f"compile: an argument of {self.parameters.function} is a computed Tensor that requires a gradient, "
                "and a compiled function records nothing that a later backward() could go through. Compile the whole "
                "computation, its backward() included, or tg.compile(tg.grad(f)); or cut the tie with x.detach()"
            )

    # --- one run ------------------------------------------------------------------------------------------------------

    def enter(self, trace: Trace) -> Callable[[], Any]:
        """Make the stand-ins of the arguments; what runs the function on them."""
        self._entered.clear()
        self._stand_ins.clear()
        places = iter(range(len(self.leaves)))
        static = self.parameters

        def stand_in(value: Any, name: str) -> Any:
            return self._stand_in(trace, value, next(places), identifier_of(name))

        args = [
            item if place in static.static_positions else rebuilt(item, name, stand_in, {})
            for place, (name, item) in enumerate(zip(self._names, self.args, strict=True))
        ]
        entered = {  # in the order of the signature, in which the leaves are
            key: item if key in static.static else rebuilt(item, key, stand_in, {})
            for key, item in sorted(self.kwargs.items())
        }
        kwargs = {key: entered[key] for key in self.kwargs}
        return lambda: self._run(trace, args, kwargs)

    def _stand_in(self, trace: Trace, value: Any, place: int, name: str) -> Any:
        """Return the stand-in that the function gets in place of a leaf."""
        if isinstance(value, np.random.Generator):
            self._generators[id(value)] = place
            return value
        is_told_apart = type(value) is np.ndarray and self.surroundings.asks_identity
        if is_told_apart and (id(value) in self._stand_ins or self.surroundings.finds(value)):
            return self._found(trace, value, name)
        if type(value) is not Tensor:
            traced = trace.recording.argument(value, name)
            if is_told_apart:
                self._stand_ins[id(value)] = traced
        elif value.is_leaf:
            trace.outside.capture_argument(value, place, name)
            return value
        else:
            traced = trace.recording.argument(TENSOR_VALUE.__get__(value), name)
        self._entered[place] = traced._event
        return record.unrecorded(traced) if type(value) is Tensor else traced

    def _found(self, trace: Trace, array: Any, name: str) -> Any:
        """The stand-in for an array from outside: one, wherever the function finds it, so that it is itself."""
        known = self._stand_ins.get(id(array))
        if known is None:
            known = self._stand_ins[id(array)] = trace.recording.array(array, name)
        return known

    def _run(self, trace: Trace, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Run the function; refuse what it changes outside, and what it returns with a graph behind it."""
        kept = copied([args, kwargs])
        trace.recording.outside_as_it_is = self.surroundings.as_it_is
        changed: str | None = None
        try:
            self.surroundings.divert(lambda array, name: self._found(trace, array, identifier_of(name)))
            result = self.function(*args, **kwargs)
        finally:
            changed = self.surroundings.restore()
        if changed is None and not same_shape([args, kwargs], kept):
            changed = "changed a list or dict that it was given"
        if changed is not None:
            raise self._has_effect(changed)
        check_ties(trace, result)
        return result

    def _has_effect(self, what: str) -> UnsupportedError:
        code = getattr(self.function, "__code__", None)
        where = f" ({place(code.co_filename, code.co_firstlineno)})" if code is not None else ""
        if what.startswith("drew from"):
            return UnsupportedError(
                f"compile: {self.parameters.function}{where} {what}. A program would use what was drawn once at every "
                "call. Draw with tinygraph.draws.uniform(generator, shape) or normal(generator, shape), where the "
                "generator is one of numpy.random.default_rng(); or draw outside, and pass what was drawn"
            )
        if what.startswith("set ") or what.endswith(("to a computed array", "to a Tensor")):
            return UnsupportedError(
                f"compile: {self.parameters.function}{where} {what}. A program computes arrays, and leaves no other "
                "object changed. Return what is to be kept, and set it outside; or keep it in a Tensor that is made "
                "before, `self.h = tg.Tensor(np.zeros(shape), requires_grad=False)`, and write `self.h.assign(h)` "
                "here. Layers that make their weights at the first call should be called once before"
            )
        return UnsupportedError(
            f"compile: {self.parameters.function}{where} {what}. A program computes arrays; what Python does besides "
            "happens once, when it is made, and not at each call. Return what is to be kept, and keep it outside; a "
            "counter or a moving average belongs in a Tensor, updated with t.assign(value); draws belong to "
            "tinygraph.draws.uniform(generator, shape) or normal(generator, shape); layers that make their weights at "
            "the first call should be called once before"
        )

    # --- what the program is given ------------------------------------------------------------------------------------

    def inputs(self, trace: Trace) -> list[tuple[Event, Any]]:
        """The events that may be arguments of the program, each with where its value is found at a call.

        That is the place of a leaf, an array from outside, or, for a gradient that a Tensor has before the call, a
        tuple of the Tensor's link or place.
        """
        found: list[tuple[Event, Any]] = [(event, place) for place, event in self._entered.items()]
        found += [(event, event.content) for event in trace.events if event.kind == "array" and not event.fixed]
        found += [
            (leaf.first_grad, (leaf.owner,)) for leaf in trace.outside.captured.values() if leaf.first_grad is not None
        ]
        return found

    def finite(self, trace: Trace, inputs: list[tuple[Event, Any]]) -> list[Any]:
        """Return the sources of the numbers that a program takes to be finite, as in `Binding`."""
        taken = trace.taken_for_finite()
        found = [item for event, item in inputs if event.index in taken]
        states = [
            leaf for leaf in trace.outside.captured.values() if leaf.first is not None and leaf.first.index in taken
        ]
        return [*found, *[leaf.owner for leaf in states]]

    def binding(self, trace: Trace, recorded: Recorded, inputs: list[tuple[Event, Any]]) -> Binding:
        """The sources of a program's arguments and variables, and the destinations of its results."""
        captured = list(trace.outside.captured.values())
        given = [item for event, item in inputs if event.index in recorded.used]
        return Binding(
            given=given,
            as_they_are=not self._tensors() and all(type(item) is int and item == n for n, item in enumerate(given)),
            state=recorded.state,
            graded=recorded.graded,
            cleared=[leaf.owner for leaf in captured if leaf.grad is None and leaf.had_grad is not False],
            asked=[(leaf.owner, leaf.had_grad) for leaf in captured if leaf.had_grad is not None],
            generators=[
                self._generators.get(id(generator), generator) for generator in trace.recording.generators.found
            ],
            by_strides=self.leaves if trace.tape.orders else None,
            tensors=[
                (place, leaf if id(leaf) in self.surroundings.tensors or id(leaf) in self._found_generators else None)
                for place, leaf in enumerate(self.leaves)
                if isinstance(leaf, Tensor | np.random.Generator)
            ],
            outside=self._found_generators,
            result=recorded.result,
        )


def identifier_of(name: str) -> str:
    """Return an identifier made from a path: "params['w']" becomes "params_w"."""
    found = re.sub(r"\W+", "_", name).strip("_")
    return identifier(found if found.isidentifier() else f"x_{found}")

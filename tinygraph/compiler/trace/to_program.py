"""From a run to a program: the events that its results need, as a graph, with the meaning of its inputs and outputs.

Of a run that read `w`, computed `loss` and `w.grad` from it, and assigned `w - 0.1 * w.grad` to it, the program has
`w` as its variable, which is updated, and `loss` and the gradient as its results.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygraph.compiler.program.decisions import decided
from tinygraph.compiler.program.program import Program, Variable
from tinygraph.compiler.trace.events import UNREAD, Captured, Event, events_in
from tinygraph.compiler.trace.operands import NESTED
from tinygraph.compiler.trace.outside import event_of
from tinygraph.compiler.trace.trace import Trace
from tinygraph.engine.links import variable_of
from tinygraph.engine.nested import mapped
from tinygraph.engine.scopes import named_scopes
from tinygraph.functions.checks import attempted
from tinygraph.graph import Graph, Node, nodes_in
from tinygraph.users_code.source import Source, argument_names, assigned_name, source_of

__all__ = ["Recorded", "program_of"]


@dataclass(frozen=True, eq=False)
class Recorded:
    """A program and the parts of the run that its inputs and outputs stand for.

    Attributes:
        program: the program. Its results are the function's, and the new gradients where there are any.
        result: the result of the function, with events in place of arrays.
        state: for each variable its captured leaf.
        graded: the captured leaves that get a gradient.
        used: the indices of the events that are arguments of the program.
    """

    program: Program
    result: Any
    state: list[Captured]
    graded: list[Captured]
    used: set[int]


def program_of(trace: Trace, result: Any, order: list[Event], names: dict[int, str]) -> Recorded:
    """Return the program of a run.

    Args:
        trace: the run.
        result: the result of the function, with events in place of arrays.
        order: the inputs that may be arguments, in the order in which they will be given.
        names: by a Tensor's id its name in the surroundings of the function.
    """
    found = list(trace.outside.captured.values())
    state = [captured for captured in found if captured.first is not None]
    graded = [captured for captured in found if _has_new_gradient(captured)]
    events = trace.events
    _name_all(state, graded, events, names)
    grads = [event_of(captured.grad) for captured in graded]
    ends = [*events_in(result), *grads]
    updates = [_update(captured) for captured in state]
    written = trace.recording.written_arguments()
    ends += [event for _, event in written]
    in_while = _in_while(events)
    updated = [event for event in updates if event is not None]
    needed = _needed_with_attempts([*ends, *updated, *in_while, *_always_made(events)], events)
    calls = [event for event in events if needed[event.index] and event.kind == "call"]

    nodes = _Nodes(state, _scopes(calls), events)
    used = {event.index for event in order if event.kind == "argument" or needed[event.index]}
    arguments = tuple([nodes.input(event) for event in order if event.index in used])
    inputs = [nodes.input(captured.first) for captured in state if captured.first is not None]
    for event in calls:
        nodes.call(event)
    variables = nodes.variables(inputs, updates)
    results = nodes.results(result, grads)
    changed = tuple([(nodes.found[first.index], nodes.value(event)) for first, event in written])
    program = Program(
        graph=nodes.graph(results, [node for _, node in changed], variables),
        arguments=arguments,
        variables=variables,
        results=results,
        sections=nodes.sections(_sections(calls, events, [*ends, *in_while], updated)),
        differentiated=nodes.differentiated(calls),
        generators=tuple(trace.recording.generators.found),
        numbers={number: name for number, name in nodes.numbers.items() if name is not None},
        reckoned=_reckoned(trace, [event for event in order if event.index in used]),
        quiet=frozenset(trace.tape.quiet),
        written=changed,
    )
    return Recorded(program, result, state, graded, used)


def _reckoned(trace: Trace, arguments: list[Event]) -> dict[int, str]:
    """Return by its position among the arguments the text of each number that Python computes from counters."""
    given = trace.recording.numbers
    roots = dict(zip([event.index for event in given.events], given.reckoning.given, strict=True))
    return {
        position: given.reckoning.text_of(roots[event.index].place)
        for position, event in enumerate(arguments)
        if event.index in roots
    }


class _Nodes:
    """The nodes of a graph that is being made.

    Attributes:
        found: by the index of an event its node.
        numbers: by a number its name in the user's code; None for a number with several names.
    """

    def __init__(self, state: list[Captured], scopes: dict[int, tuple[str, ...]], events: list[Event]) -> None:
        self.found: dict[int, Node] = {}
        self.numbers: dict[float, str | None] = {}
        self._differentiable = {id(captured.first) for captured in state if captured.link.differentiable}
        self._scopes = scopes
        self._events = events
        # By the id of code, which is hashed sooner, and the offset: the line, and what the result is assigned to.
        self._sources: dict[tuple[int, int], Source | None] = {}
        self._targets: dict[tuple[int, int], str | None] = {}

    def input(self, event: Event) -> Node:
        """Add the node of an input."""
        return self._add(event, None, (), {})

    def call(self, event: Event) -> Node:
        """Add the node of a call."""
        kwargs = mapped(event.kwargs, self.operand) if event.kwargs else {}
        args: list[Any] = []
        has_others, found = False, self.found
        for item in event.args:
            if type(item) is Event:
                node = found.get(item.index)
                args.append(self.operand(item) if node is None else node)
            else:
                has_others = True
                args.append(mapped(item, self.operand) if type(item) in NESTED else item)
        node = self._add(event, event.function, tuple(args), kwargs)
        if has_others:
            _name_numbers(self.numbers, node.args, event)
        return node

    def operand(self, item: Any) -> Any:
        """Return an argument of a call: a node in place of an event, or the array or number of a constant."""
        if type(item) is not Event:
            return item
        node = self.found.get(item.index)
        # A repeated call has the constants of the run that it repeats: this run knows which arrays each run makes.
        return _constant(self._events[item.index]) if node is None else node

    def value(self, event: Event) -> Node:
        """Return the node of a result; a constant gets a node, too."""
        if event.index in self.found:
            return self.found[event.index]
        return self._add(event, np.copy, (_constant(event),), {})

    def variables(self, inputs: list[Node], updates: list[Event | None]) -> tuple[Variable, ...]:
        """Return the variables of the program: for each its input, and the event of its new value if there is one."""
        pairs = zip(inputs, updates, strict=True)
        return tuple([
            Variable(node, node.name or f"variable_{index}", None if event is None else self.value(event))
            for index, (node, event) in enumerate(pairs)
        ])  # fmt: skip

    def results(self, result: Any, grads: list[Event]) -> Any:
        """Return the results of the program: the function's and, where there are any, the new gradients."""
        results = _filled(result, self.value)
        return (results, [self.value(event) for event in grads]) if grads else results

    def graph(self, results: Any, written: list[Node], variables: tuple[Variable, ...]) -> Graph:
        """Return the graph of all nodes, whose outputs are the results and the new values of inputs."""
        updated = [variable.updated for variable in variables if variable.updated is not None]
        return Graph(tuple(self.found.values()), (*nodes_in(results), *written, *updated))

    def sections(self, of_events: dict[int, str]) -> dict[int, str]:
        """Return the sections of nodes by their indices, from those of events."""
        return {self.found[index].index: section for index, section in of_events.items()}

    def differentiated(self, calls: list[Event]) -> dict[int, int]:
        """Return by the index of a call in the backward pass the index of the call that it differentiates."""
        return {
            self.found[event.index].index: self.found[event.differentiated.index].index
            for event in calls
            if event.differentiated is not None and event.differentiated.index in self.found
        }

    def _add(self, event: Event, function: Any, args: Any, kwargs: Any) -> Node:
        code, lasti, label, name = event.code, event.lasti, event.label, event.name
        place = id(code), lasti
        if place not in self._sources:
            self._sources[place] = source_of(code, lasti)
        if not name and event.kind == "call" and (label is None or not label.inner):
            if place not in self._targets:
                self._targets[place] = assigned_name(code, lasti)
            name = self._targets[place]
        node = Node(
            len(self.found), function, args, kwargs, event.shape, event.dtype, name,
            self._scopes.get(event.index, ()), source=self._sources[place],
            requires_grad=event.kind == "state" and id(event) in self._differentiable,
        )  # fmt: skip
        self.found[event.index] = node
        return node


def _scopes(calls: list[Event]) -> dict[int, tuple[str, ...]]:
    """Return the names of the scopes of each call, by its index."""
    made = [
        (() if event.label is None else event.label.scope, sys.maxsize if event.section == "backward" else 0)
        for event in calls
    ]
    return dict(zip([event.index for event in calls], named_scopes(made), strict=True))


def _constant(event: Event) -> Any:
    assert event.kind in ("array", "constant")
    return event.content


def _has_new_gradient(captured: Captured) -> bool:
    """Return whether a leaf has another gradient after the run than before it."""
    grad = captured.grad
    return grad is not UNREAD and grad is not None and event_of(grad) is not captured.first_grad


def _update(captured: Captured) -> Event | None:
    """Return the event of a leaf's value after the run, or None where the run gave it no other value."""
    event: Event = captured.value._event
    return None if event is captured.first else event


def _sections(
    calls: list[Event], events: list[Event], ends: list[Event], updated: list[Event]
) -> dict[int, str]:  # fmt: skip
    """Return, by its index, the section of each call that is not in the forward pass: "backward" or "update".

    A call after the backward pass that reads one of its values, and is no update, belongs to it: a gradient is added to
    the one from before. A second forward pass may read what was updated behind the first backward pass.
    """
    begun = next((event.index for event in events if event.section == "backward"), -1)
    early = [event for event in calls if event.function is decided and (begun < 0 or event.index < begun)]
    others = [event.index for event in calls if event.section != "backward" and event.index > begun]
    needed = _needed([*ends, *early], events, min(others, default=len(events)))
    updating = _updating(calls, updated, begun)
    found: dict[int, str] = {}
    for event in calls:
        if event.section == "backward":
            found[event.index] = "backward"
        elif event.index <= begun:
            continue
        elif not needed[event.index] or event.index in updating:
            found[event.index] = "update"
        elif any([found.get(operand.index) == "backward" for operand in events_in(event.args)]):
            found[event.index] = "backward"
    return found


def _updating(calls: list[Event], updated: list[Event], begun: int) -> set[int]:
    """Return the calls behind the first of a backward pass that only new values of variables are made of, by no
    gradient. A second forward pass may read the new values themselves.
    """
    ends = {event.index for event in updated if event.index > begun and event.section != "backward"}
    if not ends:
        return ends
    leading, read = {*ends}, set[int]()  # what leads to an end, and what others read, too
    for event in reversed(calls):
        if event.index <= begun:
            break
        operands = events_in((event.args, event.kwargs))
        if event.index in ends:
            ends.update([operand.index for operand in operands if _is_alike(operand, event)])
        is_updating = event.index in ends or (event.index in leading and event.index not in read)
        (leading if is_updating and event.section != "backward" else read).update([item.index for item in operands])
    return ends | (leading - read)


def _is_alike(value: Event, new: Event) -> bool:
    """Return whether a value was made as the new value of a variable is made of it: w − s and (w − s) − t."""
    is_call = value.kind == "call" and value.section != "backward" and value.function is new.function
    return is_call and value.shape == new.shape and value.dtype == new.dtype


# --- names ------------------------------------------------------------------------------------------------------------


def _name_all(state: list[Captured], graded: list[Captured], events: list[Event], names: dict[int, str]) -> None:
    """Name the variables, the gradients, and the results of compositions."""
    _name_state(state, names)
    _name_gradients(state, graded)
    _name_compositions(events)


def _name_state(state: list[Captured], names: dict[int, str]) -> None:
    """Name each variable after its Tensor: by the user's name, the surroundings', or that in the line that made it."""
    for captured in state:
        if captured.first is not None:
            own = captured.first.name or captured.link.name or names.get(id(captured.tensor))
            captured.first.name = own or variable_of(captured.link)


def _name_gradients(state: list[Captured], graded: list[Captured]) -> None:
    """Name the gradient with respect to w `d_w`, and that with respect to the second variable of this name `d_w_2`."""
    alike = Counter[str | None]()
    of_variables: dict[int, str] = {}
    for captured in state:
        if captured.first is not None:
            name = captured.first.name
            alike[name] += 1
            of_variables[id(captured)] = f"d_{name}" if alike[name] == 1 else f"d_{name}_{alike[name]}"
    for captured in graded:
        event = event_of(captured.grad)
        if event.name is None and event.section == "backward" and captured.first is not None:
            event.name = of_variables.get(id(captured), f"d_{captured.first.name}")


def _name_compositions(events: list[Event]) -> None:
    """Name the last event of a composition after the variable that the result of its instruction is assigned to."""
    last: dict[tuple[int, int], Event] = {}  # by the id of code, which is hashed sooner
    for event in events:
        if event.section == "forward" and event.kind == "call" and event.is_inner:
            last[(id(event.code), event.lasti)] = event
    for event in last.values():
        if event.name is None:
            event.name = assigned_name(event.code, event.lasti)


_FLOATS = (float, np.floating)  # made once: `float | np.floating` in a call would be made again each time


def _name_numbers(numbers: dict[float, str | None], args: tuple[Any, ...], event: Event) -> None:
    """Note the user's names of the numbers among a call's arguments; None for a number with several names."""
    positions = [position for position, item in enumerate(args) if isinstance(item, _FLOATS)]
    if not positions or event.is_inner:
        return
    names = argument_names(event.code, event.lasti, len(args))
    for position in positions:
        number, name = float(args[position]), names[position]
        name = name if name is not None and name.isidentifier() else None
        numbers[number] = name if numbers.get(number, name) == name else None


# --- the used steps ---------------------------------------------------------------------------------------------------


def _filled(result: Any, value: Callable[[Event], Node]) -> Any:
    """Return the result of a function with nodes in place of events."""
    if isinstance(result, dict):
        return {key: _filled(item, value) for key, item in result.items()}
    if isinstance(result, list | tuple):
        items = [_filled(item, value) for item in result]
        return items if isinstance(result, list) else tuple(items)
    return value(result) if type(result) is Event else result


def _in_while(events: list[Event]) -> list[Event]:
    """Return the calls of `while` loops, needed or not: an iteration has the same calls as the one before."""
    states = [event.index for event in events if event.function is decided and event.args[2:] not in ((), (0,))]
    if not states:
        return []
    first, last = min(states), max(states)
    return [
        event for event in events
        if first <= event.index <= last and event.kind == "call" and event.section == "forward"
    ]  # fmt: skip


def _needed_with_attempts(roots: list[Event], events: list[Event]) -> bytearray:
    """Return what the roots depend on, and the calls in a `try` of the user's that have no other reader."""
    needed = _needed(roots, events)
    attempts = {
        event.args[0].index: event
        for event in events
        if event.function is attempted and not needed[event.args[0].index]
    }.values()
    return _needed([*roots, *attempts], events) if attempts else needed


def _needed(roots: list[Event], events: list[Event], since: int = 0) -> bytearray:
    """Return for the index of each event, from one on, whether the roots depend on it, as 1 or 0."""
    needed = bytearray(len(events))
    for event in roots:
        needed[event.index] = 1
    for index in range(len(events) - 1, since - 1, -1):
        if not needed[index]:
            continue
        event = events[index]
        for item in event.args:
            if type(item) is Event:
                needed[item.index] = 1
            elif type(item) in NESTED:
                for operand in events_in(item):
                    needed[operand.index] = 1
        if event.kwargs:
            for operand in events_in(event.kwargs):
                needed[operand.index] = 1
    return needed


def _always_made(events: list[Event]) -> list[Event]:
    """Return the calls with an effect.

    A draw advances a generator, a decision may end a call, and other processes take part in a call that has an order.
    """
    functions = {id(event.function): event.function for event in events}  # a few, called many times
    with_effect = {key for key, function in functions.items() if _has_effect(function)}
    return [event for event in events if id(event.function) in with_effect] if with_effect else []


def _has_effect(function: Any) -> bool:
    if function is decided or getattr(function, "__module__", None) == "tinygraph.draws":
        return True
    return getattr(function, "has_effect", False) and function is not attempted

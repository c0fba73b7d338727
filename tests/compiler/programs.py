"""Programs for the tests of the compiler: what a function of Tensors does, and its gradients."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from unittest import mock

import numpy as np

import tinygraph as tg
from tinygraph.compiler import pipeline
from tinygraph.compiler.compiled import Compiled
from tinygraph.compiler.phases import PHASES, ROLL, simplified
from tinygraph.compiler.program.builder import steps_of
from tinygraph.compiler.program.interpreter import Interpreter
from tinygraph.compiler.program.program import Program, Variable
from tinygraph.compiler.programs_for_calls import ProgramsForCalls
from tinygraph.compiler.rewrites import Phase, Rewrite
from tinygraph.graph import Graph

_ONE_AT_A_TIME = threading.RLock()


class _ProgramsBy(ProgramsForCalls):
    """Programs that are run by what `make` returns."""

    def __init__(self, make: Callable[[Program, str], Any], *given: Any) -> None:
        super().__init__(*given, "raise", False)
        self.make = make

    def _made(self, *args: Any) -> Any:
        with _ONE_AT_A_TIME, mock.patch.object(pipeline, "runner_of", self.make):
            return super()._made(*args)


class _CompiledBy(Compiled):
    """A compiled function with such programs."""

    def __init__(self, make: Callable[[Program, str], Any], *given: Any) -> None:
        super().__init__(*given)
        self._programs: _ProgramsBy = _ProgramsBy(make, *given)

    def __deepcopy__(self, memo: dict[int, Any]) -> Compiled:
        function, made = copy.deepcopy(self._function, memo), self._programs
        return _CompiledBy(made.make, function, made.parameters.static, made.kept.maxsize)


def compiled_by(
    make: Callable[[Program, str], Any], function: Any = None, *, static_argnames: Any = (), maxsize: int = 32
) -> Any:
    """`tg.compile`, with something else than the written program to run: what `make` returns."""
    if function is None:
        return lambda function: compiled_by(make, function, static_argnames=static_argnames, maxsize=maxsize)
    names = (static_argnames,) if isinstance(static_argnames, str) else tuple(static_argnames)
    return _CompiledBy(make, function, names, maxsize)


def interpreted(function: Any = None, **keywords: Any) -> Any:
    """`tg.compile`, with a plain walk over the nodes in place of the written program."""
    return compiled_by(lambda program, name: Interpreter(program), function, **keywords)


def recurrent(x: Any, w: Any, u: Any, b: Any) -> Any:
    """A network over sequences, whose states are not needed, only the last."""
    h = np.zeros((x.shape[1], u.shape[0]))
    for t in range(x.shape[0]):
        h = np.tanh(x[t] @ w + h @ u + b)
    return np.sum(h * h)


def in_threads(work: Callable[[int], None], count: int) -> None:
    """Call a function with the numbers below a count, each in a thread of its own, and wait for all."""
    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def one_phase(*rewrites: Rewrite) -> tuple[Phase, ...]:
    """Some rewrites as the only phase."""
    return (Phase("one", "Rewrites that are looked at.", rewrites),)


def without(left_out: Rewrite | None) -> tuple[Phase, ...]:
    """All phases, without one rewrite. The others are themselves: that of loops is known by its identity."""
    return tuple(
        replace(phase, rewrites=tuple(rewrite for rewrite in phase.rewrites if rewrite is not left_out))
        if left_out in phase.rewrites
        else phase
        for phase in PHASES
    )


def that_change(program: Program) -> set[Rewrite]:
    """Return the rewrites that change a program on its way through all phases.

    Without one of the others its text is the same. A rewrite that changes nothing returns the graph itself. Those of
    the phase of loops count as changing it: that phase is known by its identity.
    """
    changing = set(ROLL.rewrites)

    def watched(rewrite: Rewrite) -> Rewrite:
        def noted(graph: Graph) -> Graph:
            after = rewrite(graph)
            if after is not graph:
                changing.add(rewrite)
            return after

        return noted

    simplified(
        steps_of(program), program,
        [phase if phase is ROLL else replace(phase, rewrites=tuple(map(watched, phase.rewrites))) for phase in PHASES],
    )  # fmt: skip
    return changing


ALL: tuple[Rewrite, ...] = tuple(dict.fromkeys(rewrite for phase in PHASES for rewrite in phase.rewrites))


def program_of(
    function: Callable[..., Any], arguments: Sequence[Any], variables: Sequence[Any] = (), backward: bool = False
) -> Program:
    """Return the program of a function of Tensors.

    Args:
        function: called with a Tensor for each argument and variable; it returns a Tensor or a tuple of them or, where
            there are variables, a pair of that and the list of their new values.
        arguments, variables: arrays.
        backward: give the gradients of the (first) result, with respect to all arguments, too.

    The nodes of the outputs have their values. With `backward` the program is recorded as `tg.compile` does it: the
    eager record of a gradient keeps comparisons, such as where a ReLU is positive, as constants.
    """
    if backward:
        return _with_gradients(function, arguments, variables)
    tensors = [
        tg.Tensor(np.array(value), name=f"x{place}" if place < len(arguments) else f"v{place - len(arguments)}")
        for place, value in enumerate([*arguments, *variables])
    ]
    results = function(*tensors)
    updated: list[Any] = []
    if variables:
        results, updated = results
    results = results if isinstance(results, tuple) else (results,)
    graph = Graph.of(*results, *updated, *tensors)
    outputs = graph.outputs[: len(results) + len(updated)]
    inputs = graph.outputs[len(outputs) :]
    changed = dict(zip(range(len(variables)), outputs[len(results) :], strict=False))
    return Program(
        Graph(graph.nodes, outputs),
        arguments=inputs[: len(arguments)],
        variables=tuple(
            Variable(node, node.name or "v", changed.get(place)) for place, node in enumerate(inputs[len(arguments) :])
        ),
        results=outputs[: len(results)],
    )


def _with_gradients(function: Callable[..., Any], arguments: Sequence[Any], variables: Sequence[Any]) -> Program:
    given = [np.array(value) for value in (*arguments, *variables)]
    names = [f"x{place}" for place in range(len(arguments))] + [f"v{place}" for place in range(len(variables))]
    made: list[Program] = []

    def recorded(*arrays: Any) -> Any:
        tensors = [tg.Tensor(array, name=name) for array, name in zip(arrays, names, strict=True)]
        results = function(*tensors)
        updated: list[Any] = []
        if variables:
            results, updated = results
        results = results if isinstance(results, tuple) else (results,)
        first = results[0]
        first.backward(np.ones(first.shape, first.dtype) if first.shape else None)
        gradients = [tensor.grad for tensor in tensors[: len(arguments)] if tensor.grad is not None]
        return [*results, *gradients], updated

    def make(program: Program, name: str) -> Any:
        made.append(program)
        return Interpreter(program)

    values = compiled_by(make, recorded)(*given)
    (program,) = made
    for node, name in zip(program.arguments, names, strict=True):
        object.__setattr__(node, "name", name)
    results, updated = program.results
    for node, value in zip((*results, *updated), (*values[0], *values[1]), strict=True):
        object.__setattr__(node, "value", np.asarray(value))
    return Program(
        Graph(program.graph.nodes, (*results, *updated)),
        arguments=program.arguments[: len(arguments)],
        variables=tuple(
            Variable(node, node.name or "v", updated[place] if place < len(updated) else None)
            for place, node in enumerate(program.arguments[len(arguments) :])
        ),
        results=tuple(results),
        sections=program.sections,
    )


def operations(graph: Graph) -> list[str]:
    """The names of the functions that a graph calls, in order."""
    return [node.op for node in graph.nodes if not node.is_input]

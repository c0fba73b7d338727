"""Programs to save: a compiled program with everything that it takes from outside, or with that as arguments.

The live program is given more than its arguments at each call: plain arrays found outside, and gradients from before.
In a file they are state. A saved program returns what the function returns; gradients that it leaves are no results.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinygraph.compiler.program.decisions import Path
from tinygraph.compiler.program.program import Program, Variable
from tinygraph.compiler.run.binding import Ends
from tinygraph.compiler.run.versions import Version
from tinygraph.compiler.saving.saved_calls import SavedCall
from tinygraph.engine.nested import mapped
from tinygraph.engine.operands import plain
from tinygraph.errors import GraphError, UnsupportedError
from tinygraph.graph import Graph, Node, nodes_in

__all__ = ["SavedProgram", "SavedValue", "changing_values", "saved_version"]


@dataclass(frozen=True, eq=False)
class SavedValue:
    """A value that a program keeps from call to call.

    Attributes:
        key: identifies the Tensor, the gradient or the array.
        name: of the Tensor or the array.
        value: the array at the time of saving.
        is_array: whether it is a plain array that was found outside, as opposed to a Tensor or its gradient.
    """

    key: Any
    name: str
    value: Any
    is_array: bool = False


@dataclass(frozen=True, eq=False)
class SavedProgram:
    """A program of a file.

    Attributes:
        runner: the program, which computes with arrays.
        words: by the name of a parameter what is given for it, in words.
        arguments: for each of the program's arguments the position of a leaf, or the key of a state that is an
            argument.
        leaves: how many leaves the function's own arguments have.
        state: the program's variables.
        updated: the positions of those that it changes.
        written_into: whether an eager call would write into their arrays, as opposed to giving the Tensors others.
        generators: for each the position of a leaf, or the generator itself.
        result: what the function returned, where there are named tuples in it.
        asks_identity: whether the function asks which array is which, `x is y`.
        is_guarded: whether the function may catch an error of a call, and go on.
        path: the outcomes of the program's decisions, in order.
        group: the number of the signature, of which the program is one path.
    """

    runner: Any
    words: dict[str, str]
    arguments: list[Any]
    leaves: int
    state: list[SavedValue]
    updated: list[int]
    generators: list[Any]
    result: Any = None
    written_into: bool = False
    asks_identity: bool = False
    is_guarded: bool = False
    path: Path = ()
    group: int = 0


@dataclass(frozen=True, eq=False)
class _Kept:
    """A value that a program keeps, with the nodes that it is read from and that it becomes."""

    value: SavedValue
    node: Node
    updated: Node | None


@dataclass(frozen=True, eq=False)
class _Inputs:
    """The inputs of a program, as a file has them.

    Attributes:
        arguments: the nodes that are given at each call, each with the position of a leaf or the key of a value.
        kept: the values that the file keeps.
        returned: the values that the function returns besides its results, with the nodes they become.
    """

    arguments: list[tuple[Node, Any]]
    kept: list[_Kept]
    returned: list[tuple[SavedValue, Node]]

    def changing(self) -> set[Any]:
        """Return the keys of the values that change, plain arrays apart."""
        kept = {item.value.key for item in self.kept if item.updated is not None and not item.value.is_array}
        return kept | {value.key for value, _ in self.returned}

    def with_values_as_arguments(self, changing: set[Any]) -> _Inputs:
        """Return the inputs where all kept values but plain arrays are arguments, and returned where they change.

        Args:
            changing: the keys of the values that change on this path or another.
        """
        given = [item for item in self.kept if not item.value.is_array]
        return _Inputs(
            [*self.arguments, *[(item.node, item.value.key) for item in given]],
            [item for item in self.kept if item.value.is_array],
            [
                *self.returned,
                *[(item.value, item.updated or item.node) for item in given if item.value.key in changing],
            ],
        )


def saved_version(
    version: Version, call: SavedCall, runner_of: Callable[[Program], Any], name_of: Callable[[SavedValue], str] | None,
    ordered: bool = False, group: int = 0, changing: set[Any] | None = None,
) -> tuple[SavedProgram, list[SavedValue]]:  # fmt: skip
    """Return a program with all that it needs, and the values that it takes as arguments.

    Args:
        version: the program, and where its inputs come from.
        call: that it was made for.
        runner_of: writes a program.
        name_of: gives the name of a value as an argument; None where the values are kept beside the file.
        ordered: whether the order of arrays in memory is part of the signature.
        group: the number of the signature.
        changing: the keys of the values that the function changes on some path of this signature, where they are
            arguments; see `changing_values`.

    Raises:
        UnsupportedError: another call would find gradients that the file cannot know.
        GraphError: the function updates Tensors among its arguments, and the values are kept beside the file.
    """
    ends = version.ends()
    _check_each_is_given_once(ends, call)
    if ends.objects:
        raise UnsupportedError(
            f"save: the function returns a {ends.objects[0]}, and a file for NumPy alone does not know that class. "
            "Return a named tuple, a dict, a list or a tuple"
        )
    inputs, results = _inputs_and_results(version.program, ends, call, name_of is not None)
    given: list[SavedValue] = []
    if name_of is not None:
        given = [item.value for item in inputs.kept if not item.value.is_array]
        inputs = inputs.with_values_as_arguments(changing or set())
        if changing:
            results = (results, {name_of(value): node for value, node in inputs.returned})
    updated = [position for position, item in enumerate(inputs.kept) if item.updated is not None]
    saved = SavedProgram(
        runner=runner_of(_with_inputs(version.program, inputs, results)),
        words=dict(call.ordered if ordered else call.texts),
        arguments=[item for _, item in inputs.arguments],
        leaves=len(call.leaves),
        state=[item.value for item in inputs.kept],
        updated=updated,
        generators=[call.leaves.index(item) if type(item) is int else item for item in ends.generators],
        result=(ends.named, {}) if changing and ends.named is not None else ends.named,
        written_into=ends.written_into and bool(updated),
        asks_identity=ends.asks_identity,
        is_guarded=version.binding.is_guarded,
        path=version.decisions,
        group=group,
    )
    return saved, given


def changing_values(version: Version, call: SavedCall) -> set[Any]:
    """Return the keys of the values that a program changes, in a file that has them as arguments."""
    return _inputs_and_results(version.program, version.ends(), call, True)[0].changing()


def _inputs_and_results(program: Program, ends: Ends, call: SavedCall, as_arguments: bool) -> tuple[_Inputs, Any]:
    """Return the inputs of a program, and its results without the gradients that it leaves.

    Args:
        as_arguments: whether the kept values are going to be arguments.
    """
    results, gradients = program.results if ends.graded else (program.results, [])
    changed = dict(zip(map(_key, ends.graded), gradients, strict=True))
    inputs = _inputs_of(program, ends, call, changed, as_arguments)
    written = [new for _, new in program.written]
    _check_gradients_are_left_unread(ends.asked, changed, [*nodes_in(results), *written, *_updated_nodes(inputs)])
    return inputs, results


def _with_inputs(program: Program, inputs: _Inputs, results: Any) -> Program:
    """Return a program with other arguments, variables and results."""
    changed = replace(
        program,
        graph=Graph(
            program.graph.nodes,
            (*nodes_in(results), *[new for _, new in program.written], *_updated_nodes(inputs)),
        ),
        arguments=tuple([node for node, _ in inputs.arguments]),
        variables=tuple([Variable(item.node, item.value.name, item.updated) for item in inputs.kept]),
        results=results,
        reckoned={},
    )
    return changed if program.twin is None else replace(changed, twin=_twin_of(changed, program))


def _twin_of(changed: Program, program: Program) -> Program:
    """Return the twin of a program with the arguments, variables and results that the program has been given."""
    twin = program.twin
    assert twin is not None
    twins = {node.index: other for node, other in zip(_ends_of(program), _ends_of(twin), strict=True)}

    def twins_of(nest: Any) -> Any:
        return mapped(nest, lambda item: twins[item.index] if isinstance(item, Node) else item)

    return replace(
        twin,
        graph=Graph(twin.graph.nodes, twins_of(changed.graph.outputs)),
        arguments=twins_of(changed.arguments),
        variables=tuple([Variable(*twins_of((item.node, item.name, item.updated))) for item in changed.variables]),
        results=twins_of(changed.results),
        reckoned={},
    )


def _ends_of(program: Program) -> list[Node]:
    """Return the inputs and the outputs of a program."""
    return [*program.arguments, *[variable.node for variable in program.variables], *program.graph.outputs]


def _updated_nodes(inputs: _Inputs) -> list[Node]:
    """Return the nodes that the kept values become."""
    return [item.updated for item in inputs.kept if item.updated is not None]


def _inputs_of(
    program: Program, ends: Ends, call: SavedCall, changed: dict[Any, Node], as_arguments: bool
) -> _Inputs:  # fmt: skip
    """Return the inputs of a program.

    Args:
        changed: by the key of a Tensor the node of the gradient that the program leaves.
        as_arguments: whether the kept values are going to be arguments.
    """
    names = {
        _key(tensor if type(tensor) is int else tensor._link): variable.name
        for variable, (tensor, _) in zip(program.variables, ends.tensors, strict=True)
    }
    inputs = _Inputs([], [], [])
    for node, item in zip(program.arguments, ends.given, strict=True):
        if type(item) is int:
            inputs.arguments.append((node, call.leaves.index(item)))
        elif isinstance(item, np.ndarray):
            value = SavedValue(("array", id(item)), node.name or "constant", item, is_array=True)
            inputs.kept.append(_Kept(value, node, None))
        else:
            key = _key(item[0])
            _check_gradient_is_known(item[0], names.get(key), ends.cleared, as_arguments)
            inputs.kept.append(_Kept(_gradient(node, item[0], names.get(key)), node, changed.get(key)))
    for variable, (tensor, _) in zip(program.variables, ends.tensors, strict=True):
        if type(tensor) is not int:
            value = SavedValue(("tensor", id(tensor)), variable.name, tensor._value)
            inputs.kept.append(_Kept(value, variable.node, variable.updated))
            continue
        inputs.arguments.append((variable.node, call.leaves.index(tensor)))
        if variable.updated is not None:
            _check_can_be_returned(variable.name, as_arguments)
            inputs.returned.append((SavedValue(("argument", tensor), variable.name, None), variable.updated))
    return inputs


def _gradient(node: Node, owner: Any, name: str | None) -> SavedValue:
    """Return the gradient of a Tensor from before the call: zeros where the Tensor is an argument."""
    value = np.zeros(node.shape, node.dtype) if type(owner) is int else plain(owner._grad)
    return SavedValue(("gradient", _key(owner)), f"d_{name or 'gradient'}", value)


def _key(owner: Any) -> Any:
    """Return the key that identifies a Tensor: its position among the leaves, or its link."""
    return owner if type(owner) is int else ("link", id(owner))


def _check_each_is_given_once(ends: Ends, call: SavedCall) -> None:
    """Refuse a Tensor, a generator or an array that a saved function would take for two."""
    if ends.tied or call.twice:
        raise UnsupportedError(
            "save: a Tensor, a generator or an array is given twice, or is found outside as well, and a saved function "
            "takes each of its arguments for another array. Give it once, or let the function find it outside alone"
        )


def _check_can_be_returned(name: str, as_arguments: bool) -> None:
    """Refuse the update of an argument where a saved function does not return the new values."""
    if not as_arguments:
        raise GraphError(
            f"save: the function updates {name}, a Tensor among its arguments, and a saved function "
            'has arrays alone. Save it with parameters="arguments", so that it returns the new value'
        )


def _check_gradient_is_known(owner: Any, name: str | None, cleared: list[Any], as_arguments: bool) -> None:
    """Refuse a gradient that somebody else leaves before each call, where it is no argument."""
    others = type(owner) is int or any(_key(item) == _key(owner) for item in cleared)
    if others and not as_arguments:
        raise UnsupportedError(
            f"save: the function reads the gradient of {name or 'a Tensor'} from before the call, and a "
            'file of its own cannot compute that gradient. Save it with parameters="arguments", so that it is an '
            "argument, or compile the backward pass and the update as one function"
        )


def _check_gradients_are_left_unread(
    asked: list[tuple[Any, bool]], changed: dict[Any, Node], ends: list[Node]
) -> None:  # fmt: skip
    """Refuse a program made for Tensors without a gradient which leaves one that the next call would add to."""
    left = {changed[_key(owner)].index for owner, had in asked if not had and _key(owner) in changed}
    if left and any(node.index in left for node in _behind(ends)):
        raise UnsupportedError(
            "save: the function adds to gradients that the call before left, and this program is the one for the first "
            "call, without gradients. Clear them at the beginning or the end of the function, with w.grad = None or "
            "optimizer.zero_grad()"
        )


def _behind(ends: list[Node]) -> Iterator[Node]:
    """Yield the nodes that some are computed from, and those themselves."""
    waiting = list(ends)
    seen: set[int] = set()
    while waiting:
        node = waiting.pop()
        if node.index not in seen:
            seen.add(node.index)
            yield node
            waiting += [*nodes_in(node.args), *nodes_in(node.kwargs)]

"""Programs to save: a compiled program with everything that it takes from outside, or with that as arguments.

The live program is given more than its arguments at each call: plain arrays found outside, and gradients from before.
In a file they are state. A saved program returns what the function returns; gradients that it leaves are no results.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinygraph.compiler.program.program import Program, Variable
from tinygraph.compiler.run.versions import Version
from tinygraph.compiler.saving.saved_calls import SavedCall
from tinygraph.engine.operands import plain
from tinygraph.errors import GraphError, UnsupportedError
from tinygraph.graph import Graph, Node, nodes_in

__all__ = ["SavedProgram", "SavedValue", "saved_version"]


@dataclass(frozen=True, eq=False)
class SavedValue:
    """A value that a program keeps from call to call.

    Attributes:
        key: identifies the Tensor, the gradient or the array.
        name: what it is called.
        value: what it is now.
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
        emitted: the text, which computes with arrays.
        words: by the name of a parameter what is given for it, in words.
        arguments: for each of the program's arguments the place of a leaf, or the key of a state that is an argument.
        leaves: how many leaves the function's own arguments have.
        state: the program's variables.
        updated: the places of those that it changes.
        written_into: whether an eager call would write into their arrays, as opposed to giving the Tensors others.
        generators: for each the place of a leaf, or the generator itself.
        result: what the function returned, where there are named tuples in it.
        asks_identity: whether the function asks which array is which, `x is y`.
    """

    emitted: Any
    words: dict[str, str]
    arguments: list[Any]
    leaves: int
    state: list[SavedValue]
    updated: list[int]
    generators: list[Any]
    result: Any = None
    written_into: bool = False
    asks_identity: bool = False


@dataclass(frozen=True, eq=False)
class _Kept:
    """A value that a program keeps, with the nodes that it is read from and that it becomes."""

    state: SavedValue
    node: Node
    updated: Node | None


def saved_version(
    version: Version, call: SavedCall, emitted: Callable[[Program], Any], name_of: Callable[[SavedValue], str] | None,
    ordered: bool = False,
) -> tuple[SavedProgram, list[SavedValue]]:  # fmt: skip
    """A program with all that it needs, and the state that it takes as arguments.

    Args:
        version: the program, and where its inputs come from.
        call: that it was made for.
        emitted: writes a program.
        name_of: what a state is called as an argument; None where it is kept beside the file.
        ordered: whether the order of arrays in memory is part of the signature.

    Raises:
        UnsupportedError: another call would find gradients that the file cannot know.
        GraphError: the function updates Tensors among its arguments, and the state is kept beside the file.
    """
    program, ends = version.program, version.ends()
    if ends.tied or call.twice:
        raise UnsupportedError(
            "save: a Tensor, a generator or an array is given twice, or is found outside as well, and of what a saved "
            "function takes each is one of its own. Give it once, or let the function find it outside alone"
        )
    results, gradients = program.results if ends.graded else (program.results, [])
    changed = dict(zip(map(_key, ends.graded), gradients, strict=True))
    names = {
        _key(tensor if type(tensor) is int else tensor._link): variable.name
        for variable, (tensor, _) in zip(program.variables, ends.tensors, strict=True)
    }
    arguments: list[tuple[Node, Any]] = []
    kept: list[_Kept] = []
    returned: list[tuple[SavedValue, Node]] = []
    for node, item in zip(program.arguments, ends.given, strict=True):
        if type(item) is int:
            arguments.append((node, call.leaves.index(item)))
        elif isinstance(item, np.ndarray):
            kept.append(
                _Kept(SavedValue(("array", id(item)), node.name or "constant", item, is_array=True), node, None)
            )
        else:
            _check_gradient_is_known(item[0], names.get(_key(item[0])), ends.cleared, name_of)
            value = np.zeros(node.shape, node.dtype) if type(item[0]) is int else plain(item[0]._grad)
            state = SavedValue(("gradient", _key(item[0])), f"d_{names.get(_key(item[0]), 'gradient')}", value)
            kept.append(_Kept(state, node, changed.get(_key(item[0]))))
    for variable, (tensor, _) in zip(program.variables, ends.tensors, strict=True):
        if type(tensor) is not int:
            kept.append(
                _Kept(SavedValue(("tensor", id(tensor)), variable.name, tensor._value), variable.node, variable.updated)
            )
            continue
        arguments.append((variable.node, call.leaves.index(tensor)))
        if variable.updated is not None:
            if name_of is None:
                raise GraphError(
                    f"save: the function updates {variable.name}, a Tensor among its arguments, and a saved function "
                    'has arrays alone. Save it with parameters="arguments", so that it returns the new value'
                )
            returned.append((SavedValue(("argument", tensor), variable.name, None), variable.updated))
    ends_of_program = [*nodes_in(results), *[item.updated for item in kept if item.updated is not None]]
    _check_gradients_are_left_unread(ends.asked, changed, ends_of_program, kept)
    given: list[SavedValue] = []
    if name_of is not None:
        given = [item.state for item in kept if not item.state.is_array]
        arguments += [(item.node, item.state.key) for item in kept if not item.state.is_array]
        returned += [
            (item.state, item.updated) for item in kept if not item.state.is_array and item.updated is not None
        ]
        kept = [item for item in kept if item.state.is_array]
        results = (results, {name_of(state): node for state, node in returned}) if returned else results
    updated = [item.updated for item in kept if item.updated is not None]
    made = replace(
        program,
        graph=Graph(program.graph.nodes, (*nodes_in(results), *updated)),
        arguments=tuple([node for node, _ in arguments]),
        variables=tuple([Variable(item.node, item.state.name, item.updated) for item in kept]),
        results=results,
    )
    named = ends.named if not returned or ends.named is None else (ends.named, {})
    saved = SavedProgram(
        emitted=emitted(made),
        words=dict(call.ordered if ordered else call.texts),
        arguments=[item for _, item in arguments],
        leaves=len(call.leaves),
        state=[item.state for item in kept],
        updated=[place for place, item in enumerate(kept) if item.updated is not None],
        generators=[call.leaves.index(item) if type(item) is int else item for item in ends.generators],
        result=named,
        written_into=ends.written_into and any(item.updated is not None for item in kept),
        asks_identity=ends.asks_identity,
    )
    return saved, given


def _key(owner: Any) -> Any:
    """The key that identifies a leaf: its place among the arguments, or the link of a Tensor."""
    return owner if type(owner) is int else ("link", id(owner))


def _check_gradient_is_known(owner: Any, name: str | None, cleared: list[Any], name_of: Any) -> None:
    """Refuse a gradient that somebody else leaves before each call, where it is no argument."""
    others = type(owner) is int or any(_key(item) == _key(owner) for item in cleared)
    if others and name_of is None:
        raise UnsupportedError(
            f"save: the function reads the gradient of {name or 'a Tensor'} from before the call, and in "
            'a file of its own nobody computes it. Save it with parameters="arguments", so that it is an argument, '
            "or compile the backward pass and the update as one function"
        )


def _check_gradients_are_left_unread(
    asked: list[tuple[Any, bool]], changed: dict[Any, Node], ends: list[Node], kept: list[_Kept]
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
    """The nodes that some are computed from, and those themselves."""
    waiting = list(ends)
    seen: set[int] = set()
    while waiting:
        node = waiting.pop()
        if node.index not in seen:
            seen.add(node.index)
            yield node
            waiting += [*nodes_in(node.args), *nodes_in(node.kwargs)]

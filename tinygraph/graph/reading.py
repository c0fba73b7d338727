"""Read the record into nodes: each value with its name, its source line and its place in the program."""

from __future__ import annotations

from collections.abc import Iterable
from types import FrameType
from typing import Any

import numpy as np

from tinygraph.engine.keeping import Held
from tinygraph.engine.lending import notice_writes
from tinygraph.engine.links import (
    Call,
    Leaf,
    Like,
    Put,
    is_inner,
    links_below,
    links_in,
    scope_of,
)
from tinygraph.engine.nested import mapped
from tinygraph.engine.ownership import share_memory
from tinygraph.engine.passes import SEVERAL, pass_of
from tinygraph.engine.scopes import named_scopes
from tinygraph.engine.table import function_name
from tinygraph.engine.tensor import Tensor
from tinygraph.graph.node import Node
from tinygraph.graph.surroundings import Surroundings
from tinygraph.users_code.source import (
    argument_names,
    called_name,
    instruction_of,
    source_of,
    stored_name,
    subscripted_name,
)


def read(outputs: Iterable[Any], frame: FrameType | None) -> tuple[tuple[Node, ...], tuple[Node, ...]]:
    """Return the nodes of everything that `outputs` were computed from, and the nodes of `outputs`.

    Args:
        outputs: Tensors.
        frame: where to look for variables that name them; usually the caller's.
    """
    outputs = tuple(outputs)
    if not outputs:
        raise ValueError("Graph.of: give at least one Tensor")
    for output in outputs:
        if not isinstance(output, Tensor):
            raise TypeError(
                f"Graph.of: expected Tensors, got {type(output).__name__}; a plain result has no graph. "
                "No Tensor that requires a gradient took part in it: make one of its inputs with tg.Tensor(...)"
            )
    links = links_below([output._link for output in outputs])
    around = Surroundings(links, frame)
    values = {id(output._link): output._value for output in outputs} | around.values
    names = around.names()
    changed = _changed(links)
    gradients = _Gradients(links, bool(changed))
    calls = [link for link in links if isinstance(link, Call)]
    found = named_scopes([(scope_of(call), call.order) for call in calls], around.modules)
    scopes = dict(zip(map(id, calls), found, strict=True))
    nodes: dict[int, Node] = {}
    for index, link in enumerate(links):
        about = {"scope": scopes.get(id(link), ()), "changed": id(link) in changed} | gradients.of(link)
        if isinstance(link, Call):
            about["argument_names"] = _argument_names(link, nodes, around)
        nodes[id(link)] = _node(index, link, nodes, names.get(id(link)), values.get(id(link)), about)
    return tuple(nodes.values()), tuple(nodes[id(output._link)] for output in outputs)


def _changed(links: list[Any]) -> set[int]:
    """Return the ids of leaves that got another value after a call used them, and of links that share their memory."""
    used: dict[int, int] = {}
    for link in links:
        if isinstance(link, Call):
            for operand in links_in(link.args):
                used.setdefault(id(operand), link.order)
    leaves = [link for link in links if isinstance(link, Leaf)]
    for leaf in leaves:
        notice_writes(leaf)
    changed = [leaf for leaf in leaves if leaf.order > used.get(id(leaf), leaf.order)]
    arrays = [leaf._value for leaf in changed if isinstance(leaf._value, np.ndarray)]
    kept = [link for link in links if arrays and isinstance(link._value, np.ndarray)]
    views = [link for link in kept if any(share_memory(link._value, array) for array in arrays)]
    return {id(link) for link in (*changed, *views)}


class _Gradients:
    """The values that the gradients of a graph are derivatives of, as far as the record is sure."""

    def __init__(self, links: list[Any], changed: bool) -> None:
        self.places = {link.order: index for index, link in enumerate(links)}
        self.changed = changed

    def of(self, link: Any) -> dict[str, Any]:
        """Return the attributes of a node about its gradient."""
        if link._grad is None or type(link._grad) is Like:
            return {}
        this = pass_of(link)
        if this is SEVERAL:
            return {"gradient_note": "several"}
        if this is None or this.root not in self.places:
            return {"gradient_note": "elsewhere"}
        if self.changed:
            return {"gradient_note": "changed"}
        return {"gradient_of": self.places[this.root]} if this.unit else {"gradient_note": "seed"}


def _node(index: int, link: Any, nodes: dict[int, Node], name: str | None, value: Any, about: dict[str, Any]) -> Node:
    kept = link._value if value is None else value
    gradient = link._grad
    common: dict[str, Any] = {
        "index": index,
        "shape": tuple(kept.shape),
        "dtype": kept.dtype,
        "value": None if type(kept) is Like else np.array(kept),
        "grad": None if gradient is None or type(gradient) is Like else _array(gradient),
        "grad_freed": type(gradient) is Like,
        "requires_grad": link.differentiable,
        "source": source_of(link.code, link.lasti),
        "instruction": instruction_of(link.code, link.lasti),
        **about,
    }
    if name is None and isinstance(link, Put):
        name = _written_into(link, nodes)
    if isinstance(link, Leaf):
        return Node(function=None, args=(), kwargs={}, name=name, **common)
    args, keywords = link.args, link.keywords
    return Node(
        function=link.op.function,
        args=mapped(args, lambda item: _argument(item, nodes)),
        kwargs=dict(keywords),
        name=name,
        **common,
    )


def _argument_names(link: Call, nodes: dict[int, Node], around: Surroundings) -> tuple[str | None, ...]:
    """Return the names of a call's arguments in the user's code, if there are arrays among them."""
    if not any([isinstance(item, np.ndarray | Held | Like) for item in link.args]):
        return ()
    if is_inner(link):
        return around.given(link)
    if isinstance(link, Put):
        return _written_into(link, nodes), None, stored_name(link.code, link.lasti)
    called = called_name(link.code, link.lasti) if link.code is not None else ()
    if called and called[-1] != function_name(link.op.function).rpartition(".")[2]:
        return ()  # the arguments that the user wrote are those of another function, which called this one
    return argument_names(link.code, link.lasti, len(link.args))


def _written_into(link: Put, nodes: dict[int, Node]) -> str | None:
    """Return the variable of the array that a program wrote into: of `y[0] = t`, and of `r = y[1:]; r *= 2`."""
    origin = link.args[1].steps[0] if link.args[1].steps else link
    before = link.args[0]
    found = None if is_inner(origin) else subscripted_name(origin.code, origin.lasti)
    return found or (nodes[id(before)].name if isinstance(before, Call | Leaf) else None)


def _argument(item: Any, nodes: dict[int, Node]) -> Any:
    if isinstance(item, Call | Leaf):
        return nodes[id(item)]
    return item._value if type(item) is Held else item


def _array(gradient: Any) -> Any:
    return np.array(gradient._value if isinstance(gradient, Tensor) else gradient)

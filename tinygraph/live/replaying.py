"""Replaying: the calls of a graph once more, as a function of its inputs, compiled and written as JavaScript."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Iterator, Sequence
from inspect import Parameter
from typing import Any

import numpy as np

from tinygraph.compiler import compiled
from tinygraph.compiler.javascript.kinds import ARRAYS
from tinygraph.compiler.javascript.module import javascript_of
from tinygraph.compiler.names import TakenNames, users
from tinygraph.drawing.page.live import Live, numbers_in_page
from tinygraph.engine.links import Like
from tinygraph.engine.nested import instances, mapped
from tinygraph.engine.tensor import Tensor
from tinygraph.errors import GraphError, ShapeError, UnsupportedError
from tinygraph.graph import Graph, Node
from tinygraph.live.training import training_of
from tinygraph.transforms import grad

__all__ = ["live_of"]

# A page computes graphs up to this size while a slider moves.
MOST_NODES, MOST_INPUTS, MOST_NUMBERS = 300, 4096, 100_000
MOST_SLOPES = 60  # nodes of a graph that is drawn with the chain rule
_CANNOT = (UnsupportedError, GraphError, ShapeError, TypeError, ValueError, AttributeError, IndexError)


def live_of(graph: Graph, step: Any = None) -> Live | None:
    """Return the programs of a page of a graph; None where its values cannot be computed again.

    Args:
        graph: with the values of its inputs.
        step: a compiled step that trains the graph's parameters, or None.

    Raises:
        TypeError: the step is no compiled function.
        GraphError: the step has not been called, or it needs what the graph does not have; with a step, the graph
            cannot be computed again either.
        UnsupportedError: with a step, it cannot be written as JavaScript.
    """
    why = _reason(graph)
    if not why:
        try:
            parts = _replayed(graph)
        except _CANNOT as error:
            parts, why = None, str(error)
        if parts is not None:
            return parts if step is None else training_of(graph, parts, step)
        why = why or "computed again, its values are others"
    if step is not None:
        raise GraphError(
            f"html: the graph cannot be computed in a page: {why}. Draw the loss of the step once more, of few "
            "examples, right after its backward()"
        )
    return None


def _reason(graph: Graph) -> str:
    """Return the reason why a graph cannot be computed again; "" if it may be."""
    inputs = [node for node in graph.nodes if node.is_input]
    if any(node.value is None or node.changed for node in inputs):
        return "the values of its inputs were not kept, or have changed since"
    if len(graph.nodes) == len(inputs):
        return "it has no calls"
    sizes = [math.prod(node.shape) for node in graph.nodes]
    if len(graph.nodes) > MOST_NODES or sum(sizes) > MOST_NUMBERS:
        return f"it has {len(graph.nodes):,} nodes and {sum(sizes):,} numbers"
    if sum([math.prod(node.shape) for node in inputs]) > MOST_INPUTS:
        return f"its inputs have more than {MOST_INPUTS:,} numbers"
    if any(np.dtype(node.dtype) not in ARRAYS for node in graph.nodes):
        return "some of its values are no real numbers"
    if any(instances(Like, list(node.args)) for node in graph.nodes):
        return "an array among the arguments of its calls was not kept"
    computed = next(_computed_from(graph), None)
    if computed is not None:
        return f"{computed} was computed from its values by Python, and is no call of it"
    with_gradient = [node for node in graph.nodes if node.grad is not None]
    if any(node.gradient_note not in ("", "seed") for node in with_gradient):
        return "its gradients are not those of one backward pass at these values"
    if len({node.gradient_of for node in with_gradient}) > 1:
        return "its gradients are those of several values"
    return ""


def _computed_from(graph: Graph) -> Iterator[str]:
    """Yield the plain arrays whose words in the picture are a formula of its values, such as r > 0 or x.data.

    They stay as they were while the values move, and their cards would say something false.
    """
    names = sorted({node.name for node in graph.nodes if node.name}, key=len, reverse=True)
    if not names:
        return
    mentioned = re.compile(rf"(?<![\w.])(?:{'|'.join(map(re.escape, names))})(?!\w)")
    for node in graph.nodes:
        for item, text in zip(node.args, node.argument_names, strict=False):
            if text and isinstance(item, np.ndarray | np.generic) and text not in names and mentioned.search(text):
                yield text


def _replayed(graph: Graph) -> Live | None:
    """Return the program of a graph; None if it computes other values than the graph has."""
    inputs = [node for node in graph.nodes if node.is_input]
    seed = _seed(graph)
    slopes = _slopes(graph) if seed is not None else []
    replay = _named(_replay(graph, seed, slopes), inputs)
    given = [np.array(node.value) for node in inputs]
    program = compiled.compile(replay)
    with np.errstate(all="ignore"):  # the recorded run has warned already
        values, gradients, found = program(*given)
    with_gradient = [node for node in graph.nodes if node.grad is not None]
    if not (_agree(graph.nodes, values, "value") and _agree(with_gradient, gradients, "grad")):
        return None
    saved = program.as_saved(tuple(given), {})
    data = {
        "inputs": [_input(node) for node in inputs],
        "values": [_described(node) for node in graph.nodes],
        "gradients": [_described(node) for node in with_gradient],
        "slopes": [[operand.index, node.index] for node, _, operand in slopes][: len(found)],
    }
    return Live(data, {"compute": javascript_of("compute", saved, comments=False)})


def _seed(graph: Graph) -> Node | None:
    """Return the value whose derivative the gradients are."""
    found = [node.gradient_of for node in graph.nodes if node.grad is not None]
    if not found:
        return None
    if found[0] is None:
        raise GraphError("it is not known which value its gradients are of")
    return graph.nodes[found[0]]


def _slopes(graph: Graph) -> list[tuple[Node, int, Node]]:
    """Return the steps back of the chain rule of a graph of numbers: each call, the operand's place, the operand."""
    if len(graph) > MOST_SLOPES or any(node.shape for node in graph.nodes):
        return []
    return [
        (node, position, operand)
        for node in graph.nodes
        if node.requires_grad
        for position, operand in enumerate(node.operands)
        if operand.requires_grad
    ]


def _replay(graph: Graph, seed: Node | None, slopes: Sequence[tuple[Node, int, Node]]) -> Callable[..., Any]:
    """Return a function of the inputs: all values, all gradients, and the slopes of the chain rule."""

    def replay(*arrays: Any) -> Any:
        given = iter(arrays)
        found: dict[int, Any] = {}
        for node in graph.nodes:
            if node.is_input:
                found[node.index] = Tensor(next(given), requires_grad=node.requires_grad)
            else:
                found[node.index] = _called(node, [found[operand.index] for operand in node.operands])
        if seed is not None:
            found[seed.index].backward(np.ones(seed.shape, seed.dtype))
        values = [found[node.index].data for node in graph.nodes]
        numbers = dict(zip([node.index for node in graph.nodes], values, strict=True))
        return (
            values,
            [found[node.index].grad for node in graph.nodes if node.grad is not None],
            [_slope(node, position, numbers) for node, position, _ in slopes],
        )

    return replay


def _called(node: Node, operands: Sequence[Any]) -> Any:
    """Return the result of a node's call on other operands."""
    following = dict(zip([operand.index for operand in node.operands], operands, strict=True))
    args, kwargs = mapped((node.args, node.kwargs), lambda item: following[item.index] if _is_node(item) else item)
    return node.function(*args, **kwargs)  # type: ignore[misc]


def _is_node(item: Any) -> bool:
    return isinstance(item, Node)


def _slope(node: Node, position: int, numbers: dict[int, Any]) -> Any:
    """Return the derivative of a call of numbers with respect to one of its operands."""
    wanted = node.operands[position].index
    given = {operand.index: numbers[operand.index] for operand in node.operands}
    return grad(lambda number: _called(node, [{**given, wanted: number}[item.index] for item in node.operands]))(
        given[wanted]
    )


def _named(function: Callable[..., Any], inputs: Sequence[Node]) -> Callable[..., Any]:
    """Return a function whose parameters have the names of the inputs."""
    taken = TakenNames()
    names = [taken.take(users(node.name or f"x{node.index}")) for node in inputs]
    function.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [Parameter(name, Parameter.POSITIONAL_OR_KEYWORD) for name in names]
    )
    return function


def _agree(nodes: Sequence[Node], found: Sequence[Any], what: str) -> bool:
    """Return whether values that were computed again are those of the graph, where it has kept them."""
    for node, value in zip(nodes, found, strict=True):
        kept = getattr(node, what)
        if kept is not None and not _close(value, kept, node):
            return False
    return True


def _close(value: Any, kept: Any, node: Node) -> bool:
    accuracy = 1e-8 if np.dtype(node.dtype).itemsize > 4 else 1e-3
    size = float(np.abs(kept[np.isfinite(kept)]).max(initial=0.0)) if node.dtype.kind == "f" else 0.0
    return np.shape(value) == node.shape and np.allclose(
        np.asarray(value, float), np.asarray(kept, float), rtol=accuracy, atol=accuracy * size, equal_nan=True
    )


def _input(node: Node) -> dict[str, Any]:
    """Return an input as a page has it: its name, shape, and numbers in C order."""
    return {
        **_described(node),
        "name": node.name or f"input {node.index}",
        "value": numbers_in_page(node.value),
        "whole": node.dtype.kind in "iub",
        "trains": node.requires_grad,
    }


def _described(node: Node) -> dict[str, Any]:
    return {"node": node.index, "shape": list(node.shape)}

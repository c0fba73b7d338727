"""Training in a page: a compiled step updates the inputs of a picture, and the picture follows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygraph.compiler.compiled import Compiled
from tinygraph.compiler.javascript.module import javascript_of, names_in
from tinygraph.compiler.names import identifier
from tinygraph.drawing.page.live import Live, numbers_in_page
from tinygraph.errors import GraphError
from tinygraph.graph import Graph, Node

__all__ = ["training_of"]


def training_of(graph: Graph, parts: Live, step: Any) -> Live:
    """Return the programs of a page with those of a step that trains the graph's parameters.

    Args:
        graph: the picture's.
        parts: its programs.
        step: compiled, and called at least once. Its arguments are the graph's values of the same names and shapes.

    Raises:
        TypeError: the step is no compiled function.
        GraphError: the step has not been called; an argument is no value of the graph; it updates none of its inputs.
        UnsupportedError: the step cannot be written as JavaScript.
    """
    if not isinstance(step, Compiled):
        raise TypeError(f"html: live= takes a compiled step, got {type(step).__name__}. Write live=tg.compile(step)")
    saved = step.as_saved((), {})
    text = javascript_of("step", saved)
    arguments, kept = names_in(saved)
    inputs = {(identifier(node.name or ""), node.shape): place for place, node in enumerate(graph.inputs)}
    known = {(name, array.shape): array for name, array in _constants(graph)}
    given = [_argument(name, shape, inputs, known) for name, shape in arguments]
    updated = {kept[place][0] for place in saved.updated}
    weights = {name: inputs[name, shape] for name, shape in kept if (name, shape) in inputs}
    if not updated & weights.keys():
        raise GraphError(
            f"html: the step updates {', '.join(sorted(updated)) or 'nothing'}, and none of these is an input of the "
            "graph. Draw the loss that the step computes, with Tensors of the same names"
        )
    numbers = [name for name, shape in kept if not shape and name not in updated and name not in weights]
    training = {"arguments": given, "weights": weights, "numbers": numbers}
    return Live({**parts.data, "training": training}, {**parts.programs, "step": text})


def _argument(name: str, shape: Any, inputs: dict[Any, int], known: dict[Any, Any]) -> Any:
    """Return an argument of the step: the position of an input of the graph, or numbers."""
    if shape is None:
        return {"numbers": [0]}  # the step does not use it
    if (name, shape) in inputs:
        return {"input": inputs[name, shape]}
    if (name, shape) in known:
        return {"numbers": numbers_in_page(known[name, shape])}
    raise GraphError(
        f"html: the step takes {name}, which is no value of the graph that is drawn. Give the loss a value of this "
        "name and shape, or let the step find it outside, as a Tensor"
    )


def _constants(graph: Graph) -> Iterator[tuple[str, Any]]:
    """Yield the plain arrays among the arguments of a graph's calls, with their names in the user's code."""
    for node in graph.nodes:
        for name, item in zip(node.argument_names, node.args, strict=False):
            if name is not None and not isinstance(item, Node) and isinstance(item, np.ndarray):
                yield identifier(name), item

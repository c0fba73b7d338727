"""The gradients that a backward pass has freed, computed again from those that it kept."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.graph.graph import Graph
from tinygraph.graph.pullback import pulled_back
from tinygraph.graph.replay import replayed

__all__ = ["gradients_again"]

Array = np.ndarray[Any, Any]

CLOSE = 1e-3


def gradients_again(graph: Graph) -> dict[int, Array]:
    """Return the gradients of values whose own were freed, by their index, as far as the rules can be run again.

    Nothing is returned unless the same rules give the kept gradients below: where the engine left out a part that
    nothing depends on, or a gradient was changed since, they do not.
    """
    freed = {node.index for node in graph.nodes if node.grad_freed}
    if not freed:
        return {}
    values = replayed(graph, [node.index for node in graph.nodes])
    sums: dict[int, Array | None] = {}
    found: dict[int, Array] = {}
    for node in reversed(graph.nodes):
        again = sums.get(node.index)
        if node.grad is not None and again is not None and node.gradient_note != "several":
            size = float(np.abs(node.grad).max(initial=0.0))
            if not np.allclose(again, node.grad, rtol=CLOSE, atol=CLOSE * size):
                return {}
        gradient = again if node.index in freed else node.grad
        if gradient is None:
            continue
        if node.index in freed:
            found[node.index] = gradient
        if not node.is_input:
            for operand, part in pulled_back(node, gradient, values):
                before = sums.get(operand.index, 0.0)
                sums[operand.index] = None if part is None or before is None else np.asarray(before + part)
    return found

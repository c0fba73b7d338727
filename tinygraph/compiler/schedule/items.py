"""The items of a program: single calls, and fusions of calls that are evaluated some rows at a time."""

from __future__ import annotations

from collections.abc import Sequence

from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.schedule.batches import batches_of
from tinygraph.compiler.schedule.blocks import Fusion, gathered
from tinygraph.graph import Graph

__all__ = ["calls_alone", "scheduled"]


def calls_alone(graph: Graph) -> list[Step | Fusion]:
    """Return the calls of a graph in order, none of them in a fusion."""
    return [step for step in graph.nodes if isinstance(step, Step) and step.function is not None]


def scheduled(graph: Graph, overwrites: dict[int, int]) -> list[Step | Fusion]:
    """Return the items of a program in order.

    Args:
        graph: of steps.
        overwrites: by the index of a variable's new value the index of the variable.
    """
    parts: Sequence[Sequence[Step] | Fusion] = batches_of(graph, overwrites)
    items: list[Step | Fusion] = []
    for part in parts:
        items += [part] if isinstance(part, Fusion) else gathered(part, overwrites)
    return items

"""Compositions: calls of NumPy's functions on plain arrays, written with the functions that the tables know.

A call on a Tensor is recorded in parts already: np.var as sums and squares. On an array it is recorded as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.rewriting import rewritten
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.program.symbols import Symbol
from tinygraph.engine.nested import mapped
from tinygraph.engine.table import composition_of
from tinygraph.graph import Graph

__all__ = ["in_parts"]

# A composition may call functions that are compositions themselves.
_DEPTH = 3


def in_parts(graph: Graph, is_known: Callable[[Any], bool]) -> Graph:
    """Return a graph whose calls of compositions are calls of their parts.

    Args:
        is_known: tells whether a function needs no parts.
    """

    def change(builder: Builder, step: Step) -> Step | None:
        composition = None if is_known(step.function) else composition_of(step.function)  # type: ignore[arg-type]
        if composition is None:
            return None
        args, kwargs = mapped(
            (step.args, step.kwargs), lambda item: Symbol(builder, step, item) if type(item) is Step else item
        )
        try:
            found = composition(*args, **kwargs)
        except Exception:  # it asks for values, which a symbol has not
            return None
        if type(found) is not Symbol or found.shape != step.shape:
            return None
        return found.astype(step.dtype).step

    for _ in range(_DEPTH):
        graph = rewritten(graph, change)
    return graph

"""Sharing: a value is computed once, or beforehand, or not at all."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.compiler.kernels.image_calls import IMAGE_FUNCTIONS
from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.rewriting import placed, rewritten
from tinygraph.compiler.program.steps import Step, operands_of
from tinygraph.engine.nested import mapped
from tinygraph.graph import Graph

# Calls that are not computed beforehand: a broadcast, since a repeated number is no table, and those of the functions
# for images, which need memory to write into.
UNFOLDED = frozenset((np.broadcast_to, *IMAGE_FUNCTIONS))

# Constants of at most this many bytes are the same where their elements are.
COMPARED = 4096

# A constant may grow by folding to this many elements: a table of a position encoding yes, a repeated number no.
FOLDED = 4096


def drop_dead(graph: Graph) -> Graph:
    """y = f(x); z = g(x); return y  ->  y = f(x); return y. Inputs stay, and draws: a generator's stream goes on."""
    alive = {output.index for output in graph.outputs}
    alive |= {step.index for step in graph.nodes if isinstance(step, Step) and step.draws}
    for step in reversed(graph.nodes):
        if step.index in alive:
            alive.update(operand.index for operand in operands_of(step))
    if all(step.index in alive or step.given for step in graph.nodes if isinstance(step, Step)):
        return graph
    moved: dict[int, Step] = {}
    builder = Builder()
    for step in graph.nodes:
        assert isinstance(step, Step)
        if step.index in alive or step.given:
            moved[step.index] = step if len(moved) == step.index else placed(step, len(moved), moved)
            builder.steps.append(moved[step.index])
    return Graph(tuple(builder.steps), tuple(moved[output.index] for output in graph.outputs))


def fold_constants(graph: Graph) -> Graph:
    """y = x * (1.0 / 8)  ->  y = x * 0.125, computed as NumPy would have."""

    def change(builder: Builder, step: Step) -> Step | None:
        operands = list(operands_of(step))
        if step.draws or step.function in UNFOLDED or not all(operand.is_constant for operand in operands):
            return None
        if step.size > max(FOLDED, *[operand.size for operand in operands], 0):
            return None
        args, kwargs = mapped((step.args, step.kwargs), lambda item: item.value if type(item) is Step else item)
        with np.errstate(all="ignore"):
            value = np.asarray(step.function(*args, **kwargs))  # type: ignore[misc]
        return builder.constant(step, value) if value.dtype == step.dtype else None

    return rewritten(graph, change)


def share_common(graph: Graph) -> Graph:
    """a = exp(x); b = exp(x)  ->  a = exp(x); b = a. Draws of random numbers are never the same."""
    seen: dict[Any, Step] = {}

    def change(builder: Builder, step: Step) -> Step | None:
        if step.draws:
            return None
        key = (step.function, identity(step.args), identity(step.kwargs))
        if key not in seen:
            seen[key] = builder.add(step)
        return seen[key]

    return rewritten(graph, change)


def identity(item: Any) -> Any:
    """Return a key that equal arguments share: a step's index, a number with its type, an array itself."""
    if type(item) is Step:
        if item.is_constant and not item.shape:
            return (item.dtype, repr(item.value))
        if item.is_constant and item.value is not None and item.value.nbytes <= COMPARED:
            return (item.dtype, item.shape, item.value.tobytes())
        if item.is_constant:
            return ("array", id(item.value))
        return ("step", item.index)
    if type(item) in (tuple, list):
        return (type(item), *[identity(part) for part in item])
    if type(item) is dict:
        return tuple([(key, identity(part)) for key, part in item.items()])
    if type(item) is np.ndarray:
        return ("array", id(item))
    if type(item) is slice:
        return ("slice", item.start, item.stop, item.step)
    try:
        hash(item)
    except TypeError:
        return ("object", id(item))
    return (type(item), repr(item)) if isinstance(item, float | complex | np.generic) else (type(item), item)

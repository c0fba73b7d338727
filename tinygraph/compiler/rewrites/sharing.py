"""Sharing: a value is computed once, or beforehand, or not at all."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.compiler.kernels.image_calls import IMAGE_FUNCTIONS
from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.counting import counts
from tinygraph.compiler.program.loops import Loop
from tinygraph.compiler.program.rewriting import placed, rewritten, steps_in
from tinygraph.compiler.program.steps import Step, operands_of
from tinygraph.engine.nested import mapped
from tinygraph.functions.checks import attempted
from tinygraph.graph import Graph

# Calls that are not computed beforehand: a broadcast, since a repeated number is no table, and those of the functions
# for images, which need memory to write into.
UNFOLDED = frozenset((np.broadcast_to, *IMAGE_FUNCTIONS))

# Constants of at most this many bytes are the same where their elements are.
COMPARED = 1 << 16

# x == y is y == x.
COMMUTING = frozenset((np.equal, np.not_equal, np.logical_and, np.logical_or, np.logical_xor))

# A constant may grow by folding to this many elements: a table of a position encoding yes, a repeated number no.
FOLDED = 4096


def drop_dead(graph: Graph) -> Graph:
    """y = f(x); z = g(x); return y  ->  y = f(x); return y. Inputs, draws and decisions stay.

    So does attempted(x), which keeps a call that may fail, where nothing else keeps x.
    """
    steps = steps_in(graph)
    alive = {output.index for output in graph.outputs}
    alive.update([step.index for step in steps if step.given or (step.has_effect and step.function is not attempted)])
    for step in reversed(steps):
        if step.function is attempted and step.args[0].index not in alive:
            alive.add(step.index)
        if step.index in alive:
            alive.update([operand.index for operand in operands_of(step)])
    if len(alive) == len(steps):
        return graph
    moved: dict[int, Step] = {}
    for step in steps:
        if step.index in alive:
            moved[step.index] = step if len(moved) == step.index else placed(step, len(moved), moved)
    return Graph(tuple(moved.values()), tuple(moved[output.index] for output in graph.outputs))


def fold_constants(graph: Graph) -> Graph:
    """y = x * (1.0 / 8)  ->  y = x * 0.125, computed as NumPy would have."""

    def change(builder: Builder, step: Step) -> Step | None:
        operands = operands_of(step)
        if not all([operand.is_constant for operand in operands]) or step.has_effect or step.function in UNFOLDED:
            return None
        if type(step.function) is Loop or counts(step.function):
            return None
        if step.size > max(FOLDED, *[operand.size for operand in operands], 0):
            return None
        args, kwargs = mapped((step.args, step.kwargs), lambda item: item.value if type(item) is Step else item)
        with np.errstate(all="ignore"):
            value = np.asarray(step.function(*args, **kwargs))  # type: ignore[misc]
        return builder.constant(step, value) if value.dtype == step.dtype else None

    return rewritten(graph, change)


def share_common(graph: Graph) -> Graph:
    """a = exp(x); b = exp(x)  ->  a = exp(x); b = a, and y == x is x == y. No two draws or decisions are the same."""
    seen: dict[Any, Step] = {}

    def change(builder: Builder, step: Step) -> Step | None:
        if step.has_effect:
            return None
        identities: Any = [identity(item) for item in step.args]
        if step.function in COMMUTING and len(identities) == 2:
            identities = [frozenset(identities)]
        key = (step.function, *identities, *map(identity, step.kwargs.items()))
        if key in seen:
            return seen[key]
        seen[key] = step = builder.add(step)
        return step

    return rewritten(graph, change)


def identity(item: Any) -> Any:
    """Return a key that equal arguments share: a step's index, a number with its type, an array itself."""
    if type(item) is Step:
        if not item.is_constant:
            return item.index
        if not item.shape:
            return (item.dtype, repr(item.value))
        if item.value is not None and item.value.nbytes <= COMPARED:
            return (item.dtype, item.shape, item.value.tobytes())
        return ("array", id(item.value))
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

"""Sure masks: masks that are true everywhere, whatever the numbers are, and the choices by them.

The reverse pass of a program with np.where notes which elements a gradient comes to, so that no infinity of the side
that was not chosen gets into it. Writes into an array clear a part of such a mask and fill it again: in the loop of a
stencil the interior is true at each step.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from tinygraph.compiler.kernels.parts import part_written
from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.predicates import is_basic, looks_like_view
from tinygraph.compiler.program.rewriting import rewritten_by_originals, steps_in
from tinygraph.compiler.program.steps import Step, operands_of
from tinygraph.compiler.rewrites.sharing import drop_dead
from tinygraph.derivatives.indexing import scatter
from tinygraph.engine.nested import mapped
from tinygraph.graph import Graph

__all__ = ["drop_sure_masks"]

# The masks of a program have at most so many elements together: they are computed once, in about a second.
LOOKED_AT = 500_000_000


def drop_sure_masks(graph: Graph) -> Graph:
    """np.where(np.logical_or(scatter(True, 1:), True), x, 0)  ->  x, and np.logical_and(True, m)  ->  m."""
    sure = _sure(graph)
    if not sure:
        return graph

    def change(builder: Builder, step: Step, original: Step) -> Step | None:
        if original.index in sure:
            return builder.constant(step, np.broadcast_to(np.True_, step.shape))
        found: Any = None
        if step.function is np.where and len(step.args) == 3 and _is_sure(original.args[0], sure):
            found = step.args[1]
        elif step.function is np.logical_and and not step.kwargs:
            found = next((step.args[1 - at] for at in (0, 1) if _is_sure(original.args[at], sure)), None)
        return found if type(found) is Step and (found.shape, found.dtype) == (step.shape, step.dtype) else None

    return drop_dead(rewritten_by_originals(graph, change))


def _is_sure(item: Any, sure: set[int]) -> bool:
    return type(item) is Step and item.index in sure


def _sure(graph: Graph) -> set[int]:
    """Return the indices of the calls whose results are masks that are true everywhere."""
    masks = [step for step in steps_in(graph) if step.dtype == np.bool_ and step.shape and step.size]
    chosen = [step for step in steps_in(graph) if step.function in (np.where, np.logical_and)]
    if not chosen or not any(map(_may_be_root, masks)) or sum([step.size for step in masks]) > LOOKED_AT:
        return set()
    last = {operand.index: step.index for step in steps_in(graph) for operand in operands_of(step)}
    ending: dict[int, list[int]] = {}
    for index, reader in last.items():
        ending.setdefault(reader, []).append(index)
    known: dict[int, Any] = {}  # by a step's index where its mask is true for sure; nothing where none of it is
    found: set[int] = set()
    for step in masks:
        mask = _mask_of(step, known)
        if mask is not None and mask.any():
            known[step.index] = mask
            if step.function is not None and mask.all():
                found.add(step.index)
        for index in ending.get(step.index, ()):
            known.pop(index, None)
    return found


def _may_be_root(step: Step) -> bool:
    """Return whether a mask is true for sure somewhere, without others that are."""
    return bool(step.is_constant and step.value is not None and np.any(step.value))


def _mask_of(step: Step, known: dict[int, Any]) -> Any:
    """Return where a mask is true for sure; None if that is nowhere."""
    if step.function is None:
        return np.asarray(step.value) if _may_be_root(step) else None
    if step.function in (np.logical_or, np.logical_and) and not step.kwargs:
        first, second = [_known(item, known) for item in step.args]
        if step.function is np.logical_and:
            both = None if first is None or second is None else np.logical_and(first, second)
            return None if both is None else np.broadcast_to(both, step.shape)
        either = [item for item in (first, second) if item is not None]
        return (
            np.broadcast_to(np.logical_or(*either) if len(either) == 2 else either[0], step.shape) if either else None
        )
    if step.function is part_written and len(step.args) == 3 and is_basic(step.args[2]):
        return _written(step.shape, _known(step.args[0], known), _known(step.args[1], known), step.args[2])
    if step.function is scatter and is_basic(step.args[1]):
        return _written(step.shape, None, _known(step.args[0], known), step.args[1])
    passes = step.function is np.copy or (looks_like_view(step) and step.function is not operator.getitem)
    passes = passes or (step.function is operator.getitem and is_basic(step.args[1]))
    operands = operands_of(step)
    if not passes or len(operands) != 1 or operands[0].index not in known:
        return None
    args, kwargs = mapped((step.args, step.kwargs), lambda item: known[item.index] if type(item) is Step else item)
    assert step.function is not None
    return step.function(*args, **kwargs)


def _known(item: Any, known: dict[int, Any]) -> Any:
    """Return where an operand is true for sure; None if that is nowhere."""
    if type(item) is Step:
        return known.get(item.index)
    return np.asarray(item, dtype=np.bool_) if np.any(item) else None


def _written(shape: tuple[int, ...], x: Any, value: Any, index: Any) -> Any:
    """Return where an array is true for sure after a write at a place."""
    if x is None and value is None:
        return None
    mask = np.zeros(shape, np.bool_) if x is None else np.array(x)
    mask[index] = False if value is None else value
    return mask

"""Reaching: from the reach of a result's cotangent to the reach of the cotangents of the operands. See `masks`."""

from __future__ import annotations

import operator
from types import EllipsisType
from typing import Any

import numpy as np

from tinygraph.engine.dependence import MULTILINEAR, READ_SHAPES, SELECTIONS, USES_ALL, is_elementwise
from tinygraph.engine.links import takes_gradient
from tinygraph.engine.masks import (
    Later,
    found_reach,
    is_at_hand,
    is_product,
    mask_of,
    of_product,
    unbroadcast_reach,
    whole,
)
from tinygraph.engine.modes import is_tracing, state
from tinygraph.engine.places import Place
from tinygraph.engine.probing import Probe, by_rule, is_foreign, reach_of, traced
from tinygraph.engine.table import Operation

__all__ = ["Towards", "dropped", "reaches", "reads_numbers"]


class Towards:
    """The reach of one rule's result.

    Attributes:
        result: the reach before broadcasting is undone, outside of which the rule's result is dropped; None drops none.
        operand: the reach of the operand's cotangent; of a sequence a list of them.
    """

    __slots__ = ("operand", "result")

    def __init__(self, result: Any, operand: Any) -> None:
        self.result = result
        self.operand = operand


def reaches(op: Operation, reach: Any, z: Any, args: Any, links: Any, keywords: Any) -> list[Towards]:
    """Return the reach of each argument that a gradient flows to, in the order in which `apply_rules` has them."""
    if isinstance(op.function, np.ufunc):
        keywords = {}
    return [
        _towards(op, position, reach, z, args, keywords)
        for position, (rule, link) in enumerate(zip(op.rules, links, strict=False))
        if rule is not None and takes_gradient(link)
    ]


def _towards(op: Operation, position: int, reach: Any, z: Any, args: Any, keywords: Any) -> Towards:
    function = op.function
    if function in SELECTIONS:
        return _of_selection(op, position, reach, z, args, keywords)
    reach = found_reach(reach)
    if is_elementwise(function):
        if reach is None:
            return _EVERYWHERE
        return Towards(reach, unbroadcast_reach(reach, z.shape, args[position]))
    if not reads_numbers(op, args) or function in READ_SHAPES:
        return _without_numbers(op, position, reach, z, args, keywords)
    return _with_numbers(op, position, reach, z, args, keywords)


def _of_selection(op: Operation, position: int, reach: Any, z: Any, args: Any, keywords: Any) -> Towards:
    """Return the reach of an operand that is a part of the result where it was chosen, and nowhere else."""
    masks = SELECTIONS[op.function]
    if masks:
        known = None if state.tracing is None else state.tracing.with_known_mask(args)
        mask = masks[position](z, *(known or args), **keywords)  # type: ignore[misc]
        mask = _unfixed(mask) if known is None else mask
        reach = found_reach(reach)
        mask = whole(mask if reach is None else np.logical_and(reach, mask))
        return Towards(mask, unbroadcast_reach(mask, z.shape, args[position]))
    reach = found_reach(reach)
    ones = np.where(np.isnan(z), np.nan, 1.0)  # nobody can tell which operand a NaN came from
    ones = ones if reach is None else np.where(reach, ones, 0.0)
    mask = by_rule(op, position, ones, z, args, keywords)
    return Towards(mask, mask)


def _without_numbers(op: Operation, position: int, reach: Any, z: Any, args: Any, keywords: Any) -> Towards:
    """Return the reach of an operand whose rule reads no values: the rule itself finds it, given ones."""
    function = op.function
    if reach is None and function in USES_ALL and keywords.get("where", True) is True:
        return _EVERYWHERE
    if function is operator.getitem and _is_basic(args[1]):  # as its rule does, with booleans, and quicker
        if not is_at_hand(reach) and reach is not None:
            return Towards(None, op.rules[position](reach, z, *args))  # type: ignore[misc]
        mask = np.zeros(args[0].shape, bool)
        mask[args[1]] = True if reach is None else reach
        return Towards(None, whole(mask))
    if len(args) > 1 and type(args[1]) is Place and _is_part(args[1]) and (reach is None or is_at_hand(reach)):
        return Towards(None, _of_write(position, reach, z, args))
    ones = np.ones(z.shape, bool) if reach is None else reach
    if is_foreign(function) or (getattr(function, "__module__", None) or "").startswith(_SUMMING):
        # A sum of waves is 0 by cancellation where they are equal, and so is a difference that a user's rule takes.
        ones = np.where(ones, np.random.default_rng(0).uniform(0.5, 1.5, z.shape), 0)
    if (
        is_tracing()
        and function not in (np.concatenate, np.stack)
        and (
            any([type(item) is np.ndarray for item in _flat((*args, *keywords.values()))])
            or any([type(item) is Place and item.is_computed() for item in args])
        )
    ):
        ones = _unfixed(ones)  # indices from outside may be others at the next run
    return Towards(None, by_rule(op, position, ones, z, args, keywords))


def _is_part(place: Place) -> bool:
    """Return whether a place is a part of an array that slices and positions name, known before the program runs."""
    return _is_basic(place.index) and all([
        step.function is operator.getitem and not step.keywords and all(map(_is_basic, step.args))
        for step in place.steps
    ])  # fmt: skip


def _of_write(position: int, reach: Any, z: Any, args: Any) -> Any:
    """Return the reach of an operand of a write, as the rules find it, and quicker: of the whole, or of the value."""
    if position == 0:
        mask = np.ones(z.shape, bool) if reach is None else reach.copy()
        args[1].put(mask, False)
        return whole(mask)
    part, value = args[1].of(np.broadcast_to(True, z.shape) if reach is None else reach), args[2]
    if reach is None and part.size:
        return None
    missing = getattr(value, "ndim", 0) - part.ndim
    part = np.reshape(part, (1,) * missing + part.shape) if missing > 0 else part
    return mask_of(part, value)


def _with_numbers(op: Operation, position: int, reach: Any, z: Any, args: Any, keywords: Any) -> Towards:
    """Return the reach of an operand whose rule reads values. Most take long to find, and are found when asked for."""
    function, argument = op.function, args[position]
    if position == 0 and keywords.get("where", True) is not True and hasattr(argument, "shape"):
        return Towards(None, _unfixed(np.broadcast_to(keywords["where"], argument.shape)))
    if reach is None:
        return _EVERYWHERE
    if is_product(function, args):
        if is_tracing():
            return Towards(None, of_product(position, reach, *args[:2]))
        return Towards(None, Later(lambda: of_product(position, reach, *args[:2])))
    if not is_at_hand(reach):
        if function in MULTILINEAR:
            return Towards(None, _with_ones(op, position, reach, z, args, keywords))
        if type(argument) in (list, tuple):
            return _EVERYWHERE
        return Towards(None, Later(lambda: traced(reach_of, op, position, reach, args, keywords)))
    if type(argument) in (list, tuple):
        return Towards(None, Probe(op, reach, z, args, keywords).reach(position))
    return Towards(None, Later(lambda: Probe(op, reach, z, args, keywords).reach(position)))


def _is_basic(index: Any) -> bool:
    return _BASIC.issuperset(map(type, index if type(index) is tuple else (index,)))


_BASIC = frozenset((int, slice, EllipsisType, type(None)))
_EVERYWHERE = Towards(None, None)
# Modules of linear functions whose rules add up with coefficients of their own.
_SUMMING = ("numpy.fft", "tinygraph.scipy")


def dropped(found: list[tuple[Any, Any]], towards: list[Towards]) -> list[tuple[Any, Any]]:
    """Return the results of rules with 0 for the elements that were left out."""
    return [
        (link, cotangent if item.result is None else np.where(item.result, cotangent, 0))
        for (link, cotangent), item in zip(found, towards, strict=True)
    ]


def _with_ones(op: Operation, position: int, reach: Any, z: Any, args: Any, keywords: Any) -> Any:
    """Return the reach of an operand of a sum of products: where ones for the others give 0, nothing was added up."""
    ones = [np.ones(item.shape) if hasattr(item, "dtype") and item.dtype.kind in "fc" else item for item in args]
    return by_rule(op, position, np.where(reach, 1.0, 0.0), z, ones, keywords)


def _unfixed(mask: Any) -> Any:
    """Return a mask from outside as one that a program looks up at each run."""
    return mask if state.tracing is None else state.tracing.unfixed(mask)


def _flat(structure: Any) -> list[Any]:
    """Return the entries of nested tuples and lists, and of places in arrays."""
    if type(structure) is Place:
        return _flat((structure.index, [step.args for step in structure.steps]))
    if type(structure) in (tuple, list):
        return [entry for item in structure for entry in _flat(item)]
    return [structure]


def reads_numbers(op: Operation, args: Any) -> bool:
    """Return whether the rules of a call compute with an operand's values, beyond its shape, indices and conditions."""
    return op.needs_result or any(_is_inexact(item) for place, item in enumerate(args) if place in op.needs)


def _is_inexact(item: Any) -> bool:
    if type(item) in (list, tuple):
        return any(map(_is_inexact, item))
    return type(item) is float or (hasattr(item, "dtype") and item.dtype.kind in "fc")

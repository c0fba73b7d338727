"""Probing: a call is repeated with other numbers, to find the elements that its rules depend on."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np

from tinygraph.engine.dependence import READ_SHAPES
from tinygraph.engine.masks import is_at_hand, mask_of
from tinygraph.engine.modes import state
from tinygraph.engine.nested import mapped
from tinygraph.engine.places import Place
from tinygraph.engine.table import Operation, operation_of
from tinygraph.errors import UnsupportedError


def by_rule(op: Operation, position: int, g: Any, z: Any, args: Any, keywords: Any) -> Any:
    """Return the elements to which a rule brings something of `g`; None if the rule refuses these arguments."""
    read = [] if op.function in READ_SHAPES else [args[place] for place in op.needs if place < len(args)]
    at_hand = is_at_hand(g) and not any(map(is_unknown, [*read, *keywords.values()]))
    try:
        with aside() if at_hand else AS_IT_IS, np.errstate(all="ignore"):
            found = op.rules[position](g, z, *args, **keywords)  # type: ignore[misc]
    except UnsupportedError:
        return None
    if type(found) in (list, tuple):
        return [mask_of(part, item) for part, item in zip(found, args[position], strict=True)]
    return mask_of(found, args[position])


AS_IT_IS = contextlib.nullcontext()


def aside() -> Any:
    """Return a block in which computations do not become part of the program that is being made."""
    return AS_IT_IS if state.tracing is None else state.tracing.unrecorded()


class Probe:
    """A call repeated with random numbers. Where its rules then give 0, the reached elements depend on nothing.

    It finds the rows of X that take part in the reached rows of X @ w, for instance. If a call cannot be repeated, all
    of its operands count as reached.
    """

    def __init__(self, op: Operation, reach: Any, z: Any, args: Any, keywords: Any) -> None:
        self.op = op
        self.keywords = keywords
        self.g: Any = None
        if not is_at_hand(reach) or is_foreign(op.function) or any(map(_is_unknown_place, (*args, *keywords.values()))):
            return
        draw = np.random.default_rng(0)
        numbers = moderate if _is_of_functions(op) else regular

        def other(item: Any) -> Any:
            if not (hasattr(item, "dtype") and item.dtype.kind in "fc"):
                return item
            return numbers(item, draw)

        rules = [*op.rules, *[None] * (len(args) - len(op.rules))]
        # An argument without a rule decides which elements are chosen, as the images of a pooling do: it stays.
        self.args = tuple([mapped(item, other) if rule else item for item, rule in zip(args, rules, strict=False)])
        if _gives_its_shape_alone(op, self.args):  # to convolve the images took a tenth of the first call of a network
            kinds = [item.dtype for item in self.args if is_array(item)]
            self.z: Any = np.broadcast_to(np.zeros((), np.result_type(*kinds)), z.shape)
        else:
            try:
                with aside(), np.errstate(all="ignore"):
                    self.z = op.function(*self.args, **keywords)
            except Exception:  # a function that does not take these numbers
                return
        if getattr(self.z, "shape", None) == z.shape:
            self.g = np.where(reach, draw.uniform(0.5, 1.5, z.shape), 0).astype(self.z.dtype)

    def reach(self, position: int) -> Any:
        """Return the reach of the cotangent of one operand."""
        rule = self.op.rules[position] if position < len(self.op.rules) else None
        return None if self.g is None or rule is None else by_rule(
            self.op, position, self.g, self.z, self.args, self.keywords
        )  # fmt: skip

    def filler(self, numbers: Any) -> Any:
        """Return replacements for numbers that nothing depends on: regular matrices where one is factored."""
        module = getattr(self.op.function, "__module__", None) or ""
        return numbers if module.startswith("numpy.linalg") else 0.5

    def read(self) -> list[Any] | None:
        """Return masks, for each argument and last for the result: the elements that the rules read for the reach.

        The mask of an array that the rules do not read is None. Instead of the list None is returned if the masks
        cannot be found.
        """
        if self.g is None:
            return None
        op = self.op
        masks = [
            self.reach(place) if place in op.needs and is_array(item) else None for place, item in enumerate(self.args)
        ]
        of_result = [None]
        if op.needs_result:  # a rule reads the result where it was reached, or all that the same operands are part of
            reached = self.g != 0
            operands = [self.reach(place) for place, item in enumerate(self.args) if is_array(item)]
            of_result = [reached, *[mask for mask in operands if getattr(mask, "shape", None) == reached.shape]]
        return next(([*masks, mask] for mask in of_result if self.ignores(masks, mask)), None)

    def ignores(self, masks: list[Any], of_result: Any) -> bool:
        """Return whether the rules give the same with other numbers outside of the masks."""
        draw = np.random.default_rng(1)

        def other(mask: Any, item: Any) -> Any:
            if mask is None:
                return item
            return np.where(mask, item, item + draw.uniform(0.5, 1.5, item.shape).astype(item.dtype))

        others = [other(mask, item) for mask, item in zip(masks, self.args, strict=True)]
        z = other(of_result, self.z)
        rules = [rule for rule, item in zip(self.op.rules, self.args, strict=False) if rule and is_array(item)]
        try:
            with aside(), np.errstate(all="ignore"):
                before = [rule(self.g, self.z, *self.args, **self.keywords) for rule in rules]
                after = [rule(self.g, z, *others, **self.keywords) for rule in rules]
        except Exception:  # a rule that does not take these numbers
            return False
        return all(map(np.array_equal, before, after))


def _gives_its_shape_alone(op: Operation, args: Any) -> bool:
    """Return whether a call need not be repeated: it is one of ours, and its rules read no value of its result."""
    return not op.needs_result and _is_of_functions(op) and any(map(is_array, args))


def _is_of_functions(op: Operation) -> bool:
    return (getattr(op.function, "__module__", None) or "").startswith("tinygraph.functions")


def is_array(item: Any) -> bool:
    """Return whether an argument is an array of real or complex numbers."""
    return hasattr(item, "dtype") and item.dtype.kind in "fc"


def is_foreign(function: Any) -> bool:
    """Return whether a function is the user's own: it is called when the user says so, and at no other time."""
    module = getattr(function, "__module__", None) or ""
    return not isinstance(function, np.ufunc) and module.partition(".")[0] not in ("numpy", "tinygraph", "scipy")


def _is_unknown_place(item: Any) -> bool:
    """Return whether an argument holds indices or conditions whose values are not at hand."""
    if type(item) in (list, tuple):
        return any(map(_is_unknown_place, item))
    return is_unknown(item) and item.dtype.kind not in "fc"


def is_unknown(item: Any) -> bool:
    """Return whether an argument holds an array whose values are not at hand."""
    if type(item) in (list, tuple):
        return any(map(is_unknown, item))
    if type(item) is Place:
        return item.is_computed()
    return hasattr(item, "dtype") and not is_at_hand(item)


def moderate(item: Any, draw: Any) -> Any:
    """Return random numbers in an array's shape, at which no slope of an activation rounds to 0."""
    return draw.uniform(0.5, 1.5, item.shape).astype(item.dtype)


def regular(item: Any, draw: Any) -> Any:
    """Return random numbers in an array's shape; a square matrix of them has an inverse."""
    numbers = moderate(item, draw)
    if numbers.ndim >= 2 and numbers.shape[-1] == numbers.shape[-2]:
        numbers += 2 * numbers.shape[-1] * np.eye(numbers.shape[-1], dtype=item.dtype)
    return numbers


def traced(finder: Any, op: Operation, position: int, reach: Any, args: Any, keywords: Any) -> Any:
    """Record a call of `reach_of` or `read_for` in the program that is being made, and return its result."""
    told = mapped(args, lambda item: _told(item) if is_array(item) else item)
    assert state.tracing is not None  # only a tracer has a reach whose values are not at hand
    return state.tracing.call(finder, (reach, op.function, position, told, keywords), {})


def _told(item: Any) -> tuple[str, str, tuple[int, ...]]:
    return "like", item.dtype.str, tuple(item.shape)


def _untold(item: Any) -> Any:
    """Return zeros for an array of which `_told` gave the shape and dtype."""
    if type(item) is tuple and item[:1] == ("like",):
        return np.broadcast_to(np.zeros((), item[1]), item[2])
    return type(item)([_untold(part) for part in item]) if type(item) in (list, tuple) else item


def reach_of(reach: Any, function: Any, position: int, args: Any, keywords: Any) -> Any:
    """Return the reach of an operand's cotangent. A program calls it when it runs.

    Args:
        reach: the reach of the result's cotangent, booleans.
        function: the function that was called.
        position: the position of the operand.
        args: the arguments of the call; `_told` stands in for arrays of numbers.
        keywords: the keywords of the call.
    """
    args = tuple([_untold(item) for item in args])
    op = operation_of(function)
    mask = None if op is None or np.all(reach) else Probe(op, reach, reach, args, keywords).reach(position)
    return np.ones(args[position].shape, bool) if mask is None else mask


def read_for(reach: Any, function: Any, position: int, args: Any, keywords: Any) -> Any:
    """Return the elements of an operand that the rules read for the reach; for position -1 those of the result."""
    args = tuple([_untold(item) for item in args])
    op = operation_of(function)
    mask = None
    if op is not None and not np.all(reach):
        masks = Probe(op, reach, reach, args, keywords).read()
        mask = None if masks is None else masks[position]
    return np.ones((args[position] if position >= 0 else reach).shape, bool) if mask is None else mask

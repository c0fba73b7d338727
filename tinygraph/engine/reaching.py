"""Reach: the elements of a cotangent in which something arrived. A condition, a mask or an index left out the others.

The others are 0. An element that was reached may be 0 too, but the two differ where a slope is infinite: an element
that was left out contributes nothing, while 0 · ∞ is NaN. The reach is a mask, an array of booleans in the shape of the
cotangent; None stands for a mask that is true everywhere. In a function that is being compiled a mask may be one of the
tracer's stand-ins, whose values are not at hand.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.engine.dependence import MULTILINEAR, SELECTIONS, USES_ALL, is_elementwise
from tinygraph.engine.links import Like, links_in, mapped
from tinygraph.engine.modes import is_tracing, state
from tinygraph.engine.table import Operation, operation_of
from tinygraph.errors import UnsupportedError

__all__ = [
    "Towards",
    "found_reach",
    "is_at_hand",
    "may_leave_out",
    "put_away",
    "put_away_traced",
    "reaches",
    "reads_numbers",
    "united",
    "whole",
]


def may_leave_out(call: Any) -> bool:
    """Return whether the rules of a call may leave out some elements of an operand."""
    op = call.op
    function = op.function
    if function in SELECTIONS:
        return True
    if is_elementwise(function):
        return False
    return function not in USES_ALL or "where" in call.keywords


def whole(mask: Any) -> Any:
    """Return a mask, or None if it is known to be true everywhere."""
    return None if is_at_hand(mask) and np.all(mask) else mask


def is_at_hand(item: Any) -> bool:
    """Return whether an array's values are at hand: those of a tracer's stand-in are not."""
    return issubclass(type(item), np.ndarray | np.generic)


class Later:
    """A reach that takes long to find. It is found when it is first asked for."""

    __slots__ = ("_find", "_found")

    def __init__(self, find: Callable[[], Any]) -> None:
        self._find: Callable[[], Any] | None = find
        self._found: Any = None

    def found(self) -> Any:
        """Return the reach."""
        if self._find is not None:
            self._found, self._find = self._find(), None
        return self._found


def found_reach(reach: Any) -> Any:
    """Return a reach; find it now if it was put off."""
    return reach.found() if type(reach) is Later else reach


def united(one: Any, other: Any) -> Any:
    """Return the reach of the sum of two cotangents."""
    if one is not None and other is not None and Later in (type(one), type(other)):
        return Later(lambda: united(found_reach(one), found_reach(other)))
    return None if one is None or other is None else whole(np.logical_or(one, other))


def _with_ones(op: Operation, position: int, reach: Any, z: Any, args: Any, keywords: Any) -> Any:
    """Return the reach of an operand of a sum of products: where ones for the others give 0, nothing was added up."""
    ones = [np.ones(item.shape) if hasattr(item, "dtype") and item.dtype.kind in "fc" else item for item in args]
    return _by_rule(op, position, np.where(reach, 1.0, 0.0), z, ones, keywords)


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
        if rule is not None and any(inside.differentiable for inside in links_in(link))
    ]


def _towards(op: Operation, position: int, reach: Any, z: Any, args: Any, keywords: Any) -> Towards:
    function, argument = op.function, args[position]
    masks = SELECTIONS.get(function)
    if masks:
        mask = masks[position](z, *args, **keywords)  # type: ignore[misc]
        mask = _unfixed(mask)
        reach = found_reach(reach)
        mask = whole(mask if reach is None else np.logical_and(reach, mask))
        return Towards(mask, _unbroadcast(mask, z.shape, argument))
    reach = found_reach(reach)
    if masks is not None:
        ones = np.where(np.isnan(z), np.nan, 1.0)  # nobody can tell which operand a NaN came from
        ones = ones if reach is None else np.where(reach, ones, 0.0)
        mask = _by_rule(op, position, ones, z, args, keywords)
        return Towards(mask, mask)
    if is_elementwise(function):
        return Towards(reach, _unbroadcast(reach, z.shape, argument))
    if not reads_numbers(op, args) or function in (np.stack, np.concatenate):
        if reach is None and function in USES_ALL and keywords.get("where", True) is True:
            return _EVERYWHERE
        ones = np.ones(z.shape, bool) if reach is None else reach
        if (getattr(function, "__module__", None) or "").startswith("numpy.fft"):
            # A sum of waves is 0 by cancellation where they are equal.
            ones = np.where(ones, np.random.default_rng(0).uniform(0.5, 1.5, z.shape), 0)
        if is_tracing() and any([type(item) is np.ndarray for item in _flat((*args, *keywords.values()))]):
            ones = _unfixed(ones)  # indices from outside may be others at the next run
        return Towards(None, _by_rule(op, position, ones, z, args, keywords))
    if position == 0 and keywords.get("where", True) is not True and hasattr(argument, "shape"):
        return Towards(None, _unfixed(np.broadcast_to(keywords["where"], argument.shape)))
    if reach is None:
        return _EVERYWHERE
    if is_product(function, args):
        if is_tracing():
            return Towards(None, _of_product(position, reach, *args[:2]))
        return Towards(None, Later(lambda: _of_product(position, reach, *args[:2])))
    if not is_at_hand(reach):
        if function in MULTILINEAR:
            return Towards(None, _with_ones(op, position, reach, z, args, keywords))
        if type(argument) in (list, tuple):
            return _EVERYWHERE
        return Towards(None, Later(lambda: _traced(reach_of, op, position, reach, args, keywords)))
    if type(argument) in (list, tuple):
        return Towards(None, Probe(op, reach, z, args, keywords).reach(position))
    return Towards(None, Later(lambda: Probe(op, reach, z, args, keywords).reach(position)))


_EVERYWHERE = Towards(None, None)


def _flat(structure: Any) -> list[Any]:
    """Return the entries of nested tuples and lists."""
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


def _by_rule(op: Operation, position: int, g: Any, z: Any, args: Any, keywords: Any) -> Any:
    """Return the elements to which a rule brings something of `g`; None if the rule refuses these arguments."""
    read = [args[place] for place in op.needs if place < len(args)]
    at_hand = is_at_hand(g) and not any(map(_is_unknown, [*read, *keywords.values()]))
    try:
        with _aside() if at_hand else _AS_IT_IS, np.errstate(all="ignore"):
            found = op.rules[position](g, z, *args, **keywords)  # type: ignore[misc]
    except UnsupportedError:
        return None
    if type(found) in (list, tuple):
        return [_mask_of(part, item) for part, item in zip(found, args[position], strict=True)]
    return _mask_of(found, args[position])


_AS_IT_IS = contextlib.nullcontext()


def _aside() -> Any:
    """Return a block in which computations do not become part of the program that is being made."""
    return _AS_IT_IS if state.tracing is None else state.tracing.unrecorded()


def _unfixed(mask: Any) -> Any:
    """Return a mask from outside as one that a program looks up at each run."""
    return mask if state.tracing is None else state.tracing.unfixed(mask)


def _mask_of(found: Any, operand: Any) -> Any:
    return whole(_unbroadcast(found if found.dtype == bool else found != 0, found.shape, operand))


def _unbroadcast(mask: Any, shape: tuple[int, ...], operand: Any) -> Any:
    """Return the reach of an operand that was broadcast: an element is reached if any of its copies is."""
    if mask is None or not hasattr(operand, "shape"):
        return None
    if mask.shape != shape:
        mask = np.broadcast_to(mask, shape)
    own = operand.shape
    if own == shape:
        return mask
    extra = len(shape) - len(own)
    axes = (*range(extra), *[axis + extra for axis, size in enumerate(own) if size == 1 and shape[axis + extra] != 1])
    return whole(np.reshape(np.any(mask, axis=axes, keepdims=True), own))


def is_product(function: Any, args: Any) -> bool:
    """Return whether a call multiplies matrices as `np.matmul` does; `np.dot` differs for stacks of matrices."""
    if function is np.dot:
        return all([hasattr(item, "ndim") for item in args[:2]]) and (args[0].ndim < 2 or args[1].ndim <= 2)
    return function is np.matmul and all([hasattr(item, "ndim") for item in args[:2]])


def _of_product(position: int, reach: Any, x: Any, y: Any) -> Any:
    """Return the reach of a factor of x @ y: the rows of x, or columns of y, with a reached element in the product."""
    own = (x, y)[position]
    if not hasattr(own, "shape") or x.ndim == 0 or y.ndim == 0:
        return None
    reach = reach if y.ndim > 1 else reach[..., None]
    reach = reach if x.ndim > 1 else reach[..., None, :]
    mask = np.any(reach, axis=-1 if position == 0 else -2, keepdims=True)
    matrix = own.shape if own.ndim > 1 else (1, *own.shape) if position == 0 else (*own.shape, 1)
    mask = np.broadcast_to(mask, (*mask.shape[:-2], *matrix[-2:]))
    extra = mask.ndim - len(matrix)
    axes = (*range(extra), *[at + extra for at in range(len(matrix) - 2) if matrix[at] == 1])
    return whole(np.reshape(np.any(mask, axis=axes, keepdims=True) if axes else mask, own.shape))


class Probe:
    """A call repeated with random numbers. Where its rules then give 0, the reached elements depend on nothing.

    It finds the rows of X that take part in the reached rows of X @ w, for instance. If a call cannot be repeated, all
    of its operands count as reached.
    """

    def __init__(self, op: Operation, reach: Any, z: Any, args: Any, keywords: Any) -> None:
        self.op = op
        self.keywords = keywords
        self.g: Any = None
        if (
            not is_at_hand(reach)
            or _is_foreign(op.function)
            or any(map(_is_unknown_place, (*args, *keywords.values())))
        ):
            return
        draw = np.random.default_rng(0)

        def other(item: Any) -> Any:
            if not (hasattr(item, "dtype") and item.dtype.kind in "fc"):
                return item
            return _regular(item, draw)

        rules = [*op.rules, *[None] * (len(args) - len(op.rules))]
        # An argument without a rule decides which elements are chosen, as the images of a pooling do: it stays.
        self.args = tuple([mapped(item, other) if rule else item for item, rule in zip(args, rules, strict=False)])
        try:
            with _aside(), np.errstate(all="ignore"):
                self.z = op.function(*self.args, **keywords)
        except Exception:  # a function that does not take these numbers
            return
        if getattr(self.z, "shape", None) == z.shape:
            self.g = np.where(reach, draw.uniform(0.5, 1.5, z.shape), 0).astype(self.z.dtype)

    def reach(self, position: int) -> Any:
        """Return the reach of the cotangent of one operand."""
        rule = self.op.rules[position] if position < len(self.op.rules) else None
        return None if self.g is None or rule is None else _by_rule(
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
            self.reach(place) if place in op.needs and _is_array(item) else None for place, item in enumerate(self.args)
        ]
        of_result = [None]
        if op.needs_result:  # a rule reads the result where it was reached, or all that the same operands are part of
            reached = self.g != 0
            operands = [self.reach(place) for place, item in enumerate(self.args) if _is_array(item)]
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
        rules = [rule for rule, item in zip(self.op.rules, self.args, strict=False) if rule and _is_array(item)]
        try:
            with _aside(), np.errstate(all="ignore"):
                before = [rule(self.g, self.z, *self.args, **self.keywords) for rule in rules]
                after = [rule(self.g, z, *others, **self.keywords) for rule in rules]
        except Exception:  # a rule that does not take these numbers
            return False
        return all(map(np.array_equal, before, after))


def _is_array(item: Any) -> bool:
    return hasattr(item, "dtype") and item.dtype.kind in "fc"


def _is_foreign(function: Any) -> bool:
    """Return whether a function is the user's own: it is called when the user says so, and at no other time."""
    module = getattr(function, "__module__", None) or ""
    return not isinstance(function, np.ufunc) and module.partition(".")[0] not in ("numpy", "tinygraph", "scipy")


def _is_unknown_place(item: Any) -> bool:
    """Return whether an argument holds indices or conditions whose values are not at hand."""
    if type(item) in (list, tuple):
        return any(map(_is_unknown_place, item))
    return _is_unknown(item) and item.dtype.kind not in "fc"


def _is_unknown(item: Any) -> bool:
    """Return whether an argument holds an array whose values are not at hand."""
    if type(item) in (list, tuple):
        return any(map(_is_unknown, item))
    return hasattr(item, "dtype") and not is_at_hand(item)


def _traced(finder: Any, op: Operation, position: int, reach: Any, args: Any, keywords: Any) -> Any:
    """Record a call of `reach_of` or `read_for` in the program that is being made, and return its result."""
    told = mapped(args, lambda item: _told(item) if _is_array(item) else item)
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


def put_away_traced(op: Operation, reach: Any, z: Any, args: Any, keywords: Any) -> Any:
    """Do the same as `put_away` in a program, which knows the reach when it runs."""
    product = is_product(op.function, args)
    of_linalg = (getattr(op.function, "__module__", None) or "").startswith("numpy.linalg")
    draw = np.random.default_rng(0)
    numbers = [_regular(item, draw) if of_linalg and _is_array(item) else item for item in args]
    kept = []
    for place, item in enumerate(args):
        if place in op.needs and _is_array(item) and type(item) is not Like:
            mask = (
                _of_product(place, reach, *args[:2]) if product else _traced(read_for, op, place, reach, args, keywords)
            )
            item = item if mask is None else np.where(mask, item, numbers[place] if of_linalg else 0.5)
        kept.append(item)
    if op.needs_result and type(z) is not Like:
        mask = _traced(read_for, op, -1, reach, args, keywords)
        z = np.where(mask, z, op.function(*numbers, **keywords) if of_linalg else 0.5)
    return z, tuple(kept)


def _regular(item: Any, draw: Any) -> Any:
    """Return random numbers in an array's shape; a square matrix of them has an inverse."""
    numbers = draw.uniform(0.5, 1.5, item.shape).astype(item.dtype)
    if numbers.ndim >= 2 and numbers.shape[-1] == numbers.shape[-2]:
        numbers += 2 * numbers.shape[-1] * np.eye(numbers.shape[-1], dtype=item.dtype)
    return numbers


def put_away(op: Operation, reach: Any, z: Any, args: Any, keywords: Any, plain_z: Any, plain_args: Any) -> Any:
    """Return a call's result and arguments with other numbers where only elements that were left out depend on them."""
    if is_product(op.function, plain_args):
        of_two = [_of_product(at, reach, *plain_args[:2]) if at in op.needs else None for at in range(2)]
        kept = [
            item if mask is None or type(item) is Like else np.where(mask, item, 0.5)
            for item, mask in zip(args, of_two, strict=False)
        ]
        return z, (*kept, *args[2:])
    probe = Probe(op, reach, plain_z, plain_args, keywords)
    read = probe.read()
    if read is None:
        return z, args
    *masks, of_result = read
    if of_result is not None and type(z) is not Like:
        z = np.where(of_result, z, probe.filler(probe.z))
    return z, tuple([
        item if mask is None or type(item) is Like else np.where(mask, item, probe.filler(other))
        for mask, item, other in zip(masks, args, probe.args, strict=True)
    ])  # fmt: skip

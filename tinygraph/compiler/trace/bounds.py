"""Bounds of an event, known without its values: a lower bound of its elements, and whether all are finite."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.compiler.program.facts import FACTS, facts_of
from tinygraph.compiler.trace.events import ALWAYS, OF_FINITE, OF_MULTIPLIED, Event
from tinygraph.derivatives.reductions import reduced_axes, root
from tinygraph.derivatives.shapes import astype
from tinygraph.functions import logits
from tinygraph.functions.checks import CHECKS
from tinygraph.transforms.running import alias

__all__ = ["LOOK_BELOW", "bound_below", "finiteness", "finiteness_of"]

# --- the lower bound --------------------------------------------------------------------------------------------------


def bound_below(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], dtype: np.dtype[Any]) -> float:
    """Return a lower bound of a result, from those of the operands: enough to see that x² + 1 is positive.

    It is computed in the dtype of the result and rounded as the elements are: in float32 1e-50 is 0.
    """
    bound = BOUNDS.get(function)
    if function is np.sum and dtype.kind == "f" and _holds_ones(args, kwargs):
        return 1.0
    if bound is None or dtype.kind != "f":
        return -np.inf
    if kwargs and (kwargs.get("where", True) is not True or "initial" in kwargs):
        return -np.inf
    lows = [_low(item) for item in args]
    if lows.count(-np.inf) == len(lows) and (
        function not in _FROM_NOTHING or (function is np.multiply and args[0] is not args[1])
    ):  # fmt: skip
        return -np.inf
    with np.errstate(all="ignore"):
        low = bound(args, [dtype.type(low) for low in lows])
    return -np.inf if np.isnan(low) else float(low)


def _low(item: Any) -> float:
    if type(item) is Event:
        return item.low
    return float(item) if isinstance(item, _REAL) else -np.inf


# Tuples, made once: `int | float` in a call would be made again each time.
_REAL, _INEXACT, _SEQUENCES = (int, float, np.floating, np.integer), (float, complex, np.inexact), (list, tuple)


def _even_power(args: tuple[Any, ...], low: list[Any]) -> Any:
    return 0 if type(args[1]) is int and args[1] % 2 == 0 else -np.inf


def _product(args: tuple[Any, ...], low: list[Any]) -> Any:
    if low[0] >= 0 and low[1] >= 0:
        return low[0] * low[1]
    return 0 if args[0] is args[1] else -np.inf


def _not_negative(args: tuple[Any, ...], low: list[Any]) -> Any:
    """Return 0 for numbers that are not negative. Sums round: the mean of numbers above 0.1 may be a little below."""
    return 0 if low[0] >= 0 else -np.inf


def _own(args: tuple[Any, ...], low: list[Any]) -> Any:
    return low[0]


def _number(least: float) -> Callable[[tuple[Any, ...], list[Any]], Any]:
    return lambda args, low: least


# --- a value without its own maximum ----------------------------------------------------------------------------------


def _without_maximum(item: Any) -> tuple[int, ...] | None:
    """Return the axes of the maximum, for the event of x − max(x, axes): all elements are at most 0, and along these
    axes there is a 0. None for any other event.
    """
    if type(item) is not Event or item.function is not np.subtract:
        return None
    x, largest = item.args
    while type(largest) is Event and _keeps_order(largest):
        largest = largest.args[0]
    if type(x) is not Event or type(largest) is not Event or largest.function not in (np.max, np.amax):
        return None
    if largest.args[0] is not x or len(largest.args) > 2 or not set(largest.kwargs) <= {"axis", "keepdims"}:
        return None
    axes = _axes_of(largest.args, largest.kwargs, x)
    reduced = tuple([1 if axis in axes else size for axis, size in enumerate(x.shape)])
    given = item.args[1].shape
    return axes if (1,) * (len(reduced) - len(given)) + given == reduced else None


def _keeps_order(event: Event) -> bool:
    """Return whether a call gives the elements of its operand in their order, as `x[:, None]` does."""
    if event.kwargs or not event.args or type(event.args[0]) is not Event or event.size != event.args[0].size:
        return False
    if event.function is operator.getitem:
        index = event.args[1]
        return all(map(_goes_forward, index if type(index) is tuple else (index,)))
    return event.function is np.broadcast_to or facts_of(event.function).view == "reshape"


def _goes_forward(item: Any) -> bool:
    """Return whether an item of an index leaves the elements in their order, if it takes all of them."""
    return item is None or item is Ellipsis or (type(item) is slice and item.step in (None, 1))


def _axes_of(args: tuple[Any, ...], kwargs: dict[str, Any], x: Event) -> tuple[int, ...]:
    return reduced_axes(args[1] if len(args) > 1 else kwargs.get("axis"), len(x.shape))


def _holds_ones(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Return whether a sum has a 1 among its terms, of which none is negative: that of exp(x − max(x))."""
    terms = args[0]
    if type(terms) is not Event or terms.function is not np.exp or terms.kwargs or len(args) > 2:
        return False
    axes = _without_maximum(terms.args[0])
    return axes is not None and set(kwargs) <= {"axis", "keepdims"} and {*axes} <= {*_axes_of(args, kwargs, terms)}


# For each function the lower bound of its result, from the arguments and their lower bounds.
BOUNDS: dict[Any, Callable[[tuple[Any, ...], list[Any]], Any]] = {
    **{function: _number(facts.least) for function, facts in FACTS.items() if facts.least > -np.inf},
    np.power: _even_power,
    np.add: lambda args, low: low[0] + low[1],
    np.multiply: _product,
    np.divide: lambda args, low: 0 if low[0] >= 0 and low[1] > 0 else -np.inf,
    np.maximum: lambda args, low: max(low),
    np.sqrt: lambda args, low: np.sqrt(max(low[0], 0)),
    **dict.fromkeys((np.sum, np.mean, np.log1p), _not_negative),
    **dict.fromkeys(
        (np.reshape, np.transpose, np.broadcast_to, np.max, np.min, np.copy, operator.getitem, astype, alias), _own
    ),
}  # fmt: skip

# The bounds of these depend on the calls that computed their operands, and not on the bounds of the operands alone.
LOOK_BELOW = frozenset((np.exp, np.sum))

# The results of these have a bound, whatever the operands are.
_FROM_NOTHING = frozenset(
    (
        *[function for function, facts in FACTS.items() if facts.least > -np.inf],
        np.power,
        np.multiply,
        np.sqrt,
    )
)

# --- finiteness -------------------------------------------------------------------------------------------------------


def finiteness_of(item: Any) -> int:
    """Return the finiteness of an argument of a call, on the scale of `Event.finite`."""
    if type(item) is Event:
        if item.content is None or item.dtype.kind not in "fc":
            return item.finite
        # Between calls, somebody may fill an array from outside anew, and not a single number.
        return (item.finite if item.kind == "array" else ALWAYS) if np.all(np.isfinite(item.content)) else 0
    if isinstance(item, _INEXACT):
        return ALWAYS if np.isfinite(item) else 0
    return ALWAYS


def finiteness(
    function: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    dtype: np.dtype[Any],
    known: Callable[[Any], int] = finiteness_of,
) -> int:
    """Return the finiteness of a result, on the scale of `Event.finite`, from that of the arguments."""
    if dtype.kind not in "fc":
        return ALWAYS
    if function not in _STAYS_FINITE and function not in CHECKS:  # a check returns its first argument
        condition = CONDITIONS.get(function)
        if condition is None:
            return ALWAYS if getattr(function, "__module__", None) == "tinygraph.draws" else 0
        if not condition(args):
            return 0

    found = ALWAYS
    for item in (*args, *kwargs.values()) if kwargs else args:
        # The result of a call has no content: its finiteness is known already.
        is_call = type(item) is Event and item.kind == "call" and known is finiteness_of
        least = item.finite if is_call else _least(item, known)
        found = least if least < found else found
    if found == OF_FINITE and len(args) == 2 and known is finiteness_of and _is_beside_product(function, args):
        return OF_MULTIPLIED
    return found


# A product uses each number of its operands so often, or more: to look at the numbers takes little time beside that.
OFTEN = 16


def _is_beside_product(function: Any, args: tuple[Any, ...]) -> bool:
    """Return whether a call multiplies inputs as matrices, or combines such a product with a small input."""
    one, other = args
    if type(one) is not Event or type(other) is not Event or 0 in (one.size, other.size):
        return False
    if function in (np.matmul, np.dot):
        columns = other.shape[-1] if len(other.shape) > 1 else 1
        rows = math.prod(one.shape[:-1]) // math.prod(other.shape[:-2])
        used = (columns, rows)
    elif OF_MULTIPLIED in (one.finite, other.finite):
        used = (other.size // one.size, one.size // other.size)
    else:
        return False
    return all([
        item.finite > OF_FINITE or (times >= OFTEN and _is_input(item))
        for item, times in zip(args, used, strict=True)
    ])  # fmt: skip


def _is_input(event: Event) -> bool:
    """Return whether a value is an input, or one in another shape or order of axes."""
    while event.kind == "call" and facts_of(event.function).view in ("reshape", "transpose") and event.args:
        if type(event.args[0]) is not Event:
            return False
        event = event.args[0]
    return event.kind != "call"


_STAYS_FINITE = frozenset(function for function, facts in FACTS.items() if facts.stays_finite)


def _least(item: Any, known: Callable[[Any], int]) -> int:
    """Return the finiteness of an argument, of a sequence the least of its entries."""
    if type(item) is Event:
        return known(item)
    if isinstance(item, _SEQUENCES):
        return min([_least(entry, known) for entry in item], default=ALWAYS)
    return finiteness_of(item)


def _is_over(number: float) -> Callable[[tuple[Any, ...]], bool]:
    return lambda args: _low(args[-1]) > number


def _is_call_of(item: Any, function: Any) -> bool:
    return type(item) is Event and item.function is function


def _divides(args: tuple[Any, ...]) -> bool:
    divisor = args[1]
    if isinstance(divisor, int | float | complex | np.number | np.bool_):
        return bool(divisor != 0)
    if divisor.content is not None:
        return bool(np.all(divisor.content != 0))
    return bool(divisor.low > 0)


def _raises(args: tuple[Any, ...]) -> bool:
    """Return whether x ** n is finite for a number n: a root needs x from 0 on, a quotient x above 0."""
    base, exponent = args
    if type(exponent) is not int and not isinstance(exponent, float | np.number):
        return False
    exponent = float(exponent)
    if exponent < 0:
        return _low(base) > 0
    return exponent.is_integer() or _low(base) >= 0


# Functions of finite numbers whose results are finite if the arguments fulfil a condition.
CONDITIONS: dict[Any, Callable[[tuple[Any, ...]], bool]] = {
    np.divide: _divides,
    np.reciprocal: _is_over(0),
    np.power: _raises,
    **dict.fromkeys((np.log, np.log2, np.log10), _is_over(0)),
    np.log1p: _is_over(-1),
    **dict.fromkeys((np.sqrt, root), lambda args: _low(args[0]) >= 0),
    np.exp: lambda args: _without_maximum(args[0]) is not None or _is_call_of(args[0], logits.log_softmax),
    np.mean: lambda args: args[0].size > 0,
    **dict.fromkeys((np.max, np.min, logits.logsumexp), lambda args: args[0].size > 0),
}

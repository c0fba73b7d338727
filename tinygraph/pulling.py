"""One call of the reverse pass: its rules turn the cotangent of its result into those of its operands."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from contextvars import copy_context
from typing import Any

import numpy as np

from tinygraph.derivatives.indexing import names_each_place_once, scatter, scatter_all
from tinygraph.derivatives.table import function_name, operation_of
from tinygraph.errors import GraphError, ShapeError
from tinygraph.keeping import Held, held_in
from tinygraph.links import (
    Both,
    Call,
    First,
    Leaf,
    Left,
    Like,
    Right,
    Spread,
    Unary,
    arguments,
    links_in,
    mapped,
    scope_of,
)
from tinygraph.modes import Setting, no_grad, state
from tinygraph.operands import plain

_float64 = np.float64
_new: Callable[[type], Any] = object.__new__
_GETITEM = operation_of(operator.getitem)


class Waiting:
    """The `_adjoint` of a call that a pass has gathered and that no cotangent has reached yet. One object a pass.

    Attributes:
        since: calls made before this order do not belong to the pass.
        retain: whether the calls keep what they saved, for another pass.
        given_back: calls that this pass has made give back what they saved.
        owned: by link, cotangents in arrays that the pass made for itself, and may add to in place.
        pieces: by link, the cotangents of `x[index]` in a recorded pass, each with its call, until x is reached.
    """

    __slots__ = ("_outside", "given_back", "owned", "pieces", "retain", "since")

    def __init__(self, since: int) -> None:
        self.since = since
        self.retain = True
        self.given_back: list[Call] = []
        self.owned: dict[Any, Any] = {}
        self.pieces: dict[Any, list[tuple[Any, Call]]] = {}
        self._outside = copy_context()

    @property
    def invalid(self) -> Any:
        """What the user wants done about NaN from a calculation, as `np.seterr` has it outside the pass."""
        return self._outside.run(np.geterr)["invalid"]


def hand(link: Any, cotangent: Any, cotangents: dict[Leaf, Any], waiting: Waiting) -> None:
    """Add a cotangent to what has reached a link already."""
    if not link.is_call:
        cotangents[link] = _add(cotangents[link], cotangent, waiting) if link in cotangents else cotangent
    else:
        adjoint = link._adjoint
        if adjoint is waiting:
            link._adjoint = cotangent
        elif adjoint is not None and link.order >= waiting.since:
            link._adjoint = _add(adjoint, cotangent, waiting)


def _add(left: Any, right: Any, waiting: Waiting) -> Any:
    try:
        return left + right
    except FloatingPointError:
        with np.errstate(invalid=waiting.invalid):
            return left + right


# Each of these computes all that its rules say before it hands anything on, so that it can be done over. They are
# written out for each kind of call, as the record is: every call of a pass goes through one of them.


def _pull_both(call: Call, g: Any, cotangents: dict[Leaf, Any], waiting: Waiting) -> None:
    x = call.x
    y = call.y
    x_value = x._value
    y_value = y._value
    z = call._value
    x_rule, y_rule = call.op.rules
    to_x = x_rule(g, z, x_value, y_value)  # type: ignore[misc]
    to_y = y_rule(g, z, x_value, y_value)  # type: ignore[misc]
    if (type(to_x) is not _float64 or type(x_value) is not _float64) and (
        to_x.dtype is not x_value.dtype or to_x.shape != x_value.shape
    ):
        to_x = fit(to_x, x_value)
    if (type(to_y) is not _float64 or type(y_value) is not _float64) and (
        to_y.dtype is not y_value.dtype or to_y.shape != y_value.shape
    ):
        to_y = fit(to_y, y_value)
    if x._adjoint is waiting:
        x._adjoint = to_x
    else:
        hand(x, to_x, cotangents, waiting)
    if y._adjoint is waiting:
        y._adjoint = to_y
    else:
        hand(y, to_y, cotangents, waiting)


def _pull_unary(call: Call, g: Any, cotangents: dict[Leaf, Any], waiting: Waiting) -> None:
    x = call.x
    x_value = x._value
    cotangent = call.op.rules[0](g, call._value, x_value)  # type: ignore[misc]
    if (type(cotangent) is not _float64 or type(x_value) is not _float64) and (
        cotangent.dtype is not x_value.dtype or cotangent.shape != x_value.shape
    ):
        cotangent = fit(cotangent, x_value)
    if x._adjoint is waiting:
        x._adjoint = cotangent
    else:
        hand(x, cotangent, cotangents, waiting)


def _pull_left(call: Call, g: Any, cotangents: dict[Leaf, Any], waiting: Waiting) -> None:
    x = call.x
    x_value = x._value
    y = call.y
    cotangent = call.op.rules[0](g, call._value, x_value, _value_of(y))  # type: ignore[misc]
    if (type(cotangent) is not _float64 or type(x_value) is not _float64) and (
        cotangent.dtype is not x_value.dtype or cotangent.shape != x_value.shape
    ):
        cotangent = fit(cotangent, x_value)
    if x._adjoint is waiting:
        x._adjoint = cotangent
    else:
        hand(x, cotangent, cotangents, waiting)
    if type(y) is Held and not waiting.retain:
        y.release()
        waiting.given_back.append(call)


def _pull_right(call: Call, g: Any, cotangents: dict[Leaf, Any], waiting: Waiting) -> None:
    y = call.y
    y_value = y._value
    x = call.x
    cotangent = call.op.rules[1](g, call._value, _value_of(x), y_value)  # type: ignore[misc]
    if (type(cotangent) is not _float64 or type(y_value) is not _float64) and (
        cotangent.dtype is not y_value.dtype or cotangent.shape != y_value.shape
    ):
        cotangent = fit(cotangent, y_value)
    if y._adjoint is waiting:
        y._adjoint = cotangent
    else:
        hand(y, cotangent, cotangents, waiting)
    if type(x) is Held and not waiting.retain:
        x.release()
        waiting.given_back.append(call)


def _pull_first(call: Call, g: Any, cotangents: dict[Leaf, Any], waiting: Waiting) -> None:
    x = call.x
    if call.op is _GETITEM and x._value.shape:
        _pull_piece(call, g, cotangents, waiting)
        return
    x_value = x._value
    rest, keywords = call.y
    if keywords and type(call.op.function) is np.ufunc:
        keywords = {}
    cotangent = fit(call.op.rules[0](g, call._value, x_value, *rest, **keywords), x_value)  # type: ignore[misc]
    if x._adjoint is waiting:
        x._adjoint = cotangent
    else:
        hand(x, cotangent, cotangents, waiting)


def _pull_piece(call: Call, g: Any, cotangents: dict[Leaf, Any], waiting: Waiting) -> None:
    """Pull the cotangent of `x[index]` back: the rule's zeros with g in them, but one array of zeros for all indices.

    The first index into x makes the array; each further one adds its piece to it. A loop over the elements of x
    costs one array of x's size, not one for each of them.
    """
    x = call.x
    reached = x._adjoint if x.is_call else cotangents.get(x, waiting)
    if reached is None:
        return
    x_value = x._value
    sums = waiting.owned.get(x)
    if sums is None or reached is not sums:
        sums = np.zeros(x_value.shape, x_value.dtype) if reached is waiting else np.array(reached)
        waiting.owned[x] = sums
        if x.is_call:
            x._adjoint = sums
        else:
            cotangents[x] = sums
    index = call.y[0][0]
    if names_each_place_once(index):
        sums[index] = _add(sums[index], g, waiting)
    else:
        with np.errstate(invalid=waiting.invalid):
            np.add.at(sums, index, g)


def pull_any(call: Call, g: Any, cotangents: dict[Leaf, Any], waiting: Waiting) -> None:
    """Pull a cotangent back through any call."""
    links, keywords = arguments(call)
    found = _apply_rules(call, g, call._value, mapped(links, _value_of), links, keywords)
    for argument, cotangent in found:
        _deliver(argument, cotangent, call, cotangents, waiting)
    _release(call, waiting)


def _release(call: Call, waiting: Waiting) -> None:
    """Give back the large constants that a call has held on to, unless another pass may need them."""
    if not waiting.retain:
        constants = held_in(arguments(call)[0])
        for constant in constants:
            constant.release()
        if constants:
            waiting.given_back.append(call)


def _apply_rules(
    call: Call, g: Any, z: Any, args: tuple[Any, ...], links: tuple[Any, ...], keywords: dict[str, Any]
) -> list[tuple[Any, Any]]:
    """Each argument that a gradient flows to, and what its rule makes of `g`.

    A rule multiplies by the derivative of its function. Between complex numbers it is the conjugate of the
    derivative that leads uphill, so the rule is given, and gives, conjugates.
    """
    if isinstance(call.op.function, np.ufunc):
        keywords = {}  # dtype, casting, ... change how the value is computed, and the rules do not know them
    conjugated = g.dtype.kind == "c"
    if conjugated:
        g = np.conjugate(g)
    found = [
        (link, rule(g, z, *args, **keywords))
        for rule, link in zip(call.op.rules, links, strict=False)
        if rule is not None and any(inside.differentiable for inside in links_in(link))
    ]
    return [(link, mapped(cotangent, np.conjugate)) for link, cotangent in found] if conjugated else found


PULL: dict[type, Callable[..., None]] = {
    Both: _pull_both,
    Unary: _pull_unary,
    Left: _pull_left,
    Right: _pull_right,
    First: _pull_first,
    Spread: pull_any,
}


def pull_recorded(call: Call, g: Any, cotangents: dict[Leaf, Any], waiting: Waiting) -> None:
    """Pull a cotangent back by running the rules on Tensors, on behalf of the user's line of the forward call."""
    links, keywords = arguments(call)
    if call.op is _GETITEM:
        waiting.pieces.setdefault(links[0], []).append((g, call))
        return
    with Setting(origin=(call.code, min(call.lasti, ~call.lasti)), scope=scope_of(call), recording=True):
        for argument, cotangent in _apply_rules(call, g, tensor_of(call), mapped(links, tensor_of), links, keywords):
            _deliver(argument, cotangent, call, cotangents, waiting)


def join_pieces(link: Any, cotangents: dict[Leaf, Any], waiting: Waiting) -> None:
    """Hand a link what its pieces `x[index]` have, all in one array, now that the pass has met them all."""
    pieces = waiting.pieces.pop(link, None)
    if pieces is None:
        return
    call, shape = pieces[-1][1], link._value.shape
    indices = [mapped(arguments(piece)[0][1], _value_of) for _, piece in pieces]
    with Setting(origin=(call.code, min(call.lasti, ~call.lasti)), scope=scope_of(call), recording=True):
        if len(pieces) == 1:
            found = scatter(pieces[0][0], indices[0], shape)
        else:
            with np.errstate(invalid=waiting.invalid):
                found = scatter_all([g for g, _ in pieces], indices, shape)
        hand(link, fit(found, link._value), cotangents, waiting)


def pull_traced(call: Call, g: Any, cotangents: dict[Leaf, Any], waiting: Waiting, recorded: bool) -> None:
    """Pull a cotangent back in a function that is being compiled: every call of a rule becomes part of the program."""
    state.tracing.name_cotangent(call, g)
    links, keywords = arguments(call)
    read = tensor_of if recorded else _value_of
    with Setting(
        origin=(call.code, min(call.lasti, ~call.lasti)), scope=scope_of(call), recording=recorded or state.recording
    ):
        z, args = state.tracing.where_it_matters(call, g, read(call), mapped(links, read))
        for argument, cotangent in _apply_rules(call, g, z, args, links, keywords):
            _deliver(argument, cotangent, call, cotangents, waiting)


def pull_guarded(call: Call, g: Any, cotangents: dict[Leaf, Any], waiting: Waiting) -> None:
    """Do a pull over that met an invalid operation.

    Where the cotangent of an elementwise function is 0, so is that of its operand, infinite though its slope may
    be: `np.where(x > 0, np.sqrt(x), 0)` asks nothing of the root at 0. A NaN that remains is reported as the user
    has it with `np.seterr`.
    """
    recorded = not isinstance(g, np.ndarray | np.generic)
    links, keywords = arguments(call)
    read = tensor_of if recorded else _value_of
    z, args = read(call), mapped(links, read)
    function = call.op.function
    with Setting(origin=(call.code, min(call.lasti, ~call.lasti)), scope=scope_of(call), recording=recorded):
        with np.errstate(invalid="ignore"):
            if isinstance(function, np.ufunc) and function.signature is None:
                z, args = _away_from(_zero_times_infinity(call, g, links, keywords), function, z, args)
            found = _apply_rules(call, g, z, args, links, keywords)
        if any(np.any(np.isnan(part)) for _, cotangent in found for part in _parts(cotangent)):
            with np.errstate(invalid=waiting.invalid):
                _apply_rules(call, g, z, args, links, keywords)
        for argument, cotangent in found:
            _deliver(argument, cotangent, call, cotangents, waiting)
    _release(call, waiting)


def _zero_times_infinity(call: Call, g: Any, links: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """Where an elementwise function's cotangent is 0 and what its rules make of it is not."""
    g = np.asarray(plain(g))
    with no_grad():
        found = _apply_rules(call, g, call._value, mapped(links, _value_of), links, keywords)
    spoilt = [np.isnan(cotangent) for _, cotangent in found]
    return (g == 0) & np.logical_or.reduce(np.broadcast_arrays(*spoilt), axis=0)


def _away_from(mask: Any, function: np.ufunc, z: Any, args: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
    """A function's result and arguments, moved to a regular point where the mask says that they do not matter."""
    for regular in (0.5, 1.5):
        with np.errstate(all="ignore"):
            if np.isfinite(function(*[regular] * function.nin)):
                moved = tuple(
                    [
                        np.where(mask, regular, argument).astype(argument.dtype)
                        if hasattr(argument, "dtype")
                        else np.where(mask, regular, argument)
                        for argument in args
                    ]
                )
                return function(*moved), moved
    return z, args


def _parts(cotangent: Any) -> Sequence[Any]:
    return cotangent if isinstance(cotangent, list | tuple) else (cotangent,)


def _deliver(argument: Any, cotangent: Any, call: Call, cotangents: dict[Leaf, Any], waiting: Waiting) -> None:
    """Hand a rule's result to the link, or to the links of the sequence, that stood as its argument."""
    if isinstance(argument, Call | Leaf):
        if argument.differentiable:
            hand(argument, fit(cotangent, argument._value), cotangents, waiting)
    elif type(argument) in (tuple, list):
        if len(cotangent) != len(argument):
            raise GraphError(
                f"{function_name(call.op.function)}: its rule returned {len(cotangent)} cotangents "
                f"for a sequence of {len(argument)}"
            )
        for item, part in zip(argument, cotangent, strict=True):
            _deliver(item, part, call, cotangents, waiting)


def fit(cotangent: Any, value: Any) -> Any:
    """A rule's cotangent in the shape and dtype of the value it belongs to: summed where broadcasting repeated it."""
    if cotangent.shape != value.shape:
        cotangent = unbroadcast(cotangent, value.shape)
    if cotangent.dtype is not value.dtype and cotangent.dtype != value.dtype:
        if cotangent.dtype.kind == "c" and value.dtype.kind != "c":
            cotangent = np.real(cotangent)  # a real operand can only be moved along the real line
        cotangent = cotangent.astype(value.dtype)
    return cotangent


def unbroadcast(cotangent: Any, shape: tuple[int, ...]) -> Any:
    """Sum a cotangent over the axes along which broadcasting repeated a value of this shape."""
    if not shape and type(cotangent) is np.ndarray:
        try:
            return np.add.reduce(cotangent, None)
        except FloatingPointError:  # infinity minus infinity
            with np.errstate(invalid="ignore"):
                return np.add.reduce(cotangent, None)
    extra = cotangent.ndim - len(shape)
    if extra < 0 or any([a != b for a, b in zip(cotangent.shape[extra:], shape, strict=True) if b != 1]):
        raise ShapeError(f"a derivative rule returned shape {cotangent.shape} for an argument of shape {shape}")
    repeated = [axis + extra for axis, size in enumerate(shape) if size == 1 and cotangent.shape[axis + extra] != 1]
    axes = (*range(extra), *repeated)
    if type(cotangent) is np.ndarray:
        try:
            return np.add.reduce(cotangent, axes, keepdims=True).reshape(shape)
        except FloatingPointError:  # infinity minus infinity
            with np.errstate(invalid="ignore"):
                return np.asarray(np.add.reduce(cotangent, axes, keepdims=True)).reshape(shape)
    return np.reshape(np.sum(cotangent, axis=axes, keepdims=True), shape)


# --- reading the record -----------------------------------------------------------------------------------------------


def tensor_of(link: Any) -> Any:
    """The Tensor that a link belongs to, or a stand-in; a constant stays what it is."""
    if not isinstance(link, Call | Leaf):
        return link._value if type(link) is Held else link
    if type(link._value) is Like:
        return link._value
    from tinygraph.tensor import Tensor

    tensor = _new(Tensor)
    tensor._value = link._value
    tensor._link = link
    return tensor


# One tuple, made once: `Call | Leaf | Held` in a call would be made again each time.
_VALUED = (Call, Leaf, Held)


def _value_of(link: Any) -> Any:
    return link._value if isinstance(link, _VALUED) else link

"""The reverse pass: from an output back over the record, each call handing its cotangent to its operands.

Calls carry the number of their creation, and operands are always older than the call that uses them. So the
order of the pass needs no search: gather the calls that the output depends on, sort them by that number, and
walk from the newest to the oldest. Nothing recurses, so depth costs nothing.

The cotangents of calls meet in their `_adjoint`, those of leaves in a dict of the pass, so that two threads can
go through different graphs of the same parameters. Only when a whole pass has succeeded do they become
gradients: a pass that fails leaves every gradient as it was.
"""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from contextvars import copy_context
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygraph.derivatives.table import function_name
from tinygraph.errors import GraphError, ShapeError
from tinygraph.keeping import Held, held_in
from tinygraph.links import (
    Both,
    Call,
    DataCall,
    DataLeaf,
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
from tinygraph.nonfinite import watch_cotangent
from tinygraph.record import SHOWN, plain
from tinygraph.source import source_of

if TYPE_CHECKING:
    from tinygraph.tensor import Tensor

_float64 = np.float64
_new: Callable[[type], Any] = object.__new__
_by_order = attrgetter("order")


class Waiting:
    """The `_adjoint` of a call that a pass has gathered and that no cotangent has reached yet. One object a pass.

    Attributes:
        since: calls made before this order do not belong to the pass.
    """

    __slots__ = ("_outside", "since")

    def __init__(self, since: int) -> None:
        self.since = since
        self._outside = copy_context()

    @property
    def invalid(self) -> Any:
        """What the user wants done about NaN from a calculation, as `np.seterr` has it outside the pass."""
        return self._outside.run(np.geterr)["invalid"]


class Freed:
    """The `_adjoint` of a call whose graph was given back."""

    __slots__ = ()


FREED = Freed()

# Threads may share leaves: to read a gradient and to write the sum is one step.
_adding = threading.Lock()


def backward(output: Tensor, seed: Any, retain_graph: bool, create_graph: bool) -> None:
    """Add the gradient of `output` to the `grad` of every leaf it depends on. See `Tensor.backward`."""
    retain = retain_graph or create_graph
    calls, waiting, _ = gather([output._link])
    cotangents = pull_back(calls, waiting, [output._link], [seed], create_graph, retain, show=retain)
    taken = [_take(cotangents, leaf) for leaf in list(cotangents)]
    with _adding:
        for leaf, gradient in taken:
            leaf._grad = gradient if leaf._grad is None else leaf._grad + gradient
    after = None if retain else FREED
    for call in calls:
        if call._adjoint is not waiting:
            call._grad = call._adjoint
        call._adjoint = after


def gradients(
    outputs: Sequence[Any],
    seeds: Sequence[Any],
    inputs: Sequence[Any],
    *,
    since: int,
    create_graph: bool | None = None,
    retain: bool = False,
) -> list[Any | None]:
    """The cotangents of some links, touching no `grad`.

    Args:
        outputs, seeds: links where the pass begins, and with which cotangents.
        inputs: the links asked for.
        since: calls made before this order depend on no input, and are not passed through.
        create_graph: record the pass; None records it if the outputs depend on more than the inputs.
        retain: keep what the calls saved, for another pass.

    Returns:
        For each input its cotangent, an array or, from a recorded pass, a Tensor; None where no output depends on it.
    """
    calls, waiting, foreign = gather(outputs, since)
    recorded = foreign if create_graph is None else create_graph
    cotangents = pull_back(calls, waiting, outputs, seeds, recorded, retain or recorded, keep=inputs)
    found = [cotangents.get(link) if isinstance(link, Leaf) else link._adjoint for link in inputs]
    for call in calls:
        call._adjoint = None if retain or recorded else FREED
    return [None if cotangent is waiting else cotangent for cotangent in found]


def gather(roots: Iterable[Any], since: int = 0) -> tuple[list[Call], Waiting, bool]:
    """Mark the calls that the roots depend on through gradients, and list them from the oldest to the newest.

    Returns:
        The calls made since; the mark they now carry; whether the roots depend on anything older that wants a
        gradient.

    Raises:
        GraphError: the record was given back, was changed since, or is being passed over right now. No mark is left.
    """
    waiting = Waiting(since)
    calls: list[Any] = []
    foreign = False

    def meet(link: Any, order: int, read: bool) -> None:
        """Meet an operand of a call made at `order`, whose rules read the operand's value or do not."""
        nonlocal foreign
        adjoint = link._adjoint
        if adjoint is waiting:
            return
        if not link.is_call:
            wanted = link.differentiable  # which finds out whether its array was written into
            if link.order > order and (read or link.rewritten > order):
                raise GraphError(_changed_since(link))
            foreign = foreign or (wanted and link.order < since)
        elif link.differentiable:
            if link.order < since:
                foreign = True
            elif adjoint is None:
                link._adjoint = waiting
                calls.append(link)
            else:
                raise GraphError(_not_passable(link))

    def meet_data(link: Any, order: int) -> None:
        """Meet an operand that wants no gradient, and may be a view of a leaf that wants none either."""
        met = [link]
        for item in met:  # grows while we walk it
            if item.is_call:
                met += [operand for operand in links_in(arguments(item)[0]) if operand not in met]
            else:
                meet(item, order, item is link)

    try:
        for root in roots:
            meet(root, sys.maxsize, False)
        for call in calls:  # grows while we walk it
            kind = type(call)
            op = call.op
            if kind is Spread:
                for position, argument in enumerate(call.x):
                    for link in links_in(argument):
                        if link.is_call and link.differentiable:
                            meet(link, call.order, position in op.needs)
                        elif position in op.needs:
                            meet_data(link, call.order)
                        elif link.differentiable:
                            meet(link, call.order, False)
                continue
            if kind is not Right:
                link = call.x
                # What `meet` does for a call met the first time, in a third of the time.
                if link.is_call and link._adjoint is None and link.order >= since:
                    link._adjoint = waiting
                    calls.append(link)
                else:
                    meet(link, call.order, op.needs_x)
            elif op.needs_x and isinstance(call.x, _DATA):
                meet_data(call.x, call.order)
            if kind is Both or kind is Right:
                link = call.y
                if link.is_call and link._adjoint is None and link.order >= since:
                    link._adjoint = waiting
                    calls.append(link)
                else:
                    meet(link, call.order, op.needs_y)
            elif kind is Left and op.needs_y and isinstance(call.y, _DATA):
                meet_data(call.y, call.order)
        if state.tracing is not None:
            state.tracing.check_passable(calls)
    except BaseException:
        for call in calls:
            call._adjoint = None
        raise
    calls.sort(key=_by_order)
    return calls, waiting, foreign


@np.errstate(invalid="raise")  # a NaN is worth a second look, and looking costs nothing: the processor tells
def pull_back(
    calls: list[Call],
    waiting: Waiting,
    roots: Sequence[Any],
    seeds: Sequence[Any],
    recorded: bool,
    retain: bool,
    show: bool = False,
    keep: Iterable[Any] = (),
) -> dict[Leaf, Any]:
    """Run the pass over gathered calls, leaving its cotangent in each call's `_adjoint`.

    Args:
        recorded: run the rules on Tensors, so that the pass itself is recorded.
        retain: keep what the calls saved.
        show: keep large cotangents of calls too; without it they are given back as soon as they are handed on.
        keep: links whose cotangents are kept, large or not.

    Returns:
        The cotangents of the leaves.
    """
    cotangents: dict[Leaf, Any] = {}
    kept = {id(link) for link in keep}
    given_back: list[Call] = []
    tracing = state.tracing
    if tracing is not None:
        seeds = tracing.enter_backward(seeds)
    for root, seed in zip(roots, seeds, strict=True):
        _hand(root, seed, cotangents, waiting)
    watching = state.watching
    collecting = gc.isenabled()
    gc.disable()  # a pass creates no cycles, and looking for them among its many objects takes half its time
    try:
        for call in reversed(calls):
            g = call._adjoint
            if g is waiting:
                continue
            try:
                if tracing is not None:
                    _pull_traced(call, g, cotangents, waiting, recorded)
                elif recorded:
                    _pull_recorded(call, g, cotangents, waiting)
                elif type(g) is _float64 or g.dtype.kind != "c":
                    _PULL[type(call)](call, g, cotangents, waiting)
                else:
                    _pull_any(call, g, cotangents, waiting)
            except FloatingPointError:
                _pull_guarded(call, g, cotangents, waiting)
            if watching:
                for link in links_in(arguments(call)[0]):
                    arrived = cotangents.get(link) if isinstance(link, Leaf) else link._adjoint
                    if link.differentiable and hasattr(arrived, "dtype"):
                        watch_cotangent(call, plain(g), link, plain(arrived))
            if type(g) is not _float64:
                if not show and g.size > SHOWN and id(call) not in kept:
                    call._adjoint = Like(g)
                if not retain and type(call._value) is np.ndarray and call._value.size > SHOWN:
                    call._value = Like(call._value)
                    given_back.append(call)
            if not retain:
                kind = type(call)
                constant = call.y if kind is Left else call.x if kind is Right else None
                if type(constant) is Held:
                    constant.release()
                    given_back.append(call)
                elif kind is Spread:
                    for constant in held_in(call.x):
                        constant.release()
                        given_back.append(call)
    except BaseException as error:
        error.add_note(f"in the backward pass of {function_name(call.op.function)}, called at {_line_of(call)}")
        for call in calls:
            call._adjoint = None
        for call in given_back:
            call._adjoint = FREED
        raise
    finally:
        if tracing is not None:
            tracing.leave_backward()
        if collecting:
            gc.enable()
    return cotangents


# --- one call ---------------------------------------------------------------------------------------------------------


def _hand(link: Any, cotangent: Any, cotangents: dict[Leaf, Any], waiting: Waiting) -> None:
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


# Each of these computes all that its rules say before it hands anything on, so that it can be done over.


def _pull_both(call: Call, g: Any, cotangents: dict[Leaf, Any], waiting: Waiting) -> None:
    x = call.x
    y = call.y
    x_value = x._value
    y_value = y._value
    z = call._value
    x_rule, y_rule = call.op.rules
    to_x = x_rule(g, z, x_value, y_value)  # type: ignore[misc]
    to_y = y_rule(g, z, x_value, y_value)  # type: ignore[misc]
    if type(to_x) is not _float64 or type(x_value) is not _float64:
        to_x = fit(to_x, x_value)
    if type(to_y) is not _float64 or type(y_value) is not _float64:
        to_y = fit(to_y, y_value)
    if x._adjoint is waiting:
        x._adjoint = to_x
    else:
        _hand(x, to_x, cotangents, waiting)
    if y._adjoint is waiting:
        y._adjoint = to_y
    else:
        _hand(y, to_y, cotangents, waiting)


def _pull_unary(call: Call, g: Any, cotangents: dict[Leaf, Any], waiting: Waiting) -> None:
    x = call.x
    x_value = x._value
    cotangent = call.op.rules[0](g, call._value, x_value)  # type: ignore[misc]
    if type(cotangent) is not _float64 or type(x_value) is not _float64:
        cotangent = fit(cotangent, x_value)
    if x._adjoint is waiting:
        x._adjoint = cotangent
    else:
        _hand(x, cotangent, cotangents, waiting)


def _pull_left(call: Call, g: Any, cotangents: dict[Leaf, Any], waiting: Waiting) -> None:
    x = call.x
    x_value = x._value
    cotangent = call.op.rules[0](g, call._value, x_value, _value_of(call.y))  # type: ignore[misc]
    if type(cotangent) is not _float64 or type(x_value) is not _float64:
        cotangent = fit(cotangent, x_value)
    if x._adjoint is waiting:
        x._adjoint = cotangent
    else:
        _hand(x, cotangent, cotangents, waiting)


def _pull_right(call: Call, g: Any, cotangents: dict[Leaf, Any], waiting: Waiting) -> None:
    y = call.y
    y_value = y._value
    cotangent = call.op.rules[1](g, call._value, _value_of(call.x), y_value)  # type: ignore[misc]
    if type(cotangent) is not _float64 or type(y_value) is not _float64:
        cotangent = fit(cotangent, y_value)
    if y._adjoint is waiting:
        y._adjoint = cotangent
    else:
        _hand(y, cotangent, cotangents, waiting)


def _pull_first(call: Call, g: Any, cotangents: dict[Leaf, Any], waiting: Waiting) -> None:
    x = call.x
    x_value = x._value
    rest, keywords = call.y
    if keywords and type(call.op.function) is np.ufunc:
        keywords = {}
    cotangent = fit(call.op.rules[0](g, call._value, x_value, *rest, **keywords), x_value)  # type: ignore[misc]
    if x._adjoint is waiting:
        x._adjoint = cotangent
    else:
        _hand(x, cotangent, cotangents, waiting)


def _pull_any(call: Call, g: Any, cotangents: dict[Leaf, Any], waiting: Waiting) -> None:
    links, keywords = arguments(call)
    found = _apply_rules(call, g, call._value, mapped(links, _value_of), links, keywords)
    for argument, cotangent in found:
        _deliver(argument, cotangent, call, cotangents, waiting)


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


_PULL: dict[type, Callable[..., None]] = {
    Both: _pull_both,
    Unary: _pull_unary,
    Left: _pull_left,
    Right: _pull_right,
    First: _pull_first,
    Spread: _pull_any,
}


def _pull_recorded(call: Call, g: Any, cotangents: dict[Leaf, Any], waiting: Waiting) -> None:
    """Pull a cotangent back by running the rules on Tensors, on behalf of the user's line of the forward call."""
    links, keywords = arguments(call)
    with Setting(origin=(call.code, min(call.lasti, ~call.lasti)), scope=scope_of(call), recording=True):
        for argument, cotangent in _apply_rules(call, g, tensor_of(call), mapped(links, tensor_of), links, keywords):
            _deliver(argument, cotangent, call, cotangents, waiting)


def _pull_traced(call: Call, g: Any, cotangents: dict[Leaf, Any], waiting: Waiting, recorded: bool) -> None:
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


def _pull_guarded(call: Call, g: Any, cotangents: dict[Leaf, Any], waiting: Waiting) -> None:
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
            _hand(argument, fit(cotangent, argument._value), cotangents, waiting)
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
_DATA = (DataCall, DataLeaf)


def _value_of(link: Any) -> Any:
    return link._value if isinstance(link, _VALUED) else link


# --- gradients of leaves ----------------------------------------------------------------------------------------------


def _pop_counted(cotangents: dict[Leaf, Any], leaf: Any) -> tuple[Any, int, int]:
    """A leaf's cotangent, how many hold it, and how many hold the array that it is a view of."""
    gradient = cotangents.pop(leaf)
    base = gradient.base
    return gradient, sys.getrefcount(gradient), sys.getrefcount(base)


# What `_pop_counted` counts for an array that nobody else holds, and for the array under a view that alone holds it.
_, _ALONE, _ = _pop_counted({None: np.empty(1)}, None)  # type: ignore[dict-item]
_, _, _ALONE_BELOW = _pop_counted({None: np.empty((1, 2)).T}, None)  # type: ignore[dict-item]


def _take(cotangents: dict[Leaf, Any], leaf: Leaf) -> tuple[Leaf, Any]:
    """A leaf and its gradient, copied where anybody else may hold its memory: no two gradients are one array."""
    if type(cotangents[leaf]) is not np.ndarray:
        return leaf, cotangents.pop(leaf)
    gradient, references, below = _pop_counted(cotangents, leaf)
    base = gradient.base
    if references > _ALONE or (
        base is not None and (below > _ALONE_BELOW or type(base) is not np.ndarray or base.size != gradient.size)
    ):
        gradient = gradient.copy()
    return leaf, gradient


def _line_of(call: Call) -> str:
    source = source_of(call.code, call.lasti)
    return f"{source}: {source.text}" if source is not None else "an unknown line"


def _changed_since(leaf: Leaf) -> str:
    source = source_of(leaf.code, leaf.lasti)
    made = f" (it was made at {source})" if source is not None else ""
    how, instead = "was assigned a new value", "assign()"
    if leaf.rewritten == leaf.order:
        how, instead = "was written into, through its data,", "writing into it"
    return (
        f"backward: {leaf.name or 'a Tensor'} {how} after it was used{made}, so the gradient of the older computation "
        f"can no longer be found. Call backward() before {instead}, or compute the loss again"
    )


def _not_passable(call: Call) -> str:
    if call._adjoint is FREED:
        return (
            f"backward: the graph of this {function_name(call.op.function)} was given back by an earlier backward(). "
            "Pass retain_graph=True to the first backward() to go through it again. In a training loop, update a leaf "
            "with w.assign(w.data - rate * w.grad): `w = w - rate * w.grad` ties each step to all before it"
        )
    return "backward: another backward pass is going through this graph at this moment, in this or another thread"

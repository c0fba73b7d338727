"""One call of the reverse pass: its rules turn the cotangent of its result into those of its operands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.engine.adding import add_at
from tinygraph.engine.fitting import FLOAT16, fit, wide, widened
from tinygraph.engine.gathering import Waiting
from tinygraph.engine.keeping import Held, held_in
from tinygraph.engine.links import Call, Leaf, Like, Live, Put, Spread, takes_gradient
from tinygraph.engine.memory import COPIED
from tinygraph.engine.nested import mapped
from tinygraph.engine.table import function_name
from tinygraph.errors import GraphError

__warningregistry__ = None  # as in `record`


def add(left: Any, right: Any, waiting: Waiting) -> Any:
    """Return the sum of two cotangents of a link."""
    try:
        return left + right
    except FloatingPointError:
        with np.errstate(invalid=waiting.invalid):
            return left + right


def hand(
    link: Any, cotangent: Any, cotangents: dict[Leaf, Any], waiting: Waiting, add: Callable[..., Any] = add
) -> None:  # fmt: skip
    """Add a cotangent to the sum that has reached a link so far."""
    if not link.is_call or link in waiting.ends:
        before = cotangents.get(link)
        cotangents[link] = cotangent if before is None else add(before, cotangent, waiting)
    else:
        adjoint = link._adjoint
        if adjoint is waiting:
            link._adjoint = cotangent
        elif adjoint is not None and link.order >= waiting.since:
            link._adjoint = add(adjoint, cotangent, waiting)


# One tuple, made once: `Call | Leaf | Held` in a call would be made again each time.
_LINKS = (Call, Leaf)
_VALUED = (Call, Leaf, Held)


def value_of(link: Any) -> Any:
    """Return the value of a link or of a large constant; any other constant as it is."""
    return link._value if isinstance(link, _VALUED) else link


def pull(call: Call, g: Any, cotangents: dict[Leaf, Any], waiting: Waiting) -> None:
    """Pull a cotangent of any dtype back through any call.

    Run every rule first and deliver the cotangents afterwards, so that a pass that fails here can be resumed here.
    """
    links, keywords = call.args, call.keywords
    if type(call) is Put:
        pull_put(call, g, cotangents, waiting)
    elif call.op.pieces is not None and (x := links[0]._value).shape and (g.dtype.kind != "c" or x.dtype.kind == "c"):
        pull_piece(call, links[0], mapped(links[1], value_of), g, cotangents, waiting)
    else:
        for argument, cotangent in apply_rules(call, g, call._value, mapped(links, value_of), links, keywords):
            deliver(argument, cotangent, call, cotangents, waiting)
    release(call, waiting)


def pull_piece(call: Call, x: Any, index: Any, g: Any, cotangents: dict[Leaf, Any], waiting: Waiting) -> None:
    """Pull the cotangent of `x[index]` back into one array for all indices; the rule would make one for each index.

    The first index into x makes an array of zeros; each further one adds its piece to it. A loop over the elements of x
    costs one array of x's size.
    """
    inside = x.is_call and x.order >= waiting.since
    if x.is_call and not inside and x not in waiting.ends:  # another pass may be at this call, which it has marked
        return
    reached = x._adjoint if inside else cotangents.get(x, waiting)
    if reached is None:
        return
    sums = waiting.owned.get(x)
    if sums is None or reached is not sums:
        value = x._value
        sums = np.zeros(value.shape, wide(value.dtype)) if reached is waiting else np.array(reached)
        waiting.owned[x] = sums
        if inside:
            x._adjoint = sums
        else:
            cotangents[x] = sums
    kind = type(index)
    if kind is int or kind is slice or call.op.pieces.name_no_place_twice(index):  # type: ignore[union-attr]
        sums[index] = add(sums[index], g, waiting)
    else:
        with np.errstate(invalid=waiting.invalid):
            add_at(sums, index, g)


def pull_put(call: Call, g: Any, cotangents: dict[Leaf, Any], waiting: Waiting) -> None:
    """Pull the cotangent of a whole that was written into back to what it was before, and to the value.

    Where the pass made the cotangent itself, it is handed on with 0 written at the place: a loop that writes all
    elements of x, one by one, costs one array of x's size.
    """
    old, place, value = call.args
    if isinstance(value, _LINKS) and value.differentiable:
        if g.dtype.kind == "c":
            part = np.conjugate(call.op.rules[2](np.conjugate(g), None, None, place, value._value))  # type: ignore[misc]
        else:
            part = call.op.rules[2](g, None, None, place, value._value)  # type: ignore[misc]
        if type(part) is np.ndarray and np.may_share_memory(part, g):
            part = part.copy()
        hand(value, fit(part, value._value), cotangents, waiting)
    if isinstance(old, _LINKS) and old.differentiable:
        if g.size <= COPIED or waiting.owned.get(call) is not g or id(call) in waiting.kept:
            g = np.array(g)
        else:
            call._adjoint = Like(g)
        place.put(g, 0)
        hand(old, g, cotangents, waiting)
        if (old._adjoint if isinstance(old, Call) else cotangents.get(old)) is g:
            waiting.owned[old] = g


def release(call: Call, waiting: Waiting) -> None:
    """Note the large constants of a call, which the pass releases at its end, unless another pass may need them."""
    if not waiting.retain:
        waiting.held += held_in(call.args)


def apply_rules(
    call: Call, g: Any, z: Any, args: tuple[Any, ...], links: tuple[Any, ...], keywords: dict[str, Any]
) -> list[tuple[Any, Any]]:
    """Return each argument that a gradient flows to, with the cotangent that its rule makes of `g`.

    A rule multiplies by the derivative of its function. For complex numbers the gradient points along the conjugate of
    the derivative, so that the rule gets, and returns, conjugates.
    """
    if isinstance(call.op.function, np.ufunc):
        keywords = {}  # dtype, casting, ...: rules do not take them
    if call._value.dtype == FLOAT16:
        g, z, args = widened((g, z, args))
    conjugated = g.dtype.kind == "c"
    if conjugated:
        g = np.conjugate(g)
    found = [
        (link, rule(g, z, *args, **keywords))
        for rule, link in zip(call.op.rules, links, strict=False)
        if rule is not None and takes_gradient(link)
    ]
    return [(link, mapped(cotangent, np.conjugate)) for link, cotangent in found] if conjugated else found


def deliver(argument: Any, cotangent: Any, call: Call, cotangents: dict[Leaf, Any], waiting: Waiting) -> None:
    """Hand a rule's result to its argument: to a link, or to the links of a sequence."""
    if isinstance(argument, _LINKS):
        if argument.differentiable:
            hand(argument, fit(cotangent, argument._value), cotangents, waiting)
    elif type(argument) in (tuple, list):
        if len(cotangent) != len(argument):
            raise GraphError(
                f"{function_name(call.op.function)}: its rule returned {len(cotangent)} cotangents "
                f"for a sequence of {len(argument)}"
            )
        for item, part in zip(argument, cotangent, strict=True):
            deliver(item, part, call, cotangents, waiting)


# The pull of each kind of call. `quick_backward` adds its kinds, with pulls that do the same for one kind alone.
PULL: dict[type, Callable[..., None]] = {Spread: pull, Live: pull, Put: pull}

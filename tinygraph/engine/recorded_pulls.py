"""One call of a reverse pass that is itself recorded or compiled: its rules run on Tensors, or on a tracer's arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tinygraph.engine.delivering import Guarded, deliver_reached, note_reach
from tinygraph.engine.dependence import IDENTITIES, SELECTIONS, is_elementwise
from tinygraph.engine.fitting import fit
from tinygraph.engine.keeping import Held
from tinygraph.engine.links import Call, Leaf, Like, links_in
from tinygraph.engine.masks import found_reach, is_at_hand, whole, within
from tinygraph.engine.memory import stand_for
from tinygraph.engine.modes import on_behalf_of, state
from tinygraph.engine.nested import mapped
from tinygraph.engine.pulling import apply_rules, hand, value_of
from tinygraph.engine.putting_away import put_away, put_away_traced
from tinygraph.engine.reaching import Towards, dropped, reaches, reads_numbers
from tinygraph.engine.table import Operation

if TYPE_CHECKING:
    from tinygraph.engine.hooks import FirstPull, Tracer

_new: Callable[[type], Any] = object.__new__


def reads_computed(op: Operation, links: Any, recorded: bool) -> bool:
    """Return whether the rules of a call, in a recorded pass, read a value that has a derivative of its own.

    The derivative may be infinite where the value is finite, as for sqrt(x) at 0.
    """
    if not recorded:
        return False
    read: Any = op.needs
    if op.function in (np.matmul, np.dot):  # each rule reads the other operand
        read = [1 - at for at, item in enumerate(links[:2]) if any([part.differentiable for part in links_in(item)])]
    return any([
        link.is_call and link.differentiable and link.op.function not in IDENTITIES
        for place in read if place < len(links) for link in links_in(links[place])
    ])  # fmt: skip


def tensor_of(link: Any) -> Any:
    """Return a Tensor with a link, or the `Like` that stands for its value; a constant stays as it is."""
    if not isinstance(link, Call | Leaf):
        return link._value if type(link) is Held else link
    if type(link._value) is Like:
        return link._value
    return stand_for(link)


def join_pieces(link: Any, guarded: Guarded) -> None:
    """Hand a link the cotangents of all its pieces `x[index]` in one array. The pass has met every piece by now."""
    pieces = guarded.pieces.pop(link, None)
    if pieces is None:
        return
    call, shape = pieces[-1][1], link._value.shape
    indices = [mapped(piece.args[1], value_of) for _, piece in pieces]
    reached = np.zeros(shape, bool)
    for index, (_, piece) in zip(indices, pieces, strict=True):
        reach = found_reach(guarded.reach.get(piece))
        np.logical_or.at(reached, index, True if reach is None else reach)
    note_reach(link, whole(reached), guarded)
    with on_behalf_of(call, guarded.recorded):
        if len(pieces) == 1:
            found = call.op.rules[0](pieces[0][0], call._value, link._value, indices[0])  # type: ignore[misc]
        else:
            found = call.op.pieces.put_together([g for g, _ in pieces], indices, shape)  # type: ignore[union-attr]
        hand(link, fit(found, link._value), guarded.cotangents, guarded.waiting)


def pull_traced(tracer: Tracer, call: Call, g: Any, guarded: Guarded) -> None:
    """Pull a cotangent back while a function is being compiled: every call of a rule becomes part of the program."""
    tracer.name_cotangent(call, g)
    links, reach = call.args, guarded.reach.get(call)
    alike = not guarded.recorded and tracer.pull_alike(call, g, guarded)
    if alike is not True:
        values = _read(tracer, call)
        with on_behalf_of(call, guarded.recorded or state.recording, reach):
            towards = reaches(call.op, reach, values.z, values.args, links, values.keywords)
            found = _found_traced(tracer, call, g, towards, guarded, values)
            if alike is False:
                for (argument, cotangent), towards_it in zip(found, towards, strict=True):
                    deliver_reached(argument, cotangent, towards_it.operand, call, guarded)
            else:
                _deliver_first(found, towards, guarded, alike)
    if guarded.reach:
        _note_loose(call, links, guarded)


def _deliver_first(found: list[tuple[Any, Any]], towards: list[Towards], guarded: Guarded, alike: FirstPull) -> None:
    """Deliver what the rules made, and let the tracer remember it for pulls that are alike."""
    alike.note()
    for (link, cotangent), towards_it in zip(found, towards, strict=True):
        note_reach(link, towards_it.operand, guarded)
        alike.go_on()
        cotangent = fit(cotangent, link._value)
        alike.note(cotangent, towards_it.operand)
        hand(link, cotangent, guarded.cotangents, guarded.waiting)
    alike.remember()


class _Read(NamedTuple):
    """A call's result and arguments as they were when it was made."""

    z: Any
    args: Any
    keywords: Any


def _read(tracer: Tracer, call: Call) -> _Read:
    """Return what the rules of a call read, as it was before later writes into it."""

    def read(item: Any) -> Any:
        return tracer.as_of(value_of(item), call.order)

    return _Read(read(call), mapped(call.args, read), mapped(call.keywords, read))


def _found_traced(
    tracer: Tracer, call: Call, g: Any, towards: list[Towards], guarded: Guarded, values: _Read
) -> list[tuple[Any, Any]]:
    """Apply the rules to a cotangent, so that they make no NaN of the elements that were left out."""
    op, links, keywords = call.op, call.args, values.keywords
    z, args = values.z, values.args
    if guarded.recorded:
        as_of = tracer.as_of
        z, args = as_of(tensor_of(call), call.order), mapped(links, lambda item: as_of(tensor_of(item), call.order))
    begun = len(tracer.events)
    found = apply_rules(call, g, z, args, links, keywords)
    if op.function in SELECTIONS and op.function is not np.where:
        if tracer.is_finite(g):
            return found
        if not SELECTIONS[op.function]:
            return dropped(found, towards)
        # The rules multiply by 0 the operand that was not chosen, which may be infinite.
        chosen = [g if item.result is None else np.where(item.result, g, 0) for item in towards]
        return [apply_rules(call, part, z, args, links, keywords)[at] for at, part in enumerate(chosen)]
    # To copy a matrix for each product with a condition after it would cost more than the product.
    loose = call in guarded.loose
    least = 2 if not loose and is_elementwise(op.function) else 1
    if call not in guarded.reach:
        return found
    computed = not (loose or is_elementwise(op.function)) and reads_computed(op, links, guarded.recorded)
    stay = [not computed and tracer.stays_finite([item], g, begun, least, loose) for item in found]
    reach = None if all(stay) else found_reach(guarded.reach[call])
    if reach is None:
        return found
    inside = _found_within(tracer, call, g, found, towards, reach, z, args, values)
    return [item if stays else other for item, other, stays in zip(found, inside, stay, strict=True)]


def _found_within(
    tracer: Tracer, call: Call, g: Any, found: list[tuple[Any, Any]], towards: list[Towards], reach: Any, z: Any,
    args: Any, values: _Read,
) -> list[tuple[Any, Any]]:  # fmt: skip
    """Return what the rules make of a cotangent within its reach, where outside of it they may make a NaN.

    Args:
        found: the results that may have a NaN.
        z, args: the result and the arguments as the rules read them; Tensors in a recorded pass.
    """
    op, links, keywords = call.op, call.args, values.keywords
    if is_elementwise(op.function):
        moved = tracer.put_away(op, reach, z, args)
        if moved is not None:
            return apply_rules(call, g, moved[0], moved[1], links, keywords)
        return [(link, np.where(reach, cotangent, 0)) for link, cotangent in found]
    if not reads_numbers(op, args):
        return found
    if is_at_hand(reach):
        z, args = put_away(op, reach, z, args, keywords, values.z, values.args)
    else:
        z, args = put_away_traced(op, reach, z, args, keywords)
    found = apply_rules(call, g, z, args, links, keywords)
    # The rules may have read more than the elements that were reached.
    return [(link, within(cotangent, item.operand)) for (link, cotangent), item in zip(found, towards, strict=True)]


def _note_loose(call: Call, links: Any, guarded: Guarded) -> None:
    """Remember the operands whose cotangents were left out by a choice of values alone, as `np.maximum` makes it.

    An element that such a choice left out is infinite only if an operation made it so.
    """
    chooses = call.op.function in SELECTIONS and call.op.function is not np.where
    loose = call in guarded.loose or (chooses and call not in guarded.reach)
    for link in links_in(links):
        if link in guarded.reach and loose and link not in guarded.strict:
            guarded.loose.add(link)
        elif link in guarded.reach:
            guarded.strict.add(link)
            guarded.loose.discard(link)

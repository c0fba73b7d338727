"""A reverse pass that is recorded itself, or compiled: its rules run on Tensors, or on traced arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.derivatives.indexing import scatter, scatter_all
from tinygraph.fitting import fit
from tinygraph.keeping import Held
from tinygraph.links import Call, Leaf, Like, arguments, mapped, scope_of
from tinygraph.modes import Setting, state
from tinygraph.pulling import Waiting, apply_rules, deliver_reached, hand, note_reach, value_of
from tinygraph.reaching import whole

_new: Callable[[type], Any] = object.__new__


def on_behalf_of(call: Call, recording: bool) -> Setting:
    """While it is in force, what is done is done on behalf of the user's line of a forward call, in its scope."""
    return Setting(origin=(call.code, min(call.lasti, ~call.lasti)), scope=scope_of(call), recording=recording)


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


def join_pieces(link: Any, cotangents: dict[Leaf, Any], waiting: Waiting, recorded: bool) -> None:
    """Hand a link what its pieces `x[index]` have, all in one array, now that the pass has met them all."""
    pieces = waiting.pieces.pop(link, None)
    if pieces is None:
        return
    call, shape = pieces[-1][1], link._value.shape
    indices = [mapped(arguments(piece)[0][1], value_of) for _, piece in pieces]
    reached = np.zeros(shape, bool)
    for index, (_, piece) in zip(indices, pieces, strict=True):
        np.logical_or.at(reached, index, waiting.reach.get(piece, True))
    note_reach(link, whole(reached), waiting)
    with on_behalf_of(call, recorded):
        if len(pieces) == 1:
            found = scatter(pieces[0][0], indices[0], shape)
        else:
            found = scatter_all([g for g, _ in pieces], indices, shape)
        hand(link, fit(found, link._value), cotangents, waiting)


def pull_traced(call: Call, g: Any, cotangents: dict[Leaf, Any], waiting: Waiting, recorded: bool) -> None:
    """Pull a cotangent back in a function that is being compiled: every call of a rule becomes part of the program."""
    state.tracing.name_cotangent(call, g)
    links, keywords = arguments(call)
    as_of, value = state.tracing.as_of, tensor_of if recorded else value_of

    def read(item: Any) -> Any:
        return as_of(value(item), call.order)

    with on_behalf_of(call, recorded or state.recording):
        z, args = state.tracing.where_it_matters(call, g, read(call), mapped(links, read))
        for argument, cotangent in apply_rules(call, g, z, args, links, mapped(keywords, read)):
            deliver(argument, cotangent, call, cotangents, waiting)

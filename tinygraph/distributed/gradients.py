"""Gradients: their mean over all ranks, in one flat buffer for each dtype, and sums of metrics.

The sums go in the order of a fixed tree. So every rank has the same bits in every run. Where the batch is cut into a
fixed number of shards, any number of ranks has the same bits.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygraph.data.arrays import length_of
from tinygraph.distributed import collectives, trees
from tinygraph.distributed.communicator import Communicator
from tinygraph.distributed.groups import layout_of
from tinygraph.distributed.models import parameters_of
from tinygraph.distributed.rows import part
from tinygraph.distributed.world import comm_or_world
from tinygraph.engine.fitting import wide
from tinygraph.engine.modes import is_tracing
from tinygraph.engine.tensor import Tensor
from tinygraph.nests import Nest, filled, tree_leaves

__all__ = ["Part", "average_gradients", "backward", "take_gradients", "total"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Part:
    """The gradients of one shard of a batch, the means over its rows.

    Attributes:
        rows: the number of rows.
        gradients: by the names of the parameters, of those that have one. A shard without rows has none.
    """

    rows: int
    gradients: dict[str, Any]


def average_gradients(
    model: Any,
    comm: Communicator | None = None,
    *,
    rows: int | None = None,
    shards: int | None = None,
    parts: list[Part] | None = None,
) -> None:
    """Replace the gradients of the parameters by their mean over all ranks.

    Call it on every rank, between `loss.backward()` and `optimizer.step()`, in a compiled step too. The loss must be a
    mean over rows: then the result is the gradient of the mean over the whole batch. Gradients that need no mean over
    rows, such as those of a weight penalty, stay what they are.

    Args:
        model: a model, an optimiser, or parameters in lists, tuples and dicts.
        comm: the ranks; None for all.
        rows: this rank's rows of the batch, `len(x)`. Without it each rank has the same weight. With 0 the parameters
            may have no gradients, and those they have are not looked at.
        shards: cut the batch into this number of shards, and give `parts`: the result has the same bits for any number
            of ranks up to `shards`. `backward` does all of it.
        parts: this rank's shards in their order, from `take_gradients`. Rank r has the shards from r * shards // size
            to below (r + 1) * shards // size.

    Raises:
        RuntimeError: the ranks do not agree: they make other calls, or their parameters or gradients have other names,
            shapes or dtypes. Every rank raises it.
        ValueError: there are no parameters, or no gradients; `rows` is negative; there are fewer shards than ranks, or
            another number of parts than the rank has shards.
        TypeError: an argument is of another type.
    """
    comm = comm_or_world(comm, "average_gradients")
    parameters = parameters_of(model, "average_gradients")
    count = comm.size if shards is None and parts is None else _checked_shards(shards, comm, "average_gradients")
    if parts is None:
        if shards is not None:
            raise TypeError(
                "average_gradients: shards= needs parts=, the gradients of each shard apart. Write "
                "backward(model, loss, x, y, shards=8), which computes them"
            )
        own = 1 if rows is None else _checked_rows(rows, "average_gradients")
        parts = [Part(own, _present(parameters) if own else _if_any(parameters))]
    elif rows is not None:
        raise TypeError("average_gradients: rows= is for a rank that is not cut into shards. Each part has its own")
    _check_parts(parts, count, comm)
    averaged: dict[str, Any] = {}
    for dtype in sorted({parameter.dtype for parameter in parameters.values()}, key=str):
        of_dtype = {name: parameter for name, parameter in parameters.items() if parameter.dtype == dtype}
        averaged |= _averaged(of_dtype, dtype, parts, count, comm)
    for name, gradient in averaged.items():  # only now, when nothing can fail any more
        parameters[name].grad = gradient


def take_gradients(model: Any, rows: int) -> Part:
    """Return the gradients of one shard, and set those of the parameters to None for the next shard.

    Args:
        model: a model, an optimiser, or parameters in lists, tuples and dicts.
        rows: of the shard.

    Raises:
        ValueError: no parameter has a gradient, though the shard has rows.
    """
    parameters = parameters_of(model, "take_gradients")
    rows = _checked_rows(rows, "take_gradients")
    taken = Part(rows, _present(parameters) if rows else {})
    for parameter in parameters.values():
        parameter.grad = None
    return taken


def backward(
    model: Any,
    loss: Callable[..., Any],
    *arrays: Any,
    comm: Communicator | None = None,
    shards: int | None = None,
) -> Any:
    """Go backward through the mean loss of a whole batch, of which each rank computes its own rows.

    It does the work of `loss(*arrays).backward()`: afterwards the parameters of every rank have the gradient of the
    whole batch. Use it in a compiled step too.

        @tg.compile
        def step(x, y):
            optimizer.zero_grad()
            loss = tg.distributed.backward(model, lambda x, y: tg.cross_entropy(model(x), y), x, y, shards=8)
            optimizer.step()
            return loss

    Args:
        model: a model, an optimiser, or parameters in lists, tuples and dicts. None has a gradient yet.
        loss: a function of the rows of the arrays that returns their mean loss.
        arrays: the whole batch, the same on every rank, each of shape (rows, ...).
        comm: the ranks; None for all.
        shards: cut the batch into this number of shards, each of which is computed by itself. Then the result has the
            same bits for any number of ranks up to `shards`, and each rank computes shards // size of them. None for as
            many as there are ranks.

    Returns:
        The mean loss of the whole batch, an array without axes. A step that is compiled has it too.

    Raises:
        ValueError: a parameter has a gradient already, or there are fewer shards than ranks, or no rows.
        RuntimeError: see `average_gradients`.
    """
    comm = comm_or_world(comm, "backward")
    parameters = parameters_of(model, "backward")
    count = comm.size if shards is None else _checked_shards(shards, comm, "backward")
    length = length_of(arrays, "backward")
    if not length:
        raise ValueError("backward: the batch has no rows, so its loss has no mean")
    for name, parameter in parameters.items():
        if parameter.grad is not None:
            raise ValueError(f"backward: {name} has a gradient already. Call optimizer.zero_grad() before")
    spans = [part(length, number, count) for number in trees.own(comm.rank, comm.size, count)]
    weights = [span.stop - span.start for span in spans]
    if not any(weights):
        spans[0] = slice(0, 1)  # with a weight of 0: it shows which parameters have gradients
    parts, losses = [], []
    for span, rows in zip(spans, weights, strict=True):
        if span.start == span.stop:
            parts.append(Part(0, {}))
            losses.append(np.zeros(()))
            continue
        value = loss(*[array[span] for array in arrays])
        value.backward()
        parts.append(Part(rows, take_gradients(parameters, 1).gradients))
        losses.append(value.data.astype(np.float64))
    average_gradients(parameters, comm, shards=count, parts=parts)
    layout = layout_of(("the mean loss",))
    mean = collectives.averaged(
        np.stack(losses)[:, None], None, "backward", tuple(weights), count, layout, comm.name
    )  # fmt: skip
    return mean[0]


def total(values: Nest, comm: Communicator | None = None) -> Nest:
    """Return the sums over all ranks, such as those of metrics: the same bits on every rank.

    Call it on every rank, in a compiled step too.

    Args:
        values: a number, an array, or several in dicts, lists and tuples; Tensors that require no gradient, too.
        comm: the ranks; None for all.

    Returns:
        The same, with an array in place of each entry.

    Raises:
        TypeError: a Tensor requires a gradient, or an entry is no number.
        RuntimeError: the ranks have other shapes or dtypes.
    """
    comm = comm_or_world(comm, "total")
    arrays = [_summable(item) for item in tree_leaves(values)]
    sums: list[Any] = [None] * len(arrays)
    for dtype in sorted({array.dtype for array in arrays}, key=str):
        numbers = [number for number, array in enumerate(arrays) if array.dtype == dtype]
        flat = np.concatenate([np.reshape(arrays[number], -1) for number in numbers])
        layout = layout_of(tuple([f"entry {number}, {dtype}{arrays[number].shape}" for number in numbers]))
        flat = collectives.summed(flat, None, layout, comm.name)
        sizes = [arrays[number].size for number in numbers]
        for number, piece in zip(numbers, _cut(flat, sizes), strict=True):
            sums[number] = piece.reshape(arrays[number].shape)
    return filled(values, sums)


# --- one dtype --------------------------------------------------------------------------------------------------------


def _averaged(
    parameters: dict[str, Tensor], dtype: np.dtype[Any], parts: list[Part], count: int, comm: Communicator
) -> dict[str, Any]:
    """Return the mean gradients of the parameters of one dtype, by name; of those that have one."""
    given = [part for part in parts if any(name in part.gradients for name in parameters)]
    rows = tuple([part.rows for part in parts])
    call = "average_gradients"
    if not given and not any(rows):
        flat, lines = collectives.joined(wide(dtype), call, len(parts), count, comm.name)
        names = [line.rpartition(" as ")[0] for line in lines]
    else:
        names = [name for name in parameters if any(name in part.gradients for part in given)]
        layout = layout_of(tuple([f"{name} as {dtype}{parameters[name].shape}" for name in names]))
        flats = [_flat(part, names, parameters, wide(dtype)) for part in parts]
        buffer = flats[0].reshape(1, -1) if len(flats) == 1 else np.stack(flats)
        flat = collectives.averaged(buffer, None, call, rows, count, layout, comm.name)
    pieces = _cut(flat, [parameters[name].size for name in names])
    return {
        name: _as_gradient(piece, parameters[name]) for name, piece in zip(names, pieces, strict=True)
    }  # fmt: skip


def _flat(part: Part, names: list[str], parameters: dict[str, Tensor], dtype: Any) -> Any:
    """Return a shard's gradients in one buffer; zeros for those of a shard without rows."""
    gradients = [
        part.gradients[name] if name in part.gradients else np.zeros(parameters[name].shape, dtype) for name in names
    ]
    if not gradients:
        return np.zeros(0, dtype)
    flat = np.concatenate([np.reshape(gradient, -1) for gradient in gradients])
    return flat if flat.dtype == dtype else flat.astype(dtype)


def _as_gradient(piece: Any, parameter: Tensor) -> Any:
    gradient = piece.reshape(parameter.shape)
    return gradient if gradient.dtype == parameter.dtype else gradient.astype(parameter.dtype)


def _cut(flat: Any, sizes: list[int]) -> list[Any]:
    ends = np.cumsum([0, *sizes]).tolist()
    return [flat[start:stop] for start, stop in pairwise(ends)]


# --- the gradients that are there -------------------------------------------------------------------------------------


def _if_any(parameters: dict[str, Tensor]) -> dict[str, Any]:
    """Return the gradients of the parameters that have one."""
    found = {name: parameter.grad for name, parameter in parameters.items() if parameter.grad is not None}
    return {name: gradient.data if isinstance(gradient, Tensor) else gradient for name, gradient in found.items()}


def _present(parameters: dict[str, Tensor]) -> dict[str, Any]:
    found = _if_any(parameters)
    if not found:
        raise ValueError("average_gradients: no parameter has a gradient. Call loss.backward() before")
    return found


# --- checks -----------------------------------------------------------------------------------------------------------


def _checked_rows(rows: Any, call: str) -> int:
    try:
        count = operator.index(rows)
    except TypeError:
        raise TypeError(f"{call}: rows= must be a whole number, got {type(rows).__name__}. Write rows=len(x)") from None
    if count < 0:
        raise ValueError(f"{call}: rows= must be at least 0, got {count}")
    return count


def _checked_shards(shards: Any, comm: Communicator, call: str) -> int:
    if isinstance(shards, bool) or not isinstance(shards, int | np.integer):
        raise TypeError(f"{call}: shards= must be a whole number, got {shards!r}")
    if shards < comm.size:
        raise ValueError(f"{call}: {shards} shards leave some of the {comm.size} ranks without any. Use more shards")
    return int(shards)


def _check_parts(parts: list[Part], count: int, comm: Communicator) -> None:
    own = len(trees.own(comm.rank, comm.size, count))
    if len(parts) != own:
        raise ValueError(
            f"average_gradients: rank {comm.rank} has {own} of {count} shards, and {len(parts)} parts are given"
        )
    names = {frozenset(part.gradients) for part in parts if part.rows}
    if len(names) > 1:
        odd = sorted(frozenset.union(*names) - frozenset.intersection(*names))
        raise ValueError(f"average_gradients: {odd[0]} has a gradient in some shards only. Compute the same in each")
    if is_tracing() and not any(part.gradients for part in parts):
        raise ValueError("average_gradients: a compiled step for no rows has no gradients. Call it without tg.compile")


def _summable(item: Any) -> Any:
    if isinstance(item, Tensor):
        if item.requires_grad:
            raise TypeError("total: a Tensor would lose its gradient here. Give its values, t.detach()")
        item = item.data
    array = item if hasattr(item, "dtype") else np.asarray(item)
    if array.dtype.kind not in "iufc":
        raise TypeError(f"total: numbers are added up, got dtype {array.dtype}. Write x.astype(int) for a mask")
    return array

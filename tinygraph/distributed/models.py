"""Models: what may be trained on several ranks, and the same values on all of them at the start."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tinygraph.distributed.communicator import Communicator
from tinygraph.distributed.groups import group_of, layout_of
from tinygraph.distributed.world import comm_or_world
from tinygraph.engine.modes import is_tracing
from tinygraph.engine.tensor import Tensor
from tinygraph.errors import UnsupportedError
from tinygraph.nests import entries

__all__ = ["broadcast", "check", "parameters_of"]


def check(model: Any, comm: Communicator | None = None) -> None:
    """Refuse a model whose training on several ranks would not be that of one process with the whole batch.

    Such a model has a BatchNormalization: each rank would take the mean and the variance of its own rows. One that is
    frozen, `layer.trainable = False`, uses its moving statistics, and is not refused.

    Args:
        model: a model with `modules()`; anything else passes.
        comm: the ranks; None for all. A single rank trains any model.

    Raises:
        UnsupportedError: names the layer.
    """
    if comm_or_world(comm, "check").size == 1:
        return
    for layer in _modules(model):
        kinds = {kind.__name__ for kind in type(layer).__mro__}
        if "BatchNormalization" in kinds and getattr(layer, "trainable", True):
            raise UnsupportedError(
                f'distributed: {type(layer).__name__} "{layer.name}" would take the mean of the rows of each rank, and '
                "not that of the whole batch. Use LayerNormalization or GroupNormalization, or freeze it, "
                f"{layer.name}.trainable = False"
            )


def broadcast(model: Any, *others: Any, comm: Communicator | None = None) -> None:
    """Give the Tensors of every rank the values of rank 0: the weights, and what optimisers keep.

    Call it on every rank, once the layers have their weights and before the first step. Random generators, such as
    those of Dropout, stay as they are. The model is checked, see `check`.

    Args:
        model: a model, or Tensors in lists, tuples and dicts.
        others: more of these, and optimisers.
        comm: the ranks; None for all.

    Raises:
        RuntimeError: the Tensors of the ranks have different names, shapes or dtypes. No value has changed.
        ValueError: there are no Tensors, or a layer has no weights before its first batch.
        UnsupportedError: see `check`, or the call stands in a function that is being compiled.
    """
    comm = comm_or_world(comm, "broadcast")
    if is_tracing():
        raise UnsupportedError("broadcast: it belongs before the first step, and not into a compiled function")
    check(model, comm)
    tensors = [(name, tensor) for item in (model, *others) for name, tensor in _tensors(item, "broadcast").items()]
    if not tensors:
        raise ValueError("broadcast: there are no Tensors. Give a model that has seen a batch, or its parameters()")
    group = group_of(comm.name)
    group.meet("broadcast", len(tensors), layout_of(tuple([_line(name, tensor) for name, tensor in tensors])))
    values = [np.ascontiguousarray(tensor.numpy()) for _, tensor in tensors]
    buffer = np.concatenate([value.reshape(-1).view(np.uint8) for value in values])
    group.broadcast_bytes(buffer)
    if comm.rank == 0:
        return
    start = 0
    for (_, tensor), value in zip(tensors, values, strict=True):
        part = buffer[start : start + value.nbytes]
        tensor.assign(part.view(value.dtype).reshape(tensor.shape).copy())
        start += value.nbytes


def parameters_of(model: Any, call: str) -> dict[str, Tensor]:
    """Return the parameters of a model, or the Tensors in a nest, by their names.

    Raises:
        ValueError: there are none, or a layer has no weights yet.
        TypeError: something in the nest is no Tensor.
    """
    if hasattr(model, "named_parameters"):
        _check_built(model, call)
        found: dict[str, Tensor] = model.named_parameters()
    elif isinstance(getattr(model, "parameters", None), Mapping):  # an optimiser
        found = dict(model.parameters)
    else:
        found = _of_nest(model, call)
    if not found:
        raise ValueError(f"{call}: there are no parameters. Give a model that has seen a batch, or its parameters()")
    return found


def _line(name: str, tensor: Tensor) -> str:
    return f"{name} as {tensor.dtype}{tensor.shape}"


def _tensors(item: Any, call: str) -> dict[str, Tensor]:
    """Return all Tensors of a model, an optimiser or a nest, by name."""
    if hasattr(item, "tensors"):
        _check_built(item, call)
        return dict(item.tensors())
    if isinstance(getattr(item, "state", None), Mapping):  # an optimiser
        return dict(item.state)
    return _of_nest(item, call)


def _of_nest(structure: Any, call: str) -> dict[str, Tensor]:
    found = dict(entries(structure))
    for path, item in found.items():
        if not isinstance(item, Tensor):
            raise TypeError(
                f"{call}: {path or 'the argument'} must be a model, an optimiser or a Tensor, got {type(item).__name__}"
            )
    return found


def _modules(model: Any) -> Iterable[Any]:
    return model.modules() if hasattr(model, "modules") else ()


def _check_built(model: Any, call: str) -> None:
    for layer in _modules(model):
        if not getattr(layer, "built", True):
            raise ValueError(
                f'{call}: {type(layer).__name__} "{layer.name}" has no weights before its first batch. Call the model '
                "once, on data of the right shape"
            )

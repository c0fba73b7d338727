"""Masks on their way through a network: they say which steps of a sequence count."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable
from typing import Any

from tinygraph.engine.nested import mapped
from tinygraph.nn.calling import calling

__all__ = ["call_with_mask", "with_masks"]


def call_with_mask(
    layer: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], masks: tuple[Any, Any]
) -> Any:
    """Call a layer with the masks of its batches, if it asks for them.

    A layer that is called with one batch gets its mask as `mask`. One that is called with several gets that of each as
    `query_mask` and the like, after the name of the argument, as in Keras.

    Args:
        layer: a layer, or any other function.
        args, kwargs: the arguments; the first is the batch.
        masks: the mask of each leaf of `args` and of `kwargs`, in their nests: True where it counts, or None.

    Returns:
        The result, and its mask or None.
    """
    of_args, of_kwargs = masks
    mask = of_args[0] if of_args else None
    if _any_mask((of_args, of_kwargs)):
        kwargs = {**kwargs, **_asked(layer, args, kwargs, of_args, of_kwargs)}
    if getattr(layer, "makes_masks", False):
        result, found = with_masks(lambda: layer(*args, **kwargs))
        return result, found[0] if len(found) == 1 else found or None
    result = layer(*args, **kwargs)
    if hasattr(layer, "compute_mask"):
        return result, layer.compute_mask(args[0], mask)
    if not _any_mask(mask):
        return result, None
    if getattr(layer, "supports_masking", False):
        return result, mask
    warnings.warn(f"{getattr(layer, 'name', layer)} does not hand the mask of its batch on", stacklevel=2)
    return result, None


def _any_mask(nest: Any) -> bool:
    if isinstance(nest, list | tuple):
        return any([_any_mask(item) for item in nest])
    if isinstance(nest, dict):
        return any([_any_mask(item) for item in nest.values()])
    return nest is not None


def _asked(layer: Any, args: Any, kwargs: Any, of_args: Any, of_kwargs: Any) -> dict[str, Any]:
    """Return the masks that a layer has arguments for, by the names of these arguments."""
    names = _arguments(getattr(type(layer), "call", layer))
    given = {**dict(zip(names, zip(args, of_args, strict=True), strict=False)),
             **{name: (item, of_kwargs[name]) for name, item in kwargs.items()}}  # fmt: skip
    batches = {name: mask for name, (item, mask) in given.items() if _has_arrays(item)}
    if len(batches) == 1:
        wanted = {"mask": next(iter(batches.values()))}
    else:
        wanted = {f"{name}_mask": mask for name, mask in batches.items()}
    return {name: mask for name, mask in wanted.items() if name in names and name not in given and _any_mask(mask)}


def _has_arrays(nest: Any) -> bool:
    found: list[bool] = []
    mapped(nest, lambda item: found.append(hasattr(item, "shape") and hasattr(item, "dtype")))
    return any(found)


def with_masks(call: Callable[[], Any]) -> tuple[Any, list[Any]]:
    """Call a model, and return its result and the masks of its outputs."""
    before, calling.masks = calling.masks, []
    try:
        result = call()
        return result, calling.masks
    finally:
        calling.masks = before


@functools.cache
def _arguments(call: Callable[..., Any]) -> tuple[str, ...]:
    """Return the names of the arguments of a layer's `call`."""
    return tuple([name for name in inspect.signature(call).parameters if name != "self"])

"""Masks on their way through a network: they say which steps of a sequence count."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable
from typing import Any

from tinygraph.nn.calling import calling

__all__ = ["call_with_mask", "with_masks"]


def call_with_mask(layer: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], mask: Any) -> Any:
    """Call a layer with the mask of its batch, if it asks for one.

    Args:
        layer: a layer, or any other function.
        args, kwargs: the arguments; the first is the batch.
        mask: the mask of the batch, True where it counts, or None; a list of them for a list of batches.

    Returns:
        The result, and its mask or None.
    """
    masked = any([item is not None for item in mask]) if isinstance(mask, list) else mask is not None
    if masked and "mask" not in kwargs and _asks(getattr(type(layer), "call", layer)):
        kwargs = {**kwargs, "mask": mask}
    if getattr(layer, "makes_masks", False):
        result, masks = with_masks(lambda: layer(*args, **kwargs))
        return result, masks[0] if len(masks) == 1 else masks or None
    result = layer(*args, **kwargs)
    if hasattr(layer, "compute_mask"):
        return result, layer.compute_mask(args[0], mask)
    if not masked:
        return result, None
    if getattr(layer, "supports_masking", False):
        return result, mask
    warnings.warn(f"{getattr(layer, 'name', layer)} does not hand the mask of its batch on", stacklevel=2)
    return result, None


def with_masks(call: Callable[[], Any]) -> tuple[Any, list[Any]]:
    """Call a model, and return its result and the masks of its outputs."""
    before, calling.masks = calling.masks, []
    try:
        result = call()
        return result, calling.masks
    finally:
        calling.masks = before


@functools.cache
def _asks(call: Callable[..., Any]) -> bool:
    return "mask" in inspect.signature(call).parameters

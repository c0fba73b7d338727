"""Functions without weights as layers: any function, none at all, another scale, a mask for steps of padding."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tinygraph.engine.tensor import Tensor
from tinygraph.nn.layer import Layer

__all__ = ["Identity", "Lambda", "Masking", "Rescaling"]


class Identity(Layer):
    """The batch as it is.

    Args:
        name: see `Layer`.
    """

    supports_masking = True

    def call(self, x: Any) -> Any:
        """See the class."""
        return x


class Lambda(Layer):
    """A function of yours as a layer: `Lambda(lambda x: x**2)`.

    Args:
        function: a function of the batch. If it has arguments `mask` or `training`, it gets them.
        output_shape: the shape of a result without its first axis; the layer needs no telling, and ignores it.
        mask: the mask of the result: an array, or a function of the batch and its mask.
        arguments: further keyword arguments of the function.
        name: see `Layer`.

    Raises:
        TypeError: `function` is not a function.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Any = None,
        mask: Any = None,
        arguments: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if not callable(function):
            raise TypeError(f"Lambda: function must be a function, got {function!r}. Write Lambda(lambda x: x**2), say")
        self.function = function
        self.output_shape = output_shape
        self.mask = mask
        self.arguments = dict(arguments or {})
        self._asks = tuple([name for name in ("mask", "training") if name in _arguments(function)])

    def call(self, x: Any, mask: Any = None) -> Any:
        """See the class."""
        known = {"mask": mask, "training": self.training}
        return self.function(x, **self.arguments, **{name: known[name] for name in self._asks})

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        """Return the mask of the result."""
        return self.mask(x, mask) if callable(self.mask) else self.mask


def _arguments(function: Callable[..., Any]) -> Any:
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):  # some functions in C have none
        return ()


class Rescaling(Layer):
    """x · scale + offset: pixels from 0 to 255 as numbers from 0 to 1 with `Rescaling(1 / 255)`.

    Args:
        scale, offset: numbers, or arrays that broadcast with an example.
        name, dtype: see `Layer`. Whole numbers are computed with in float32 unless `dtype` says otherwise.
    """

    supports_masking = True

    def __init__(self, scale: Any, offset: Any = 0.0, **options: Any) -> None:
        super().__init__(**options)
        self.scale = scale
        self.offset = offset

    def call(self, x: Any) -> Any:
        """See the class."""
        x = self._floating(x)
        scale, offset = (np.asarray(item, x.dtype) for item in (self.scale, self.offset))
        return x * scale + offset if offset.ndim or self.offset else x * scale


class Masking(Layer):
    """Mark the steps of sequences that are padding: all their features are `mask_value`. Their features become 0.

    Args:
        mask_value: the number that stands for padding.
        name, dtype: see `Layer`.

    Called on x of shape (batch, steps, features) it returns that shape. Layers behind it get the mask, of shape (batch,
    steps), True where a step counts.

    Raises:
        ShapeError: a batch has no axis of features.
    """

    supports_masking = True

    def __init__(self, mask_value: float = 0.0, **options: Any) -> None:
        super().__init__(**options)
        self.mask_value = mask_value

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        """Return True for the steps that count."""
        return np.any((x.data if isinstance(x, Tensor) else x) != self.mask_value, axis=-1)

    def call(self, x: Any) -> Any:
        """See the class."""
        x = self._floating(x)
        if not x.shape:
            raise self.misfit("a batch needs an axis of features, got a single number")
        return np.where(self.compute_mask(x)[..., None], x, x.dtype.type(0))

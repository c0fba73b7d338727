"""Symbols: steps that NumPy code can be run on, so that a rewrite writes a formula as it stands in a book."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.steps import Step
from tinygraph.derivatives.shapes import astype
from tinygraph.engine.nested import mapped

__all__ = ["Symbol"]

Shape = tuple[int, ...]


class Symbol(np.lib.mixins.NDArrayOperatorsMixin):
    """A step that NumPy code can be run on: each call appends a step."""

    __slots__ = ("builder", "like", "step")

    def __init__(self, builder: Builder, like: Step, step: Step) -> None:
        self.builder = builder
        self.like = like
        self.step = step

    @property
    def shape(self) -> Shape:
        """The shape, as that of an array."""
        return self.step.shape

    @property
    def ndim(self) -> int:
        """The number of axes, as that of an array."""
        return len(self.step.shape)

    @property
    def dtype(self) -> Any:
        """The dtype, as that of an array."""
        return self.step.dtype

    def _call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Symbol:
        args, kwargs = mapped((args, kwargs), lambda item: item.step if type(item) is Symbol else item)
        if isinstance(function, np.ufunc) or function is np.where:
            # A plain array is a step, too: blocks are taken of it like of any other.
            args = tuple([
                self.builder.constant(self.like, item) if type(item) is np.ndarray and item.shape else item
                for item in args
            ])  # fmt: skip
        return Symbol(self.builder, self.like, self.builder.call(self.like, function, *args, **kwargs))

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        return self._call(ufunc if method == "__call__" else getattr(ufunc, method), *args, **kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return self._call(function, *args, **kwargs)

    def __getitem__(self, index: Any) -> Symbol:
        return self._call(operator.getitem, self, index)

    def through(self, check: Callable[..., Any], *args: Any) -> Symbol:
        """Append the call of a function that gives its first argument back."""
        like = self.like
        step = Step(
            0, check, (self.step, *args), {}, self.shape, self.dtype, None, like.scope, source=like.source,
            section=like.section, origin=like.origin,
        )  # fmt: skip
        return Symbol(self.builder, like, self.builder.add(step))

    def astype(self, dtype: Any) -> Symbol:
        """Return the symbol in a dtype, as an array's method does."""
        return self if self.dtype == dtype else self._call(astype, self, np.dtype(dtype))

    def reshape(self, shape: Shape) -> Symbol:
        """Return the symbol in a shape, as an array's method does."""
        return self if self.shape == tuple(shape) else self._call(np.reshape, self, tuple(shape))

"""Result types: the shape and dtype of a call's result, from those of its arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.compiler.program.facts import REDUCTIONS, facts_of
from tinygraph.compiler.program.steps import is_node
from tinygraph.derivatives.reductions import reduced_axes
from tinygraph.engine.nested import mapped

__all__ = ["dtype_of", "result_of", "shape_of", "ufunc_dtype"]

Shape = tuple[int, ...]


def shape_of(item: Any) -> Shape:
    """Return the shape of an argument."""
    return item.shape if hasattr(item, "shape") else np.shape(item)


def dtype_of(item: Any) -> Any:
    """Return the dtype of an argument; for a Python number its type, which gives way to an array's dtype."""
    return item.dtype if hasattr(item, "dtype") else type(item)


def ufunc_dtype(function: np.ufunc, args: tuple[Any, ...]) -> np.dtype[Any]:
    """Return the dtype of an elementwise function's result. Python numbers give way to arrays."""
    kinds = [dtype_of(item) for item in args]
    if all(not isinstance(kind, np.dtype) for kind in kinds):
        kinds = [np.asarray(item).dtype for item in args]
    kinds = [np.dtype(bool) if kind is bool else kind for kind in kinds]
    return function.resolve_dtypes((*kinds, *[None] * function.nout))[-1]


def result_of(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Shape, Any]:
    """Return the shape and dtype of a call's result, from those of its arguments."""
    if isinstance(function, np.ufunc) and function.signature is None and not kwargs:
        return np.broadcast_shapes(*[shape_of(item) for item in args]), ufunc_dtype(function, args)
    if function in _PRODUCTS and not kwargs and len(args) == 2 and _are_matrices(function, *map(shape_of, args)):
        (*before, rows, _), (*others, _, columns) = map(shape_of, args)
        return (*np.broadcast_shapes(tuple(before), tuple(others)), rows, columns), ufunc_dtype(np.matmul, args)
    if function in REDUCTIONS:
        return _reduced(function, *args, **kwargs)
    if function is np.where:
        shape = np.broadcast_shapes(*[shape_of(item) for item in args])
        kinds = [item.dtype if hasattr(item, "dtype") else item for item in args[1:]]
        return shape, np.result_type(*kinds)
    # What is left is tried out, with arrays that stand for shapes and dtypes: one number, repeated, takes no memory. A
    # table of one row has place 0 alone.
    number = 0 if facts_of(function).places_in is not None else 1

    def stand_in(item: Any) -> Any:
        if not is_node(item):
            return item
        return np.broadcast_to(np.array(number if item.dtype.kind in "iu" else 1, item.dtype), item.shape)

    stand_ins = mapped((args, kwargs), stand_in)
    result = function(*stand_ins[0], **stand_ins[1])
    return result.shape, result.dtype


# Large ones took a seventh of the time of compiling an LSTM when they were tried out.
_PRODUCTS = frozenset((np.matmul, np.dot))


def _are_matrices(product: Callable[..., Any], a: Shape, b: Shape) -> bool:
    """Return whether two shapes are those of matrices that have a product, or for `matmul` of stacks of them."""
    if len(a) < 2 or len(b) < 2 or a[-1] != b[-2]:
        return False
    if len(a) == len(b) == 2:
        return True
    return product is np.matmul and all(n == m or 1 in (n, m) for n, m in zip(a[-3::-1], b[-3::-1], strict=False))


def _reduced(
    function: Callable[..., Any], a: Any, axis: Any = None, keepdims: bool = False, **kwargs: Any
) -> tuple[Shape, Any]:
    small: Any = np.ones((1,) * len(a.shape), a.dtype)
    dtype = np.asarray(function(small, axis=axis, keepdims=keepdims)).dtype
    axes = reduced_axes(axis, len(a.shape))
    if keepdims:
        return tuple([1 if axis in axes else size for axis, size in enumerate(a.shape)]), dtype
    return tuple([size for axis, size in enumerate(a.shape) if axis not in axes]), dtype

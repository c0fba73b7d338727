"""NumPy's functions that call a function for each element, vector or part: its results may be Tensors."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.derivatives import functional
from tinygraph.engine.memory import as_writable
from tinygraph.engine.operands import array_of, has_tensors, plain, tensors_in
from tinygraph.engine.orders import laid_out, layout_of_elementwise
from tinygraph.errors import UnsupportedError

__all__ = ["apply_along_axis", "apply_over_axes", "piecewise", "vectorize"]


def _or_written_out(function: Callable[..., Any], written_out: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of NumPy's, which is written out with others where a Tensor comes in by the called function."""

    @functools.wraps(function)
    def call(*args: Any, **keywords: Any) -> Any:
        try:
            return function(*args, **keywords)
        except UnsupportedError:
            return written_out(*args, **keywords)

    return call


apply_along_axis = _or_written_out(np.apply_along_axis, functional.apply_along_axis)
apply_over_axes = _or_written_out(np.apply_over_axes, functional.apply_over_axes)
piecewise = _or_written_out(np.piecewise, functional.piecewise)


class vectorize:  # noqa: N801 - NumPy's name
    """See `numpy.vectorize`. The function is called for each element, with Tensors where there are Tensors."""

    def __init__(self, pyfunc: Any = np._NoValue, *args: Any, **keywords: Any) -> None:
        self._settings = args, keywords
        self._plainly = np.vectorize(pyfunc, *args, **keywords)
        self._decorates = pyfunc is np._NoValue
        self.__doc__ = self._plainly.__doc__
        self.__name__ = getattr(pyfunc, "__name__", "vectorize")
        self.__wrapped__ = pyfunc

    def __getattr__(self, name: str) -> Any:
        return getattr(self._plainly, name)

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """Call the function for each element of the arguments, broadcast against each other."""
        if self._decorates:
            settings, named = self._settings
            return vectorize(args[0], *settings, **named)
        if not any([tensor._link.differentiable for tensor in tensors_in((args, keywords))]):
            try:
                made = self._plainly(*plain(args), **plain(keywords))
            except UnsupportedError:  # a Tensor comes from elsewhere, and NumPy would lose its gradient
                return self._with_tensors(args, keywords)
            return tuple(map(as_writable, made)) if isinstance(made, tuple) else as_writable(made)
        return self._with_tensors(args, keywords)

    def _with_tensors(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """Call the function for each element, and stack the results."""
        excluded = self._plainly.excluded
        keys: list[Any] = [place for place in range(len(args)) if place not in excluded]
        keys += [name for name in keywords if name not in excluded]
        given: dict[Any, Any] = {**dict(enumerate(args)), **keywords}
        arrays = [array_of(given[key]) for key in keys]
        cores = _core_axes(self._plainly.signature, len(arrays))
        loops = [array.shape[: array.ndim - core] for array, core in zip(arrays, cores, strict=True)]
        around = np.broadcast_shapes(*loops)
        arrays = [
            np.broadcast_to(array, (*around, *array.shape[array.ndim - core :]))
            for array, core in zip(arrays, cores, strict=True)
        ]
        lies = None if self._plainly.signature else layout_of_elementwise(arrays)
        results = []
        for place in np.ndindex(around):
            given.update(zip(keys, [array[place] for array in arrays], strict=True))
            positional = [given[at] for at in range(len(args))]
            results.append(self._plainly.pyfunc(*positional, **{name: given[name] for name in keywords}))
        if not results:
            raise ValueError("vectorize: there are no elements, and the shape of the results is not known")
        if not isinstance(results[0], tuple):
            return self._gathered(results, around, 0, lies)
        columns = enumerate(zip(*results, strict=True))
        return tuple([self._gathered(list(column), around, at, lies) for at, column in columns])

    def _gathered(self, results: list[Any], around: tuple[int, ...], at: int, lies: Any) -> Any:
        """Return the results of all calls as one array, of the dtype that was asked for, which lies in memory as one.

        Args:
            results: of the calls, in C order.
            around: the shape of the loop.
            at: the number of the result among those of a call.
            lies: an array; None for C order.
        """
        stacked = np.stack([array_of(item) for item in results])
        made = np.reshape(stacked, (*around, *stacked.shape[1:]))
        otypes = self._plainly.otypes
        if otypes is not None and np.dtype(otypes[at]) != made.dtype and otypes[at] != "O":
            made = made.astype(otypes[at])
        made = laid_out(made, "K", lies) if lies is not None else made
        return made if has_tensors(made) else as_writable(made)


def _core_axes(signature: str | None, count: int) -> list[int]:
    """Return the number of axes of each argument that the function takes whole: "(n),(m,n)->(m)" has 1 and 2."""
    if signature is None:
        return [0] * count
    groups = re.findall(r"\(([^)]*)\)", signature.split("->")[0])
    return [len([name for name in group.split(",") if name.strip()]) for group in groups]

"""Calls of ufuncs that say more than which function: keywords, and methods such as `np.add.reduce`."""

from __future__ import annotations

import operator
from collections.abc import Callable
from types import FrameType
from typing import Any

import numpy as np

from tinygraph.derivatives.ufunc_methods import method_of
from tinygraph.derivatives.writing import at_of
from tinygraph.engine.data import on_data
from tinygraph.engine.modes import is_tracing
from tinygraph.engine.operands import array_of, has_tensors, plain, tensors_in
from tinygraph.engine.record import call_function, call_operator, compose, into, record_call
from tinygraph.engine.refusing import lost_in_array
from tinygraph.engine.table import Operation, function_name, is_plain, operation_of
from tinygraph.errors import UnsupportedError
from tinygraph.users_code.source import users_line

_NOT_GIVEN = getattr(np, "_NoValue", None)


def call_ufunc(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any], frame: FrameType) -> Any:
    """Call a ufunc with keywords, or one of its methods, on arguments among which there are Tensors.

    Raises:
        UnsupportedError: the call would write into an array, or has no derivative here.
    """
    result = on_data(ufunc, ufunc if method == "__call__" else getattr(ufunc, method), inputs, kwargs)
    if result is not NotImplemented:
        return result
    if method == "__call__" and not kwargs:
        return _call_plainly(ufunc, inputs, frame)
    name = function_name(ufunc)
    if method == "at":
        return compose(f"{name}.at", at_of(ufunc), inputs, kwargs, frame)
    if is_plain(ufunc) and not has_tensors(kwargs.get("out", ())):
        return getattr(ufunc, method)(*plain(inputs), **plain(kwargs))
    where = kwargs.get("where", True)
    masked = method == "__call__" and where is not True and where is not _NOT_GIVEN
    if any(item is not None for item in kwargs.get("out", ())) and not (
        masked and type(kwargs["out"][0]) is np.ndarray
    ):
        rest = {key: item for key, item in kwargs.items() if key != "out" and (masked or item is not _NOT_GIVEN)}
        if masked or (method == "__call__" and "casting" in kwargs):
            _loop_dtypes(ufunc, inputs, kwargs)
        if masked and is_tracing():
            where = plain(rest.pop("where"))
            computed = call_ufunc(ufunc, method, inputs, rest, frame).astype(kwargs["out"][0].dtype)
            return into(kwargs["out"], np.where(where, computed, kwargs["out"][0]), ufunc, frame)
        if masked:  # the others stay what they are in `out`
            rest["out"] = (np.asarray(plain(kwargs["out"][0])),)
            return into(kwargs["out"], _masked_into(ufunc, inputs, rest, kwargs["out"][0], frame), ufunc, frame)
        return into(kwargs["out"], call_ufunc(ufunc, method, inputs, rest, frame), ufunc, frame)
    if method != "__call__":
        written_out = method_of(ufunc, method)
        if written_out is None:
            raise UnsupportedError(
                f"{name}.{method}: tinygraph has no derivative for this method of a ufunc ({users_line()}). Write it "
                "with a loop, or with other functions; or give it t.data if the values alone are meant"
            )
        return compose(f"{name}.{method}", written_out, inputs, kwargs, frame)
    op = operation_of(ufunc)
    if masked:
        if "out" in kwargs and frame.f_globals.get("__name__", "").partition(".")[0] in ("numpy", "scipy"):
            raise lost_in_array(f"{name}, with out= and where=", tensors_in(inputs))  # it does not read what we return
        return _masked(op, ufunc, inputs, dict(kwargs), frame)
    if {"axes", "axis", "keepdims"} & kwargs.keys():
        return compose(name, _placed(ufunc), inputs, kwargs, frame)
    if op is None:
        return call_function(ufunc, inputs, kwargs, frame)
    if kwargs.get("dtype") is not None:
        return compose(name, _computed_in(op, ufunc, frame), inputs, kwargs, frame)
    return record_call(op, ufunc, inputs, kwargs, frame)


def _call_plainly(ufunc: np.ufunc, inputs: tuple[Any, ...], frame: FrameType) -> Any:
    """Call a ufunc on its operands alone. Return NotImplemented beside an object that has operators of its own."""
    op = operation_of(ufunc)
    if op is None or len(inputs) > 2:
        return call_function(ufunc, inputs, {}, frame)
    if len(inputs) == 2:
        return call_operator(ufunc, ufunc, *inputs, frame)
    return record_call(op, ufunc, inputs, {}, frame)


def _computed_in(op: Operation, ufunc: np.ufunc, frame: FrameType) -> Callable[..., Any]:
    """Return a ufunc that computes in a given dtype, with its operands converted to it for the rules."""

    def written_out(*operands: Any, dtype: Any, casting: Any = "same_kind", **keywords: Any) -> Any:
        dtype = np.dtype(dtype)
        if dtype.kind not in "fc":  # integers: a step function, as `np.floor` is
            return ufunc(*plain(operands), dtype=dtype, casting=casting, **plain(keywords))

        keywords.update(dtype=dtype, casting=casting)
        converted = _converted(op, operands, _loop_dtypes(ufunc, operands, keywords))
        return record_call(op, ufunc, converted, keywords, frame)

    return written_out


def _converted(op: Operation, operands: tuple[Any, ...], dtypes: tuple[np.dtype[Any], ...]) -> tuple[Any, ...]:
    """Return operands in the dtypes that a ufunc computes with, where a rule will carry a gradient back."""
    rules = (*op.rules, *[None] * len(operands))
    return tuple([
        item.astype(dtype) if rule is not None and has_tensors(item) and item.dtype != dtype else item
        for item, rule, dtype in zip(operands, rules, dtypes, strict=False)
    ])  # fmt: skip


def _placed(ufunc: np.ufunc) -> Callable[..., Any]:
    """Return a ufunc of vectors or matrices that lie along given axes: it moves the axes to the end, and back."""

    def written_out(*operands: Any, axes: Any = None, axis: Any = None, keepdims: bool = False, **keywords: Any) -> Any:
        arrays = [array_of(item) for item in operands]
        # NumPy says whether these axes fit the arrays.
        ufunc(*[np.ones(item.shape) for item in arrays], **_given(axes=axes, axis=axis, keepdims=keepdims or None))
        if axis is not None:
            axes = [(axis,)] * len(arrays)
        if axes is not None:
            axes = [tuple(item) if isinstance(item, tuple | list) else (operator.index(item),) for item in axes]
            arrays = [np.moveaxis(item, at, range(-len(at), 0)) for item, at in zip(arrays, axes, strict=False)]
        result = ufunc(*arrays, **keywords)
        of_result = axes[len(arrays)] if axes is not None and len(axes) > len(arrays) else ()
        if keepdims:
            # What is summed away stands along `axis=`, or else where `axes=` puts the result: by default at the end.
            at = of_result or (axes[0] if axis is not None and axes is not None else (-1,))
            return np.expand_dims(result, at)
        return np.moveaxis(result, range(-len(of_result), 0), of_result) if of_result else result

    return written_out


def _given(**keywords: Any) -> dict[str, Any]:
    return {key: item for key, item in keywords.items() if item is not None}


def _masked_into(ufunc: np.ufunc, inputs: tuple[Any, ...], kwargs: dict[str, Any], out: Any, frame: FrameType) -> Any:
    """f(inputs) where the mask holds, and elsewhere what a Tensor holds."""
    mask = kwargs["where"]
    return call_function(np.where, (plain(mask), call_ufunc(ufunc, "__call__", inputs, kwargs, frame), out), {}, frame)


def _masked(
    op: Operation | None, ufunc: np.ufunc, inputs: tuple[Any, ...], kwargs: dict[str, Any], frame: FrameType
) -> Any:
    """f(inputs) where the mask holds, and elsewhere what stands in `out`, a plain array that is not written into."""
    name = function_name(ufunc)
    mask = plain(kwargs.pop("where"))
    out = (kwargs.pop("out", None) or (None,))[0]
    if op is None or type(out) is not np.ndarray:
        raise UnsupportedError(
            f"{name}: where= leaves the other elements undefined; give them values with out=, a plain array, or use "
            f"np.where(mask, {'scipy' if '.' in name else 'np'}.{name}(...), otherwise)"
        )
    *dtypes, computed = _loop_dtypes(ufunc, inputs, {**kwargs, "out": (out,)})
    filled = (out.real if computed.kind == "f" else out).astype(computed if computed.kind in "fc" else out.dtype)

    def compute(*arrays: Any, **keywords: Any) -> Any:
        if is_tracing():
            return np.where(mask, ufunc(*arrays, **keywords), filled)
        return ufunc(*arrays, where=mask, out=filled.copy(), **keywords)

    def written_out(*operands: Any, **keywords: Any) -> Any:
        if "dtype" in keywords:
            operands = _converted(op, operands, tuple(dtypes))
        result = record_call(op, compute, operands, keywords, frame)
        return np.where(mask, result if result.dtype == out.dtype else result.astype(out.dtype), out)

    return compose(name, written_out, inputs, kwargs, frame)


def _loop_dtypes(ufunc: np.ufunc, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[np.dtype[Any], ...]:
    """Return the dtypes that NumPy converts the operands to, and that it computes the result in.

    Raises:
        TypeError: NumPy's own, where it refuses the operands; or the result does not fit into `out=`.
    """
    given = [type(item) if type(item) in (int, float, complex) else array_of(plain(item)).dtype for item in inputs]
    casting = kwargs.get("casting", "same_kind")
    keywords: dict[str, Any] = {"casting": casting}
    if kwargs.get("dtype") is not None:
        keywords["signature"] = (*[None] * ufunc.nin, *[np.dtype(kwargs["dtype"])] * ufunc.nout)
    found = ufunc.resolve_dtypes((*given, *[None] * ufunc.nout), **keywords)
    for result, out in zip(found[ufunc.nin :], kwargs.get("out", ()), strict=False):
        if out is not None and not np.can_cast(result, out.dtype, casting):
            raise TypeError(f"{function_name(ufunc)}: a result of dtype {result} does not fit into out= of {out.dtype}")
    return found

"""tinygraph's own functions written out with NumPy's, so that a program needs NumPy alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph import functions
from tinygraph.compiler.program.steps import REDUCTIONS, Builder, Step, Symbol, reduced_axes, rewritten
from tinygraph.derivatives.reductions import root
from tinygraph.engine.links import mapped
from tinygraph.functions.activations import normal_cdf, normal_cdf_formula
from tinygraph.functions.checks import class_numbers, probabilities
from tinygraph.functions.logits import rows_of
from tinygraph.functions.losses import are_labels
from tinygraph.graph import Graph
from tinygraph.transforms.running import alias


def write_out(graph: Graph) -> Graph:
    """y = sigmoid(x)  ->  y = 1 / (1 + exp(-x)), and all other functions of tinygraph that are formulas in NumPy's.

    Part of every compilation: the other rewrites see NumPy's functions alone.
    """

    def change(builder: Builder, step: Step) -> Step | None:
        formula = FORMULAS.get(step.function)
        if formula is None:
            return None
        args, kwargs = mapped(
            (step.args, step.kwargs), lambda item: Symbol(builder, step, item) if type(item) is Step else item
        )
        if step.dtype == np.float16 and step.function in IN_FLOAT32:
            args = tuple([item.astype(FLOAT32) if _is_float16(item) else item for item in args])
        result = formula(*args, **kwargs)
        if type(result) is not Symbol:
            return None
        return result.astype(step.dtype).reshape(step.shape).step

    return rewritten(graph, change)


def _is_float16(item: Any) -> bool:
    return hasattr(item, "astype") and bool(item.dtype == np.float16)


def _floating(x: Any) -> Any:
    if type(x) is Symbol:
        return x if x.dtype.kind in "fc" else x.astype(np.dtype(np.float64))
    return functions.activations.floating(x)


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-_floating(x)))


def _leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    x = _floating(x)
    return np.where(x > 0, x, x * negative_slope)


def _elu(x: Any, alpha: float = 1.0) -> Any:
    x = _floating(x)
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)) * alpha)


def _softplus(x: Any) -> Any:
    x = _floating(x)
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _highest(x: Any, axis: Any) -> Any:
    return np.max(x, axis=axis, keepdims=True)


def _finite(highest: Any) -> Any:
    return np.where(np.isfinite(highest), highest, np.zeros((), highest.dtype)[()])


def _logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    x = _floating(x)
    if 0 in x.shape:
        return None
    highest = _finite(_highest(x, axis))
    return np.log(np.sum(np.exp(x - highest), axis=axis, keepdims=True)) + highest


def _softmax(x: Any, axis: Any = -1) -> Any:
    x = _floating(x)
    if 0 in x.shape:
        return None
    shifted = np.exp(x - _highest(x, axis))
    return shifted / np.sum(shifted, axis=axis, keepdims=True)


def _log_softmax(x: Any, axis: Any = -1) -> Any:
    x = _floating(x)
    if 0 in x.shape:
        return None
    shifted = x - _finite(_highest(x, axis))
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


def _times_log(y: Any, p: Any) -> Any:
    return y * np.log(np.where(y == 0, 1, p))  # where y is 0, 0 · ln 1


def _binary_cross_entropy(predictions: Any, targets: Any, from_logits: bool = False, reduction: str = "mean") -> Any:
    p, y = _floating(predictions), _floating(targets)
    if from_logits:
        return _reduced(_softplus(p) - p * y, reduction)
    p = _checked(probabilities, p, "binary_cross_entropy")
    return _reduced(-(_times_log(y, p) + _times_log(1 - y, 1 - p)), reduction)


def _cross_entropy(predictions: Any, targets: Any, from_logits: bool = False, reduction: str = "mean") -> Any:
    p = _floating(predictions)
    y = targets if type(targets) is Symbol else np.asarray(targets)
    if are_labels(y, p):
        classes = p.shape[-1]
        y = rows_of(_checked(class_numbers, y, classes, "cross_entropy"), classes, p.dtype)
    y = _floating(y)
    if not from_logits:
        p = _checked(probabilities, p, "cross_entropy")
        return _reduced(-np.sum(_times_log(y, p), axis=-1), reduction)
    logs = _log_softmax(p)
    return None if logs is None else _reduced(-np.sum(y * np.where(y == 0, 0, logs), axis=-1), reduction)


def _checked(check: Callable[..., Any], array: Any, *args: Any) -> Any:
    return array.through(check, *args) if type(array) is Symbol else check(array, *args)


def _reduced(losses: Any, reduction: str) -> Any:
    if reduction == "none" or not losses.shape:
        return losses
    if reduction == "sum":
        return FORMULAS[np.sum](losses)
    average = _mean(losses)
    return np.mean(losses) if average is None else average


def _mean(a: Any, axis: Any = None, dtype: Any = None, out: None = None, keepdims: Any = False, **keywords: Any) -> Any:
    if dtype is not None or keywords or a.dtype.char not in "fd" or 0 in a.shape:
        return None
    over = math.prod([a.shape[place] for place in reduced_axes(axis, a.ndim)])
    return np.sum(a, axis=axis, keepdims=bool(keepdims)) / over


def _clip(a: Any, a_min: Any = None, a_max: Any = None, **keywords: Any) -> Any:
    low, high = keywords.pop("min", a_min), keywords.pop("max", a_max)
    if keywords or a.dtype.kind not in "f":
        return None
    a = a if low is None else np.maximum(a, low)
    return a if high is None else np.minimum(a, high)


def _reduction(ufunc: np.ufunc, function: Callable[..., Any]) -> Callable[..., Any]:
    """A reduction with its keywords in one form."""

    def formula(
        a: Any, axis: Any = None, dtype: Any = None, out: None = None, keepdims: Any = False, **keywords: Any
    ) -> Any:
        if dtype is not None or keywords or not hasattr(a, "shape"):
            return None
        axes = reduced_axes(axis, a.ndim)
        if not axes:
            return None
        return np_reduction(function)(a, axis=axes if len(axes) > 1 else axes[0], keepdims=bool(keepdims))

    return formula


def np_reduction(function: Callable[..., Any]) -> Callable[..., Any]:
    """The one of several names of a reduction that the compiler uses."""
    names: dict[Any, Callable[..., Any]] = {np.amax: np.max, np.amin: np.min}
    return names.get(function, function)


# np.max and np.min have no dtype= between axis= and out=.
def _extremum(function: Callable[..., Any]) -> Callable[..., Any]:
    def formula(a: Any, axis: Any = None, out: None = None, keepdims: Any = False, **keywords: Any) -> Any:
        return _reduction(REDUCTIONS[function], function)(a, axis=axis, keepdims=keepdims, **keywords)

    return formula


FLOAT32 = np.dtype(np.float32)
# The functions that compute in float32 where they are given float16.
IN_FLOAT32 = frozenset(
    (
        functions.logsumexp, functions.softmax, functions.log_softmax, functions.binary_cross_entropy,
        functions.cross_entropy,
    )
)  # fmt: skip

FORMULAS: dict[Any, Callable[..., Any]] = {
    functions.sigmoid: _sigmoid,
    functions.relu: lambda x: np.maximum(_floating(x), 0),
    functions.leaky_relu: _leaky_relu,
    functions.elu: _elu,
    functions.softplus: _softplus,
    normal_cdf: lambda x: normal_cdf_formula(_floating(x)),
    functions.logsumexp: _logsumexp,
    functions.softmax: _softmax,
    functions.log_softmax: _log_softmax,
    functions.binary_cross_entropy: _binary_cross_entropy,
    functions.cross_entropy: _cross_entropy,
    root: lambda x: np.sqrt(x),
    alias: lambda x: x,
    np.mean: _mean,
    np.clip: _clip,
    **{f: _extremum(f) if f in (np.max, np.min, np.amax, np.amin) else _reduction(u, f) for f, u in REDUCTIONS.items()
       if f not in (np.any, np.all)},
}  # fmt: skip

"""The functions that an expression on the command line may call, with the sizes of their results.

All of them only compute. Most are in the derivative table; the rest make constants. A function whose result can be
larger than its arguments has a rule for the size, applied before the call: `ones(10**12)` is refused, not tried.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import tinygraph
from tinygraph.engine.table import composition_of, is_plain, operation_of
from tinygraph.engine.tensor import Tensor

__all__ = ["CONSTANTS", "MOST_ELEMENTS", "Function", "functions", "shape_of", "size_of"]

# The most elements of one array. A picture shows a handful of them.
MOST_ELEMENTS = 100_000

CONSTANTS = {"pi": math.pi, "e": math.e, "inf": math.inf, "nan": math.nan}

Size = Callable[..., float]


@dataclass(frozen=True)
class Function:
    """A function that may be called.

    Attributes:
        call: the function.
        size: the number of elements of the result, from the arguments; None if the result is not larger than the
            arguments.
        sequences: it takes a list of arrays. For other functions a list of Tensors becomes one array.
        text: a positional argument may be text.
        positional: the most positional arguments. A ufunc would write into one more.
    """

    call: Callable[..., Any]
    size: Size | None = None
    sequences: bool = False
    text: bool = False
    positional: int = 16


def shape_of(value: Any) -> tuple[int, ...]:
    """Return the shape of an argument; () for a number or a text."""
    return value.shape if isinstance(value, Tensor | np.ndarray) else np.shape(value) if type(value) is list else ()


def size_of(value: Any) -> int:
    """Return the number of elements of an argument."""
    return math.prod(shape_of(value))


# --- sizes of results -------------------------------------------------------------------------------------------------


def _numbers(value: Any) -> Any:
    """Return a count or a distance among the arguments, as a float64 array."""
    return np.asarray(value.data if isinstance(value, Tensor) else value, dtype=np.float64)


def _product(value: Any) -> float:
    return float(np.prod(np.maximum(_numbers(value), 0)))


def _broadcast(*args: Any, **keywords: Any) -> float:
    return math.prod(np.broadcast_shapes(*(shape_of(item) for item in (*args, *keywords.values()))))


def _outer(a: Any, b: Any, *rest: Any) -> float:
    return float(size_of(a) * size_of(b))


def _contraction(a: Any, b: Any) -> float:
    return _product_over(a, b, shape_of(a)[-1:])


def _tensordot(a: Any, b: Any, axes: Any = 2) -> float:
    shape = shape_of(a)
    if type(axes) is int:
        return _product_over(a, b, shape[len(shape) - axes :])
    first = axes[0] if type(axes[0]) in (tuple, list) else axes[:1]
    return _product_over(a, b, tuple([shape[axis] for axis in first]))


def _product_over(a: Any, b: Any, common: tuple[int, ...]) -> float:
    """Return a bound for a product summed over axes of these sizes: of its multiplications and of its result."""
    summed = max(1, math.prod(common))
    out = (size_of(a) / summed) * (size_of(b) / summed)
    return max(out, out * summed / 1000)


def _einsum(subscripts: Any, *operands: Any) -> float:
    if type(subscripts) is not str:
        raise TypeError("einsum begins with text such as 'ij,jk->ik'")
    text = subscripts.replace(" ", "")
    if "." in text:
        return float(math.prod(max(1, size_of(operand)) for operand in operands))
    terms, arrow, output = text.partition("->")
    sizes: dict[str, int] = {}
    for term, operand in zip(terms.split(","), operands, strict=False):
        for letter, size in zip(term, shape_of(operand), strict=False):
            sizes[letter] = max(size, sizes.get(letter, 1))
    kept = output if arrow else [letter for letter in sizes if terms.count(letter) == 1]
    return max(math.prod(sizes.get(letter, 1) for letter in kept), math.prod(sizes.values()) / 1000)


def _pad(array: Any, pad_width: Any, *rest: Any, **keywords: Any) -> float:
    shape = shape_of(array)
    widths = np.broadcast_to(_numbers(pad_width), (len(shape), 2)).sum(axis=1)
    return float(np.prod(np.asarray(shape, dtype=np.float64) + widths))


def _diag(v: Any, k: Any = 0) -> float:
    return float(size_of(v) + abs(k)) ** 2 if len(shape_of(v)) == 1 else size_of(v)


def _take(a: Any, indices: Any, axis: Any = None, **keywords: Any) -> float:
    return float(size_of(indices) * (1 if axis is None else size_of(a) / max(1, min(shape_of(a), default=1))))


def _one_hot(labels: Any, num_classes: Any = None) -> float:
    classes = float(np.max(_numbers(labels), initial=0)) + 1 if num_classes is None else _product(num_classes)
    return size_of(labels) * classes


def _parts(array: Any, parts: Any, axis: Any = 0) -> float:
    """Return the size of a split: 1000 elements a part, since each part is a node of the graph."""
    return 1000 * (_product(parts) if size_of(parts) == 1 else size_of(parts))


def _arange(start: Any, stop: Any = None, step: Any = 1) -> float:
    first, last = (0, start) if stop is None else (start, stop)
    return max(0.0, float(last - first) / float(step)) if step else math.inf


SIZES: dict[str, Size] = {
    "ones": _product,
    "zeros": _product,
    "full": lambda shape, fill_value: _product(shape),
    "eye": lambda N, M=None, k=0: _product(N) * _product(N if M is None else M),  # noqa: N803 - NumPy's names
    "identity": lambda n: _product(n) ** 2,
    "arange": _arange,
    "linspace": lambda start, stop, num=50: _product(num) * _broadcast(start, stop),
    "broadcast_to": lambda array, shape: _product(shape),
    "tile": lambda A, reps: size_of(A) * _product(reps),  # noqa: N803
    "repeat": lambda a, repeats, axis=None: size_of(a) * float(np.max(_numbers(repeats), initial=0)),
    "one_hot": _one_hot,
    "outer": _outer,
    "kron": _outer,
    "tensordot": _tensordot,
    "dot": _contraction,
    "inner": _contraction,
    "matmul": _contraction,
    "einsum": _einsum,
    "pad": _pad,
    "diag": _diag,
    "take": _take,
    "quantile": lambda a, q, axis=None: _take(a, q, axis),
    "percentile": lambda a, q, axis=None: _take(a, q, axis),
    # The derivative of a cumulative product looks at every pair of elements.
    "cumprod": lambda a, axis=None: size_of(a) ** 2 / 10,
    "svd": lambda a: max(shape_of(a), default=1) ** 2,
    **dict.fromkeys(("where", "clip", "isclose"), _broadcast),
    **dict.fromkeys(("split", "array_split", "hsplit", "vsplit", "unstack"), _parts),
}

# --- which functions --------------------------------------------------------------------------------------------------

# Functions of arrays. Functions without an entry in the derivative table are left out.
NUMPY = """
    sum mean prod max min amax amin std var ptp average cumsum cumprod all any argmax argmin argsort count_nonzero
    median quantile percentile nansum nanmean trapezoid interp
    reshape ravel squeeze expand_dims transpose permute_dims matrix_transpose swapaxes moveaxis flip fliplr flipud
    rot90 roll atleast_1d atleast_2d copy
    concatenate stack hstack vstack column_stack dstack append split array_split hsplit vsplit
    broadcast_to tile repeat pad tril triu diag diagonal trace sort take compress
    where clip nan_to_num isclose sinc real
    dot inner outer vdot tensordot kron einsum cross
    ones_like zeros_like
"""
LINALG = "norm det inv solve slogdet cholesky eigh eigvalsh svd pinv matrix_power"
OURS = """
    sigmoid relu leaky_relu elu gelu silu softplus softmax log_softmax logsumexp one_hot binary_cross_entropy
    cross_entropy
"""
MAKERS = ("ones", "zeros", "full", "eye", "identity", "arange", "linspace")
SEQUENCES = frozenset(
    ("concatenate", "stack", "hstack", "vstack", "column_stack", "dstack", "reshape", "transpose", "array")
)
TEXT = frozenset(("einsum", "pad", "linalg.norm"))


def _array(items: Any) -> Any:
    """Return `array([a, b])`; a list of Tensors is stacked, so that a gradient passes through."""
    if type(items) in (list, tuple) and any(isinstance(item, Tensor) for item in items):
        return np.stack([_array(item) for item in items])
    if type(items) is list and any(type(item) in (list, tuple) for item in items):
        inside = [_array(item) for item in items]
        return np.stack(inside) if any(isinstance(item, Tensor) for item in inside) else np.asarray(items)
    return items if isinstance(items, Tensor) else np.asarray(items)


def _known(function: Any) -> bool:
    return operation_of(function) is not None or composition_of(function) is not None or is_plain(function)


@functools.cache
def functions() -> dict[str, Function]:
    """Return every function that may be called, by its name in NumPy or tinygraph."""
    found = {"array": Function(_array, sequences=True, positional=1)}
    found.update({name: Function(getattr(np, name), SIZES[name]) for name in MAKERS})
    for name, ufunc in _elementwise():
        found[name] = Function(ufunc, _broadcast, positional=ufunc.nin)
    for name, function in (*_named(np, "", NUMPY), *_named(np.linalg, "linalg.", LINALG), *_named(tinygraph, "", OURS)):
        size = SIZES.get(name.removeprefix("linalg."))
        found[name] = Function(function, size, name in SEQUENCES, name in TEXT)
    found["matmul"] = Function(np.matmul, SIZES["matmul"], positional=2)
    return found


def _elementwise() -> Iterator[tuple[str, np.ufunc]]:
    """Yield NumPy's ufuncs in the derivative table, under all their names."""
    for name, function in list(vars(np).items()):
        if isinstance(function, np.ufunc) and function.signature is None and function.nout == 1 and _known(function):
            yield name, function


def _named(module: Any, prefix: str, names: str) -> Iterator[tuple[str, Callable[..., Any]]]:
    for name in names.split():
        function = getattr(module, name, None)
        if function is not None and (module is tinygraph or _known(function)):
            yield prefix + name, function

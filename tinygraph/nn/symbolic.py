"""Symbols: the stand-ins for a batch while a network is put together, `Dense(32)(Input((4,)))`.

A symbol knows a shape, whose open axes are None, and the call that it comes from. No values are computed: a layer that
is called on symbols is run once or twice on zeros, to learn the shapes of its results.
"""

from __future__ import annotations

import itertools
import warnings
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Any, ClassVar

import numpy as np

from tinygraph.engine.array_methods import ArrayMethods
from tinygraph.engine.modes import no_grad
from tinygraph.engine.nested import mapped
from tinygraph.errors import GraphError
from tinygraph.nn.calling import on_trial, training_as
from tinygraph.nn.defaults import floatx
from tinygraph.nn.masks import call_with_mask

__all__ = [
    "Call",
    "Shape",
    "Symbol",
    "calls_before",
    "first_call",
    "has_symbols",
    "is_shape",
    "symbolic_call",
    "symbols_in",
    "symbols_of_shapes",
]

Shape = tuple[int | None, ...]

# Two sizes for the axes that are open: the batch, and all others, which must be large enough for windows and pooling.
SIZES = ((1, 2), (64, 128))

# In capitals, as what no recording looks into: another thread may count while one records.
_NUMBERS = itertools.count()

# The calls of each module on symbols, the first one first. A call lives as long as its results do.
_CALLS_OF: weakref.WeakKeyDictionary[Any, list[weakref.ref[Call]]] = weakref.WeakKeyDictionary()


def _later_than(number: int) -> None:
    """Number the next calls after this number."""
    global _NUMBERS
    _NUMBERS = itertools.count(max(number + 1, next(_NUMBERS)))


@dataclass(eq=False)
class Call:
    """A call of a layer, or of a NumPy function, on symbols.

    Attributes:
        function: the layer or the function.
        args, kwargs: its arguments, with symbols among them.
        result: the symbols that it returned, in the nest that it returned.
        number: its place in the order of all calls.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    result: Any
    number: int

    def __post_init__(self) -> None:
        if hasattr(self.function, "named_parameters"):
            _CALLS_OF.setdefault(self.function, []).append(weakref.ref(self))

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take the state of a call of another process, or of a copy: calls from now on come after it."""
        vars(self).update(state)
        _later_than(self.number)
        self.__post_init__()


class Symbol(np.lib.mixins.NDArrayOperatorsMixin, ArrayMethods[Any]):
    """A batch without values: the result of `Input`, or of a layer that was called on symbols.

    Operators, NumPy's functions and ndarray's methods can be used on it.

    Attributes:
        shape: the sizes of the axes; None for an open one, such as the batch.
        dtype: the type of the elements.
        name: its name, or None.
        call: the call that it is a result of; None for an input.
        mask: the shape of its mask, whose open axes are None; None for no mask.
    """

    __array_priority__ = 2000.0
    without_values: ClassVar[bool] = True  # tinygraph's functions, too, are noted when they are called with it

    def __init__(self, shape: Shape, dtype: Any = "float32", name: str | None = None, call: Call | None = None) -> None:
        self.shape = shape
        self.dtype = np.dtype(dtype)
        self.name = name
        self.call = call
        self.mask: Shape | None = None

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def T(self) -> Any:  # noqa: N802 - NumPy's name
        """The axes in reverse order."""
        return np.transpose(self)

    def astype(self, dtype: Any) -> Any:
        """See `numpy.ndarray.astype`."""
        return symbolic_call(converted, (self, np.dtype(dtype).name), {})

    def __getitem__(self, index: Any) -> Any:
        return symbolic_call(item_of, (self, index), {})

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if kwargs.get("out") is not None:
            raise self._no_values(f"np.{ufunc.__name__} with out=")
        return symbolic_call(ufunc if method == "__call__" else getattr(ufunc, method), inputs, kwargs)

    def __array_function__(self, function: Callable[..., Any], types: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        return symbolic_call(function, args, kwargs)

    @staticmethod
    def _numpy(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], frame: FrameType) -> Any:
        return symbolic_call(function, args, kwargs)

    def _no_values(self, call: str) -> GraphError:
        return GraphError(
            f"{call}: {self!r} has no values yet. Put the computation into a layer, tg.nn.Lambda(function), or compute "
            "with the result of the model"
        )

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise self._no_values("an array")

    def __bool__(self) -> bool:
        raise self._no_values("if or while")

    def __float__(self) -> float:
        raise self._no_values("float()")

    def __len__(self) -> int:
        if not self.shape or self.shape[0] is None:
            raise self._no_values("len()")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        return (self[index] for index in range(len(self)))

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        called = "" if self.name is None else f' "{self.name}"'
        return f"<Symbol{called} of shape {self.shape}, {self.dtype}>"


def item_of(x: Any, index: Any) -> Any:
    """Return x[index]."""
    return x[index]


def converted(x: Any, dtype: Any) -> Any:
    """Return x.astype(dtype)."""
    return x.astype(dtype)


def has_symbols(structure: Any) -> bool:
    """Return whether there is a symbol inside nested tuples, lists and dicts."""
    kind = type(structure)
    if kind is tuple or kind is list:
        return any([has_symbols(part) for part in structure])
    if kind is dict:
        return any([has_symbols(part) for part in structure.values()])
    return kind is Symbol


def symbols_in(structure: Any) -> list[Symbol]:
    """Return the symbols inside nested tuples, lists and dicts."""
    found: list[Symbol] = []
    mapped(structure, lambda item: found.append(item) if type(item) is Symbol else None)
    return found


def symbolic_call(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], training: bool | None = None
) -> Any:
    """Call a layer or a function on symbols, and return symbols.

    A layer that is called with `training=` is called so in each call of the model. The call is tried on zeros. An open
    axis is given two sizes, one after the other: an axis of the result whose size differs is open, too.

    Raises:
        GraphError: the number of axes of the result depends on the size of an open axis.
    """
    symbols = symbols_in((args, kwargs))
    first, mask = _tried(function, args, kwargs, 0)
    second, other = first, mask
    if any([None in symbol.shape for symbol in symbols]):
        second, other = _tried(function, args, kwargs, 1)
    asked = {} if training is None else {"training": bool(training)}
    call = Call(function, args, {**kwargs, **asked}, None, next(_NUMBERS))
    _check_axes(function, _arrays(first), _arrays(second))
    others = iter(_arrays(second))
    call.result = mapped(first, lambda item: _symbol(item, next(others), call) if _is_array(item) else item)
    masks = zip(_in_list(mask), _in_list(other), strict=True)
    for symbol, (one, another) in zip(symbols_in(call.result), masks, strict=False):
        symbol.mask = None if one is None or another is None else _open_shape(one, another)
    return call.result


def _tried(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], which: int) -> tuple[Any, Any]:
    """Call a function on zeros in the place of symbols, whose open axes have the first or the second of `SIZES`.

    Returns:
        The result, and its mask; that of a symbol lets everything count.
    """

    def zeros(item: Any) -> Any:
        return np.zeros(_sizes(item.shape, which), item.dtype) if type(item) is Symbol else item

    def ones(item: Any) -> Any:
        is_masked = type(item) is Symbol and item.mask is not None
        return np.ones(_sizes(item.mask, which), bool) if is_masked else None

    with no_grad(), training_as(False), on_trial(), np.errstate(all="ignore"), warnings.catch_warnings():
        given, keywords = mapped(args, zeros), mapped(kwargs, zeros)
        if not hasattr(function, "named_parameters") or not args:
            return function(*given, **keywords), None
        warnings.filterwarnings("ignore", ".* does not hand the mask of its batch on")
        masks = mapped(args, ones), mapped(kwargs, ones)
        found: tuple[Any, Any] = call_with_mask(function, given, keywords, masks)
        return found


def _in_list(masks: Any) -> list[Any]:
    return list(masks) if isinstance(masks, list | tuple) else [masks]


def _open_shape(first: Any, second: Any) -> Shape:
    """Return the shape of two arrays, with None where they differ."""
    return tuple([None if one != other else one for one, other in zip(first.shape, second.shape, strict=True)])


def _sizes(shape: Shape, which: int) -> tuple[int, ...]:
    return tuple([SIZES[axis > 0][which] if size is None else size for axis, size in enumerate(shape)])


def _is_array(item: Any) -> bool:
    return hasattr(item, "shape") and hasattr(item, "dtype")


def _arrays(structure: Any) -> list[Any]:
    found: list[Any] = []
    mapped(structure, lambda item: found.append(item) if _is_array(item) else None)
    return found


def _check_axes(function: Callable[..., Any], first: list[Any], second: list[Any]) -> None:
    if [len(array.shape) for array in first] != [len(array.shape) for array in second]:
        name = getattr(function, "name", None) or getattr(function, "__name__", repr(function))
        raise GraphError(
            f"{name}: the number of axes of its result depends on the size of the batch, or of another open axis. Name "
            "the axes that are meant, as in np.squeeze(x, axis=-1)"
        )


def _symbol(first: Any, second: Any, call: Call) -> Symbol:
    """Return the symbol of a result, from its arrays for the two sizes: an axis that differs is open."""
    return Symbol(_open_shape(first, second), first.dtype, getattr(call.function, "name", None), call)


def first_call(module: Any) -> Call | None:
    """Return the first call of a module on symbols whose results somebody still has, or None."""
    living = [call for reference in _CALLS_OF.get(module, ()) if (call := reference()) is not None]
    return living[0] if living else None


def calls_before(outputs: Any, inputs: list[Symbol]) -> tuple[list[Call], list[Symbol]]:
    """Return the calls that lead from inputs to results, in their order, and the symbols that these begin with."""
    calls: dict[int, Call] = {}
    begins: list[Symbol] = []
    given = {id(symbol) for symbol in inputs}
    waiting = symbols_in(outputs)
    while waiting:
        symbol = waiting.pop()
        if symbol.call is None or id(symbol) in given:
            if all([symbol is not other for other in begins]):
                begins.append(symbol)
        elif id(symbol.call) not in calls:
            calls[id(symbol.call)] = symbol.call
            waiting += symbols_in((symbol.call.args, symbol.call.kwargs))
    return sorted(calls.values(), key=lambda call: call.number), begins


def is_shape(given: Any) -> bool:
    """Return whether something is a shape, of sizes and None, and no nest of shapes."""
    return isinstance(given, tuple | list) and all(
        [size is None or isinstance(size, int | np.integer) for size in given]
    )


def symbols_of_shapes(shapes: Any) -> Any:
    """Return a symbol for a shape, or a nest of symbols for a nest of shapes."""
    if isinstance(shapes, dict):
        return {name: symbols_of_shapes(shape) for name, shape in shapes.items()}
    if is_shape(shapes):
        return Symbol((None, *tuple(shapes)[1:]), floatx())
    return [symbols_of_shapes(shape) for shape in shapes]

"""Calls of NumPy and operators with a stand-in among their arguments: each is recorded as a call of a program."""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.compiler.kernels.counting import counted
from tinygraph.compiler.kernels.kinds import kept_kind
from tinygraph.compiler.program.facts import FIRST_NAMES, facts_of
from tinygraph.compiler.trace import writes
from tinygraph.compiler.trace.functions import Method
from tinygraph.compiler.trace.operands import names_itself
from tinygraph.compiler.trace.python_numbers import PythonNumber, asked_for
from tinygraph.compiler.trace.recorder import Recorder
from tinygraph.compiler.trace.refusals import BY_VALUE, asked_for_shape
from tinygraph.compiler.trace.refused import IN_PLACE, refused
from tinygraph.compiler.trace.sizes import decided_size
from tinygraph.compiler.trace.traced import Traced
from tinygraph.compiler.trace.views import laid_out
from tinygraph.derivatives.decompositions import eig_packed
from tinygraph.derivatives.writing import at_of
from tinygraph.engine.nested import instances, mapped
from tinygraph.engine.operands import has_tensors
from tinygraph.engine.table import composition_of, function_name
from tinygraph.engine.tensor import Tensor
from tinygraph.functions.checks import attempted, base, divisor, exponent

__all__ = ["call_function", "call_primitive", "call_ufunc", "index", "operate", "with_numbers"]

# These ask for the shape or the dtype of an array, which are known without its values.
_METADATA = frozenset((
    np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.iscomplexobj, np.isrealobj, np.common_type,
))  # fmt: skip
# Those that ask for the shape alone: it may hold the sizes of open axes, which are numbers to come.
_OF_SHAPE: dict[Any, Callable[[Traced], Any]] = {
    np.shape: lambda x: x.shape, np.ndim: lambda x: x.ndim, np.size: lambda x: x.size,
}  # fmt: skip
_ABOUT_MEMORY = frozenset((np.shares_memory, np.may_share_memory))
_LIKE: dict[Any, Callable[..., Any]] = {np.zeros_like: np.zeros, np.ones_like: np.ones, np.empty_like: np.zeros}

_WEAK = frozenset((int, float, bool, complex, PythonNumber))
_OF_NUMBERS = frozenset((np.dtype(np.float64), np.dtype(np.complex128), np.dtype(np.bool_)))
# Python counts with bools, `True + True` is 2, and NumPy does not.
_COUNTING: dict[np.ufunc, Callable[..., Any]] = {
    np.add: operator.add, np.subtract: operator.sub, np.multiply: operator.mul, np.divide: operator.truediv,
    np.floor_divide: operator.floordiv, np.remainder: operator.mod, np.power: operator.pow,
    np.left_shift: operator.lshift, np.right_shift: operator.rshift, np.negative: operator.neg,
    np.positive: operator.pos, np.absolute: abs, np.invert: operator.invert, np.bitwise_and: operator.and_,
    np.bitwise_or: operator.or_, np.bitwise_xor: operator.xor,
}  # fmt: skip
_BITWISE = frozenset((np.bitwise_and, np.bitwise_or, np.bitwise_xor))  # of bools alone these make a bool
_WHOLE = frozenset((int, bool, PythonNumber))
# Functions beside the ufuncs of which a number may be an argument whose value matters to no shape.
_TAKES_NUMBERS = frozenset((np.where, np.clip))


def with_numbers(
    number: Callable[[Any], Any], function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, ...]:  # fmt: skip
    """Return the arguments of a call with numbers of Python's as arguments of the program.

    Args:
        number: returns the argument of the program that a number becomes.
        function, args, kwargs: the call.

    Raises:
        SteeringError: a shape, an index or a choice may depend on the value of a counter.
    """
    if (isinstance(function, np.ufunc) and function is not np.ldexp) or function in _TAKES_NUMBERS:
        args = tuple(map(number, args))
    for left in instances(PythonNumber, (args, kwargs)):
        raise asked_for(left, f"{function_name(function)} is given it")
    return args


def operate(recorder: Recorder, function: np.ufunc, *operands: Any) -> Any:
    """Record an operator; of numbers of Python's alone the result is a float, complex or bool of Python's, too."""
    weak = True
    for item in operands:
        if not (item._weak if type(item) is Traced else type(item) in _WEAK):
            weak = False
            break
    if weak and all([type(item) in _WHOLE or _is_truth(item) for item in operands]):
        counts = _COUNTING.get(function)
        if counts is not None and not (
            function in _BITWISE and all([type(item) is bool or _is_truth(item) for item in operands])
        ):
            return counts(*[recorder.decide(item, bool) if _is_truth(item) else item for item in operands])
    if weak and len(operands) == 2:
        operands = _as_python_computes(recorder, function, *operands)
    if function is np.power and type(operands[1]) is int and operands[1] == 2 and _is_mask(operands[0]):
        return recorder.call(np.square, operands[:1], {})  # NumPy computes `mask ** 2` so, and not as np.power(mask, 2)
    result = recorder.call(function, operands, {})
    result._weak = weak and result.dtype in _OF_NUMBERS
    return result


def _as_python_computes(recorder: Recorder, function: np.ufunc, x: Any, y: Any) -> tuple[Any, Any]:
    """Return two numbers of Python's, checked where Python raises an error for an operator and NumPy does not."""
    sign = _DIVISIONS.get(function)
    if sign is not None and type(y) is not Traced and y == 0:
        _COUNTING[function](1.0, y)
    if sign is not None and type(y) is Traced and not y._event.low > 0:
        y = _checked(recorder, divisor, y, sign)
    kinds = [item.dtype.kind if type(item) is Traced else np.asarray(item).dtype.kind for item in (x, y)]
    if function in _ORDERINGS and "c" in kinds:
        _ORDERINGS[function](1j, 1)
    if function is np.power and "c" not in kinds and not (type(y) is not Traced and y % 1 == 0 and y >= 0):
        if type(x) is not Traced and x <= 0:
            y = _checked(recorder, exponent, y, x)
        elif type(x) is Traced and not x._event.low > 0:
            x = _checked(recorder, base, x, y)
    return x, y


_ORDERINGS: dict[Any, Callable[..., Any]] = {
    np.less: operator.lt, np.less_equal: operator.le, np.greater: operator.gt, np.greater_equal: operator.ge,
}  # fmt: skip
_DIVISIONS: dict[Any, str] = {np.divide: "/", np.floor_divide: "//", np.remainder: "%"}


def _checked(recorder: Recorder, check: Callable[..., Any], number: Traced, *args: Any) -> Any:
    found = recorder.call(check, (number, *args), {}, is_own=True)
    found._weak = found._is_number = True
    recorder.call(attempted, (found,), {})  # Python raises the error though nobody reads the result
    return found


def _is_mask(item: Any) -> bool:
    """Return whether an operand is an array of bools, and not a single one."""
    return bool(item.dtype == np.bool_) and not item._is_number


def _is_truth(item: Any) -> bool:
    """Return whether an operand stands for a bool of Python's, such as that of a comparison of two numbers."""
    return type(item) is Traced and item._weak and item.dtype == np.bool_


def call_ufunc(
    recorder: Recorder, ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Record a ufunc with a stand-in among its arguments. Its `out=` becomes a write after the call."""
    if has_tensors(inputs) or has_tensors(kwargs):
        return NotImplemented  # the Tensor's turn
    kwargs = dict(kwargs)
    out = kwargs.pop("out", None)
    targets = [item for item in (out if type(out) is tuple else (out,)) if item is not None]
    where = kwargs.pop("where", True) if method == "__call__" else True
    if method == "at":
        _write_at(ufunc, *inputs)
        return None
    _check_ufunc(ufunc, targets, where)
    result = _ufunc_result(recorder, ufunc, method, inputs, kwargs)
    if not targets:
        return result
    if ufunc.nout > 1 and method == "__call__":
        pairs = zip(out, result, strict=True)
        return tuple([part if item is None else recorder.overwrite(item, part) for item, part in pairs])
    if where is not True:
        result = recorder.call(np.where, (where, result, targets[0]), {})
    return recorder.overwrite(targets[0], result)


def _write_at(ufunc: np.ufunc, a: Any, *rest: Any) -> None:
    """Record `ufunc.at`, written out with writes at indices."""
    if type(a) is not Traced:
        raise refused(f"{function_name(ufunc)}.at writes a computed value into a plain array", IN_PLACE)
    at_of(ufunc)(a, *rest)


def _check_ufunc(ufunc: np.ufunc, targets: list[Any], where: Any) -> None:
    """Refuse a ufunc that writes where a program cannot, or that leaves elements undefined."""
    if any([type(item) is not Traced for item in targets]):
        raise refused("a computed value is written into a plain array", IN_PLACE)
    if where is not True and (not targets or ufunc.nout > 1):
        raise refused(
            f"{function_name(ufunc)} with where= leaves elements undefined", "Use np.where(mask, result, otherwise)"
        )


def _ufunc_result(
    recorder: Recorder, ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Record a ufunc, or one of its methods; `np.add.reduce` and its kind as `np.sum` and its kind."""
    if method == "__call__":
        return recorder.call(ufunc, inputs, kwargs)
    if method == "reduce" and ufunc in FIRST_NAMES:
        axis = kwargs.pop("axis", 0)
        keywords = {key: item for key, item in kwargs.items() if not _is_default(key, item)}
        return recorder.call(FIRST_NAMES[ufunc], inputs, keywords if axis is None else {"axis": axis, **keywords})
    return recorder.call(Method.of(ufunc, method), inputs, kwargs)


def call_function(
    recorder: Recorder, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Record any other function with a stand-in among its arguments."""
    if has_tensors(args) or has_tensors(kwargs):
        return Tensor._numpy(function, args, kwargs, sys._getframe(3))
    if function in _OF_SHAPE and len(args) == 1 and type(args[0]) is Traced and not kwargs:
        return _OF_SHAPE[function](args[0])
    if function in _METADATA:
        known = _shape_and_dtype if function in (np.shape, np.size) else _dtype_alone
        return function(*mapped(args, known), **mapped(kwargs, known))
    if function in _ABOUT_MEMORY:
        raise refused(
            f"{function_name(function)} asks which arrays share memory",
            "A program shares memory in its own way. Ask before the call, and pass the answer as an argument",
        )
    if asked := asked_for_shape(function, args):
        args = tuple([_known(recorder, item) if at in asked else item for at, item in enumerate(args)])
        if not _has_traced((args, kwargs)):
            return function(*args, **kwargs)
    if function is np.ix_:
        return tuple([_along(recorder, axis, index, len(args)) for axis, index in enumerate(args)])
    if function in _LIKE or function is np.full_like:
        return _like(recorder, function, *args, **kwargs)
    if function is np.bincount:
        return _counted(recorder, *args, **kwargs)
    if facts_of(function).writes:
        return _write(function, args, kwargs)
    if kwargs.get("out") is not None:
        target = kwargs["out"]
        if type(target) is not Traced:
            raise refused("a computed value is written into a plain array", IN_PLACE)
        return recorder.overwrite(target, recorder.call(function, args, {**kwargs, "out": None}))
    if facts_of(function).complex_by_value:
        return _of_one_kind(recorder, recorder.call(function, args, kwargs), function)
    return recorder.call(function, args, kwargs)


def _write(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Record a function that writes into its first argument, written out with writes at indices."""
    target = args[0] if args else next(iter(kwargs.values()))
    if type(target) is not Traced:
        raise refused(f"{function_name(function)} writes a computed value into a plain array", IN_PLACE)
    written_out = composition_of(function)
    assert written_out is not None
    written_out(*args, **kwargs)


def _of_one_kind(recorder: Recorder, result: Any, function: Callable[..., Any]) -> Any:
    """Hold results that are real or complex, depending on values, to the kind that the recorded run had."""
    name = "linalg.eig" if function is eig_packed else function_name(function)
    if type(result) is not Traced:
        return type(result)(*[_of_one_kind(recorder, item, function) for item in result])
    return recorder.call(kept_kind, (result, result.dtype.name, name), {}, is_own=True)


def _counted(recorder: Recorder, x: Any, weights: Any = None, minlength: Any = 0) -> Any:
    """Record `np.bincount` of numbers below `minlength`, which is the length of the result."""
    known = x._value if type(x) is Traced else np.asarray(x)
    above = known is not None and known.size and known.dtype.kind in "iub" and known.max() >= minlength
    if type(minlength) is Traced or not minlength or above:
        raise refused(
            "bincount of a computed value, or with computed weights, cannot be compiled",
            "The length of its result depends on values, and a program is made for given shapes. Give minlength=n, "
            "with n above every number that will be counted",
        )
    return recorder.call(counted, (x, weights, int(minlength)), {})


def _like(recorder: Recorder, function: Any, like: Any, *args: Any, **kwargs: Any) -> Any:
    """Record `np.zeros_like` and its kind as `np.zeros` of the shape that is known."""
    fill = (args[0] if args else kwargs["fill_value"]) if function is np.full_like else None
    rest = args[1:] if function is np.full_like else args
    dtype = np.dtype(kwargs.get("dtype") or (rest[0] if rest else None) or like.dtype)
    shape = like.shape if kwargs.get("shape") is None else kwargs["shape"]
    if function is not np.full_like:
        return laid_out(recorder.call(_LIKE[function], (shape, dtype), {}), like)
    if type(fill) is not Traced:
        return laid_out(recorder.call(np.full, (shape, fill, dtype), {}), like)
    return recorder.call(np.copy, (recorder.call(np.broadcast_to, (recorder.converted(fill, dtype), shape), {}),), {})


def _along(recorder: Recorder, axis: int, index: Any, count: int) -> Any:
    """Return one index of `np.ix_`: along its own axis of `count`."""
    if type(index) is not Traced:
        return np.ix_(*[()] * axis, index, *[()] * (count - axis - 1))[axis]
    if index.ndim != 1:
        raise ValueError("Cross index must be 1 dimensional")
    if index.dtype == np.bool_:
        known = _known(recorder, index)
        if known is index:
            raise refused("np.ix_ is given a computed mask", BY_VALUE)
        return np.ix_(*[()] * axis, known, *[()] * (count - axis - 1))[axis]
    return np.reshape(index, tuple([index.size if own == axis else 1 for own in range(count)]))


def index(recorder: Recorder, traced: Traced, index: Any) -> Any:
    """Record `traced[index]`."""
    if names_itself(index):
        return recorder.call(operator.getitem, (traced, index), {})
    index = mapped(index, lambda item: item.data if type(item) is Tensor else item)
    index = mapped(index, lambda item: recorder.decide(item, bool) if _is_truth(item) else item)
    index = _with_places(recorder, traced, index)
    for item in index if type(index) is tuple else (index,):
        for end in (item.start, item.stop, item.step) if type(item) is slice else (item,):
            if type(end) is PythonNumber:
                raise asked_for(end, "it is an index")
    index = mapped(index, lambda item: _decided_slice(recorder, item) if type(item) is slice else item)
    return recorder.call(operator.getitem, (traced, index), {})


def _with_places(recorder: Recorder, traced: Traced, index: Any) -> Any:
    """Return an index with the places where a mask holds, for a mask outside whose values the program is made for."""
    items = index if type(index) is tuple else (index,)
    if not any(map(_is_condition, items)):
        return index
    known = [_known(recorder, item) if _is_condition(item) else item for item in items]
    if any(map(_is_condition, known)):
        raise refused("an array is indexed with a computed mask", BY_VALUE)
    alike = np.broadcast_to(np.False_, traced.shape)
    alike[tuple([_of_shape(item) for item in known])]  # NumPy refuses masks that do not fit
    pairs = zip(known, items, strict=True)
    return tuple([place for item, given in pairs for place in (_places(item) if _is_condition(given) else (item,))])


def _places(mask: Any) -> tuple[Any, ...]:
    """Return the places where a mask holds, along each of its axes; one without axes is an index as it is."""
    return np.nonzero(mask) if mask.ndim else (bool(mask),)


def _known(recorder: Recorder, item: Any) -> Any:
    """Return the values of an array outside, for which the program is made; what it computes as it is."""
    content = recorder.known_values(item) if type(item) is Traced else None
    return item if content is None else content.copy()


def _is_condition(item: Any) -> bool:
    """Return whether an index is a stand-in for bools."""
    return type(item) is Traced and item.dtype == np.bool_


def _of_shape(item: Any) -> Any:
    """Return an index whose values are known in the place of one of a stand-in."""
    if type(item) is slice:
        return slice(None)
    return np.zeros(item.shape, np.intp) if type(item) is Traced else item


def _decided_slice(recorder: Recorder, item: slice) -> slice:
    """Return a slice whose computed ends are whole numbers that the program is made for."""
    return slice(*[decided_size(recorder, end) for end in (item.start, item.stop, item.step)])


def call_primitive(
    recorder: Recorder, primitive: Callable[..., Any], function: Callable[..., Any], args: Any, kwargs: Any
) -> Any:
    """Record a call of a function under `tg.primitive` as one event; without a stand-in it is only called."""
    if not _has_traced((args, kwargs)):
        return function(*args, **kwargs)
    if primitive in writes.PRIMITIVES:
        return writes.PRIMITIVES[primitive](recorder, *args, **kwargs)
    result = recorder.call(primitive, args, kwargs, is_own=True)
    return _of_one_kind(recorder, result, primitive) if facts_of(primitive).complex_by_value else result


def _shape_and_dtype(item: Any) -> Any:
    """Return, for a stand-in, an array of its shape and dtype that takes no memory."""
    if type(item) is Traced:
        return _weak_number(item) if item._weak else np.broadcast_to(np.zeros((), item.dtype), item.shape)
    return item


def _dtype_alone(item: Any) -> Any:
    """Return, for a stand-in, a number of its dtype."""
    if type(item) is Traced:
        return _weak_number(item) if item._weak else np.zeros((), item.dtype)
    return item


def _weak_number(item: Traced) -> Any:
    return {"b": False, "c": 0j}.get(item.dtype.kind, 0.0)


def _has_traced(structure: Any) -> bool:
    kind = type(structure)
    if kind is tuple or kind is list:
        return any([_has_traced(item) for item in structure])
    if kind is dict:
        return any([_has_traced(item) for item in structure.values()])
    return kind is Traced or kind is PythonNumber


def _is_default(key: str, item: Any) -> bool:
    return item is {"keepdims": False, "where": True}.get(key) or (key == "initial" and item is np._NoValue)

"""Writing: how one call of a program is written as Python, with its result going where the plan says."""

from __future__ import annotations

import math
import operator
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygraph import draws
from tinygraph.compiler.assembly import assembled, turned_product
from tinygraph.compiler.image_calls import IMAGE_FUNCTIONS
from tinygraph.compiler.rewrites.views import TRANSPOSING, axes_of
from tinygraph.compiler.steps import REDUCTIONS, Step, dtype_of
from tinygraph.compiler.traced import Part
from tinygraph.derivatives.indexing import scatter
from tinygraph.derivatives.products import einsum_of
from tinygraph.derivatives.shapes import astype
from tinygraph.derivatives.table import function_name

__all__ = ["Writer"]

OPERATORS: dict[Any, str] = {
    np.add: "+", np.subtract: "-", np.multiply: "*", np.divide: "/", np.greater: ">", np.greater_equal: ">=",
    np.less: "<", np.less_equal: "<=", np.equal: "==", np.not_equal: "!=",
}  # fmt: skip

# What the functions for images may write over, as the text calls it.
WORK = "work"

# Rows of at most so many numbers are summed up by a product with ones, where there are many numbers in all. In float32
# the sum of a longer row would lose more digits than that of `np.add.reduce`, which adds pairs.
SHORT_ROW, MANY = 512, 4096

# NumPy compares a large array with a number one by one; what clips it does many at once, but is called more slowly.
CLIPPED = 16_384
_NUMBER = re.compile(r"-?\d[\d.e-]*")

# Functions of which NumPy takes an array of one number faster than a number: 0.3 microseconds a call and not 0.6, and
# 2 and not 5 at the first call after a while, since the code that makes an array of a number need not be fetched.
WITH_NUMBERS = frozenset((np.add, np.subtract, np.multiply, np.divide, np.maximum, np.minimum))
_WORDS = {0: "zero", 1: "one", 2: "two", 3: "three", 0.5: "half", -1: "minus_one", -2: "minus_two", -0.5: "minus_half"}

# Arrays of at most so many numbers are summed up by a product with ones, which is called in half the time.
FEW = 512

# A constant of at most this many elements is written into the text.
WRITTEN = 16


@dataclass(eq=False)
class Writer:
    """Writes calls, and gathers what the text needs besides NumPy.

    Attributes:
        names: by a step's index what it is called.
        constants: by name the arrays that the text refers to.
        functions: by name the functions that are not NumPy's.
        imports: lines that import them.
        parts: by their index steps that are computed into their places in an assembled array.
        layouts: by a step's index an array with its strides, to learn from.
        single: the indices of variables that are arrays of one number, which is taken out of them where numbers are
            calculated with: `b[()] - 1` is three times as fast as `b - 1`.
        made: the names of arrays of ones, and of single numbers, by the text that makes them.
        numbers: what the user's code calls some numbers.
    """

    names: dict[int, str]
    constants: dict[str, Any] = field(default_factory=dict)
    functions: dict[str, Callable[..., Any]] = field(default_factory=dict)
    imports: dict[str, str] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    parts: dict[int, Any] = field(default_factory=dict)
    layouts: dict[int, Any] = field(default_factory=dict)
    single: frozenset[int] = frozenset()
    made: dict[str, str] = field(default_factory=dict)
    numbers: dict[float, str] = field(default_factory=dict)
    _known: dict[int, str] = field(default_factory=dict)
    _kept: list[Any] = field(default_factory=list)

    # --- arguments ----------------------------------------------------------------------------------------------------

    def text(self, item: Any) -> str:
        """An argument as it is written."""
        kind = type(item)
        if kind is Step:
            return self.names[item.index] if item.index in self.names else self.constant(item.value, item.name)
        if kind is np.ndarray:
            return self.constant(item, None)
        if isinstance(item, np.generic):
            return f"{dtype_text(item.dtype)}({number_text(item.item())})"
        if kind is float or kind is complex:
            return number_text(item)
        if kind is tuple:
            inside = ", ".join([self.text(part) for part in item])
            return f"({inside},)" if len(item) == 1 else f"({inside})"
        if kind is list:
            return f"[{', '.join([self.text(part) for part in item])}]"
        if kind is dict:
            return "{" + ", ".join([f"{key!r}: {self.text(part)}" for key, part in item.items()]) + "}"
        if isinstance(item, np.dtype):
            return dtype_text(item)
        if isinstance(item, type) and issubclass(item, np.generic):
            return f"np.{item.__name__}"
        if isinstance(item, type):
            return item.__name__
        if item is Ellipsis:
            return "..."
        if item is np._NoValue:
            return "np._NoValue"
        if kind is slice:
            return f"slice({self.text(item.start)}, {self.text(item.stop)}, {self.text(item.step)})"
        if callable(item):
            return self.function(item)
        return repr(item)

    def operand(self, step: Step, place: int) -> str:
        """An argument of an elementwise function: a constant as a plain number where that gives the same dtype."""
        item = step.args[place]
        if type(item) is Step and item.is_constant and not item.shape:
            item = item.value[()]  # type: ignore[index]
        if isinstance(item, np.generic) and isinstance(step.function, np.ufunc):
            plain = item.item()
            if type(plain) in (int, float) and _same_dtype(step, place, plain):
                return number_text(plain)
        return self.text(item)

    def number(self, step: Step, place: int) -> str | None:
        """The name of an array of one number that an elementwise function takes for a number, where it takes those."""
        item = step.args[place]
        if type(item) is Step and item.is_constant and not item.shape:
            item = item.value[()]  # type: ignore[index]
        others = [operand for operand in step.args if type(operand) is Step and operand.shape]
        if (
            step.function not in WITH_NUMBERS or step.dtype.char not in "fd" or not others
            or type(item) not in (int, float, step.dtype.type) or any(other.dtype != step.dtype for other in others)
        ):  # fmt: skip
            return None
        plain = item.item() if isinstance(item, np.generic) else item
        if abs(plain) >= float(np.finfo(step.dtype).max) or not math.isfinite(plain):
            return None
        return self._made(_array_text(plain, step.dtype), self.numbers.get(plain) or _name_of_number(plain))

    def constant(self, value: Any, name: str | None) -> str:
        """The name of an array that the program was made with, or a number."""
        if not np.shape(value):
            return self.text(value[()])
        if id(value) not in self._known:
            wish = name or "constant"
            chosen, count = wish, 1
            while chosen in self.taken:
                count += 1
                chosen = f"{wish}_{count}"
            self.taken.add(chosen)
            self._known[id(value)] = chosen
            self._kept.append(value)  # so that its id stays its own
            self.constants[chosen] = value
        return self._known[id(value)]

    def index(self, item: Any) -> str:
        """What stands between the brackets of an index."""
        if type(item) is tuple and item:
            inside = ", ".join([self._index_part(part) for part in item])
            return f"{inside}," if len(item) == 1 else inside
        return self._index_part(item)

    def _index_part(self, item: Any) -> str:
        if type(item) is slice:
            ends = ["" if end is None else self.text(end) for end in (item.start, item.stop)]
            return ":".join(ends if item.step is None else [*ends, self.text(item.step)])
        return self.text(item)

    def function(self, function: Callable[..., Any]) -> str:
        """How a function is called in the text."""
        name = function_name(function)
        if name.startswith("special."):
            self.imports["special"] = "from scipy import special"
            return name
        found: Any = np
        for part in name.split("."):
            found = getattr(found, part, None)
        if found is function:
            return f"np.{name}"
        return self.foreign(function)

    def called(self, function: Callable[..., Any], arguments: str) -> str:
        """A call of a function, or of one that gives several results with the one that is meant."""
        if isinstance(function, Part):
            return f"{self.called(function.function, arguments)}[{function.place}]"
        return f"{self.function(function)}({arguments})"

    def foreign(self, function: Callable[..., Any]) -> str:
        """The name of a function that is not NumPy's, which the text imports or is given."""
        module, qualified = getattr(function, "__module__", None), getattr(function, "__qualname__", "")
        name = qualified if qualified.isidentifier() else getattr(function, "__name__", "function")
        name = name if name.isidentifier() else "function"
        while self.functions.get(name, function) is not function or (name in self.taken and name not in self.functions):
            name = f"{name}_"
        self.functions[name] = function
        self.taken.add(name)
        if module is not None and getattr(sys.modules.get(module), qualified, None) is function and name == qualified:
            self.imports[name] = f"from {module} import {name}"
        return name

    def arguments(self, step: Step, skip: tuple[str, ...] = ()) -> str:
        """The arguments of a call, as they were given; numbers as arrays where those are faster."""
        ufunc = isinstance(step.function, np.ufunc)
        parts = [
            self.number(step, place) or self.operand(step, place) if ufunc else self.text(item)
            for place, item in enumerate(step.args)
        ]
        parts += [f"{key}={self.text(item)}" for key, item in step.kwargs.items() if key not in skip]
        return ", ".join(parts)

    # --- calls --------------------------------------------------------------------------------------------------------

    def view(self, step: Step, of_rows: bool = False) -> str:
        """An expression that looks at an array in another way.

        Args:
            of_rows: at some of its rows only, so many as there are.
        """
        x = self.text(step.args[0])
        if step.function is operator.getitem:
            return f"{x}[{self.index(step.args[1])}]"
        if step.function in TRANSPOSING:
            axes = axes_of(step)
            return f"{x}.T" if axes == tuple(reversed(range(len(axes)))) else f"{x}.transpose{axes}"
        if step.function is np.broadcast_to and of_rows:
            return f"np.broadcast_to({x}, (len({x}), {', '.join(map(str, step.shape[1:]))}))"
        if step.function is np.broadcast_to:
            shape = f"({', '.join([f'len({x})', *map(str, step.shape[1:])])})" if of_rows else step.shape
            return f"np.broadcast_to({x}, {shape})"
        if step.function in (np.flip, np.flipud, np.fliplr, np.rot90, np.diagonal):
            return self.called(step.function, self.arguments(step))
        if of_rows:
            return f"{x}.reshape{(-1, *step.shape[1:])}"
        return f"{x}.reshape{step.shape if len(step.shape) != 1 else f'({step.shape[0]})'}"

    def expression(self, step: Step, of_rows: bool = False) -> str:
        """A call as an expression that makes its own result: all numbers, and functions without out=.

        Args:
            of_rows: of some of the operands' rows only, so many as there are.
        """
        function = step.function
        if function in OPERATORS and len(step.args) == 2 and not step.kwargs and not step.shape:
            return f"{self._number_in(step, 0)} {OPERATORS[function]} {self._number_in(step, 1)}"
        if function is np.negative and not step.kwargs and not step.shape:
            return f"-{self._number_in(step, 0)}"
        if function is operator.getitem:
            return f"{self.text(step.args[0])}[{self.index(step.args[1])}]"
        if step.draws:
            return self._draw(step, "")
        if function is astype:
            if not step.shape:
                return f"np.{step.dtype.name}({self.text(step.args[0])})"
            return f"{self.text(step.args[0])}.astype({dtype_text(step.dtype)})"
        if function is np.reshape and not step.shape:
            return f"{self.text(step.args[0])}.reshape(())[()]"
        if function is np.where and not step.shape:
            return f"np.where({self.arguments(step)})[()]"
        if function in REDUCTIONS and set(step.kwargs) <= {"axis", "keepdims"} and len(step.args) == 1:
            return self._reduction(step, "", of_rows)
        if function is np.matmul and not step.kwargs and not step.shape:
            return f"np.dot({self.arguments(step)})"
        if function is einsum_of:
            return self._einsum(step, "")
        assert function is not None
        return self.called(function, self.arguments(step, skip=("out",)))

    def _number_in(self, step: Step, place: int) -> str:
        """An operand of a calculation with numbers."""
        item = step.args[place]
        out_of = "[()]" if type(item) is Step and item.index in self.single else ""
        return f"{self.operand(step, place)}{out_of}"

    def statements(self, step: Step, out: str, work: str = WORK) -> list[str]:
        """A call whose result goes into an array called `out`; one for images may write over `work`."""
        function = step.function
        args = step.args
        if function is np.where:
            condition, x, y = [self.text(item) for item in args]
            if np.dtype(dtype_of(args[0])) != bool:
                condition = f"{condition} != 0"
            first = [] if y == out else [f"np.copyto({out}, {y})"]
            return [*first, f"np.copyto({out}, {x}, where={condition})"]
        if function is np.copy or (function in (np.broadcast_to, np.reshape, np.ravel) and not _shape(args[0])):
            return [f"np.copyto({out}, {self.text(args[0])})"] if self.text(args[0]) != out else []
        if function is np.broadcast_to:
            return [f"np.copyto({out}, {self.text(args[0])})"]
        if function is astype:
            return [f'np.copyto({out}, {self.text(args[0])}, casting="unsafe")']
        if function in (np.reshape, np.ravel):
            return [f"np.copyto({out}, {self.expression_of_reshape(step)})"]
        if function is operator.getitem:
            x, index = self.text(args[0]), args[1]
            if isinstance(index, np.ndarray | Step) and dtype_of(index).kind in "iu" and _shape(args[0]):
                return [f"np.take({x}, {self.text(index)}, axis=0, out={out})"]
            return [f"np.copyto({out}, {x}[{self.index(index)}])"]
        if function is scatter:
            return self._scatter(step, out)
        if function is assembled:
            return [
                f"{out}[{self.index(place)}] = {self.text(part)}"
                for part, place in zip(args[0], args[1], strict=True)
                if part.index not in self.parts or self.parts[part.index][0] is not step
            ]
        if step.draws:
            return [self._draw(step, out)]
        if function is einsum_of:
            return [self._einsum(step, out)]
        if function in REDUCTIONS and set(step.kwargs) <= {"axis", "keepdims"} and len(args) == 1:
            return [self._reduction(step, out)]
        if function is not None and function in IMAGE_FUNCTIONS:
            return [f"{self.foreign(function)}({self.arguments(step)}, {work}, {out})"]
        if function is np.matmul and self.solid(step) and not step.kwargs:
            x, width = self.text(self.unreshaped(args[0])), args[0].shape[-1]
            rows = f"{out}.reshape(-1, {step.shape[-1]})"
            return [f"np.dot({x}.reshape(-1, {width}), {self.text(args[1])}, out={rows})"]
        if function is turned_product:
            order = tuple(np.argsort(args[2]).tolist())
            return [f"np.matmul({self.text(args[0])}, {self.text(args[1])}, out={out}.transpose{order})"]
        if is_blas(step):
            return [f"np.dot({self.text(args[0])}, {self.text(args[1])}, out={out})"]
        if function is np.dot:
            return [f"np.copyto({out}, np.dot({self.text(args[0])}, {self.text(args[1])}))"]
        if function in (np.maximum, np.minimum) and (clipped := self._clipped(step)) is not None:
            return [f"np.clip({clipped}, out={out})"]
        assert function is not None
        return [f"{self.function(function)}({self.arguments(step, skip=('out',))}, out={out})"]

    def _clipped(self, step: Step) -> str | None:
        """The arguments of a clip that does the same as a comparison with a number, in two fifths of the time."""
        texts = [self.operand(step, place) for place in (0, 1)]
        arrays = [place for place, item in enumerate(step.args) if type(item) is Step and item.shape == step.shape]
        if len(arrays) != 1 or step.size < CLIPPED or step.dtype.char not in "fd":
            return None
        array, number = texts[arrays[0]], texts[1 - arrays[0]]
        if step.args[arrays[0]].dtype != step.dtype or not _NUMBER.fullmatch(number):
            return None
        return f"{array}, {number}, np.inf" if step.function is np.maximum else f"{array}, -np.inf, {number}"

    def solid(self, step: Step) -> bool:
        """Whether a product of more than two axes is one of matrices: all rows of the left by the one on the right."""
        x, y = step.args
        return (
            type(x) is Step and len(x.shape) > 2 and len(_shape(y)) == 2 and x.dtype == step.dtype == dtype_of(y)
            and step.dtype.char in "fd" and 0 not in step.shape and x.size > 0
            and all(self.layouts[item.index].flags.c_contiguous for item in (x, step) if item.index in self.layouts)
        )  # fmt: skip

    def unreshaped(self, x: Step) -> Step:
        """What a reshape that copies nothing looks at."""
        looks = x.function is np.reshape and type(x.args[0]) is Step and x.index not in self.parts
        if looks and x.args[0].index in self.layouts and self.layouts[x.args[0].index].flags.c_contiguous:
            return self.unreshaped(x.args[0])
        return x

    def expression_of_reshape(self, step: Step) -> str:
        """A reshape that copies."""
        if step.kwargs or step.function is not np.reshape or len(step.args) != 2:
            assert step.function is not None
            return self.called(step.function, self.arguments(step))
        return f"{self.text(step.args[0])}.reshape({self.text(step.shape)})"

    def _reduction(self, step: Step, out: str, of_rows: bool = False) -> str:
        function = REDUCTIONS[step.function]  # type: ignore[index]
        (x,) = step.args
        if out and self._sums_short_rows(step):
            rows = self.text(x) if len(x.shape) == 2 else f"{self.text(x)}.reshape(-1, {x.shape[-1]})"
            flat = out if len(step.shape) == 1 else f"{out}.reshape(-1)"
            return f"np.dot({rows}, {self.ones_of(x.shape[-1], step.dtype)}, out={flat})"
        axis = step.kwargs.get("axis")
        axis = None if axis is None or (type(axis) is tuple and len(axis) == len(x.shape)) else axis
        if not out and not of_rows and self._sums_few(step, axis):
            return f"np.vdot({self.text(x)}, {self.ones_of(x.size, step.dtype)})"
        parts = [self.text(x)] + ([f"axis={axis}"] if axis != 0 else [])
        parts += ["keepdims=True"] if step.kwargs.get("keepdims") else []
        parts += [f"out={out}"] if out else []
        return f"np.{function.__name__}.reduce({', '.join(parts)})"

    def _sums_few(self, step: Step, axis: Any) -> bool:
        """Whether a call sums up all of a small array that lies in one piece."""
        (x,) = step.args
        return (
            step.function is np.sum and not step.shape and step.dtype == x.dtype and step.dtype.char in "fd"
            and (axis is None or len(x.shape) == 1) and 2 <= x.size <= FEW
            and x.index in self.layouts and self.layouts[x.index].flags.c_contiguous
        )  # fmt: skip

    def _sums_short_rows(self, step: Step) -> bool:
        """Whether a call sums up many short rows: BLAS takes a fifth of the time of `np.add.reduce`."""
        (x,) = step.args
        axis = step.kwargs.get("axis")
        last = axis in (-1, len(x.shape) - 1, (-1,), (len(x.shape) - 1,)) and len(x.shape) > 1
        return (
            step.function is np.sum and last and step.dtype == x.dtype and step.dtype.char in "fd"
            and 2 <= x.shape[-1] <= SHORT_ROW and x.size >= MANY
            and all(item.index in self.layouts and self.layouts[item.index].flags.c_contiguous for item in (x, step))
        )  # fmt: skip

    def ones_of(self, size: int, dtype: np.dtype[Any]) -> str:
        """The name of an array of ones."""
        like = "" if dtype == np.float64 else f", dtype={dtype_text(dtype)}"
        return self._made(f"np.ones({size}{like})", "ones")

    def _made(self, text: str, wish: str) -> str:
        """The name of an array that is made once."""
        if text not in self.made:
            name, count = wish, 1
            while name in self.taken:
                count += 1
                name = f"{wish}_{count}"
            self.taken.add(name)
            self.made[text] = name
        return self.made[text]

    def _scatter(self, step: Step, out: str) -> list[str]:
        g, index, _ = step.args
        if all(_once(item) for item in (index if type(index) is tuple else (index,))):
            return [f"{out}.fill(0)", f"{out}[{self.index(index)}] = {self.text(g)}"]
        return [f"{out}.fill(0)", f"np.add.at({out}, {self.text(index)}, {self.text(g)})"]

    def _draw(self, step: Step, out: str) -> str:
        place, shape, dtype = [*step.args, step.kwargs.get("dtype", np.float64)][:3]
        method = "random" if step.function is draws.uniform else "standard_normal"
        parts = [] if out else [f"size={self.text(shape)}"] if shape else []
        parts += [f"dtype={dtype_text(np.dtype(dtype))}"] if np.dtype(dtype) != np.float64 else []
        return f"generator_{place}.{method}({', '.join([*parts, *([f'out={out}'] if out else [])])})"

    def _einsum(self, step: Step, out: str) -> str:
        subscripts, optimize, *operands = step.args
        inside = ", ".join([repr(subscripts), *[self.text(item) for item in operands]])
        return f"np.einsum({inside}, optimize={self.text(optimize)}{f', out={out}' if out else ''})"


def number_text(value: Any) -> str:
    """A number as Python writes it, infinities and NaN as NumPy's."""
    if isinstance(value, float) and not math.isfinite(value):
        return "np.nan" if math.isnan(value) else "np.inf" if value > 0 else "-np.inf"
    if isinstance(value, float) and value == int(value) and abs(value) < 1e6 and (value or math.copysign(1, value) > 0):
        return f"{int(value)}.0"
    return repr(value)


def _array_text(value: Any, dtype: np.dtype[Any]) -> str:
    """How an array of one number is made."""
    like = "" if dtype == np.float64 else f", dtype={dtype_text(dtype)}"
    return f"np.array({number_text(float(value))}{like})"


def _name_of_number(value: Any) -> str:
    """What a number is called: "one", "n_0_01"; of many digits three."""
    if value in _WORDS:
        return _WORDS[value]
    digits = number_text(float(value)).removesuffix(".0")
    digits = digits if len(digits) <= 8 else f"{value:.3g}"
    return "n_" + digits.replace("e-", "e_minus_").replace("-", "minus_").replace("+", "").replace(".", "_")


def dtype_text(dtype: np.dtype[Any]) -> str:
    """A dtype as one writes it."""
    return f"np.{dtype.name if dtype.name != 'bool' else 'bool_'}" if dtype.kind in "biufc" else repr(dtype.str)


def is_blas(step: Step) -> bool:
    """Whether a product of matrices or vectors is one that `np.dot` writes into `out=`."""
    return (
        step.function in (np.matmul, np.dot)
        and not step.kwargs
        and step.dtype.char in "fdFD"
        and all(dtype_of(item) == step.dtype and len(_shape(item)) in (1, 2) for item in step.args)
    )


def _same_dtype(step: Step, place: int, plain: Any) -> bool:
    from tinygraph.compiler.steps import ufunc_dtype

    args = (*step.args[:place], plain, *step.args[place + 1 :])
    if all(type(item) is not Step or item.is_constant for item in args):
        return False
    function: Any = step.function
    try:
        kinds = function.resolve_dtypes((*[_kind(item) for item in step.args], *[None] * function.nout))
        weak = function.resolve_dtypes((*[_kind(item) for item in args], *[None] * function.nout))
    except TypeError:
        return False
    return bool(ufunc_dtype(function, args) == step.dtype and kinds == weak)


def _kind(item: Any) -> Any:
    kind = dtype_of(item)
    return np.dtype(bool) if kind is bool else kind


def _shape(item: Any) -> tuple[int, ...]:
    return item.shape if hasattr(item, "shape") else np.shape(item)


def _once(item: Any) -> bool:
    """Whether a part of an index cannot name a place twice."""
    if item is None or item is Ellipsis or isinstance(item, int | slice | np.integer):
        return True
    return hasattr(item, "dtype") and (item.dtype == bool or not item.shape)

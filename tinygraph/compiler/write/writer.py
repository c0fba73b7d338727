"""The writer: how the arguments of a call are written.

Of `np.multiply(h, 0.5)` the first argument is a name, that of a step, and the second a number, which becomes `half`,
the name of an array of one number, since NumPy takes that faster. Lists, slices and dtypes are written as in Python.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygraph.compiler.program.counting import Affine, FromCount
from tinygraph.compiler.program.facts import facts_of
from tinygraph.compiler.program.result_types import dtype_of, ufunc_dtype
from tinygraph.compiler.program.steps import Step, is_node
from tinygraph.compiler.trace.functions import Part
from tinygraph.compiler.write.literals import (
    affine_text,
    array_text,
    dtype_text,
    from_count_text,
    name_of_number,
    number_text,
    string_text,
)
from tinygraph.compiler.write.references import References

__all__ = ["Writer", "nest_text"]


@dataclass(eq=False, kw_only=True)
class Writer(References):
    """Writes arguments, and gathers what the text needs besides NumPy.

    Attributes:
        names: by a step's index the name of its value.
        parts: by their index steps that are computed into their places in an array.
        in_place: the indices of writes that leave an array in its memory.
        layouts: by a step's index an array with its strides, to learn from.
        single: the indices of variables that are arrays of one number, which is taken out of them where numbers are
            calculated with: `b[()] - 1` is three times as fast as `b - 1`.
        numbers: what the user's code calls some numbers.
        counter: the name of the counter of the innermost loop that is being written.
        bound: the indices of the steps whose names mean another part of memory in every iteration of a loop.
        counts: the names of the numbers of iterations of the open loops.
        computed_there: by their indices the values that are computed in the part of an array that they are written to,
            each with the view of that part which it reads, or None.
        inside: while a block is written, the indices of the values that it computes; None elsewhere.
        written_out: by a step's index the text of a number that is computed where it is read.
    """

    names: dict[int, str] = field(default_factory=dict)
    parts: dict[int, Any] = field(default_factory=dict)
    in_place: frozenset[int] = frozenset()
    layouts: dict[int, Any] = field(default_factory=dict)
    single: frozenset[int] = frozenset()
    numbers: dict[float, str] = field(default_factory=dict)
    counter: str = "i"
    bound: set[int] = field(default_factory=set)
    counts: list[str] = field(default_factory=list)
    computed_there: dict[int, Step | None] = field(default_factory=dict)
    inside: set[int] | None = None
    written_out: dict[int, str] = field(default_factory=dict)

    # --- one argument -------------------------------------------------------------------------------------------------

    def text(self, item: Any) -> str:
        """Return an argument as it is written."""
        form = _FORMS.get(type(item))
        if form is not None:
            return form(self, item)
        if isinstance(item, np.generic):
            return f"{dtype_text(item.dtype)}({number_text(item.item())})"
        if isinstance(item, np.dtype):
            return dtype_text(item)
        if isinstance(item, type):
            return f"np.{item.__name__}" if issubclass(item, np.generic) else item.__name__
        if item is np._NoValue:
            return "np._NoValue"
        return self.function(item) if callable(item) else repr(item)

    def constant(self, value: Any, name: str | None) -> str:
        """Return the name of an array that the program was made with, or a number."""
        return self.array(value, name) if np.shape(value) else self.text(value[()])

    def index(self, item: Any) -> str:
        """Return the text between the brackets of an index."""
        if type(item) is tuple and item:
            inside = ", ".join([self._index_part(part) for part in item])
            return f"{inside}," if len(item) == 1 and type(item[0]) not in (int, slice) else inside
        return self._index_part(item)

    def _index_part(self, item: Any) -> str:
        if type(item) is slice:
            ends = ["" if end is None else self.text(end) for end in (item.start, item.stop)]
            return ":".join(ends if item.step is None else [*ends, self.text(item.step)])
        return self.text(item)

    # --- the arguments of a call --------------------------------------------------------------------------------------

    def operand(self, step: Step, position: int) -> str:
        """Write an argument of an elementwise function: a constant as a number where that gives the same dtype."""
        item = _number_or_array(step.args[position])
        if isinstance(item, np.generic) and isinstance(step.function, np.ufunc):
            plain = item.item()
            if type(plain) in (int, float) and _gives_the_same_dtype(step, position, plain):
                return number_text(plain)
        return self.text(item)

    def number(self, step: Step, position: int) -> str | None:
        """Return the name of an array that is written for a number, or None where the number itself is written."""
        item = _number_or_array(step.args[position])
        others = [operand for operand in step.args if type(operand) is Step and operand.shape]
        if (
            not facts_of(step.function).number_as_array or step.dtype.char not in "fd" or not others
            or type(item) not in (int, float, step.dtype.type) or any(other.dtype != step.dtype for other in others)
        ):  # fmt: skip
            return None
        plain = item.item() if isinstance(item, np.generic) else item
        if abs(plain) >= float(np.finfo(step.dtype).max) or not math.isfinite(plain):
            return None
        return self.made_once(array_text(plain, step.dtype), self.numbers.get(plain) or name_of_number(plain))

    def arguments(self, step: Step) -> str:
        """Write the arguments of a call, as they were given, without out=; numbers as arrays where that is faster."""
        ufunc = isinstance(step.function, np.ufunc)
        parts = [
            self.number(step, position) or self.operand(step, position) if ufunc else self.text(item)
            for position, item in enumerate(step.args)
        ]
        parts += [f"{key}={self.text(item)}" for key, item in step.kwargs.items() if key != "out"]
        return ", ".join(parts)

    # --- a call that is written as it was made ------------------------------------------------------------------------

    def call(self, step: Step) -> str:
        """Write a call that makes its own result."""
        return self._called(step.function, self.arguments(step))

    def call_into(self, step: Step, out: str) -> list[str]:
        """Write a call whose result goes into an array called `out`."""
        assert step.function is not None
        return [f"{self.function(step.function)}({self.arguments(step)}, out={out})"]

    def _called(self, function: Any, arguments: str) -> str:
        if isinstance(function, Part):  # of a function with several results the one that is meant
            return f"{self._called(function.function, arguments)}[{function.position}]"
        return f"{self.function(function)}({arguments})"

    # --- what is known of an array ------------------------------------------------------------------------------------

    def is_contiguous(self, step: Step) -> bool:
        """Return whether an array lies in one piece, in C order."""
        return step.index in self.layouts and self.layouts[step.index].flags.c_contiguous


def _of_step(writer: Writer, step: Step) -> str:
    known = writer.written_out.get(step.index) or writer.names.get(step.index)
    return writer.constant(step.value, step.name) if known is None else known


def _of_tuple(writer: Writer, items: tuple[Any, ...]) -> str:
    inside = ", ".join([writer.text(item) for item in items])
    return f"({inside},)" if len(items) == 1 else f"({inside})"


def _of_list(writer: Writer, items: list[Any]) -> str:
    return f"[{', '.join([writer.text(item) for item in items])}]"


def _of_dict(writer: Writer, items: dict[Any, Any]) -> str:
    return "{" + ", ".join([f"{key!r}: {writer.text(item)}" for key, item in items.items()]) + "}"


def _of_slice(writer: Writer, item: slice) -> str:
    return f"slice({writer.text(item.start)}, {writer.text(item.stop)}, {writer.text(item.step)})"


_FORMS: dict[type, Callable[[Writer, Any], str]] = {
    Step: _of_step,
    FromCount: lambda writer, item: from_count_text(item, writer.counts),
    Affine: lambda writer, item: affine_text(item, writer.counter),
    np.ndarray: lambda writer, item: writer.constant(item, None),
    float: lambda writer, item: number_text(item),
    complex: lambda writer, item: number_text(item),
    str: lambda writer, item: string_text(item),
    tuple: _of_tuple,
    list: _of_list,
    dict: _of_dict,
    slice: _of_slice,
    type(Ellipsis): lambda writer, item: "...",
}


def nest_text(structure: Any, texts: Iterator[str], writer: Writer) -> str:
    """Return a nest of results as it is written.

    Args:
        texts: the texts of the nodes in it, in order.
    """
    if is_node(structure):
        return next(texts)
    if type(structure) is tuple and structure:
        inside = ", ".join([nest_text(item, texts, writer) for item in structure])
        return f"({inside},)" if len(structure) == 1 else f"({inside})"
    if type(structure) is list:
        return f"[{', '.join([nest_text(item, texts, writer) for item in structure])}]"
    if type(structure) is dict:
        items = [f"{writer.text(key)}: {nest_text(item, texts, writer)}" for key, item in structure.items()]
        return f"{{{', '.join(items)}}}"
    text = writer.text(structure)
    return f"np.dtype({text})" if isinstance(structure, np.dtype) else text


def _number_or_array(item: Any) -> Any:
    """Return an argument, or the number of a constant that is one number."""
    return item.value[()] if type(item) is Step and item.is_constant and not item.shape else item  # type: ignore[index]


def _gives_the_same_dtype(step: Step, position: int, plain: Any) -> bool:
    """Return whether an elementwise function computes the same with a Python number as one of its arguments."""
    args = (*step.args[:position], plain, *step.args[position + 1 :])
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

"""A node of a graph: an input, or one call of a function."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from dataclasses import MISSING, Field, dataclass, fields
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from tinygraph.engine.table import function_name, operation_of

if TYPE_CHECKING:
    from tinygraph.users_code.source import Instruction, Source

__all__ = ["Node", "draft_of", "nodes_in", "setting_slots"]

Kind = TypeVar("Kind")


def setting_slots(kind: type[Kind]) -> type[Kind]:
    """Give a frozen dataclass with slots an `__init__` that sets the slots of a draft, which it then freezes.

    A draft is an object of `draft_of` the class. The `__init__` that a frozen dataclass has calls `object.__setattr__`
    for each field, which takes four times as long. A program of 24,000 calls is made of nodes, and then of steps.
    """
    own: dict[str, Any] = {f"default_{field.name}": field.default for field in _fields(kind)}
    frozen: Any = kind
    own |= {"set_kind": object.__setattr__, "kind": frozen, "draft": draft_of(frozen)}
    parameters = [
        field.name if field.default is MISSING else f"{field.name}=default_{field.name}" for field in _fields(kind)
    ]
    lines = [f"    self.{field.name} = {field.name}" for field in _fields(kind)]
    begin, end = "    set_kind(self, '__class__', draft)", "    self.__class__ = kind"
    exec("\n".join([f"def __init__(self, {', '.join(parameters)}):", begin, *lines, end]), own)
    own["__init__"].__annotations__ = kind.__init__.__annotations__
    setattr(kind, "__init__", own["__init__"])  # noqa: B010 - mypy knows no other one
    return kind


@functools.cache
def draft_of(kind: type[Any]) -> type[Any]:
    """Return the class of the objects whose slots can be set, and which then become objects of a frozen class.

    Python lets an object have another class whose objects have the same slots.
    """
    setting = {"__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    return type(f"{kind.__name__}Draft", kind.__bases__, {"__slots__": kind.__dict__["__slots__"], **setting})


def _fields(kind: Any) -> tuple[Field[Any], ...]:
    return fields(kind)


@setting_slots
@dataclass(frozen=True, eq=False, slots=True)
class Node:
    """One value of the program: an input, or the result of one call of a NumPy function.

    Attributes:
        index: place in execution order; every operand has a smaller one.
        function: the called function (`np.multiply`, `operator.getitem`, `tg.sigmoid`), None for an input.
        args, kwargs: the call's arguments, with a `Node` wherever a Tensor stood, also inside lists.
        shape, dtype: the value's.
        name: the user's name, else the variable that the value was assigned to, else None.
        scope: the names of the scopes the call was made in, outermost first. Two modules, or two `with tg.scope`
            blocks, of one name are two scopes: their names are numbered, "block 1" and "block 2". The second call of
            a module is "block 1 (2)".
        value: the array, or None where the record did not keep it.
        grad: the gradient of the last backward pass, or None.
        grad_freed: True if a gradient was computed, but was large and has been freed.
        requires_grad: True if a backward pass reaches this value.
        source: the line of the user's code that made it.
        instruction: the instruction there.
        argument_names: the name of each of `args` in that code, None where it is long or not known. For a call inside
            a layer they are `GivenName`s.
        gradient_of: the index of the value that `grad` is the derivative of; None where the record is not sure.
        gradient_note: the reason why the record does not call `grad` a derivative: "" (it does, or there is no record),
            "several" (more than one pass added to it), "elsewhere" (it was set, or the pass began outside this graph),
            "changed" (an input was assigned since), "seed" (the pass did not begin with 1).
        changed: True for an input that was assigned, or written into, after this graph used it, and for a view of such
            an input: `value` is the new one.
    """

    index: int
    function: Callable[..., Any] | None
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    name: str | None = None
    scope: tuple[str, ...] = ()
    value: np.ndarray[Any, Any] | None = None
    grad: np.ndarray[Any, Any] | None = None
    grad_freed: bool = False
    requires_grad: bool = False
    source: Source | None = None
    instruction: Instruction | None = None
    argument_names: tuple[str | None, ...] = ()
    gradient_of: int | None = None
    gradient_note: str = ""
    changed: bool = False

    @property
    def is_input(self) -> bool:
        """True if nothing in this graph computed it."""
        return self.function is None

    @property
    def op(self) -> str:
        """The function's name as it is written after `np.`: "multiply", "linalg.solve"; "input" for an input."""
        return "input" if self.function is None else function_name(self.function)

    @property
    def operands(self) -> tuple[Node, ...]:
        """The nodes among the arguments, in order; twice for `x * x`."""
        return tuple(nodes_in((self.args, self.kwargs)))

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of the value."""
        return self.size * self.dtype.itemsize

    def local_derivatives(self) -> tuple[np.ndarray[Any, Any] | None, ...]:
        """Return the derivative of this value's sum with respect to each operand: for a scalar, the slope.

        Returns:
            For each of `operands` an array of its shape; None where the rule has none, or reads a value that was
            not kept, or has changed since.
        """
        operation = None if self.function is None else operation_of(self.function)
        if operation is None or self.value is None:
            return (None,) * len(self.operands)
        return tuple(_local_derivatives(self, operation))

    def __repr__(self) -> str:
        return f"<Node {self.index} {self.op} {self.name or ''} {self.shape}>"


def nodes_in(structure: Any) -> Iterator[Node]:
    """Yield the nodes inside nested tuples, lists and dicts, in order."""
    if isinstance(structure, Node):
        yield structure
    elif isinstance(structure, tuple | list):
        for item in structure:
            yield from nodes_in(item)
    elif isinstance(structure, dict):
        for item in structure.values():
            yield from nodes_in(item)


def _local_derivatives(node: Node, operation: Any) -> Iterator[np.ndarray[Any, Any] | None]:
    values = _with_values(node.args)
    keywords = {} if isinstance(node.function, np.ufunc) else node.kwargs
    seed = np.ones_like(node.value)
    for rule, argument in zip(operation.rules, node.args, strict=False):
        found = list(nodes_in(argument))
        if not found:
            continue
        try:
            with np.errstate(all="ignore"):
                cotangent = None if rule is None else rule(seed, node.value, *values, **keywords)
        except (AttributeError, TypeError):  # the rule reads a value that the record did not keep
            cotangent = None
        if cotangent is None:
            yield from (None for _ in found)
        elif isinstance(argument, Node):
            yield np.asarray(cotangent)
        else:
            yield from (
                np.asarray(part) for part, item in zip(cotangent, argument, strict=True) if isinstance(item, Node)
            )
    yield from (None for _ in nodes_in(node.args[len(operation.rules) :]))


def _with_values(structure: Any) -> Any:
    if isinstance(structure, Node):
        return structure if structure.value is None or structure.changed else structure.value
    if isinstance(structure, tuple):
        return tuple(_with_values(item) for item in structure)
    return [_with_values(item) for item in structure] if isinstance(structure, list) else structure

"""Steps: a program's nodes as the compiler works on them, and the builder that rewrites make new ones with.

A graph of steps begins with its inputs, always the same and in the same order: the arguments, then the variables.
What nothing computes and nobody gives is a constant, and has its value. Of everything else only the shape and dtype
are known, since the program must hold for any values.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from tinygraph import draws
from tinygraph.compiler.program.facts import REDUCTIONS
from tinygraph.compiler.program.program import Program
from tinygraph.derivatives.shapes import astype
from tinygraph.engine.links import instances, mapped
from tinygraph.errors import GraphError
from tinygraph.graph import Graph, Node

__all__ = ["Builder", "Step", "rewritten", "steps_of"]

Shape = tuple[int, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Step(Node):
    """A node of a program that is being compiled.

    Attributes:
        section: "forward", "backward" or "update".
        given: whether it is an argument or a variable, as opposed to a constant or the result of a call.
    """

    section: str = "forward"
    given: bool = False

    @property
    def is_constant(self) -> bool:
        """True if its value is known, and the same at every call."""
        return self.function is None and not self.given

    @property
    def draws(self) -> bool:
        """True if it draws from a generator, so that no two calls have the same result."""
        return self.function is draws.uniform or self.function is draws.normal

    def __repr__(self) -> str:
        return f"<Step {self.index} {self.op} {self.name or ''} {self.shape}>"


def steps_of(program: Program) -> Graph:
    """The program's graph as steps: arguments first, then variables, then what they are computed to.

    Raises:
        GraphError: an input that is neither argument nor variable has no value.
    """
    builder = Builder()
    moved: dict[int, Step] = {}
    named = [(node, node.name) for node in program.arguments]
    named += [(variable.node, variable.name) for variable in program.variables]
    for node, name in named:
        moved[node.index] = builder.add(_step(node, program, len(builder.steps), name=name, given=True))
    for node in program.graph.nodes:
        if node.index in moved:
            continue
        if node.is_input and node.value is None:
            raise GraphError(
                f"compile: {node.name or 'an input'} is neither an argument nor a variable, and no value was kept"
            )
        args, kwargs = mapped((node.args, node.kwargs), lambda item: moved[item.index] if is_node(item) else item)
        if (isinstance(node.function, np.ufunc) or node.function is np.where) and any(
            [type(item) is np.ndarray and item.shape for item in args]
        ):
            # A plain array among the operands is a step, too: blocks are taken of it like of any other.
            like = _step(node, program, 0)
            args = tuple([
                builder.constant(like, item) if type(item) is np.ndarray and item.shape else item for item in args
            ])  # fmt: skip
        step = _step(node, program, len(builder.steps), args=args, kwargs=kwargs)
        if node.value is not None and node.is_input:
            step = replace(step, value=np.asarray(node.value))
        moved[node.index] = builder.add(step)
    return Graph(tuple(builder.steps), tuple(moved[output.index] for output in program.graph.outputs))


def _step(
    node: Node, program: Program, index: int, name: str | None = None, given: bool = False, args: tuple[Any, ...] = (),
    kwargs: dict[str, Any] | None = None,
) -> Step:  # fmt: skip
    return Step(
        index=index, function=node.function, args=args, kwargs=kwargs or {}, shape=node.shape, dtype=node.dtype,
        name=name or node.name, scope=node.scope, requires_grad=node.requires_grad, source=node.source,
        section=program.sections.get(node.index, "forward"), given=given,
    )  # fmt: skip


def is_node(item: Any) -> bool:
    """Return whether an argument is a node."""
    return isinstance(item, Node)


def operands_of(step: Node) -> Iterator[Step]:
    """The steps among the arguments, in order, once for each time they stand there."""
    for item in step.args:
        if type(item) is Step:
            yield item
        elif type(item) in (tuple, list):
            yield from instances(Step, item)
    if step.kwargs:
        yield from instances(Step, step.kwargs)


class Builder:
    """A list of steps that grows at its end.

    Attributes:
        steps: the list.
        moved: while a graph is rewritten what each of its steps so far has become, constants too.
    """

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.moved: list[Step] = []

    def add(self, step: Step) -> Step:
        """Append a step, giving it its place."""
        step = replace(step, index=len(self.steps)) if step.index != len(self.steps) else step
        self.steps.append(step)
        return step

    def call(
        self, like: Step, function: Callable[..., Any], *args: Any, name: str | None = None, **kwargs: Any
    ) -> Step:
        """Append a call, on behalf of the line and section of another step.

        Args:
            like: the step whose source, scope and section the new one has.
            function: what is called.
            args, kwargs: with steps where arrays stand.
            name: of the result.
        """
        shape, dtype = result_of(function, args, kwargs)
        return self.add(
            Step(0, function, args, kwargs, shape, dtype, name, like.scope, source=like.source, section=like.section)
        )

    def constant(self, like: Step, value: Any) -> Step:
        """Append a constant, in the place of another step."""
        value = np.asarray(value)
        return self.add(
            Step(
                0, None, (), {}, value.shape, value.dtype, None, like.scope, value, source=like.source,
                section=like.section,
            )
        )  # fmt: skip


Change = Callable[[Builder, Step], Step | None]


def rewritten(graph: Graph, change: Change) -> Graph:
    """A graph with each step changed, from the first to the last.

    Args:
        graph: of steps.
        change: called with the builder and a step whose operands are already the new ones. It returns the step that
            takes its place, of the same shape and dtype, which it may have added to the builder; or None to keep it.
    """
    builder = Builder()
    moved = builder.moved
    same = True  # until the first change every step stays the object it is
    for step in graph.nodes:
        assert type(step) is Step
        if step.function is None:
            moved.append(step if same else builder.add(step))
            if same:
                builder.steps.append(step)
            continue
        if not same:
            step = placed(step, len(builder.steps), moved)
        before = len(builder.steps)
        instead = change(builder, step)
        if instead is None:
            del builder.steps[before:]  # what a change tried and gave up
            builder.steps.append(step)
            instead = step
        elif instead is not step or len(builder.steps) != before + 1:
            same = False
            if instead.shape != step.shape or instead.dtype != step.dtype:
                raise AssertionError(
                    f"{change.__qualname__}: {step} of {step.dtype}{step.shape} became {instead.dtype}{instead.shape}"
                )
            if step.name is not None and instead.name is None and not instead.given:
                object.__setattr__(instead, "name", step.name)  # it takes over the user's name, too
        moved.append(instead)
    if same:
        return graph
    return Graph(tuple(builder.steps), tuple(moved[output.index] for output in graph.outputs))


_SLOTS = tuple(field.name for field in fields(Step))
_set = object.__setattr__


def placed(step: Step, index: int, moved: Sequence[Step] | dict[int, Step]) -> Step:
    """A copy of a step at another place, with the steps that its operands became. `replace` takes longer."""

    def new(item: Any) -> Any:
        return moved[item.index] if type(item) is Step else item

    copy = object.__new__(Step)
    for name in _SLOTS:
        _set(copy, name, getattr(step, name))
    _set(copy, "index", index)
    args = step.args
    _set(copy, "args", tuple([mapped(item, new) if type(item) in (tuple, list) else new(item) for item in args]))
    if step.kwargs:
        _set(copy, "kwargs", mapped(step.kwargs, new))
    return copy


def is_elementwise(step: Step) -> bool:
    """Return whether each element of the result depends on the operands' elements at the same place alone."""
    function = step.function
    if step.kwargs:
        return False
    if isinstance(function, np.ufunc):
        return function.signature is None and function.nout == 1
    if function in (astype, np.copy):
        return type(step.args[0]) is Step and step.args[0].shape == step.shape
    return function is np.where and len(step.args) == 3


# --- shapes and dtypes of new calls -----------------------------------------------------------------------------------


def shape_of(item: Any) -> Shape:
    """The shape of an argument."""
    return item.shape if hasattr(item, "shape") else np.shape(item)


def dtype_of(item: Any) -> Any:
    """The dtype of an argument; of a Python number its type, which gives way to an array's dtype."""
    return item.dtype if hasattr(item, "dtype") else type(item)


def ufunc_dtype(function: np.ufunc, args: tuple[Any, ...]) -> np.dtype[Any]:
    """The dtype that an elementwise function makes of its arguments, Python numbers giving way."""
    kinds = [dtype_of(item) for item in args]
    if all(not isinstance(kind, np.dtype) for kind in kinds):
        kinds = [np.asarray(item).dtype for item in args]
    kinds = [np.dtype(bool) if kind is bool else kind for kind in kinds]
    return function.resolve_dtypes((*kinds, *[None] * function.nout))[-1]


def result_of(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Shape, Any]:
    """The shape and dtype of a call's result, from those of its arguments."""
    if isinstance(function, np.ufunc) and function.signature is None and not kwargs:
        return np.broadcast_shapes(*[shape_of(item) for item in args]), ufunc_dtype(function, args)
    if function in REDUCTIONS:
        return _reduced(function, *args, **kwargs)
    if function is np.where:
        shape = np.broadcast_shapes(*[shape_of(item) for item in args])
        kinds = [item.dtype if hasattr(item, "dtype") else item for item in args[1:]]
        return shape, np.result_type(*kinds)
    # The arrays stand for their shapes and dtypes: a zero that is repeated takes no memory.
    stand_ins = mapped(
        (args, kwargs), lambda item: np.broadcast_to(np.ones((), item.dtype), item.shape) if is_node(item) else item
    )
    result = function(*stand_ins[0], **stand_ins[1])
    return result.shape, result.dtype


def is_plain_reduction(step: Step) -> bool:
    """Return whether a call is a reduction of one argument with nothing said but the axes."""
    return step.function in REDUCTIONS and set(step.kwargs) <= {"axis", "keepdims"} and len(step.args) == 1


def _reduced(
    function: Callable[..., Any], a: Any, axis: Any = None, keepdims: bool = False, **kwargs: Any
) -> tuple[Shape, Any]:
    small: Any = np.ones((1,) * len(a.shape), a.dtype)
    dtype = np.asarray(function(small, axis=axis, keepdims=keepdims)).dtype
    axes = reduced_axes(axis, len(a.shape))
    if keepdims:
        return tuple([1 if place in axes else size for place, size in enumerate(a.shape)]), dtype
    return tuple([size for place, size in enumerate(a.shape) if place not in axes]), dtype


def reduced_axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """The axes that a reduction adds up, from 0. NumPy lets a single number be summed up along axis 0."""
    return tuple(range(ndim)) if axis is None or not ndim else tuple(normalize_axis_tuple(axis, ndim))


# --- symbols ----------------------------------------------------------------------------------------------------------


class Symbol(np.lib.mixins.NDArrayOperatorsMixin):
    """A step that NumPy code can be run on: each call appends a step. Formulas in rewrites are written with them."""

    __slots__ = ("builder", "like", "step")

    def __init__(self, builder: Builder, like: Step, step: Step) -> None:
        self.builder = builder
        self.like = like
        self.step = step

    @property
    def shape(self) -> Shape:
        """As of an array."""
        return self.step.shape

    @property
    def ndim(self) -> int:
        """As of an array."""
        return len(self.step.shape)

    @property
    def dtype(self) -> Any:
        """As of an array."""
        return self.step.dtype

    def _call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Symbol:
        args, kwargs = mapped((args, kwargs), lambda item: item.step if type(item) is Symbol else item)
        if isinstance(function, np.ufunc) or function is np.where:
            # A plain array is a step, too: blocks are taken of it like of any other.
            args = tuple([
                self.builder.constant(self.like, item) if type(item) is np.ndarray and item.shape else item
                for item in args
            ])  # fmt: skip
        return Symbol(self.builder, self.like, self.builder.call(self.like, function, *args, **kwargs))

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        return self._call(ufunc if method == "__call__" else getattr(ufunc, method), *args, **kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return self._call(function, *args, **kwargs)

    def __getitem__(self, index: Any) -> Symbol:
        return self._call(operator.getitem, self, index)

    def through(self, check: Callable[..., Any], *args: Any) -> Symbol:
        """A call of a function that gives its first argument back."""
        like = self.like
        step = Step(
            0, check, (self.step, *args), {}, self.shape, self.dtype, None, like.scope, source=like.source,
            section=like.section,
        )  # fmt: skip
        return Symbol(self.builder, like, self.builder.add(step))

    def astype(self, dtype: Any) -> Symbol:
        """As of an array."""
        return self if self.dtype == dtype else self._call(astype, self, np.dtype(dtype))

    def reshape(self, shape: Shape) -> Symbol:
        """As of an array."""
        return self if self.shape == tuple(shape) else self._call(np.reshape, self, tuple(shape))

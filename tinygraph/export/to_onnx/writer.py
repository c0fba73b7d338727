"""The writer of an ONNX graph: a recorded program's calls, one after the other, as ONNX's operators.

Each node of the program has a value in the ONNX graph. Shapes and numbers that depend on the number of rows are
computed in the graph, from the shape of the first input.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygraph.compiler.axes.explaining import Counted, Uniform, forms_in
from tinygraph.compiler.axes.forms import Form, Quotient
from tinygraph.compiler.axes.open_program import OpenProgram
from tinygraph.errors import UnsupportedError
from tinygraph.graph import Node

__all__ = ["OPSET", "Call", "Writer"]

# The version of ONNX's operators, and of the file, which runtimes of the last years read.
OPSET, IR_VERSION = 18, 9

_ROWS = Form()  # the number of rows itself


@dataclass(frozen=True, eq=False)
class Call:
    """A call in the program, with forms in place of what depends on the number of rows.

    Attributes:
        node: the node.
        args, kwargs: its arguments.
        shape, dtype: those of its result.
    """

    node: Node
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    shape: tuple[Any, ...]
    dtype: np.dtype[Any]

    def get(self, position: int, name: str, default: Any = None) -> Any:
        """Return an argument by its position or its name."""
        return self.args[position] if len(self.args) > position else self.kwargs.get(name, default)

    def only(self, *names: str) -> None:
        """Refuse keyword arguments other than these, which ONNX's operator does not know.

        Raises:
            UnsupportedError: there is another one.
        """
        for name, value in self.kwargs.items():
            if name not in names and value is not None and value is not np._NoValue:
                raise self.unknown(f"{name}=")

    def unknown(self, what: str) -> UnsupportedError:
        """Return the error for a call that has something in it that ONNX has no operator for."""
        place = f" ({self.node.source})" if self.node.source is not None else ""
        scope = f", in {' / '.join(self.node.scope)}" if self.node.scope else ""
        return UnsupportedError(
            f"onnx: ONNX has no operator for {self.node.op} with {what}{place}{scope}. Write it with other functions, "
            "or save a module that needs NumPy alone: tg.export.save_module"
        )


class Writer:
    """The nodes and the constants of an ONNX graph, as they are written.

    Args:
        program: the recorded program, whose shapes may depend on the number of rows.
        rows: the name of the number of rows in the file; None for a program of one size.

    Attributes:
        ir: the package `onnx_ir`.
        nodes: the nodes, in the order in which they are computed.
        constants: the initializers, by name.
    """

    def __init__(self, program: OpenProgram, rows: str | None) -> None:
        import onnx_ir  # an optional extra

        self.ir: Any = onnx_ir
        self.rows = rows
        self.nodes: list[Any] = []
        self.constants: dict[str, Any] = {}
        self._program = program
        self._values: dict[int, Any] = {}  # by the indices of nodes
        self._constants_by_content: dict[Any, Any] = {}
        self._sizes: dict[Form, Any] = {}
        self._axis_of_rows: tuple[Any, int] | None = None  # the first input with an axis of rows, and that axis

    # --- values -------------------------------------------------------------------------------------------------------

    def input(self, node: Node, name: str) -> Any:
        """Return a new input of the graph, with this name, for an argument of the program."""
        shape = self.shape(node)
        value = self.ir.val(name, self.ir.DataType.from_numpy(node.dtype), self._dimensions(shape))
        self._values[node.index] = value
        if self._axis_of_rows is None and _ROWS in shape:
            self._axis_of_rows = value, shape.index(_ROWS)
        return value

    def weight(self, node: Node, name: str, array: Any) -> None:
        """Let a node be an array that the program takes from outside."""
        self._values[node.index] = self._constant(np.array(array, node.dtype), name)

    def _let(self, node: Node, value: Any) -> None:
        """Let a node be a value of the graph, of the shape and dtype that was recorded."""
        if value.shape is None and value.producer() is not None:
            value.shape = self.ir.Shape(self._dimensions(self.shape(node)))
        self._values[node.index] = value

    def shape(self, item: Any) -> tuple[Any, ...]:
        """Return the shape of an argument, with forms."""
        if isinstance(item, Node):
            _, _, _, shape, _ = self._program.parts[item.index]
            return tuple(shape)
        if type(item) is Uniform:
            return tuple(item.shape)
        return (item.count,) if type(item) is Counted else np.shape(item)

    def _dimensions(self, shape: tuple[Any, ...]) -> list[int | str | None]:
        """Return a shape as ONNX has it: of numbers, the name of the number of rows, and None for other forms."""
        return [(self.rows if size == _ROWS else None) if type(size) is Form else size for size in shape]

    def dtype(self, item: Any) -> Any:
        """Return what NumPy's promotion needs to know of an argument: a dtype, or a Python number."""
        if isinstance(item, Node):
            return item.dtype
        if type(item) is Uniform:
            return item.value.dtype
        if type(item) is Form:
            return 1
        if type(item) is Quotient:
            return 1.0 if item.kind is float else np.dtype(item.kind)
        return item if isinstance(item, bool | int | float) else np.asarray(item).dtype

    def value(self, item: Any, dtype: Any = None) -> Any:
        """Return the value of an argument in the graph.

        Args:
            item: a node, an array, a number, or a form.
            dtype: the dtype of the value; None for that of the argument.

        Raises:
            UnsupportedError: an array depends on the number of rows in a way that ONNX cannot say.
        """
        if isinstance(item, Node):
            return self.cast(self._values[item.index], item.dtype, dtype)
        kind = np.dtype(dtype) if dtype is not None else np.result_type(self.dtype(item))
        if type(item) is Form:
            return self.cast(self.emit("Squeeze", [self.size(item), self.ints([0])]), np.int64, kind)
        if type(item) is Quotient:
            number, by = self.value(item.number, kind), self.value(item.by, kind)
            return self.emit("Mul" if item.multiplies else "Div", [number, by])
        if type(item) is Uniform:
            return self.emit("Expand", [self.value(item.value, kind), self.sizes(item.shape)])
        if type(item) is Counted:
            count = self.value(item.count, np.int64)
            end = self.emit("Add", [count, self.value(item.first, np.int64)])
            counted = self.emit("Range", [self.value(item.first, np.int64), end, self.value(1, np.int64)])
            return self.cast(counted, np.int64, kind)
        if [*forms_in(item)]:
            raise UnsupportedError("onnx: an array depends on the number of rows in a way that ONNX cannot say")
        return self._constant(np.asarray(item).astype(kind), None)

    def cast(self, value: Any, given: Any, wanted: Any) -> Any:
        """Return a value as one of another dtype."""
        if wanted is None or np.dtype(given) == np.dtype(wanted):
            return value
        return self.emit("Cast", [value], np.dtype(wanted), to=self.ir.DataType.from_numpy(np.dtype(wanted)))

    def array(self, item: Any) -> Any:
        """Return the array that an argument is at every call, or None."""
        if isinstance(item, Node):
            value = self._values[item.index]
            return value.const_value.numpy() if value.const_value is not None else None
        return None if [*forms_in(item)] or type(item) in (Uniform, Counted) else np.asarray(item)

    def ints(self, numbers: Sequence[int]) -> Any:
        """Return whole numbers as a constant of one axis."""
        return self._constant(np.array(numbers, np.int64).reshape(-1), None)

    def _constant(self, array: Any, name: str | None) -> Any:
        key = (name, array.dtype.str, array.shape, array.tobytes()) if array.size <= 64 or name else None
        if key is not None and key in self._constants_by_content:
            return self._constants_by_content[key]
        chosen = next(wish for wish in _numbered(name or "constant") if wish not in self.constants)
        tensor = self.ir.tensor(np.ascontiguousarray(array).reshape(array.shape), name=chosen)
        made = self.ir.val(chosen, tensor.dtype, tensor.shape, const_value=tensor)
        self.constants[chosen] = made
        if key is not None:
            self._constants_by_content[key] = made
        return made

    # --- the number of rows -------------------------------------------------------------------------------------------

    def size(self, item: Any) -> Any:
        """Return a whole number that may depend on the number of rows, as a value of one axis."""
        if type(item) is not Form:
            return self.ints([item])
        if item not in self._sizes:
            self._sizes[item] = self._computed(item)
        return self._sizes[item]

    def _computed(self, form: Form) -> Any:
        if form == _ROWS:
            assert self._axis_of_rows is not None
            value, axis = self._axis_of_rows
            return self.emit("Shape", [value], np.int64, start=axis, end=axis + 1)
        found = self.size(_ROWS)
        if form.power == 2:
            found = self.emit("Mul", [found, found])
        if form.plus:
            found = self.emit("Add", [found, self.ints([form.plus])])
        if form.over != 1:
            found = self.emit("Div", [found, self.ints([form.over])])
        if form.times != 1:
            found = self.emit("Mul", [found, self.ints([form.times])])
        return self.emit("Add", [found, self.ints([form.offset])]) if form.offset else found

    def sizes(self, shape: Sequence[Any]) -> Any:
        """Return a shape as a value of one axis."""
        if not any(type(size) is Form for size in shape):
            return self.ints(list(shape))
        return self.emit("Concat", [self.size(size) for size in shape], np.int64, axis=0)

    def reshape(self, value: Any, shape: Sequence[Any]) -> Any:
        """Return a value in another shape, whose only form ONNX finds by itself."""
        if sum([type(size) is Form for size in shape]) == 1 and 0 not in shape:
            return self.emit("Reshape", [value, self.ints([-1 if type(size) is Form else size for size in shape])])
        return self.emit("Reshape", [value, self.sizes(shape)], allowzero=1)

    # --- operators ----------------------------------------------------------------------------------------------------

    def emit(self, operator: str, inputs: Sequence[Any], dtype: Any = None, **attributes: Any) -> Any:
        """Add a call of one of ONNX's operators, and return its result.

        Args:
            operator: its name.
            inputs: values; None for an optional one.
            dtype: of the result; None for that of the first input.
            attributes: of the operator.
        """
        kind = inputs[0].dtype if dtype is None else self.ir.DataType.from_numpy(np.dtype(dtype))
        result = self.ir.val(f"{operator}_{len(self.nodes)}", kind)
        node = self.ir.node(
            operator, list(inputs), attributes or None, outputs=[result], name=f"node_{len(self.nodes)}"
        )
        self.nodes.append(node)
        return result

    def write(self, tables: Mapping[Any, Callable[[Writer, Call], Any]]) -> None:
        """Write all calls of the program.

        Args:
            tables: the writers of calls, by the function that is called.

        Raises:
            UnsupportedError: ONNX has no operator for one of them.
        """
        parts = self._program.parts
        for node, (function, args, kwargs, shape, dtype) in zip(self._program.first.graph.nodes, parts, strict=True):
            if function is None:
                continue
            call = Call(node, args, kwargs, shape, np.dtype(dtype))
            found = tables.get(function) or tables.get(getattr(function, "function", None))
            if found is None:
                raise call.unknown("any arguments")
            before = len(self.nodes)
            self._let(node, found(self, call))
            for made in self.nodes[before:]:
                made.metadata_props["tinygraph.source"] = str(node.source) if node.source is not None else ""

    def result(self, node: Node, name: str) -> Any:
        """Return an output of the graph with the value of a node."""
        value = self.emit("Identity", [self._values[node.index]])
        value.shape = self._values[node.index].shape
        value.name = name
        return value

    def model(self, name: str, inputs: Sequence[Any], outputs: Sequence[Any]) -> Any:
        """Return the model.

        Args:
            name: the name of the graph.
            inputs, outputs: values that `input` and `result` returned.
        """
        used = {value.name for node in self.nodes for value in node.inputs if value is not None}
        graph = self.ir.Graph(
            inputs, outputs, nodes=self.nodes, name=name,
            initializers=[value for name, value in self.constants.items() if name in used],
            opset_imports={"": OPSET},
        )  # fmt: skip
        return self.ir.Model(graph, ir_version=IR_VERSION, producer_name="tinygraph")


def _numbered(wish: str) -> Iterator[str]:
    """Yield a name, and then the name with numbers behind it."""
    yield wish
    number = 1
    while True:
        yield f"{wish}_{number}"
        number += 1

"""The record as a program: nodes in execution order, read by whoever draws, compiles, exports or counts.

A `Graph` is a photograph. It is taken from Tensors when it is asked for, and what happens to the
Tensors afterwards does not change it. Its readers know nothing of Tensors or of each other.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from tinygraph.engine.links import Like
from tinygraph.engine.table import function_name, operation_of

if TYPE_CHECKING:
    import networkx

    from tinygraph.engine.tensor import Tensor
    from tinygraph.users_code.source import Source

__all__ = ["Graph", "Node", "nodes_in", "numbered"]

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, eq=False, slots=True)
class Node:
    """One value of the program: an input, or the result of one call of a NumPy function.

    Attributes:
        index: place in execution order; every operand has a smaller one.
        function: the function that was called (`np.multiply`, `operator.getitem`, `tg.sigmoid`),
            None for an input.
        args, kwargs: the call's arguments, with a `Node` wherever a Tensor stood, also inside lists.
        shape, dtype: of the value.
        name: the name the user gave, else the variable the value was assigned to, else None.
        scope: the names of the scopes the call was made in, outermost first. Two modules, or two `with tg.scope`
            blocks, of one name are two scopes: their names are numbered, "block 1" and "block 2". The second call of
            a module is "block 1 (2)".
        value: the array, or None where the record did not keep it.
        grad: the gradient of the last backward pass, or None.
        grad_freed: a gradient was computed, but it was large and has been given back.
        requires_grad: whether a backward pass reaches this value.
        source: where in the user's code it was made.
        argument_names: what that code calls each of `args`, None where it is long or not known.
        gradient_of: the index of the value that `grad` is the derivative of, where the record is sure of it.
        gradient_note: why the record does not call `grad` a derivative: "" (it does, or nobody asked it), "several"
            (more than one pass added to it), "elsewhere" (it was set, or the pass began outside this graph), "changed"
            (an input was assigned since), "seed" (the pass did not begin with 1).
        changed: an input that was assigned, or written into, after this graph used it, or a view of such an input:
            `value` is the new one.
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
    argument_names: tuple[str | None, ...] = ()
    gradient_of: int | None = None
    gradient_note: str = ""
    changed: bool = False

    @property
    def is_input(self) -> bool:
        """Whether nothing in this graph computed it."""
        return self.function is None

    @property
    def op(self) -> str:
        """The function's name as one would write it after `np.`: "multiply", "linalg.solve"; "input" for an input."""
        return "input" if self.function is None else function_name(self.function)

    @property
    def operands(self) -> tuple[Node, ...]:
        """The nodes among the arguments, in order, once for each time they stand there."""
        return tuple(nodes_in((self.args, self.kwargs)))

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def nbytes(self) -> int:
        """Bytes of the value."""
        return self.size * self.dtype.itemsize

    def local_derivatives(self) -> tuple[np.ndarray[Any, Any] | None, ...]:
        """The derivative of this value's sum with respect to each operand: for a scalar, the slope.

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


@dataclass(frozen=True, eq=False)
class Graph:
    """The program that computed some outputs.

    Build one with `Graph.of(c)`; `print(graph)` shows one line a node.

    Attributes:
        nodes: every node, in execution order.
        outputs: the nodes that were asked for, in the order they were asked for.
    """

    nodes: tuple[Node, ...]
    outputs: tuple[Node, ...]
    _consumers: dict[int, tuple[Node, ...]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, *outputs: Tensor) -> Graph:
        """The graph of everything that `outputs` were computed from.

        Args:
            outputs: Tensors of any shape.

        Raises:
            TypeError: an output is not a Tensor.
            ValueError: no output was given.
        """
        import sys

        from tinygraph._reading import read_graph

        return read_graph(outputs, sys._getframe(1))

    @property
    def inputs(self) -> tuple[Node, ...]:
        """The nodes that nothing computed, in the order in which they are first used."""
        return tuple(node for node in self.nodes if node.is_input)

    @property
    def parameters(self) -> tuple[Node, ...]:
        """The inputs that require a gradient."""
        return tuple(node for node in self.inputs if node.requires_grad)

    @property
    def scopes(self) -> tuple[tuple[str, ...], ...]:
        """Every scope that a node stands in, in the order of first use, parents before children."""
        seen: dict[tuple[str, ...], None] = {}
        for node in self.nodes:
            for depth in range(1, len(node.scope) + 1):
                seen.setdefault(node.scope[:depth])
        return tuple(seen)

    def consumers(self, node: Node) -> tuple[Node, ...]:
        """The nodes that have `node` among their operands, each once, in execution order."""
        if not self._consumers:
            found: dict[int, dict[int, Node]] = {n.index: {} for n in self.nodes}
            for consumer in self.nodes:
                for operand in consumer.operands:
                    found[operand.index][consumer.index] = consumer
            self._consumers.update({index: tuple(users.values()) for index, users in found.items()})
        return self._consumers[node.index]

    def role(self, node: Node) -> str:
        """ "output", "parameter" (an input that requires a gradient), "data" (another input) or "intermediate"."""
        if any(node is output for output in self.outputs):
            return "output"
        if node.is_input:
            return "parameter" if node.requires_grad else "data"
        return "intermediate"

    def __len__(self) -> int:
        return len(self.nodes)

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __str__(self) -> str:
        """One line a node: its name, what computed it, its shape and dtype."""
        called = {node.index: _called(node, self.role(node)) for node in self.nodes}
        from tinygraph.bidirectional import TURNING, isolated

        straight = {ord(sign): None for sign in TURNING}
        words = {node.index: node.name.translate(straight).split() for node in self.nodes if node.name is not None}
        own = numbered({index: " ".join(name) for index, name in words.items()})
        names = {node.index: f"%{node.index} {own.get(node.index, '')}".rstrip() for node in self.nodes}
        width = max((len(name) for name in names.values()), default=0)
        call_width = min(max((len(text) for text in called.values()), default=0), 48)
        lines = []
        for node in self.nodes:
            place = f"{'/'.join(node.scope)}" if node.scope else ""
            source = f"{node.source}" if node.source is not None else ""
            note = "  ".join(part for part in (place, source) if part)
            shape = f"{node.dtype}{list(node.shape)}"
            lines.append(
                f"{names[node.index]:<{width}} = {called[node.index]:<{call_width}}  {shape:<16}  {note}".rstrip()
            )
        outputs = ", ".join(names[output.index] for output in self.outputs)
        return "\n".join(map(isolated, [*lines, f"return {outputs}"]))

    def to_json(self, indent: int | None = None) -> str:
        """The graph as JSON: a list of nodes in execution order, and the indices of the outputs.

        Values are left out; a node's constants are in its arguments, arrays as nested lists. NaN and infinities
        become the strings "NaN", "Infinity" and "-Infinity", so that any reader of JSON can read it.
        """
        nodes = [
            {
                "index": node.index,
                "op": node.op,
                "name": node.name,
                "role": self.role(node),
                "args": _as_json(node.args),
                "kwargs": _as_json(node.kwargs),
                "shape": list(node.shape),
                "dtype": str(node.dtype),
                "scope": list(node.scope),
                "source": None if node.source is None else f"{node.source.file}:{node.source.line}",
            }
            for node in self.nodes
        ]
        document = {"format": "tinygraph", "nodes": nodes, "outputs": [output.index for output in self.outputs]}
        return json.dumps(document, indent=indent, allow_nan=False)

    def to_networkx(self) -> networkx.MultiDiGraph:
        """The graph as a `networkx.MultiDiGraph`: nodes by index with their facts, an edge for each operand.

        A MultiDiGraph is a DiGraph that can hold `x * x`, two edges between the same two nodes.

        Raises:
            ImportError: networkx is not installed.
        """
        try:
            import networkx
        except ImportError:
            raise ImportError(
                "Graph.to_networkx needs networkx, which is not installed: pip install networkx"
            ) from None

        found = networkx.MultiDiGraph()
        for node in self.nodes:
            found.add_node(
                node.index, op=node.op, name=node.name, role=self.role(node), shape=node.shape,
                dtype=str(node.dtype), scope=node.scope,
            )  # fmt: skip
        for node in self.nodes:
            for position, operand in enumerate(node.operands):
                found.add_edge(operand.index, node.index, position=position)
        return found


def nodes_in(structure: Any) -> Iterator[Node]:
    """The nodes inside nested tuples, lists and dicts, in order."""
    if isinstance(structure, Node):
        yield structure
    elif isinstance(structure, tuple | list):
        for item in structure:
            yield from nodes_in(item)
    elif isinstance(structure, dict):
        for item in structure.values():
            yield from nodes_in(item)


def numbered(names: Mapping[Key, str], others: Iterable[str] = ()) -> dict[Key, str]:
    """The same names, those that stand there more than once with a number: x₁, x₂.

    Args:
        names: in the order in which they are numbered.
        others: names that are taken, too.
    """
    times = Counter(names.values())
    taken = {*times, *others}
    numbers = {name: itertools.count(1) for name, count in times.items() if count > 1}
    found = {}
    for key, name in names.items():
        if name in numbers:
            name = next(text for text in (name + _subscript(n) for n in numbers[name]) if text not in taken)
        found[key] = name
    return found


def _subscript(number: int) -> str:
    return str(number).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))


def _called(node: Node, role: str) -> str:
    if node.is_input:
        return role if role != "output" else "input"
    arguments = [_text(item) for item in node.args]
    for place, name in enumerate(node.argument_names):
        if name is not None and isinstance(node.args[place], np.ndarray | Like) and node.args[place].size > 4:
            arguments[place] = f"{name}: {arguments[place]}"
    arguments += [f"{key}={_text(item)}" for key, item in node.kwargs.items()]
    return f"{node.op}({', '.join(arguments)})"


def _text(item: Any) -> str:
    """An argument as a person would write it; an array as its dtype and shape."""
    if isinstance(item, Node):
        return f"%{item.index}"
    if isinstance(item, np.ndarray) and item.size > 4:
        return f"{item.dtype}{list(item.shape)}"
    if isinstance(item, np.ndarray | np.generic):
        return str(item.tolist())
    if isinstance(item, tuple | list):
        inside = ", ".join(_text(part) for part in item)
        return f"({inside})" if isinstance(item, tuple) else f"[{inside}]"
    if isinstance(item, slice):
        ends = ["" if end is None else str(end) for end in (item.start, item.stop)]
        return ":".join(ends if item.step is None else [*ends, str(item.step)])
    if item is Ellipsis:
        return "..."
    if hasattr(item, "shape") and hasattr(item, "dtype"):
        return f"{item.dtype}{list(item.shape)}"
    return repr(item)


def _as_json(item: Any) -> Any:
    if isinstance(item, Node):
        return {"node": item.index}
    if isinstance(item, dict):
        return {str(key): _as_json(part) for key, part in item.items()}
    if isinstance(item, tuple | list):
        return [_as_json(part) for part in item]
    if isinstance(item, np.ndarray | np.generic):
        return _as_json(item.tolist())
    if isinstance(item, complex):
        return {"real": _as_json(item.real), "imag": _as_json(item.imag)}
    if isinstance(item, float) and not np.isfinite(item):
        return "NaN" if np.isnan(item) else "Infinity" if item > 0 else "-Infinity"
    if item is None or isinstance(item, bool | int | float | str):
        return item
    return _text(item)


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

"""The backward step of one call, made again: its rules turn the cotangent of its result into those of its operands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tinygraph.engine.fitting import unbroadcast, widened
from tinygraph.engine.table import operation_of
from tinygraph.graph.node import Node

__all__ = ["pulled_back"]

Array = np.ndarray[Any, Any]


@np.errstate(all="ignore")
def pulled_back(node: Node, cotangent: Array, values: Mapping[int, Array]) -> list[tuple[Node, Array | None]]:
    """Return the operands that a gradient flows to, each with its cotangent, None where that cannot be computed.

    Args:
        node: a call.
        cotangent: of its result.
        values: of the call and of its operands, as far as they are known, by the index of a node.
    """
    operation = None if node.function is None else operation_of(node.function)
    if operation is None:
        return [(operand, None) for operand in node.operands if operand.requires_grad]
    keywords = {} if isinstance(node.function, np.ufunc) else node.kwargs
    g, z, args = widened((cotangent, _value(node, values), tuple(_value(each, values) for each in node.args)))
    found: list[tuple[Node, Array | None]] = []
    for rule, argument in zip(operation.rules, node.args, strict=False):
        operands = [operand for operand in _operands(argument) if operand.requires_grad]
        if rule is None or not operands:
            continue
        try:
            parts = _parts(argument, rule(g, z, *args, **keywords))
            found += [(operand, _fitted(part, operand)) for operand, part in parts if operand.requires_grad]
        except Exception:  # the rule reads a value that is not known, or is a user's and raises anything
            found += [(operand, None) for operand in operands]
    return found


def _value(item: Any, values: Mapping[int, Array]) -> Any:
    """Return an argument with values in place of nodes; a node whose value is not known stays one."""
    if isinstance(item, Node):
        return values.get(item.index, item)
    return type(item)(_value(part, values) for part in item) if type(item) in (list, tuple) else item


def _operands(argument: Any) -> list[Node]:
    if isinstance(argument, Node):
        return [argument]
    return [item for item in argument if isinstance(item, Node)] if type(argument) in (list, tuple) else []


def _parts(argument: Any, cotangent: Any) -> Iterator[tuple[Node, Any]]:
    if isinstance(argument, Node):
        yield argument, cotangent
    else:
        yield from ((item, part) for item, part in zip(argument, cotangent, strict=True) if isinstance(item, Node))


def _fitted(cotangent: Any, operand: Node) -> Array:
    array = np.asarray(cotangent)
    return array if array.shape == operand.shape else np.asarray(unbroadcast(array, operand.shape))

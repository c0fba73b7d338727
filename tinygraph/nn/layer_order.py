"""The order of the layers of a network: Keras's, in which weights are copied from one model to another."""

from __future__ import annotations

from typing import Any

from tinygraph.nn.symbolic import Call, Symbol, symbols_in

__all__ = ["in_keras_order"]


def in_keras_order(outputs: Any, inputs: list[Symbol], calls: list[Call]) -> list[Any]:
    """Return the functions of calls, and the inputs, in Keras's order.

    Those that are furthest from the outputs come first. At one distance they are in the order in which a walk back from
    the outputs meets them.

    Args:
        outputs: the outputs, in their nest.
        inputs: symbols. One that no output needs is at the end.
        calls: those between, in their order.
    """
    given = {id(symbol): symbol for symbol in inputs}

    def maker(symbol: Symbol) -> Any:
        return symbol if id(symbol) in given or symbol.call is None else symbol.call.function

    met: dict[int, int] = {}
    waiting, seen = _sorted_symbols(outputs)[::-1], set()
    while waiting:
        symbol = waiting.pop()
        met.setdefault(id(maker(symbol)), len(met))
        if id(symbol) not in given and symbol.call is not None and id(symbol.call) not in seen:
            seen.add(id(symbol.call))
            waiting += _sorted_symbols((symbol.call.args, symbol.call.kwargs))[::-1]
    depths: dict[int, int] = {}
    below: dict[int, int] = {}  # by the id of a call the least distance that its readers give it
    for call in reversed(calls):
        depth = max(below.get(id(call), 0), depths.get(id(call.function), 0))
        depths[id(call.function)] = depth
        for symbol in symbols_in((call.args, call.kwargs)):
            if id(symbol) in given or symbol.call is None:
                depths[id(symbol)] = max(depths.get(id(symbol), 0), depth + 1)
            else:
                below[id(symbol.call)] = max(below.get(id(symbol.call), 0), depth + 1)
    found = {id(item): item for item in (*inputs, *[call.function for call in calls])}
    return sorted(found.values(), key=lambda item: (-depths.get(id(item), 0), met.get(id(item), -1)))


def _sorted_symbols(nest: Any) -> list[Symbol]:
    """Return the symbols in a nest, those in a dict in the order of their keys."""
    if isinstance(nest, dict):
        nest = [nest[key] for key in sorted(nest, key=str)]
    if isinstance(nest, list | tuple):
        return [symbol for item in nest for symbol in _sorted_symbols(item)]
    return [nest] if type(nest) is Symbol else []

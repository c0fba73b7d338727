"""Graphs for the tests, put together by hand: what a picture shows must not depend on who recorded it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.graph import Graph, Node
from tinygraph.users_code.source import Source


class Recorder:
    """Runs NumPy calls and writes them down as nodes."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []

    def input(self, value: Any, name: str | None = None, **about: Any) -> Node:
        """An input; `about` overrides any attribute of the node."""
        return self._add(None, (), np.asarray(value), {"requires_grad": True, "name": name} | about)

    def call(self, function: Callable[..., Any], *args: Any, **about: Any) -> Node:
        """A call of `function` on nodes and constants."""
        with np.errstate(all="ignore"):
            value = np.asarray(function(*(a.value if isinstance(a, Node) else a for a in args)))
        source = Source("/somewhere/train.py", 31, "loss = -np.log(p)", "<module>")
        return self._add(function, args, value, {"requires_grad": True, "source": source} | about)

    def _add(self, function: Any, args: tuple[Any, ...], value: Any, about: dict[str, Any]) -> Node:
        facts = {"shape": value.shape, "dtype": value.dtype, "value": value} | about
        if facts.get("grad") is not None:
            facts["grad"] = np.asarray(facts["grad"])
        node = Node(len(self.nodes), function, args, {}, **facts)
        self.nodes.append(node)
        return node

    def graph(self, *outputs: Node) -> Graph:
        """Everything so far."""
        return Graph(tuple(self.nodes), outputs or (self.nodes[-1],))


def hypotenuse(gradients: bool = True) -> Graph:
    """c = √(a² + b²), s being the sum."""
    r = Recorder()

    def seen(gradient: float) -> float | None:
        return gradient if gradients else None

    a, b = r.input(3.0, "a", grad=seen(0.6)), r.input(4.0, "b", grad=seen(0.8))
    squares = [r.call(np.power, x, 2, grad=seen(0.1)) for x in (a, b)]
    s = r.call(np.add, *squares, name="s", grad=seen(0.1))
    return r.graph(r.call(np.sqrt, s, name="c", grad=seen(1.0)))


def network(layers: int = 3, gradients: bool = True) -> Graph:
    """Dense layers of width 4, each in its scope, with a loss in another."""
    r, rng = Recorder(), np.random.default_rng(0)
    h = r.input(rng.normal(size=(8, 4)), "x", requires_grad=False)
    for layer in range(1, layers + 1):
        scope = ("model", f"layer {layer}")
        grad = rng.normal(size=(4, 4)) if gradients else None
        w = r.input(rng.normal(size=(4, 4)), f"W{layer}", grad=grad)
        h = r.call(np.tanh, r.call(np.matmul, h, w, scope=scope), scope=scope, name=f"h{layer}")
    loss = r.call(np.mean, r.call(np.square, h, scope=("loss",)), scope=("loss",), name="L", grad=1.0)
    return r.graph(loss)


def chain_of(length: int) -> Graph:
    """tanh(tanh(...)) without scopes."""
    r = Recorder()
    x = r.input(0.5, "x")
    for _ in range(length):
        x = r.call(np.tanh, x)
    return r.graph(x)


def unlike(length: int) -> Graph:
    """x + 1 + 2 + 3 and so on, in which no step repeats itself."""
    r = Recorder()
    x = r.input(0.5, "x")
    for number in range(1, length + 1):
        x = r.call(np.add, x, float(number))
    return r.graph(x)


def one_value(value: Any, **about: Any) -> Graph:
    """A graph of a single leaf."""
    r = Recorder()
    return r.graph(r.input(value, **about))

"""Sequential: layers one after the other."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from tinygraph.nn.module import Layer, Module

__all__ = ["Sequential"]


class Sequential(Layer):
    """Layers one after the other: each gets what the one before returned.

    Args:
        layers: layers, other modules, and functions such as `np.tanh`. Layers without a name get one here: "dense",
            "dense_1", ...
        name: see `Layer`.

    Attributes:
        layers: the list of them.

    Raises:
        TypeError: one of them cannot be called.
    """

    def __init__(self, layers: Iterable[Callable[..., Any]] = (), name: str | None = None) -> None:
        super().__init__(name=name)
        layers = list(layers)
        for layer in layers:
            if not callable(layer):
                raise TypeError(f"Sequential: a layer must be a module or a function, got {layer!r}")
        taken = {layer.name for layer in layers if isinstance(layer, Module) and layer._name is not None}
        for layer in layers:
            if isinstance(layer, Module) and layer._name is None:
                layer.name = _unused(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(layer).__name__).lower(), taken)
                taken.add(layer.name)
        self.layers = layers

    def call(self, x: Any) -> Any:
        """See the class."""
        for layer in self.layers:
            x = layer(x)
        return x


def _unused(name: str, taken: set[str]) -> str:
    """The name, with the first number that makes it a new one."""
    number, found = 0, name
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    return found

"""Sequential: layers one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tinygraph.elsewhere import checked
from tinygraph.nn.activations import ACTIVATIONS
from tinygraph.nn.architecture import sequential_config, sequential_of
from tinygraph.nn.arguments import kept
from tinygraph.nn.calling import calling
from tinygraph.nn.inputs import InputLayer, of_rank
from tinygraph.nn.layer_names import name_layers
from tinygraph.nn.masks import call_with_mask
from tinygraph.nn.model import Model
from tinygraph.nn.module import Module
from tinygraph.nn.symbolic import Symbol, symbolic_call

__all__ = ["Sequential"]


def _check_one_list(cls: type, *args: Any) -> None:
    if any(callable(item) for item in args):
        raise TypeError(f"{cls.__name__}: the layers are one list, not single arguments. Write {cls.__name__}([a, b])")


class Sequential(Model, builds_itself=False):
    """Layers one after the other: the result of each layer is the input of the next.

    An `Input(shape)` at the beginning, or `input_shape=` of the first layer, lets all layers make their weights at
    once. Otherwise they make them at the first batch.

    Args:
        layers: layers, other modules, and functions such as `np.tanh`. Layers without a name get a name here:
            "dense", "dense_1", ...
        name: see `Layer`.

    Attributes:
        layers: the list of layers, without the input.

    Raises:
        TypeError: a layer cannot be called.
        ShapeError: a layer does not fit the shape of the one before it.
    """

    is_sequential: ClassVar[bool] = True

    def __init__(self, layers: Iterable[Callable[..., Any]] = (), name: str | None = None) -> None:
        super().__init__(name=name)
        self.inputs, self.outputs = [], []
        self.layers: list[Any] = []
        items = list(layers)
        for layer in items:
            _check_layer(layer)
        name_layers([layer for layer in items if not isinstance(layer, Symbol | InputLayer)])
        for layer in items:
            self.add(layer)

    if not TYPE_CHECKING:
        __new__ = kept(checked(__init__, _check_one_list))

    def add(self, layer: Any) -> None:
        """Append a layer; an `Input` gives the shape of the examples, and comes first.

        Raises:
            TypeError: it is no layer.
            ValueError: an input is not the first.
            ShapeError: the layer does not fit the shape of the one before it. It is not appended.
        """
        _check_layer(layer)
        if isinstance(layer, Symbol | InputLayer):
            if self.inputs or self.layers:
                raise ValueError(f'add: the input of "{self.name}" comes first, before its layers')
            symbol = layer if isinstance(layer, Symbol) else layer.symbol()
            self.inputs, self.outputs = [symbol], [symbol]
            self._input_shape = symbol.shape
            return
        before = self.inputs, self.outputs, self._input_shape
        if not self.layers and not self.inputs and (shape := _known_shape(layer)) is not None:
            symbol = Symbol(shape, _input_dtype(layer))
            self.inputs, self.outputs, self._input_shape = [symbol], [symbol], shape
        try:
            layers = name_layers([*self.layers, layer])
            if self.outputs:
                self.outputs = [symbolic_call(layer, (self.outputs[0],), {})]
            self.layers = layers
            if self._state is not None:
                self._state.has_weights = False
        except BaseException:
            self.inputs, self.outputs, self._input_shape = before
            raise

    def pop(self) -> Any:
        """Remove the last layer, and return it.

        Raises:
            ValueError: there is no layer.
        """
        if not self.layers:
            raise ValueError(f'pop: "{self.name}" has no layers')
        last, self.layers = self.layers[-1], self.layers[:-1]
        if self.inputs:
            self.outputs = [self.inputs[0]]
            for layer in self.layers:
                self.outputs = [symbolic_call(layer, (self.outputs[0],), {})]
        return last

    def build(self, input_shape: Any) -> None:
        """Make the weights for batches of this shape, whose first axis, the batch, may be None.

        Raises:
            ShapeError: a layer does not fit.
        """
        if not self.inputs:
            symbol = Symbol((None, *tuple(input_shape)[1:]), _input_dtype(self.layers[0] if self.layers else None))
            outputs = symbol
            for layer in self.layers:
                outputs = symbolic_call(layer, (outputs,), {})
            self.inputs, self.outputs, self._input_shape = [symbol], [outputs], symbol.shape

    def input_symbol(self) -> Symbol | None:
        """Return the symbol of the input; where there is no `Input`, one of the shape of the first batch."""
        if self.inputs or self._input_shape is None:
            return self.inputs[0] if self.inputs else None
        return Symbol(self._input_shape, _input_dtype(self.layers[0] if self.layers else None))

    def get_config(self) -> dict[str, Any]:
        """Return the layers as plain data; of a class of your own, the arguments of its constructor.

        Raises:
            TypeError: plain data cannot stand for a layer or a function.
        """
        own_class = type(self).__init__ is not Sequential.__init__
        return super().get_config() if own_class else sequential_config(self)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """Make a model of what `get_config` returned. It has new weights, or none yet."""
        return sequential_of(cls, config) if "layers" in config and "input" in config else super().from_config(config)

    def call(self, x: Any, mask: Any = None) -> Any:
        """See the class."""
        if self._input_shape is None and hasattr(x, "shape"):
            self._input_shape = (None, *x.shape[1:])
        if self.inputs and hasattr(x, "shape"):
            x = of_rank(x, self.inputs[0].shape)
        for layer in self.layers:
            x, mask = call_with_mask(layer, (x,), {}, ((mask,), {}))
        if calling.masks is not None:
            calling.masks[:] = [mask]
        return x


def _check_layer(layer: Any) -> None:
    if isinstance(layer, type):
        raise TypeError(f"Sequential: {layer.__name__} is a class and no layer. Write {layer.__name__}(...)")
    if isinstance(layer, str) and layer in ACTIVATIONS and layer != "linear":
        raise TypeError(f"Sequential: {layer!r} is no layer. Write the function, {_written(ACTIVATIONS[layer])}")
    if not callable(layer) and not isinstance(layer, Symbol):
        raise TypeError(f"Sequential: {layer!r} is no layer. Give a module, or a function such as np.tanh")


def _known_shape(layer: Any) -> Any:
    """Return the shape of a batch that a layer asks for, if it knows."""
    return getattr(layer, "_input_shape", None) if isinstance(layer, Module) else None


def _input_dtype(layer: Any) -> Any:
    """Return the dtype of the numbers that a layer is given: whole ones for an embedding."""
    if isinstance(layer, Model) and getattr(layer, "inputs", None):
        return layer.inputs[0].dtype
    return getattr(layer, "input_dtype", np.float32)


def _written(activation: Callable[..., Any]) -> str:
    """Return the public name of an activation, "tg.relu"."""
    return f"{'np' if isinstance(activation, np.ufunc) else 'tg'}.{activation.__name__}"

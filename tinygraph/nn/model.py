"""Model: a network of layers that were called on symbols, or a class of your own, that can be compiled and fitted."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

import numpy as np

from tinygraph.engine.nested import mapped
from tinygraph.nests import entries
from tinygraph.nn.architecture import network_config, network_of
from tinygraph.nn.calling import calling
from tinygraph.nn.defaults import floatx, generator_of
from tinygraph.nn.inputs import InputLayer, of_rank
from tinygraph.nn.layer import Layer
from tinygraph.nn.layer_names import name_layers
from tinygraph.nn.layer_order import in_keras_order
from tinygraph.nn.masks import call_with_mask, with_masks
from tinygraph.nn.module import Module
from tinygraph.nn.saving import Saving
from tinygraph.nn.summary import print_summary, summary
from tinygraph.nn.symbolic import Call, Symbol, calls_before, symbolic_call, symbols_in, symbols_of_shapes
from tinygraph.training.fitting import Fitting

__all__ = ["Model"]


class _LayersInside:
    """The attribute `layers` of a model of a class of your own, unless it sets one: the modules in its attributes."""

    def __get__(self, model: Any, kind: type) -> Any:
        if model is None:
            return self
        found = [item for _, item in entries(vars(model), "") if isinstance(item, Module)]
        return [module for place, module in enumerate(found) if module not in found[:place]]


class Model(Fitting, Saving, Layer, builds_itself=False):
    """A network of layers that were called on symbols; or the base of a class with a `call` of your own.

        x = tg.nn.Input((28, 28))
        h = tg.nn.Dense(128, activation="relu")(tg.nn.Flatten()(x))
        model = tg.nn.Model(inputs=x, outputs=tg.nn.Dense(10)(h))

    A layer that was called twice is one layer, with its weights once.

    Args:
        inputs: a symbol, or a nest of symbols.
        outputs: a symbol, or a nest of symbols, made of the inputs. A list of one symbol is that symbol, as in Keras.
        name: the name in pictures and messages.

    Attributes:
        inputs, outputs: lists of the symbols.
        layers: the layers, in Keras's order: those that are furthest from the outputs come first.

    Raises:
        TypeError: the inputs or the outputs are no symbols.
        ValueError: an output does not come from the inputs, or only one of inputs and outputs is given.
    """

    _draws = False
    makes_masks: ClassVar[bool] = True  # its call notes the masks of its outputs

    inputs: list[Symbol]
    outputs: list[Symbol]
    layers: list[Any] = cast("list[Any]", _LayersInside())
    _calls: list[Call] | None = None
    _nests: tuple[Any, Any] = (None, None)

    def __init__(self, inputs: Any = None, outputs: Any = None, name: str | None = None, **options: Any) -> None:
        super().__init__(name=name, **options)
        self.built = self._builds_nothing()
        if (inputs is None) != (outputs is None):
            raise ValueError("Model: give both the inputs and the outputs, symbols that begin with tg.nn.Input(shape)")
        if inputs is not None:
            self._connect(inputs, outputs[0] if type(outputs) is list and len(outputs) == 1 else outputs)

    def _connect(self, inputs: Any, outputs: Any) -> None:
        """Note the calls between inputs and outputs."""
        self.inputs, self.outputs = symbols_in(inputs), symbols_in(outputs)
        for name, given, symbols in (("inputs", inputs, self.inputs), ("outputs", outputs, self.outputs)):
            if not symbols:
                raise TypeError(
                    f"Model: the {name} must be symbols, got {type(given).__name__}. Begin the network with "
                    "x = tg.nn.Input(shape), and call the layers on x"
                )
        calls, begins = calls_before(outputs, self.inputs)
        for symbol in begins:
            if all([symbol is not given for given in self.inputs]):
                raise ValueError(f"Model: the outputs need {symbol!r}, which is not among the inputs")
        self._calls, self._nests = calls, (inputs, outputs)
        begin: dict[int, Any] = {}
        for number, symbol in enumerate(self.inputs):
            given = InputLayer(symbol.shape[1:], symbol.dtype)
            given._given = symbol
            given.name = symbol.name or ("input_layer" if not number else f"input_layer_{number}")
            begin[id(symbol)] = given
        called = {id(call.function): call.function for call in calls if isinstance(call.function, Module)}
        name_layers([*begin.values(), *called.values()])
        ordered = [begin.get(id(item), item) for item in in_keras_order(outputs, self.inputs, calls)]
        self.layers = [item for item in ordered if isinstance(item, Module)]
        self._input_shape = self.inputs[0].shape if len(self.inputs) == 1 else None

    def build(self, input_shape: Any) -> None:
        """Make the weights of all layers for batches of this shape, whose first axis, the batch, may be None.

        Args:
            input_shape: the shape; for several inputs a list or a dict of shapes.
        """
        if self._calls is None and self._builds_nothing():
            symbolic_call(self, (symbols_of_shapes(input_shape),), {})

    def _builds_nothing(self) -> bool:
        """Return whether the class has no `build` of its own, which makes weights of the model itself."""
        return type(self).build.__module__.startswith("tinygraph.")

    def call(self, x: Any) -> Any:
        """Compute the outputs, in the nest of the symbols, from batches in the nest of the inputs."""
        if self._calls is None:
            return super().call(x)
        values: dict[int, Any] = {}
        masks: dict[int, Any] = {}
        for symbol, batch in zip(self.inputs, self._batches(x), strict=True):
            batch = of_rank(batch, symbol.shape)
            self._check_input(symbol, batch)
            values[id(symbol)] = batch

        def value(item: Any) -> Any:
            return values[id(item)] if type(item) is Symbol else item

        def mask(item: Any) -> Any:
            return masks.get(id(item))

        for call in self._calls:
            args, kwargs = mapped(call.args, value), mapped(call.kwargs, value)
            given = mapped(call.args, mask), mapped(call.kwargs, mask)
            result, made = call_with_mask(call.function, args, kwargs, given)
            _note(call.result, result, values)
            symbols = symbols_in(call.result)
            each = made if isinstance(made, list) and len(made) == len(symbols) else [made] * len(symbols)
            masks |= {id(symbol): item for symbol, item in zip(symbols, each, strict=True)}
        if calling.masks is not None:
            calling.masks[:] = [masks.get(id(symbol)) for symbol in self.outputs]
        return mapped(self._nests[1], value)

    def _batches(self, x: Any) -> list[Any]:
        """Return the batches in the order of the inputs."""
        nest = self._nests[0]
        if isinstance(x, dict):
            names = [symbol.name for symbol in self.inputs] if not isinstance(nest, dict) else list(nest)
            missing = [name for name in names if name not in x]
            if missing:
                raise ValueError(f'Model "{self.name}": there is no input {missing[0]!r} in a dict of {list(x)}')
            return [x[name] for name in names]
        batches = list(x) if isinstance(x, list | tuple) else [x]
        if len(batches) != len(self.inputs):
            called = ", ".join(symbol.name or f"input {number}" for number, symbol in enumerate(self.inputs))
            raise ValueError(
                f'Model "{self.name}": it has {len(self.inputs)} inputs ({called}), got {len(batches)} batches. Give a '
                "list of them, or a dict by the names of the inputs"
            )
        return batches

    def _check_input(self, symbol: Symbol, batch: Any) -> None:
        # The size of the batch is no condition: layers that need one, such as stateful ones, ask for it themselves.
        fits = len(batch.shape) == len(symbol.shape) and all(
            [size in (None, given) for size, given in zip(symbol.shape[1:], batch.shape[1:], strict=True)]
        )
        if not fits:
            given = next(layer for layer in self.layers if getattr(layer, "_given", None) is symbol)
            name = f' "{given.name}"' if len(self.inputs) > 1 else ""
            raise self.misfit(
                f"an input{name} of shape {symbol.shape} was expected, got a batch of shape {batch.shape}"
            )

    # --- what the training asks -------------------------------------------------------------------------------------

    @property
    def input_names(self) -> list[str] | None:
        """The names that the inputs were given, or else "x"; None where the model is a class of your own."""
        return [symbol.name or "x" for symbol in self.inputs] if "inputs" in vars(self) else None

    @property
    def output_names(self) -> list[str] | None:
        """The names of the layers that make the outputs; None where the model is a class of your own."""
        if "outputs" not in vars(self):
            return None
        makers = [symbol.call.function if symbol.call is not None else None for symbol in self.outputs]
        return [str(getattr(maker, "name", None) or getattr(maker, "__name__", "output")) for maker in makers]

    def predictions(self, x: Any, training: bool) -> tuple[Any, list[Any], list[Any]]:
        """Call the model for a step.

        Returns:
            The predictions; the masks of the outputs, with None for one that has none, or nothing; and the numbers to
            add to the loss. In a compiled step `losses` cannot have what `add_loss` was given: a program leaves no
            objects behind.
        """
        before, calling.added = calling.added, []
        try:
            result, masks = with_masks(lambda: self(x, training=training))
            added = calling.added
        finally:
            calling.added = before
        return result, masks, [*self.penalties(), *added]

    def default_dtype(self) -> np.dtype[Any]:
        """Return the dtype of layers that are given none."""
        return floatx()

    def new_generator(self) -> np.random.Generator:
        """Return a generator for the orders of rows."""
        return generator_of(None)

    # --- as plain data ----------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Return the layers and the calls of the network; of a class of your own, the arguments of its constructor.

        Raises:
            TypeError: plain data cannot stand for a layer, a function or an argument.
        """
        own_class = type(self).__init__ is not Model.__init__
        return super().get_config() if self._calls is None or own_class else network_config(self)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """Make a model of what `get_config` returned. It has new weights, or none yet."""
        return network_of(cls, config) if "calls" in config else super().from_config(config)

    def __copy__(self) -> Any:
        """A copy has weights of its own, as a deep copy has."""
        return copy.deepcopy(self)

    # --- what it is made of -----------------------------------------------------------------------------------------

    def get_layer(self, name: str | None = None, index: int | None = None) -> Any:
        """Return the layer of a name, or at an index.

        Raises:
            ValueError: there is none, or neither is given.
        """
        layers = self.layers
        if index is not None:
            if not -len(layers) <= index < len(layers):
                raise ValueError(f'get_layer: "{self.name}" has {len(layers)} layers, there is no number {index}')
            return layers[index]
        for layer in layers:
            if getattr(layer, "name", None) == name:
                return layer
        names = ", ".join(str(getattr(layer, "name", layer)) for layer in layers)
        raise ValueError(f'get_layer: "{self.name}" has no layer {name!r}. It has {names}')

    @property
    def input(self) -> Any:
        """The symbols of the inputs: one, or a list."""
        return self.inputs[0] if len(self.inputs) == 1 else self.inputs

    @property
    def output(self) -> Any:
        """The symbols of the outputs: one, or a list."""
        return self.outputs[0] if len(self.outputs) == 1 else self.outputs

    @property
    def input_shape(self) -> Any:
        """The shape of the input, with None for the batch; a list of shapes for several."""
        return self.input.shape if len(self.inputs) == 1 else [symbol.shape for symbol in self.inputs]

    @property
    def output_shape(self) -> Any:
        """The shape of the output, with None for the batch; a list of shapes for several."""
        return self.output.shape if len(self.outputs) == 1 else [symbol.shape for symbol in self.outputs]

    def summary(
        self,
        line_length: int | None = None,
        positions: Sequence[float] | None = None,
        print_fn: Any = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Sequence[str] | None = None,
    ) -> None:
        """Print a table of the layers, with the shapes of their results and the numbers of their weights.

        Args:
            line_length: characters of a line; None for as many as are needed, at least 65.
            positions: of Keras; columns are as wide as their texts.
            print_fn: a function to be called with the text; None for `print`.
            expand_nested: show the layers of models inside the model.
            show_trainable: show whether a layer is trained: Y or N, and "-" for a layer without weights.
            layer_range: the names of the first and the last layer to show, or regular expressions for them.

        Raises:
            ValueError: no layer has a name of `layer_range`.
        """
        (print_fn or print_summary)(summary(self, line_length, expand_nested, show_trainable, layer_range))


def _note(symbols: Any, result: Any, values: dict[int, Any]) -> None:
    """Note the values of the symbols in a nest."""
    if type(symbols) is Symbol:
        values[id(symbols)] = result
    elif isinstance(symbols, list | tuple):
        for symbol, item in zip(symbols, result, strict=True):
            _note(symbol, item, values)
    elif isinstance(symbols, dict):
        for key, symbol in symbols.items():
            _note(symbol, result[key], values)

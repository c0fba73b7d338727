"""Layers around a layer: Bidirectional, TimeDistributed, and Wrapper, the base of those of your own."""

from __future__ import annotations

import copy
import inspect
from typing import Any

import numpy as np

from tinygraph.functions.underlying import reshaped
from tinygraph.nn.cells import mask_of_sequence
from tinygraph.nn.layer import Layer
from tinygraph.nn.module import Module
from tinygraph.nn.normalization import BatchNormalization
from tinygraph.nn.recurrent import Recurrent

__all__ = ["Bidirectional", "TimeDistributed", "Wrapper"]

MERGES: dict[str, Any] = {
    "concat": lambda y, back: np.concatenate([y, back], axis=-1),
    "sum": lambda y, back: y + back,
    "ave": lambda y, back: (y + back) / 2,
    "mul": lambda y, back: y * back,
}


class Wrapper(Layer):
    """The base of layers around a layer, for classes of your own.

    Args:
        layer: the layer inside.
        name: see `Layer`.

    Raises:
        TypeError: `layer` is no layer.
    """

    def __init__(self, layer: Any, **options: Any) -> None:
        super().__init__(**options)
        if not isinstance(layer, Module):
            raise TypeError(f"{type(self).__name__}: {layer!r} is no layer")
        self.layer: Any = layer

    def build(self, shape: Any) -> None:
        """Make the weights of the layer inside."""
        if not getattr(self.layer, "built", True):
            self.layer.build_for(shape)


class Bidirectional(Layer):
    """A recurrent layer forwards in time, another backwards, and their outputs put together.

    Args:
        layer: a recurrent layer that has not seen a batch; both layers are made like it.
        merge_mode: how the outputs are put together: "concat", "sum", "ave" (the mean), "mul", or None for a tuple of
            both.
        backward_layer: the layer for the other direction, with `go_backwards` the other way; by default one with the
            arguments of `layer`.
        name, dtype: see `Layer`.

    Attributes:
        forward_layer, backward_layer: the two layers.

    Called on x of shape (examples, time steps, features) it returns what the layers return, put together; outputs of
    both layers are in the order of time. With `return_state` the states of the forward layer come before those of the
    backward layer. The outputs of masked time steps are 0 in sequences.

    Raises:
        TypeError: `layer` is not a recurrent layer.
        ValueError: `layer` has its weights already, the two layers do not go together, or `merge_mode` is unknown.

    Source: Schuster and Paliwal, "Bidirectional recurrent neural networks" (1997), with the defaults of
    `keras.layers.Bidirectional`.
    """

    def __init__(
        self, layer: Any, merge_mode: str | None = "concat", backward_layer: Any = None, **options: Any
    ) -> None:
        super().__init__(**options)
        if merge_mode is not None and merge_mode not in MERGES:
            raise ValueError(f"Bidirectional: merge_mode is one of {', '.join(MERGES)}, or None; got {merge_mode!r}")
        for given in (layer, layer if backward_layer is None else backward_layer):
            if not isinstance(given, Recurrent):
                raise TypeError(
                    f"Bidirectional: {given!r} is no recurrent layer. Write Bidirectional(tg.nn.LSTM(32)), say"
                )
            if given.built:
                raise ValueError(
                    f'Bidirectional: the layer "{given.name}" has its weights already; both directions need their own. '
                    "Give a layer that has not seen a batch"
                )
        self.merge_mode = merge_mode
        self.forward_layer = _like(layer, "forward")
        if backward_layer is None:
            backward_layer = _like(layer, "backward")
            backward_layer.go_backwards = not layer.go_backwards
        self.backward_layer = backward_layer
        self._check_directions()
        for each in (self.forward_layer, self.backward_layer):
            each.zero_output_for_mask = each.return_sequences
        self.return_sequences = layer.return_sequences
        self.return_state = layer.return_state
        self.stateful = layer.stateful

    def _check_directions(self) -> None:
        one, other = self.forward_layer, self.backward_layer
        if one.go_backwards == other.go_backwards:
            raise ValueError(
                f"Bidirectional: both layers have go_backwards={one.go_backwards}. Make backward_layer with "
                f"go_backwards={not one.go_backwards}"
            )
        for name in ("return_sequences", "return_state", "stateful"):
            if getattr(one, name) != getattr(other, name):
                raise ValueError(
                    f"Bidirectional: {name} is {getattr(one, name)} in layer, and {getattr(other, name)} in "
                    "backward_layer. Make both with the same"
                )

    @property
    def states(self) -> list[Any] | None:
        """The states that stateful layers carry, those of the forward layer first; None for other layers."""
        one, other = self.forward_layer.states, self.backward_layer.states
        return None if one is None or other is None else [*one, *other]

    def reset_states(self) -> None:
        """Set the states of both layers to 0."""
        self.forward_layer.reset_states()
        self.backward_layer.reset_states()

    def reset_state(self) -> None:
        """Set the states of both layers to 0, as `reset_states` does."""
        self.reset_states()

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        """Return the mask of the result: that of the batch for sequences, else None; None for states."""
        output = mask_of_sequence(mask) if self.return_sequences else None
        masks = [output, output] if self.merge_mode is None else [output]
        if self.return_state:
            masks += [None] * 2 * (len(self.forward_layer.compute_mask(x, mask)) - 1)
        return masks if len(masks) > 1 else output

    def call(self, x: Any, initial_state: Any = None, mask: Any = None) -> Any:
        """Compute both directions; see `Recurrent.call`. The first half of `initial_state` is for the forward layer."""
        first, second = self._halves(initial_state)
        y = self.forward_layer(x, initial_state=first, mask=mask)
        back = self.backward_layer(x, initial_state=second, mask=mask)
        states: tuple[Any, ...] = ()
        if self.return_state:
            (y, *states_of_y), (back, *states_of_back) = y, back
            states = (*states_of_y, *states_of_back)
        if self.return_sequences:
            back = back[:, ::-1]
        merged = (y, back) if self.merge_mode is None else (MERGES[self.merge_mode](y, back),)
        return (*merged, *states) if len(merged) + len(states) > 1 else merged[0]

    def _halves(self, states: Any) -> tuple[Any, Any]:
        if states is None:
            return None, None
        if not isinstance(states, list | tuple) or len(states) % 2:
            raise self.misfit(
                "initial_state must be a list with the states of the forward layer, then as many of the backward layer"
            )
        half = len(states) // 2
        return states[:half], states[half:]


def _like(layer: Recurrent, direction: str) -> Recurrent:
    """Return a layer with the same arguments, whose weights are drawn by the same generators: they are other ones."""
    twin = copy.deepcopy(layer)
    twin.name = f"{direction}_{layer.name}"
    for own, others in zip(twin.modules(), layer.modules(), strict=True):
        if isinstance(own, Layer) and isinstance(others, Layer):
            own.generator = others.generator
    return twin


class TimeDistributed(Layer):
    """A layer, applied to each time step by itself, with the same weights.

    Args:
        layer: the layer.
        name: see `Layer`.

    Called on x of shape (examples, time steps, ...) it returns (examples, time steps, ...): the layer sees (examples,
    ...). A mask of shape (examples, time steps, ...) goes to the layer if it has more axes than these two and the layer
    takes one.

    Raises:
        ShapeError: a batch has fewer than 3 axes, or a mask has another shape.
        TypeError: `layer` is not a layer.
    """

    def __init__(self, layer: Any, **options: Any) -> None:
        super().__init__(**options)
        if not isinstance(layer, Module):
            raise TypeError(f"TimeDistributed: {layer!r} is no layer. Write TimeDistributed(tg.nn.Dense(10)), say")
        self.layer = layer

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        """Return the mask of the batch."""
        return mask_of_sequence(mask)

    def call(self, x: Any, mask: Any = None) -> Any:
        """Apply the layer to each time step."""
        mask = mask_of_sequence(mask)
        if len(x.shape) < 3:
            raise self.misfit(f"a batch must have 3 axes or more, (examples, time steps, ...), got shape {x.shape}")
        if mask is not None and mask.shape[:2] != x.shape[:2]:
            raise self.misfit(f"a mask of shape {mask.shape} does not fit a batch of shape {x.shape}")
        if mask is not None and (len(mask.shape) < 3 or not _takes_mask(self.layer)):
            mask = None
        if _mixes_examples(self.layer):
            return self._step_by_step(x, mask)
        examples, length = x.shape[:2]
        options = {} if mask is None else {"mask": mask.reshape(examples * length, *mask.shape[2:])}
        y = self.layer(x.reshape(examples * length, *x.shape[2:]), **options)
        return reshaped(y, (examples, length, *y.shape[1:]))

    def _step_by_step(self, x: Any, mask: Any) -> Any:
        options = [{} if mask is None else {"mask": mask[:, t]} for t in range(x.shape[1])]
        return np.stack([self.layer(x[:, t], **options[t]) for t in range(x.shape[1])], axis=1)


def _takes_mask(layer: Module) -> bool:
    return "mask" in inspect.signature(layer.call).parameters


def _mixes_examples(layer: Module) -> bool:
    """Return whether the result for an example may depend on the others in its batch, or on the batch before.

    All examples of all time steps can be one batch otherwise.
    """
    return any(
        isinstance(module, BatchNormalization)
        or getattr(module, "stateful", False)
        or not type(module).__module__.startswith("tinygraph.")
        for module in layer.modules()
    )

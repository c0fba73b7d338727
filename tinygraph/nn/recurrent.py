"""Recurrent layers: a cell that is applied at one time step after the other, and hands on its states.

The loop over the steps is an ordinary loop over the operations of the graph. A compiled program writes it as a loop.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from tinygraph.engine.modes import code_of_ours, step_of_ours
from tinygraph.engine.tensor import Tensor
from tinygraph.nests import filled, tree_leaves, tree_map
from tinygraph.nn.activations import ACTIVATIONS, Activation
from tinygraph.nn.calling import calling
from tinygraph.nn.cells import (
    Cell,
    Masks,
    StackedRNNCells,
    as_array,
    cell_step,
    check_states,
    checked_cell,
    mask_of_sequence,
    masks_of,
    product,
)
from tinygraph.nn.initializers import Initializer, Seed
from tinygraph.nn.layer import Layer
from tinygraph.nn.value_names import named

__all__ = ["RNN", "Recurrent", "SimpleRNN", "SimpleRNNCell"]


class _Carried:
    """The states that a stateful layer carries from batch to batch: no weights, and not saved with them."""

    def __init__(self, states: list[Tensor]) -> None:
        self.states = states


class Recurrent(Layer):
    """The base of recurrent layers: the loop over the time steps, its states and its masks."""

    def __init__(
        self,
        *args: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.stateful = stateful
        self.unroll = unroll
        self.zero_output_for_mask = zero_output_for_mask
        self._carried: _Carried | None = None

    # --- what a subclass defines --------------------------------------------------------------------------------------

    def _sizes(self) -> list[Any]:
        """Return the size of each state, or a list of sizes."""
        raise NotImplementedError

    def _stepper(self, shape: tuple[int, int, int], dtype: Any) -> Callable[[Any, list[Any]], tuple[Any, list[Any]]]:
        """Return a function of the inputs of a time step and the states, for a batch of this shape."""
        raise NotImplementedError

    def get_initial_state(self, batch_size: int) -> list[Any]:
        """Return states of zeros for a number of examples."""
        dtype = self.dtype or np.float32
        return [tree_map(lambda size: np.zeros((batch_size, size), dtype), sizes) for sizes in self._sizes()]

    # --- the states of a stateful layer -------------------------------------------------------------------------------

    @property
    def states(self) -> list[Tensor] | None:
        """The states that a stateful layer carries, from the first batch on; None for other layers."""
        return None if self._carried is None else self._carried.states

    def reset_states(self) -> None:
        """Set the states that a stateful layer carries to 0, so that the next batch begins new sequences."""
        for state in self.states or []:
            state.assign(np.zeros_like(state.data))

    def reset_state(self) -> None:
        """Set the states that a stateful layer carries to 0, as `reset_states` does."""
        self.reset_states()

    def build(self, shape: tuple[int, ...]) -> None:
        """See `Layer.build`."""
        self._check_sequences(shape)
        self.features = shape[2]
        if self.stateful:
            zeros = tree_leaves(self.get_initial_state(shape[0]))
            name = f"{self.name}.state"
            self._carried = _Carried([Tensor(zero, name=name, requires_grad=False) for zero in zeros])

    # --- the loop -----------------------------------------------------------------------------------------------------

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        """Return the mask of the result: that of the batch if it is a sequence, else None; None for states."""
        output = mask_of_sequence(mask) if self.return_sequences else None
        return [output, *[None for _ in self._sizes()]] if self.return_state else output

    def call(self, x: Any, initial_state: Any = None, mask: Any = None) -> Any:
        """Compute the outputs of sequences.

        Args:
            x: sequences, shape (examples, time steps, features).
            initial_state: the states to begin with, arrays of shape (examples, units) in a list, or the only one; zeros
                if there are none.
            mask: booleans, shape (examples, time steps). Where they are False, the states stay as they are, and the
                output is that of the step before.
        """
        self._check_sequences(x.shape, self.features)
        x = self._floating(x)
        mask = self._checked_mask(mask, x.shape)
        states = self._first_states(initial_state, x.shape[0])
        outputs, states = self._over_time(self._stepper(x.shape, x.dtype), x, states, mask)
        if self._carried is not None and not calling.trial:
            for carried, state in zip(self._carried.states, tree_leaves(states), strict=True):
                carried.assign(state.data if isinstance(state, Tensor) else state)
        result = np.stack(outputs, axis=1) if self.return_sequences else outputs[-1]
        if isinstance(result, Tensor):
            result.name = None  # the caller's variable names it
        return (result, *states) if self.return_state else result

    def _check_sequences(self, shape: tuple[int, ...], features: int | None = None) -> None:
        if len(shape) != 3:
            raise self.misfit(f"a batch must have 3 axes, (examples, time steps, features), got shape {shape}")
        if shape[1] == 0:
            raise self.misfit(f"a batch of shape {shape} has no time steps")
        if features is not None and shape[2] != features:
            raise self.misfit(
                f"a batch of shape {shape} does not have {features} features in its last axis; the layer takes its "
                "input size from its first batch"
            )

    def _checked_mask(self, mask: Any, shape: tuple[int, ...]) -> Any:
        mask = mask_of_sequence(mask)
        if mask is None:
            return None
        mask = as_array(mask)
        if mask.shape != shape[:2]:
            raise self.misfit(f"a mask must have shape {shape[:2]}, (examples, time steps), got {mask.shape}")
        return mask if mask.dtype == bool else mask != 0

    def _first_states(self, given: Any, examples: int) -> list[Any]:
        sizes, states = self._sizes(), self.states
        if states is not None and examples != states[0].shape[0]:
            raise self.misfit(
                f"a stateful layer carries the states of {states[0].shape[0]} examples from batch to batch, got a "
                f"batch of {examples}; each example goes on where that of the batch before ended. With symbols write "
                "Input(shape, batch_size=32), say"
            )
        if given is not None:
            given = list(given) if isinstance(given, list | tuple) else [given]
            given = tree_map(lambda state: self._floating(as_array(state)), given)
            check_states(self, given, sizes, examples)
            return list(given)
        if states is None:
            return self.get_initial_state(examples)
        copies = [np.copy(state.data) for state in states]  # the way back needs them after new states are assigned
        return list(filled(sizes, copies))

    def _over_time(
        self, step: Callable[[Any, list[Any]], tuple[Any, list[Any]]], x: Any, states: list[Any], mask: Any
    ) -> tuple[list[Any], list[Any]]:
        """Apply a step at all times; return the outputs in the order in which they were computed, and the states."""
        length = x.shape[1]
        outputs: list[Any] = []
        for t in range(length - 1, -1, -1) if self.go_backwards else range(length):
            output, new = step(x[:, t], states)
            if mask is not None:
                output, new = self._masked(mask[:, t : t + 1], output, new, states)
            if calling.trial and outputs and _kinds([output, new]) == _kinds([outputs[-1], states]):
                return [*outputs, *[output] * (length - len(outputs))], new  # shapes are asked for, and they stay
            states = new
            outputs.append(output)
        return outputs, states

    def _masked(self, counts: Any, output: Any, new: list[Any], old: list[Any]) -> tuple[Any, list[Any]]:
        """Return the output and the states of a time step: those from before where the step is masked."""
        states = tree_map(lambda now, was: np.where(counts, now, was), new, old)
        before = output.dtype.type(0) if self.zero_output_for_mask else _output_in(old)
        return np.where(counts, output, before), states


def _kinds(structure: Any) -> list[Any]:
    """Return the shapes and dtypes of the arrays in nested lists."""
    return [(np.shape(leaf), getattr(leaf, "dtype", type(leaf))) for leaf in tree_leaves(structure)]


def _output_in(states: list[Any]) -> Any:
    """Return the state that is the output of a time step: the first one of a cell, in a stack that of the last cell."""
    is_stack = isinstance(states[0], list | tuple)
    return tree_leaves(states[-1] if is_stack else states[:1])[0]


class RNN(Recurrent):
    """A cell, applied at one time step after the other.

    Args:
        cell: a cell such as `LSTMCell(32)`, or any object with a method `call(x, states)`, which returns the outputs
            and a list of the new states, and with a `state_size`: the size of its state, or a list of several. A list
            of cells is a stack of them.
        return_sequences: return the outputs of all time steps, not of the last one alone.
        return_state: return the last states, too.
        go_backwards: begin with the last time step; outputs are in the order in which they are computed.
        stateful: begin each batch with the last states of the batch before; `reset_states()` sets them to 0.
        unroll: accepted and without effect: eager steps are unrolled, programs have a loop.
        zero_output_for_mask: with `return_sequences`, outputs of masked time steps are 0.
        name, dtype: see `Layer`.

    Called on x of shape (examples, time steps, features) it returns shape (examples, outputs), or (examples, time
    steps, outputs) with `return_sequences`. With `return_state` it returns a tuple of that and of the last states. See
    `call` for the arguments `initial_state` and `mask`.

    Raises:
        ShapeError: a batch, a mask or a state has another shape than it must have.
        TypeError: `cell` is no cell.
    """

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            unroll=unroll,
            zero_output_for_mask=zero_output_for_mask,
            **options,
        )
        self.cell = StackedRNNCells(cell) if isinstance(cell, list | tuple) else checked_cell("RNN", cell)

    @property
    def state_size(self) -> Any:
        """The size of the state of the cell, or a list of the sizes of its states."""
        return self.cell.state_size

    def _sizes(self) -> list[Any]:
        sizes = self.state_size
        return list(sizes) if isinstance(sizes, list | tuple) else [sizes]

    def get_initial_state(self, batch_size: int) -> list[Any]:
        """Return the states that the cell begins with: its own, if it has a method of this name, or zeros."""
        own = getattr(self.cell, "get_initial_state", None)
        if own is None:
            return super().get_initial_state(batch_size)
        states = own(batch_size=batch_size)
        return list(states) if isinstance(states, list | tuple) else [states]

    def _stepper(self, shape: tuple[int, int, int], dtype: Any) -> Callable[[Any, list[Any]], tuple[Any, list[Any]]]:
        masks = masks_of(self.cell, shape[0], shape[2], dtype)
        return lambda x, states: cell_step(self.cell, x, states, masks)


class OwnCell(Recurrent, Cell):
    """The base of recurrent layers that are their own cell: SimpleRNN, LSTM, GRU."""

    is_own_cell: ClassVar[bool] = True

    @property
    def cell(self) -> OwnCell:
        """The cell, whose weights are those of the layer: the layer itself."""
        return self

    def _sizes(self) -> list[Any]:
        return [self.units] * self.number_of_states

    def build(self, shape: tuple[int, ...]) -> None:
        """See `Layer.build`."""
        super().build(shape)
        self._make_weights(shape[2])

    def _stepper(self, shape: tuple[int, int, int], dtype: Any) -> Callable[[Any, list[Any]], tuple[Any, list[Any]]]:
        masks = self.masks(shape[0], shape[2], dtype)
        return lambda x, states: self.step(x, states, masks)

    def _over_time(
        self, step: Callable[[Any, list[Any]], tuple[Any, list[Any]]], x: Any, states: list[Any], mask: Any
    ) -> tuple[list[Any], list[Any]]:
        if not self._is_ours():
            return super()._over_time(step, x, states, mask)
        with code_of_ours():
            return super()._over_time(step_of_ours(step), x, states, mask)

    def _is_ours(self) -> bool:
        """Return whether a time step runs no code of the user's: neither a method nor an activation."""
        activations = (self.activation, getattr(self, "recurrent_activation", self.activation))
        is_own_class = type(self).__module__.startswith("tinygraph.nn.") and "step" not in vars(self)
        return is_own_class and all([id(item) in _ACTIVATIONS for item in activations])


# Those of `tinygraph.nn`. They run no code of the user's.
_ACTIVATIONS = frozenset(map(id, ACTIVATIONS.values()))


class SimpleRNNCell(Cell):
    """One time step of SimpleRNN: h' = activation(x @ kernel + h @ recurrent_kernel + bias).

    Args:
        units: number of outputs, and of the numbers in a state.
        activation: a function or a name; None for no activation.
        use_bias: add a bias.
        kernel_initializer, recurrent_initializer, bias_initializer: the first values, a name or a function.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: what is added to the loss for the size of a weight.
        kernel_constraint, recurrent_constraint, bias_constraint: functions that put a weight back after each update.
        dropout: the share of the inputs that are set to 0 in training, the same at all time steps of a batch.
        recurrent_dropout: the share of the first state that is set to 0 in training, for the product with its kernel.
        seed: of the first values and of dropout: an int, a NumPy generator, or None for new numbers in each run.
        name, dtype: see `Layer`.

    Attributes:
        kernel: Tensor of shape (features, units), from the first batch on.
        recurrent_kernel: Tensor of shape (units, units).
        bias: Tensor of shape (units,), or None.

    Called on x of shape (examples, features) and a state of shape (examples, units) it returns a tuple of the
    outputs, shape (examples, units), and of the new state.

    Raises:
        ShapeError: a batch or a state has another shape than it must have.
        ValueError: a number is out of its range, or a name is unknown.
    """

    def __init__(
        self,
        units: int,
        activation: Activation = "tanh",
        use_bias: bool = True,
        kernel_initializer: str | Initializer = "glorot_uniform",
        recurrent_initializer: str | Initializer = "orthogonal",
        bias_initializer: str | Initializer = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: Seed = None,
        **options: Any,
    ) -> None:
        super().__init__(
            units,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            seed=seed,
            **options,
        )

    def step(self, x: Any, states: list[Any], masks: Masks) -> tuple[Any, list[Any]]:
        """See `Cell.step`."""
        z = product(x, self.kernel, masks[0]) + product(states[0], self.recurrent_kernel, masks[1])
        h = self.activation(z if self.bias is None else z + self.bias)
        named(h=h)
        return h, [h]


class SimpleRNN(OwnCell, SimpleRNNCell):
    """The fully connected recurrent layer: h' = activation(x @ kernel + h @ recurrent_kernel + bias).

    Args:
        units: number of outputs, and of the numbers in a state.
        activation: a function or a name; None for no activation.
        use_bias: add a bias.
        kernel_initializer, recurrent_initializer, bias_initializer: the first values, a name or a function.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: what is added to the loss for the size of a weight.
        kernel_constraint, recurrent_constraint, bias_constraint: functions that put a weight back after each update.
        dropout: the share of the inputs that are set to 0 in training, the same at all time steps of a batch.
        recurrent_dropout: the share of the first state that is set to 0 in training, for the product with its kernel.
        seed: of the first values and of dropout: an int, a NumPy generator, or None for new numbers in each run.
        return_sequences: return the outputs of all time steps, not of the last one alone.
        return_state: return the last state, too.
        go_backwards: begin with the last time step; outputs are in the order in which they are computed.
        stateful: begin each batch with the last state of the batch before; `reset_states()` sets them to 0.
        unroll: accepted and without effect: eager steps are unrolled, programs have a loop.
        name, dtype: see `Layer`; `zero_output_for_mask` sets outputs of masked time steps to 0.

    Attributes:
        kernel: Tensor of shape (features, units), from the first batch on.
        recurrent_kernel: Tensor of shape (units, units).
        bias: Tensor of shape (units,), or None.

    Called on x of shape (examples, time steps, features) it returns shape (examples, units), or (examples, time steps,
    units) with `return_sequences`. With `return_state` it returns a tuple of that and of the last state. See
    `call` for the arguments `initial_state` and `mask`.

    Raises:
        ShapeError: a batch, a mask or a state has another shape than it must have.
        ValueError: a number is out of its range, or a name is unknown.

    Source: Elman, "Finding structure in time" (1990), with the defaults of `keras.layers.SimpleRNN`.
    """

    def __init__(
        self,
        units: int,
        activation: Activation = "tanh",
        use_bias: bool = True,
        kernel_initializer: str | Initializer = "glorot_uniform",
        recurrent_initializer: str | Initializer = "orthogonal",
        bias_initializer: str | Initializer = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        seed: Seed = None,
        **options: Any,
    ) -> None:
        super().__init__(
            units,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            unroll=unroll,
            seed=seed,
            **options,
        )

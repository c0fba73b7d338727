"""Recurrent layers with gates, which choose what a state keeps: LSTM and GRU, and their cells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygraph.engine.tensor import Tensor
from tinygraph.nn.activations import Activation, activation_of
from tinygraph.nn.cells import Cell, Masks, product
from tinygraph.nn.initializers import Initializer, Seed, initializer_of
from tinygraph.nn.recurrent import OwnCell
from tinygraph.nn.value_names import named

__all__ = ["GRU", "LSTM", "GRUCell", "LSTMCell"]


class LSTMCell(Cell):
    """One time step of LSTM.

    Args:
        units: number of outputs, and of the numbers in a state.
        activation: a function or a name; None for no activation.
        recurrent_activation: that of the gates.
        use_bias: add a bias.
        kernel_initializer, recurrent_initializer, bias_initializer: the first values, a name or a function.
        unit_forget_bias: the bias of the forget gate begins with 1.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: what is added to the loss for the size of a weight.
        kernel_constraint, recurrent_constraint, bias_constraint: functions that put a weight back after each update.
        dropout: the share of the inputs that are set to 0 in training, the same at all time steps of a batch.
        recurrent_dropout: the share of the first state that is set to 0 in training, for the product with its kernel.
        seed: of the first values and of dropout: an int, a NumPy generator, or None for new numbers in each run.
        name, dtype: see `Layer`.

    Attributes:
        kernel: Tensor of shape (features, 4 · units), from the first batch on,
            in the order i, f, c, o: input gate, forget gate, new values, output gate.
        recurrent_kernel: Tensor of shape (units, 4 · units).
        bias: Tensor of shape (4 · units,), or None.

    Called on x of shape (examples, features) and [h, c], both of shape (examples, units), it returns a tuple of the
    outputs, shape (examples, units), and of the new states [h, c].

    Raises:
        ShapeError: a batch or a state has another shape than it must have.
        ValueError: a number is out of its range, or a name is unknown.
    """

    gates = 4
    number_of_states = 2

    def __init__(
        self,
        units: int,
        activation: Activation = "tanh",
        recurrent_activation: Activation = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: str | Initializer = "glorot_uniform",
        recurrent_initializer: str | Initializer = "orthogonal",
        bias_initializer: str | Initializer = "zeros",
        unit_forget_bias: bool = True,
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
        self.recurrent_activation = activation_of(recurrent_activation)
        self.unit_forget_bias = unit_forget_bias

    def _make_bias(self) -> Tensor:
        return self._own_weight("bias", (4 * self.units,), self._first_bias if self.unit_forget_bias else None)

    def _first_bias(self, shape: tuple[int, ...], generator: np.random.Generator, dtype: Any) -> NDArray[Any]:
        """Return ones for the forget gate, and what the initialiser makes for the others."""
        make, units = initializer_of(self.bias_initializer), self.units
        parts = make((units,), generator, dtype), np.ones(units, dtype), make((2 * units,), generator, dtype)
        return np.concatenate(parts)

    def step(self, x: Any, states: list[Any], masks: Masks) -> tuple[Any, list[Any]]:
        """See `Cell.step`."""
        (h, c), units = states, self.units
        z = product(x, self.kernel, masks[0]) + product(h, self.recurrent_kernel, masks[1])
        z = z if self.bias is None else z + self.bias
        inlet = self.recurrent_activation(z[:, :units])
        forget = self.recurrent_activation(z[:, units : 2 * units])
        new = self.activation(z[:, 2 * units : 3 * units])
        outlet = self.recurrent_activation(z[:, 3 * units :])
        c = forget * c + inlet * new
        h = outlet * self.activation(c)
        named(gates=z, inlet=inlet, forget=forget, new=new, outlet=outlet, c=c, h=h)
        return h, [h, c]


class LSTM(OwnCell, LSTMCell):
    """Long short-term memory: a state c that gates forget, add to and show, and the outputs h.

    With the gates i, f and o, each sigmoid(x @ kernel + h @ recurrent_kernel + bias) with columns of its own, and the
    new values g, the same with tanh:

        c' = f · c + i · g          h' = o · tanh(c')

    Args:
        units: number of outputs, and of the numbers in a state.
        activation: a function or a name; None for no activation.
        recurrent_activation: that of the gates.
        use_bias: add a bias.
        kernel_initializer, recurrent_initializer, bias_initializer: the first values, a name or a function.
        unit_forget_bias: the bias of the forget gate begins with 1.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: what is added to the loss for the size of a weight.
        kernel_constraint, recurrent_constraint, bias_constraint: functions that put a weight back after each update.
        dropout: the share of the inputs that are set to 0 in training, the same at all time steps of a batch.
        recurrent_dropout: the share of the first state that is set to 0 in training, for the product with its kernel.
        seed: of the first values and of dropout: an int, a NumPy generator, or None for new numbers in each run.
        return_sequences: return the outputs of all time steps, not of the last one alone.
        return_state: return the last states, too.
        go_backwards: begin with the last time step; outputs are in the order in which they are computed.
        stateful: begin each batch with the last states of the batch before; `reset_states()` sets them to 0.
        unroll: accepted and without effect: eager steps are unrolled, programs have a loop.
        name, dtype: see `Layer`; `zero_output_for_mask` sets outputs of masked time steps to 0.

    Attributes:
        kernel: Tensor of shape (features, 4 · units), from the first batch on,
            in the order i, f, c, o: input gate, forget gate, new values, output gate.
        recurrent_kernel: Tensor of shape (units, 4 · units).
        bias: Tensor of shape (4 · units,), or None.

    Called on x of shape (examples, time steps, features) it returns shape (examples, units), or (examples, time steps,
    units) with `return_sequences`. With `return_state` it returns a tuple of that and of the last states h and c. See
    `call` for the arguments `initial_state` and `mask`.

    Raises:
        ShapeError: a batch, a mask or a state has another shape than it must have.
        ValueError: a number is out of its range, or a name is unknown.

    Source: Hochreiter and Schmidhuber, "Long short-term memory" (1997); Gers, Schmidhuber and Cummins, "Learning to
    forget" (2000); for the bias Jozefowicz, Zaremba and Sutskever, "An empirical exploration of recurrent network
    architectures" (2015). Defaults are those of `keras.layers.LSTM`.
    """

    def __init__(
        self,
        units: int,
        activation: Activation = "tanh",
        recurrent_activation: Activation = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: str | Initializer = "glorot_uniform",
        recurrent_initializer: str | Initializer = "orthogonal",
        bias_initializer: str | Initializer = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: Seed = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(
            units,
            activation=activation,
            recurrent_activation=recurrent_activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            unit_forget_bias=unit_forget_bias,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            seed=seed,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            unroll=unroll,
            **options,
        )


class GRUCell(Cell):
    """One time step of GRU.

    Args:
        units: number of outputs, and of the numbers in a state.
        activation: a function or a name; None for no activation.
        recurrent_activation: that of the gates.
        use_bias: add a bias.
        kernel_initializer, recurrent_initializer, bias_initializer: the first values, a name or a function.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: what is added to the loss for the size of a weight.
        kernel_constraint, recurrent_constraint, bias_constraint: functions that put a weight back after each update.
        dropout: the share of the inputs that are set to 0 in training, the same at all time steps of a batch.
        recurrent_dropout: the share of the first state that is set to 0 in training, for the product with its kernel.
        reset_after: the reset gate is applied after the product with the recurrent kernel; the bias then has two rows.
        seed: of the first values and of dropout: an int, a NumPy generator, or None for new numbers in each run.
        name, dtype: see `Layer`.

    Attributes:
        kernel: Tensor of shape (features, 3 · units), from the first batch on,
            in the order z, r, h: update gate, reset gate, new values.
        recurrent_kernel: Tensor of shape (units, 3 · units).
        bias: Tensor of shape (2, 3 · units), for the inputs and for the state; (3 · units,) without `reset_after`; or
            None.

    Called on x of shape (examples, features) and a state of shape (examples, units) it returns a tuple of the
    outputs, shape (examples, units), and of the new state.

    Raises:
        ShapeError: a batch or a state has another shape than it must have.
        ValueError: a number is out of its range, or a name is unknown.
    """

    gates = 3

    def __init__(
        self,
        units: int,
        activation: Activation = "tanh",
        recurrent_activation: Activation = "sigmoid",
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
        reset_after: bool = True,
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
        self.recurrent_activation = activation_of(recurrent_activation)
        self.reset_after = reset_after

    def _make_bias(self) -> Tensor:
        wide = 3 * self.units
        return self._own_weight("bias", (2, wide) if self.reset_after else (wide,))

    def step(
        self, x: Any, states: list[Any], masks: Masks, biases: tuple[Any, Any] | None = None
    ) -> tuple[Any, list[Any]]:
        """See `Cell.step`. A layer gives the biases, so that they are taken once, and not in each time step."""
        h, units = states[0], self.units
        inputs, recurrent = biases or self._biases()
        from_x = product(x, self.kernel, masks[0])
        from_x = from_x if inputs is None else from_x + inputs
        if self.reset_after:
            from_h = product(h, self.recurrent_kernel, masks[1])
        else:  # the product for the new values waits for the reset gate
            both = None if masks[1] is None else masks[1][:2]
            from_h = product(h, self.recurrent_kernel[:, : 2 * units], both)
        update = self.recurrent_activation(from_x[:, :units] + from_h[:, :units])
        reset = self.recurrent_activation(from_x[:, units : 2 * units] + from_h[:, units : 2 * units])
        if self.reset_after:
            own = from_h[:, 2 * units :]
            kept = reset * (own if recurrent is None else own + recurrent)
        else:
            mask = None if masks[1] is None else masks[1][2:]
            kept = product(reset * h, self.recurrent_kernel[:, 2 * units :], mask)
        new = self.activation(from_x[:, 2 * units :] + kept)
        h = update * h + (1 - update) * new
        named(update=update, reset=reset, new=new, h=h)
        return h, [h]

    def _biases(self) -> tuple[Any, Any]:
        """Return what is added to the product with the inputs, and to the new values' columns of that with the state.

        The reset gate stands between these alone. In the other columns both rows of the bias are added at once.
        """
        if self.bias is None or not self.reset_after:
            return self.bias, None
        inputs, state = self.bias
        gates = 2 * self.units
        return np.concatenate([inputs[:gates] + state[:gates], inputs[gates:]]), state[gates:]


class GRU(OwnCell, GRUCell):
    """The gated recurrent unit: a state h, of which the update gate z keeps a share.

    With the gates z and r, each sigmoid(x @ kernel + h @ recurrent_kernel + bias) with columns of its own:

        h' = z · h + (1 − z) · tanh(x @ kernel + r · (h @ recurrent_kernel))

    Args:
        units: number of outputs, and of the numbers in a state.
        activation: a function or a name; None for no activation.
        recurrent_activation: that of the gates.
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
        reset_after: the reset gate is applied after the product with the recurrent kernel; the bias then has two rows.

    Attributes:
        kernel: Tensor of shape (features, 3 · units), from the first batch on,
            in the order z, r, h: update gate, reset gate, new values.
        recurrent_kernel: Tensor of shape (units, 3 · units).
        bias: Tensor of shape (2, 3 · units), for the inputs and for the state; (3 · units,) without `reset_after`; or
            None.

    Called on x of shape (examples, time steps, features) it returns shape (examples, units), or (examples, time steps,
    units) with `return_sequences`. With `return_state` it returns a tuple of that and of the last state. See
    `call` for the arguments `initial_state` and `mask`.

    Raises:
        ShapeError: a batch, a mask or a state has another shape than it must have.
        ValueError: a number is out of its range, or a name is unknown.

    Source: Cho, van Merriënboer, Gulcehre, Bahdanau, Bougares, Schwenk and Bengio, "Learning phrase representations
    using RNN encoder-decoder for statistical machine translation" (2014), section 2.3. Defaults are those of
    `keras.layers.GRU`.
    """

    def __init__(
        self,
        units: int,
        activation: Activation = "tanh",
        recurrent_activation: Activation = "sigmoid",
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
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        reset_after: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(
            units,
            activation=activation,
            recurrent_activation=recurrent_activation,
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
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            unroll=unroll,
            reset_after=reset_after,
            **options,
        )

    def _stepper(self, shape: tuple[int, int, int], dtype: Any) -> Callable[[Any, list[Any]], tuple[Any, list[Any]]]:
        if type(self).step is not GRUCell.step or "step" in vars(self):
            return super()._stepper(shape, dtype)
        masks, biases = self.masks(shape[0], shape[2], dtype), self._biases()
        return lambda x, states: self.step(x, states, masks, biases)

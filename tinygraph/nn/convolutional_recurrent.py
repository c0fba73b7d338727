"""Recurrent layers whose states are images: LSTMs with convolutions in the place of products."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tinygraph import bounds, draws
from tinygraph.engine.tensor import Tensor
from tinygraph.nn import constraints, regularizers
from tinygraph.nn.activations import Activation, activation_of
from tinygraph.nn.cells import as_array
from tinygraph.nn.formats import LAST, check_format
from tinygraph.nn.initializers import Initializer, Seed, checked, initializer_of
from tinygraph.nn.layer import Layer, count
from tinygraph.nn.sliding import convolved
from tinygraph.nn.value_names import named
from tinygraph.nn.windowed import Size, numbers

__all__ = ["ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"]


class _ConvLSTM(Layer):
    """The base of the three layers; see `ConvLSTM2D`."""

    rank: ClassVar[int]
    is_own_cell: ClassVar[bool] = True
    _roles = {"recurrent_kernel": "recurrent"}
    kernel: Tensor
    recurrent_kernel: Tensor
    bias: Tensor | None

    def __init__(
        self,
        filters: int,
        kernel_size: Size,
        strides: Size = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Size = 1,
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
        **options: Any,
    ) -> None:
        super().__init__(seed=seed, **options)
        kind = type(self).__name__
        self.filters = count(kind, "filters", filters)
        self.kernel_size = numbers(kind, "kernel_size", kernel_size, self.rank)
        self.strides = numbers(kind, "strides", strides, self.rank)
        self.dilation_rate = numbers(kind, "dilation_rate", dilation_rate, self.rank)
        if padding not in ("valid", "same"):
            raise ValueError(f'{kind}: padding must be "valid" or "same", got {padding!r}')
        self.padding, self.data_format = padding, check_format(kind, data_format)
        self.activation, self.recurrent_activation = activation_of(activation), activation_of(recurrent_activation)
        self.use_bias, self.unit_forget_bias = use_bias, unit_forget_bias
        self.kernel_initializer, self.recurrent_initializer = (
            checked(kernel_initializer),
            checked(recurrent_initializer),
        )
        self.bias_initializer = checked(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.recurrent_regularizer = regularizers.get(recurrent_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.recurrent_constraint = constraints.get(recurrent_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.dropout = bounds.number(kind, "dropout", dropout, least=0, below=1)
        self.recurrent_dropout = bounds.number(kind, "recurrent_dropout", recurrent_dropout, least=0, below=1)
        self.return_sequences, self.return_state, self.go_backwards = return_sequences, return_state, go_backwards

    def build(self, shape: tuple[int, ...]) -> None:
        """See `Layer.build`."""
        self._check(shape)
        channels = shape[-1] if self.data_format == LAST else shape[2]
        wide = 4 * self.filters
        self.kernel = self._own_weight("kernel", (*self.kernel_size, channels, wide))
        self.recurrent_kernel = self._own_weight("recurrent_kernel", (*self.kernel_size, self.filters, wide))
        first = self._first_bias if self.unit_forget_bias else None
        self.bias = self._own_weight("bias", (wide,), first) if self.use_bias else None

    def _first_bias(self, shape: tuple[int, ...], generator: np.random.Generator, dtype: Any) -> NDArray[Any]:
        make, n = initializer_of(self.bias_initializer), self.filters
        return np.concatenate([make((n,), generator, dtype), np.ones(n, dtype), make((2 * n,), generator, dtype)])

    def _check(self, shape: tuple[int, ...]) -> None:
        if len(shape) != self.rank + 3:
            raise self.misfit(
                f"a batch must have {self.rank + 3} axes, (examples, time steps, {self.rank} of a step, channels), got "
                f"shape {shape}"
            )
        if shape[1] == 0:
            raise self.misfit(f"a batch of shape {shape} has no time steps")

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        """Return the mask of the result: that of the batch if it is a sequence, else None; None for states."""
        output = mask if self.return_sequences else None
        return [output, None, None] if self.return_state else output

    def call(self, x: Any, initial_state: Any = None, mask: Any = None) -> Any:
        """Compute the outputs of sequences.

        Args:
            x: sequences of images, shape (examples, time steps, height, width, channels), as of `ConvLSTM2D`.
            initial_state: the states h and c to begin with; zeros if there are none.
            mask: booleans, shape (examples, time steps). Where they are False, the states stay as they are.
        """
        self._check(x.shape)
        x = self._floating(x)
        x = x if self.data_format == LAST else np.moveaxis(x, 2, -1)
        inputs = self._inputs(x)
        h, c = self._first_states(initial_state, inputs)
        drops = self._drops((len(x), *h.shape[1:]), self.recurrent_dropout, x.dtype)
        outputs: list[Any] = []
        steps = range(x.shape[1])
        for t in reversed(steps) if self.go_backwards else steps:
            new_h, new_c = self._step(inputs[:, t], h, c, drops)
            if mask is not None:
                counts = as_array(mask)[:, t].reshape(-1, *(1,) * (self.rank + 1)) != 0
                new_h, new_c = np.where(counts, new_h, h), np.where(counts, new_c, c)
            h, c = new_h, new_c
            outputs.append(h)
        result = np.stack(outputs, axis=1) if self.return_sequences else h
        if self.data_format != LAST:
            result, h, c = (
                np.moveaxis(result, -1, 1 + self.return_sequences),
                np.moveaxis(h, -1, 1),
                np.moveaxis(c, -1, 1),
            )
        return (result, h, c) if self.return_state else result

    def _inputs(self, x: Any) -> Any:
        """Return the convolutions of all time steps, of which none waits for another."""
        examples, steps, *inner = x.shape
        drops = self._drops((examples, 1, *inner), self.dropout, x.dtype)

        def of(batch: Any, kernel: Any) -> Any:
            flat = batch.reshape(examples * steps, *inner)
            found = convolved(flat, kernel, self.strides, self.padding, self.dilation_rate, 1)
            return found.reshape(examples, steps, *found.shape[1:])

        n = self.filters
        z = of(x, self.kernel) if drops is None else np.concatenate(
            [of(x * drop, self.kernel[..., gate * n : (gate + 1) * n]) for gate, drop in enumerate(drops)], axis=-1
        )  # fmt: skip
        return z if self.bias is None else z + self.bias

    def _drops(self, shape: tuple[int, ...], rate: float, dtype: Any) -> list[Any] | None:
        """Draw what the inputs of the gates are multiplied by at all time steps; None for nothing."""
        if not rate or not self.training:
            return None
        kept = [draws.uniform(self.generator, shape, np.float32) >= rate for _ in range(4)]
        return [item * np.dtype(dtype).type(1 / (1 - rate)) for item in kept]

    def _first_states(self, given: Any, inputs: Any) -> list[Any]:
        shape = (inputs.shape[0], *inputs.shape[2:-1], self.filters)
        if given is None:
            return [np.zeros(shape, inputs.dtype), np.zeros(shape, inputs.dtype)]
        states = [self._floating(as_array(state)) for state in given]
        if self.data_format != LAST:
            states = [np.moveaxis(state, 1, -1) for state in states]
        if [state.shape for state in states] != [shape, shape]:
            raise self.misfit(f"the states must be two of shape {shape}, got {[state.shape for state in states]}")
        return states

    def _step(self, inputs: Any, h: Any, c: Any, drops: list[Any] | None) -> tuple[Any, Any]:
        """Compute one time step."""
        n, ones = self.filters, (1,) * self.rank
        parts = [(h, self.recurrent_kernel)] if drops is None else [
            (h * drop, self.recurrent_kernel[..., gate * n : (gate + 1) * n]) for gate, drop in enumerate(drops)
        ]  # fmt: skip
        found = [convolved(state, kernel, ones, "same", ones, 1) for state, kernel in parts]
        z = inputs + (found[0] if drops is None else np.concatenate(found, axis=-1))
        inlet, forget = self.recurrent_activation(z[..., :n]), self.recurrent_activation(z[..., n : 2 * n])
        new, outlet = self.activation(z[..., 2 * n : 3 * n]), self.recurrent_activation(z[..., 3 * n :])
        c = forget * c + inlet * new
        h = outlet * self.activation(c)
        named(gates=z, inlet=inlet, forget=forget, new=new, outlet=outlet, c=c, h=h)
        return h, c


class ConvLSTM1D(_ConvLSTM):
    """An LSTM whose states are sequences: see `ConvLSTM2D`."""

    rank = 1


class ConvLSTM2D(_ConvLSTM):
    """An LSTM whose states are images, and whose products are convolutions.

    Args:
        filters: number of channels of the outputs and of the states.
        kernel_size: size of the window, one int or (rows, columns).
        strides, padding, dilation_rate: of the convolution of the inputs; that of the states keeps their size.
        data_format: "channels_last", the default, or "channels_first".
        activation, recurrent_activation: of the new values, and of the gates.
        use_bias: add a bias.
        kernel_initializer, recurrent_initializer, bias_initializer: the first values, a name or a function.
        unit_forget_bias: the bias of the forget gate begins with 1.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: what is added to the loss for the size of a weight.
        kernel_constraint, recurrent_constraint, bias_constraint: functions that put a weight back after each update.
        dropout, recurrent_dropout: the shares of the inputs and of the state h that are set to 0 in training.
        seed: of the first values and of dropout: an int, a NumPy generator, or None for new numbers in each run.
        return_sequences: return the outputs of all time steps, not of the last one alone.
        return_state: return the last states h and c, too.
        go_backwards: begin with the last time step; outputs are in the order in which they are computed.
        name, dtype: see `Layer`.

    Called on x of shape (examples, time steps, height, width, channels) it returns shape (examples, height, width,
    filters), or that with the axis of the time steps.

    Raises:
        ShapeError: a batch or a state has another shape than it must have.
        ValueError: a number is out of its range, or a name is unknown.

    Source: Shi et al., "Convolutional LSTM network: a machine learning approach for precipitation nowcasting" (2015),
    without the connections of the gates to c, as `keras.layers.ConvLSTM2D`.
    """

    rank = 2


class ConvLSTM3D(_ConvLSTM):
    """An LSTM whose states are volumes: see `ConvLSTM2D`."""

    rank = 3

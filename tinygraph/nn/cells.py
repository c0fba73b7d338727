"""Cells: the computation of one time step, for recurrent layers. A cell gets states, and returns the new ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from tinygraph import bounds, draws
from tinygraph.engine.tensor import Tensor
from tinygraph.nests import tree_leaves
from tinygraph.nn import constraints, regularizers
from tinygraph.nn.activations import Activation, activation_of
from tinygraph.nn.initializers import Initializer, checked
from tinygraph.nn.layer import Layer, count

__all__ = ["Cell", "Masks", "StackedRNNCells", "as_array", "cell_step", "check_states", "mask_of_sequence", "product"]

# What dropout multiplies the inputs and the first state by; None for nothing. Several belong to as many gates.
Masks = tuple[list[Any] | None, list[Any] | None]


class Cell(Layer):
    """The base of cells: one time step, and the weights for it.

    A subclass computes the step in `step`. Its kernels have the columns of all gates side by side.

    Attributes:
        kernel: Tensor of shape (features, gates · units), from the first batch on.
        recurrent_kernel: Tensor of shape (units, gates · units).
        bias: Tensor of shape (gates · units,), or None.
        state_size: the sizes of the states: one int, or a list.
        output_size: the number of outputs.
    """

    _roles = {"recurrent_kernel": "recurrent"}
    gates: ClassVar[int] = 1
    number_of_states: ClassVar[int] = 1

    kernel: Tensor
    recurrent_kernel: Tensor
    bias: Tensor | None

    def __init__(
        self,
        units: int,
        activation: Activation,
        use_bias: bool,
        kernel_initializer: str | Initializer,
        recurrent_initializer: str | Initializer,
        bias_initializer: str | Initializer,
        kernel_regularizer: Any,
        recurrent_regularizer: Any,
        bias_regularizer: Any,
        kernel_constraint: Any,
        recurrent_constraint: Any,
        bias_constraint: Any,
        dropout: float,
        recurrent_dropout: float,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        kind = type(self).__name__
        self.units = count(kind, "units", units)
        self.activation = activation_of(activation)
        self.use_bias = use_bias
        self.kernel_initializer = checked(kernel_initializer)
        self.recurrent_initializer = checked(recurrent_initializer)
        self.bias_initializer = checked(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.recurrent_regularizer = regularizers.get(recurrent_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.recurrent_constraint = constraints.get(recurrent_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.dropout = _share(kind, "dropout", dropout)
        self.recurrent_dropout = _share(kind, "recurrent_dropout", recurrent_dropout)

    @property
    def state_size(self) -> int | list[int]:
        """The size of the state, or a list of the sizes of the states."""
        return self.units if self.number_of_states == 1 else [self.units] * self.number_of_states

    @property
    def output_size(self) -> int:
        """The number of outputs."""
        return self.units

    def build(self, shape: tuple[int, ...]) -> None:
        """Make the weights for batches of shape (examples, features)."""
        self._make_weights(shape[-1])

    def _make_weights(self, features: int) -> None:
        wide = self.gates * self.units
        self.kernel = self._own_weight("kernel", (features, wide))
        self.recurrent_kernel = self._own_weight("recurrent_kernel", (self.units, wide))
        self.bias = self._make_bias() if self.use_bias else None

    def _make_bias(self) -> Tensor:
        return self._own_weight("bias", (self.gates * self.units,))

    def step(self, x: Any, states: list[Any], masks: Masks) -> tuple[Any, list[Any]]:
        """Compute one time step.

        Args:
            x: inputs, shape (examples, features).
            states: arrays of shape (examples, units).
            masks: what dropout multiplies the inputs and the first state by; see `masks`.

        Returns:
            The outputs, shape (examples, units), and the new states.
        """
        raise NotImplementedError(f"{type(self).__name__}: the class does not define its step")

    def masks(self, examples: int, features: int, dtype: Any) -> Masks:
        """Draw what the inputs and the first state are multiplied by at all time steps of a batch; None for nothing.

        With `recurrent_dropout` each gate has a mask of its own, otherwise all gates share one.

        Source: Gal and Ghahramani, "A theoretically grounded application of dropout in recurrent neural networks"
        (2016), section 4.
        """
        number = self.gates if self.recurrent_dropout else 1
        sizes = (features, self.dropout), (self.units, self.recurrent_dropout)
        inputs, recurrent = [
            [self._mask((examples, size), rate, dtype) for _ in range(number)] if rate and self.training else None
            for size, rate in sizes
        ]
        return inputs, recurrent

    def _mask(self, shape: tuple[int, int], rate: float, dtype: Any) -> Any:
        kept = draws.uniform(self.generator, shape, np.float64 if dtype == np.float64 else np.float32) >= rate
        return kept * np.dtype(dtype).type(1 / (1 - rate))

    def call(self, x: Any, states: Any, masks: Masks | None = None) -> tuple[Any, Any]:
        """Compute one time step, as Keras's cells do.

        Args:
            x: inputs, shape (examples, features).
            states: a list of arrays of shape (examples, units), or the only one.
            masks: what dropout multiplies by; new ones are drawn if there are none.

        Returns:
            The outputs, shape (examples, units), and the new states, in a list if they were in one.
        """
        x = self._floating(x)
        if len(x.shape) != 2 or x.shape[1] != self.kernel.shape[0]:
            raise self.misfit(
                f"a batch of one time step must have shape (examples, {self.kernel.shape[0]}), got {x.shape}"
            )
        several = isinstance(states, list | tuple)
        first = [self._floating(as_array(state)) for state in (states if several else [states])]
        check_states(self, first, self.state_size, x.shape[0])
        masks = self.masks(x.shape[0], x.shape[1], x.dtype) if masks is None else masks
        output, new = self.step(x, first, masks)
        return output, new if several else new[0]


def _share(call: str, name: str, rate: float) -> float:
    found: float = bounds.number(call, name, rate, least=0, below=1)
    return found


def as_array(item: Any) -> Any:
    """Return an array or a Tensor as it is, and lists of numbers as an array."""
    return item if hasattr(item, "dtype") else np.asarray(item)


def mask_of_sequence(mask: Any) -> Any:
    """Return a mask, or the first of the masks that the results of a layer have, a sequence and its states."""
    if isinstance(mask, list | tuple) and mask and (mask[0] is None or len(getattr(mask[0], "shape", ())) > 1):
        return mask[0]
    return mask


def product(x: Any, kernel: Any, masks: list[Any] | None) -> Any:
    """Return x @ kernel, with x multiplied by a mask; several masks belong to as many blocks of columns."""
    if masks is None:
        return x @ kernel
    if len(masks) == 1:
        return (x * masks[0]) @ kernel
    units = kernel.shape[1] // len(masks)
    parts = [(x * mask) @ kernel[:, gate * units : (gate + 1) * units] for gate, mask in enumerate(masks)]
    return np.concatenate(parts, axis=1)


def check_states(layer: Layer, states: Any, sizes: Any, examples: int) -> None:
    """Check that the states are as many as the sizes, and arrays of shape (examples, size)."""
    wanted = [(examples, size) for size in tree_leaves(sizes)]
    given = [state.shape for state in tree_leaves(states)]
    if wanted != given:
        raise layer.misfit(f"the states for {examples} examples must have the shapes {wanted}, got {given}")


def cell_step(cell: Any, x: Any, states: Any, masks: Any) -> tuple[Any, list[Any]]:
    """Apply a cell, a layer or another object with a `call`; return its outputs, and its new states in a list."""
    call = cell if callable(cell) else cell.call
    output, new = call(x, states) if masks is None else call(x, states, masks=masks)
    return output, list(new) if isinstance(new, list | tuple) else [new]


class StackedRNNCells(Layer):
    """Cells on top of each other as one cell: the outputs of each are the inputs of the next.

    Args:
        cells: the cells, the lowest first.
        name: see `Layer`.

    Attributes:
        state_size: the `state_size` of each cell, in a list.
        output_size: the number of outputs of the last cell.
    """

    def __init__(self, cells: Sequence[Any], **options: Any) -> None:
        super().__init__(**options)
        self.cells = [checked_cell(type(self).__name__, cell) for cell in cells]
        if not self.cells:
            raise ValueError("StackedRNNCells: there must be at least one cell, got none")

    @property
    def state_size(self) -> list[Any]:
        """The `state_size` of each cell."""
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> int:
        """The number of outputs of the last cell."""
        return output_size_of(self.cells[-1])

    def masks(self, examples: int, features: int, dtype: Any) -> list[Any]:
        """Draw the masks of all cells for a batch; see `Cell.masks`."""
        sizes = [features, *[output_size_of(cell) for cell in self.cells]]
        return [masks_of(cell, examples, size, dtype) for cell, size in zip(self.cells, sizes, strict=False)]

    def call(self, x: Any, states: Any, masks: list[Any] | None = None) -> tuple[Any, list[Any]]:
        """Compute one time step of all cells; `states` has a state for each, or a list of them."""
        new = []
        for cell, own, drawn in zip(self.cells, states, masks or [None] * len(self.cells), strict=True):
            several = isinstance(own, list | tuple)
            x, after = cell_step(cell, x, list(own) if several else [own], drawn)
            new.append(after if several else after[0])
        return x, new


def masks_of(cell: Any, examples: int, features: int, dtype: Any) -> Any:
    """Return the masks of a cell for a batch, or None if cells of its kind have none."""
    return cell.masks(examples, features, dtype) if isinstance(cell, Cell | StackedRNNCells) else None


def output_size_of(cell: Any) -> int:
    """Return the number of outputs of a cell: its `output_size`, or the size of its first state."""
    size = getattr(cell, "output_size", None)
    return int(tree_leaves(cell.state_size)[0] if size is None else size)


def checked_cell(call: str, cell: Any) -> Any:
    """Return a cell, after a check that it is one.

    Raises:
        TypeError: the object has no `call`, or no `state_size`.
    """
    if not hasattr(cell, "call") or not hasattr(cell, "state_size") or hasattr(cell, "return_sequences"):
        raise TypeError(
            f"{call}: a cell has a method call(x, states), and a state_size; got {cell!r}. Write "
            f"{call}(tg.nn.LSTMCell(32)), say, or [tg.nn.LSTMCell(32), tg.nn.LSTMCell(16)] for several"
        )
    return cell

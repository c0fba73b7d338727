"""Layers with a matrix: Dense, and Embedding, which looks up its rows."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from tinygraph.engine.primitives import primitive
from tinygraph.engine.tensor import Tensor
from tinygraph.functions.checks import CHECKS
from tinygraph.nn import constraints, regularizers
from tinygraph.nn.activations import Activation, activation_of
from tinygraph.nn.configured import Rule
from tinygraph.nn.initializers import Initializer, checked
from tinygraph.nn.layer import Layer, count

__all__ = ["Dense", "Embedding"]


class Dense(Layer):
    """activation(x @ kernel + bias): each output is a weighted sum of all inputs.

    Args:
        units: number of outputs.
        activation: a function or a name: "relu", "tanh", "softmax", ...; None for no activation.
        use_bias: add a bias.
        kernel_initializer, bias_initializer: the first values, a name such as "he_normal" or a function.
        kernel_regularizer, bias_regularizer, activity_regularizer: penalties of the weights and of the result, a name
            such as "l2" or an object of `tinygraph.nn.regularizers`.
        kernel_constraint, bias_constraint: for the weights after each step, of `tinygraph.nn.constraints`.
        name, seed, dtype: see `Layer`.

    Attributes:
        kernel: Tensor of shape (inputs, units), from the first batch on.
        bias: Tensor of shape (units,), or None.

    Called on x of shape (..., inputs) it returns shape (..., units).

    Raises:
        ShapeError: the last axis of a batch differs from that of the first batch.
        ValueError: `units` is not positive, or a name is not that of an activation or an initialiser.
    """

    supports_masking = True

    kernel: Tensor
    bias: Tensor | None

    def __init__(
        self,
        units: int,
        activation: Activation = None,
        use_bias: bool = True,
        kernel_initializer: str | Initializer = "glorot_uniform",
        bias_initializer: str | Initializer = "zeros",
        kernel_regularizer: Rule = None,
        bias_regularizer: Rule = None,
        activity_regularizer: Rule = None,
        kernel_constraint: Rule = None,
        bias_constraint: Rule = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.units = count("Dense", "units", units)
        self.activation = activation_of(activation)
        self.use_bias = use_bias
        self.kernel_initializer = checked(kernel_initializer)
        self.bias_initializer = checked(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)

    def build(self, shape: tuple[int, ...]) -> None:
        """See `Layer.build`."""
        if not shape:
            raise self.misfit("a batch needs an axis of features, got a single number")
        self.kernel = self._own_weight("kernel", (shape[-1], self.units))
        self.bias = self._own_weight("bias", (self.units,)) if self.use_bias else None

    def call(self, x: Any) -> Any:
        """See the class."""
        inputs = self.kernel.shape[0]
        if x.shape[-1:] != (inputs,):
            hint = "it takes its input size from its first batch"
            if math.prod(x.shape[1:]) == inputs:
                hint = "put a Flatten() before it"
            elif len(x.shape) < 2:
                hint = "a single example x is a batch as x[np.newaxis]"
            raise self.misfit(f"a batch of shape {x.shape} does not have {inputs} features in its last axis; {hint}")
        z = self._floating(x) @ self.kernel
        return self.activation(z if self.bias is None else z + self.bias)


@primitive
def rows_within(indices: Any, rows: int, place: str) -> Any:
    """Return the indices, after a check that all lie from 0 to rows − 1.

    It is a primitive, so that a compiled program checks the indices, too: to NumPy -1 is the last row.

    Raises:
        IndexError: an index is negative, or not below `rows`. The message begins with `place`.
    """
    if np.any((indices < 0) | (indices >= rows)):
        raise IndexError(
            f"{place}: indices run from {indices.min()} to {indices.max()}, but the table has rows 0 to {rows - 1}; "
            "make input_dim one more than the largest index"
        )
    return indices


@primitive
def whole(numbers: Any, place: str) -> Any:
    """Return numbers, after a check that all are whole.

    Raises:
        TypeError: a number is not whole. The message begins with `place`.
    """
    odd = numbers[numbers != np.floor(numbers)]
    if odd.size:
        raise TypeError(f"{place}: indices must be whole numbers, got {odd.flat[0]} in an array of {numbers.dtype}")
    return numbers


CHECKS.update((rows_within, whole))


class Embedding(Layer):
    """A row of numbers for each index: a lookup table for words, or for anything else that is numbered.

    Args:
        input_dim: number of rows; indices run from 0 to input_dim − 1.
        output_dim: numbers in a row.
        embeddings_initializer: the first values, a name such as "random_uniform" or a function.
        embeddings_regularizer: a penalty of the table, a name such as "l2" or an object of `tinygraph.nn.regularizers`.
        embeddings_constraint: for the table after each step, of `tinygraph.nn.constraints`.
        mask_zero: index 0 stands for padding; layers behind it get a mask that is False there.
        input_length: not needed, and without effect: sequences may have any length. Old Keras code has it.
        name, seed, dtype: see `Layer`; the dtype is float32 by default.

    Attributes:
        embeddings: Tensor of shape (input_dim, output_dim), from the first batch on.

    Called on integers of any shape it returns that shape plus a last axis of size output_dim.

    Raises:
        TypeError: indices are not whole numbers.
        IndexError: an index is negative, or not below `input_dim`.
        ValueError: a dimension is not positive, or no initialiser has that name.
    """

    input_dtype: ClassVar[Any] = np.dtype(np.int64)  # of the batches that a model which begins with it is tried on

    embeddings: Tensor

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: str | Initializer = "random_uniform",
        embeddings_regularizer: Rule = None,
        embeddings_constraint: Rule = None,
        mask_zero: bool = False,
        input_length: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.input_dim = count("Embedding", "input_dim", input_dim)
        self.output_dim = count("Embedding", "output_dim", output_dim)
        self.embeddings_initializer = checked(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self.mask_zero = mask_zero
        self.input_length = input_length

    def build(self, shape: tuple[int, ...]) -> None:
        """See `Layer.build`."""
        self.embeddings = self._own_weight("embeddings", (self.input_dim, self.output_dim))

    def call(self, x: Any) -> Any:
        """See the class."""
        indices = x.data if isinstance(x, Tensor) else x
        place = f'Embedding "{self.name}"'
        if indices.dtype.kind == "f":  # the symbol of Input(shape) and a batch that was cast to the model's dtype
            indices = whole(indices, place).astype(np.intp)
        if indices.dtype.kind not in "iu":
            raise TypeError(f"{place}: indices must be whole numbers, got dtype {indices.dtype}; use x.astype(int)")
        return self.embeddings[rows_within(indices, self.input_dim, place)]

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        """Return True for the indices that are not padding, if `mask_zero` says that 0 is."""
        return np.not_equal(x.data if isinstance(x, Tensor) else x, 0) if self.mask_zero else None

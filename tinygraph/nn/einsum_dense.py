"""EinsumDense: a Dense whose product is an einsum of the batch and the kernel."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygraph.engine.tensor import Tensor
from tinygraph.nn import constraints, regularizers
from tinygraph.nn.activations import Activation, activation_of
from tinygraph.nn.configured import Rule
from tinygraph.nn.initializers import Initializer, checked
from tinygraph.nn.layer import Layer

__all__ = ["EinsumDense"]

_EQUATION = re.compile(r"(\.\.\.)?([a-zA-Z]+)(\.\.\.)?,([a-zA-Z]+)->(\.\.\.)?([a-zA-Z]+)(\.\.\.)?")


class EinsumDense(Layer):
    """activation(einsum(equation, x, kernel) + bias).

        EinsumDense("abc,cd->abd", output_shape=(None, 64), bias_axes="d")  # Dense(64) for each step

    Args:
        equation: as of `numpy.einsum`, for the batch and the kernel. "..." stands for the axes at the beginning or at
            the end that stay as they are.
        output_shape: the sizes of the result without the batch, as far as x does not say them; None for those.
        activation: a function or a name, "relu"; None for no activation.
        bias_axes: the letters of the result's axes along which the bias differs; None for no bias.
        kernel_initializer, bias_initializer: the first values, a name such as "he_normal" or a function.
        kernel_regularizer, bias_regularizer: penalties of the weights.
        kernel_constraint, bias_constraint: for the weights after each step.
        name, seed, dtype: see `Layer`.

    Attributes:
        kernel: Tensor of the shape that the equation says, from the first batch on.
        bias: Tensor, or None.

    Raises:
        ShapeError: a batch does not fit the equation, or not the sizes of the result.
        ValueError: the equation is none, or a letter of `bias_axes` is not in the result.
    """

    kernel: Tensor
    bias: Tensor | None

    def __init__(
        self,
        equation: str,
        output_shape: int | Sequence[int | None],
        activation: Activation = None,
        bias_axes: str | None = None,
        kernel_initializer: str | Initializer = "glorot_uniform",
        bias_initializer: str | Initializer = "zeros",
        kernel_regularizer: Rule = None,
        bias_regularizer: Rule = None,
        kernel_constraint: Rule = None,
        bias_constraint: Rule = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        parts = _EQUATION.fullmatch(equation.replace(" ", ""))
        if parts is None or parts[1] != parts[5] or parts[3] != parts[7] or (parts[1] and parts[3]):
            raise ValueError(
                f"EinsumDense: equation must be one for a batch and a kernel, 'abc,cd->abd' or '...c,cd->...d', got "
                f"{equation!r}"
            )
        self._given, self._of_kernel, self._made = parts[2], parts[4], parts[6]
        self._elided_first = parts[1] is not None
        unknown = [letter for letter in self._made if letter not in self._given + self._of_kernel]
        if unknown or any([letter not in self._made for letter in bias_axes or ""]):
            raise ValueError(
                f"EinsumDense: the letters of the result, and those of bias_axes={bias_axes!r}, must be among those "
                f"before them in {equation!r}"
            )
        self.equation = equation
        self.output_shape = (output_shape,) if isinstance(output_shape, int) else tuple(output_shape)
        self.activation: Callable[[Any], Any] = activation_of(activation)
        self.bias_axes = bias_axes
        self.kernel_initializer, self.bias_initializer = checked(kernel_initializer), checked(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)

    def build(self, shape: tuple[int, ...]) -> None:
        """See `Layer.build`."""
        elided = self._elided(shape)
        of_batch = shape[elided:] if self._elided_first else shape[: len(self._given)]
        sizes = dict(zip(self._given, of_batch, strict=True))
        # The batch is the first axis of the result; of the axes that stay as they are the user gives no sizes.
        wanted = self._made if self._elided_first and elided else self._made[1:]
        for letter, size in zip(wanted, self.output_shape, strict=False):
            if size is not None and sizes.setdefault(letter, size) != size:
                raise self.misfit(
                    f"axis {letter!r} of {self.equation!r} has the size {sizes[letter]} in a batch of shape {shape}, "
                    f"and {size} in output_shape={self.output_shape}"
                )
        missing = [letter for letter in self._of_kernel if sizes.get(letter) is None]
        if missing or len(self.output_shape) != len(wanted):
            raise self.misfit(
                f"output_shape={self.output_shape} must have a size, or None, for each of the axes {wanted!r} of "
                f"{self.equation!r}"
            )
        self.kernel = self._own_weight("kernel", tuple([sizes[letter] for letter in self._of_kernel]))
        self.bias = None
        if self.bias_axes:
            first = min([self._made.index(letter) for letter in self.bias_axes])
            ones = [sizes[letter] if letter in self.bias_axes else 1 for letter in self._made[first:]]
            self.bias = self._own_weight("bias", (*ones, *([] if self._elided_first else [1] * elided)))

    def call(self, x: Any) -> Any:
        """See the class."""
        self._elided(x.shape)
        try:
            y = np.einsum(self.equation.replace(" ", ""), self._floating(x), self.kernel)
        except ValueError:
            raise self.misfit(
                f"a batch of shape {tuple(x.shape)} does not fit a kernel of shape {self.kernel.shape} in "
                f"{self.equation!r}"
            ) from None
        return self.activation(y if self.bias is None else y + self.bias)

    def _elided(self, shape: tuple[int, ...]) -> int:
        """Return how many axes of a batch "..." stands for."""
        elided = len(shape) - len(self._given)
        if elided < 0 or (elided and "..." not in self.equation):
            raise self.misfit(f"a batch of shape {tuple(shape)} does not have the axes of {self.equation!r}")
        return elided

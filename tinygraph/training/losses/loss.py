"""A loss as an object: a function of targets and predictions, and the reduction of its values to one number."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from tinygraph.engine.operands import array_of, has_tensors
from tinygraph.engine.record import compose
from tinygraph.engine.tensor import Tensor
from tinygraph.errors import ShapeError
from tinygraph.training.losses.pairing import cast, same_rank

__all__ = ["REDUCTIONS", "FunctionLoss", "Loss", "LossFunctionWrapper", "reduced", "weights_for"]

REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)


class Loss:
    """The base of losses. A subclass computes one value for each example in `call(y_true, y_pred)`.

    Args:
        name: of the loss, in messages and logs; by default that of the class.
        reduction: "sum_over_batch_size" or "mean", the mean of the values; "sum"; "mean_with_sample_weight", the sum of
            the weighted values divided by the sum of the weights; "none" or None, the values as they are.
        dtype: to compute in; by default that of the predictions.

    Raises:
        ValueError: the reduction is something else.
    """

    def __init__(
        self, name: str | None = None, reduction: str | None = "sum_over_batch_size", dtype: Any = None
    ) -> None:
        if reduction not in REDUCTIONS:
            raise ValueError(
                f"{type(self).__name__}: reduction must be one of {', '.join(map(repr, REDUCTIONS))}, got {reduction!r}"
            )
        self.name = name or type(self).__name__
        self.reduction = reduction
        self.dtype = None if dtype is None else np.dtype(dtype)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return the loss of predictions.

        Args:
            y_true: the targets.
            y_pred: the predictions.
            sample_weight: a weight for each example, or for each value of the loss.

        Returns:
            A Tensor: a number; the values of the examples if there is no reduction. Of no examples the loss is 0.
        """
        given = y_true, y_pred, sample_weight
        if has_tensors(given):  # one box in a picture, on behalf of the user's line
            return compose(self.name, self._reduced, given, {}, sys._getframe(1))
        found = self._reduced(*given)
        # `loss(y, p).numpy()` is written whatever p is. In a function that is being compiled, a stand-in stays one.
        return Tensor(found, requires_grad=False) if issubclass(type(found), np.generic | np.ndarray) else found

    def _reduced(self, y_true: Any, y_pred: Any, sample_weight: Any) -> Any:
        values = self.call(y_true, y_pred)
        values = values if self.dtype is None else cast(values, self.dtype)
        return reduced(values, sample_weight, self.counted(y_true, values), self.reduction, self.name)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return one value for each example."""
        raise NotImplementedError(f"{type(self).__name__} has no call(self, y_true, y_pred); write one")

    def counted(self, y_true: Any, values: Any) -> Any:
        """Return which of the values are counted in a mean, an array of booleans; None for all of them."""
        return None

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same loss."""
        return {"name": self.name, "reduction": self.reduction}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Make a loss of what `get_config` returned."""
        return cls(**config)

    def __repr__(self) -> str:
        given = ", ".join(f"{key}={value!r}" for key, value in self.get_config().items() if key != "name")
        return f"{type(self).__name__}({given})"


class FunctionLoss(Loss):
    """A loss whose values a function computes: the attribute `function` of its class.

    Args:
        name, reduction, dtype: as of `Loss`.
        keywords: further arguments of the function.
    """

    function: ClassVar[Callable[..., Any]]

    def __init__(self, reduction: str | None, name: str | None, dtype: Any, **keywords: Any) -> None:
        super().__init__(name, reduction, dtype)
        self.keywords = keywords
        for key, value in keywords.items():
            setattr(self, key, value)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; one with the name of a further argument is that argument from now on."""
        object.__setattr__(self, name, value)
        if name in vars(self).get("keywords", ()):
            object.__setattr__(self, "keywords", {**self.keywords, name: value})

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the function of targets and predictions."""
        function = type(self).function
        # The function without its own scope: the loss as a whole has one.
        return getattr(function, "__wrapped__", function)(y_true, y_pred, **self.keywords)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same loss."""
        return {**super().get_config(), **self.keywords}


class LossFunctionWrapper(Loss):
    """The loss that a function of the user's own computes.

    Targets of shape (n,) beside predictions of shape (n, 1) get their shape, and the other way round, so that the two
    do not broadcast to (n, n).

    Args:
        fn: a function of targets and predictions. It returns a value for each example, or one number.
        reduction, name, dtype: as of `Loss`.
        keywords: further arguments of the function.
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **keywords: Any,
    ) -> None:
        super().__init__(name or getattr(fn, "__name__", None), reduction, dtype)
        self.fn = fn
        self.keywords = keywords

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the function of targets and predictions."""
        if hasattr(y_true, "ndim") and hasattr(y_pred, "ndim"):
            y_true, y_pred = same_rank(y_true, y_pred)
        return self.fn(y_true, y_pred, **self.keywords)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same loss."""
        return {**super().get_config(), "fn": self.fn, **self.keywords}


def reduced(values: Any, sample_weight: Any, counted: Any, reduction: str | None, call: str) -> Any:
    """Return weighted values as one number.

    Args:
        values: of the examples.
        sample_weight: their weights, or None.
        counted: which of the values a mean is taken of, booleans; None for all.
        reduction: see `Loss`.
        call: the loss to name in messages.
    """
    values = values if hasattr(values, "dtype") else array_of(values)
    weights = None if sample_weight is None else weights_for(values, sample_weight, call)
    if counted is not None:
        shares = _shares(counted, values.dtype) if reduction in ("mean", "sum_over_batch_size") else counted
        weights = cast(shares, values.dtype) if weights is None else weights * cast(shares, values.dtype)
    weighted = values if weights is None else values * weights
    if reduction in (None, "none") or not values.shape:
        return weighted
    if reduction == "sum" or 0 in values.shape:
        return np.sum(weighted)
    if reduction == "mean_with_sample_weight" and weights is not None:
        total = np.sum(np.broadcast_to(weights, values.shape))
        return np.sum(weighted) / np.where(total == 0, 1, total)
    return np.mean(weighted)


def weights_for(values: Any, sample_weight: Any, call: str) -> Any:
    """Return weights with as many axes as values: one for each example counts for all its values.

    They are in the dtype of the values; in their own where the values are integers, which would cut them to integers.

    Raises:
        ShapeError: the weights are not those of the first axes of the values.
    """
    given = sample_weight if isinstance(sample_weight, Tensor) else array_of(sample_weight)
    weights = given
    if weights.ndim == values.ndim + 1 and weights.shape[-1] == 1:
        weights = np.squeeze(weights, -1)
    if 0 < weights.ndim < values.ndim:
        weights = weights.reshape(weights.shape + (1,) * (values.ndim - weights.ndim))
    fits = weights.ndim <= values.ndim and all(
        mine in (1, theirs) for mine, theirs in zip(weights.shape, values.shape, strict=False)
    )
    if not fits:
        raise ShapeError(
            f"{call}: sample_weight of shape {given.shape} does not fit values of shape {values.shape}; give a weight "
            f"for each example, shape {values.shape[:1]}"
        )
    return cast(weights, values.dtype) if values.dtype.kind == "f" else weights


def _shares(counted: Any, dtype: Any) -> Any:
    """Return weights with which the mean over all values is the mean over those that are counted."""
    number = np.sum(counted)
    return cast(counted, dtype) * (counted.size / np.where(number == 0, 1, number))

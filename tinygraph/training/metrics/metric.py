"""A metric: what it has seen of an epoch as sums in float64, and the number that they make.

The sums are Tensors without a gradient, and an update is NumPy code that assigns to them. So it compiles inside a
training step. A result is that of all examples since the last reset, not a mean of the results of batches.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from tinygraph.engine.operands import array_of
from tinygraph.engine.tensor import Tensor
from tinygraph.training.losses.loss import weights_for

__all__ = ["FunctionMean", "Mean", "MeanMetricWrapper", "Metric", "Sum", "plain", "snake_case", "without_nan"]


@functools.cache
def _settled_by(init: Callable[..., None]) -> frozenset[str]:
    """Return the arguments that a metric of tinygraph's has for good: all but its name. A user's class has none."""
    ours = init.__module__.startswith("tinygraph.")
    return frozenset(inspect.signature(init).parameters) - {"self", "name", "keywords"} if ours else frozenset()


class Metric:
    """The base of metrics. A subclass makes its sums with `add_variable`, and has `update_state` and `result`.

    Args:
        name: the key in logs; by default that of the class, in small letters.
        dtype: of the result; by default float64, in which the sums are kept.
    """

    def __init__(self, name: str | None = None, dtype: Any = None) -> None:
        self.name = name or snake_case(type(self).__name__)
        self.dtype = np.dtype(np.float64 if dtype is None else dtype)
        self.variables: list[Any] = []

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute, but no argument of one of tinygraph's metrics again: its sums were made with the first."""
        if name in vars(self) and name in _settled_by(type(self).__init__):
            raise AttributeError(
                f"{type(self).__name__}: {name} of {self.name!r} belongs to the sums so far, and cannot be set. Make a "
                f"new metric, {type(self).__name__}({name}={value!r}), and give it to compile"
            )
        object.__setattr__(self, name, value)

    def add_variable(self, shape: tuple[int, ...] = (), name: str | None = None) -> Any:
        """Return a new sum, zeros of a shape, which `reset_state` sets to zero again."""
        variable = Tensor(np.zeros(shape), name=name, requires_grad=False)
        self.variables.append(variable)
        return variable

    def build(self, target_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> None:
        """Make the sums whose number depends on the shapes of targets and predictions.

        The first update does so. Call it before an update that is compiled.
        """

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch.

        Args:
            y_true: the targets.
            y_pred: the predictions.
            sample_weight: a weight for each example.
        """
        raise NotImplementedError(f"{type(self).__name__} has no update_state; write one")

    def result(self) -> Any:
        """Return the metric of all examples since the last reset."""
        raise NotImplementedError(f"{type(self).__name__} has no result; write one")

    def reset_state(self) -> None:
        """Forget all examples."""
        for variable in self.variables:
            variable.assign(0.0)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Take in a batch, and return the result."""
        self.update_state(*args, **kwargs)
        return self.result()

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same metric."""
        return {"name": self.name, "dtype": self.dtype.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Make a metric of what `get_config` returned."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"


class Sum(Metric):
    """The weighted sum of values.

    Args:
        name, dtype: as of `Metric`.
    """

    def __init__(self, name: str | None = "sum", dtype: Any = None) -> None:
        super().__init__(name, dtype)
        self.total = self.add_variable((), "total")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Add values, an array of any shape, each times the weight of its example."""
        values = plain(values)
        if sample_weight is not None:
            values = wide(values)
            values = values * weights_for(values, plain(sample_weight), self.name)
        add(self.total, np.sum(values, dtype=np.float64))

    def result(self) -> Any:
        """Return the sum."""
        return cast_to(self.dtype, self.total.data + 0.0)


class Mean(Metric):
    """The weighted mean of values.

    Args:
        name, dtype: as of `Metric`.
    """

    def __init__(self, name: str | None = "mean", dtype: Any = None) -> None:
        super().__init__(name, dtype)
        self.total = self.add_variable((), "total")
        self.count = self.add_variable((), "count")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Take in values, an array whose first axis is that of the examples. An example counts by its mean."""
        self._take_in(plain(values), sample_weight)

    def _take_in(self, values: Any, sample_weight: Any) -> None:
        each = 1
        for size in values.shape[1:]:
            each = each * size
        if sample_weight is None:
            total, count = np.sum(values, dtype=np.float64), values.shape[0] if values.ndim else 1
        else:
            values = wide(values)
            weights = np.broadcast_to(weights_for(values, plain(sample_weight), self.name), values.shape)
            total, count = np.sum(values * weights, dtype=np.float64), np.sum(weights, dtype=np.float64)
            count = count if values.ndim < 2 else count / each
        add(self.total, total if values.ndim < 2 else total / each)
        add(self.count, count)

    def result(self) -> Any:
        """Return the mean; 0 before there is a value."""
        return cast_to(self.dtype, without_nan(self.total.data, self.count.data))


class FunctionMean(Mean):
    """The mean of the values of a function of targets and predictions: the attribute `function` of its class.

    Args:
        name, dtype: as of `Metric`.
        keywords: further arguments of the function.
    """

    function: ClassVar[Callable[..., Any]]

    def __init__(self, name: str | None = None, dtype: Any = None, **keywords: Any) -> None:
        super().__init__(name, dtype)
        self.keywords = keywords
        for key, value in keywords.items():
            setattr(self, key, value)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Take in a batch."""
        self._take_in(type(self).function(plain(y_true), plain(y_pred), **self.keywords), sample_weight)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same metric."""
        return {**super().get_config(), **self.keywords}


class MeanMetricWrapper(Mean):
    """The mean of the values of a function of the user's own.

    Args:
        fn: a function of targets and predictions. It returns a value for each example, or one for the batch.
        name, dtype: as of `Metric`.
        keywords: further arguments of the function.
    """

    def __init__(self, fn: Callable[..., Any], name: str | None = None, dtype: Any = None, **keywords: Any) -> None:
        super().__init__(name or getattr(fn, "__name__", None) or getattr(fn, "name", None), dtype)
        self.fn = fn
        self.keywords = keywords

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Take in a batch. One number for the batch counts for each of its examples."""
        values = plain(self.fn(plain(y_true), plain(y_pred), **self.keywords))
        if not values.ndim:
            values = np.broadcast_to(values, plain(y_pred).shape[:1])
        self._take_in(values, sample_weight)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same metric."""
        return {**super().get_config(), "fn": self.fn, **self.keywords}


def plain(item: Any) -> Any:
    """Return the values of a Tensor, or an array: no gradient flows through a metric."""
    return item.data if isinstance(item, Tensor) else array_of(item)


def wide(values: Any) -> Any:
    """Return values of float16 as float32: a loss of 100 times the 1,000 rows of a batch is infinite in float16."""
    return values.astype(np.float32) if values.dtype == np.float16 else values


def add(variable: Any, amount: Any) -> None:
    """Add to a sum."""
    variable.assign(variable.data + amount)


def cast_to(dtype: Any, result: Any) -> Any:
    """Return a result in a dtype."""
    return result if result.dtype == dtype else result.astype(dtype)


def without_nan(above: Any, below: Any) -> Any:
    """Return a quotient, and 0 where the divisor is 0."""
    return np.where(below == 0, 0.0, above) / np.where(below == 0, 1, below)


def snake_case(name: str) -> str:
    """Return the name of a class in small letters, with lines between its words: `F1Score` is f1_score."""
    letters = []
    for place, letter in enumerate(name):
        after = name[place + 1 : place + 2]
        starts = letter.isupper() and place > 0 and (not name[place - 1].isupper() or after.islower())
        letters.append(f"_{letter}" if starts else letter)
    return "".join(letters).lower()

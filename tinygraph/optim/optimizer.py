"""The base of all optimisers: their parameters, their state, and the step.

Tensors hold everything that changes from step to step (the number of steps, the learning rate, running means); `data`
reads them and `assign` writes them. The step keeps no counter in Python and branches on no value, so that a step that
was recorded once is right for every later step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tinygraph.elsewhere import OF_OPTIMIZER, checked, no_attribute
from tinygraph.engine.fitting import wide, widened
from tinygraph.engine.modes import is_tracing
from tinygraph.engine.tensor import Tensor
from tinygraph.nests import assign_all, entries

__all__ = ["Array", "Optimizer", "Rate", "checked_number"]

Array = NDArray[Any]
Rate = float | Callable[[Any], Any]


class Optimizer:
    """The base of the optimisers `SGD`, `Momentum`, `RMSprop`, `Adam` and `AdamW`, and of your own.

    A subclass names in `moments` the arrays it keeps for each parameter, all zeros at first, and computes in `move`
    the new value. For a float16 parameter the moments are float32: the square of a gradient of 1e-4 is 0 in float16.

    Args:
        parameters: the Tensors to move: one, or several in lists, tuples and dicts.
        learning_rate: a number, or a schedule: a function of the number of steps taken before.

    Attributes:
        parameters: the Tensors by their path in the argument, "0" or "hidden.bias".
        steps: a Tensor, the number of steps taken.

    Raises:
        TypeError: a parameter is not a Tensor, is not a leaf, or requires no gradient.
        ValueError: there are no parameters, a Tensor comes twice, or the learning rate is negative or not finite.
    """

    moments: ClassVar[tuple[str, ...]] = ()

    parameters: dict[str, Tensor]
    steps: Tensor

    def __init__(self, parameters: Any, learning_rate: Rate) -> None:
        self.parameters = _checked(parameters, type(self).__name__)
        self.steps = Tensor(0.0, name="steps", requires_grad=False)
        self._rate: Tensor | Callable[[Any], Any] = _checked_rate(learning_rate, type(self).__name__)
        self._moments = {
            name: [
                Tensor(
                    np.zeros_like(parameter.data, dtype=wide(parameter.dtype)),
                    name=f"{moment} of {parameter.name or name}",
                    requires_grad=False,
                )
                for moment in self.moments
            ]
            for name, parameter in self.parameters.items()
        }

    if not TYPE_CHECKING:  # a type checker is to see that an argument or an attribute is missing
        __new__ = checked(__init__)

        def __getattr__(self, name):
            owner = f"{type(self).__name__!r} object"
            raise AttributeError(no_attribute(owner, name, OF_OPTIMIZER, dir(self)), name=name, obj=self)

    # --- the step ---------------------------------------------------------------------------------------------------

    def step(self) -> None:
        """Move each parameter that has a gradient. The gradients stay until `zero_grad`."""
        before = _current(self.steps)
        factors = self.factors(self._rate_after(before), before + 1)
        rounded: dict[Any, list[Any]] = {}  # the factors in the dtype of the parameters, so that float32 stays float32
        moved: list[list[Any]] = []
        targets: list[tuple[Tensor, ...]] = []
        for name, parameter in self.parameters.items():
            gradient = parameter.grad
            if gradient is None:
                continue
            if isinstance(gradient, Tensor):  # of a pass with create_graph=True
                gradient = gradient.data
            dtype = wide(parameter.dtype)
            if dtype not in rounded:
                rounded[dtype] = [factor.astype(dtype) for factor in factors]
            moments = self._moments[name]
            value = _current(parameter)
            if dtype != parameter.dtype:
                value, gradient = widened((value, gradient))
            moved.append([*self.move(value, gradient, *rounded[dtype], *map(_current, moments))])
            targets.append((parameter, *moments))
            if len(moved[-1]) != len(targets[-1]):
                raise ValueError(
                    f"{type(self).__name__}.move: must return the new value and {len(moments)} new moments, got "
                    f"{len(moved[-1])} arrays"
                )
        for tensors, values in zip(targets, moved, strict=True):  # only now, when nothing can fail any more
            for tensor in reversed(tensors):
                tensor.assign(values.pop())  # an array that has no name need not be copied
        self.steps.assign(before + 1)

    def factors(self, rate: Any, step: Any) -> tuple[Any, ...]:
        """Return the numbers of a step that are the same for all parameters.

        Args:
            rate: the learning rate, float64.
            step: the number of this step, counted from 1, float64.
        """
        return (rate,)

    def move(self, value: Array, gradient: Array, *rest: Any) -> tuple[Array, ...]:
        """Return the new value of a parameter.

        Args:
            value, gradient: arrays of the parameter's shape.
            rest: first the factors, in the dtype of value and gradient, then the moments.

        Returns:
            The new value, and the new moments.
        """
        raise NotImplementedError(f"{type(self).__name__} has no rule for a step. Give it a method `move`")

    def zero_grad(self) -> None:
        """Set the gradients to None, so that the next backward pass does not add to them."""
        for parameter in self.parameters.values():
            parameter.grad = None

    # --- the learning rate ------------------------------------------------------------------------------------------

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next step. Set it to a number or to a schedule, at any time."""
        return float(self._rate_after(self.steps.data))

    @learning_rate.setter
    def learning_rate(self, rate: Rate) -> None:
        new = _checked_rate(rate, type(self).__name__)
        if isinstance(new, Tensor) and isinstance(self._rate, Tensor):
            self._rate.assign(new)
        else:
            self._rate = new

    def _rate_after(self, steps: Any) -> Any:
        if isinstance(self._rate, Tensor):
            return _current(self._rate)
        rate = self._rate(steps)
        return rate if hasattr(rate, "astype") else np.float64(rate)

    # --- saving -----------------------------------------------------------------------------------------------------

    @property
    def state(self) -> dict[str, Tensor]:
        """The optimiser's own Tensors by name: "steps", "learning_rate", "mean of hidden.bias", ..."""
        rate = {"learning_rate": self._rate} if isinstance(self._rate, Tensor) else {}
        return {"steps": self.steps} | rate | {
            f"{moment} of {name}": tensor
            for name, tensors in self._moments.items()
            for moment, tensor in zip(self.moments, tensors, strict=True)
        }  # fmt: skip

    def state_dict(self) -> dict[str, Array]:
        """Return copies of the values in `state`, for `np.savez(path, **adam.state_dict())`."""
        return {name: np.array(tensor.data) for name, tensor in self.state.items()}

    def load_state_dict(self, values: Mapping[str, Any]) -> None:
        """Continue from the state of another optimiser of the same kind, for parameters of the same shapes.

        Raises:
            KeyError: a name is missing, or is not in `state`.
            ShapeError: a value and its Tensor have different shapes.

        A call that raises changes nothing.
        """
        assign_all("load_state_dict", self.state, values)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self.parameters)} parameters, learning_rate={self.learning_rate:g})"


def _current(tensor: Tensor) -> Any:
    """Return the value of a leaf, read-only. `data` would return a writable array, and then have to watch it."""
    value: Any = tensor._value
    if isinstance(value, np.generic):
        return value
    if is_tracing():
        return tensor.data
    value = value.view()
    value.flags.writeable = False
    return value


def _checked(parameters: Any, call: str) -> dict[str, Tensor]:
    if isinstance(parameters, Tensor):
        parameters = [parameters]
    elif isinstance(parameters, Iterator):
        parameters = list(parameters)
    found: dict[str, Tensor] = {}
    for path, item in entries(parameters):
        place = f"{call}: parameter {path}" if path else f"{call}: the parameters"
        if not isinstance(item, Tensor):
            raise TypeError(f"{place} must be a Tensor, got {type(item).__name__}. {_instead_of(item, call)}")
        if not item.is_leaf:
            raise TypeError(
                f"{place} is computed from other Tensors. Give those, or make a leaf of its values, tg.Tensor(t.data)"
            )
        if not item.requires_grad:
            raise TypeError(
                f"{place}, of dtype {item.dtype}, requires no gradient, so it would never move. Leave it out, or give "
                "tg.Tensor(t.data, dtype=float), which requires one"
            )
        if any(item is other for other in found.values()):
            raise ValueError(f"{place} is among the parameters already. Give each Tensor once")
        found[path] = item
    if not found:
        raise ValueError(
            f"{call}: there are no parameters. Layers make theirs when they see the first batch: call the model once "
            "before making the optimiser"
        )
    return found


def _instead_of(item: Any, call: str) -> str:
    """Return the advice for something that is not a parameter."""
    if callable(getattr(item, "parameters", None)):
        return f"Write {call}(model.parameters())"
    if callable(item):
        return f"Call it: {call}(model.parameters())"
    if isinstance(item, float | int):
        return f"The parameters come first: {call}(model.parameters(), learning_rate={item!r})"
    return "Make it one, tg.Tensor(values), and compute with that"


def _checked_rate(rate: Any, call: str) -> Any:
    if callable(rate):
        return rate
    try:
        number = float(rate)
    except (TypeError, ValueError):
        raise TypeError(f"{call}: the learning rate must be a number or a schedule, got {rate!r}") from None
    return Tensor(checked_number(call, "learning_rate", number), name="learning_rate", requires_grad=False)


def checked_number(call: str, name: str, value: float, below: float = np.inf) -> float:
    """Return a number from 0 to below a bound; raise ValueError for any other."""
    if not 0 <= value < below:
        bound = "a finite number, 0 or larger" if below == np.inf else f"at least 0 and less than {below:g}"
        raise ValueError(f"{call}: {name} must be {bound}, got {value!r}")
    return value

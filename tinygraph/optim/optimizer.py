"""The base of all optimisers: their parameters, their state, and the step.

Tensors hold everything that changes from step to step (the number of steps, the learning rate, running means); `data`
reads them and `assign` writes them. The step keeps no counter in Python and branches on no value, so that a step that
was recorded once is right for every later step.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn, Self

import numpy as np

from tinygraph import bounds
from tinygraph.elsewhere import OF_OPTIMIZER, Late, checked, no_attribute
from tinygraph.engine.fitting import wide
from tinygraph.engine.tensor import Tensor
from tinygraph.errors import GraphError, ShapeError
from tinygraph.nests import assign_all
from tinygraph.optim.accumulation import Accumulation
from tinygraph.optim.arguments import OptimizerType
from tinygraph.optim.clipping import check_limits, clipped
from tinygraph.optim.given_gradients import paired
from tinygraph.optim.moving import Numbers, moved
from tinygraph.optim.parameters import Group, grouped
from tinygraph.optim.rates import LearningRate, Rate, RateNow, checked_number
from tinygraph.optim.schedules import deserialize, serialize
from tinygraph.optim.values import Array, as_wide, current

__all__ = ["Optimizer"]


class Optimizer(metaclass=OptimizerType):
    """The base of the optimisers `SGD`, `Momentum`, `Lion`, `Adagrad`, `Adam` and the like, and of your own.

    A subclass names in `moments` the arrays it keeps for each parameter and computes in `move` the new value. For a
    float16 parameter the moments are float32: the square of a gradient of 1e-4 is 0 in float16.

    A step clips the gradients, shrinks the parameters by the weight decay, moves them, adds them to their running mean
    and holds them to their constraints, in this order.

    Args:
        parameters: the Tensors to move: one, or several in lists, tuples and dicts; or a list of groups with rates of
            their own, `[{"params": tensors, "learning_rate": 0.01, "weight_decay": 0.0}, ...]`. Without them the
            optimiser gets them later, by `build`: `Adam(0.001)`.
        learning_rate: a number, or a schedule: a function of the number of steps taken before.
        weight_decay: the share of the learning rate by which parameters shrink at each step.
        clipnorm: the largest norm of the gradient of a parameter.
        clipvalue: the largest absolute value of a number in a gradient.
        global_clipnorm: the largest norm of all gradients together.
        use_ema: keep an exponential moving average of each parameter: see `finalize_variable_values`.
        ema_momentum: the share of the average that is kept at each step.
        ema_overwrite_frequency: the number of steps after which the parameters are set to their averages.
        gradient_accumulation_steps: n, 2 or more: the parameters move in each n-th call of `step` alone, along the mean
            of the n gradients. `steps` counts the moves.
        name: a name of the optimiser; that of its class, in small letters, if None.

    Attributes:
        parameters: the Tensors by their path in the argument, "0" or "hidden.bias"; empty before `build`.
        groups: the `Group`s of parameters; one, where none were given.
        steps: a Tensor, the number of steps taken.
        is_averaged: True while the parameters have the values of their averages: see `swap_averages`.

    Raises:
        TypeError: a parameter is not a Tensor, is not a leaf, or requires no gradient.
        ValueError: there are no parameters, a Tensor comes twice, a number is out of its range, or there is more than
            one limit for the gradients.

    Source: the options are those of `keras.optimizers.Optimizer`; weight decay is that of Loshchilov and Hutter,
    "Decoupled weight decay regularization" (2019), where PyTorch's `SGD` and `Adam` add it to the gradient.
    """

    moments: tuple[str, ...] = ()

    parameters: dict[str, Tensor]
    groups: list[Group]
    steps: Tensor
    is_averaged: bool = False

    def __init__(
        self,
        parameters: Any = None,
        learning_rate: Rate = 0.01,
        *,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
    ) -> None:
        call = type(self).__name__
        limits = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
        check_limits(call, limits)
        if ema_overwrite_frequency is not None:
            bounds.whole(call, "ema_overwrite_frequency", ema_overwrite_frequency, least=1)
        self.name = name or call.lower()
        self.weight_decay = None if weight_decay is None else checked_number(call, "weight_decay", weight_decay)
        self.clipnorm, self.clipvalue, self.global_clipnorm = clipnorm, clipvalue, global_clipnorm
        self.use_ema = use_ema
        self.ema_momentum = bounds.number(call, "ema_momentum", ema_momentum, least=0, most=1)
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.gradient_accumulation_steps = gradient_accumulation_steps
        several = gradient_accumulation_steps
        self._accumulation = None if several is None else Accumulation(call, several)
        self.steps = Tensor(0.0, name="steps", requires_grad=False)
        self._rate = LearningRate(call, learning_rate)
        self.parameters, self.groups = {}, []
        # A dict for each moment, and no list for each parameter: a compiled step compares each container at each call.
        self._moments: dict[str, dict[str, Tensor]] = {}
        self._averages: dict[str, Tensor] = {}
        self._constraints: dict[str, Callable[[Any], Any]] = {}
        if parameters is not None:
            self.build(parameters)

    if not TYPE_CHECKING:  # a type checker is to see that an argument or an attribute is missing
        __new__ = checked(__init__)

        def __getattr__(self, name):
            owner = f"{type(self).__name__!r} object"
            told = Late(lambda: no_attribute(owner, name, OF_OPTIMIZER, dir(self)))
            raise AttributeError(told, name=name, obj=self)

    # --- the parameters ---------------------------------------------------------------------------------------------

    @property
    def built(self) -> bool:
        """True if the optimiser has its parameters."""
        return bool(self.parameters)

    def build(self, parameters: Any) -> None:
        """Give an optimiser that was made without parameters its parameters; the same ones again change nothing.

        Args:
            parameters: as for the class.

        Raises:
            TypeError, ValueError: as for the class; ValueError also where the optimiser has other parameters already.
        """
        call = type(self).__name__
        found, groups = grouped(parameters, call)
        if self.parameters:
            if {id(tensor) for tensor in found.values()} == {id(tensor) for tensor in self.parameters.values()}:
                return
            raise ValueError(
                f"{call}.build: the optimiser has {len(self.parameters)} parameters already, and these are others. "
                f"Make a new optimiser for them, {call}({self.learning_rate:g})"
            )
        self._moments = {
            moment: {
                path: _named(moment, path, parameter, self.beginning(moment, path, parameter))
                for path, parameter in found.items()
            }
            for moment in self.moments
        }
        if self.use_ema:
            self._averages = _zeros_beside("average", found)
        if self._accumulation is not None:
            self._accumulation.sums = _zeros_beside("sum", found)
        self.groups, self.parameters = groups, found

    def constrain(self, parameter: Tensor, function: Callable[[Any], Any] | None) -> None:
        """Replace the value of a parameter after each step by `function(value)`: a norm of at most 1, no negatives.

        Args:
            parameter: one of the optimiser's.
            function: from the new value to an array of its shape; None for no constraint any more.

        Raises:
            ValueError: the Tensor is not one of the optimiser's parameters.
        """
        for path, item in self.parameters.items():
            if item is parameter:
                self._constraints.pop(path, None)
                if function is not None:
                    self._constraints[path] = function
                return
        raise ValueError(
            f"{type(self).__name__}.constrain: the Tensor is not among the optimiser's {len(self.parameters)} "
            "parameters. Build the optimiser with it first, optimizer.build(model.parameters())"
        )

    def is_constrained(self, parameter: Tensor) -> bool:
        """Return whether a parameter has a constraint."""
        return any([self.parameters[path] is parameter for path in self._constraints])

    # --- the step ---------------------------------------------------------------------------------------------------

    def step(self) -> None:
        """Move each parameter that has a gradient. The gradients stay until `zero_grad`."""
        if not self.parameters:
            self._refuse("step")
        gradients = {path: item.grad for path, item in self.parameters.items() if item.requires_grad}
        self._step({path: as_wide(gradient) for path, gradient in gradients.items() if gradient is not None})

    def apply(self, gradients: Iterable[Any], trainable_variables: Iterable[Tensor] | None = None) -> None:
        """Take a step along gradients that are given, instead of those in the parameters.

        Args:
            gradients: arrays or Tensors of the shapes of the parameters, in their order; None for one that stays.
            trainable_variables: the parameters of the gradients, in any order; all of the optimiser's if None. An
                optimiser without parameters is built with them.

        Raises:
            ValueError: the numbers of gradients and parameters differ, a Tensor is not among the parameters, or there
                are no gradients.
            ShapeError: a gradient does not have the shape of its parameter.
        """
        given = list(gradients)
        if trainable_variables is None and not self.parameters:
            self._refuse("apply")
        tensors = list(self.parameters.values() if trainable_variables is None else trainable_variables)
        if not self.parameters:
            self.build(tensors)
        self._step(paired(f"{type(self).__name__}.apply", given, tensors, self.parameters))

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Tensor]]) -> Tensor:
        """Take a step along the gradients of pairs (gradient, parameter), and return the number of steps: see `apply`.

        `optimizer.apply_gradients(zip(gradients, parameters))` is the step of a loop of Keras.
        """
        pairs = list(grads_and_vars)
        self.apply([gradient for gradient, _ in pairs], [tensor for _, tensor in pairs])
        return self.steps

    def _step(self, gradients: dict[str, Any]) -> None:
        """Take a step along gradients by path, in the dtypes of the moments."""
        is_whole: Any = None
        after: list[tuple[Tensor, Any]] = []
        if self._accumulation is not None:
            gradients, is_whole, after = self._accumulation.added(gradients)
        gradients = clipped(gradients, self.clipnorm, self.clipvalue, self.global_clipnorm)
        before = current(self.steps)
        tensors: list[Tensor] = []
        values: list[Any] = []
        for group in self.groups:
            numbers = self._numbers(group, before, is_whole)
            rounded: dict[Any, Numbers] = {}
            for path in group.paths:
                parameter = self.parameters[path]
                gradient = gradients.get(path)
                if gradient is not None or self.use_ema:
                    own = [] if gradient is None else [moment[path] for moment in self._moments.values()]
                    dtype = wide(parameter.dtype)
                    if dtype not in rounded:
                        rounded[dtype] = numbers.rounded(dtype)
                    values += self._moved(path, gradient, own, rounded[dtype])
                    tensors += (parameter, *own, *([self._averages[path]] if self.use_ema else ()))
        while tensors:  # only now, when nothing can fail any more
            tensors.pop().assign(values.pop())  # an array that has no name need not be copied
        for tensor, value in after:
            tensor.assign(value)
        self.steps.assign(before + (1 if is_whole is None else is_whole))

    def _numbers(self, group: Group, before: Any, is_whole: Any) -> Numbers:
        """Return the numbers of a step that the parameters of a group share."""
        rate = (group.rate or self._rate).after(before)
        decay = self.weight_decay if group.weight_decay is None else group.weight_decay
        every = self.ema_overwrite_frequency
        return Numbers(
            self.factors(rate, before + 1),
            decay=rate * decay if decay else None,
            keep=(before > 0) * np.float64(self.ema_momentum) if self.use_ema else None,  # the first value is all of it
            overwrite=np.equal(np.remainder(before + 1, every), 0) if self.use_ema and every else None,
            whole=is_whole,
        )

    def _moved(self, path: str, gradient: Any, moments: list[Tensor], numbers: Numbers) -> list[Any]:
        """Return the new value of a parameter, its new moments, and its new average, if it has one.

        Args:
            path: the parameter's.
            gradient: an array; None for a parameter that stays.
            moments: the Tensors of the moments; none for a parameter that stays.
            numbers: in the dtype of the moments.
        """
        value = as_wide(current(self.parameters[path]))
        average = current(self._averages[path]) if self.use_ema else None
        new = moved(self.rule(path), numbers, value, gradient, [*map(current, moments)], average)
        expected = 1 + len(moments) + (average is not None)
        if len(new) != expected:
            raise ValueError(
                f"{self._rate.call}.move: must return the new value and {len(moments)} new moments, got "
                f"{len(new) - (average is not None)} arrays"
            )
        if gradient is not None and path in self._constraints:
            new[0] = self._constrained(path, new[0])
        return new

    def _constrained(self, path: str, value: Any) -> Any:
        held = self._constraints[path](value)
        held = held.data if isinstance(held, Tensor) else held
        if np.shape(held) != value.shape:
            raise ShapeError(
                f"{self._rate.call}: the constraint of parameter {path} must keep the shape {value.shape}, and "
                f"returned {np.shape(held)}"
            )
        return held

    def _refuse(self, method: str) -> NoReturn:
        call = self._rate.call
        raise GraphError(
            f"{call}.{method}: the optimiser has no parameters yet. Call optimizer.build(model.parameters()) first, or "
            f"make it with them, {call}(model.parameters(), {self.learning_rate:g})"
        )

    # --- what a subclass computes -----------------------------------------------------------------------------------

    def initial(self, moment: str) -> float:
        """Return the number that a moment is filled with at first: 0."""
        return 0.0

    def beginning(self, moment: str, path: str, parameter: Tensor) -> Array:
        """Return the first value of a moment beside a parameter: its shape, filled with `initial`."""
        return np.full_like(parameter.data, self.initial(moment), dtype=wide(parameter.dtype))

    def rule(self, path: str) -> Callable[..., Any]:
        """Return the function that moves a parameter: `move`."""
        return self.move

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

    # --- beside the step --------------------------------------------------------------------------------------------

    def zero_grad(self) -> None:
        """Set the gradients to None, so that the next backward pass does not add to them."""
        for parameter in self.parameters.values():
            parameter.grad = None

    def finalize_variable_values(self, var_list: Iterable[Tensor] | None = None) -> None:
        """Set parameters to their moving averages, at the end of a training with `use_ema`; else change nothing.

        Args:
            var_list: some of the optimiser's parameters; all of them if None.
        """
        if self.is_averaged:
            self.swap_averages()
        chosen = None if var_list is None else {id(tensor) for tensor in var_list}
        for path, average in self._averages.items():
            if chosen is None or id(self.parameters[path]) in chosen:
                self.parameters[path].assign(average.data)

    def swap_averages(self) -> None:
        """Exchange the values of the parameters and their moving averages; a second call puts them back.

        Before the first step there are no averages, and nothing changes.
        """
        if not self.steps.data:
            return
        self.is_averaged = not self.is_averaged
        for path, average in self._averages.items():
            value = self.parameters[path].numpy().copy()
            self.parameters[path].assign(average.data)
            average.assign(value)

    @property
    def learning_rate(self) -> RateNow:
        """The learning rate of the next step. Set it to a number or to a schedule, at any time.

        Groups that have a rate of their own keep it; `optimizer.groups[0].learning_rate` is theirs.
        """
        return RateNow.of(self._rate, self.steps.data)

    @learning_rate.setter
    def learning_rate(self, rate: Rate) -> None:
        self._rate.set(rate)

    # --- saving -----------------------------------------------------------------------------------------------------

    @property
    def iterations(self) -> Tensor:
        """The Tensor of the number of steps taken, as Keras calls it."""
        return self.steps

    @property
    def variables(self) -> list[Tensor]:
        """The optimiser's own Tensors, as Keras calls them: those of `state`."""
        return [*self.state.values()]

    @property
    def state(self) -> dict[str, Tensor]:
        """The optimiser's own Tensors by name: "steps", "learning_rate", "mean of hidden.bias", ..."""
        state = {"steps": self.steps}
        rates = {"learning_rate": self._rate} | {
            f"learning_rate of group {number}": group.rate for number, group in enumerate(self.groups) if group.rate
        }
        state |= {name: rate.tensor for name, rate in rates.items() if rate.tensor is not None}
        for path in self.parameters:
            state |= {f"{moment} of {path}": tensors[path] for moment, tensors in self._moments.items()}
        state |= {f"average of {path}": tensor for path, tensor in self._averages.items()}
        if self._accumulation is not None:
            state["waiting"] = self._accumulation.waiting
            state |= {f"sum of {path}": tensor for path, tensor in self._accumulation.sums.items()}
        return state

    def state_dict(self) -> dict[str, Array]:
        """Return copies of the values in `state`, for `np.savez(path, **adam.state_dict())`."""
        return {name: np.array(tensor.data) for name, tensor in self.state.items()}

    def load_state_dict(self, values: Mapping[str, Any]) -> None:
        """Continue from the state of another optimiser of the same kind, for parameters of the same shapes.

        Raises:
            KeyError: a name is missing, or is not in `state`.
            GraphError: the optimiser has no parameters yet.
            ShapeError: a value and its Tensor have different shapes.

        A call that raises changes nothing.
        """
        if not self.parameters:
            self._refuse("load_state_dict")
        assign_all("load_state_dict", self.state, values)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an optimiser of the same kind, as plain data, without the parameters.

        An optimiser of your own keeps each argument in an attribute of its name.

        Raises:
            TypeError: the learning rate is a plain function, or an argument is in no attribute.
        """
        names = [name for name in inspect.signature(type(self)).parameters if name != "parameters"]
        missing = [name for name in names if not hasattr(self, name)]
        if missing:
            raise TypeError(
                f"{type(self).__name__}.get_config: the argument {missing[0]} is in no attribute. Keep it, "
                f"self.{missing[0]} = {missing[0]}"
            )
        config = {name: getattr(self, name) for name in names}
        if self._rate.schedule is not None and "learning_rate" in config:
            config["learning_rate"] = serialize(self._rate.schedule)
        return config

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Self:
        """Return an optimiser without parameters, made of what `get_config` returned, here or by Keras's.

        Args:
            config: the arguments.
            custom_objects: classes of schedules of your own, by name.

        Raises:
            TypeError: the class has no such argument. One that is None is left out.
        """
        names = inspect.signature(cls).parameters
        given = {name: item for name, item in config.items() if name in names or item is not None}
        if isinstance(given.get("learning_rate"), Mapping):
            given["learning_rate"] = deserialize(given["learning_rate"], custom_objects)
        return cls(**given)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self.parameters)} parameters, learning_rate={self.learning_rate:g})"


def _named(what: str, path: str, parameter: Tensor, values: Array) -> Tensor:
    """Return a Tensor of the optimiser's own beside a parameter."""
    return Tensor(values, name=f"{what} of {parameter.name or path}", requires_grad=False)


def _zeros_beside(what: str, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a Tensor of zeros beside each parameter, by path."""
    return {
        path: _named(what, path, item, np.zeros_like(item.data, dtype=wide(item.dtype)))
        for path, item in parameters.items()
    }

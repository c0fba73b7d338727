"""Module: an object that owns Tensors, and other modules."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tinygraph.elsewhere import OF_MODULE, Late, no_attribute
from tinygraph.engine.modes import Setting, inside
from tinygraph.engine.scopes import Entry
from tinygraph.engine.tensor import Tensor
from tinygraph.nests import assign_all, entries
from tinygraph.nn.calling import added_in_run, calling, training_as
from tinygraph.nn.symbolic import has_symbols, symbolic_call

__all__ = ["Module", "modules_by_path", "own_tensors"]

Array = NDArray[Any]


class _Added:
    """Numbers that a module added to the loss. A walk through its attributes does not look inside.

    Attributes:
        losses: the numbers.
        made: True once a module has added a number. Before that no call needs to look for old ones in all modules.
    """

    made: ClassVar[bool] = False

    def __init__(self, losses: list[Any]) -> None:
        self.losses = losses
        _Added.made = True

    def __reduce__(self) -> Any:
        return _Added, (self.losses,)


class Module:
    """An object with Tensors in its attributes: a model, or a part of one.

    Assign Tensors and other modules to attributes, also inside lists, tuples and dicts. Write the computation in
    `call`. Calling the module runs `call` under a scope with the module's name.

        class Residual(tg.nn.Module):
            def __init__(self, units):
                self.inner = tg.nn.Dense(units, activation="relu")
                self.scale = tg.Tensor(0.1, name="scale")

            def call(self, x):
                return x + self.scale * self.inner(x)

    A module without a name takes the name of the first attribute it is assigned to. A picture numbers modules of the
    same name, "Residual 1" and "Residual 2", and the later calls of a module, "Residual 1 (2)".

    Attributes:
        training: True in training; `train()` and `eval()` set it, here and in all modules inside. `training=` in a call
            holds for this call, and for all modules that it calls.
        trainable: False freezes the Tensors here and in all modules inside: they require no gradient, which costs no
            work, and an optimiser does not move them. True makes those that were frozen require gradients again.
        name: the name in pictures and messages.
        built: False for a layer that has no weights yet, because it has not seen its first batch.
    """

    built: bool = True
    trains: ClassVar[bool] = True  # in a call that does not say `training=`, before any `train()` or `eval()`

    _name: str | None = None
    _training: bool | None = None
    _added: _Added | None = None  # what `add_loss` was given in the last call
    _frozen: tuple[str, ...] | None = None  # the attributes whose Tensors would require gradients; None if trainable

    @property
    def name(self) -> str:
        """The module's name in pictures and messages; by default the name of its class."""
        return type(self).__name__ if self._name is None else self._name

    @name.setter
    def name(self, name: str | None) -> None:
        if name is not None and not isinstance(name, str):
            raise TypeError(f"{type(self).__name__}: the name must be a string, got {type(name).__name__}")
        self._name = name

    def __setattr__(self, attribute: str, value: Any) -> None:
        if not attribute.startswith("_"):
            for path, item in entries(value, attribute):
                if isinstance(item, Module) and item._name is None:
                    item._name = path.replace(".", "_")
        object.__setattr__(self, attribute, value)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the result of the module. A subclass defines it."""
        way = "Rename its `forward` to `call`" if hasattr(type(self), "forward") else "Give it a method `call`"
        raise NotImplementedError(f"{type(self).__name__}: the class does not define its computation. {way}")

    if not TYPE_CHECKING:  # a type checker is to see that an attribute is missing

        def __getattr__(self, name):
            owner = f"{type(self).__name__!r} object"
            told = Late(lambda: no_attribute(owner, name, OF_MODULE, dir(self)))
            raise AttributeError(told, name=name, obj=self)

    def __call__(self, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """Run `call` under a scope with the module's name.

        Args:
            args, kwargs: the arguments of `call`.
            training: train in this call, or not; None for as the call around it, or else as the module is set.
        """
        if has_symbols((args, kwargs)):
            return symbolic_call(self, args, kwargs, training)
        with Setting(label=inside(Entry.of(self.name, self))):
            return self._run_training(training, args, kwargs)

    def _run_training(self, training: bool | None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run `call`, training or not; a `call` that takes `training` is told."""
        with training_as(training):
            if _takes_training(type(self).call):
                kwargs = {**kwargs, "training": self.training}
            return self._run(*args, **kwargs)

    def _run(self, *args: Any, **kwargs: Any) -> Any:
        """Run `call`; if it fails, take the new weights away from the layers that were built on the way."""
        if calling.built is not None:  # the outermost call takes them away
            return self._called(args, kwargs)
        built = calling.built = []
        if calling.own:
            inside = self.modules()
            calling.own[:] = [pair for pair in calling.own if pair[0] not in inside]
        if calling.added is None and calling.own is None:
            self._forget_losses()
        try:
            return self._called(args, kwargs)
        except BaseException:
            for layer, attributes in built:
                layer._restore(attributes)
            raise
        finally:
            calling.built = None

    def _called(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return self.call(*args, **kwargs)

    def _forget_losses(self) -> None:
        """Forget the numbers that this module and those inside added to the loss in their last call."""
        if not _Added.made:
            return
        in_run = added_in_run()
        if in_run is not None:  # a program would not forget them in the objects
            in_run.begin(self.modules())
            return
        for module in self.modules():
            vars(module).pop("_added", None)

    # --- the inside -------------------------------------------------------------------------------------------------

    def modules(self) -> list[Module]:
        """This module and all modules inside it, each once, outer modules first."""
        return [module for _, module in _inside(self)]

    def tensors(self) -> dict[str, Tensor]:
        """All Tensors of this module and of the modules inside it, each once, by path: "layers.0.bias"."""
        found: dict[int, tuple[str, Tensor]] = {}
        _gather_tensors(self, "", found, set())
        return dict(found.values())

    def named_parameters(self) -> dict[str, Tensor]:
        """The Tensors that require a gradient, by path: "hidden.kernel", "layers.0.bias"."""
        return {path: tensor for path, tensor in self.tensors().items() if tensor.requires_grad and tensor.is_leaf}

    def parameters(self) -> list[Tensor]:
        """The Tensors that require a gradient. A layer has none before its first batch."""
        return list(self.named_parameters().values())

    # --- weights, as Keras calls them -------------------------------------------------------------------------------

    @property
    def weights(self) -> list[Tensor]:
        """All Tensors of this module and of the modules inside it."""
        return list(self.tensors().values())

    @property
    def trainable_weights(self) -> list[Tensor]:
        """The Tensors that require a gradient, as `parameters()`."""
        return self.parameters()

    @property
    def non_trainable_weights(self) -> list[Tensor]:
        """The Tensors that require no gradient."""
        return [tensor for tensor in self.weights if not tensor.requires_grad]

    variables = weights
    trainable_variables = trainable_weights
    non_trainable_variables = non_trainable_weights

    def count_params(self) -> int:
        """Return how many numbers the Tensors hold."""
        return sum(tensor.size for tensor in self.weights)

    def get_weights(self) -> list[Array]:
        """Return copies of the values of all Tensors, in the order of `weights`."""
        return [np.array(tensor.data) for tensor in self.weights]

    def set_weights(self, values: Sequence[Any]) -> None:
        """Assign values to all Tensors, in the order of `weights`.

        Raises:
            ValueError: there are more values than Tensors, or fewer.
            ShapeError: a value and its Tensor have different shapes.

        A call that raises changes nothing.
        """
        tensors = self.tensors()
        if len(values) != len(tensors):
            raise ValueError(f'set_weights: "{self.name}" has {len(tensors)} weights, got {len(values)}')
        assign_all("set_weights", tensors, dict(zip(tensors, values, strict=True)))

    # --- training and using -----------------------------------------------------------------------------------------

    @property
    def training(self) -> bool:
        """True in training: dropout drops, batch normalisation uses the mean of the batch."""
        if calling.training is not None:
            return calling.training
        return type(self).trains if self._training is None else self._training

    @training.setter
    def training(self, training: bool) -> None:
        if training == type(self).trains:  # back to the class's: a compiled function compares all attributes
            vars(self).pop("_training", None)
        else:
            self._training = bool(training)

    def train(self, training: bool = True) -> None:
        """Switch to training: dropout drops, batch normalisation uses the mean of the batch."""
        for module in self.modules():
            module.training = training

    def eval(self) -> None:
        """Switch to use: nothing is dropped, and no example depends on the others in its batch."""
        self.train(False)

    @property
    def trainable(self) -> bool:
        """False if the Tensors of this module are frozen."""
        return self._frozen is None

    @trainable.setter
    def trainable(self, trainable: bool) -> None:
        for module in self.modules():
            module.set_own_trainable(trainable)

    def set_own_trainable(self, trainable: bool) -> None:
        """Freeze the Tensors of this module alone, or let them be trained again; modules inside stay as they are."""
        if trainable:
            self._thaw()
        else:
            self._freeze()

    def _freeze(self) -> None:
        if self._frozen is not None:
            return
        own = own_tensors(self)
        self._frozen = tuple([path for path, tensor in own.items() if tensor.is_leaf and tensor.requires_grad])
        for path in self._frozen:
            own[path].requires_grad = False
            own[path].grad = None

    def _thaw(self) -> None:
        own = own_tensors(self)
        for path in self._frozen or ():
            if path in own:
                own[path].requires_grad = True
        vars(self).pop("_frozen", None)

    # --- losses of its own ------------------------------------------------------------------------------------------

    def penalties(self) -> list[Any]:
        """Return the penalties of the regularisers, here and in all modules inside."""
        return [rule(tensor) for module in self.modules() for tensor, rule in module._regularized()]

    @property
    def losses(self) -> list[Any]:
        """Numbers to add to the loss in training: the penalties of regularisers, and those given to `add_loss`."""
        if calling.step is not None and calling.step[0] is self:
            return calling.step[1]
        if calling.own is not None:
            inside = self.modules()
            return [*self.penalties(), *[loss for module, loss in calling.own if module in inside]]
        modules, in_run = self.modules(), added_in_run()
        before = [module for module in modules if in_run is None or id(module) not in in_run.called]
        added = [loss for module in before if module._added is not None for loss in module._added.losses]
        in_this = [] if in_run is None else [loss for module, loss in in_run.losses if module in modules]
        return [*self.penalties(), *added, *in_this]

    def add_loss(self, loss: Any) -> None:
        """Add a number to the loss of the step. Write it in `call`: it holds until the next call of a whole model.

        What is added in a compiled function is in `losses` inside of that function alone.
        """
        if calling.added is not None:
            calling.added.append(loss)
        elif calling.own is not None:
            calling.own.append((self, loss))
        elif (in_run := added_in_run()) is not None:
            _Added.made = True
            in_run.losses.append((self, loss))
        else:
            self._added = _Added([loss] if self._added is None else [*self._added.losses, loss])

    @contextmanager
    def in_step(self, losses: list[Any], masks: Any) -> Iterator[None]:
        """Let `losses` be these in the block, and the masks of the outputs these, too."""
        before, calling.step = calling.step, (self, losses, masks)
        try:
            yield
        finally:
            calling.step = before

    @contextmanager
    def in_own_step(self) -> Iterator[None]:
        """Let the block be a step of the user's: the numbers that modules add, and the masks of outputs, are kept."""
        before = calling.own, calling.masks
        calling.own, calling.masks = [], []
        try:
            yield
        finally:
            calling.own, calling.masks = before

    def masks_now(self, outputs: list[Any]) -> list[Any] | None:
        """Return the masks of outputs of the model in a step of the user's, nothing for none; None outside of one."""
        if calling.own is None:
            return None
        masks = list(calling.masks or ())
        fit = [
            mask is None or mask.shape == output.shape[: mask.ndim]
            for mask, output in zip(masks, outputs, strict=False)
        ]
        return masks if len(masks) == len(outputs) and all(fit) else []

    def step_now(self) -> tuple[list[Any], Any] | None:
        """Return the `losses` and the masks of the outputs in the step that is taken; None outside of one."""
        return calling.step[1:] if calling.step is not None and calling.step[0] is self else None

    def _regularized(self) -> list[tuple[Tensor, Callable[[Any], Any]]]:
        """Return the weights of this module alone that have regularisers, each with its own."""
        return []

    def constraints(self) -> list[tuple[Tensor, Callable[[Any], Any]]]:
        """Return the weights that must keep a rule after each step, each with its rule."""
        return [pair for module in self.modules() for pair in module._constrained()]

    def _constrained(self) -> list[tuple[Tensor, Callable[[Any], Any]]]:
        """Return the weights of this module alone that have constraints, each with its own."""
        return []

    # --- saving -----------------------------------------------------------------------------------------------------

    def zero_grad(self) -> None:
        """Forget the gradients of all Tensors, here and in all modules inside."""
        for tensor in self.tensors().values():
            tensor.grad = None

    def state_dict(self) -> dict[str, Array]:
        """Return copies of the values of all Tensors by path, for `np.savez(path, **model.state_dict())`.

        Raises:
            ValueError: a layer has no weights yet, because it has not seen its first batch.
        """
        self._check_built("state_dict")
        return {path: np.array(tensor.data) for path, tensor in self.tensors().items()}

    def load_state_dict(self, values: Mapping[str, Any]) -> None:
        """Assign the values that `state_dict` returned to all Tensors.

        Raises:
            KeyError: a path is missing, or no Tensor has it.
            ShapeError: a value and its Tensor have different shapes.
            ValueError: a layer has no weights yet, because it has not seen its first batch.

        A call that raises changes nothing.
        """
        self._check_built("load_state_dict")
        assign_all("load_state_dict", self.tensors(), values)

    def _check_built(self, call: str) -> None:
        for module in self.modules():
            if not module.built:
                raise ValueError(
                    f'{call}: {type(module).__name__} "{module.name}" has no weights before its first batch; call the '
                    "model once, on data of the right shape"
                )

    def __repr__(self) -> str:
        count = sum(parameter.size for parameter in self.parameters())
        return f'<{type(self).__name__} "{self.name}", {count:,} parameters>'


# --- looking into objects ---------------------------------------------------------------------------------------------


@functools.cache
def _takes_training(call: Callable[..., Any]) -> bool:
    """Return whether the `call` of a class has a parameter `training`."""
    return "training" in inspect.signature(call).parameters


def own_tensors(module: Module) -> dict[str, Tensor]:
    """Return the Tensors of a module that no module inside it has, by path."""
    return {path: item for path, item in entries(vars(module)) if isinstance(item, Tensor)}


def modules_by_path(module: Module) -> dict[str, Module]:
    """Return a module, under "", and all modules inside it, each once, by path: "layers.0"; outer modules first."""
    return dict(_inside(module))


def _inside(module: Module) -> list[tuple[str, Module]]:
    found: dict[int, tuple[str, Module]] = {}
    _gather_modules(module, "", found)
    return list(found.values())


def _gather_modules(module: Module, path: str, found: dict[int, tuple[str, Module]]) -> None:
    found[id(module)] = path, module
    for place, item in entries(vars(module), path):
        if isinstance(item, Module) and id(item) not in found:
            _gather_modules(item, place, found)


def _gather_tensors(module: Module, path: str, found: dict[int, tuple[str, Tensor]], seen: set[int]) -> None:
    seen.add(id(module))
    for place, item in entries(vars(module), path):
        if isinstance(item, Tensor):
            found.setdefault(id(item), (place, item))
        elif isinstance(item, Module) and id(item) not in seen:
            _gather_tensors(item, place, found, seen)

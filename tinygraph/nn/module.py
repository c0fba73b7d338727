"""Module: an object that owns Tensors. Layer: a Module that makes its Tensors at the first batch."""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tinygraph.elsewhere import checked
from tinygraph.engine.modes import Setting, inside, state
from tinygraph.engine.record import compose
from tinygraph.engine.scopes import Entry
from tinygraph.engine.tensor import Tensor
from tinygraph.errors import ShapeError
from tinygraph.functions.windows import misfit
from tinygraph.nests import assign_all, entries
from tinygraph.nn.initializers import Initializer, Seed, initializer_of

__all__ = ["Layer", "Module"]

Array = NDArray[Any]


class _Building(threading.local):
    """The layers built during the outermost call of this thread, with their attributes from before."""

    def __init__(self) -> None:
        self.made: list[tuple[Layer, dict[str, Any]]] | None = None


_building = _Building()


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
        training: True in training; `train()` and `eval()` set it, here and in all modules inside.
        name: the name in pictures and messages.
    """

    training: bool = True
    _name: str | None = None

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
            from tinygraph.elsewhere import OF_MODULE, no_attribute

            owner = f"{type(self).__name__!r} object"
            if isinstance(self, Layer) and name in ("generator", "dtype"):
                raise AttributeError(
                    f"{owner} has no {name}. Call super().__init__(**options) in its `__init__`", name=name, obj=self
                )
            raise AttributeError(no_attribute(owner, name, OF_MODULE, dir(self)), name=name, obj=self)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run `call` under a scope with the module's name."""
        with Setting(label=inside(Entry.of(self.name, self))):
            return self._run(*args, **kwargs)

    def _run(self, *args: Any, **kwargs: Any) -> Any:
        """Run `call`; if it fails, take the new weights away from the layers that were built on the way."""
        if _building.made is not None:  # the outermost module takes them away
            return self.call(*args, **kwargs)
        made = _building.made = []
        try:
            return self.call(*args, **kwargs)
        except BaseException:
            for layer, attributes in made:
                layer._restore(attributes)
            raise
        finally:
            _building.made = None

    # --- the inside -------------------------------------------------------------------------------------------------

    def modules(self) -> list[Module]:
        """This module and all modules inside it, each once, outer modules first."""
        found: dict[int, Module] = {id(self): self}
        for module in [self]:
            _gather(module, found)
        return list(found.values())

    def tensors(self) -> dict[str, Tensor]:
        """All Tensors of this module and of the modules inside it, each once, by path: "layers.0.bias"."""
        found: dict[int, tuple[str, Tensor]] = {}
        _tensors(self, "", found, set())
        return dict(found.values())

    def named_parameters(self) -> dict[str, Tensor]:
        """The Tensors that require a gradient, by path: "hidden.kernel", "layers.0.bias"."""
        return {path: tensor for path, tensor in self.tensors().items() if tensor.requires_grad and tensor.is_leaf}

    def parameters(self) -> list[Tensor]:
        """The Tensors that require a gradient. A layer has none before its first batch."""
        return list(self.named_parameters().values())

    # --- training and using -----------------------------------------------------------------------------------------

    def train(self, training: bool = True) -> None:
        """Switch to training: dropout drops, batch normalisation uses the mean of the batch."""
        for module in self.modules():
            if getattr(type(module), "training", None) is training:
                vars(module).pop("training", None)  # back to the class's: a compiled function compares all attributes
            else:
                module.training = training

    def eval(self) -> None:
        """Switch to use: nothing is dropped, and no example depends on the others in its batch."""
        self.train(False)

    # --- saving -----------------------------------------------------------------------------------------------------

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
        for layer in self.modules():
            if isinstance(layer, Layer) and not layer.built:
                raise ValueError(
                    f'{call}: {type(layer).__name__} "{layer.name}" has no weights before its first batch; call the '
                    "model once, on data of the right shape"
                )

    def __repr__(self) -> str:
        count = sum(parameter.size for parameter in self.parameters())
        return f'<{type(self).__name__} "{self.name}", {count:,} parameters>'


class Layer(Module):
    """A module that makes its weights at its first batch. All layers of tinygraph are of this kind.

    A subclass makes the weights in `build`, with `weight`, and uses them in `call`. Its recorded calls show the line
    that called the layer.

    Args:
        name: the name in pictures and messages.
        seed: the seed of the first values: an int, a NumPy generator to draw from, or None for new numbers in each run.
        dtype: the dtype of the weights; None for the dtype of the first batch, or float32 for a batch of integers.

    Raises:
        TypeError: the dtype is not floating, or the name is not a string.
    """

    built: bool = True

    def __init__(self, *, name: str | None = None, seed: Seed = None, dtype: DTypeLike | None = None) -> None:
        self.name = name
        self.generator = seed if isinstance(seed, np.random.Generator) else np.random.default_rng(seed)
        self.dtype = None if dtype is None else np.dtype(dtype)
        if self.dtype is not None and self.dtype.kind != "f":
            raise TypeError(f"{type(self).__name__}: weights must be of a floating dtype, got {self.dtype}")
        self.built = type(self).build is Layer.build

    if not TYPE_CHECKING:
        __new__ = checked(__init__)

    def build(self, shape: tuple[int, ...]) -> None:
        """Make the weights for batches of this shape; the first axis, the batch, does not matter."""

    def weight(
        self, name: str, shape: tuple[int, ...], initializer: str | Initializer, trainable: bool = True
    ) -> Tensor:
        """Make a weight.

        Args:
            name: its name in the layer, "kernel".
            shape: its shape.
            initializer: a name from `tinygraph.nn.initializers`, or a function of shape, generator and dtype.
            trainable: it requires a gradient.
        """
        values = initializer_of(initializer)(shape, self.generator, self.dtype or np.dtype(np.float32))
        if values.shape != shape:
            raise self.misfit(f"the initialiser of {name} made an array of shape {values.shape}, not {shape}")
        tensor = Tensor(values, dtype=self.dtype, name=f"{self.name}.{name}", requires_grad=trainable)
        if state.origin is not None:  # the line that gave the layer its first batch
            tensor._link.code, tensor._link.lasti = state.origin
            tensor._link.inner = True
        return tensor

    def misfit(self, message: str) -> ShapeError:
        """Return the error for a batch that does not fit, with the layer's name and the user's line."""
        return misfit(f'{type(self).__name__} "{self.name}"', message)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run `call` under a scope with the layer's name, and `build` before the first time.

        The recorded calls get the line of the user that called the layer.
        """
        return compose(Entry.of(self.name, self), self._run, args, kwargs, sys._getframe(1))

    def _run(self, *args: Any, **kwargs: Any) -> Any:
        if args and not hasattr(args[0], "dtype"):  # lists of numbers
            args = (np.asarray(args[0]), *args[1:])
        if self.built:
            return super()._run(*args, **kwargs)
        before = dict(vars(self))
        try:
            x = args[0]
            if self.dtype is None:
                self.dtype = x.dtype if x.dtype.kind == "f" else np.dtype(np.float32)
            self.build(x.shape)
            self.built = True
            result = super()._run(*args, **kwargs)
        except BaseException:
            self._restore(before)
            raise
        if _building.made is not None:
            _building.made.append((self, before))
        return result

    def _restore(self, attributes: dict[str, Any]) -> None:
        vars(self).clear()
        vars(self).update(attributes)

    def _floating(self, x: Any) -> Any:
        """Return the batch; a batch of integers in the layer's dtype."""
        return x if x.dtype.kind in "fc" else x.astype(self.dtype or np.float32)


def count(call: str, name: str, value: Any) -> int:
    """Check a number of units or of filters, and return it as an int.

    Raises:
        TypeError: the value is not a whole number.
        ValueError: the value is below 1.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{call}: {name} must be a whole number, got {value!r}. Write {call}({name}=10), say")
    if value < 1:
        raise ValueError(f"{call}: {name} must be at least 1, got {value}")
    return int(value)


# --- looking into objects ---------------------------------------------------------------------------------------------


def _gather(module: Module, found: dict[int, Module]) -> None:
    for _, item in entries(vars(module), ""):
        if isinstance(item, Module) and id(item) not in found:
            found[id(item)] = item
            _gather(item, found)


def _tensors(module: Module, path: str, found: dict[int, tuple[str, Tensor]], seen: set[int]) -> None:
    seen.add(id(module))
    for place, item in entries(vars(module), path):
        if isinstance(item, Tensor):
            found.setdefault(id(item), (place, item))
        elif isinstance(item, Module) and id(item) not in seen:
            _tensors(item, place, found, seen)

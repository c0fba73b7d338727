"""Layer: a module that makes its weights at its first batch."""

from __future__ import annotations

import copy
import functools
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from tinygraph import bounds
from tinygraph.elsewhere import checked
from tinygraph.engine.modes import state
from tinygraph.engine.nested import mapped
from tinygraph.engine.operands import as_array
from tinygraph.engine.record import compose
from tinygraph.engine.scopes import Entry
from tinygraph.engine.tensor import Tensor
from tinygraph.engine.unreadable import as_numbers
from tinygraph.errors import ShapeError
from tinygraph.functions.windows import misfit
from tinygraph.nests import entries
from tinygraph.nn import constraints, regularizers
from tinygraph.nn.arguments import Arguments, config_of, kept, made_of, noting
from tinygraph.nn.calling import noting_builds, take_back
from tinygraph.nn.configured import Rule
from tinygraph.nn.defaults import floatx, generator_of
from tinygraph.nn.initializers import Initializer, Seed, initializer_of
from tinygraph.nn.module import Module, own_tensors
from tinygraph.nn.symbolic import (
    Call,
    Shape,
    first_call,
    has_symbols,
    is_shape,
    symbolic_call,
    symbols_in,
    symbols_of_shapes,
)
from tinygraph.users_code.source import users_origin

__all__ = ["Layer", "count"]


class _Unplaced:
    """Weights with rules that are in no attribute yet, by the names that they were made with."""

    is_opaque = True  # no walk through the attributes of a layer looks inside

    def __init__(self, weights: dict[str, Tensor]) -> None:
        self.weights = weights


class Layer(Module):
    """A module that makes its weights at its first batch. All layers of tinygraph are of this kind.

    A subclass makes the weights in `build`, with `weight`, and uses them in `call`. Its recorded calls show the line
    that called the layer.

    Args:
        name: the name in pictures and messages.
        seed: the seed of the first values: an int, a NumPy generator to draw from, or None for new numbers in each run.
        dtype: the dtype of the weights, and of the computation; None for float32, or what `set_floatx` said. A layer
            without weights leaves floating numbers as they are.
        trainable: False for weights that stay as they are.
        input_shape: the shape of an example, for the first layer of a `Sequential`: its weights are made at once.
        input_dim: the same for rows of numbers: `input_shape=(input_dim,)`.
        activity_regularizer: a penalty of the result, per example: a name such as "l2" or an object of
            `tinygraph.nn.regularizers`.

    Raises:
        TypeError: the dtype is not floating, or the name is not a string.
    """

    supports_masking: ClassVar[bool] = False  # hand the mask of the batch on to the next layer
    # By the name of a weight the beginning of its rules' names, where it is another: {"recurrent_kernel": "recurrent"}
    # for `recurrent_initializer`, `recurrent_regularizer` and `recurrent_constraint`.
    _roles: ClassVar[Mapping[str, str]] = {}

    # False for a network, which draws nothing itself: its layers have the same numbers, made before it or behind it.
    _draws: ClassVar[bool] = True

    activity_regularizer: Any = None
    _is_building: bool = False
    _arguments: Arguments
    _regularizers: Mapping[str, Callable[[Any], Any]] = {}
    _constraints: Mapping[str, Callable[[Any], Any]] = {}
    _unplaced: _Unplaced | None = None

    def __init__(
        self,
        *,
        name: str | None = None,
        seed: Seed = None,
        dtype: DTypeLike | None = None,
        trainable: bool = True,
        input_shape: Sequence[int | None] | None = None,
        input_dim: int | None = None,
        activity_regularizer: Rule = None,
    ) -> None:
        self.name = name
        if seed is not None or self._draws:
            self.generator = generator_of(seed)
        self.dtype = None if dtype is None else np.dtype(dtype)
        if self.dtype is not None and self.dtype.kind != "f":
            raise TypeError(f"{type(self).__name__}: weights must be of a floating dtype, got {self.dtype}")
        self.built = type(self).build is Layer.build
        if activity_regularizer is not None:
            self.activity_regularizer = regularizers.get(activity_regularizer)
        if not trainable:
            self._frozen = ()
        example = input_shape if input_shape is not None else None if input_dim is None else (input_dim,)
        self._input_shape: Shape | None = None if example is None else (None, *example)

    if not TYPE_CHECKING:
        __new__ = kept(checked(__init__))

        def __getattr__(self, name):
            if name == "generator" and "dtype" in vars(self):
                self.generator = generator_of(None)  # a network of one's own that draws after all
                return self.generator
            if name in ("generator", "dtype"):
                told = (
                    f"{type(self).__name__!r} object has no {name}. Call super().__init__(**options) in its `__init__`"
                )
                raise AttributeError(told, name=name, obj=self)
            if name in ("input", "output"):
                told = (
                    f'{type(self).__name__} "{self.name}" has no {name}: it was not called on symbols. Begin the '
                    "network with tg.nn.Input(shape), or write model.build((None, 4)) before"
                )
                raise AttributeError(told, name=name, obj=self)
            return super().__getattr__(name)

    def __init_subclass__(cls, builds_itself: bool = True, **options: Any) -> None:
        """Prepare a subclass.

        Args:
            builds_itself: its `build` makes weights of the layer itself; not so for a model, which asks its layers.
        """
        super().__init_subclass__(**options)
        if "__init__" in vars(cls):
            cls.__init__ = noting(cls.__init__)  # type: ignore[method-assign]
        if "build" in vars(cls) and builds_itself:
            cls.build = _once(cls.build)  # type: ignore[method-assign]

    def __setattr__(self, attribute: str, value: Any) -> None:
        """Set an attribute; a rule that is set after the weights were made is that of its weights from now on."""
        if vars(self).get("built"):
            if attribute.endswith("_regularizer") and (names := self._ruled_by(attribute, self._regularizers)):
                value = regularizers.get(value)
                self._regularizers = _replaced(self._regularizers, names, value)
            elif attribute.endswith("_constraint") and (names := self._ruled_by(attribute, self._constraints)):
                value = constraints.get(value)
                self._constraints = _replaced(self._constraints, names, value)
        super().__setattr__(attribute, value)
        if self._unplaced is not None and attribute != "_unplaced":
            for path, item in entries(value, attribute):
                if isinstance(item, Tensor):
                    self._place(item, path)

    def _place(self, tensor: Tensor, path: str) -> None:
        """Let the rules of a weight be those of its attribute, whatever name it was made with."""
        waiting = {} if self._unplaced is None else self._unplaced.weights
        for name in [name for name, weight in waiting.items() if weight is tensor]:
            self._regularizers = {path if key == name else key: rule for key, rule in self._regularizers.items()}
            self._constraints = {path if key == name else key: rule for key, rule in self._constraints.items()}
            if self._frozen is not None:
                self._frozen = tuple([path if key == name else key for key in self._frozen])
            left = {key: weight for key, weight in waiting.items() if key != name}
            if left:
                self._unplaced = _Unplaced(left)
            else:
                del self._unplaced

    def _thaw(self) -> None:
        for path, tensor in own_tensors(self).items():
            self._place(tensor, path)  # one that was put into a list since
        super()._thaw()

    def _ruled_by(self, attribute: str, rules: Mapping[str, Any]) -> list[str]:
        """Return the names of the weights whose rule an attribute is: "kernel" for "kernel_regularizer"."""
        own, kind = vars(self), attribute.rpartition("_")[2]

        def attribute_of(name: str) -> str:
            return f"{self._roles.get(name, name)}_{kind}"

        names = [name for name in own if isinstance(own[name], Tensor) and attribute_of(name) == attribute]
        if names:
            return names
        # A layer of a user's own may keep the rule of a weight in an attribute of any name.
        return [name for name, rule in rules.items() if attribute_of(name) not in own and rule is own.get(attribute)]

    def build(self, shape: tuple[int, ...]) -> None:
        """Make the weights for batches of this shape; the first axis, the batch, does not matter.

        The first call of a layer does so. A layer whose weights are made keeps them.
        """

    def build_for(self, shape: Any) -> None:
        """Make the weights for batches of this shape, or nest of shapes, and note it.

        A failure leaves the layer as it was, now or in the outermost call of a module around it.
        """
        with noting_builds() as built:
            built.append((self, dict(vars(self))))
            if self.dtype is None:
                self.dtype = floatx()
            self._is_building = True
            if _asked_shapes(type(self).build):
                self.build(**shape)
            else:
                self.build(shape)
            del self._is_building
            self.built = True
            self._arguments.built_for = shape

    def weight(
        self,
        name: str,
        shape: tuple[int, ...],
        initializer: str | Initializer,
        trainable: bool = True,
        regularizer: Rule = None,
        constraint: Rule = None,
    ) -> Tensor:
        """Make a weight. Assign it to an attribute of the layer: to that of its name, say.

        Args:
            name: its name in the layer, "kernel".
            shape: its shape.
            initializer: a name from `tinygraph.nn.initializers`, or a function of shape, generator and dtype.
            trainable: it requires a gradient, if the layer is trainable.
            regularizer: a function of the weight, or its name, "l2": a number to add to the loss.
            constraint: a function of the weight, or its name: its value after each step of an optimiser.

        Raises:
            ValueError: nothing has such a name.
        """
        penalty, rule = regularizers.get(regularizer), constraints.get(constraint)
        dtype = self.dtype or floatx()
        values = np.asarray(initializer_of(initializer)(shape, self.generator, dtype))
        if values.shape != shape:
            raise self.misfit(f"the initialiser of {name} made an array of shape {values.shape}, not {shape}")
        if trainable and self._frozen is not None:
            self._frozen = (*self._frozen, name)
        free = trainable and self._frozen is None
        tensor = Tensor(values, dtype=dtype, name=f"{self.name}.{name}", requires_grad=free)
        if penalty is not None:
            self._regularizers = {**self._regularizers, name: penalty}
        if rule is not None:
            self._constraints = {**self._constraints, name: rule}
        if penalty is not None or rule is not None or (trainable and self._frozen is not None):
            self._unplaced = _Unplaced({**({} if self._unplaced is None else self._unplaced.weights), name: tensor})
        if state.origin is not None:  # the line that gave the layer its first batch, or that asked for its weights
            tensor._link.code, tensor._link.lasti = users_origin(state.origin, sys._getframe(1))
            tensor._link.inner = True
        return tensor

    def _own_weight(self, name: str, shape: tuple[int, ...], initializer: Initializer | None = None) -> Tensor:
        """Make a weight by the rules in the layer's attributes: `kernel_initializer` and the like for "kernel".

        Args:
            name, shape: see `weight`.
            initializer: in place of that in the attribute.
        """
        role = self._roles.get(name, name)
        first = getattr(self, f"{role}_initializer") if initializer is None else initializer
        regularizer, constraint = getattr(self, f"{role}_regularizer"), getattr(self, f"{role}_constraint")
        return self.weight(name, shape, first, True, regularizer, constraint)

    def misfit(self, message: str) -> ShapeError:
        """Return the error for a batch that does not fit, with the layer's name and the user's line."""
        return misfit(f'{type(self).__name__} "{self.name}"', message)

    def _regularized(self) -> list[tuple[Tensor, Callable[[Any], Any]]]:
        return _with_rules(self, self._regularizers)

    def _constrained(self) -> list[tuple[Tensor, Callable[[Any], Any]]]:
        return _with_rules(self, self._constraints)

    @property
    def input(self) -> Any:
        """The symbols that the layer was called on first: one, or a list.

        Raises:
            AttributeError: the layer was not called on symbols.
        """
        found = symbols_in(self._first_call("input").args)
        return found[0] if len(found) == 1 else found

    @property
    def output(self) -> Any:
        """The symbols that the layer's first call on symbols returned, in their nest.

            features = tg.nn.Model(model.input, model.get_layer("hidden").output)

        Raises:
            AttributeError: the layer was not called on symbols.
        """
        return self._first_call("output").result

    def _first_call(self, name: str) -> Call:
        call = first_call(self)
        if call is None:
            raise AttributeError(name)  # Python asks `__getattr__` then, which says why
        return call

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that the layer was made with, as plain data.

        Raises:
            TypeError: an argument is a function or an object that plain data cannot stand for.
        """
        return config_of(self)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """Make a layer with the arguments that `get_config` returned. It has no weights yet."""
        return made_of(cls, config)

    def __call__(self, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """Run `call` under a scope with the layer's name, and `build` before the first time.

        The recorded calls get the line of the user that called the layer.

        Args:
            args, kwargs: the arguments of `call`: a batch, or symbols, whose result is symbols.
            training: train in this call, or not; None for as the call around it, or else as the layer is set.
        """
        if has_symbols((args, kwargs)):
            return symbolic_call(self, args, kwargs, training)
        return compose(Entry.of(self.name, self), self._run_training, (training, args, kwargs), {}, sys._getframe(1))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the result, with None for an open axis, or a nest of shapes.

        Args:
            input_shape: the shape of a batch, whose first axis may be None; for several inputs a list or a dict.

        A layer without weights does not get them by this call.
        """
        layer = self if self.built else copy.deepcopy(self)
        result = symbolic_call(layer, (symbols_of_shapes(input_shape),), {})
        several = isinstance(input_shape, dict) or any([isinstance(item, list | tuple) for item in input_shape])
        rows = None if several else input_shape[0]
        return mapped(result, lambda symbol: (rows, *symbol.shape[1:]))

    def _run(self, *args: Any, **kwargs: Any) -> Any:
        if args:
            args = (self._batch(args[0]), *args[1:])
        try:
            return self._run_built(args, kwargs)
        except (AttributeError, TypeError, KeyError) as error:
            if args and isinstance(args[0], list | dict) and not getattr(error, "__notes__", ()):
                error.add_note(
                    f'{type(self).__name__} "{self.name}" was called on a {type(args[0]).__name__} of {len(args[0])} '
                    "arrays. If it takes one array, take it out: a batch of tg.data.batches(x) is a tuple, "
                    "`for (x,) in batches`"
                )
            raise

    def _called(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        result = super()._called(args, kwargs)
        if result is None:
            raise TypeError(
                f'{type(self).__name__} "{self.name}": its `call` returns None. Write return before the result'
            )
        if self.activity_regularizer is not None:
            for _, y in entries(result):
                self.add_loss(self.activity_regularizer(y) / max(y.shape[0], 1))
        return result

    def _run_built(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run `call`, and `build` before the first time; a call that fails takes the weights away again."""
        if self.built:
            return super()._run(*args, **kwargs)
        with noting_builds() as built:
            self.build_for(self._shapes_of(args, kwargs))
        try:
            return super()._run(*args, **kwargs)
        except BaseException:
            take_back(built)
            raise

    def _shapes_of(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return the shape to build for: that of the first argument, or by name those that `build` asks for."""
        asked = _asked_shapes(type(self).build)
        if not asked:
            return _shapes(args[0])
        given = inspect.signature(self.call).bind(*args, **kwargs).arguments
        batches = {name: given.get(name.removesuffix("_shape")) for name in asked}
        return {name: None if batch is None else _shapes(batch) for name, batch in batches.items()}

    def _batch(self, x: Any) -> Any:
        """Return a batch, or a nest of batches, as arrays or Tensors: lists of numbers and frames become arrays."""
        if hasattr(x, "dtype") and hasattr(x, "shape"):
            return x
        if isinstance(x, dict):
            return {key: self._batch(item) for key, item in x.items()}
        if isinstance(x, list | tuple) and any([not isinstance(item, list | tuple | int | float | bool) for item in x]):
            return [self._batch(item) for item in x]
        if callable(x) or isinstance(x, str):
            given = f'the layer "{x.name}"' if isinstance(x, Module) else repr(x)
            raise TypeError(
                f'{type(self).__name__} "{self.name}": a layer is called on a batch, got {given}. Write '
                "tg.nn.Sequential([first, second]), or call it on the result, second(first(x))"
            )
        if x is None:
            raise TypeError(
                f'{type(self).__name__} "{self.name}": a layer is called on a batch, got None. Does the function '
                "before it end without a return?"
            )
        return as_array(x)

    def _restore(self, attributes: dict[str, Any]) -> None:
        vars(self).clear()
        vars(self).update(attributes)

    def _floating(self, x: Any) -> Any:
        """Return the batch in the layer's dtype. A layer without a dtype leaves floating numbers as they are."""
        if self.dtype is None:
            return x if x.dtype.kind in "fc" else as_numbers(f'{type(self).__name__} "{self.name}": ', x, floatx())
        if x.dtype == self.dtype or x.dtype.kind == "c":
            return x
        return as_numbers(f'{type(self).__name__} "{self.name}": ', x, self.dtype)


def _once(build: Callable[..., None]) -> Callable[..., None]:
    """Return a `build` that notes what was built when it is called from outside, and leaves weights that are there."""

    @functools.wraps(build)
    def build_once(self: Layer, *args: Any, **kwargs: Any) -> None:
        if self._is_building:  # `super().build(shape)`
            build(self, *args, **kwargs)
        elif not self.built:
            given = [*args, *kwargs.values()]  # Keras's name of the shape is input_shape
            if _asked_shapes(type(self).build):
                self.build_for(inspect.signature(self.build).bind(*args, **kwargs).arguments)
            elif len(given) != 1:
                raise TypeError(f"{type(self).__name__}.build takes the shape of a batch, got {len(given)} arguments")
            else:
                self.build_for(tuple(given[0]) if is_shape(given[0]) else given[0])

    return build_once


@functools.cache
def _asked_shapes(build: Callable[..., None]) -> tuple[str, ...]:
    """Return the names of the shapes that a `build` asks for, `query_shape` and `value_shape`; none for one shape."""
    names = tuple(inspect.signature(build).parameters)[1:]
    return names if len(names) > 1 and all([name.endswith("_shape") for name in names]) else ()


def count(call: str, name: str, value: Any) -> int:
    """Check a number of units or of filters, and return it as an int.

    Raises:
        TypeError: the value is not a whole number.
        ValueError: the value is below 1.
    """
    return bounds.whole(call, name, value, least=1, example=f"Write {call}({name}=10), say")


def _replaced(rules: Mapping[str, Any], names: Sequence[str], rule: Any) -> dict[str, Any]:
    """Return rules by weight, with another one, or none, for the weights of these names."""
    others = {name: given for name, given in rules.items() if name not in names}
    return others if rule is None else {**others, **dict.fromkeys(names, rule)}


def _shapes(x: Any) -> Any:
    """Return the shape of a batch, or the nest of shapes of a nest of batches."""
    if isinstance(x, list):
        return [_shapes(item) for item in x]
    if isinstance(x, dict):
        return {key: _shapes(item) for key, item in x.items()}
    return x.shape


def _with_rules(layer: Layer, rules: Mapping[str, Callable[[Any], Any]]) -> list[tuple[Tensor, Callable[[Any], Any]]]:
    """Return the weights that have rules, each with its own."""
    if not rules:
        return []
    found = own_tensors(layer) | ({} if layer._unplaced is None else layer._unplaced.weights)
    return [(found[name], rule) for name, rule in rules.items() if name in found]

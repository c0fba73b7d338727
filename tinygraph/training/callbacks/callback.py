"""Callback: what is called at the beginnings and ends of a training, of its epochs and its batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, ClassVar

from tinygraph.nests import tree_leaves

__all__ = ["Callback", "CallbackList", "listed"]


class Callback:
    """The base of callbacks. Override the methods whose moment you want; those that you leave cost nothing.

    Attributes:
        model: the model that is trained.
        params: "epochs", "steps" and "verbose" of the training.
        kept: the names of the attributes that a file of the training keeps, for a training that goes on from it.
    """

    model: Any = None
    params: dict[str, Any]
    kept: ClassVar[tuple[str, ...]] = ()

    def set_model(self, model: Any) -> None:
        """Take the model that is trained."""
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Take the parameters of the training."""
        self.params = params

    def state_dict(self) -> dict[str, Any]:
        """Return what a training that goes on from a file is to give back: numbers, strings, arrays, nests of them.

        These are the attributes that the class names in `kept`.
        """
        return {name: getattr(self, name) for name in self.kept}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take what `state_dict` returned. It is called after `on_train_begin`."""
        for name in self.kept:
            setattr(self, name, state[name])

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Called before the first epoch."""

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Called after the last epoch, also where the training was stopped."""

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Called before an epoch, counted from 0."""

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Called after an epoch and its validation, with the results of both."""

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Called before a step of training, counted from 0 in each epoch."""

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Called after a step of training, with the results of the epoch so far."""

    def on_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Another name of `on_train_batch_begin`, for callbacks that have it."""

    def on_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Another name of `on_train_batch_end`, for callbacks that have it."""

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Called before an evaluation."""

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Called after an evaluation, with its results."""

    def on_test_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Called before a batch of an evaluation."""

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Called after a batch of an evaluation."""

    def on_predict_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Called before `predict`."""

    def on_predict_end(self, logs: dict[str, Any] | None = None) -> None:
        """Called after `predict`."""

    def on_predict_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Called before a batch of `predict`."""

    def on_predict_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Called after a batch of `predict`."""

    def on_exit(self) -> None:
        """Called last, also where the training ended in an error: close files and the like."""


class CallbackList:
    """Callbacks in their order.

    Args:
        callbacks: those of the user, and those of the training.
        model: the model that is trained.
        params: see `Callback`.
    """

    def __init__(self, callbacks: Iterable[Any], model: Any, params: dict[str, Any]) -> None:
        self.callbacks = [callback for callback in callbacks if callback is not None]
        for callback in self.callbacks:
            if not isinstance(callback, Callback):
                made = isinstance(callback, type) and issubclass(callback, Callback)
                way = f"Write {callback.__name__}()" if made else "Derive its class from tg.training.callbacks.Callback"
                raise TypeError(f"callbacks: {callback!r} is no callback. {way}")
        for callback in self.callbacks:
            callback.set_params(params)
            callback.set_model(model)

    def __enter__(self) -> CallbackList:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for callback in self.callbacks:
            callback.on_exit()

    def with_moment(self, moment: str) -> list[Callback]:
        """Return the callbacks that have a method of this name of their own."""
        return [callback for callback in self.callbacks if _own(callback, moment) is not None]

    def at(self, moment: str) -> Callable[..., None] | None:
        """Return a function that calls the method of this name of all callbacks that have one of their own.

        It is looked up once for a training. None stands for no callback, so that a batch need not make logs. An error
        of a callback gets a note with the callback's name.
        """
        methods = [method for callback in self.callbacks if (method := _own(callback, moment)) is not None]
        if not methods:
            return None

        def call(*args: Any) -> None:
            for method in methods:
                try:
                    method(*args)
                except Exception as error:
                    error.add_note(f"raised by the callback {_called(method)}, in its {moment}")
                    raise

        return call

    def call(self, moment: str, *args: Any) -> None:
        """Call the method of this name of all callbacks."""
        if (method := self.at(moment)) is not None:
            method(*args)


def _own(callback: Callback, moment: str) -> Any:
    """Return the method of a callback that is not the base's; `on_batch_end` stands for `on_train_batch_end`."""
    for name in (moment, moment.replace("on_train_batch_", "on_batch_")):
        if name in vars(callback) or getattr(type(callback), name) is not getattr(Callback, name):
            return getattr(callback, name)
    return None


def _called(method: Any) -> str:
    """Return the name of the callback that has a method, or that of a function."""
    owner = getattr(method, "__self__", None)
    return type(owner).__name__ if owner is not None else getattr(method, "__qualname__", repr(method))


def listed(callbacks: Any) -> list[Any]:
    """Return the callbacks that a call was given: none, one, or a list of them."""
    return [] if callbacks is None else list(tree_leaves(callbacks))

"""The arguments of optimisers' classes: options that all of them have, and parameters that may be left out."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, TypedDict

from tinygraph.optim.parameters import is_rate

__all__ = ["OptimizerType", "Options"]


class Options(TypedDict, total=False):
    """The arguments of every optimiser, by keyword: see `Optimizer`."""

    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: int | None
    gradient_accumulation_steps: int | None
    name: str | None


class OptimizerType(type):
    """The type of optimiser classes: their parameters may be left out, Adam(0.001) is Adam(None, 0.001)."""

    if not TYPE_CHECKING:

        def __new__(meta, name, bases, namespace):
            """Make the class, and note whether its first argument is the parameters."""
            cls = super().__new__(meta, name, bases, namespace)
            cls.__signature__ = _signature(cls)
            cls._parameters_first = [*cls.__signature__.parameters][:1] == ["parameters"]
            return cls

        def __call__(cls, *given, **named):
            """Make an optimiser. A learning rate that comes first is not taken for the parameters."""
            if given and cls._parameters_first and is_rate(given[0]):
                given = (None, *given)
            return super().__call__(*given, **named)


def _signature(cls: type) -> inspect.Signature:
    """Return the arguments of an optimiser's class, with the `Options` one by one."""
    own = [*inspect.signature(cls.__init__).parameters.values()][1:]  # type: ignore[misc]
    if not own or own[-1].annotation != "Unpack[Options]":
        return inspect.Signature(own)
    names = {item.name for item in own}
    first = [kind for kind in cls.__mro__ if isinstance(kind, OptimizerType)][-1]  # `Optimizer`
    base = inspect.signature(first).parameters.values()
    options = [item for item in base if item.kind is item.KEYWORD_ONLY and item.name not in names]
    return inspect.Signature([*own[:-1], *options])

"""Optimisers by name, and as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinygraph.elsewhere import meant
from tinygraph.optim.adaptive import Adadelta, Adagrad, Adam, Adamax, AdamW, RMSprop
from tinygraph.optim.descent import SGD, Lion, Momentum
from tinygraph.optim.ftrl import Ftrl
from tinygraph.optim.layerwise import Adafactor, Lamb, Muon
from tinygraph.optim.nadam import Nadam
from tinygraph.optim.optimizer import Optimizer
from tinygraph.optim.schedule_free import ScheduleFreeAdamW

__all__ = ["deserialize", "get", "serialize"]

KINDS: dict[str, type[Optimizer]] = {
    kind.__name__.lower(): kind
    for kind in (
        Adadelta,
        Adafactor,
        Adagrad,
        Adam,
        AdamW,
        Adamax,
        Ftrl,
        Lamb,
        Lion,
        Momentum,
        Muon,
        Nadam,
        RMSprop,
        SGD,
        ScheduleFreeAdamW,
    )
}


def get(identifier: Any) -> Optimizer:
    """Return an optimiser by name, with the defaults of its class: `get("adam")`.

    Args:
        identifier: a name in any case, what `serialize` returned, a class, or an optimiser, which is returned itself.

    Raises:
        ValueError: there is no optimiser of this name, or it is none of these.
    """
    if isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, Optimizer):
        return identifier()
    if isinstance(identifier, str):
        return deserialize({"class_name": identifier})
    if isinstance(identifier, Mapping):
        return deserialize(identifier)
    raise ValueError(
        f'an optimiser must be a name or an object, "adam" or tg.optim.Adam(0.001), got {type(identifier).__name__}'
    )


def serialize(optimizer: Optimizer) -> dict[str, Any]:
    """Return the class and the arguments of an optimiser as plain data, for `get`; `state_dict` has its state.

    Raises:
        TypeError: see `Optimizer.get_config`.
    """
    return {"class_name": type(optimizer).__name__, "config": optimizer.get_config()}


def deserialize(description: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Optimizer:
    """Return the optimiser that `serialize` made data of, without parameters.

    Args:
        description: the class_name and the config.
        custom_objects: classes of your own, of optimisers and schedules, by name.

    Raises:
        ValueError: there is no optimiser of this name.
    """
    name = str(description.get("class_name", ""))
    kind: type[Optimizer] | None = (custom_objects or {}).get(name) or KINDS.get(name.lower())
    if kind is None:
        known = ", ".join(repr(item) for item in sorted(KINDS))
        told = f"there is no optimiser {name!r}. There are {known}; one of your own is given as an object"
        raise ValueError(told + meant(name, KINDS))
    return kind.from_config(description.get("config", {}), custom_objects)

"""Keras's optimisers: the classes of `tinygraph.optim`, and its schedules in `schedules`."""

from __future__ import annotations

from typing import Any

import tinygraph.keras.optimizers.schedules as schedules
from tinygraph.optim import (
    SGD,
    Adadelta,
    Adafactor,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    Ftrl,
    Lamb,
    Lion,
    Muon,
    Nadam,
    Optimizer,
    RMSprop,
    ScheduleFreeAdamW,
    deserialize,
    get,
    serialize,
)

__all__ = [
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "Muon",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "ScheduleFreeAdamW",
    "deserialize",
    "get",
    "schedules",
    "serialize",
]


def __getattr__(name: str) -> Any:
    from tinygraph.elsewhere import OF_OPTIM, absent

    raise absent(__name__, name, OF_OPTIM, __all__)

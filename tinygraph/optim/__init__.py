"""Optimisers: steps downhill along the gradients. Names, defaults and formulas are those of Keras.

    adam = tg.optim.Adam(parameters)
    for x, y in tg.data.batches(...):
        adam.zero_grad()
        loss = ...
        loss.backward()
        adam.step()

Tensors hold all that changes from step to step, so that `tg.compile` can compile a step.
"""

from typing import Any

from tinygraph.optim import schedules
from tinygraph.optim.adaptive import Adadelta, Adagrad, Adam, Adamax, AdamW, RMSprop
from tinygraph.optim.by_name import deserialize, get, serialize
from tinygraph.optim.descent import SGD, Lion, Momentum
from tinygraph.optim.ftrl import Ftrl
from tinygraph.optim.layerwise import Adafactor, Lamb, Muon
from tinygraph.optim.nadam import Nadam
from tinygraph.optim.optimizer import Optimizer
from tinygraph.optim.schedule_free import ScheduleFreeAdamW
from tinygraph.optim.schedules import (
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    LearningRateSchedule,
    OneCycle,
    PiecewiseConstant,
    PiecewiseConstantDecay,
    PolynomialDecay,
    StepDecay,
    WarmUp,
)

__all__ = [
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "Ftrl",
    "InverseTimeDecay",
    "Lamb",
    "LearningRateSchedule",
    "Lion",
    "Momentum",
    "Muon",
    "Nadam",
    "OneCycle",
    "Optimizer",
    "PiecewiseConstant",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "RMSprop",
    "ScheduleFreeAdamW",
    "StepDecay",
    "WarmUp",
    "deserialize",
    "get",
    "schedules",
    "serialize",
]


def __getattr__(name: str) -> Any:
    from tinygraph.elsewhere import OF_OPTIM, absent

    raise absent(__name__, name, OF_OPTIM, __all__)

"""Keras's functions under Keras's names.

`tg.binary_cross_entropy` and `tg.cross_entropy` are exact. `tg.keras.losses` has Keras's losses, which clip
probabilities: values and gradients agree with those of a Keras model. `tg.keras.datasets` loads the data of the
tutorials, and `tg.keras.utils` makes them ready.
"""

import sys
from typing import Any

import tinygraph.keras.activations as activations
import tinygraph.keras.constraints as constraints
import tinygraph.keras.datasets as datasets
import tinygraph.keras.initializers as initializers
import tinygraph.keras.losses as losses
import tinygraph.keras.metrics as metrics
import tinygraph.keras.optimizers as optimizers
import tinygraph.keras.regularizers as regularizers
import tinygraph.keras.utils as utils

__all__ = [
    "activations",
    "constraints",
    "datasets",
    "initializers",
    "losses",
    "metrics",
    "optimizers",
    "regularizers",
    "utils",
]


def __getattr__(name: str) -> Any:
    from tinygraph.elsewhere import OF_KERAS, no_attribute

    raise AttributeError(
        no_attribute(f"module {__name__!r}", name, OF_KERAS, __all__), name=name, obj=sys.modules[__name__]
    )

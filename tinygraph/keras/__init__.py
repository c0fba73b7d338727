"""Keras's functions under Keras's names, where tinygraph's own function computes other numbers.

`tg.binary_cross_entropy` and `tg.cross_entropy` are exact. `tg.keras.losses` has Keras's losses, which clip
probabilities: values and gradients agree with those of a Keras model.
"""

import sys
from typing import Any

import tinygraph.keras.losses as losses

__all__ = ["losses"]


def __getattr__(name: str) -> Any:
    from tinygraph.elsewhere import OF_KERAS, no_attribute

    raise AttributeError(
        no_attribute(f"module {__name__!r}", name, OF_KERAS, __all__), name=name, obj=sys.modules[__name__]
    )

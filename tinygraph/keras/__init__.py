"""Keras's functions under Keras's names, where tinygraph's own function of that purpose computes something else.

`tg.binary_cross_entropy` and `tg.cross_entropy` are exact. `tg.keras.losses` has Keras's losses: probabilities are
clipped, and so values and gradients agree with a model that was trained there.
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

"""Keras's functions under Keras's names, where tinygraph's own function of that purpose computes something else.

`tg.binary_cross_entropy` and `tg.cross_entropy` are exact. `tg.keras.losses` has Keras's losses: probabilities are
clipped, and so values and gradients agree with a model that was trained there.
"""

import tinygraph.keras.losses as losses

__all__ = ["losses"]

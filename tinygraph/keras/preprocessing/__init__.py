"""Keras's older names: `preprocessing.sequence.pad_sequences`."""

import tinygraph.keras.preprocessing.sequence as sequence

__all__ = ["sequence"]

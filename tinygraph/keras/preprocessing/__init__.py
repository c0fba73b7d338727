"""Keras's older names: `preprocessing.sequence.pad_sequences`, `preprocessing.image`, and windows of time series."""

import tinygraph.keras.preprocessing.image as image
import tinygraph.keras.preprocessing.sequence as sequence
from tinygraph.keras.utils import timeseries_dataset_from_array

__all__ = ["image", "sequence", "timeseries_dataset_from_array"]

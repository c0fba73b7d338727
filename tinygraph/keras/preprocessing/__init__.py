"""Keras's older names: `preprocessing.sequence.pad_sequences`, and windows of time series."""

import tinygraph.keras.preprocessing.sequence as sequence
from tinygraph.keras.utils import timeseries_dataset_from_array

__all__ = ["sequence", "timeseries_dataset_from_array"]

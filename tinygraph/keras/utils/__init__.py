"""Functions of `keras.utils`: labels, sequences and images made ready, seeds, and pictures of models."""

from typing import Any

from tinygraph.keras.backend import clear_session
from tinygraph.keras.saving import custom_object_scope, register_keras_serializable
from tinygraph.keras.serialization import deserialize_keras_object, serialize_keras_object
from tinygraph.keras.utils.batches import PyDataset
from tinygraph.keras.utils.images import array_to_img, img_to_array, load_img, save_img
from tinygraph.keras.utils.labels import to_categorical
from tinygraph.keras.utils.plotting import plot_model
from tinygraph.keras.utils.scaling import normalize
from tinygraph.keras.utils.seeds import set_random_seed
from tinygraph.keras.utils.sequences import pad_sequences
from tinygraph.keras.utils.time_series import timeseries_dataset_from_array
from tinygraph.training.own_steps import pack_x_y_sample_weight, unpack_x_y_sample_weight

__all__ = [
    "CustomObjectScope",
    "PyDataset",
    "Sequence",
    "array_to_img",
    "clear_session",
    "custom_object_scope",
    "deserialize_keras_object",
    "img_to_array",
    "load_img",
    "normalize",
    "pack_x_y_sample_weight",
    "pad_sequences",
    "plot_model",
    "register_keras_serializable",
    "save_img",
    "serialize_keras_object",
    "set_random_seed",
    "timeseries_dataset_from_array",
    "to_categorical",
    "unpack_x_y_sample_weight",
]

Sequence = PyDataset  # the older name
CustomObjectScope = custom_object_scope


def __getattr__(name: str) -> Any:
    from tinygraph.elsewhere import OF_KERAS_UTILS, absent

    raise absent(__name__, name, OF_KERAS_UTILS, __all__)

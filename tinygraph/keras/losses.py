"""Keras's losses, with clipped probabilities: values and gradients are those of `keras.losses`.

Arguments and defaults are Keras's, targets first. A function returns one number an example, an object their mean.

    loss = np.mean(tg.keras.losses.sparse_categorical_crossentropy(labels, probabilities))
    loss = tg.keras.losses.SparseCategoricalCrossentropy()(labels, probabilities)

A probability is clipped to between 1e-7 and 1 − 1e-7, also where it is the result of a softmax. So training is finite,
but an example whose prediction is wrong and as good as certain has no gradient. `tg.training.losses`, where a name in
`compile(loss="categorical_crossentropy")` is looked up, has the losses that are computed from the logits under a
softmax: the same numbers to 1e-6, until a probability is clipped.
"""

from __future__ import annotations

from typing import Any

from tinygraph.engine.primitives import composed
from tinygraph.keras.serialization import deserialize_named, serialize_named
from tinygraph.training import losses as training
from tinygraph.training.losses import (
    CTC,
    CategoricalGeneralizedCrossEntropy,
    CategoricalHinge,
    Circle,
    CosineSimilarity,
    Dice,
    Hinge,
    Huber,
    LogCosh,
    Loss,
    LossFunctionWrapper,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    SquaredHinge,
    Tversky,
    categorical_generalized_cross_entropy,
    categorical_hinge,
    circle,
    cosine_similarity,
    ctc,
    dice,
    formulas,
    hinge,
    huber,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    names,
    poisson,
    squared_hinge,
    tversky,
)
from tinygraph.training.losses.pairing import EPSILON

__all__ = [
    "CTC",
    "EPSILON",
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
    "CategoricalHinge",
    "Circle",
    "CosineSimilarity",
    "Dice",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "LossFunctionWrapper",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "Tversky",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy",
    "categorical_hinge",
    "circle",
    "cosine_similarity",
    "ctc",
    "deserialize",
    "dice",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "serialize",
    "sparse_categorical_crossentropy",
    "squared_hinge",
    "tversky",
]

binary_crossentropy = composed(formulas.binary_crossentropy)
binary_focal_crossentropy = composed(formulas.binary_focal_crossentropy)
categorical_crossentropy = composed(formulas.categorical_crossentropy)
categorical_focal_crossentropy = composed(formulas.categorical_focal_crossentropy)
kl_divergence = composed(formulas.kl_divergence)
sparse_categorical_crossentropy = composed(formulas.sparse_categorical_crossentropy)


class BinaryCrossentropy(training.BinaryCrossentropy):
    """`binary_crossentropy` as an object."""

    function = staticmethod(binary_crossentropy)


class BinaryFocalCrossentropy(training.BinaryFocalCrossentropy):
    """`binary_focal_crossentropy` as an object."""

    function = staticmethod(binary_focal_crossentropy)


class CategoricalCrossentropy(training.CategoricalCrossentropy):
    """`categorical_crossentropy` as an object."""

    function = staticmethod(categorical_crossentropy)


class CategoricalFocalCrossentropy(training.CategoricalFocalCrossentropy):
    """`categorical_focal_crossentropy` as an object."""

    function = staticmethod(categorical_focal_crossentropy)


class KLDivergence(training.KLDivergence):
    """`kl_divergence` as an object."""

    function = staticmethod(kl_divergence)


class SparseCategoricalCrossentropy(training.SparseCategoricalCrossentropy):
    """`sparse_categorical_crossentropy` as an object."""

    function = staticmethod(sparse_categorical_crossentropy)


def get(identifier: Any) -> Any:
    """Return a loss by name, as `tg.training.losses.get` does, of those with clipped probabilities."""
    own = {name: item for name, item in globals().items() if name in __all__}
    functions = {
        name: item for name, item in own.items() if name.islower() and name not in ("deserialize", "get", "serialize")
    }
    made = {name: item for name, item in own.items() if isinstance(item, type)}
    return names.get(identifier, names.of_names(functions, made))


def serialize(loss: Any) -> Any:
    """Return plain data that stand for a loss, as `keras.saving.serialize_keras_object` does; a function's name."""
    return serialize_named(loss, {name: globals()[name] for name in __all__})


def deserialize(name: Any, custom_objects: Any = None) -> Any:
    """Return the loss that plain data or a name stand for."""
    return deserialize_named(name, "keras.losses", get, custom_objects)


def __getattr__(name: str) -> Any:
    from tinygraph.elsewhere import OF_KERAS_LOSSES, absent

    raise absent(__name__, name, OF_KERAS_LOSSES, __all__)

"""Keras's metrics: those of `tg.training.metrics`, which have its names, arguments and results."""

from __future__ import annotations

from typing import Any

from tinygraph.keras.serialization import deserialize_named, serialize_named
from tinygraph.nn import initializers
from tinygraph.nn.defaults import generator_of
from tinygraph.training import metrics as ours
from tinygraph.training.metrics import (
    AUC,
    Accuracy,
    BinaryAccuracy,
    BinaryCrossentropy,
    BinaryIoU,
    CategoricalAccuracy,
    CategoricalCrossentropy,
    CategoricalHinge,
    CosineSimilarity,
    F1Score,
    FalseNegatives,
    FalsePositives,
    FBetaScore,
    Hinge,
    IoU,
    KLDivergence,
    LogCoshError,
    Mean,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanIoU,
    MeanMetricWrapper,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    OneHotIoU,
    OneHotMeanIoU,
    Poisson,
    Precision,
    PrecisionAtRecall,
    R2Score,
    Recall,
    RecallAtPrecision,
    RootMeanSquaredError,
    SensitivityAtSpecificity,
    SparseCategoricalAccuracy,
    SparseCategoricalCrossentropy,
    SparseTopKCategoricalAccuracy,
    SpecificityAtSensitivity,
    SquaredHinge,
    Sum,
    TopKCategoricalAccuracy,
    TrueNegatives,
    TruePositives,
    accuracy,
    binary_accuracy,
    categorical_accuracy,
    get,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)

__all__ = [
    "AUC",
    "Accuracy",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "BinaryIoU",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "CosineSimilarity",
    "F1Score",
    "FBetaScore",
    "FalseNegatives",
    "FalsePositives",
    "Hinge",
    "IoU",
    "KLDivergence",
    "LogCoshError",
    "Mean",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanIoU",
    "MeanMetricWrapper",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Metric",
    "OneHotIoU",
    "OneHotMeanIoU",
    "Poisson",
    "Precision",
    "PrecisionAtRecall",
    "R2Score",
    "Recall",
    "RecallAtPrecision",
    "RootMeanSquaredError",
    "SensitivityAtSpecificity",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "SpecificityAtSensitivity",
    "SquaredHinge",
    "Sum",
    "TopKCategoricalAccuracy",
    "TrueNegatives",
    "TruePositives",
    "accuracy",
    "binary_accuracy",
    "categorical_accuracy",
    "deserialize",
    "get",
    "serialize",
    "sparse_categorical_accuracy",
    "sparse_top_k_categorical_accuracy",
    "top_k_categorical_accuracy",
]


class Metric(ours.Metric):
    """The base of metrics of your own, with Keras's `add_variable` and `add_weight`."""

    def add_variable(  # type: ignore[override]
        self, shape: Any = (), initializer: Any = None, dtype: Any = None, aggregation: Any = None, name: Any = None
    ) -> Any:
        """Return a new sum, zeros of a shape, which `reset_state` sets to zero again.

        Args:
            shape: its shape.
            initializer: "zeros", or an initialiser; None for zeros.
            dtype, aggregation: ignored: the sums are float64.
            name: its name.
        """
        variable = super().add_variable(tuple(shape), name)
        if initializer not in (None, "zeros"):
            variable.assign(initializers.get(initializer)(tuple(shape), generator_of(None), variable.dtype))
        return variable

    def add_weight(
        self, shape: Any = (), initializer: Any = None, dtype: Any = None, name: Any = None, **options: Any
    ) -> Any:
        """Return a new sum: see `add_variable`."""
        return self.add_variable(shape, initializer, dtype, name=name)


def serialize(metric: Any) -> Any:
    """Return plain data that stand for a metric, as `keras.saving.serialize_keras_object` does; a function's name."""
    return serialize_named(metric, {name: globals()[name] for name in __all__})


def deserialize(config: Any, custom_objects: Any = None) -> Any:
    """Return the metric that plain data or a name stand for."""
    return deserialize_named(config, "keras.metrics", get, custom_objects)

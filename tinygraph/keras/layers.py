"""Keras's layers. All but those of `in_use` are the classes of `tinygraph.nn`."""

from __future__ import annotations

import sys
from typing import Any

from tinygraph.keras.in_use import (
    GRU,
    LSTM,
    Attention,
    BatchNormalization,
    Dropout,
    GaussianDropout,
    GaussianNoise,
    GRUCell,
    Layer,
    LSTMCell,
    MultiHeadAttention,
    RandomFlip,
    SimpleRNN,
    SimpleRNNCell,
    SpatialDropout1D,
    SpatialDropout2D,
)
from tinygraph.nn import (
    ELU,
    RNN,
    Activation,
    ActivityRegularization,
    Add,
    Average,
    AveragePooling1D,
    AveragePooling2D,
    Bidirectional,
    CategoryEncoding,
    Concatenate,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Cropping1D,
    Cropping2D,
    Dense,
    DepthwiseConv2D,
    Dot,
    Embedding,
    Flatten,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    GroupNormalization,
    Identity,
    Input,
    InputLayer,
    Lambda,
    LayerNormalization,
    LeakyReLU,
    Masking,
    Maximum,
    MaxPooling1D,
    MaxPooling2D,
    Minimum,
    Multiply,
    Normalization,
    Permute,
    PReLU,
    ReLU,
    RepeatVector,
    Rescaling,
    Reshape,
    RMSNormalization,
    SeparableConv2D,
    Softmax,
    StackedRNNCells,
    Subtract,
    TimeDistributed,
    UnitNormalization,
    UpSampling1D,
    UpSampling2D,
    ZeroPadding1D,
    ZeroPadding2D,
)

__all__ = [
    "ELU",
    "GRU",
    "LSTM",
    "RNN",
    "Activation",
    "ActivityRegularization",
    "Add",
    "Attention",
    "Average",
    "AveragePooling1D",
    "AveragePooling2D",
    "AvgPool1D",
    "AvgPool2D",
    "BatchNormalization",
    "Bidirectional",
    "CategoryEncoding",
    "Concatenate",
    "Conv1D",
    "Conv2D",
    "Conv2DTranspose",
    "Convolution1D",
    "Convolution2D",
    "Convolution2DTranspose",
    "Cropping1D",
    "Cropping2D",
    "Dense",
    "DepthwiseConv2D",
    "Dot",
    "Dropout",
    "Embedding",
    "Flatten",
    "GRUCell",
    "GaussianDropout",
    "GaussianNoise",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GroupNormalization",
    "Identity",
    "Input",
    "InputLayer",
    "LSTMCell",
    "Lambda",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "Masking",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPooling1D",
    "MaxPooling2D",
    "Maximum",
    "Minimum",
    "MultiHeadAttention",
    "Multiply",
    "Normalization",
    "PReLU",
    "Permute",
    "RMSNormalization",
    "RandomFlip",
    "ReLU",
    "RepeatVector",
    "Rescaling",
    "Reshape",
    "SeparableConv2D",
    "SimpleRNN",
    "SimpleRNNCell",
    "Softmax",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "StackedRNNCells",
    "Subtract",
    "TimeDistributed",
    "UnitNormalization",
    "UpSampling1D",
    "UpSampling2D",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "add",
    "average",
    "concatenate",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "subtract",
]


MaxPool1D, MaxPool2D, AvgPool1D, AvgPool2D = MaxPooling1D, MaxPooling2D, AveragePooling1D, AveragePooling2D
GlobalMaxPool1D, GlobalMaxPool2D = GlobalMaxPooling1D, GlobalMaxPooling2D
GlobalAvgPool1D, GlobalAvgPool2D = GlobalAveragePooling1D, GlobalAveragePooling2D
Convolution1D, Convolution2D, Convolution2DTranspose = Conv1D, Conv2D, Conv2DTranspose


def add(inputs: Any, **options: Any) -> Any:
    """Return the sum of batches: see `Add`."""
    return Add(**options)(inputs)


def subtract(inputs: Any, **options: Any) -> Any:
    """Return the difference of two batches: see `Subtract`."""
    return Subtract(**options)(inputs)


def multiply(inputs: Any, **options: Any) -> Any:
    """Return the product of batches: see `Multiply`."""
    return Multiply(**options)(inputs)


def average(inputs: Any, **options: Any) -> Any:
    """Return the mean of batches: see `Average`."""
    return Average(**options)(inputs)


def maximum(inputs: Any, **options: Any) -> Any:
    """Return the largest of the numbers of batches: see `Maximum`."""
    return Maximum(**options)(inputs)


def minimum(inputs: Any, **options: Any) -> Any:
    """Return the smallest of the numbers of batches: see `Minimum`."""
    return Minimum(**options)(inputs)


def concatenate(inputs: Any, axis: int = -1, **options: Any) -> Any:
    """Return batches joined along an axis: see `Concatenate`."""
    return Concatenate(axis, **options)(inputs)


def dot(inputs: Any, axes: Any, normalize: bool = False, **options: Any) -> Any:
    """Return the products of two batches, summed over axes: see `Dot`."""
    return Dot(axes, normalize, **options)(inputs)


def __getattr__(name: str) -> Any:
    from tinygraph.elsewhere import OF_NN, no_attribute

    raise AttributeError(
        no_attribute(f"module {__name__!r}", name, OF_NN, __all__), name=name, obj=sys.modules[__name__]
    )

"""Layers of networks. Names, arguments and defaults are those of Keras; images are (batch, height, width, channels).

A layer is an ordinary object whose attributes hold its weights as Tensors. It makes the weights at its first batch,
whose last axis gives the number of inputs. They are float32 unless told otherwise. In a picture each layer is a box.

    model = tg.nn.Sequential([tg.nn.Dense(128, activation="relu"), tg.nn.Dropout(0.2), tg.nn.Dense(10)])
    logits = model(x)
    model.parameters()
"""

from typing import Any

from tinygraph.nn import activations as activations
from tinygraph.nn import constraints as constraints
from tinygraph.nn import initializers as initializers
from tinygraph.nn import regularizers as regularizers
from tinygraph.nn.activation_layers import ELU, Activation, ActivityRegularization, LeakyReLU, PReLU, ReLU, Softmax
from tinygraph.nn.adaptive_pooling import (
    AdaptiveAveragePooling1D,
    AdaptiveAveragePooling2D,
    AdaptiveAveragePooling3D,
    AdaptiveMaxPooling1D,
    AdaptiveMaxPooling2D,
    AdaptiveMaxPooling3D,
)
from tinygraph.nn.arguments import register
from tinygraph.nn.attention import AdditiveAttention, Attention, MultiHeadAttention
from tinygraph.nn.augmentation import RandomPerspective, RandomRotation, RandomShear, RandomTranslation, RandomZoom
from tinygraph.nn.blurring import RandomGaussianBlur, RandomSharpness
from tinygraph.nn.cells import StackedRNNCells
from tinygraph.nn.colours import (
    RandomColorDegeneration,
    RandomColorJitter,
    RandomGrayscale,
    RandomHue,
    RandomSaturation,
)
from tinygraph.nn.convolution import Conv1D, Conv1DTranspose, Conv2D, Conv2DTranspose, Conv3D, Conv3DTranspose
from tinygraph.nn.convolutional_recurrent import ConvLSTM1D, ConvLSTM2D, ConvLSTM3D
from tinygraph.nn.defaults import floatx, set_floatx, set_seed
from tinygraph.nn.dense import Dense, Embedding
from tinygraph.nn.depthwise import DepthwiseConv1D, DepthwiseConv2D, SeparableConv1D, SeparableConv2D
from tinygraph.nn.dropout import (
    AlphaDropout,
    Dropout,
    GaussianDropout,
    GaussianNoise,
    SpatialDropout1D,
    SpatialDropout2D,
    SpatialDropout3D,
)
from tinygraph.nn.einsum_dense import EinsumDense
from tinygraph.nn.functions_as_layers import Identity, Lambda, Masking, Rescaling
from tinygraph.nn.gated import GRU, LSTM, GRUCell, LSTMCell
from tinygraph.nn.grouped_attention import GroupQueryAttention
from tinygraph.nn.hashing import HashedCrossing, Hashing
from tinygraph.nn.image_sizes import CenterCrop, RandomCrop, Resizing
from tinygraph.nn.inputs import Input, InputLayer
from tinygraph.nn.layer import Layer
from tinygraph.nn.lookups import IntegerLookup, StringLookup, TextVectorization
from tinygraph.nn.margins import (
    Cropping1D,
    Cropping2D,
    Cropping3D,
    ZeroPadding1D,
    ZeroPadding2D,
    ZeroPadding3D,
)
from tinygraph.nn.merging import Add, Average, Concatenate, Dot, Maximum, Minimum, Multiply, Subtract
from tinygraph.nn.mixing import CutMix, MixUp, RandomErasing
from tinygraph.nn.model import Model
from tinygraph.nn.model_files import clone_model, load_model, load_weights, model_from_json, save_weights
from tinygraph.nn.module import Module
from tinygraph.nn.normalization import BatchNormalization
from tinygraph.nn.normalization_of_examples import (
    GroupNormalization,
    LayerNormalization,
    RMSNormalization,
    UnitNormalization,
)
from tinygraph.nn.pooling import (
    AveragePooling1D,
    AveragePooling2D,
    AveragePooling3D,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalAveragePooling3D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    GlobalMaxPooling3D,
    MaxPooling1D,
    MaxPooling2D,
    MaxPooling3D,
)
from tinygraph.nn.preprocessing import CategoryEncoding, Discretization, Normalization, RandomFlip
from tinygraph.nn.rand_augment import RandAugment
from tinygraph.nn.recurrent import RNN, SimpleRNN, SimpleRNNCell
from tinygraph.nn.reshaping import Flatten, Permute, RepeatVector, Reshape
from tinygraph.nn.sequential import Sequential
from tinygraph.nn.spectral import SpectralNormalization
from tinygraph.nn.tones import (
    AutoContrast,
    Equalization,
    RandomBrightness,
    RandomContrast,
    RandomInvert,
    RandomPosterization,
    Solarization,
)
from tinygraph.nn.upsampling import UpSampling1D, UpSampling2D, UpSampling3D
from tinygraph.nn.wrappers import Bidirectional, TimeDistributed, Wrapper

__all__ = [
    "ELU",
    "GRU",
    "LSTM",
    "RNN",
    "Activation",
    "ActivityRegularization",
    "AdaptiveAveragePooling1D",
    "AdaptiveAveragePooling2D",
    "AdaptiveAveragePooling3D",
    "AdaptiveMaxPooling1D",
    "AdaptiveMaxPooling2D",
    "AdaptiveMaxPooling3D",
    "Add",
    "AdditiveAttention",
    "AlphaDropout",
    "Attention",
    "AutoContrast",
    "Average",
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "BatchNormalization",
    "Bidirectional",
    "CategoryEncoding",
    "CenterCrop",
    "Concatenate",
    "Conv1D",
    "Conv1DTranspose",
    "Conv2D",
    "Conv2DTranspose",
    "Conv3D",
    "Conv3DTranspose",
    "ConvLSTM1D",
    "ConvLSTM2D",
    "ConvLSTM3D",
    "Cropping1D",
    "Cropping2D",
    "Cropping3D",
    "CutMix",
    "Dense",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "Discretization",
    "Dot",
    "Dropout",
    "EinsumDense",
    "Embedding",
    "Equalization",
    "Flatten",
    "GRUCell",
    "GaussianDropout",
    "GaussianNoise",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAveragePooling3D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GlobalMaxPooling3D",
    "GroupNormalization",
    "GroupQueryAttention",
    "HashedCrossing",
    "Hashing",
    "Identity",
    "Input",
    "InputLayer",
    "IntegerLookup",
    "LSTMCell",
    "Lambda",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "Masking",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
    "Maximum",
    "Minimum",
    "MixUp",
    "Model",
    "Module",
    "MultiHeadAttention",
    "Multiply",
    "Normalization",
    "PReLU",
    "Permute",
    "RMSNormalization",
    "RandAugment",
    "RandomBrightness",
    "RandomColorDegeneration",
    "RandomColorJitter",
    "RandomContrast",
    "RandomCrop",
    "RandomErasing",
    "RandomFlip",
    "RandomGaussianBlur",
    "RandomGrayscale",
    "RandomHue",
    "RandomInvert",
    "RandomPerspective",
    "RandomPosterization",
    "RandomRotation",
    "RandomSaturation",
    "RandomSharpness",
    "RandomShear",
    "RandomTranslation",
    "RandomZoom",
    "ReLU",
    "RepeatVector",
    "Rescaling",
    "Reshape",
    "Resizing",
    "SeparableConv1D",
    "SeparableConv2D",
    "Sequential",
    "SimpleRNN",
    "SimpleRNNCell",
    "Softmax",
    "Solarization",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
    "SpectralNormalization",
    "StackedRNNCells",
    "StringLookup",
    "Subtract",
    "TextVectorization",
    "TimeDistributed",
    "UnitNormalization",
    "UpSampling1D",
    "UpSampling2D",
    "UpSampling3D",
    "Wrapper",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "ZeroPadding3D",
    "clone_model",
    "floatx",
    "load_model",
    "load_weights",
    "model_from_json",
    "register",
    "save_weights",
    "set_floatx",
    "set_seed",
]


def __getattr__(name: str) -> Any:
    from tinygraph.elsewhere import absent_in_nn

    raise absent_in_nn(name, __all__)

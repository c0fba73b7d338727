"""The layers that do something else in training, as Keras has them: they train in `fit`, and with `training=True`.

A layer of `tinygraph.nn` trains unless told otherwise, as PyTorch's do; one of Keras's is in use unless told otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from tinygraph import nn
from tinygraph.engine.tensor import Tensor
from tinygraph.nn.layer_names import unused

__all__ = [
    "GRU",
    "LSTM",
    "AdditiveAttention",
    "AlphaDropout",
    "Attention",
    "BatchNormalization",
    "ConvLSTM1D",
    "ConvLSTM2D",
    "ConvLSTM3D",
    "CutMix",
    "Dropout",
    "Equalization",
    "GRUCell",
    "GaussianDropout",
    "GaussianNoise",
    "GroupQueryAttention",
    "LSTMCell",
    "Layer",
    "MixUp",
    "Model",
    "MultiHeadAttention",
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
    "Sequential",
    "SimpleRNN",
    "SimpleRNNCell",
    "Solarization",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
    "SpectralNormalization",
    "Wrapper",
]


class _WithAddWeight:
    """Keras's `add_weight`, for layers and models."""

    def add_weight(
        self,
        shape: Sequence[int] | None = None,
        initializer: Any = "glorot_uniform",
        dtype: Any = None,
        trainable: bool = True,
        regularizer: Callable[[Any], Any] | None = None,
        constraint: Callable[[Any], Any] | None = None,
        name: str | None = None,
    ) -> Tensor:
        """Make a weight. Assign it to an attribute of the layer.

        Args:
            shape: its shape; a number if None.
            initializer: a name, or an object of `keras.initializers`.
            dtype: the layer's; it must be None or the same.
            trainable: it requires a gradient, if the layer is trainable.
            regularizer, constraint: functions of the weight.
            name: its name in the layer.
        """
        if name is None:
            taken = {*self._regularizers, *self._constraints, *(self._frozen or ())}  # type: ignore[attr-defined]
            name = unused("weight", taken)
        shape = tuple(shape or ())
        rules = initializer, trainable, regularizer, constraint
        return cast(Tensor, self.weight(name, shape, *rules))  # type: ignore[attr-defined]

    add_variable = add_weight


class Layer(_WithAddWeight, nn.Layer):
    """`tinygraph.nn.Layer`, with Keras's `add_weight`."""

    trains = False


class Model(_WithAddWeight, nn.Model):
    """`tinygraph.nn.Model`, in use unless told otherwise."""

    trains = False


class Sequential(_WithAddWeight, nn.Sequential):
    """`tinygraph.nn.Sequential`, in use unless told otherwise."""

    trains = False


class Dropout(nn.Dropout):
    """`tinygraph.nn.Dropout`, in use unless told otherwise."""

    trains = False


class SpatialDropout1D(nn.SpatialDropout1D):
    """`tinygraph.nn.SpatialDropout1D`, in use unless told otherwise."""

    trains = False


class SpatialDropout2D(nn.SpatialDropout2D):
    """`tinygraph.nn.SpatialDropout2D`, in use unless told otherwise."""

    trains = False


class AlphaDropout(nn.AlphaDropout):
    """`tinygraph.nn.AlphaDropout`, in use unless told otherwise."""

    trains = False


class SpatialDropout3D(nn.SpatialDropout3D):
    """`tinygraph.nn.SpatialDropout3D`, in use unless told otherwise."""

    trains = False


class GaussianNoise(nn.GaussianNoise):
    """`tinygraph.nn.GaussianNoise`, in use unless told otherwise."""

    trains = False


class GaussianDropout(nn.GaussianDropout):
    """`tinygraph.nn.GaussianDropout`, in use unless told otherwise."""

    trains = False


class RandomBrightness(nn.RandomBrightness):
    """`tinygraph.nn.RandomBrightness`, in use unless told otherwise."""

    trains = False


class RandomContrast(nn.RandomContrast):
    """`tinygraph.nn.RandomContrast`, in use unless told otherwise."""

    trains = False


class RandomRotation(nn.RandomRotation):
    """`tinygraph.nn.RandomRotation`, in use unless told otherwise."""

    trains = False


class RandomTranslation(nn.RandomTranslation):
    """`tinygraph.nn.RandomTranslation`, in use unless told otherwise."""

    trains = False


class RandomZoom(nn.RandomZoom):
    """`tinygraph.nn.RandomZoom`, in use unless told otherwise."""

    trains = False


class RandomFlip(nn.RandomFlip):
    """`tinygraph.nn.RandomFlip`, in use unless told otherwise."""

    trains = False


class BatchNormalization(nn.BatchNormalization):
    """`tinygraph.nn.BatchNormalization`, in use unless told otherwise."""

    trains = False


class SimpleRNN(nn.SimpleRNN):
    """`tinygraph.nn.SimpleRNN`, in use unless told otherwise."""

    trains = False


class LSTM(nn.LSTM):
    """`tinygraph.nn.LSTM`, in use unless told otherwise."""

    trains = False


class GRU(nn.GRU):
    """`tinygraph.nn.GRU`, in use unless told otherwise."""

    trains = False


class SimpleRNNCell(nn.SimpleRNNCell):
    """`tinygraph.nn.SimpleRNNCell`, in use unless told otherwise."""

    trains = False


class LSTMCell(nn.LSTMCell):
    """`tinygraph.nn.LSTMCell`, in use unless told otherwise."""

    trains = False


class GRUCell(nn.GRUCell):
    """`tinygraph.nn.GRUCell`, in use unless told otherwise."""

    trains = False


class Attention(nn.Attention):
    """`tinygraph.nn.Attention`, in use unless told otherwise."""

    trains = False


class AdditiveAttention(nn.AdditiveAttention):
    """`tinygraph.nn.AdditiveAttention`, in use unless told otherwise."""

    trains = False


class GroupQueryAttention(nn.GroupQueryAttention):
    """`tinygraph.nn.GroupQueryAttention`, in use unless told otherwise."""

    trains = False


class MultiHeadAttention(nn.MultiHeadAttention):
    """`tinygraph.nn.MultiHeadAttention`, in use unless told otherwise."""

    trains = False


class RandomCrop(nn.RandomCrop):
    """`tinygraph.nn.RandomCrop`, in use unless told otherwise."""

    trains = False


class SpectralNormalization(nn.SpectralNormalization):
    """`tinygraph.nn.SpectralNormalization`, in use unless told otherwise."""

    trains = False


class ConvLSTM1D(nn.ConvLSTM1D):
    """`tinygraph.nn.ConvLSTM1D`, in use unless told otherwise."""

    trains = False


class ConvLSTM2D(nn.ConvLSTM2D):
    """`tinygraph.nn.ConvLSTM2D`, in use unless told otherwise."""

    trains = False


class ConvLSTM3D(nn.ConvLSTM3D):
    """`tinygraph.nn.ConvLSTM3D`, in use unless told otherwise."""

    trains = False


class Wrapper(nn.Wrapper):
    """`tinygraph.nn.Wrapper`, in use unless told otherwise."""

    trains = False


class RandomPerspective(nn.RandomPerspective):
    """`tinygraph.nn.RandomPerspective`, in use unless told otherwise."""

    trains = False


class RandomShear(nn.RandomShear):
    """`tinygraph.nn.RandomShear`, in use unless told otherwise."""

    trains = False


class RandomSharpness(nn.RandomSharpness):
    """`tinygraph.nn.RandomSharpness`, in use unless told otherwise."""

    trains = False


class RandomGaussianBlur(nn.RandomGaussianBlur):
    """`tinygraph.nn.RandomGaussianBlur`, in use unless told otherwise."""

    trains = False


class RandomColorDegeneration(nn.RandomColorDegeneration):
    """`tinygraph.nn.RandomColorDegeneration`, in use unless told otherwise."""

    trains = False


class RandomColorJitter(nn.RandomColorJitter):
    """`tinygraph.nn.RandomColorJitter`, in use unless told otherwise."""

    trains = False


class RandomGrayscale(nn.RandomGrayscale):
    """`tinygraph.nn.RandomGrayscale`, in use unless told otherwise."""

    trains = False


class RandomHue(nn.RandomHue):
    """`tinygraph.nn.RandomHue`, in use unless told otherwise."""

    trains = False


class RandomSaturation(nn.RandomSaturation):
    """`tinygraph.nn.RandomSaturation`, in use unless told otherwise."""

    trains = False


class Equalization(nn.Equalization):
    """`tinygraph.nn.Equalization`, in use unless told otherwise."""

    trains = False


class RandomInvert(nn.RandomInvert):
    """`tinygraph.nn.RandomInvert`, in use unless told otherwise."""

    trains = False


class RandomPosterization(nn.RandomPosterization):
    """`tinygraph.nn.RandomPosterization`, in use unless told otherwise."""

    trains = False


class Solarization(nn.Solarization):
    """`tinygraph.nn.Solarization`, in use unless told otherwise."""

    trains = False


class RandomErasing(nn.RandomErasing):
    """`tinygraph.nn.RandomErasing`, in use unless told otherwise."""

    trains = False


class MixUp(nn.MixUp):
    """`tinygraph.nn.MixUp`, in use unless told otherwise."""

    trains = False


class CutMix(nn.CutMix):
    """`tinygraph.nn.CutMix`, in use unless told otherwise."""

    trains = False


class RandAugment(nn.RandAugment):
    """`tinygraph.nn.RandAugment`, in use unless told otherwise."""

    trains = False

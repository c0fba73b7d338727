"""Keras under Keras's names: `from tinygraph import keras` in place of `import keras`.

The substance is `tinygraph.nn`, `tinygraph.optim`, `tinygraph.training` and `tinygraph.data`. Two things are Keras's
here and not there: layers that do something else in training, such as Dropout, train in `fit` and with `training=True`
alone; and `keras.losses` clips probabilities.

    model = keras.Sequential([keras.Input((28, 28)), keras.layers.Flatten(), keras.layers.Dense(10)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    model.fit(x_train, y_train, epochs=5)
"""

import sys
from typing import Any

import tinygraph.keras.activations as activations
import tinygraph.keras.backend as backend
import tinygraph.keras.callbacks as callbacks
import tinygraph.keras.config as config
import tinygraph.keras.constraints as constraints
import tinygraph.keras.datasets as datasets
import tinygraph.keras.initializers as initializers
import tinygraph.keras.layers as layers
import tinygraph.keras.losses as losses
import tinygraph.keras.metrics as metrics
import tinygraph.keras.models as models
import tinygraph.keras.ops as ops
import tinygraph.keras.optimizers as optimizers
import tinygraph.keras.preprocessing as preprocessing
import tinygraph.keras.random as random
import tinygraph.keras.regularizers as regularizers
import tinygraph.keras.saving as saving
import tinygraph.keras.tree as tree
import tinygraph.keras.utils as utils
from tinygraph.keras.in_use import Layer, Model, Sequential
from tinygraph.keras.initializers import Initializer
from tinygraph.keras.losses import Loss
from tinygraph.keras.metrics import Metric
from tinygraph.keras.regularizers import Regularizer
from tinygraph.keras.variables import Variable
from tinygraph.nn import Input
from tinygraph.nn.symbolic import Symbol as KerasTensor
from tinygraph.optim import Optimizer

__all__ = [
    "Initializer",
    "Input",
    "KerasTensor",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "Optimizer",
    "Regularizer",
    "Sequential",
    "Variable",
    "activations",
    "backend",
    "callbacks",
    "config",
    "constraints",
    "datasets",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "ops",
    "optimizers",
    "preprocessing",
    "random",
    "regularizers",
    "saving",
    "tree",
    "utils",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return sys.modules["tinygraph"].__version__
    from tinygraph.elsewhere import OF_KERAS, absent

    raise absent(__name__, name, OF_KERAS, __all__)

"""Elsewhere: answers to those who know PyTorch, Keras, JAX or autograd, and write a name that tinygraph does not have.

    >>> import tinygraph as tg
    >>> tg.nn.Linear(3)
    Traceback (most recent call last):
    AttributeError: module 'tinygraph.nn' has no attribute 'Linear'. Write tg.nn.Dense(3)

The files:

    tables      the names, and the code that does the same here
    missing     messages for names that are not there
    keywords    messages for arguments that a class or a transform does not take
"""

from tinygraph.elsewhere.keywords import OF_TRANSFORMS, check_transform_keywords, checked
from tinygraph.elsewhere.missing import (
    Late,
    absent,
    absent_in_nn,
    absent_in_numpy,
    absent_in_tinygraph,
    meant,
    no_attribute,
    no_attribute_of_tensor,
)
from tinygraph.elsewhere.tables import (
    OF_DATA,
    OF_DRAWING,
    OF_KERAS,
    OF_KERAS_CALLBACKS,
    OF_KERAS_LOSSES,
    OF_KERAS_OPS,
    OF_KERAS_UTILS,
    OF_MODULE,
    OF_NN,
    OF_OPTIM,
    OF_OPTIMIZER,
    OF_TENSOR,
    OF_TINYGRAPH,
)

__all__ = [
    "OF_DATA",
    "OF_DRAWING",
    "OF_KERAS",
    "OF_KERAS_CALLBACKS",
    "OF_KERAS_LOSSES",
    "OF_KERAS_OPS",
    "OF_KERAS_UTILS",
    "OF_MODULE",
    "OF_NN",
    "OF_OPTIM",
    "OF_OPTIMIZER",
    "OF_TENSOR",
    "OF_TINYGRAPH",
    "OF_TRANSFORMS",
    "Late", "absent", "absent_in_nn", "absent_in_numpy", "absent_in_tinygraph", "check_transform_keywords", "checked",
    "meant", "no_attribute", "no_attribute_of_tensor",
]  # fmt: skip

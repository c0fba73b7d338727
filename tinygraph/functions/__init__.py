"""Functions that networks need and NumPy lacks, computed stably. Each is one operation of the graph, or one scope."""

from tinygraph.functions.activations import elu, gelu, leaky_relu, relu, sigmoid, silu, softplus
from tinygraph.functions.convolution import conv2d
from tinygraph.functions.logits import log_softmax, logsumexp, one_hot, softmax
from tinygraph.functions.losses import binary_cross_entropy, cross_entropy
from tinygraph.functions.pooling import avg_pool2d, max_pool2d

__all__ = [
    "avg_pool2d",
    "binary_cross_entropy",
    "conv2d",
    "cross_entropy",
    "elu",
    "gelu",
    "leaky_relu",
    "log_softmax",
    "logsumexp",
    "max_pool2d",
    "one_hot",
    "relu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
]

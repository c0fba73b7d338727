"""Functions that networks need and NumPy lacks, computed stably. Each is one operation of the graph, or one scope.

activations    the elementwise functions between the layers of a network
logits         softmax and its relatives
losses         the distance of predictions from the truth
underlying     logits under probabilities, for losses
means          means over many examples
checks         checks of values in a graph

windows        windows that move over images: strides, padding, dilation
columns        windows copied out as columns of a matrix, and added back
convolution    convolution of images, and its two derivatives
by_channel     convolution of each channel by itself
pooling        the largest or the mean of the pixels in each window
pools          the work of pooling
"""

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

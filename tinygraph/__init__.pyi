"""The public names for type checkers: those of `_PUBLIC` in `__init__.py`, and where each lives."""

from tinygraph import data as data
from tinygraph import distributed as distributed
from tinygraph import draws as draws
from tinygraph import export as export
from tinygraph import keras as keras
from tinygraph import nn as nn
from tinygraph import numpy as numpy
from tinygraph import optim as optim
from tinygraph import testing as testing
from tinygraph import training as training
from tinygraph.compiler.compiled import Compiled as Compiled
from tinygraph.compiler.compiled import compile as compile  # noqa: A004 - the name users know
from tinygraph.drawing import Animation as Animation
from tinygraph.drawing import Drawing as Drawing
from tinygraph.drawing import animate as animate
from tinygraph.drawing import diff as diff
from tinygraph.drawing import draw as draw
from tinygraph.drawing.health_report import health as health
from tinygraph.engine.modes import detect_nonfinite as detect_nonfinite
from tinygraph.engine.modes import enable_grad as enable_grad
from tinygraph.engine.modes import no_grad as no_grad
from tinygraph.engine.modes import scope as scope
from tinygraph.engine.primitives import primitive as primitive
from tinygraph.engine.tensor import Tensor as Tensor
from tinygraph.errors import GraphError as GraphError
from tinygraph.errors import NonFiniteError as NonFiniteError
from tinygraph.errors import ShapeError as ShapeError
from tinygraph.errors import UnsupportedError as UnsupportedError
from tinygraph.explaining import explain as explain
from tinygraph.functions import avg_pool2d as avg_pool2d
from tinygraph.functions import binary_cross_entropy as binary_cross_entropy
from tinygraph.functions import conv2d as conv2d
from tinygraph.functions import cross_entropy as cross_entropy
from tinygraph.functions import elu as elu
from tinygraph.functions import gelu as gelu
from tinygraph.functions import leaky_relu as leaky_relu
from tinygraph.functions import log_softmax as log_softmax
from tinygraph.functions import logsumexp as logsumexp
from tinygraph.functions import max_pool2d as max_pool2d
from tinygraph.functions import one_hot as one_hot
from tinygraph.functions import relu as relu
from tinygraph.functions import sigmoid as sigmoid
from tinygraph.functions import silu as silu
from tinygraph.functions import softmax as softmax
from tinygraph.functions import softplus as softplus
from tinygraph.graph import Difference as Difference
from tinygraph.graph import Graph as Graph
from tinygraph.graph import Node as Node
from tinygraph.transforms import checkpoint as checkpoint
from tinygraph.transforms import grad as grad
from tinygraph.transforms import hessian as hessian
from tinygraph.transforms import hvp as hvp
from tinygraph.transforms import jacobian as jacobian
from tinygraph.transforms import jvp as jvp
from tinygraph.transforms import trace as trace
from tinygraph.transforms import value_and_grad as value_and_grad
from tinygraph.transforms import vjp as vjp

__all__: list[str]
__version__: str

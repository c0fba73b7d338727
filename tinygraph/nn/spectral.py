"""SpectralNormalization: a layer around a layer that holds the kernel inside to a spectral norm of 1."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph import bounds
from tinygraph.engine.tensor import Tensor
from tinygraph.nn.initializers import TruncatedNormal
from tinygraph.nn.wrappers import Wrapper

__all__ = ["SpectralNormalization"]


class SpectralNormalization(Wrapper):
    """A layer whose kernel has a largest singular value of about 1: in training it is divided by that value.

    The quotient is the kernel from then on, and the gradient is that by the quotient, as in Keras on PyTorch. On JAX,
    `fit` of Keras leaves the kernel as it is, and its gradient goes through the division.

    Args:
        layer: with a `kernel` or `embeddings`.
        power_iterations: how often the largest singular vector is improved at each batch.
        name: see `Layer`.

    Attributes:
        kernel: that of the layer inside, or its embeddings.
        vector_u: Tensor of shape (1, columns of the kernel): the singular vector, which requires no gradient.

    Raises:
        ValueError: `layer` has no kernel, or `power_iterations` is not positive.

    Source: Miyato, Kataoka, Koyama and Yoshida, "Spectral normalization for generative adversarial networks" (2018),
    algorithm 1, with the defaults of `keras.layers.SpectralNormalization`.
    """

    kernel: Tensor
    vector_u: Tensor

    def __init__(self, layer: Any, power_iterations: int = 1, **options: Any) -> None:
        super().__init__(layer, **options)
        self.power_iterations = bounds.whole("SpectralNormalization", "power_iterations", power_iterations, least=1)

    def build(self, shape: Any) -> None:
        """See `Layer.build`."""
        super().build(shape)
        kernel = getattr(self.layer, "kernel", getattr(self.layer, "embeddings", None))
        if not isinstance(kernel, Tensor):
            raise ValueError(f'SpectralNormalization: the layer "{self.layer.name}" has no kernel and no embeddings')
        self.kernel = kernel
        self.vector_u = self.weight("vector_u", (1, kernel.shape[-1]), TruncatedNormal(stddev=0.02), trainable=False)

    def call(self, x: Any) -> Any:
        """See the class."""
        if self.training:
            self._normalize(self.kernel)
        return self.layer(x)

    def _normalize(self, kernel: Tensor) -> None:
        """Improve the singular vector, and divide the kernel by its singular value."""
        value = kernel.data
        matrix, u = value.reshape(-1, value.shape[-1]), self.vector_u.data
        v = u
        for _ in range(self.power_iterations):
            v = _unit(u @ matrix.T)
            u = _unit(v @ matrix)
        size = (v @ matrix @ u.T).reshape(())
        is_zero = np.all(value == 0)
        kernel.assign(np.where(is_zero, value, value / np.where(is_zero, value.dtype.type(1), size)))
        self.vector_u.assign(np.where(is_zero, self.vector_u.data, u))


def _unit(vector: Any) -> Any:
    """Return a vector of length 1; a length below 1e-12 counts as 1e-12, as in Keras."""
    return vector / np.maximum(np.sqrt(np.sum(vector * vector)), 1e-12)

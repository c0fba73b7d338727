"""The libraries that are compared, and the words of each for the functions that networks are written with.

A process imports its own library alone: another one's threads and settings of memory would count against it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

OURS = "tinygraph"
EAGER = "tinygraph, eager"
FAST = "tinygraph, fast"  # compile(fast=True), with numba


@dataclass(frozen=True)
class Library:
    """One library, in one mode.

    Attributes:
        family: the words that its spellings are written in.
        package: its distribution, for the report of versions.
        python: the name under which `--python` gives its Python.
        variables: set before its process starts.
        eager: it computes each call as it is made, so that it is compared with tinygraph's eager mode.
    """

    family: str
    package: str
    python: str
    variables: dict[str, str] = field(default_factory=dict)
    eager: bool = False


LIBRARIES: dict[str, Library] = {
    OURS: Library("numpy", "tinygraph", "tinygraph"),
    EAGER: Library("numpy", "tinygraph", "tinygraph", eager=True),
    FAST: Library("numpy", "numba", "fast"),
    "NumPy by hand": Library("by hand", "numpy", "numpy"),
    "torch": Library("torch", "torch", "torch", eager=True),
    "torch.compile": Library("torch", "torch", "torch"),
    "jax.jit": Library("jax", "jax", "jax"),
    "Keras on jax": Library("keras", "keras", "jax", {"KERAS_BACKEND": "jax"}),
    "Keras on torch": Library("keras", "keras", "torch", {"KERAS_BACKEND": "torch"}),
    "micrograd": Library("micrograd", "micrograd", "micrograd", eager=True),
    "mygrad": Library("mygrad", "mygrad", "mygrad", eager=True),
    "autograd": Library("autograd", "autograd", "autograd", eager=True),
}


def _numpy() -> SimpleNamespace:
    import numpy as np

    import tinygraph as tg
    import tinygraph.numpy

    return SimpleNamespace(
        exp=np.exp, log=np.log, tanh=np.tanh, sin=np.sin, log1p=np.log1p, sqrt=np.sqrt, mean=np.mean, sum=np.sum,
        where=np.where, concatenate=np.concatenate, matmul=np.matmul, einsum=np.einsum, zeros=tinygraph.numpy.zeros,
        sigmoid=tg.sigmoid, relu=tg.relu, softmax=tg.softmax, softplus=tg.softplus, maximum=np.maximum,
        conv2d=tg.conv2d, max_pool2d=tg.max_pool2d, leaky_relu=lambda x: tg.leaky_relu(x, 0.2),
        stop=lambda x: x.detach(), drawn=lambda shares, uniform: (uniform < shares).astype(np.float32),
        cross_entropy=lambda logits, y: tg.cross_entropy(logits, y, from_logits=True),
    )  # fmt: skip


def _jax() -> SimpleNamespace:
    import jax
    import jax.numpy as jnp

    def cross_entropy(logits: Any, y: Any) -> Any:
        log_shares = jax.nn.log_softmax(logits)
        if y.ndim < logits.ndim:
            return -jnp.mean(jnp.take_along_axis(log_shares, y[..., None], -1))
        return -jnp.mean(jnp.sum(y * log_shares, axis=-1))

    return SimpleNamespace(
        exp=jnp.exp, log=jnp.log, tanh=jnp.tanh, sin=jnp.sin, log1p=jnp.log1p, sqrt=jnp.sqrt, mean=jnp.mean,
        sum=jnp.sum, where=jnp.where, concatenate=jnp.concatenate, matmul=jnp.matmul, einsum=jnp.einsum,
        zeros=jnp.zeros, sigmoid=jax.nn.sigmoid, relu=jax.nn.relu, softmax=jax.nn.softmax, softplus=jax.nn.softplus,
        leaky_relu=lambda x: jax.nn.leaky_relu(x, 0.2), stop=jax.lax.stop_gradient,
        drawn=lambda shares, uniform: (uniform < shares).astype(jnp.float32),
        maximum=jnp.maximum, cross_entropy=cross_entropy, split=jnp.split,
    )  # fmt: skip


def _torch() -> SimpleNamespace:
    import torch

    functional = torch.nn.functional

    def cross_entropy(logits: Any, y: Any) -> Any:
        if y.dtype == torch.int64:
            return functional.cross_entropy(logits.reshape(-1, logits.shape[-1]), y.reshape(-1))
        return functional.cross_entropy(logits, y)

    return SimpleNamespace(
        exp=torch.exp, log=torch.log, tanh=torch.tanh, sin=torch.sin, log1p=torch.log1p, sqrt=torch.sqrt,
        mean=torch.mean, sum=torch.sum, where=torch.where, concatenate=torch.cat, matmul=torch.matmul,
        einsum=torch.einsum, zeros=lambda shape: torch.zeros(shape, dtype=torch.float64),
        sigmoid=torch.sigmoid, relu=torch.relu, softmax=lambda x: torch.softmax(x, -1), softplus=functional.softplus,
        leaky_relu=lambda x: functional.leaky_relu(x, 0.2), stop=lambda x: x.detach(),
        drawn=lambda shares, uniform: (uniform < shares).float(),
        maximum=torch.maximum, cross_entropy=cross_entropy, functional=functional, empty=torch.zeros,
    )  # fmt: skip


def _mygrad() -> SimpleNamespace:
    import mygrad

    return SimpleNamespace(tanh=mygrad.tanh, exp=mygrad.exp, relu=lambda x: mygrad.maximum(x, 0.0))


def _autograd() -> SimpleNamespace:
    import autograd.numpy

    return SimpleNamespace(tanh=autograd.numpy.tanh, exp=autograd.numpy.exp)


def _micrograd() -> SimpleNamespace:
    return SimpleNamespace(relu=lambda value: value.relu())


WORDS: dict[str, Callable[[], SimpleNamespace]] = {
    "numpy": _numpy, "jax": _jax, "torch": _torch, "mygrad": _mygrad, "autograd": _autograd, "micrograd": _micrograd,
}  # fmt: skip

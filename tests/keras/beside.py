"""Keras's numbers beside ours: values and gradients of a function or a layer, whatever Keras's backend is."""

from __future__ import annotations

import os

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "jax")


def keras():
    """Return Keras with float64; the test is skipped where there is none."""
    module = pytest.importorskip("keras", reason="keras is not installed; other tests hold the numbers")
    if module.backend.backend() == "jax":
        import jax

        jax.config.update("jax_enable_x64", True)
    return module


def weighed(shape):
    """Return cotangents for a result of this shape, all different."""
    return np.cos(np.arange(1.0, np.prod(shape) + 1)).reshape(shape)


def pulled(function, *arrays):
    """Return the value of a function of Keras's tensors, and the gradients of the weighed sum by the arrays."""
    if keras().backend.backend() == "jax":
        import jax

        value, pull = jax.vjp(function, *map(jax.numpy.asarray, arrays))
        gradients = pull(jax.numpy.asarray(weighed(value.shape), value.dtype))
        return np.asarray(value), [np.asarray(item) for item in gradients]
    import torch

    tensors = [torch.tensor(item, requires_grad=True) for item in arrays]
    value = function(*tensors)
    (value * torch.tensor(weighed(tuple(value.shape)), dtype=value.dtype)).sum().backward()
    return value.detach().numpy(), [
        np.zeros_like(item) if tensor.grad is None else tensor.grad.numpy()
        for item, tensor in zip(arrays, tensors, strict=True)
    ]


def of_layer(layer, x, weights, **options):
    """Return the value of a layer of Keras, and the gradients by the batch and by its weights.

    Args:
        layer: the layer, not built.
        x: a batch.
        weights: the values of its trainable weights by name, in any order.
        options: more arguments of the call.
    """
    layer.build(x.shape)
    variables = layer.trainable_variables
    assert {variable.name: variable.shape for variable in variables} == {
        name: item.shape for name, item in weights.items()
    }
    given = [weights[variable.name] for variable in variables]
    if keras().backend.backend() == "jax":

        def call(x, *values):
            return layer.stateless_call(values, [item.value for item in layer.non_trainable_variables], x, **options)[0]

        value, (by_x, *by_weights) = pulled(call, x, *given)
    else:
        for variable, item in zip(variables, given, strict=True):
            variable.assign(item)
        value, (by_x,) = pulled(lambda x: layer(x, **options), x)
        by_weights = [variable.value.grad.numpy() for variable in variables]
    names = [variable.name for variable in variables]
    return value, by_x, dict(zip(names, by_weights, strict=True))

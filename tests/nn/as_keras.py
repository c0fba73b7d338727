"""One layer twice, ours and Keras's: the same weights and batches, then results, gradients and statistics.

Keras is asked on JAX, in float64. Elsewhere the results are compared with recorded fingerprints of Keras's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import tinygraph as tg
from tinygraph import nn


def pattern(shape: tuple[int, ...], name: str = "") -> Any:
    """Return numbers that differ from each other; for a variance they are positive."""
    values = np.cos(np.arange(float(np.prod(shape))) * 0.7 + len(name)).reshape(shape)
    return np.abs(values) + 0.5 if "variance" in name else values


def fingerprint(results: dict[str, Any]) -> dict[str, float]:
    """Return one number for each array, in which each element counts differently."""
    return {name: round(float(np.vdot(pattern(a.shape, "fingerprint"), a)), 10) for name, a in results.items()}


def nest(batches: Any, make: Any) -> Any:
    """Return the batches, made to Tensors where they are floating."""
    if isinstance(batches, list):
        return [nest(item, make) for item in batches]
    return make(batches) if batches.dtype.kind == "f" else batches


def flat(batches: Any) -> list[Any]:
    """Return the batches of a nest of lists in order."""
    return [leaf for item in batches for leaf in flat(item)] if isinstance(batches, list) else [batches]


def ours(
    kind: str, arguments: dict[str, Any], batches: list[Any], call: dict[str, Any], training: bool, runs: int
) -> Any:
    """Return what our layer computes: results, gradients of batches and weights, statistics."""
    layer = getattr(nn, kind)(**arguments, dtype="float64")
    layer.train(training)
    tensors = nest(batches, lambda a: tg.Tensor(a, requires_grad=True))
    layer(*tensors, **call)
    for path, weight in layer.tensors().items():
        weight.assign(pattern(weight.shape, path))
    for _ in range(runs):
        for item in [*flat(tensors), *layer.parameters()]:
            if isinstance(item, tg.Tensor):
                item.grad = None
        results = layer(*tensors, **call)
        results = list(results) if isinstance(results, tuple) else [results]
        loss = sum(np.sum(y * pattern(y.shape)) for y in results)
        loss.backward()
    found = {f"result {i}": y.numpy() for i, y in enumerate(results)}
    found |= {f"batch {i}": x.grad for i, x in enumerate(flat(tensors)) if isinstance(x, tg.Tensor)}
    for path, weight in sorted(layer.tensors().items()):
        found[path] = weight.grad if weight.requires_grad else weight.numpy()
    return found


def kerases(
    kind: str, arguments: dict[str, Any], batches: list[Any], call: dict[str, Any], training: bool, runs: int
) -> Any:
    """Return the same of Keras's layer."""
    import jax
    import keras

    jax.config.update("jax_enable_x64", True)
    keras.backend.set_floatx("float64")
    layer = getattr(keras.layers, kind)(**arguments, dtype="float64")
    if "training" in layer._call_signature.parameters:
        call = {**call, "training": training}
    layer(*batches, **call)
    paths = {variable.path: variable.path.partition("/")[2].replace("/", ".") for variable in layer.variables}
    for variable in layer.variables:
        if "seed" not in variable.path:
            variable.assign(pattern(tuple(variable.shape), paths[variable.path]))
    weights = [variable.value for variable in layer.trainable_variables]
    states = [variable.value for variable in layer.non_trainable_variables]
    floats = [a for a in flat(batches) if a.dtype.kind == "f"]

    def loss(floats: Any, weights: Any, states: Any) -> Any:
        remaining = iter(floats)
        given = nest(batches, lambda a: next(remaining))
        results, states = layer.stateless_call(weights, states, *given, **call)
        results = list(results) if isinstance(results, tuple) else [results]
        return sum((y * pattern(y.shape)).sum() for y in results), (results, states)

    for _ in range(runs):
        (_, (results, states)), (of_batches, of_weights) = jax.value_and_grad(loss, (0, 1), has_aux=True)(
            floats, weights, states
        )
    found = {f"result {i}": y for i, y in enumerate(results)}
    places = [i for i, a in enumerate(flat(batches)) if a.dtype.kind == "f"]
    found |= {f"batch {i}": gradient for i, gradient in zip(places, of_batches, strict=True)}
    pairs = [*zip(layer.trainable_variables, of_weights, strict=True)]
    pairs += [*zip(layer.non_trainable_variables, states, strict=True)]
    for path, a in sorted([(paths[variable.path], a) for variable, a in pairs if "seed" not in variable.path]):
        found[path] = a
    return {name: np.asarray(a) for name, a in found.items()}

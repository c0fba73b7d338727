"""Model files: the weights of a model, its architecture, and how it is trained, in one safetensors file.

The arrays are the weights under their paths, "layers.0.kernel", and the state of the optimiser. The header says how the
model is made, in plain data. No code comes from a file.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tinygraph.export.tensor_files import ENDING, check_arrays, load_arrays, save_arrays
from tinygraph.nn.architecture import freeze_as_written, frozen_modules
from tinygraph.nn.arguments import also_known, plain_of, registered, thing_of
from tinygraph.nn.built_shapes import build_for_shapes, shapes_built_for
from tinygraph.nn.keras_files import archive, hdf5
from tinygraph.nn.layer import Layer
from tinygraph.nn.module import Module
from tinygraph.training.checkpoint import OPTIMIZER, optimizer_arrays, part_of, training_data, weights_of
from tinygraph.training.loop import build_optimizer
from tinygraph.training.recipe_as_data import arguments_of, recipe_data
from tinygraph.whole_files import with_ending

__all__ = [
    "checked_ending",
    "clone_model",
    "load_model",
    "load_weights",
    "model_from_json",
    "save_model",
    "save_weights",
]

FORMAT = 1


# --- writing ----------------------------------------------------------------------------------------------------------


def save_model(
    model: Any, path: str | os.PathLike[str], include_optimizer: bool = True, training: bool = False
) -> None:
    """Write a model into one file: see `Model.save`."""
    model._check_built("save")
    arrays = {name: tensor.data for name, tensor in model.tensors().items()}
    header = {"format": FORMAT, **_architecture(model), **_as_built(model)}
    state = model._state
    if state is not None and state.is_compiled:
        header |= _recipe(model, state)
        if include_optimizer or training:
            arrays |= optimizer_arrays(state.recipe.optimizer)
    if training:
        if state is None or not state.recipe.optimizer.built:
            raise ValueError("save: training=True needs a model that was trained, by compile and fit")
        header["training"] = training_data(model, state.generator, state.reached, arrays)
    save_arrays(path, arrays, header)


def save_weights(module: Module, path: str | os.PathLike[str]) -> None:
    """Write the weights of a module into a safetensors file, or into one of Keras, ".weights.h5", and nothing else.

    Raises:
        ValueError: a layer has no weights yet, or the path does not end in ".safetensors".
        OSError: the file cannot be written. An old file is as it was.
    """
    module._check_built("save_weights")
    if hdf5.is_keras_weights(path):
        hdf5.save_h5("save_weights", module, path)
        return
    checked_ending("save_weights", path)
    arrays = {name: tensor.data for name, tensor in module.tensors().items()}
    save_arrays(path, arrays, {"format": FORMAT, **_as_built(module)})


def checked_ending(call: str, path: str | os.PathLike[str]) -> str:
    """Return the ending of a path, ".safetensors", that a model is saved to or loaded from.

    Raises:
        ValueError: it is that of another format.
    """
    ending = Path(path).suffix
    if ending != ENDING:
        way = (
            f"Write {with_ending(path, ENDING)!r}: it has the weights, the architecture and the recipe of the training"
        )
        if call.startswith("load"):
            way = (
                "Weights of Keras come in a file of its own, model.save_weights('model.weights.h5') there, and "
                "model.load_weights('model.weights.h5') here"
            )
        known = f"{ENDING}, or for Keras in {archive.ENDING} or {hdf5.ENDING}"
        raise ValueError(f"{call}: a file of weights ends in {known}, got {os.fspath(path)!r}. {way}")
    return ending


def _architecture(model: Any) -> dict[str, Any]:
    """Return the architecture, or the reason why there is none."""
    try:
        data = plain_of(model, model.name)
        json.dumps(data, allow_nan=False)
    except (TypeError, ValueError) as error:
        return {"architecture": None, "reason": str(error)}
    return {"architecture": data}


def _as_built(module: Module) -> dict[str, Any]:
    """Return the shapes that layers were built for, by path; the shape of the input; the frozen modules."""
    return {
        "shapes": shapes_built_for(module),
        "input_shape": plain_of(getattr(module, "_input_shape", None)),
        "frozen": frozen_modules(module),
    }


def _recipe(model: Any, state: Any) -> dict[str, Any]:
    """Return the arguments of `compile`, or the reason why they cannot be written."""
    try:
        data = recipe_data(model, state.recipe, state.steps.run_eagerly, state.steps.jit_compile)
        json.dumps(data, allow_nan=False)
    except (TypeError, ValueError) as error:
        return {"compile": None, "reason_not_compiled": str(error)}
    return {"compile": data}


# --- reading ----------------------------------------------------------------------------------------------------------


def load_model(
    path: str | os.PathLike[str], custom_objects: Mapping[str, Any] | None = None, compile: bool = True  # noqa: A002
) -> Any:  # fmt: skip
    """Make a model of a file of `model.save(path)`, or of Keras 3: its layers, weights, and the recipe of its training.

    No code comes from the file. A model with layers or functions of your own is made again if they are known by their
    names: register them first, `@tg.nn.register`, or give them here. Otherwise make the model in code, and load its
    weights alone, `model.load_weights(path)`.

    Args:
        path: of the file.
        custom_objects: classes and functions of your own, by name.
        compile: compile the model as it was, with the state of its optimiser.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no whole file of a model, or names a class or a function that is not known.
    """
    if Path(path).suffix == archive.ENDING:
        with also_known(custom_objects):
            return archive.load_archive(path, compile)
    checked_ending("load_model", path)
    arrays, header = load_arrays(path)
    with also_known(custom_objects):
        model = _made(path, header)
        weights = weights_of(arrays)
        check_arrays(path, model.tensors(), weights)
        for name, tensor in model.tensors().items():
            tensor.assign(weights[name])
        if compile and "compile" in header:
            _compile(path, model, header, part_of(arrays, OPTIMIZER))
    return model


def load_weights(module: Module, path: str | os.PathLike[str]) -> None:
    """Give a module the weights of a file of `save_weights`, of `model.save(path)`, or of another program.

    Layers that have no weights yet get them for the shapes that the file names.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no whole one, or names, shapes or dtypes differ: the error has all differences.

    A call that raises leaves the module as it was.
    """
    if hdf5.is_keras_weights(path) or Path(path).suffix == archive.ENDING:
        module._check_built("load_weights")
        read = hdf5.load_h5 if hdf5.is_keras_weights(path) else archive.load_weights_of_archive
        read("load_weights", module, path)
        return
    checked_ending("load_weights", path)
    arrays, header = load_arrays(path)
    weights = weights_of(arrays)
    with _unchanged_in_failure(module):
        if isinstance(header, dict):
            build_for_shapes(module, header.get("shapes") or {})
        module._check_built("load_weights")
        check_arrays(path, module.tensors(), weights)
        for name, tensor in module.tensors().items():
            tensor.assign(weights[name])


def model_from_json(text: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Make a model of what `model.to_json()` returned. It has new weights, or none yet.

    Args:
        text: the JSON.
        custom_objects: classes and functions of your own, by name; others are those of tinygraph, and registered ones.

    Raises:
        ValueError: the text is no such JSON, or names a class or a function that is not known.
    """
    try:
        data = json.loads(text)
    except ValueError as error:
        raise ValueError(f"model_from_json: the text is no JSON: {error}") from None
    with also_known(custom_objects):
        return _made_of("model_from_json", data)


def clone_model(model: Any) -> Any:
    """Make a model of the same layers with weights of its own: new ones, as at the beginning.

    Raises:
        TypeError: a layer is a function or an object that plain data cannot stand for. `copy.deepcopy(model)` makes a
            copy with the same values.
    """
    return _made_of("clone_model", plain_of(model, model.name))


def _made(path: str | os.PathLike[str], header: Any) -> Any:
    """Return the model of a header, with weights of the right shapes."""
    call = f"load_model: {os.fspath(path)!r}"
    way = "Make the model in code, and write model.load_weights(path)"
    if not isinstance(header, dict) or "architecture" not in header:
        raise ValueError(f"{call} has weights and no architecture. {way}")
    if header.get("format") != FORMAT:
        raise ValueError(f"{call} has the format {header.get('format')!r}, and {FORMAT} is known here")
    if header["architecture"] is None:
        raise ValueError(f"{call} has weights alone, as its layers could not be written: {header['reason']}. {way}")
    model = _made_of(call, header["architecture"])
    try:
        build_for_shapes(model, header["shapes"])
        if getattr(model, "_input_shape", None) is None:
            model._input_shape = thing_of(header["input_shape"])
        return freeze_as_written(model, header)
    except _DAMAGE as error:
        raise _damaged(call, error) from error


_DAMAGE = (AttributeError, IndexError, KeyError, RecursionError, TypeError)


def _made_of(call: str, data: Any) -> Any:
    try:
        model = thing_of(data)
    except _DAMAGE as error:
        raise _damaged(call, error) from error
    except ValueError as error:
        raise ValueError(f"{call}: {error}") from error
    if not isinstance(model, Module):
        raise ValueError(f"{call}: the description is that of {model!r}, which is no model")
    return model


def _damaged(call: str, error: BaseException) -> ValueError:
    return ValueError(f"{call}: the description makes no model: {type(error).__name__}: {error}. Was it changed?")


def _compile(path: str | os.PathLike[str], model: Any, header: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Compile a model as it was, and give the optimiser its state, by name; an empty one for a file without."""
    data = header["compile"]
    if data is None:
        warnings.warn(
            f"load_model: the model is not compiled, as its recipe could not be written: "
            f"{header['reason_not_compiled']}. Call model.compile",
            stacklevel=3,
        )
        return
    call = f"load_model: {os.fspath(path)!r}"
    try:
        model.compile(**arguments_of(data, registered()))
        modules = model.modules()
        recipe = model._state.recipe
        recipe.frozen = [modules[number] for number in data["frozen"]]
    except _DAMAGE as error:
        raise _damaged(call, error) from error
    except ValueError as error:
        raise ValueError(f"{call}: {error}") from error
    if state:
        with recipe.trainable_as_compiled(model):
            build_optimizer(model, recipe)
            check_arrays(path, recipe.optimizer.state, state)
            recipe.optimizer.load_state_dict(state)


# --- building ---------------------------------------------------------------------------------------------------------


@contextmanager
def _unchanged_in_failure(module: Module) -> Iterator[None]:
    """Take weights that layers got in the block away from them if it fails."""
    before = [(layer, dict(vars(layer))) for layer in module.modules() if isinstance(layer, Layer) and not layer.built]
    try:
        yield
    except BaseException:
        for layer, attributes in before:
            layer._restore(attributes)
        raise

""" "model.keras": a zip file of the description of a model and of its weights."""

from __future__ import annotations

import io
import json
import os
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinygraph.nn.built_shapes import build_for_shapes, shapes_built_for
from tinygraph.nn.keras_files.compiling import compile_arguments, compile_description
from tinygraph.nn.keras_files.hdf5 import give_weights, weights_as_bytes
from tinygraph.nn.keras_files.reading import model_of
from tinygraph.nn.keras_files.writing import description_of
from tinygraph.whole_files import check_folder, write_whole

__all__ = ["ENDING", "load_archive", "load_weights_of_archive", "save_archive"]

ENDING = ".keras"

# The version of Keras whose files are written.
VERSION = "3.15.1"
CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"


def save_archive(model: Any, path: str | os.PathLike[str]) -> None:
    """Write a model into a file that `keras.models.load_model` reads: layers, weights, and the recipe of the training.

    Raises:
        TypeError: Keras has no description of a layer, a function or an argument.
        OSError: the file cannot be written. An old file is as it was.
    """
    model._check_built("save")
    check_folder("save", Path(path))
    description = description_of(model)
    description["built_for"] = shapes_built_for(model)  # Keras passes it over
    state = model._state
    if state is not None and state.is_compiled:
        description["compile_config"] = compile_description(model, state)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(METADATA, json.dumps({"keras_version": VERSION}))
        archive.writestr(CONFIG, json.dumps(description))
        archive.writestr(WEIGHTS, weights_as_bytes(model))
    write_whole("save", Path(path), stream.getvalue())


def load_archive(path: str | os.PathLike[str], compile: bool = True) -> Any:  # noqa: A002 - Keras's name
    """Make the model of a file of Keras. No code comes from the file; the state of an optimiser is left there.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no whole file of Keras 3, or names a layer, a function or an argument that is not known.
    """
    call = f"load_model: {os.fspath(path)!r}"
    parts = _parts(call, path)
    try:
        description = json.loads(parts[CONFIG])
        model = model_of(description)
    except (AttributeError, IndexError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{call}: the description makes no model: {type(error).__name__}: {error}") from error
    except ValueError as error:
        raise ValueError(f"{call}: {error}") from error
    build_for_shapes(model, description.get("built_for") or {})
    given_shape = (description.get("build_config") or {}).get("input_shape")
    if given_shape and not model.tensors():
        model.build(given_shape)  # of a class of the user's own
    if model.built:
        give_weights(call, model, parts[WEIGHTS])
    given = description.get("compile_config")
    if compile and given:
        try:
            model.compile(**compile_arguments(given))
        except (ValueError, TypeError, KeyError) as error:
            warnings.warn(f"load_model: the model is not compiled: {error}. Call model.compile", stacklevel=3)
    return model


def load_weights_of_archive(call: str, module: Any, path: str | os.PathLike[str]) -> None:
    """Give a module the weights of a file of Keras: see `hdf5.load_h5`."""
    call = f"{call}: {os.fspath(path)!r}"
    give_weights(call, module, _parts(call, path)[WEIGHTS])


def _parts(call: str, path: str | os.PathLike[str]) -> Mapping[str, bytes]:
    try:
        with zipfile.ZipFile(path) as archive:
            missing = [name for name in (CONFIG, WEIGHTS) if name not in archive.namelist()]
            if missing:
                raise ValueError(f"{call} has no {missing[0]}: it is no model of Keras 3")
            return {name: archive.read(name) for name in (CONFIG, WEIGHTS)}
    except zipfile.BadZipFile as error:
        raise ValueError(f"{call} is no whole zip file, as models of Keras 3 are: {error}") from None

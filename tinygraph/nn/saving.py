"""The methods of a model that write it into files, and draw it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from tinygraph.engine.modes import enable_grad, no_grad
from tinygraph.engine.nested import mapped
from tinygraph.export.examples import first_row, plain
from tinygraph.nests import tree_leaves
from tinygraph.nn.arguments import plain_of
from tinygraph.nn.keras_files import archive
from tinygraph.nn.model_files import checked_ending, load_weights, save_model, save_weights
from tinygraph.nn.symbolic import Symbol
from tinygraph.training.feeding import shown

__all__ = ["Saving"]


class Saving:
    """Files of a model, and pictures.

    `Sequential` and `Model` have these methods.

        model.save("model.safetensors")
        model = tg.nn.load_model("model.safetensors")
    """

    name: str

    def save(
        self,
        path: str | os.PathLike[str],
        *examples: Any,
        overwrite: bool = True,
        include_optimizer: bool = True,
        training: bool = False,
    ) -> None:
        """Write the model into a file.

        "model.safetensors" has its weights, its architecture, what `compile` was given, and the state of the optimiser:
        for `tg.nn.load_model`. "model.keras" is a file of Keras 3, without the state of the optimiser. "model.py" is an
        inference module that needs NumPy alone, "model.js" a script for a page, see `tg.export.save_module`. A file is
        written as a whole or not at all.

        Args:
            path: of the file, which ends in ".safetensors", ".keras", ".py" or ".js".
            examples: for ".py" and ".js", a batch of inputs, of a row or more. A model that knows the shape of its
                input needs none. Floats count in the dtype of the weights. The script computes as many rows as they
                have.
            overwrite: False raises FileExistsError where the file is there.
            include_optimizer: with the state of the optimiser.
            training: with all that `fit(..., resume_from=path)` needs to go on to the bit: from the end of the last
                whole epoch, so that one that Ctrl-C has ended in the middle is not the place to save.

        Raises:
            ValueError: the path ends otherwise; a layer has no weights yet; or the shape of the input is not known.
            FileExistsError: see `overwrite`.
            OSError: the disk is full, or the file cannot be written. The old file is as it was.
        """
        if not overwrite and Path(path).exists():
            raise FileExistsError(f"save: {os.fspath(path)!r} is there already. Write overwrite=True to replace it")
        if Path(path).suffix in (".py", ".js"):
            from tinygraph.export.module import save_module

            with np.errstate(all="ignore"):  # the example may be zeros
                save_module(self, path, *_given(self, "save", path, examples))  # type: ignore[arg-type]
            return
        if Path(path).suffix == ".onnx":
            raise ValueError(f"save: write model.export({os.fspath(path)!r})")
        if Path(path).suffix == archive.ENDING and not training:
            archive.save_archive(self, path)
            return
        checked_ending("save", path)
        save_model(self, path, include_optimizer, training)

    def save_weights(self, path: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Write the weights alone into a file that ends in ".safetensors", or in ".weights.h5" for Keras.

        Raises:
            ValueError, OSError: see `save`.
        """
        if not overwrite and Path(path).exists():
            raise FileExistsError(f"save_weights: {os.fspath(path)!r} is there already. Write overwrite=True")
        save_weights(self, path)  # type: ignore[arg-type]

    def load_weights(self, path: str | os.PathLike[str]) -> None:
        """Take the weights of a file of `save_weights`, of `save`, of Keras, or of another program.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: names, shapes or dtypes differ: the error has all differences. The model is as it was.
        """
        load_weights(self, path)  # type: ignore[arg-type]

    def export(self, path: str | os.PathLike[str], *examples: Any) -> None:
        """Write the model as an ONNX file: see `tg.export.onnx`.

        Args:
            path: of the file, which ends in ".onnx".
            examples: a batch of inputs, whose floats count in the dtype of the weights. A model that knows the shape of
                its input needs none.

        Raises:
            ValueError: the path ends otherwise, or the shape of the input is not known.
            UnsupportedError: ONNX has no operator for a call.
        """
        from tinygraph.export.to_onnx.file import onnx

        if Path(path).suffix in (".py", ".js", ".safetensors"):
            raise ValueError(f"export: write model.save({os.fspath(path)!r})")
        with np.errstate(all="ignore"):
            onnx(self, path, *_given(self, "export", path, examples))  # type: ignore[arg-type]

    def to_json(self, **options: Any) -> str:
        """Return the architecture as JSON, for `tg.nn.model_from_json`.

        Args:
            options: of `json.dumps`, such as indent=2.

        Raises:
            TypeError: a layer is a function or an object that plain data cannot stand for.
        """
        return json.dumps(plain_of(self, self.name), allow_nan=False, **options)

    def draw(self, x: Any = None, y: Any = None, view: Any = "collapsed", **options: Any) -> Any:
        """Draw the network, with a box for each layer.

        Args:
            x: a batch of inputs. A model that knows the shape of its input needs none.
            y: targets of the batch, for a model that was compiled: the loss is drawn, too. With `view="mirror"` the
                step of a training, forward and backward.
            view: see `tg.draw`; "full" shows each operation.
            options: see `tg.draw`.

        Returns:
            A `Drawing`, which shows itself in a notebook, and has `.save("model.svg")`.

        Raises:
            ValueError: the shape of the input is not known, or there are targets and the model was not compiled.
        """
        from tinygraph.drawing import draw

        outputs = _recorded(self, _example(self, "draw") if x is None else x, y)
        return draw(*outputs, view=view, **options)


def _recorded(model: Any, batch: Any, targets: Any) -> list[Any]:
    """Return the outputs of a model as Tensors, or its loss, with the calls that they come from."""
    if targets is not None and model.optimizer is None:
        raise ValueError(f'draw: "{model.name}" has no loss. Call compile before, or draw it without targets')
    with enable_grad(), np.errstate(all="ignore"):
        if targets is not None:
            loss = model.compute_loss(batch, targets, training=False)
            loss.name = "loss"
            return [loss]
        result = model(shown(batch, model.input_names), training=False)
    outputs = tree_leaves(result)
    names = list(result) if isinstance(result, dict) and len(result) == len(outputs) else model.output_names
    if len(outputs) == 1 or names is None:
        names = ["output", *(f"output {number}" for number in range(2, len(outputs) + 1))]
    for output, name in zip(outputs, names, strict=True):
        output.name = name
    return outputs


def _given(model: Any, call: str, path: str | os.PathLike[str], examples: tuple[Any, ...]) -> list[Any]:
    """Return the batches that a file is made with, their floats in the dtype in which the model computes."""
    if not examples:
        return [_example(model, call, path)]
    given = [plain(example) for example in examples]
    if not model.named_parameters():
        with no_grad():
            model(*[first_row(example) for example in given])  # makes the weights
    kinds = {weight.dtype for weight in model.named_parameters().values() if weight.dtype.kind == "f"}
    if len(kinds) != 1:
        return given
    (dtype,) = kinds
    return [mapped(item, lambda array: array.astype(dtype) if array.dtype.kind == "f" else array) for item in given]


def _example(model: Any, call: str, path: str | os.PathLike[str] | None = None) -> Any:
    """Return a batch of one row of zeros, in the nest of a model's inputs.

    Raises:
        ValueError: the shape of the input is not known.
    """
    nest = _input_nest(model)
    open_axes = [symbol for symbol in tree_leaves(nest) if None in symbol.shape[1:]]
    if nest is None or open_axes:
        given = f"model.{call}(x[:1])" if path is None else f"model.{call}({os.fspath(path)!r}, x[:1])"
        raise ValueError(f'{call}: "{model.name}" does not know the shape of its input. Give a batch, {given}')
    return mapped(nest, lambda symbol: np.zeros((symbol.shape[0] or 1, *symbol.shape[1:]), symbol.dtype))


def _input_nest(model: Any) -> Any:
    """Return the symbols of a model's inputs in their nest; None where their shapes are not known."""
    if model._nests[0] is not None:
        return model._nests[0]
    if vars(model).get("inputs"):
        return model.inputs[0]
    if model._input_shape is None:
        return None
    first = model.layers[0] if vars(model).get("layers") else None
    return Symbol((None, *model._input_shape[1:]), getattr(first, "input_dtype", None) or model._input_dtype())

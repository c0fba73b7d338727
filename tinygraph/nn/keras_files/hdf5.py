"""Weights in HDF5 files as Keras 3 writes them."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np

from tinygraph.engine.tensor import Tensor
from tinygraph.nn.keras_files.groups import groups_of
from tinygraph.nn.module import Module
from tinygraph.whole_files import check_folder, write_whole

__all__ = ["ENDING", "give_weights", "is_keras_weights", "load_h5", "save_h5", "weights_as_bytes"]

ENDING = ".weights.h5"


def is_keras_weights(path: str | os.PathLike[str]) -> bool:
    """Return whether a path is that of Keras's weights."""
    return os.fspath(path).endswith(ENDING)


def save_h5(call: str, module: Module, path: str | os.PathLike[str]) -> None:
    """Write the weights of a module into a file that Keras's `load_weights` reads."""
    check_folder(call, Path(path))
    write_whole(call, Path(path), weights_as_bytes(module))


def load_h5(call: str, module: Module, path: str | os.PathLike[str]) -> None:
    """Give a module the weights of a file that Keras's `save_weights` wrote.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no HDF5 file; layers or shapes differ: the error has all differences, and the module is
            as it was.
    """
    give_weights(f"{call}: {os.fspath(path)!r}", module, Path(path).read_bytes())


def weights_as_bytes(module: Module) -> bytes:
    """Return the weights of a module as the bytes of an HDF5 file."""
    stream = io.BytesIO()
    with _h5py().File(stream, "w") as file:
        for path, (name, tensors) in groups_of(module).items():
            group = file.create_group(f"{path}/vars".strip("/"))
            group.attrs["name"] = name
            for number, tensor in enumerate(tensors):
                group.create_dataset(str(number), data=tensor.data)
    return stream.getvalue()


def give_weights(call: str, module: Module, content: bytes) -> None:
    """Give a module the weights of an HDF5 file, or none after an error.

    Args:
        call: the function and the file, for errors.
        module: whose layers have weights.
        content: the bytes of the file.

    Raises:
        ValueError: see `load_h5`.
    """
    groups = groups_of(module)
    found: list[tuple[Tensor, Any]] = []
    wrong: list[str] = []
    try:
        file = _h5py().File(io.BytesIO(content), "r")
    except OSError as error:
        raise ValueError(f"{call} is no whole HDF5 file: {error}") from None
    with file:
        _check_links(call, file)
        for path, (name, tensors) in groups.items():
            arrays = file.get(f"{path}/vars".strip("/"), {})
            if len(arrays) != len(tensors):
                wrong.append(f'{path} ("{name}"): {len(arrays)} arrays in the file, and {len(tensors)} weights here')
                continue
            for number, tensor in enumerate(tensors):
                array = arrays[str(number)]
                if array.shape != tensor.shape:
                    wrong.append(f'{path} ("{name}"), array {number}: shape {array.shape}, and {tensor.shape} here')
                else:
                    found.append((tensor, array))
        unknown = sorted(_layers_in(file) - set(groups) - {"optimizer"})
        wrong += [f"{path}: a layer of the file that is not here" for path in unknown]
        if wrong:
            raise ValueError(f"{call}: the layers differ:\n  " + "\n  ".join(wrong))
        values = [np.asarray(array[()], tensor.dtype) for tensor, array in found]
    for (tensor, _), value in zip(found, values, strict=True):
        tensor.assign(value)


def _layers_in(file: Any) -> set[str]:
    """Return the paths of the groups with arrays, but for those of the optimiser and of metrics."""
    found: set[str] = set()

    def note(path: str, item: Any) -> None:
        if hasattr(item, "shape"):
            found.add(path.rpartition("/vars/")[0])

    file.visititems(note)
    return {path for path in found if not path.startswith(("optimizer", "_metrics", "seed_generator"))}


def _check_links(call: str, group: Any) -> None:
    """Refuse links to other files, and arrays that are kept in other files."""
    h5py = _h5py()
    for name in group:
        item = group[name] if isinstance(group.get(name, getlink=True), h5py.HardLink) else None
        if item is None or (isinstance(item, h5py.Dataset) and (item.external or item.is_virtual)):
            raise ValueError(f"{call}: {group.name}/{name} lies in another file, which is not read")
        if isinstance(item, h5py.Group):
            _check_links(call, item)


def _h5py() -> Any:
    try:
        import h5py
    except ImportError as error:
        raise ImportError("files of Keras need h5py: pip install 'tinygraph[keras]'") from error
    return h5py

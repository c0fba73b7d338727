"""Tensor files: arrays by name and a JSON header in one safetensors file.

    save_arrays("model.safetensors", {"dense.weights": w}, {"layers": ["dense"]})
    arrays, header = load_arrays("model.safetensors")

A file has numbers and JSON in it, and no code. It is written as a whole or not at all.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tinygraph.errors import UnsupportedError
from tinygraph.whole_files import checked_path, write_whole

__all__ = ["ENDING", "check_arrays", "differences", "load_arrays", "save_arrays"]

ENDING = ".safetensors"

# safetensors' metadata are strings by name: the whole header is one of them.
_HEADER = "tinygraph"

_DTYPES = (
    "bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "float32", "float64",
)  # fmt: skip


def save_arrays(path: str | os.PathLike[str], arrays: Mapping[str, Any], header: Any = None) -> None:
    """Write arrays and a header into one file.

    Args:
        path: of the file, ending in ".safetensors".
        arrays: by name arrays of any shape.
        header: anything that JSON has: dicts with strings as keys, lists, strings, numbers, booleans and None.

    Raises:
        ValueError: the path ends otherwise, a name has no place in a file, or a number in the header is not finite.
        UnsupportedError: safetensors lacks the dtype of an array, or JSON an object in the header.
        FileNotFoundError: the folder is not there.
        OSError: the disk is full, or the file cannot be written. The old file is as it was.
    """
    target = checked_path("save_arrays", path, ENDING)
    found = {_checked_name(name): _checked_array(name, array) for name, array in arrays.items()}
    content = library_of("save_arrays").save(found, metadata={_HEADER: _as_json(header)})
    write_whole("save_arrays", target, content)


def load_arrays(path: str | os.PathLike[str]) -> tuple[dict[str, np.ndarray[Any, Any]], Any]:
    """Read a file of arrays.

    Args:
        path: of a safetensors file, of `save_arrays` or of another program.

    Returns:
        The arrays by name, and the header: None for a file of another program.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is cut short, or is no safetensors file.
        UnsupportedError: an array has a dtype that NumPy lacks.
    """
    found = Path(path)
    if not found.is_file():
        raise FileNotFoundError(f"load_arrays: there is no file {str(found)!r}")
    library = library_of("load_arrays")
    content = found.read_bytes()
    dtypes, metadata = _preamble(found, content)
    for name, dtype in dtypes.items():
        if dtype not in _NUMPYS:
            raise UnsupportedError(
                f"load_arrays: {name!r} in {str(found)!r} has the dtype {dtype}, which NumPy lacks. Convert it to F32 "
                "with the program that wrote it"
            )
    try:
        arrays = library.load(content)
        header = json.loads(metadata[_HEADER]) if _HEADER in metadata else None
    except Exception as error:
        raise _damaged(found, str(error)) from None
    return {name: _writable(array) for name, array in arrays.items()}, header


def differences(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Return the differences between the arrays that are wanted and those that were found, a sentence each.

    Args:
        wanted: by name arrays, or other objects with a shape and a dtype, such as Tensors.
        found: likewise.

    Returns:
        Names that are missing, unknown names, other shapes, other dtypes, in this order; empty where they fit.
    """
    missing = [f"{name} is missing" for name in wanted if name not in found]
    unknown = [f"{name} is unknown" for name in found if name not in wanted]
    both = [(name, wanted[name], found[name]) for name in wanted if name in found]
    shapes = [
        f"{name} has the shape {tuple(other.shape)}, not {tuple(one.shape)}"
        for name, one, other in both
        if tuple(one.shape) != tuple(other.shape)
    ]
    dtypes = [
        f"{name} has the dtype {np.dtype(other.dtype)}, not {np.dtype(one.dtype)}"
        for name, one, other in both
        if np.dtype(one.dtype) != np.dtype(other.dtype)
    ]
    return [*missing, *unknown, *shapes, *dtypes]


# So many differences are written out in an error.
_TOLD = 12


def check_arrays(path: str | os.PathLike[str], wanted: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    """Refuse the arrays of a file that are not those that are wanted.

    Args:
        path: of the file, for the error.
        wanted, found: see `differences`.

    Raises:
        ValueError: they differ; the error has all differences, up to twelve.
    """
    told = differences(wanted, found)
    if told:
        more = [f"and {len(told) - _TOLD} more"] if len(told) > _TOLD else []
        raise ValueError(
            f"{os.fspath(path)!r} does not fit: {'; '.join([*told[:_TOLD], *more])}. Make the model as it was when it "
            "was saved"
        )


def library_of(call: str) -> Any:
    """Return safetensors' functions for NumPy.

    Args:
        call: the function or class to name in the error.

    Raises:
        ImportError: safetensors is not installed.
    """
    try:
        import safetensors.numpy
    except ImportError:
        raise ImportError(f"{call} needs safetensors, which is not installed: pip install 'tinygraph[save]'") from None
    return safetensors.numpy


def _checked_name(name: Any) -> str:
    if type(name) is not str:
        raise ValueError(f"save_arrays: names of arrays are strings, got {name!r}")
    if name == "__metadata__":
        raise ValueError("save_arrays: no array can be called '__metadata__', which is the header's name in the file")
    return name


def _checked_array(name: str, value: Any) -> np.ndarray[Any, Any]:
    """Return an array as a file has it: its elements one after the other, in this machine's order of bytes."""
    array = np.asarray(value)
    if array.dtype.name not in _DTYPES:
        instead = _INSTEAD.get(array.dtype.kind, "Turn it into numbers first")
        raise UnsupportedError(f"save_arrays: {name!r} has the dtype {array.dtype}, which safetensors lacks. {instead}")
    return np.require(array, array.dtype.newbyteorder("="), "C")


_INSTEAD = {
    "f": "Save it as float64, with .astype(np.float64)",
    "c": "Save its real and its imaginary part, .real and .imag, under two names",
    "O": "Save its elements as arrays of their own",
    "U": "Put strings into the header",
    "S": "Put strings into the header",
}


def _as_json(header: Any) -> str:
    """Return a header as JSON that gives the same back."""
    try:
        text = json.dumps(header, allow_nan=False)
    except TypeError as error:
        raise UnsupportedError(
            f"save_arrays: the header has something in it that JSON lacks: {error}. Write numbers, strings, lists "
            "and dicts"
        ) from None
    except ValueError as error:
        raise ValueError(
            f"save_arrays: the header cannot be written as JSON: {error}. Put such numbers into an array"
        ) from None
    _check_keys(header)
    return text


def _check_keys(header: Any) -> None:
    """Refuse keys that JSON would turn into strings."""
    if isinstance(header, dict):
        for key, value in header.items():
            if type(key) is not str:
                raise UnsupportedError(f"save_arrays: the keys of the header are strings, got {key!r}")
            _check_keys(value)
    elif isinstance(header, list | tuple):
        for value in header:
            _check_keys(value)


# The dtypes of safetensors that NumPy has.
_NUMPYS = frozenset(("BOOL", "U8", "I8", "U16", "I16", "U32", "I32", "U64", "I64", "F16", "F32", "F64"))


def _preamble(path: Path, content: bytes) -> tuple[dict[str, str], dict[str, str]]:
    """Return the dtypes of a file's arrays by name, and its metadata.

    A file begins with the length of a JSON text, as eight bytes, and that text.
    """
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > len(content) - 8:
        raise _damaged(path, "its beginning is not that of such a file, or its end is missing")
    try:
        entries = json.loads(content[8 : 8 + length])
        metadata = entries.pop("__metadata__", {})
        return {name: entry["dtype"] for name, entry in entries.items()}, dict(metadata)
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise _damaged(path, str(error)) from None


def _damaged(path: Path, why: str) -> ValueError:
    return ValueError(
        f"load_arrays: {str(path)!r} is no whole safetensors file ({why}). Was it cut short or changed? Copy it again"
    )


def _writable(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return an array that owns its memory."""
    return array if array.flags.writeable and array.flags.owndata else array.copy()

"""Whole files: bytes are written beside a file, and then take its place; the old file stays where writing fails."""

from __future__ import annotations

import errno
import keyword
import os
import re
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

__all__ = ["Content", "check_folder", "checked_path", "with_ending", "write_together", "write_whole"]

_FULL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))

# The bytes of a file, or a function that writes them into a stream.
Content = bytes | Callable[[BinaryIO], object]


def check_folder(call: str, path: Path) -> None:
    """Refuse a path in a folder that is not there.

    Args:
        call: the function that writes, for errors.
        path: of the file.

    Raises:
        FileNotFoundError: the folder is not there.
    """
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{call}: there is no folder {str(path.parent)!r}; make it first")


def checked_path(call: str, path: str | os.PathLike[str], ending: str) -> Path:
    """Return the path of a file to be written, whose folder is there.

    Args:
        call: the function that writes, for errors.
        path: of the file.
        ending: of its name, ".onnx".

    Raises:
        ValueError: the path ends otherwise, or the name is none of a module.
        FileNotFoundError: its folder is not there.
    """
    found = Path(path)
    if found.suffix != ending:
        raise ValueError(f"{call}: the path must end in {ending}, got {str(found)!r}")
    if ending == ".py":
        _check_importable(call, found.stem)
    check_folder(call, found)
    return found


def _check_importable(call: str, name: str) -> None:
    """Refuse the name of a file that Python could not import, or that would take the place of a known module."""
    if not name.isidentifier() or keyword.iskeyword(name):
        words = re.sub(r"\W+", "_", name).strip("_")
        instead = words if words.isidentifier() and not keyword.iskeyword(words) else f"model_{words}".rstrip("_")
        raise ValueError(
            f"{call}: a module in {name + '.py'!r} cannot be imported by its name. Write {instead + '.py'!r}"
        )
    if name == "numpy" or name in sys.stdlib_module_names:
        raise ValueError(
            f"{call}: {name + '.py'!r} would be imported in place of the module {name}. Write {f'my_{name}.py'!r}"
        )


def with_ending(path: str | os.PathLike[str], ending: str) -> str:
    """Return a path with another ending in the place of that of a format, "run/m.weights.h5" → "run/m.safetensors"."""
    return re.sub(r"(\.weights)?(\.[A-Za-z][A-Za-z0-9]*)?$", "", os.fspath(path)) + ending


def write_whole(call: str, path: Path, content: Content) -> None:
    """Write a file as a whole or not at all: see `write_together`."""
    write_together(call, {path: content})


def write_together(call: str, contents: Mapping[Path, Content]) -> None:
    """Write files of one folder, all of them as a whole or none at all.

    The bytes are on the disk before they take the places of the old files. A process that is killed leaves the old
    files, and beside them at most unfinished ones with a dot before their names.

    Args:
        call: the function that writes, for errors.
        contents: the content of each file by its path. They take their places in this order.

    Raises:
        OSError: the disk is full, or a file cannot be written. The old files are as they were.
    """
    unfinished = {path: _beside(path) for path in contents}
    try:
        for path, content in contents.items():
            _write(call, path, unfinished[path], content)
        for path, written in unfinished.items():
            written.replace(path)
    finally:
        for written in unfinished.values():
            written.unlink(missing_ok=True)
    for folder in {path.parent for path in contents}:
        _settle(folder)


def _beside(path: Path) -> Path:
    """Return the path of an unfinished file, which no other process or thread writes."""
    return path.with_name(f".{path.name[:100]}.{os.getpid()}-{threading.get_ident()}.unfinished")


def _write(call: str, path: Path, unfinished: Path, content: Content) -> None:
    """Write the content of a file beside the file.

    Raises:
        OSError: it cannot be written.
    """
    try:
        with unfinished.open("wb") as stream:
            if isinstance(content, bytes):
                stream.write(content)
            else:
                content(stream)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        size = f"{len(content):,} bytes" if isinstance(content, bytes) else path.name
        why = "the disk is full" if error.errno in _FULL else (error.strerror or str(error))
        state = "The old file is as it was" if path.exists() else "There is no file"
        raise OSError(error.errno, f"{call}: {size} cannot be written: {why}. {state}", str(path)) from None


def _settle(folder: Path) -> None:
    """Have the new names of files on the disk, where the system can."""
    try:
        opened = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows opens no folders
        return
    try:
        os.fsync(opened)
    except OSError:
        pass
    finally:
        os.close(opened)

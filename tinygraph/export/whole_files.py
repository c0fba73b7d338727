"""Whole files: bytes written beside a file, which then take its place; the old file stays where writing fails."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

__all__ = ["checked_path", "with_ending", "write_whole"]

_FULL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))


def checked_path(call: str, path: str | os.PathLike[str], ending: str) -> Path:
    """Return the path of a file to be written, whose folder is there.

    Args:
        call: the function that writes, for errors.
        path: of the file.
        ending: of its name, ".onnx".

    Raises:
        ValueError: the path ends otherwise.
        FileNotFoundError: its folder is not there.
    """
    found = Path(path)
    if found.suffix != ending:
        raise ValueError(f"{call}: the path must end in {ending}, got {str(found)!r}")
    if not found.parent.is_dir():
        raise FileNotFoundError(f"{call}: there is no folder {str(found.parent)!r}; make it first")
    return found


def with_ending(path: str | os.PathLike[str], ending: str) -> str:
    """Return a path with another ending in the place of that of a format, "run/m.weights.h5" → "run/m.safetensors"."""
    return re.sub(r"(\.weights)?(\.[A-Za-z][A-Za-z0-9]*)?$", "", os.fspath(path)) + ending


def write_whole(call: str, path: Path, content: bytes) -> None:
    """Write a file as a whole or not at all.

    The bytes are on the disk before they take the place of the old file. A process that is killed leaves the old file,
    and beside it at most an unfinished one with a dot before its name.

    Args:
        call: the function that writes, for errors.
        path: of the file.
        content: its bytes.

    Raises:
        OSError: the disk is full, or the file cannot be written. The old file is as it was.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        with unfinished.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        unfinished.replace(path)
    except OSError as error:
        why = "the disk is full" if error.errno in _FULL else (error.strerror or str(error))
        state = "The old file is as it was" if path.exists() else "There is no file"
        raise OSError(
            error.errno, f"{call}: {len(content):,} bytes cannot be written: {why}. {state}", str(path)
        ) from None
    finally:
        unfinished.unlink(missing_ok=True)
    _settle(path.parent)


def _settle(folder: Path) -> None:
    """Have the new name of a file on the disk, where the system can."""
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

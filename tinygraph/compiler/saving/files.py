"""Files: a module and the npz beside it, written as a whole or not at all."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from tinygraph.whole_files import Content, write_together

__all__ = ["npz_of", "write"]


def npz_of(path: Path) -> Path:
    """Return the file of a module's arrays."""
    return path.with_suffix(".npz")


def write(path: Path, text: str, arrays: dict[str, Any]) -> None:
    """Write a module and, if there are any, its arrays: both or none."""
    contents: dict[Path, Content] = {npz_of(path): lambda stream: _store(stream, arrays)} if arrays else {}
    write_together("save", contents | {path: text.encode()})


def _store(stream: BinaryIO, arrays: dict[str, Any]) -> None:
    """Write an npz. `np.savez` takes names as keywords, so that an array cannot be called `file`."""
    with zipfile.ZipFile(stream, "w") as archive:
        for name, value in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, np.asanyarray(value), allow_pickle=False)

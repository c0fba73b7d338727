"""Files: a module and the npz beside it, written as a whole or not at all."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["npz_of", "write"]


def npz_of(path: Path) -> Path:
    """Return the file of a module's arrays."""
    return path.with_suffix(".npz")


def write(path: Path, text: str, arrays: dict[str, Any]) -> None:
    """Write a module and, if there are any, its arrays.

    Both are written beside the old files, and then take their places: where writing fails, the old files stay.
    """
    folder, unfinished = path.parent, f".{path.stem}.{os.getpid()}"
    written, stored = folder / f"{unfinished}.py", folder / f"{unfinished}.npz"
    try:
        written.write_text(text, encoding="utf-8")
        if arrays:
            _store(stored, arrays)
            stored.replace(npz_of(path))
        written.replace(path)
    finally:
        written.unlink(missing_ok=True)
        stored.unlink(missing_ok=True)


def _store(path: Path, arrays: dict[str, Any]) -> None:
    """Write an npz. `np.savez` takes names as keywords, so that an array cannot be called `file`."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, value in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, np.asanyarray(value), allow_pickle=False)

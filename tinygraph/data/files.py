"""Data files: found in the folder that TINYGRAPH_DATA names, else downloaded once, and checked by their sha256."""

from __future__ import annotations

import os
from pathlib import Path

from tinygraph.data.downloads import VARIABLE, cached, digest, download
from tinygraph.data.sources import FILES, DataFile

__all__ = ["available", "find", "folder"]


def folder() -> Path | None:
    """Return the folder with the data files, or None where TINYGRAPH_DATA is not set.

    Raises:
        FileNotFoundError: the path in TINYGRAPH_DATA is not a folder.
    """
    named = os.environ.get(VARIABLE, "")
    if not named:
        return None
    path = Path(named).expanduser()
    if not path.is_dir():
        raise FileNotFoundError(f"{VARIABLE} is set to {named!r}, which is not a folder")
    return path


def available(name: str) -> bool:
    """Return whether a file of this name is there without a download. Its contents are checked when it is read.

    Raises:
        KeyError: no dataset has a file of this name.
        FileNotFoundError: the path in TINYGRAPH_DATA is not a folder.
    """
    file = _known(name)
    place = folder()
    return (place is not None and (place / name).is_file()) or cached(file) is not None


def find(name: str) -> Path:
    """Return the path of a data file, after a check of its sha256.

    The file is looked for in the folder that TINYGRAPH_DATA names, then among the downloads. Else it is downloaded,
    which needs `tinygraph[data]`. A file in the folder that is not the expected one is an error, never passed over.

    Raises:
        KeyError: no dataset has a file of this name.
        FileNotFoundError: the file is nowhere and could not be downloaded. The message says where to get it and where
            to put it.
        ValueError: the sha256 of the file in the folder is another.
        OSError: the download could not be written.
    """
    file = _known(name)
    place = folder()
    if place is not None and (place / name).is_file():
        return _checked(place / name, file)
    return cached(file, check=True) or download(file, _missing(file, place))


def _checked(path: Path, file: DataFile) -> Path:
    found = digest(path)
    if found not in file.hashes:
        raise ValueError(
            f"{path} is not the expected file: its sha256 begins {found[:12]}, not "
            f"{' or '.join(known[:12] for known in file.hashes)}. "
            f"Was it cut short or changed? It comes from: {file.origin}"
        )
    return path


def _missing(file: DataFile, place: Path | None) -> str:
    """Return the sentence for a file that is not in the folder."""
    if place is None:
        return f"{file.name} is needed, but the environment variable {VARIABLE} is not set"
    return f"{file.name} is not in {place}, the folder that {VARIABLE} names"


def _known(name: str) -> DataFile:
    if name not in FILES:
        raise KeyError(f"no dataset has a file {name!r}; there are {', '.join(FILES)}")
    return FILES[name]

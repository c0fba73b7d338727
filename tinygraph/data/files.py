"""Data files: found in the folder that TINYGRAPH_DATA names, and checked by their sha256."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

__all__ = ["FILES", "VARIABLE", "DataFile", "available", "find", "folder"]

VARIABLE = "TINYGRAPH_DATA"


@dataclass(frozen=True)
class DataFile:
    """A file of data: its name, origin and licence.

    Attributes:
        name: its name in the folder.
        sha256: the hash of its bytes.
        origin: its source.
        licence: its licence.
    """

    name: str
    sha256: str
    origin: str
    licence: str


FILES = {
    file.name: file
    for file in (
        DataFile(
            "sign_digits.npz",
            "741ce0ff4365031d5b0cef546709d2eb5528f22423e063748327b7b18b434477",
            "Sign Language Digits Dataset (Mavi 2020, arXiv:2011.08927), "
            "github.com/ardamavi/Sign-Language-Digits-Dataset, as uint8 arrays X (2062, 64, 64) and y (2062,)",
            "Apache-2.0",
        ),
        DataFile(
            "mnist.npz",
            "06af5dfe73b70e3bc1c36439982b18a8d76803db9b544f6fdf838a37fbb01b64",
            "LeCun, Cortes and Burges, the MNIST database, as uint8 arrays x_train, y_train, x_test, y_test",
            "none stated",
        ),
        DataFile(
            "admissions.csv",
            "2f5dcda0e455631215709575cc2eede4e5fb4e94cda9c37dab54e26d79dcf8c2",
            "UCLA's binary.csv, hypothetical data: admit, gre, gpa, rank",
            "none stated",
        ),
        DataFile(
            "tinyshakespeare.txt",
            "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
            "github.com/karpathy/char-rnn, data/tinyshakespeare/input.txt",
            "public domain",
        ),
    )
}


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
    """Return whether the folder has a file of this name. Its contents are checked when it is read.

    Raises:
        KeyError: no dataset has a file of this name.
        FileNotFoundError: the path in TINYGRAPH_DATA is not a folder.
    """
    _known(name)
    place = folder()
    return place is not None and (place / name).is_file()


def find(name: str) -> Path:
    """Return the path of a data file, after a check of its sha256.

    Raises:
        KeyError: no dataset has a file of this name.
        FileNotFoundError: there is no folder, or the file is not in it.
        ValueError: the sha256 of the file is another.
    """
    file = _known(name)
    place = folder()
    if place is None:
        raise FileNotFoundError(
            f"{name} is needed, but the environment variable {VARIABLE} is not set. Set it to the folder with the file "
            f"({file.origin})"
        )
    path = place / name
    if not path.is_file():
        raise FileNotFoundError(f"{name} is not in {place}, the folder that {VARIABLE} names ({file.origin})")
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != file.sha256:
        raise ValueError(
            f"{path} is not the expected file: its sha256 begins {found[:12]}, not {file.sha256[:12]}. "
            f"Was it cut short or changed? It comes from: {file.origin}"
        )
    return path


def _known(name: str) -> DataFile:
    if name not in FILES:
        raise KeyError(f"no dataset has a file {name!r}; there are {', '.join(FILES)}")
    return FILES[name]

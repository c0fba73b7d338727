"""Files of the IDX format, in which MNIST and its successors are published."""

from __future__ import annotations

import gzip
import math
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["load_idx"]

# The third byte of a file, and the dtype of its numbers, which stand with their highest byte first.
_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP = b"\x1f\x8b"


def load_idx(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Load an array from a file of the IDX format, compressed by gzip or not.

    Args:
        path: the path of the file: "train-images-idx3-ubyte.gz", for instance.

    Returns:
        The array, of the shape and dtype that the file says.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not of this format, is damaged, or is cut short. The message names it.

    Source: the page of the MNIST database, "File formats": two zero bytes, a byte for the dtype, a byte for the number
    of axes, four bytes for each axis, and the numbers.
    """
    content = _content(Path(path))
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _DTYPES:
        raise ValueError(f"load_idx: {os.fspath(path)!r} is not a file of the IDX format")
    dtype, start = np.dtype(_DTYPES[content[2]]), 4 + 4 * content[3]
    if len(content) < start:
        raise ValueError(f"load_idx: {os.fspath(path)!r} ends before its shape does. Was it cut short?")
    shape = tuple(int(length) for length in np.frombuffer(content, ">u4", content[3], 4))
    needed = math.prod(shape) * dtype.itemsize
    if len(content) - start != needed:
        raise ValueError(
            f"load_idx: {os.fspath(path)!r} has {len(content) - start:,} bytes of numbers, and its shape {shape} needs "
            f"{needed:,}. Was it cut short?"
        )
    return np.frombuffer(content, dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="))


def _content(path: Path) -> bytes:
    with path.open("rb") as stream:
        compressed = stream.read(2) == _GZIP
        stream.seek(0)
        if not compressed:
            return stream.read()
        try:
            return gzip.decompress(stream.read())
        except (EOFError, OSError, zlib.error) as error:
            raise ValueError(f"load_idx: {str(path)!r} is damaged or cut short: {error}") from error

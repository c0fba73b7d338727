"""Small PNG files: cells of a palette, or of red, green and blue.

Source: W3C, "Portable Network Graphics (PNG) Specification", sections 5 and 11.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np

__all__ = ["of_colours", "of_palette"]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PALETTE, RED_GREEN_BLUE_ALPHA = 3, 6

Array = np.ndarray[Any, Any]


def of_palette(cells: Array, colours: Array) -> bytes:
    """Return the file of a picture whose cells name their colours.

    Args:
        cells: places in the palette, shape (height, width), uint8.
        colours: red, green, blue and alpha, shape (at most 256, 4), uint8.
    """
    transparency = _chunk(b"tRNS", colours[:, 3].tobytes())
    return _file(cells[:, :, None], PALETTE, _chunk(b"PLTE", colours[:, :3].tobytes()) + transparency)


def of_colours(cells: Array) -> bytes:
    """Return the file of a picture of red, green, blue and alpha, shape (height, width, 4), uint8."""
    return _file(cells, RED_GREEN_BLUE_ALPHA, b"")


def _file(cells: Array, kind: int, palette: bytes) -> bytes:
    height, width, _ = cells.shape
    head = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    lines = np.zeros((height, 1 + cells[0].size), np.uint8)  # each line begins with its filter, 0 for none
    lines[:, 1:] = cells.reshape(height, -1)
    packed = zlib.compress(lines.tobytes(), 9)
    return SIGNATURE + _chunk(b"IHDR", head) + palette + _chunk(b"IDAT", packed) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

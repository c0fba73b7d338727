"""A PNG at twice the resolution of a screen, which says so: programs show it as large as the SVG."""

from __future__ import annotations

import struct
import zlib

__all__ = ["at_twice_the_resolution", "with_resolution"]

DOTS_PER_INCH = 192
INCH = 0.0254  # metres
HEADER_END = 33  # eight bytes of signature, and the chunk of the header


def at_twice_the_resolution(source: str) -> str:
    """Return the DOT text of a picture on white with two dots to a pixel of the SVG."""
    return source.replace("bgcolor=transparent", f"bgcolor=white dpi={DOTS_PER_INCH}", 1)


def with_resolution(png: bytes) -> bytes:
    """Return the image with its dots per metre, in a chunk as section 11.3.4.3 of the PNG specification has it."""
    dots = round(DOTS_PER_INCH / INCH)
    chunk = b"pHYs" + struct.pack(">IIB", dots, dots, 1)
    chunk = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return png if b"pHYs" in png[:100] else png[:HEADER_END] + chunk + png[HEADER_END:]

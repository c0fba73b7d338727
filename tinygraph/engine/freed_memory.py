"""Freed memory: arrays that are freed leave theirs to the next arrays, or give it back to the system."""

from __future__ import annotations

import ctypes
import sys
from functools import cache

__all__ = ["give_back_freed_memory", "keep_freed_memory"]

# The bytes of the block to free, with its header just below 32 MiB: GNU's library does not follow larger blocks.
BLOCK = 2**25 - 2**13


@cache
def keep_freed_memory() -> None:
    """Let the C library keep up to 64 MiB of freed arrays for the next ones; the first pass or program does this, once.

    A backward pass frees megabytes. GNU's library returns free memory at the end of the heap to the system, from
    128 KiB on, and the system clears each page when the next pass asks for it: 1,237 pages for the value and gradient
    of 100,000 numbers, which then take 2,470 µs instead of 640. To free a block once raises both thresholds of the
    library: arrays of less than 32 MiB lie in the heap, and the heap is cut when more than 64 MiB at its end are free.
    Nothing is written into the block, so that it takes no memory; and it is no array, which `tracemalloc` would count.

    `MALLOC_TRIM_THRESHOLD_=131072` in the environment, or any other setting of the thresholds, turns this off: the
    library then keeps the thresholds as they were set. Other C libraries have rules of their own: on Linux musl's gives
    the block back at once. On macOS and Windows this function does nothing.

    Source: mallopt(3), M_MMAP_THRESHOLD.
    """
    if sys.platform == "linux":
        library = ctypes.CDLL(None)
        library.malloc.restype = ctypes.c_void_p
        library.free(ctypes.c_void_p(library.malloc(ctypes.c_size_t(BLOCK))))  # without room nothing is freed


def give_back_freed_memory() -> None:
    """Give the system the freed memory that lies in pieces between what is still in use.

    Thousands of small arrays, freed one by one among objects that live on, leave gaps that hold no large array. The
    recording of an LSTM of 400 steps leaves 54 MB of them, and its program wants 72 MB in large arrays. It takes four
    milliseconds. Where GNU's library is not the C library, this function does nothing.

    Source: malloc_trim(3).
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(ctypes.c_size_t(0))

"""Sizes in words: bytes, and things that are counted."""

from __future__ import annotations

__all__ = ["byte_size", "counted"]


def byte_size(size: int) -> str:
    """Return a number of bytes in powers of 1000: "1.97 MB" for 1966240."""
    amount, units = float(size), ["B", "kB", "MB", "GB", "TB", "PB"]
    while amount >= 999.5 and len(units) > 1:
        amount, units = amount / 1000, units[1:]
    return f"{amount:.3g} {units[0]}"


def counted(number: int, word: str) -> str:
    """Return a number with its noun: "1 call", "1,024 calls"."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"

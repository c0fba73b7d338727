"""Sequences of one length, out of sequences of any."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = ["pad_sequences"]


def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: DTypeLike = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> NDArray[Any]:
    """Return sequences as one array: shorter ones are filled up, longer ones are cut.

    Args:
        sequences: sequences of numbers, or of arrays of one shape.
        maxlen: the length of all; by default that of the longest.
        dtype: the dtype of the array; `object` for texts of any length.
        padding: "pre" fills before a sequence, "post" after it.
        truncating: "pre" cuts off its beginning, "post" its end.
        value: fills.

    Returns:
        An array of shape (sequences, maxlen, ...).

    Raises:
        ValueError: there is nothing to be padded, an item is not a sequence, items have other shapes than those of the
            first sequence, `padding` or `truncating` is not one of the two names, or `dtype` cannot hold `value`.

        >>> pad_sequences([[1], [2, 3], [4, 5, 6]], maxlen=2)
        array([[0, 1],
               [2, 3],
               [5, 6]], dtype=int32)
    """
    _check(sequences, dtype, padding, truncating, value)
    lengths = [len(sequence) for sequence in sequences]
    if maxlen is None:
        if not lengths:
            raise ValueError("pad_sequences: there are no sequences, and so no length. Give maxlen=")
        maxlen = max(lengths)
    shape = next((np.asarray(one).shape[1:] for one in sequences if len(one)), ())
    padded = np.full((len(lengths), maxlen, *shape), value, dtype=dtype)
    for place, (sequence, length) in enumerate(zip(sequences, lengths, strict=True)):
        if not length:
            continue
        kept = np.asarray(
            sequence[max(length - maxlen, 0) :] if truncating == "pre" else sequence[:maxlen], dtype=dtype
        )
        if len(kept) and kept.shape[1:] != shape:
            raise ValueError(
                f"pad_sequences: the items of sequence {place} have shape {kept.shape[1:]}, those of the first {shape}"
            )
        start = maxlen - len(kept) if padding == "pre" else 0
        padded[place, start : start + len(kept)] = kept
    return padded


def _check(sequences: Any, dtype: Any, padding: str, truncating: str, value: Any) -> None:
    if not hasattr(sequences, "__len__"):
        raise ValueError(f"pad_sequences: {type(sequences).__name__} has no length. Give a list of sequences")
    for sequence in sequences:
        if not hasattr(sequence, "__len__"):
            raise ValueError(f"pad_sequences: each item must be a sequence, and {sequence!r} is none")
    for name, given in (("padding", padding), ("truncating", truncating)):
        if given not in ("pre", "post"):
            raise ValueError(f"pad_sequences: {name}= is 'pre' or 'post', got {given!r}")
    if isinstance(value, str) and np.dtype(dtype).kind not in "OUS":
        raise ValueError(f"pad_sequences: an array of {np.dtype(dtype)} cannot hold {value!r}. Give dtype=object")

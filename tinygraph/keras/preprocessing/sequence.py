"""`pad_sequences` under its older name."""

from tinygraph.keras.utils import pad_sequences

__all__ = ["pad_sequences"]

"""Callbacks: what happens at the beginnings and ends of a training, of its epochs and its batches."""

from tinygraph.training.callbacks.callback import Callback, CallbackList
from tinygraph.training.callbacks.history import History

__all__ = ["Callback", "CallbackList", "History"]

"""The bases of layers on sequences, images or volumes, which lie between the batch and the channels."""

from __future__ import annotations

from typing import Any, ClassVar

from tinygraph.nn.formats import check_format, from_last, shape_wanted, to_last
from tinygraph.nn.layer import Layer

__all__ = ["OverAxes", "Resized"]


class OverAxes(Layer):
    """A layer on batches with `rank` axes between batch and channels."""

    rank: ClassVar[int]
    data_format: str

    def _last(self, x: Any) -> Any:
        """Return a batch with its channels last.

        Raises:
            ShapeError: it has another number of axes.
        """
        if len(x.shape) != self.rank + 2:
            raise self.misfit(shape_wanted(self.rank, self.data_format, x.shape))
        return to_last(x, self.data_format)


class Resized(OverAxes):
    """A layer that makes its batch larger or smaller; a subclass computes `_resized`, channels last."""

    rank = 2

    def __init__(self, data_format: str | None, **options: Any) -> None:
        super().__init__(**options)
        self.data_format = check_format(type(self).__name__, data_format)

    def call(self, x: Any) -> Any:
        """See the class."""
        return from_last(self._resized(self._last(x)), self.data_format)

    def _resized(self, x: Any) -> Any:
        raise NotImplementedError

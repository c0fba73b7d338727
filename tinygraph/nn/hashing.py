"""Categories as numbers of bins, without a vocabulary: Hashing, HashedCrossing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygraph import bounds
from tinygraph.engine.tensor import Tensor
from tinygraph.nn.defaults import floatx
from tinygraph.nn.fingerprints import fingerprint, joined, keyed_fingerprint
from tinygraph.nn.layer import Layer

__all__ = ["HashedCrossing", "Hashing"]

WHOLE = ("int32", "int64")


class _OfCategories(Layer):
    """A layer that is called on strings or whole numbers, before a network."""

    _draws = False

    def __init__(self, num_bins: int, output_mode: str, modes: Sequence[str], dtype: Any, **options: Any) -> None:
        kind = type(self).__name__
        whole = output_mode == "int"
        if output_mode not in modes or (whole and dtype is not None and np.dtype(dtype).name not in WHOLE):
            raise ValueError(
                f'{kind}: output_mode must be one of {", ".join(modes)}, with a dtype of whole numbers for "int", got '
                f"{output_mode!r} and dtype={dtype!r}"
            )
        super().__init__(dtype=None if whole else dtype, **options)
        self.num_bins = bounds.whole(kind, "num_bins", num_bins, least=1)
        self.output_mode = output_mode
        self._result = np.dtype(dtype or np.int64) if whole else self.dtype or floatx()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the bins of categories."""
        given = args[0] if args else None
        for item in given if isinstance(given, list | tuple) else [given]:
            if hasattr(item, "call"):
                raise TypeError(
                    f'{type(self).__name__} "{self.name}": categories become numbers before a network. Call the layer '
                    "on them, x = layer(categories), and give the network x"
                )
        return super().__call__(*args, **kwargs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the result for the shape of a batch."""
        shape = tuple(input_shape)
        return shape if self.output_mode == "int" else (*shape[:-1], self.num_bins)

    def _batch(self, given: Any) -> Any:
        """Return strings as an array of strings, and numbers as whole numbers."""
        array = given.data if isinstance(given, Tensor) else np.asarray(given)
        if array.dtype.kind in "fb":
            return array.astype(np.int64)
        if array.dtype.kind == "S":
            return np.char.decode(array, "utf-8")
        if array.dtype == object and all([isinstance(item, str | bytes) for item in array.ravel().tolist()]):
            return np.asarray([item.decode() if isinstance(item, bytes) else item for item in array.ravel()]).reshape(
                array.shape
            )
        if array.dtype.kind not in "iuU":
            raise TypeError(
                f'{type(self).__name__} "{self.name}": it takes strings and numbers, got dtype {array.dtype}'
            )
        return array

    def _encoded(self, bins: Any) -> Any:
        """Return bins as numbers, or as rows of zeros, ones and counts."""
        if self.output_mode == "int":
            return bins.astype(self._result)
        hot = (bins[..., np.newaxis] == np.arange(self.num_bins)).astype(self._result)
        if self.output_mode == "one_hot":
            return hot[..., 0, :] if bins.ndim > 1 and bins.shape[-1] == 1 else hot
        rows = hot if bins.ndim else hot[np.newaxis]
        return np.max(rows, axis=-2) if self.output_mode == "multi_hot" else np.sum(rows, axis=-2)


def _of_each(array: Any, function: Callable[[Any], int]) -> Any:
    """Return what a function gives for each item of an array. It is called once for equal items."""
    items, places = np.unique(array, return_inverse=True)
    return np.array([function(item) for item in items.tolist()], np.uint64)[places.reshape(array.shape)]


class Hashing(_OfCategories):
    """The bin of each string or whole number, by its fingerprint. It needs no vocabulary, and two may share a bin.

        bins = nn.Hashing(num_bins=3)
        bins([["A"], ["B"], ["C"]])  # [[1], [0], [1]]

    Args:
        num_bins: the number of bins, with that of the mask.
        mask_value: what is in bin 0, by itself; None for nothing.
        salt: a number, or two, of a hash that others do not know; None for FarmHash64.
        output_mode: "int" for numbers of bins; "one_hot", "multi_hot" or "count" for rows.
        name, dtype: see `Layer`; "int32" or "int64" for numbers of bins.

    Bins are those of Keras's layer on any machine. It is called on arrays or lists, before a network. Floating numbers
    lose their fraction first.

    Raises:
        ValueError: an argument is none of these.
        TypeError: the data are neither strings nor numbers.
    """

    def __init__(
        self,
        num_bins: int,
        mask_value: Any = None,
        salt: int | Sequence[int] | None = None,
        output_mode: str = "int",
        dtype: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(num_bins, output_mode, ("int", "one_hot", "multi_hot", "count"), dtype, **options)
        self.mask_value, self.salt = mask_value, salt
        key = [salt, salt] if isinstance(salt, int) else salt
        if key is not None and len(key) != 2:
            raise ValueError(f"Hashing: salt must be a whole number, or two, got {salt!r}")
        self._key = None if key is None else [bounds.whole("Hashing", "salt", item) for item in key]

    def call(self, x: Any) -> Any:
        """See the class."""
        key, has_mask = self._key, self.mask_value is not None and self.num_bins > 1
        count = self.num_bins - has_mask

        def bin_of(item: Any) -> int:
            text = str(item).encode()
            return (fingerprint(text) if key is None else keyed_fingerprint(text, key)) % count

        bins = _of_each(x, bin_of).astype(np.int64)
        return self._encoded(np.where(x == self.mask_value, 0, bins + 1) if has_mask else bins)


class HashedCrossing(_OfCategories):
    """The bin of each combination of several categories, by its fingerprint.

        nn.HashedCrossing(num_bins=5)((np.array(["A", "B"]), np.array([101, 102])))  # [1, 1]

    Args:
        num_bins: the number of bins.
        output_mode: "int" for numbers of bins, "one_hot" for rows.
        name, dtype: see `Layer`; "int32" or "int64" for numbers of bins.

    Bins are those of Keras's layer. It is called on a list or tuple of at least two arrays of strings or whole numbers,
    of shape (batch,) or (batch, 1), before a network.

    Raises:
        ValueError: an argument is none of these.
        TypeError: it is not called on a list, or on something else than strings and whole numbers.
        ShapeError: the arrays have different shapes, or more columns than one.
    """

    def __init__(self, num_bins: int, output_mode: str = "int", dtype: Any = None, **options: Any) -> None:
        super().__init__(num_bins, output_mode, ("int", "one_hot"), dtype, **options)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the result for the shapes of the arrays."""
        return super().compute_output_shape(input_shape[0])

    def _batch(self, given: Any) -> Any:
        if not isinstance(given, list | tuple) or len(given) < 2:
            raise TypeError(f'HashedCrossing "{self.name}": it is called on a list of at least two arrays')
        parts = [super(HashedCrossing, self)._batch(part) for part in given]
        if any([np.asarray(part).dtype.kind == "f" for part in given]):
            raise TypeError(f'HashedCrossing "{self.name}": it takes strings and whole numbers, not floating ones')
        return parts

    def call(self, x: Any) -> Any:
        """See the class."""
        shapes = [part.shape for part in x]
        if len(set(shapes)) > 1 or len(shapes[0]) > 2 or (len(shapes[0]) == 2 and shapes[0][1] != 1):
            raise self.misfit(f"the arrays must all have the shape (batch,) or (batch, 1), got {shapes}")
        words = [
            _of_each(part, lambda item: fingerprint(item.encode())) if part.dtype.kind == "U" else part for part in x
        ]
        rows = zip(*[word.ravel().astype(np.uint64).tolist() for word in words], strict=True)
        bins = np.array([joined(row) % self.num_bins for row in rows], np.int64)
        return self._encoded(bins.reshape(shapes[0]))

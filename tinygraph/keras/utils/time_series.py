"""Windows of a time series, in batches."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph import bounds
from tinygraph.keras.utils.batches import PyDataset

__all__ = ["timeseries_dataset_from_array"]


class _Windows(PyDataset):
    """Batches of windows, as `timeseries_dataset_from_array` describes them."""

    def __init__(self, data: Any, targets: Any, starts: Any, offsets: Any, batch_size: int) -> None:
        super().__init__()
        self._data, self._targets = data, targets
        self._starts, self._offsets, self._size = starts, offsets, batch_size

    def __len__(self) -> int:
        return -(-len(self._starts) // self._size)

    def __getitem__(self, index: int) -> Any:
        if not 0 <= index < len(self):
            raise IndexError(f"there are {len(self)} batches, and no number {index}")
        starts = self._starts[index * self._size : (index + 1) * self._size]
        windows = self._data[starts[:, None] + self._offsets]
        return windows if self._targets is None else (windows, self._targets[starts])


def timeseries_dataset_from_array(
    data: Any,
    targets: Any,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
) -> Any:
    """Return the windows of a series in batches, for `fit`: `PyDataset` of (windows, targets), or of windows alone.

    Args:
        data: shape (steps, ...).
        targets: the target of the window that begins at each step; None for none.
        sequence_length: steps in a window.
        sequence_stride: steps between the beginnings of windows.
        sampling_rate: steps between two steps of a window.
        batch_size: windows in a batch; the last batch may have fewer.
        shuffle: put the windows in a drawn order, the same in each epoch.
        seed: of the order.
        start_index, end_index: the part of the series that is used.

    Raises:
        ValueError: a number is out of its range, or there is no window.
    """
    call = "timeseries_dataset_from_array"
    if batch_size is None:
        raise ValueError(f"{call}: batch_size must be a number here, got None. Write batch_size=1")
    numbers = {
        "sequence_length": sequence_length, "sequence_stride": sequence_stride, "sampling_rate": sampling_rate,
        "batch_size": batch_size,
    }  # fmt: skip
    for name, number in numbers.items():
        bounds.whole(call, name, number, least=1)
    array = np.asarray(data)
    start, end = start_index or 0, len(array) if end_index is None else end_index
    if not 0 <= start < end <= len(array):
        raise ValueError(f"{call}: start_index and end_index must lie in 0 to {len(array)}, got {start} and {end}")
    used = array[start:end]
    wanted = None if targets is None else np.asarray(targets)[start:end]
    count = len(used) - (sequence_length - 1) * sampling_rate
    count = count if wanted is None else min(count, len(wanted))
    if count < 1:
        raise ValueError(
            f"{call}: {len(used)} steps have no window of {sequence_length} steps, {sampling_rate} apart. Take shorter "
            "windows"
        )
    starts = np.arange(0, count, sequence_stride)
    if shuffle:
        np.random.default_rng(seed).shuffle(starts)
    return _Windows(used, wanted, starts, np.arange(sequence_length) * sampling_rate, batch_size)

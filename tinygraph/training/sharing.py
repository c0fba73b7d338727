"""Sharing: a training whose batches several ranks compute together, each of them its own rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygraph.distributed.communicator import Communicator
from tinygraph.distributed.models import broadcast
from tinygraph.distributed.rows import part
from tinygraph.errors import UnsupportedError
from tinygraph.nests import tree_map
from tinygraph.training.callbacks.backup_and_restore import BackupAndRestore
from tinygraph.training.callbacks.csv_logger import CSVLogger
from tinygraph.training.callbacks.model_checkpoint import ModelCheckpoint
from tinygraph.training.callbacks.tensor_board import TensorBoard
from tinygraph.training.feeding import ArrayFeed, Batch, Feed
from tinygraph.training.loop import prepare
from tinygraph.training.recipe import Recipe
from tinygraph.training.steps import examples_of

__all__ = ["SharedFeed", "begin", "callbacks_here", "check_ranks"]

# Callbacks that write files: rank 0 alone has them.
WRITERS = (CSVLogger, ModelCheckpoint, TensorBoard)


class SharedFeed(Feed):
    """This rank's rows of the batches of a feed.

    Args:
        feed: the whole batches, the same on every rank.
        comm: the ranks.
    """

    def __init__(self, feed: ArrayFeed, comm: Communicator) -> None:
        self.feed, self.comm, self.steps = feed, comm, feed.steps

    def first(self) -> Batch:
        """Return a batch of one row."""
        return self.feed.first()

    def epoch(self) -> Iterator[Batch]:
        """Go through the batches; a rank may have no row of a small one."""
        rank, size = self.comm.rank, self.comm.size
        for x, y, w in self.feed.epoch():
            rows = part(examples_of(x), rank, size)
            yield _taken(x, rows), _taken(y, rows), _taken(w, rows)


def _taken(nest: Any, rows: slice) -> Any:
    return None if nest is None else tree_map(lambda leaf: leaf[rows], nest)


def begin(model: Any, recipe: Recipe, feed: Feed, generator: np.random.Generator, comm: Communicator) -> SharedFeed:
    """Give all ranks the weights, the state of the optimiser and the order of the rows of rank 0.

    Raises:
        ValueError: the data are batches of the user's own, the ranks have other data, or a loss is no mean over rows.
        UnsupportedError: a layer takes statistics of a batch, see `tg.distributed.check`.
    """
    if not isinstance(feed, ArrayFeed):
        raise ValueError("fit: distribute= needs arrays, of which each rank takes its rows. Give x and y as arrays")
    described = [(leaf.shape, leaf.dtype.str) for leaf in feed.leaves], feed.steps
    if comm.of_first(described) != described:
        raise ValueError(f"fit: the data of rank {comm.rank} have other shapes or dtypes than those of rank 0")
    with recipe.trainable_as_compiled(model):
        prepare(model, recipe, feed.first(), training=True)
        _check_means(recipe)
        broadcast(model, recipe.optimizer, comm=comm)
    generator.bit_generator.state = comm.of_first(generator.bit_generator.state)
    return SharedFeed(feed, comm)


def check_ranks(distribute: Any) -> None:
    """Raise TypeError if the argument of `fit` is no communicator."""
    if not isinstance(distribute, Communicator):
        kind = type(distribute).__name__
        raise TypeError(f"fit: distribute= must be what tg.distributed.mpi() returns, got {kind}")


def _check_means(recipe: Recipe) -> None:
    """Refuse losses of which the mean over the ranks is not that over the rows of a batch."""
    for output in recipe.outputs:
        reduction = getattr(output.loss, "reduction", "mean")
        if reduction not in ("mean", "sum_over_batch_size") or getattr(output.loss, "ignore_class", None) is not None:
            raise ValueError(
                f"fit: distribute= needs a loss that is a mean over rows, and {output.loss!r} is none. Write "
                'reduction="sum_over_batch_size", without ignore_class='
            )


def callbacks_here(callbacks: list[Any], comm: Communicator) -> list[Any]:
    """Return the callbacks of this rank: all of them on rank 0, those that write no files on the others.

    Raises:
        UnsupportedError: one is a BackupAndRestore.
    """
    if any([isinstance(callback, BackupAndRestore) for callback in callbacks]):
        raise UnsupportedError("fit: BackupAndRestore does not go on on several ranks. Save with ModelCheckpoint")
    return [callback for callback in callbacks if comm.rank == 0 or not isinstance(callback, WRITERS)]

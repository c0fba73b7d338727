"""Data-parallel training on MPI: each rank computes the gradients of its own rows, and all take the same step.

    comm = tg.distributed.mpi()
    tg.distributed.broadcast(model, optimizer, comm=comm)
    for x, y in tg.distributed.batches(images, labels, size=128, shuffle=0, comm=comm):
        loss = tg.cross_entropy(model(x), y)
        loss.backward()
        tg.distributed.average_gradients(model, comm)
        optimizer.step()
        optimizer.zero_grad()

`mpiexec -n 4 python train.py` runs it on four ranks. The files:

    world          `mpi`: the ranks that `mpiexec` started, and the end of all where one fails
    communicator   `Communicator`: the rank and the number of ranks
    groups         the exchanges, and the header by which ranks agree before each of them
    trees          sums in a fixed order
    collectives    the calls that all ranks take part in, also inside a compiled step
    models         `check` and `broadcast`
    rows           `shard` and `batches`
    gradients      `average_gradients`, `backward` and `total`
"""

from __future__ import annotations

from tinygraph.distributed.communicator import Communicator
from tinygraph.distributed.gradients import Part, average_gradients, backward, take_gradients, total
from tinygraph.distributed.models import broadcast, check
from tinygraph.distributed.rows import SharedBatches, batches, shard
from tinygraph.distributed.world import mpi

__all__ = [
    "Communicator",
    "Part",
    "SharedBatches",
    "average_gradients",
    "backward",
    "batches",
    "broadcast",
    "check",
    "mpi",
    "shard",
    "take_gradients",
    "total",
]

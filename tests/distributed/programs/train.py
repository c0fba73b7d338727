"""Train on all ranks: train.py ROWS SHARDS eager|compiled. Rank 0 prints the losses and the last weights."""

import json
import sys

import numpy as np
from task import IMAGES, LABELS, STEPS, loss_of, network

import tinygraph as tg

rows, shards, mode = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
comm = tg.distributed.mpi()
model = network(10 * comm.rank)  # broadcast makes them those of rank 0
optimizer = tg.optim.Adam(model.parameters(), 0.01)
optimizer.learning_rate = 0.01 * (comm.rank + 1)
tg.distributed.broadcast(model, optimizer, comm=comm)


def averaged(images, labels):
    """Compute the rows of this rank."""
    optimizer.zero_grad()
    loss = loss_of(model, images, labels)
    loss.backward()
    tg.distributed.average_gradients(model, comm, rows=len(images))
    optimizer.step()
    return tg.distributed.total(loss.detach() * len(images), comm) / rows


def sharded(images, labels):
    """Compute the shards of this rank."""
    optimizer.zero_grad()
    loss = tg.distributed.backward(
        model, lambda images, labels: loss_of(model, images, labels), images, labels, comm=comm, shards=shards
    )
    optimizer.step()
    return loss


batch = IMAGES[:rows], LABELS[:rows]
given = batch if shards else tg.distributed.shard(*batch, comm=comm, uneven=True)
step = sharded if shards else averaged
step = tg.compile(step) if mode == "compiled" else step
losses = [float(step(*given)) for _ in range(STEPS)]

# The same bits on every rank.
bits = [value.tobytes().hex() for value in model.state_dict().values()]
mine = np.frombuffer(bytes.fromhex("".join(bits)), np.uint8).astype(np.int64)
assert np.array_equal(tg.distributed.total(mine, comm), comm.size * mine)
if comm.rank == 0:
    print(json.dumps({"losses": losses, "bits": bits}))

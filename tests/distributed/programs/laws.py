"""The laws of the calls, on any number of ranks. Rank 0 prints "true" when all hold."""

import numpy as np
import pytest

import tinygraph as tg

comm = tg.distributed.mpi()
rank, size = comm.rank, comm.size
assert tg.distributed.mpi() is comm
assert 0 <= rank < size
comm.barrier()
rng = np.random.default_rng(0)

# total: nests, dtypes, numbers.
sums = tg.distributed.total({"count": rank, "values": [np.full((2, 3), 0.5), np.float32(rank)]}, comm)
assert sums["count"] == sum(range(size)) and sums["count"].dtype == np.int64
assert np.array_equal(sums["values"][0], np.full((2, 3), size / 2))
assert sums["values"][1] == sum(range(size)) and sums["values"][1].dtype == np.float32
assert tg.distributed.total([], comm) == []
with pytest.raises(TypeError, match="lose its gradient"):
    tg.distributed.total(tg.Tensor(1.0), comm)
with pytest.raises(TypeError, match="dtype bool"):
    tg.distributed.total(np.ones(2, bool), comm)

# Large and small arrays are added up in one order.
small, large = rng.normal(size=(2, size, 20_001))
large[:, :20] = small[:, :20]
in_parts = tg.distributed.total(large[rank], comm)
from_all = tg.distributed.total(small[rank, :20], comm)
assert np.array_equal(in_parts[:20], from_all)
np.testing.assert_allclose(in_parts, large.sum(axis=0), rtol=1e-12)

# broadcast: every dtype, a scalar, an empty one; floats of 2 bytes at an odd place.
tensors = [
    tg.Tensor(np.array([rank == 0])),
    tg.Tensor(np.arange(3, dtype=np.float16) + rank),
    tg.Tensor(np.array(rank)),
    tg.Tensor(np.zeros((0, 2))),
    tg.Tensor(np.array([1j * rank + 1])),
]
tg.distributed.broadcast(tensors, comm=comm)
assert tensors[0].data[0] and np.array_equal(tensors[1].data, [0, 1, 2]) and tensors[2].data == 0
assert tensors[4].data[0] == 1

# Gradients of several dtypes, one without any, of float16.
model = {"a": tg.Tensor(np.ones(2)), "b": tg.Tensor(np.ones(3, np.float16)), "c": tg.Tensor(1.0), "d d": tg.Tensor(2.0)}
model["a"].grad = np.full(2, float(rank))
model["b"].grad = np.full(3, rank, np.float16)
model["d d"].grad = np.array(3.0)
tg.distributed.average_gradients(model, comm)
mean = sum(range(size)) / size
assert np.allclose(model["a"].grad, mean) and model["b"].grad.dtype == np.float16
assert np.allclose(model["b"].grad, mean) and model["c"].grad is None and model["d d"].grad.shape == ()

# Weights by rows; a rank of 0 rows has no gradients, or any.
if size > 1:
    for nan in (False, True):
        for tensor in model.values():
            tensor.grad = None
        if rank:
            model["a"].grad, model["d d"].grad = np.full(2, float(rank)), np.array(1.0)
        elif nan:
            model["a"].grad, model["d d"].grad = np.full(2, np.nan), np.array(np.nan)
        tg.distributed.average_gradients(model, comm, rows=2 * rank)
        weights = np.arange(size) / np.arange(size).sum()
        assert np.allclose(model["a"].grad, weights @ np.arange(size)) and np.isclose(model["d d"].grad, 1.0)
        assert model["b"].grad is None and model["c"].grad is None
with pytest.raises(ValueError, match="no rows on any rank"):
    tg.distributed.average_gradients(model, comm, rows=0)

# The whole batch has fewer rows than there are ranks.
w = tg.Tensor(np.ones(2))
x = rng.normal(size=(1, 2))
for step in (tg.distributed.backward, tg.compile(lambda *args, **options: tg.distributed.backward(*args, **options))):
    w.grad = None
    loss = step([w], lambda x: np.mean((x @ w) ** 2), x, comm=comm)
    assert np.isclose(loss, (x @ w.data) ** 2) and np.allclose(w.grad, 2 * x[0] * (x @ w.data))


# Ranks that compile and ranks that do not, programs made at different steps, branches that some ranks take.
def step(x):
    w.grad = None
    loss = np.mean((x @ w) ** 2)
    if np.sum(x) > 0:  # before the exchange a rank may decide by itself
        loss = 2 * loss
    loss.backward()
    tg.distributed.average_gradients([w], comm, rows=len(x))
    comm.barrier()
    return tg.distributed.total(loss.detach() * len(x), comm)


compiled = tg.compile(step) if rank % 2 == 0 else step
for number in range(8):
    every = [np.full((2 + (number + other) % 3, 2), (-1.0) ** (number // (other + 1))) for other in range(size)]
    sums = compiled(every[rank])
    factors = [2 if part.sum() > 0 else 1 for part in every]
    assert np.isclose(sums, sum(f * np.sum((part @ w.data) ** 2) for f, part in zip(factors, every, strict=True)))
    gradient = sum(f * 2 * (part @ w.data) @ part for f, part in zip(factors, every, strict=True))
    assert np.allclose(w.grad, gradient / sum(map(len, every)))

# A sum over rows, which the ranks have different numbers of.
x = rng.normal(size=(2 * size + 1, 2))
w.grad = None
(mine,) = tg.distributed.shard(x, comm=comm, uneven=True)
(size * np.sum((mine @ w) ** 2)).backward()
tg.distributed.average_gradients([w], comm)
assert np.allclose(w.grad, 2 * (x @ w.data) @ x)

# Batches: the rows of all ranks are those of the batches in one process.
data, labels = np.arange(36).reshape(18, 2), np.arange(18)
for shuffle in (None, 3, True, np.random.default_rng(4)):
    shared = tg.distributed.batches(data, labels, size=8, shuffle=shuffle, comm=comm, uneven=True)
    assert len(shared) == 3
    for _ in range(2):
        mine = np.zeros(18, int)
        for part, numbers in shared:
            assert np.array_equal(part, data[numbers])
            mine[numbers] += 1
        assert np.array_equal(tg.distributed.total(mine, comm), np.ones(18))
alone = [numbers for _, numbers in tg.data.batches(data, labels, size=8, shuffle=3)]
shared = [numbers for _, numbers in tg.distributed.batches(data, labels, size=8, shuffle=3, comm=comm, uneven=True)]
for whole, mine in zip(alone, shared, strict=True):
    assert np.array_equal(whole[len(whole) * rank // size : len(whole) * (rank + 1) // size], mine)
(part,) = tg.distributed.shard(np.arange(4 * size), comm=comm)
assert np.array_equal(part, np.arange(4) + 4 * rank)
if size > 1:
    for call in (
        lambda: tg.distributed.shard(np.arange(4 * size + 1), comm=comm),
        lambda: tg.distributed.batches(np.arange(2 * size + 1), size=size, comm=comm),
    ):
        with pytest.raises(ValueError, match=r"uneven=True.*rows=len\(x\)"):
            call()
    tg.distributed.batches(np.arange(2 * size + 1), size=size, drop_last=True, comm=comm)

# What cannot be trained on several ranks.
model = tg.nn.Sequential([tg.nn.Dense(2), tg.nn.BatchNormalization(name="statistics")])
model(np.ones((2, 2), np.float32))
if size > 1:
    with pytest.raises(tg.UnsupportedError, match='BatchNormalization "statistics" would take the mean'):
        tg.distributed.broadcast(model, comm=comm)
    model.layers[1].trainable = False
tg.distributed.check(model, comm)
with pytest.raises(ValueError, match="has no weights before its first batch"):
    tg.distributed.broadcast(tg.nn.Dense(2), comm=comm)
with pytest.raises(ValueError, match="no parameter has a gradient"):
    tg.distributed.average_gradients([tg.Tensor(1.0)], comm)
with pytest.raises(ValueError, match="has a gradient already"):
    w.grad = np.ones(2)
    tg.distributed.backward([w], np.sum, x, comm=comm)
with pytest.raises(TypeError, match=r"backward\(model, loss, x, y, shards=8\)"):
    tg.distributed.average_gradients([w], comm, shards=8)
with pytest.raises(TypeError, match="comm= must be"):
    tg.distributed.average_gradients([w], 3)

# A disagreement is an error of every rank, and all go on after it.
if size > 1:
    for call, message in (
        (
            lambda: comm.barrier() if rank else tg.distributed.total(1, comm),
            "rank 0 calls total, and rank 1 calls barrier",
        ),
        (lambda: tg.distributed.total(np.ones(2 + rank), comm), r"Rank 0 has entry 0, float64\(2,\), rank 1 has"),
        (
            lambda: tg.distributed.broadcast({f"w{rank}": tg.Tensor(1.0)}, comm=comm),
            r"has w0 as float64\(\), rank 1 has w1",
        ),
        (
            lambda: list(tg.distributed.batches(data, size=2 * size, shuffle=rank, comm=comm, uneven=True)),
            "the ranks differ. Rank 0 has 18 rows",
        ),
    ):
        with pytest.raises(RuntimeError, match=message):
            call()
assert comm.of_first({"seed": rank + 5}) == {"seed": 5}
with pytest.raises(tg.UnsupportedError, match="Call it before the step"):
    tg.compile(lambda x: x * comm.of_first(3))(np.ones(2))
group = tg.distributed.mpi(__import__("mpi4py.MPI").MPI.COMM_WORLD.Split(rank % 2))
assert tg.distributed.total(1, group) == len(range(rank % 2, size, 2))
if rank == 0:
    print("true")

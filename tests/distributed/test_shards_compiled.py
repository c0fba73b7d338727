"""A compiled step of several shards computes for each the bits that it has in a step of its own."""

from __future__ import annotations

import numpy as np
import pytest

import tinygraph as tg

ROWS = 4


def networks(dtype):
    """Return networks and the shape of an example."""
    nn = tg.nn
    return {
        "dense": (
            nn.Sequential([nn.Dense(64, activation="relu", seed=0, dtype=dtype), nn.Dense(5, dtype=dtype)]),
            (49,),
        ),
        "normalized": (
            nn.Sequential([
                nn.Dense(16, activation="tanh", seed=0, dtype=dtype),
                nn.LayerNormalization(dtype=dtype),
                nn.Dense(5, dtype=dtype),
            ]),
            (9,),
        ),
        "convolved": (
            nn.Sequential([
                nn.Conv2D(8, 3, activation="relu", seed=0, dtype=dtype),
                nn.MaxPooling2D(2),
                nn.Flatten(),
                nn.Dense(5, dtype=dtype),
            ]),
            (8, 8, 1),
        ),
    }  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["convolved", "dense", "normalized"])
def test_the_gradients_of_a_shard_are_the_same_bits_beside_others(name, dtype):
    model, shape = networks(dtype)[name]
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4 * ROWS, *shape)).astype(dtype), rng.integers(0, 5, 4 * ROWS)
    model(x)

    def parts(x, y):
        found = []
        for start in range(0, len(x), ROWS):
            rows = slice(start, start + ROWS)
            tg.cross_entropy(model(x[rows]), y[rows], from_logits=True).backward()
            found.append(tg.distributed.take_gradients(model, ROWS).gradients)
        return found

    together, alone = tg.compile(parts)(x, y), tg.compile(parts)
    for number, part in enumerate(together):
        rows = slice(number * ROWS, (number + 1) * ROWS)
        (own,) = alone(x[rows], y[rows])
        for path, gradient in part.items():
            assert np.array_equal(gradient, own[path]), path

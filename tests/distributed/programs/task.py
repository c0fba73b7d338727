"""A small task in float64, the same in every process."""

import numpy as np

import tinygraph as tg

STEPS = 6

rng = np.random.default_rng(0)
IMAGES = rng.normal(size=(24, 6, 6, 1))
LABELS = rng.integers(0, 3, 24)


def network(seed):
    """Return a network that has seen a batch."""
    model = tg.nn.Sequential([
        tg.nn.Conv2D(4, 3, activation="relu", seed=seed, dtype="float64"),
        tg.nn.Flatten(),
        tg.nn.Dense(8, activation="tanh", seed=seed + 1, dtype="float64"),
        tg.nn.Dense(3, seed=seed + 2, dtype="float64"),
    ])  # fmt: skip
    model(IMAGES)
    return model


def loss_of(model, images, labels):
    """Return the mean loss of some rows."""
    return tg.cross_entropy(model(images), labels, from_logits=True)


def whole_batch(rows):
    """Return the losses of one process that computes the whole batch, eagerly."""
    model = network(0)
    optimizer = tg.optim.Adam(model.parameters(), 0.01)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = loss_of(model, IMAGES[:rows], LABELS[:rows])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses

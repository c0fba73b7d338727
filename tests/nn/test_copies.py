"""Copies of models, and pickles: they have weights of their own, and are trained by themselves."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import textwrap
from typing import Any

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import nn

rng = np.random.default_rng(0)
X = rng.normal(size=(40, 4)).astype(np.float32)
Y = rng.integers(0, 3, 40)


def pickled(model: Any) -> Any:
    return pickle.loads(pickle.dumps(model))


COPIES = {"copy": copy.copy, "deepcopy": copy.deepcopy, "pickle": pickled}


def sequential() -> Any:
    return nn.Sequential(
        [nn.Dense(8, activation="relu"), nn.Dropout(0.5), nn.BatchNormalization(), nn.Dense(3), np.tanh]
    )


def functional() -> Any:
    x = nn.Input((4,))
    h = np.tanh(nn.Dense(5)(x)) * 2.0
    return nn.Model(x, nn.Dense(3)(np.concatenate([h, h[:, ::-1]], axis=1)))


def compiled(model: Any, eager: bool = False) -> Any:
    loss = tg.training.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(tg.optim.Adam(0.01), loss, metrics=["accuracy"], run_eagerly=eager)
    return model


def bits(model: Any) -> list[bytes]:
    return [value.tobytes() for value in model.get_weights()]


@pytest.mark.parametrize("way", sorted(COPIES))
@pytest.mark.parametrize("make", [functional, sequential])
@pytest.mark.parametrize("fitted", [False, True], ids=["compiled", "fitted"])
def test_a_copy_goes_on_as_the_model_does_and_by_itself(way, make, fitted):
    model = compiled(make(), eager=make is functional)
    model.fit(X, Y, epochs=1, verbose=0) if fitted else model(X)
    twin = COPIES[way](model)
    before = bits(model)
    assert bits(twin) == before
    twin.fit(X, Y, epochs=2, verbose=0)
    assert bits(model) == before and bits(twin) != before
    model.fit(X, Y, epochs=2, verbose=0)  # with the same orders and the same dropout, which are the copy's own
    assert bits(model) == bits(twin)
    np.testing.assert_array_equal(model.predict(X, verbose=0), twin.predict(X, verbose=0))
    assert model.evaluate(X, Y, verbose=0) == twin.evaluate(X, Y, verbose=0)


@pytest.mark.parametrize("way", sorted(COPIES))
def test_models_that_are_not_compiled_are_copied_too(way):
    model = sequential()
    assert COPIES[way](model).weights == []
    wanted = model.predict(X, verbose=0)
    np.testing.assert_array_equal(COPIES[way](model).predict(X, verbose=0), wanted)
    layer = nn.LSTM(3)
    layer(X[:, None])
    np.testing.assert_array_equal(COPIES[way](layer)(X[:, None]).data, layer(X[:, None]).data)


def test_layers_frozen_when_compiled_stay_frozen_in_copies():
    model = sequential()
    model(X)
    model.layers[0].trainable = False
    compiled(model)
    model.layers[0].trainable = True
    twin = pickled(model)
    twin.fit(X, Y, verbose=0)
    assert bits(twin)[:2] == bits(model)[:2] and bits(twin)[2:] != bits(model)[2:]


def test_a_copied_network_takes_more_layers():
    """Calls have numbers, which are those of the process: a copy's calls come before new ones."""
    model = functional()
    program = """
        import pickle, sys
        import numpy as np
        from tinygraph import nn
        model = pickle.load(sys.stdin.buffer)
        longer = nn.Model(model.inputs, nn.Dense(2, kernel_initializer="ones")(model.outputs[0]))
        print(*longer(np.ones((1, 4), "f")).numpy()[0])
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], input=pickle.dumps(model), capture_output=True, check=True
    )
    value = float(np.sum(model(np.ones((1, 4), "f")).numpy()))
    np.testing.assert_allclose([float(word) for word in done.stdout.split()], [value, value], rtol=1e-5)
    twin = pickled(model)
    both = nn.Model([model.inputs[0], twin.inputs[0]], nn.Add()([model.outputs[0], twin.outputs[0]]))
    np.testing.assert_allclose(both([X, X]).numpy(), 2 * model(X).numpy(), rtol=1e-6)

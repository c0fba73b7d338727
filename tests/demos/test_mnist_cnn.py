"""The convolutional networks: the tutorial's, and the one whose learning rate makes one cycle."""

import numpy as np
import pytest

from demos import mnist_cnn as demo
from demos.digits import load_data
from tinygraph import keras


def test_default_run_reads_held_out_digits(default_run):
    figures = default_run("mnist_cnn")[0].figures
    assert len(figures["history"]["loss"]) == 15
    assert figures["accuracy"] > 95
    assert figures["quick_accuracy"] > 95
    assert figures["mistakes"] == round(450 * (1 - figures["accuracy"] / 100))


def test_tutorial_network_is_the_one_that_was_published():
    model = demo.tutorial((28, 28, 1))
    assert model.count_params() == 34_826
    x, shapes = np.zeros((1, 28, 28, 1), np.float32), []
    for layer in model.layers:
        x = layer(x)
        shapes.append(x.shape[1:])
    assert shapes == [(26, 26, 32), (13, 13, 32), (11, 11, 64), (5, 5, 64), (1600,), (1600,), (10,)]


def test_learning_rate_makes_one_cycle():
    model = demo.in_one_cycle((16, 16, 1), steps=10)
    rates = [model.optimizer.learning_rate]
    for _ in range(10):
        model.train_on_batch(np.zeros((1, 16, 16, 1), np.float32), np.array([3]))
        rates.append(model.optimizer.learning_rate)
    assert rates[0] == pytest.approx(demo.QUICK_RATE / 25)
    assert max(rates) == pytest.approx(demo.QUICK_RATE, rel=0.2)
    assert 2 <= np.argmax(rates) <= 4
    assert rates[-1] < demo.QUICK_RATE / 1e4


@pytest.mark.parametrize(
    "make", [demo.tutorial, lambda shape: demo.in_one_cycle(shape, 100)], ids=["tutorial", "cycle"]
)
def test_a_compiled_step_computes_nothing_twice_and_nothing_in_vain(make):
    """One-hot targets once made the step look for infinite numbers, in five times the time."""
    model, x = make((16, 16, 1)), np.random.default_rng(0).random((32, 16, 16, 1), np.float32)
    y = np.arange(32) % 10
    model.fit(x, np.eye(10)[y] if model.loss == "categorical_crossentropy" else y, epochs=2, verbose=0)
    source = model._state.steps.train.source
    assert "reach_of" not in source
    assert "conv2d" in source


def test_a_sixth_of_mnist(published):
    """Four epochs of all pictures reach 99.2 %, in a minute of processor time; three of a sixth take a few seconds."""
    published("mnist.npz")
    (x_train, y_train), (x_test, y_test) = load_data()
    x_train, x_test = (x[..., None].astype(np.float32) / 255 for x in (x_train[:10_000], x_test))
    keras.utils.set_random_seed(0)
    model = demo.in_one_cycle((28, 28, 1), steps=3 * 157)
    model.fit(x_train, y_train[:10_000], batch_size=64, epochs=3, verbose=0)
    assert model.evaluate(x_test, y_test, verbose=0)[1] > 0.973

"""The pair of networks: each step moves one of them, and a frozen weight costs no work."""

import re

import numpy as np
import pytest

from demos import gan as demo


def test_default_run_makes_several_digits(default_run):
    figures = default_run("gan")[0].figures
    assert 2.5 < figures["score"] < figures["real score"] < 10
    assert list(figures["seen"]) == sorted(figures["seen"]) and len(figures["seen"]) == 6
    assert all(pictures.min() >= 0 and pictures.max() <= 1 for pictures in figures["seen"].values())
    assert all(np.isfinite(values).all() and len(values) == 900 for values in figures["losses"].values())
    assert 0.2 < np.mean(figures["losses"]["discriminator"][-100:]) < 0.9, "neither network has won"


@pytest.fixture
def pair():
    return demo.made(64, (16, 24))


def values(model):
    return {path: tensor.numpy().copy() for path, tensor in model.named_parameters().items()}


def moved(model, before):
    return {path for path, tensor in model.tensors().items() if path in before and (tensor.data != before[path]).any()}


def test_each_step_moves_one_network(pair):
    pair.discriminator.trainable = True
    before = {name: values(getattr(pair, name)) for name in ("generator", "discriminator")}
    pair.discriminator.trainable = False
    noise = np.random.default_rng(0).standard_normal((8, demo.NOISE)).astype(np.float32)
    pair.both.train_on_batch(noise, np.ones((8, 1), np.float32))
    normalized = {"layers.0.bias", "layers.3.bias"}  # the batch normalization behind these subtracts them again
    assert moved(pair.generator, before["generator"]) | normalized == set(before["generator"])
    assert not moved(pair.discriminator, before["discriminator"])
    assert all(tensor.grad is None for tensor in pair.discriminator.tensors().values())

    before["generator"] = values(pair.generator)
    pair.discriminator.train_on_batch(np.zeros((8, 64), np.float32) + 0.5, np.zeros((8, 1), np.float32))
    assert not moved(pair.generator, before["generator"])
    assert {"layers.0.bias", "layers.6.kernel"} <= moved(pair.discriminator, before["discriminator"])


def test_a_frozen_weight_costs_no_matrix_product(pair):
    noise, real = np.ones((8, demo.NOISE), np.float32), np.ones((8, 1), np.float32)

    def products(both):
        both.train_on_batch(noise, real)
        source = both._state.steps.train.source
        return len(re.findall(r"np\.dot\((?!ones)", source))  # a sum of rows is a product with ones

    frozen = products(pair.both)
    pair.discriminator.trainable = True
    pair.both.compile(demo.adam(), pair.both.loss)
    assert products(pair.both) - frozen == 3  # one for each kernel of the discriminator


class Reader:
    def __init__(self, probabilities):
        self.probabilities = probabilities

    def predict(self, pictures, batch_size):
        return np.asarray(self.probabilities)


def test_digit_score_is_ten_for_all_digits_and_one_for_a_single_one_or_none():
    assert demo.digit_score(Reader(np.eye(10)), None) == pytest.approx(10)
    assert demo.digit_score(Reader(np.tile(np.eye(10)[3], (50, 1))), None) == pytest.approx(1)
    assert demo.digit_score(Reader(np.full((50, 10), 0.1)), None) == pytest.approx(1)
    assert demo.digit_score(Reader(np.eye(10)[:5]), None) == pytest.approx(5)


def test_mnist(published):
    published("mnist.npz")
    pictures, labels = demo.mnist()
    assert pictures.shape == (60000, 784) and pictures.dtype == np.float32
    assert pictures.max() == 1 and set(labels) == set(range(10))

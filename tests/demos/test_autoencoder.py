"""The autoencoder: copies through two numbers, beside principal components."""

import numpy as np

import tinygraph as tg
from demos import autoencoder as demo
from demos.digits_mlp import Digits, eight_by_eight


def test_default_run_beats_a_straight_projection(default_run):
    figures = default_run("autoencoder")[0].figures
    assert figures["error"] < 0.8 * figures["straight"]
    assert figures["test"][-1] < figures["test"][0]
    assert figures["nearest"] > 60


def test_the_whole_is_one_half_after_the_other():
    network = demo.made(64)
    x = eight_by_eight().x_test[:5]
    copies = network.whole.predict(x, verbose=0)
    assert network.encoder.predict(x, verbose=0).shape == (5, 2)
    np.testing.assert_allclose(copies, network.decoder.predict(network.encoder.predict(x, verbose=0), verbose=0), 1e-6)
    assert network.whole.count_params() == network.encoder.count_params() + network.decoder.count_params()


def test_gradients_reach_both_halves():
    network, x = demo.made(64), eight_by_eight().x_train[:32]
    tg.binary_cross_entropy(network.whole(x), x, from_logits=False).backward()
    assert all(np.any(weight.grad) for weight in network.whole.parameters())


def test_principal_components_give_a_plane_back_whole():
    rng = np.random.default_rng(0)
    flat = rng.normal(size=(50, 2)) @ rng.normal(size=(2, 6)) + 3
    digits = Digits(flat[:40], None, flat[40:], None, width=0)
    np.testing.assert_allclose(demo.principal(digits), flat[40:], atol=1e-9)


def test_nearest_points():
    points = np.array([[0.0, 0], [0, 0.1], [5, 5], [5, 5.2]])
    assert demo.nearest_agree(points, np.array([1, 1, 2, 3])) == 50


def test_mnist(published, tmp_path):
    published("mnist.npz")
    figures = demo.main(tmp_path, epochs=1).figures
    assert figures["error"] < figures["straight"]

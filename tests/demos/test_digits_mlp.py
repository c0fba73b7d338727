"""The digit reader: gradients by hand, Adam as in the paper, dropout's mean, and the accuracy on held-out pictures."""

import numpy as np
import pytest

import tinygraph as tg
from demos import digits_mlp as demo
from demos.optimise import Adam, gradient_descent


def test_default_run_reads_held_out_digits(default_run):
    figures = default_run("digits_mlp")[0].figures
    assert figures["accuracy"] > 95
    assert figures["accuracy"] == figures["accuracies"][-1]
    assert figures["mistakes"] == round(450 * (1 - figures["accuracy"] / 100))
    assert figures["losses"][-1] < figures["losses"][0] / 5


def test_mnist(published, tmp_path):
    published("mnist.npz")
    figures = demo.main(tmp_path).figures
    assert len(figures["accuracies"]) == 5
    assert figures["accuracy"] > 97.5


def test_gradients_agree_with_hand_written_ones():
    rng = np.random.default_rng(0)
    digits = demo.eight_by_eight()
    x, labels = digits.x_train[:32], digits.y_train[:32]
    network = demo.initial(64, rng)
    mask = demo.dropout_mask(32, rng)
    loss = demo.mean_log_loss(demo.forward(x, network, mask), labels)
    loss.backward()

    w1, b1, w2, b2 = (parameter.data.astype(np.float64) for parameter in network)
    before = x @ w1 + b1
    hidden = np.maximum(before, 0) * mask
    exponentials = np.exp(hidden @ w2 + b2)
    probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
    from_logits = (probabilities - np.eye(10)[labels]) / 32
    from_before = from_logits @ w2.T * mask * (before > 0)
    expected = (x.T @ from_before, from_before.sum(axis=0), hidden.T @ from_logits, from_logits.sum(axis=0))
    assert loss.item() == pytest.approx(-np.log(probabilities[np.arange(32), labels]).mean(), rel=1e-5)
    for parameter, gradient in zip(network, expected, strict=True):
        np.testing.assert_allclose(parameter.grad, gradient, rtol=1e-4, atol=1e-6)


def test_everything_is_float32():
    rng = np.random.default_rng(0)
    digits, network = demo.eight_by_eight(), demo.initial(64, rng)
    adam = Adam(network)
    loss = demo.mean_log_loss(demo.forward(digits.x_train[:8], network, demo.dropout_mask(8, rng)), digits.y_train[:8])
    loss.backward()
    assert loss.dtype == np.float32
    assert {parameter.grad.dtype for parameter in network} == {np.dtype(np.float32)}
    adam.step()
    assert {parameter.dtype for parameter in network} == {np.dtype(np.float32)}


def test_dropout_keeps_the_mean():
    mask = demo.dropout_mask(2000, np.random.default_rng(0))
    assert set(np.unique(mask)) == {np.float32(0), 1 / np.float32(0.8)}
    assert mask.mean() == pytest.approx(1, abs=0.005)


def test_dropped_units_get_no_gradient():
    rng = np.random.default_rng(0)
    network = demo.initial(64, rng)
    mask = np.zeros((4, demo.HIDDEN), np.float32)
    demo.mean_log_loss(demo.forward(rng.random((4, 64), np.float32), network, mask), np.arange(4)).backward()
    assert not network.w1.grad.any() and not network.w2.grad.any()
    assert network.b2.grad.any()


def test_adam_is_that_of_the_paper():
    """Against algorithm 1 of Kingma and Ba written line by line, on a function with steep and flat directions."""
    scale = np.array([1e-3, 1.0, 1e3])
    parameter = tg.Tensor([1.0, -2.0, 3.0])
    adam = Adam([parameter], rate=0.1)
    theta, m, v = parameter.data.copy(), np.zeros(3), np.zeros(3)
    for t in range(1, 51):
        np.sum(scale * parameter**2).backward()
        adam.step()
        g = 2 * scale * theta
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g**2
        theta = theta - 0.1 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        np.testing.assert_allclose(parameter.data, theta, rtol=1e-12)
    assert parameter.grad is None


def test_gradient_descent_goes_against_the_gradient():
    parameter = tg.Tensor([1.0, -2.0])
    np.sum(parameter**2).backward()
    gradient_descent([parameter], rate=0.25)
    np.testing.assert_array_equal(parameter.data, [0.5, -1.0])
    assert parameter.grad is None

"""The digit reader: gradients by hand, and the accuracy on held-out pictures."""

import numpy as np
import pytest

import tinygraph as tg
from demos import digits_mlp as demo
from demos.optimise import gradient_descent


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
    mask = (rng.random((32, demo.HIDDEN)) >= demo.DROPPED) / np.float32(1 - demo.DROPPED)
    mask = mask.astype(np.float32)
    loss = demo.mean_log_loss(demo.forward(x, network, lambda hidden: hidden * mask), labels)
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
    adam, dropout = tg.optim.Adam(network), tg.nn.Dropout(0.2, seed=rng)
    loss = demo.mean_log_loss(demo.forward(digits.x_train[:8], network, dropout), digits.y_train[:8])
    loss.backward()
    assert loss.dtype == np.float32
    assert {parameter.grad.dtype for parameter in network} == {np.dtype(np.float32)}
    adam.step()
    assert {parameter.dtype for parameter in network} == {np.dtype(np.float32)}


def test_dropped_units_get_no_gradient():
    rng = np.random.default_rng(0)
    network = demo.initial(64, rng)
    logits = demo.forward(rng.random((4, 64), np.float32), network, lambda hidden: hidden * np.float32(0))
    demo.mean_log_loss(logits, np.arange(4)).backward()
    assert not network.w1.grad.any() and not network.w2.grad.any()
    assert network.b2.grad.any()


def test_gradient_descent_goes_against_the_gradient():
    parameter = tg.Tensor([1.0, -2.0])
    np.sum(parameter**2).backward()
    gradient_descent([parameter], rate=0.25)
    np.testing.assert_array_equal(parameter.data, [0.5, -1.0])
    assert parameter.grad is None


def test_compiled_steps_are_the_eager_ones():
    digits = demo.eight_by_eight()
    runs = []
    for compiled in (False, True):
        rng = np.random.default_rng(0)
        network = demo.initial(64, rng)
        losses, accuracies = demo.train(digits, network, 1, rng, compiled)
        runs.append((losses, accuracies, network.w1.data, rng.bit_generator.state))
    (losses, accuracies, w1, state), compiled = runs
    np.testing.assert_allclose(compiled[0], losses, rtol=1e-4)
    np.testing.assert_allclose(compiled[2], w1, rtol=1e-3, atol=1e-5)
    assert compiled[1] == pytest.approx(accuracies, abs=0.5)
    assert compiled[3] == state

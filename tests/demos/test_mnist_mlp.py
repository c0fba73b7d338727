"""The tutorial's first network: what it reads, and that its probabilities are those of its logits."""

import numpy as np

import tinygraph as tg
from demos import digits
from demos import mnist_mlp as demo
from tinygraph import keras


def test_default_run_reads_held_out_digits(default_run):
    figures = default_run("mnist_mlp")[0].figures
    assert figures["accuracy"] > 94
    assert figures["mistakes"] == round(450 * (1 - figures["accuracy"] / 100))
    assert figures["history"]["loss"][-1] < figures["history"]["loss"][0] / 5
    np.testing.assert_allclose(figures["sums"], 1, rtol=1e-5)


def test_mnist(published, tmp_path):
    published("mnist.npz")
    figures = demo.main(tmp_path).figures
    assert len(figures["history"]["loss"]) == 5
    assert figures["accuracy"] > 97.3


def test_probability_model_shares_the_weights_of_the_model():
    x = np.random.default_rng(0).random((3, 8, 8))
    model = demo.network((8, 8))
    probability_model = keras.Sequential([model, keras.layers.Softmax()])
    for _ in range(2):
        probabilities = probability_model(x).numpy()
        np.testing.assert_allclose(probabilities, tg.softmax(model(x).numpy()), rtol=1e-6)
        model.fit(x, np.array([0, 1, 2]), verbose=0)  # the other one sees the new weights


def test_pictures_have_the_form_of_load_data(no_data):
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    assert (x_train.shape, x_test.shape) == ((1347, 16, 16), (450, 16, 16))
    assert {array.dtype for array in (x_train, y_train, x_test, y_test)} == {np.dtype(np.uint8)}
    assert x_train.max() == 255
    np.testing.assert_array_equal(x_train[:, ::2, ::2], x_train[:, 1::2, 1::2])

"""Keras's datasets: the forms that Keras returns; what is not here says why."""

import os
from pathlib import Path

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.keras.datasets import ABSENT, mnist


def test_mnist_has_the_form_of_keras():
    if not (Path(os.environ.get("TINYGRAPH_DATA", "nowhere")) / "mnist.npz").is_file():
        pytest.skip("TINYGRAPH_DATA names no folder with mnist.npz")
    (x_train, y_train), (x_test, y_test) = mnist.load_data()
    assert [part.shape for part in (x_train, y_train, x_test, y_test)] == [
        (60000, 28, 28), (60000,), (10000, 28, 28), (10000,),
    ]  # fmt: skip
    assert {part.dtype for part in (x_train, y_train, x_test, y_test)} == {np.dtype(np.uint8)}


def test_a_path_of_ones_own_is_refused():
    with pytest.raises(ValueError, match="TINYGRAPH_DATA"):
        mnist.load_data("other.npz")


@pytest.mark.parametrize("name", sorted(ABSENT))
def test_what_is_not_here_says_why_and_what_to_use(name):
    absent = getattr(tg.keras.datasets, name)
    with pytest.raises(NotImplementedError, match=rf"keras\.datasets\.{name} is not in tinygraph: .*(sklearn|tg\.)"):
        absent.load_data(num_words=10_000)
    assert name in repr(absent)


def test_a_name_that_is_no_dataset():
    with pytest.raises(AttributeError, match="Did you mean 'mnist'"):
        tg.keras.datasets.mnis  # noqa: B018
